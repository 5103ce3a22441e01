"""Whose each entry of SUBMISSIONS is: each becomes part of a hand-in, or a line that says why not.

gathered = gather("submissions")            # or "moodle.zip"; platform="canvas"
for submission in gathered.submissions: ...
for entry in gathered.entries: ...          # exactly one for each entry of the folder or zip
"""

import datetime
import pathlib
import re
from dataclasses import dataclass, replace

from minires.course.grade import listing as listings
from minires.course.grade import names, platforms
from minires.course.grade.containers import Refused, Several, is_litter

HANDED_OUT = re.compile(r"ex(\d)_\d_\w+\.py", re.ASCII)
BESIDE = ("data",)  # folders that are handed out with the files
COUNTS, EARLIER, NONE = "handed in", "earlier hand-in", "no hand-in"
OLDEST = datetime.datetime(1, 1, 1)


@dataclass(frozen=True)
class Attempt:
    """One hand-in of a student. entries: names in SUBMISSIONS; when: or None; notes: the platform's lines."""

    entries: tuple
    when: datetime.datetime | None = None
    notes: tuple = ()


@dataclass(frozen=True)
class Submission:
    """What one student handed in. student: a name unlike all others; id: the platform's, or None; attempts:
    oldest first, the last counts; source: of its files (see `containers`), or the Refused that says why not.
    """

    student: str
    id: str | None
    attempts: tuple
    source: object
    notes: tuple = ()  # of all attempts, and of what was joined to it
    known_as: str = ""  # the name before the roster's took its place

    @property
    def when(self):
        """The time at which it was handed in, or None."""
        return self.attempts[-1].when if self.attempts else None


@dataclass(frozen=True)
class Entry:
    """What became of one entry of SUBMISSIONS. became: COUNTS, EARLIER or NONE; students: their names (of a
    group, several); says: why it is no hand-in, or that a later one counts."""

    name: str
    became: str
    students: tuple = ()
    says: str = ""


@dataclass(frozen=True)
class Gathered:
    """All hand-ins and all entries, sorted by name. read_as: a line on the layout; is_one: whether
    SUBMISSIONS is itself one student's hand-in; platform: the name in `platforms.ALL`."""

    submissions: tuple
    entries: tuple
    read_as: str
    is_one: bool = False
    platform: str = ""

    def of(self, became):
        """Return the entries of which this became."""
        return [entry for entry in self.entries if entry.became == became]


def gather(path, platform=None, own=()):
    """Return the Gathered of a folder or zip of submissions.

    platform: a name in `platforms.ALL`; None: recognised by the names. own: paths that the grader writes.
    Raises ValueError if there is no submission, or if it is not clear whose the files are.
    """
    path = pathlib.Path(path)
    name, listing = platforms.recognised(listings.opened(path, own), platform)
    if platform is None and name == "folders" and _is_one(path, listing):
        name = "one"
    if name == "one":
        return _one(listing)
    known = platforms.ALL[name].parts(listing)
    for entry, found in platforms.ALL["folders"].parts(listing).items():
        if entry not in known:  # nobody is lost for a name that is not the platform's
            known[entry] = found
    if not known:
        raise ValueError(f"{path}: there is no submission in it: no folder, no zip, no ex1_1_....py")
    submissions, entries = _by_student(listing, _with_bases(known))
    entries += [
        Entry(entry, NONE, (), _why_not(listing, entry)) for entry in listing.entries.keys() - known.keys()
    ]
    entries += [Entry(entry, NONE, (), _why_not(listing, entry)) for entry in listing.outside]
    read_as = f"read as {platforms.ALL[name].TITLE}, a {listing.kind}"
    return Gathered(
        tuple(sorted(submissions, key=lambda each: each.student)),
        tuple(sorted(entries, key=lambda each: each.name)),
        read_as,
        platform=name,
    )


def _is_one(path, listing):
    """Whether the exercises lie here, without a student's folder. Raises ValueError if both are here."""
    files = [name for name in listing.is_kind("file") if HANDED_OUT.fullmatch(name)]
    if not files:
        return False
    others = [name for name in listing.is_kind("folder", "zip") if name not in BESIDE]
    if others:
        raise ValueError(
            f"{path}: {files[0]} lies here beside {len(others)} folders or zips ({names.visible(others[0])}"
            f"{', ...' if len(others) > 1 else ''}): whose is it? If this is a class, move the file into its "
            "student's folder; if all of it is one student's, say so with --platform one"
        )
    return True


