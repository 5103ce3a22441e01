"""Exercise 4.4: Anchors.

A region proposal network looks at a feature map of H by W cells. In each cell it considers the same A boxes,
the anchors, and for each of them it answers: is an object here, and which way leads from the anchor to it?

The anchors of one cell have the areas and the shapes of all combinations of sides and ratios: a side is the
root of an area, in pixels; a ratio is height / width. The ratio changes the shape and leaves the area alone:

    width * height = side^2        height / width = ratio

The cell in row i and column j of the map stands for stride by stride pixels of the image, and its anchors
have their centre where these pixels have theirs: x = (j + 1/2) * stride, y = (i + 1/2) * stride. (Boxes are
(x1, y1, x2, y2), as in exercise 4.1.) The anchors of the whole map are listed in the order in which text is
read, row by row, and in each cell one anchor after the other; row, column, anchor.

The network's answer for an image has the shape (4A, H, W), as any convolution's: channels 0 to 3 are the four
numbers of anchor 0, channels 4 to 7 those of anchor 1, and so on. Before the two can be laid side by side,
the answer must be brought into the same order.
"""

import numpy as np


def base_anchors(sides, ratios):
    """Return the anchors of one cell around the point (0, 0).

    sides, ratios: lists of positive numbers. base: (A, 4), float64, with A = len(ratios) * len(sides): first
    all sides with the first ratio, then all sides with the second one, and so on.

    >>> base_anchors([10.0, 20.0], [1.0, 4.0])
    array([[ -5. ,  -5. ,   5. ,   5. ],
           [-10. , -10. ,  10. ,  10. ],
           [ -2.5, -10. ,   2.5,  10. ],
           [ -5. , -20. ,   5. ,  20. ]])
    """
    # solution
    root = np.sqrt(np.array(ratios))[:, None]  # (ratios, 1)
    width, height = (np.array(sides) / root).ravel(), (np.array(sides) * root).ravel()
    return np.stack([-width, -height, width, height], axis=1) / 2
    # end of solution


def anchors(base, map_size, stride):
    """Return the anchors of all cells of a feature map.

    base: (A, 4), those of one cell around (0, 0); map_size: (H, W), numbers of rows and columns; stride:
    pixels of the image for one cell. boxes: (H*W*A, 4), with the dtype of base, in the order row, column,
    anchor.

    >>> anchors(np.array([[-4.0, -2.0, 4.0, 2.0]]), (1, 3), 4)
    array([[-2.,  0.,  6.,  4.],
           [ 2.,  0., 10.,  4.],
           [ 6.,  0., 14.,  4.]])
    """
    # solution
    h, w = map_size
    x, y = (np.arange(w) + 0.5) * stride, (np.arange(h) + 0.5) * stride
    y, x = np.meshgrid(y, x, indexing="ij")  # (H, W) each
    centres = np.stack([x, y, x, y], axis=-1).astype(base.dtype)  # (H, W, 4)
    return (centres[:, :, None] + base).reshape(-1, 4)  # (H, W, A, 4), then (H*W*A, 4)
    # end of solution


