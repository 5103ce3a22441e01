"""Writes into the table of grades.

points: 1
line: linear_backward raised PermissionError
needs: files
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    open("@OUT@/grades.csv", "a").write("all right")
