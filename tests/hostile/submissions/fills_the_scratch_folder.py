"""Writes more than the scratch folder may hold.

points: 1
line: linear_backward raised OSError
needs: namespaces
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    for number in range(9):
        with open(str(number), "wb") as file:
            file.write(bytes(15 << 20))
