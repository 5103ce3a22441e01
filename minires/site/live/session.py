"""What runs in the browser: the cells of a page, one after the other, and commands, as in a terminal.

Nothing here knows JavaScript: the worker hands in a function that shows an output, a dict with its "type" and
its value under "text", "html" or "png", and in a test that function is a list's append.
"""

import ast
import base64
import contextlib
import io
import json
import os
import pathlib
import sys
import time
import traceback
import types

from minires.lesson import asking, display, reader

CELL = "<cell {}>"  # the name of its file, for tracebacks
COLUMNS = 100  # of text, unless the page says otherwise


class Session:
    """A program whose cells run in turn, sharing their names.

    show: is called with each output, a dict; name: what `sys.argv` says that runs; setting: of a lesson.
    """

    def __init__(self, show, *, name="lesson.py", setting="fast"):
        self._show, self._count = show, 0
        self._module = types.ModuleType("__main__")
        sys.modules["__main__"], sys.argv = self._module, [name]
        os.environ |= {"MINIRES_LESSON": setting, "MPLBACKEND": "Agg", "COLUMNS": str(COLUMNS)}
        display.restart()
        reader.show_on(self._display)

    def run(self, source, guesses=()):
        """Run a cell; return whether it ran to its end, and the seconds.

        guesses: what the reader predicts, a text for each prediction that the cell asks for.
        """
        self._count += 1
        name = CELL.format(self._count)
        with self._streams(), self._errors(name) as outcome:
            tree = ast.parse(source, name)
            self._answer(tree, guesses)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, name, "exec"), vars(self._module))
            if last is not None:
                value = eval(compile(ast.Expression(last.value), name, "eval"), vars(self._module))
                self._value(value)
        return outcome

    def command(self, main, words, files=(), columns=COLUMNS):
        """Run a command of minires as in a terminal of so many columns; return as `run` does.

        main: of `minires.cli`; files: {path: text} to be written first.
        """
        os.environ["COLUMNS"] = str(columns)
        for path, text in dict(files).items():
            pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
            pathlib.Path(path).write_text(text, encoding="utf-8")
        with self._streams(), self._errors("") as outcome:
            outcome["code"] = main(list(words))
        return outcome

    def picture(self, path):
        """Show a picture that a command has left in a file, if it has, and delete it."""
        path = pathlib.Path(path)
        if path.exists():
            self._show(
                {"type": "png", "png": _base64(path.read_bytes()), "text": "expected, got, difference"}
            )
            path.unlink()

    def _answer(self, tree, guesses):
        """Put the reader's predictions into the calls that ask for them."""
        asked = [call for call in asking.calls(tree) if call.func.attr == "predict"]
        for call, text in zip(asked, guesses, strict=False):
            if text.strip() and not any(keyword.arg == "guess" for keyword in call.keywords):
                try:
                    value = reader.number(text.strip())
                except (ValueError, ArithmeticError):
                    hint = f"expected a number, such as 0.5, 1e-3, 1/4 or 2^-21, got {text!r}: left blank"
                    self._show({"type": "text", "text": hint})
                else:
                    call.keywords.append(ast.keyword("guess", ast.Constant(value)))
        ast.fix_missing_locations(tree)

    def _value(self, value):
        """Show the value of a cell's last line, as a notebook does."""
        if hasattr(value, "_repr_html_"):
            self._show({"type": "html", "html": value._repr_html_()})
        elif value is not None:
            self._show({"type": "text", "text": repr(value)})

    def _display(self, data, question):
        """Show what a lesson displays, {MIME type: value}."""
        if "image/png" in data:
            self._show({"type": "png", "png": _base64(data["image/png"]), "text": data["text/plain"]})
        elif "text/html" in data:
            self._show({"type": "html", "html": data["text/html"]})
        else:
            self._show({"type": "text", "text": data["text/plain"]})

    @contextlib.contextmanager
    def _streams(self):
        stream = _Stream(self._show)
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            try:
                yield
            finally:
                stream.flush()

    @contextlib.contextmanager
    def _errors(self, name):
        """Show an error as the line that raised it and what it says; yield {"ok", "seconds"}."""
        outcome, start = {"ok": True}, time.perf_counter()
        try:
            yield outcome
        except BaseException as error:  # SystemExit too: it must not end the page's Python
            outcome["ok"] = False
            sys.stdout.flush()
            self._show({"type": "error", "text": _told(error, name), "trace": _trace(error)})
        finally:
            outcome["seconds"] = time.perf_counter() - start


def _base64(content):
    return base64.b64encode(content).decode()


def _told(error, name):
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
    line = (
        error.lineno if isinstance(error, SyntaxError) and error.filename == name else (lines or [None])[-1]
    )
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    what = f"{type(error).__name__}: {said}".removesuffix(": ")
    return f"Line {line} of this cell: {what}" if line else what


def _trace(error):
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    return "".join(traceback.format_list(frames) + traceback.format_exception_only(error))


class _Stream(io.TextIOBase):
    """A stream whose text is shown, whole lines at a time where it can be."""

    def __init__(self, show):
        self._show, self._waiting = show, ""

    encoding = "utf-8"

    def writable(self):
        return True

    def write(self, text):
        self._waiting += text
        if "\n" in text:
            self.flush()
        return len(text)

    def flush(self):
        if self._waiting:
            self._show({"type": "stream", "text": self._waiting})
            self._waiting = ""


def start(show, **choices):
    """Return a Session whose outputs are shown as JSON: what crosses from Python to JavaScript is text."""
    return Session(lambda output: show(json.dumps(output)), **choices)
