"""Which parts of a lesson ask its reader something, told from its source, so that they can be shown as such.

A quiz's source gives its answers away, and a prediction's says no more than the question that it asks: where
a lesson is shown, such a cell shows only what it asks.
"""

import ast
import io
import re
import tokenize

KINDS = ("predict", "quiz", "score")
ANSWERS = re.compile(r"## Answers\n+")
BLANK = "# Put your number in place of the dots, then run this cell."
FOLDED = "## Answers\n\n<details>\n<summary>Show the answers</summary>\n\n{}\n\n</details>"


def kind(statement):
    """Return which question a statement asks, "quiz" for `lesson.quiz(...)`, or None; predictions may be
    assigned to a name, or be values of a dictionary."""
    simple = isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr)
    asked = {call.func.attr for call in calls(statement)} if simple else set()
    return next((name for name in KINDS if name in asked), None)


def calls(tree):
    """Return the calls in a syntax tree that ask something, in the order of their ends."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [node for node in found if ast.unparse(node.func) in [f"lesson.{name}" for name in KINDS]]
    return sorted(found, key=lambda call: (call.end_lineno, call.end_col_offset))


def parts(source):
    """Return [(kind, source, number of its first line)] of a cell of code: each question by itself, and what
    stands before, between and after them, whose kind is None.

    Source that is not Python is one part.
    """
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # whoever runs it will say so
        return [(None, source, 1)]
    lines, found, start = source.split("\n"), [], 0
    for statement, after in zip(statements, [*statements[1:], None], strict=False):
        end, asked = statement.end_lineno, kind(statement)
        if after is None:
            end = len(lines)
        elif after.lineno == end or not (asked or kind(after)):
            continue  # a part goes on
        found.append((asked, lines[start:end], start + 1))
        start = end
    return [_without_blank_lines(*part) for part in found or [(None, lines, 1)]]


def _without_blank_lines(asked, lines, first):
    blank = next((number for number, line in enumerate(lines) if line.strip()), 0)
    return asked, "\n".join(lines).strip("\n").rstrip(), first + blank


def with_a_blank(source):
    """Return the source of predictions with a place for each of the reader's numbers: `guess=...`."""
    lines = source.split("\n")
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.string]
    tokens = [token for token in tokens if token.type not in (tokenize.NL, tokenize.COMMENT)]
    for call in reversed(calls(ast.parse(source))):  # from the end, so that places before it stay right
        column = len(lines[call.end_lineno - 1].encode()[: call.end_col_offset].decode())
        closing = next(i for i, token in enumerate(tokens) if token.end == (call.end_lineno, column))
        _insert_blank(lines, tokens[closing - 1], closing_row=call.end_lineno)
    return "\n".join([BLANK, *lines])


def _insert_blank(lines, before, *, closing_row):
    """Insert the blank after the token before the closing bracket, on a line of its own if it has that."""
    row, column = before.end
    line = lines[row - 1]
    if before.string == "," and row < closing_row:
        indent = line[: len(line) - len(line.lstrip())]
        lines.insert(row, f"{indent}guess=...,")
    else:
        blank = " guess=..." if before.string == "," else ", guess=..."
        lines[row - 1] = line[:column] + blank + line[column:]


def is_answers(text):
    """Return whether a cell of text holds the answers, which are not shown at once."""
    return ANSWERS.match(text) is not None


def folded(text):
    """Return the answers as Markdown that shows them only when its reader opens them."""
    return FOLDED.format(without_heading(text))


def without_heading(text):
    """Return the answers as they stand under their heading."""
    return ANSWERS.sub("", text, count=1)
