"""The losses: closed forms, extreme logits, label smoothing, and what is refused."""

import math

import numpy as np
import pytest
from oracles import assert_refused

import minires.functional as F

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
ONE = np.ones(())


def loss_and_gradient(logits, labels, dloss=1.0, **options):
    loss, cache = F.softmax_cross_entropy_forward(logits, np.asarray(labels), **options)
    return loss, F.softmax_cross_entropy_backward(np.asarray(dloss, logits.dtype), cache)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("classes", [1, 2, 10, 1000])
def test_a_network_that_knows_nothing_loses_ln_k(classes, label_smoothing):
    loss, _ = loss_and_gradient(np.zeros((3, classes)), [0, classes - 1, 0], label_smoothing=label_smoothing)
    assert loss == pytest.approx(math.log(classes), rel=1e-13, abs=1e-15)  # up to 1000 roundings


def test_the_gradient_is_probabilities_minus_targets_over_the_batch():
    logits = np.log(np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]))
    loss, dlogits = loss_and_gradient(logits, [2, 0])
    assert loss == pytest.approx(-(math.log(0.5) + math.log(0.6)) / 2, rel=1e-14)
    np.testing.assert_allclose(dlogits, [[0.1, 0.15, -0.25], [-0.2, 0.15, 0.05]], rtol=1e-13)


def test_label_smoothing_mixes_the_label_with_all_classes():
    # -sum_k q_k ln p_k with q = 0.7 at the label plus 0.3 / 4 everywhere, the label included
    p = np.array([0.1, 0.2, 0.3, 0.4])
    q = np.array([0.075, 0.075, 0.775, 0.075])
    loss, dlogits = loss_and_gradient(np.log(p)[None] + 5, [2], label_smoothing=0.3)
    assert loss == pytest.approx(-(q * np.log(p)).sum(), rel=1e-13)
    np.testing.assert_allclose(dlogits[0], p - q, rtol=1e-12)  # p = exp(log p + 5 - ...) drops a digit


def test_smoothed_loss_is_the_mixture_of_the_label_loss_and_the_uniform_loss():
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((4, 5)), [0, 4, 2, 2]
    plain, _ = loss_and_gradient(logits, labels)
    uniform = np.mean([loss_and_gradient(logits, [k] * 4)[0] for k in range(5)])
    smoothed, _ = loss_and_gradient(logits, labels, label_smoothing=0.2)
    assert smoothed == pytest.approx(0.8 * plain + 0.2 * uniform, rel=1e-13)


@DTYPES
def test_huge_logits_neither_overflow_nor_lose_the_loss(dtype):
    logits = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], dtype)
    loss, dlogits = loss_and_gradient(logits, [0, 0])  # right, and wrong by 2e4 nats
    assert loss == 1e4
    np.testing.assert_array_equal(dlogits, [[0, 0, 0], [-0.5, 0.5, 0]])
    loss, dlogits = loss_and_gradient(logits, [0, 0], label_smoothing=0.1)
    assert np.isfinite(loss) and np.isfinite(dlogits).all()


@DTYPES
def test_what_is_impossible_and_not_meant_costs_nothing(dtype):
    logits = np.array([[-np.inf, 0], [3, -np.inf]], dtype)
    loss, dlogits = loss_and_gradient(logits, [1, 0])
    assert loss == 0
    np.testing.assert_array_equal(dlogits, 0)
    loss, dlogits = loss_and_gradient(np.array([[0, -np.inf, 0]], dtype), [2])
    assert loss == pytest.approx(math.log(2), rel=1e-6)
    np.testing.assert_allclose(dlogits, [[0.5, 0, -0.5]], rtol=1e-6)


@DTYPES
def test_what_is_meant_and_impossible_costs_infinity_and_has_a_finite_gradient(dtype):
    logits = np.array([[-np.inf, 0]], dtype)
    for label, smoothing, expected in ((0, 0, [-1, 1]), (0, 0.1, [-0.95, 0.95]), (1, 0.1, [-0.05, 0.05])):
        loss, dlogits = loss_and_gradient(logits, [label], label_smoothing=smoothing)
        assert loss == np.inf
        np.testing.assert_allclose(dlogits[0], expected, rtol=1e-6)  # float32: a few roundings


def test_rows_that_are_no_probabilities_stay_visible():
    for row in ([-np.inf, -np.inf], [np.inf, 0.0], [np.nan, 0.0], [np.inf, -np.inf]):
        with np.errstate(invalid="ignore"):
            loss, dlogits = loss_and_gradient(np.array([row, [0.0, 1.0]]), [0, 1])
        assert np.isnan(loss) and np.isnan(dlogits[0]).all() and np.isfinite(dlogits[1]).all()


