"""Maxout, DropConnect and resampling: definitions by hand, gradients, PyTorch's numbers, what is refused."""

import numpy as np
import pytest
from optional_torch import import_torch
from oracles import ORDERS, assert_refused, in_order

import minires.functional as F
from minires import init, optim
from minires.gradcheck import check_function
from minires.layers import (
    AdaptiveAvgPool2d,
    Conv2d,
    DropConnect,
    Linear,
    Maxout,
    Sequential,
    Upsample,
    freeze,
)


def rng(seed=0):
    return np.random.default_rng(seed)


# -- maxout ------------------------------------------------------------------------------------------


def test_maxout_by_hand():
    x = np.array([[1.0, 4.0, 3.0, -2.0, -2.0, -5.0]])
    y, cache = F.maxout_forward(x, pieces=3)
    np.testing.assert_array_equal(y, [[4, -2]])
    # of the two -2 the first wins
    np.testing.assert_array_equal(F.maxout_backward(np.array([[10.0, 20.0]]), cache), [[0, 10, 0, 20, 0, 0]])


@pytest.mark.parametrize("order", ORDERS)
def test_maxout_is_the_largest_of_neighbouring_channels(order):
    x = in_order(rng().standard_normal((2, 6, 4, 3)), order)
    for pieces in (1, 2, 3, 6):
        y, cache = F.maxout_forward(x, pieces=pieces)
        grouped = x.reshape(2, 6 // pieces, pieces, 4, 3)
        np.testing.assert_array_equal(y, grouped.max(axis=2))
        dy = rng(1).standard_normal(y.shape)
        expected = (grouped == y[:, :, None]) * dy[:, :, None]
        np.testing.assert_array_equal(F.maxout_backward(dy, cache), expected.reshape(x.shape))


@pytest.mark.parametrize("shape", [(3, 8), (2, 8, 3, 5), (1, 4, 2, 3)])
def test_gradients_of_maxout(shape):
    x = rng().standard_normal(shape)
    forward = lambda x: F.maxout_forward(x, pieces=4)  # noqa: E731
    check_function(forward, F.maxout_backward, [x], rng=rng(1)).raise_if_wrong()


def test_a_maxout_of_a_piece_and_zero_is_a_relu():
    x = rng().standard_normal((3, 4))
    padded = np.stack([x, np.zeros_like(x)], axis=2).reshape(3, 8)
    np.testing.assert_array_equal(F.maxout_forward(padded, pieces=2)[0], np.maximum(x, 0))


def test_maxout_behind_linear_is_the_papers_unit():
    """h_i(x) = max_j (W_ij x + b_ij): the pieces of a unit are neighbouring rows of the weight."""
    net = Sequential(Linear(3, 4 * 5, rng=rng()), Maxout(5)).astype(np.float64)
    net[0].bias.data[:] = rng(1).standard_normal(20)
    x, weight, bias = rng(2).standard_normal((6, 3)), net[0].weight.data, net[0].bias.data
    expected = (np.einsum("kpi,ni->nkp", weight.reshape(4, 5, 3), x) + bias.reshape(4, 5)).max(axis=2)
    np.testing.assert_allclose(net.predict(x), expected, rtol=1e-12)  # sums in another order
    convex = (
        net.predict(0.5 * x[:3] + 0.5 * x[3:]) <= 0.5 * net.predict(x[:3]) + 0.5 * net.predict(x[3:]) + 1e-12
    )
    assert convex.all()


def test_a_network_of_maxout_units_overfits_a_batch():
    net = Sequential(
        Conv2d(2, 12, 3, padding=1, rng=rng(1)), Maxout(3), Conv2d(4, 6, 6, rng=rng(2)), Maxout(2)
    )
    x, labels = rng(3).standard_normal((8, 2, 6, 6)).astype(np.float32), np.arange(8) % 3
    optimiser, losses = optim.SGD(net.named_parameters(), lr=0.05, momentum=0.9), []
    for _ in range(20):
        y, cache = net.forward(x, train=True)
        loss, loss_cache = F.softmax_cross_entropy_forward(y.reshape(8, 3), labels)
        optimiser.zero_grad()
        net.backward(F.softmax_cross_entropy_backward(np.ones_like(loss), loss_cache).reshape(y.shape), cache)
        optimiser.step()
        losses.append(float(loss))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_what_maxout_refuses():
    x = np.ones((2, 6))
    assert_refused(lambda: F.maxout_forward(x, pieces=4), "x: expected (N, C*4, ...)", "(2, 6)")
    assert_refused(lambda: F.maxout_forward(np.ones(6), pieces=3), "x: expected (N, C*3, ...)")
    assert_refused(lambda: F.maxout_forward(np.ones((1, 514)), pieces=257), "at most 256")
    for pieces in (0, 1.5, True):
        assert_refused(lambda pieces=pieces: Maxout(pieces), "pieces: expected an integer >= 1")
    assert_refused(lambda: Maxout(4).cost((2, 6)), "for 4 pieces")
    assert Maxout(3).cost((2, 6, 4, 4)) == ((2, 2, 4, 4), 0, 2 * 2 * 16)


# -- DropConnect -------------------------------------------------------------------------------------


def test_dropconnect_by_hand():
    x, weight, bias = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[10.0, 100.0]]), np.array([1.0])
    mask = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    y, cache = F.dropconnect_forward(x, weight, bias, mask)
    np.testing.assert_array_equal(y, [[11], [401]])
    dx, dweight, dbias = F.dropconnect_backward(np.array([[2.0], [3.0]]), cache)
    np.testing.assert_array_equal(dx, [[20, 0], [0, 300]])
    np.testing.assert_array_equal(dweight, [[2 * 1, 3 * 4]])
    np.testing.assert_array_equal(dbias, [5])


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_dropconnect(bias):
    draw = rng()
    arrays = [draw.standard_normal(shape) for shape in ((4, 5), (3, 5), (3,))]
    mask = (draw.random((4, 3, 5)) < 0.6).astype(np.float64)
    check_function(
        F.dropconnect_forward,
        lambda dy, cache: F.dropconnect_backward(dy, cache)[
            : 3 if bias else 2
        ],  # without a bias dbias is None
        [*arrays[:2], arrays[2] if bias else None, mask],
        rng=rng(1),
        fixed=("mask",),
    ).raise_if_wrong()


