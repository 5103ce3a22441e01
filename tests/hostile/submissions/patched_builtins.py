"""Other built-in functions for everybody in the process.

points: 0
line: (linear_forward|y is wrong|interferes)
"""

import builtins

import numpy as np

builtins.isinstance = lambda *_: True
builtins.len = lambda _: 0
builtins.callable = lambda _: False
builtins.__import__ = None


def linear_forward(x, weight, bias):
    return np.zeros((len(x), len(weight)), x.dtype), (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return np.zeros_like(x), np.zeros_like(weight), np.zeros_like(weight[:, 0])
