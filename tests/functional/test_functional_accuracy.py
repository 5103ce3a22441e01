"""Right to the last digits of float32, by the textbook and by the kernels: sums over a million numbers,
values near 0, a channel far from 0, masks under infinite gradients."""

import numpy as np
import pytest
from oracles import in_order

import minires.functional as F
from minires import kernels, sums

MILLION = 1_000_000


@pytest.fixture(params=["textbook", "fast"], autouse=True)
def both_implementations(request):
    with kernels.use(request.param):
        yield request.param


def relative(found, expected):
    assert found.dtype == np.float32
    return float(abs(np.asarray(found, np.float64) / np.float64(np.float32(expected)) - 1).max())


# -- sums ----------------------------------------------------------------------------------------------------

# 1e-6: a few units in the last place (6e-8); a plain loop in float32 is off by 1e-2 at a million terms
CLOSE = 1e-6
IMAGE_ORDERS = ("C", "F", "images innermost", "reversed axes")


def test_a_sum_of_a_million_rows():
    rows = np.full((MILLION, 2), 0.1, np.float32)
    assert abs(rows.sum(axis=0)[0] - 100_000) > 900  # what this is about
    assert relative(sums.total(rows, 0), 0.1 * MILLION) < CLOSE
    assert relative(sums.mean(rows, 0), 0.1) < CLOSE
    assert sums.total(rows, 0, keepdims=True).shape == (1, 2)
    assert sums.total(rows).dtype == np.float32


def test_the_bias_of_a_linear_layer_sums_a_million_rows():
    x, weight, bias = (np.zeros(shape, np.float32) for shape in ((MILLION, 1), (2, 1), (2,)))
    _, cache = F.linear_forward(x, weight, bias)
    _, _, dbias = F.linear_backward(np.full((MILLION, 2), 0.1, np.float32), cache)
    assert relative(dbias, 0.1 * MILLION) < CLOSE


@pytest.mark.parametrize("order", IMAGE_ORDERS)
@pytest.mark.parametrize("shape", [(1, 2, 1000, 1000), (1000, 2, 40, 25)])
def test_the_bias_of_a_convolution_sums_a_million_pixels(shape, order):
    x, weight, bias = (np.zeros(s, np.float32) for s in ((shape[0], 1, *shape[2:]), (2, 1, 1, 1), (2,)))
    _, cache = F.conv2d_forward(x, weight, bias)
    dy = in_order(np.full(shape, 0.1, np.float32), order)
    assert relative(F.conv2d_backward(dy, cache, need_dx=False)[2], 0.1 * MILLION) < CLOSE


@pytest.mark.parametrize("order", IMAGE_ORDERS)
def test_pooling_of_the_whole_image_means_a_million_pixels(order):
    x = in_order(np.full((1, 2, 1024, 1024), 0.1, np.float32), order)
    assert relative(F.global_avg_pool2d_forward(x)[0], 0.1) < CLOSE


def test_average_pooling_of_large_windows():
    x = np.full((2, 1, 90, 100), 0.1, np.float32)
    assert relative(F.avg_pool2d_forward(x, kernel_size=(90, 100))[0], 0.1) < CLOSE


def test_dropconnect_sums_its_gradients_over_the_batch():
    n = 100_000
    x, dy = np.full((n, 1), 0.1, np.float32), np.ones((n, 1), np.float32)
    weight, bias, mask = np.ones((1, 1), np.float32), np.ones(1, np.float32), np.ones((n, 1, 1), np.float32)
    _, dweight, dbias = F.dropconnect_backward(dy, F.dropconnect_forward(x, weight, bias, mask)[1])
    assert relative(dweight, np.float64(np.float32(0.1)) * n) < CLOSE
    assert relative(dbias, n) < CLOSE


def test_the_squared_error_of_a_million_numbers():
    y = np.full((MILLION, 1), 0.1, np.float32)
    loss, _ = F.squared_error_forward(y, np.zeros_like(y))
    assert relative(loss, 0.005) < CLOSE


