"""`minires exercise`: assignments handed out and checked, and those that an instructor writes."""

import sys

from minires.cli.exercise import author, check, hand_out

ACTIONS = (  # name, purpose, its options, what does it
    ("list", "the exercises", None, hand_out.list_all),
    ("start", "write the files of an assignment into a folder", hand_out.add_arguments, hand_out.start),
    ("check", "say what is right, and name the mistake in what is wrong", check.add_arguments, check.run),
    ("notebook", "make a notebook of an assignment", hand_out.add_arguments, hand_out.notebook),
    ("new", "write the template of an exercise of your own", author.add_new, author.new),
    ("verify", "find what is wrong in exercises of your own", author.add_verify, author.verify),
    ("package", "make a student package, without the solutions", author.add_package, author.package),
)
WITH_OWN = ("list", "start", "check", "notebook")


def add_arguments(parser):
    """Add the actions of `minires exercise` to an argparse parser."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    for name, purpose, options, run_action in ACTIONS:
        action = actions.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        if options is not None:
            options(action)
        if name in WITH_OWN:
            action.add_argument(
                "--exercises",
                action="append",
                default=[],
                metavar="DIR",
                help="a folder of your own exercises, or a student package (also: MINIRES_EXERCISES)",
            )
        action.set_defaults(run_action=run_action)


def run(arguments):
    """Do what was asked; return the exit code: 1 if `check` or `verify` finds something wrong."""
    from minires.course import exercise

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    if arguments.action not in WITH_OWN:
        return arguments.run_action(arguments)
    with exercise.adding(arguments.exercises):
        return arguments.run_action(arguments)
