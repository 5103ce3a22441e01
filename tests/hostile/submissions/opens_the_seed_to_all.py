"""Lets every user read the seed; Landlock says nothing of permissions.

points: 1
line: linear_backward raised PermissionError
needs: system calls
"""

import os


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    os.chmod("@OUT@/grades/seed", 0o666)
