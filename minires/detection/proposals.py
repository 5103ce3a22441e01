"""Where an object might be: learned by a region proposal network, every place, or closed contours."""

from collections.abc import Sequence

import numpy as np

from minires.detection.anchors import anchors as anchors_of
from minires.detection.anchors import base_anchors
from minires.detection.boxes import clip, decode, falling, non_maximum_suppression


def propose(
    scores: np.ndarray,
    offsets: np.ndarray,
    anchors: np.ndarray,
    size: tuple[int, int],
    *,
    before: int = 300,
    after: int = 50,
    threshold: float = 0.7,
    least: float = 4.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best proposals of a region proposal network for one image.

    Parameters
    ----------
    scores : (A,)
        One a anchor, of an object: probabilities or logits, their order is the same.
    offsets : (A, 4)
    anchors : (A, 4)
    size : (height, width)
        Of the image, to which the boxes are clipped.
    before, after
        How many of the best enter non-maximum suppression, and how many leave it at most.
    threshold
        Of that.
    least
        The smallest side of a proposal, in pixels.

    Returns
    -------
    boxes : (P, 4), scores : (P,)
        In falling order of score. There may be none.

    References
    ----------
    Ren et al. 2015 (arXiv:1506.01497), section 3.3, "Implementation details".
    """
    boxes = clip(decode(anchors, offsets), size)
    large = np.flatnonzero((boxes[:, 2:] - boxes[:, :2] >= least).all(axis=1))
    best = large[falling(scores[large])[:before]]
    kept = best[non_maximum_suppression(boxes[best], scores[best], threshold=threshold, most=after)]
    return boxes[kept], scores[kept]


def sliding_windows(
    size: tuple[int, int],
    *,
    sides: Sequence[float],
    ratios: Sequence[float],
    stride: int,
    overhang: float = 2.0,
) -> np.ndarray:
    """Return windows of several sizes and shapes in every place of an image.

    Parameters
    ----------
    size : (height, width)
        Of the image.
    sides, ratios
        Of the windows; see `base_anchors`.
    stride
        From one window to the next, in pixels.
    overhang
        By how many pixels a window may hang over the border, where it is cut; others are left out.

    Returns
    -------
    boxes : float32 (N, 4)

    Examples
    --------
    >>> len(sliding_windows((64, 64), sides=(10, 16, 24), ratios=(1.0, 1.5, 2.0), stride=4))
    1508
    """
    cells = -(-size[0] // stride), -(-size[1] // stride)
    windows = anchors_of(base_anchors(sides, ratios), cells, stride)
    cut = clip(windows, size)
    return cut[(abs(cut - windows) <= overhang).all(axis=1)]


def contour_scores(image: np.ndarray, boxes: np.ndarray, *, ring: int = 3) -> np.ndarray:
    """Return how much contour each box holds without cutting through it: the classical source of proposals.

    Parameters
    ----------
    image : float (H, W)
        Grey.
    boxes : (N, 4)
    ring
        Width of the ring around a box, in pixels, whose contours count against it.

    Returns
    -------
    scores : float64 (N,)
        (Contour inside minus contour in the ring) / (width + height)^2; below 0 where the ring has more.

    Notes
    -----
    The contour of a pixel is the length of the blurred image's gradient, less 1.5 times its median (what
    noise has), or 0. An integral image gives the sum over a box, to whole pixels, from four numbers. Before
    region proposal networks, such scores or groups of similar regions (Uijlings et al. 2013, "Selective
    search") told R-CNN and Fast R-CNN where to look.

    References
    ----------
    Zitnick & Dollar 2014, "Edge boxes: locating object proposals from edges" (ECCV), section 3, made simple.
    """
    integral = np.pad(_contours(image), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)

    def total(boxes: np.ndarray) -> np.ndarray:
        x1, y1, x2, y2 = np.rint(clip(boxes, image.shape)).astype(np.intp).T
        return integral[y2, x2] - integral[y1, x2] - integral[y2, x1] + integral[y1, x1]

    within, wider = total(boxes), total(boxes + np.array([-ring, -ring, ring, ring], boxes.dtype))
    width, height = (boxes[:, 2:] - boxes[:, :2]).T.astype(np.float64)
    return (2 * within - wider) / (width + height) ** 2


def _contours(image: np.ndarray) -> np.ndarray:
    """Return how strong a contour is at each pixel, float64 (H, W)."""
    blurred = np.pad(image.astype(np.float64), 1, mode="edge")
    for axis in (0, 1):  # 1, 2, 1: a small bell
        before, after = (np.take(blurred, range(i, blurred.shape[axis] - 2 + i), axis) for i in (0, 2))
        blurred = (before + after + 2 * np.take(blurred, range(1, blurred.shape[axis] - 1), axis)) / 4
    strength = np.hypot(*np.gradient(blurred))
    return np.maximum(strength - 1.5 * np.median(strength), 0)


def contour_windows(
    image: np.ndarray, windows: np.ndarray, *, most: int = 300, threshold: float = 0.7
) -> np.ndarray:
    """Return the windows of an image that hold the most contour, as the classical source proposes them.

    Parameters
    ----------
    image : float (H, W)
        Grey.
    windows : (N, 4)
        All that come into question, such as `sliding_windows`.
    most
        How many at most.
    threshold
        The IoU above which a window is suppressed by a better one.

    Returns
    -------
    boxes : (P, 4)
        In falling order of `contour_scores`.
    """
    scores = contour_scores(image, windows)
    return windows[non_maximum_suppression(windows, scores, threshold=threshold, most=most)]
