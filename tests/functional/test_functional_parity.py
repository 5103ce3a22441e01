"""Every functional pair agrees with PyTorch in its outputs and in all its gradients, on drawn shapes.

Tolerances, as a ratio of norms: 1e-10 in float64 and 1e-4 in float32. Both libraries add the same numbers in
another order, so each result is off by its unit roundoff (1e-16, 6e-8) times a factor that grows with the
length of the sums and with cancellation; the tolerances leave three to six digits for that.

PyTorch is optional: without it these tests are skipped, unless MINIRES_REQUIRE_TORCH=1 says that it must be
there.
"""

import os
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracles import ORDERS, in_order, pieces, relative_error

import minires.functional as F
from minires.catalogue import PAIRS
from minires.kernels.cpu import conv_point, conv_shift

try:
    import torch
    import torch.nn.functional as T
except ImportError:
    if os.environ.get("MINIRES_REQUIRE_TORCH") == "1":
        raise
    pytest.skip("PyTorch is not installed", allow_module_level=True)

TOLERANCES = {np.float64: 1e-10, np.float32: 1e-4}
BOTH, DOUBLE = (np.float64, np.float32), (np.float64,)


def drawn(examples):
    """The same examples in every run, never retried with another seed."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@st.composite
def conditions(draw):
    """How to run: the seed of the numbers, their order in memory, and the cut into chunks and blocks."""
    order = st.sampled_from(ORDERS)
    return (
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        (draw(order), draw(order)),
        (draw(st.integers(1, 3)), draw(st.sampled_from([1, 40, 1 << 18]))),
    )


def pair_of(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))


def check_parity(how, forward, backward, reference, *inputs, dtypes=BOTH, checked=None):
    """Compare forward(*inputs) -> (y, cache, ...) and backward(dy, cache) with the torch function reference.

    backward returns a gradient for each input, or for the first `checked` of them; reference may return a
    tuple, whose other members (statistics) are compared too.
    """
    rng, (order, dy_order), cut = how
    for dtype in dtypes:
        arrays = [in_order(array.astype(dtype), order) for array in inputs]
        leaves = [tensor(array).requires_grad_() for array in arrays]
        expected, *expected_rest = to_tuple(reference(*leaves))
        dy = in_order(np.asarray(rng.standard_normal(tuple(expected.shape)), dtype), dy_order)
        with pieces(*cut):
            y, cache, *rest = forward(*arrays)
            gradients = to_tuple(backward(dy, cache))
        expected.backward(tensor(dy))
        assert len(gradients) == (len(inputs) if checked is None else checked)
        compare(y, expected, dtype, "y")
        for found, statistic in zip(sum(map(to_tuple, rest), ()), expected_rest, strict=True):
            compare(found, statistic, dtype, "statistic")
        for index, gradient in enumerate(gradients):
            compare(gradient, leaves[index].grad, dtype, f"gradient {index}")


def tensor(array):
    """Return a torch tensor of the same values in C order (torch refuses negative strides)."""
    return torch.tensor(np.array(array, order="C"))


def to_tuple(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def compare(found, expected, dtype, what):
    assert found.dtype == dtype, what
    assert found.shape == tuple(expected.shape), what
    error = relative_error(found, expected.detach().numpy())
    assert error < TOLERANCES[dtype], f"{what}: relative error {error:.1e} in {np.dtype(dtype)}"


# -- every row of the catalogue -------------------------------------------------------------------------


def torch_cross_entropy(logits, labels, *, class_weights=None, ignore_index=None, label_smoothing=0.0):
    return T.cross_entropy(
        logits,
        torch.as_tensor(labels, dtype=torch.int64),
        weight=None if class_weights is None else torch.tensor(class_weights).to(logits.dtype),
        ignore_index=-100 if ignore_index is None else ignore_index,
        label_smoothing=label_smoothing,
    )


def torch_roi_align(x, boxes, labels, size, scale, samples=2):
    """A matrix of weights for each box: torchvision.ops does not load beside every PyTorch."""

    def weights(first, last, length):
        points = (
            first + (last - first) * (torch.arange(size * samples).double() + 0.5) / (size * samples) - 0.5
        )
        tent = (1 - (points.clamp(0, length - 1)[:, None] - torch.arange(length)).abs()).clamp(min=0)
        inside = (points >= -1) & (points <= length)
        return (tent * inside[:, None]).reshape(size, samples, length).mean(1).to(x.dtype)

    regions = []
    for (x1, y1, x2, y2), image in zip((boxes.detach().double() * scale).tolist(), labels, strict=True):
        matrix = torch.kron(weights(y1, y2, x.shape[2]), weights(x1, x2, x.shape[3]))  # (P*P, H*W)
        regions.append((x[image].flatten(1) @ matrix.T).reshape(-1, size, size))
    return torch.stack(regions)


def torch_roi_pool(x, boxes, labels, size, scale):
    """Caffe's nested loops, gradients by PyTorch."""
    away = lambda value: int(abs(value) + 0.5) * (1 if value > 0 else -1)  # noqa: E731

    def bins(first, last, length):
        first, cells = away(first), max(away(last) - away(first) + 1, 1)
        ends = [(first + p * cells // size, first - (-(p + 1) * cells // size)) for p in range(size)]
        return [(min(max(a, 0), length), min(max(b, 0), length)) for a, b in ends]

    y = torch.zeros(len(boxes), x.shape[1], size, size, dtype=x.dtype)
    for r, (x1, y1, x2, y2) in enumerate((boxes.detach() * scale).tolist()):
        for p, (top, bottom) in enumerate(bins(y1, y2, x.shape[2])):
            for q, (left, right) in enumerate(bins(x1, x2, x.shape[3])):
                if top < bottom and left < right:
                    y[r, :, p, q] = x[labels[r], :, top:bottom, left:right].flatten(1).max(1)[0]
    return y


# pair: the same in PyTorch, called with tensors and then the row's options (and labels) as keywords
REFERENCES = {
    "binary_cross_entropy": lambda logits, target, weights=None: T.binary_cross_entropy_with_logits(
        logits,
        target,
        None if weights is None else weights.detach(),
        reduction="mean" if weights is None else "sum",
    ),
    "roi_align": torch_roi_align,
    "roi_pool": torch_roi_pool,
    "smooth_l1": lambda y, target, weights=None, sigma=1.0: (
        T.smooth_l1_loss(y, target, beta=1 / sigma**2, reduction="none").sum(-1)
        * (y.shape[-1] / y.numel() if weights is None else weights)
    ).sum(),
    "avg_pool2d": T.avg_pool2d,
    "batch_norm_eval": lambda x, gamma, beta, mean, var: T.batch_norm(
        x, mean.detach(), var.detach(), gamma, beta
    ),
    "batch_norm_train": lambda x, gamma, beta: T.batch_norm(x, None, None, gamma, beta, training=True),
    "channels": lambda x, start, stop: x[:, start:stop],
    "concat": lambda *arrays: torch.cat(arrays, dim=1),
    "conv2d": T.conv2d,
    "dropconnect": lambda x, weight, bias, mask: torch.einsum("noi,ni->no", mask * weight, x) + bias,
    "dropout": torch.mul,
    "flatten": lambda x: x.flatten(1),
    "gate": lambda branch, shortcut, gate: torch.lerp(shortcut, branch, gate),
    "global_avg_pool2d": lambda x: T.adaptive_avg_pool2d(x, 1)[:, :, 0, 0],
    "group_norm": lambda x, gamma, beta, groups: T.group_norm(x, groups, gamma, beta),
    "leaky_relu": lambda x, slope: T.leaky_relu(x, slope),
    "linear": T.linear,
    "local_response_norm": lambda x, k=2.0, **options: T.local_response_norm(x, k=k, **options),
    "max_pool2d": T.max_pool2d,
    "maxout": lambda x, pieces: x.unflatten(1, (-1, pieces)).amax(2),
    "pixel_cross_entropy": torch_cross_entropy,
    "relu": T.relu,
    "resample": lambda x, down, across: torch.einsum("nchw,ph,qw->ncpq", x, down, across),
    "residual_add": torch.add,
    "scale": lambda x, factor: factor * x,
    "shortcut_gate": lambda branch, shortcut, gate: branch + (1 - gate) * shortcut,
    "sigmoid": torch.sigmoid,
    "softmax": lambda x: torch.softmax(x, -1),
    "softmax_cross_entropy": torch_cross_entropy,
    "squared_error": lambda y, target: T.mse_loss(y, target, reduction="sum") / (2 * len(y)),
}
NOT_IN_TORCH = {"pad_shortcut"}


def test_every_pair_has_a_reference():
    for row in PAIRS:
        assert row.pair in REFERENCES or row.pair in NOT_IN_TORCH, (
            f"{row.pair}: write what it is in PyTorch into REFERENCES, or, if there is no such thing, its "
            "name into NOT_IN_TORCH"
        )


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize(
    "row", [row for row in PAIRS if row.pair not in NOT_IN_TORCH], ids=lambda row: row.name
)
def test_a_row_of_the_catalogue_agrees_with_torch(row, dtype):
    inputs = row.inputs(dtype)
    leaves = [tensor(array).requires_grad_() for array in inputs]
    labels = {} if row.labels is None else {"labels": tensor(row.labels)}
    expected = REFERENCES[row.pair](*leaves, **row.options, **labels)
    dy = np.asarray(np.random.default_rng(1).standard_normal(tuple(expected.shape)), dtype)
    y, cache, _ = row.forward(*inputs)
    expected.backward(tensor(dy))
    compare(y, expected, dtype, "y")
    for name, leaf, gradient in zip(row.shapes, leaves, row.backward(dy, cache), strict=False):
        if gradient is not None:
            compare(gradient, leaf.grad, dtype, f"gradient of {name}")


# -- convolution ----------------------------------------------------------------------------------------


@st.composite
def windows(draw, *, most_padding, dilated=False):
    """(kernel, size), with an image at least as large as the kernel needs, and the options of the windows."""
    kernel, stride = draw(pair_of(1, 4)), draw(st.one_of(st.just((1, 1)), pair_of(1, 3)))
    dilation = draw(st.one_of(st.just((1, 1)), pair_of(1, 4))) if dilated else (1, 1)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = tuple(draw(st.integers(0, most_padding(k))) for k in kernel)
    size = tuple(
        draw(st.integers(max(1, r - 2 * p), max(1, r - 2 * p) + 6))
        for r, p in zip(reach, padding, strict=True)
    )
    options = {"stride": stride, "padding": padding}
    return kernel, size, options | ({"dilation": dilation} if dilated else {})


@drawn(100)
@given(
    how=conditions(),
    geometry=windows(most_padding=lambda kernel: 4, dilated=True),
    batch=st.sampled_from([1, 2, 3, 70]),  # 70 images: several blocks of at least 256 columns
    groups=st.sampled_from([1, 1, 2, 3]),
    channels=pair_of(1, 3),
    with_bias=st.booleans(),
    blocked=st.booleans(),
)
def test_conv2d_agrees_with_torch(how, geometry, batch, groups, channels, with_bias, blocked):
    kernel, size, options = geometry
    rng = how[0]
    x = rng.standard_normal((batch, groups * channels[0], *size))
    weight = rng.standard_normal((groups * channels[1], channels[0], *kernel))
    bias = [rng.standard_normal(len(weight))] if with_bias else []
    arguments = {**options, "groups": groups}

    def backward(dy, cache):
        *gradients, dbias = F.conv2d_backward(dy, cache)
        assert (dbias is not None) == with_bias
        return gradients + [dbias] * with_bias

    narrow = 10**9 if blocked else 0  # all rows are too short: the algorithm with columns
    with (
        mock.patch.object(conv_shift, "NARROW", narrow),
        mock.patch.object(conv_point, "NARROW", narrow),
    ):
        check_parity(
            how,
            lambda *arrays: F.conv2d_forward(*arrays, **arguments),
            backward,
            lambda *leaves: T.conv2d(*leaves, **arguments),
            x,
            weight,
            *bias,
        )


@drawn(40)
@given(
    how=conditions(),
    geometry=windows(most_padding=lambda kernel: 4, dilated=True),
    images=pair_of(1, 3),
)
def test_im2col_and_col2im_agree_with_unfold_and_fold(how, geometry, images):
    kernel, size, options = geometry
    rng, (order, _), _ = how
    arguments = {"kernel_size": kernel, **options}
    for dtype in BOTH:
        x = in_order(rng.standard_normal((*images, *size)).astype(dtype), order)
        unfolded = T.unfold(tensor(x), **arguments)  # (N, C*KH*KW, OH*OW)
        columns = F.im2col(x, **arguments)
        assert columns.dtype == dtype
        np.testing.assert_array_equal(columns, unfolded.permute(1, 2, 0).reshape(columns.shape))

        columns = in_order(rng.standard_normal(columns.shape).astype(dtype), order)
        as_torch_lays_them = tensor(columns).reshape(len(columns), -1, len(x)).permute(2, 0, 1)
        folded = T.fold(as_torch_lays_them.contiguous(), size, **arguments)
        compare(F.col2im(columns, x.shape, **arguments), folded, dtype, "folded")


# -- linear and pointwise -------------------------------------------------------------------------------


@drawn(25)
@given(how=conditions(), sizes=st.tuples(*[st.integers(1, 7)] * 3), with_bias=st.booleans())
def test_linear_agrees_with_torch(how, sizes, with_bias):
    (batch, inputs, outputs), rng = sizes, how[0]
    arrays = [rng.standard_normal(shape) for shape in ((batch, inputs), (outputs, inputs), (outputs,))]

    def backward(dy, cache):
        *gradients, dbias = F.linear_backward(dy, cache)
        assert (dbias is not None) == with_bias
        return gradients + [dbias] * with_bias

    check_parity(how, F.linear_forward, backward, T.linear, *arrays[: 2 + with_bias])


SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@drawn(30)
@given(how=conditions(), shape=SHAPES)
@pytest.mark.parametrize("name", ["relu", "sigmoid"])
def test_pointwise_agrees_with_torch(name, how, shape):
    forward, backward = getattr(F, f"{name}_forward"), getattr(F, f"{name}_backward")
    check_parity(how, forward, backward, getattr(torch, name), 2 * how[0].standard_normal(shape))


@drawn(25)
@given(how=conditions(), shape=SHAPES, classes=st.integers(2, 6))
def test_softmax_agrees_with_torch(how, shape, classes):
    x = 3 * how[0].standard_normal((*shape[:3], classes))
    check_parity(how, F.softmax_forward, F.softmax_backward, lambda x: torch.softmax(x, -1), x)


@drawn(25)
@given(how=conditions(), shape=SHAPES, keep=st.sampled_from([0.2, 0.5, 1.0]))
def test_dropout_agrees_with_torch(how, shape, keep):
    x, mask = how[0].standard_normal(shape), (how[0].random(shape) < keep) / keep
    check_parity(how, F.dropout_forward, F.dropout_backward, torch.mul, x, mask, checked=1)


@drawn(25)
@given(how=conditions(), shape=SHAPES)
def test_flatten_agrees_with_torch(how, shape):
    check_parity(
        how, F.flatten_forward, F.flatten_backward, lambda x: x.reshape(len(x), -1), how[0].random(shape)
    )


# -- normalisation --------------------------------------------------------------------------------------


@st.composite
def normalised_shapes(draw, least):
    """(N, C) or (N, C, H, W) with at least so many values a channel."""
    image = draw(st.one_of(st.just(()), st.tuples(st.integers(1, 5), st.integers(1, 5))))
    shape = (draw(st.integers(1, 6)), draw(st.integers(1, 5)), *image)
    assume(np.prod(shape) // shape[1] >= least)
    return shape


def batch_norm_inputs(rng, shape):
    channels = shape[1]
    scale = rng.uniform(0.5, 2, channels).reshape(channels, *[1] * (len(shape) - 2))
    x = rng.standard_normal(shape) * scale + rng.uniform(-2, 2, scale.shape)
    return x, rng.uniform(0.5, 2, channels), rng.standard_normal(channels)


def check_batch_norm_train(how, shape, eps, dtypes):
    axes = tuple(axis for axis in range(len(shape)) if axis != 1)

    def reference(x, gamma, beta):
        y = T.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)
        return y, x.mean(axes), x.var(axes, unbiased=False)

    check_parity(
        how,
        lambda *arrays: F.batch_norm_train_forward(*arrays, eps=eps),
        F.batch_norm_train_backward,
        reference,
        *batch_norm_inputs(how[0], shape),
        dtypes=dtypes,
    )


@drawn(50)
@given(how=conditions(), shape=normalised_shapes(least=4), eps=st.sampled_from([1e-5, 1e-3, 0.5]))
def test_batch_norm_train_agrees_with_torch(how, shape, eps):
    check_batch_norm_train(how, shape, eps, BOTH)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1, 1), (1, 3, 2, 1), (1, 3, 1, 2), (3, 3), (1, 2, 1, 3)])
