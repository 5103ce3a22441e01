"""Canvas: a CSV for the gradebook's Import.

Students are found by ID, SIS User ID or SIS Login ID, else by name. A column called "Title (4711)", as in the
gradebook's export, is the assignment 4711; another name makes a new assignment, worth the points in the row
"Points Possible".

References
----------
Canvas' lib/gradebook_importer.rb: the columns up to Section in this order, then the assignments.
"""

IDS = ("canvas", "number", "login")
COLUMNS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
POSSIBLE = "Points Possible"  # in the first cell of its row


def table(book, people, column, of):
    """Return the rows, see `exports`. An empty cell leaves a grade as it is."""
    rows = [[*COLUMNS, column], [POSSIBLE, "", "", "", "", of]]
    for student, entry in sorted(book.items()):
        person = people[student]
        name = person.name.replace(POSSIBLE, "Points, Possible")  # a student of this name is no such row
        grade = "" if entry.total is None else entry.total
        rows.append([name, person.canvas, person.number, person.login, person.section, grade])
    return rows
