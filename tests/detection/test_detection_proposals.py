"""Proposals: from a network's answers, from every place, from contours."""

import numpy as np
import pytest

from minires.data.scenes import digit_scenes
from minires.detection.anchors import anchors, base_anchors
from minires.detection.boxes import encode, falling, inside, iou, non_maximum_suppression
from minires.detection.evaluate import proposal_recall
from minires.detection.proposals import contour_scores, propose, sliding_windows

ANCHORS = anchors(base_anchors([10, 16, 24], [1.0, 1.5, 2.0]), (16, 16), 4)
WINDOWS = {"sides": (10, 16, 24), "ratios": (1.0, 1.5, 2.0), "stride": 4}


def answers(seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal(len(ANCHORS)).astype(np.float32)
    return scores, 0.2 * rng.standard_normal((len(ANCHORS), 4)).astype(np.float32)


def test_proposals_are_inside_large_enough_few_apart_and_in_falling_order():
    scores, offsets = answers()
    boxes, kept = propose(scores, offsets, ANCHORS, (64, 64), before=300, after=50)
    assert len(boxes) == len(kept) == 50 and (np.diff(kept) <= 0).all()
    assert inside(boxes, (64, 64)).all() and (boxes[:, 2:] - boxes[:, :2] >= 4).all()
    overlaps = iou(boxes, boxes)
    np.fill_diagonal(overlaps, 0)
    assert overlaps.max() <= 0.7


def test_the_offsets_of_the_best_anchor_lead_to_the_first_proposal():
    scores, offsets = answers()
    wanted = np.array([[10, 20, 25, 50]], np.float32)
    scores[700], offsets[700] = 9, encode(ANCHORS[700][None], wanted)[0]
    boxes, kept = propose(scores, offsets, ANCHORS, (64, 64))
    np.testing.assert_allclose(boxes[0], wanted[0], atol=1e-4)  # float32: some roundings of 64 pixels
    assert kept[0] == 9


def test_logits_and_probabilities_give_the_same_proposals():
    scores, offsets = answers()
    probabilities = 1 / (1 + np.exp(-scores.astype(np.float64)))
    one, other = (propose(each, offsets, ANCHORS, (64, 64))[0] for each in (scores, probabilities))
    np.testing.assert_array_equal(one, other)


def test_small_boxes_are_no_proposals_and_there_may_be_none():
    scores, offsets = answers()
    assert len(propose(scores, offsets - 9, ANCHORS, (64, 64))[0]) == 0
    boxes, _ = propose(scores, offsets, ANCHORS, (64, 64), least=20)
    assert len(boxes) and (boxes[:, 2:] - boxes[:, :2]).min() >= 20


def test_answers_that_are_not_numbers_are_no_proposals():
    scores, offsets = answers()
    offsets[::2] = np.nan
    with np.errstate(invalid="ignore"):
        boxes, _ = propose(scores, offsets, ANCHORS, (64, 64))
    assert np.isfinite(boxes).all()


def test_windows_of_a_scene():
    windows = sliding_windows((64, 64), **WINDOWS)
    assert windows.shape == (1508, 4) and inside(windows, (64, 64)).all()
    assert len(sliding_windows((64, 64), **WINDOWS, overhang=0)) == 1252
    wide = sliding_windows((48, 96), **WINDOWS)
    assert inside(wide, (48, 96)).all() and wide[:, 2].max() > 90 and wide[:, 3].max() <= 48


def test_a_contour_counts_where_it_is_whole():
    image = np.zeros((40, 60))
    image[10:20, 30:45] = 1
    around, cut, beside = contour_scores(
        image, np.array([[29.0, 9, 46, 21], [35, 9, 52, 21], [2, 9, 19, 21]])
    )
    # 1e-12: sums of some hundred numbers cancel
    assert around > 1.5 * max(cut, 0) > 0 and abs(beside) < 1e-12


def test_the_recall_of_contours_and_of_random_boxes():
    """50 contour windows find at most .85 of the digits, 300 nearly all; 50 random windows far fewer."""
    scenes, windows, rng = (
        digit_scenes(24, test=True),
        sliding_windows((64, 64), **WINDOWS),
        np.random.default_rng(0),
    )
    contours, drawn = [], []
    for image in scenes.images:
        scores = contour_scores(image[0] / 255, windows)
        best = falling(scores)[:600]
        kept = non_maximum_suppression(windows[best], scores[best], threshold=0.7, most=300)
        contours.append(windows[best[kept]])
        drawn.append(rng.permutation(windows))
    few, many = (proposal_recall(contours, scenes.objects, most=most) for most in (50, 300))
    by_chance = proposal_recall(drawn, scenes.objects, most=50)
    assert by_chance + 0.1 < few <= 0.9 and many >= 0.95  # of some 60 digits: one is 0.016


@pytest.mark.parametrize("most", [0, 1, 2])
def test_recall_counts_the_first_proposals_and_not_difficult_objects(most):
    from minires.data.objects import Objects

    true = Objects(
        np.array([[0, 0, 10, 10], [20, 20, 30, 30], [40, 0, 50, 10]], np.float32),
        np.zeros(3, int),
        np.array([False, False, True]),
    )
    proposals = np.array([[40, 0, 50, 10], [0, 0, 10, 8], [20, 20, 30, 30]], np.float32)
    assert proposal_recall([proposals], [true], most=most) == (0, 0, 0.5)[most]
    nothing = Objects(true.boxes[:0], true.labels[:0], true.difficult[:0])
    assert np.isnan(proposal_recall([proposals], [nothing], most=3))