def _one(listing):
    """Return the Gathered of one student's folder or zip."""
    student = names.visible(listing.name)
    one = Submission(student, None, (Attempt((listing.name,)),), listing.whole())
    entry = Entry(listing.name, COUNTS, (student,))
    return Gathered((one,), (entry,), f"read as {platforms.ALL['one'].TITLE}, a {listing.kind}", True)


def _why_not(listing, entry):
    if is_litter(entry):
        return "left behind by a system or an editor, not read"
    if HANDED_OUT.fullmatch(entry):
        return "not read: a file in no student's folder"
    return "not read: neither a folder nor a zip, and not named as a hand-in"


def _with_bases(known):
    """Return the parts, those named only "fred_late" or "fred-late" taken for fred's if there is a fred."""
    students = {part.student for found in known.values() for part in found}
    late = re.compile(r"(?P<name>.+?)[ _-]late", re.IGNORECASE)

    def of(part):
        named = late.fullmatch(part.student)
        if part.id is None and named and named["name"] in students:
            return replace(part, student=named["name"], attempt=1, notes=(*part.notes, "named late"))
        return part

    return {entry: [of(part) for part in found] for entry, found in known.items()}


def _by_student(listing, known):
    """Return the Submissions, and the Entries of all that a student has a part in."""
    people = {}
    for entry, found in known.items():
        for part in found:
            key = part.id, part.student  # an id that two names have may be misread: nobody is merged
            people.setdefault(key, []).append((entry, part))
    order = list(people.values())
    submissions, became = [], {}
    for student, mine in zip(names.unlike([mine[0][1].student for mine in order]), order, strict=True):
        attempts = {}
        for entry, part in mine:
            attempts.setdefault(_time(part), []).append((entry, part))
        last = max(attempts)
        pieces, older = _newest_versions(attempts[last])
        submissions.append(
            _submission(listing, student, [attempts[time] for time in sorted(attempts)], pieces)
        )
        for entry, part in mine:
            counts = _time(part) == last and entry not in older
            says = "" if counts else "a later hand-in, or version of the file, counts"
            became.setdefault(entry, []).append(Entry(entry, COUNTS if counts else EARLIER, (student,), says))
    return submissions, [_together(found) for found in became.values()]


def _time(part):
    """Return what orders hand-ins: times of zones are compared with others as they are written."""
    return part.attempt, (part.when or OLDEST).replace(tzinfo=None)


def _newest_versions(attempt):
    """Return ([(entry, part)] that count, entries of older versions of the same file)."""
    newest = {}
    for entry, part in attempt:
        file = part.file or entry
        if file not in newest or newest[file][1].version < part.version:
            newest[file] = (entry, part)
    counts = list(newest.values())
    return counts, {entry for entry, _ in attempt} - {entry for entry, _ in counts}


def _submission(listing, student, attempts, pieces):
    held = tuple(
        Attempt(
            tuple(names.visible(entry) for entry, _ in attempt),
            attempt[0][1].when,
            tuple(dict.fromkeys(note for _, part in attempt for note in part.notes)),
        )
        for attempt in attempts
    )
    notes = tuple(dict.fromkeys(note for attempt in held for note in attempt.notes))
    if len(held) > 1:
        told = ", ".join(attempt.entries[0] for attempt in held)
        notes += (f"handed in {len(held)} times ({told}): {held[-1].entries[0]} counts",)
    versions = {entry for entry, _ in attempts[-1]} - {entry for entry, _ in pieces}
    if versions:
        notes += (f"{len(versions)} earlier versions of files do not count: {', '.join(sorted(versions))}",)
    return Submission(student, pieces[0][1].id, held, _source(listing, pieces), notes)


def _source(listing, pieces):
    """Return the source of the entries of one hand-in, or the Refused that says why there is none."""
    try:
        if len(pieces) == 1 and not pieces[0][1].file:
            return _entry(listing, *pieces[0])
        files = []
        for entry, part in pieces:
            for source, inside, name in listing.pieces(entry):
                files.append((source, inside, (part.file,) if part.file else name))
        return Several(files)
    except Refused as refused:
        return refused


def _entry(listing, entry, part):
    if listing.entries[entry] == "file" and not listing.is_link(entry):
        kind = entry[entry.rindex(".") :]
        raise Refused(f"is a {kind} archive, which is not read: hand in a folder or a zip")
    return listing.source(entry)


def _together(found):
    """Return one Entry for an entry that belongs to several students."""
    students = tuple(student for entry in found for student in entry.students)
    return replace(max(found, key=lambda entry: entry.became == COUNTS), students=students)
