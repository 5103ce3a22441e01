"""Write what was graded: one table, a report and a Gradescope file per student, a summary of the class.

Everything is written from the grades alone, in sorted order, so the same grades are the same bytes. No file
is ever there by half: each is written beside its place and moved. Nothing is removed: reports of an earlier
run stay, and a table with students who are gone is kept beside the new one.
"""

import collections
import csv
import hashlib
import io
import json
import os
import re
import unicodedata
import warnings

from minires.course.grade import page, reports
from minires.course.grade.gather import NONE
from minires.course.grade.gradebook import edits, tables
from minires.course.grade.gradebook.entry import book_of
from minires.course.grade.gradebook.tables import cell
from minires.course.grade.names import written

__all__ = ["cell", "file_names", "replace", "table", "write"]

RESERVED = re.compile(
    r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE
)  # names that Windows keeps to itself
LETTERS = 50  # of a file's name, each up to four bytes of the 255 that systems allow


def write(out, folder, grades, *, title, people=None, entries=(), warn=warnings.warn, book=None):
    """Write all files and return the paths of those that the instructor opens first.

    out: path of the table; folder: of everything else; grades: {student: rows of `Grader.grade`}; title: of
    the assignment; people: {student: `gather.Submission`}; entries: of `gather.Gathered`; warn: called with a
    text about an earlier run's files, and if the chart cannot be drawn, on which no grade depends; book:
    {student: Entry} of the gradebook, None: the grades as they are.
    """
    people, book = people or {}, book or book_of(grades)
    grades = {student: entry.rows for student, entry in book.items()}
    names = file_names(grades)
    _keep_earlier(out, grades, warn)
    for student, entry in book.items():
        results = json.dumps(reports.gradescope(entry.rows, entry), indent=2) + "\n"
        report = reports.report(student, entry.rows, title, entry)
        replace(folder / "reports" / f"{names[student]}.md", report)
        replace(folder / "pages" / f"{names[student]}.html", page.report(entry, title))
        replace(folder / "gradescope" / f"{names[student]}.json", results)
    if len(grades) == 1:
        replace(folder / "results.json", results)
    replace(folder / "summary.md", reports.summary(grades, title, book) + _no_hand_ins(entries))
    replace(folder / "entries.csv", entries_table(entries, book, people))
    content = table(book, people)
    edits.keep(folder, [*edits.kept(folder), content], replace)  # killed here, either is what was written
    replace(out, content)
    edits.keep(folder, [content], replace)
    older = [path for path in (folder / "reports").glob("*.md") if path.stem not in names.values()]
    if older:
        warn(f"{folder / 'reports'}: {len(older)} reports are of an earlier run, such as {older[0].name}")
    try:
        _draw(folder / "summary.png", grades, title)
    except Exception as error:  # Matplotlib may be missing, misconfigured, out of memory, anything
        warn(f"{folder / 'summary.png'} is not drawn: {' '.join(str(error).split())}")
    return [out, folder / "summary.md", folder / "reports"]


def _keep_earlier(out, grades, warn):
    """Copy the table that is there, if it names students who are not in the new one."""
    try:
        with open(out, newline="", encoding="utf-8") as file:
            before = {row.get("student") for row in csv.DictReader(file)}
    except FileNotFoundError:
        return
    except (OSError, ValueError, csv.Error):
        before = {None}  # edited into something else: kept all the same
    gone = before - {cell(student) for student in grades}
    if gone:
        number = 1
        while out.with_name(f"{out.stem}.earlier-{number}{out.suffix}").exists():
            number += 1
        kept = out.with_name(f"{out.stem}.earlier-{number}{out.suffix}")
        replace(kept, out.read_bytes())
        warn(f"{kept} is the earlier table: {len(gone)} of its students are not among these submissions")


def _draw(path, grades, title):
    from minires import plot

    picture = io.BytesIO()
    figure = plot.class_summary(
        reports.reached(grades), reports.diagnoses(grades), students=len(grades), title=title
    )
    figure.savefig(picture, dpi=150, format="png")
    replace(path, picture.getvalue())


def table(book, people):
    """Return the grades as CSV: student, total, a column for every function, days late, id, time, notes.

    book: {student: Entry}; people: {student: `gather.Submission`}. The days are left out if there is no
    deadline.
    """
    is_dated = any(entry.days is not None for entry in book.values())
    columns = reports.functions({student: entry.rows for student, entry in book.items()})
    dated = ["days late"] if is_dated else []
    rows = [["student", "total", *columns, *dated, "id", "handed in", "notes"]]
    for student, entry in sorted(book.items()):
        person = people.get(student)
        about = [person.id or "", time(person.when)] if person else ["", ""]
        points = [reports.shown(row["points"]) for row in entry.rows]
        noted = [row["problem"] for row in entry.rows if row["noted"]]
        noted += [row["note"] for row in entry.rows if row.get("note")]
        notes = [*noted, *(person.notes if person else ()), *entry.remarks, *entry.notes]
        days = [entry.days or 0] if is_dated else []
        rows.append(
            [student, reports.shown(entry.total), *points, *days, *about, "; ".join(dict.fromkeys(notes))]
        )
    return tables.text(rows)


def time(when):
    """Return a time as it stands in a table, "" for None."""
    return "" if when is None else when.isoformat(" ", "seconds")


def entries_table(entries, book, people):
    """Return what became of every entry of SUBMISSIONS as CSV, one row each."""
    called = {person.known_as: student for student, person in people.items() if person.known_as}
    rows = [["entry", "became", "student", "line"]]
    for entry in entries:
        students = [called.get(student, student) for student in entry.students]
        scores = [reports.score(book[student]) for student in students if student in book]
        line = entry.says or "; ".join(dict.fromkeys(scores))
        rows.append([written(entry.name), entry.became, ", ".join(students), line])
    return tables.text(rows)


def _no_hand_ins(entries):
    """Return the part of the summary that lists what was found in SUBMISSIONS and is nobody's hand-in."""
    lines = [f"| {reports.markdown(written(e.name))} | {e.says} |" for e in entries if e.became == NONE]
    if not lines:
        return ""
    head = [
        f"## {len(lines)} entries that are no hand-in",
        "",
        "| entry | what became of it |",
        "| --- | --- |",
    ]
    return "\n".join(["", *head, *lines]) + "\n"


def file_names(students):
    """Return {student: name for a file}, all different on every system, also where case does not count."""
    plain = {student: _plain(student) for student in students}
    count = collections.Counter(name.casefold() for name in plain.values())
    own = {student for student, name in plain.items() if name == student and count[name.casefold()] == 1}
    taken = {student.casefold() for student in own}
    names = {}
    for student in sorted(plain):
        name, letters = plain[student], 8
        while student not in own and (letters == 8 or name.casefold() in taken):
            name = f"{plain[student]}-{hashlib.sha256(student.encode()).hexdigest()[:letters]}"
            letters += 8
        taken.add(name.casefold())
        names[student] = name
    return {student: names[student] for student in plain}


def _plain(name):
    name = (
        re.sub(r"[^\w.,()@+-]+", "_", unicodedata.normalize("NFC", name)).lstrip(".-")[:LETTERS].rstrip(".")
    )
    return f"_{name}" if not name or RESERVED.fullmatch(name) else name


def replace(path, content):
    """Write a file, text or bytes, so that at its place there is the old content or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(beside, path)
    except OSError as error:  # a full disk does not say where
        beside.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
