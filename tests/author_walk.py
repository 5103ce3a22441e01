"""The walk in lessons/exercises/README.md in which an author writes an exercise, from nothing to graded.

python tests/author_walk.py writes the chapter's blocks again from what the commands print today.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
README = ROOT / "lessons" / "exercises" / "README.md"
CHAPTER = "## Writing an exercise of your own"
WRITTEN = ROOT / "tests" / "author"
MODULE = "ex5_1_leaky_relu"
SOLVED = (WRITTEN / f"{MODULE}.py").read_text(encoding="utf-8")
STUDENT = SOLVED.partition("# Nothing from here on")[0]
FIRST_TRY = (  # what the author has overlooked at first
    ('    inputs[2]["x"][::2] = 0.0\n', ""),
    ("array([[ 1., -1.,  0.]])", "array([[ 1., -2.,  0.]])"),
    ('"np.maximum(x, 0)"', '"np.maximum(x, 0.0"'),
)


def write(folder, path, text):
    path = pathlib.Path(folder, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def first_try(folder):
    text = SOLVED
    for right, wrong in FIRST_TRY:
        assert text.count(right) == 1, right
        text = text.replace(right, wrong)
    write(folder, f"my-exercises/{MODULE}.py", text)
    answer = (WRITTEN / "answers" / "loops.py").read_text(encoding="utf-8")
    write(folder, f"my-exercises/answers/{MODULE}/loops.py", answer)


def mended(folder):
    write(folder, f"my-exercises/{MODULE}.py", SOLVED)


def solved_wrongly(folder):
    write(folder, f"assignment-5/{MODULE}.py", STUDENT.replace("x > 0, dy,", "dy > 0, dy,"))


def handed_in(folder):
    write(folder, f"submissions/ada/{MODULE}.py", STUDENT)
    write(folder, f"submissions/ben/{MODULE}.py", STUDENT.replace("x > 0, dy,", "dy > 0, dy,"))


WALK = [  # what somebody does before each block, and the commands in it
    (None, ["minires exercise new leaky_relu --to my-exercises"]),
    (None, ["minires exercise verify my-exercises"]),
    (first_try, ["minires exercise verify my-exercises"]),
    (
        mended,
        [
            "minires exercise verify my-exercises",
            "minires exercise package my-exercises --to for-students",
        ],
    ),
    (None, ["minires exercise start 5 --exercises for-students"]),
    (solved_wrongly, ["minires exercise check 5.1"]),
    (handed_in, ["minires grade submissions --out grades.csv --exercises my-exercises", "cat grades.csv"]),
]


def printed(command, folder):
    """Return what a command prints in a terminal of 80 columns."""
    if command.startswith("cat "):
        return pathlib.Path(folder, command[4:]).read_text(encoding="utf-8")
    environment = {**os.environ, "COLUMNS": "80", "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}
    environment.pop("MINIRES_EXERCISES", None)
    ran = subprocess.run(
        [sys.executable, "-m", "minires", *command.split()[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert ran.returncode in (0, 1), ran.stderr
    out = ran.stdout.replace("\\", "/") if os.name == "nt" else ran.stdout
    # what is protected differs from machine to machine
    return re.sub(r"What holds on this machine.*?\n\n", "", out, flags=re.DOTALL)


def blocks(folder):
    """Walk in a folder; yield what is seen in the terminal, block by block."""
    for prepare, commands in WALK:
        if prepare is not None:
            prepare(folder)
        lines = [f"$ {command}\n{printed(command, folder).rstrip()}" for command in commands]
        yield "```console\n" + "\n\n".join(lines) + "\n```"


def main():
    """Write the chapter's blocks again."""
    before, chapter, text = README.read_text(encoding="utf-8").partition(CHAPTER)
    with tempfile.TemporaryDirectory() as folder:
        seen = blocks(folder)
        text = re.sub(r"```console\n.*?```", lambda _: next(seen), text, flags=re.DOTALL)
    README.write_text(before + chapter + text, encoding="utf-8")


if __name__ == "__main__":
    main()
