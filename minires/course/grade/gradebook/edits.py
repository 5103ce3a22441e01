"""Was the table changed by hand since it was written? Then nothing overwrites it: the changes are overrides.

What was written is kept in a hidden file beside the journal. A spreadsheet that has only saved the table in
another way (separators, quotation marks, encoding) has changed nothing.
"""

import json
from dataclasses import dataclass

from minires.course.grade.gradebook import numbers, tables
from minires.course.grade.gradebook.overrides import LATE, NOTE, TOTAL

KEPT = ".table.json"
REASON = "changed by hand in the table"
SHOWN = 3  # changes that a message lists


@dataclass(frozen=True)
class Edit:
    """A cell that was changed. student: as the table shows it; column; before, after: texts."""

    student: str
    column: str
    before: str
    after: str

    def __str__(self):
        return f"{self.student}, {self.column}: {self.before or 'empty'} -> {self.after or 'empty'}"


def kept(folder):
    """Return the texts of which the table may be one: what was written, and what was about to be."""
    try:
        texts = json.loads((folder / KEPT).read_text(encoding="utf-8"))
        return [text for text in texts if isinstance(text, str)]
    except (OSError, ValueError, TypeError):
        return []


def keep(folder, texts, replace):
    """Keep what the table may be from now on. replace: writes a file whole or not at all."""
    replace(folder / KEPT, json.dumps(texts))


def text(out):
    """Return the text of a table as it would be written."""
    return tables.text([row for _, row in tables.parse(out.read_bytes(), out)])


def find(out, folder):
    """Return the Edits of a table. Raises ValueError for changes that are no new values of its cells.

    out: path of the table; folder: of the journal.
    """
    if not out.exists():
        return []
    now = tables.parse(out.read_bytes(), out)
    texts = [tables.parse(text.encode(), KEPT) for text in kept(folder)]
    values = [[row for _, row in table] for table in texts]
    rows = [row for _, row in now]
    if rows in values:
        return []
    if not texts:
        raise ValueError(
            f"{out}: what was written into it is not known ({folder / KEPT} is missing), so changes by hand "
            "cannot be seen: move it away, and it is written anew"
        )
    return _differences(values[-1], rows, out)


def _differences(before, after, out):
    columns = before[0]
    same = [row[0] for row in before] == [row[0] for row in after] and columns == after[0]
    if not same or any(len(row) != len(columns) for row in after):
        raise ValueError(
            f"{out}: rows, columns or names were changed by hand; nothing is overwritten: move it away, and "
            "it is written anew"
        )
    return [
        Edit(old[0], column, was, given)
        for old, new in zip(before[1:], after[1:], strict=True)
        for column, was, given in zip(columns, old, new, strict=True)
        if was != given and not _same_number(was, given)
    ]


def _same_number(before, after):
    number = numbers.read(before)
    return number is not None and number == numbers.read(after)  # 2.5 and 2,5, 3 and 3.00


def said(edits, out, overrides):
    """Return the sentence that refuses to overwrite edits."""
    listed = "; ".join(map(str, edits[:SHOWN])) + (
        f"; and {len(edits) - SHOWN} more" if edits[SHOWN:] else ""
    )
    return (
        f"{out} was changed by hand ({listed}); nothing is overwritten: give --keep-edits to move the "
        f"changes into {overrides}, or move the table away"
    )


def as_overrides(edits, columns):
    """Return the four cells of an override for each edit. columns: of the functions, as the table has them.

    Raises ValueError for a change that no override can say.
    """
    pairs = []
    for edit in edits:
        what = {"total": TOTAL, "days late": LATE, "notes": NOTE}.get(edit.column)
        what = edit.column if edit.column in columns else what
        if what == NOTE and edit.after:
            pairs.append([edit.student, NOTE, "", edit.after.removeprefix(edit.before).strip("; ")])
        elif what not in (None, NOTE) and numbers.read(edit.after) is not None:
            pairs.append([edit.student, what, numbers.plain(numbers.read(edit.after)), REASON])
        else:
            raise ValueError(f"{edit}: expected a number of points; undo it, or write an override yourself")
    return pairs
