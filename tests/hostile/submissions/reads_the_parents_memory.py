"""Reads the memory of the process that started it.

points: 1
line: linear_backward raised PermissionError
needs: system calls
"""

import ctypes
import os


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    libc = ctypes.CDLL(None, use_errno=True)
    for process in (os.getppid(), 1):
        if libc.process_vm_readv(process, None, 0, None, 0, 0) < 0:
            raise OSError(ctypes.get_errno(), "process_vm_readv")
