"""Lets another student's file look late.

points: 1
line: linear_backward raised PermissionError
needs: system calls
"""

import os


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    os.utime("@IN@/ann/ex1_1_linear.py", (2e9, 2e9))
