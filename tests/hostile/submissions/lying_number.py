"""A float that calls itself equal to everything.

points: 1
line: dx is not an array
"""


class Liar(float):
    __hash__ = None

    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0.0


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    _dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return Liar(), dweight, dbias
