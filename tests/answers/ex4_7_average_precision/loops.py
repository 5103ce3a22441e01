"""One detection after the other, in plain Python."""

import numpy as np
from ex4_1_iou import iou


def ranking(scores):
    return sorted(range(len(scores)), key=lambda i: -scores[i])  # sorted keeps equals in their order


def match(boxes, scores, objects, *, threshold):
    right = np.zeros(len(boxes), dtype=bool)
    free = set(range(len(objects)))
    for d in ranking(scores):
        best, choice = -1.0, None
        for g in range(len(objects)):
            overlap = iou(boxes[d : d + 1], objects[g : g + 1])[0, 0]
            if overlap > best:
                best, choice = overlap, g
        if best >= threshold and choice in free:
            right[d] = True
            free.remove(choice)
    return right


def precision_recall(scores, right, count):
    precision, recall = [], []
    hits = 0
    for k, d in enumerate(ranking(scores), start=1):
        hits += int(right[d])
        precision.append(hits / k)
        recall.append(hits / count)
    return np.array(precision, float), np.array(recall, float)


def average_precision(precision, recall):
    total, before = 0.0, 0.0
    for k in range(len(precision)):
        total += (recall[k] - before) * max(precision[k:])
        before = recall[k]
    return total


def eleven_points(precision, recall):
    total = 0.0
    for k in range(11):
        best = 0.0
        for p, r in zip(precision, recall, strict=True):
            if r >= k / 10 and p > best:
                best = p
        total += best / 11
    return total
