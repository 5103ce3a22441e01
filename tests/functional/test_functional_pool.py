"""Pooling against nested loops and by hand: ties, NaN, infinities, edges; what is refused.

Tolerance 1e-12 throughout, as a ratio of norms in float64: the same numbers, added in another order.
"""

import numpy as np
import pytest
from oracles import assert_refused, in_order, pieces, pool_loops, relative_error

import minires.functional as F
from minires import kernels
from minires.kernels.cpu.layout import as_rows

KINDS = pytest.mark.parametrize("kind", ["max", "avg"])
# (H, W), kernel, stride, padding
GEOMETRIES = [
    ((6, 5), (2, 2), (2, 2), (0, 0)),
    ((7, 5), (3, 2), (2, 1), (1, 0)),
    ((5, 8), (3, 3), (1, 2), (1, 1)),
    ((8, 7), (3, 3), (2, 3), (0, 1)),
    ((4, 9), (2, 3), (3, 4), (1, 1)),  # gaps between the windows
    ((3, 4), (3, 4), (1, 1), (0, 0)),  # one window
    ((1, 5), (2, 4), (2, 3), (1, 2)),  # padding of half the kernel
    ((6, 6), (1, 1), (2, 5), (0, 0)),
]


def pool(kind):
    return getattr(F, f"{kind}_pool2d_forward"), getattr(F, f"{kind}_pool2d_backward")


@KINDS
@pytest.mark.parametrize("ceil_mode", [False, True], ids=["floor", "ceil"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_pooling_agrees_with_nested_loops(kind, geometry, ceil_mode):
    size, kernel, stride, padding = geometry
    rng = np.random.default_rng(3)
    arguments = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    forward, backward = pool(kind)
    for x in (rng.standard_normal((2, 3, *size)), rng.integers(0, 3, (1, 5, *size)).astype(float)):
        dys = {}

        def dy(shape, dys=dys):
            return dys.setdefault(shape, rng.standard_normal(shape))

        y_loops, dx_loops = pool_loops(x, dy, kind=kind, **arguments)
        for cut in ((1, 1 << 18), (2, 1), (3, 64)):
            with pieces(*cut):
                y, cache = forward(x, **arguments)
                dx = backward(dy(y_loops.shape), cache)
            assert relative_error(y, y_loops) < 1e-12
            assert relative_error(dx, dx_loops) < 1e-12


@pytest.mark.parametrize("ceil_mode", [False, True], ids=["floor", "ceil"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_average_pooling_without_counting_the_padding_agrees_with_nested_loops(geometry, ceil_mode):
    size, kernel, stride, padding = geometry
    arguments = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    arguments["count_include_pad"] = False
    rng = np.random.default_rng(3)
    x, dys = rng.standard_normal((2, 3, *size)), {}
    expected = pool_loops(
        x, lambda shape: dys.setdefault(shape, rng.standard_normal(shape)), kind="avg", **arguments
    )
    y, cache = F.avg_pool2d_forward(x, **arguments)
    assert relative_error(y, expected[0]) < 1e-12
    assert relative_error(F.avg_pool2d_backward(dys[y.shape], cache), expected[1]) < 1e-12


@pytest.mark.parametrize("ceil_mode", [False, True], ids=["floor", "ceil"])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "dilation"),
    [
        ((7, 6), (2, 2), (1, 1), (0, 0), (2, 2)),
        ((8, 7), (3, 2), (2, 1), (1, 1), (2, 3)),
        ((5, 9), (1, 3), (3, 2), (0, 1), (4, 2)),
    ],
)
def test_max_pooling_with_dilation_agrees_with_nested_loops(
    size, kernel, stride, padding, dilation, ceil_mode
):
    arguments = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    arguments["dilation"] = dilation
    rng = np.random.default_rng(3)
    x, dys = rng.standard_normal((2, 3, *size)), {}
    expected = pool_loops(
        x, lambda shape: dys.setdefault(shape, rng.standard_normal(shape)), kind="max", **arguments
    )
    for mode in kernels.CHOICES:
        with kernels.use(mode), pieces(2, 16):
            y, cache = F.max_pool2d_forward(x, **arguments)
            dx = F.max_pool2d_backward(dys[y.shape], cache)
        np.testing.assert_array_equal(y, expected[0])
        assert relative_error(dx, expected[1]) < 1e-12


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "floor", "ceil"),
    [
        (112, 3, 2, 0, 55, 56),  # the stem of the Caffe ResNet: 3x3, stride 2, no padding, ceil mode
        (112, 3, 2, 1, 56, 57),
        (55, 3, 2, 0, 27, 27),  # AlexNet
        (4, 2, 3, 1, 2, 2),  # rounding up would start a window beyond the image
        (5, 3, 3, 1, 2, 2),
    ],
)
@KINDS
def test_output_sizes(kind, size, kernel, stride, padding, floor, ceil):
    x = np.zeros((1, 1, size, size), np.float32)
    forward, _ = pool(kind)
    for ceil_mode, expected in ((False, floor), (True, ceil)):
        y, _ = forward(x, kernel_size=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode)
        assert y.shape == (1, 1, expected, expected)


