"""RoI pooling and RoIAlign: numbers by hand, nested loops, and where the two differ; a detector's losses.

Tolerance 1e-12 where the same float64 numbers are added in another order.
"""

import math

import numpy as np
import pytest
from oracles import assert_refused, relative_error

import minires.functional as F
from minires import kernels

RAMP = np.arange(64.0).reshape(1, 1, 8, 8)
both = pytest.mark.parametrize("pair", ["roi_pool", "roi_align"])
modes = pytest.mark.parametrize("mode", kernels.CHOICES)


def pool(x, boxes, image_index, pair="roi_pool", **options):
    """Return y and the function dy -> dx."""
    boxes, image_index = np.asarray(boxes, x.dtype), np.asarray(image_index)
    y, cache = getattr(F, f"{pair}_forward")(x, boxes, image_index, **options)
    return y, lambda dy: getattr(F, f"{pair}_backward")(dy, cache)


@modes
@pytest.mark.parametrize(
    "pair, box, scale, expected",
    [
        ("roi_pool", (0, 0, 4, 4), 1.0, [18, 20, 34, 36]),
        ("roi_pool", (10, 6, 26, 30), 0.25, [45, 47, 61, 63]),
        ("roi_align", (0, 0, 4, 4), 1.0, [4.5, 6.5, 20.5, 22.5]),
        ("roi_align", (10, 6, 26, 30), 0.25, [23, 25, 47, 49]),
    ],
)
def test_the_numbers_of_torchvision(mode, pair, box, scale, expected):
    with kernels.use(mode):
        y, _ = pool(RAMP, [box], [0], pair, size=2, scale=scale)
    np.testing.assert_allclose(y.ravel(), expected, rtol=1e-14)


def round_away(value):
    return math.copysign(math.floor(abs(value) + 0.5), value)


