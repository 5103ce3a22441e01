"""The walk in lessons/exercises/README.md: commands, what the student has written by then, what is printed.

python tests/exercise_walk.py writes the README again from what the commands print today.
"""

import contextlib
import io
import os
import pathlib
import re
import tempfile
from unittest import mock

from minires import cli
from minires.course import exercise, handout

README = pathlib.Path(__file__).parent.parent / "lessons" / "exercises" / "README.md"
COLUMNS = {"COLUMNS": "100"}


def table():
    """Return the list of the exercises as a Markdown table."""
    rows = ["| exercise | functions | lesson | points |", "| --- | --- | --- | --- |"]
    for one in exercise.exercises():
        functions = ", ".join(f"`{part.name}`" for part in one.parts)
        rows.append(
            f"| {one.number} [{one.title}]({one.module}.py) | {functions} | {one.lesson} | {one.points} |"
        )
    titles = [f"{n}: {handout.title(n)}" for n in (1, 2, 3, 4)]
    return "\n".join([*rows, "", f"Assignment {'; '.join(titles)}."])


def edited(number, name=None):
    """Put the solution of an exercise, with a known mistake, into the student's folder."""
    one = exercise.find(number)
    source = one.head if name is None else next(m for m in one.mistakes if m.name == name).edit(one.head)
    pathlib.Path("assignment-1", f"{one.module}.py").write_text(source, encoding="utf-8")


WALK = [
    [("", "minires exercise start 1"), ("", "minires exercise check 1.1")],
    [(("1.1", "mean of the bias gradient"), "minires exercise check 1.1")],
    [(("1.1",), "minires exercise check 1.1")],
    [(("1.5", "windows overwrite each other"), "minires exercise check 1.5")],
]


def blocks():
    """Run the walk in this folder; return what is seen in the terminal, block by block."""
    seen = []
    for steps in WALK:
        lines = []
        for written, command in steps:
            if written:
                edited(*written)
            out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
            with contextlib.redirect_stdout(out), mock.patch.dict(os.environ, COLUMNS):
                cli.main(command.split()[1:])
            out.flush()
            lines += [f"$ {command}", out.buffer.getvalue().decode().rstrip(), ""]
        seen.append("```console\n" + "\n".join(lines).rstrip() + "\n```")
    return seen


def main():
    """Write the README again."""
    text, end, after = README.read_text(encoding="utf-8").partition("## From a Moodle zip")
    with tempfile.TemporaryDirectory() as folder:
        before = os.getcwd()
        os.chdir(folder)
        try:
            seen = iter(blocks())
        finally:
            os.chdir(before)
    text, chapter, rest = text.partition("## Writing an exercise of your own")  # of author_walk
    text = re.sub(r"@@\d@@|```console\n.*?\n```", lambda _: next(seen), text, flags=re.DOTALL)
    text = re.sub(r"@@TABLE@@|\| exercise \|.*?\nAssignment [^\n]+", lambda _: table(), text, flags=re.DOTALL)
    README.write_text(text + chapter + rest + end + after, encoding="utf-8")


if __name__ == "__main__":
    main()
