"""Grade a class: hand-ins are read (`submissions`), run in isolated children (`jail`) and judged (`grader`).

What has been graded is kept in a journal (`journal`), from which the table and the reports are written
(`results`, `reports`). `run` does it for a class. Nothing that a student handed in is ever imported or
unpickled by this process, or unpacked to disk.
"""
