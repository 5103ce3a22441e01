"""Our pairs under the names and with the arguments of PyTorch's functions, on NumPy arrays.

Each function returns an `Answer`, or raises `NotExpressible` with the reason where minires has no such thing:
the reasons are counted. It may lay arrays out in other axes (a row is an image of height 1, one image a batch
of one), may chain pairs, and passes everything else on as it came, so that what is wrong is refused by
minires itself. Another library's own words (ONNX's) are translated into these.
"""

import math
import operator
from dataclasses import dataclass, field

import numpy as np
import others_rules as rules

import minires.functional as F
from minires import layers


class NotExpressible(Exception):
    """Minires has no such thing; the message is the kind, in words that do not depend on the case."""


@dataclass
class Answer:
    """What came out, and backward(dy) -> {name of the argument: its gradient}.

    rest: other results by name. terms(dy): what the input's gradient is the difference of, where it is one of
    nearly equal numbers: its rounding errors are measured against these.
    """

    y: object
    backward: object
    rest: dict = field(default_factory=dict)
    terms: object = None


def ask(condition, kind):
    """Raise NotExpressible unless the condition holds."""
    if not condition:
        raise NotExpressible(kind)


def ask_arrays(*arrays):
    for array in arrays:
        if array is not None:
            ask(array.dtype in (np.float32, np.float64), "another dtype than float32 and float64")
            ask(array.size, "empty arrays")


class Axes:
    """From (C, L), (N, C, L), (C, H, W) or (N, C, H, W) to images (N, C, H, W), and back."""

    def __init__(self, x, dims):
        ask(dims < 3, "three axes or more in an image")
        if x.ndim not in (dims + 1, dims + 2):
            raise ValueError(f"expected {dims + 1} or {dims + 2} axes, got the shape {x.shape}")
        self.dims, self.batched = dims, x.ndim == dims + 2

    def images(self, array):
        array = array if self.batched else array[None]
        return array[:, :, None] if self.dims == 1 else array

    def back(self, array):
        array = array[:, :, 0] if self.dims == 1 else array
        return array if self.batched else array[0]

    def pair(self, value, beside):
        """Return a setting for both axes; beside: its value for the height 1 of a row."""
        if isinstance(value, (tuple, list)):
            value = value[0] if len(value) == 1 else tuple(value)
        return (beside, value) if self.dims == 1 and value is not None else value


# -- convolution ----------------------------------------------------------------------------------------


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *, dims=2):
    ask_arrays(input, weight, bias)
    axes = Axes(input, dims)
    padding = _same(weight.shape[2:], padding, dilation)
    filters = weight[:, :, None] if dims == 1 else weight
    y, cache = F.conv2d_forward(
        axes.images(input),
        filters,
        bias,
        stride=axes.pair(stride, 1),
        padding=axes.pair(padding, 0),
        dilation=axes.pair(dilation, 1),
        groups=groups,
    )

    def backward(dy):
        dx, dweight, dbias = F.conv2d_backward(axes.images(dy), cache)
        return {"input": axes.back(dx), "weight": dweight.reshape(weight.shape), "bias": dbias}

    return Answer(axes.back(y), backward)


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return conv2d(input, weight, bias, stride, padding, dilation, groups, dims=1)


def _same(kernel, padding, dilation):
    """Return the padding that "valid" and "same" stand for."""
    if padding == "valid":
        return 0
    if padding != "same":
        return padding
    dilation = dilation if isinstance(dilation, (tuple, list)) else [dilation] * len(kernel)
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    ask(not any(t % 2 for t in total), "padding of two different sides")
    return tuple(t // 2 for t in total)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    ask_arrays(input)
    axes = Axes(input, 2)
    x = axes.images(input)
    options = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride}
    columns = F.im2col(x, **options)  # (C*KH*KW, OH*OW*N)

    def backward(dy):
        dy = (dy if axes.batched else dy[None]).transpose(1, 2, 0).reshape(columns.shape)
        return {"input": axes.back(F.col2im(dy, x.shape, **options))}

    y = columns.reshape(len(columns), -1, len(x)).transpose(2, 0, 1)
    return Answer(y if axes.batched else y[0], backward)


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    ask_arrays(input)
    ask(len(output_size) == 2, "three axes or more in an image")
    options = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride}
    batch = input if input.ndim == 3 else input[None]
    columns = batch.transpose(1, 2, 0).reshape(batch.shape[1], -1)
    x_shape = (len(batch), batch.shape[1] // math.prod(kernel_size), *output_size)
    y = F.col2im(columns, x_shape, **options)

    def backward(dy):
        dy = F.im2col(dy if input.ndim == 3 else dy[None], **options)
        dy = dy.reshape(len(dy), -1, len(batch)).transpose(2, 0, 1)
        return {"input": dy if input.ndim == 3 else dy[0]}

    return Answer(y if input.ndim == 3 else y[0], backward)


# -- pooling --------------------------------------------------------------------------------------------


def max_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
    *,
    dims=2,
):
    ask_arrays(input)
    axes = Axes(input, dims)
    y, cache = F.max_pool2d_forward(
        axes.images(input),
        kernel_size=axes.pair(kernel_size, 1),
        stride=axes.pair(None if stride == () else stride, 1),
        padding=axes.pair(padding, 0),
        dilation=axes.pair(dilation, 1),
        ceil_mode=ceil_mode,
    )
    indices = axes.back(_pixel_numbers(*cache[:2]))
    return Answer(
        axes.back(y),
        lambda dy: {"input": axes.back(F.max_pool2d_backward(axes.images(dy), cache))},
        {"indices": indices} if return_indices else {},
    )


def _pixel_numbers(argmax, windows):
    """Return which pixel h*W + w of the image is the largest, from its position in the window."""
    (kernel_width, width), (oh, ow) = (windows.kernel[1], windows.size[1]), windows.out_size
    down, across = windows.dilation
    first = np.arange(oh) * windows.stride[0] - windows.padding[0]
    left = np.arange(ow) * windows.stride[1] - windows.padding[1]
    h = first[:, None] + argmax.astype(int) // kernel_width * down
    w = left + argmax.astype(int) % kernel_width * across
    return h * width + w


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, dims=1)


def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
    *,
    dims=2,
):
    ask_arrays(input)
    ask(divisor_override is None, "divisor_override in avg_pool2d")
    axes = Axes(input, dims)
    y, cache = F.avg_pool2d_forward(
        axes.images(input),
        kernel_size=axes.pair(kernel_size, 1),
        stride=axes.pair(None if stride == () else stride, 1),
        padding=axes.pair(padding, 0),
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
    )
    return Answer(
        axes.back(y), lambda dy: {"input": axes.back(F.avg_pool2d_backward(axes.images(dy), cache))}
    )


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    return avg_pool2d(input, kernel_size, stride, padding, ceil_mode, count_include_pad, dims=1)


def adaptive_avg_pool2d(input, output_size, *, dims=2):
    ask_arrays(input)
    axes = Axes(input, dims)
    x, size = axes.images(input), axes.pair(output_size, 1)
    size = size if isinstance(size, tuple) else (size, size)
    size = [old if new is None else new for old, new in zip(x.shape[2:], size, strict=True)]
    ask(min(size), "empty arrays")
    if size == [1, 1]:
        y, cache = F.global_avg_pool2d_forward(x)
        y = y[:, :, None, None]
        back = lambda dy: F.global_avg_pool2d_backward(dy[:, :, 0, 0], cache)  # noqa: E731
    elif size[0] == size[1]:
        layer = layers.AdaptiveAvgPool2d(size[0])
        y, cache = layer.forward(x, train=True)
        back = lambda dy: layer.backward(dy, cache)  # noqa: E731
    else:
        y, back = resampled(x, rules.area(x.shape[2], size[0]), rules.area(x.shape[3], size[1]))
    return Answer(axes.back(y), lambda dy: {"input": axes.back(back(axes.images(dy)))})


def adaptive_avg_pool1d(input, output_size):
    return adaptive_avg_pool2d(input, output_size, dims=1)


# -- other sizes ----------------------------------------------------------------------------------------


def resampled(x, down, across):
    ask(len(down) and len(across), "empty arrays")
    y, cache = F.resample_forward(x, down.astype(x.dtype), across.astype(x.dtype))
    return y, lambda dy: F.resample_backward(dy, cache)


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    ask_arrays(input)
    axes = Axes(input, input.ndim - 2)
    x = axes.images(input)
    old = x.shape[2:]
    size, scales = (axes.pair(value, 1) for value in (size, scale_factor))
    size, scales = (v if isinstance(v, tuple) or v is None else (v, v) for v in (size, scales))
    if size is None:
        size = tuple(math.floor(s * f) for s, f in zip(old, scales, strict=True))
    if scales is None or recompute_scale_factor:
        scales = tuple(new / s for s, new in zip(old, size, strict=True))
    twice = scales[0] == scales[1] == int(scales[0]) and len(set(scales)) == 1
    if mode == "bilinear" and not align_corners and twice and axes.dims == 2:
        layer = layers.Upsample(int(scales[0]))
        y, cache = layer.forward(x, train=True)
        back = lambda dy: layer.backward(dy, cache)  # noqa: E731
    else:
        matrices = [
            _interpolation(s, new, f, mode, align_corners, antialias)
            for s, new, f in zip(old, size, scales, strict=True)
        ]
        y, back = resampled(x, *matrices)
    return Answer(axes.back(y), lambda dy: {"input": axes.back(back(axes.images(dy)))})


def _interpolation(size, out, scale, mode, align_corners, antialias):
    """Return the matrix of one axis, by PyTorch's rules."""
    pixels = np.arange(out)
    if mode == "area":
        return rules.area(size, out)
    if mode == "nearest":
        return rules.nearest(size, np.floor(pixels / scale))
    if mode == "nearest-exact":
        return rules.nearest(size, np.floor((pixels + 0.5) / scale))
    positions = pixels * (size - 1) / max(out - 1, 1) if align_corners else (pixels + 0.5) / scale - 0.5
    weigh, radius = (rules.cubic(-0.75), 2) if mode == "bicubic" else (rules.tent, 1)
    shrink = min(scale, 1) if antialias else 1
    return rules.weighted(size, positions, weigh, radius, shrink=shrink, drop_outside=antialias)


def upsample_bilinear(input, size=None, scale_factor=None):
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def upsample_nearest(input, size=None, scale_factor=None):
    return interpolate(input, size, scale_factor, "nearest")


def pad(input, pad, mode="constant", value=None):
    ask_arrays(input)
    ask(len(pad) <= 4, "padding of other axes than height and width")
    ask(mode != "constant" or not value, "padding with another value than 0")
    dims = len(pad) // 2
    left, right, top, bottom = (*pad, 0, 0)[:4]
    x = input.reshape(-1, 1, *([1] if dims == 1 or input.ndim == 1 else []), *input.shape[-dims:])
    down = rules.padded(x.shape[2], top, bottom, mode if dims == 2 else "constant")
    y, back = resampled(x, down, rules.padded(x.shape[3], left, right, mode))
    y_shape = (*input.shape[:-dims], *y.shape[-dims:])
    return Answer(y.reshape(y_shape), lambda dy: {"input": back(dy.reshape(y.shape)).reshape(input.shape)})


# -- normalisation --------------------------------------------------------------------------------------


def _flat(x):
    """Return x (N, C, ...) as (N, C) or (N, C, 1, ...)."""
    return x if x.ndim in (2, 4) else x.reshape(*x.shape[:2], 1, -1)


def batch_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    ask_arrays(input, running_mean, running_var, weight, bias)
    ask(eps >= 0, "a negative eps")
    gamma = np.ones(input.shape[1], input.dtype) if weight is None else weight
    beta = np.zeros(input.shape[1], input.dtype) if bias is None else bias
    x, rest = _flat(input), {}
    if training:
        y, cache, (mean, var) = F.batch_norm_train_forward(x, gamma, beta, eps=eps)
        if running_mean is not None:
            rest = {"running_mean": running_mean.copy(), "running_var": running_var.copy()}
            F.update_running_averages(
                *rest.values(), mean, var, momentum=1 - momentum, count=x.size // x.shape[1]
            )
        back = F.batch_norm_train_backward
    else:
        y, cache = F.batch_norm_eval_forward(x, gamma, beta, running_mean, running_var, eps=eps)
        back = F.batch_norm_eval_backward

    def backward(dy):
        dx, dgamma, dbeta = back(dy.reshape(x.shape), cache)
        return {"input": dx.reshape(input.shape), "weight": dgamma, "bias": dbeta}

    def terms(dy):
        return F.batch_norm_eval_backward(dy.reshape(x.shape), cache)[0]

    return Answer(y.reshape(input.shape), backward, rest, terms)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    ask_arrays(input, weight, bias)
    ask(eps >= 0, "a negative eps")
    ask(input.ndim > 1 and input.size > len(input) * num_groups, "the statistics of one value")
    gamma = np.ones(input.shape[1], input.dtype) if weight is None else weight
    beta = np.zeros(input.shape[1], input.dtype) if bias is None else bias
    x = _flat(input)
    y, cache = F.group_norm_forward(x, gamma, beta, groups=num_groups, eps=eps)

    def backward(dy):
        dx, dgamma, dbeta = F.group_norm_backward(dy.reshape(x.shape), cache)
        return {"input": dx.reshape(input.shape), "weight": dgamma, "bias": dbeta}

    def terms(dy):
        inverse_std = cache[2].reshape(len(x), -1, 1)
        return dy.reshape(len(x), num_groups, -1) * inverse_std * abs(gamma).max()

    mean, inverse_std = cache[1:3]
    rest = {"mean": mean, "inverse_std": inverse_std}
    return Answer(y.reshape(input.shape), backward, rest, terms)


def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    ask(use_input_stats, "running statistics of single images")
    return group_norm(input, input.shape[1], weight, bias, eps)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    features = math.prod(normalized_shape)
    ask_arrays(input)

    def flat(vector):
        return None if vector is None else vector.reshape(-1)

    answer = group_norm(input.reshape(-1, features), 1, flat(weight), flat(bias), eps)

    def backward(dy):
        gradients = answer.backward(dy.reshape(-1, features))
        shapes = {"input": input.shape, "weight": normalized_shape, "bias": normalized_shape}
        return {name: gradients[name].reshape(shape) for name, shape in shapes.items()}

    return Answer(answer.y.reshape(input.shape), backward, answer.rest, answer.terms)


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    ask_arrays(input)
    x = input if input.ndim == 4 else input.reshape(*input.shape[:2], 1, -1)
    y, cache = F.local_response_norm_forward(x, size=size, alpha=alpha, beta=beta, k=k)
    back = F.local_response_norm_backward
    return Answer(
        y.reshape(input.shape), lambda dy: {"input": back(dy.reshape(x.shape), cache).reshape(input.shape)}
    )


# -- linear, pointwise, where paths meet ----------------------------------------------------------------


def linear(input, weight, bias=None):
    ask_arrays(input, weight, bias)
    x = input.reshape(-1, input.shape[-1])
    y, cache = F.linear_forward(x, weight, bias)

    def backward(dy):
        dx, dweight, dbias = F.linear_backward(dy.reshape(y.shape), cache)
        return {"input": dx.reshape(input.shape), "weight": dweight, "bias": dbias}

    return Answer(y.reshape(*input.shape[:-1], -1), backward)


def matmul(input, other):
    ask(input.ndim and other.ndim == 2, "a product of more than one matrix")
    answer = linear(input, other.T)

    def backward(dy):
        gradients = answer.backward(dy)
        return {"input": gradients["input"], "other": gradients["weight"].T}

    return Answer(answer.y, backward)


def mm(input, mat2):
    answer = matmul(input, mat2)

    def backward(dy):
        gradients = answer.backward(dy)
        return {"input": gradients["input"], "mat2": gradients["other"]}

    return Answer(answer.y, backward)


def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * mat1 @ mat2: a product, two factors and an addition, or a bias."""
    ask_arrays(input, mat1, mat2)
    if alpha == beta == 1 and input.shape in ((mat2.shape[1],), (1, mat2.shape[1])):
        product = linear(mat1, mat2.T, input.reshape(-1))

        def backward(dy):
            gradients = product.backward(dy)
            return {
                "mat1": gradients["input"],
                "mat2": gradients["weight"].T,
                "input": gradients["bias"].reshape(input.shape),
            }

        return Answer(product.y, backward)
    ask(input.shape == (len(mat1), mat2.shape[1]), "broadcasting")
    product = linear(mat1, mat2.T)
    first, first_cache = F.scale_forward(product.y, factor=alpha)
    second, second_cache = F.scale_forward(input, factor=beta)
    y, cache = F.residual_add_forward(first, second)

    def chain(dy):
        dfirst, dsecond = F.residual_add_backward(dy, cache)
        gradients = product.backward(F.scale_backward(dfirst, first_cache))
        return {
            "mat1": gradients["input"],
            "mat2": gradients["weight"].T,
            "input": F.scale_backward(dsecond, second_cache),
        }

    return Answer(y, chain)


def _pointwise(name):
    forward, back = getattr(F, f"{name}_forward"), getattr(F, f"{name}_backward")

    def function(input):
        ask_arrays(input)
        y, cache = forward(input)
        return Answer(y, lambda dy: {"input": back(dy, cache)})

    return function


relu, sigmoid = _pointwise("relu"), _pointwise("sigmoid")


def leaky_relu(input, negative_slope=0.01):
    ask_arrays(input)
    ask(negative_slope >= 0, "a leaky ReLU whose slope is negative")
    y, cache = F.leaky_relu_forward(input, slope=negative_slope)
    return Answer(y, lambda dy: {"input": F.leaky_relu_backward(dy, cache)})


def softmax(input, dim, dtype=None):
    ask_arrays(input)
    ask(dtype is None, "another dtype for the result")
    x = input if input.ndim else input.reshape(1)
    y, cache = F.softmax_forward(np.moveaxis(x, dim, -1))

    def backward(dy):
        dx = F.softmax_backward(np.moveaxis(dy.reshape(x.shape), dim, -1), cache)
        return {"input": np.moveaxis(dx, -1, dim).reshape(input.shape)}

    return Answer(np.moveaxis(y, -1, dim).reshape(input.shape), backward)


def dropout(input, mask):
    """The mask of 0 and 1 / keep, which the caller must know."""
    ask_arrays(input)
    y, cache = F.dropout_forward(input, mask)
    return Answer(y, lambda dy: {"input": F.dropout_backward(dy, cache)})


def add(input, other, *, alpha=1):
    ask(isinstance(other, np.ndarray), "arithmetic with plain numbers")
    ask_arrays(input, other)
    ask(input.shape == other.shape, "broadcasting")
    scaled, scale_cache = F.scale_forward(other, factor=alpha)
    y, cache = F.residual_add_forward(input, scaled)

    def backward(dy):
        dinput, dscaled = F.residual_add_backward(dy, cache)
        return {"input": dinput, "other": F.scale_backward(dscaled, scale_cache)}

    return Answer(y, backward)


def lerp(input, end, weight):
    """input + weight * (end - input): the highway's gate."""
    ask(isinstance(weight, np.ndarray), "arithmetic with plain numbers")
    ask_arrays(input, end, weight)
    ask(input.shape == end.shape == weight.shape, "broadcasting")
    y, cache = F.gate_forward(end, input, weight)

    def backward(dy):
        dend, dinput, dweight = F.gate_backward(dy, cache)
        return {"input": dinput, "end": dend, "weight": dweight}

    return Answer(y, backward)


