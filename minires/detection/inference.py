"""From a detector's answers to detections: scores above a threshold, boxes decoded, of each object one."""

import copy
from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import numpy as np

import minires.functional as F
from minires.backend import to_numpy
from minires.detection.boxes import (
    STDS,
    Detections,
    clip,
    decode,
    falling,
    non_maximum_suppression,
)
from minires.detection.network import Answers, Detector
from minires.detection.rcnn import RCNN
from minires.surgery import fold
from minires.typing import Array

AnyDetector: TypeAlias = Detector | RCNN
D = TypeVar("D", bound=AnyDetector)


def detect(
    detector: AnyDetector,
    x: Array,
    *,
    windows: Sequence[np.ndarray] | None = None,
    score: float = 0.05,
    overlap: float = 0.3,
    most: int = 100,
) -> list[Detections]:
    """Return what a detector finds in images.

    Parameters
    ----------
    detector
    x : (N, C, H, W)
        Normalised images.
    windows
        Boxes (P, 4) for each image, for a detector without a region proposal network.
    score, overlap, most
        See `candidates` and `suppress`.

    Returns
    -------
    found
        Detections for each image, the best first.

    Examples
    --------
    >>> from minires import models
    >>> from minires.detection.build import faster_rcnn, trunk_of
    >>> trunk = trunk_of(models.build("resnet8", rng=rng))
    >>> detector = faster_rcnn(trunk, in_channels=3, num_classes=10, rng=rng)
    >>> found = detect(detector, np.zeros((2, 3, 64, 64), np.float32))
    >>> len(found), found[0].boxes.shape[1:]
    (2, (4,))
    """
    found = candidates(detector, x, windows=windows, score=score)
    return [suppress(each, overlap=overlap, most=most) for each in found]


def candidates(
    detector: AnyDetector, x: Array, *, windows: Sequence[np.ndarray] | None = None, score: float = 0.05
) -> list[Detections]:
    """Return everything a detector believes to see in images: often several boxes around one object.

    Parameters
    ----------
    detector, x, windows
        As for `detect`.
    score
        The probability above which a class of a region counts.
    """
    answers = detector.forward(x, train=False, windows=windows)[0]
    return decoded(answers, x.shape[2:], len(x), score=score)


def decoded(answers: Answers, size: tuple[int, int], count: int, *, score: float) -> list[Detections]:
    """Return the Detections, one for each image, that a detector's answers amount to.

    Parameters
    ----------
    answers
        Of count images.
    size : (height, width)
        Of the images, to which boxes are cut.
    count
    score
        The probability above which a class of a region counts.

    Notes
    -----
    The offsets are multiplied by `STDS`, by which they were divided to be learned.
    """
    regions = answers.regions
    if not len(regions.boxes):
        nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32)
        return [Detections(*nothing)] * count
    probabilities = to_numpy(F.softmax_forward(answers.scores)[0])[:, 1:]  # (R, K): background is no find
    offsets = to_numpy(answers.offsets)
    sources = np.asarray(regions.boxes, offsets.dtype)[:, None]
    boxes = clip(decode(sources, offsets, stds=STDS), size)
    found = []
    for image in range(count):
        own = (probabilities > score) & (regions.image_index == image)[:, None]
        own &= (boxes[..., 2:] > boxes[..., :2]).all(axis=-1)  # something is left of it inside the image
        _, labels = np.nonzero(own)
        found.append(Detections(boxes[own], labels, probabilities[own]))
    return found


def suppress(found: Detections, *, overlap: float = 0.3, most: int = 100) -> Detections:
    """Return the Detections that are left of one image's: of each object the best.

    Parameters
    ----------
    found
        In any order.
    overlap
        The IoU above which a box of the same class is suppressed.
    most
        How many stay at most.
    """
    best = falling(found.scores)[:1000]  # suppression takes the square of that
    boxes, labels, scores = (column[best] for column in found)
    kept = non_maximum_suppression(boxes, scores, labels=labels, threshold=overlap, most=most)
    return Detections(boxes[kept], labels[kept], scores[kept])


def folded(detector: D) -> D:
    """Return a detector for detection alone, faster: batch norm and ReLU of its trunk folded.

    Notes
    -----
    It shares the parameters, and follows them: see `surgery.fold`.
    """
    twin = copy.copy(detector)
    for method in ("forward", "backward"):  # what `probe.watch` has put there
        vars(twin).pop(method, None)
    twin.trunk = fold(detector.trunk)
    return twin
