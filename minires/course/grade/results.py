"""Write what was graded: one table, a report and a Gradescope file per student, a summary of the class.

Everything is written from the grades alone, in sorted order, so the same grades are the same bytes. No file
is ever there by half: each is written beside its place and moved.
"""

import hashlib
import io
import json
import os
import re
import unicodedata
import warnings

from minires.course.grade import page, reports
from minires.course.grade.gradebook import edits, tables
from minires.course.grade.gradebook.entry import entries
from minires.course.grade.gradebook.tables import cell

__all__ = ["cell", "file_names", "replace", "table", "write"]

RESERVED = re.compile(
    r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE
)  # names that Windows keeps to itself
LETTERS = 50  # of a file's name, each up to four bytes of the 255 that systems allow


def write(out, folder, grades, *, title, warn=warnings.warn, book=None):
    """Write all files and return the paths of those that the instructor opens first.

    out: path of the table; folder: of everything else; grades: {student: rows of `Grader.grade`}; title: of
    the assignment; warn: called with a text if the chart cannot be drawn, on which no grade depends; book:
    {student: Entry} of the gradebook, None: the grades as they are.
    """
    book = book or entries(grades)
    grades = {student: entry.rows for student, entry in book.items()}
    names = file_names(grades)
    for student, entry in book.items():
        results = json.dumps(reports.gradescope(entry.rows, entry), indent=2) + "\n"
        report = reports.report(student, entry.rows, title, entry)
        replace(folder / "reports" / f"{names[student]}.md", report)
        replace(folder / "pages" / f"{names[student]}.html", page.report(entry, title))
        replace(folder / "gradescope" / f"{names[student]}.json", results)
    if len(grades) == 1:
        replace(folder / "results.json", results)
    replace(folder / "summary.md", reports.summary(grades, title, book))
    content = table(book)
    edits.keep(folder, [*edits.kept(folder), content], replace)  # killed here, either is what was written
    replace(out, content)
    edits.keep(folder, [content], replace)
    for kind in ("reports", "pages", "gradescope"):
        _forget(folder / kind, set(names.values()))
    try:
        _draw(folder / "summary.png", grades, title)
    except Exception as error:  # Matplotlib may be missing, misconfigured, out of memory, anything
        warn(f"{folder / 'summary.png'} is not drawn: {' '.join(str(error).split())}")
    return [out, folder / "summary.md", folder / "reports"]


def _forget(folder, names):
    """Remove the files of students who are no longer in the class."""
    for path in folder.iterdir():
        if path.suffix in (".md", ".html", ".json") and path.stem not in names:
            path.unlink()


def _draw(path, grades, title):
    from minires import plot

    picture = io.BytesIO()
    figure = plot.class_summary(
        reports.reached(grades), reports.diagnoses(grades), students=len(grades), title=title
    )
    figure.savefig(picture, dpi=150, format="png")
    replace(path, picture.getvalue())


def table(book):
    """Return the grades as CSV: student, total, a column for every function, days late, notes.

    book: {student: Entry}. The days are left out if no one's are known.
    """
    is_dated = any(entry.days is not None for entry in book.values())
    columns = reports.functions({student: entry.rows for student, entry in book.items()})
    rows = [["student", "total", *columns, *(["days late"] if is_dated else []), "notes"]]
    for student, entry in sorted(book.items()):
        points = [reports.shown(row["points"]) for row in entry.rows]
        noted = [row["problem"] for row in entry.rows if row["noted"]]
        notes = "; ".join(dict.fromkeys([*noted, *entry.remarks, *entry.notes]))
        days = [entry.days or 0] if is_dated else []
        rows.append([student, reports.shown(entry.total), *points, *days, notes])
    return tables.text(rows)


def file_names(students):
    """Return {student: name for a file}, all different on every system, also where case does not count."""
    plain = {student: _plain(student) for student in students}
    folded = [name.casefold() for name in plain.values()]
    return {
        student: name
        if name == student and folded.count(name.casefold()) == 1
        else f"{name}-{hashlib.sha256(student.encode()).hexdigest()[:8]}"
        for student, name in plain.items()
    }


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
