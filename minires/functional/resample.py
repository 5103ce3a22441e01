"""Images of another size: every rule that weighs rows and columns separately is two matrix products."""

from minires.checks import check_gradient, check_resample
from minires.functional.dispatch import accelerated
from minires.typing import Array, Cache


@accelerated
def resample_forward(x: Array, down: Array, across: Array) -> tuple[Array, Cache]:
    """Return y[n, c] = down @ x[n, c] @ across.T, each channel of each image by itself.

    Parameters
    ----------
    x : (N, C, H, W)
    down : (OH, H)
        The weights with which the rows of the image enter those of y.
    across : (OW, W)
        The same of the columns.

    Returns
    -------
    y : (N, C, OH, OW)
    cache : (down, across, x_shape)

    Raises
    ------
    ValueError
        For shapes that do not fit.

    Notes
    -----
    Enlarging by interpolation, shrinking by means and cropping are of this kind. A weight of 0 is a weight:
    one infinite pixel, times 0, makes NaN of pixels that it has no part in.
    """
    check_resample(x, down, across)
    return down @ x @ across.T, (down, across, x.shape)


@accelerated
def resample_backward(dy: Array, cache: Cache) -> Array:
    """Return dx (N, C, H, W): the transposed matrices carry the gradient back.

    A pixel of x takes part in y with certain weights, and with the same weights it gets the gradients of y.
    """
    down, across, (n, c, _, _) = cache
    check_gradient(dy, (n, c, len(down), len(across)), down.dtype, on=down)
    return down.T @ dy @ across
