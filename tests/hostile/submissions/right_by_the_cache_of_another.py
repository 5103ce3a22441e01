"""Keeps a cache of its own for all calls.

points: 1
line: linear_backward depends on another call
"""

held = {}


def linear_forward(x, weight, bias):
    held["last"] = x, weight
    return x @ weight.T + bias, None


def linear_backward(dy, cache):
    x, weight = held["last"]
    return dy @ weight[: dy.shape[1]], dy.T @ x[: len(dy)], dy.sum(axis=0)
