"""Digit scenes: one to four of the embedded digits among clutter, their boxes, and the classes of all pixels.

Every scene follows from the seed, its number and whether it is a test scene, whatever else was made before.
The digits of test scenes are the test images of `digits`: no training scene shows one of them.
"""

import math

import numpy as np

from minires.data.digits import read_digits
from minires.data.objects import DetectionDataset, Objects
from minires.typing import Generator

SIZE = 64  # pixels a side
MEAN, STD = 0.35, 0.25  # of a scene's values, from 0 to 1: a network's input is (x - MEAN) / STD
INK = 0.25 + 1e-6  # what is above is ink, and within the box; 1/4 itself, rounded either way, is not
TRIES = 50  # places for one digit
COVERED = 0.1  # of the smaller of two boxes may lie in the other
VOID = 255  # the class of a pixel that counts neither way: beside the ink of a digit


def digit_scenes(count: int, *, test: bool = False, seed: int = 0) -> DetectionDataset:
    """Return scenes of 64x64 pixels with one to four digits each.

    Parameters
    ----------
    count
        How many; the first ten of a hundred are those of ten.
    test
        Made of the test digits, not of the training digits.
    seed
        Another seed, other scenes.

    Returns
    -------
    DetectionDataset
        Grey images, uint8 (count, 1, 64, 64); classes "0" to "9". They may not be flipped.

    Raises
    ------
    ValueError
        For a count below 1 or a negative seed.

    Examples
    --------
    >>> scenes = digit_scenes(3)
    >>> scenes.images.shape, [len(objects.labels) for objects in scenes.objects]
    ((3, 1, 64, 64), [2, 4, 3])
    """
    return _scenes(count, test, seed, None)


def segmented_scenes(count: int, *, test: bool = False, seed: int = 0) -> tuple[DetectionDataset, np.ndarray]:
    """Return the same scenes, and of which class each pixel is.

    Parameters
    ----------
    count, test, seed
        As for `digit_scenes`.

    Returns
    -------
    scenes : DetectionDataset
    pixels : uint8 (count, 64, 64)
        0 where there is no digit, k + 1 on the ink of digit k, `VOID` beside it, where nobody can tell: such
        pixels are not learned and not counted (as in Pascal VOC).

    Raises
    ------
    ValueError
        As for `digit_scenes`.

    Examples
    --------
    >>> scenes, pixels = segmented_scenes(1)
    >>> pixels.shape, scenes.objects[0].labels, np.unique(pixels)
    ((1, 64, 64), array([5, 0]), array([  0,   1,   6, 255], dtype=uint8))
    """
    pixels = np.zeros((max(count, 0), SIZE, SIZE), np.uint8)
    return _scenes(count, test, seed, pixels), pixels


def _scenes(count: int, test: bool, seed: int, pixels: np.ndarray | None) -> DetectionDataset:
    """Return scenes; if there are pixels (count, 64, 64), write their classes there."""
    if count < 1 or seed < 0:
        raise ValueError(f"scenes: expected a count of 1 or more and a seed >= 0, got {count} and {seed}")
    digits = read_digits()[test]
    ink = digits.images[:, 0].astype(np.float32) / digits.max_value
    images, objects = np.empty((count, 1, SIZE, SIZE), np.uint8), []
    for number in range(count):
        rng = np.random.default_rng([seed, int(test), number])
        options = {} if pixels is None else {"pixels": pixels[number]}
        image, found = scene(ink, digits.labels, rng, **options)
        images[number, 0] = np.rint(image * 255)
        objects.append(found)
    name = f"digit scenes {'test' if test else 'train'}"
    return DetectionDataset(images, tuple(objects), digits.class_names, name, may_flip=False)


def scene(
    digits: np.ndarray, labels: np.ndarray, rng: Generator, *, pixels: np.ndarray | None = None
) -> tuple[np.ndarray, Objects]:
    """Return one scene and what is in it.

    Parameters
    ----------
    digits : float32 (N, 8, 8)
        Ink from 0 to 1.
    labels : int64 (N,)
    rng
        Decides everything.
    pixels : uint8 (64, 64)
        All 0: the class of every pixel is written there, see `segmented_scenes`. It changes no image.

    Returns
    -------
    image : float32 (64, 64)
        From 0 to 1.
    objects : Objects
        Each box is the smallest around the digit's ink.
    """
    image = _background(rng)
    _add_fragments(image, digits, rng)
    _add_strokes(image, rng)
    boxes: list[np.ndarray] = []
    classes = []
    for _ in range(rng.integers(1, 5)):
        which = int(rng.integers(len(digits)))
        box = _add_digit(image, digits[which], boxes, rng, pixels, labels[which])
        if box is not None:
            boxes.append(box)
            classes.append(labels[which])
    if pixels is not None:
        pixels[_around(pixels > 0) & (pixels == 0)] = VOID
    image += rng.normal(0, 0.08, image.shape)
    everything = Objects(np.array(boxes, np.float32), np.array(classes, np.int64), np.zeros(len(boxes), bool))
    return image.clip(0, 1), everything


