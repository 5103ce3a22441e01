"""Round after round: keep the best of those that are left, and leave what overlaps it too much."""

import numpy as np
from ex4_1_iou import iou


def non_maximum_suppression(boxes, scores, *, threshold):
    left = np.argsort(-scores, kind="stable")
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[iou(boxes[best][None], boxes[left])[0] <= threshold]
    return np.array(kept, dtype=int)


def suppress_within_classes(boxes, scores, labels, *, threshold):
    left = np.argsort(-scores, kind="stable")
    kept = np.zeros(0, dtype=int)
    while len(left):
        best, left = left[:1], left[1:]
        kept = np.append(kept, best)
        overlaps = iou(boxes[best], boxes[left])[0]
        left = left[(overlaps <= threshold) | (labels[left] != labels[best])]
    return kept
