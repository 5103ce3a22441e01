"""The exercises' files out of a notebook: cells that begin with %%writefile, or that define functions.

A notebook is a student's: it is read as JSON and never run. Of plain cells only what defines something is
taken: imports, functions, classes, and names that are given a value without a call.
"""

import json
import re

from minires.course import exercise
from minires.course.grade.containers import DEPTH, Refused, is_litter

NOTEBOOK = 20_000_000  # bytes: pictures are in it
MOST = 20  # notebooks of one submission that are opened
WRITES = re.compile(
    r"%%(?:writefile|file)[ \t]+(?P<add>-a[ \t]+)?[\"']?(?:.*[/\\])?(?P<module>ex\d_\d_\w+)\.py[\"']?[ \t]*"
)
DEFINES = re.compile(r"(?:import|from|def|class)\b|@")
VALUE = re.compile(r"[A-Za-z_]\w*(?:[ \t]*:[^=]+)?[ \t]*=(?!=)[^(]*")
TRIPLE = re.compile(r"\"{3}|'{3}")


class Sheets:
    """The notebooks of one submission. cells: {path: [text of a code cell]}."""

    def __init__(self, cells):
        self._found = {}
        for path, texts in cells.items():
            for module, content in {**_plain(texts), **_written(texts)}.items():
                self._found.setdefault(module, {})[path] = content

    def modules(self):
        """Return the names of the modules that are in the notebooks."""
        return list(self._found)

    def name_of(self, module):
        """Return the name of a notebook that holds a module."""
        return next(iter(self._found[module]))[-1]

    def module(self, module):
        """Return the bytes of a module, or None. Raises Refused if two notebooks differ in it."""
        contents = set(self._found.get(module, {}).values())
        if len(contents) > 1:
            raise Refused("is in several notebooks, differently: hand in one of them")
        return next(iter(contents)).encode("utf-8", "replace") if contents else None


def read(source, paths):
    """Return the Sheets of a submission. source: see `containers`; paths: its names."""
    chosen = [p for p in paths if p[-1].lower().endswith(".ipynb") and not any(map(is_litter, p))]
    cells = {}
    for path in sorted(path for path in chosen if len(path) <= DEPTH + 1)[:MOST]:
        try:
            cells[path] = _cells(json.loads(source.content(path, NOTEBOOK)))
        except (Refused, ValueError, RecursionError):  # no notebook: then nothing is in it
            continue
    return Sheets(cells)


def _cells(sheet):
    """Return the texts of a notebook's code cells. Notebooks before version 4 keep them in worksheets."""
    if type(sheet) is not dict:
        return []
    cells = sheet.get("cells")
    if type(cells) is not list:
        pages = sheet.get("worksheets") if type(sheet.get("worksheets")) is list else []
        cells = [cell for page in pages if type(page) is dict for cell in _list(page.get("cells"))]
    return [_text(cell) for cell in cells if type(cell) is dict and cell.get("cell_type") == "code"]


def _list(value):
    return value if type(value) is list else []


def _text(cell):
    source = cell.get("source", cell.get("input", ""))
    lines = [source] if type(source) is str else [line for line in _list(source) if type(line) is str]
    return "".join(lines)


def _written(texts):
    """Return {module: text} of the cells that write a file."""
    found = {}
    for text in texts:
        first, _, rest = text.lstrip("\n").partition("\n")
        writes = WRITES.fullmatch(first)
        if writes:
            module = writes["module"]
            found[module] = (found.get(module, "") if writes["add"] else "") + rest + "\n"
    return found


def _plain(texts):
    """Return {module: text} of the exercises of whose functions one is defined in a plain cell."""
    text = "".join(_definitions(text) for text in texts if not text.lstrip().startswith("%%"))
    defined = set(re.findall(r"^def (\w+)", text, re.MULTILINE))
    return {one.module: text for one in exercise.exercises() if defined & {part.name for part in one.parts}}


def _definitions(text):
    """Return the statements of a cell that define something, with all their lines.

    Line by line, for Python's parser can be made to crash. A statement begins at the left margin and goes on
    over indented lines, closing brackets and whatever stands in triple quotes.
    """
    kept, keeps, quote = [], False, ""
    for line in text.replace("\r\n", "\n").rstrip("\n").split("\n"):
        if not quote and line[:1].strip() and line[0] not in ")]}#":
            keeps = bool(DEFINES.match(line)) or bool(VALUE.fullmatch(line))
        for mark in TRIPLE.findall(line):
            quote = mark if not quote else "" if mark == quote else quote
        if keeps:
            kept.append(f"{line}\n")
    return "".join(kept)
