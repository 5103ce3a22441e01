"""The text of its error is never done.

points: 1
line: linear_backward took longer than allowed
"""


class Endless(Exception):
    def __str__(self):
        while True:
            pass


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    raise Endless
