"""Blackboard, "Assignment File Download": one flat zip.

    Homework 1_jdoe_attempt_2026-11-03-10-15-00_ex1_1_linear.py    assignment, user name, time, file
    Homework 1_jdoe_attempt_2026-11-03-10-15-00.txt                Blackboard's own, with the full name

Every attempt is in it.
"""

import re

from minires.course.grade.platforms.part import Part, time_in

TITLE = "a Blackboard download"
CERTAIN = True
NAME = re.compile(r".+_(?P<user>[^_]+)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)", re.DOTALL)
FULL_NAME = re.compile(r"Name:[ \t]*(?P<name>[^\r\n]+?)[ \t]*\([^()\r\n]*\)[ \t]*(?:[\r\n]|$)")
LARGEST = 100_000  # bytes of Blackboard's own text


def parts(listing):
    """Return {entry: [Part]}: the user name is the id."""
    names = {entry: NAME.fullmatch(entry) for entry in listing.is_kind("file", "zip")}
    names = {entry: name for entry, name in names.items() if name}
    full = {}
    for entry, name in names.items():
        said = FULL_NAME.match(listing.text(entry, limit=LARGEST) or "") if not name["file"] else None
        if said:
            full[name["user"]] = said["name"]
    return {
        entry: [
            Part(
                full.get(name["user"], name["user"]),
                name["user"],
                when=time_in(name["time"]),
                file=name["file"] or "blackboard.txt",
            )
        ]
        for entry, name in names.items()
    }
