"""What a student reads in the terminal: the first thing that is wrong, then the evidence, then the list."""

import shutil
import textwrap

import numpy as np

from minires.course.values import is_number
from minires.course.verdict import NOT_YET

FEW = 12  # values that are printed one by one
SHADES = " ░▒▓█"
PLAIN = " .:*#"  # where the terminal has no blocks
MOST_ROWS, MOST_COLUMNS = 24, 64  # of a map


def failure(exercise, verdict, *, unicode=True):
    """Return the text about one wrong function: the verdict in one line, the diagnosis, the evidence."""
    paragraphs = [_headline(exercise, verdict)]
    if verdict.problem.endswith(NOT_YET):
        lesson = f"It belongs to lesson {exercise.lesson}: minires lesson {exercise.lesson} --run --pause"
        paragraphs.append(f"Open {exercise.module}.py; its text says what is asked. {lesson}")
    if verdict.mistake:
        name = verdict.mistake[0].upper() + verdict.mistake[1:]
        paragraphs.append(_wrap(f"{name}. {verdict.says}".strip()))
    known = [line for line in (verdict.detail, *verdict.facts) if line]
    if known:
        paragraphs.append("\n".join(_wrap(line, "  - ") for line in known))
    if verdict.evidence is not None:
        paragraphs.append(_evidence(verdict.evidence, unicode))
    return "\n\n".join(paragraphs)


def _headline(exercise, verdict):
    right = f" ({_and(verdict.right)} right)" if verdict.right else ""
    return f"{exercise.number}  {verdict.problem}{right}"


def _and(names):
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _wrap(text, mark=""):
    width = min(96, shutil.get_terminal_size().columns)
    return textwrap.fill(
        text, max(width, 30), initial_indent=mark, subsequent_indent=" " * len(mark), break_on_hyphens=False
    )


def _evidence(evidence, unicode):
    lines = ["The smallest input that shows it:"]
    lines += [f"  {line}" for name, value in _unpacked(evidence.case) for line in _named(name, value)]
    if evidence.output is None:
        return "\n".join(lines)
    lines += ["", *_comparison(evidence)]
    picture = error_map(evidence, SHADES if unicode else PLAIN)
    return "\n".join([*lines, *(["", *picture] if picture else [])])


def _unpacked(case):
    """Return (name, value) pairs of a case: what is nested with a name for each part, but (2, 1) as it is."""
    pairs = []
    for name, value in case.items():
        if isinstance(value, (tuple, list)) and not all(map(is_number, value)):
            value = {f"{name}[{i}]": item for i, item in enumerate(value)}
            pairs += _unpacked(value)
        elif isinstance(value, dict):
            pairs += _unpacked({f"{name}[{key!r}]": item for key, item in value.items()})
        else:
            pairs.append((name, value))
    return pairs


def _named(name, value):
    """Return the lines of "name = value", a large array by its shape."""
    if not isinstance(value, np.ndarray):
        return [f"{name} = {value!r}" if not is_number(value) else f"{name} = {value:.6g}"]
    if value.size > FEW:
        return [f"{name}: {value.dtype}, shape {value.shape}"]
    single = value.dtype == np.float32  # of float64 and integers nothing needs to be said
    how = {"precision": 4, "suppress_small": True, "separator": ", "}
    if value.ndim < 2:
        begin = f"{name} = "  # under which a second line is indented
        text = begin + np.array2string(value, prefix=begin, **how)
        return f"{text}{'  (float32)' if single else ''}".split("\n")
    text = np.array2string(value, **how)
    # blank lines between planes would tear the list of inputs apart
    return [
        f"{name}, {'float32, ' if single else ''}shape {value.shape}:",
        *(f"  {line}" for line in text.split("\n") if line.strip()),
    ]


