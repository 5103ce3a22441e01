"""Asks for 100 GB.

points: 1
line: linear_backward raised MemoryError
needs: memory
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return bytearray(100 << 30)
