"""The command `minires`.

Exit codes: 0; 1 (a gradient is wrong, a lesson's claim does not hold); 2 (an error that a line explains);
129, 130, 143 (stopped by a hangup, by Ctrl-C, by SIGTERM); 141 (cut short, for the reader of the output has
gone).
"""

import argparse
import functools
import sys

from minires import __version__
from minires.cli import (
    bench,
    data,
    detect,
    evaluate,
    exercise,
    gradcheck,
    grade,
    lesson,
    site,
    streams,
    summary,
    train,
)
from minires.cli.terminal import describe, warn


class Parser(argparse.ArgumentParser):
    """Reports an invalid command line in one line, like every other error."""

    def __init__(self, **options):
        width = functools.partial(argparse.HelpFormatter, max_help_position=28)
        super().__init__(**{"formatter_class": width, "allow_abbrev": False, **options})

    def error(self, message):
        self.exit(2, f"minires: error: {message} (see {self.prog} --help)\n")


def main(argv=None):
    """Run the command with these arguments (those of the process if None) and return the exit code."""
    with streams.guarded() as (out, _):
        try:
            code = _run(sys.argv[1:] if argv is None else argv, out)
        except streams.OutputLost as lost:
            if streams.is_reader_gone(lost.__cause__):  # it has seen enough
                return streams.READER_GONE
            return _failed(f"cannot write the output: {describe(lost.__cause__)}")
        is_needed, out.needed = out.needed, False
        out.flush()
        if out.error is None or streams.is_reader_gone(out.error):  # the work is done
            return code
        problem = f"cannot write the output: {describe(out.error)}"
        if is_needed:
            return _failed(problem)
        warn(problem)
        return code


def _run(argv, out):
    """Return the exit code of a command line. out: the Stream of standard output."""
    try:
        out.needed = True
        _require_values(argv)
        arguments = _parser().parse_args(argv)
        out.needed = not getattr(arguments, "product_is_files", False)
        return arguments.run(arguments)
    except SystemExit as ended:  # argparse has said why
        return ended.code
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (ValueError, OSError, MemoryError, ImportError) as error:
        return _failed(describe(error))
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        return _failed(f"out of memory, or of processes: {error}")


def _failed(text):
    print(f"minires: error: {text}", file=sys.stderr)
    return 2


def _require_values(argv):
    """Raise ValueError for an empty argument: a path of "" would be this folder, a word every word."""
    for before, word in zip(["", *argv], argv, strict=False):
        option, equals, value = word.partition("=")
        if not word or (word.startswith("--") and equals and not value):
            name = (before if before.startswith("-") else "") if not word else option
            raise ValueError(f"{f'{name}: ' if name else ''}expected a value, got '' (an empty variable?)")


def _parser():
    parser = Parser(
        prog="minires",
        description="Learn deep residual networks: every forward and backward pass written by hand.",
        epilog="`minires COMMAND --help` explains a command.",
    )
    parser.add_argument("--version", action="version", version=f"minires {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, purpose, module in (
        ("train", "train a network on images", train),
        ("eval", "measure a trained network's error on the test images", evaluate),
        ("detect", "train a detector of objects, measure it, draw what it finds", detect),
        ("summary", "show a network's shapes, memory, parameters and multiply-adds", summary),
        ("gradcheck", "compare every backward pass with numeric gradients", gradcheck),
        ("data", "list the data sets, fetch one, or look for damaged images", data),
        ("lesson", "list, open and run the step-through lessons", lesson),
        ("site", "write the lessons, the exercises and the reference as a web site", site),
        ("exercise", "hand out assignments, and check them with a diagnosis", exercise),
        ("grade", "grade a class's submissions, isolated, on hidden test cases", grade),
        ("bench", "measure the speed of training steps, evaluations and single operations", bench),
    ):
        command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser
