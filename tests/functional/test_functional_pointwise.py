"""Nonlinearities, dropout and the places where paths meet: closed forms, extreme values, what is refused."""

import numpy as np
import pytest
from oracles import assert_refused, pieces

import minires.functional as F

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def test_relu_passes_the_gradient_where_the_input_was_positive_and_not_at_the_corner():
    x = np.array([-2.0, -0.0, 0.0, 1e-300, 3.0])
    y, cache = F.relu_forward(x)
    np.testing.assert_array_equal(y, [0, 0, 0, 1e-300, 3])
    np.testing.assert_array_equal(F.relu_backward(np.full(5, 7.0), cache), [0, 0, 0, 7, 7])


def test_relu_keeps_nan_and_infinity_visible():
    y, _ = F.relu_forward(np.array([np.nan, np.inf, -np.inf]))
    np.testing.assert_array_equal(y, [np.nan, np.inf, 0])


def test_leaky_relu_has_the_slope_of_the_negative_side_at_its_corner():
    y, cache = F.leaky_relu_forward(np.array([-2.0, -0.0, 0.0, 3.0]), slope=0.5)
    np.testing.assert_array_equal(y, [-1, 0, 0, 3])
    np.testing.assert_array_equal(F.leaky_relu_backward(np.full(4, 8.0), cache), [4, 4, 4, 8])
    x = np.array([-2.0, 0.0, 3.0])
    y, cache = F.leaky_relu_forward(x, slope=0.0)
    np.testing.assert_array_equal(y, F.relu_forward(x)[0])
    np.testing.assert_array_equal(F.leaky_relu_backward(np.ones(3), cache), [0, 0, 1])
    assert_refused(lambda: F.leaky_relu_forward(x, slope=-0.1), "slope: expected a number >= 0, got -0.1")


@DTYPES
def test_sigmoid_of_large_inputs_saturates_without_a_warning(dtype):
    x = np.array([-1e4, -1e3, 0, 1e3, 1e4], dtype)
    y, cache = F.sigmoid_forward(x)  # a RuntimeWarning would be an error here
    np.testing.assert_array_equal(y, [0, 0, 0.5, 1, 1])
    np.testing.assert_array_equal(F.sigmoid_backward(np.ones_like(x), cache), [0, 0, 0.25, 0, 0])


def test_sigmoid_of_infinity_and_nan():
    y, _ = F.sigmoid_forward(np.array([-np.inf, np.inf, np.nan]))
    np.testing.assert_array_equal(y, [0, 1, np.nan])


def test_sigmoid_is_its_definition():
    x = np.linspace(-6, 6, 25)
    # 1e-13: 1 + tanh loses two digits at -6, where the result is 0.0025
    np.testing.assert_allclose(F.sigmoid_forward(x)[0], 1 / (1 + np.exp(-x)), rtol=1e-13)


@DTYPES
def test_softmax_of_huge_inputs_does_not_overflow(dtype):
    x = np.array([[1e4, 0, -1e4], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4]], dtype)
    y, cache = F.softmax_forward(x)
    np.testing.assert_allclose(y, [[1, 0, 0], [0.5, 0.5, 0], [1 / 3] * 3], rtol=1e-6)  # float32 rounding
    assert np.isfinite(F.softmax_backward(np.ones_like(x), cache)).all()


def test_softmax_sums_to_one_and_ignores_a_shift():
    x = np.random.default_rng(0).standard_normal((5, 7))
    y, cache = F.softmax_forward(x)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-14)  # a few roundings in float64
    np.testing.assert_allclose(F.softmax_forward(x + 100)[0], y, rtol=1e-12)  # x + 100 drops two digits
    dx = F.softmax_backward(np.random.default_rng(1).standard_normal((5, 7)), cache)
    np.testing.assert_allclose(dx.sum(axis=1), 0, atol=1e-15)


@DTYPES
def test_the_gradient_of_a_nearly_certain_softmax_keeps_its_digits(dtype):
    x, dy = np.array([[20, 0, -3], [-1, 17, 2]], dtype), np.array([[3, 1, -2], [0.5, 2, 7]], dtype)
    exact = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    y = exact / exact.sum(axis=1, keepdims=True)
    # y_k * sum_j y_j (dy_k - dy_j), without a difference of nearly equal numbers
    expected = y * (y[:, None] * (dy[:, :, None] - dy[:, None])).sum(axis=2)
    found = F.softmax_backward(dy, F.softmax_forward(x)[1])
    # exp of a number of up to 23 is off by 23 units in the last place, and a few roundings follow
    np.testing.assert_allclose(found, expected, rtol=50 * np.finfo(dtype).eps)


