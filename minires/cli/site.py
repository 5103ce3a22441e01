"""`minires site`: the lessons, the exercises and the reference as a web site that works offline."""

import pathlib
import sys


def add_arguments(parser):
    """Add the options of `minires site` to an argparse parser."""
    parser.usage = "%(prog)s DIR [NUMBER ...] [OPTION ...]"
    parser.epilog = 'It needs more packages: pip install "minires-learn[site]".'
    parser.add_argument("folder", metavar="DIR", help="where the pages are written")
    parser.add_argument("numbers", nargs="*", type=int, metavar="NUMBER", help="of lessons; without one, all")
    parser.add_argument(
        "--work", metavar="DIR", help="keep executed lessons there: only what has changed is run again"
    )
    setting = parser.add_mutually_exclusive_group()
    setting.add_argument(
        "--fast", dest="setting", action="store_const", const="fast", help="lessons small and quick: seconds"
    )
    setting.add_argument(
        "--full", dest="setting", action="store_const", const="full", help="the papers' recipe, for a GPU"
    )


def run(arguments):
    """Build the site; return the exit code: 1 if a lesson fails or a page is not whole."""
    from minires.lesson import library
    from minires.site import build

    if arguments.numbers:
        lessons = [library.find(number) for number in sorted(set(arguments.numbers))]
    else:
        lessons = library.lessons()
    errors = build.build(lessons, arguments.folder, setting=arguments.setting, work=arguments.work)
    print(pathlib.Path(arguments.folder) / "index.html", flush=True)
    for error in errors:
        print(f"minires: error: {error}", file=sys.stderr)
    return 1 if errors else 0