@DTYPES
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
@pytest.mark.parametrize("distance", [0.5, 3.0, 8.0, 12.0, 16.0, 17.0, 20.0, 40.0, 80.0])
def test_loss_and_gradient_of_a_nearly_certain_answer_keep_their_digits(distance, label_smoothing, dtype):
    logits = np.array([[0.25, distance, -0.5, 0], [distance, 0, 0.125, -3]], dtype)
    exact = logits.astype(np.longdouble)
    for labels in ([1, 0], [0, 2]):  # right, and wrong
        terms = np.exp(exact - exact.max(axis=1, keepdims=True))
        p = terms / terms.sum(axis=1, keepdims=True)
        others = np.where(exact == exact.max(axis=1, keepdims=True), 0, terms).sum(axis=1)
        log_p = exact - exact.max(axis=1, keepdims=True) - np.log1p(others)[:, None]
        t = np.full((2, 4), label_smoothing / 4, np.longdouble)
        t[[0, 1], labels] += 1 - label_smoothing
        loss, dlogits = loss_and_gradient(logits, labels, label_smoothing=label_smoothing)
        expected = p - t
        if not label_smoothing and labels == [1, 0]:
            expected[[0, 1], labels] = -np.where(t == 0, p, 0).sum(axis=1)
        # exp of a number of up to 80 is off by 80 units in the last place, and a few roundings follow; with
        # smoothing p - t cancels at the other classes, too, to their share of it
        tolerance = 100 * np.finfo(dtype).eps
        cost = abs((t * log_p).sum() / 2)
        assert abs(loss - cost) <= tolerance * cost
        absolute = tolerance / 100 if label_smoothing else 0
        np.testing.assert_allclose(dlogits, (expected / 2).astype(np.float64), rtol=tolerance, atol=absolute)


def test_the_mean_of_many_losses_is_accurate_in_float32():
    n = 1_000_000
    logits = np.full((n, 2), 0.1, np.float32)
    logits[:, 0] = 0
    loss, _ = F.softmax_cross_entropy_forward(logits, np.zeros(n, np.int64))
    one, _ = F.softmax_cross_entropy_forward(logits[:1], np.zeros(1, np.int64))
    assert abs(loss - one) < 1e-6 * one  # equal losses: their mean is each of them
    loss, (_, _, count) = F.softmax_cross_entropy_forward(
        logits, np.zeros(n, np.int64), class_weights=np.array([0.1, 3], np.float32)
    )
    assert abs(loss - one) < 1e-6 * one and abs(count - 100_000) < 0.01  # 0.1 in float32 is 1.5e-9 more


# -- rows that count differently -------------------------------------------------------------------------


def test_ignored_rows_are_as_if_they_were_not_there():
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((5, 4)), np.array([2, 255, 0, 255, 3])
    kept = labels != 255
    for smoothing in (0.0, 0.3):
        expected, gradient = loss_and_gradient(logits[kept], labels[kept], label_smoothing=smoothing)
        loss, dlogits = loss_and_gradient(logits, labels, label_smoothing=smoothing, ignore_index=255)
        assert loss == pytest.approx(expected, rel=1e-14)
        np.testing.assert_allclose(dlogits[kept], gradient, rtol=1e-13)
        np.testing.assert_array_equal(dlogits[~kept], 0)


def test_a_class_may_be_the_ignored_one_and_labels_unsigned():
    logits = np.random.default_rng(0).standard_normal((4, 3))
    labels = np.array([0, 1, 2, 1], np.uint8)
    loss, dlogits = loss_and_gradient(logits, labels, ignore_index=1)
    expected, _ = loss_and_gradient(logits[[0, 2]], [0, 2])
    assert loss == pytest.approx(expected, rel=1e-14) and not dlogits[[1, 3]].any()


def test_a_class_of_weight_2_counts_as_if_its_rows_were_there_twice():
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((4, 3)), np.array([0, 1, 2, 1])
    loss, dlogits = loss_and_gradient(logits, labels, class_weights=np.array([1.0, 2.0, 1.0]))
    expected, gradient = loss_and_gradient(logits[[0, 1, 2, 3, 1, 3]], labels[[0, 1, 2, 3, 1, 3]])
    assert loss == pytest.approx(expected, rel=1e-14)
    gradient[[1, 3]] += gradient[[4, 5]]
    np.testing.assert_allclose(dlogits, gradient[:4], rtol=1e-13)


@pytest.mark.parametrize(
    "options",
    [{"ignore_index": 2}, {"class_weights": np.array([1.0, 1.0, 0.0])}],
    ids=["ignored", "weight 0"],
)
def test_where_no_row_counts_loss_and_gradient_are_0(options):
    logits = np.random.default_rng(0).standard_normal((3, 3))
    loss, dlogits = loss_and_gradient(logits, [2, 2, 2], **options)
    assert loss == 0 and not dlogits.any()


