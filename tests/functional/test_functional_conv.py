"""Convolution and linear layers against nested loops and by hand; im2col; what is refused.

Tolerance 1e-12 throughout, as a ratio of norms in float64: the same products, added in another order.
"""

import numpy as np
import pytest
from oracles import assert_refused, conv2d_loops, im2col_loops, pieces, relative_error

import minires.functional as F
from minires import kernels
from minires.checks import check_windows
from minires.functional import conv as textbook
from minires.kernels.cpu import conv, conv_point, conv_shift, conv_whole, parallel
from minires.kernels.cpu.layout import as_rows

CUTS = pytest.mark.parametrize("cut", [(1, 1 << 18), (2, 1), (3, 64)], ids=["whole", "2 chunks", "3 chunks"])
# name: (x shape, weight shape, stride, padding, groups, whether it takes the algorithm without columns[,
# dilation])
CONVOLUTIONS = {
    "3x3, padding 1": ((2, 3, 6, 5), (4, 3, 3, 3), (1, 1), (1, 1), 1, True),
    "3x2 on one image": ((1, 2, 5, 7), (3, 2, 3, 2), (1, 1), (2, 0), 1, True),
    "1x3": ((2, 2, 4, 5), (3, 2, 1, 3), (1, 1), (0, 2), 1, True),
    "kernel as large as the image": ((2, 2, 3, 4), (3, 2, 3, 4), (1, 1), (0, 0), 1, True),
    "kernel larger than the image": ((2, 2, 2, 2), (3, 2, 4, 3), (1, 1), (3, 2), 1, True),
    "stride 2 and 3x2 kernel": ((2, 3, 7, 6), (4, 3, 3, 2), (2, 2), (1, 1), 1, False),
    "stride 3 over kernel 2": ((2, 2, 8, 7), (3, 2, 2, 2), (3, 3), (0, 1), 1, False),
    "stride 1 and 2": ((1, 2, 5, 6), (2, 2, 3, 3), (1, 2), (1, 0), 1, False),
    "padding twice the kernel, stride 2": ((2, 2, 3, 4), (3, 2, 2, 2), (2, 2), (4, 5), 1, False),
    "padding as large as the kernel": ((2, 2, 3, 4), (3, 2, 2, 3), (1, 1), (2, 3), 1, False),
    "more padding than kernel": ((2, 2, 3, 4), (3, 2, 2, 2), (1, 1), (3, 2), 1, False),
    "more padding than kernel, height": ((2, 2, 3, 4), (3, 2, 2, 2), (1, 1), (4, 1), 1, False),
    "more padding than kernel, width": ((2, 2, 3, 4), (3, 2, 2, 2), (1, 1), (1, 4), 1, False),
    "1x1": ((2, 4, 5, 3), (3, 4, 1, 1), (1, 1), (0, 0), 1, False),
    "1x1, stride 2": ((2, 4, 5, 4), (3, 4, 1, 1), (2, 2), (0, 0), 1, False),
    "1x1, stride (2, 3)": ((3, 2, 6, 8), (3, 2, 1, 1), (2, 3), (0, 0), 1, False),
    "1x1, padding 1": ((2, 3, 3, 4), (2, 3, 1, 1), (1, 1), (1, 1), 1, False),
    "3x1": ((2, 3, 5, 4), (2, 3, 3, 1), (1, 1), (1, 0), 1, False),
    "many images": ((64, 1, 5, 6), (2, 1, 2, 3), (1, 1), (1, 1), 1, True),
    "many images, stride 2": ((64, 1, 7, 5), (2, 1, 3, 2), (2, 1), (1, 0), 1, False),
    "many images, 1x1": ((64, 2, 4, 5), (2, 2, 1, 1), (1, 1), (0, 0), 1, False),
    "two groups": ((2, 4, 5, 4), (6, 2, 3, 2), (1, 1), (1, 1), 2, False),
    "depthwise": ((2, 3, 4, 5), (6, 1, 3, 3), (2, 1), (1, 1), 3, False),
    "dilation 2": ((2, 3, 7, 6), (4, 3, 3, 3), (1, 1), (2, 2), 1, True, (2, 2)),
    "dilation (3, 2), kernel 2x3": ((2, 3, 8, 5), (4, 3, 2, 3), (1, 1), (1, 3), 1, True, (3, 2)),
    "dilation across alone": ((1, 2, 4, 7), (3, 2, 3, 2), (1, 1), (1, 0), 1, True, (1, 3)),
    "dilation beyond the image": ((2, 2, 2, 3), (3, 2, 3, 2), (1, 1), (5, 4), 1, True, (5, 6)),
    "rows that see padding alone": ((2, 2, 4, 3), (3, 2, 2, 2), (1, 1), (2, 1), 1, True, (5, 2)),
    "dilation 2, stride 2": ((2, 3, 7, 8), (4, 3, 3, 3), (2, 2), (1, 2), 1, False, (2, 2)),
    "dilation 3, stride 2": ((2, 3, 9, 8), (4, 3, 3, 4), (2, 2), (1, 2), 1, False, (3, 3)),
    "dilation 4, stride 6": ((2, 2, 9, 15), (2, 2, 2, 4), (6, 6), (0, 1), 1, False, (4, 4)),
    "dilation 2, padding as it reaches": ((2, 2, 3, 4), (3, 2, 2, 2), (1, 1), (3, 2), 1, False, (2, 2)),
    "dilation 2, two groups": ((2, 4, 6, 5), (6, 2, 3, 2), (1, 2), (1, 1), 2, False, (2, 2)),
    "1x1, dilation 3": ((2, 4, 5, 4), (3, 4, 1, 1), (2, 2), (0, 0), 1, False, (3, 3)),
    "many images, dilation 2": ((64, 1, 7, 6), (2, 1, 3, 2), (2, 1), (1, 0), 1, False, (2, 2)),
}


