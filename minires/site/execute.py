"""Lessons as executed notebooks, each in a kernel of its own; what has not changed is not run again."""

import asyncio
import hashlib
import json
import pathlib
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from minires.lesson import notebook
from minires.lesson.library import Cell
from minires.lesson.run import LessonError, asserted, environment_of
from minires.resources import PACKAGE

RESULTS = "from minires.lesson import reader\nprint(reader.results())"  # what became of the predictions


def executed(lesson, *, setting, cache):
    """Return (notebook, results, error) of a lesson: its cells with what they displayed; what came of its
    reader's predictions, see `reader.results`; and the LessonError with which it broke off, or None.

    setting: see `environment_of`; cache: the folder that keeps executed notebooks, by what they depend on.
    """
    import nbformat
    from nbformat.v4 import new_code_cell

    environment = {**environment_of(setting), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    kept = cache / f"{lesson.path.stem}-{_digest(lesson, environment['MINIRES_LESSON'])}.ipynb"
    if kept.exists():
        sheet, error = nbformat.read(kept, as_version=4), None
    else:
        sheet = notebook.convert(lesson)
        sheet.cells.append(new_code_cell(RESULTS))
        error = run(sheet, lesson, environment)
        if not error:
            cache.mkdir(parents=True, exist_ok=True)
            nbformat.write(sheet, kept)
    outputs = sheet.cells.pop().outputs
    results = json.loads("".join(output.text for output in outputs)) if outputs and not error else {}
    return sheet, results, error


def _digest(lesson, setting):
    """Return a name for what a lesson's result depends on: its files, the library's and the setting."""
    files = sorted(PACKAGE.rglob("*.py")) + sorted(lesson.path.parent.glob("runs/*/*.json"))
    digest = hashlib.sha256(f"{setting} {lesson.path.name}".encode())
    for path in [lesson.path, *(path for path in files if path.parent.parent != PACKAGE / "site")]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def run(sheet, lesson, environment):
    """Execute a notebook in place; return a LessonError if it does not run to its end, else None."""
    from nbclient.exceptions import CellExecutionError

    try:
        with tempfile.TemporaryDirectory() as empty:
            _execute(sheet, cwd=empty, env=environment)
    except CellExecutionError as error:
        return _error_of(error, sheet, lesson)
    except RuntimeError as error:
        return LessonError(f"lesson {lesson.number}: {error}; was there enough memory?")
    return None


def _execute(sheet, **options):
    """Execute a notebook in a kernel of its own, which does not outlive it, at Ctrl-C neither."""
    from jupyter_client import AsyncKernelManager
    from nbclient import NotebookClient

    kernel = AsyncKernelManager(kernel_name="python3")
    client = NotebookClient(sheet, km=kernel, timeout=None)
    arguments = ["--log-level=ERROR", "--HistoryManager.hist_file=:memory:"]
    options |= {"extra_arguments": arguments, "stdout": subprocess.DEVNULL}
    try:
        asyncio.run(kernel.start_kernel(**options))
        with ThreadPoolExecutor(max_workers=1) as thread:  # in the main one nbclient handles Ctrl-C, badly
            try:
                thread.submit(client.execute).result()
            finally:
                asyncio.run(kernel.shutdown_kernel(now=True))
    finally:
        client.km = kernel  # nbclient forgets one that did not start, and misses it when Python exits


def _error_of(error, sheet, lesson):
    """Return what a kernel reported as a LessonError that says the same as in the terminal."""
    said = " ".join(without_escapes(error.evalue).split())
    if error.ename != "AssertionError":
        return LessonError(f"lesson {lesson.number}: {error.ename}: {said}")
    arrow = re.search(r"^-+> *(\d+) ", without_escapes(error.traceback), re.MULTILINE)
    failed = [cell for cell in sheet.cells if any(o.output_type == "error" for o in cell.get("outputs", ()))]
    if not said and arrow and failed:
        said = asserted(Cell(False, failed[-1].source, 1), int(arrow[1]))
    return LessonError(f"lesson {lesson.number}: the claim does not hold: {said}")


def without_escapes(text):
    """Return text without the escape sequences that colour it in a terminal."""
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def figures(sheet):
    """Return {name of its file: words} of the figures in an executed notebook; MyST-NB names them so."""
    import base64

    words = {}
    for output in [output for cell in sheet.cells for output in cell.get("outputs", ())]:
        if "image/png" in output.get("data", {}):
            name = hashlib.sha256(base64.b64decode(output.data["image/png"])).hexdigest()
            words[f"{name}.png"] = output.metadata.get("image/png", {}).get("alt", "")
    return words


def folder_of(path):
    """Return the folder in which executed notebooks are kept, below the folder that a user named."""
    return pathlib.Path(path) / "executed"
