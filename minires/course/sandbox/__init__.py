"""What runs beside a student's functions: how they are called, how values travel, what is forbidden to them.

These modules import only Python and NumPy, because the grader's child process, which runs them, has no
minires.
"""
