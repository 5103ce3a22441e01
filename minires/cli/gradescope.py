"""`minires grade --gradescope-bundle FILE.zip`: what Gradescope takes as an autograder."""

import pathlib

from minires.cli import gradebook

VISIBILITY = ("visible", "after_due_date", "after_published", "hidden")
NOT_THERE = ("submissions", "out", "platform", "roster", "resume", "jobs", "without_isolation")
NOT_THERE += ("due", "overrides", "keep_edits", "export", "column")


def add_arguments(parser):
    """Add the options to an argparse parser."""
    group = parser.add_argument_group("Gradescope")
    group.add_argument(
        "--gradescope-bundle",
        metavar="FILE.zip",
        help="write an autograder for Gradescope, in place of grading: with --assignment or --only, and "
        "--points, --partial, --late (by the deadlines there), --memory, --seed-file (FILE.seed)",
    )
    group.add_argument("--visibility", choices=VISIBILITY, help="when students see the tests there (visible)")


def run(arguments):
    """Write the zip; return the exit code."""
    from minires.course.grade.gradebook import numbers, weights
    from minires.course.grade.gradescope import bundle
    from minires.course.grade.results import replace
    from minires.course.grade.run import seed_in

    path = _place(arguments)
    if not (arguments.assignment or arguments.only):
        raise ValueError("--gradescope-bundle: expected --assignment or --only too")
    chosen = gradebook.exercises(arguments, lambda: arguments.assignment)
    gradebook.policy(arguments)
    worth = weights.read(arguments.points, chosen) if arguments.points else None
    settings = {
        "exercises": [each.number for each in chosen],
        "weights": worth and [[*place, str(points)] for place, points in worth.items()],
        "partial": arguments.partial,
        "late": arguments.late,
        "visibility": arguments.visibility or "visible",
        "memory": arguments.memory,
    }
    kept = pathlib.Path(arguments.seed_file or path.with_suffix(".seed"))
    replace(path, bundle.content(settings, seed_in(kept)))
    most = numbers.plain(sum((worth or weights.default(chosen)).values()))
    print(f"{path}: {gradebook.title(chosen)}, {most} points")
    print("Upload it as a programming assignment's autograder, with these points, on Ubuntu 22.04 or later.")
    print(f"The hidden cases follow from {kept}: keep it, and keep both files from students.")
    return 0


def _place(arguments):
    """Return the path of the zip. Raises ValueError for what cannot be."""
    path = pathlib.Path(arguments.gradescope_bundle)
    given = [name for name in NOT_THERE if getattr(arguments, name)]
    if given:
        name = "SUBMISSIONS" if given[0] == "submissions" else f"--{given[0].replace('_', '-')}"
        raise ValueError(f"--gradescope-bundle: nothing is graded now: leave out {name}")
    if path.suffix.lower() != ".zip" or path.is_dir():
        raise ValueError(f"--gradescope-bundle: expected a file name that ends with .zip, got {str(path)!r}")
    if arguments.memory < 256:
        raise ValueError(f"--memory: expected at least 256, got {arguments.memory}")
    return path
