"""Exercise 4.3: Non-maximum suppression.

A detector finds every object several times: many boxes around it look like it. Of those only the best is to
stay. Non-maximum suppression goes through the boxes in falling order of their scores (of equal scores the
first box in the input comes first) and keeps a box unless it has an IoU *above* a threshold with a box that
it has *kept* already. A box that went does not make others go.

Two objects of different classes may well lie one upon the other, so in the end this is done for every class
on its own.
"""

import numpy as np
from ex4_1_iou import iou


def non_maximum_suppression(boxes, scores, *, threshold):
    """Return the indices of the boxes that stay, in falling order of score.

    boxes: (N, 4); scores: (N,); threshold: a number. kept: an array (K,) of integers, indices into boxes; its
    dtype is an integer one also where N is 0.

    iou is at hand, from exercise 4.1: iou(boxes, others) is an array of all overlaps. (The check takes the
    solution's, so this exercise can be solved before 4.1.)

    >>> boxes = np.array([[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 11.0, 10.0], [20.0, 0.0, 30.0, 10.0]])
    >>> non_maximum_suppression(boxes, np.array([0.2, 0.9, 0.8]), threshold=0.5)
    array([1, 2])
    """
    # solution
    overlaps = iou(boxes, boxes)
    kept = []
    for box in np.argsort(-scores, kind="stable"):
        if not np.any(overlaps[box, kept] > threshold):
            kept.append(box)
    return np.array(kept, dtype=np.int64)
    # end of solution


def suppress_within_classes(boxes, scores, labels, *, threshold):
    """Return the indices of the boxes that stay, in falling order of score, if only a box of the same class
    can make a box go.

    boxes, scores, threshold, kept: as in non_maximum_suppression; labels: (N,), integers, the class of each
    box (here every number is a class; there is no background).

    >>> boxes = np.array([[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 11.0, 10.0], [0.0, 1.0, 10.0, 11.0]])
    >>> scores, labels = np.array([0.7, 0.9, 0.8]), np.array([4, 4, 0])
    >>> suppress_within_classes(boxes, scores, labels, threshold=0.5)
    array([1, 2])
    """
    # solution
    stays = np.zeros(len(boxes), dtype=bool)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        stays[own[non_maximum_suppression(boxes[own], scores[own], threshold=threshold)]] = True
    order = np.argsort(-scores, kind="stable")  # of all classes together
    return order[stays[order]]
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 24
CLEAR = 0.02  # how far drawn overlaps stay away from the threshold


def clusters(rng, count, threshold):
    """Return boxes around three places, and scores that differ."""
    while True:
        places = np.array([[5.0, 5.0], [9.0, 6.0], [30.0, 25.0]])[rng.integers(0, 3, count)]
        corner = places + rng.uniform(-3, 3, (count, 2)).round(1)
        boxes = np.concatenate([corner, corner + rng.uniform(8, 12, (count, 2)).round(1)], axis=1)
        if np.abs(iou(boxes, boxes) - threshold).min() > CLEAR:
            return {
                "boxes": boxes,
                "scores": (rng.permutation(count) + 1) / (count + 1),
                "threshold": threshold,
            }


# each overlaps the next by 7/13 = 0.54, the one after that by 4/16 only
CHAIN = np.array([[0.0, 0, 10, 10], [3.0, 0, 13, 10], [6.0, 0, 16, 10], [9.0, 0, 19, 10], [12.0, 0, 22, 10]])


