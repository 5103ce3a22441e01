"""The class list: who should have handed in, under which ids a platform knows them.

A CSV file with a line of headings, as platforms and spreadsheets write it: Moodle's grading worksheet or
list of participants, Canvas's grade book, Gradescope's and GitHub Classroom's rosters, Blackboard's grade
centre, or one's own. Encoding and separator are recognised. Needed are a column with the name, or one each
with the first and the last name; every column with ids, user names or addresses serves to find a hand-in.
"""

import collections
import csv
import datetime
import io
import pathlib
import re
from dataclasses import dataclass, field, replace

from minires.course.grade import names
from minires.course.grade.containers import Refused
from minires.course.grade.gather import Submission
from minires.course.grade.platforms.part import time_in

# headings, in small letters without anything but letters and digits
NAME = ("name", "student", "fullname", "studentname", "displayname", "vollstandigername", "nomcomplet")
FIRST = ("firstname", "givenname", "first", "vorname", "prenom", "nombre", "forename")
LAST = ("lastname", "surname", "familyname", "last", "nachname", "nom", "apellidos", "apellido")
ID = ("id", "identifier", "idnumber", "sid", "studentid", "studentnumber", "userid", "participant", "number")
ID += ("matrikelnummer", "sisuserid", "sisloginid", "login", "loginid", "username", "user", "githubusername")
ID += ("email", "emailaddress", "mail", "githubid", "kennung", "anmeldename")
NOTHING = Refused("is missing: nothing was handed in")
TIME = ("lastmodifiedsubmission", "submissiontime", "submittedat")  # Moodle's worksheet, and one's own
TIMES = ("%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %H:%M", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M")
PARTICIPANT = re.compile(r"\D+ (\d+)")  # Moodle's "Participant 12345"
NO_STUDENT = ("pointspossible", "studenttest", "teststudent")  # lines of Canvas's grade book


@dataclass(frozen=True)
class Person:
    """One line of the roster. name: as it is to stand in the table; ids: what it is known by, one for each
    column with such things, "" where the line has none; cells: {heading, its letters alone: text}."""

    name: str
    ids: tuple
    when: datetime.datetime | None = None  # it says when something was handed in
    cells: dict = field(default_factory=dict)


def read(path):
    """Return the Persons of a roster. Raises ValueError if it is none."""
    path = pathlib.Path(path)
    try:
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise ValueError(f"--roster: {path} cannot be read: {error.strerror}") from None
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text)) if any(row)]
    if rows and rows[0][0].strip().lower().startswith("sep="):  # a line for Excel alone
        rows = rows[1:]
    headings = [_plain(cell) for cell in rows[0]] if rows else []
    name = _first(headings, NAME)
    first, last, time = (_first(headings, known) for known in (FIRST, LAST, TIME))
    ids = [column for column, heading in enumerate(headings) if heading in ID]
    if name is None and (first is None or last is None) and not ids:
        raise ValueError(
            f"--roster: {path}: expected a line of headings with Name (or First name and Last name) and an "
            f"ID, got {', '.join(rows[0])[:80] if rows else 'an empty file'}"
        )
    ids.sort(key=lambda column: ID.index(headings[column]))
    people = [_person(row, headings, name, first, last, time, ids) for row in rows[1:]]
    return [person for person in people if person and _plain(person.name) not in NO_STUDENT]


def _decoded(content):
    for mark, encoding in (
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
        (b"", "utf-8-sig"),
        (b"", "cp1252"),
    ):
        try:
            if content.startswith(mark):
                return content.decode(encoding)
        except UnicodeError:
            continue
    return content.decode("latin-1")


def _separator(text):
    """Return what separates cells: of the usual ones that which is most often in the headings."""
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("sep=")), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max((",", ";", "\t", "|"), key=bare.count)


def _plain(heading):
    """Return a heading as it stands in the lists above."""
    return "".join(letter for letter in names.joined(heading) if letter.isascii())


def _first(headings, known):
    return next((headings.index(heading) for heading in known if heading in headings), None)


