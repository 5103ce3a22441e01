"""Leaves politely.

points: 1
line: linear_backward raised SystemExit
"""

import sys


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    sys.exit(0)