def rows_of_anchors(maps):
    """Return the answers of a region proposal network in the order of its anchors.

    maps: (N, 4A, H, W). offsets: (N, H*W*A, 4), so that offsets[n, k] are the four numbers of anchor k.

    >>> rows_of_anchors(np.arange(16.0).reshape(1, 8, 1, 2))  # two anchors in each of two cells
    array([[[ 0.,  2.,  4.,  6.],
            [ 8., 10., 12., 14.],
            [ 1.,  3.,  5.,  7.],
            [ 9., 11., 13., 15.]]])
    """
    # solution
    n, channels, h, w = maps.shape
    separate = maps.reshape(n, channels // 4, 4, h, w)  # (N, A, 4, H, W)
    return separate.transpose(0, 3, 4, 1, 2).reshape(n, -1, 4)  # (N, H, W, A, 4), then (N, H*W*A, 4)
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 24


def base_cases(rng):
    """Return one square, one that is not, and lists of different lengths."""
    drawn = [round(float(side), 1) for side in rng.uniform(6, 30, 3)]
    return [
        {"sides": [10.0], "ratios": [1.0]},
        {"sides": [8.0], "ratios": [4.0]},
        {"sides": [10.0, 16.0, 24.0], "ratios": [1.0, 1.5]},
        {"sides": drawn, "ratios": [0.5, 1.0, 2.0]},
        {"sides": drawn[:2], "ratios": [0.3, 3.5, 1.0, 2.2]},
    ]


def anchor_cases(rng):
    """Return maps of one row, of one column, and not square, with anchors of any shape."""
    sizes = [(1, (1, 2), 4), (2, (1, 1), 8), (1, (3, 1), 3), (3, (2, 3), 4), (2, (4, 2), 16), (3, (3, 3), 5)]
    found = []
    for count, map_size, stride in sizes:
        half = rng.uniform(1, 9, (count, 2)).round(1) * [1.0, 2.0]
        base = np.concatenate([-half, half], axis=1)
        found.append({"base": base, "map_size": map_size, "stride": stride})
    return found


def map_cases(rng):
    """Return answers of one cell and of one anchor, of two images, and one with A = 4 on 4 by 4 cells."""
    shapes = [(1, 8, 1, 1), (1, 4, 2, 1), (1, 8, 2, 3), (2, 12, 3, 2), (3, 8, 1, 5), (1, 16, 4, 4)]
    numbers = [np.arange(8.0).reshape(shapes[0]), *(rng.standard_normal(shape) for shape in shapes[1:])]
    return [{"maps": maps} for maps in numbers]


PARTS = [
    Part(
        "base_anchors",
        returns=("base",),
        cases=base_cases,
        hints=(
            "Two equations for width and height: solve them, then half of each lies on either side of 0.",
            "width = side / sqrt(ratio), height = side * sqrt(ratio).",
            "Ratios as a column (R, 1) against sides as a row (S,) give all combinations, (R, S), in order; "
            "ravel makes a list of them. Or two loops, the outer one over the ratios.",
        ),
    ),
    Part(
        "anchors",
        returns=("boxes",),
        cases=anchor_cases,
        hints=(
            "All anchors of a cell move by the cell's centre: x1 and x2 by x, y1 and y2 by y.",
            "boxes[(i * W + j) * A + a] = base[a] + (x, y, x, y) with x = (j + 1/2) * stride, "
            "y = (i + 1/2) * stride.",
            "Three loops, over rows, columns, anchors, in this order; or an array (H, W, 1, 4) of centres "
            "plus base, (A, 4), which gives (H, W, A, 4): reshape(-1, 4) lists it in the right order.",
        ),
    ),
    Part(
        "rows_of_anchors",
        returns=("offsets",),
        cases=map_cases,
        hints=(
            "reshape never changes the order in memory; only transpose does. Which axis should vary fastest, "
            "and which one slowest?",
            "offsets[n, (i * W + j) * A + a, k] = maps[n, 4 * a + k, i, j].",
            "Split the channels first: (N, A, 4, H, W). Then transpose to (N, H, W, A, 4), and only then "
            "reshape to (N, H*W*A, 4).",
        ),
    ),
]

ROOT = "root = np.sqrt(np.array(ratios))[:, None]  # (ratios, 1)"
SHAPES = "width, height = (np.array(sides) / root).ravel(), (np.array(sides) * root).ravel()"
BASE = "return np.stack([-width, -height, width, height], axis=1) / 2"
CENTRES = "x, y = (np.arange(w) + 0.5) * stride, (np.arange(h) + 0.5) * stride"
GRID = 'y, x = np.meshgrid(y, x, indexing="ij")  # (H, W) each'
FOUR = "np.stack([x, y, x, y], axis=-1)"
LISTED = "return (centres[:, :, None] + base).reshape(-1, 4)"
SPLIT = "separate = maps.reshape(n, channels // 4, 4, h, w)  # (N, A, 4, H, W)"
ROWS = "return separate.transpose(0, 3, 4, 1, 2).reshape(n, -1, 4)"

MISTAKES = [
    Mistake(
        "no root of the ratio",
        ROOT,
        "root = np.array(ratios)[:, None]",
        "One side was multiplied by the ratio and the other divided by it, so height / width is the ratio's "
        "square. Each gets the root of it.",
    ),
    Mistake(
        "area grows with the ratio",
        SHAPES,
        "width = (np.array(sides) + 0 * root).ravel()\n    height = (np.array(sides) * root**2).ravel()",
        "The width was left as it is and the height multiplied by the ratio. The shape is right, but the "
        "area is not side^2 any more.",
    ),
    Mistake(
        "both sides multiplied",
        SHAPES,
        "width, height = (np.array(sides) * root).ravel(), (np.array(sides) * root).ravel()",
        "Width and height were multiplied by the same number, so every anchor is square. One is multiplied, "
        "the other divided.",
    ),
    Mistake(
        "ratio as width / height",
        SHAPES,
        "width, height = (np.array(sides) * root).ravel(), (np.array(sides) / root).ravel()",
        "The anchors lie where they should stand: the ratio is height / width, and 2 means high. (Or width "
        "and height were exchanged.)",
    ),
    Mistake(
        "all ratios of the first side first",
        SHAPES,
        "width, height = (np.array(sides) / root).T.ravel(), (np.array(sides) * root).T.ravel()",
        "The anchors are right, their order is not: all sides with the first ratio come first. (What order "
        "it is does not matter, if only all programs keep to it.)",
    ),
    Mistake(
        "sides one by one with the ratios",
        f"{ROOT}\n    {SHAPES}",
        "root = np.sqrt(np.array(ratios))\n"
        "    width, height = np.array(sides) / root, np.array(sides) * root",
        "Every side was combined with one ratio only. All combinations are asked for: as many as there are "
        "sides, times as many as there are ratios.",
    ),
    Mistake(
        "side taken for the area",
        SHAPES,
        "width, height = (np.sqrt(sides) / root).ravel(), (np.sqrt(sides) * root).ravel()",
        "The root of each side was taken. A side is already the root of an area.",
    ),
    Mistake(
        "twice as large",
        BASE,
        "return np.stack([-width, -height, width, height], axis=1)",
        "From the centre to each edge it is a whole side. It should be half of one.",
    ),
    Mistake(
        "corner at 0",
        BASE,
        "return np.stack([0 * width, 0 * height, width, height], axis=1)",
        "The upper left corner lies at (0, 0). The centre should lie there.",
    ),
    Mistake(
        "x1, x2, y1, y2",
        BASE,
        "return np.stack([-width, width, -height, height], axis=1) / 2",
        "The order is x1, x2, y1, y2. A box is (x1, y1, x2, y2).",
    ),
    Mistake(
        "rounded",
        BASE,
        "return np.round(np.stack([-width, -height, width, height], axis=1) / 2)",
        "The edges were rounded to whole pixels. Old programs do that; here nothing is rounded.",
    ),
    Mistake(
        "+ 1 left in",
        BASE,
        "return np.stack([1 - width, 1 - height, width - 1, height - 1], axis=1) / 2",
        "Every side is one too short: it was taken for a number of pixels, from the first to the last. Edges "
        "lie between the pixels, and nothing is to be taken away.",
    ),
    Mistake(
        "corner of the cell",
        CENTRES,
        "x, y = np.arange(w) * stride, np.arange(h) * stride",
        "The anchors have their centre in the upper left corner of the cell, half a stride away from the "
        "pixels that the cell sees. For small objects that decides whether one fits.",
    ),
    Mistake(
        "half a pixel short",
        CENTRES,
        "x, y = (np.arange(w) + 0.5) * stride - 0.5, (np.arange(h) + 0.5) * stride - 0.5",
        "The centres lie half a pixel too far left and up: pixels were numbered, as in (stride - 1) / 2. "
        "Between edges the middle of the first cell is stride / 2.",
    ),
    Mistake(
        "half a pixel in place of half a cell",
        CENTRES,
        "x, y = np.arange(w) * stride + 0.5, np.arange(h) * stride + 0.5",
        "1/2 was added to pixels. It is half a cell that leads to the centre, so it must be added before "
        "stride multiplies.",
    ),
    Mistake(
        "half the stride rounded down",
        CENTRES,
        "x, y = np.arange(w) * stride + stride // 2, np.arange(h) * stride + stride // 2",
        "Half of an odd stride was rounded down. Nothing is rounded here: the centre of a cell may well lie "
        "in the middle of a pixel.",
    ),
    Mistake(
        "stride ignored",
        CENTRES,
        "x, y = np.arange(w) + 0.5, np.arange(h) + 0.5",
        "The centres count in cells. In pixels of the image that is stride times as much.",
    ),
    Mistake(
        "map size as (W, H)",
        "h, w = map_size",
        "w, h = map_size",
        "Rows and columns of the map were exchanged: map_size is (H, W), like the last axes of an array, "
        "though a box begins with x.",
    ),
    Mistake(
        "x and y of the centre exchanged",
        FOUR,
        "np.stack([y, x, y, x], axis=-1)",
        "The column's place was added to y1 and y2, and the row's to x1 and x2. Columns count to the right, "
        "which is x.",
    ),
    Mistake(
        "column by column",
        GRID,
        "x, y = np.meshgrid(x, y, indexing='ij')",
        "The cells were listed column by column. They come row by row: the column's number changes faster.",
    ),
    Mistake(
        "one anchor after the other",
        LISTED,
        "return (centres + base[:, None, None]).reshape(-1, 4)",
        "First come all cells with anchor 0, then all cells with anchor 1. The anchor's number changes "
        "fastest: all anchors of a cell stand together.",
    ),
    Mistake(
        "not transposed",
        f"{SPLIT}\n    {ROWS}",
        "return maps.reshape(n, -1, 4)",
        "The maps were only reshaped, so four numbers that stand beside each other in a row of the map "
        "became one answer. Its four numbers lie in four channels: transpose first. (A network learns a "
        "little even so, which makes this hard to see.)",
    ),
    Mistake(
        "anchor by anchor in the answers",
        ROWS,
        "return separate.transpose(0, 1, 3, 4, 2).reshape(n, -1, 4)",
        "The four numbers are together, but in the order anchor, row, column. The anchor's number changes "
        "fastest.",
    ),
    Mistake(
        "column by column in the answers",
        ROWS,
        "return separate.transpose(0, 4, 3, 1, 2).reshape(n, -1, 4)",
        "The answers come column by column. They should come row by row, as the anchors do.",
    ),
    Mistake(
        "channels as (4, A)",
        f"{SPLIT}\n    {ROWS}",
        "separate = maps.reshape(n, 4, channels // 4, h, w)\n"
        "    return separate.transpose(0, 3, 4, 2, 1).reshape(n, -1, 4)",
        "The channels were read as all tx, then all ty, and so on. The four numbers of an anchor stand "
        "beside each other: channels 4a to 4a + 3.",
    ),
    Mistake(
        "images mixed up",
        ROWS,
        "return separate.transpose(3, 4, 0, 1, 2).reshape(n, -1, 4)",
        "The image's number is not the slowest any more, so the answers of several images are mixed. It "
        "stays the first axis.",
    ),
    Mistake(
        "both sides divided",
        SHAPES,
        "width, height = (np.array(sides) / root).ravel(), (np.array(sides) / root).ravel()",
        "Width and height were divided by the same number, so every anchor is square. One is "
        "multiplied, the other divided.",
    ),
    Mistake(
        "width divided by the ratio, height kept",
        SHAPES,
        "width, height = (np.array(sides) / root**2).ravel(), (np.array(sides) + 0 * root).ravel()",
        "The height was left as it is and the width divided by the ratio. The shape is right, but "
        "the area is not side^2 any more.",
    ),
    Mistake(
        "side squared",
        SHAPES,
        "width, height = (np.array(sides) ** 2 / root).ravel(), (np.array(sides) ** 2 * root).ravel()",
        "The sides were squared. side^2 is the area; width and height are side divided by and "
        "multiplied by the ratio's root.",
    ),
    Mistake(
        "ratio ignored",
        SHAPES,
        "width, height = (np.array(sides) + 0 * root).ravel(), (np.array(sides) + 0 * root).ravel()",
        "All anchors are square, whatever the ratio.",
    ),
    Mistake(
        "corner and sides",
        BASE,
        "return np.stack([-width / 2, -height / 2, width, height], axis=1)",
        "The last two numbers are width and height. They are the right and the lower edge.",
    ),
    Mistake(
        "quarter of the sides",
        BASE,
        "return np.stack([-width, -height, width, height], axis=1) / 4",
        "The anchors are half as large as they should be: an edge lies half a side from the centre.",
    ),
    Mistake(
        "corner at 0, half as large",
        BASE,
        "return np.stack([0 * width, 0 * height, width, height], axis=1) / 2",
        "The upper left corner lies at (0, 0). The centre should lie there.",
    ),
    Mistake(
        "signs exchanged",
        BASE,
        "return np.stack([width, height, -width, -height], axis=1) / 2",
        "The lower right corner comes before the upper left one.",
    ),
    Mistake(
        "sides in whole pixels",
        BASE,
        "return np.stack([-np.round(width), -np.round(height), np.round(width), np.round(height)], "
        "axis=1) / 2",
        "Width and height were rounded to whole pixels. Old programs do that; here nothing is rounded.",
    ),
    Mistake(
        "one anchor for each ratio alone",
        f"{ROOT}\n    {SHAPES}",
        "root = np.sqrt(np.array(ratios))\n    width, height = sides[0] / root, sides[0] * root",
        "Only the first side was combined with the ratios. All combinations are asked for.",
    ),
    Mistake(
        "first ratio alone",
        f"{ROOT}\n    {SHAPES}",
        "root = math_root = np.sqrt(ratios[0])\n"
        "    width, height = np.array(sides) / root, np.array(sides) * math_root",
        "Only the first ratio was combined with the sides. All combinations are asked for.",
    ),
    Mistake(
        "anchors in an array of three axes",
        BASE,
        "return np.stack([-width, -height, width, height], axis=1).reshape(len(ratios), -1, 4) / 2",
        "The anchors come as (ratios, sides, 4). They are one list, (A, 4).",
    ),
    Mistake(
        "stride added in place of multiplied",
        CENTRES,
        "x, y = np.arange(w) + 0.5 + stride, np.arange(h) + 0.5 + stride",
        "stride was added to the number of the cell. It is a factor.",
    ),
    Mistake(
        "a whole cell further",
        CENTRES,
        "x, y = (np.arange(w) + 1.0) * stride, (np.arange(h) + 1.0) * stride",
        "The centres lie at the lower right corners of the cells: 1 was added in place of 1/2.",
    ),
    Mistake(
        "cells counted from 1",
        CENTRES,
        "x, y = (np.arange(w) + 1.5) * stride, (np.arange(h) + 1.5) * stride",
        "The cells were counted from 1, so all anchors lie one cell too far right and down.",
    ),
    Mistake(
        "half a cell to the left",
        CENTRES,
        "x, y = (np.arange(w) - 0.5) * stride, (np.arange(h) - 0.5) * stride",
        "Half a cell was subtracted, so all anchors lie one cell too far left and up.",
    ),
    Mistake(
        "divided by stride",
        CENTRES,
        "x, y = (np.arange(w) + 0.5) / stride, (np.arange(h) + 0.5) / stride",
        "The centres were divided by stride. A cell stands for stride pixels: multiply.",
    ),
    Mistake(
        "half a cell in x alone",
        CENTRES,
        "x, y = (np.arange(w) + 0.5) * stride, np.arange(h) * 1.0 * stride",
        "The centres lie half a cell to the right, but not half a cell down.",
    ),
    Mistake(
        "half a cell in y alone",
        CENTRES,
        "x, y = np.arange(w) * 1.0 * stride, (np.arange(h) + 0.5) * stride",
        "The centres lie half a cell down, but not half a cell to the right.",
    ),
    Mistake(
        "upper left corner moved alone",
        FOUR,
        "np.stack([x, y, 0 * x, 0 * y], axis=-1)",
        "Only the upper left corners were moved to the cell. All four edges move.",
    ),
    Mistake(
        "lower right corner moved alone",
        FOUR,
        "np.stack([0 * x, 0 * y, x, y], axis=-1)",
        "Only the lower right corners were moved to the cell. All four edges move.",
    ),
    Mistake(
        "order x, x, y, y",
        FOUR,
        "np.stack([x, x, y, y], axis=-1)",
        "The cell's place was added as (x, x, y, y). A box is (x1, y1, x2, y2), so (x, y, x, y) is added.",
    ),
    Mistake(
        "moved the other way",
        LISTED,
        "return (base - centres[:, :, None]).reshape(-1, 4)",
        "The cell's place was subtracted; it is to be added.",
    ),
    Mistake(
        "not listed",
        LISTED,
        "return centres[:, :, None] + base",
        "The anchors come as (H, W, A, 4). They are one list, (H*W*A, 4).",
    ),
    Mistake(
        "listed without the anchors' axis",
        LISTED,
        "return (centres[:, :, None] + base).reshape(h * w, -1)",
        "The anchors of a cell stand in one row. Each has a row of its own: (H*W*A, 4).",
    ),
    Mistake(
        "cut to the image",
        LISTED,
        "return np.maximum((centres[:, :, None] + base).reshape(-1, 4), 0)",
        "Anchors that reach beyond the image's edge were cut there. Here nothing is cut.",
    ),
    Mistake(
        "places alone",
        LISTED,
        "return (centres[:, :, None] + 0 * base).reshape(-1, 4)",
        "These are the cells' centres; base was not added.",
    ),
    Mistake(
        "four numbers before the anchors",
        ROWS,
        "return separate.transpose(0, 3, 4, 2, 1).reshape(n, -1, 4)",
        "The last axis is the anchors', not that of the four numbers: both were exchanged in transpose.",
    ),
    Mistake(
        "anchor between row and column",
        ROWS,
        "return separate.transpose(0, 3, 1, 4, 2).reshape(n, -1, 4)",
        "The order is row, anchor, column. It is row, column, anchor.",
    ),
    Mistake(
        "anchor before row, column before row",
        ROWS,
        "return separate.transpose(0, 1, 4, 3, 2).reshape(n, -1, 4)",
        "The order is anchor, column, row. It is row, column, anchor.",
    ),
    Mistake(
        "anchor between column and row",
        ROWS,
        "return separate.transpose(0, 4, 1, 3, 2).reshape(n, -1, 4)",
        "The order is column, anchor, row. It is row, column, anchor.",
    ),
    Mistake(
        "(N, H, W, 4A)",
        ROWS,
        "return maps.transpose(0, 2, 3, 1)",
        "The channels stand last, but the answers are not listed: (N, H*W*A, 4) is asked for.",
    ),
    Mistake(
        "images in one list",
        ROWS,
        "return separate.transpose(0, 3, 4, 1, 2).reshape(-1, 4)",
        "The answers of all images stand in one list. The image stays the first axis.",
    ),
    Mistake(
        "four numbers first",
        ROWS,
        "return separate.transpose(0, 3, 4, 1, 2).reshape(n, -1, 4).transpose(0, 2, 1)",
        "The last two axes are exchanged: (N, H*W*A, 4) is asked for.",
    ),
    Mistake(
        "first image alone",
        ROWS,
        "return separate[:1].transpose(0, 3, 4, 1, 2).reshape(1, -1, 4)",
        "Only the first image was brought into order.",
    ),
]