def convolution(name):
    """Return rng, x, weight, bias, a function that draws dy, and the keyword arguments."""
    x_shape, weight_shape, stride, padding, groups, _, *dilation = CONVOLUTIONS[name]
    rng = np.random.default_rng(7)
    x, weight, bias = (rng.standard_normal(shape) for shape in (x_shape, weight_shape, weight_shape[:1]))
    dys = {}

    def dy(shape):
        return dys.setdefault(shape, rng.standard_normal(shape))

    options = {"stride": stride, "padding": padding, "groups": groups}
    return x, weight, bias, dy, options | ({"dilation": dilation[0]} if dilation else {})


def geometry(arguments):
    """Return the keyword arguments of a convolution without its groups."""
    return {name: value for name, value in arguments.items() if name != "groups"}


@CUTS
@pytest.mark.parametrize("way", ["without columns", "blocks of columns", "all columns"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_conv2d_agrees_with_nested_loops(name, way, cut, monkeypatch):
    monkeypatch.setattr(conv_shift, "NARROW", 0 if way == "without columns" else 10**9)
    monkeypatch.setattr(conv_point, "NARROW", 0 if way == "without columns" else 10**9)
    monkeypatch.setattr(conv_whole, "SOME", 10**9 if way == "all columns" else 0)
    monkeypatch.setattr(conv_point, "WIDE", 5)  # several rows side by side, or one
    x, weight, bias, dy, arguments = convolution(name)
    expected = conv2d_loops(x, weight, bias, dy, **arguments)
    with pieces(*cut):
        y, cache = F.conv2d_forward(x, weight, bias, **arguments)
        found = (y, *F.conv2d_backward(dy(y.shape), cache))
        without_dx = F.conv2d_backward(dy(y.shape), cache, need_dx=False)
    assert without_dx[0] is None
    np.testing.assert_array_equal(without_dx[1], found[2])
    np.testing.assert_array_equal(without_dx[2], found[3])
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert relative_error(one, other) < 1e-12


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_the_convolutions_above_take_all_algorithms(name, monkeypatch):
    monkeypatch.setattr(conv_point, "NARROW", 0)
    monkeypatch.setattr(conv_shift, "NARROW", 0)
    x, weight, _, _, arguments = convolution(name)
    windows = check_windows(x.shape[2:], kernel_size=weight.shape[2:], **geometry(arguments))
    by_points = weight.shape[2:] == (1, 1) and name != "1x1, padding 1"
    assert conv_shift.supports(x, windows, arguments["groups"]) == CONVOLUTIONS[name][5]
    assert conv_point.supports(x, windows, arguments["groups"]) == by_points


def test_short_rows_of_a_1x1_convolution_are_put_together():
    x = np.zeros((4, 3, 7, 7))
    windows = check_windows((7, 7), kernel_size=1, stride=1, padding=0)
    assert not conv_point.supports(x, windows, 1)
    assert conv_point.supports(np.zeros((64, 3, 7, 7)), windows, 1)


def test_few_columns_are_made_at_once_and_also_where_the_other_ways_are_slow(monkeypatch):
    monkeypatch.setattr(conv_whole, "SOME", 1 << 20)
    monkeypatch.setattr(parallel, "_threads", 2)

    def at_once(n, c, size, o, stride=1):
        windows = check_windows((size, size), kernel_size=3, stride=stride, padding=1)
        return conv_whole.supports(np.zeros((n, c, size, size)), np.zeros((o, c, 3, 3)), windows, 1)

    assert at_once(1, 64, 8, 64) and not at_once(16, 64, 8, 64)
    assert at_once(64, 16, 8, 32, stride=2) and not at_once(64, 16, 8, 32)
    assert at_once(64, 1, 8, 16)
    assert at_once(16, 3, 32, 16) and not at_once(16, 4, 32, 16)  # few channels make thin matrices
    assert not at_once(16, 32, 16, 64, stride=2)  # on two threads block by block is faster
    monkeypatch.setattr(parallel, "_threads", 1)
    assert at_once(16, 32, 16, 64, stride=2)


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_conv2d_predict_is_forward_and_a_relu(name, relu, whole, monkeypatch):
    monkeypatch.setattr(conv_whole, "SOME", 10**9 if whole else 0)
    monkeypatch.setattr(conv_point, "NARROW", 0)
    monkeypatch.setattr(conv_shift, "NARROW", 0)
    x, weight, bias, _, arguments = convolution(name)
    expected, _ = F.conv2d_forward(x, weight, bias, **arguments)
    found = F.conv2d_predict(x, weight, bias, **arguments, relu=relu)
    np.testing.assert_array_equal(found, np.maximum(expected, 0) if relu else expected)
    expected, _ = F.conv2d_forward(x, weight, **arguments)
    found = F.conv2d_predict(x, weight, **arguments, relu=relu)
    np.testing.assert_array_equal(found, np.maximum(expected, 0) if relu else expected)


@pytest.mark.parametrize("name", [name for name in CONVOLUTIONS if name.startswith("many images")])
def test_many_images_are_cut_into_several_blocks(name):
    # a block has at least 256 columns, so only many images make blocks of one output row each
    x, weight, _, _, arguments = convolution(name)
    windows = check_windows(x.shape[2:], kernel_size=weight.shape[2:], **geometry(arguments))
    with pieces(1, 1):
        blocks = list(conv._blocks_of_columns(x.transpose(2, 1, 3, 0), 0, windows.out_size[0], windows))
    assert len(blocks) == windows.out_size[0] > 1


@pytest.mark.parametrize("stride", [(1, 2), (2, 1), (2, 3)])
def test_several_blocks_of_columns_come_from_one_padded_piece(stride, monkeypatch):
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.standard_normal(shape) for shape in ((2, 2, 13, 9), (3, 2, 3, 2), (3,)))
    monkeypatch.setattr(conv, "WIDE", 1)
    dys = {}

    def dy(shape):
        return dys.setdefault(shape, rng.standard_normal(shape))

    arguments = {"stride": stride, "padding": (1, 1), "groups": 1}
    expected = conv2d_loops(x, weight, bias, dy, **arguments)
    with pieces(2, 128):
        y, cache = F.conv2d_forward(x, weight, bias, **arguments)
        found = (y, *F.conv2d_backward(dy(y.shape), cache))
    for one, other in zip(found, expected, strict=True):
        assert relative_error(one, other) < 1e-12


def test_without_dx_no_columns_are_added_back(monkeypatch):
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 7, 7)), rng.standard_normal((4, 3, 3, 3))
    y, cache = F.conv2d_forward(x, weight, stride=2)
    monkeypatch.setattr(conv, "add_columns", None)  # a call would be an error
    assert F.conv2d_backward(y, cache, need_dx=False)[0] is None
    monkeypatch.setattr(textbook, "col2im", None)
    with kernels.use("textbook"):
        assert F.conv2d_backward(y, cache, need_dx=False)[0] is None


