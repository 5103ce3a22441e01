"""Runs a shell.

points: 1
line: linear_backward raised PermissionError
needs: processes
"""

import subprocess


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    subprocess.run(["/bin/sh", "-c", "true"])
