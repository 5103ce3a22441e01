"""From grades to the gradebook: weights, overrides, lateness, and tables that a platform imports.

What the grader found out stays as it is in the journal. From it `entry` makes an Entry for every student,
with the functions' `weights`, the instructor's `overrides` and the `late` policy; another weight or another
deadline grades nothing anew. `edits` finds what was changed by hand in the table; `moodle` and `canvas` write
what these platforms import (`exports`), and `tables` reads and writes all CSV files.
"""
