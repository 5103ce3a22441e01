"""`minires grade`: a class's submissions, graded in isolation on hidden cases."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import sys
import textwrap
import threading
from collections import Counter

from minires.cli import gradebook, gradescope
from minires.cli.terminal import Stopped, warn

EPILOG = """\
SUBMISSIONS is a folder or a zip with a folder or a zip for each student, or what Moodle, Canvas, Gradescope,
Blackboard or GitHub Classroom hand out; or one student's folder. Beside grades.csv, the folder grades/
receives reports/, pages/ (HTML) and gradescope/ with one file per student, entries.csv with a line on
everything that lies in SUBMISSIONS, summary.md and summary.png, the journal of what has been graded, and the
secret seed of the hidden cases, with which later submissions can be graded on the same cases. The exit code
is 1 if something could not be graded for a reason that is no student's."""
# without these a submission can cheat, or harm others
ESSENTIAL = ("files", "descendants", "network", "grader")
PLATFORMS = ("moodle", "canvas", "gradescope", "blackboard", "github", "folders", "one")


def add_arguments(parser):
    """Add the options of `minires grade` to an argparse parser."""
    parser.epilog = EPILOG
    parser.set_defaults(product_is_files=True)
    parser.add_argument("submissions", nargs="?", metavar="SUBMISSIONS", help="a folder, or one zip")
    parser.add_argument("--out", metavar="FILE.csv", help="the table to write")
    parser.add_argument(
        "--assignment", type=int, metavar="N", help="its number (inferred from the file names)"
    )
    parser.add_argument(
        "--exercises", action="append", default=[], metavar="DIR", help="a folder of your own exercises"
    )
    parser.add_argument(
        "--platform",
        choices=PLATFORMS,
        help="who handed out SUBMISSIONS (recognised by its names); one: it is one student's",
    )
    parser.add_argument(
        "--roster", metavar="FILE.csv", help="the class list, with names and the platform's ids or user names"
    )
    parser.add_argument(
        "--resume", action="store_true", help="grade only what has not been graded yet, or has changed"
    )
    parser.add_argument(
        "--similar",
        metavar="FILE.html",
        help="list the hand-ins that are alike in what few others have, side by side; FILE.pairs.csv too",
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="submissions graded at a time (one per core)")
    parser.add_argument("--seed-file", metavar="FILE", help="where the secret seed is kept (grades/seed)")
    parser.add_argument(
        "--memory", type=int, default=2048, metavar="MB", help="memory that a submission may use (2048)"
    )
    parser.add_argument(
        "--without-isolation",
        action="store_true",
        help=f"grade several students even where one of these is not protected: {', '.join(ESSENTIAL)}",
    )
    gradebook.add_arguments(parser)
    gradescope.add_arguments(parser)


def run(arguments):
    """Grade and write all files; return the exit code."""
    from minires.course import exercise

    with exercise.adding(arguments.exercises):
        return _run(arguments)


def _run(arguments):
    from minires.course.grade import journal, roster
    from minires.course.grade.gather import gather

    if arguments.gradescope_bundle:
        return gradescope.run(arguments)
    missing = [name for name in ("SUBMISSIONS", "--out") if not getattr(arguments, name.strip("-").lower())]
    if missing:
        raise ValueError(f"expected SUBMISSIONS and --out FILE.csv; {' and '.join(missing)} is missing")
    if arguments.visibility:
        raise ValueError("--visibility: expected --gradescope-bundle too")
    out, folder = _places(arguments)
    gathered = gather(arguments.submissions, arguments.platform, own=(out, folder))
    _check_place(arguments, gathered, out)
    exercises = gradebook.exercises(
        arguments, lambda: arguments.assignment or _assignment(gathered.submissions)
    )
    students, people = gathered.submissions, roster.read(arguments.roster) if arguments.roster else ()
    if people:
        students = roster.join(students, people)
    rules = gradebook.rules(arguments, exercises, students, out, folder)
    with _stoppable():
        _isolate(len(gathered.submissions), arguments.without_isolation)
        folder.mkdir(parents=True, exist_ok=True)
        with journal.alone(folder):
            return _grade(arguments, gathered, students, people, exercises, rules, out, folder)


