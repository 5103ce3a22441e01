"""`minires exercise`: assignments handed out and checked."""

import os
import pathlib
import re
import sys

ACTIONS = {
    "list": "the exercises",
    "start": "write the files of an assignment into a folder",
    "check": "say what is right, and name the mistake in what is wrong",
    "notebook": "make a notebook of an assignment",
}


def add_arguments(parser):
    """Add the options of `minires exercise` to an argparse parser."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    added = {}
    for name, purpose in ACTIONS.items():
        added[name] = actions.add_parser(
            name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}."
        )
    for name in ("start", "notebook"):
        added[name].add_argument("number", metavar="ASSIGNMENT", help="its number: 1, 2, 3 or 4")
        added[name].add_argument("--to", metavar="DIR", help="the folder (assignment-N)")
    check = added["check"]
    check.add_argument(
        "what",
        nargs="*",
        metavar="DIR|NUMBER",
        help="a folder (this one, or ./assignment-N), and an exercise such as 1.5 or an assignment such as 1",
    )
    check.add_argument(
        "--hint",
        nargs="?",
        const=1,
        type=int,
        metavar="N",
        help="show hints up to level N (1): 1 the idea, 2 the formula, 3 the step",
    )
    check.add_argument("--plot", metavar="FILE", help="save a picture of where the numbers are wrong")
    check.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the inputs (0)")


def run(arguments):
    """Do what was asked; return the exit code: 1 if `check` finds something wrong."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    return {"list": _list, "start": _start, "check": _check, "notebook": _notebook}[arguments.action](
        arguments
    )


def _list(arguments):
    from minires.course.exercise import exercises
    from minires.course.handout import title

    last = None
    for exercise in exercises():
        if exercise.assignment != last:
            print("" if last is None else "\n", end="")
            print(f"Assignment {exercise.assignment}: {title(exercise.assignment)}")
            last = exercise.assignment
        print(f"  {exercise.number}  {exercise.title:58} {exercise.points} points   lesson {exercise.lesson}")
    print("\nminires exercise start 1 writes the files of assignment 1 into ./assignment-1.")
    return 0


def _start(arguments):
    from minires.course import handout

    folder = handout.start(_assignment(arguments.number), arguments.to)
    print(f"{folder}: begin with its README.md; minires exercise check {folder} checks what you have written")
    return 0


def _notebook(arguments):
    from minires.course import handout

    path = handout.notebook(_assignment(arguments.number), arguments.to)
    print(f"{path}: open it with jupyter notebook {path}")
    return 0


def _assignment(text):
    if not text.isdecimal():
        raise ValueError(f"expected the number of an assignment, such as 1, got {text!r}")
    return int(text)


def _check(arguments):
    from minires.course import show

    if arguments.hint is not None and arguments.hint < 1:
        raise ValueError(
            f"--hint: expected 1 (the idea), 2 (the formula) or 3 (the step), got {arguments.hint}"
        )
    if arguments.seed < 0:
        raise ValueError(f"--seed: expected at least 0, got {arguments.seed}")
    found = _files(arguments.what)
    results = [
        (exercise, result) for exercise, path in found for result in _results(exercise, path, arguments)
    ]
    wrong = [(exercise, result.verdict) for exercise, result in results if not result.verdict.ok]
    if wrong:
        exercise, verdict = wrong[0]
        encoding = (sys.stdout.encoding or "ascii").lower()
        print(show.failure(exercise, verdict, unicode=encoding.startswith("utf")) + "\n")
        if arguments.hint:
            print(show.hints(verdict.part, arguments.hint) + "\n")
        if arguments.plot:
            _plot(verdict, arguments.plot)
    elif arguments.plot or arguments.hint:
        print("nothing is wrong: there is nothing to show\n")
    for exercise, result in results:
        print(show.line(exercise, result.verdict.part, result))
    points = sum(result.verdict.part.points for _, result in results if result.verdict.ok)
    of = sum(result.verdict.part.points for _, result in results)
    print(f"\n{len(results) - len(wrong)} of {len(results)} functions are right: {points} of {of} points")
    if wrong and not arguments.hint and wrong[0][1].part.hints:
        named = [word for word in arguments.what if pathlib.Path(word).exists()]
        where = "".join(f'"{word}" ' if " " in word else f"{word} " for word in named)
        print(f"A hint: minires exercise check {where}{wrong[0][0].number} --hint")
    return 1 if wrong else 0


