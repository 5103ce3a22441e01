"""How learning platforms hand out what students handed in: one file each, behind one small interface.

A platform is a module with

    TITLE                 what the command calls it, such as "a Moodle download"
    CERTAIN               whether its layout is its own, so that it also shows inside a single folder
    parts(listing)        {entry: [Part, ...]} of the entries of a `listing.Listing` that are named as it
                          names them; more than one Part where several students handed in together

It reads names, and files that the platform itself wrote beside the hand-ins; never a student's file. To add a
platform, write such a module and put it into ALL.
"""

from minires.course.grade.listing import within
from minires.course.grade.platforms import blackboard, canvas, folders, github, gradescope, moodle, one

ALL = {
    "gradescope": gradescope,
    "moodle": moodle,
    "blackboard": blackboard,
    "canvas": canvas,
    "github": github,
    "folders": folders,
    "one": one,
}


def recognised(listing, wanted=None):
    """Return (name of the platform, listing): wanted, else the first whose names most entries have, else
    "folders".

    The listing returned is that of the single folder or zip in it, if only there the names are a platform's.
    """
    known = [wanted] if wanted else [name for name in ALL if name not in ("folders", "one")]
    name = _first(listing, known)
    entries = listing.is_kind("folder", "zip", "file")
    if name is None and len(entries) == 1 and listing.has_inside(entries[0]):
        inside = within(listing, entries[0])
        name = _first(inside, [name for name in known if ALL[name].CERTAIN])
        listing = inside if name else listing
    return name or wanted or "folders", listing


def _first(listing, candidates):
    entries = set(listing.is_kind("folder", "zip", "file"))
    for name in candidates:
        if 2 * len(entries & ALL[name].parts(listing).keys()) > len(entries):
            return name
    return None
