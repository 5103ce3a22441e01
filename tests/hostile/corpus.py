"""The hostile corpus: answers to exercise 1.1, the points they deserve, the line they must be told.

Most are a file in submissions/, which says of itself in its docstring, below what it tries,

    points: 1
    line: a regular expression that one function's message, or "right", matches
    needs: protections (of `isolation`) and restrictions (of a sandbox) without which it might do harm

@IN@, @OUT@, @LESSONS@ and @ROOT@ in it stand for the folders of the submissions, of the grades, of the
exercises and of minires. What is no plain file is built by a function of `odd`.
"""

import pathlib
import re
from dataclasses import dataclass

from hostile import odd

NAME = odd.NAME
FOLDER = pathlib.Path(__file__).parent / "submissions"
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEAD = re.compile(
    r'"""(?P<says>.+?)\n\npoints: (?P<points>\d)\nline: (?P<line>.+?)\n(?:needs: (?P<needs>.+?)\n)?"""'
)


@dataclass(frozen=True)
class Member:
    """One submission. says: what it tries; points: of 3; line: a regular expression; needs: names; source:
    text of its file, or None; build: else writes it; called with a folder and its name."""

    name: str
    says: str
    points: int
    line: str
    needs: tuple = ()
    source: str | None = None
    build: object = None

    def write(self, folder, places):
        """Write the submission into a folder. places: {"@IN@": path, ...}."""
        if self.build is not None:
            self.build(folder, self.name)
            return
        source = self.source
        for name, path in places.items():
            source = source.replace(name, str(path))
        odd.put(folder, self.name, source.encode())


def members():
    """Return all members, by name."""
    found = {}
    for path in sorted(FOLDER.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        head = HEAD.match(source)
        needs = tuple((head["needs"] or "").split(", ")) if head["needs"] else ()
        found[path.stem] = Member(path.stem, head["says"], int(head["points"]), head["line"], needs, source)
    for name, (build, points, line) in odd.BUILDERS.items():
        found[name] = Member(name, build.__doc__, points, line, build=build)
    return found


def places(submissions, out):
    """Return what @IN@, @OUT@, ... stand for. out: the folder in which grades.csv is written."""
    return {"@IN@": submissions, "@OUT@": out, "@LESSONS@": ROOT / "lessons" / "exercises", "@ROOT@": ROOT}
