"""What the instructor has decided: a file of lines student, what, points, reason, which every run respects.

what is an exercise ("1.1"), a function ("1.1 linear_backward"), total (after everything else), late (so many
days late, whatever the clock says) or note (a remark without points). The last line on a matter counts.
"""

from dataclasses import dataclass
from fractions import Fraction

from minires.course.grade.gradebook import numbers, places, tables

COLUMNS = ("student", "what", "points", "reason")
TOTAL, LATE, NOTE = "total", "late", "note"


@dataclass(frozen=True)
class Override:
    """One line. what: TOTAL, LATE, NOTE, or (exercise's number, function or None); points: None for a note;
    place: file and line."""

    student: str
    what: object
    points: Fraction | None
    reason: str
    place: str


def read(path, exercises):
    """Return the Overrides of a file. Raises ValueError for a line that cannot be meant."""
    return [_override(line, exercises) for line in tables.read(path, COLUMNS)]


def _override(line, exercises):
    what, points = line["what"], numbers.read(line["points"])
    if what.lower() in (TOTAL, LATE, NOTE):
        what = what.lower()
    else:
        try:
            what = places.find(what, exercises)
        except ValueError as error:
            raise ValueError(f"{line.place}: {error}; or {TOTAL}, {LATE}, {NOTE}") from None
    if not line["student"]:
        raise ValueError(f"{line.place}: expected a student, got an empty cell")
    if what == NOTE:
        if line["points"] or not line["reason"]:
            raise ValueError(f"{line.place}: expected a reason and no points, for a note is a remark alone")
    elif points is None or what == LATE and points.denominator != 1:
        wanted = "days, such as 0 or 2" if what == LATE else "points, such as 2 or 2.5"
        raise ValueError(f"{line.place}: expected {wanted}, got {line['points']!r}")
    return Override(line["student"], what, points, line["reason"], line.place)


def of_class(overrides, names):
    """Return {student: {what: Override}}. names: {a name or an id in the file: the student in the table}.

    Raises ValueError for a student whom nobody knows: an override is never silently without effect.
    """
    found = {}
    for each in overrides:
        if each.student not in names:
            raise ValueError(f"{each.place}: there is no student {each.student!r} among the submissions")
        found.setdefault(names[each.student], {})[each.what] = each
    return found


def extended(path, rows):
    """Return the text of a file, which may not exist yet, with more rows: lists of the four cells.

    What stands in it stays, other columns too.
    """
    before = [row for _, row in tables.parse(path.read_bytes(), path)] if path.exists() else [list(COLUMNS)]
    places = [[name.lower() for name in before[0]].index(name) for name in COLUMNS]
    for cells in rows:
        row = [""] * len(before[0])
        for place, one in zip(places, cells, strict=True):
            row[place] = one
        before.append(row)
    return tables.text(before)
