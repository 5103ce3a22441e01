"""Exercise 4.5: RoI pooling.

Fast R-CNN runs its network once over the whole image, and cuts the regions of interest, boxes of any size,
out of its feature map. The layers that follow need a fixed size, so each box is divided into P by P bins, and
of every bin the largest value stays, in each channel on its own: max pooling with windows that depend on the
box.

Boxes (x1, y1, x2, y2) are in pixels of the image; times scale (1 / stride) they are in cells of the map. In x
(and likewise in y, with H for W):

    first = round(x1 * scale)       count = round(x2 * scale) - first + 1       round(v) = floor(v + 1/2)

    bin q takes the columns  first + floor(q * count / P)  up to, but without,
                             first + ceil((q + 1) * count / P)

and of these only the ones that exist: from 0 up to, but without, W. (The + 1 is a relic of boxes that include
their last pixel: a box of exactly one cell pools two. It is left in so that results can be compared.) Where P
does not divide count, neighbouring bins share a column; that is meant. A bin that lies outside of the map is
empty: its value is 0, and no gradient comes from it.

Backward is that of max pooling: each bin's dy goes to the one cell that was the largest in it (if several are
equal, to the first in the order of reading: row by row, each from the left). Bins overlap and boxes overlap,
and many boxes lie in one image: a cell gets the sum of all that comes. Boxes have no gradient.
"""

import math

import numpy as np


def bins(low, high, *, size, length):
    """Return where the bins of a box begin and end, in one direction.

    low, high: the box's edges, in cells (x1 * scale and x2 * scale); size: P; length: the number of cells of
    the map, in this direction. begin, end: two arrays (P,) of integers from 0 to length; bin p takes the
    cells from begin[p] up to, but without, end[p], and is empty unless begin[p] < end[p].

    >>> begin, end = bins(2.5, 7.0, size=2, length=7)  # cells 3 to 7, of which 7 does not exist
    >>> begin, end
    (array([3, 5]), array([6, 7]))
    """
    # solution
    first, last = math.floor(low + 0.5), math.floor(high + 0.5)
    count, p = last - first + 1, np.arange(size)
    begin = first + p * count // size
    end = first - (p + 1) * -count // size  # -(-a // b) rounds a / b up
    return np.clip(begin, 0, length), np.clip(end, 0, length)
    # end of solution


def roi_pool_forward(x, boxes, image_index, *, size, scale):
    """Return y, the largest value of every bin, and a cache with what backward will need.

    x: (N, C, H, W), feature maps; boxes: (R, 4), in pixels; image_index: (R,), integers, the image n that
    each box lies in; size: P; scale: cells per pixel. y: (R, C, P, P), with the dtype of x, y[r, c, p, q] for
    bin p downwards and bin q to the right.

    >>> x = np.arange(64.0).reshape(1, 1, 8, 8)
    >>> y, cache = roi_pool_forward(x, np.array([[0.0, 0.0, 4.0, 4.0]]), np.array([0]), size=2, scale=1.0)
    >>> y
    array([[[[18., 20.],
             [34., 36.]]]])
    """
    # solution
    channels, h, w = x.shape[1:]
    y = np.zeros((len(boxes), channels, size, size), x.dtype)
    place = np.zeros(y.shape, int)  # of the largest value in its bin
    edges = []
    for r, (x1, y1, x2, y2) in enumerate(boxes * scale):
        left, right = bins(x1, x2, size=size, length=w)
        top, bottom = bins(y1, y2, size=size, length=h)
        edges.append((top, bottom, left, right))
        for p, q in np.ndindex(size, size):
            cells = x[image_index[r], :, top[p] : bottom[p], left[q] : right[q]].reshape(channels, -1)
            if cells.size:
                y[r, :, p, q], place[r, :, p, q] = cells.max(axis=1), cells.argmax(axis=1)
    return y, (x, edges, image_index, place)
    # end of solution


