"""Average precision, against an independent naive program on drawn detections and against numbers by hand."""

import fractions
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_refused

from minires.data.objects import Objects
from minires.detection import (
    COCO,
    Detections,
    average_precision,
    average_precisions,
    mean_ap,
    precision_recall,
)
from minires.detection.evaluate import match


def found(*rows):
    """Detections from rows (box, label, score)."""
    boxes, labels, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return Detections(np.array(boxes, float).reshape(-1, 4), np.array(labels, int), np.array(scores, float))


def there(*rows):
    """Objects from rows (box, label, difficult)."""
    boxes, labels, difficult = zip(*rows, strict=True) if rows else ((), (), ())
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return Objects(boxes, np.array(labels, np.int64), np.array(difficult, bool))


# -- by hand ---------------------------------------------------------------------------------------------


def test_right_wrong_right_on_two_objects():
    scores, right = np.array([0.7, 0.9, 0.8]), np.array([1, 1, 0])
    assert average_precision(scores, right, 2) == pytest.approx(5 / 6, rel=1e-12)
    assert average_precision(scores, right, 2, points=11) == pytest.approx(28 / 33, rel=1e-12)


def test_precision_is_made_monotone_before_the_area_is_taken():
    """Wrong, right: 1/2 up to recall 1. Without the envelope an early mistake would count more than once."""
    assert average_precision(np.array([0.9, 0.8, 0.7]), np.array([0, 1, 1]), 2) == pytest.approx(2 / 3)


@pytest.mark.parametrize("count", range(1, 101))
def test_a_recall_of_three_tenths_reaches_the_point_three_tenths(count):
    """np.arange(0, 1.1, .1)[3] is .30000000000000004, and 3/10 would miss it; so for every tenth."""
    for hits in range(count + 1):
        points = sum(10 * hits >= k * count for k in range(11))
        precision = 1 if hits else 0
        value = average_precision(np.ones(hits), np.ones(hits, int), count, points=11)
        assert value == pytest.approx(points * precision / 11, rel=1e-12, abs=1e-15)


def test_a_second_hit_on_an_object_is_wrong():
    box = (0, 0, 10, 10)
    detections = found((box, 0, 0.9), (box, 0, 0.8), ((20, 0, 30, 10), 0, 0.7))
    objects = there((box, 0, False), ((20, 0, 30, 10), 0, False))
    assert match(detections, objects, 0, threshold=0.5).tolist() == [1, 0, 1]
    assert average_precisions([detections], [objects], 1)[0] == pytest.approx(5 / 6)


def test_the_better_score_takes_the_object_whatever_the_order_of_the_rows():
    detections = found(((0, 0, 10, 8), 0, 0.2), ((0, 0, 10, 10), 0, 0.9))
    assert match(detections, there(((0, 0, 10, 10), 0, False)), 0, threshold=0.5).tolist() == [0, 1]


def test_a_detection_counts_for_its_class_alone():
    detections, objects = found(((0, 0, 10, 10), 1, 0.9)), there(((0, 0, 10, 10), 0, False))
    assert match(detections, objects, 1, threshold=0.5).tolist() == [0]
    assert average_precisions([detections], [objects], 2)[0] == 0


def test_an_overlap_of_exactly_the_threshold_is_enough():
    detections, objects = found(((0, 0, 10, 5), 0, 0.9)), there(((0, 0, 10, 10), 0, False))
    assert match(detections, objects, 0, threshold=0.5).tolist() == [1]
    assert match(detections, objects, 0, threshold=0.51).tolist() == [0]


def test_difficult_objects_count_neither_as_missed_nor_when_found():
    box, hard = (0, 0, 10, 10), (20, 0, 30, 10)
    objects = there((box, 0, False), (hard, 0, True))
    with_it = found((hard, 0, 0.95), (box, 0, 0.9), (hard, 0, 0.5))
    assert match(with_it, objects, 0, threshold=0.5).tolist() == [-1, 1, -1]
    assert average_precisions([with_it], [objects], 1)[0] == 1
    assert average_precisions([found((box, 0, 0.9))], [objects], 1)[0] == 1
    left_out = there((box, 0, False))  # of the truth: finding it would be a false alarm
    assert average_precisions([with_it], [left_out], 1)[0] == 0.5
    assert math.isnan(average_precisions([with_it], [there((hard, 0, True))], 1)[0])


def test_scores_of_all_images_are_sorted_together():
    box, objects = (0, 0, 10, 10), [there(((0, 0, 10, 10), 0, False))] * 2
    detections = [found((box, 0, 0.5)), found(((50, 50, 60, 60), 0, 0.9), (box, 0, 0.7))]
    assert average_precisions(detections, objects, 1)[0] == pytest.approx(2 / 3)


def test_a_class_without_objects_is_left_out_of_the_mean():
    box = (0, 0, 10, 10)
    assert mean_ap([found((box, 0, 0.9), (box, 1, 0.9))], [there((box, 0, False))], 3) == 1
    assert math.isnan(mean_ap([found()], [there()], 2))


