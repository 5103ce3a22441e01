"""Loads the source's file as a module of another name.

points: 0
line: ex1_1_linear.py raised PermissionError
needs: files
"""

import importlib.util

spec = importlib.util.spec_from_file_location("other", "@LESSONS@/ex1_1_linear.py")
other = importlib.util.module_from_spec(spec)
spec.loader.exec_module(other)
linear_forward, linear_backward = other.linear_forward, other.linear_backward