def cases(rng):
    """Return inputs that show one thing each, and drawn ones.

    A few boxes; a chain, in which each overlaps the next; equal scores; an overlap of exactly the threshold;
    boxes that coincide; no box at all.
    """
    few = {
        "boxes": np.array([[20.0, 0, 30, 10], [0.0, 0, 10, 10], [1.0, 0, 11, 10]]),
        "scores": np.array([0.3, 0.5, 0.9]),
    }
    chain = {"boxes": CHAIN, "scores": np.array([0.7, 0.9, 0.8, 0.5, 0.6])}
    line = {"boxes": CHAIN[:, [1, 0, 3, 2]], "scores": np.array([0.9, 0.8, 0.7, 0.6, 0.5])}
    equal = {"boxes": clusters(rng, 6, 0.5)["boxes"], "scores": rng.permutation([0.25, 0.5, 0.5] * 2)}
    equal["boxes"][3] = equal["boxes"][1] + 0.25  # of these two the first stays
    equal["scores"][[1, 3]] = 0.75
    half = {"boxes": np.array([[0.0, 0, 8, 16], [0.0, 0, 8, 8], [2.0, 0, 8, 8], [0.0, 8, 8, 16]])}
    half["scores"] = np.array([0.8, 0.6, 0.7, 0.5])
    twins = {"boxes": np.repeat(CHAIN[::2], 2, axis=0), "scores": rng.permutation(6) / 8 + 0.125}
    # so many that a sort which is not stable turns some of them around
    many = {"boxes": np.repeat(10.0 * np.arange(24)[:, None], 4, axis=1) + [0, 0, 8, 8]}
    many["scores"] = rng.permutation(np.arange(24) % 3) / 4 + 0.25
    none = {"boxes": np.zeros((0, 4)), "scores": np.zeros(0)}
    found = [{**case, "threshold": 0.5} for case in (few, chain, line, equal, half, twins, none, many)]
    return [*found, clusters(rng, 8, 0.3), clusters(rng, 12, 0.5), clusters(rng, 12, 0.7)]


def label_cases(rng):
    """Return the same inputs with two or three classes; every class has boxes at every place."""
    found = []
    for case in cases(rng):
        count = len(case["scores"])
        found.append({**case, "labels": rng.permutation(np.arange(count) % 3)})
    found[0]["labels"] = np.array([0, 2, 0])  # the two that overlap differ
    found[1]["labels"] = np.array([0, 1, 0, 1, 0])
    found[3]["labels"][[1, 3]] = 1
    found[4]["labels"] = np.array([0, 0, 1, 1])
    order = np.argsort(-found[9]["scores"])
    # in falling order of score the classes take turns, so they cannot come one after the other
    found[9]["labels"][order] = np.arange(len(order)) % 2
    found[6]["labels"] = np.array([], int)
    found[10]["labels"] = 3 * found[10]["labels"] + 1  # numbers with gaps
    return found


PARTS = [
    Part(
        "non_maximum_suppression",
        returns=("kept",),
        cases=cases,
        points=2,
        hints=(
            "Sort the indices by score, then ask of each box in turn whether it stays: that depends on those "
            "that were kept before it, and on nothing else.",
            "A box stays if max over the kept k of IoU(box, k) is not above the threshold, and always if "
            "nothing was kept yet.",
            'np.argsort(-scores, kind="stable") is the order. With all overlaps in an (N, N) array, '
            "overlaps[box, kept] are those with the kept ones, kept a list of indices; np.any of nothing is "
            "False. At the end make an integer array of the list.",
        ),
    ),
    Part(
        "suppress_within_classes",
        returns=("kept",),
        cases=label_cases,
        hints=(
            "Call non_maximum_suppression once for each class with that class's boxes. Or write it again, "
            "with one more condition.",
            "What comes back are indices into the boxes of the class. If own are the class's own indices, "
            "np.flatnonzero(labels == label), own[...] translates them to indices into all boxes.",
            "Mark what stays in an array of N booleans. Then sort all N boxes by score, as before, and take "
            "those that are marked, in that order.",
        ),
    ),
]

ORDER = 'for box in np.argsort(-scores, kind="stable"):'
ASK = "if not np.any(overlaps[box, kept] > threshold):"
KEEP = "kept.append(box)"
RETURN = "return np.array(kept, dtype=np.int64)"
EACH = "for label in np.unique(labels):"
MARK = "stays[own[non_maximum_suppression(boxes[own], scores[own], threshold=threshold)]] = True"
ALL = 'order = np.argsort(-scores, kind="stable")  # of all classes together\n    return order[stays[order]]'
BODY = f"{EACH}\n        own = np.flatnonzero(labels == label)\n        {MARK}"

MISTAKES = [
    Mistake(
        "lowest score kept",
        ORDER,
        'for box in np.argsort(scores, kind="stable"):',
        "The boxes were gone through from the lowest score to the highest, so of several around one object "
        "the worst stayed. np.argsort sorts upwards.",
    ),
    Mistake(
        "order of the input",
        ORDER,
        "for box in range(len(scores)):",
        "The boxes were gone through as they came, and the scores played no part. The best comes first.",
    ),
    Mistake(
        "last of equal scores first",
        ORDER,
        'for box in np.argsort(scores, kind="stable")[::-1]:',
        "Of boxes with equal scores the last came first: sorting upwards and reading backwards turns equals "
        'around too. Sort -scores, with kind="stable".',
    ),
    Mistake(
        "gone at the threshold itself",
        ASK,
        "if not np.any(overlaps[box, kept] >= threshold):",
        "A box whose IoU is exactly the threshold went. It goes only if its IoU is above it.",
    ),
    Mistake(
        "suppressed boxes suppress",
        f"{ORDER}\n        {ASK}\n            {KEEP}",
        'order = np.argsort(-scores, kind="stable")\n    for place, box in enumerate(order):\n'
        f"        if not np.any(overlaps[box, order[:place]] > threshold):\n            {KEEP}",
        "A box went because of another one that had gone itself. Only boxes that were kept make others go: "
        "in a row of boxes each of which overlaps the next, every other one stays.",
    ),
    Mistake(
        "compared with the last kept box alone",
        ASK,
        "if not np.any(overlaps[box, kept[-1:]] > threshold):",
        "A box was compared only with the box that was kept last. Every box that was kept can make it go.",
    ),
    Mistake(
        "compared with the best box alone",
        ASK,
        "if not np.any(overlaps[box, kept[:1]] > threshold):",
        "Only boxes around the very best one went. Each box that is kept makes those go that lie around it.",
    ),
    Mistake(
        "the wrong half kept",
        ASK,
        "if not kept or np.any(overlaps[box, kept] > threshold):",
        "What stayed are the boxes that overlap a better one, and what should have stayed went.",
    ),
    Mistake(
        "suppressed boxes returned",
        RETURN,
        "return np.setdiff1d(np.arange(len(scores)), kept).astype(np.int64)",
        "These are the boxes that go. Those that stay are asked for.",
    ),
    Mistake(
        "places in the sorted order",
        RETURN,
        'order = list(np.argsort(-scores, kind="stable"))\n'
        "    return np.array([order.index(box) for box in kept], dtype=np.int64)",
        "The numbers are places in the sorted list, not indices into boxes: 0 is the best box, wherever it "
        "stands in the input.",
    ),
    Mistake(
        "sorted by index",
        RETURN,
        "return np.array(sorted(kept), dtype=np.int64)",
        "The right boxes stay, but they come in the order of the input. The best should come first.",
    ),
    Mistake(
        "marks in place of indices",
        RETURN,
        "return np.isin(np.arange(len(scores)), kept)",
        "Every box has a True or False. The indices of those that stay are asked for, in falling order of "
        "score, which marks cannot tell.",
    ),
    Mistake(
        "kept boxes returned",
        RETURN,
        "return boxes[np.array(kept, dtype=np.int64)]",
        "The boxes themselves were returned. Indices are asked for: with them scores and labels can be "
        "picked too.",
    ),
    Mistake(
        "across classes",
        f"stays = np.zeros(len(boxes), dtype=bool)\n    {BODY}",
        "stays = np.zeros(len(boxes), dtype=bool)\n"
        "    stays[non_maximum_suppression(boxes, scores, threshold=threshold)] = True",
        "A box went because of one of another class. A person on a horse is two objects, though their boxes "
        "are nearly the same.",
    ),
    Mistake(
        "class 0 taken for the background",
        EACH,
        "for label in np.unique(labels[labels > 0]):",
        "The boxes of class 0 are missing. In a network's output 0 is often the background, but here every "
        "number is a class.",
    ),
    Mistake(
        "one class after the other",
        f"{BODY}\n    {ALL}",
        "kept = [np.zeros(0, np.int64)]\n"
        f"    {EACH}\n        own = np.flatnonzero(labels == label)\n"
        "        kept.append(own[non_maximum_suppression(boxes[own], scores[own], threshold=threshold)])\n"
        "    return np.concatenate(kept)",
        "The right boxes stay, but class by class. All of them together are to be in falling order of score.",
    ),
    Mistake(
        "indices within the class",
        f"{BODY}\n    {ALL}",
        "kept, of = [np.zeros(0, np.int64)], [np.zeros(0)]\n"
        f"    {EACH}\n        own = np.flatnonzero(labels == label)\n"
        "        kept.append(non_maximum_suppression(boxes[own], scores[own], threshold=threshold))\n"
        "        of.append(scores[own][kept[-1]])\n"
        "    return np.concatenate(kept)[np.argsort(-np.concatenate(of), kind='stable')]",
        "The numbers count within each class, but should be indices into boxes: if own are the indices of "
        "the class, own[...] translates.",
    ),
    Mistake(
        "indices within the class, class by class",
        f"{BODY}\n    {ALL}",
        "kept = [np.zeros(0, np.int64)]\n"
        f"    {EACH}\n        own = np.flatnonzero(labels == label)\n"
        "        kept.append(non_maximum_suppression(boxes[own], scores[own], threshold=threshold))\n"
        "    return np.concatenate(kept)",
        "The numbers count within each class, but should be indices into boxes, and they come class by "
        "class, but should be in falling order of score.",
    ),
    Mistake(
        "only one box of a class",
        MARK,
        "stays[own[np.argmax(scores[own])]] = True",
        "Of each class one box is left, the best. There may be several objects of a class.",
    ),
    Mistake(
        "in the order of the input",
        ALL,
        "return np.flatnonzero(stays)",
        "The right boxes stay, but they come in the order of the input. The best should come first.",
    ),
    Mistake(
        "lowest scores first",
        ALL,
        "order = np.argsort(scores, kind='stable')\n    return order[stays[order]]",
        "The right boxes stay, but the one with the lowest score comes first.",
    ),
    Mistake(
        "sort that is not stable",
        ORDER,
        "for box in np.argsort(-scores):",
        "Of boxes with equal scores it was left to chance which comes first: np.argsort keeps their "
        'order only with kind="stable".',
    ),
    Mistake(
        "last of equal scores first, or by chance",
        ORDER,
        "for box in np.argsort(scores)[::-1]:",
        "Of boxes with equal scores the last came first, or any: sorting upwards and reading "
        'backwards turns equals around. Sort -scores, with kind="stable".',
    ),
    Mistake(
        "threshold ignored",
        ASK,
        "if not np.any(overlaps[box, kept] > 0.5):",
        "The overlap was compared with 0.5, whatever threshold is.",
    ),
    Mistake(
        "any overlap suppresses",
        ASK,
        "if not np.any(overlaps[box, kept] > 0):",
        "Every box that overlaps a kept one at all went. It goes only if its IoU is above threshold.",
    ),
    Mistake(
        "nothing suppressed",
        ASK,
        "if True:",
        "All boxes stayed. One goes if its IoU with a kept box is above threshold.",
    ),
    Mistake(
        "small overlaps suppress",
        ASK,
        "if not np.any(overlaps[box, kept] < threshold):",
        "A box went because of a kept one that it overlaps little. It goes if the IoU is above threshold.",
    ),
    Mistake(
        "all kept boxes must overlap",
        ASK,
        "if not kept or not np.all(overlaps[box, kept] > threshold):",
        "A box went only if it overlaps every kept one. One kept box is enough to make it go.",
    ),
    Mistake(
        "mean of the overlaps",
        ASK,
        "if not kept or not np.mean(overlaps[box, kept]) > threshold:",
        "The mean of the overlaps with the kept boxes was compared with threshold. One kept box is "
        "enough to make it go.",
    ),
    Mistake(
        "sum of the overlaps",
        ASK,
        "if not np.sum(overlaps[box, kept]) > threshold:",
        "The overlaps with all kept boxes were added up. Each one by itself is compared with threshold.",
    ),
    Mistake(
        "compared with the box before in the order",
        f"{ORDER}\n        {ASK}\n            {KEEP}",
        'order = np.argsort(-scores, kind="stable")\n'
        "    for place, box in enumerate(order):\n"
        "        if place == 0 or not overlaps[box, order[place - 1]] > threshold:\n"
        "            kept.append(box)",
        "A box was compared with the one just before it in the order, kept or not. Every box that "
        "was kept can make it go.",
    ),
    Mistake(
        "places taken for indices",
        f"{ORDER}\n        {ASK}\n            {KEEP}",
        "places = []\n"
        '    for place, box in enumerate(np.argsort(-scores, kind="stable")):\n'
        "        if not np.any(overlaps[place, places] > threshold):\n"
        "            kept.append(box)\n"
        "            places.append(place)",
        "The overlaps were looked up by the place in the sorted order, but they belong to boxes in "
        "the order of the input: other boxes were compared.",
    ),
    Mistake(
        "boxes after it in the input",
        f"{ORDER}\n        {ASK}\n            {KEEP}",
        'for box in np.argsort(-scores, kind="stable"):\n'
        "        if not np.any(overlaps[box, box + 1 :] > threshold):\n"
        "            kept.append(box)",
        "A box was compared with those after it in the input. It is compared with those that were kept.",
    ),
    Mistake(
        "compared with itself",
        ASK,
        "if not np.any(overlaps[box] > threshold):",
        "A box was compared with itself too, and that overlap is 1: nothing but what is empty stays.",
    ),
    Mistake(
        "best box alone",
        RETURN,
        "return np.array(kept[:1], dtype=np.int64)",
        "Only the best box stayed. There may be several objects.",
    ),
    Mistake(
        "threshold for the scores",
        RETURN,
        "return np.array([box for box in kept if scores[box] > threshold], dtype=np.int64)",
        "Boxes with a score below threshold are missing. threshold is for the IoU; no score is too low here.",
    ),
    Mistake(
        "lowest score first in the answer",
        RETURN,
        "return np.array(kept[::-1], dtype=np.int64)",
        "The right boxes stay, but the one with the lowest score comes first.",
    ),
    Mistake(
        "scores returned",
        RETURN,
        "return np.array([scores[box] for box in kept])",
        "The scores of the boxes that stay were returned. Their indices are asked for.",
    ),
    Mistake(
        "how many stay",
        RETURN,
        "return len(kept)",
        "This is the number of boxes that stay. Their indices are asked for.",
    ),
    Mistake(
        "last class alone",
        f"        {MARK}",
        f"        stays[:] = False\n        {MARK}",
        "Only boxes of the last class are left: what earlier classes had kept was overwritten.",
    ),
    Mistake(
        "scores of all boxes within the class",
        MARK,
        MARK.replace("scores[own]", "scores[: len(own)]"),
        "Within a class the boxes were sorted by scores of other boxes: scores is to be indexed like boxes.",
    ),
    Mistake(
        "boxes of all classes within the class",
        MARK,
        MARK.replace("boxes[own]", "boxes[: len(own)]"),
        "Within a class the overlaps of other boxes were compared: boxes is to be indexed like scores.",
    ),
    Mistake(
        "classes numbered from 0 without a gap",
        EACH,
        "for label in range(len(np.unique(labels))):",
        "Labels were taken to be 0, 1, 2, ... without a gap, and other numbers are missing. Any "
        "integers may come: np.unique.",
    ),
    Mistake(
        "last class missing",
        EACH,
        "for label in range(labels.max(initial=0)):",
        "Boxes of the class with the largest number are missing: range ends before its argument.",
    ),
    Mistake(
        "equal scores class by class",
        f"{BODY}\n    {ALL}",
        "kept = [np.zeros(0, np.int64)]\n"
        f"    {EACH}\n        own = np.flatnonzero(labels == label)\n"
        "        kept.append(own[non_maximum_suppression(boxes[own], scores[own], threshold=threshold)])\n"
        "    kept = np.concatenate(kept)\n    return kept[np.argsort(-scores[kept], kind='stable')]",
        "The right boxes stay, but of equal scores those of one class come first, wherever they "
        "stand in the input. Of equal scores the first box in the input comes first.",
    ),
    Mistake(
        "sort of all classes that is not stable",
        ALL,
        "order = np.argsort(-scores)\n    return order[stays[order]]",
        "The right boxes stay, but the order of equal scores was left to chance: np.argsort keeps it "
        'only with kind="stable".',
    ),
    Mistake(
        "last of equal scores first in all classes",
        ALL,
        'order = np.argsort(scores, kind="stable")[::-1]\n    return order[stays[order]]',
        "The right boxes stay, but of equal scores the last comes first: sorting upwards and reading "
        "backwards turns equals around.",
    ),
    Mistake(
        "last of equal scores first in all classes, or by chance",
        ALL,
        "order = np.argsort(scores)[::-1]\n    return order[stays[order]]",
        "The right boxes stay, but of equal scores the last comes first, or any: sorting upwards and "
        "reading backwards turns equals around.",
    ),
    Mistake(
        "marks in place of indices, within the classes",
        ALL,
        "return stays",
        "Every box has a True or False. The indices of those that stay are asked for, in falling "
        "order of score.",
    ),
    Mistake(
        "boxes of other classes suppress, those of the same do not",
        f"{BODY}",
        "order = np.argsort(-scores, kind='stable')\n"
        "    for box in order:\n"
        "        best = order[stays[order]]\n"
        "        over = iou(boxes[[box]], boxes[best])[0] > threshold\n"
        "        stays[box] = not np.any(over & (labels[best] != labels[box]))",
        "A box went because of one of another class, and never because of one of its own. It is the "
        "other way round.",
    ),
]
