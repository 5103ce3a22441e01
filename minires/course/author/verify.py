"""Everything that is wrong with an author's exercises, before a student sees them.

    for finding in verify("my-exercises"): print(finding)      # my-exercises/ex5_1_topic.py:12: ...

A file that can be read at all is looked at by `form` (its text and its marks) and, if it can be run, by
`behaviour` (what solution, examples, mistakes and right answers do). One finding never hides the others.
"""

import pathlib
import re

from minires.course.author import behaviour, form
from minires.course.author.finding import Finding
from minires.course.exercise import read

NAME = re.compile(r"ex(\d)_(\d)_\w+\.py", re.ASCII)
MEANT = re.compile(r"ex(ercise)?[\s_-]?\d.*\.py", re.IGNORECASE)  # somebody took it for an exercise's name


def verify(folder, *, before=None):
    """Return the Findings in a folder of exercises, file by file, and the exercises that were looked at.

    before: called with the name of each file. Raises ValueError if the folder has no exercise.
    """
    folder = pathlib.Path(folder)
    paths = sorted(path for path in folder.glob("*.py") if MEANT.fullmatch(path.name))
    if not paths:
        raise ValueError(
            f"{folder}: expected a folder with exercises, such as ex5_1_topic.py; minires exercise new "
            f"NAME --to {folder} writes one"
        )
    found, exercises = [], []
    for path in paths:
        if before is not None:
            before(path.name)
        findings, exercise = _of_file(path)
        found += sorted(findings, key=lambda finding: (str(finding.path), finding.line))
        exercises += [exercise] if exercise is not None else []
    return [*found, *_together(folder, exercises)], exercises


def _of_file(path):
    """Return the Findings in one file, and the Exercise, None if it cannot be read."""
    if not NAME.fullmatch(path.name):
        what = "expected a name such as ex5_1_topic.py, with one digit for each number"
        more = "; an assignment has at most nine exercises: let this one begin the next"
        return [Finding(path, 1, what + more)], None
    findings = form.of_text(path)
    if any(finding.fatal for finding in findings):
        return findings, None
    try:
        exercise = read(path)
    except Exception as error:  # whatever an author's file may raise
        # where `form` has said why, once is enough
        return findings or [Finding(path, form.line_of(error, path), form.words(error))], None
    findings += form.of_parts(exercise)
    if not any(finding.fatal for finding in findings):
        findings += behaviour.of_exercise(exercise)
    return findings, exercise


def _together(folder, exercises):
    """Return the Findings that show only when all files are looked at."""
    found, first = [], {}
    for exercise in exercises:
        other = first.setdefault(exercise.number, exercise)
        if other is not exercise:
            found.append(
                Finding(exercise.path, 1, f"has the number {exercise.number}, as {other.path.name} has")
            )
    answers = folder / "answers"
    modules = {exercise.module for exercise in exercises}
    for path in sorted(answers.iterdir()) if answers.is_dir() else ():
        if path.is_dir() and path.name not in modules and not (folder / f"{path.name}.py").exists():
            found.append(Finding(path, 1, "these answers belong to no exercise: expected its file's name"))
    return found
