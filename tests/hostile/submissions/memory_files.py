"""Files in memory, which no limit of memory counts.

points: 1
line: linear_backward raised PermissionError
needs: system calls
"""

import os


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    for _ in range(50):
        os.write(os.memfd_create("more"), bytes(15 << 20))
