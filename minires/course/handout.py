"""What a student is given: a folder with a file for each exercise, or a notebook."""

import pathlib
import shutil

from minires import resources
from minires.course import student_package
from minires.course.exercise import of_assignment

TITLES = {1: "Layers", 2: "Normalisation and initialisation", 3: "Residual learning", 4: "Detection"}

REFERENCE = "reference"  # the folder for the right results that a student package holds

README = """\
# Assignment {number}: {title}

Each file holds one exercise: its docstrings say what to compute, and every
`raise NotImplementedError` is a place for your code. You need Python, NumPy and an
installed minires, nothing else. Inside the exercises only NumPy and the standard library
can be imported.

{table}

Check your work as often as you like, from this folder:

    minires exercise check              # everything, in order
    minires exercise check {first}          # one exercise
    minires exercise check {first} --hint   # the idea; --hint 2: the formula; --hint 3: the step
    minires exercise check {first} --plot error.png     # where the numbers are wrong, as a picture

The check calls each function on small inputs, compares what it returns with the right
result, and names the mistake if it knows one that gives exactly your numbers. Backward
functions are also compared with numeric gradients. The lesson that belongs to an
exercise opens with `minires lesson NUMBER`.

Hand in the ex*.py files, with their names unchanged, as a folder or a zip. Other files
of yours are not read. An exercise that imports another one is graded with that one's
right solution, so no mistake counts twice.

`data/digits.npz` are handwritten digits (UCI, CC BY 4.0; see data/digits.md).
"""

CHECK = """\
import sys

!"{{sys.executable}}" -m minires exercise check {number}"""

INTRODUCTION = """\
# Assignment {number}: {title}

Write your code in the place of each `raise NotImplementedError`, run the cell (it writes the file that you
hand in), then the cell below it, which checks that file. `minires exercise check` in a terminal does the
same."""


def start(number, to):
    """Write the folder of an assignment and return its path. to: its path; None: assignment-NUMBER.

    Raises ValueError if there is something already: nobody's work is overwritten.
    """
    chosen = of_assignment(number)
    to = pathlib.Path(to or f"assignment-{number}")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ValueError(f"{to} exists and is not empty: name another folder with --to, or move it away")
    (to / "data").mkdir(parents=True, exist_ok=True)
    for exercise in chosen:
        write(to / f"{exercise.module}.py", exercise.starter)
        for module, source in exercise.sources.items():
            if not module.startswith("ex"):  # finished parts; other exercises are in the folder unfinished
                write(to / f"{module}.py", source)
        if isinstance(exercise, student_package.Packaged):  # so that the check finds it without being told
            (to / REFERENCE).mkdir(exist_ok=True)
            shutil.copyfile(exercise.path, to / REFERENCE / exercise.path.name)
    for name in ("digits.npz", "digits.md"):
        shutil.copyfile(resources.find(name), to / "data" / name)
    write(to / "README.md", readme(number, chosen))
    return to


def write(path, text):
    """Write a text file with the same bytes on every system."""
    path.write_text(text, encoding="utf-8", newline="\n")


def readme(number, chosen):
    """Return the text of the folder's README."""
    rows = [("exercise", "file", "functions", "points", "lesson")]
    for exercise in chosen:
        functions = ", ".join(part.name for part in exercise.parts)
        rows.append(
            (f"{exercise.number} {exercise.title}", f"{exercise.module}.py", functions)
            + (str(exercise.points), str(exercise.lesson))
        )
    table = [" | ".join(row) for row in rows]
    table.insert(1, " | ".join("---" for _ in rows[0]))
    return README.format(
        number=number,
        title=title(number),
        first=chosen[0].number,
        table="\n".join(f"| {row} |" for row in table),
    )


def title(number):
    """Return the title of an assignment."""
    return TITLES.get(number, "Exercises")


def notebook(number, to):
    """Write an assignment as a notebook, beside its folder's files; return its path.

    Each exercise is a cell that writes its file and one that checks it. Raises ValueError if Jupytext is not
    installed, or if the notebook exists.
    """
    from minires.lesson.notebook import require
    from minires.lesson.notebook import write as write_notebook

    require("nbformat", without="minires exercise start and check need nothing more")
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    chosen = of_assignment(number)
    to = pathlib.Path(to or f"assignment-{number}")
    path = to / f"assignment_{number}.ipynb"
    if path.exists():
        raise ValueError(f"{path} exists: name another folder with --to, or delete it")
    if not to.exists() or not any(to.iterdir()):
        start(number, to)
    cells = [new_markdown_cell(INTRODUCTION.format(number=number, title=title(number)))]
    for exercise in chosen:
        cells.append(new_markdown_cell(f"## {exercise.number} {exercise.title}\n\nLesson {exercise.lesson}."))
        source = (to / f"{exercise.module}.py").read_text(encoding="utf-8")
        cells.append(new_code_cell(f"%%writefile {exercise.module}.py\n{source.rstrip()}"))
        cells.append(new_code_cell(CHECK.format(number=exercise.number)))
    sheet = new_notebook(cells=cells)
    sheet.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for index, cell in enumerate(sheet.cells):
        cell.id = f"cell-{index}"
    write_notebook(sheet, path)
    return path
