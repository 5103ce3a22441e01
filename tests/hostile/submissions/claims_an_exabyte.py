"""Announces more bytes than there are.

points: 1
line: linear_backward returned more than can be sent
"""

import contextlib
import os
import struct


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    for number in range(100, 300):
        with contextlib.suppress(OSError):
            os.write(number, struct.pack("<Q", 1 << 60))
    os._exit(0)