def test_backward_need_not_reorder_x_again(monkeypatch):
    monkeypatch.setattr(conv_shift, "NARROW", 0)
    monkeypatch.setattr(conv_point, "NARROW", 0)
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 6))  # not in the order that rows have
    for size in (1, 3):
        with kernels.use("fast"):  # whatever the environment says
            _, (remembered, *_) = F.conv2d_forward(x, np.ones((2, 3, size, size)))
        assert np.shares_memory(as_rows(remembered), remembered)


def test_few_rows_and_large_weights_are_cut_by_channels(monkeypatch):
    rng, cuts = np.random.default_rng(0), []
    cut = parallel.in_chunks
    monkeypatch.setattr(
        parallel, "in_chunks", lambda *args, **size: cuts.append(args[1]) or cut(*args, **size)
    )
    monkeypatch.setattr(conv_shift, "NARROW", 0)
    for rows, block in ((7, 1), (7, 10**6), (8, 1)):
        with pieces(2, block), kernels.use("fast"):
            F.conv2d_forward(
                rng.standard_normal((2, 3, rows, 4)), rng.standard_normal((5, 3, 3, 3)), padding=1
            )
    assert cuts == [5, 7, 8]  # channels; rows, for small weights; and for many rows


@pytest.mark.parametrize("stride", [1, 2])  # without columns, and with them
def test_what_is_cut_is_told_how_much_there_is_to_do(monkeypatch, stride):
    told, cut = [], parallel.in_chunks
    monkeypatch.setattr(parallel, "in_chunks", lambda *args, **size: told.append(size) or cut(*args, **size))
    monkeypatch.setattr(conv_shift, "NARROW", 0)
    with pieces(2, 64), kernels.use("fast"):
        y, cache = F.conv2d_forward(np.ones((2, 3, 6, 8)), np.ones((5, 3, 3, 3)), stride=stride)
        F.conv2d_backward(np.ones_like(y), cache, need_dx=False)
    assert told == [{"multiply_adds": y.size * 27}] * 2


