"""Which mistake gives exactly these numbers, in every case? Beside the patterns of one wrong gradient.

A pattern is a function of the Evidence of one case: a sentence if it reproduces the numeric gradient, else
"". It is named only if it does so in every case that is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from minires.gradcheck import diagnosis
from minires.gradcheck.diagnosis import reproduces

FACTOR = "constant factor"


@dataclass
class Evidence:
    """One wrong gradient. analytic, numeric: it and the true one, NaN where that was not taken; dys: {name:
    upstream gradient}; others: {name: numeric gradient} of the other inputs; without: of several outputs,
    {name of an upstream gradient: numeric gradient if that one were zero}; shapes: {name: shape} of all."""

    analytic: np.ndarray
    numeric: np.ndarray
    dys: Mapping[str, np.ndarray]
    others: Mapping[str, np.ndarray]
    without: Mapping[str, np.ndarray]
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def dy(self) -> np.ndarray:
        """The upstream gradient, of several the first."""
        return np.asarray(next(iter(self.dys.values())))


def upstream_unchanged(e: Evidence) -> str:
    """The gradient that arrived, passed on."""
    for name, dy in e.dys.items():
        if dy.shape == e.analytic.shape and np.array_equal(dy, e.analytic):
            return f"it is {name} itself: the derivative of this operation is missing"
    return ""


def exchanged(e: Evidence) -> str:
    """The gradient of another input."""
    for name, other in e.others.items():
        if other.shape == e.analytic.shape and reproduces(e.analytic, other):
            return f"it is what the gradient of {name} should be"
    return ""


def output_missing(e: Evidence) -> str:
    """Right if one of several outputs had no gradient."""
    for name, other in e.without.items():
        if reproduces(e.analytic, other):
            return f"the path through {name} is missing"
    return ""


def reverse(e: Evidence) -> str:
    """Right in the reverse order along an axis."""
    for axis, length in enumerate(e.analytic.shape):
        if length > 1 and reproduces(np.flip(e.analytic, axis), e.numeric):
            return f"the values are right, in the reverse order along axis {axis}"
    return ""


def shifted(e: Evidence) -> str:
    """Right one place further along an axis."""
    for axis, step in product(range(e.analytic.ndim), (1, -1)):
        if e.analytic.shape[axis] < 3:
            continue
        inner = np.zeros(e.analytic.shape, bool)
        np.moveaxis(inner, axis, 0)[1:-1] = True
        if reproduces(np.roll(e.analytic, step, axis), e.numeric, inner):
            return f"the values are right, one place further along axis {axis}"
    return ""


def rows(e: Evidence) -> str:
    """In each row (axis 0) the same number is missing everywhere."""
    if e.analytic.ndim < 2 or e.analytic[0].size < 3 or not np.isfinite(e.numeric).all():
        return ""
    axes = tuple(range(1, e.analytic.ndim))
    moved = e.analytic + (e.numeric - e.analytic).mean(axis=axes, keepdims=True)
    if not reproduces(moved, e.numeric):
        return ""
    return (
        "in each row (axis 0) the same amount is missing everywhere: was the path through the row's sum, "
        "mean or variance forgotten?"
    )


def signs(e: Evidence) -> str:
    """All sizes right, some signs wrong."""
    if not reproduces(np.abs(e.analytic), np.abs(e.numeric)):
        return ""
    known = np.isfinite(e.numeric) & (np.abs(e.numeric) > diagnosis.CLOSE * np.nanmax(np.abs(e.numeric)))
    wrong = known & (np.sign(e.analytic) != np.sign(e.numeric))
    return f"the sizes are right; {wrong.sum()} of {known.sum()} signs are not" if wrong.any() else ""


OWN: list[tuple[str, Callable[[Evidence], str]]] = [
    ("derivative missing", upstream_unchanged),
    ("exchanged", exchanged),
    ("output missing", output_missing),
    ("reversed", reverse),
    ("shifted", shifted),
    ("row offset", rows),
    ("signs", signs),
]


EXACT = 3  # of them are looked for before any factor


def name(cases: Sequence[Evidence]) -> tuple[str, str]:
    """Return (kind, sentence) of the first pattern that every case shows, or ("", "")."""
    telling = [e for e in cases if np.isfinite(e.numeric).sum() > 1]
    if not telling:
        return "", ""
    for kind, pattern in OWN[:EXACT]:
        if all(pattern(e) for e in telling):
            return kind, pattern(telling[0])
    for kind, fits, sentence in diagnosis.MISTAKES:
        if all(fits(e.analytic, e.numeric, e.dy) for e in telling):
            if kind == FACTOR:
                return kind, factor(telling)
            first = telling[0]
            return kind, str(sentence(first.analytic, first.numeric) if callable(sentence) else sentence)
    for kind, pattern in OWN[EXACT:]:
        if all(pattern(e) for e in telling):
            return kind, pattern(telling[0])
    return "", ""


def factor(cases: Sequence[Evidence]) -> str:
    """Return the sentence of a constant factor: of what it is the same in every case, if of anything."""
    factors = [diagnosis.factor(e.analytic, e.numeric) for e in cases]
    f, single = factors[0], len({round(f, 4) for f in factors}) == 1
    if f < 0:
        return (
            f"every value must be multiplied by {f:.6g}" if single else "the factor differs from case to case"
        )
    small = f > 1
    wholes = [1 / f if f < 1 else f for f in factors]
    if any(
        abs(w - round(w)) > diagnosis.CLOSE * w or (f > 1) != small
        for w, f in zip(wholes, factors, strict=True)
    ):
        return (
            f"every value must be multiplied by {f:.6g}" if single else "the factor differs from case to case"
        )
    text = f"every value is {round(wholes[0])} times too {'small' if small else 'large'}"
    lengths = [name for name in _quantities(cases[0]) if _same_everywhere(name, cases, wholes)]
    if lengths:
        return f"{text}; {round(wholes[0])} is {lengths[0]}" + (
            f", and {lengths[1]}" if len(lengths) > 1 else ""
        )
    return text if single else f"the factor differs from case to case; in the smallest, {text}"


def _quantities(e: Evidence) -> dict[str, int]:
    """Return {what it is: number} of the lengths of all arrays, and their numbers of elements."""
    found = {}
    for name, shape in e.shapes.items():
        found.update({f"the length of axis {axis} of {name}": length for axis, length in enumerate(shape)})
    for name, shape in e.shapes.items():
        found[f"the number of elements of {name}"] = int(np.prod(shape))
    return found


def _same_everywhere(name: str, cases: Sequence[Evidence], wholes: Sequence[float]) -> bool:
    return all(_quantities(e).get(name) == round(whole) for e, whole in zip(cases, wholes, strict=True))