def _results(exercise, path, arguments):
    from minires.course.check import check

    if path is None:
        return _missing(exercise)
    # a notebook's cell pretends to be a terminal, and keeps what was wiped out there
    on_terminal = sys.stderr.isatty() and "JPY_PARENT_PID" not in os.environ

    def before(part):
        print(f"\r\033[K{exercise.number} {part.name} ...", end="", file=sys.stderr, flush=True)

    try:
        return check(exercise, path, seed=arguments.seed, before=before if on_terminal else None)
    finally:
        if on_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _missing(exercise):
    from minires.course.check import Result
    from minires.course.verdict import Verdict

    problem = f"{exercise.module}.py is missing"
    return [Result(Verdict(part, problem, "expected it in the folder")) for part in exercise.parts]


def _files(what):
    """Return [(exercise, path or None)] for what the user named: folders and numbers in any order."""
    numbers = [
        word for word in what if re.fullmatch(r"\d+(\.\d+)?", word) and not pathlib.Path(word).is_dir()
    ]
    folders = [word for word in what if word not in numbers]
    if len(numbers) > 1 or len(folders) > 1:
        raise ValueError(
            "expected at most one folder and one number, as in minires exercise check assignment-1 1.5"
        )
    number = numbers[0] if numbers else None
    folder = pathlib.Path(folders[0]) if folders else _folder(number)
    if folder.is_file():
        number, folder = number or _number_of(folder), folder.parent
    chosen = _chosen(number) if number is not None else None
    if not folder.is_dir():
        start = f"minires exercise start {chosen[0].assignment if chosen else 1}"
        raise ValueError(f"{folder}: expected a folder with exercises; {start} writes one")
    chosen = chosen or _chosen(_assignment_in(folder))
    paths = [folder / f"{exercise.module}.py" for exercise in chosen]
    if not any(path.exists() for path in paths):
        raise ValueError(
            f"{folder}: there is no {paths[0].name} in it; name the folder with the exercises, as in "
            f"minires exercise check DIR {number or chosen[0].assignment}"
        )
    return [(e, path if path.exists() else None) for e, path in zip(chosen, paths, strict=True)]


def _chosen(number):
    """Return the exercises of a number: one of "1.5", all of assignment "1"."""
    from minires.course.exercise import find, of_assignment

    return (find(number),) if "." in number else of_assignment(int(number))


def _folder(number):
    """Return this folder if it contains exercises, else the one that `start` writes."""
    here = pathlib.Path()
    if any(here.glob("ex[0-9]_[0-9]_*.py")):
        return here
    if number is not None:
        return pathlib.Path(f"assignment-{number.split('.')[0]}")
    started = sorted(here.glob("assignment-[0-9]"))
    if len(started) > 1:
        raise ValueError(f"which one? There are {', '.join(map(str, started))}: name a folder")
    return started[0] if started else here


def _assignment_in(folder):
    numbers = sorted({path.name[2] for path in folder.glob("ex[0-9]_[0-9]_*.py")})
    if len(numbers) != 1:
        found = f"files of the assignments {', '.join(numbers)}" if numbers else "no ex1_1_....py"
        raise ValueError(f"{folder}: expected the files of one assignment, found {found}")
    return numbers[0]


def _number_of(path):
    match = re.fullmatch(r"ex(\d)_(\d)_\w+\.py", path.name)
    if not match:
        raise ValueError(f"{path}: expected the file of an exercise, such as ex1_1_linear.py")
    return f"{match[1]}.{match[2]}"


def _plot(verdict, path):
    from minires import plot
    from minires.course.diagnosis import comparable

    evidence = verdict.evidence
    is_array = evidence is not None and getattr(evidence.expected, "ndim", 0) > 0
    if not (is_array and comparable(evidence.got, evidence.expected)):
        print("--plot: this mistake has no numbers to plot\n")
        return
    figure = plot.error_maps(evidence.expected, evidence.got, name=evidence.output)
    try:
        figure.savefig(path, dpi=150)
    except (ValueError, OSError) as error:
        raise ValueError(f"--plot: {path} cannot be written: {error}") from error
    print(f"{path}: expected, got, and the difference\n")
