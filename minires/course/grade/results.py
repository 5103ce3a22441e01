"""Write what was graded: one table, a report and a Gradescope file per student, a summary of the class.

Everything is written from the grades alone, in sorted order, so the same grades are the same bytes. No file
is ever there by half: each is written beside its place and moved.
"""

import csv
import hashlib
import io
import json
import os
import re
import unicodedata
import warnings

from minires.course.grade import reports

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is run by a spreadsheet
RESERVED = re.compile(
    r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE
)  # names that Windows keeps to itself
LETTERS = 50  # of a file's name, each up to four bytes of the 255 that systems allow


def write(out, folder, grades, *, title, warn=warnings.warn):
    """Write all files and return the paths of those that the instructor opens first.

    out: path of the table; folder: of everything else; grades: {student: rows of `Grader.grade`}; title: of
    the assignment; warn: called with a text if the chart cannot be drawn, on which no grade depends.
    """
    names = file_names(grades)
    for student, rows in grades.items():
        results = json.dumps(reports.gradescope(rows), indent=2) + "\n"
        replace(folder / "reports" / f"{names[student]}.md", reports.report(student, rows, title))
        replace(folder / "gradescope" / f"{names[student]}.json", results)
    if len(grades) == 1:
        replace(folder / "results.json", results)
    replace(folder / "summary.md", reports.summary(grades, title))
    replace(out, table(grades))
    for kind in ("reports", "gradescope"):
        _forget(folder / kind, set(names.values()))
    try:
        _draw(folder / "summary.png", grades, title)
    except Exception as error:  # Matplotlib may be missing, misconfigured, out of memory, anything
        warn(f"{folder / 'summary.png'} is not drawn: {' '.join(str(error).split())}")
    return [out, folder / "summary.md", folder / "reports"]


def _forget(folder, names):
    """Remove the files of students who are no longer in the class."""
    for path in folder.iterdir():
        if path.suffix in (".md", ".json") and path.stem not in names:
            path.unlink()


def _draw(path, grades, title):
    from minires import plot

    picture = io.BytesIO()
    figure = plot.class_summary(
        reports.reached(grades), reports.diagnoses(grades), students=len(grades), title=title
    )
    figure.savefig(picture, dpi=150, format="png")
    replace(path, picture.getvalue())


def table(grades):
    """Return the grades as CSV: student, total, a column for every function, notes."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    columns = reports.functions(grades)
    rows.writerow(["student", "total", *columns, "notes"])
    for student in sorted(grades):
        points = [row["points"] for row in grades[student]]
        notes = "; ".join(dict.fromkeys(row["problem"] for row in grades[student] if row["noted"]))
        rows.writerow([cell(student), sum(points), *points, cell(notes)])
    return text.getvalue()


def cell(text):
    """Return a text as one line that no spreadsheet takes for a formula."""
    text = " ".join(text.split())
    return f"'{text}" if text.startswith(FORMULA) else text


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
