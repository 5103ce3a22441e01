"""A lesson's text for a terminal: headings, emphasis, lists, tables and formulas without their signs."""

import re

from minires.lesson.formula import readable

BOLD, ITALIC, DIM, CYAN = "1", "3", "2", "36"  # of the escape sequences that a terminal understands
ESCAPE = re.compile(r"\x1b\[\d+m")
ITEM = re.compile(r"( *)([-*+]|\d+\.) +")
FENCE = re.compile(r" *(```|~~~)")
KEPT = re.compile(r"(`+)(.+?)\1|(?<![\\$])\$(?!\$)(.+?)(?<!\\)\$", re.DOTALL)
TIE = "\u00a0"  # a space at which no line ends


def render(text, *, width, colour):
    """Return a cell's text, wrapped to width columns; colour: whether to use escape sequences."""
    return "\n\n".join(_block(block, width, colour) for block in _blocks(text))


def inline(text, *, colour=False):
    """Return a line's worth of text without its signs for emphasis, code, links and formulas."""
    kept = []

    def keep(match):
        code = match[2] is not None
        kept.append(paint(match[2], CYAN, colour) if code else readable(match[3]).replace("\n", "; "))
        return f"\ue000{len(kept) - 1}\ue001"  # from the private use area: nobody writes them

    text = KEPT.sub(keep, text)
    text = re.sub(r"!\[([^]]*)\]\([^)]*\)", r"[figure: \1]", text)
    text = re.sub(r"\[([^]]+)\]\(([^)]+)\)", r"\1 (\2)", text)
    text = re.sub(r"\*\*(.+?)\*\*", lambda m: paint(m[1], BOLD, colour), text, flags=re.DOTALL)
    text = re.sub(
        r"(?<![\w*])\*(?!\s)(.+?)\*(?!\w)", lambda m: paint(m[1], ITALIC, colour), text, flags=re.DOTALL
    )
    text = re.sub(r"\\([\\`*_$#])", r"\1", text)
    return re.sub("\ue000(\\d+)\ue001", lambda m: kept[int(m[1])].replace(" ", TIE), text)


def paint(text, style, colour):
    """Return text in a style (BOLD, ITALIC, DIM or CYAN) if there is colour."""
    return f"\x1b[{style}m{text}\x1b[0m" if colour and text else text


def _blocks(text):
    """Split text at blank lines outside of fences, and around headings and formulas of their own."""
    text = re.sub(r"\n?(?<!\\)(\$\$.+?\$\$)([.,;:]?)\n?", r"\n\n\1\2\n\n", text, flags=re.DOTALL)
    block, blocks, fenced = [], [], False
    for line in text.split("\n"):
        fenced ^= bool(FENCE.match(line))
        starts = re.match(r"#+ ", line) and not fenced
        if (not line.strip() and not fenced) or starts:
            blocks.append(block)
            block = []
        if line.strip() or fenced:
            block.append(line)
        if starts:
            blocks.append(block)
            block = []
    return ["\n".join(block) for block in [*blocks, block] if block]


def _block(block, width, colour):
    lines = block.split("\n")
    if FENCE.match(lines[0]):
        return "\n".join(paint(f"    {line}", CYAN, colour) for line in lines[1:] if not FENCE.match(line))
    if block.startswith("$$"):
        formula = readable(re.sub(r"\$\$", "", block))
        return "\n".join(f"    {line}" for line in formula.split("\n"))
    if heading := re.match(r"(#+) +(.*)", block):
        title = inline(heading[2])
        line = (
            "\n" + ("=" if heading[1] == "#" else "-") * min(len(title), width)
            if len(heading[1]) <= 2
            else ""
        )
        return paint(title, BOLD, colour) + paint(line, DIM, colour)
    if all(line.lstrip().startswith("|") for line in lines):
        return _table(lines, colour)
    if ITEM.match(lines[0]):
        return "\n".join(_items(lines, width, colour))
    quote = all(line.startswith(">") for line in lines)
    words = inline(" ".join(line.lstrip("> ") if quote else line.strip() for line in lines), colour=colour)
    return wrap(words, width, "  | " if quote else "")


def _items(lines, width, colour):
    """Yield the items of a list, each wrapped after its marker."""
    items = []
    for line in lines:
        if ITEM.match(line):
            items.append(line)
        else:
            items[-1] += f" {line.strip()}"
    for item in items:
        sign = ITEM.match(item)
        first = f"{sign[1]}  {sign[2]} "
        words = inline(item[sign.end() :], colour=colour)
        yield wrap(words, width, " " * len(first)).replace(" " * len(first), first, 1)


def _table(lines, colour):
    rows = [
        [inline(cell.strip(), colour=colour) for cell in line.strip().strip("|").split("|")] for line in lines
    ]
    rule = next((i for i, row in enumerate(rows) if all(re.fullmatch(":?-+:?", cell) for cell in row)), None)
    columns = max(len(row) for row in rows)
    rows = [row + [""] * (columns - len(row)) for i, row in enumerate(rows) if i != rule]
    widths = [max(length(row[column]) for row in rows) for column in range(columns)]
    if rule is not None:
        rows.insert(rule, ["-" * width for width in widths])
    padded = [[cell + " " * (w - length(cell)) for cell, w in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join(row).rstrip().replace(TIE, " ") for row in padded)


def wrap(words, width, indent=""):
    """Return words in lines of at most width columns, each after the indent; longer words stand alone."""
    lines = [""]
    for word in re.split(r"[ \n]+", words):
        if lines[-1] and length(indent + lines[-1]) + 1 + length(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(indent + line for line in lines).replace(TIE, " ")


def length(text):
    """Return how many columns text takes: escape sequences and combining accents take none."""
    return sum(not "\u0300" <= letter <= "\u036f" for letter in ESCAPE.sub("", text))
