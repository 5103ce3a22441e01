"""From answers to detections, and what refines them."""

import numpy as np
import pytest
from small_detector import tiny_detector

from minires.catalogue.detectors import SIZE
from minires.detection import (
    STDS,
    Answers,
    Detections,
    Regions,
    candidates,
    detect,
    encode,
    iterate,
    merge_scales,
    suppress,
)
from minires.detection.inference import decoded
from minires.detection.refine import resized


def answers_of(boxes, truth, logits):
    """Return the Answers of a head that sends boxes (R, 4) to truth (R, 4), for one class."""
    offsets = encode(boxes, truth, stds=STDS)[:, None]
    return Answers(None, None, np.array(logits), offsets, Regions(boxes, np.zeros(len(boxes), int)))


def test_offsets_are_multiplied_by_what_they_were_divided_by():
    boxes, truth = np.array([[4.0, 4, 12, 16]]), np.array([[5.0, 3, 14, 18]])
    (found,) = decoded(answers_of(boxes, truth, [[0.0, 5]]), (32, 32), 1, score=0.05)
    np.testing.assert_allclose(found.boxes, truth, atol=1e-12)
    assert found.labels.tolist() == [0]  # background is no class of the data
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-5)))


def test_boxes_are_cut_to_the_image_and_those_outside_are_dropped():
    boxes = np.array([[4.0, 4, 12, 16], [4.0, 4, 12, 16]])
    truth = np.array([[-3.0, -2, 40, 9], [40.0, 4, 50, 16]])
    (found,) = decoded(answers_of(boxes, truth, [[0.0, 5]] * 2), (20, 30), 1, score=0.05)
    np.testing.assert_allclose(found.boxes, [[0, 0, 30, 9]], atol=1e-12)


def test_every_image_gets_its_own():
    boxes = np.array([[4.0, 4, 12, 16]] * 3)
    answers = answers_of(boxes, boxes, [[0.0, 5], [5, 0], [0, 5]])
    answers = answers._replace(regions=Regions(boxes, np.array([2, 1, 2])))
    found = decoded(answers, (20, 30), 4, score=0.05)
    assert [len(each.labels) for each in found] == [0, 0, 2, 0]


def test_suppression_takes_a_class_at_a_time_and_sorts():
    boxes = np.array([[0.0, 0, 10, 10], [1.0, 0, 11, 10], [0, 0, 10, 10]])
    found = suppress(Detections(boxes, np.array([1, 1, 0]), np.array([0.3, 0.6, 0.5])))
    assert found.scores.tolist() == [0.6, 0.5] and found.labels.tolist() == [1, 0]
    assert len(suppress(Detections(boxes, np.array([1, 1, 0]), np.ones(3)), most=1).scores) == 1


def image(rng, count=2):
    return rng.standard_normal((count, 2, *SIZE))


def test_images_are_found_alone_as_together():
    rng = np.random.default_rng(0)
    detector, x = tiny_detector(rng), image(rng, 3)
    together = detect(detector, x)
    for number, found in enumerate(together):
        (alone,) = detect(detector, x[number : number + 1])
        np.testing.assert_array_equal(found.labels, alone.labels)
        np.testing.assert_allclose(found.boxes, alone.boxes, atol=1e-9)


def test_a_window_given_is_judged_in_place_of_proposals():
    rng = np.random.default_rng(0)
    detector, window = tiny_detector(rng), np.array([[2.0, 3, 20, 15]])
    found = candidates(detector, image(rng), windows=[window, window[:0]], score=0.0)
    assert [len(each.labels) for each in found] == [2, 0]  # one for each of two classes


def test_one_round_of_iteration_is_detection_and_two_pool_both():
    rng = np.random.default_rng(0)
    detector, x = tiny_detector(rng), image(rng)
    plain = detect(detector, x)
    for a, b in zip(plain, iterate(detector, x, rounds=1), strict=True):
        np.testing.assert_array_equal(a.boxes, b.boxes)
    twice = iterate(detector, x, rounds=2)
    again = candidates(detector, x, windows=[each.boxes for each in plain])
    best = [max([*a.scores, *b.scores]) for a, b in zip(plain, again, strict=True)]
    assert [each.scores[0] for each in twice] == pytest.approx(best, rel=1e-12)
    with pytest.raises(ValueError, match="rounds"):
        iterate(detector, x, rounds=0)


def test_scales_are_merged_in_the_image_s_own_pixels():
    rng = np.random.default_rng(0)
    detector, x = tiny_detector(rng), image(rng)
    for a, b in zip(detect(detector, x), merge_scales(detector, x, sizes=[SIZE]), strict=True):
        np.testing.assert_allclose(a.boxes, b.boxes, atol=1e-6)  # the factor is float32
    tall = (2 * SIZE[0], SIZE[1])  # twice as high and as wide as before
    expected = detect(detector, resized(x, tall))
    for each, other in zip(merge_scales(detector, x, sizes=[tall]), expected, strict=True):
        np.testing.assert_allclose(each.boxes, other.boxes * [1, 0.5, 1, 0.5], atol=1e-6)
    merged = merge_scales(detector, x, sizes=[SIZE, (40, 56)])
    for each in merged:
        assert len(each.boxes) and each.boxes[:, 2].max() <= SIZE[1] and each.boxes[:, 3].max() <= SIZE[0]
    with pytest.raises(ValueError, match="sizes"):
        merge_scales(detector, x, sizes=[])


def test_resizing_a_ramp_keeps_it_a_ramp_where_it_interpolates():
    x = np.arange(8.0)[None, None, None] * np.ones((1, 1, 4, 1))
    y = resized(x, (4, 16))[0, 0]
    # the outer half pixels lie beyond the first and last centres, where the image ends level
    np.testing.assert_allclose(y[0, 1:-1], (np.arange(1, 15) + 0.5) / 2 - 0.5, atol=1e-12)
    assert y[0, 0] == 0 and y[0, -1] == 7
