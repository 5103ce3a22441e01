"""The process in which `minires gradcheck FILE.py` runs a file of anybody's.

It writes what happens as lines of JSON into `events` of a folder, so that a file that hangs, crashes or ends
Python loses no verdict that was reached before.
"""

import contextlib
import faulthandler
import importlib
import importlib.util
import io
import json
import pathlib
import sys
import traceback
import warnings

import numpy as np

from minires.cli import gradcheck_inputs
from minires.cli.gradcheck_source import imports_from_above, keys_of
from minires.gradcheck.foreign import pairs
from minires.gradcheck.foreign.border import Border, TorchBorder
from minires.gradcheck.foreign.check import Unusable, check_form
from minires.gradcheck.foreign.forms import NotWritten, WrongReturn
from minires.gradcheck.subject import WrongGradients

SHOWN = 12  # lines of what the file prints
MOST = 2000  # characters of them
FRAMES = 2  # of the file's own code, the innermost
OTHERS = (str(pathlib.Path(__file__).parent.parent), str(pathlib.Path(io.__file__).parent), "<frozen")
STOPPED = (Exception, SystemExit)


class Prints(io.TextIOBase):
    """Takes what the file prints: the first lines, and how many there were."""

    def __init__(self, path):
        super().__init__()
        self._file = open(path, "w", encoding="utf-8", errors="replace")  # noqa: SIM115
        self.lines, self._room = 0, MOST

    def write(self, text):
        for line in text.splitlines(keepends=True):
            if self.lines < SHOWN and self._room > 0:
                self._file.write(line[: self._room])
                self._file.flush()
                self._room -= len(line)
            self.lines += line.endswith("\n")
        return len(text)

    def writable(self):
        return True


def main(folder):
    """Do what folder/request asks."""
    folder = pathlib.Path(folder)
    request = json.loads((folder / "request").read_text(encoding="utf-8"))
    with (
        open(folder / "events", "a", encoding="utf-8") as events,
        open(folder / "hang", "w", encoding="utf-8") as hang,
        open(folder / "crash", "w", encoding="utf-8") as crash,
    ):
        prints = Prints(folder / "prints")

        def say(**event):
            events.write(json.dumps({**event, "printed": prints.lines}) + "\n")
            events.flush()

        faulthandler.enable(crash)
        with contextlib.redirect_stdout(prints), contextlib.redirect_stderr(prints):
            try:
                Session(request, say, hang).run()
            except KeyboardInterrupt as error:
                say(stopped=described(error, pathlib.Path(request["file"])))


class Session:
    """One run over a file. say(**event) reports; hang: the file for the place at which time ran out."""

    def __init__(self, request, say, hang):
        self.request, self.say, self._hang = request, say, hang
        self.path = pathlib.Path(request["file"])
        self.inputs = gradcheck_inputs.Inputs(request["shapes"], request["with"])

    def run(self):
        self._in_time()
        try:
            module = load(self.path)
        except STOPPED as error:
            return self.say(unloaded=described(error, self.path))
        border = _border(module)
        try:
            forms, rest = self._forms(module)
        except pairs.NotFound as error:
            return self.say(none=str(error), rest=error.found)
        except STOPPED as error:  # a property of a class of the file, for example
            return self.say(unloaded=described(error, self.path))
        self.say(found=[form.name for form in forms], rest=rest)
        for form in forms:
            if form.name not in self.request["done"]:
                self.say(begin=form.name)
                self._in_time()
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self.say(end=form.name, **self._check(form, module, border))
        faulthandler.cancel_dump_traceback_later()
        self.say(finished=True)

    def _in_time(self):
        """End this process if what follows takes too long, and write down where it was."""
        if self.request["seconds"] is not None:
            faulthandler.dump_traceback_later(self.request["seconds"], exit=True, file=self._hang)

    def _forms(self, module):
        names = vars(module)
        if self.request["wanted"]:
            return [pairs.choose(names, module.__name__, self.request["wanted"])], {}
        forms, rest = pairs.find(names, module.__name__)
        rest.pop("cases", None)
        if not forms:
            raise pairs.NotFound("no pair", rest)
        return forms, rest

    def _check(self, form, module, border):
        """Return what to report of one form."""
        try:
            cases = self._cases(form, vars(module).get("cases"))
            if isinstance(cases, dict):
                return cases
            result = check_form(form, cases, border, rng=np.random.default_rng([self.request["seed"], 2]))
        except NotWritten as problem:
            return {"state": "not yet", "text": _named(str(problem), form)}
        except (WrongReturn, WrongGradients) as problem:
            return {"state": "wrong", "text": _named(str(problem), form)}
        except Unusable as problem:
            return {"state": "unusable", "text": str(problem)}
        except STOPPED as error:
            told = described(error, self.path)
            return {"state": "raises", "error": told, "inputs": _shapes(cases) if "cases" in locals() else []}
        return {"state": result.verdict, **as_data(result)}

    def _cases(self, form, own):
        """Return the Cases of a form, or what to report if there is none."""
        if form.needs:
            made = f"{form.name}({', '.join(form.needs)})"
            return {
                "state": "skipped",
                "text": f'it is made with arguments: name it as "{self.path.name}:{made}"',
            }
        if callable(own) and not self.inputs:
            cases = gradcheck_inputs.of_file(own, form, self.request["seed"])
            return cases or {"state": "skipped", "text": "cases(rng) returns no case with its arguments"}
        names = gradcheck_inputs.missing(form, self.inputs.names)
        if names:
            option = gradcheck_inputs.advice(form, names, keys_of(self.path))
            return {"state": "skipped", "missing": names, "text": f"add {option}"}
        takes = {*form.parameters, *form.also}
        unknown = sorted(self.inputs.names - takes)
        if unknown and self.request["wanted"]:
            known = [name for name in (*form.parameters, *form.also) if name not in unknown]
            return {"state": "skipped", "text": f"it takes no {', '.join(unknown)}, but {', '.join(known)}"}
        cases = self.inputs.cases(self.request["seed"])
        for case in cases:
            case.values = {name: value for name, value in case.values.items() if name in takes}
        return cases


