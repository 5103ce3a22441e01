"""Moodle, "Download all submissions": a folder for each student and way of handing in, or flat files.

    Jane Doe_12345_assignsubmission_file_/hw/ex1_1_linear.py          (until Moodle 3.10 with the last "_")
    Jane Doe_12345_assignsubmission_onlinetext_/onlinetext.html
    Jane Doe_12345_assignsubmission_file_ex1_1_linear.py              (without "Download in folders")

The number is the participant's, which the grading worksheet calls "Participant 12345"; of a group it is the
group's. Names hold no "_", so that no file's name can pass for another student's. Times are not in the names.
Source: moodle, mod/assign/classes/downloader.php.
"""

import re

from minires.course.grade.platforms.part import Part

TITLE = "a Moodle download"
CERTAIN = True
NAME = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?P<how>[a-z]+)(?:_(?P<file>.*))?", re.DOTALL)


def parts(listing):
    """Return {entry: [Part]}: the number is the id."""
    found = {}
    for entry in listing.entries:
        name = NAME.fullmatch(entry)
        if name:
            file = "" if listing.entries[entry] == "folder" else name["file"] or ""
            notes = () if name["how"] == "file" else (f"Moodle: handed in as {name['how']}",)
            found[entry] = [Part(name["name"], name["id"], file=file, notes=notes)]
    return found
