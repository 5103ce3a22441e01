"""CSV files: written so that no spreadsheet computes what stands in a cell, read from whatever wrote them."""

import csv
import io
import pathlib
import re
import unicodedata
from dataclasses import dataclass

LEADING = "=+-@\u2212"  # a cell that begins so is computed; \u2212 is a minus sign too
SEPARATORS = ",;\t|"
LARGEST = 10_000_000  # bytes of a table that is read; a class has thousands
INVISIBLE = ("Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me")  # kinds of characters that are not seen alone


def cell(text):
    """Return a text as one line that no spreadsheet takes for a formula, wherever it is cut.

    A spreadsheet that expects another separator cuts a line at it, also inside quotation marks that do not
    begin a cell of its own. So what follows a separator is treated as the beginning of a cell.
    """
    pieces = re.split(f"([{SEPARATORS}])", " ".join(text.split()))
    return "".join(f"'{piece}" if _is_computed(piece) else piece for piece in pieces).strip()


def _is_computed(piece):
    """Whether a cell of this text would be computed: full-width and small signs are taken for plain ones."""
    for letter in piece:
        if letter not in " \"'" and unicodedata.category(letter) not in INVISIBLE:
            return unicodedata.normalize("NFKC", letter)[:1] in LEADING
    return False


def text(rows):
    """Return the text of a table. rows: lists of texts, which are quoted, and numbers, which are not."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerows([[cell(one) if isinstance(one, str) else one for one in row] for row in rows])
    return file.getvalue()


@dataclass(frozen=True)
class Line:
    """A line of a table. place: file and line, with which an error begins; cells: {column: text}."""

    place: str
    cells: dict

    def __getitem__(self, column):
        return self.cells.get(column, "")


def parse(content, name):
    """Return the rows of a table as lists of texts with the number of their line: [(1, [...]), ...].

    content: bytes, of UTF-8, UTF-16 with its mark or, if neither fits, Windows' western letters; the
    separator is the one that stands most often in the first line. name: of the file, for errors. Raises
    ValueError for what is no table.
    """
    if len(content) > LARGEST:
        raise ValueError(f"{name}: expected a table, got a file of more than {LARGEST // 1_000_000} MB")
    if b"\0" in content and content[:2] not in (b"\xff\xfe", b"\xfe\xff") or content[:4] == b"PK\x03\x04":
        raise ValueError(f"{name}: expected a CSV file, got something else: save it as CSV (UTF-8)")
    written = _decoded(content)
    first = written.split("\n", 1)[0]
    separator = max(SEPARATORS[:3], key=first.count)
    try:
        reader = csv.reader(io.StringIO(written, newline=""), delimiter=separator)
        return [(reader.line_num, [_bare(one) for one in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise ValueError(f"{name}: expected a CSV file: {error}") from None


def _decoded(content):
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _bare(text):
    """Return the text of a cell without the mark that `cell` puts before what would be computed."""
    text = text.strip()
    return text[1:] if text.startswith("'") and _is_computed(text[1:]) else text


def shown(text):
    """Return a text as it is read again from the cell into which it was written."""
    return _bare(cell(text))


def read(path, columns):
    """Return the Lines of a CSV file whose first line names its columns, in any order and case.

    columns: the names that must be there; others may be. Raises ValueError, naming the file and what was
    expected, OSError if it cannot be read.
    """
    path = pathlib.Path(path)
    rows = parse(path.read_bytes(), path)
    names = [name.lower() for name in rows[0][1]] if rows else []
    missing = [name for name in columns if name not in names]
    if missing:
        raise ValueError(
            f"{path}: expected a first line with the columns {', '.join(columns)}; "
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        )
    lines = []
    for number, row in rows[1:]:
        if len(row) > len(names) and any(row[len(names) :]):
            raise ValueError(
                f"{path}, line {number}: expected {len(names)} cells, got {len(row)}: quote what has commas"
            )
        lines.append(Line(f"{path}, line {number}", dict(zip(names, row, strict=False))))
    return lines
