"""What makes detections better after training: the box iterated, and the image looked at in several sizes.

The third of the lecture's additions, context, is built in: `faster_rcnn(..., context=True)`.
"""

from collections.abc import Sequence

import numpy as np

import minires.functional as F
from minires.backend import array_module
from minires.detection.boxes import Detections, clip
from minires.detection.inference import AnyDetector, candidates, suppress
from minires.typing import Array


def iterate(
    detector: AnyDetector,
    x: Array,
    *,
    rounds: int = 2,
    windows: Sequence[np.ndarray] | None = None,
    score: float = 0.05,
    overlap: float = 0.3,
    most: int = 100,
) -> list[Detections]:
    """Return what a detector finds when it judges its own boxes again: iterative localisation.

    Parameters
    ----------
    detector, x, windows, score, overlap, most
        As for `detect`.
    rounds
        How often regions are judged; 1 is `detect`.

    Notes
    -----
    The boxes that survive suppression are the next round's regions. What all rounds find is pooled, and
    suppressed together.

    References
    ----------
    Gidaris & Komodakis 2015 (arXiv:1505.01749), section 4; He et al. 2015 (arXiv:1512.03385), appendix B.
    """
    if rounds < 1:
        raise ValueError(f"rounds: expected 1 or more, got {rounds}")
    seen = [candidates(detector, x, windows=windows, score=score)]
    for _ in range(rounds - 1):
        windows = [suppress(each, overlap=overlap, most=most).boxes for each in seen[-1]]
        seen.append(candidates(detector, x, windows=windows, score=score))
    return [suppress(pooled(each), overlap=overlap, most=most) for each in zip(*seen, strict=True)]


def merge_scales(
    detector: AnyDetector,
    x: Array,
    *,
    sizes: Sequence[tuple[int, int]],
    score: float = 0.05,
    overlap: float = 0.3,
    most: int = 100,
) -> list[Detections]:
    """Return what a detector with a proposal network finds in images of several sizes: multi-scale testing.

    Parameters
    ----------
    detector, x, score, overlap, most
        As for `detect`.
    sizes
        (height, width) to which the images are resized, such as [(52, 52), (64, 64), (80, 80)].

    Returns
    -------
    found
        For each image, with boxes in pixels of x.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), appendix B.
    """
    if not sizes:
        raise ValueError("sizes: expected at least one (height, width), got none")
    (height, width), seen = x.shape[2:], []
    for size in sizes:
        back = np.array([width / size[1], height / size[0]] * 2, np.float32)
        found = candidates(detector, resized(x, size), score=score)
        seen.append([each._replace(boxes=clip(each.boxes * back, (height, width))) for each in found])
    return [suppress(pooled(each), overlap=overlap, most=most) for each in zip(*seen, strict=True)]


def pooled(found: Sequence[Detections]) -> Detections:
    """Return several Detections of one image as one."""
    return Detections(*(np.concatenate(column) for column in zip(*found, strict=True)))


def resized(x: Array, size: tuple[int, int]) -> Array:
    """Return images (N, C, H, W) of another size (height, width): bilinear, the centres of pixels at 1/2."""
    if tuple(size) == x.shape[2:]:
        return x
    xp = array_module(x)
    matrices = (
        xp.asarray(_bilinear(*lengths), dtype=x.dtype) for lengths in zip(x.shape[2:], size, strict=True)
    )
    return F.resample_forward(x, *matrices)[0]


def _bilinear(old: int, new: int) -> np.ndarray:
    """Return the weights with which old pixels in a row enter new ones, (new, old)."""
    position = ((np.arange(new) + 0.5) * old / new - 0.5).clip(0, old - 1)
    return (1 - abs(position[:, None] - np.arange(old))).clip(0, None)
