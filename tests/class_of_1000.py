"""Grade a class of made-up hand-ins as Canvas and as Moodle deliver it, with a roster, killed twice each.

    python tests/class_of_1000.py FOLDER [--students 1000] [--jobs 2]

Both downloads hold the same files of the same students: right and wrong ones, copies with a changed name,
notebooks, PDFs alone. One in fifty of the roster handed in nothing. `minires grade` is killed (kill -9)
twice, at different places, and goes on with --resume; then reports, Gradescope files and points of both are
the same bytes, and everybody has the points that the hand-in was made for. Raises AssertionError otherwise.
"""

import argparse
import json
import pathlib
import random
import signal
import subprocess
import time

import grade_class
import hand_ins
from grade_class import NAME, SOLUTION, rows

FIRST = ("Ana", "Bjørn", "Chloé", "Dmitri", "Ève", "Fatma", "Güneş", "Hana", "Ían", "Jō")
LAST = (
    "O'Neil",
    "da Silva",
    "Müller",
    "Nguyễn",
    "Smith-Jones",
    "Žižek",
    "van der Berg",
    "Li",
    "Ó Sé",
    "İnce",
)
WRONG = grade_class.backward("    return dy @ weight, dy.T @ x / len(x), dy.sum(axis=0)\n")


def sheet(source):
    cell = {"cell_type": "code", "source": [f"%%writefile {NAME}\n", source]}
    return json.dumps({"cells": [cell], "nbformat": 4}).encode()


KINDS = (  # files, points
    *[({NAME: SOLUTION.encode()}, 3)] * 6,
    *[({NAME: WRONG.encode()}, 1)] * 2,
    ({"ex1_1_linear (1).py": SOLUTION.encode()}, 3),
    ({"assignment_1.ipynb": sheet(SOLUTION)}, 3),
    ({"assignment_1.ipynb": sheet(WRONG)}, 1),
    ({"solution.pdf": b"%PDF"}, 0),
    ({NAME: b"def f(:\n"}, 0),
    ({NAME: SOLUTION.encode("utf-16")}, 0),
)


def make(students, seed):
    """Return ({(name, id): files}, {id: points}) of a class, with many of one name."""
    draw = random.Random(seed)
    people, deserved = {}, {}
    for number in range(students):
        name = f"{draw.choice(FIRST)} {draw.choice(LAST)}"
        files, deserved[str(1000 + number)] = draw.choice(KINDS)
        people[name, str(1000 + number)] = files
    return people, deserved


def write_roster(path, people):
    """Write the grade book as Canvas exports it, with some who handed in nothing; return their ids."""
    absent = {(f"Nobody {number}", str(100_000 + number)): {} for number in range(len(people) // 50 + 1)}
    lines = ["Student,ID,SIS Login ID,Section"]
    for name, number in {**people, **absent}:
        first, _, last = name.rpartition(" ")
        lines.append(f'"{last}, {first}",{number},user{number},A')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return {number for _, number in absent}


def grade(folder, source, kills, *more):
    """Grade a zip, killed -9 after these numbers of lines in the journal. Return the seconds."""
    out = folder / source.stem / "grades.csv"
    call = grade_class.command(folder, "--out", out, "--roster", folder / "roster.csv", *more)
    call[call.index(str(folder / "in"))] = str(source)
    begin = time.monotonic()
    for kill_at in kills:
        journal = out.with_suffix("") / "journal.jsonl"
        resume = ["--resume"] if journal.exists() else []
        with subprocess.Popen([*call, *resume], stdout=subprocess.DEVNULL) as process:
            while not journal.exists() or journal.read_bytes().count(b"\n") < kill_at:
                assert process.poll() is None, "the grader ended before it was killed"
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
        assert not out.exists()
    subprocess.run([*call, "--resume"] if kills else call, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def files(folder):
    """Return {name: bytes} of the reports and Gradescope files."""
    found = {}
    for kind in ("reports", "gradescope"):
        found |= {f"{kind}/{path.name}": path.read_bytes() for path in (folder / "grades" / kind).iterdir()}
    return found


def measure(folder, *, students, jobs):
    """Make and grade a class in an empty folder; return rows (what, seconds)."""
    grade_class.write_exercises(folder / "exercises")
    people, deserved = make(students, 1)
    absent = write_roster(folder / "roster.csv", people)
    deserved |= dict.fromkeys(absent, 0)
    canvas = hand_ins.canvas(folder / "canvas.zip", people)
    moodle = hand_ins.moodle(folder / "moodle.zip", people)
    jobs = ("--jobs", str(jobs))
    table = [("Canvas", grade(folder, canvas, (students // 5, students // 2), *jobs))]
    seed = ("--seed-file", str(folder / "canvas" / "grades" / "seed"))
    table.append(("Moodle", grade(folder, moodle, (students // 3, 3 * students // 4), *jobs, *seed)))
    tables = {}
    for name in ("canvas", "moodle"):
        tables[name] = [
            {k: v for k, v in row.items() if k != "notes"} for row in rows(folder / name / "grades.csv")
        ]
        assert {row["id"]: int(row["total"]) for row in tables[name]} == deserved
        entries = rows(folder / name / "grades" / "entries.csv")
        assert len(entries) == students and {row["became"] for row in entries} == {"handed in"}
        lines = (folder / name / "grades" / "journal.jsonl").read_text("utf-8").splitlines()
        graded = [line["student"] for line in map(json.loads, lines) if "student" in line]
        assert len(graded) == len(set(graded)) == len(deserved)  # nobody twice
    assert tables["canvas"] == tables["moodle"] and files(folder / "canvas") == files(folder / "moodle")
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="a new folder")
    for name, value in (("students", 1000), ("jobs", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    for what, seconds in measure(
        arguments.folder.resolve(), students=arguments.students, jobs=arguments.jobs
    ):
        print(f"{arguments.students} hand-ins from {what}, killed twice: {seconds / 60:.1f} minutes")


if __name__ == "__main__":
    main()
