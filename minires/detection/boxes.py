"""Boxes: overlap, the offsets that lead from one to another, and which of many to keep."""

import math
from collections.abc import Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np

from minires.backend import array_module
from minires.typing import Array

# What the head's offsets are divided by when it learns and multiplied by when it detects: with it they vary
# about as much as a normal distribution of deviation 1, and its loss weighs as much as that of the classes.
STDS = (0.1, 0.1, 0.2, 0.2)
LARGEST = math.log(1000 / 16)  # of dw and dh: no network, however young, makes infinite boxes


class Detections(NamedTuple):
    """What a detector finds in one image, in falling order of score.

    Attributes
    ----------
    boxes : float (D, 4)
    labels : integers (D,)
        Classes as in the data: the background is none of them.
    scores : float (D,)
        Probabilities.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray


def iou(boxes: Array, others: Array) -> Array:
    """Return intersection over union of every box with every other.

    Parameters
    ----------
    boxes : (N, 4)
    others : (M, 4)

    Returns
    -------
    overlaps : (N, M)
        From 0 to 1; boxes that only touch, and boxes of no area, have 0.

    Raises
    ------
    TypeError, ValueError
        If one is no float array (..., 4).

    Examples
    --------
    >>> iou(np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 5, 15, 15]])).round(6)  # 25 / 175
    array([[0.142857]])
    """
    xp = check_boxes(boxes=boxes, others=others)
    # copies, for each coordinate's numbers then lie side by side
    (x1, y1, x2, y2), (left, top, right, bottom) = boxes.T.copy()[:, :, None], others.T.copy()[:, None]
    width = xp.maximum(xp.minimum(x2, right) - xp.maximum(x1, left), 0)  # (N, M)
    common = width * xp.maximum(xp.minimum(y2, bottom) - xp.maximum(y1, top), 0)
    union = area(boxes)[:, None] + area(others) - common
    return common / (union + (union == 0))  # nothing is divided by nothing


def area(boxes: Array) -> Array:
    """Return width times height of boxes (..., 4); 0 where an edge lies before the one it should follow."""
    sides = (boxes[..., 2:] - boxes[..., :2]).clip(0, None)
    return sides[..., 0] * sides[..., 1]


def encode(sources: Array, destinations: Array, *, stds: Sequence[float] = (1, 1, 1, 1)) -> Array:
    """Return the offsets (tx, ty, tw, th) that lead from sources to destinations; what a network learns.

    Parameters
    ----------
    sources, destinations : (..., 4)
        Of positive width and height: `log 0` would be the first NaN of a training run.
    stds
        Each offset is divided by its own; `STDS` for a detector's head.

    Returns
    -------
    offsets : (..., 4)
        The way of the centre in units of the source's sides, and the logarithms of the ratios of the sides.

    Raises
    ------
    TypeError, ValueError
        If one is no float array (..., 4), or if a box has no area.

    References
    ----------
    Girshick et al. 2014 (arXiv:1311.2524), equations 6 to 9.

    Examples
    --------
    >>> encode(np.array([[0.0, 0, 10, 10]]), np.array([[2.0, 3, 12, 23]])).round(4)
    array([[0.2   , 0.8   , 0.    , 0.6931]])
    """
    xp = check_boxes(sources=sources, destinations=destinations)
    for name, boxes in (("sources", sources), ("destinations", destinations)):
        # to look at them on a GPU would stall it
        if xp is np and boxes.size and not (boxes[..., 2:] > boxes[..., :2]).all():
            raise ValueError(f"{name}: expected boxes with x1 < x2 and y1 < y2; leave out those of no area")
    (centre, sides), (wanted, wanted_sides) = _centres(sources), _centres(destinations)
    shift, growth = (wanted - centre) / sides, xp.log(wanted_sides / sides)
    return xp.concatenate([shift, growth], axis=-1) / xp.asarray(stds, dtype=sources.dtype)


def decode(sources: Array, offsets: Array, *, stds: Sequence[float] = (1, 1, 1, 1)) -> Array:
    """Return the boxes that offsets lead to from sources: `encode` undone.

    Parameters
    ----------
    sources, offsets : (..., 4), of shapes that go together
        (N, 1, 4) and (N, K, 4) give each of N boxes a new one for each of K classes.
    stds
        What the offsets were divided by when they were learned.

    Returns
    -------
    boxes : (..., 4)

    Raises
    ------
    TypeError, ValueError
        If one is no float array (..., 4).

    Notes
    -----
    tw and th are cut at log(1000 / 16), so that a new network's large answer does not overflow.

    Examples
    --------
    >>> decode(np.array([[0.0, 0, 10, 10]]), np.array([[0.2, 0.8, 0, np.log(2)]])).round(6)
    array([[ 2.,  3., 12., 23.]])
    """
    xp = check_boxes(sources=sources, offsets=offsets)
    offsets = offsets * xp.asarray(stds, dtype=offsets.dtype)
    centre, sides = _centres(sources)
    centre = centre + offsets[..., :2] * sides
    half = 0.5 * sides * xp.exp(offsets[..., 2:].clip(None, LARGEST))
    return xp.concatenate([centre - half, centre + half], axis=-1)


def clip(boxes: Array, size: tuple[int, int]) -> Array:
    """Return boxes (..., 4) cut to an image.

    Parameters
    ----------
    boxes : (..., 4)
    size : (height, width)
        Edges go up to it: x to W and y to H, not to W - 1.
    """
    xp, (height, width) = check_boxes(boxes=boxes), size
    return xp.minimum(boxes.clip(0, None), xp.asarray([width, height] * 2, dtype=boxes.dtype))


def inside(boxes: Array, size: tuple[int, int]) -> Array:
    """Return which boxes (..., 4) lie in an image of size (height, width) entirely: booleans (...)."""
    height, width = size
    x1, y1, x2, y2 = (boxes[..., i] for i in range(4))
    return (x1 >= 0) & (y1 >= 0) & (x2 <= width) & (y2 <= height)


def non_maximum_suppression(
    boxes: np.ndarray,
    scores: np.ndarray,
    *,
    threshold: float,
    labels: np.ndarray | None = None,
    most: int | None = None,
) -> np.ndarray:
    """Return which boxes to keep: of several around one object only that of the highest score.

    Parameters
    ----------
    boxes : (N, 4)
    scores : (N,)
    threshold
        In falling order of score (the first of equals first), a box goes if its IoU with one that was kept is
        *above* it.
    labels : (N,)
        Boxes of different classes do not suppress each other; None: all are of one class.
    most
        Stop after so many; None: never.

    Returns
    -------
    kept : int64 (K,)
        Indices into boxes, in falling order of score.

    Raises
    ------
    TypeError, ValueError
        For shapes that do not fit.

    Notes
    -----
    Every box is compared with every other, N * N numbers: cut thousands to the best few hundred first.

    Examples
    --------
    >>> boxes = np.array([[0.0, 0, 10, 10], [1.0, 0, 11, 10], [20.0, 0, 30, 10]])
    >>> non_maximum_suppression(boxes, np.array([0.8, 0.9, 0.1]), threshold=0.5)
    array([1, 2])
    """
    check_boxes(boxes=boxes)
    for name, column in (("scores", scores), ("labels", labels)):
        if column is not None and column.shape != boxes.shape[:1]:
            raise ValueError(f"{name}: expected the shape {boxes.shape[:1]}, one a box, got {column.shape}")
    order = falling(scores)
    suppresses = iou(boxes[order], boxes[order]) > threshold
    if labels is not None:
        suppresses &= labels[order][:, None] == labels[order]
    gone = np.zeros(len(order), bool)
    kept: list[int] = []
    for place, index in enumerate(order):
        if not gone[place] and (most is None or len(kept) < most):
            kept.append(index)
            gone |= suppresses[place]
    return np.array(kept, np.int64)


def falling(scores: np.ndarray) -> np.ndarray:
    """Return the indices that sort scores (N,) from high to low, the first of equals first."""
    return np.argsort(-scores, kind="stable")


def check_boxes(**arrays: Array) -> ModuleType:
    """Return the arrays' module, or raise unless each is a float array (..., 4); they may be empty."""
    xp = array_module(*arrays.values(), names=tuple(arrays))
    for name, boxes in arrays.items():
        if boxes.dtype.kind != "f":
            raise TypeError(f"{name}: expected floats, got {boxes.dtype}; convert with .astype('float32')")
        if boxes.ndim < 1 or boxes.shape[-1] != 4:
            raise ValueError(f"{name}: expected x1, y1, x2, y2 on the last axis, got the shape {boxes.shape}")
    return xp


def _centres(boxes: Array) -> tuple[Array, Array]:
    """Return centres (..., 2) and sides (..., 2) of boxes: x and width first."""
    sides = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + 0.5 * sides, sides
