"""`minires lesson`: the step-through lessons, listed, opened, run, and made into notebooks."""

import pathlib
import sys

NOTEBOOKS = pathlib.Path("lesson-notebooks")  # where a reader's own copies lie

EPILOG = """\
A lesson asks: in a terminal you type your predictions and choose an answer, Enter leaves a blank; in a
notebook your number goes in place of the dots in guess=...; on the site you open what is behind "Reveal".
Figures of --run are saved in ./lesson-figures/. Notebooks need more packages:
pip install "minires-learn[lessons]". Web pages of all lessons: minires site."""


def add_arguments(parser):
    """Add the options of `minires lesson` to an argparse parser."""
    parser.usage = "%(prog)s [NUMBER ...] [OPTION ...]"
    parser.description = (
        "Without a number: list the lessons. With one: open it as a notebook in Jupyter, where it can be "
        f"changed; your copy stays in ./{NOTEBOOKS}/."
    )
    parser.epilog = EPILOG
    parser.add_argument("numbers", nargs="*", type=int, metavar="NUMBER", help="of a lesson, such as 8")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--run",
        dest="here",
        action="store_true",
        help="run it here, with its text, code, questions and results in turn; several or all: one line each",
    )
    what.add_argument(
        "--notebook",
        nargs="?",
        const="",
        metavar="FILE",
        help="write it as a notebook that installs what it needs, for a notebook service (NN_TOPIC.ipynb)",
    )
    parser.add_argument("--pause", action="store_true", help="with --run: wait for Enter after each cell")
    setting = parser.add_mutually_exclusive_group()
    setting.add_argument(
        "--fast", dest="setting", action="store_const", const="fast", help="small and quick: seconds"
    )
    setting.add_argument(
        "--full", dest="setting", action="store_const", const="full", help="the papers' recipe, for a GPU"
    )


def run(arguments):
    """Do what was asked; return the exit code: 1 if a lesson fails."""
    _check(arguments)
    from minires.lesson import library

    if arguments.numbers:
        lessons = [library.find(number) for number in dict.fromkeys(arguments.numbers)]
    else:
        lessons = library.lessons()
    if arguments.here:
        return _run(lessons, arguments)
    if not arguments.numbers:
        return _list(lessons)
    (lesson,) = lessons
    return _open(lesson, arguments) if arguments.notebook is None else _write(lesson, arguments)


def _check(arguments):
    many = len(set(arguments.numbers)) > 1
    if arguments.pause and not (arguments.here and arguments.numbers and not many):
        raise ValueError("--pause: expected one lesson to run, as in minires lesson 8 --run --pause")
    if arguments.notebook is not None and (many or not arguments.numbers):
        raise ValueError("--notebook: expected one lesson's number first, as in minires lesson 8 --notebook")
    if arguments.here:
        return
    if many:
        raise ValueError("expected one number: Jupyter opens one lesson at a time")
    if arguments.setting and not arguments.numbers:
        raise ValueError(f"--{arguments.setting}: expected a lesson's number, or --run")


def _list(lessons):
    from minires.lesson import markdown

    titles = [markdown.inline(lesson.title) for lesson in lessons]
    width = max(map(len, titles), default=0)
    for lesson, title in zip(lessons, titles, strict=True):
        print(f"{lesson.number:2}  {title:{width}}  {lesson.time}")
    print("\nminires lesson 8 opens lesson 8 as a notebook; with --run it runs right here.")
    return 0


def _run(lessons, arguments):
    from minires.lesson import run as runner

    if len(lessons) == 1 and arguments.numbers:
        try:
            runner.run(lessons[0], setting=arguments.setting, pause=arguments.pause)
        except runner.LessonError as error:
            return _failed([str(error)])
        return 0
    failed = runner.run_all(lessons, setting=arguments.setting)
    numbers = ", ".join(str(lesson.number) for lesson in failed)
    print(
        f"{len(lessons)} lessons, {f'{len(failed)} failed: {numbers}' if failed else 'all ran to completion'}"
    )
    return 1 if failed else 0


def _failed(messages):
    sys.stdout.flush()
    code = 0
    for message in messages:
        print(f"minires: error: {message}", file=sys.stderr)
        code = 1
    return code


def _write(lesson, arguments):
    from minires.lesson import notebook

    path = pathlib.Path(arguments.notebook or f"{lesson.path.stem}.ipynb")
    notebook.write(notebook.convert_for_service(lesson, setting=arguments.setting), path)
    print(path)
    return 0


def _open(lesson, arguments):
    from minires.lesson import notebook

    notebook.require("jupytext", "notebook", "ipykernel")
    path = NOTEBOOKS / f"{lesson.path.stem}.ipynb"
    if path.exists():
        print(f"opening your copy {path}; delete it to start afresh")
    else:
        notebook.write(notebook.convert(lesson), path)
        print(f"opening {path}")
    print("press Ctrl-C here twice to stop Jupyter", flush=True)
    return notebook.start(path, setting=arguments.setting)
