"""Long lists by repeat and tile; channels moved to the end before anything is split."""

import numpy as np


def base_anchors(sides, ratios):
    side = np.tile(sides, len(ratios))
    ratio = np.repeat(ratios, len(sides))
    height = side * ratio**0.5
    width = side**2 / height
    return np.column_stack([width, height, width, height]) * [-0.5, -0.5, 0.5, 0.5]


def anchors(base, map_size, stride):
    h, w = map_size
    row, column = np.divmod(np.repeat(np.arange(h * w), len(base)), w)
    centre = np.column_stack([column, row, column, row]) * stride + stride / 2
    return (np.tile(base, (h * w, 1)) + centre).astype(base.dtype)


def rows_of_anchors(maps):
    last = np.moveaxis(maps, 1, -1)  # (N, H, W, 4A)
    return last.reshape(len(maps), -1, 4)