def test_every_example_has_a_mask_of_its_own():
    layer = DropConnect(40, 30, keep=0.5, bias=False, rng=rng())
    x = np.ones((2, 40), np.float32)
    y, _ = layer.forward(x, train=True)
    assert (y[0] != y[1]).mean() > 0.9
    assert (layer.forward(x, train=True)[0] != y).mean() > 0.9  # and every forward draws anew


def test_eval_takes_the_mean_of_the_masked_weight():
    layer = DropConnect(20, 3, keep=0.7, rng=rng()).astype(np.float64)
    layer.bias.data[:] = [1, 2, 3]
    x = rng(1).standard_normal((1, 20))
    expected = x @ (0.7 * layer.weight.data).T + layer.bias.data
    np.testing.assert_allclose(layer.predict(x), expected, rtol=1e-12)  # sums in another order
    many, _ = layer.forward(np.repeat(x, 20_000, axis=0), train=True)
    # the paper's equation for the variance of a unit, p (1 - p) (W * W)(v * v), and five of its deviations
    deviation = (0.7 * 0.3 * (layer.weight.data**2 @ x[0] ** 2)) ** 0.5
    assert (abs(many.mean(axis=0) - expected[0]) < 5 * deviation / 20_000**0.5).all()
    np.testing.assert_allclose(many.std(axis=0), deviation, rtol=0.03)  # 20,000 draws: 0.5 %


def test_keeping_all_weights_is_a_fully_connected_layer_and_frozen_is_eval():
    plain, x = Linear(6, 4, rng=rng()), rng(1).standard_normal((3, 6)).astype(np.float32)
    whole = DropConnect(6, 4, keep=1, rng=rng())
    np.testing.assert_allclose(whole.forward(x, train=True)[0], plain.predict(x), rtol=1e-5, atol=1e-6)
    frozen = freeze(DropConnect(6, 4, keep=0.5, rng=rng()))
    np.testing.assert_array_equal(frozen.forward(x, train=True)[0], frozen.predict(x))