BATCHES = [(MILLION, 2), (1, 2, 1000, 1000), (1000, 2, 40, 25)]
BATCH_ORDERS = pytest.mark.parametrize("order", ["C", "F", "images innermost"])


@BATCH_ORDERS
@pytest.mark.parametrize("shape", BATCHES, ids=str)
def test_batch_norm_sums_over_a_million_numbers_a_channel(shape, order):
    # half of the numbers 0.3, half of them -0.1: mean 0.1, deviation 0.2
    x = np.full(shape, 0.3, np.float32)
    x.reshape(-1)[: x.size // 4] = x.reshape(-1)[-(x.size // 4) :] = -0.1
    if len(shape) == 4 and shape[0] == 1:
        x = np.full(shape, 0.3, np.float32)
        x[:, :, ::2] = -0.1
    x, gamma, dy = (
        in_order(x, order),
        np.ones(2, np.float32),
        in_order(np.full(shape, 0.1, np.float32), order),
    )
    y, cache, (mean, var) = F.batch_norm_train_forward(x, gamma, 0 * gamma, eps=0.0)
    # the variance is 0.04, a difference of 0.05 and 0.01, whose last digits it has lost: twice the tolerance
    assert relative(mean, 0.1) < CLOSE and relative(var, 0.04) < 2 * CLOSE
    assert relative(abs(y), 1.0) < 2 * CLOSE
    dx, dgamma, dbeta = F.batch_norm_train_backward(dy, cache)
    assert relative(dbeta, 0.1 * MILLION) < CLOSE
    # the truth is 0 for both: less than 1e-6 of the sum of what is added up
    assert abs(dgamma).max() < CLOSE * 0.1 * MILLION and abs(dx).max() < 5 * CLOSE
    _, dgamma, _ = F.batch_norm_train_backward(y, cache)
    assert relative(dgamma, MILLION) < 4 * CLOSE  # a product of two numbers that are 2e-6 off


@BATCH_ORDERS
@pytest.mark.parametrize("shape", BATCHES, ids=str)
def test_fixed_batch_norm_sums_over_a_million_numbers_a_channel(shape, order):
    x, dy = (in_order(np.full(shape, value, np.float32), order) for value in (0.3, 0.1))
    one = np.ones(2, np.float32)
    _, cache = F.batch_norm_eval_forward(x, one, 0 * one, 0 * one, one, eps=0.0)
    _, dgamma, dbeta = F.batch_norm_eval_backward(dy, cache)
    assert relative(dgamma, 0.03 * MILLION) < CLOSE and relative(dbeta, 0.1 * MILLION) < CLOSE


def test_group_norm_sums_over_a_million_numbers_a_group():
    x = np.full((1, 2, 1000, 500), 0.3, np.float32)
    x[:, :, ::2] = -0.1
    one = np.ones(2, np.float32)
    for order in IMAGE_ORDERS:
        y, cache = F.group_norm_forward(in_order(x, order), one, 0 * one, groups=1, eps=0.0)
        assert relative(abs(y), 1.0) < 2 * CLOSE
        _, _, dbeta = F.group_norm_backward(in_order(np.full(x.shape, 0.1, np.float32), order), cache)
        assert relative(dbeta, 0.05 * MILLION) < CLOSE


def test_softmax_sums_over_many_classes_in_any_order_of_memory():
    x = np.asfortranarray(np.zeros((2, 300_000), np.float32))
    y, cache = F.softmax_forward(x)
    assert relative(y, 1 / 300_000) < CLOSE
    # dy = 1 everywhere moves nothing: what is left is rounding
    assert abs(F.softmax_backward(np.ones_like(x), cache)).max() < CLOSE / 300_000


# -- a channel far from 0 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1000.1, -3e5, 1e30, 0.1, 0.0])
@pytest.mark.parametrize("shape", [(6, 2), (3, 2, 5, 7), (40, 2, 30, 35)], ids=str)
def test_a_constant_channel_comes_out_as_beta(value, shape):
    x, gamma, beta = np.full(shape, value, np.float32), np.full(2, 1.5, np.float32), np.zeros(2, np.float32)
    y, cache, (mean, var) = F.batch_norm_train_forward(x, gamma, beta)
    np.testing.assert_array_equal(mean, x[:2, 0].ravel()[:2])
    # exact but where a small mean is multiplied out: 6e-8 of 1.5 * 0.1 / sqrt(1e-5) = 47
    assert abs(y).max() < 1e-5 and var.max() <= 1e-8
    dy = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    dx, dgamma, dbeta = F.batch_norm_train_backward(dy, cache)
    expected = (dy - dy.mean(axis=(0, 2, 3)[: max(1, dy.ndim - 1)], keepdims=True)) * (1.5 / 1e-5**0.5)
    np.testing.assert_allclose(dx, expected, rtol=1e-3, atol=1e-3)  # of numbers near 500, in float32
    y, _ = F.batch_norm_eval_forward(x, gamma, beta, mean, var)
    assert abs(y).max() < 1e-5
    y, _ = F.group_norm_forward(x, gamma, beta, groups=1)
    assert abs(y).max() < 1e-5


@pytest.mark.parametrize("offset", [1e2, 1e4])
@pytest.mark.parametrize("shape", [(400, 2), (30, 2, 5, 7)], ids=str)
def test_a_channel_far_from_zero_is_normalised_like_its_deviations(offset, shape):
    rng = np.random.default_rng(0)
    x = (offset + rng.standard_normal(shape)).astype(np.float32)
    dy = rng.standard_normal(shape).astype(np.float32)
    gamma, beta = np.array([0.5, 2], np.float32), np.array([1, -1], np.float32)
    y, cache, (mean, var) = F.batch_norm_train_forward(x, gamma, beta)
    results = [y, mean, var, *F.batch_norm_train_backward(dy, cache)]
    with kernels.use("textbook"):
        x, dy, gamma, beta = (array.astype(np.float64) for array in (x, dy, gamma, beta))
        y, cache, (mean, var) = F.batch_norm_train_forward(x, gamma, beta)
        expected = [y, mean, var, *F.batch_norm_train_backward(dy, cache)]
    # x itself is exact; the mean is rounded to 6e-8 of the offset, and by that much every deviation is off
    for found, right in zip(results, expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=3e-7 * offset + 1e-5)


def test_a_large_batch_far_from_zero_loses_no_digits():
    rng, offset = np.random.default_rng(0), 2.0**17
    half = rng.integers(-64, 65, (20, 2, 20, 21)) / 32  # float32 holds offset + half, and the mean, exactly
    apart = np.concatenate([half, -half])
    exact, dy = offset + apart, apart + rng.standard_normal(apart.shape, dtype=np.float32)
    ones, zeros = np.ones(2), np.zeros(2)

    def results(dtype):
        arrays = [array.astype(dtype) for array in (exact, ones, zeros)]
        y, cache, statistics = F.batch_norm_train_forward(*arrays)
        running, _ = F.batch_norm_eval_forward(*arrays, *statistics)
        return [y, running, *F.batch_norm_train_backward(dy.astype(dtype), cache)]

    for found, right in zip(results(np.float32), results(np.float64), strict=True):
        # a few roundings of 6e-8; gamma * x / std beside gamma * mean / std would each be off by 0.004
        assert abs(found - right).max() < 2e-5 * abs(right).max()


@pytest.mark.parametrize("shape", [(6, 2), (30, 2, 20, 21)], ids=str)
def test_numbers_whose_squares_are_infinite_come_out_as_beta_not_as_nan(shape):
    x = (1e30 * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)
    gamma, beta = np.ones(2, np.float32), np.full(2, 0.25, np.float32)
    with np.errstate(over="ignore"):
        y, cache, (mean, var) = F.batch_norm_train_forward(x, gamma, beta)
        np.testing.assert_array_equal(y, np.full_like(x, 0.25))  # as PyTorch does
        assert np.isfinite(mean).all() and np.isinf(var).all()
        assert all(np.isfinite(array).all() for array in F.batch_norm_train_backward(np.ones_like(x), cache))
        y, cache = F.group_norm_forward(x, gamma, beta, groups=1)
        np.testing.assert_array_equal(y, np.full_like(x, 0.25))


# -- small values --------------------------------------------------------------------------------------------


def test_sigmoid_keeps_the_digits_of_what_is_small():
    x = np.array([-15, -18, -20, -50, -80], np.float32)
    y, _ = F.sigmoid_forward(x)
    assert y.dtype == np.float32
    # 1e-6: exp in float32
    np.testing.assert_allclose(y, [3.059e-7, 1.523e-8, 2.0611537e-9, 1.9287499e-22, 1.8048514e-35], rtol=1e-3)
    np.testing.assert_allclose(y, 1 / (1 + np.exp(-x.astype(np.float64))), rtol=1e-6)
    y, _ = F.sigmoid_forward(np.array([-38.0, -700.0]))
    np.testing.assert_allclose(y, [3.1391327920480296e-17, 9.859676543759770e-305], rtol=1e-14)


# -- masks ---------------------------------------------------------------------------------------------------

INFINITE = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


@INFINITE
def test_relu_passes_no_infinite_gradient_where_it_was_shut(dtype):
    _, cache = F.relu_forward(np.array([-1, 2, 3], dtype))
    dx = F.relu_backward(np.array([np.inf, 1, -np.inf], dtype), cache)
    np.testing.assert_array_equal(dx, np.array([0, 1, -np.inf], dtype))
    np.testing.assert_array_equal(F.relu_backward(np.array([np.nan] * 3, dtype), cache), [0, np.nan, np.nan])


@INFINITE
def test_leaky_relu_multiplies_no_infinite_gradient_by_zero(dtype):
    x, dy = np.array([-1, 2], dtype), np.array([np.inf, -np.inf], dtype)
    _, cache = F.leaky_relu_forward(x, slope=0.1)
    np.testing.assert_array_equal(F.leaky_relu_backward(dy, cache), dy)


@INFINITE
def test_pooling_and_maxout_give_an_infinite_gradient_to_the_largest_alone(dtype):
    x = np.array([[[[1, 7], [3, 5]]]], dtype)
    _, cache = F.max_pool2d_forward(x, kernel_size=2)
    dx = F.max_pool2d_backward(np.array([[[[np.inf]]]], dtype), cache)
    np.testing.assert_array_equal(dx, np.array([[[[0, np.inf], [0, 0]]]], dtype))
    _, cache = F.maxout_forward(np.array([[1, 7]], dtype), pieces=2)
    dx = F.maxout_backward(np.array([[-np.inf]], dtype), cache)
    np.testing.assert_array_equal(dx, np.array([[0, -np.inf]], dtype))


@INFINITE
def test_what_dropout_drops_is_zero_also_if_it_was_infinite(dtype):
    x, mask = np.array([np.inf, 2, -np.inf, np.nan], dtype), np.array([0, 2, 2, 0], dtype)
    y, cache = F.dropout_forward(x, mask)
    np.testing.assert_array_equal(y, np.array([0, 4, -np.inf, 0], dtype))
    np.testing.assert_array_equal(F.dropout_backward(x, cache), np.array([0, 4, -np.inf, 0], dtype))


@INFINITE
def test_masks_of_large_images_in_any_order_of_memory(dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 4, 70, 90)).astype(dtype)
    dy = rng.standard_normal(x.shape).astype(dtype)
    mask = (rng.random(x.shape) < 0.5).astype(dtype) * 2
    for order in IMAGE_ORDERS:
        _, cache = F.relu_forward(in_order(x, order))
        np.testing.assert_array_equal(F.relu_backward(dy, cache), np.where(x > 0, dy, 0))
        y, cache = F.dropout_forward(in_order(x, order), mask)
        np.testing.assert_array_equal(y, np.where(mask > 0, 2 * x, 0))
        np.testing.assert_array_equal(F.dropout_backward(dy, cache), np.where(mask > 0, 2 * dy, 0))