def pool_loops(x, boxes, image_index, dy, size, scale):
    """RoI max pooling and its gradient as the papers' program has it, cell by cell."""
    (_, channels, h, w), dx = x.shape, np.zeros_like(x)
    y = np.zeros((len(boxes), channels, size, size))
    for r, c, p, q in np.ndindex(y.shape):
        x1, y1, x2, y2 = (int(round_away(value * scale)) for value in boxes[r])
        rows, columns = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
        best, where = -np.inf, None
        for i in range(y1 + p * rows // size, y1 - (-(p + 1) * rows // size)):
            for j in range(x1 + q * columns // size, x1 - (-(q + 1) * columns // size)):
                if 0 <= i < h and 0 <= j < w and x[image_index[r], c, i, j] > best:
                    best, where = x[image_index[r], c, i, j], (image_index[r], c, i, j)
        if where is not None:
            y[r, c, p, q] = best
            dx[where] += dy[r, c, p, q]
    return y, dx


@modes
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_roi_pooling_agrees_with_nested_loops(mode, size):
    rng = np.random.default_rng(size)
    x = rng.integers(0, 6, (2, 3, 5, 9)).astype(float)  # ties too
    first = rng.uniform(-12, 30, (12, 2))
    boxes = np.concatenate([first, first + rng.uniform(0, 25, (12, 2))], axis=1)
    # corners at halves, on either side of 0; smaller than a cell; far off the diagonal; last before first
    boxes[:5] = [[10, 6, 26, 18], [-2, -6, 10, 6], [2, 2, 2.1, 2.1], [0, 20, 36, 22], [20, 12, 4, 2]]
    image_index, dy = rng.integers(0, 2, 12), rng.standard_normal((12, 3, size, size))
    expected, dx = pool_loops(x, boxes, image_index, dy, size, 0.25)
    with kernels.use(mode):
        y, backward = pool(x, boxes, image_index, size=size, scale=0.25)
        np.testing.assert_array_equal(y, expected)
        assert relative_error(backward(dy), dx) < 1e-12


@modes
def test_a_half_is_rounded_away_from_zero(mode):
    """np.round(2.5) is 2: the box would begin one cell too early."""
    with kernels.use(mode):
        y, _ = pool(-RAMP, [[2.5, 0, 3.4, 0]], [0], size=1, scale=1.0)
    assert y.item() == -3


@modes
@both
def test_rows_and_columns_and_images_are_not_exchanged(mode, pair):
    x = np.zeros((2, 1, 4, 12))
    x[1, 0, 1, 9] = 1
    with kernels.use(mode):
        inside, _ = pool(x, [[8.5, 0.5, 10.5, 2.5]], [1], pair, size=1, scale=1.0)
        other_image, _ = pool(x, [[8.5, 0.5, 10.5, 2.5]], [0], pair, size=1, scale=1.0)
        turned, _ = pool(x, [[0.5, 8.5, 2.5, 10.5]], [1], pair, size=1, scale=1.0)
    assert inside.item() > 0 and other_image.item() == turned.item() == 0


@modes
@both
def test_a_box_outside_the_map_gives_zeros_and_no_gradient(mode, pair):
    x = np.random.default_rng(0).standard_normal((1, 2, 4, 5)) + 10
    with kernels.use(mode):
        y, backward = pool(x, [[80, 0, 90, 9], [0, -60, 9, -40]], [0, 0], pair, size=2, scale=0.5)
        assert not y.any() and not backward(np.ones_like(y)).any()


@modes
@pytest.mark.parametrize("pair, inside", [("roi_pool", 3), ("roi_align", 1.5)])
def test_a_box_over_the_edge_has_an_empty_bin_beside_a_full_one(mode, pair, inside):
    x = np.full((1, 1, 4, 4), 3.0)
    with kernels.use(mode):
        y, backward = pool(x, [[0, 0, 15, 3]], [0], pair, size=2, scale=1.0)
        dx = backward(np.ones_like(y))
    # of a bin's two points across, 1.4 and 5.1 cells from the first, RoIAlign finds one on the map
    assert (y[..., 0] == inside).all() and (y[..., 1] == 0).all()
    assert dx.sum() == pytest.approx(2 * inside / 3, rel=1e-12)


@modes
def test_minus_infinity_in_a_bin_stays_and_has_no_gradient(mode):
    with kernels.use(mode):
        y, backward = pool(np.full((1, 1, 4, 4), -np.inf), [[0, 0, 3, 3]], [0], size=2, scale=1.0)
        assert (y == -np.inf).all() and not backward(np.ones_like(y)).any()


@modes
def test_overlapping_boxes_add_up_at_their_common_cell(mode):
    x = np.zeros((2, 1, 4, 4))
    x[:, 0, 1, 1] = 1
    with kernels.use(mode):
        y, backward = pool(x, [[0, 0, 3, 3], [1, 1, 3, 3], [0, 0, 2, 2]], [0, 0, 1], size=1, scale=1.0)
        dx = backward(np.array([1.0, 2.0, 4.0]).reshape(3, 1, 1, 1))
    assert dx[0, 0, 1, 1] == 3 and dx[1, 0, 1, 1] == 4 and dx.sum() == 7


@modes
def test_roi_align_is_exact_on_a_ramp_and_on_a_constant(mode):
    """The centres of the cells are at i + 1/2, so that a linear map's bin holds the value at its centre."""
    down, across = np.mgrid[0:6, 0:9] + 0.5
    x = np.stack([2 * across - down, np.full((6, 9), 7.0)])[None]
    box = np.array([6.4, 4.0, 29.2, 17.6])
    with kernels.use(mode):
        y, backward = pool(x, [box], [0], "roi_align", size=3, scale=0.25)
        dy = np.random.default_rng(0).standard_normal(y.shape)
        dx = backward(dy)
    centres = [(box[i] + (box[i + 2] - box[i]) * (np.arange(3) + 0.5) / 3) / 4 for i in (0, 1)]
    np.testing.assert_allclose(y[0, 0], 2 * centres[0] - centres[1][:, None], rtol=1e-12)
    np.testing.assert_allclose(y[0, 1], 7, rtol=1e-12)
    assert dx.sum() == pytest.approx(dy.sum(), rel=1e-12)  # all points are inside: no weight is lost


@modes
def test_a_point_of_roi_align_up_to_a_cell_outside_takes_the_cell_at_the_edge(mode):
    x = np.array([3.0, 1.0, 1.0, 5.0]).reshape(1, 1, 1, 4)
    points = np.array([-1.125, -1.0, -0.625, 0.0, 3.0, 3.625, 4.0, 4.125])  # from the first cell's centre
    boxes = np.stack([points, 0 * points, points + 1, 0 * points + 1], axis=1)  # a point's box has it inside
    with kernels.use(mode):
        y, _ = pool(x, boxes, np.zeros(8, int), "roi_align", size=1, scale=1.0, samples=1)
    np.testing.assert_array_equal(y.ravel(), [0, 3, 3, 3, 5, 5, 5, 0])


@modes
def test_a_box_of_one_cell_is_that_cell_for_roi_align_and_two_for_roi_pooling(mode):
    with kernels.use(mode):
        aligned, _ = pool(RAMP, [[3, 2, 4, 3]], [0], "roi_align", size=1, scale=1.0, samples=1)
        pooled, _ = pool(RAMP, [[3, 2, 4, 3]], [0], size=1, scale=1.0)
    assert aligned.item() == 2 * 8 + 3
    assert pooled.item() == 3 * 8 + 4


@modes
def test_roi_align_moves_smoothly_where_roi_pooling_jumps(mode):
    x = np.random.default_rng(3).standard_normal((1, 4, 16, 16))

    def largest_step(pair):
        shifts = np.arange(0, 8, 0.125)
        boxes = np.array([10, 12, 38, 40]) + shifts[:, None] * [1, 0, 1, 0]
        y, _ = pool(x, boxes, np.zeros(len(boxes), int), pair, size=4, scale=0.25)
        return abs(np.diff(y, axis=0)).max()

    with kernels.use(mode):
        assert largest_step("roi_pool") > 5 * largest_step("roi_align")


def test_roi_align_on_an_image_is_the_crop_and_warp_of_r_cnn():
    x = np.random.default_rng(0).standard_normal((1, 3, 12, 10))
    y, _ = pool(x, [[2, 3, 8, 9]], [0], "roi_align", size=6, scale=1.0, samples=1)
    np.testing.assert_allclose(y[0], x[0, :, 3:9, 2:8], rtol=1e-12)


X = np.ones((2, 3, 5, 6))
BOX = np.array([[0.0, 0.0, 4.0, 4.0]])
REFUSED = {
    "five columns": ((X, np.ones((1, 5)), np.array([0])), {}, "boxes: expected the shape (1, 4)", "(1, 5)"),
    "an image too many": ((X, BOX, np.array([2])), {}, "image_index: expected integers from 0 to 1", "2"),
    "a negative image": ((X, BOX, np.array([-1])), {}, "image_index: expected integers from 0 to 1", "-1"),
    "floats": ((X, BOX, np.array([0.0])), {}, "image_index: expected integers", "float64"),
    "two images": ((X, BOX, np.array([0, 1])), {}, "image_index: expected the shape (1,)", "(2,)"),
    "no boxes": ((X, BOX[:0], np.zeros(0, int)), {}, "boxes: expected at least one element"),
    "no size": ((X, BOX, np.array([0])), {"size": 0}, "size: expected an integer >= 1", "0"),
    "scale 0": ((X, BOX, np.array([0])), {"scale": 0}, "scale: expected a positive number", "0"),
    "scale NaN": ((X, BOX, np.array([0])), {"scale": math.nan}, "scale: expected a positive number", "nan"),
    "3 axes": ((X[0], BOX, np.array([0])), {}, "x: expected the axes (N, C, H, W)"),
}


@both
@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line_that_says_what_came(pair, name):
    arguments, options, *words = REFUSED[name]
    forward = getattr(F, f"{pair}_forward")
    assert_refused(lambda: forward(*arguments, **{"size": 2, "scale": 1.0, **options}), *words)


# -- the losses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [1, 3])
def test_smooth_l1_is_a_parabola_and_then_straight(sigma):
    end = 1 / sigma**2
    for difference, loss, slope in (
        (0.5 * end, 0.125 * end, 0.5),
        (end, 0.5 * end, 1),
        (-3 * end, 2.5 * end, -1),
        (0.0, 0, 0),
    ):
        found, cache = F.smooth_l1_forward(np.array([[difference]]), np.zeros((1, 1)), sigma=sigma)
        assert float(found) == pytest.approx(loss, rel=1e-12)
        assert F.smooth_l1_backward(1.0, cache).item() == pytest.approx(slope, rel=1e-12)


def test_rows_without_weight_count_neither_in_the_loss_nor_in_the_gradient():
    rng = np.random.default_rng(0)
    y, target, weights = rng.standard_normal((6, 4)), rng.standard_normal((6, 4)), np.zeros(6)
    weights[[1, 4]] = 1 / 3  # two positives of three that were sampled
    loss, cache = F.smooth_l1_forward(y, target, weights, sigma=3.0)
    alone, _ = F.smooth_l1_forward(y[[1, 4]], target[[1, 4]], sigma=3.0)
    assert float(loss) == pytest.approx(2 / 3 * float(alone), rel=1e-12)
    assert (F.smooth_l1_backward(1.0, cache)[[0, 2, 3, 5]] == 0).all()


def test_without_a_positive_the_loss_of_the_boxes_is_nought_and_nothing_is_nan():
    y = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    loss, cache = F.smooth_l1_forward(y, y + 1, np.zeros(5, np.float32))
    assert float(loss) == 0 and not F.smooth_l1_backward(1.0, cache).any()


def test_binary_cross_entropy_of_large_logits_neither_overflows_nor_warns():
    logits, target = np.array([1e4, -1e4, 1e4, -1e4]), np.array([1.0, 0.0, 0.0, 1.0])
    loss, cache = F.binary_cross_entropy_forward(logits, target)
    assert float(loss) == 5000
    np.testing.assert_array_equal(F.binary_cross_entropy_backward(1.0, cache), [0, 0, 0.25, -0.25])


def test_binary_cross_entropy_keeps_the_gradient_of_what_is_nearly_certain():
    """p - 1 would be 0 from logits of 17 on, in float32; right is -sigmoid(-z), here about -exp(-z)."""
    logits, target = np.array([30, -30], np.float32), np.array([1, 0], np.float32)
    _, cache = F.binary_cross_entropy_forward(logits, target)
    dlogits = F.binary_cross_entropy_backward(1.0, cache)
    np.testing.assert_allclose(dlogits, np.array([-0.5, 0.5]) * math.exp(-30), rtol=1e-6)


@modes
def test_roi_pooling_gives_an_infinite_gradient_to_the_largest_alone(mode):
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    with kernels.use(mode):
        y, backward = pool(x, [[0, 0, 3, 3]], [0], size=1, scale=1.0)
        dx = backward(np.full_like(y, np.inf))
    assert np.isinf(dx[0, 0, 3, 3]) and np.count_nonzero(dx) == 1


def test_binary_cross_entropy_is_softmax_cross_entropy_with_a_second_logit_of_0():
    rng = np.random.default_rng(0)
    logits, labels = 3 * rng.standard_normal(9), rng.integers(0, 2, 9)
    two, cache_of_two = F.softmax_cross_entropy_forward(np.stack([np.zeros(9), logits], axis=1), labels)
    one, cache = F.binary_cross_entropy_forward(logits, labels.astype(float))
    assert float(one) == pytest.approx(float(two), rel=1e-12)
    dlogits = F.softmax_cross_entropy_backward(1.0, cache_of_two)[:, 1]
    np.testing.assert_allclose(F.binary_cross_entropy_backward(1.0, cache), dlogits, atol=1e-15)


@pytest.mark.parametrize("dloss", [2.0, np.float64(2), np.array(2.0)])
def test_gradients_keep_float32(dloss):
    y = np.ones((3, 4), np.float32)
    for loss in ("smooth_l1", "binary_cross_entropy"):
        value, cache = getattr(F, f"{loss}_forward")(y, y)
        gradient = getattr(F, f"{loss}_backward")(dloss, cache)
        assert value.dtype == gradient.dtype == np.float32 and value.ndim == 0


LOSSES_REFUSED = {
    "sigma 0": (lambda: F.smooth_l1_forward(X, X, sigma=0), "sigma: expected a positive number", "0"),
    "sigma text": (lambda: F.smooth_l1_forward(X, X, sigma="1"), "sigma: expected a positive number"),
    "target": (lambda: F.smooth_l1_forward(X, X[:1]), "target: expected the shape (2, 3, 5, 6)"),
    "weights": (lambda: F.smooth_l1_forward(X, X, X), "weights: expected the shape (2, 3, 5)"),
    "no axis": (lambda: F.smooth_l1_forward(np.array(1.0), np.array(1.0)), "y: expected at least one axis"),
    "labels": (
        lambda: F.binary_cross_entropy_forward(X, X > 0),
        "target: expected float32 or float64",
        "bool",
    ),
}


@pytest.mark.parametrize("name", LOSSES_REFUSED)
def test_a_loss_refuses_what_does_not_fit(name):
    call, *words = LOSSES_REFUSED[name]
    assert_refused(call, *words)


def test_torchvision_gives_the_same_where_it_loads():
    torch = pytest.importorskip("torch")
    try:
        import torchvision.ops as ops

        ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except Exception as error:  # the wheel of PyPI does not load beside every build of PyTorch
        pytest.skip(f"torchvision.ops does not load: {error}")
    rng = np.random.default_rng(0)
    x, first = rng.standard_normal((2, 3, 12, 16)), rng.uniform(0, 40, (9, 2))
    boxes, index = np.concatenate([first, first + rng.uniform(1, 22, (9, 2))], axis=1), rng.integers(0, 2, 9)
    rows = torch.tensor(np.concatenate([index[:, None], boxes], axis=1))
    for size in (2, 3, 7):
        leaf = torch.tensor(x, requires_grad=True)
        for pair, expected in (
            ("roi_pool", ops.roi_pool(leaf, rows, size, 0.25)),
            ("roi_align", ops.roi_align(leaf, rows, size, 0.25, 2, aligned=True)),
        ):
            y, backward = pool(x, boxes, index, pair, size=size, scale=0.25)
            dy = rng.standard_normal(y.shape)
            (dx,) = torch.autograd.grad(expected, leaf, torch.tensor(dy), retain_graph=True)
            assert relative_error(y, expected.detach().numpy()) < 1e-12
            assert relative_error(backward(dy), dx.numpy()) < 1e-12
