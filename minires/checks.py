"""The questions every function asks of its arguments before it computes anything.

The first half serves all; the second holds one check for each operation, so that the textbook's function and
its kernels refuse the same things in the same words.
"""

import math
import numbers
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from minires.backend import array_module
from minires.typing import Array, Shape, Shaped, Size
from minires.windows import Windows

FLOATS = (np.dtype("float32"), np.dtype("float64"))  # in this machine's byte order


def check_floats(*, bias: Array | None = None, **arrays: Array) -> ModuleType:
    """Return the arrays' module, or raise if they are not non-empty float arrays of one dtype on one device.

    arrays: by the names the caller uses; only bias may be None.
    """
    if bias is not None:
        arrays["bias"] = bias
    xp = array_module(*arrays.values(), names=tuple(arrays))
    first = next(iter(arrays))
    dtype = arrays[first].dtype
    for name, array in arrays.items():
        if array.dtype is dtype and dtype in FLOATS and array.size:
            continue
        kind, size, native = array.dtype.kind, array.dtype.itemsize, array.dtype.isnative
        if kind != "f" or size not in (4, 8) or not native:
            raise TypeError(
                f"{name}: expected float32 or float64, got {array.dtype}; convert with .astype('float32')"
            )
        if array.dtype != dtype:
            raise TypeError(
                f"expected one dtype, but {first} is {dtype} and {name} is {array.dtype}; "
                "convert one of them with .astype"
            )
        if array.size == 0:
            raise ValueError(f"{name}: expected at least one element, got the empty shape {array.shape}")
    return xp


def check_ndim(name: str, array: Shaped, *allowed: tuple[int, str]) -> None:
    """Raise ValueError unless array has one of the allowed (ndim, "axes in words")."""
    if array.ndim not in [ndim for ndim, _ in allowed]:
        axes = " or ".join(words for _, words in allowed)
        raise ValueError(f"{name}: expected the axes {axes}, got the shape {tuple(array.shape)}")


def check_shape(name: str, array: Shaped | None, shape: Sequence[int], why: str = "") -> None:
    """Raise ValueError unless array has exactly this shape; None is skipped."""
    if array is not None and tuple(array.shape) != tuple(shape):
        reason = f" ({why})" if why else ""
        raise ValueError(f"{name}: expected the shape {tuple(shape)}{reason}, got {tuple(array.shape)}")


def check_gradient(dy: Array, shape: Sequence[int], dtype: np.dtype, on: Array | None = None) -> None:
    """Raise unless the upstream gradient dy has the shape and dtype of what forward returned, and its device.

    on: an array that forward remembered and that tells the device; None where it remembered none.
    """
    array_module(*((dy,) if on is None else (dy, on)), names=("dy", "what forward returned"))
    check_shape("dy", dy, shape, "that of what forward returned")
    if dy.dtype != dtype:
        raise TypeError(f"dy: expected {dtype}, the dtype of what forward returned, got {dy.dtype}")


def plain(value: Any) -> Any:
    """Return the Python number that a NumPy scalar or 0-d array holds; anything else as it is.

    Every setting goes through here: NumPy's float64 would turn float32 arrays into float64 ones.
    """
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0 else value


def number(name: str, value: Any) -> float:
    """Return value, a number of Python or NumPy, as a Python float; TypeError if it is none."""
    value = plain(value)
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    return float(value)


def in_range(name: str, value: float, least: float, most: float) -> float:
    """Return value as a Python float, or raise ValueError unless it is finite and lies from least to most."""
    value = number(name, value)
    if not least <= value <= most or math.isinf(value):
        range_ = f"number from {least} to {most}" if most < math.inf else f"finite number of at least {least}"
        raise ValueError(f"{name}: expected a {range_}, got {value}")
    return value


def check_positive(name: str, value: float) -> float:
    """Return value as a Python float, or raise ValueError unless it is a finite number above 0."""
    value = plain(value)
    if not (isinstance(value, (int, float)) and 0 < value < math.inf):
        raise ValueError(f"{name}: expected a positive number, got {value!r}")
    return float(value)


def pair(name: str, value: Size, *, least: int) -> tuple[int, int]:
    """Return value, an int or (h, w), as a pair of ints, each at least `least`."""
    h, w = value if type(value) is tuple and len(value) == 2 else (value, value)
    if type(h) is int and type(w) is int and h >= least and w >= least:
        return h, w
    value = plain(value)
    values = tuple(map(plain, value)) if isinstance(value, (tuple, list)) else (value, value)
    whole = len(values) == 2 and all(is_whole(number) for number in values)
    if not whole or min(values) < least:
        raise ValueError(f"{name}: expected an integer >= {least} or a pair (h, w) of them, got {value!r}")
    return int(values[0]), int(values[1])


def whole_number(name: str, value: int, *, least: int) -> int:
    """Return value as an int, or raise ValueError unless it is one, at least `least`."""
    if type(value) is int and value >= least:
        return value
    value = plain(value)
    if not is_whole(value) or value < least:
        raise ValueError(f"{name}: expected an integer >= {least}, got {value!r}")
    return int(value)


def is_whole(value: object) -> bool:
    """Whether value is an integer, Python's or NumPy's, and no truth value and no array."""
    return hasattr(value, "__index__") and not isinstance(value, bool) and not hasattr(value, "__len__")


def check_windows(
    size: Sequence[int],
    *,
    kernel_size: Size,
    stride: Size,
    padding: Size,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Windows:
    """Return the Windows of a kernel sliding over images of size (H, W).

    OH = (H + 2*padding - RH) // stride + 1 with the reach RH = (KH - 1)*dilation + 1, and OW likewise; with
    ceil_mode the division rounds up, as long as the last window starts inside the image or its leading
    padding.
    Raises ValueError if a value is out of range or the kernel is larger than the padded image.
    """
    kernel = pair("kernel_size", kernel_size, least=1)
    stride = pair("stride", stride, least=1)
    padding = pair("padding", padding, least=0)
    dilation = pair("dilation", dilation, least=1)
    padded = size[0] + 2 * padding[0], size[1] + 2 * padding[1]
    reach = (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1

    def count(axis: int) -> int:
        room = padded[axis] - reach[axis]
        if not ceil_mode:
            return room // stride[axis] + 1
        last = -(-room // stride[axis])
        starts_inside = last * stride[axis] < size[axis] + padding[axis]
        return last + 1 if starts_inside else last

    out_size = count(0), count(1)
    if min(out_size) < 1:
        spans = "" if reach == kernel else f", which spans {reach[0]}x{reach[1]} pixels with its dilation,"
        raise ValueError(
            f"the kernel {kernel[0]}x{kernel[1]}{spans} is larger than the padded image "
            f"{padded[0]}x{padded[1]} ({size[0]}x{size[1]} with padding {padding[0]}, {padding[1]}); "
            "use a larger image, more padding or a smaller kernel"
        )
    return Windows(kernel, stride, padding, (size[0], size[1]), out_size, dilation)


# -- one check for each operation -----------------------------------------------------------------------


def check_conv2d(
    x: Array, weight: Array, bias: Array | None, stride: Size, padding: Size, dilation: Size, groups: int
) -> tuple[Windows, int]:
    """Return (windows, groups) of a convolution, or raise what `F.conv2d_forward` says it raises."""
    check_floats(x=x, weight=weight, bias=bias)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    check_ndim("weight", weight, (4, "(O, C/groups, KH, KW)"))
    (o, c), channels = weight.shape[:2], x.shape[1]
    groups = whole_number("groups", groups, least=1)
    if channels % groups or o % groups:
        raise ValueError(f"groups: {groups} does not divide {channels} input and {o} output channels")
    if c * groups != channels:
        raise ValueError(
            f"x has {channels} channels, but weight {tuple(weight.shape)} with groups={groups} "
            f"expects {c * groups}"
        )
    check_shape("bias", bias, (o,), "one for each output channel")
    windows = check_windows(
        x.shape[2:], kernel_size=weight.shape[2:], stride=stride, padding=padding, dilation=dilation
    )
    return windows, groups


def check_im2col(x: Array, kernel_size: Size, stride: Size, padding: Size, dilation: Size) -> Windows:
    """Return the Windows over images x (N, C, H, W)."""
    check_floats(x=x)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    return check_windows(
        x.shape[2:], kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation
    )


def check_col2im(
    columns: Array, x_shape: Shape, kernel_size: Size, stride: Size, padding: Size, dilation: Size
) -> Windows:
    """Return the Windows over images of x_shape (N, C, H, W) whose columns these are."""
    check_floats(columns=columns)
    if len(x_shape) != 4:
        raise ValueError(f"x_shape: expected (N, C, H, W), got {tuple(x_shape)}")
    n, c, h, w = x_shape
    windows = check_windows(
        (h, w), kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation
    )
    (kh, kw), (oh, ow) = windows.kernel, windows.out_size
    check_shape("columns", columns, (c * kh * kw, oh * ow * n), f"for images {tuple(x_shape)}")
    return windows


def check_pool(
    x: Array,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    ceil_mode: bool,
    dilation: Size = 1,
) -> Windows:
    """Return the Windows of a pooling; stride None means kernel_size."""
    check_floats(x=x)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    windows = check_windows(
        x.shape[2:],
        kernel_size=kernel_size,
        stride=kernel_size if stride is None else stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )
    if any(2 * p > k for p, k in zip(windows.padding, windows.kernel, strict=True)):
        raise ValueError(
            f"padding: expected at most half the kernel {windows.kernel}, got {windows.padding}; "
            "a window must not lie in the padding alone"
        )
    return windows


def check_linear(x: Array, weight: Array, bias: Array | None) -> None:
    """Raise unless x (N, I), weight (O, I) and bias (O,) or None fit together."""
    check_floats(x=x, weight=weight, bias=bias)
    check_ndim("x", x, (2, "(N, I)"))
    check_ndim("weight", weight, (2, "(O, I)"))
    check_shape("weight", weight, (len(weight), x.shape[1]), f"(O, I) for inputs of {x.shape[1]} features")
    check_shape("bias", bias, weight.shape[:1], "one for each output")


def check_norm(x: Array, *, eps: float, **vectors: Array) -> tuple[ModuleType, float]:
    """Return the module of x (N, C, H, W) or (N, C) and eps, or raise unless vectors are (C,), eps >= 0."""
    xp = check_floats(x=x, **vectors)
    check_ndim("x", x, (2, "(N, C)"), (4, "(N, C, H, W)"))
    for name, vector in vectors.items():
        check_shape(name, vector, x.shape[1:2], "one for each channel of x")
    return xp, check_eps(eps)


def check_eps(eps: float) -> float:
    """Return eps as a float, or raise unless it is a number of at least 0."""
    eps = number("eps", eps)
    if not eps >= 0:
        raise ValueError(f"eps: expected a number >= 0, got {eps}")
    return eps


def check_batch(x: Array) -> None:
    """Raise ValueError unless every channel of x (N, C, ...) has at least two values."""
    if x.size == x.shape[1]:
        raise ValueError(
            f"x: batch statistics need at least two values a channel, got {tuple(x.shape)}; "
            "use a larger batch, or eval mode"
        )


def check_groups(x: Shaped, groups: int) -> int:
    """Return groups as an int, or raise unless they divide the channels of x, two values or more to each."""
    groups = whole_number("groups", groups, least=1)
    if x.shape[1] % groups:
        raise ValueError(f"groups: expected a divisor of the {x.shape[1]} channels of x, got {groups}")
    if x.size == x.shape[0] * groups:
        raise ValueError(
            f"x: statistics need at least two values a group, got {tuple(x.shape)} in {groups} groups; "
            "take fewer groups"
        )
    return groups


def check_response_norm(
    x: Array, size: int, alpha: float, beta: float, k: float
) -> tuple[int, float, float, float]:
    """Return (size, alpha, beta, k), plain numbers, or raise unless x is (N, C, H, W) and size at least 1."""
    check_floats(x=x)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    size = whole_number("size", size, least=1)
    return size, number("alpha", alpha), number("beta", beta), number("k", k)


def check_addends(branch: Array, shortcut: Array) -> ModuleType:
    """Return the module of two arrays of one shape."""
    xp = check_floats(branch=branch, shortcut=shortcut)
    check_shape(
        "shortcut", shortcut, branch.shape, "that of the branch; use a projection or a padded shortcut"
    )
    return xp


def check_gate(branch: Array, shortcut: Array, gate: Array) -> None:
    """Raise unless the three arrays have one shape."""
    check_floats(branch=branch, shortcut=shortcut, gate=gate)
    check_shape("shortcut", shortcut, branch.shape, "that of the branch")
    check_shape("gate", gate, branch.shape, "that of the branch: a gate decides element by element")


def check_resample(x: Array, down: Array, across: Array) -> None:
    """Raise unless down (OH, H) and across (OW, W) fit images x (N, C, H, W)."""
    check_floats(x=x, down=down, across=across)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    for name, matrix, size in (("down", down, x.shape[2]), ("across", across, x.shape[3])):
        check_ndim(name, matrix, (2, f"(out, {size})"))
        check_shape(name, matrix, (len(matrix), size), f"for an image of {x.shape[2]}x{x.shape[3]}")


def check_cross_entropy(
    logits: Array,
    labels: Array,
    label_smoothing: float,
    ignore_index: int | None,
    class_weights: Array | None,
) -> tuple[ModuleType, float]:
    """Return the module of logits (N, K) and label_smoothing, or raise what
    `F.softmax_cross_entropy_forward` says it raises."""
    xp = check_floats(logits=logits)
    check_ndim("logits", logits, (2, "(N, K)"))
    array_module(logits, labels, names=("logits", "labels"))
    n, classes = logits.shape
    check_shape("labels", labels, (n,), "one for each row of logits")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels: expected integers, got {labels.dtype}")
    ignore_index = plain(ignore_index)
    if ignore_index is not None and not is_whole(ignore_index):
        raise ValueError(f"ignore_index: expected an integer or None, got {ignore_index!r}")
    if xp.__name__ == "numpy":  # to look at them on a GPU would stall it: checked when they are batched
        _check_labels(labels, classes, ignore_index)
    label_smoothing = number("label_smoothing", label_smoothing)
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing: expected a number in [0, 1), got {label_smoothing}")
    if class_weights is not None:
        check_floats(logits=logits, class_weights=class_weights)
        check_shape("class_weights", class_weights, (classes,), "one for each class")
        if xp.__name__ == "numpy":
            wrong = class_weights[~((class_weights >= 0) & np.isfinite(class_weights))]
            if wrong.size:
                raise ValueError(f"class_weights: expected finite numbers >= 0, got {wrong[0]} among them")
    return xp, label_smoothing


def _check_labels(labels: Array, classes: int, ignore_index: int | None) -> None:
    """Raise ValueError unless all labels are classes, or the one that is ignored."""
    if ignore_index is not None:
        labels = labels[labels != ignore_index]
    if labels.size and not (0 <= labels.min() and labels.max() < classes):
        ignored = "" if ignore_index is None else f", or {ignore_index}, which is ignored"
        hint = "; a label that shall not count is named by ignore_index" if ignore_index is None else ""
        raise ValueError(
            f"labels: expected integers from 0 to {classes - 1}{ignored}, "
            f"got {labels.min()} to {labels.max()}{hint}"
        )


def check_regions(
    x: Array, boxes: Array, image_index: Array, size: int, scale: float, samples: int = 1
) -> tuple[int, float, int]:
    """Return (size, scale, samples) as plain numbers, or raise what `F.roi_pool_forward` says it raises."""
    xp = check_floats(x=x, boxes=boxes)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    check_shape("boxes", boxes, (len(boxes), 4), "x1, y1, x2, y2 of each")
    array_module(x, image_index, names=("x", "image_index"))
    check_shape("image_index", image_index, (len(boxes),), "one for each box")
    if image_index.dtype.kind not in "iu":
        raise TypeError(f"image_index: expected integers, got {image_index.dtype}")
    # to look at them on a GPU would stall it
    if xp.__name__ == "numpy" and not (0 <= image_index.min() and image_index.max() < len(x)):
        raise ValueError(
            f"image_index: expected integers from 0 to {len(x) - 1}, got {image_index.min()} to "
            f"{image_index.max()}"
        )
    size, samples = whole_number("size", size, least=1), whole_number("samples", samples, least=1)
    return size, check_positive("scale", scale), samples


def check_rows(values: Array, target: Array, weights: Array | None, shape: Shape, name: str) -> ModuleType:
    """Return the module of a loss's values, or raise unless target is like them and weights has that shape.

    name: of the values.
    """
    given = {} if weights is None else {"weights": weights}
    xp = check_floats(**{name: values, "target": target}, **given)
    check_shape("target", target, values.shape, f"that of {name}")
    check_shape("weights", weights, shape, "one for each row")
    return xp
