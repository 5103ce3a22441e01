"""Right, with the names of the grader's own modules.

points: 3
line: right
"""

import sys

wire = perform = restrictions = syscalls = sys


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)
