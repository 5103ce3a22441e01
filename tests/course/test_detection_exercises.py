"""The solutions of assignment 4 are programs of their own; on drawn inputs they do what the library does."""

import numpy as np
import pytest

from minires.course import exercise
from minires.data.objects import Objects
from minires.detection import anchors, boxes, evaluate
from minires.functional import detection_loss, roi

RNG = np.random.default_rng(0)
CORNER = RNG.uniform(0, 40, (30, 2))
BOXES = np.concatenate([CORNER, CORNER + RNG.uniform(2, 30, (30, 2))], axis=1)
SCORES, LABELS = RNG.integers(0, 9, 30) / 8, RNG.integers(0, 3, 30)  # many scores are equal


def own(number):
    return exercise.find(number).solution()


def assert_close(found, expected):
    # the same operations in float64, some in another order
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_iou():
    assert_close(own("4.1").iou(BOXES, BOXES[:7]), boxes.iou(BOXES, BOXES[:7]))
    assert_close(own("4.1").area(BOXES[:, [2, 1, 0, 3]]), boxes.area(BOXES[:, [2, 1, 0, 3]]))


def test_encode_and_decode():
    stds, (sources, destinations) = np.array(boxes.STDS), np.split(BOXES, 2)
    offsets = own("4.2").encode(sources, destinations, stds=stds)
    assert_close(offsets, boxes.encode(sources, destinations, stds=boxes.STDS))
    assert_close(own("4.2").decode(sources, offsets, stds=stds), destinations)
    offsets[3, 2:] = 40, 90  # both are cut
    expected = boxes.decode(sources, offsets, stds=boxes.STDS)
    assert_close(own("4.2").decode(sources, offsets, stds=stds), expected)


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5])
def test_non_maximum_suppression(threshold):
    found = own("4.3").non_maximum_suppression(BOXES, SCORES, threshold=threshold)
    expected = boxes.non_maximum_suppression(BOXES, SCORES, threshold=threshold)
    np.testing.assert_array_equal(found, expected)
    found = own("4.3").suppress_within_classes(BOXES, SCORES, LABELS, threshold=threshold)
    expected = boxes.non_maximum_suppression(BOXES, SCORES, threshold=threshold, labels=LABELS)
    np.testing.assert_array_equal(found, expected)


def test_anchors():
    base = own("4.4").base_anchors([8.0, 12.0, 20.0], [0.5, 1.0, 3.0])
    single = anchors.base_anchors([8, 12, 20], [0.5, 1, 3])
    np.testing.assert_allclose(base, single, rtol=1e-6)  # the library's are float32
    found = own("4.4").anchors(single, (3, 5), 4)
    np.testing.assert_array_equal(found, anchors.anchors(single, (3, 5), 4))


def test_roi_pooling():
    x, image_index = RNG.standard_normal((2, 3, 9, 7)), RNG.integers(0, 2, 30)
    how = {"size": 3, "scale": 0.25}
    y, cache = own("4.5").roi_pool_forward(x, BOXES, image_index, **how)
    expected, theirs = roi.roi_pool_forward(x, BOXES, image_index, **how)
    np.testing.assert_array_equal(y, expected)
    dy = RNG.standard_normal(y.shape)
    assert_close(own("4.5").roi_pool_backward(dy, cache), roi.roi_pool_backward(dy, theirs))


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_smooth_l1(sigma):
    offsets, targets, positive = *RNG.standard_normal((2, 6, 4)), np.arange(6) < 4
    loss, cache = own("4.6").smooth_l1_forward(offsets, targets, positive, sigma=sigma)
    expected, theirs = detection_loss.smooth_l1_forward(offsets, targets, positive / 6, sigma=sigma)
    assert_close(loss, expected)
    found = own("4.6").smooth_l1_backward(0.5, cache)
    assert_close(found, detection_loss.smooth_l1_backward(0.5, theirs))


def test_average_precision():
    module, right = own("4.7"), LABELS == 1
    precision, recall = module.precision_recall(SCORES, right, 20)
    for mean, points in ((module.average_precision, None), (module.eleven_points, 11)):
        expected = evaluate.average_precision(SCORES, right.astype(np.int8), 20, points=points)
        assert_close(mean(precision, recall), expected)
    objects = Objects(BOXES[20:], np.zeros(10, np.int64), np.zeros(10, bool))
    found = boxes.Detections(BOXES[:20], np.zeros(20, np.int64), SCORES[:20])
    for threshold in (0.1, 0.3):
        right = module.match(found.boxes, found.scores, objects.boxes, threshold=threshold)
        assert right.any()
        np.testing.assert_array_equal(right, evaluate.match(found, objects, 0, threshold=threshold) == 1)