def _grade(arguments, gathered, students, people, exercises, rules, out, folder):
    from minires.course.grade import journal, results, similar_page
    from minires.course.grade import run as runner
    from minires.course.grade.grader import Grader

    seed = runner.seed_in(arguments.seed_file or folder / "seed")
    memory = arguments.memory << 20
    kept = journal.Journal(folder / "journal.jsonl")
    files = runner.sealed(students, [exercise.module for exercise in exercises], kept)
    grader = Grader(exercises, seed, memory=memory)
    grader.rehearse()
    heading = gradebook.title(exercises)
    print(f"{heading}, {_count(len(gathered.submissions), 'submission')}", flush=True)
    _print_entries(gathered)
    mark = journal.fingerprint(exercises, seed, memory)
    grades = _graded(runner, grader, files, kept, mark, arguments.jobs)
    if isinstance(grades, int):
        return grades
    book = gradebook.book(grades, rules, students)
    noted = {
        each.student: dataclasses.replace(each, notes=(*each.notes, *files[each.student].notes))
        for each in students
    }
    written = results.write(
        out, folder, grades, title=heading, people=noted, entries=gathered.entries, warn=warn, book=book
    )
    if arguments.similar:
        texts = {student: each.found for student, each in files.items()}
        written += similar_page.write(pathlib.Path(arguments.similar), exercises, texts, title=heading)
    exported = arguments, book, students, people, gathered.platform, folder, heading
    for path in [*written, *gradebook.export(*exported)]:
        print(path)
    return _close(out, gathered, students, grades)


def _print_entries(gathered):
    """Print how SUBMISSIONS was read, and what of it is no hand-in."""
    from minires.course.grade.gather import COUNTS, EARLIER, NONE
    from minires.course.grade.names import written

    counts = [(len(gathered.of(became)), became) for became in (COUNTS, EARLIER, NONE)]
    counts = ", ".join(f"{count} {became}" for count, became in counts if count)
    print(f"{gathered.read_as}: {_count(len(gathered.entries), 'entry', 'entries')}: {counts}", flush=True)
    others = [written(entry.name) for entry in gathered.of(NONE)]
    if others:
        print(_row("no hand-in, not graded: ", ", ".join(others)), flush=True)


def _close(out, gathered, students, grades):
    """Print that nobody is lost, and what the instructor must see to; return the exit code."""
    from minires.course.grade import reports

    absent = len(students) - len(gathered.submissions)
    without = f" and {absent} of the roster without one" if absent else ""
    print(
        f"{_count(len(gathered.entries), 'entry', 'entries')} in, "
        f"{_count(len(gathered.entries), 'row')} in {out.stem}/entries.csv; "
        f"{_count(len(gathered.submissions), 'hand-in')}{without}, "
        f"{_count(len(grades), 'row')} in {out.name}"
    )
    if len(grades) != len(students):  # a mistake of this program's: never in silence
        print(
            f"minires: error: {len(students)} students and {len(grades)} rows: please report it",
            file=sys.stderr,
        )
        return 1
    lost = [student for student, rows in grades.items() if reports.points(rows)[0] is None]
    if lost:
        print(
            f"not graded in full, for the grader failed: {', '.join(lost)}; their rows say where, and "
            "--resume tries again",
            flush=True,
        )
        return 1
    return 0


def _count(number, name, plural=None):
    return f"{number} {name if number == 1 else plural or f'{name}s'}"


