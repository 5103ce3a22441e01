"""Calls itself through C, without a limit.

points: 1
line: linear_backward (raised (RecursionError|MemoryError)|ended Python|took longer)
"""

import functools
import sys


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    sys.setrecursionlimit(10**9)
    held = ()
    for _ in range(10**6):
        held = (held,)
    return hash(held), functools.reduce(lambda a, _: [a], range(10**6), 0) == 1, repr(held)
