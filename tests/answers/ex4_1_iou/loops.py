"""Box by box, in plain Python numbers."""

import numpy as np


def area_of(box):
    x1, y1, x2, y2 = box
    if x2 <= x1 or y2 <= y1:
        return 0
    return (x2 - x1) * (y2 - y1)


def area(boxes):
    found = np.zeros(boxes.shape[:-1], dtype=boxes.dtype)
    for place in np.ndindex(found.shape):
        found[place] = area_of(boxes[place])
    return found


def iou(boxes, others):
    overlaps = np.zeros((len(boxes), len(others)), dtype=boxes.dtype)
    for n, a in enumerate(boxes):
        for m, b in enumerate(others):
            left, right = max(a[0], b[0]), min(a[2], b[2])
            top, bottom = max(a[1], b[1]), min(a[3], b[3])
            if left < right and top < bottom:
                common = (right - left) * (bottom - top)
                overlaps[n, m] = common / (area_of(a) + area_of(b) - common)
    return overlaps
