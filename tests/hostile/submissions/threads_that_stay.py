"""Right, with threads that never end.

points: 3
line: right
needs: system calls
"""

import threading
import time

for _ in range(20):
    threading.Thread(target=time.sleep, args=(100,)).start()


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)
