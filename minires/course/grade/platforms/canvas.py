"""Canvas, "Download Submissions": one flat zip.

    doejane_LATE_1234_567890_ex1_1_linear-1.py     name, if late, user's id, file's id, file
    anon_Xy12Z_567890_ex1_1_linear.py              where grading is anonymous
    doejane_1234_text.html                         a text typed into Canvas; link.html: an address

The name is "Doe, Jane" without all but letters. A file that is handed in again under its old name becomes
"-1", then "-2"; ids of files grow. Source: canvas-lms, lib/content_zipper.rb.
"""

import re

from minires.course.grade.platforms.part import Part

TITLE = "a Canvas download"
CERTAIN = True
NAME = re.compile(
    r"(?:anon_(?P<anonymous>[A-Za-z0-9]+)|(?P<name>.+?)(?P<late>_LATE)?_(?P<id>\d+))"
    r"_(?:(?P<number>\d+)_(?P<file>.+)|(?P<typed>text|link)\.html)",
    re.DOTALL,
)
AGAIN = re.compile(r"-\d+(?=\.\w+$)")


def parts(listing):
    """Return {entry: [Part]}: the user's id is the id, the file's id the version."""
    found = {}
    for entry in listing.is_kind("file", "zip"):
        name = NAME.fullmatch(entry)
        if not name:
            continue
        notes = ("Canvas: LATE",) if name["late"] else ()
        if name["typed"]:
            file, version = f"{name['typed']}.html", 0
            notes += (f"Canvas: handed in a {name['typed']}",)
        else:
            file, version = AGAIN.sub("", name["file"]), int(name["number"])
        identity = name["anonymous"] or name["id"]
        student = name["name"] or f"anon {identity}"
        found[entry] = [Part(student, identity, file=file, version=version, notes=notes)]
    return found
