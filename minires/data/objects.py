"""Images with the boxes of the objects in them: what a detector learns from."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minires.typing import Generator, Shape


class Objects(NamedTuple):
    """The objects of one image; there may be none.

    Attributes
    ----------
    boxes : float32 (G, 4)
        x1, y1, x2, y2 in pixels: edges, so that (0, 0, 1, 1) is the first pixel.
    labels : int64 (G,)
        Classes, from 0.
    difficult : bool (G,)
        Whether an object is so hard to see that it counts neither as missed nor as found.
    """

    boxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class DetectionDataset:
    """Images of one size in memory, and the objects in each.

    Parameters
    ----------
    images : uint8 (N, C, H, W)
    objects
        One for each image.
    class_names
    name
        For people, such as "digit scenes train".
    may_flip
        Whether a mirrored image is one of the same kind: a mirrored digit is none.

    Raises
    ------
    TypeError, ValueError
        For what does not fit together, naming the image: a box of no area or outside, a class too many.

    Examples
    --------
    >>> one = Objects(np.array([[1, 0, 3, 4]], np.float32), np.array([1]), np.array([False]))
    >>> mine = DetectionDataset(np.zeros((1, 1, 4, 6), np.uint8), (one,), ("cat", "dog"), "mine")
    >>> len(mine), mine.image_shape, mine.count()
    (1, (1, 4, 6), 1)
    """

    images: np.ndarray
    objects: tuple[Objects, ...]
    class_names: tuple[str, ...]
    name: str
    may_flip: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "objects", tuple(self.objects))
        images = self.images
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
            raise TypeError(f"{self.name}: images: expected a NumPy array of uint8, got {_kind(images)}")
        if images.ndim != 4 or 0 in images.shape:
            raise ValueError(f"{self.name}: images: expected (N, C, H, W) without a 0, got {images.shape}")
        if len(self.objects) != len(images):
            raise ValueError(
                f"{self.name}: objects: expected {len(images)}, one an image, got {len(self.objects)}"
            )
        for number, objects in enumerate(self.objects):
            self._check(objects, f"{self.name}: image {number}")

    def _check(self, objects: Objects, where: str) -> None:
        boxes, labels, difficult = objects
        (height, width), count = self.image_shape[1:], len(labels)
        if boxes.shape != (count, 4) or difficult.shape != (count,):
            raise ValueError(f"{where}: expected four numbers of each of {count} boxes, got {boxes.shape}")
        if (boxes.dtype, labels.dtype, difficult.dtype) != (np.float32, np.int64, bool):
            raise TypeError(f"{where}: expected float32 boxes, int64 labels and bool difficult")
        if count and not (0 <= labels.min() and labels.max() < len(self.class_names)):
            raise ValueError(
                f"{where}: expected classes 0 to {len(self.class_names) - 1}, got {labels.tolist()}"
            )
        for box in boxes:
            problem = box_problem(box, (height, width))
            if problem:
                raise ValueError(f"{where}: {problem}")

    def __len__(self) -> int:
        """Images in the data set."""
        return len(self.images)

    @property
    def image_shape(self) -> Shape:
        """(C, H, W), that of every image."""
        return self.images.shape[1:]

    def count(self) -> int:
        """Return how many objects there are in all images."""
        return sum(len(objects.labels) for objects in self.objects)

    def take(self, indices: Any) -> "DetectionDataset":
        """Return the DetectionDataset of these images, in this order.

        Parameters
        ----------
        indices : integers or booleans
        """
        chosen = np.arange(len(self))[indices]
        objects = tuple(self.objects[i] for i in chosen)
        return dataclasses.replace(self, images=self.images[chosen], objects=objects)


def box_problem(box: Sequence[float] | np.ndarray, size: tuple[int, int]) -> str:
    """Return what is wrong with a box (x1, y1, x2, y2) in an image of size (height, width); "" if nothing."""
    x1, y1, x2, y2 = (float(value) for value in box)
    shown = f"the box x {x1:g} to {x2:g}, y {y1:g} to {y2:g}"
    if not np.isfinite([x1, y1, x2, y2]).all():
        return f"{shown} is not finite"
    if not (x1 < x2 and y1 < y2):
        return f"{shown} has no area"
    if x1 < 0 or y1 < 0 or x2 > size[1] or y2 > size[0]:
        return f"{shown} is not inside the image of {size[0]}x{size[1]} (height x width)"
    return ""


def flip_objects(objects: Objects, width: int) -> Objects:
    """Return the objects of the image mirrored left to right.

    Parameters
    ----------
    objects
    width
        Of the image, in pixels.
    """
    x1, y1, x2, y2 = objects.boxes.T
    return objects._replace(boxes=np.stack([width - x2, y1, width - x1, y2], axis=1))


def random_flip_with_objects(
    images: np.ndarray, objects: Sequence[Objects], rng: Generator
) -> tuple[np.ndarray, list[Objects]]:
    """Mirror each image left to right with probability 1/2, its boxes with it.

    Parameters
    ----------
    images : (N, C, H, W), any dtype
    objects
        One for each image.

    Returns
    -------
    images, a new array like images; objects
    """
    flip = rng.random(len(images)) < 0.5
    mirrored = np.where(flip[:, None, None, None], images[..., ::-1], images)
    width = images.shape[3]
    pairs = zip(flip, objects, strict=True)
    return mirrored, [flip_objects(each, width) if turned else each for turned, each in pairs]


def _kind(value: object) -> str:
    return str(getattr(value, "dtype", type(value).__name__))
