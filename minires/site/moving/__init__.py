"""The numbers of the moving pictures, computed by the library itself when the site is built.

A picture is a function that returns a dict: what is drawn, by which script of `site/static/moving/`, and the
sentences that go with its steps. Pages ask for it with <div class="moving" data-picture="NAME">.
"""

import json
import pathlib
import re
import shutil

from minires.site.moving import columns, curves, meeting, norm, passes
from minires.site.moving.words import plain

PICTURES = {
    "im2col": columns.im2col,
    "batch-norm": norm.batch_norm,
    "plus": meeting.plus,
    "five-layers": passes.five_layers,
    "gain": curves.gain,
    "fans": curves.fans,
    "shortcuts": curves.shortcuts,
    "gates": curves.gates,
    "survival": curves.survival,
    "descent": curves.descent,
}
TABLES = {
    "im2col": columns.table,
    "batch-norm": norm.table,
    "plus": meeting.table,
    "five-layers": passes.table,
}
STATIC = pathlib.Path(__file__).parent.parent / "static" / "moving"
PLACE = re.compile(r'<div class="moving" data-picture="([^"]*)">')
SCRIPT = "moving/moving.js"  # the one script that a page needs; it loads what its pictures ask for


def numbers(name: str) -> dict:
    """Return what a picture shows, as it is written into JSON.

    Raises
    ------
    KeyError
        For a name that is not in PICTURES.
    """
    return plain(PICTURES[name](), digits=4 if name not in TABLES else 6)


def table(name: str, shown: dict) -> list[tuple]:
    """Return a picture's numbers as the rows of a table, the heading first, for readers without scripts."""
    return TABLES.get(name, curves.table)(shown)


def markdown(rows: list[tuple]) -> str:
    """Return rows as a Markdown table."""
    heading, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([heading, "|" + "---|" * len(rows[0]), *rest]) + "\n"


def asked_for(pages: str | pathlib.Path) -> list[str]:
    """Return the names of the pictures that the Markdown pages of a folder ask for."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(pathlib.Path(pages).glob("*.md"))]
    return [name for text in texts for name in PLACE.findall(text)]


def write(folder: str | pathlib.Path, names=tuple(PICTURES)) -> None:
    """Write scripts, style and the numbers of these pictures into folder/moving.

    The numbers are scripts too, not JSON to be fetched: browsers fetch nothing for a page that lies on
    a disk.

    Raises
    ------
    KeyError
        For a name that is not in PICTURES.
    """
    target = pathlib.Path(folder) / "moving"
    (target / "numbers").mkdir(parents=True, exist_ok=True)
    for path in STATIC.iterdir():
        shutil.copy(path, target)
    for name in names:
        lines = ",\n".join(f" {_json(key)}: {_json(value)}" for key, value in numbers(name).items())
        text = f'moving.numbers["{name}"] = {{\n{lines}\n}};\n'
        (target / "numbers" / f"{name}.js").write_text(text, encoding="utf-8")


def _json(value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


__all__ = ["PICTURES", "PLACE", "SCRIPT", "asked_for", "markdown", "numbers", "table", "write"]
