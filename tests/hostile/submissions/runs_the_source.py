"""Reads the source's file and runs it.

points: 0
line: ex1_1_linear.py raised PermissionError
needs: files
"""

exec(open("@LESSONS@/ex1_1_linear.py").read())
