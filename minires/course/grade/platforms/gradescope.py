"""Gradescope, "Export Submissions": a folder submission_ID for each hand-in, and submission_metadata.yml.

    submission_5678:
      :submitters:
      - :name: Jane Doe
        :sid: '1234'
        :email: jane@example.org
      :created_at: 2026-11-03 10:15:00.365935000 Z

Several submitters handed in together. Only the lines above are read, by their indentation; what a student's
program printed stands deeper.
"""

import re

from minires.course.grade.platforms.part import Part, time_in

TITLE = "a Gradescope export"
CERTAIN = True
METADATA = "submission_metadata.yml"
LARGEST = 200_000_000  # bytes: it holds what the tests of every hand-in printed
ENTRY = re.compile(r"[\"']?(submission_\w+)[\"']?:\s*")
KEY = re.compile(r"  :(\w+):\s*(.*)")
PERSON = re.compile(r"  (-| ) :(\w+):\s*(.*)")


def parts(listing):
    """Return {entry: [Part, ...]}: the student id, else the address, is the id."""
    text = listing.text(METADATA, limit=LARGEST) if METADATA in listing.entries else None
    found = {}
    for entry, (people, when) in _read(text or "").items():
        if entry in listing.entries and people:
            names = [person.get("name") or person.get("email") or entry for person in people]
            together = (f"Gradescope: handed in together by {', '.join(names)}",) if len(names) > 1 else ()
            found[entry] = [
                Part(name, person.get("sid") or person.get("email") or None, when=when, notes=together)
                for name, person in zip(names, people, strict=True)
            ]
    return found


def _read(text):
    """Return {entry: ([{"name", "sid", "email"}], time or None)} of the metadata."""
    found, entry, section = {}, None, None
    for line in text.splitlines():
        begins, key, person = ENTRY.fullmatch(line), KEY.fullmatch(line), PERSON.fullmatch(line)
        if begins:
            entry, section = begins[1], None
            found[entry] = ([], None)
        elif entry and key:
            section = key[1]
            if section == "created_at":
                found[entry] = (found[entry][0], time_in(_plain(key[2])))
        elif entry and person and section == "submitters":
            if person[1] == "-":
                found[entry][0].append({})
            if found[entry][0]:
                found[entry][0][-1][person[2]] = _plain(person[3])
    return found


def _plain(value):
    """Return a YAML scalar of one line as text."""
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1].replace("''", "'")
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\x(..)|\\u(....)", lambda m: chr(int(m[1] or m[2], 16)), value[1:-1])
        return value.replace('\\"', '"').replace("\\\\", "\\")
    return "" if value in ("null", "~") else value