def test_batch_norm_train_over_two_or_three_values_agrees_with_torch(shape):
    # x_hat is then +1 and -1 whatever x is, so the gradient is what eps leaves of a difference of equal
    # numbers: about 1e-5 of each of them. float32 cannot hold it; float64 keeps 11 digits.
    for order in ORDERS:
        how = np.random.default_rng(0), (order, "C"), (2, 1)
        check_batch_norm_train(how, shape, 1e-5, DOUBLE)


@drawn(30)
@given(how=conditions(), shape=normalised_shapes(least=1), eps=st.sampled_from([1e-5, 1e-3, 0.5]))
def test_batch_norm_eval_agrees_with_torch(how, shape, eps):
    rng = how[0]
    statistics = rng.standard_normal(shape[1]), rng.uniform(0.1, 2, shape[1])
    check_parity(
        how,
        lambda *arrays: F.batch_norm_eval_forward(*arrays, eps=eps),
        F.batch_norm_eval_backward,
        lambda x, gamma, beta, mean, var: T.batch_norm(
            x, mean.detach(), var.detach(), gamma, beta, training=False, eps=eps
        ),
        *batch_norm_inputs(rng, shape),
        *statistics,
        checked=3,
    )


@drawn(40)
@given(
    how=conditions(),
    shape=st.tuples(*[st.integers(1, 7)] * 4),
    size=st.integers(1, 6),
    alpha=st.sampled_from([1e-4, 0.5, 3.0]),
    beta=st.sampled_from([0.5, 0.75, 1.0, 2.0]),
    k=st.sampled_from([1.0, 2.0]),
)
def test_local_response_norm_agrees_with_torch(how, shape, size, alpha, beta, k):
    arguments = {"size": size, "alpha": alpha, "beta": beta, "k": k}
    check_parity(
        how,
        lambda x: F.local_response_norm_forward(x, **arguments),
        F.local_response_norm_backward,
        lambda x: T.local_response_norm(x, **arguments),
        how[0].standard_normal(shape),
    )


