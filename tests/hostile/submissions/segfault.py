"""Reads where no memory is.

points: 1
line: linear_backward ended Python
"""

import ctypes


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    ctypes.string_at(0)
