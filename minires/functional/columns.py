"""im2col lays every window of an image out as a column; col2im, its adjoint, adds the columns back.

(The adjoint of a linear map is the transposed one: what its backward must be.) Both loop over the KH*KW
positions inside a window, not over the many windows: each step handles one position of all windows at once,
a slice of the padded image that begins at (kh, kw), or at dilation times that, and takes every stride-th
pixel.
"""

from minires.backend import array_module
from minires.checks import check_col2im, check_im2col
from minires.functional.dispatch import accelerated
from minires.typing import Array, Shape, Size


@accelerated
def im2col(x: Array, *, kernel_size: Size, stride: Size = 1, padding: Size = 0, dilation: Size = 1) -> Array:
    """Lay out every window of x as a column.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size, stride, padding, dilation : int or (h, w)
        In pixels; what is padded is 0. dilation: from one pixel of a window to the next.

    Returns
    -------
    columns : (C*KH*KW, OH*OW*N)
        The column of output pixel (oh, ow) of image n stands at (oh*OW + ow)*N + n and holds the window's
        values channel by channel, row by row. So weight.reshape(O, -1) @ columns is the convolution.

    Raises
    ------
    ValueError
        If x is not 4-D or the kernel is larger than the padded image.

    References
    ----------
    Chellapilla, Puri & Simard 2006, "High performance convolutional neural networks for document processing".

    Examples
    --------
    >>> image = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> im2col(image, kernel_size=2)
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    windows = check_im2col(x, kernel_size, stride, padding, dilation)
    (n, c, h, w), (kh, kw), (oh, ow) = x.shape, windows.kernel, windows.out_size
    (down, across), (top, left) = windows.stride, windows.padding
    padded = array_module(x).zeros_like(x, shape=(n, c, h + 2 * top, w + 2 * left))
    padded[:, :, top : top + h, left : left + w] = x
    columns = array_module(x).empty((c, kh, kw, oh, ow, n), x.dtype)
    for i in range(kh):
        for j in range(kw):
            row, column = i * windows.dilation[0], j * windows.dilation[1]
            pixels = padded[:, :, row : row + down * oh : down, column : column + across * ow : across]
            columns[:, i, j] = pixels.transpose(1, 2, 3, 0)
    return columns.reshape(c * kh * kw, oh * ow * n)


@accelerated
def col2im(
    columns: Array,
    x_shape: Shape,
    *,
    kernel_size: Size,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Array:
    """Add every column back onto the pixels it was taken from: the adjoint of im2col.

    Parameters
    ----------
    columns : (C*KH*KW, OH*OW*N)
    x_shape : (N, C, H, W)
    kernel_size, stride, padding, dilation : int or (h, w)
        As they were for `im2col`.

    Returns
    -------
    dx : (N, C, H, W)
        A pixel that stands in several windows gets the sum: the gradients of a value's uses add up.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    windows = check_col2im(columns, x_shape, kernel_size, stride, padding, dilation)
    (n, c, h, w), (kh, kw), (oh, ow) = x_shape, windows.kernel, windows.out_size
    (down, across), (top, left) = windows.stride, windows.padding
    columns = columns.reshape(c, kh, kw, oh, ow, n)
    padded = array_module(columns).zeros((c, h + 2 * top, w + 2 * left, n), columns.dtype)
    for i in range(kh):
        for j in range(kw):
            row, column = i * windows.dilation[0], j * windows.dilation[1]
            pixels = padded[:, row : row + down * oh : down, column : column + across * ow : across]
            pixels += columns[:, i, j]
    return padded[:, top : top + h, left : left + w].transpose(3, 0, 1, 2)
