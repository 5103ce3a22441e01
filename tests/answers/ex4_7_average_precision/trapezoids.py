"""On the staircase trapezoids are rectangles: where the recall grows, best is the same before and after."""

import numpy as np
from ex4_1_iou import iou


def match(boxes, scores, objects, *, threshold):
    taken, answers = {}, {}
    table = iou(boxes, objects)
    for d in np.argsort(-scores, kind="stable"):
        answers[d] = False
        if len(objects) and table[d].max() >= threshold:
            chosen = int(np.argmax(table[d]))
            answers[d] = chosen not in taken
            taken.setdefault(chosen, d)
    return np.array([answers[d] for d in range(len(boxes))], dtype=bool)


def precision_recall(scores, right, count):
    ranked = right[np.lexsort((np.arange(len(scores)), -scores))]
    hits = np.array([ranked[: k + 1].sum() for k in range(len(ranked))], dtype=float)
    return hits / (np.arange(len(hits)) + 1), hits / count


def average_precision(precision, recall):
    best = np.array([precision[k:].max() for k in range(len(precision))], dtype=float)
    best = np.append(best[:1], best)
    steps = np.diff(np.append([0.0], recall))
    return float(np.sum(steps * (best[1:] + best[:-1]) / 2))


def eleven_points(precision, recall):
    wanted = [k / 10 for k in range(11)]
    return (
        sum(max((p for p, r in zip(precision, recall, strict=True) if r >= w), default=0) for w in wanted)
        / 11
    )