def _background(rng: Generator) -> np.ndarray:
    """Return an image of about .2 that grows brighter in some direction, float32 (64, 64)."""
    level, down, across = rng.uniform(-0.15, 0.15, 3)
    place = np.linspace(-1, 1, SIZE)
    return (0.2 + level + down * place[:, None] + across * place).astype(np.float32)


def _add_fragments(image: np.ndarray, digits: np.ndarray, rng: Generator) -> None:
    """Add three to seven enlarged pieces of 4x4 pixels of digits: strokes and corners of no digit."""
    for _ in range(rng.integers(3, 8)):
        top, left = rng.integers(0, 5, 2)
        piece = digits[rng.integers(len(digits)), top : top + 4, left : left + 4]
        size = int(rng.integers(5, 13))
        y, x = rng.integers(0, SIZE - size + 1, 2)
        image[y : y + size, x : x + size] += rng.uniform(0.3, 0.9) * enlarge(piece, (size, size))


def _add_strokes(image: np.ndarray, rng: Generator) -> None:
    """Add two to five straight strokes, 3 pixels wide and 8 to 30 long."""
    row, column = np.mgrid[:SIZE, :SIZE] + 0.5
    for _ in range(rng.integers(2, 6)):
        (y, x), angle = rng.uniform(0, SIZE, 2), rng.uniform(0, math.pi)
        half = rng.uniform(8, 30) / 2
        along = (column - x) * math.cos(angle) + (row - y) * math.sin(angle)
        beside = (row - y) * math.cos(angle) - (column - x) * math.sin(angle)
        image[(abs(along) <= half) & (abs(beside) <= 1.5)] += rng.uniform(0.3, 0.9)


def _add_digit(
    image: np.ndarray,
    digit: np.ndarray,
    boxes: list[np.ndarray],
    rng: Generator,
    pixels: np.ndarray | None,
    label: int,
) -> np.ndarray | None:
    """Put a digit where it hides no other one; return its box (4,), or None if no place was found."""
    height = int(rng.integers(14, 31))
    width = round(height * rng.uniform(0.8, 1.2))
    shape = enlarge(digit, (height, width))
    rows, columns = (np.flatnonzero((shape > INK).any(axis=axis)) for axis in (1, 0))
    tight = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    for _ in range(TRIES):
        y, x = rng.integers(0, (SIZE - height + 1, SIZE - width + 1))
        box = tight + [x, y, x, y]
        if all(_covered(box, other) <= COVERED for other in boxes):
            break
    else:
        return None
    place = image[y : y + height, x : x + width]
    beneath = np.where(shape > INK, 0.35, 0.25)
    near = _around(shape > INK)
    place[...] = place * np.where(near, beneath, 1) + rng.uniform(0.6, 1) * shape
    if pixels is not None:
        there = pixels[y : y + height, x : x + width]
        there[near] = 0  # of what lies beneath next to nothing is left
        there[shape > INK] = label + 1
    return box


def _around(ink: np.ndarray) -> np.ndarray:
    """Return the ink and the pixels beside it, booleans like ink."""
    wide = np.pad(ink, 1)
    h, w = ink.shape
    return np.any([wide[i : i + h, j : j + w] for i in range(3) for j in range(3)], axis=0)


def _covered(box: np.ndarray, other: np.ndarray) -> float:
    """Return what fraction of the smaller of two boxes lies in the other."""
    common = (np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])).clip(0).prod()
    return common / min((box[2:] - box[:2]).prod(), (other[2:] - other[:2]).prod())


def enlarge(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an image (H, W) as one of size (height, width): bilinear, the centres of pixels at 1/2."""
    down, across = (_tent(old, new) for old, new in zip(image.shape, size, strict=True))
    return (down @ image @ across.T).astype(np.float32)


def _tent(old: int, new: int) -> np.ndarray:
    position = ((np.arange(new) + 0.5) * old / new - 0.5).clip(0, old - 1)
    return (1 - abs(position[:, None] - np.arange(old))).clip(0)