def roi_pool_backward(dy, cache):
    """Return dx, the loss's gradient with respect to x.

    dy: (R, C, P, P); cache: of roi_pool_forward. dx: (N, C, H, W), with the dtype of dy.

        dx[n, c, h, w] = sum of dy[r, c, p, q] over the boxes r of image n and the bins (p, q) of which
                         (h, w) is the (first) largest cell

    >>> x, boxes = np.array([[[[5.0, 1.0, 9.0]]]]), np.array([[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 2.0, 0.0]])
    >>> y, cache = roi_pool_forward(x, boxes, np.array([0, 0]), size=1, scale=1.0)
    >>> y.ravel()
    array([5., 9.])
    >>> roi_pool_backward(np.array([10.0, 7.0]).reshape(2, 1, 1, 1), cache)
    array([[[[10.,  0.,  7.]]]])
    """
    # solution
    x, edges, image_index, place = cache
    dx, channel = np.zeros_like(x), np.arange(x.shape[1])
    for r, (top, bottom, left, right) in enumerate(edges):
        for p, q in np.ndindex(dy.shape[2:]):
            window = dx[image_index[r], :, top[p] : bottom[p], left[q] : right[q]]  # a view
            if window.size:
                row, column = np.divmod(place[r, :, p, q], window.shape[2])
                window[channel, row, column] += dy[r, :, p, q]  # one cell in each channel
    return dx
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 24


def bin_cases(rng):
    """Return boxes inside, over either edge, outside, of one cell, and with corners halfway between cells."""
    boxes = [
        (1.2, 3.4, 2, 8),
        (0.0, 4.0, 2, 8),
        (2.5, 6.5, 2, 9),  # to even it would be 2 and 6
        (0.5, 4.5, 3, 9),
        (1.5, 5.0, 3, 9),
        (3.2, 3.4, 2, 6),
        (-3.3, 5.2, 4, 6),
        (2.2, 11.6, 4, 8),
        (9.2, 12.0, 2, 8),
        (-7.4, -3.1, 2, 8),
        (1.0, 7.0, 7, 12),
        (2.0, 4.0, 7, 12),
    ]
    found = [{"low": low, "high": high, "size": size, "length": length} for low, high, size, length in boxes]
    for _ in range(4):
        low = round(float(rng.uniform(0, 6)), 2)
        high = round(low + float(rng.uniform(2, 9)), 2)
        found.append({"low": low, "high": high, "size": int(rng.integers(2, 6)), "length": 14})
    return found


def cases(rng):
    """Return maps without ties, which numeric gradients could not stand, and one with many.

    Boxes overlap, hang over the edge, lie outside; the first two cases have none that is empty.
    """
    return [
        _case(rng, (1, 1, 2, 3), [[0, 0, 1, 1], [0, 0, 2, 1]], [0, 0], 1, 1.0),
        _case(rng, (1, 1, 3, 4), [[0, 0, 2, 2], [1, 0, 3, 2]], [0, 0], 2, 1.0),
        _case(rng, (2, 2, 4, 6), [[2, 4, 20, 11], [5, 1, 15, 14], [0, 0, 23, 15]], [1, 0, 1], 2, 0.25),
        _case(rng, (3, 1, 5, 4), [[1.2, 0.8, 4.6, 9.2], [-4, 3, 3, 14]], [2, 0], 3, 0.5),
        _case(rng, (2, 2, 3, 5), [[30, 2, 50, 9], [1, 1, 17, 9], [3, -20, 9, -8]], [0, 1, 1], 2, 0.25),
        # every number below 0
        _case(rng, (1, 2, 5, 5), [[0, 0, 8, 8], [2, 2, 8, 8], [2, 2, 8, 8]], [0, 0, 0], 2, 0.5, below=60),
        # after a ReLU many numbers are 0
        _case(rng, (2, 1, 5, 6), [[0, 0, 5, 4], [1, 0, 5, 4], [0, 1, 4, 4]], [0, 1, 0], 2, 1.0, ties=True),
    ]


def _case(rng, shape, boxes, image_index, size, scale, *, below=0, ties=False):
    x = rng.permutation(int(np.prod(shape))).reshape(shape) + 1.0
    if x.size > 12:
        x = x / 4 - x.size / 16 + rng.uniform(0, 0.1, shape)
    if ties:
        x = np.maximum(rng.integers(-4, 3, shape), 0).astype(float)
    return {
        "x": x - below,
        "boxes": np.array(boxes, float),
        "image_index": np.array(image_index),
        "size": size,
        "scale": scale,
    }


def large(rng, inputs=60_000):
    """Return maps of two channels, and boxes of which one is as large as the map."""
    side = math.isqrt(inputs // 2)
    boxes = np.array([[0, 0, 1, 1], [0.2, 0.1, 0.7, 0.9], [0.5, 0.3, 0.9, 0.6]]) * (side - 1)
    return _case(rng, (1, 2, side, side), boxes, [0, 0, 0], 4, 1.0)


PARTS = [
    Part(
        "bins",
        returns=("begin", "end"),
        cases=bin_cases,
        hints=(
            "All bins have the same formula with another p: np.arange(size) does them at once.",
            "With first and count as in the text: begin = first + floor(p * count / size), and end is "
            "first + ceil((p + 1) * count / size). At last cut both to 0 ... length.",
            "math.floor(v + 0.5) rounds as asked (round and np.round turn 2.5 into 2). With integers // "
            "rounds down, and -(-a // b) up. np.clip comes last: the bins divide the whole box, whether or "
            "not all of it lies on the map.",
        ),
    ),
    Part(
        "roi_pool_forward",
        returns=("y", "cache"),
        cases=cases,
        points=2,
        hints=(
            "Three loops, over boxes and over both directions of their bins; bins tells where each lies. All "
            "channels can be done together.",
            "y[r, c, p, q] = max over h from top[p] and w from left[q] on, up to bottom[p] and right[q], of "
            "x[image_index[r], c, h, w]; 0 if there is no such cell.",
            "Cut out x[image_index[r], :, top[p] : bottom[p], left[q] : right[q]] and reshape it to (C, "
            "cells): max(axis=1) is y, argmax(axis=1) the cell, which backward needs. An empty one has "
            "size 0, and a maximum of nothing does not exist: ask first.",
        ),
    ),
    Part(
        "roi_pool_backward",
        after="roi_pool_forward",
        returns=("dx",),
        cases=cases,
        large=large,
        points=2,
        hints=(
            "Go through the same boxes and bins as forward. Each adds one number to one cell in every "
            "channel.",
            "If (h, w) is the cell that was the largest, dx[image_index[r], c, h, w] += dy[r, c, p, q].",
            "The place of the largest in a bin of width B: row place // B, column place % B, from the bin's "
            "own corner (top[p], left[q]). Remember in forward what it takes to know this. += for one cell "
            "at a time; with arrays of indices that hold a cell twice, use np.add.at.",
        ),
    ),
]

ROUNDED = "first, last = math.floor(low + 0.5), math.floor(high + 0.5)"
COUNT = "count, p = last - first + 1, np.arange(size)"
BEGIN = "begin = first + p * count // size"
END = "end = first - (p + 1) * -count // size  # -(-a // b) rounds a / b up"
CUT = "return np.clip(begin, 0, length), np.clip(end, 0, length)"
BOXES = "in enumerate(boxes * scale):"
READ = "cells = x[image_index[r], :, top[p] : bottom[p], left[q] : right[q]].reshape(channels, -1)"
LARGEST = "y[r, :, p, q], place[r, :, p, q] = cells.max(axis=1), cells.argmax(axis=1)"
ASK = f"if cells.size:\n                {LARGEST}"
VIEW = "window = dx[image_index[r], :, top[p] : bottom[p], left[q] : right[q]]  # a view"
ADD = "window[channel, row, column] += dy[r, :, p, q]  # one cell in each channel"
ADDED = (
    "if window.size:\n                row, column = np.divmod(place[r, :, p, q], window.shape[2])\n"
    f"                {ADD}"
)
X_OF = "x[image_index[r], :, top[p] : bottom[p], left[q] : right[q]]"  # the bin again, in backward

MISTAKES = [
    Mistake(
        "half rounded to even",
        ROUNDED,
        "first, last = int(np.round(low)), int(np.round(high))",
        "2.5 became 2: round and np.round go to the even neighbour. Here a half goes up: floor(v + 1/2).",
    ),
    Mistake(
        "rounded down",
        ROUNDED,
        "first, last = math.floor(low), math.floor(high)",
        "The edges were rounded down (int does that too). They are rounded to the nearest cell.",
    ),
    Mistake(
        "rounded outwards",
        ROUNDED,
        "first, last = math.floor(low), math.ceil(high)",
        "The first edge was rounded down and the last one up. Both are rounded to the nearest cell.",
    ),
    Mistake(
        "+ 1 missing",
        COUNT,
        "count, p = max(last - first, 1), np.arange(size)",
        "The box has one cell less than it should: the last one counts too. (It is a relic, but results "
        "can only be compared if all do the same.)",
    ),
    Mistake(
        "bins that share nothing",
        END,
        "end = first + (p + 1) * count // size",
        "Each bin ends where the next one begins. Its end is rounded up, so where P does not divide the "
        "number of cells neighbours share one.",
    ),
    Mistake(
        "bins of one width",
        f"{BEGIN}\n    {END}",
        "width = max(count // size, 1)\n    begin = first + p * width\n    end = begin + width",
        "The number of cells was divided by P and rounded, so that all bins have the same width, and the "
        "last cells of the box belong to none. Round after p is multiplied in.",
    ),
    Mistake(
        "beginning of the box forgotten",
        f"{BEGIN}\n    {END}",
        "begin = p * count // size\n    end = -((p + 1) * -count // size)",
        "The bins count from 0, whatever the box. They begin at its first cell.",
    ),
    Mistake(
        "box cut to the map first",
        ROUNDED,
        "first, last = max(math.floor(low + 0.5), 0), min(math.floor(high + 0.5), length - 1)",
        "The box was cut to the map before it was divided. The bins divide the whole box; what lies outside "
        "is missing in them, or leaves them empty.",
    ),
    Mistake(
        "not cut to the map",
        CUT,
        "return begin, end",
        "There are bins that begin below 0 or end beyond the map. A negative index does not fail in NumPy: "
        "it counts from the other end.",
    ),
    Mistake(
        "cut at the last cell",
        CUT,
        "return np.clip(begin, 0, length - 1), np.clip(end, 0, length - 1)",
        "The ends were cut at length - 1, and so the last cell of the map is in no bin. An end is the first "
        "cell that does not belong any more.",
    ),
    Mistake(
        "image of the first box",
        READ,
        READ.replace("image_index[r]", "0"),
        "All boxes were cut out of the first image. image_index says in which one each of them lies.",
    ),
    Mistake(
        "number of the box taken for the image",
        READ,
        READ.replace("image_index[r]", "r % len(x)"),
        "Box r was cut out of image r. Several boxes may lie in one image, in any order: image_index[r].",
    ),
    Mistake(
        "scale forgotten",
        BOXES,
        "in enumerate(boxes):",
        "The edges were taken for cells of the map, but they are pixels of the image.",
    ),
    Mistake(
        "divided by scale",
        BOXES,
        "in enumerate(boxes / scale):",
        "The boxes were divided by scale. It is 1 / stride, cells for a pixel: multiply.",
    ),
    Mistake(
        "x and y exchanged",
        "for r, (x1, y1, x2, y2) in",
        "for r, (y1, x1, y2, x2) in",
        "x was used for the rows and y for the columns. x counts to the right, which is the last axis of "
        "the map.",
    ),
    Mistake(
        "box read as x1, x2, y1, y2",
        "for r, (x1, y1, x2, y2) in",
        "for r, (x1, x2, y1, y2) in",
        "The four numbers were taken in the order x1, x2, y1, y2. A box is (x1, y1, x2, y2).",
    ),
    Mistake(
        "bins transposed",
        LARGEST,
        LARGEST.replace("y[r, :, p, q]", "y[r, :, q, p]"),
        "p and q are exchanged in y: its third axis goes downwards, its fourth to the right.",
    ),
    Mistake(
        "mean in place of the maximum",
        LARGEST,
        "y[r, :, p, q], place[r, :, p, q] = cells.mean(axis=1), cells.argmax(axis=1)",
        "These are the means of the bins. Their largest values are asked for.",
    ),
    Mistake(
        "maximum begins at 0",
        LARGEST,
        "y[r, :, p, q], place[r, :, p, q] = np.maximum(cells.max(axis=1), 0), cells.argmax(axis=1)",
        "Where all cells of a bin are negative you have 0, which is none of them. Only an empty bin has 0.",
    ),
    Mistake(
        "empty bin of minus infinity",
        ASK,
        f"y[r, :, p, q] = -np.inf\n            {ASK}",
        "A bin without any cell has minus infinity, where a search for the largest begins. It should have 0.",
    ),
    Mistake(
        "maximum over the channels too",
        LARGEST,
        "y[r, :, p, q], place[r, :, p, q] = cells.max(), cells.argmax(axis=1)",
        "All channels have the same value, the largest of them all. Each channel is pooled on its own.",
    ),
    Mistake(
        "overwritten instead of added",
        ADD,
        ADD.replace("+=", "="),
        "A cell that is the largest of several bins, or of several boxes, has the dy of the last of them "
        "alone. It gets the sum: += where you have =. (If you have +=, with arrays of indices: NumPy adds "
        "only once for each place.)",
    ),
    Mistake(
        "only the last box counts",
        "        for p, q in np.ndindex(dy.shape[2:]):\n",
        "        dx[image_index[r]] = 0\n        for p, q in np.ndindex(dy.shape[2:]):\n",
        "The gradient of an image is that of its last box alone: dx is begun anew for every box. It is the "
        "sum over all boxes of the image.",
    ),
    Mistake(
        "only the last image counts",
        "        for p, q in np.ndindex(dy.shape[2:]):\n",
        "        dx[:] = 0 if r == 0 or image_index[r] != image_index[r - 1] else dx\n"
        "        for p, q in np.ndindex(dy.shape[2:]):\n",
        "What earlier boxes had left in other images is gone. dx is made once, before the first box.",
    ),
    Mistake(
        "argmax taken again, all equals",
        ADDED,
        f"if window.size:\n                again = {X_OF}\n"
        "                equal = again == again.max(axis=(1, 2), keepdims=True)\n"
        "                window += equal * dy[r, :, p, q, None, None]",
        "Backward looked for the largest value once more, and where several cells are equal (after a ReLU "
        "many are 0) each got the whole dy. Forward has chosen one, the first: remember which.",
    ),
    Mistake(
        "argmax taken again, shared",
        ADDED,
        f"if window.size:\n                again = {X_OF}\n"
        "                equal = again == again.max(axis=(1, 2), keepdims=True)\n"
        "                equal = equal / equal.sum(axis=(1, 2), keepdims=True)\n"
        "                window += equal * dy[r, :, p, q, None, None]",
        "Backward looked for the largest value once more, and where several cells are equal they shared dy. "
        "Forward has chosen one, the first: remember which.",
    ),
    Mistake(
        "argmax taken again, the last of equals",
        ADD,
        f"row, column = np.divmod({X_OF}[:, ::-1, ::-1].reshape(len(channel), -1).argmax(axis=1), "
        "window.shape[2])\n"
        "                window[channel, window.shape[1] - 1 - row, window.shape[2] - 1 - column] += "
        "dy[r, :, p, q]",
        "Where several cells are equal the last one got dy. It is the first in the order of reading: "
        "a search that compares with >= finds the last, one with > the first.",
    ),
    Mistake(
        "argmax of dx",
        ADD,
        "window[channel, 0, 0] += dy[r, :, p, q]",
        "All of dy went to the first cell of its bin, as if argmax had been taken of dx, which is all zeros. "
        "The cell that was the largest in forward gets it.",
    ),
    Mistake(
        "gradient to every cell of the bin",
        ADD,
        "window += dy[r, :, p, q, None, None]",
        "Every cell of a bin got its dy. Only the largest one made y what it is.",
    ),
    Mistake(
        "gradient shared by the cells of the bin",
        ADD,
        "window += dy[r, :, p, q, None, None] / (window.shape[1] * window.shape[2])",
        "Every cell of a bin got an equal share of dy. That is the backward of a mean; of a maximum, one "
        "cell gets all.",
    ),
    Mistake(
        "place in the bin taken for the place in the map",
        ADD,
        "dx[image_index[r], channel, row, column] += dy[r, :, p, q]",
        "The largest cell's place counts from the corner of its bin, but was used as if it counted from the "
        "corner of the map.",
    ),
    Mistake(
        "place in the bin misread",
        ADD,
        "row, column = np.divmod(place[r, :, p, q], window.shape[1])[::-1]\n"
        "                window[channel, row % window.shape[1], column % window.shape[2]] += dy[r, :, p, q]",
        "The place within the bin was taken to count column by column. It counts row by row: as many places "
        "as the bin is wide make a row.",
    ),
    Mistake(
        "empty bins reach the last cell",
        ADDED,
        f"{ADDED}\n            else:\n                dx[image_index[r], :, -1, -1] += dy[r, :, p, q]",
        "The dy of empty bins went to the last cell of the map. If -1 says that there is no largest cell, it "
        "must not be used as an index: NumPy takes it for the last.",
    ),
    Mistake(
        "empty bins reach the first cell",
        ADDED,
        f"{ADDED}\n            else:\n                dx[image_index[r], :, 0, 0] += dy[r, :, p, q]",
        "The dy of empty bins went to the first cell of the map. An empty bin has no largest cell, and its "
        "dy goes nowhere.",
    ),
    Mistake(
        "gradient to the first image",
        VIEW,
        VIEW.replace("image_index[r]", "0"),
        "All gradients went to the first image. image_index says in which one each box lies.",
    ),
    Mistake(
        "multiplied by the maximum",
        ADD,
        f"window[channel, row, column] += dy[r, :, p, q] * {X_OF}.max(axis=(1, 2))",
        "dy was multiplied by the value of the largest cell. y is that cell, so its derivative is 1.",
    ),
    Mistake(
        "rounded up",
        ROUNDED,
        "first, last = math.ceil(low), math.ceil(high)",
        "The edges were rounded up. They are rounded to the nearest cell.",
    ),
    Mistake(
        "not rounded",
        f"{ROUNDED}\n    {COUNT}\n    {BEGIN}\n    {END}",
        "first, count, p = low, high - low + 1, np.arange(size)\n"
        "    begin = np.floor(first + p * count / size).astype(int)\n"
        "    end = np.ceil(first + (p + 1) * count / size).astype(int)",
        "The edges were not rounded before the box was divided. They are rounded to whole cells first.",
    ),
    Mistake(
        "+ 1 missing, count 0 kept",
        COUNT,
        "count, p = last - first, np.arange(size)",
        "The box has one cell less than it should: the last one counts too.",
    ),
    Mistake(
        "+ 1 twice",
        COUNT,
        "count, p = last - first + 2, np.arange(size)",
        "The box has one cell too many: 1 is added once.",
    ),
    Mistake(
        "count not below 1",
        COUNT,
        "count, p = max(last - first + 1, size), np.arange(size)",
        "A box with fewer cells than bins was made larger. It stays as it is, and bins share cells.",
    ),
    Mistake(
        "bins counted from 1",
        COUNT,
        "count, p = last - first + 1, np.arange(1, size + 1)",
        "The bins were counted from 1, so each is where the next one should be.",
    ),
    Mistake(
        "end one too far",
        END,
        "end = first + (p + 1) * count // size + 1",
        "Each bin got one more cell at its end. Its end is rounded up, which is the same as + 1 only "
        "where P does not divide.",
    ),
    Mistake(
        "beginning rounded up",
        BEGIN,
        "begin = first - p * -count // size",
        "The beginnings were rounded up. A bin begins at the cell in which its edge lies: rounded down.",
    ),
    Mistake(
        "half a cell: rounded to the nearest in the bins",
        f"{BEGIN}\n    {END}",
        "begin = first + np.floor(p * count / size + 0.5).astype(int)\n"
        "    end = first + np.floor((p + 1) * count / size + 0.5).astype(int)",
        "The bins' edges were rounded to the nearest cell. A beginning is rounded down, an end up.",
    ),
    Mistake(
        "end of the bin is its width",
        "return np.clip(begin, 0, length), np.clip(end, 0, length)",
        "return np.clip(begin, 0, length), np.clip(end - begin, 0, length)",
        "The second array holds widths. It should hold ends.",
    ),
    Mistake(
        "beginning of the box forgotten in the end",
        END,
        "end = -((p + 1) * -count // size)",
        "The ends count from 0, whatever the box. They count from its first cell.",
    ),
    Mistake(
        "only the beginning cut",
        CUT,
        "return np.clip(begin, 0, length), end",
        "The ends were not cut to the map.",
    ),
    Mistake(
        "only the end cut",
        CUT,
        "return begin, np.clip(end, 0, length)",
        "The beginnings were not cut to the map: a negative index counts from the other end in NumPy.",
    ),
    Mistake(
        "cut at 0 alone",
        CUT,
        "return np.maximum(begin, 0), np.maximum(end, 0)",
        "Nothing was cut at the far edge of the map.",
    ),
    Mistake(
        "cut at length alone",
        CUT,
        "return np.minimum(begin, length), np.minimum(end, length)",
        "Nothing was cut at 0: a negative index counts from the other end in NumPy.",
    ),
    Mistake(
        "beginning cut at the last cell",
        CUT,
        "return np.clip(begin, 0, length - 1), np.clip(end, 0, length)",
        "The beginnings were cut at length - 1, so a bin beyond the map has its last cell. It should "
        "be empty.",
    ),
    Mistake(
        "last cell belongs to the bin",
        CUT,
        "return np.clip(begin, 0, length), np.clip(end - 1, 0, length)",
        "The ends are the last cells of the bins. They should be the first cells that do not belong "
        "any more.",
    ),
    Mistake(
        "smallest value of the bin",
        LARGEST,
        "y[r, :, p, q], place[r, :, p, q] = cells.min(axis=1), cells.argmin(axis=1)",
        "These are the smallest values of the bins. Their largest are asked for.",
    ),
    Mistake(
        "sum of the bin",
        LARGEST,
        "y[r, :, p, q], place[r, :, p, q] = cells.sum(axis=1), cells.argmax(axis=1)",
        "These are the sums of the bins. Their largest values are asked for.",
    ),
    Mistake(
        "place in place of the value",
        LARGEST,
        "y[r, :, p, q], place[r, :, p, q] = cells.argmax(axis=1), cells.argmax(axis=1)",
        "These are the places of the largest values, not the values.",
    ),
    Mistake(
        "first cell of the bin",
        LARGEST,
        "y[r, :, p, q], place[r, :, p, q] = cells[:, 0], cells.argmax(axis=1)",
        "These are the first cells of the bins. Their largest values are asked for.",
    ),
    Mistake(
        "largest absolute value",
        LARGEST,
        "y[r, :, p, q], place[r, :, p, q] = np.abs(cells).max(axis=1), cells.argmax(axis=1)",
        "The absolute values were compared. The largest value is asked for, with its sign.",
    ),
    Mistake(
        "absolute value chosen",
        LARGEST,
        "where = np.abs(cells).argmax(axis=1)\n"
        "                y[r, :, p, q], place[r, :, p, q] = cells[np.arange(channels), where], where",
        "The cell with the largest absolute value was chosen. The largest value is asked for, with its sign.",
    ),
    Mistake(
        "one cell less in every bin",
        READ,
        READ.replace("bottom[p]", "bottom[p] - 1").replace("right[q]", "right[q] - 1"),
        "The last row and column of every bin are missing. A bin runs up to, but without, its end; "
        "that is what a slice does.",
    ),
    Mistake(
        "one cell more in every bin",
        READ,
        READ.replace("bottom[p]", "bottom[p] + 1").replace("right[q]", "right[q] + 1"),
        "Every bin has one row and column too many. A bin runs up to, but without, its end; that is "
        "what a slice does.",
    ),
    Mistake(
        "bins of rows and columns exchanged",
        READ,
        READ.replace("top[p] : bottom[p], left[q] : right[q]", "left[q] : right[q], top[p] : bottom[p]"),
        "The bins in x were used for the rows and those in y for the columns.",
    ),
    Mistake(
        "diagonal bins",
        READ,
        READ.replace("left[q] : right[q]", "left[p] : right[p]"),
        "p was used in both directions: to the right it is bin q.",
    ),
    Mistake(
        "height and width of the map exchanged",
        "channels, h, w = x.shape[1:]",
        "channels, w, h = x.shape[1:]",
        "Height and width of the map are exchanged: x is (N, C, H, W).",
    ),
    Mistake(
        "boxes rounded before they are scaled",
        BOXES,
        "in enumerate(np.floor(boxes + 0.5) * scale):",
        "The boxes were rounded in pixels, before they were multiplied by scale. It is cells that "
        "are rounded.",
    ),
    Mistake(
        "boxes as x, y, width, height",
        "for r, (x1, y1, x2, y2) in enumerate(boxes * scale):",
        "for r, (x1, y1, x2, y2) in enumerate((boxes + np.pad(boxes[:, :2], ((0, 0), (2, 0)))) * scale):",
        "The last two numbers of a box were taken for its width and height. They are its right and "
        "lower edge.",
    ),
    Mistake(
        "scale of the first corner alone",
        "for r, (x1, y1, x2, y2) in enumerate(boxes * scale):",
        "for r, (x1, y1, x2, y2) in enumerate(boxes * [scale, scale, 1, 1]):",
        "Only the upper left corner was multiplied by scale.",
    ),
    Mistake(
        "last image for all boxes",
        READ,
        READ.replace("image_index[r]", "-1"),
        "All boxes were cut out of the last image. image_index says in which one each of them lies.",
    ),
    Mistake(
        "dy of the whole box",
        ADD,
        ADD.replace("dy[r, :, p, q]", "dy[r].sum(axis=(1, 2))"),
        "Each bin passed on the sum of its box's dy. A bin passes on its own.",
    ),
    Mistake(
        "dy of the first bin",
        ADD,
        ADD.replace("dy[r, :, p, q]", "dy[r, :, 0, 0]"),
        "Each bin passed on the dy of the first bin of its box.",
    ),
    Mistake(
        "dy transposed",
        ADD,
        ADD.replace("dy[r, :, p, q]", "dy[r, :, q, p]"),
        "p and q are exchanged in dy: its third axis goes downwards, its fourth to the right.",
    ),
    Mistake(
        "1 in place of dy",
        ADD,
        ADD.replace("dy[r, :, p, q]", "1"),
        "The largest cells got 1. They get dy.",
    ),
    Mistake(
        "subtracted",
        ADD,
        ADD.replace("+=", "-="),
        "dy was subtracted from the cells; it is added.",
    ),
    Mistake(
        "averaged over the boxes",
        ADD,
        ADD.replace("dy[r, :, p, q]", "dy[r, :, p, q] / len(dy)"),
        "dy was divided by the number of boxes. Whether the loss is a mean over them stands in dy already.",
    ),
    Mistake(
        "averaged over the bins",
        ADD,
        ADD.replace("dy[r, :, p, q]", "dy[r, :, p, q] / (dy.shape[2] * dy.shape[3])"),
        "dy was divided by the number of bins. Each bin has a dy of its own.",
    ),
    Mistake(
        "last cell of the bin",
        ADD,
        "window[channel, -1, -1] += dy[r, :, p, q]",
        "All of dy went to the last cell of its bin. The cell that was the largest in forward gets it.",
    ),
    Mistake(
        "same cell in all channels",
        ADD,
        "window[:, row[0], column[0]] += dy[r, :, p, q]",
        "In every channel the cell of the first channel got dy. Each channel has a largest cell of its own.",
    ),
    Mistake(
        "gradients of all channels in each",
        ADD,
        "for c in channel:\n                    window[:, row[c], column[c]] += dy[r, :, p, q]",
        "Every channel's dy also went to the largest cells of the other channels. Each channel is "
        "pooled on its own.",
    ),
    Mistake(
        "last box overwrites",
        ADD,
        "before = window.copy()\n"
        "                window[...] = np.where(before, 0, before)\n"
        "                window[channel, row, column] = dy[r, :, p, q]",
        "What other bins and boxes had left in the cells of a bin was cleared. All that comes is added.",
    ),
    Mistake(
        "rows and columns exchanged in the window",
        ADD,
        "window[channel, column % window.shape[1], row % window.shape[2]] += dy[r, :, p, q]",
        "Row and column of the largest cell are exchanged.",
    ),
    Mistake(
        "number of the box taken for the image in backward",
        VIEW,
        VIEW.replace("image_index[r]", "r % len(x)"),
        "The gradient of box r went to image r. image_index says in which one each box lies.",
    ),
    Mistake(
        "rounded towards 0",
        ROUNDED,
        "first, last = int(low + 0.5), int(high + 0.5)",
        "Left of 0, v + 1/2 was rounded up: int cuts off the digits, and goes towards 0. floor goes down.",
    ),
    Mistake(
        "height of the map for both directions",
        "left, right = bins(x1, x2, size=size, length=w)",
        "left, right = bins(x1, x2, size=size, length=h)",
        "In x the bins were cut at the map's height. It is the width there.",
    ),
    Mistake(
        "width of the map for both directions",
        "top, bottom = bins(y1, y2, size=size, length=h)",
        "top, bottom = bins(y1, y2, size=size, length=w)",
        "In y the bins were cut at the map's width. It is the height there.",
    ),
]