def _person(row, headings, name, first, last, time, ids):
    """Return the Person of a line, None if it names nobody."""

    def cell(column):
        value = row[column].strip() if column is not None and column < len(row) else ""
        return value[1:] if value.startswith("'") else value  # as tables protect what looks like a formula

    known = []
    for column in ids:
        value = cell(column)
        participant = PARTICIPANT.fullmatch(value)
        known.append(participant[1] if participant else value)
    full = cell(name) or " ".join(part for part in (cell(first), cell(last)) if part)
    full = full or next(filter(None, known), "")
    cells = {heading: cell(column) for column, heading in enumerate(headings)}
    return Person(names.visible(full), tuple(known), _when(cell(time)), cells) if full else None


def _when(text):
    """Return the time in a cell, or None."""
    for form in TIMES:
        try:
            return datetime.datetime.strptime(text, form)
        except ValueError:
            continue
    return time_in(text)


def join(submissions, people):
    """Return the Submissions with the roster's names and ids, and one without attempts for who is missing.

    A hand-in belongs to the person with its id; else to the only one with its name, however it is written.
    One that is nobody's keeps its name, and says so.
    """
    by_id, by_name = _index(people)
    owner = {}  # {number of the person: student}
    for known, keys in ((by_id, _ids), (by_name, _spellings)):  # ids first: a name may be another one's too
        for submission in submissions:
            found = [known.get(key) for key in keys(submission) if known.get(key) is not None]
            if found and submission.student not in owner.values():
                owner.setdefault(found[0], submission.student)
    number = {student: person for person, student in owner.items()}
    whole = names.unlike([person.name for person in people])
    column = _column(submissions, people, number)
    joined = [_joined(each, people, number.get(each.student), whole, column) for each in submissions]
    joined += [
        Submission(whole[index], _id(person, column), (), NOTHING)
        for index, person in enumerate(people)
        if index not in owner
    ]
    unlike = names.unlike([each.student for each in joined])
    renamed = [replace(each, student=name) for each, name in zip(joined, unlike, strict=True)]
    return sorted(renamed, key=lambda each: each.student)


def persons(submissions, people):
    """Return {student: Person or None} of the Submissions that `join` returned."""
    by_id, by_name = _index(people)
    found = {}
    for each in submissions:
        keys = [*((by_id, key) for key in _ids(each)), *((by_name, key) for key in _spellings(each))]
        numbers = [known[key] for known, key in keys if known.get(key) is not None]
        found[each.student] = people[numbers[0]] if numbers else None
    return found


def _column(submissions, people, number):
    """Return the column of the roster's ids in which most hand-ins have theirs: the platform's own."""
    columns = collections.Counter()
    for each in submissions:
        if each.id is not None and each.student in number:
            ids = people[number[each.student]].ids
            columns.update(
                column for column, known in enumerate(ids) if known.casefold() == each.id.casefold()
            )
    return columns.most_common(1)[0][0] if columns else 0


def _id(person, column):
    return next(filter(None, (*person.ids[column : column + 1], *person.ids)), None)


def _index(people):
    """Return ({id: number of the person}, {name, as it may be written: number}); None: several share it."""
    by_id, by_name = {}, {}
    for number, person in enumerate(people):
        for key in {key.casefold() for key in person.ids if key}:
            by_id[key] = None if key in by_id and by_id[key] != number else number
        for key in {names.folded(person.name), names.joined(person.name), _turned(person.name)}:
            by_name[key] = None if key in by_name and by_name[key] != number else number
    return by_id, by_name


def _turned(name):
    """Return "doejane" of "Jane Doe", as Canvas writes names."""
    first, _, last = name.rpartition(" ")
    return names.joined(last + first)


def _ids(submission):
    return [key.casefold() for key in (submission.id, submission.student) if key is not None]


def _spellings(submission):
    return names.folded(submission.student), names.joined(submission.student)


def _joined(submission, people, number, whole, column):
    submission = replace(submission, known_as=submission.student)
    if number is None:
        return replace(submission, notes=(*submission.notes, "not in the roster"))
    notes = submission.notes
    if names.folded(submission.student) != names.folded(whole[number]):
        notes += (f"handed in as {submission.student}",)
    attempts = submission.attempts
    if submission.when is None and people[number].when is not None:
        attempts = (*attempts[:-1], replace(attempts[-1], when=people[number].when))
    known = submission.id if submission.id is not None else _id(people[number], column)
    return replace(submission, student=whole[number], id=known, notes=notes, attempts=attempts)
