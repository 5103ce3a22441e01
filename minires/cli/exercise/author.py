"""`minires exercise new`, `verify`, `package`: what an instructor does who writes exercises."""

import shutil
import sys
import textwrap


def add_new(parser):
    """Add the options of `new` to an argparse parser."""
    parser.add_argument("name", metavar="NAME", help="of its topic, such as leaky_relu")
    parser.add_argument("--to", required=True, metavar="DIR", help="the folder of your exercises")
    parser.add_argument("--number", metavar="A.B", help="such as 5.1 (the next that is free)")


def new(arguments):
    """Write the template of an exercise."""
    from minires.course.author import template

    for path in template.write(arguments.name, arguments.to, arguments.number):
        print(path)
    print(f"Go on at each {template.TODO}; minires exercise verify {arguments.to} says what is left.")
    return 0


def add_verify(parser):
    """Add the options of `verify` to an argparse parser."""
    parser.add_argument("folder", metavar="DIR", help="the folder of your exercises")


def verify(arguments):
    """Print everything that is wrong with the exercises in a folder; return 1 if something is."""
    from minires.course.author.behaviour import answers
    from minires.course.author.verify import verify as findings_in

    def before(name):
        print(f"\r\033[K{name} ...", end="", file=sys.stderr, flush=True)

    on_terminal = sys.stderr.isatty()
    try:
        findings, exercises = findings_in(arguments.folder, before=before if on_terminal else None)
    finally:
        if on_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    for finding in findings:
        print(_wrapped(str(finding)))
    counts = (
        (len(exercises), "exercise"),
        (sum(len(one.parts) for one in exercises), "function"),
        (sum(len(one.mistakes) for one in exercises), "mistake"),
        (sum(len(answers(one)) for one in exercises), "right answer"),
    )
    looked_at = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts)
    if findings:
        number = f"{len(findings)} thing{'' if len(findings) == 1 else 's'} to mend"
        print(f"\n{number} ({looked_at} looked at)")
        return 1
    print(f"{arguments.folder}: nothing to mend ({looked_at})")
    return 0


def _wrapped(text):
    width = max(60, min(100, shutil.get_terminal_size().columns))
    return textwrap.fill(
        text, width, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )


def add_package(parser):
    """Add the options of `package` to an argparse parser."""
    parser.add_argument("folder", metavar="DIR", help="the folder of your exercises")
    parser.add_argument("--to", required=True, metavar="DIR", help="the folder to write, for your students")


def package(arguments):
    """Write a student package."""
    from minires.course import student_package

    for path in student_package.write(arguments.folder, arguments.to):
        print(path)
    print(f"No solution is in it: give {arguments.to} to your students.")
    print(f"Grade with {arguments.folder}, which stays with you.")
    return 0
