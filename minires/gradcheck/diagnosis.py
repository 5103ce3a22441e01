"""Which well-known mistake explains a wrong gradient?

Every row of MISTAKES is one hypothesis: a function of (analytic, numeric, dy) that says whether it
reproduces the numeric gradient from the wrong one, number by number, and the sentence for the reader. A
mistake is named only if its numbers fit; otherwise the checker stays silent. To teach it another mistake,
add a row.

analytic: the whole wrong gradient; numeric: the true one, same shape, NaN where it was not measured;
dy: the upstream gradient, of the output's shape.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from minires.typing import Shape

CLOSE = 1e-5  # relative to the largest true value: ten times what numeric gradients can be off


def reproduces(candidate: np.ndarray, numeric: np.ndarray, where: Any = True) -> bool:
    """Whether candidate equals numeric wherever numeric is known (and `where` holds), in two places or more
    unless there is only one."""
    known = np.isfinite(numeric) & where
    if candidate.shape != numeric.shape or known.sum() < min(2, numeric.size):
        return False
    scale = np.abs(numeric[known]).max()
    return scale > 0 and bool(np.all(np.abs(candidate[known] - numeric[known]) <= CLOSE * scale))


def factor(analytic: np.ndarray, numeric: np.ndarray) -> float:
    """Return the f for which f * analytic is nearest to numeric (0.0 if analytic is zero)."""
    known = np.isfinite(numeric)
    power = float((analytic[known] ** 2).sum())
    return float((analytic[known] * numeric[known]).sum()) / power if power else 0.0


def all_zero(analytic: np.ndarray, numeric: np.ndarray, dy: np.ndarray) -> bool:
    """All of it is zero."""
    return not analytic.any()


def wrong_sign(analytic: np.ndarray, numeric: np.ndarray, dy: np.ndarray) -> bool:
    """Right but for the sign."""
    return reproduces(-analytic, numeric)


def constant_factor(analytic: np.ndarray, numeric: np.ndarray, dy: np.ndarray) -> bool:
    """Right but for one factor."""
    # A single measured element always fits some factor.
    return np.isfinite(numeric).sum() > 1 and reproduces(factor(analytic, numeric) * analytic, numeric)


def shortcut_missing(analytic: np.ndarray, numeric: np.ndarray, dy: np.ndarray) -> bool:
    """Exactly dy is missing."""
    return analytic.shape == dy.shape and reproduces(analytic + dy, numeric)


def shortcut_twice(analytic: np.ndarray, numeric: np.ndarray, dy: np.ndarray) -> bool:
    """Exactly dy is too much."""
    return analytic.shape == dy.shape and reproduces(analytic - dy, numeric)


def flipped_kernel(analytic: np.ndarray, numeric: np.ndarray, dy: np.ndarray) -> bool:
    """Right after turning the kernel by 180 degrees."""
    return analytic.ndim == 4 and reproduces(analytic[:, :, ::-1, ::-1], numeric)


def transposed(analytic: np.ndarray, numeric: np.ndarray, dy: np.ndarray) -> bool:
    """The elements in the order of the transpose: square, or reshaped to fit."""
    if analytic.ndim < 2:
        return False
    pairs = itertools.combinations(range(analytic.ndim), 2)
    swapped = (np.swapaxes(analytic.reshape(_swap(analytic.shape, a, b)), a, b) for a, b in pairs)
    return any(reproduces(candidate, numeric) for candidate in swapped)


def _swap(shape: Shape, a: int, b: int) -> list[int]:
    swapped = list(shape)
    swapped[a], swapped[b] = shape[b], shape[a]
    return swapped


def shifted(analytic: np.ndarray, numeric: np.ndarray, dy: np.ndarray) -> bool:
    """Right after a move by one pixel, away from the edge that the move leaves empty."""
    if analytic.ndim != 4 or min(analytic.shape[2:]) < 3:
        return False
    return any(
        reproduces(np.roll(analytic, (down, right), axis=(2, 3)), numeric, _interior(numeric.shape))
        for down, right in itertools.product((-1, 0, 1), repeat=2)
        if (down, right) != (0, 0)
    )


def border(analytic: np.ndarray, numeric: np.ndarray, dy: np.ndarray) -> bool:
    """Right inside the image, wrong only in its outermost rows and columns."""
    return analytic.ndim == 4 and reproduces(analytic, numeric, _interior(numeric.shape))


def _interior(shape: Shape) -> np.ndarray:
    inside = np.zeros(shape, dtype=bool)
    inside[:, :, 1:-1, 1:-1] = True
    return inside


def channel_factor(analytic: np.ndarray, numeric: np.ndarray, dy: np.ndarray) -> bool:
    """Each channel (axis 1) is off by a factor of its own."""
    return _each_channel(analytic, numeric, lambda a, n: reproduces(factor(a, n) * a, n))


def channel_offset(analytic: np.ndarray, numeric: np.ndarray, dy: np.ndarray) -> bool:
    """In each channel the same number is missing everywhere."""
    return _each_channel(analytic, numeric, lambda a, n: reproduces(a + np.nanmean(n - a), n))


def _each_channel(
    analytic: np.ndarray, numeric: np.ndarray, fits: Callable[[np.ndarray, np.ndarray], bool]
) -> bool:
    if analytic.ndim not in (2, 4) or np.isfinite(numeric).sum() < 3 * analytic.shape[1]:
        return False
    channels = range(analytic.shape[1])
    return all(np.isfinite(numeric[:, c]).sum() > 2 and fits(analytic[:, c], numeric[:, c]) for c in channels)


def _factor_text(analytic: np.ndarray, numeric: np.ndarray) -> str:
    f = factor(analytic, numeric)
    text = f"every value must be multiplied by {f:.6g}"
    for whole in range(2, 10_000):
        if abs(f * whole - 1) < CLOSE or abs(f / whole - 1) < CLOSE:
            text = f"every value is {whole} times too {'large' if f < 1 else 'small'}"
            axes = [axis for axis, length in enumerate(analytic.shape) if length == whole]
            return text + (f"; {whole} is the length of axis {axes[0]}" if axes else "")
    return text


# (name, hypothesis, sentence), the most telling first. The sentence is a text, or a function that fills
# in numbers.
MISTAKES = [
    (
        "all-zero",
        all_zero,
        "backward left this gradient at zero: is it computed, and added into grad?",
    ),
    (
        "wrong sign",
        wrong_sign,
        "every value has the wrong sign",
    ),
    (
        "constant factor",
        constant_factor,
        lambda a, n: _factor_text(a, n) + ": was a mean's 1/N, a square's 2 or a keep probability forgotten?",
    ),
    (
        "shortcut missing",
        shortcut_missing,
        "exactly dy is missing: the identity shortcut passes dy on unchanged, and the gradients of the two "
        "paths add up",
    ),
    (
        "shortcut twice",
        shortcut_twice,
        "exactly dy is too much: the identity shortcut was counted twice",
    ),
    (
        "flipped kernel",
        flipped_kernel,
        "the kernel is turned by 180 degrees: right after reversing both spatial axes",
    ),
    (
        "transposed",
        transposed,
        "the values are right but two axes are exchanged: the matrix product's transpose, or a reshape "
        "without its transpose",
    ),
    (
        "border",
        border,
        "only the outermost rows and columns are wrong: look at how the padding is cropped",
    ),
    (
        "shifted",
        shifted,
        "the values are right one pixel further: look at the offset of the padding",
    ),
    (
        "channel factor",
        channel_factor,
        "each channel is off by a factor of its own: was gamma or 1/std forgotten, or used twice?",
    ),
    (
        "channel offset",
        channel_offset,
        "in each channel the same amount is missing everywhere: was a sum over the batch and the image "
        "forgotten, such as the path through the mean of batch norm?",
    ),
]


def diagnose(analytic: np.ndarray, numeric: np.ndarray, dy: np.ndarray) -> list[str]:
    """Return the sentence of the first mistake that reproduces the numbers, in a list; [] if none does."""
    for name, fits, sentence in MISTAKES:
        if fits(analytic, numeric, dy):
            text = sentence(analytic, numeric) if callable(sentence) else sentence
            return [f"{name}: {text}"]
    return []
