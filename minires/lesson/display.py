"""What a lesson displays, and where: in a terminal, in a notebook, or on a page."""

import html
import io
import os
import pathlib
import sys

from minires.lesson import reader

FIGURES = pathlib.Path("lesson-figures")  # where scripts leave their figures
LABEL = "text-align: left; font-weight: normal"  # in notebooks, which set every head of a row in bold
RESULTS = ("measured", "derived")  # how the columns of what came out begin, the better one first
SETTINGS = ("fast", "live", "full")
_shown = {}  # script: how many figures it has shown


def setting():
    """Return how long the lesson may take: "fast" (seconds), "live" (see its first lines) or "full" (the
    papers' recipe, for a GPU).

    It is the script's option --fast or --full, else the environment's MINIRES_LESSON, else "live".
    Raises ValueError if that is none of the three.
    """
    for name in SETTINGS:
        if f"--{name}" in sys.argv[1:]:
            return name
    return setting_of_environment()


def setting_of_environment():
    """Return the environment's MINIRES_LESSON, or "live". Raises ValueError if it is no setting."""
    name = os.environ.get("MINIRES_LESSON", "").strip() or "live"
    if name not in SETTINGS:
        raise ValueError(f"MINIRES_LESSON: expected one of {', '.join(SETTINGS)}, got {name!r}")
    return name


def table(header, *rows):
    """Show rows under a header in aligned columns; numbers have four significant digits, integers all.

    header: names of the columns; rows: as many values each, the first says what the row is about; a value
    is a text, a number, a truth value or None, which stays empty. Raises ValueError for a row of another
    length. A Prediction shows the reader's number, and remembers the row's "measured", else its "derived"; a
    column in which she predicted nothing is left out.
    """
    lines = [[_text(value) for value in row] for row in (header, *rows)]
    for line in lines:
        if len(line) != len(header):
            raise ValueError(f"rows: expected {len(header)} values, {header}, got {len(line)}: {line}")
    for row, line in zip(rows, lines[1:], strict=True):
        _note_predictions(lines[0], row, line)
    asked = [any(isinstance(row[column], reader.Prediction) for row in rows) for column in range(len(header))]
    kept = [c for c in range(len(header)) if not asked[c] or any(line[c] for line in lines[1:])]
    lines = [[line[column] for column in kept] for line in lines]
    if reader.in_notebook():
        reader.show_in_notebook({"text/html": _as_html(lines), "text/plain": _as_text(lines)})
    else:
        print(_as_text(lines))


def _as_text(lines):
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    cells = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(line).rstrip() for line in cells)


def _as_html(lines):
    """Return a table that wraps on a narrow page, and that is read out cell by cell."""
    head, *body = [[html.escape(text) for text in line] for line in lines]
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    rows = "\n".join(
        f'<tr><th scope="row" style="{LABEL}">{label}</th>' + "".join(f"<td>{text}</td>" for text in texts)
        for label, *texts in body
    )
    return f"<table><thead><tr>{names}</tr></thead>\n<tbody>{rows}</tbody></table>"


def _note_predictions(header, row, shown):
    """Let the predictions in a row remember its other values, and the number that came out.

    header, shown: the texts of the columns' names and of the row's values.
    """
    predicted = [value for value in row if isinstance(value, reader.Prediction)]
    others = [i for i, value in enumerate(row) if not isinstance(value, reader.Prediction)]
    numbers = [(header[i], row[i]) for i in others if not isinstance(row[i], str | None)]
    found = [value for word in RESULTS for name, value in numbers if name.startswith(word)]
    for prediction in predicted if found else ():
        texts = [(header[i], shown[i]) for i in others if shown[i]]
        reader.note(prediction, texts, float(found[0]))


def _text(value):
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, reader.Prediction):
        return repr(value)
    number = value.item() if hasattr(value, "item") else value  # NumPy's or CuPy's
    if isinstance(number, bool):
        return "yes" if number else "no"
    return f"{number:,}" if isinstance(number, int) else f"{number:.4g}"


def show(figure, *, alt=None):
    """Show a matplotlib figure: in the notebook if there is one, else as a file in ./lesson-figures/.

    alt: what the figure shows, in a sentence or two for someone who does not see it; without it, the titles
    or the names of the axes. Raises ValueError for a text that says nothing.
    """
    if alt is not None and not alt.strip():
        raise ValueError("alt: expected what the figure shows, in words, got nothing")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    if reader.is_on_page():
        reader.show_in_notebook({"image/png": image.getvalue(), "text/plain": alt or _title(figure)})
        return
    if reader.in_notebook():
        from IPython.display import Image, display

        display(Image(image.getvalue(), width=round(100 * figure.get_figwidth()), alt=alt or _title(figure)))
        return
    script = pathlib.Path(sys.argv[0]).stem or "lesson"
    _shown[script] = number = _shown.get(script, 0) + 1
    path = FIGURES / f"{script}{'' if number == 1 else f'-{number}'}.png"
    try:
        FIGURES.mkdir(exist_ok=True)
        path.write_bytes(image.getvalue())
    except OSError as error:  # the lesson's numbers do not depend on its figures
        print(f"figure: {path} cannot be written: {error.strerror}; start the lesson from another folder")
    else:
        print(f"figure: {path}")


def _title(figure):
    """Return what can be said of a figure to someone who does not see it: its titles, or its axes' names."""
    names = [axes.get_title() or f"{axes.get_ylabel()} over {axes.get_xlabel()}" for axes in figure.axes]
    return "; ".join(name for name in names if name != " over ") or "figure"


def restart():
    """Forget which figures were shown and what was predicted: a script starts afresh."""
    _shown.clear()
    reader.restart()
