"""`minires grade`: a class's submissions, graded in isolation on hidden cases."""

import os
import pathlib
import shutil
import sys
import textwrap
from collections import Counter

from minires.cli.terminal import warn

EPILOG = """\
SUBMISSIONS contains a folder or a zip for each student, or is one student's folder or zip. Beside grades.csv,
the folder grades/ receives reports/ and gradescope/ with one file per student, summary.md and summary.png,
the journal of what has been graded, and the secret seed of the hidden cases, with which later submissions can
be graded on the same cases."""
ESSENTIAL = (
    "files",
    "descendants",
    "network",
    "grader",
)  # without these a submission can cheat, or harm others


def add_arguments(parser):
    """Add the options of `minires grade` to an argparse parser."""
    parser.epilog = EPILOG
    parser.set_defaults(product_is_files=True)
    parser.add_argument("submissions", metavar="SUBMISSIONS", help="a folder, or one zip")
    parser.add_argument("--out", required=True, metavar="FILE.csv", help="the table to write")
    parser.add_argument(
        "--assignment", type=int, metavar="N", help="its number (inferred from the file names)"
    )
    parser.add_argument(
        "--exercises", action="append", default=[], metavar="DIR", help="a folder of your own exercises"
    )
    parser.add_argument(
        "--resume", action="store_true", help="grade only what has not been graded yet, or has changed"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="submissions graded at a time (one per core)")
    parser.add_argument("--seed-file", metavar="FILE", help="where the secret seed is kept (grades/seed)")
    parser.add_argument(
        "--memory", type=int, default=2048, metavar="MB", help="memory that a submission may use (2048)"
    )
    parser.add_argument(
        "--require-isolation",
        action="store_true",
        help=f"refuse to start unless these are protected: {', '.join(ESSENTIAL)}",
    )


def run(arguments):
    """Grade and write all files; return the exit code."""
    from minires.course import exercise

    with exercise.adding(arguments.exercises):
        return _run(arguments)


def _run(arguments):
    from minires.course.exercise import of_assignment
    from minires.course.grade import journal, submissions

    out, folder = _places(arguments)
    found = submissions.find(arguments.submissions)
    number = arguments.assignment or _assignment(found)
    exercises = of_assignment(number)
    _isolate(arguments.require_isolation)
    folder.mkdir(parents=True, exist_ok=True)
    with journal.alone(folder):
        return _grade(arguments, found, number, exercises, out, folder)


def _grade(arguments, found, number, exercises, out, folder):
    from minires.course.grade import journal, results, submissions
    from minires.course.grade import run as runner
    from minires.course.grade.grader import Grader
    from minires.course.handout import title

    seed = runner.seed_in(arguments.seed_file or folder / "seed")
    memory = arguments.memory << 20
    grader = Grader(exercises, seed, memory=memory)
    grader.rehearse()
    heading = f"Assignment {number}: {title(number)}"
    print(f"{heading}, {len(found)} submission{'s' if len(found) > 1 else ''}", flush=True)
    others = submissions.passed_over(arguments.submissions)
    if others:
        print(_row("neither folders nor zips, not graded: ", ", ".join(others)), flush=True)
    kept = journal.Journal(folder / "journal.jsonl")
    mark = journal.fingerprint(exercises, seed, memory)
    grades = _graded(runner, grader, found, kept, mark, arguments.jobs)
    if grades is None:
        return 130
    for path in results.write(out, folder, grades, title=heading, warn=warn):
        print(path)
    return 0


def _places(arguments):
    """Return the paths of the table and of the folder beside it. Raises ValueError for what cannot be."""
    out = pathlib.Path(arguments.out)
    for name, least in (("jobs", 1), ("memory", 256), ("assignment", 1)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise ValueError(f"--{name}: expected at least {least}, got {value}")
    if out.suffix.lower() != ".csv" or out.is_dir():
        raise ValueError(f"--out: expected a file name that ends with .csv, got {arguments.out!r}")
    from minires.course.grade.submissions import is_single

    source = pathlib.Path(arguments.submissions)
    if source.is_dir() and not is_single(source) and source.resolve() in out.resolve().parents:
        raise ValueError(
            f"--out: {out} is among the submissions and would be taken for one: give another folder"
        )
    folder = out.with_suffix("")
    existing = [path for path in (out, folder / "journal.jsonl") if path.exists()]
    if existing and not arguments.resume:
        raise ValueError(f"{existing[0]} exists: continue it with --resume, or give another --out")
    return out, folder


def _assignment(found):
    """Return the assignment whose files most students handed in. Raises ValueError if that is not clear."""
    from minires.course.grade.submissions import assignments

    counts = Counter(number for submission in found for number in assignments(submission.path))
    ranked = counts.most_common(2)
    if not ranked:
        raise ValueError("no submission holds an ex1_1_....py that can be read: give --assignment")
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        raise ValueError(
            f"there are files of assignments {ranked[0][0]} and {ranked[1][0]}: give --assignment"
        )
    return ranked[0][0]


def _isolate(is_required):
    """Protect this process, and print what a submission can and cannot do on this machine."""
    from minires.course.grade import isolation

    isolation.harden()
    try:
        protections = isolation.protections()
    except isolation.SandboxError as error:
        raise ValueError(f"no isolated process can be started here: {error}") from error
    width = max(len(each.name) for each in protections)
    print("What holds on this machine while submissions run:")
    for each in protections:
        print(_row(f"  {each.name:{width}}  {'yes' if each.holds else 'NO '}  ", each.meaning))
    print(flush=True)
    missing = [each.name for each in protections if each.name in ESSENTIAL and not each.holds]
    if missing and is_required:
        raise ValueError(f"--require-isolation: missing on this machine: {', '.join(missing)}")


def _row(head, text):
    width = max(60, min(100, shutil.get_terminal_size().columns))
    return textwrap.fill(text, width, initial_indent=head, subsequent_indent=" " * len(head))


def _graded(runner, grader, found, kept, mark, jobs):
    """Return the grades, or None after Ctrl-C."""
    from tqdm import tqdm

    jobs = jobs or _cores()
    with tqdm(total=len(found), desc="graded", disable=None, leave=False) as bar:
        try:
            return runner.grade_all(grader, found, kept, mark, jobs=jobs, progress=bar.update)
        except KeyboardInterrupt:
            done = bar.n
    known = f"{done} of {len(found)} submissions are graded; the same command with --resume continues"
    print(f"stopped: {known}", file=sys.stderr)
    return None


def _cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
