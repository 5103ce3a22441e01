"""Opens the source's file through the C library.

points: 0
line: ex1_1_linear.py raised PermissionError
needs: files
"""

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
number = libc.open(b"@LESSONS@/ex1_1_linear.py", 0)
if number < 0:
    raise OSError(ctypes.get_errno(), "open")
exec(os.read(number, 1 << 20))
