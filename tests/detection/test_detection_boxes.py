"""Boxes: overlap, offsets and non-maximum suppression, against numbers by hand and double loops."""

import math

import numpy as np
import pytest
import strict_cupy
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_refused

from minires.detection import boxes as B


def drawn(examples):
    return settings(max_examples=examples, derandomize=True, deadline=None, database=None)


def array(*boxes):
    return np.array(boxes, float).reshape(-1, 4)


# -- overlap ---------------------------------------------------------------------------------------------


def test_overlap_is_25_of_175_and_not_36_of_206_as_with_inclusive_corners():
    (found,) = B.iou(array((0, 0, 10, 10)), array((5, 5, 15, 15))).ravel()
    assert found == pytest.approx(25 / 175, rel=1e-12)


@pytest.mark.parametrize(
    "other",
    [(10, 0, 20, 10), (0, 10, 10, 20), (10, 10, 12, 12), (30, 0, 40, 9), (0, 30, 9, 40), (-5, -5, -1, -1)],
)
def test_boxes_that_touch_or_lie_apart_do_not_overlap(other):
    assert B.iou(array((0, 0, 10, 10)), array(other)).item() == 0


def test_a_box_of_no_area_overlaps_nothing_not_even_itself_and_nothing_warns():
    empty = array((3, 3, 3, 3), (2, 5, 9, 5), (4, 4, 1, 1))
    with np.errstate(all="raise"):
        assert not B.iou(empty, np.concatenate([empty, array((0, 0, 10, 10))])).any()


def test_no_boxes_give_an_empty_table():
    assert B.iou(array(), array((0, 0, 1, 1))).shape == (0, 1)
    assert B.iou(array((0, 0, 1, 1)), array()).shape == (1, 0)


coordinates = st.integers(0, 8)


@st.composite
def small_boxes(draw, most):
    """Boxes on a small grid: duplicates, touching ones and some of no area are common."""
    corners = draw(st.lists(st.tuples(*[coordinates] * 4), max_size=most))
    return array(*[(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners])


def cells(box):
    x1, y1, x2, y2 = (int(value) for value in box)
    return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}


@drawn(60)
@given(boxes=small_boxes(6), others=small_boxes(6))
def test_overlap_is_that_of_the_sets_of_cells(boxes, others):
    table = B.iou(boxes, others)
    for i, j in np.ndindex(table.shape):
        one, other = cells(boxes[i]), cells(others[j])
        # both are one division of the same whole numbers
        assert table[i, j] == (len(one & other) / len(one | other) if one | other else 0)


# -- offsets ---------------------------------------------------------------------------------------------


def test_offsets_by_hand():
    offsets = B.encode(array((0, 0, 10, 10)), array((2, 3, 12, 23)))
    np.testing.assert_allclose(offsets, [[0.2, 0.8, 0, math.log(2)]], rtol=1e-12, atol=1e-15)
    divided = B.encode(array((0, 0, 10, 10)), array((2, 3, 12, 23)), stds=B.STDS)
    np.testing.assert_allclose(divided, [[2, 8, 0, 5 * math.log(2)]], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 1e-12), (np.float32, 2e-5)])
@pytest.mark.parametrize("stds", [(1, 1, 1, 1), B.STDS])
def test_decode_undoes_encode(dtype, error, stds):
    """float32: some roundings of 80 pixels, each half of 80 * 1.2e-7, and the exponential's."""
    rng = np.random.default_rng(0)
    first = rng.uniform(0, 40, (2, 50, 2))
    sources, wanted = np.concatenate([first, first + rng.uniform(4, 40, (2, 50, 2))], axis=2).astype(dtype)
    found = B.decode(sources, B.encode(sources, wanted, stds=stds), stds=stds)
    assert found.dtype == dtype and abs(found - wanted).max() < error


def test_what_was_divided_must_be_multiplied():
    sources, wanted = array((0, 0, 10, 20)), array((3, 1, 9, 30))
    wrong = B.decode(sources, B.encode(sources, wanted, stds=B.STDS))
    assert abs(wrong - wanted).max() > 5


def test_decode_gives_each_class_a_box_of_its_own():
    sources, offsets = (
        array((0, 0, 10, 10), (5, 5, 9, 9)),
        np.random.default_rng(0).standard_normal((2, 3, 4)),
    )
    found = B.decode(sources[:, None], offsets)
    for k in range(3):
        np.testing.assert_array_equal(found[:, k], B.decode(sources, offsets[:, k]))


