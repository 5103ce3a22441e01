"""What anchors and regions are to learn: which of them are objects, of what class, and the way to the box.

Both functions draw a sample, for an image has thousands of places without an object and a few with one. The
generator is an argument: the same generator, the same sample. They see one image; call them for each.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minires.detection.boxes import STDS, encode, inside, iou
from minires.typing import Generator


class RegionSample(NamedTuple):
    """The regions of one image that a head learns from.

    Attributes
    ----------
    boxes : (R, 4)
        Objects first.
    classes : int64 (R,)
        0 for background, k + 1 for an object of class k.
    offsets : (R, 4)
        From each region to its object, divided by `STDS`; 0 for background.
    """

    boxes: np.ndarray
    classes: np.ndarray
    offsets: np.ndarray


def anchor_targets(
    anchors: np.ndarray,
    objects: np.ndarray,
    size: tuple[int, int],
    *,
    rng: Generator,
    sampled: int = 64,
    positive: float = 0.7,
    negative: float = 0.3,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a region proposal network is to say of each anchor.

    Parameters
    ----------
    anchors : (A, 4)
    objects : (G, 4)
        The true boxes of one image; there may be none.
    size : (height, width)
        Of the image; anchors that cross its border do not take part.
    rng
        Draws the sample.
    sampled
        How many anchors to learn from, at most half of them positive.
    positive, negative
        IoU from which on an anchor is an object, and below which it is background.

    Returns
    -------
    labels : int8 (A,)
        1 for an object, 0 for background, -1 for what is not in the sample.
    offsets : like anchors (A, 4)
        From each anchor to its object; 0 but for the positives.

    Raises
    ------
    ValueError
        If an object has no area.

    Notes
    -----
    Positive is an anchor whose IoU with an object reaches `positive`, and the best anchor of every object,
    even below `negative`, else small objects would have none. An object that no anchor touches has no best
    one: all of them would share its 0. Such a best anchor learns the way to the object that *it* overlaps
    most, which need not be the one that chose it.

    The losses are divided by the number sampled, (labels >= 0).sum(); it is 0 if no anchor lies inside.

    References
    ----------
    Ren et al. 2015 (arXiv:1506.01497), sections 3.1.2 and 3.1.3.
    """
    labels, offsets = np.full(len(anchors), -1, np.int8), np.zeros_like(anchors)
    taking_part = np.flatnonzero(inside(anchors, size))
    overlaps = iou(anchors[taking_part], objects.astype(anchors.dtype, copy=False))  # (a, G)
    if not overlaps.size:
        labels[taking_part] = 0
    else:
        highest, best = overlaps.max(axis=1), overlaps.max(axis=0)
        labels[taking_part[highest < negative]] = 0
        is_best = ((overlaps == best) & (best > 0)).any(axis=1)  # after background, so that it wins
        labels[taking_part[is_best | (highest >= positive)]] = 1
    _keep(labels, 1, sampled // 2, rng)
    _keep(labels, 0, sampled - int((labels == 1).sum()), rng)
    learn = np.flatnonzero(labels[taking_part] == 1)
    if len(learn):
        mine = objects[overlaps[learn].argmax(axis=1)].astype(anchors.dtype, copy=False)
        offsets[taking_part[learn]] = encode(anchors[taking_part[learn]], mine)
    return labels, offsets


def roi_targets(
    proposals: np.ndarray,
    objects: np.ndarray,
    labels: np.ndarray,
    *,
    rng: Generator,
    sampled: int = 32,
    fraction: float = 0.5,
    foreground: float = 0.5,
    stds: Sequence[float] = STDS,
) -> RegionSample:
    """Return the regions that a detector's head learns from, and what it is to say of them.

    Parameters
    ----------
    proposals : (P, 4)
    objects : (G, 4)
        The true boxes of one image, which join the proposals; there may be none.
    labels : integers (G,)
        Their classes, from 0.
    rng
        Draws the sample.
    sampled
        Regions in all; fewer if there are not so many.
    fraction
        At most so much of them is foreground.
    foreground
        IoU from which on a region is an object; below it is background.
    stds
        What the offsets are divided by; the same numbers stand in `decode` when the detector detects.

    Returns
    -------
    RegionSample

    Raises
    ------
    ValueError
        If an object has no area, or labels do not fit.

    References
    ----------
    Girshick 2015 (arXiv:1504.08083), section 2.3.
    """
    if labels.shape != objects.shape[:1]:
        raise ValueError(f"labels: expected {objects.shape[:1]}, one an object, got {labels.shape}")
    objects = objects.astype(proposals.dtype, copy=False)
    regions = np.concatenate([proposals, objects])
    overlaps = iou(regions, objects) if len(objects) else np.zeros((len(regions), 1), proposals.dtype)
    highest, which = overlaps.max(axis=1), overlaps.argmax(axis=1)
    positives, negatives = np.flatnonzero(highest >= foreground), np.flatnonzero(highest < foreground)
    positives = _draw(positives, int(sampled * fraction), rng)
    negatives = _draw(negatives, sampled - len(positives), rng)
    boxes = regions[np.concatenate([positives, negatives])]
    classes, offsets = np.zeros(len(boxes), np.int64), np.zeros_like(boxes)
    if len(positives):
        mine = which[positives]
        classes[: len(positives)] = labels[mine] + 1
        offsets[: len(positives)] = encode(regions[positives], objects[mine], stds=stds)
    return RegionSample(boxes, classes, offsets)


def _draw(indices: np.ndarray, most: int, rng: Generator) -> np.ndarray:
    """Return at most so many of the indices, drawn without repetition."""
    return indices if len(indices) <= most else rng.choice(indices, most, replace=False)


def _keep(labels: np.ndarray, value: int, most: int, rng: Generator) -> None:
    """Keep at most so many labels of that value, drawn at random; in place, the others become -1."""
    found = np.flatnonzero(labels == value)
    labels[found] = -1
    labels[_draw(found, most, rng)] = value