def _places(arguments):
    """Return the paths of the table and of the folder beside it. Raises ValueError for what cannot be."""
    out = pathlib.Path(arguments.out)
    for name, least in (("jobs", 1), ("memory", 256), ("assignment", 1)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise ValueError(f"--{name}: expected at least {least}, got {value}")
    if out.suffix.lower() != ".csv" or out.is_dir():
        raise ValueError(f"--out: expected a file name that ends with .csv, got {arguments.out!r}")
    if arguments.similar and pathlib.Path(arguments.similar).suffix.lower() != ".html":
        raise ValueError(f"--similar: expected a file name that ends with .html, got {arguments.similar!r}")
    return out, out.with_suffix("")


def _check_place(arguments, gathered, out):
    """Raise ValueError if the table would lie among the submissions, or take another one's place."""
    source = pathlib.Path(arguments.submissions)
    if source.is_dir() and not gathered.is_one and source.resolve() in out.resolve().parents:
        raise ValueError(
            f"--out: {out} is among the submissions and would be taken for one: give another folder"
        )
    existing = [path for path in (out, out.with_suffix("") / "journal.jsonl") if path.exists()]
    if existing and not arguments.resume:
        raise ValueError(f"{existing[0]} exists: continue it with --resume, or give another --out")


def _assignment(found):
    """Return the assignment whose files most students handed in. Raises ValueError if that is not clear."""
    from minires.course.grade.submissions import assignments

    counts = Counter(number for submission in found for number in assignments(submission.source))
    ranked = counts.most_common(2)
    if not ranked:
        raise ValueError("no submission holds an ex1_1_....py that can be read: give --assignment")
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        raise ValueError(
            f"there are files of assignments {ranked[0][0]} and {ranked[1][0]}: give --assignment"
        )
    return ranked[0][0]


def _isolate(students, is_accepted):
    """Protect this process, and print what a submission can and cannot do on this machine."""
    from minires.course.grade import isolation, scratch

    isolation.harden()
    scratch.tidy()
    try:
        protections = isolation.protections()
    except (isolation.SandboxError, OSError) as error:  # OSError: in a browser there are no processes
        raise ValueError(
            f"no isolated process can be started here: {error}; for files that you trust, minires exercise "
            "check needs none"
        ) from error
    width = max(len(each.name) for each in protections)
    print("What holds on this machine while submissions run:")
    for each in protections:
        print(_row(f"  {each.name:{width}}  {'yes' if each.holds else 'NO '}  ", each.meaning))
    print(flush=True)
    missing = [each.name for each in protections if each.name in ESSENTIAL and not each.holds]
    if missing and students > 1 and not is_accepted:
        raise ValueError(
            f"not protected on this machine: {', '.join(missing)}; a submission could cheat or harm the "
            "others: grade under Linux 5.13 or later, or accept it with --without-isolation"
        )


def _row(head, text):
    width = max(60, min(100, shutil.get_terminal_size().columns))
    return textwrap.fill(text, width, initial_indent=head, subsequent_indent=" " * len(head))


def _graded(runner, grader, files, kept, mark, jobs):
    """Return the grades, or the exit code after Ctrl-C or SIGTERM."""
    from tqdm import tqdm

    jobs = jobs or _cores()
    with tqdm(total=len(files), desc="graded", disable=None, leave=False) as bar:
        try:
            return runner.grade_all(grader, files, kept, mark, jobs=jobs, progress=bar.update)
        except KeyboardInterrupt as stopped:
            done, number = bar.n, getattr(stopped, "number", signal.SIGINT)
    known = f"{done} of {len(files)} submissions are graded; the same command with --resume continues"
    print(f"stopped: {known}", file=sys.stderr)
    return 128 + number


@contextlib.contextmanager
def _stoppable():
    """Let SIGTERM and SIGHUP end this as Ctrl-C does, with everything tidied up."""

    def stop(number, frame):
        raise Stopped(number)

    before = {}
    if threading.current_thread() is threading.main_thread():  # no other may handle signals
        for number in (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")):
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
