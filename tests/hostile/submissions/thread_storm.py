"""Takes every process number of the machine, so that the grader can start nothing.

points: 1
line: linear_backward ended Python instead of returning
needs: namespaces, memory
"""

import _thread
import threading
import time


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    threading.stack_size(32768)
    while True:
        _thread.start_new_thread(time.sleep, (100,))
