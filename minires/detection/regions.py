"""The regions and the anchors of a whole batch: what a detector judges, and what it learns of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from minires.data.objects import Objects
from minires.detection.targets import anchor_targets, roi_targets
from minires.typing import Generator


class Regions(NamedTuple):
    """The regions of a batch that a head judges; in training also what it is to say of them.

    Attributes
    ----------
    boxes : (R, 4)
        In pixels of the images; there may be none.
    image_index : integers (R,)
        The image that each lies in.
    classes : int64 (R,), or None
        0 for background, k + 1 for class k.
    offsets : (R, 4), or None
        From each region to its object, see `targets.RegionSample`.
    """

    boxes: np.ndarray
    image_index: np.ndarray
    classes: np.ndarray | None = None
    offsets: np.ndarray | None = None


Choose: TypeAlias = Callable[[Sequence[np.ndarray]], Regions]  # from each image's windows (P, 4)


def all_regions(windows: Sequence[np.ndarray]) -> Regions:
    """Return the Regions of all windows (P, 4) of every image, in their order."""
    boxes = np.concatenate([np.asarray(each).reshape(-1, 4) for each in windows])
    return Regions(boxes, np.repeat(np.arange(len(windows)), [len(each) for each in windows]))


def no_regions(windows: Sequence[np.ndarray]) -> Regions:
    """Return the Regions of a step in which the head has nothing to judge, and so nothing to learn."""
    nothing = np.zeros((0, 4), np.float32)
    return Regions(nothing, np.zeros(0, np.int64), np.zeros(0, np.int64), nothing)


def regions_to_learn(
    windows: Sequence[np.ndarray],
    objects: Sequence[Objects],
    *,
    rng: Generator,
    sampled: int = 32,
    fraction: float = 0.5,
) -> Regions:
    """Return the Regions that a head learns from, drawn from windows: `roi_targets` for every image.

    Parameters
    ----------
    windows
        Boxes (P, 4) of each image.
    objects
        What there is in each. Difficult ones take no part.
    rng, sampled, fraction
        See `roi_targets`; sampled is of each image.
    """
    drawn = []
    for boxes, there in zip(windows, objects, strict=True):
        easy = ~there.difficult
        sample = roi_targets(
            boxes, there.boxes[easy], there.labels[easy], rng=rng, sampled=sampled, fraction=fraction
        )
        drawn.append(sample)
    boxes, classes, offsets = (np.concatenate(column) for column in zip(*drawn, strict=True))
    return Regions(boxes, np.repeat(np.arange(len(drawn)), [len(s.boxes) for s in drawn]), classes, offsets)


def anchors_to_learn(
    anchors: np.ndarray,
    objects: Sequence[Objects],
    size: tuple[int, int],
    *,
    rng: Generator,
    sampled: int = 64,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each anchor of each image is to learn: `anchor_targets` for every image.

    Parameters
    ----------
    anchors : (A, 4)
    objects
        What there is in each image. Difficult ones take no part.
    size : (height, width)
        Of the images.
    rng, sampled
        See `anchor_targets`; sampled is of each image.

    Returns
    -------
    labels : int8 (N, A), offsets : like anchors (N, A, 4)
    """
    each = [
        anchor_targets(anchors, there.boxes[~there.difficult], size, rng=rng, sampled=sampled)
        for there in objects
    ]
    labels, offsets = zip(*each, strict=True)
    return np.stack(labels), np.stack(offsets)
