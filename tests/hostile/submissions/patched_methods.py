"""Tries to change the methods of all arrays.

points: 0
line: ex1_1_linear.py raised TypeError
"""

import numpy as np

np.ndarray.__eq__ = lambda self, other: True


def linear_forward(x, weight, bias):
    return np.zeros((len(x), len(weight)), x.dtype), (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return np.zeros_like(x), np.zeros_like(weight), np.zeros_like(weight[:, 0])
