"""Folders and zips named after students, as one collects them by hand.

    fred/    fred (late)/    fred 2026-11-03 10.15/    fred_20261103-101500.zip

are hand-ins of fred: "(late)" is later than one without, and times say it themselves.
"""

import re

from minires.course.grade.platforms.part import TIME, Part, time_in

TITLE = "folders and zips named after students"
CERTAIN = False
ARCHIVES = (".rar", ".7z", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst")
LATE = re.compile(
    r"(?P<name>.+?)[ _-]*[(\[] *(?P<late>late|resubmission|resubmitted) *(?P<n>\d*) *[)\]]", re.I
)
TIMED = re.compile(rf"(?P<name>.*?[^ _@+.(\[-])[ _@+.-]*[(\[]?(?P<time>{TIME.pattern})[)\]]?")


def parts(listing):
    """Return {entry: [Part]} of all folders, zips, links and archives of other kinds."""
    found = {}
    for entry in listing.is_kind("folder", "zip", "file"):
        archive = entry.lower().endswith(ARCHIVES)
        if listing.entries[entry] != "file" or listing.is_link(entry) or archive:
            found[entry] = [_part(_name(listing, entry))]
    return found


def _name(listing, entry):
    """Return an entry without .zip, unless a folder has that name."""
    stem = entry[: -len(".zip")]
    return stem if listing.entries[entry] == "zip" and stem and stem not in listing.entries else entry


def _part(name):
    timed = TIMED.fullmatch(name)
    when = time_in(timed["time"]) if timed else None
    if when:
        name = timed["name"]
    late = LATE.fullmatch(name)
    if late:
        return Part(late["name"], when=when, attempt=int(late["n"] or 1), notes=(f"named ({late['late']})",))
    return Part(name, when=when)
