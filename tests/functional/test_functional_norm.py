"""Batch normalisation by its defining properties, local response normalisation against loops."""

import numpy as np
import pytest
from oracles import assert_refused, local_response_norm_loops, pieces, relative_error

import minires.functional as F

SHAPES = pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 3, 2, 3), (7, 3), (2, 3, 1, 1)], ids=str)


def channels_last(array):
    """Return the array as a matrix (values, C)."""
    return np.moveaxis(array, 1, -1).reshape(-1, array.shape[1])


def drawn(shape, seed=0):
    rng = np.random.default_rng(seed)
    gamma, beta = rng.uniform(0.5, 2, shape[1]), rng.standard_normal(shape[1])
    return rng.standard_normal(shape) * 3 + 1, gamma, beta, rng.standard_normal(shape)


@SHAPES
def test_batch_norm_train_gives_each_channel_mean_beta_and_variance_gamma_squared(shape):
    x, gamma, beta, _ = drawn(shape)
    y, _, (mean, var) = F.batch_norm_train_forward(x, gamma, beta, eps=0)
    flat = channels_last(x)
    # 1e-13 of numbers of order 1: sums of at most 40 float64 numbers
    np.testing.assert_allclose(mean, flat.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(var, flat.var(axis=0), rtol=1e-13)  # divided by the count, not by count - 1
    np.testing.assert_allclose(channels_last(y).mean(axis=0), beta, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(channels_last(y).var(axis=0), gamma**2, rtol=1e-12)


def test_eps_is_added_to_the_variance_and_not_part_of_the_statistics():
    x = np.array([[1.0], [3.0]])
    y, _, (mean, var) = F.batch_norm_train_forward(x, np.ones(1), np.zeros(1), eps=3.0)
    assert mean == 2 and var == 1
    np.testing.assert_array_equal(y, [[-0.5], [0.5]])  # -1 / sqrt(1 + 3)
    y, _ = F.batch_norm_eval_forward(x, np.ones(1), np.zeros(1), mean, var, eps=3.0)
    np.testing.assert_array_equal(y, [[-0.5], [0.5]])


@SHAPES
def test_batch_norm_backward_has_no_component_along_one_or_along_x_hat(shape):
    # shifting or stretching a channel of x does not change y, so the gradient cannot point there.
    # With eps = 0 the identities are exact; 1e-12 of the norms is rounding.
    x, gamma, beta, dy = drawn(shape)
    x_hat, cache, _ = F.batch_norm_train_forward(x, np.ones(3), np.zeros(3), eps=0)
    _, cache, _ = F.batch_norm_train_forward(x, gamma, beta, eps=0)
    dx, dgamma, dbeta = F.batch_norm_train_backward(dy, cache)
    scale = np.linalg.norm(dy)
    assert np.abs(channels_last(dx).sum(axis=0)).max() < 1e-12 * scale
    assert np.abs(channels_last(dx * x_hat).sum(axis=0)).max() < 1e-12 * scale
    np.testing.assert_allclose(dbeta, channels_last(dy).sum(axis=0), atol=1e-12 * scale)
    np.testing.assert_allclose(dgamma, channels_last(dy * x_hat).sum(axis=0), atol=1e-12 * scale)


def test_batch_norm_backward_follows_the_chain_rule_of_the_paper():
    # Ioffe & Szegedy 2015, section 3: the six equations, one after another
    x, gamma, beta, dy = drawn((3, 2, 4, 5))
    eps, axes = 1e-3, (0, 2, 3)
    column = (None, slice(None), None, None)
    m, mu, var = x.size / 2, x.mean(axes)[column], x.var(axes)[column]
    dx_hat = dy * gamma[column]
    dvar = (dx_hat * (x - mu)).sum(axes)[column] * -0.5 * (var + eps) ** -1.5
    dmu = -dx_hat.sum(axes)[column] / np.sqrt(var + eps) + dvar * -2 * (x - mu).sum(axes)[column] / m
    expected = dx_hat / np.sqrt(var + eps) + dvar * 2 * (x - mu) / m + dmu / m
    for cut in ((1, 1 << 18), (2, 8)):
        with pieces(*cut):
            _, cache, _ = F.batch_norm_train_forward(x, gamma, beta, eps=eps)
            dx, dgamma, dbeta = F.batch_norm_train_backward(dy, cache)
        assert relative_error(dx, expected) < 1e-12  # float64 rounding
        assert relative_error(dgamma, (dy * (x - mu) / np.sqrt(var + eps)).sum(axes)) < 1e-12
        assert relative_error(dbeta, dy.sum(axes)) < 1e-12


def test_batch_norm_keeps_its_accuracy_when_the_mean_is_a_thousand_times_the_deviation():
    # float32 holds numbers near 1000 in steps of 6e-5, so x itself cannot be better than that; 5e-4 of the
    # unit deviation leaves some steps for the sums. E[x^2] - E[x]^2 would be off by 1e6 * 6e-8 = 0.06.
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((16, 3, 9, 8)) + 1000).astype(np.float32)
    dy = rng.standard_normal(x.shape).astype(np.float32)
    gamma, beta = np.ones(3), np.zeros(3)
    expected, cache, (mean, var) = F.batch_norm_train_forward(x.astype(np.float64), gamma, beta)
    gradients = F.batch_norm_train_backward(dy.astype(np.float64), cache)
    y, cache, (mean32, var32) = F.batch_norm_train_forward(
        x, gamma.astype(np.float32), beta.astype(np.float32)
    )
    assert relative_error(mean32, mean) < 2e-7
    assert relative_error(var32, var) < 1e-5
    assert relative_error(y, expected) < 5e-4
    for found, exact in zip(F.batch_norm_train_backward(dy, cache), gradients, strict=True):
        assert relative_error(found, exact) < 5e-4


def test_a_constant_channel_gives_beta_and_no_warning():
    x, gamma, beta, dy = drawn((2, 3, 4, 5))
    x[:, 1] = 7
    y, cache, (_, var) = F.batch_norm_train_forward(x, gamma, beta)
    assert var[1] == 0
    # 7 * scale - 7 * scale with scale = 1 / sqrt(1e-5) = 316 cancels to 2000 * 1e-16
    np.testing.assert_allclose(y[:, 1], beta[1], atol=1e-11)
    assert all(np.isfinite(gradient).all() for gradient in F.batch_norm_train_backward(dy, cache))


def test_batch_norm_eval_is_a_fixed_line_for_each_channel():
    x, gamma, beta, dy = drawn((2, 3, 4, 5))
    mean, var = np.array([1.0, 2, 3]), np.array([3.0, 8, 15])
    y, cache = F.batch_norm_eval_forward(x, gamma, beta, mean, var, eps=1)
    expected = (channels_last(x) - mean) / [2, 3, 4] * gamma + beta
    np.testing.assert_allclose(channels_last(y), expected, rtol=1e-12, atol=1e-13)  # float64 rounding
    dx, dgamma, dbeta = F.batch_norm_eval_backward(dy, cache)
    np.testing.assert_allclose(channels_last(dx), channels_last(dy) * gamma / [2, 3, 4], rtol=1e-12)
    np.testing.assert_allclose(dbeta, channels_last(dy).sum(axis=0), rtol=1e-12, atol=1e-13)
    x_hat = (channels_last(x) - mean) / [2, 3, 4]
    np.testing.assert_allclose(dgamma, (channels_last(dy) * x_hat).sum(axis=0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
def test_local_response_norm_agrees_with_nested_loops(size):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 6, 2, 3)), rng.standard_normal((2, 6, 2, 3))
    arguments = {"size": size, "alpha": 0.8, "beta": 0.6, "k": 1.5}
    expected = local_response_norm_loops(x, lambda shape: dy, **arguments)
    for cut in ((1, 1 << 18), (2, 8)):
        with pieces(*cut):
            y, cache = F.local_response_norm_forward(x, **arguments)
            found = y, F.local_response_norm_backward(dy, cache)
        for one, other in zip(found, expected, strict=True):
            assert relative_error(one, other) < 1e-12  # float64 rounding


def test_local_response_norm_defaults_are_those_of_alexnet():
    # Krizhevsky et al. 2012: k = 2, n = 5, alpha = 1e-4, beta = 0.75, but alpha is divided by n here
    x = np.full((1, 5, 1, 1), 100.0)
    y, _ = F.local_response_norm_forward(x)
    assert y[0, 2, 0, 0] == pytest.approx(100 / (2 + 1e-4 / 5 * 5 * 100**2) ** 0.75, rel=1e-14)
    assert y[0, 0, 0, 0] == pytest.approx(100 / (2 + 1e-4 / 5 * 3 * 100**2) ** 0.75, rel=1e-14)


# -- what is refused -------------------------------------------------------------------------------------

X, C = np.ones((2, 3, 4, 5)), np.ones(3)
REFUSED = {
    "one value a channel": (
        lambda: F.batch_norm_train_forward(X[:1, :, :1, :1], C, C),
        "x: ",
        "at least two values",
        "(1, 3, 1, 1)",
        "eval",
    ),
    "one row": (
        lambda: F.batch_norm_train_forward(np.ones((1, 3)), C, C),
        "x: ",
        "at least two values",
        "(1, 3)",
    ),
    "3 axes": (
        lambda: F.batch_norm_train_forward(X[0], C, C),
        "x: expected the axes (N, C) or (N, C, H, W)",
        "(3, 4, 5)",
    ),
    "gamma of another length": (
        lambda: F.batch_norm_train_forward(X, np.ones(4), C),
        "gamma: expected the shape (3,)",
        "(4,)",
    ),
    "beta of another length": (
        lambda: F.batch_norm_train_forward(X, C, np.ones(1)),
        "beta: expected the shape (3,)",
        "(1,)",
    ),
    "gamma with 2 axes": (
        lambda: F.batch_norm_eval_forward(X, np.ones((3, 1)), C, C, C),
        "gamma: expected the shape (3,)",
        "(3, 1)",
    ),
    "running_mean": (
        lambda: F.batch_norm_eval_forward(X, C, C, np.ones(2), C),
        "running_mean: expected the shape (3,)",
        "(2,)",
    ),
    "running_var": (
        lambda: F.batch_norm_eval_forward(X, C, C, C, np.ones(2)),
        "running_var: expected the shape (3,)",
        "(2,)",
    ),
    "negative eps": (
        lambda: F.batch_norm_train_forward(X, C, C, eps=-1e-5),
        "eps: expected a number >= 0",
        "-1e-05",
    ),
    "eps NaN": (
        lambda: F.batch_norm_eval_forward(X, C, C, C, C, eps=float("nan")),
        "eps: expected a number >= 0",
        "nan",
    ),
    "LRN of 2 axes": (
        lambda: F.local_response_norm_forward(np.ones((2, 3))),
        "x: expected the axes (N, C, H, W)",
        "(2, 3)",
    ),
    "LRN of size 0": (lambda: F.local_response_norm_forward(X, size=0), "size: expected", "0"),
    "LRN of size 2.5": (
        lambda: F.local_response_norm_forward(X, size=2.5),
        "size: expected an integer",
        "2.5",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line_that_says_what_came(name):
    call, *words = REFUSED[name]
    assert_refused(call, *words)


@pytest.mark.parametrize("scale", [1, 2.0**-24])
def test_dgamma_keeps_its_digits_where_the_mean_is_far_from_zero(scale):
    rng = np.random.default_rng(3)
    centres = np.array([10000, 0, -3000])[:, None, None]
    x = (rng.standard_normal((64, 3, 8, 8)) + centres).astype(np.float32) * np.float32(scale)
    dy = rng.standard_normal(x.shape, dtype=np.float32) + 1  # its sum times the mean is what can cancel
    ones, wide = np.ones(3, np.float32), x.astype(np.float64)
    _, (rows, _, *rest), _ = F.batch_norm_train_forward(x, ones, ones, eps=0)
    mean = wide.mean((0, 2, 3)).astype(np.float32)  # as exact as can be: only the sums are measured
    _, dgamma, _ = F.batch_norm_train_backward(dy, (rows, mean, *rest))
    x_hat = (wide - mean.reshape(1, 3, 1, 1)) / wide.std((0, 2, 3), keepdims=True)
    assert np.abs(dgamma - (dy * x_hat).sum((0, 2, 3))).max() < 0.02


# -- group normalisation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_group_norm_gives_each_group_of_each_image_mean_0_and_variance_1(groups):
    x = drawn((2, 6, 4, 5))[0]
    y, _ = F.group_norm_forward(x, np.ones(6), np.zeros(6), groups=groups, eps=0)
    values = y.reshape(2, groups, -1)
    # 1e-12: sums of at most 120 float64 numbers of order 1
    np.testing.assert_allclose(values.mean(axis=2), 0, atol=1e-12)
    np.testing.assert_allclose(values.var(axis=2), 1, rtol=1e-12)
    x = x.reshape(2, groups, -1)  # neighbouring channels, and every value in its place
    line = (x - x.mean(axis=2, keepdims=True)) / x.std(axis=2, keepdims=True)
    np.testing.assert_allclose(values, line, rtol=1e-12, atol=1e-12)


def test_group_norm_of_one_image_in_groups_of_one_channel_is_batch_norm_of_that_image():
    x, gamma, beta, dy = drawn((1, 3, 4, 5))
    y, cache = F.group_norm_forward(x, gamma, beta, groups=3)
    expected, other, _ = F.batch_norm_train_forward(x, gamma, beta)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    for found, wanted in zip(
        F.group_norm_backward(dy, cache), F.batch_norm_train_backward(dy, other), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


def test_no_image_sees_another_through_group_norm():
    x, gamma, beta, dy = drawn((3, 4, 2, 5))
    y, cache = F.group_norm_forward(x, gamma, beta, groups=2)
    dx = F.group_norm_backward(dy, cache)[0]
    alone, cache = F.group_norm_forward(x[1:2], gamma, beta, groups=2)
    np.testing.assert_allclose(y[1:2], alone, rtol=1e-13)
    np.testing.assert_allclose(dx[1:2], F.group_norm_backward(dy[1:2], cache)[0], rtol=1e-11, atol=1e-13)


def test_groups_that_do_not_fit_are_refused():
    x, gamma, beta, _ = drawn((2, 6))
    for groups, words in (
        (4, "groups: expected a divisor of the 6 channels of x, got 4"),
        (0, "groups: expected an integer >= 1"),
        (6, "at least two values a group, got (2, 6) in 6 groups"),
    ):
        assert_refused(lambda groups=groups: F.group_norm_forward(x, gamma, beta, groups=groups), words)
