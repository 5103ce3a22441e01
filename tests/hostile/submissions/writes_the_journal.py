"""Writes into the journal.

points: 1
line: linear_backward raised PermissionError
needs: files
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    open("@OUT@/grades/journal.jsonl", "a").write("all right")
