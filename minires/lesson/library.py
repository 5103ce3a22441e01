"""Which lessons there are, what their first cell says, and the cells they consist of.

A lesson is a plain script in `lessons/`, in the percent format that editors and Jupytext read as a notebook:
a line `# %%` begins a cell of code, `# %% [markdown]` one of text, whose lines are comments.
"""

import dataclasses
import pathlib
import re

from minires import resources

CELL = re.compile(r"^# %%(?!%)[ \t]*(\[markdown\])?.*$", re.MULTILINE)
TITLE = re.compile(r"# (\d+)\. (.+)")
EXAMPLE = '"# # 8. Its title", "# **Question.** ..." and "# *Time: 6 s. Before this: ..."'


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell: whether it is text, its source (text without the comment signs), its first line's number."""

    is_text: bool
    source: str
    line: int


@dataclasses.dataclass(frozen=True)
class Lesson:
    """A script in lessons/, and what its first cell says of it."""

    path: pathlib.Path
    number: int
    title: str
    question: str
    time: str
    cells: tuple


def folder():
    """Return the folder of the lessons. Raises ValueError if they did not come with minires."""
    return resources.find("", folder="lessons")


def lessons():
    """Return every lesson, by number. Raises ValueError if one has no proper first cell."""
    return [read(path) for path in sorted(folder().glob("[0-9][0-9]_*.py"))]


def find(number):
    """Return the lesson of this number. Raises ValueError with those that there are."""
    known = {int(path.name[:2]): path for path in sorted(folder().glob("[0-9][0-9]_*.py"))}
    if number not in known:
        raise ValueError(
            f"lesson {number}: does not exist; there are {_ranges(sorted(known)) or 'none at all'}"
        )
    return read(known[number])


def read(path):
    """Return the lesson in a file. Raises ValueError if its first cell or one of its texts is malformed."""
    path = pathlib.Path(path)
    cells = split(path.read_text(encoding="utf-8"), path.name)
    head = cells[0].source if cells and cells[0].is_text else ""
    title = TITLE.fullmatch(head.partition("\n")[0])
    question = re.search(r"^\*\*Question\.\*\* (.+?)(?:\n\n|\Z)", head, re.MULTILINE | re.DOTALL)
    time = re.search(r"^\*Time: (.+?)\.(?=[\s*])", head, re.MULTILINE | re.DOTALL)
    if not (title and question and time and path.name.startswith(f"{int(title[1]):02}_")):
        raise ValueError(f"{path.name}: expected a first cell of text with its number, {EXAMPLE}")
    question, time = (" ".join(found[1].split()) for found in (question, time))
    return Lesson(path, int(title[1]), title[2].strip(), question, time, tuple(cells))


def split(script, name="the script"):
    """Return the cells of a script; what precedes the first mark is code, and empty cells are left out.

    Raises ValueError if a line of a cell of text is no comment.
    """
    marks = list(CELL.finditer(script))
    ends = [mark.start() for mark in marks] + [len(script)]
    parts = [(False, 0, ends[0])]
    parts += [(mark[1] is not None, mark.end(), end) for mark, end in zip(marks, ends[1:], strict=True)]
    cells = []
    for is_text, start, end in parts:
        source = script[start:end]
        first = script.count("\n", 0, start) + 1 + (len(source) - len(source.lstrip("\n")))
        source = source.strip("\n").rstrip()
        if source:
            cells.append(Cell(is_text, _uncommented(source, name, first) if is_text else source, first))
    return cells


def _uncommented(source, name, first):
    lines = source.split("\n")
    for number, line in enumerate(lines, start=first):
        if line.strip() and not re.match(r"#( |$)", line):
            raise ValueError(
                f"{name}, line {number}: expected text, '# ...', in a cell of text, got {line!r}"
            )
    return "\n".join(line[2:] for line in lines).strip("\n")


def _ranges(numbers):
    """Return [1, 2, 3, 8] as "1 to 3, 8"."""
    parts = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in parts)
