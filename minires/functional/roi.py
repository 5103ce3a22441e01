"""Regions of interest: boxes of any size cut out of a feature map, each as size x size numbers.

Boxes (x1, y1, x2, y2) are in pixels of the image, the map is the image times `scale`. A bin's rows and its
columns are chosen separately, so each box is two small matrices: `down` (P, H) for the rows of its P x P bins
and `across` (P, W) for their columns. x alone has a gradient: boxes are constants.
"""

from minires.backend import array_module
from minires.checks import check_gradient, check_regions
from minires.functional.dispatch import accelerated
from minires.typing import Array, Cache, Shape


@accelerated
def roi_pool_forward(
    x: Array, boxes: Array, image_index: Array, *, size: int, scale: float
) -> tuple[Array, Cache]:
    """Return the largest value of each of size x size bins of every box.

    Parameters
    ----------
    x : (N, C, H, W)
        Feature maps.
    boxes : (R, 4)
        (x1, y1, x2, y2) in pixels of the image; they may overlap, and hang over the edge.
    image_index : (R,)
        Integers: the image that each box lies in.
    size
        P, bins a side.
    scale
        Cells of the map for one pixel of the image: 1 / stride.

    Returns
    -------
    y : (R, C, P, P)
        0 in a bin that has no cell of the map.
    cache : (argmax, image_index, x_shape, dtype)
        argmax (R, C, P, P), int32, is the cell h*W + w of each bin's largest value, the first of equals; -1:
        none, the bin is empty (or all is minus infinity).

    Raises
    ------
    ValueError
        For shapes that do not fit, or an image_index out of range (on a GPU it is not looked at).
    TypeError
        If image_index are not integers.

    Notes
    -----
    With a = round(x1 * scale), a half away from zero, and n = max(round(x2 * scale) - a + 1, 1), bin p covers
    the cells from a + floor(p n / P) up to, without, a + ceil((p + 1) n / P), and likewise in y. Neighbours
    share a cell where P does not divide n. The + 1 is a relic of boxes that include their last pixel: a box
    of exactly one cell pools two.

    References
    ----------
    Girshick 2015, "Fast R-CNN" (arXiv:1504.08083), section 2.1.

    Examples
    --------
    >>> x, image = np.arange(64.0).reshape(1, 1, 8, 8), np.array([0])
    >>> y, cache = roi_pool_forward(x, np.array([[0.0, 0.0, 4.0, 4.0]]), image, size=2, scale=1.0)
    >>> y[0, 0]
    array([[18., 20.],
           [34., 36.]])
    """
    xp = check_regions(x, boxes, image_index, size, scale)
    (_, c, h, w), count, maps = x.shape, len(boxes), x[image_index]  # (R, C, H, W): each box's own map
    across, down = (_cells_of_bins(boxes[:, axis::2] * scale, size, (w, h)[axis]) for axis in (0, 1))
    y = xp.full_like(x, -xp.inf, shape=(count, c, size, size))
    argmax = xp.zeros_like(y, dtype=xp.int32)
    for p, q in ((p, q) for p in range(size) for q in range(size)):
        inside = down[:, p, :, None] & across[:, q, None, :]  # (R, H, W): the cells of this bin of every box
        values = xp.where(inside[:, None], maps, -xp.inf).reshape(count, c, h * w)
        y[:, :, p, q], argmax[:, :, p, q] = values.max(axis=2), values.argmax(axis=2)
    argmax = xp.where(y == -xp.inf, xp.int32(-1), argmax)
    rows, columns = down.sum(axis=2), across.sum(axis=2)  # (R, P): how many cells a bin has
    filled = (rows[:, None, :, None] > 0) & (columns[:, None, None, :] > 0)
    return xp.where(filled, y, 0), (argmax, image_index, x.shape, x.dtype)


@accelerated
def roi_pool_backward(dy: Array, cache: Cache) -> Array:
    """Return dx (N, C, H, W): each bin's dy goes to its largest cell; overlapping bins and boxes add up."""
    argmax, image_index, x_shape, dtype = cache
    check_gradient(dy, argmax.shape, dtype, on=argmax)
    xp, (_, c, h, w), count = array_module(dy), x_shape, len(dy)
    cells, dmaps = xp.arange(h * w), xp.zeros_like(dy, shape=(count, c, h * w))
    for p, q in ((p, q) for p in range(dy.shape[2]) for q in range(dy.shape[3])):
        dmaps += dy[:, :, p, q, None] * (argmax[:, :, p, q, None] == cells)
    return _sum_of_each_image(dmaps, image_index, x_shape)


