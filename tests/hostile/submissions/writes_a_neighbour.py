"""Writes into another student's file.

points: 1
line: linear_backward raised PermissionError
needs: files
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    open("@IN@/ann/ex1_1_linear.py", "a").write("all right")
