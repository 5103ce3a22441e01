"""Changes what is sent after it returned: still not the right numbers.

points: 0
line: y is wrong|linear_forward
"""

import copy

import numpy as np

copy.deepcopy = lambda value, memo=None: value


def linear_forward(x, weight, bias):
    return np.zeros((len(x), len(weight)), x.dtype), (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return np.zeros_like(x), np.zeros_like(weight), np.zeros_like(weight[:, 0])
