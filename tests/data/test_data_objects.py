"""Images with objects: what is refused, what a flip does to a box."""

import numpy as np
import pytest
from oracles import assert_refused

from minires.data import DetectionDataset, Objects, random_flip_with_objects

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 2, 5, 8)).astype(np.uint8)


def objects(*boxes, labels=None, difficult=None):
    count = len(boxes)
    return Objects(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.zeros(count, np.int64) if labels is None else np.array(labels, np.int64),
        np.zeros(count, bool) if difficult is None else np.array(difficult, bool),
    )


def dataset(*each, images=IMAGES, classes=("cat", "dog")):
    return DetectionDataset(images, each, classes, "mine")


def test_take_keeps_images_and_objects_together():
    whole = dataset(objects((0, 0, 1, 1)), objects(), objects((2, 2, 8, 5), (0, 0, 8, 5), labels=(1, 0)))
    part = whole.take([2, 0])
    np.testing.assert_array_equal(part.images, IMAGES[[2, 0]])
    assert [len(each.labels) for each in part.objects] == [2, 1] and whole.count() == part.count() == 3
    assert len(whole.take(np.array([False, True, False]))) == 1


def test_a_flip_moves_the_box_with_its_pixels():
    """The pixels in the box are the same ones, mirrored; a box twice flipped is the box."""
    each = [objects((1, 0, 4, 3), (6, 2, 8, 5), labels=(0, 1))] * 3
    flipped = set()
    for seed in range(8):
        images, moved = random_flip_with_objects(IMAGES, each, np.random.default_rng(seed))
        for image, old, new in zip(images, IMAGES, moved, strict=True):
            for before, after in zip(each[0].boxes.astype(int), new.boxes.astype(int), strict=True):
                cut, was = (x[:, b[1] : b[3], b[0] : b[2]] for x, b in ((image, after), (old, before)))
                mirrored = not np.array_equal(image, old)
                flipped.add(mirrored)
                np.testing.assert_array_equal(cut, was[..., ::-1] if mirrored else was)
            assert new.labels.tolist() == [0, 1] and new.boxes.dtype == np.float32
    assert flipped == {True, False}


def test_a_flip_of_an_image_without_objects():
    _, moved = random_flip_with_objects(IMAGES, [objects()] * 3, np.random.default_rng(0))
    assert [each.boxes.shape for each in moved] == [(0, 4)] * 3


REFUSED = {
    "no area": ((objects(), objects(), objects((1, 1, 5, 1))), "mine: image 2: the box", "has no area"),
    "turned": (
        (objects((5, 1, 1, 3)), objects(), objects()),
        "mine: image 0: the box x 5 to 1",
        "has no area",
    ),
    "outside": ((objects((1, 1, 9, 3)), objects(), objects()), "image 0", "not inside the image of 5x8"),
    "before": ((objects((-1, 1, 4, 3)), objects(), objects()), "image 0", "x -1 to 4", "not inside"),
    "NaN": ((objects((np.nan, 1, 4, 3)), objects(), objects()), "image 0", "is not finite"),
    "a class too many": (
        (objects((1, 1, 4, 3), labels=[2]), objects(), objects()),
        "expected classes 0 to 1",
    ),
    "too few": ((objects(), objects()), "objects: expected 3, one an image, got 2"),
    "labels": ((objects((1, 1, 4, 3), labels=[0, 1]), objects(), objects()), "each of 2 boxes, got (1, 4)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_naming_the_image_and_the_box(name):
    each, *words = REFUSED[name]
    assert_refused(lambda: dataset(*each), *words, error_type=ValueError)


def test_other_images_are_refused():
    assert_refused(
        lambda: dataset(images=IMAGES / 255), "images: expected a NumPy array of uint8, got float64"
    )
    assert_refused(lambda: dataset(images=IMAGES[0]), "images: expected (N, C, H, W)")
    wrong = objects()._replace(boxes=np.zeros((0, 4)))
    assert_refused(lambda: dataset(wrong, objects(), objects()), "image 0: expected float32 boxes")
