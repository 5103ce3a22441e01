"""Tables that a learning platform imports. A platform is one module here, with one function:

    table(book, people, column, of) -> rows, lists of texts and numbers

book: {student: Entry}; people: {student: Person}; column: what the grade is called there; of: points there
are.
"""

from dataclasses import dataclass

from minires.course.grade.gradebook import canvas, moodle, tables

PLATFORMS = {"moodle": moodle, "canvas": canvas}


@dataclass(frozen=True)
class Person:
    """A student as the platform knows it: "" for what it has not said. id: the platform's own number."""

    name: str
    id: str = ""
    number: str = ""
    login: str = ""
    email: str = ""
    section: str = ""


def people(students):
    """Return {name in the table: Person}. students: have a `student` and perhaps an `id`."""
    return {each.student: Person(each.student, getattr(each, "id", None) or "") for each in students}


def text(platform, book, people, column):
    """Return the CSV text for a platform, and how many students have no id by which it would know them."""
    of = next(iter(book.values())).of
    known = [people.get(student, Person(student)) for student in book]
    unknown = sum(not (person.id or person.number or person.login or person.email) for person in known)
    there = dict(zip(book, known, strict=True))
    return tables.text(PLATFORMS[platform].table(book, there, column, of)), unknown
