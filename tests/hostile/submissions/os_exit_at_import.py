"""Ends the process before there is a function.

points: 0
line: ex1_1_linear.py ends Python when it is read
"""

import os

os._exit(0)