def test_a_tie_sends_its_gradient_to_the_first_pixel_of_the_window():
    x = np.ones((1, 1, 4, 4))
    y, cache = F.max_pool2d_forward(x, kernel_size=2)
    dx = F.max_pool2d_backward(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), cache)
    np.testing.assert_array_equal(dx[0, 0], [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize("order", ["C", "F", "images innermost", "reversed axes"])
def test_every_window_of_equal_values_has_exactly_one_argmax(order):
    # a rectifier before the pool makes whole windows equal to 0, so ties are the common case
    x = in_order(np.zeros((2, 3, 5, 6)), order)
    y, cache = F.max_pool2d_forward(x, kernel_size=3, stride=3, padding=1)
    dx = F.max_pool2d_backward(np.ones_like(y), cache)
    assert sorted(np.unique(dx)) == [0, 1] and dx.sum() == y.size


def test_overlapping_windows_add_up_at_their_common_argmax():
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 1
    y, cache = F.max_pool2d_forward(x, kernel_size=2, stride=1)
    dx = F.max_pool2d_backward(np.array([[[[1.0, 2.0], [4.0, 8.0]]]]), cache)
    assert dx[0, 0, 1, 1] == 15 and dx.sum() == 15


def test_max_pooling_pads_with_minus_infinity_and_average_pooling_with_zeros():
    x = np.full((1, 1, 2, 2), -3.0)
    y, _ = F.max_pool2d_forward(x, kernel_size=2, padding=1)
    np.testing.assert_array_equal(y[0, 0], [[-3, -3], [-3, -3]])
    y, _ = F.avg_pool2d_forward(x, kernel_size=2, padding=1)
    np.testing.assert_array_equal(y[0, 0], [[-0.75, -0.75], [-0.75, -0.75]])


def test_average_pooling_counts_the_padding_only_if_asked():
    x = np.full((1, 1, 3, 3), 6.0)
    options = {"kernel_size": 2, "stride": 2, "padding": 1}
    y, _ = F.avg_pool2d_forward(x, **options)
    np.testing.assert_array_equal(y[0, 0], [[1.5, 3], [3, 6]])
    y, cache = F.avg_pool2d_forward(x, **options, count_include_pad=False)
    np.testing.assert_array_equal(y[0, 0], [[6, 6], [6, 6]])
    dx = F.avg_pool2d_backward(np.ones_like(y), cache)
    np.testing.assert_array_equal(dx[0, 0], [[1, 0.5, 0.5], [0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
    # 4 pixels in windows of 3 that overhang by one
    y, _ = F.avg_pool2d_forward(
        np.ones((1, 1, 4, 4)), kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False
    )
    np.testing.assert_array_equal(y, np.ones((1, 1, 3, 3)))


def test_average_pooling_does_not_count_the_overhang_of_ceil_mode():
    x = np.ones((1, 1, 3, 3))
    y, cache = F.avg_pool2d_forward(x, kernel_size=2, ceil_mode=True)
    np.testing.assert_array_equal(y, np.ones((1, 1, 2, 2)))
    dx = F.avg_pool2d_backward(np.ones_like(y), cache)
    np.testing.assert_array_equal(dx[0, 0], [[0.25, 0.25, 0.5], [0.25, 0.25, 0.5], [0.5, 0.5, 1]])


@pytest.mark.parametrize("position", range(4))
def test_nan_stays_visible_in_the_output(position):
    x = np.arange(4.0).reshape(1, 1, 2, 2)
    x[0, 0, position // 2, position % 2] = np.nan
    for forward in (F.max_pool2d_forward, F.avg_pool2d_forward):
        assert np.isnan(forward(x, kernel_size=2)[0]).all()
    assert np.isnan(F.global_avg_pool2d_forward(x)[0]).all()


def test_infinities_pass_through_max_pooling():
    x = np.zeros((1, 2, 2, 2))
    x[0, 0, 0, 1], x[0, 1] = np.inf, -np.inf
    y, cache = F.max_pool2d_forward(x, kernel_size=2)
    np.testing.assert_array_equal(y[0, :, 0, 0], [np.inf, -np.inf])
    assert F.max_pool2d_backward(np.ones_like(y), cache)[0, 0, 0, 1] == 1


@pytest.mark.parametrize("kernel", [(15, 17), (16, 16), (16, 17), (32, 33)])
def test_a_large_kernel_remembers_an_argmax_beyond_one_byte(kernel):
    x = np.random.default_rng(0).standard_normal((1, 2, *kernel))
    x[0, :, -1, -1] = 100  # the last position: number 255, 256, 272, 1056
    y, cache = F.max_pool2d_forward(x, kernel_size=kernel)
    dx = F.max_pool2d_backward(np.ones_like(y), cache)
    assert (dx[0, :, -1, -1] == 1).all() and dx.sum() == 2


def test_max_pooling_remembers_one_byte_a_window():
    x = np.ones((2, 3, 8, 8), np.float32)
    _, cache = F.max_pool2d_forward(x, kernel_size=2)
    assert sum(item.nbytes for item in cache if isinstance(item, np.ndarray)) == 2 * 3 * 4 * 4


def test_global_average_pooling_is_average_pooling_with_the_whole_image_as_window():
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((2, 3))
    y, cache = F.global_avg_pool2d_forward(x)
    window, window_cache = F.avg_pool2d_forward(x, kernel_size=(4, 5))
    assert relative_error(y, window[:, :, 0, 0]) < 1e-12
    dx = F.avg_pool2d_backward(dy[:, :, None, None], window_cache)
    assert relative_error(F.global_avg_pool2d_backward(dy, cache), dx) < 1e-12


# -- what is refused -------------------------------------------------------------------------------------

X = np.ones((2, 3, 5, 6))
REFUSED = {
    "3 axes": ({"kernel_size": 2}, X[0], "x: expected the axes (N, C, H, W)", "(3, 5, 6)"),
    "kernel 0": ({"kernel_size": 0}, X, "kernel_size: expected an integer >= 1", "0"),
    "kernel None": ({"kernel_size": None}, X, "kernel_size: expected an integer >= 1", "None"),
    "kernel 2.0": ({"kernel_size": 2.0}, X, "kernel_size: expected an integer >= 1", "2.0"),
    "a kernel too high": ({"kernel_size": (6, 2)}, X, "kernel 6x2 is larger than the padded image 5x6"),
    "a kernel too wide": ({"kernel_size": (2, 9), "padding": (0, 1)}, X, "kernel 2x9", "padded image 5x8"),
    "stride 0": ({"kernel_size": 2, "stride": 0}, X, "stride: expected an integer >= 1", "0"),
    "negative stride": ({"kernel_size": 2, "stride": (1, -1)}, X, "stride: expected", "(1, -1)"),
    "negative padding": ({"kernel_size": 2, "padding": -1}, X, "padding: expected an integer >= 0", "-1"),
    "much padding": (
        {"kernel_size": 3, "padding": 2},
        X,
        "padding: expected at most half the kernel (3, 3)",
        "(2, 2)",
    ),
    "much padding across": (
        {"kernel_size": (4, 3), "padding": (2, 2)},
        X,
        "half the kernel (4, 3)",
        "(2, 2)",
    ),
}


@KINDS
@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line_that_says_what_came(kind, name):
    arguments, x, *words = REFUSED[name]
    assert_refused(lambda: pool(kind)[0](x, **arguments), *words, error_type=ValueError)


def test_global_average_pooling_refuses_what_is_no_image():
    with pytest.raises(ValueError, match=r"x: expected the axes \(N, C, H, W\), got the shape \(2, 3\)"):
        F.global_avg_pool2d_forward(np.ones((2, 3)))


@pytest.mark.parametrize(("size", "kernel"), [((2, 4), 3), ((1, 4), 2)])
def test_in_ceil_mode_a_window_may_be_larger_than_the_image(size, kernel):
    x = np.random.default_rng(0).standard_normal((2, 3, *size))
    y, _ = F.max_pool2d_forward(x, kernel_size=kernel, stride=2, ceil_mode=True)
    columns = [slice(start, start + kernel) for start in range(0, size[1], 2)][: y.shape[3]]
    expected = np.stack([x[..., column].max(axis=(2, 3)) for column in columns], axis=2)[:, :, None]
    np.testing.assert_array_equal(y, expected)
    y, _ = F.avg_pool2d_forward(x, kernel_size=kernel, stride=2, ceil_mode=True)
    expected = np.stack([x[..., column].mean(axis=(2, 3)) for column in columns], axis=2)[:, :, None]
    np.testing.assert_allclose(y, expected, rtol=1e-14)  # the same few numbers, added in another order
    with pytest.raises(ValueError, match="the kernel 9x9 is larger than the padded image"):
        F.max_pool2d_forward(x, kernel_size=9, stride=2, ceil_mode=True)


def test_the_gradient_of_global_average_pooling_lies_as_the_kernels_want_it():
    _, cache = F.global_avg_pool2d_forward(np.ones((3, 4, 5, 6)))
    with kernels.use("fast"):  # whatever the environment says
        dx = F.global_avg_pool2d_backward(np.ones((3, 4)), cache)
    assert np.shares_memory(as_rows(dx), dx)  # what comes before it need not reorder it
