"""Writes a summary before the grader does.

points: 1
line: linear_backward raised (PermissionError|FileNotFoundError)
needs: files
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    open("@OUT@/grades/summary.md", "w").write("all right")
