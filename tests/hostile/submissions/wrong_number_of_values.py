"""Two hundred values where three belong.

points: 1
line: linear_backward returned a tuple; expected 3 values
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    dx, _dweight, _dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return 200 * (dx,)