def test_a_large_answer_is_cut_and_does_not_overflow():
    with np.errstate(all="raise"):
        found = B.decode(array((0, 0, 16, 16)), array((0, 0, 1e4, -700)))
    assert found[0, 2] - found[0, 0] == pytest.approx(1000) and found[0, 3] >= found[0, 1]


def test_clip_cuts_at_the_width_and_the_height_themselves():
    found = B.clip(array((-3, -4, 70, 50), (80, 1, 90, 2)), (30, 60))
    np.testing.assert_array_equal(found, [[0, 0, 60, 30], [60, 1, 60, 2]])


def test_inside_counts_the_border_in():
    boxes = array((0, 0, 60, 30), (-0.5, 0, 9, 9), (0, 0, 61, 9), (0, 0, 30, 60), (0, -1, 9, 9))
    assert B.inside(boxes, (30, 60)).tolist() == [True, False, False, False, False]


def test_on_a_gpu_the_same_numbers():
    rng = np.random.default_rng(0)
    first = rng.uniform(0, 40, (5, 2))
    boxes, offsets = (
        np.concatenate([first, first + rng.uniform(4, 40, (5, 2))], axis=1),
        rng.standard_normal((5, 4)),
    )
    strict = [strict_cupy.asarray(each) for each in (boxes, offsets)]
    for function in (B.iou, B.decode, lambda a, b: B.encode(a, a + 1), lambda a, b: B.clip(a, (20, 30))):
        np.testing.assert_allclose(function(*strict).get(), function(boxes, offsets), rtol=1e-12, atol=1e-15)


# -- non-maximum suppression -----------------------------------------------------------------------------


def brute_force(boxes, scores, threshold, labels):
    """Take the best of what is left, strike out what overlaps it; two loops over boxes."""
    left, kept = list(range(len(boxes))), []
    while left:
        best = max(left, key=lambda i: (scores[i], -i))
        kept.append(best)
        ours = cells(boxes[best])

        def goes(i, best=best, ours=ours):
            union = ours | cells(boxes[i])
            overlap = len(ours & cells(boxes[i])) / len(union) if union else 0
            return i == best or (overlap > threshold and labels[i] == labels[best])

        left = [i for i in left if not goes(i)]
    return kept


@drawn(150)
@given(data=st.data(), boxes=small_boxes(12), threshold=st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 0.7, 1.0]))
def test_non_maximum_suppression_agrees_with_two_loops(data, boxes, threshold):
    columns = st.lists(st.integers(0, 3), min_size=len(boxes), max_size=len(boxes))  # ties are common
    scores, labels = (np.array(data.draw(columns), dtype) for dtype in (float, int))
    for classes in (np.zeros(len(boxes), int), labels):
        kept = B.non_maximum_suppression(boxes, scores, threshold=threshold, labels=classes)
        assert kept.dtype == np.int64 and kept.tolist() == brute_force(boxes, scores, threshold, classes)
    alone = B.non_maximum_suppression(boxes, scores, threshold=threshold)
    few = B.non_maximum_suppression(boxes, scores, threshold=threshold, most=2)
    assert few.tolist() == alone[:2].tolist()


def test_a_box_exactly_at_the_threshold_stays():
    boxes = array((0, 0, 10, 10), (0, 5, 10, 10))  # IoU 1/2
    assert B.non_maximum_suppression(boxes, np.array([1.0, 0.5]), threshold=0.5).tolist() == [0, 1]
    assert B.non_maximum_suppression(boxes, np.array([1.0, 0.5]), threshold=0.49).tolist() == [0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: B.iou(np.zeros((2, 5)), array()), ("boxes: expected x1, y1, x2, y2", "(2, 5)")),
        (lambda: B.iou(array(), np.zeros((2, 4), int)), ("others: expected floats", "int64")),
        (lambda: B.iou([[0, 0, 1, 1]], array()), ("boxes: expected a NumPy or CuPy array", "list")),
        (
            lambda: B.encode(array((0, 0, 1, 1)), array((3, 3, 3, 9))),
            ("destinations: expected boxes with x1 < x2",),
        ),
        (
            lambda: B.encode(array((0, 4, 1, 1)), array((3, 3, 4, 9))),
            ("sources: expected boxes with x1 < x2",),
        ),
        (
            lambda: B.non_maximum_suppression(array((0, 0, 1, 1)), np.zeros(2), threshold=0.5),
            ("scores: expected the shape (1,)", "(2,)"),
        ),
    ],
)
def test_refused(call, words):
    assert_refused(call, *words)
