"""What anchors and regions are to learn; the traps that other programs fell into."""

import numpy as np
import pytest
from oracles import assert_refused

from minires.detection.anchors import anchors, base_anchors
from minires.detection.boxes import STDS, decode, inside, iou
from minires.detection.targets import anchor_targets, roi_targets

ANCHORS = anchors(base_anchors([10, 16, 24], [1.0, 1.5, 2.0]), (16, 16), 4)
SIZE = (64, 64)


def rng(seed=0):
    return np.random.default_rng(seed)


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def targets(objects, *, sampled=10**6, **options):
    return anchor_targets(ANCHORS, boxes(*objects), SIZE, rng=rng(), sampled=sampled, **options)


def test_labels_follow_from_the_overlaps_anchor_by_anchor():
    objects = boxes((4, 6, 17, 28), (30, 30, 54, 60), (44, 4, 50, 11))
    labels, offsets = targets(objects)
    overlaps = iou(ANCHORS, objects)
    overlaps[~inside(ANCHORS, SIZE)] = -1
    for a in range(len(ANCHORS)):
        best_of_one = any(overlaps[a, g] == overlaps[:, g].max() > 0 for g in range(3))
        if overlaps[a, 0] == -1:
            assert labels[a] == -1
        elif best_of_one or overlaps[a].max() >= 0.7:
            assert labels[a] == 1
            wanted = objects[overlaps[a].argmax()]
            # float32: some roundings of 64 pixels
            assert abs(decode(ANCHORS[a][None], offsets[a][None]) - wanted).max() < 1e-4
        else:
            assert labels[a] == (0 if overlaps[a].max() < 0.3 else -1)
    assert not offsets[labels != 1].any()


def test_the_best_anchor_of_a_small_object_is_positive_though_it_overlaps_little():
    small = (30, 30, 34, 34)
    labels, _ = targets([small])
    assert (labels == 1).any()
    assert iou(ANCHORS[labels == 1], boxes(small)).max() < 0.3


def test_an_object_that_no_anchor_touches_makes_no_anchor_positive():
    """Its highest overlap is 0, which every anchor inside shares."""
    tiny = np.float32([[0, 0, 2, 2]])
    few = boxes((10, 10, 30, 30), (32, 32, 50, 50))
    labels, offsets = anchor_targets(few, tiny, SIZE, rng=rng())
    assert labels.tolist() == [0, 0] and not offsets.any()
    labels, _ = anchor_targets(few, boxes((0, 0, 2, 2), (11, 10, 30, 30)), SIZE, rng=rng())
    assert labels.tolist() == [1, 0]


def test_an_image_without_objects_is_background_everywhere():
    labels, offsets = targets([])
    assert (labels[inside(ANCHORS, SIZE)] == 0).all() and not (labels == 1).any() and not offsets.any()
    assert (labels[~inside(ANCHORS, SIZE)] == -1).all()


def test_an_object_larger_than_every_anchor_has_its_best_ones():
    labels, offsets = targets([(0, 0, 64, 64)])
    assert 0 < (labels == 1).sum() < 200 and np.isfinite(offsets).all()


def test_without_an_anchor_inside_nothing_is_sampled():
    labels, _ = anchor_targets(boxes((-9, -9, 5, 5)), boxes((0, 0, 5, 5)), SIZE, rng=rng())
    assert labels.tolist() == [-1]
    labels, _ = anchor_targets(boxes((-9, -9, 5, 5)), boxes(), SIZE, rng=rng())
    assert labels.tolist() == [-1]


def test_a_best_anchor_learns_the_way_to_the_object_that_it_overlaps_most_itself():
    """Both objects choose the one anchor; the second overlaps it less, and still chose it."""
    objects = boxes((10, 10, 30, 30), (10, 10, 30, 18))
    labels, offsets = anchor_targets(boxes((10, 10, 30, 30)), objects, SIZE, rng=rng())
    assert labels.tolist() == [1] and abs(offsets).max() < 1e-6


