"""Runs lessons in the terminal: one of them cell by cell, as a reader steps through it, or many as a test."""

import ast
import contextlib
import os
import subprocess
import sys
import time
import traceback
import types

from minires.lesson import asking, display, markdown, prompt
from minires.lesson.library import Cell
from minires.resources import PACKAGE


class LessonError(Exception):
    """A lesson did not run to its end: a claim of it does not hold, or its code raised an error."""


def run(lesson, *, setting=None, pause=False):
    """Show each cell of a lesson: its text, or its code and then what the code prints.

    setting: "fast", "live", "full", or None for the environment's; pause: wait for Enter after each cell
    (until the end of standard input). Raises LessonError where the lesson fails.
    """
    colour, width = prompt.has_colour(sys.stdout), prompt.width()
    with _script(lesson.path, setting) as module:
        for number, (cell, asked) in enumerate(cells := _cells(lesson), start=1):
            following = cells[number][0] if number < len(cells) else None
            if cell.is_text:
                print(markdown.render(cell.source, width=width, colour=colour), end="\n\n", flush=True)
            else:
                if not asked:  # else it shows what it asks, and its source might answer it
                    _show_code(cell, colour)
                _execute(lesson, cell, module)
            if following and following.is_text and asking.is_answers(following.source):
                if pause or prompt.somebody_reads():
                    pause = _wait("for the answers", colour) and pause
            elif pause and following and asked != "predict":
                pause = _wait("to continue", colour)


def _cells(lesson):
    """Return [(cell, kind)] of a lesson's cells, each question in a cell of its own; see `asking.parts`."""
    found = []
    for cell in lesson.cells:
        if cell.is_text:
            found.append((cell, None))
        else:
            parts = asking.parts(cell.source)
            found += [(Cell(False, source, cell.line + line - 1), asked) for asked, source, line in parts]
    return found


def _show_code(cell, colour):
    lines = (f"    {line}".rstrip() for line in cell.source.split("\n"))
    print("\n".join(markdown.paint(line, markdown.DIM, colour) for line in lines), end="\n\n", flush=True)


def _execute(lesson, cell, module):
    printed = _Watched(sys.stdout)
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (cell.line - 1) + cell.source, str(lesson.path), "exec"), module.__dict__)
    except BrokenPipeError:  # the reader of our output has seen enough
        raise
    except AssertionError as error:
        claim = " ".join(str(error).split()) or asserted(cell, _line(error, lesson))
        raise LessonError(f"lesson {lesson.number}: the claim does not hold: {claim}") from error
    except (Exception, SystemExit) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        raise LessonError(f"lesson {lesson.number}, line {_line(error, lesson)}: {what}") from error
    finally:
        if printed.used:
            print(flush=True)


class _Watched:
    """A stream that knows whether anything was written to it."""

    def __init__(self, stream):
        self._stream, self.used = stream, False

    def write(self, text):
        self.used = True
        return self._stream.write(text)

    def __getattr__(self, name):
        return getattr(self._stream, name)


def _line(error, lesson):
    """Return the number of the line of the lesson at which an error was raised, or under which it was."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(lesson.path)]
    return lines[-1] if lines else getattr(error, "lineno", None)


def asserted(cell, line):
    """Return what the assert statement on this line of the script asserts, in one line."""
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.Assert) and node.lineno <= line - cell.line + 1 <= node.end_lineno:
            return ast.unparse(node.test)
    return f"line {line}"


def _wait(what, colour):
    """Wait for Enter; return False if standard input has ended, and there is nobody to wait for."""
    if sys.stdin is None:  # closed by the caller
        return False
    terminal = prompt.is_terminal()
    if terminal:
        prompt.forget_keys()
        print(markdown.paint(f"press Enter {what}", markdown.DIM, colour), end="", flush=True)
    line = prompt.read_line()
    if terminal and colour:
        print("\x1b[1A\r\x1b[K" if line else "\r\x1b[K", end="", flush=True)  # take the prompt away
    elif terminal and not line:
        print(flush=True)
    return bool(line)


@contextlib.contextmanager
def _script(path, setting):
    """Make the process look as if it were running this script, and return the module of its names."""
    module = types.ModuleType("__main__")
    module.__file__ = str(path)
    main, arguments, before = sys.modules["__main__"], sys.argv, os.environ.get("MINIRES_LESSON")
    display.restart()
    sys.argv = [str(path)]
    if setting is not None:
        os.environ["MINIRES_LESSON"] = setting
    try:
        display.setting()  # a wrong one is the user's mistake, not the lesson's
        sys.modules["__main__"] = module
        yield module
    finally:
        sys.modules["__main__"], sys.argv = main, arguments
        if setting is not None:
            os.environ.pop("MINIRES_LESSON")
            if before is not None:
                os.environ["MINIRES_LESSON"] = before


def run_all(lessons, *, setting=None):
    """Run each lesson in a process of its own, print a line for each, and return those that failed.

    What a lesson printed is shown only if it failed.
    """
    environment = environment_of(setting)
    width = max(len(markdown.inline(lesson.title)) for lesson in lessons)
    failed = []
    for lesson in lessons:
        print(f"{lesson.number:2}  {markdown.inline(lesson.title):{width}}  ", end="", flush=True)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, lesson.path],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        verdict = "ok    " if done.returncode == 0 else "FAILED"
        print(f"{verdict}  {time.perf_counter() - start:5.1f} s", flush=True)
        if done.returncode != 0:
            failed.append(lesson)
            print("".join(f"    {line}\n" for line in done.stdout.splitlines()), end="", flush=True)
    return failed


def environment_of(setting):
    """Return the environment for a process that runs a lesson with this setting and this minires.

    setting: None for this environment's own. Raises ValueError if that is none.
    """
    path = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUTF8": "1",
        "MINIRES_LESSON": setting or display.setting_of_environment(),
    }
