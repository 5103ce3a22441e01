"""The walk "From a Moodle zip to the table" in lessons/exercises/README.md: a class is made and graded.

python tests/grade_walk.py writes that section's blocks again from what the commands print today.
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
    """Grade the class in a folder; return the three blocks of the section."""
    make_class(folder)
    call = [sys.executable, "-m", "minires", *shlex.split(COMMAND)[1:], "--without-isolation"]
    there = {**os.environ, "COLUMNS": "100"}
    run = subprocess.run(call, cwd=folder, env=there, capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    said = run.stdout.partition("\n\n")[2].rstrip()  # without the protections, which depend on the machine
    return [
        f"```console\n$ {COMMAND}\n...\n{said}\n```",
        f"```text\n{_table(folder / 'grades.csv')}\n```",
        f"```text\n{(folder / 'grades/entries.csv').read_text('utf-8').rstrip()}\n```",
    ]


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
    inside = re.sub(r"```(console|text)\n.*?\n```", lambda _: next(seen), inside, flags=re.DOTALL)
    README.write_text(before + inside + after, encoding="utf-8")


if __name__ == "__main__":
    main()