def test_conv2d_by_hand():
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    y, cache = F.conv2d_forward(x, np.array([[[[1.0, 0.0], [0.0, -1.0]]]]), np.array([10.0]))
    np.testing.assert_array_equal(y, np.full((1, 1, 2, 2), 6.0))  # x[h, w] - x[h+1, w+1] = -4, plus 10
    dx, dweight, dbias = F.conv2d_backward(np.ones_like(y), cache)
    np.testing.assert_array_equal(dx[0, 0], [[1, 1, 0], [1, 0, -1], [0, -1, -1]])
    np.testing.assert_array_equal(dweight[0, 0], [[8, 12], [20, 24]])
    np.testing.assert_array_equal(dbias, [4])


def test_dilation_by_hand():
    x = np.arange(25.0).reshape(1, 1, 5, 5)
    weight = np.array([[[[1.0, 0.0], [0.0, -1.0]]]])
    y, cache = F.conv2d_forward(x, weight, dilation=(3, 2))
    np.testing.assert_array_equal(y, np.full((1, 1, 2, 3), -17.0))  # x[h, w] - x[h+3, w+2]
    dx, dweight, _ = F.conv2d_backward(np.ones_like(y), cache)
    expected = np.zeros((5, 5))
    expected[:2, :3] += 1
    expected[3:, 2:] -= 1
    np.testing.assert_array_equal(dx[0, 0], expected)
    np.testing.assert_array_equal(
        dweight[0, 0], [[x[0, 0, a : a + 2, b : b + 3].sum() for b in (0, 2)] for a in (0, 3)]
    )


def test_dilation_is_a_kernel_with_zeros_between():
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 9, 8)), rng.standard_normal((4, 3, 3, 2))
    wide = np.zeros((4, 3, 5, 4))
    wide[:, :, ::2, ::3] = weight
    expected, _ = F.conv2d_forward(x, wide, stride=2, padding=(2, 1))
    y, _ = F.conv2d_forward(x, weight, stride=2, padding=(2, 1), dilation=(2, 3))
    assert relative_error(y, expected) < 1e-12


def test_conv2d_takes_one_number_or_a_pair_or_numpy_integers():
    x, weight = np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3))
    expected, _ = F.conv2d_forward(x, weight, stride=(2, 2), padding=(1, 1))
    for two, one in ((2, 1), ([2, 2], [1, 1]), (np.int64(2), np.uint8(1))):
        np.testing.assert_array_equal(F.conv2d_forward(x, weight, stride=two, padding=one)[0], expected)