def test_softmax_of_an_impossible_class_is_0():
    y, cache = F.softmax_forward(np.array([[-np.inf, 0.0, 0.0]]))
    np.testing.assert_array_equal(y, [[0, 0.5, 0.5]])
    np.testing.assert_array_equal(F.softmax_backward(np.array([[5.0, 1, 3]]), cache), [[0, -0.5, 0.5]])


def test_softmax_runs_along_the_last_axis():
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    np.testing.assert_allclose(F.softmax_forward(x)[0].sum(axis=-1), 1, rtol=1e-14)


def test_dropout_scales_both_ways_by_the_mask():
    x, mask = np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 2.0])
    y, cache = F.dropout_forward(x, mask)
    np.testing.assert_array_equal(y, [0, 4, 6])
    np.testing.assert_array_equal(F.dropout_backward(np.array([5.0, 6.0, 7.0]), cache), [0, 12, 14])


def test_residual_add_gives_the_same_gradient_to_both_paths():
    branch, shortcut = np.array([1.0, 2.0]), np.array([10.0, 20.0])
    y, cache = F.residual_add_forward(branch, shortcut)
    np.testing.assert_array_equal(y, [11, 22])
    dbranch, dshortcut = F.residual_add_backward(np.array([3.0, 4.0]), cache)
    np.testing.assert_array_equal(dbranch, [3, 4])
    np.testing.assert_array_equal(dshortcut, [3, 4])


def test_concat_of_three_lengths_gives_each_array_its_own_channels_back():
    arrays = [np.full((2, c, 3, 1), float(c)) for c in (1, 3, 2)]
    y, cache = F.concat_forward(arrays)
    np.testing.assert_array_equal(y[0, :, 0, 0], [1, 3, 3, 3, 2, 2])
    for array, gradient in zip(arrays, F.concat_backward(y, cache), strict=True):
        np.testing.assert_array_equal(gradient, array)


def test_concat_takes_any_sequence_of_arrays():
    x = np.ones((2, 1))
    for arrays in ((x, x), [x, x], (x for _ in range(2))):
        assert F.concat_forward(arrays)[0].shape == (2, 2)


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        ("append", [1, 101, 0, 0, 0]),
        ("split", [0, 1, 101, 0, 0]),  # three new channels: one before, two after
        ("mean", [1 + 4.5, 101 + 4.5, 0, 0, 0]),  # of 1, 2, 9, 10: the image counts from 1 in rows of 8
    ],
)
def test_pad_shortcut_by_hand(placement, expected):
    x = np.arange(1.0, 1 + 7 * 8).reshape(1, 1, 7, 8)
    x = np.concatenate([x, x + 100], axis=1)
    y, cache = F.pad_shortcut_forward(x, channels=5, stride=2, placement=placement)
    assert y.shape == (1, 5, 3 if placement == "mean" else 4, 4)  # the incomplete window is left out
    np.testing.assert_array_equal(y[0, :, 0, 0], expected)
    dx = F.pad_shortcut_backward(np.ones_like(y), cache)
    taken = np.full((6, 8), 0.25) if placement == "mean" else np.zeros((7, 8))
    if placement != "mean":
        taken[::2, ::2] = 1
    np.testing.assert_array_equal(dx[0, 1, : len(taken)], taken)
    assert not dx[0, 1, len(taken) :].any()


@pytest.mark.parametrize("placement", ["append", "split", "mean"])
def test_pad_shortcut_with_another_stride_down_than_across(placement):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 3, 6, 9)), rng.standard_normal((2, 8, 3, 3))
    y, cache = F.pad_shortcut_forward(x, channels=8, stride=(2, 3), placement=placement)
    first = 2 if placement == "split" else 0
    if placement == "mean":
        expected = x.reshape(2, 3, 3, 2, 3, 3).mean(axis=(3, 5))
    else:
        expected = x[:, :, ::2, ::3]
    # one rounding of each of six terms
    np.testing.assert_allclose(y[:, first : first + 3], expected, rtol=1e-13, atol=1e-15)
    assert np.count_nonzero(y) == expected.size
    # forward is linear, so backward is its adjoint: <y(x), dy> = <x, dx>
    dx = F.pad_shortcut_backward(dy, cache)
    assert (x * dx).sum() == pytest.approx((y * dy).sum(), rel=1e-12)


