"""Digit scenes: what they promise of their boxes, of chance, and of the split."""

import numpy as np
import pytest
from oracles import assert_refused

from minires.data import read_digits
from minires.data.scenes import (
    COVERED,
    INK,
    MEAN,
    STD,
    VOID,
    digit_scenes,
    enlarge,
    scene,
    segmented_scenes,
)

LABELS = [[5, 0], [5, 7, 5, 8], [5, 3, 2]]  # of the first three scenes with seed 0
BOX = [25.0, 12.0, 49.0, 41.0]
PIXELS = [83, 115, 88, 64, 75, 92]


@pytest.fixture(scope="module")
def scenes():
    return digit_scenes(200)


def test_a_scene_follows_from_seed_split_and_number_alone(scenes):
    again = digit_scenes(12)
    np.testing.assert_array_equal(again.images, scenes.images[:12])
    for one, other in zip(again.objects, scenes.objects[:12], strict=True):
        assert [a.tobytes() for a in one] == [a.tobytes() for a in other]
    for other in (digit_scenes(3, seed=1), digit_scenes(3, test=True)):
        assert not np.array_equal(other.images[0], scenes.images[0])


def test_some_boxes_of_the_first_scenes(scenes):
    """Whole pixels, which no other order of adding changes; the grey values of a few pixels to one of 255."""
    assert [each.labels.tolist() for each in scenes.objects[:3]] == LABELS
    assert scenes.objects[1].boxes[0].tolist() == BOX
    assert abs(scenes.images[0, 0, 30, 10:16].astype(int) - PIXELS).max() <= 1


def test_the_statistics_that_anchors_are_chosen_by(scenes):
    boxes = np.concatenate([each.boxes for each in scenes.objects])
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    counts = [len(each.labels) for each in scenes.objects]
    assert min(counts) == 1 and max(counts) == 4 and 2.2 < np.mean(counts) < 2.7
    assert width.min() >= 4 and height.max() <= 30
    assert 12 < np.median(width) < 17 and 18 < np.median(height) < 24
    low, high = np.percentile(height / width, [5, 95])
    assert 1 < low < 1.25 and 1.8 < high < 2.2
    values = scenes.images / 255
    assert abs(values.mean() - MEAN) < 0.1 and abs(values.std() - STD) < 0.1


def test_boxes_hide_at_most_a_tenth_of_each_other(scenes):
    for each in scenes.objects:
        for i, one in enumerate(each.boxes):
            for other in each.boxes[:i]:
                common = (np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])).clip(0).prod()
                smaller = min((box[2:] - box[:2]).prod() for box in (one, other))
                assert common <= COVERED * smaller + 1e-3


def test_all_ten_digits_occur_and_images_are_grey_bytes(scenes):
    labels = np.concatenate([each.labels for each in scenes.objects])
    assert set(labels) == set(range(10)) and scenes.class_names == tuple("0123456789")
    assert scenes.images.shape == (200, 1, 64, 64) and scenes.images.dtype == np.uint8
    assert not scenes.may_flip and not any(each.difficult.any() for each in scenes.objects)


def test_no_digit_of_a_test_scene_is_a_training_digit(monkeypatch):
    shown = {}

    def spy(digits, labels, rng):
        shown.setdefault(digits.tobytes(), len(digits))
        return scene(digits, labels, rng)

    monkeypatch.setattr("minires.data.scenes.scene", spy)
    digit_scenes(1)
    digit_scenes(1, test=True)
    assert list(shown.values()) == [1437, 360]
    train, test = read_digits()
    assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in test.images}


def test_the_box_is_the_smallest_around_the_ink():
    """One digit of a single dark pixel in the middle: where it is enlarged above a quarter, and no more."""
    digits = np.zeros((1, 8, 8), np.float32)
    digits[0, 3, 2] = 1

    class NoNoise:
        """A generator whose noise is 0, so that the ink can be found again."""

        def __init__(self):
            self.rng = np.random.default_rng(4)

        def __getattr__(self, name):
            return getattr(self.rng, name)

        def normal(self, mean, deviation, shape):
            return np.zeros(shape)

    image, objects = scene(digits, np.array([7]), NoNoise())
    assert set(objects.labels) == {7}
    for x1, y1, x2, y2 in objects.boxes.astype(int):
        assert image[y1:y2, x1:x2].max() > 0.4
        assert 2 <= x2 - x1 <= 8 and 2 <= y2 - y1 <= 8  # 1.5 pixels of 8, enlarged to 14 to 30 (and a fifth)


def test_enlarging_keeps_constants_ramps_and_centres():
    np.testing.assert_allclose(enlarge(np.full((4, 4), 0.5), (7, 9)), 0.5, rtol=1e-6)
    ramp = enlarge(np.arange(4.0)[None].repeat(4, axis=0), (4, 8))
    np.testing.assert_allclose(ramp[0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], rtol=1e-6)
    assert 0.25 < INK < 0.2501


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (-1, 0), (1, -1)])
def test_refused(count, seed):
    assert_refused(
        lambda: digit_scenes(count, seed=seed), "scenes: expected a count of 1 or more", error_type=ValueError
    )


def test_pixel_labels_change_no_image_and_follow_from_the_same_numbers():
    scenes, pixels = segmented_scenes(12)
    plain = digit_scenes(12)
    np.testing.assert_array_equal(scenes.images, plain.images)
    for one, other in zip(scenes.objects, plain.objects, strict=True):
        assert [a.tobytes() for a in one] == [a.tobytes() for a in other]
    again = segmented_scenes(4)[1]
    np.testing.assert_array_equal(again, pixels[:4])
    assert not np.array_equal(segmented_scenes(4, test=True)[1], again)


def test_the_box_of_a_digit_is_the_smallest_around_its_pixels():
    """Where no later digit covers it: so for the last one of every scene, and for all of most."""
    scenes, pixels = segmented_scenes(60)
    exact = total = 0
    for objects, labels in zip(scenes.objects, pixels, strict=True):
        for number, (box, label) in enumerate(zip(objects.boxes, objects.labels, strict=True)):
            x1, y1, x2, y2 = box.astype(int)
            ink = labels[y1:y2, x1:x2] == label + 1
            whole = bool(ink.any(axis=0)[[0, -1]].all() and ink.any(axis=1)[[0, -1]].all())
            assert whole or number < len(objects.labels) - 1, "the last digit lies on top"
            exact, total = exact + whole, total + 1
        assert set(np.unique(labels)) <= {0, VOID, *(objects.labels + 1)}
        inside = np.zeros(labels.shape, bool)
        for x1, y1, x2, y2 in objects.boxes.astype(int):
            inside[y1:y2, x1:x2] = True
        assert not ((labels > 0) & (labels != VOID) & ~inside).any(), "no ink outside of all boxes"
    assert exact > 0.95 * total


def test_void_pixels_lie_beside_ink_and_nowhere_else():
    _, pixels = segmented_scenes(20)
    ink = (pixels > 0) & (pixels != VOID)
    wide = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    beside = np.any([wide[:, i : i + 64, j : j + 64] for i in range(3) for j in range(3)], axis=0)
    assert not (pixels == VOID)[~beside].any() and (pixels[beside] > 0).all()
