"""Loops in the order of the list, one anchor after the other."""

import math

import numpy as np


def base_anchors(sides, ratios):
    found = []
    for ratio in ratios:
        for side in sides:
            w = side / math.sqrt(ratio)
            h = w * ratio
            found.append([-w / 2, -h / 2, w / 2, h / 2])
    return np.array(found)


def anchors(base, map_size, stride):
    rows, columns = map_size
    boxes = []
    for i in range(rows):
        for j in range(columns):
            x, y = stride * (j + 0.5), stride * (i + 0.5)
            for x1, y1, x2, y2 in base:
                boxes.append([x1 + x, y1 + y, x2 + x, y2 + y])
    return np.array(boxes, dtype=base.dtype)


def rows_of_anchors(maps):
    images, channels, rows, columns = maps.shape
    count = channels // 4
    offsets = np.empty((images, rows * columns * count, 4), maps.dtype)
    for n in range(images):
        k = 0
        for i in range(rows):
            for j in range(columns):
                for a in range(count):
                    offsets[n, k] = maps[n, 4 * a : 4 * a + 4, i, j]
                    k += 1
    return offsets