def test_without_a_detection_the_average_precision_is_nought():
    assert mean_ap([found()], [there(((0, 0, 10, 10), 0, False))], 1) == 0


def test_the_mean_of_coco_by_hand():
    """IoU 1, .8 and .6 with three objects, in falling order of score.

    Up to .6 all three are right: AP 1. From .65 to .8 two are: precision 1 up to recall 2/3, and 67 of the
    points 0, .01, ..., 1 lie below. From .85 on it is one: 34 points lie below 1/3.
    """
    assert len(COCO) == 10 and COCO[0] == 0.5 and COCO[-1] == 0.95
    boxes = [(20 * i, 0, 20 * i + 10, 10) for i in range(3)]
    objects = there(*[(box, 0, False) for box in boxes])
    heights = (10, 8, 6)
    detections = found(
        *[
            ((x, 0, x2, h), 0, 0.9 - i / 10)
            for i, ((x, _, x2, _), h) in enumerate(zip(boxes, heights, strict=True))
        ]
    )
    expected = (3 * 1 + 4 * 67 / 101 + 3 * 34 / 101) / 10
    assert mean_ap([detections], [objects], 1, thresholds=COCO, points=101) == pytest.approx(
        expected, rel=1e-12
    )
    by_area = (3 * 1 + 4 * 2 / 3 + 3 * 1 / 3) / 10
    assert mean_ap([detections], [objects], 1, thresholds=COCO) == pytest.approx(by_area, rel=1e-12)


def test_precision_and_recall_after_each_detection():
    precision, recall = precision_recall(np.array([0.1, 0.9, 0.5, 0.7]), np.array([1, 1, -1, 0]), 4)
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(recall, [1 / 4, 1 / 4, 1 / 2])


# -- against a naive program -----------------------------------------------------------------------------


def naive_average_precision(images, label, threshold, points):
    """The definition, in exact fractions, with loops. images: (rows of detections, rows of objects) each."""
    rows = [
        (-score, number, row)
        for number, (detections, _) in enumerate(images)
        for row, (_, kind, score) in enumerate(detections)
        if kind == label
    ]
    taken, outcomes = set(), []
    for _, number, row in sorted(rows):
        box, best, which = images[number][0][row][0], -1, None
        for place, (true, kind, _) in enumerate(images[number][1]):
            if kind == label and overlap(box, true) > best:
                best, which = overlap(box, true), place
        if which is None or best < threshold:
            outcomes.append(False)
        elif not images[number][1][which][2]:
            outcomes.append((number, which) not in taken)
            taken.add((number, which))
    count = sum(kind == label and not hard for _, objects in images for _, kind, hard in objects)
    if not count:
        return None
    curve = [
        (fractions.Fraction(sum(outcomes[:n]), count), fractions.Fraction(sum(outcomes[:n]), n))
        for n in range(1, len(outcomes) + 1)
    ]

    def best_from(recall):
        return max((p for r, p in curve if r >= recall), default=0)

    if points:
        return sum(best_from(fractions.Fraction(k, points - 1)) for k in range(points)) / points
    return sum(best_from(fractions.Fraction(k, count)) for k in range(1, count + 1)) / count


def overlap(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0) * max(height, 0)
    both = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return fractions.Fraction(common, both - common)


BOX = st.tuples(*[st.integers(0, 4)] * 2, *[st.integers(1, 4)] * 2).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
LABEL = st.integers(0, 1)
IMAGE = st.tuples(
    # distinct scores: which of two equal ones comes first is a matter of taste
    st.lists(st.tuples(BOX, LABEL, st.integers(0, 10**6)), max_size=6),
    st.lists(st.tuples(BOX, LABEL, st.sampled_from([False, False, True])), max_size=4),
)


@settings(max_examples=120, derandomize=True, deadline=None, database=None)
@given(images=st.lists(IMAGE, min_size=1, max_size=4), threshold=st.sampled_from([(1, 3), (1, 2), (3, 4)]))
def test_average_precision_agrees_with_a_naive_program(images, threshold):
    scores = {}
    images = [
        (
            [
                (box, label, scores.setdefault((i, j), 1 + len(scores)) + 100 * score)
                for j, (box, label, score) in enumerate(found_rows)
            ],
            true,
        )
        for i, (found_rows, true) in enumerate(images)
    ]
    detections, objects = [found(*rows) for rows, _ in images], [there(*rows) for _, rows in images]
    for points in (None, 11, 101):
        ours = average_precisions(
            detections, objects, 2, threshold=threshold[0] / threshold[1], points=points
        )
        for label in (0, 1):
            theirs = naive_average_precision(images, label, fractions.Fraction(*threshold), points)
            if theirs is None:
                assert math.isnan(ours[label])
            else:
                assert ours[label] == pytest.approx(float(theirs), rel=1e-12, abs=1e-15)


def test_refused():
    assert_refused(lambda: mean_ap([found()], [], 1), "found: expected 0 images", "got 1")
    assert_refused(
        lambda: precision_recall(np.ones(2), np.ones(2, int), 1), "count: expected at least as many"
    )