def test_groups_do_not_see_each_other():
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((1, 4, 4, 3)), rng.standard_normal((2, 2, 3, 3))
    before, _ = F.conv2d_forward(x, weight, padding=1, groups=2)
    changed = x.copy()
    changed[:, :2] += 1
    after, _ = F.conv2d_forward(changed, weight, padding=1, groups=2)
    np.testing.assert_array_equal(before[:, 1], after[:, 1])
    assert (before[:, 0] != after[:, 0]).all()


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_im2col_agrees_with_nested_loops(name):
    x, weight, _, _, arguments = convolution(name)
    arguments = {"kernel_size": weight.shape[2:], **geometry(arguments)}
    np.testing.assert_array_equal(F.im2col(x, **arguments), im2col_loops(x, **arguments))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_col2im_is_the_adjoint_of_im2col(name):
    x, weight, _, _, arguments = convolution(name)
    arguments = {"kernel_size": weight.shape[2:], **geometry(arguments)}
    columns = F.im2col(x, **arguments)
    others = np.random.default_rng(1).standard_normal(columns.shape)
    back = F.col2im(others, x.shape, **arguments)
    assert back.shape == x.shape
    scale = np.linalg.norm(columns) * np.linalg.norm(others)
    assert abs((columns * others).sum() - (x * back).sum()) < 1e-14 * scale  # one rounding of each product


def test_col2im_counts_how_many_windows_hold_a_pixel():
    columns = np.ones((9, 9))
    counts = F.col2im(columns, (1, 1, 3, 3), kernel_size=3, padding=1)
    np.testing.assert_array_equal(counts[0, 0], [[4, 6, 4], [6, 9, 6], [4, 6, 4]])


def test_a_convolution_is_one_product_with_the_columns():
    x, weight, _, _, arguments = convolution("stride 2 and 3x2 kernel")
    y, _ = F.conv2d_forward(x, weight, stride=2, padding=1)
    columns = F.im2col(x, kernel_size=(3, 2), stride=2, padding=1)
    product = (weight.reshape(4, -1) @ columns).reshape(4, *y.shape[2:], 2).transpose(3, 0, 1, 2)
    assert relative_error(y, product) < 1e-12


def test_linear_by_hand():
    x = np.array([[1.0, 2.0], [0.0, 1.0]])
    weight, bias = np.array([[3.0, 4.0], [5.0, 6.0], [0.0, 1.0]]), np.array([1.0, 0, 0])
    y, cache = F.linear_forward(x, weight, bias)
    np.testing.assert_array_equal(y, [[12, 17, 2], [5, 6, 1]])
    dx, dweight, dbias = F.linear_backward(np.array([[1.0, 10.0, 100.0], [1.0, 0.0, 0.0]]), cache)
    np.testing.assert_array_equal(dx, [[53, 164], [3, 4]])
    np.testing.assert_array_equal(dweight, [[1, 3], [10, 20], [100, 200]])
    np.testing.assert_array_equal(dbias, [2, 10, 100])


# -- what is refused -------------------------------------------------------------------------------------


def image(*shape):
    return np.ones(shape)


