"""Imports the library, which solves it.

points: 0
line: ex1_1_linear.py imports a module that is not available
"""

from minires.functional import linear_backward, linear_forward  # noqa: F401
