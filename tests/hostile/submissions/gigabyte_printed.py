"""Prints a gigabyte and solves the exercise.

points: 3
line: right
"""

import sys

for _ in range(1024):
    sys.stdout.write("x" * (1 << 20))


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)