def test_pad_shortcut_without_new_channels_and_stride_1_is_the_identity():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    for placement in ("append", "split", "mean"):
        y, cache = F.pad_shortcut_forward(x, channels=3, stride=1, placement=placement)
        np.testing.assert_array_equal(y, x)
        np.testing.assert_array_equal(F.pad_shortcut_backward(x, cache), x)


def test_flatten_keeps_the_order_of_features_whatever_the_memory():
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    inner = np.ascontiguousarray(x.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2)
    np.testing.assert_array_equal(F.flatten_forward(inner)[0][0], np.arange(24))
    y, cache = F.flatten_forward(x)
    assert np.shares_memory(y, x)
    np.testing.assert_array_equal(F.flatten_backward(y, cache), x)


def test_pointwise_work_in_blocks_is_the_same():
    # a processor may compute exp several numbers at a time otherwise than the last few alone: units of 1e-16
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((2, 3, 5, 4))
    for name in ("relu", "sigmoid"):
        forward, backward = getattr(F, f"{name}_forward"), getattr(F, f"{name}_backward")
        y, cache = forward(x)
        dx = backward(dy, cache)
        for cut in ((1, 7), (3, 1), (5, 1 << 18)):
            with pieces(*cut):
                y_cut, cache = forward(x)
                tolerance = 1e-14 if name == "sigmoid" else 0
                np.testing.assert_allclose(y_cut, y, rtol=tolerance)
                np.testing.assert_allclose(backward(dy, cache), dx, rtol=tolerance)


# -- what is refused -------------------------------------------------------------------------------------

X = np.ones((2, 4, 5, 6))
REFUSED = {
    "shortcut of fewer channels": (
        lambda: F.residual_add_forward(X, X[:, :2]),
        "shortcut: expected the shape (2, 4, 5, 6)",
        "(2, 2, 5, 6)",
        "projection",
    ),
    "a shortcut that would broadcast": (
        lambda: F.residual_add_forward(X, X[:1]),
        "shortcut: expected the shape",
    ),
    "mask of another shape": (
        lambda: F.dropout_forward(X, X[0]),
        "mask: expected the shape (2, 4, 5, 6)",
        "(4, 5, 6)",
    ),
    "nothing to concatenate": (lambda: F.concat_forward([]), "arrays: expected at least one"),
    "None to concatenate": (lambda: F.concat_forward(None), "arrays: expected", "NoneType"),
    "one array to concatenate": (lambda: F.concat_forward(X), "arrays: expected", "ndarray"),
    "concat of other images": (
        lambda: F.concat_forward([X, X[:, :, :4]]),
        "arrays[1]: expected the shape (2, 4, 5, 6)",
        "(2, 4, 4, 6)",
    ),
    "concat of other batches": (
        lambda: F.concat_forward([X, X[:1]]),
        "arrays[1]: expected the shape",
        "(1, 4, 5, 6)",
    ),
    "concat of other axes": (
        lambda: F.concat_forward([X, X[0]]),
        "arrays[1]: expected the shape",
        "(4, 5, 6)",
    ),
    "concat without channels": (lambda: F.concat_forward([X[0, 0, 0]]), "arrays[0]", "(6,)"),
    "fewer channels": (
        lambda: F.pad_shortcut_forward(X, channels=3, stride=2),
        "channels: expected",
        "at least the input's 4",
        "3",
    ),
    "channels 6.0": (lambda: F.pad_shortcut_forward(X, channels=6.0, stride=2), "channels: expected", "6.0"),
    "pad_shortcut of 3 axes": (
        lambda: F.pad_shortcut_forward(X[0], channels=8, stride=2),
        "x: expected the axes",
    ),
    "pad_shortcut stride 0": (
        lambda: F.pad_shortcut_forward(X, channels=8, stride=0),
        "stride: expected an integer",
    ),
    "another placement": (
        lambda: F.pad_shortcut_forward(X, channels=8, stride=2, placement="before"),
        "placement: expected one of append, split, mean",
        "'before'",
    ),
    "a mean over too large a window": (
        lambda: F.pad_shortcut_forward(X, channels=8, stride=(6, 1), placement="mean"),
        "placement 'mean'",
        "(6, 1)",
        "5x6",
    ),
    "flatten of no axes": (lambda: F.flatten_forward(np.ones(())), "x: expected", "()"),
    "softmax of no axes": (lambda: F.softmax_forward(np.ones(())), "x: expected", "()"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line_that_says_what_came(name):
    call, *words = REFUSED[name]
    assert_refused(call, *words)
