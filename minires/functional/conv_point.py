"""Convolution with a 1x1 kernel at stride 1: the same matrix at every pixel.

    y[:, pixel] = weight @ x[:, pixel]        dx = weight.T @ dy        dweight = sum over pixels of dy x.T

In memory ordered (H, C, W, N) an image row of all channels is a (C, W*N) matrix as it stands, and so is a row
of y. So there is nothing to lay out: a product for each row, from where x is to where y shall be.

Every function takes and fills contiguous rows (H, C, W*N), see `layout`.
"""

from minires import parallel
from minires.backend import array_module

NARROW = (
    256  # columns below which a product spends its time on the weights: then rows are better put together
)
WIDE = 1024  # pixels from which on a product makes up for adding its weight gradient to the others'


def suits(x, windows, groups):
    """Whether this way is open and faster: a kernel of one pixel at stride 1, and long enough rows."""
    if groups > 1 or windows.kernel != (1, 1) or windows.stride != (1, 1) or windows.padding != (0, 0):
        return False
    return not parallel.on_cpu(x) or x.shape[0] * x.shape[3] >= NARROW


def convolve(x, weight, bias, y, windows, relu=False):
    """Fill y (H, O, L): x (H, C, L) times weight (O, C, 1, 1), plus bias (O,) or None; max(y, 0) if relu."""
    weight = weight.reshape(weight.shape[:2])

    def band(begin, end):
        for rows in parallel.tiles(begin, end, _rows_at_once(x, 1)):
            array_module(x).matmul(weight, x[rows], out=y[rows])
            if bias is not None:
                y[rows] += bias[:, None]
            if relu:
                array_module(x).maximum(y[rows], 0, out=y[rows])

    parallel.bands(band, len(y), y)


def convolve_transposed(dy, weight, dx, windows):
    """Fill dx (H, C, L) from dy (H, O, L)."""
    convolve(dy, weight.transpose(1, 0, 2, 3), None, dx, windows)


def weight_gradient(dy, x, weight_shape, windows):
    """Return dweight (O, C, 1, 1) from dy (H, O, L) and x (H, C, L)."""
    (o, c), length = weight_shape[:2], x.shape[2]

    def band(begin, end):
        dweight = array_module(x).zeros((o, c), x.dtype)
        share = parallel.scratch("share", (o, c), like=x)
        for rows in parallel.tiles(begin, end, _rows_at_once(x, -(-WIDE // length))):
            array_module(x).matmul(_side_by_side(dy[rows]), _side_by_side(x[rows]).T, out=share)
            dweight += share
        return dweight

    return sum(parallel.bands(band, len(dy), x)).reshape(weight_shape)


def _rows_at_once(x, rows):
    """Return `rows` on a CPU; on a GPU all, in one call."""
    return rows if parallel.on_cpu(x) else len(x)


def _side_by_side(rows):
    """Return rows (R, C, L) as one matrix (C, R*L): the row itself if it is one, else a copy."""
    return rows[0] if len(rows) == 1 else rows.transpose(1, 0, 2).reshape(rows.shape[1], -1)
