"""Exercises without their solutions, for students: what the solution returned instead of what it is.

    write("my-exercises", "for-students")         # by the instructor
    exercises("for-students")                     # what `exercise.exercises` finds in such a folder

A file exA_B_topic.reference holds what is handed out, and for each function and seed the inputs, the right
results and what every known mistake gives. Two mistakes at once are not in it: their number is too large.
"""

import pathlib
import zlib
from dataclasses import dataclass

from minires.course.examination import Examination
from minires.course.exercise import FILES, Exercise, load, read
from minires.course.known_mistakes import KnownMistakes
from minires.course.parts import Mistake, Part
from minires.course.sandbox import wire

SUFFIX = ".reference"
FORM = 1  # of the files: another number, and this version cannot read them
SEEDS = 5  # drawn into a package: 0, 1, ...
LARGEST = 1 << 28  # bytes, unpacked

README = """\
# Exercises

{table}

You need Python, NumPy and an installed minires. From the folder that holds this one:

    minires exercise list --exercises {name}
    minires exercise start {first} --exercises {name}

The second writes a folder with the files to fill in. It says what to do next.
"""


@dataclass(frozen=True)
class Packaged(Exercise):
    """An exercise of which only results are there. papers: {part: [bytes of `_paper` for each seed]};
    finished: {module: source} of the finished files that it imports.
    """

    papers: dict
    finished: dict

    @property
    def path(self):
        """The file with its results."""
        return self.folder / f"{self.module}{SUFFIX}"

    @property
    def starter(self):
        """What is handed out is all that there is."""
        return self.head

    @property
    def sources(self):
        """{module: source} of the finished files that it imports."""
        return self.finished

    def solution(self, *mistakes):
        """Raise ValueError: a student package has none."""
        raise ValueError(
            f"{self.path.name} is a student package, which has no solution: expected the folder with "
            f"{self.module}.py, as its author wrote it"
        )

    def examination(self, part, seed):
        """Return the Examination of a part. Raises ValueError if this seed is not in the package."""
        papers = self.papers[part.name]
        if seed >= len(papers):
            raise ValueError(
                f"--seed: exercise {self.number} is a student package with the inputs of the seeds 0 to "
                f"{len(papers) - 1}, got {seed}"
            )
        return Remembered(self, part, wire.decode(papers[seed]))


class Remembered(Examination):
    """An Examination whose results were computed elsewhere."""

    def __init__(self, exercise, part, paper):
        handed_out = load(exercise.head, exercise.module, exercise.sources)
        known = _Remembered(exercise, part, paper["cases"], paper["expected"])
        known.take([tuple(row) for row in paper["mistakes"]])
        self._take(exercise, part, handed_out, paper["cases"], paper["expected"], paper["drew"], known)


class _Remembered(KnownMistakes):
    """Known mistakes of which only the outputs are there."""

    def take(self, rows):
        """Take over (name, sentence, outputs of all cases) of every mistake that shows."""
        self._alone, self._pairs = rows, []


def exercises(folder):
    """Return the exercises in a student package. Raises ValueError for a file that is not one."""
    return [_read(path) for path in sorted(pathlib.Path(folder).glob(FILES.replace(".py", SUFFIX)))]


def write(folder, to, *, seeds=SEEDS):
    """Write the student package of a folder of exercises; return the paths of its files.

    Raises ValueError if there is no exercise in it, if one needs another one's solution, or if `to` exists
    and is not empty.
    """
    folder, to = pathlib.Path(folder), pathlib.Path(to)
    chosen = [read(path) for path in sorted(folder.glob(FILES))] if folder.is_dir() else []
    if not chosen:
        raise ValueError(f"{folder}: expected a folder with exercises, such as ex5_1_topic.py")
    for one in chosen:
        solved = [name for name in one.sources if name.startswith("ex")]
        if solved:
            raise ValueError(
                f"{one.module}.py imports {solved[0]}.py, whose solution would be in the package: put what "
                "both need, finished, into a file whose name does not begin with ex"
            )
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ValueError(f"{to} exists and is not empty: name another folder with --to, or move it away")
    packed = {f"{one.module}{SUFFIX}": _packed(one, seeds) for one in chosen}
    to.mkdir(parents=True, exist_ok=True)
    for name, content in packed.items():
        (to / name).write_bytes(content)
    rows = ["| exercise | functions | points |", "| --- | --- | --- |"]
    for one in chosen:
        functions = ", ".join(part.name for part in one.parts)
        rows.append(f"| {one.number} {one.title} | {functions} | {one.points} |")
    text = README.format(table="\n".join(rows), name=to.name, first=chosen[0].assignment)
    (to / "README.md").write_text(text, encoding="utf-8", newline="\n")
    return [*(to / name for name in packed), to / "README.md"]


def _packed(one, seeds):
    parts = [
        {
            "name": part.name,
            "returns": list(part.returns),
            "hints": list(part.hints),
            "after": part.after,
            "points": part.points,
            "papers": [_paper(one, part, seed) for seed in range(seeds)],
        }
        for part in one.parts
    ]
    content = {
        "form": FORM,
        **{name: getattr(one, name) for name in ("number", "module", "title", "text", "lesson")},
        "head": one.starter,
        "finished": one.sources,
        "mistakes": [[mistake.name, mistake.says] for mistake in one.mistakes],
        "parts": parts,
    }
    return zlib.compress(wire.encode(content), 9)


def _paper(one, part, seed):
    """Return, as bytes, the inputs of a seed, and what solution and known mistakes return for them."""
    examination = Examination(one, part, seed)
    paper = {
        "cases": examination.cases,
        "expected": examination.expected,
        "drew": examination._drew,
        "mistakes": [list(row) for row in examination._known_mistakes._alone],
    }
    return wire.encode(paper)


def _read(path):
    try:
        unpacked = zlib.decompressobj()
        content = wire.decode(unpacked.decompress(path.read_bytes(), LARGEST))
        if content["form"] != FORM:
            raise ValueError(f"form {content['form']}")
        parts = tuple(
            Part(
                each["name"],
                tuple(each["returns"]),
                list,
                tuple(each["hints"]),
                each["after"],
                each["points"],
            )
            for each in content["parts"]
        )
        return Packaged(
            **{name: content[name] for name in ("number", "module", "title", "text", "lesson", "head")},
            parts=parts,
            mistakes=tuple(Mistake(name, "", "", says) for name, says in content["mistakes"]),
            folder=path.parent,
            papers={each["name"]: each["papers"] for each in content["parts"]},
            finished=content["finished"],
        )
    except (zlib.error, wire.WireError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: expected a file that minires exercise package wrote; it is damaged, or of another "
            f"version of minires ({error}): ask for it again"
        ) from error
