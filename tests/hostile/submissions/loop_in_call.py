"""Never returns.

points: 1
line: linear_backward took longer than allowed
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    while True:
        pass
