"""Tables that a learning platform imports. A platform is one module here, with a function

    table(book, people, column, of) -> rows, lists of texts and numbers

and IDS, the attributes of a Person by which the platform finds a student.

book: {student: Entry}; people: {student: Person}; column: what the grade is called there; of: points there
are.
"""

from dataclasses import dataclass

from minires.course.grade.gradebook import canvas, moodle, tables

PLATFORMS = {"moodle": moodle, "canvas": canvas}


NUMBER = ("sisuserid", "idnumber", "studentid", "studentnumber", "matrikelnummer", "sid")
LOGIN = ("sisloginid", "loginid", "login", "username", "user")
EMAIL = ("emailaddress", "email", "mail")


@dataclass(frozen=True)
class Person:
    """A student as platforms know it: "" for what nobody has said.

    canvas, moodle: the number of a Canvas user, of a participant in a Moodle assignment; number: the
    institution's; login, email, section: texts.
    """

    name: str
    canvas: str = ""
    moodle: str = ""
    number: str = ""
    login: str = ""
    email: str = ""
    section: str = ""


def people(students, roster=None, platform=""):
    """Return {student: Person}.

    students: Submissions of `gather`; roster: {student: Person of `roster`}, None where it has nobody of that
    name; platform: from which the hand-ins come, whose ids they have.
    """
    roster = roster or {}
    return {each.student: _person(each, roster.get(each.student), platform) for each in students}


def _person(student, listed, platform):
    """A number is a platform's own only where that is certain: another one could be somebody else's there."""
    if listed is None:
        own = {platform: student.id or ""} if platform in PLATFORMS else {}
        return Person(student.student, **own)
    cells = listed.cells
    of_canvas = "sisloginid" in cells or "sisuserid" in cells
    number = _first(cells, NUMBER) or ("" if of_canvas else cells.get("id", ""))
    return Person(
        listed.name,
        canvas=cells.get("id", "") if of_canvas else "",
        moodle=cells.get("identifier", "").removeprefix(moodle.PARTICIPANT),
        number=number,
        login=_first(cells, LOGIN),
        email=_first(cells, EMAIL),
        section=cells.get("section", ""),
    )


def _first(cells, headings):
    return next((cells[heading] for heading in headings if cells.get(heading)), "")


def text(platform, book, people, column):
    """Return the CSV text for a platform, and how many students have no id by which it would know them."""
    of = next(iter(book.values())).of
    there = {student: people.get(student, Person(student)) for student in book}
    known = PLATFORMS[platform].IDS
    unknown = sum(not any(getattr(person, name) for name in known) for person in there.values())
    return tables.text(PLATFORMS[platform].table(book, there, column, of)), unknown
