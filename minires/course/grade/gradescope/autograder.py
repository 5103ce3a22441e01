"""Grade one hand-in on Gradescope: python -I -m minires.course.grade.gradescope.autograder /autograder

Reads settings.json and the seed of the zip, submission/ and submission_metadata.json, and writes
results/results.json, whatever happens. What is printed only instructors see.

The settings are exercises (their numbers), weights (rows number, function, points; None), partial, late (the
text of a policy, or None), visibility, and memory in MB. The deadline is Gradescope's own, a student's
extension included. Gradescope itself records lateness and takes nothing off; so what a policy takes off is in
the score. Its late due date needs no policy: after it nothing can be handed in.

References
----------
gradescope-autograders.readthedocs.io, "Submission Metadata".
"""

import json
import pathlib
import secrets
import sys
import traceback

from minires.course import exercise
from minires.course.grade import isolation, reports, submissions
from minires.course.grade.containers import Refused
from minires.course.grade.gradebook import late, numbers
from minires.course.grade.gradebook.entry import Rules, book_of
from minires.course.grade.grader import Grader
from minires.course.grade.gradescope import bundle
from minires.course.grade.results import replace


def main(root):
    """Write results.json and return the exit code."""
    try:
        content, code = grade(root), 0
    except BaseException:  # of ours, or the machine's: told to the instructor, blamed on nobody
        traceback.print_exc(file=sys.stdout)
        content, code = bundle.UNFINISHED, 1
    replace(root / "results" / "results.json", json.dumps(content, indent=2) + "\n")
    return code


def grade(root):
    """Return the content of results.json for the hand-in below a root folder."""
    settings = json.loads((root / "source" / "settings.json").read_text(encoding="utf-8"))
    about = metadata(root / "submission_metadata.json")
    exercises = tuple(map(exercise.find, settings["exercises"]))
    seed = _seed(root / "source" / "seed")
    held = _protections()
    grader = Grader(exercises, seed, memory=settings["memory"] << 20)
    grader.rehearse()
    files = submissions.read(_source(root / "submission"), grader.modules)
    rows = grader.grade(files)
    entry = book_of({"": rows}, _rules(settings, about), {"": about["when"]})[""]
    _compare(about, entry)
    content = reports.gradescope(entry.rows, entry, settings["visibility"])
    content["output"] = "\n\n".join(filter(None, [content["output"], _received(files, grader.modules)]))
    content |= {"output_format": "text", "stdout_visibility": "hidden"}
    return {**content, "extra_data": {"protections": held, "days_late": entry.days}}


def metadata(path):
    """Return {"when", "due", "points"} of submission_metadata.json, each None if it is not known."""
    found = dict.fromkeys(("when", "due", "points"))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        assignment = content.get("assignment") or {}
        texts = {"when": content.get("created_at"), "due": assignment.get("due_date")}
        found |= {name: late.moment(text) for name, text in texts.items() if text is not None}
        found["points"] = numbers.read(str(assignment.get("total_points")))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        print(f"minires: {path.name} cannot be read, so nothing counts as late: {error}")
        return dict.fromkeys(("when", "due", "points"))
    return found


def _seed(path):
    """Return the seed, and take its file away before anything of the student's runs."""
    try:
        seed = int(path.read_text(encoding="ascii"))
        path.unlink()
    except FileNotFoundError:
        print("minires: a second run in this container: other hidden cases than in the first")
        return secrets.randbits(128)
    return seed


def _source(path):
    try:
        return submissions.source_at(path)
    except Refused as refused:  # which the student is told
        return refused


def _protections():
    """Protect this process and return {name: whether it holds here}, which is printed too."""
    isolation.harden()
    protections = isolation.protections()
    print("What holds here while the submission runs:")
    for each in protections:
        print(f"  {'yes' if each.holds else 'NO '}  {each.meaning}")
    return {each.name: each.holds for each in protections}


def _rules(settings, about):
    weights = settings["weights"] and {(n, name): numbers.read(text) for n, name, text in settings["weights"]}
    policy = late.policy(settings["late"]) if settings["late"] else late.Policy()
    due = about["due"] if about["when"] else None
    return Rules(weights=weights, partial=settings["partial"], due=due, policy=policy)


def _compare(about, entry):
    """Tell the instructor if Gradescope expects other points than there are."""
    if about["points"] is not None and numbers.plain(about["points"]) != entry.of:
        there = numbers.plain(about["points"])
        print(f"minires: the assignment on Gradescope has {there} points, the exercises have {entry.of}")


def _received(files, modules):
    """Return a line on what was handed in, which a student needs even where the tests are hidden."""
    if files.problem:
        return f"{reports.sentence(files.problem)}."
    missing = [f"{name}.py" for name in modules if name not in files.found]
    if not missing:
        return "All files were received."
    return f"{len(files.found)} of {len(modules)} files were received; without {', '.join(missing)}."


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
