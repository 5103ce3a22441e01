"""Pretends that the instructor pressed Ctrl-C.

points: 1
line: linear_backward ended Python
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    raise KeyboardInterrupt