def test_what_dropconnect_refuses():
    for keep in (0, 1.5, -1):
        assert_refused(
            lambda keep=keep: DropConnect(2, 3, keep=keep, rng=rng()), "keep: expected a probability"
        )
    x, weight = np.ones((2, 4)), np.ones((3, 4))
    one_for_all = np.ones((3, 4))
    assert_refused(lambda: F.dropconnect_forward(x, weight, None, one_for_all), "mask: expected", "(2, 3, 4)")
    assert_refused(
        lambda: F.dropconnect_forward(x, one_for_all[:, :2], None, x), "weight: expected", "(3, 4)"
    )
    assert_refused(lambda: DropConnect(4, 3, rng=rng()).predict(np.ones((2, 5), np.float32)), "5")
    assert DropConnect(4, 3, rng=init.SHAPES_ONLY).cost((2, 4)) == ((2, 3), 24, 4 * (8 + 24))


# -- resampling --------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
def test_resampling_is_a_product_from_both_sides(order):
    x = in_order(rng().standard_normal((2, 3, 4, 5)), order)
    down, across = rng(1).standard_normal((6, 4)), rng(2).standard_normal((2, 5))
    y, cache = F.resample_forward(x, down, across)
    expected = np.einsum("ph,nchw,qw->ncpq", down, x, across)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)  # sums in another order
    dy = rng(3).standard_normal(y.shape)
    dx = F.resample_backward(dy, cache)
    np.testing.assert_allclose((dx * x).sum(), (dy * y).sum(), rtol=1e-12)  # the adjoint
    check_function(
        F.resample_forward,
        F.resample_backward,
        [np.array(x), down, across],
        rng=rng(4),
        fixed=("down", "across"),
    ).raise_if_wrong()


@pytest.mark.parametrize("size, matrix", [(2, [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]), (1, [[1], [1]])])
def test_bilinear_weights_by_hand(size, matrix):
    np.testing.assert_array_equal(Upsample(2)._matrix(size), matrix)


@pytest.mark.parametrize(
    "layer, interpolate",
    [
        (Upsample(1), lambda f, x: f.interpolate(x, scale_factor=1, mode="bilinear", align_corners=False)),
        (Upsample(2), lambda f, x: f.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)),
        (Upsample(5), lambda f, x: f.interpolate(x, scale_factor=5, mode="bilinear", align_corners=False)),
        (AdaptiveAvgPool2d(4), lambda f, x: f.adaptive_avg_pool2d(x, 4)),
        (AdaptiveAvgPool2d(1), lambda f, x: f.adaptive_avg_pool2d(x, 1)),
    ],
)
@pytest.mark.parametrize("size", [(14, 9), (1, 4), (3, 2)])
def test_upsampling_and_adaptive_pooling_equal_pytorch(layer, interpolate, size):
    torch = import_torch()
    x = rng().standard_normal((2, 3, *size))
    their_x = torch.from_numpy(x).requires_grad_()
    their_y = interpolate(torch.nn.functional, their_x)
    y, cache = layer.forward(x, train=True)
    dy = rng(1).standard_normal(y.shape)
    their_y.backward(torch.from_numpy(dy))
    # weights that are multiples of 1/10 and sums of a few pixels, rounded in float64
    np.testing.assert_allclose(y, their_y.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(layer.backward(dy, cache), their_x.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_what_resampling_costs_and_refuses():
    assert Upsample(2).cost((1, 3, 4, 4)) == ((1, 3, 8, 8), 3 * (2 * 2 + 6 * 2) ** 2 - 3 * 60, 4 * 2 * 32)
    shape, macs, _ = AdaptiveAvgPool2d(4).cost((1, 2, 14, 14))
    assert (shape, macs) == ((1, 2, 4, 4), 2 * (4 * 4) ** 2)  # four windows of four pixels, both ways
    x = np.ones((1, 2, 3, 4))
    assert_refused(lambda: F.resample_forward(x, np.ones((2, 4)), np.ones((2, 4))), "down: expected", "3x4")
    assert_refused(lambda: F.resample_forward(x, np.ones((2, 3)), np.ones(4)), "across: expected the axes")
    assert_refused(lambda: Upsample(0), "factor: expected an integer >= 1")
    assert_refused(lambda: AdaptiveAvgPool2d(2).predict(np.ones((2, 3))), "expected the axes (N, C, H, W)")


def test_the_argmax_may_be_any_of_255_pieces():
    x = np.zeros((1, 255, 1, 1), np.float32)
    x[0, 200] = 1
    y, cache = F.maxout_forward(x, pieces=255)
    dx = F.maxout_backward(np.ones_like(y), cache)
    assert y.item() == 1 and np.flatnonzero(dx).tolist() == [200]
