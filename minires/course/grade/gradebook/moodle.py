"""Moodle: a CSV for Grades > Import, and for "Upload grading worksheet" of an assignment.

The import asks which column names the student (ID number or Email address), and which one is the grade. The
worksheet (in English) finds students by Identifier, the number in the folders' names of its download.

References
----------
docs.moodle.org, "Grade import"; Moodle's grade/import/csv and mod/assign/feedback/offline.
"""

IDS = ("moodle", "number", "email")
PARTICIPANT = "Participant "
COLUMNS = ("Identifier", "Full name", "ID number", "Email address")
REST = ("Maximum Grade", "Last modified (grade)", "Feedback comments")


def table(book, people, column, of):
    """Return the rows, see `exports`. A student who is not graded yet has no grade there either."""
    rows = [[*COLUMNS, column or "Grade", *REST]]
    for student, entry in sorted(book.items()):
        person = people[student]
        identifier = person.moodle and f"{PARTICIPANT}{person.moodle}"
        grade = "" if entry.total is None else entry.total
        feedback = "; ".join((f"{'not graded yet' if grade == '' else grade} of {of} points", *entry.remarks))
        rows.append([identifier, person.name, person.number, person.email, grade, of, "", feedback])
    return rows