def test_pixels_may_be_ignored_and_classes_weighted():
    rng = np.random.default_rng(0)
    y, labels = rng.standard_normal((2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5))
    labels[0, 1], weights = -100, np.array([1.0, 0.5, 3.0])
    options = {"ignore_index": -100, "class_weights": weights, "label_smoothing": 0.1}
    loss, cache = F.pixel_cross_entropy_forward(y, labels, **options)
    rows, flat = y.transpose(0, 2, 3, 1).reshape(-1, 3), labels.reshape(-1)
    expected, gradient = loss_and_gradient(rows, flat, **options)
    assert loss == pytest.approx(expected, rel=1e-13)  # the same sum, perhaps in another order
    dy = F.pixel_cross_entropy_backward(1.0, cache)
    np.testing.assert_allclose(dy.transpose(0, 2, 3, 1).reshape(-1, 3), gradient, rtol=1e-12, atol=1e-15)
    assert not dy[0, :, 1].any()


def test_rows_of_the_gradient_sum_to_zero():
    logits = np.random.default_rng(0).standard_normal((6, 4))
    _, dlogits = loss_and_gradient(logits, [0, 1, 2, 3, 0, 1], label_smoothing=0.1)
    np.testing.assert_allclose(dlogits.sum(axis=1), 0, atol=1e-15)  # four terms up to 1/6, 3e-17 each


def test_nan_and_infinite_logits_stay_visible_in_the_loss():
    assert np.isnan(F.softmax_cross_entropy_forward(np.array([[np.nan, 0.0]]), np.array([1]))[0])
    with np.errstate(invalid="ignore"):
        assert np.isnan(F.softmax_cross_entropy_forward(np.array([[np.inf, 0.0]]), np.array([1]))[0])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64, np.intp])
def test_labels_may_be_any_integers(dtype):
    logits = np.random.default_rng(0).standard_normal((3, 4))
    expected = loss_and_gradient(logits, [3, 0, 1])
    found = loss_and_gradient(logits, np.array([3, 0, 1], dtype))
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1], expected[1])


@DTYPES
def test_losses_are_arrays_without_axes_and_their_gradients_scale_with_dloss(dtype):
    rng = np.random.default_rng(0)
    y, target = rng.standard_normal((3, 4)).astype(dtype), rng.standard_normal((3, 4)).astype(dtype)
    for forward, backward, other in (
        (F.softmax_cross_entropy_forward, F.softmax_cross_entropy_backward, np.array([0, 1, 2])),
        (F.squared_error_forward, F.squared_error_backward, target),
    ):
        loss, cache = forward(y, other)
        assert isinstance(loss, np.ndarray) and loss.shape == () and loss.dtype == dtype
        once, twice = backward(np.array(1, dtype), cache), backward(np.array(2, dtype), cache)
        np.testing.assert_array_equal(np.asarray(twice), 2 * np.asarray(once))
        np.testing.assert_array_equal(np.asarray(backward(1.0, cache)), np.asarray(once))  # a plain number


@pytest.mark.parametrize("dloss", [np.float64(1), np.ones(()), 1.0, 1, np.float32(1)], ids=repr)
def test_the_gradient_keeps_the_dtype_of_the_forward_pass_whatever_dloss_is(dloss):
    y = np.ones((2, 3), np.float32)
    _, cache = F.squared_error_forward(y, 0 * y)
    assert all(gradient.dtype == np.float32 for gradient in F.squared_error_backward(dloss, cache))
    _, cache = F.softmax_cross_entropy_forward(y, np.array([0, 1]))
    assert F.softmax_cross_entropy_backward(dloss, cache).dtype == np.float32


def test_squared_error_by_hand():
    y, target = np.array([[3.0, 1.0], [0.0, 2.0]]), np.array([[1.0, 1.0], [0.0, -2.0]])
    loss, cache = F.squared_error_forward(y, target)
    assert loss == (4 + 16) / 2 / 2
    dy, dtarget = F.squared_error_backward(ONE, cache)
    np.testing.assert_array_equal(dy, [[1, 0], [0, 2]])
    np.testing.assert_array_equal(dtarget, -dy)


# -- what is refused -------------------------------------------------------------------------------------

LOGITS, LABELS = np.ones((3, 4)), np.array([0, 1, 3])


def entropy(logits=LOGITS, labels=LABELS, **options):
    return lambda: F.softmax_cross_entropy_forward(logits, labels, **options)