@accelerated
def roi_align_forward(
    x: Array, boxes: Array, image_index: Array, *, size: int, scale: float, samples: int = 2
) -> tuple[Array, Cache]:
    """Return the mean over samples x samples interpolated points in each of size x size bins of every box.

    Parameters
    ----------
    x, boxes, image_index, size, scale
        As for `roi_pool_forward`.
    samples
        Points of a bin in either direction.

    Returns
    -------
    y : (R, C, P, P)
    cache : (down, across, image_index, x_shape)
        down (R, P, H) and across (R, P, W): the weights with which the rows and the columns of the map enter
        the bins of each box.

    Raises
    ------
    ValueError
        For shapes that do not fit, or an image_index out of range (on a GPU it is not looked at).
    TypeError
        If image_index are not integers.

    Notes
    -----
    Nothing is rounded: y[r] = down[r] @ x[image_index[r]] @ across[r].T. The cell i has its centre at
    i + 1/2; a point z, in units of cells from the first centre, takes max(0, 1 - abs(clip(z, 0, H-1) - i)) of
    it, and nothing of any if z < -1 or z > H. A row of `down` is the mean over a bin's points. (This is
    torchvision's aligned=True; the first version of RoIAlign lay half a cell off.)

    On the image itself, with scale=1 and samples=1, it is the crop and warp of R-CNN.

    References
    ----------
    He, Gkioxari, Dollar & Girshick 2017, "Mask R-CNN" (arXiv:1703.06870), section 3.

    Examples
    --------
    >>> x, image = np.arange(64.0).reshape(1, 1, 8, 8), np.array([0])
    >>> y, cache = roi_align_forward(x, np.array([[0.0, 0.0, 4.0, 4.0]]), image, size=2, scale=1.0)
    >>> y[0, 0]
    array([[ 4.5,  6.5],
           [20.5, 22.5]])
    """
    check_regions(x, boxes, image_index, size, scale, samples)
    across, down = (
        _weights_of_bins(boxes[:, axis::2] * scale, size, samples, x.shape[3 - axis]) for axis in (0, 1)
    )
    y = down[:, None] @ x[image_index] @ across.swapaxes(1, 2)[:, None]
    return y, (down, across, image_index, x.shape)


@accelerated
def roi_align_backward(dy: Array, cache: Cache) -> Array:
    """Return dx (N, C, H, W): the transposed matrices carry the gradient back; boxes of an image add up."""
    down, across, image_index, x_shape = cache
    shape = (len(down), x_shape[1], down.shape[1], across.shape[1])
    check_gradient(dy, shape, down.dtype, on=down)
    dmaps = down.swapaxes(1, 2)[:, None] @ dy @ across[:, None]  # (R, C, H, W)
    return _sum_of_each_image(dmaps, image_index, x_shape)


def _cells_of_bins(ends: Array, size: int, length: int) -> Array:
    """Return which of the cells in a row of the map lie in each bin: booleans (R, P, length).

    ends: (R, 2), where the boxes begin and end, in cells.
    """
    xp = array_module(ends)
    first, last = xp.trunc(ends + xp.copysign(xp.full_like(ends, 0.5), ends)).T[:, :, None]  # (R, 1) each
    cells, bins = xp.maximum(last - first + 1, 1), xp.arange(size, dtype=ends.dtype)
    begin = first + xp.floor(bins * cells / size)  # (R, P)
    end = first + xp.ceil((bins + 1) * cells / size)
    cell = xp.arange(length, dtype=ends.dtype)
    return (begin[:, :, None] <= cell) & (cell < end[:, :, None])


def _weights_of_bins(ends: Array, size: int, samples: int, length: int) -> Array:
    """Return the weights with which the cells in a row of the map enter each bin: (R, P, length).

    ends: (R, 2), where the boxes begin and end, in cells.
    """
    xp = array_module(ends)
    first, last = ends.T[:, :, None]  # (R, 1) each
    fraction = (xp.arange(size * samples, dtype=ends.dtype) + 0.5) / (size * samples)
    points = first + (last - first) * fraction - 0.5  # (R, P*S), from the first cell's centre
    distance = abs(points.clip(0, length - 1)[:, :, None] - xp.arange(length, dtype=ends.dtype))
    weights = (1 - distance).clip(0, None) * ((points >= -1) & (points <= length))[:, :, None]
    return weights.reshape(len(ends), size, samples, length).mean(axis=2)


def _sum_of_each_image(dmaps: Array, image_index: Array, x_shape: Shape) -> Array:
    """Return dx of x_shape: the sum of the gradients, R maps in all, of the boxes that lie in each image."""
    images = array_module(dmaps).arange(x_shape[0])[:, None]
    member = (images == image_index).astype(dmaps.dtype)  # (N, R)
    return (member @ dmaps.reshape(len(dmaps), -1)).reshape(x_shape)
