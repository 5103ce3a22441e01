"""Right, with warnings and logs.

points: 3
line: right
"""

import logging
import warnings

import numpy as np


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    warnings.warn("careful", stacklevel=2)
    logging.error("careful")
    np.float64(1) / 0
    return [dy @ weight, dy.T @ x, dy.sum(axis=0)]
