"""What a data set shows of itself: a line at the prompt, its first images in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minires import markup, reprs

if TYPE_CHECKING:
    from minires.data.dataset import Dataset
    from minires.data.imagenet import ImageFolder

FIRST = 10  # images


def line(dataset: Dataset | ImageFolder) -> str:
    """Return the line for a Dataset or ImageFolder, without its brackets."""
    images = reprs.counted(len(dataset), "image")
    classes = reprs.counted(len(dataset.class_names), "class", "classes")
    return f"{dataset.name}: {images} of {reprs.times(dataset.image_shape)}, {classes}"


def html(dataset: Dataset | ImageFolder) -> str:
    """Return the first images of a Dataset or ImageFolder, with the names of their classes."""
    count = min(FIRST, len(dataset))
    images = dataset.read(np.arange(count))
    names = [dataset.class_names[label] for label in dataset.labels[:count]]
    pictures = [pixels(image, dataset.max_value) for image in images]
    return markup.images(list(zip(pictures, names, strict=True)), title=line(dataset))


def pixels(image: np.ndarray, max_value: int) -> np.ndarray:
    """Return what can be looked at, uint8 (H, W, 3) for three channels, (H, W), their mean, for others.

    Parameters
    ----------
    image : uint8 (C, H, W)
    max_value
        The brightest value that a pixel can have.
    """
    bright = image.astype(np.float32) * (255 / max_value)
    seen = bright.transpose(1, 2, 0) if len(image) == 3 else bright.mean(axis=0)
    return np.ascontiguousarray(seen.round().astype(np.uint8))