def _comparison(evidence):
    """Return a table of expected and got: all values of a small output, the worst of a large one."""
    right, got = evidence.expected, evidence.got
    name = evidence.output
    shown_whole = not isinstance(right, np.ndarray) or right.ndim == 0 or right.size == 0
    if shown_whole or np.shape(right) != np.shape(got):
        expected = _named("expected", float(right) if is_number(right) else right)
        return [
            f"{name}:",
            *(f"  {line}" for line in expected),
            *(f"  {line}" for line in _named("got", got)),
        ]
    error = _error(right, got)
    order = np.arange(right.size) if right.size <= FEW else np.argsort(-error, axis=None, kind="stable")[:6]
    rows = [("", "expected", "got")]
    for flat in order:
        index = np.unravel_index(int(flat), right.shape)
        mark = "  <- wrong" if error[index] > 1e-9 * np.abs(right).max() else ""
        place = f"{name}[{', '.join(map(str, index))}]"
        rows.append((place, _number(right[index]), _number(got[index]) + mark))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"  {a:{widths[0]}}  {b:>{widths[1]}}  {c}" for a, b, c in rows]
    if right.size > FEW:
        lines.insert(0, f"{name}, shape {right.shape}; its worst values:")
    return lines


def _number(value):
    """Return a number of an array, or a truth value, as text."""
    return str(bool(value)) if isinstance(value, np.bool_) else f"{value:.8g}"


def _error(right, got):
    """Return |got - right| in float64; what is not finite is infinitely wrong."""
    with np.errstate(invalid="ignore"):
        error = np.abs(np.asarray(got, np.float64) - np.asarray(right, np.float64))
    return np.where(np.isnan(error), np.inf, error)


def error_map(evidence, shades=SHADES):
    """Return lines that draw where an output is wrong, a character for each element; [] if nothing is wrong.

    The last two axes are drawn, at the worst place of the others; the darker, the larger the error.
    """
    right, got = evidence.expected, evidence.got
    if not isinstance(right, np.ndarray) or np.shape(right) != np.shape(got) or right.size <= 4:
        return []
    plane, where = worst_plane(_error(right, got))
    if min(plane.shape) < 2 and plane.size < 8 or plane.shape[0] > MOST_ROWS or plane.shape[1] > MOST_COLUMNS:
        return []
    wrong = plane > 1e-9 * np.abs(right).max()
    if not wrong.any() or wrong.all():
        return []
    largest = plane[np.isfinite(plane)].max(initial=0.0) or 1.0
    level = np.clip(np.ceil(plane / largest * (len(shades) - 1)), 1, len(shades) - 1)
    level = np.where(wrong, np.where(np.isfinite(level), level, len(shades) - 1), 0).astype(int)
    rows = ["".join(shades[value] * 2 for value in row) for row in level]
    place = (
        f"{evidence.output}[{', '.join([*map(str, where), ':', ':'])}]" if right.ndim > 1 else evidence.output
    )
    edge = "-" * (2 * plane.shape[1])
    return [f"Where {place} is wrong:", f"  +{edge}+", *(f"  |{row}|" for row in rows), f"  +{edge}+"]


def worst_plane(error):
    """Return the last two axes of an array at the largest error, and the indices of the other axes."""
    if error.ndim < 2:
        return error.reshape(1, -1), ()
    index = np.unravel_index(int(np.argmax(error)), error.shape)[:-2]
    return error[index], tuple(int(i) for i in index)


def hints(part, count):
    """Return the first hints of a part, each with its level."""
    names = ("idea", "formula", "step")
    lines = []
    for level, hint in enumerate(part.hints[:count]):
        name = names[level] if level < len(names) else "step"
        lines.append(_wrap(f"Hint {level + 1}, the {name}: {hint}"))
    return "\n".join(lines)


def line(exercise, part, result):
    """Return the line of one function in the list. result: None if it was not tried."""
    verdict = result.verdict
    if verdict.ok:
        state = (
            "right"
            if result.error is None
            else f"right     backward against numeric gradients: {result.error:.0e}"
        )
    else:
        state = "not yet" if verdict.problem.endswith(NOT_YET) else "WRONG"
    return f"  {exercise.number}  {part.name:32}{state}"
