"""Makes the library a part of NumPy.

points: 0
line: ex1_1_linear.py imports a module that is not available
needs: files
"""

import importlib

import numpy as np

np.__path__.append("@ROOT@")
functional = importlib.import_module("numpy.minires.functional")
linear_forward, linear_backward = functional.linear_forward, functional.linear_backward
