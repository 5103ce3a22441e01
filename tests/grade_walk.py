"""The walks to the table and to the gradebook in lessons/exercises/README.md: a class is made and graded.

python tests/grade_walk.py writes these sections' blocks again from what the commands print today.
"""

import csv
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

import hand_ins

from minires.course import exercise

README = pathlib.Path(__file__).parent.parent / "lessons" / "exercises" / "README.md"
BEGIN, END = "## From a Moodle zip to the table\n", "## What the check does\n"
ZIP = "CS231-Assignment 1-4711.zip"
ROSTER = """\
Identifier,Full name,Email address
Participant 40001,Jane Doe,jane@example.org
Participant 40002,Émile Zola,emile@example.org
Participant 40003,Bo O'Neil,bo@example.org
Participant 40004,Fatma Li,fatma@example.org
Participant 40005,Al Pha,al@example.org
"""
OVERRIDES = """\
student,what,points,reason
Bo O'Neil,1.1,3,solved on paper
40004,late,2,by mail on 3 November
Émile Zola,late,0,ill
"""
COMMAND = f'minires grade "{ZIP}" --out grades.csv --roster students.csv'
FUNCTION = re.compile(r"\d\.\d ")  # begins the heading of a function's column


def make_class(folder):
    """Write the zip and the roster: one right, a notebook with a known mistake, a PDF, a browser's copy."""
    subjects = exercise.of_assignment(1)
    right = {f"{one.module}.py": one.head.encode() for one in subjects}
    linear = subjects[0]
    mistake = next(m for m in linear.mistakes if m.name == "mean of the bias gradient")
    source = f"%%writefile {linear.module}.py\n{mistake.edit(linear.head)}"
    notebook = {"cells": [{"cell_type": "code", "source": source}], "nbformat": 4}
    people = {
        ("Jane Doe", "40001"): right,
        ("Émile Zola", "40002"): {"assignment_1.ipynb": json.dumps(notebook).encode()},
        ("Bo O'Neil", "40003"): {"essay.pdf": b"%PDF"},
        ("Fatma Li", "40004"): {f"{linear.module} (1).py": linear.head.encode()},
    }
    hand_ins.moodle(folder / ZIP, people)
    (folder / "students.csv").write_text(ROSTER, encoding="utf-8")


def blocks(folder):
    """Grade the class in a folder; return the blocks of both sections."""
    make_class(folder)
    return [
        f"```console\n{_run(folder, COMMAND)}\n```",
        f"```text\n{_table(folder / 'grades.csv')}\n```",
        f"```text\n{(folder / 'grades/entries.csv').read_text('utf-8').rstrip()}\n```",
        *gradebook_blocks(folder),
    ]


def gradebook_blocks(folder):
    """Decide what an instructor may decide about the class that is graded; return the blocks."""
    (folder / "points.csv").write_text("what,points\n1.1,6\nconv2d_backward,8\n", encoding="utf-8")
    weighted = f"{COMMAND} --resume --points points.csv --partial"
    first = [_cat(folder, "points.csv"), _run(folder, weighted)]
    (folder / "grades/overrides.csv").write_text(OVERRIDES, encoding="utf-8")
    dated = f'{weighted} --due 2026-11-01T23:59+01:00 --late "10%/day, 5 days" --export moodle'
    second = [_cat(folder, "grades/overrides.csv"), _run(folder, dated), _cat(folder, "grades/moodle.csv")]
    table = (folder / "grades.csv").read_text("utf-8")
    (folder / "grades.csv").write_text(table.replace('"Jane Doe",39,', '"Jane Doe",40,'), encoding="utf-8")
    third = [_run(folder, dated, code=2), _run(folder, f"{dated} --keep-edits")]
    third.append(_cat(folder, "grades/overrides.csv"))
    return ["```console\n" + "\n\n".join(block) + "\n```" for block in (first, second, third)]


def _cat(folder, name):
    return f"$ cat {name}\n{(folder / name).read_text('utf-8').rstrip()}"


def _run(folder, command, code=0):
    """Run a command; return what is seen, without the protections, which depend on the machine."""
    call = [sys.executable, "-m", "minires", *shlex.split(command)[1:], "--without-isolation"]
    there = {**os.environ, "COLUMNS": "100"}
    run = subprocess.run(call, cwd=folder, env=there, capture_output=True, encoding="utf-8")
    assert run.returncode == code, run.stderr
    if code:
        return f"$ {command}\n{run.stdout}{run.stderr}".rstrip()
    before, _, after = run.stdout.partition("What holds on this machine")
    said = f"{before}...\n" + after.partition("\n\n")[2]
    return f"$ {command}\n{said}{run.stderr}".rstrip()


def _table(path):
    """Return a table without the columns of the functions."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    kept = [column for column, name in enumerate(rows[0]) if not FUNCTION.match(name)]
    return "\n".join(",".join(row[column] for column in kept) for row in rows)


def section():
    """Return (the README before the section, the section, the README after it)."""
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    inside, end, after = rest.partition(END)
    return before + begin, inside, end + after


def main():
    """Write the section again."""
    with tempfile.TemporaryDirectory() as folder:
        seen = iter(blocks(pathlib.Path(folder)))
    before, inside, after = section()
    inside = re.sub(r"```(console|text)\n.*?```", lambda _: next(seen), inside, flags=re.DOTALL)
    README.write_text(before + inside + after, encoding="utf-8")


if __name__ == "__main__":
    main()