def _border(module):
    torch = sys.modules.get("torch")
    if torch is None:
        return Border()
    uses = any(
        value is torch or str(getattr(value, "__module__", "")).partition(".")[0] == "torch"
        for value in vars(module).values()
    )
    return TorchBorder(torch) if uses else Border()


def load(path):
    """Return the module of a file, run as an import of it would; its folder's files can be imported."""
    path = path.resolve()
    depth = imports_from_above(path)
    folders = [path.parent, *list(path.parents)[1:4]]
    sys.path[:0] = [str(path.parent)]
    sys.path += [str(folder) for folder in folders[1:]]
    sys.argv = [str(path)]
    parts = [folder.name for folder in reversed(list(path.parents)[:depth])]
    if depth:
        sys.path.insert(0, str(path.parents[depth]))
        importlib.import_module(".".join(parts))
    name = ".".join([*parts, path.stem])
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    if name not in sys.modules:
        sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def described(error, path):
    """Return {"type", "message", "frames": [[file, line, function, text]]} of an exception."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not _is_anothers(f.filename)]
    frames = [f for i, f in enumerate(frames) if i == 0 or f != frames[i - 1]]  # of a recursion, one
    places = [[pathlib.Path(f.filename).name, f.lineno, f.name, f.line or ""] for f in frames[-FRAMES:]]
    if isinstance(error, SyntaxError):
        places = [[pathlib.Path(error.filename or path).name, error.lineno, "", (error.text or "").strip()]]
    try:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # an exception of the file's own may do anything
        message = ""
    module = error.name if isinstance(error, ImportError) else None
    return {"type": type(error).__name__, "message": message[:500], "frames": places, "module": module}


def _is_anothers(file):
    """Whether code is ours, the standard library's or an installed package's."""
    return file.startswith(OTHERS) or "site-packages" in file


def _named(text, form):
    return form.names[1] + text.removeprefix("backward") if text.startswith("backward") else text


def _shapes(cases):
    if not isinstance(cases, list) or not cases:
        return []
    values = cases[0].values.items()
    return [f"{name} {np.shape(value)}" for name, value in values if hasattr(value, "shape")]


def as_data(result):
    """Return a Result as what JSON can hold."""
    gradients = []
    for gradient in result.gradients:
        row = gradient.row
        told = {
            "name": gradient.name,
            "label": gradient.label,
            "verdict": gradient.verdict,
            "kind": gradient.kind,
        }
        told |= {"sentence": gradient.sentence, "error": gradient.error, "wrong": gradient.wrong}
        if row is not None and row.index is not None:
            told |= {"index": row.index, "analytic": row.analytic, "numeric": row.numeric}
            told |= {"checked": row.checked, "size": row.size}
        if row is not None and row.both is not None and gradient.verdict == "wrong":
            told["both"] = [np.asarray(each, np.float64).tolist() for each in row.both]
        gradients.append(told)
    return {
        "gradients": gradients,
        "broken": result.broken,
        "notes": result.notes,
        "cases": result.cases,
    }
