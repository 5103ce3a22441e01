"""Reads the environment of the process that started it.

points: 1
line: linear_backward raised (PermissionError|FileNotFoundError)
needs: files
"""

import os


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    raise ValueError(open(f"/proc/{os.getppid()}/environ").read())
