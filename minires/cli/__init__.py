"""The command `minires`.

Exit codes: 0, 1 (a gradient is wrong, a lesson's claim does not hold), 2 (user error), 130 (Ctrl-C).
"""

import argparse
import functools
import os
import sys

from minires import __version__
from minires.cli import bench, data, evaluate, exercise, gradcheck, grade, lesson, summary, train


class Parser(argparse.ArgumentParser):
    """Reports an invalid command line in one line, like every other error."""

    def __init__(self, **options):
        width = functools.partial(argparse.HelpFormatter, max_help_position=28)
        super().__init__(**{"formatter_class": width, "allow_abbrev": False, **options})

    def error(self, message):
        self.exit(2, f"minires: error: {message} (see {self.prog} --help)\n")


def main(argv=None):
    """Run the command with these arguments (those of the process if None) and return the exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller (`>&-`), or a program without a console
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    # a path may be any bytes; printed, they come out as they are, or escaped where they cannot
    if hasattr(sys.stdout, "reconfigure"):
        is_utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")
    try:
        arguments = _parser().parse_args(argv)
        code = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        # the flush at exit must not complain either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, MemoryError) as error:
        print(f"minires: error: {_one_line(error)}", file=sys.stderr)
        return 2


def _one_line(error):
    if isinstance(error, MemoryError):
        return f"out of memory; a smaller --batch-size needs less ({error})"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


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
        ("summary", "show a network's shapes, memory, parameters and multiply-adds", summary),
        ("gradcheck", "compare every backward pass with numeric gradients", gradcheck),
        ("data", "list the data sets, fetch one, or look for damaged images", data),
        ("lesson", "list, open and run the step-through lessons", lesson),
        ("exercise", "hand out assignments, and check them with a diagnosis", exercise),
        ("grade", "grade a class's submissions, isolated, on hidden test cases", grade),
        ("bench", "measure the speed of training steps, evaluations and single operations", bench),
    ):
        command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser
