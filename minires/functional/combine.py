"""Where paths meet: addition, concatenation, the parameter-free shortcut, and flatten."""

import math

from minires.checks import check_floats, check_gradient, check_ndim, check_shape, pair, whole_number
from minires.kernels.cpu.layout import empty_images
from minires.kernels.cpu.parallel import elementwise

PLACEMENTS = ("append", "split", "mean")


def residual_add_forward(branch, shortcut):
    """Return F(x) + x, the sum that residual networks are named after, and the cache (nothing).

    branch, shortcut: the same shape. He et al. 2015 (arXiv:1512.03385), equation 1.
    """
    return residual_add_predict(branch, shortcut), ()


def residual_add_predict(branch, shortcut, *, relu=False):
    """Return residual_add_forward's y alone, or max(y, 0), taken of each tile while it is in the cache."""
    xp = check_floats(branch=branch, shortcut=shortcut)
    check_shape(
        "shortcut", shortcut, branch.shape, "that of the branch; use a projection or a padded shortcut"
    )

    def tile(branch, shortcut, out):
        xp.add(branch, shortcut, out=out)
        if relu:
            xp.maximum(out, 0, out=out)

    return elementwise(tile, branch, shortcut)


def residual_add_backward(dy, cache):
    """Return (dbranch, dshortcut): both are dy itself. The gradient passes an addition unchanged, and this
    is how it reaches the first layer of a hundred (He et al. 2016, arXiv:1603.05027, equation 5)."""
    () = cache
    return dy, dy


def concat_forward(arrays):
    """Join arrays along the channel axis 1: (N, C1, ...), (N, C2, ...) -> (N, C1 + C2, ...).

    Raises ValueError if there is none, or if they differ in another axis.
    """
    if arrays is None or hasattr(arrays, "dtype"):
        raise TypeError(f"arrays: expected a sequence of arrays, got {type(arrays).__name__}")
    arrays = list(arrays)
    if not arrays:
        raise ValueError("arrays: expected at least one array to concatenate, got none")
    xp = check_floats(**{f"arrays[{i}]": array for i, array in enumerate(arrays)})
    if arrays[0].ndim < 2:
        raise ValueError(f"arrays[0]: expected the axes (N, C, ...), got the shape {arrays[0].shape}")
    n, _, *rest = arrays[0].shape
    for i, array in enumerate(arrays):
        check_shape(f"arrays[{i}]", array, (n, *array.shape[1:2], *rest), "equal but for the channels")
    channels = tuple(array.shape[1] for array in arrays)
    shape = (n, sum(channels), *rest)
    y = empty_images(arrays[0], shape) if len(shape) == 4 else xp.empty(shape, arrays[0].dtype)
    for part, array in zip(_parts(channels), arrays, strict=True):
        y[:, part] = array
    return y, (channels, shape, y.dtype)


def concat_backward(dy, cache):
    """Return a tuple with each array's own channels of dy."""
    channels, shape, dtype = cache
    check_gradient(dy, shape, dtype)
    return tuple(dy[:, part] for part in _parts(channels))


def _parts(channels):
    edges = [sum(channels[:i]) for i in range(len(channels) + 1)]
    return [slice(begin, end) for begin, end in zip(edges, edges[1:], strict=False)]


def pad_shortcut_forward(x, *, channels, stride, placement="append"):
    """Identity shortcut to a smaller map with more channels: subsample, and fill new channels with zeros.

    x: (N, C, H, W); channels: of the output, at least C; stride: int or (h, w).
    placement: "append" takes every stride-th pixel and puts the zeros behind the channels (fb.resnet.torch),
    "split" puts half of them before (the common CIFAR repository), "mean" averages stride x stride pixels
    and appends (the stochastic depth code; an incomplete window at the edge is left out).
    Returns y (N, channels, OH, OW) and the cache. He et al. 2015, section 3.3, option A: no parameters.
    """
    xp = check_floats(x=x)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    stride = pair("stride", stride, least=1)
    n, c, h, w = x.shape
    if whole_number("channels", channels, least=1) < c:
        raise ValueError(f"channels: expected at least the input's {c}, got {channels}")
    if placement not in PLACEMENTS:
        raise ValueError(f"placement: expected one of {', '.join(PLACEMENTS)}, got {placement!r}")
    if placement == "mean" and (h < stride[0] or w < stride[1]):
        raise ValueError(f"placement 'mean': the window {stride} is larger than the image {h}x{w}")
    first = (channels - c) // 2 if placement == "split" else 0
    pixels = _subsamples(x, stride, placement)
    y = empty_images(x, (n, channels, *pixels[0].shape[2:]))
    y[:, :first] = 0
    y[:, first + c :] = 0
    copied = y[:, first : first + c]
    xp.multiply(pixels[0], 1 / len(pixels), out=copied)
    for other in pixels[1:]:
        copied += other * (1 / len(pixels))
    return y, (x.shape, y.shape, x.dtype, stride, placement, first)


def pad_shortcut_backward(dy, cache):
    """Return dx (N, C, H, W): dy of the copied channels at the pixels that were taken, 0 elsewhere."""
    x_shape, y_shape, dtype, stride, placement, first = cache
    check_gradient(dy, y_shape, dtype)
    dx = empty_images(dy, x_shape)
    dx[...] = 0
    pixels = _subsamples(dx, stride, placement)
    for pixel in pixels:
        pixel += dy[:, first : first + x_shape[1]] * (1 / len(pixels))
    return dx


def _subsamples(x, stride, placement):
    """Return views of x: the pixels that are averaged into one, each an array (N, C, OH, OW)."""
    if placement != "mean":
        return [x[:, :, :: stride[0], :: stride[1]]]
    whole = x[:, :, : x.shape[2] // stride[0] * stride[0], : x.shape[3] // stride[1] * stride[1]]
    return [whole[:, :, i :: stride[0], j :: stride[1]] for i in range(stride[0]) for j in range(stride[1])]


def flatten_forward(x):
    """Return x (N, ...) as a matrix (N, features), a view where the memory allows it, and the cache."""
    check_floats(x=x)
    if x.ndim == 0:
        raise ValueError("x: expected at least the axis of the batch, got the shape ()")
    return x.reshape(x.shape[0], -1), (x.shape, x.dtype)


def flatten_backward(dy, cache):
    """Return dy in the shape that x had."""
    shape, dtype = cache
    check_gradient(dy, (shape[0], math.prod(shape[1:])), dtype)
    if len(shape) != 4:
        return dy.reshape(shape)
    dx = empty_images(dy, shape)
    dx[...] = dy.reshape(shape)
    return dx
