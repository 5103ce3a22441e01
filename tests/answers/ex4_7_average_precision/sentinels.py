"""The curve with a point before and after it, as in the benchmark's own program; a matrix of points."""

import numpy as np
from ex4_1_iou import iou


def match(boxes, scores, objects, *, threshold):
    order = np.argsort(-scores, kind="stable")
    hit = np.zeros(len(boxes), bool)
    if objects.size == 0:
        return hit
    overlaps = iou(boxes, objects)
    # the detections that overlap their best object enough, and of each object the first of them
    best, enough = overlaps.argmax(axis=1), overlaps.max(axis=1) >= threshold
    candidates = order[enough[order]]
    _, first = np.unique(best[candidates], return_index=True)
    hit[candidates[first]] = True
    return hit


def precision_recall(scores, right, count):
    order = np.argsort(-scores, kind="stable")
    tp = np.cumsum(right[order].astype(np.float64))
    fp = np.cumsum(1.0 - right[order])
    return tp / (tp + fp), tp / count


def average_precision(precision, recall):
    mrec = np.concatenate([[0.0], recall, [1.0]])
    mpre = np.concatenate([[0.0], precision, [0.0]])
    for i in range(len(mpre) - 1, 0, -1):
        mpre[i - 1] = max(mpre[i - 1], mpre[i])
    i = np.where(mrec[1:] != mrec[:-1])[0]
    return np.sum((mrec[i + 1] - mrec[i]) * mpre[i + 1])


def eleven_points(precision, recall):
    reached = recall >= np.arange(11)[:, None] / 10  # (11, D)
    return np.max(np.where(reached, precision, 0), axis=1, initial=0).mean()
