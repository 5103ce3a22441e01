"""Opens files until there are none.

points: 1
line: linear_backward raised OSError
needs: small files
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return [open(str(number), "w") for number in range(5000)]
