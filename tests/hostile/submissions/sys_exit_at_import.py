"""Leaves before there is a function.

points: 0
line: ex1_1_linear.py raised SystemExit at line
"""

import sys

sys.exit(0)