REFUSED = {
    "a label too large": (
        entropy(labels=np.array([0, 4, 1])),
        ValueError,
        "labels: expected integers from 0 to 3",
        "4",
    ),
    "a negative label": (
        entropy(labels=np.array([0, -1, 1])),
        ValueError,
        "labels: expected integers from 0",
        "-1",
    ),
    "float labels": (entropy(labels=LABELS * 1.0), TypeError, "labels: expected integers", "float64"),
    "boolean labels": (entropy(labels=LABELS > 0), TypeError, "labels: expected integers", "bool"),
    "a list of labels": (
        entropy(labels=[0, 1, 2]),
        TypeError,
        "labels: expected a NumPy or CuPy array",
        "list",
    ),
    "no labels": (entropy(labels=None), TypeError, "labels: expected a NumPy or CuPy array", "None"),
    "too few labels": (entropy(labels=LABELS[:2]), ValueError, "labels: expected the shape (3,)", "(2,)"),
    "one-hot labels": (
        entropy(labels=np.eye(4, dtype=int)[:3]),
        ValueError,
        "labels: expected the shape",
        "(3, 4)",
    ),
    "logits with 1 axis": (entropy(LOGITS[0]), ValueError, "logits: expected the axes (N, K)", "(4,)"),
    "logits with 4 axes": (
        entropy(LOGITS[..., None, None]),
        ValueError,
        "logits: expected the axes",
        "(3, 4, 1, 1)",
    ),
    "smoothing 1": (
        entropy(label_smoothing=1.0),
        ValueError,
        "label_smoothing: expected a number in [0, 1)",
        "1.0",
    ),
    "smoothing -0.1": (entropy(label_smoothing=-0.1), ValueError, "label_smoothing: expected", "-0.1"),
    "smoothing NaN": (entropy(label_smoothing=math.nan), ValueError, "label_smoothing: expected", "nan"),
    "a label too large beside ignored ones": (
        entropy(labels=np.array([0, 4, -1]), ignore_index=-1),
        ValueError,
        "labels: expected integers from 0 to 3, or -1, which is ignored",
        "4",
    ),
    "ignored by half": (entropy(ignore_index=0.5), ValueError, "ignore_index: expected an integer", "0.5"),
    "ignored True": (entropy(ignore_index=True), ValueError, "ignore_index: expected an integer", "True"),
    "too few weights": (
        entropy(class_weights=np.ones(3)),
        ValueError,
        "class_weights: expected the shape (4,)",
        "(3,)",
    ),
    "a list of weights": (
        entropy(class_weights=[1, 1, 1, 1]),
        TypeError,
        "class_weights: expected a NumPy or CuPy array",
        "list",
    ),
    "weights of another dtype": (
        entropy(class_weights=np.ones(4, np.float32)),
        TypeError,
        "logits is float64 and class_weights is float32",
    ),
    "a negative weight": (
        entropy(class_weights=np.array([1.0, -1, 1, 1])),
        ValueError,
        "class_weights: expected finite numbers >= 0",
        "-1",
    ),
    "an infinite weight": (
        entropy(class_weights=np.array([1.0, np.inf, 1, 1])),
        ValueError,
        "class_weights: expected finite numbers >= 0",
        "inf",
    ),
    "a target of another shape": (
        lambda: F.squared_error_forward(LOGITS, LOGITS[:, :1]),
        ValueError,
        "target: expected the shape (3, 4)",
        "(3, 1)",
    ),
    "a number as y": (lambda: F.squared_error_forward(ONE, ONE), ValueError, "y: expected", "()"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line_that_says_what_came(name):
    call, error_type, *words = REFUSED[name]
    assert_refused(call, *words, error_type=error_type)


def test_the_labels_of_pixels_have_the_shape_of_the_map():
    y, labels = np.zeros((2, 3, 4, 5)), np.zeros((2, 5, 4), int)
    assert_refused(
        lambda: F.pixel_cross_entropy_forward(y, labels), "labels: expected the shape (2, 4, 5)", "pixel"
    )
    assert_refused(lambda: F.pixel_cross_entropy_forward(y, [[1]]), "labels: expected a NumPy or CuPy array")


def test_rows_of_targets_may_have_weights():
    """The gradient of -sum(targets * log softmax) / count, where the rows of targets do not sum to 1."""
    logits, weights = np.random.default_rng(0).standard_normal((3, 4)), np.array([2.0, 0.0, 0.5])
    _, (probabilities, targets, _) = F.softmax_cross_entropy_forward(logits, np.array([1, 0, 3]))
    weighted = probabilities, targets * weights[:, None], weights.sum()
    found = F.softmax_cross_entropy_backward(1.0, weighted)
    expected = weights[:, None] * (probabilities - targets) / weights.sum()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
