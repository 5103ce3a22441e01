"""An object that would run something where it is unpickled or copied.

points: 1
line: dx is not an array|linear_backward raised
"""

import os


class Payload:
    def __reduce__(self):
        return os.system, ("touch @OUT@/pwned",)


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    _dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return Payload(), dweight, dbias
