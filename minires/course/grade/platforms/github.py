"""GitHub Classroom, checkouts of the students' repositories: a folder ASSIGNMENT-USER each, with .git in it.

`gh classroom clone student-repos` puts them into a folder ASSIGNMENT-submissions, whose name then says where
the user's name begins; otherwise it is what all names begin with, up to a hyphen.
"""

import os

from minires.course.grade.platforms.part import Part

TITLE = "GitHub Classroom's checkouts"
CERTAIN = False
SUFFIX = "-submissions"


def parts(listing):
    """Return {entry: [Part]}: the user's name is the name and the id."""
    entries = [entry for entry in listing.is_kind("folder") if listing.holds(entry, ".git")]
    begin = listing.name.removesuffix(SUFFIX) + "-" if listing.name.endswith(SUFFIX) else ""
    if not begin or not all(entry.startswith(begin) for entry in entries):
        begin = os.path.commonprefix(entries) if len(entries) > 1 else ""
        begin = begin[: begin.rfind("-") + 1]
    users = {entry: entry[len(begin) :] for entry in entries if begin}
    return {entry: [Part(user, user)] for entry, user in users.items() if user}
