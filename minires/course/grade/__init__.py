"""Grade a class: submissions are read (`submissions`), run in a sandbox (`isolation`) and judged (`grader`).

What has been graded is kept in a journal (`journal`), from which the table and the reports are written
(`results`, `reports`). `run` does this for a class. Nothing that a student submitted is ever imported or
unpickled by this process, or unpacked to disk.
"""