def cat(tensors, dim=0):
    ask_arrays(*tensors)
    flat = all(np.ndim(array) == 1 for array in tensors) and -1 <= dim <= 0

    def to_channels(array):
        return array[None] if flat else np.moveaxis(array, dim, 1) if np.ndim(array) > 1 else array

    def back(array):
        return array[0] if flat else np.moveaxis(array, 1, dim)

    y, cache = F.concat_forward([to_channels(array) for array in tensors])

    def backward(dy):
        return {"tensors": [back(part) for part in F.concat_backward(to_channels(dy), cache)]}

    return Answer(back(y), backward)


def narrow(input, dim, start, length):
    ask_arrays(input)
    ask(input.ndim, "arrays without axes")
    ask(input.ndim < 5, "three axes or more in an image")
    start, length = operator.index(start), operator.index(length)
    ask(length, "empty arrays")
    ask(start >= 0, "channels counted from the end")
    x = np.moveaxis(input, dim, 0).reshape(1, input.shape[dim], 1, -1)
    y, cache = F.channels_forward(x, start=start, stop=start + length)
    others = np.moveaxis(input, dim, 0).shape[1:]

    def backward(dy):
        dx = F.channels_backward(np.moveaxis(dy, dim, 0).reshape(y.shape), cache)
        return {"input": np.moveaxis(dx.reshape(-1, *others), 0, dim)}

    return Answer(np.moveaxis(y.reshape(-1, *others), 0, dim), backward)


def flatten(input, start_dim=0, end_dim=-1):
    ask_arrays(input)
    ask(start_dim == 1 and end_dim in (-1, input.ndim - 1), "flattening other axes than all but the batch's")
    y, cache = F.flatten_forward(input)
    return Answer(y, lambda dy: {"input": F.flatten_backward(dy, cache)})


# -- losses ---------------------------------------------------------------------------------------------


def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    ask_arrays(input, weight)
    ask(reduction != "none", "a loss of each example")
    dense = target.dtype.kind == "f"
    ask(not dense, "probabilities as targets in softmax_cross_entropy")
    x = input if input.ndim > 1 else input[None]
    pixels = x.ndim != 2
    logits = x.reshape(*x.shape[:2], 1, -1) if x.ndim not in (2, 4) else x
    labels = target.reshape(len(logits), *logits.shape[2:])
    ask((labels != ignore_index).any(), "the mean over no example")  # ours is 0, PyTorch's NaN
    forward = F.pixel_cross_entropy_forward if pixels else F.softmax_cross_entropy_forward
    loss, cache = forward(
        logits,
        labels,
        class_weights=weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
    )
    back = F.pixel_cross_entropy_backward if pixels else F.softmax_cross_entropy_backward
    probabilities, _, count = cache[0] if pixels else cache
    times = float(count) if reduction == "sum" else 1.0  # the sum is the mean times the sum of the weights
    total, scale_cache = F.scale_forward(loss, factor=times)

    def backward(dy):
        return {"input": back(F.scale_backward(dy, scale_cache), cache).reshape(input.shape)}

    return Answer(total, backward, {"probabilities": probabilities})


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    ask_arrays(input, target, weight)
    ask(weight is None, "weights of the squared errors")
    ask(reduction != "none", "a loss of each example")
    ask(input.shape == target.shape, "broadcasting")
    y, t = (array if array.ndim else array.reshape(1) for array in (input, target))
    loss, cache = F.squared_error_forward(y, t)
    times = 2 * len(y) / (y.size if reduction == "mean" else 1)  # ours: half the sum over the batch's size
    total, scale_cache = F.scale_forward(loss, factor=times)

    def backward(dy):
        dinput, dtarget = F.squared_error_backward(F.scale_backward(dy, scale_cache), cache)
        return {"input": dinput.reshape(input.shape), "target": dtarget.reshape(input.shape)}

    return Answer(total, backward)
