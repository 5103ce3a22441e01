"""Asks somebody else.

points: 1
line: linear_backward raised PermissionError
needs: network
"""

import socket


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    socket.create_connection(("127.0.0.1", 80), timeout=1)
