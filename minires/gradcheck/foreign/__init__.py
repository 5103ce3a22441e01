"""The checker for code of anybody's: the pairs in a student's file, whatever her course calls them.

`pairs` finds them, `forms` calls them, `assign` says which returned gradient belongs to which input,
`subject` makes a subject of the checker of them, `check` compares at several cases, `patterns` and
`repairs` name the mistake.
"""
