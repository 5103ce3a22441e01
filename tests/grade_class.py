"""`minires grade` for tests: with exercise 1.1 alone, on a small class.

python grade_class.py EXERCISES grade SUBMISSIONS --out FILE.csv
"""

import csv
import pathlib
import shutil
import signal
import sys

from minires import resources
from minires.course import exercise

NAME = "ex1_1_linear.py"
SOLUTION = """\
import numpy as np


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)
"""


def backward(body):
    """Return a file whose backward is this line or these lines."""
    return SOLUTION.replace("    return dy @ weight, dy.T @ x, dy.sum(axis=0)\n", body)


CLASS = {
    "ann": SOLUTION,
    "Bo_123_assignsubmission_file_": backward("    return dy @ weight, dy.T @ x / len(x), dy.sum(axis=0)\n"),
    "=cmd|' calc'!A0": exercise.find("1.1").starter,
    "cy": backward("    import os\n    os._exit(0)\n"),
    "di": "def f(:\n",
    "ed": backward("    while True:\n        pass\n"),
}
POINTS = {"ann": 3, "Bo_123_assignsubmission_file_": 1, "=cmd|' calc'!A0": 0, "cy": 1, "di": 0, "ed": 1}


def use_exercises(folder):
    """Let minires know the exercises in this folder alone; return the function that was there."""
    there = exercise.folder
    exercise.folder = lambda: pathlib.Path(folder)
    exercise.exercises.cache_clear()
    return there


def write_exercises(folder):
    folder.mkdir()
    shutil.copy(resources.find(f"exercises/{NAME}", folder="lessons"), folder)
    return folder


def write_class(folder, files):
    for student, source in files.items():
        (folder / student).mkdir(parents=True)
        (folder / student / NAME).write_text(source, encoding="utf-8")
    return folder


def command(folder, *arguments):
    """Return the command that grades folder/in with folder/exercises, in a process of its own."""
    driver = [sys.executable, __file__, str(folder / "exercises"), "grade", str(folder / "in")]
    return [*driver, "--without-isolation", *map(str, arguments)]


def rows(path):
    """Return the rows of a table as dicts."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    from minires import cli

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    use_exercises(sys.argv[1])
    sys.exit(cli.main(sys.argv[2:]))
