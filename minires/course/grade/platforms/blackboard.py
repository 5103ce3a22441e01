"""Blackboard, "Assignment File Download": one flat zip.

    Homework 1_jdoe_attempt_2026-11-03-10-15-00_ex1_1_linear.py    assignment, user name, time, file
    Homework 1_jdoe_attempt_2026-11-03-10-15-00.txt                Blackboard's own, with the full name

Every attempt is in it.
"""

import os
import re

from minires.course.grade.platforms.part import Part, time_in

TITLE = "a Blackboard download"
CERTAIN = True
NAME = re.compile(r"(?P<begin>.+?)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)", re.DOTALL)
PERSON = re.compile(r"Name:[ \t]*(?P<name>[^\r\n]+?)[ \t]*\((?P<user>[^()\r\n]*)\)[ \t]*(?:[\r\n]|$)")
LARGEST = 100_000  # bytes of Blackboard's own text


def parts(listing):
    """Return {entry: [Part]}: the user name is the id."""
    names = {entry: NAME.fullmatch(entry) for entry in listing.is_kind("file", "zip")}
    names = {entry: name for entry, name in names.items() if name}
    people = {}  # {assignment_user: (user, full name)} of those of whom Blackboard says it
    for entry, name in names.items():
        said = PERSON.match(listing.text(entry, limit=LARGEST) or "") if not name["file"] else None
        if said and name["begin"].endswith(f"_{said['user']}"):
            people[name["begin"]] = said["user"], said["name"]
    length = _assignment({name["begin"] for name in names.values()}, people)
    found = {}
    for entry, name in names.items():
        user, student = people.get(name["begin"], 2 * (name["begin"][length:],))
        file = name["file"] or "blackboard.txt"
        found[entry] = [Part(student, user, when=time_in(name["time"]), file=file)]
    return found


def _assignment(begins, people):
    """Return the length of the assignment's name and "_", with which all begin."""
    for begin, (user, _) in people.items():
        assignment = begin[: len(begin) - len(user)]
        if all(other.startswith(assignment) and other != assignment for other in begins):
            return len(assignment)
    common = os.path.commonprefix(list(begins)) if len(begins) > 1 else "".join(begins)
    return common.rfind("_") + 1
