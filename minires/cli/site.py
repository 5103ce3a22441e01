"""`minires site`: the lessons, the exercises and the reference as a web site that works offline."""

import pathlib
import sys
import tempfile


def add_arguments(parser):
    """Add the options of `minires site` to an argparse parser."""
    parser.usage = "%(prog)s DIR [NUMBER ...] [OPTION ...]"
    parser.epilog = 'It needs more packages: pip install "minires-learn[site]".'
    parser.add_argument("folder", metavar="DIR", help="where the pages are written")
    parser.add_argument("numbers", nargs="*", type=int, metavar="NUMBER", help="of lessons; without one, all")
    parser.add_argument(
        "--work", metavar="DIR", help="keep executed lessons there: only what has changed is run again"
    )
    parser.add_argument(
        "--live", action="store_true", help="lessons and exercises run in the browser, on Pyodide"
    )
    parser.add_argument(
        "--pyodide", metavar="SOURCE", help="its distribution: a folder, an archive, an address"
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
    from minires.site import build, live

    if arguments.live != bool(arguments.pyodide):
        raise ValueError(f"--live and --pyodide SOURCE go together; SOURCE is {live.WANTED}")
    lessons = library.lessons()
    if arguments.numbers:
        lessons = [library.find(number) for number in sorted(set(arguments.numbers))]
    with tempfile.TemporaryDirectory() as pyodide:
        if arguments.live:  # first, because the lessons take minutes
            live.take(arguments.pyodide, pyodide)
        errors = build.build(lessons, arguments.folder, setting=arguments.setting, work=arguments.work)
        if arguments.live:
            pages = live.add(arguments.folder, pyodide)
            print(f"{len(pages)} pages run in the browser: python -m http.server -d {arguments.folder}")
    print(pathlib.Path(arguments.folder) / "index.html", flush=True)
    for error in errors:
        print(f"minires: error: {error}", file=sys.stderr)
    return 1 if errors else 0
