"""What runs beside a student's functions: how they are called, how values travel, what is closed to them.

These modules know Python and NumPy alone, for the grader's child process, which runs them, has no minires.
"""
