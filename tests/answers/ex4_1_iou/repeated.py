"""All pairs as two long lists of boxes; division only where there is something to divide by."""

import numpy as np


def area(boxes):
    sides = np.diff(boxes.reshape(*boxes.shape[:-1], 2, 2), axis=-2)[..., 0, :]
    return np.prod(np.where(sides > 0, sides, 0), axis=-1)


def iou(boxes, others):
    first = np.repeat(boxes, len(others), axis=0)
    second = np.tile(others, (len(boxes), 1))
    both = np.concatenate([np.maximum(first, second)[:, :2], np.minimum(first, second)[:, 2:]], axis=1)
    common = area(both)
    union = area(first) + area(second) - common
    ratio = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return ratio.reshape(len(boxes), len(others))
