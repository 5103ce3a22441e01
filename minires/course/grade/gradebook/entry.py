"""The gradebook's line of every student: what was graded, in this course's points, and what was decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from minires.course.grade.gradebook import late, numbers
from minires.course.grade.gradebook.overrides import LATE, NOTE, TOTAL


@dataclass(frozen=True)
class Rules:
    """How grades become points. weights: of `weights.read`, None: the exercises' own; partial: whether a
    wrong function's right outputs count, where its exercise says so; due: the deadline, None: none; policy:
    what lateness costs; overrides: of `overrides.of_class`."""

    weights: Mapping | None = None
    partial: bool = False
    due: datetime | None = None
    policy: late.Policy = late.Policy()
    overrides: Mapping = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One student's line.

    rows: of `Grader.grade`, with the course's points; total, of: points got and there are; points and total
    are None where the grader failed and nobody has decided; days: late, None if there is no deadline;
    remarks: sentences on what changed the points, which the student reads; notes: for the instructor alone.
    """

    student: str
    rows: Sequence
    total: float | None
    of: float
    days: int | None = None
    remarks: tuple = ()
    notes: tuple = ()


def book_of(grades, rules=None, times=None):
    """Return {student: Entry}. grades: {student: rows}; times: {student: when it was handed in, None if that
    is not known}, without those who handed in nothing."""
    rules, times = rules or Rules(), times or {}
    return {student: _entry(student, rows, rules, times) for student, rows in grades.items()}


def _entry(student, rows, rules, times):
    decided, remarks = dict(rules.overrides.get(student, {})), []
    points = [_graded(row, rules) for row in rows]
    worth = [_worth(row, rules) for row in rows]
    for i, row in enumerate(rows):
        points[i] = _decided(decided, (row["exercise"], row["function"]), points[i], remarks)
    inside = {row["exercise"]: [] for row in rows}
    for row, earned in zip(rows, points, strict=True):
        inside[row["exercise"]].append(earned)
    total = _sum([_decided(decided, (number, None), _sum(each), remarks) for number, each in inside.items()])
    days, notes = _days(decided, rules, student, times, remarks)
    if days and total is not None:
        total *= rules.policy.share(days)
    total = _decided(decided, TOTAL, total, remarks)
    if NOTE in decided:
        remarks.append(decided[NOTE].reason)
    shown = [
        {**row, "points": numbers.plain(earned), "of": numbers.plain(most)}
        for row, earned, most in zip(rows, points, worth, strict=True)
    ]
    return Entry(
        student, shown, numbers.plain(total), numbers.plain(sum(worth)), days, tuple(remarks), tuple(notes)
    )


def _sum(points):
    return None if None in points else sum(points)


def _worth(row, rules):
    if rules.weights is None:
        return Fraction(row["of"])
    return rules.weights[row["exercise"], row["function"]]


def _graded(row, rules):
    """Return the points of a row as it was graded, in this course's points."""
    if row["points"] is None:
        return None
    earned = Fraction(row["points"])
    if row["problem"] and rules.partial:
        earned = Fraction(row.get("partial", 0))
    return _worth(row, rules) * earned / Fraction(row["of"])


def _decided(decided, what, points, remarks):
    """Return the points, or those that the instructor has decided, with a remark."""
    override = decided.get(what)
    if override is None:
        return points
    name = what if what == TOTAL else " ".join(filter(None, what))
    now, before = numbers.plain(override.points), numbers.plain(points)
    remarks.append(f"{name}: {now} points{'' if before is None else f', not {before}'}{_reason(override)}")
    return override.points


def _days(decided, rules, student, times, remarks):
    """Return (days late or None, notes for the instructor)."""
    if LATE in decided:
        days = int(decided[LATE].points)
        said = rules.policy.said(days) if days else "not counted as late"
        remarks.append(said + _reason(decided[LATE]))
        return days, []
    if rules.due is None or student not in times:
        return None, []
    when = times[student]
    if when is None:
        return 0, ["when it was handed in is not known: not counted as late"]
    days = rules.policy.days_late(when if when.tzinfo else when.astimezone(), rules.due)
    remarks += [rules.policy.said(days)] if days else []
    return days, []


def _reason(override):
    return f" ({override.reason})" if override.reason else ""
