"""Column by column: each edge is an array (N, 1) or (1, M); width times height written out."""

import numpy


def area(boxes):
    x1, y1, x2, y2 = (boxes[..., k] for k in range(4))
    return (x2 - x1).clip(0, None) * (y2 - y1).clip(0, None)


def iou(boxes, others):
    x1, y1, x2, y2 = numpy.split(boxes, 4, axis=1)
    left, top, right, bottom = (column.T for column in numpy.split(others, 4, axis=1))
    width = (numpy.minimum(x2, right) - numpy.maximum(x1, left)).clip(0, None)
    height = (numpy.minimum(y2, bottom) - numpy.maximum(y1, top)).clip(0, None)
    common = width * height
    whole = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - common
    whole[whole == 0] = 1
    return common / whole
