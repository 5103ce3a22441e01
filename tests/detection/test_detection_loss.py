"""The losses of a detector: which rows count, what they are divided by, and that every piece is right."""

import numpy as np
import pytest

from minires import gradcheck
from minires.detection import Answers, Regions, joint_loss, rpn_loss, two_headed_loss


def head_inputs(rng, count=6, classes=3):
    return (
        rng.standard_normal((count, classes + 1)),
        rng.standard_normal((count, classes, 4)),
        np.array([0, 1, 3, 0, 2, 1][:count]),
        rng.standard_normal((count, 4)),
    )


def test_the_head_by_hand():
    """Two regions, one class: a background of logits (0, 0) and an object a half off in x alone."""
    scores = np.zeros((2, 2))
    offsets = np.array([[[9.0, 9, 9, 9]], [[0.5, 0, 0, 0]]])
    (classes, boxes), (dscores, doffsets) = two_headed_loss(
        scores, offsets, np.array([0, 1]), np.zeros((2, 4))
    )
    assert float(classes) == pytest.approx(np.log(2), abs=1e-15)
    assert float(boxes) == 0.125 / 2  # half a square of 1/2, over both regions: background is divided by too
    np.testing.assert_allclose(dscores, [[-0.25, 0.25], [0.25, -0.25]], atol=1e-15)
    np.testing.assert_array_equal(doffsets, [[[0, 0, 0, 0]], [[0.25, 0, 0, 0]]])


def test_only_the_box_of_the_true_class_is_compared():
    rng = np.random.default_rng(0)
    scores, offsets, classes, targets = head_inputs(rng)
    (_, loss), (_, doffsets) = two_headed_loss(scores, offsets, classes, targets)
    for row, label in enumerate(classes):
        learns = [k for k in range(3) if doffsets[row, k].any()]
        assert learns == ([label - 1] if label else [])  # class k is k + 1 for the head
    expected = 0.0
    for row, label in enumerate(classes):
        if label:
            d = abs(offsets[row, label - 1] - targets[row])
            expected += np.where(d < 1, d**2 / 2, d - 0.5).sum() / len(classes)
    assert float(loss) == pytest.approx(expected, rel=1e-12)


def test_without_a_foreground_only_the_classes_are_learned():
    rng = np.random.default_rng(0)
    scores, offsets, _, targets = head_inputs(rng)
    (classes, boxes), (dscores, doffsets) = two_headed_loss(scores, offsets, np.zeros(6, int), targets)
    assert float(classes) > 0 and float(boxes) == 0 and dscores.any() and not doffsets.any()


def test_without_a_region_nothing_is_learned():
    (classes, boxes), (dscores, doffsets) = two_headed_loss(
        np.zeros((0, 3)), np.zeros((0, 2, 4)), np.zeros(0, int), np.zeros((0, 4))
    )
    assert (float(classes), float(boxes), dscores.shape, doffsets.shape) == (0, 0, (0, 3), (0, 2, 4))


def test_the_proposal_network_by_hand():
    """Of four anchors one is positive, one negative, two do not count."""
    labels = np.array([[1, 0, -1, -1]], np.int8)
    offsets = np.zeros((1, 4, 4))
    targets = np.zeros((1, 4, 4))
    targets[0, 0] = [0.1, 0, 0, -2]
    targets[0, 1:] = 5  # nobody looks
    (objectness, boxes), (dlogits, doffsets) = rpn_loss(np.zeros((1, 4)), offsets, labels, targets)
    assert float(objectness) == pytest.approx(np.log(2), abs=1e-15)
    # sigma 3: (3 * .1)^2 / 2 for the small one, 2 - 1/18 for the large, over the two sampled
    assert float(boxes) == pytest.approx((0.045 + 2 - 1 / 18) / 2, abs=1e-15)
    np.testing.assert_allclose(dlogits, [[-0.25, 0.25, 0, 0]], atol=1e-15)
    np.testing.assert_allclose(doffsets[0], [[-0.45, 0, 0, 0.5]] + [[0] * 4] * 3, atol=1e-15)


def test_anchors_of_which_none_counts_teach_nothing():
    labels = np.full((1, 3), -1, np.int8)
    losses, gradients = rpn_loss(np.ones((1, 3)), np.ones((1, 3, 4)), labels, np.zeros((1, 3, 4)))
    assert [float(each) for each in losses] == [0, 0] and not any(each.any() for each in gradients)


@pytest.mark.parametrize("foreground", [True, False])
def test_the_gradients_of_the_head_s_loss(foreground):
    rng = np.random.default_rng(1)
    scores, offsets, classes, targets = head_inputs(rng)
    classes = classes if foreground else 0 * classes

    def forward(scores, offsets):
        losses, gradients = two_headed_loss(scores, offsets, classes, targets)
        return losses[0] + losses[1], gradients

    def backward(dy, gradients):
        return tuple(dy * each for each in gradients)

    report = gradcheck.check_function(
        forward,
        backward,
        [scores, offsets],
        rng=rng,
        expect_zero=() if foreground else ("offsets",),
    )
    report.raise_if_wrong()


def test_the_gradients_of_the_proposal_network_s_loss():
    rng = np.random.default_rng(2)
    labels = rng.integers(-1, 2, (2, 9)).astype(np.int8)
    targets = rng.standard_normal((2, 9, 4))

    def forward(logits, offsets):
        losses, gradients = rpn_loss(logits, offsets, labels, targets)
        return losses[0] + losses[1], gradients

    def backward(dy, gradients):
        return tuple(dy * each for each in gradients)

    inputs = [rng.standard_normal((2, 9)), 0.3 * rng.standard_normal((2, 9, 4))]
    gradcheck.check_function(forward, backward, inputs, rng=rng).raise_if_wrong()


def test_float32_stays_float32():
    rng = np.random.default_rng(0)
    scores, offsets, classes, targets = head_inputs(rng)
    losses, gradients = two_headed_loss(scores.astype("f4"), offsets.astype("f4"), classes, targets)
    more = rpn_loss(np.zeros((1, 2), "f4"), np.zeros((1, 2, 4), "f4"), np.array([[1, 0]]), np.ones((1, 2, 4)))
    assert {each.dtype for each in (*losses, *gradients, *more[0], *more[1])} == {np.dtype("float32")}


def test_what_is_to_be_learned_must_be_there():
    nothing = np.zeros((1, 4))
    answers = Answers(
        np.zeros((1, 2)), np.zeros((1, 2, 4)), np.zeros((1, 2)), np.zeros((1, 1, 4)), Regions(nothing, [0])
    )
    with pytest.raises(ValueError, match="regions"):
        joint_loss(answers)
    known = answers._replace(regions=Regions(nothing, [0], np.array([1]), nothing))
    with pytest.raises(ValueError, match="labels"):
        joint_loss(known)
    losses, dy = joint_loss(known, np.array([[1, 0]]), np.zeros((1, 2, 4)))
    assert losses.objectness == pytest.approx(np.log(2)) and dy[0].shape == (1, 2)
