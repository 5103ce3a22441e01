"""Top-1 and top-5 errors against a sort written out, mean IoU against a count of sets; and the corners."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minires.train.metrics import class_ious, mean_iou, top_k_errors


def test_top_k_errors_agree_with_sorting_every_row():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((200, 13)).astype(np.float32)
    labels = rng.integers(0, 13, 200)
    best_first = np.argsort(-logits, axis=1, kind="stable")
    expected = [np.mean([labels[i] not in best_first[i, :k] for i in range(200)]) for k in (1, 3, 5)]
    assert top_k_errors(logits, labels, k=(1, 3, 5)) == pytest.approx(expected, abs=1e-12)


def test_a_network_that_says_the_same_for_every_class_is_not_right_every_time():
    """Equal logits count in class order: only the images of class 0 are right, as argmax would say."""
    labels = np.array([0, 1, 2, 3])
    assert top_k_errors(np.zeros((4, 4)), labels, k=(1, 2)) == (0.75, 0.5)


def test_nan_counts_as_wrong_for_every_k_below_the_number_of_classes():
    logits = np.array([[np.nan, 1.0, 2.0], [0.0, np.nan, 9.0], [0.0, 1.0, 2.0]])
    assert top_k_errors(logits, np.array([0, 2, 2]), k=(1, 2)) == (2 / 3, 2 / 3)


def test_top_5_of_fewer_classes_is_never_wrong():
    assert top_k_errors(np.array([[0.0, 1.0]]), np.array([0])) == (1.0, 0.0)


@pytest.mark.parametrize(
    "logits, labels, k, message",
    [
        (np.zeros((0, 3)), np.zeros(0, int), (1,), "got shapes"),
        (np.zeros((2, 3)), np.zeros(3, int), (1,), "got shapes"),
        (np.zeros((2, 3)), np.array([0, 3]), (1,), "expected 0 to 2, got 0 to 3"),
        (np.zeros((2, 3)), np.array([0, -1]), (1,), "got -1 to 0"),
        (np.zeros((2, 3)), np.array([0, 1]), (0,), "at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(logits, labels, k, message):
    with pytest.raises(ValueError, match=message):
        top_k_errors(logits, labels, k=k)


pixels = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 2, 3, 255])), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(pixels)
def test_mean_iou_agrees_with_sets_of_pixels(pairs):
    predicted, labels = np.array(pairs).T.reshape(2, -1)
    expected = []
    for k in range(4):
        said = {i for i, (p, true) in enumerate(pairs) if p == k and true != 255}
        there = {i for i, (_, true) in enumerate(pairs) if true == k}
        expected.append(len(said & there) / len(said | there) if said | there else np.nan)
    found = class_ious(predicted, labels, 4, ignore_index=255)
    np.testing.assert_array_equal(found, expected)
    mean = mean_iou(predicted, labels, 4, ignore_index=255)
    if np.isnan(expected).all():
        assert np.isnan(mean)
    else:
        assert mean == pytest.approx(np.nanmean(expected), abs=1e-12)


def test_all_images_count_together_and_absent_classes_not_at_all():
    predicted = np.array([[[0, 1]], [[1, 1]]])
    labels = np.array([[[0, 0]], [[1, 1]]], np.uint8)
    assert class_ious(predicted, labels, 3).tolist()[:2] == [1 / 2, 2 / 3]  # not the mean over images
    assert mean_iou(predicted, labels, 3) == pytest.approx(7 / 12)
    assert mean_iou(labels, labels, 3) == 1


def test_what_mean_iou_cannot_count_is_refused():
    two = np.array([0, 1])
    with pytest.raises(ValueError, match=r"predicted: expected the shape of labels, \(2,\), got \(1,\)"):
        mean_iou(two[:1], two, 2)
    with pytest.raises(ValueError, match="labels: expected 0 to 1, got 0 to 255"):
        mean_iou(two, np.array([0, 255]), 2)
    with pytest.raises(ValueError, match="predicted: expected 0 to 1, got -1 to 1"):
        mean_iou(np.array([-1, 1]), two, 2)
