"""Its own input as the answer.

points: 1
line: dx (is wrong|has the wrong shape)
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    _dx, _dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return x[:], weight[:], dbias
