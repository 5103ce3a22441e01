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

from minires.course.grade import reports
from minires.course.grade.gather import NONE
from minires.course.grade.names import written

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is run by a spreadsheet
RESERVED = re.compile(
    r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE
)  # names that Windows keeps to itself
LETTERS = 50  # of a file's name, each up to four bytes of the 255 that systems allow


def write(out, folder, grades, *, title, people=None, entries=(), warn=warnings.warn):
    """Write all files and return the paths of those that the instructor opens first.

    out: path of the table; folder: of everything else; grades: {student: rows of `Grader.grade`}; title: of
    the assignment; people: {student: `gather.Submission`}; entries: of `gather.Gathered`; warn: called with a
    text about an earlier run's files, and if the chart cannot be drawn, on which no grade depends.
    """
    people = people or {}
    names = file_names(grades)
    _keep_earlier(out, grades, warn)
    for student, rows in grades.items():
        results = json.dumps(reports.gradescope(rows), indent=2) + "\n"
        replace(folder / "reports" / f"{names[student]}.md", reports.report(student, rows, title))
        replace(folder / "gradescope" / f"{names[student]}.json", results)
    if len(grades) == 1:
        replace(folder / "results.json", results)
    replace(folder / "summary.md", reports.summary(grades, title) + _no_hand_ins(entries))
    replace(folder / "entries.csv", entries_table(entries, grades, people))
    replace(out, table(grades, people))
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


def table(grades, people):
    """Return the grades as CSV: student, total, a column for every function, id, time, notes."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    columns = reports.functions(grades)
    rows.writerow(["student", "total", *columns, "id", "handed in", "notes"])
    for student in sorted(grades):
        points = [reports.shown(row["points"]) for row in grades[student]]
        total = reports.shown(reports.points(grades[student])[0])
        person = people.get(student)
        about = (cell(person.id or ""), cell(time(person.when)), person.notes) if person else ("", "", ())
        noted = [row["problem"] for row in grades[student] if row["noted"]]
        noted += [row["note"] for row in grades[student] if row.get("note")]
        notes = dict.fromkeys([*noted, *about[2]])
        rows.writerow([cell(student), total, *points, *about[:2], cell("; ".join(notes))])
    return text.getvalue()


def time(when):
    """Return a time as it stands in a table, "" for None."""
    return "" if when is None else when.isoformat(" ", "seconds")


def entries_table(entries, grades, people):
    """Return what became of every entry of SUBMISSIONS as CSV, one row each."""
    called = {person.known_as: student for student, person in people.items() if person.known_as}
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["entry", "became", "student", "line"])
    for entry in entries:
        students = [called.get(student, student) for student in entry.students]
        scores = [reports.score(grades[student]) for student in students if student in grades]
        line = entry.says or "; ".join(dict.fromkeys(scores))
        rows.writerow([cell(written(entry.name)), entry.became, cell(", ".join(students)), cell(line)])
    return text.getvalue()


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


def cell(text):
    """Return a text as one line that no spreadsheet takes for a formula."""
    text = " ".join(text.split())
    return f"'{text}" if text.startswith(FORMULA) else text


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