# -- pooling --------------------------------------------------------------------------------------------


@drawn(60)
@given(
    how=conditions(),
    data=st.data(),
    images=pair_of(1, 4),
    ceil_mode=st.booleans(),
    default_stride=st.booleans(),
)
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_pooling_agrees_with_torch(name, how, data, images, ceil_mode, default_stride):
    largest = name == "max_pool2d"
    kernel, size, options = data.draw(windows(most_padding=lambda kernel: kernel // 2, dilated=largest))
    arguments = {"kernel_size": kernel, **options, "ceil_mode": ceil_mode}
    if default_stride:
        arguments["stride"] = None
    if not largest:
        arguments["count_include_pad"] = data.draw(st.booleans())
    elif not np.isfinite(F.max_pool2d_forward(np.zeros((1, 1, *size)), **arguments)[0]).all():
        return  # all pixels of a dilated window are padding: PyTorch then writes beyond its array
    forward, backward = getattr(F, f"{name}_forward"), getattr(F, f"{name}_backward")
    check_parity(
        how,
        lambda x: forward(x, **arguments),
        backward,
        lambda x: getattr(T, name)(x, **arguments),
        how[0].standard_normal((*images, *size)),
    )


@drawn(30)
@given(how=conditions(), geometry=windows(most_padding=lambda kernel: kernel // 2), ceil_mode=st.booleans())
def test_max_pooling_of_equal_values_agrees_with_torch(how, geometry, ceil_mode):
    # both give a tie to the window's first pixel in row order (PyTorch for arrays in C order)
    kernel, size, options = geometry
    arguments = {"kernel_size": kernel, **options, "ceil_mode": ceil_mode}
    check_parity(
        how,
        lambda x: F.max_pool2d_forward(x, **arguments),
        F.max_pool2d_backward,
        lambda x: T.max_pool2d(x.contiguous(), **arguments),
        how[0].integers(1, 3, (2, 2, *size)),
    )


@drawn(20)
@given(how=conditions(), shape=st.tuples(*[st.integers(1, 5)] * 4))
def test_global_average_pooling_agrees_with_torch(how, shape):
    check_parity(
        how,
        F.global_avg_pool2d_forward,
        F.global_avg_pool2d_backward,
        lambda x: T.adaptive_avg_pool2d(x, 1)[:, :, 0, 0],
        how[0].standard_normal(shape),
    )


# -- where paths meet -----------------------------------------------------------------------------------


@drawn(20)
@given(how=conditions(), shape=SHAPES)
def test_residual_add_agrees_with_torch(how, shape):
    inputs = how[0].standard_normal(shape), how[0].standard_normal(shape)
    check_parity(how, F.residual_add_forward, F.residual_add_backward, torch.add, *inputs)


@drawn(25)
@given(
    how=conditions(),
    channels=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    image=st.one_of(st.just(()), pair_of(1, 5)),
    batch=st.integers(1, 3),
)
def test_concat_agrees_with_torch(how, channels, image, batch):
    check_parity(
        how,
        lambda *arrays: F.concat_forward(arrays),
        F.concat_backward,
        lambda *leaves: torch.cat(leaves, dim=1),
        *[how[0].standard_normal((batch, c, *image)) for c in channels],
    )


def torch_pad_shortcut(x, channels, stride, placement):
    new = channels - x.shape[1]
    if placement == "mean":
        x = T.avg_pool2d(x, stride, stride)
    else:
        x = x[:, :, :: stride[0], :: stride[1]]
    before = new // 2 if placement == "split" else 0
    return T.pad(x, (0, 0, 0, 0, before, new - before))


@drawn(30)
@given(
    how=conditions(),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(3, 7), st.integers(3, 7)),
    stride=pair_of(1, 3),
    new_channels=st.integers(0, 5),
)
@pytest.mark.parametrize("placement", ["append", "split", "mean"])
def test_pad_shortcut_agrees_with_torch(placement, how, shape, stride, new_channels):
    arguments = {"channels": shape[1] + new_channels, "stride": stride, "placement": placement}
    check_parity(
        how,
        lambda x: F.pad_shortcut_forward(x, **arguments),
        F.pad_shortcut_backward,
        lambda x: torch_pad_shortcut(x, **arguments),
        how[0].standard_normal(shape),
    )


# -- losses ---------------------------------------------------------------------------------------------


@drawn(40)
@given(
    how=conditions(),
    batch=st.integers(1, 6),
    classes=st.integers(2, 8),
    label_smoothing=st.sampled_from([0.0, 0.1, 0.9]),
    label_dtype=st.sampled_from([np.uint8, np.int32, np.int64]),
    ignore_index=st.sampled_from([None, 0, 1, 99]),
    weighted=st.booleans(),
)
def test_softmax_cross_entropy_agrees_with_torch(
    how, batch, classes, label_smoothing, label_dtype, ignore_index, weighted
):
    labels = how[0].integers(0, classes, batch).astype(label_dtype)
    if ignore_index == 99:
        labels[1::2] = 99
    assume(not (labels == ignore_index).all())
    labels.flags.writeable = False
    weights = how[0].uniform(0.1, 2, classes) if weighted else None
    options = {"label_smoothing": label_smoothing, "ignore_index": ignore_index}

    def forward(logits):
        own = None if weights is None else weights.astype(logits.dtype)
        return F.softmax_cross_entropy_forward(logits, labels, **options, class_weights=own)

    check_parity(
        how,
        forward,
        F.softmax_cross_entropy_backward,
        lambda logits: torch_cross_entropy(
            logits, torch.tensor(labels.astype(np.int64)), **options, class_weights=weights
        ),
        3 * how[0].standard_normal((batch, classes)),
    )


@drawn(20)
@given(how=conditions(), shape=SHAPES)
def test_squared_error_agrees_with_torch(how, shape):
    check_parity(
        how,
        F.squared_error_forward,
        F.squared_error_backward,
        lambda y, target: 0.5 * ((y - target) ** 2).sum() / len(y),
        how[0].standard_normal(shape),
        how[0].standard_normal(shape),
    )
