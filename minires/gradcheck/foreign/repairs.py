"""A gradient of the wrong shape: which step would make it right? Named only if the numbers are then right."""

from collections.abc import Iterator

import numpy as np

from minires.gradcheck.numeric import Numeric, check_tensor
from minires.gradcheck.report import OK
from minires.typing import Generator


def repair(numeric: Numeric, name: str, gradient: np.ndarray, rng: Generator) -> tuple[str, str]:
    """Return (kind, sentence) of the step that makes a misshapen gradient right, or ("", "")."""
    shape = numeric.subject.arrays[name].shape
    for kind, sentence, candidate in _candidates(gradient, shape):
        if candidate.shape == shape:
            row = check_tensor(numeric, name, np.ascontiguousarray(candidate), rng, max_elements=30)
            if row.verdict == OK:
                return kind, sentence
    return "", ""


def _candidates(g: np.ndarray, shape: tuple[int, ...]) -> Iterator[tuple[str, str, np.ndarray]]:
    if g.ndim > 1:
        yield "transposed", "it is right once it is transposed", g.T
    if g.size == int(np.prod(shape)):
        yield (
            "shape",
            "its values are right: only the shape is not (reshape it, or drop keepdims)",
            g.reshape(shape),
        )
    if g.ndim > len(shape):
        extra = tuple(range(g.ndim - len(shape)))
        yield "sum missing", f"it is right once it is summed over axis {_axes(extra)}", g.sum(axis=extra)
        for axis in range(1, g.ndim):
            rest = tuple(a for a in range(g.ndim) if a != axis)
            if len(shape) == 1:
                yield (
                    "sum missing",
                    f"it is right once it is summed over axis {_axes(rest)}",
                    g.sum(axis=rest),
                )
    elif g.ndim == len(shape):
        kept = tuple(axis for axis in range(g.ndim) if shape[axis] == 1 and g.shape[axis] > 1)
        if kept:
            summed = g.sum(axis=kept, keepdims=True)
            yield "sum missing", f"it is right once it is summed over axis {_axes(kept)}", summed
    elif g.ndim < len(shape) and g.ndim:
        spread = g.reshape(g.shape + (1,) * (len(shape) - g.ndim))
        sizes: list[tuple[int, int]] = list(zip(spread.shape, shape, strict=True))
        if all(size in (1, full) for size, full in sizes):
            yield (
                "broadcast missing",
                "its values are right once they are spread over all elements",
                (np.broadcast_to(spread, shape)),
            )


def _axes(axes: tuple[int, ...]) -> str:
    return ", ".join(map(str, axes))
