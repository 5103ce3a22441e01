"""Runs what another student handed in.

points: 0
line: ex1_1_linear.py raised PermissionError
needs: files
"""

exec(open("@IN@/ann/ex1_1_linear.py").read())
