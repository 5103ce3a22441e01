"""Images of another size: every rule that weighs rows and columns separately is two matrix products."""

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, check_ndim, check_shape
from minires.kernels.cpu.layout import as_rows, from_rows


def resample_forward(x, down, across):
    """Return y[n, c] = down @ x[n, c] @ across.T, each channel of each image by itself, and the cache.

    x: (N, C, H, W); down: (OH, H), the weights with which the rows of the image enter those of y (N, C, OH,
    OW); across: (OW, W), the same of the columns. Enlarging by interpolation, shrinking by means and cropping
    are of this kind.
    Raises ValueError for shapes that do not fit.
    """
    check_floats(x=x, down=down, across=across)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    for name, matrix, size in (("down", down, x.shape[2]), ("across", across, x.shape[3])):
        check_ndim(name, matrix, (2, f"(out, {size})"))
        check_shape(name, matrix, (len(matrix), size), f"for an image of {x.shape[2]}x{x.shape[3]}")
    return _product(x, down, across), (down, across, x.shape)


def resample_backward(dy, cache):
    """Return dx (N, C, H, W): the transposed matrices carry the gradient back.

    A pixel of x takes part in y with certain weights, and with the same weights it gets the gradients of y.
    """
    down, across, (n, c, _, _) = cache
    check_gradient(dy, (n, c, len(down), len(across)), down.dtype, on=down)
    return _product(dy, down.T, across.T)


def _product(x, down, across):
    n, c, h, w = x.shape
    rows = as_rows(x).reshape(h, c * w * n)
    rows = (down @ rows).reshape(len(down), c, w, n)
    shape = (n, c, len(down), len(across))
    return from_rows(array_module(x).matmul(across, rows), shape)  # a product for each row and channel
