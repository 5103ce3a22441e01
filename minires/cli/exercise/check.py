"""`minires exercise check`: say what is right, and name the mistake in what is wrong."""

import os
import pathlib
import sys

from minires.cli.exercise.places import files, reference

TIMEOUT = 30.0  # seconds for a function: a right one takes less than one, also in loops on a slow machine


def add_arguments(parser):
    """Add the options of `minires exercise check` to an argparse parser."""
    parser.add_argument(
        "what",
        nargs="*",
        metavar="DIR|NUMBER",
        help="a folder (this one, or ./assignment-N), and an exercise such as 1.5 or an assignment such as 1",
    )
    parser.add_argument(
        "--hint",
        nargs="?",
        const=1,
        type=int,
        metavar="N",
        help="show hints up to level N (1): 1 the idea, 2 the formula, 3 the step",
    )
    parser.add_argument("--plot", metavar="FILE", help="save a picture of where the numbers are wrong")
    parser.add_argument(
        "--repro", metavar="FILE.py", help="write a script with the smallest input that fails, for a debugger"
    )
    parser.add_argument(
        "--watch", action="store_true", help="check again whenever a file is saved, until Ctrl-C"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT,
        metavar="SECONDS",
        help=f"time for a function ({TIMEOUT:.0f}; 0: no limit); in a debugger the clock stands still",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the inputs (0)")


def run(arguments):
    """Check, once or at every save; return the exit code."""
    from minires.course import exercise
    from minires.course.limit import Interrupted

    _validate(arguments)
    with exercise.adding(reference(arguments.what)):
        try:
            if not arguments.watch:
                found = files(arguments.what)
                return report(
                    arguments, [(one, path, results_of(one, path, arguments)) for one, path in found]
                )
            from minires.cli.exercise.watch import watch

            return watch(arguments)
        except Interrupted as stopped:
            print(f"stopped{f', at {stopped.place}' if stopped.place else ''}", file=sys.stderr)
            return 130


def _validate(arguments):
    if arguments.hint is not None and arguments.hint < 1:
        raise ValueError(
            f"--hint: expected 1 (the idea), 2 (the formula) or 3 (the step), got {arguments.hint}"
        )
    if arguments.seed < 0:
        raise ValueError(f"--seed: expected at least 0, got {arguments.seed}")
    if not 0 <= arguments.timeout < 1e6:
        raise ValueError(f"--timeout: expected seconds, 0 for no limit, got {arguments.timeout:g}")
    if arguments.repro is not None:
        from minires.cli.exercise.repro import check_path

        check_path(arguments.repro)


def report(arguments, checked):
    """Print what was found; return the exit code. checked: (exercise, path or None, Results) for each."""
    from minires.course import show

    results = [(exercise, path, result) for exercise, path, several in checked for result in several]
    wrong = [(exercise, path, result.verdict) for exercise, path, result in results if not result.verdict.ok]
    if wrong:
        exercise, path, verdict = wrong[0]
        encoding = (sys.stdout.encoding or "ascii").lower()
        print(show.failure(exercise, verdict, unicode=encoding.startswith("utf")) + "\n")
        if arguments.hint:
            print(show.hints(verdict.part, arguments.hint) + "\n")
        if arguments.plot:
            _plot(verdict, arguments.plot)
        if arguments.repro:
            _repro(exercise, path, verdict, arguments.repro)
    elif arguments.plot or arguments.hint or arguments.repro:
        print("nothing is wrong: there is nothing to show\n")
    for exercise, _, result in results:
        print(show.line(exercise, result.verdict.part, result))
    points = sum(result.verdict.part.points for _, _, result in results if result.verdict.ok)
    of = sum(result.verdict.part.points for _, _, result in results)
    print(f"\n{len(results) - len(wrong)} of {len(results)} functions are right: {points} of {of} points")
    if wrong and not arguments.hint and wrong[0][2].part.hints:
        named = [word for word in arguments.what if pathlib.Path(word).exists()]
        where = "".join(f'"{word}" ' if " " in word else f"{word} " for word in named)
        print(f"A hint: minires exercise check {where}{wrong[0][0].number} --hint")
    return 1 if wrong else 0


def results_of(exercise, path, arguments):
    """Return the Results of one exercise. path: None if its file is missing."""
    from minires.course.check import check

    if path is None:
        return _missing(exercise)
    # a notebook's cell pretends to be a terminal, and keeps what was wiped out there
    on_terminal = sys.stderr.isatty() and "JPY_PARENT_PID" not in os.environ

    def before(part):
        print(f"\r\033[K{exercise.number} {part.name} ...", end="", file=sys.stderr, flush=True)

    try:
        return check(
            exercise,
            path,
            seed=arguments.seed,
            before=before if on_terminal else None,
            seconds=arguments.timeout or None,
        )
    finally:
        if on_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _missing(exercise):
    from minires.course.check import Result
    from minires.course.verdict import Verdict

    problem = f"{exercise.module}.py is missing"
    return [Result(Verdict(part, problem, "expected it in the folder")) for part in exercise.parts]


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


def _repro(exercise, path, verdict, to):
    from minires.cli.exercise import repro

    if verdict.evidence is None or path is None:
        print("--repro: this mistake has no input to write down\n")
        return
    repro.write(exercise, path, verdict, to)
    print(f"{to}: the smallest input that shows it; python {to} runs it in a debugger\n")
