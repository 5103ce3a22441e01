"""Takes from the grader the right to read another student's folder.

points: 1
line: linear_backward raised PermissionError
needs: system calls
"""

import os


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    os.chmod("@IN@/ann", 0)
