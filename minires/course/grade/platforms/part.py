"""What a platform says of one entry, and the time in its names."""

import datetime
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """An entry of SUBMISSIONS, or a share in it.

    student: the name; id: the platform's, or None; when: it was handed in, or None; attempt: a number that
    is larger for a later hand-in of whose time nothing is known; file: the student's name for it, if the
    entry is one file of several, else ""; version: a number that is larger for a later file of the same
    name; notes: lines for the instructor.
    """

    student: str
    id: str | None = None
    when: datetime.datetime | None = None
    attempt: int = 0
    file: str = ""
    version: int = 0
    notes: tuple = ()


TIME = re.compile(
    r"(?P<date>20\d\d-?[01]\d-?[0-3]\d)"
    r"(?:[T _-]*(?P<h>[0-2]\d)[.:_-]?(?P<m>[0-5]\d)(?:[.:_-]?(?P<s>[0-5]\d))?)?"
    r"(?:\.\d+)?\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?"
)


def time_in(text):
    """Return the time that a text is, or None. Without a zone it stays one without."""
    found = TIME.fullmatch(text.strip())
    if not found:
        return None
    zone = (found["zone"] or "").replace("Z", "+0000").replace("UTC", "+0000").replace(":", "")
    clock = f"{found['h'] or '00'}{found['m'] or '00'}{found['s'] or '00'}"
    try:
        return datetime.datetime.strptime(
            found["date"].replace("-", "") + clock + zone, "%Y%m%d%H%M%S" + ("%z" if zone else "")
        )
    except ValueError:
        return None
