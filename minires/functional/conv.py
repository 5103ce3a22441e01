"""Convolution: lay every window out as a column, and one matrix product does the rest.

y = weight @ columns          weight (O, C*KH*KW), columns (C*KH*KW, OH*OW*N)
dweight  = dy @ columns.T
dcolumns = weight.T @ dy      and each pixel's gradient is the sum over the columns it stands in
"""

from minires.backend import array_module
from minires.checks import check_conv2d, check_gradient
from minires.functional.columns import col2im, im2col
from minires.functional.dispatch import accelerated
from minires.sums import total
from minires.typing import Array, Cache, Size


@accelerated
def conv2d_forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, Cache]:
    """Convolve images with a bank of filters (cross-correlation, as everywhere in deep learning).

    Parameters
    ----------
    x : (N, C, H, W)
    weight : (O, C/groups, KH, KW)
    bias : (O,) or None
    stride, padding, dilation : int or (h, w)
        In pixels; what is padded is 0. dilation: from one pixel of a window to the next, 1 side by side.
    groups : int
        Output channels of group g see only input channels of group g (AlexNet's two GPUs).

    Returns
    -------
    y : (N, O, OH, OW)
        With OH = (H + 2*padding - dilation*(KH - 1) - 1) // stride + 1, and OW likewise.
    cache : (x, weight, has_bias, windows, groups)
        x for dweight, weight for dx. Not the columns, which at stride 1 are KH*KW times as large as x:
        backward lays them out again. windows: the geometry, see `minires.windows`.

    Raises
    ------
    ValueError
        For shapes that do not fit.
    TypeError
        For dtypes or devices that differ.

    References
    ----------
    LeCun et al. 1998, "Gradient-based learning applied to document recognition", section II. Yu & Koltun 2015
    (arXiv:1511.07122), equation 2: dilation.

    Examples
    --------
    >>> x, weight = np.ones((1, 3, 5, 5)), np.ones((2, 3, 3, 3))
    >>> y, cache = conv2d_forward(x, weight, padding=1)
    >>> y.shape, float(y[0, 0, 0, 0]), float(y[0, 0, 2, 2])
    ((1, 2, 5, 5), 12.0, 27.0)
    """
    windows, groups = check_conv2d(x, weight, bias, stride, padding, dilation, groups)
    n, o, (oh, ow) = len(x), len(weight), windows.out_size
    columns = im2col(x, **windows.options()).reshape(groups, -1, oh * ow * n)
    filters = weight.reshape(groups, o // groups, -1)
    y = filters @ columns  # (groups, O/groups, OH*OW*N): one product a group
    if bias is not None:
        y += bias.reshape(groups, -1, 1)
    y = y.reshape(o, oh, ow, n).transpose(3, 0, 1, 2)
    return y, (x, weight, bias is not None, windows, groups)


@accelerated
def conv2d_backward(
    dy: Array, cache: Cache, *, need_dx: bool = True
) -> tuple[Array | None, Array, Array | None]:
    """Return the three gradients of `conv2d_forward`.

    Parameters
    ----------
    dy : (N, O, OH, OW)
        The gradient of the loss with respect to y.
    cache : what `conv2d_forward` returned
    need_dx : bool
        False if x is given data, whose gradient nobody wants; dx is then None.

    Returns
    -------
    dx, like x; dweight, like weight; dbias (O,), or None if there was no bias

    Notes
    -----
    dbias sums dy over images and pixels: the same bias was added at every pixel of every image.
    """
    x, weight, has_bias, windows, groups = cache
    check_gradient(dy, (len(x), len(weight), *windows.out_size), x.dtype, on=x)
    dy = dy.transpose(1, 2, 3, 0).reshape(groups, len(weight) // groups, -1)  # (groups, O/groups, OH*OW*N)
    columns = im2col(x, **windows.options()).reshape(groups, -1, dy.shape[2])
    filters = weight.reshape(groups, len(weight) // groups, -1)
    dweight = dy @ columns.transpose(0, 2, 1)  # dweight = dy @ columns.T, for each group
    dbias = total(dy, axis=2).reshape(-1) if has_bias else None
    if not need_dx:
        return None, dweight.reshape(weight.shape), dbias
    dcolumns = filters.transpose(0, 2, 1) @ dy  # dcolumns = weight.T @ dy
    dx = col2im(dcolumns.reshape(-1, dy.shape[2]), x.shape, **windows.options())
    return dx, dweight.reshape(weight.shape), dbias


@accelerated
def conv2d_predict(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    relu: bool = False,
) -> Array:
    """Return y of `conv2d_forward` alone, or max(y, 0) of it, remembering nothing.

    Parameters
    ----------
    relu : bool
        Whether max(y, 0) is returned. The other arguments, and the errors, are those of `conv2d_forward`.

    Returns
    -------
    y : (N, O, OH, OW)
    """
    y, _ = conv2d_forward(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return array_module(y).maximum(y, 0) if relu else y