def test_the_sample_has_its_size_and_at_most_half_of_it_is_positive():
    objects = [(4, 6, 17, 28), (30, 30, 54, 60), (44, 4, 56, 22), (10, 40, 22, 62)]
    labels, _ = targets(objects, sampled=8, positive=0.5)
    assert (labels == 1).sum() == 4 and (labels == 0).sum() == 4
    labels, _ = targets(objects[:1], sampled=64)
    assert (labels == 1).sum() < 32 and (labels >= 0).sum() == 64


def test_the_same_generator_gives_the_same_sample_and_another_another():
    drawn = [
        anchor_targets(ANCHORS, boxes((4, 6, 17, 28)), SIZE, rng=rng(seed))[0].tobytes() for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


# -- regions ---------------------------------------------------------------------------------------------

PROPOSALS = boxes((0, 0, 10, 10), (1, 0, 11, 10), (30, 30, 50, 50), (40, 0, 60, 20), (5, 0, 15, 10))


def test_background_is_class_0_and_class_k_is_k_plus_1():
    sample = roi_targets(PROPOSALS, boxes((0, 0, 10, 10)), np.array([3]), rng=rng())
    # the proposals 0 and 1 (IoU 9/11), and the object itself; 4 has 1/3
    assert sample.classes.tolist() == [4, 4, 4, 0, 0, 0] and sample.classes.dtype == np.int64
    overlaps = iou(sample.boxes, boxes((0, 0, 10, 10)))[:, 0]
    assert (overlaps[:3] >= 0.5).all() and (overlaps[3:] < 0.5).all()


def test_offsets_lead_to_the_object_and_are_divided_by_the_deviations():
    objects, labels = boxes((0, 0, 10, 10), (31, 29, 50, 50)), np.array([0, 1])
    sample = roi_targets(PROPOSALS, objects, labels, rng=rng())
    foreground = sample.classes > 0
    found = decode(sample.boxes[foreground], sample.offsets[foreground], stds=STDS)
    np.testing.assert_allclose(
        found, objects[sample.classes[foreground] - 1], atol=1e-4
    )  # float32, 50 pixels
    assert not sample.offsets[~foreground].any()
    (of_one,) = roi_targets(boxes((1, 0, 11, 10)), objects[:1], labels[:1], rng=rng()).offsets[:1]
    np.testing.assert_allclose(of_one, [-1, 0, 0, 0], atol=1e-6)  # a tenth of the width


def test_the_objects_themselves_are_among_the_regions():
    far = boxes((40, 40, 60, 60))
    sample = roi_targets(PROPOSALS[:1], far, np.array([2]), rng=rng())
    assert sample.classes.tolist() == [3, 0]
    np.testing.assert_array_equal(sample.boxes[0], far[0])


def test_an_image_without_objects_gives_background_alone():
    sample = roi_targets(PROPOSALS, boxes(), np.zeros(0, int), rng=rng())
    assert sample.classes.tolist() == [0] * 5 and not sample.offsets.any()


def test_an_image_without_proposals_gives_its_objects_and_with_neither_nothing():
    sample = roi_targets(boxes(), boxes((0, 0, 5, 5)), np.array([1]), rng=rng())
    assert sample.classes.tolist() == [2]
    assert len(roi_targets(boxes(), boxes(), np.zeros(0, int), rng=rng()).boxes) == 0


@pytest.mark.parametrize(("fraction", "positives"), [(0.25, 2), (0.5, 4)])
def test_the_sample_of_regions_has_at_most_its_fraction_of_foreground(fraction, positives):
    many = np.concatenate([PROPOSALS[[0, 1]]] * 6 + [PROPOSALS[[2, 3, 4]]] * 6)
    sample = roi_targets(many, boxes((0, 0, 10, 10)), np.array([0]), rng=rng(), sampled=8, fraction=fraction)
    assert (sample.classes > 0).sum() == positives and len(sample.boxes) == 8


def test_refused():
    assert_refused(
        lambda: roi_targets(PROPOSALS, boxes((0, 0, 1, 1)), np.array([1, 2]), rng=rng()),
        "labels: expected (1,), one an object",
    )
    flat = boxes((12, 9, 20, 9))
    labels, _ = anchor_targets(ANCHORS, flat, SIZE, rng=rng())  # touches nothing, so nobody learns it
    assert not (labels == 1).any()