X, WEIGHT = image(2, 4, 5, 6), image(6, 4, 3, 2)
REFUSED = {
    "x with 3 axes": (
        lambda: F.conv2d_forward(X[0], WEIGHT),
        "x: expected the axes (N, C, H, W)",
        "(4, 5, 6)",
    ),
    "weight with 2 axes": (
        lambda: F.conv2d_forward(X, WEIGHT[..., 0, 0]),
        "weight: expected the axes (O, C/groups, KH, KW)",
        "(6, 4)",
    ),
    "other channels": (
        lambda: F.conv2d_forward(X, WEIGHT[:, :3]),
        "x has 4 channels",
        "(6, 3, 3, 2)",
        "expects 3",
    ),
    "a long bias": (lambda: F.conv2d_forward(X, WEIGHT, image(7)), "bias: expected the shape (6,)", "(7,)"),
    "a bias with 2 axes": (
        lambda: F.conv2d_forward(X, WEIGHT, image(6, 1)),
        "bias: expected the shape",
        "(6, 1)",
    ),
    "groups that divide neither": (
        lambda: F.conv2d_forward(X, WEIGHT, groups=3),
        "groups: 3",
        "4 input",
        "6 output",
    ),
    "groups that divide inputs only": (
        lambda: F.conv2d_forward(X, image(6, 1, 3, 3), groups=4),
        "groups: 4",
        "4 input",
        "6 output",
    ),
    "groups 0": (lambda: F.conv2d_forward(X, WEIGHT, groups=0), "groups", "0"),
    "groups 2.0": (lambda: F.conv2d_forward(X, image(6, 2, 3, 3), groups=2.0), "groups", "integer", "2.0"),
    "groups '2'": (lambda: F.conv2d_forward(X, image(6, 2, 3, 3), groups="2"), "groups", "integer", "'2'"),
    "groups None": (lambda: F.conv2d_forward(X, WEIGHT, groups=None), "groups", "integer", "None"),
    "stride 0": (lambda: F.conv2d_forward(X, WEIGHT, stride=0), "stride: expected an integer >= 1", "0"),
    "stride (1, 0)": (lambda: F.conv2d_forward(X, WEIGHT, stride=(1, 0)), "stride: expected", "(1, 0)"),
    "stride 1.5": (lambda: F.conv2d_forward(X, WEIGHT, stride=1.5), "stride: expected an integer", "1.5"),
    "stride True": (lambda: F.conv2d_forward(X, WEIGHT, stride=True), "stride: expected an integer", "True"),
    "stride None": (lambda: F.conv2d_forward(X, WEIGHT, stride=None), "stride: expected an integer", "None"),
    "stride 'same'": (
        lambda: F.conv2d_forward(X, WEIGHT, stride="same"),
        "stride: expected an integer",
        "same",
    ),
    "three strides": (lambda: F.conv2d_forward(X, WEIGHT, stride=(1, 1, 1)), "stride: expected", "(1, 1, 1)"),
    "an array as stride": (
        lambda: F.conv2d_forward(X, WEIGHT, stride=np.array([1, 2])),
        "stride: expected",
        "array",
    ),
    "padding -1": (
        lambda: F.conv2d_forward(X, WEIGHT, padding=-1),
        "padding: expected an integer >= 0",
        "-1",
    ),
    "padding 'same'": (lambda: F.conv2d_forward(X, WEIGHT, padding="same"), "padding: expected", "same"),
    "dilation 0": (
        lambda: F.conv2d_forward(X, WEIGHT, dilation=0),
        "dilation: expected an integer >= 1",
        "0",
    ),
    "dilation 1.5": (
        lambda: F.conv2d_forward(X, WEIGHT, dilation=1.5),
        "dilation: expected an integer",
        "1.5",
    ),
    "a kernel that reaches too far": (
        lambda: F.conv2d_forward(X, WEIGHT, dilation=3),
        "kernel 3x2, which spans 7x4 pixels with its dilation,",
        "padded image 5x6",
    ),
    "a kernel too high": (
        lambda: F.conv2d_forward(X, image(6, 4, 8, 2), padding=(1, 0)),
        "kernel 8x2 is larger than the padded image 7x6",
        "5x6",
        "padding 1, 0",
    ),
    "a kernel too wide": (lambda: F.conv2d_forward(X, image(6, 4, 1, 7)), "kernel 1x7", "padded image 5x6"),
    "a kernel of no pixels": (
        lambda: F.conv2d_forward(X, image(6, 4, 0, 2)),
        "weight: expected at least one element",
    ),
    "no channels": (
        lambda: F.conv2d_forward(X[:, :0], WEIGHT),
        "x: expected at least one element",
        "(2, 0, 5, 6)",
    ),
    "im2col of 3 axes": (lambda: F.im2col(X[0], kernel_size=3), "x: expected the axes", "(4, 5, 6)"),
    "im2col of kernel 0": (lambda: F.im2col(X, kernel_size=0), "kernel_size: expected an integer >= 1", "0"),
    "im2col of a large kernel": (lambda: F.im2col(X, kernel_size=7), "kernel 7x7", "padded image 5x6"),
    "col2im of other columns": (
        lambda: F.col2im(image(9, 9), (1, 1, 3, 4), kernel_size=3, padding=1),
        "columns: expected the shape (9, 12)",
        "(1, 1, 3, 4)",
        "(9, 9)",
    ),
    "col2im with 3 axes": (lambda: F.col2im(image(9, 9), (1, 3, 3), kernel_size=3), "x_shape", "(1, 3, 3)"),
    "x of linear with 4 axes": (
        lambda: F.linear_forward(X, image(3, 4)),
        "x: expected the axes (N, I)",
        "(2, 4, 5, 6)",
    ),
    "linear of other features": (
        lambda: F.linear_forward(image(2, 5), image(3, 4)),
        "weight: expected the shape (3, 5)",
        "5 features",
        "(3, 4)",
    ),
    "weight of linear with 1 axis": (
        lambda: F.linear_forward(image(2, 5), image(5)),
        "weight",
        "(O, I)",
        "(5,)",
    ),
    "weight of linear without axes": (
        lambda: F.linear_forward(image(2, 5), image()),
        "weight",
        "(O, I)",
        "()",
    ),
    "bias of linear": (
        lambda: F.linear_forward(image(2, 5), image(3, 5), image(5)),
        "bias: expected the shape (3,)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line_that_says_what_came(name):
    call, *words = REFUSED[name]
    assert_refused(call, *words)
