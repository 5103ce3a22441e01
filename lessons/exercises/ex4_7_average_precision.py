"""Exercise 4.7: Average precision.

How good is a detector, for one class? Every detection is a box with a score, and there are the boxes that
should be found: the objects. It takes three steps.

*Which detections are right?* They choose in falling order of score (of equal scores the first in the input
comes first). Each takes the object that it overlaps most (the first one, if there are several), and is right
if that overlap, the IoU, is at least a threshold (0.5, mostly), and if no detection took that object before:
an object is found once, and a second hit on it is wrong.

*Precision and recall.* If only the k best detections count:

    precision = right ones among them / k        recall = right ones among them / number of objects

*One number.* As k grows the recall grows, and the precision goes up and down. Let best(r) be the largest
precision that is reached at a recall of r or more, and 0 if r is never reached. It only falls. Average
precision is the area below it, from recall 0 to 1; until 2009 the Pascal VOC challenge took the mean of
best(r) over the eleven numbers r = 0, 0.1, ..., 1 for it.
"""

import numpy as np
from ex4_1_iou import iou


def match(boxes, scores, objects, *, threshold):
    """Return which detections are right, as an array (D,) of True and False in the order of the input.

    boxes: (D, 4); scores: (D,); objects: (G, 4), of the same image and class; threshold: a number. There may
    be no detection, or no object.

    iou is at hand, from exercise 4.1 (the check takes the solution's): iou(boxes, objects) is (D, G).

    >>> boxes = np.array([[0.0, 0.0, 9.0, 10.0], [0.0, 0.0, 10.0, 10.0], [20.0, 0.0, 30.0, 10.0]])
    >>> match(boxes, np.array([0.7, 0.9, 0.8]), np.array([[0.0, 0.0, 10.0, 10.0]]), threshold=0.5)
    array([False,  True, False])
    """
    # solution
    right, taken = np.zeros(len(boxes), dtype=bool), np.zeros(len(objects), dtype=bool)
    overlaps = iou(boxes, objects)
    for found in np.argsort(-scores, kind="stable"):
        if len(objects):
            chosen = overlaps[found].argmax()
            if overlaps[found, chosen] >= threshold and not taken[chosen]:
                right[found] = taken[chosen] = True
    return right
    # end of solution


def precision_recall(scores, right, count):
    """Return precision and recall of the best detection, of the best two, and so on.

    scores: (D,), of all images together; right: (D,), True or False for each; count: the number of objects,
    above 0. precision, recall: (D,) each, float64.

    >>> precision, recall = precision_recall(np.array([0.7, 0.9, 0.8]), np.array([True, True, False]), 4)
    >>> precision
    array([1.        , 0.5       , 0.66666667])
    >>> recall
    array([0.25, 0.25, 0.5 ])
    """
    # solution
    hits = np.cumsum(right[np.argsort(-scores, kind="stable")])
    return hits / np.arange(1, len(hits) + 1), hits / count
    # end of solution


def average_precision(precision, recall):
    """Return the area below best(r) from r = 0 to r = 1, a number.

    precision, recall: (D,), from precision_recall; they may be empty.

    >>> precision, recall = np.array([1.0, 0.5, 2 / 3]), np.array([0.5, 0.5, 1.0])
    >>> round(float(average_precision(precision, recall)), 4)  # 0.5 * 1 + 0.5 * 2/3
    0.8333
    """
    # solution
    best = np.maximum.accumulate(precision[::-1])[::-1]  # the largest from here to the end
    steps = recall - np.concatenate([np.zeros(1), recall[:-1]])[: len(recall)]
    return float((steps * best).sum())
    # end of solution


def eleven_points(precision, recall):
    """Return the mean of best(r) over r = 0, 0.1, ..., 1, a number.

    precision, recall: (D,), from precision_recall; they may be empty. A recall of exactly 3/10 reaches
    r = 0.3.

    >>> precision, recall = np.array([1.0, 0.5, 2 / 3]), np.array([0.5, 0.5, 1.0])
    >>> round(float(eleven_points(precision, recall)), 4)  # (6 * 1 + 5 * 2/3) / 11
    0.8485
    """
    # solution
    total = 0.0
    for k in range(11):
        reached = precision[recall >= k / 10]  # 3 / 10 is the number that hits / count is; 3 * 0.1 is not
        total += reached.max() if len(reached) else 0.0
    return total / 11
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 24


def match_cases(rng):
    """Return inputs that show one thing each, and drawn ones; some without objects or detections."""
    square, next_to_it, far = [0.0, 0, 10, 10], [4.0, 0, 14, 10], [30.0, 30, 36, 38]
    few = {"boxes": [[0.0, 0, 10, 9], [20.0, 0, 30, 10]], "scores": [0.6, 0.9], "objects": [square]}
    # the better of the two is not the first, and each overlaps the object
    twice = {"boxes": [[0.0, 0, 10, 9], [0.0, 0, 10, 8], far], "scores": [0.6, 0.9, 0.7], "objects": [square]}
    # both detections overlap the first object most, and the second enough
    taken = {"boxes": [[1.0, 0, 11, 10], [2.0, 0, 11, 10], far]}
    taken |= {"scores": [0.9, 0.8, 0.3], "objects": [square, [3.5, 0, 14, 10], far]}
    # an IoU of exactly 1/2, and one just below
    half = {"boxes": [[0.0, 0, 10, 5], [30.0, 30, 36, 33.9]], "scores": [0.4, 0.8], "objects": [far, square]}
    # the detection overlaps the second object most
    best = {"boxes": [[3.0, 0, 13, 10], [0.5, 0, 10, 10]], "scores": [0.9, 0.8]}
    best |= {"objects": [square, next_to_it]}
    # a miss with the highest score must not take the object away
    miss = {"boxes": [[6.0, 0, 16, 10], [0.0, 0, 10, 9]], "scores": [0.9, 0.5], "objects": [square]}
    equal = {"boxes": [[0.0, 0, 10, 9], [0.0, 0, 10, 8], [1.0, 0, 10, 10]], "scores": [0.5, 0.5, 0.5]}
    equal |= {"objects": [square, far]}
    none = {"boxes": [square, far, next_to_it], "scores": [0.5, 0.75, 0.25], "objects": np.zeros((0, 4))}
    nothing = {"boxes": np.zeros((0, 4)), "scores": [], "objects": [square, far]}
    found = [few, twice, taken, half, best, miss, equal, none, nothing]
    # more objects than detections, the last one found; two objects overlapped alike; and so many detections
    # with equal scores that a sort which is not stable turns some of them around
    more = {"boxes": [far, [31.0, 30, 36, 38]], "scores": [0.5, 0.75], "objects": [square, next_to_it, far]}
    alike = {"boxes": [[2.0, 0, 12, 10], [5.0, 0, 14, 10]], "scores": [0.5, 0.25]}
    alike |= {"objects": [square, next_to_it]}
    places = 20.0 * (np.arange(24) // 2)[:, None] + [0, 0, 10, 10]
    many = {"boxes": places + rng.uniform(0, 1, (24, 4)).round(1)}
    many |= {"scores": np.arange(24) // 2 % 3 / 4 + 0.25, "objects": places[::2]}
    found = [*found, more, alike, many]
    found = [{name: np.array(value, float) for name, value in case.items()} for case in found]
    found = [{**case, "threshold": 0.5} for case in [*found, drawn(rng, 9, 3), drawn(rng, 14, 5)]]
    return [*found, {**drawn(rng, 12, 4), "threshold": 0.75}, {**drawn(rng, 12, 4), "threshold": 0.3}]


def drawn(rng, detections, objects):
    """Return objects in a row that overlap a little, and detections around them, none near the threshold."""
    while True:
        corner = np.stack([8.0 * np.arange(objects), np.zeros(objects)], axis=1)
        true = np.concatenate([corner, corner + rng.uniform(9, 12, (objects, 2)).round(1)], axis=1)
        boxes = true[rng.integers(0, objects, detections)] + rng.uniform(-2, 2, (detections, 4)).round(1)
        overlaps = iou(boxes, true)
        ranked = np.sort(overlaps, axis=1)
        clear = min(np.abs(overlaps - threshold).min() for threshold in (0.3, 0.5, 0.75)) > 0.01
        if clear and (ranked[:, -1] - ranked[:, -2]).min() > 0.01:
            scores = (rng.permutation(detections) + 1) / (detections + 1)
            return {"boxes": boxes, "scores": scores, "objects": true}


def curve_cases(rng):
    """Return scores that come in any order, some equal, with right and wrong ones, and no detection."""
    few = {"scores": np.array([0.25, 0.75, 0.5]), "right": np.array([True, True, False]), "count": 4}
    equal = {"scores": np.array([0.5, 0.75, 0.5, 0.5]), "right": np.array([True, False, False, False])}
    equal["count"] = 3
    cases = [few, equal]
    for detections, hits, count in [(5, 3, 6), (6, 5, 5), (12, 7, 10), (4, 0, 2)]:
        scores = (rng.permutation(detections) + 1) / (detections + 1)
        right = rng.permutation(np.arange(detections) < hits)
        cases.append({"scores": scores, "right": right, "count": count})
    # so many equal scores that a sort which is not stable turns some of them around
    many = {"scores": rng.integers(1, 4, 30) / 4, "right": np.arange(30) % 2 == 0, "count": 18}
    return [*cases, many, {"scores": np.zeros(0), "right": np.zeros(0, bool), "count": 20}]


def precision_cases(rng):
    """Return curves that rise and fall; with recall to the end, to the middle, in tenths, and empty ones."""
    first = {"precision": np.array([1.0, 0.5, 2 / 3]), "recall": np.array([0.5, 0.5, 1.0])}
    # wrong ones first, so that the precision rises; one object is never found
    found = [first, curve([0, 1, 1], 4), curve([0, 0, 1, 1, 0, 1, 1], 5)]
    for detections, hits, count in [(8, 5, 6), (14, 10, 10), (16, 9, 20)]:
        right = rng.permutation(np.arange(detections) < hits)
        right[:2] = False, True
        found.append(curve(right, max(count, right.sum())))
    found.append(curve([1, 1, 0, 0, 0, 1], 4))  # read from the other end it is another one
    found.append(curve([1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1], 10))  # 3/10, 6/10 and 7/10 are reached
    return [*found, {"precision": np.zeros(0), "recall": np.zeros(0)}]


def curve(right, count):
    """Return precision and recall of detections that are in falling order of score."""
    precision, recall = precision_recall(-np.arange(len(right)), np.array(right), count)
    return {"precision": precision, "recall": recall}


PARTS = [
    Part(
        "match",
        returns=("matched",),
        cases=match_cases,
        points=2,
        hints=(
            "Go through the detections from the best score down and remember which objects are taken.",
            "Detection d takes g = argmax over the objects of IoU(d, g). It is right if IoU(d, g) >= "
            "threshold and g is not taken yet.",
            "Begin with right and taken all False; only where both conditions hold set right[d] and "
            "taken[g] to True, at the detection's own index. Without objects there is no argmax: ask first.",
        ),
    ),
    Part(
        "precision_recall",
        returns=("precision", "recall"),
        cases=curve_cases,
        hints=(
            "Sort by score first; then it is a matter of counting.",
            "With hits[k] the number of right ones among the k + 1 best: precision hits[k] / (k + 1), recall "
            "hits[k] / count.",
            'right[np.argsort(-scores, kind="stable")] is in order; np.cumsum counts the right ones so far.',
        ),
    ),
    Part(
        "average_precision",
        returns=("average",),
        cases=precision_cases,
        points=2,
        hints=(
            "First make the precision monotone: at each place the largest from there to the end. Then add up "
            "rectangles.",
            "best[k] = max of precision[k:]; the area is the sum over k of (recall[k] - recall[k-1]) * "
            "best[k], with recall[-1] read as 0.",
            "np.maximum.accumulate goes forward and keeps the largest so far: turn precision around before, "
            "and the result around after. Where the recall does not grow the rectangle has no width.",
        ),
    ),
    Part(
        "eleven_points",
        returns=("average",),
        cases=precision_cases,
        hints=(
            "Eleven times the same question: what is the largest precision at a recall of r or more?",
            "mean over k = 0 ... 10 of max(precision[recall >= k / 10]), 0 if no recall is that large.",
            "k / 10 is rounded as hits / count is; np.arange(0, 1.1, 0.1) and np.linspace(0, 1, 11) hold "
            "0.30000000000000004, which a recall of 0.3 does not reach.",
        ),
    ),
]

ORDER = 'for found in np.argsort(-scores, kind="stable"):'
CHOOSE = "chosen = overlaps[found].argmax()"
RIGHT = "if overlaps[found, chosen] >= threshold and not taken[chosen]:"
SET = "right[found] = taken[chosen] = True"
LOOP = f"if len(objects):\n            {CHOOSE}\n            {RIGHT}\n                {SET}"
HITS = 'hits = np.cumsum(right[np.argsort(-scores, kind="stable")])'
CURVE = "return hits / np.arange(1, len(hits) + 1), hits / count"
BEST = "best = np.maximum.accumulate(precision[::-1])[::-1]"
STEPS = "steps = recall - np.concatenate([np.zeros(1), recall[:-1]])[: len(recall)]"
AREA = "return float((steps * best).sum())"
POINTS = "for k in range(11):"
REACHED = "reached = precision[recall >= k / 10]"
TOTAL = "total += reached.max() if len(reached) else 0.0"
ELEVENTH = "return total / 11"

MISTAKES = [
    Mistake(
        "second hit counted right",
        RIGHT,
        "if overlaps[found, chosen] >= threshold:",
        "An object was found several times, and every time it counted. The first detection takes it; a "
        "second hit on it is wrong, else a detector would gain by saying everything twice.",
    ),
    Mistake(
        "order of the input",
        ORDER,
        "for found in range(len(scores)):",
        "The detections chose in the order of the input. The one with the highest score chooses first.",
    ),
    Mistake(
        "lowest score first",
        ORDER,
        'for found in np.argsort(scores, kind="stable"):',
        "The detection with the lowest score chose first: np.argsort sorts upwards.",
    ),
    Mistake(
        "last of equal scores first",
        ORDER,
        'for found in np.argsort(scores, kind="stable")[::-1]:',
        "Of detections with equal scores the last chose first: sorting upwards and reading backwards turns "
        'equals around too. Sort -scores, with kind="stable".',
    ),
    Mistake(
        "wrong at the threshold itself",
        RIGHT,
        "if overlaps[found, chosen] > threshold and not taken[chosen]:",
        "A detection whose IoU is exactly the threshold was called wrong. At least the threshold is asked "
        "for.",
    ),
    Mistake(
        "next best object taken",
        CHOOSE,
        "chosen = np.where(taken, -1, overlaps[found]).argmax()",
        "Where the object that a detection overlaps most was taken, it got another one. COCO's program does "
        "that; here it is wrong.",
    ),
    Mistake(
        "first object that is overlapped enough",
        CHOOSE,
        "chosen = (overlaps[found] >= threshold).argmax()",
        "A detection took the first object that it overlaps enough. It takes the one that it overlaps most.",
    ),
    Mistake(
        "any object that is overlapped enough",
        CHOOSE,
        "chosen = ((overlaps[found] >= threshold) & ~taken).argmax()",
        "A detection took the first free object that it overlaps enough. It takes the one that it overlaps "
        "most, free or not.",
    ),
    Mistake(
        "objects taken by misses",
        f"{RIGHT}\n                {SET}",
        "right[found] = overlaps[found, chosen] >= threshold and not taken[chosen]\n"
        "            taken[chosen] = True",
        "A detection that overlaps its object too little took it away from others. Only one that is right "
        "takes an object.",
    ),
    Mistake(
        "objects choose",
        f"{ORDER}\n        {LOOP}",
        "for g in range(len(objects) if len(boxes) else 0):\n        found = overlaps[:, g].argmax()\n"
        "        right[found] |= overlaps[found, g] >= threshold",
        "Each object took the detection that overlaps it most. It is the detections that choose, the one "
        "with the highest score first, even if another one fits better.",
    ),
    Mistake(
        "in falling order of score",
        "    return right\n",
        '    return right[np.argsort(-scores, kind="stable")]\n',
        "The answers are right but sorted by score. They belong to the detections in the order of the input.",
    ),
    Mistake(
        "objects found",
        "    return right\n",
        "    return taken\n",
        "These are the objects that were found, not the detections that found them.",
    ),
    Mistake(
        "not sorted",
        HITS,
        "hits = np.cumsum(right)",
        "The detections were counted in the order of the input. The best k are those with the highest "
        "scores.",
    ),
    Mistake(
        "sorted upwards",
        HITS,
        'hits = np.cumsum(right[np.argsort(scores, kind="stable")])',
        "The detections were counted from the lowest score up: np.argsort sorts upwards.",
    ),
    Mistake(
        "equal scores turned around",
        HITS,
        'hits = np.cumsum(right[np.argsort(scores, kind="stable")[::-1]])',
        "Of detections with equal scores the last was counted first: sorting upwards and reading backwards "
        'turns equals around too. Sort -scores, with kind="stable".',
    ),
    Mistake(
        "not added up",
        HITS,
        'hits = 1 * right[np.argsort(-scores, kind="stable")]',
        "Each place has its own detection only. The right ones among the best k are asked for: a running "
        "sum.",
    ),
    Mistake(
        "precision over all detections",
        CURVE,
        "return hits / max(len(hits), 1), hits / count",
        "The precision was divided by the number of all detections. Of the best k it is right ones / k.",
    ),
    Mistake(
        "k counted from 0",
        CURVE,
        "return hits / np.arange(len(hits)), hits / count",
        "The precision was divided by the place counted from 0. The best detection alone makes k = 1.",
    ),
    Mistake(
        "recall over what was found",
        CURVE,
        "return hits / np.arange(1, len(hits) + 1), hits / (hits[-1] if len(hits) else 1)",
        "The recall was divided by the number of right detections, so it always ends at 1. Objects that "
        "nobody found count too.",
    ),
    Mistake(
        "recall over the detections",
        CURVE,
        "return hits / np.arange(1, len(hits) + 1), hits / max(len(hits), 1)",
        "The recall was divided by the number of detections. It is the fraction of the *objects* that were "
        "found.",
    ),
    Mistake(
        "precision and recall exchanged",
        CURVE,
        "return hits / count, hits / np.arange(1, len(hits) + 1)",
        "The two are exchanged: precision is the fraction of the detections that are right, recall that of "
        "the objects that are found.",
    ),
    Mistake(
        "precision not made monotone",
        BEST,
        "best = precision",
        "The area below the precision itself was taken, with all its teeth. best(r) is the largest precision "
        "at a recall of r *or more*.",
    ),
    Mistake(
        "made monotone from the wrong side",
        BEST,
        "best = np.maximum.accumulate(precision)",
        "best is the largest precision so far, up to this recall. It should be the largest from this recall "
        "on: begin at the end.",
    ),
    Mistake(
        "smallest in place of the largest",
        BEST,
        "best = np.minimum.accumulate(precision)",
        "The precision was made to fall by taking the smallest so far. That is monotone too, but too low: "
        "it is the largest from here on.",
    ),
    Mistake(
        "first step missing",
        f"{STEPS}\n    {AREA}",
        "return float((np.diff(recall) * best[1:]).sum())",
        "The area begins at the first recall. It begins at 0: before the first detection the recall is 0.",
    ),
    Mistake(
        "trapezoids",
        AREA,
        "middle = (precision[1:] + precision[:-1]) / 2\n"
        "    return float((np.diff(recall) * middle).sum() + (recall[:1] * precision[:1]).sum())",
        "The precision's points were joined by straight lines, and the area below these was taken. best is "
        "a staircase that only falls.",
    ),
    Mistake(
        "mean of the precision",
        AREA,
        "return float(precision.mean()) if len(precision) else 0.0",
        "This is the mean of the precision over all detections. Wrong detections do not move the recall: "
        "they add nothing to the area, they only lower what comes after.",
    ),
    Mistake(
        "mean of the best precision",
        AREA,
        "return float(best.mean()) if len(best) else 0.0",
        "This is the mean over all detections. Wrong detections do not move the recall: they add nothing "
        "to the area.",
    ),
    Mistake(
        "mean over what was found",
        AREA,
        "return float((steps * best).sum() / recall[-1]) if len(recall) else 0.0",
        "The area was divided by the recall that is reached. Objects that are never found cost something: "
        "beyond that recall best is 0.",
    ),
    Mistake(
        "area up to 1",
        AREA,
        "return float((steps * best).sum() + (1 - recall[-1]) * best[-1]) if len(recall) else 0.0",
        "The last precision was taken to hold up to recall 1. A recall that is never reached has best = 0.",
    ),
    Mistake(
        "points at multiples of 0.1",
        REACHED,
        "reached = precision[recall >= np.arange(0, 1.1, 0.1)[k]]",
        "A recall of exactly 3/10 did not reach the point 0.3: np.arange and np.linspace have "
        "0.30000000000000004 there. Compare with k / 10, or allow for rounding.",
    ),
    Mistake(
        "recall beyond the point",
        REACHED,
        "reached = precision[recall > k / 10]",
        "A recall that is exactly at the point was not counted. It is at least reached there.",
    ),
    Mistake(
        "precision where the point is reached first",
        TOTAL,
        "total += reached[0] if len(reached) else 0.0",
        "The precision at the first recall that reaches the point was taken. It may be higher later: best(r) "
        "is the largest at a recall of r or more.",
    ),
    Mistake(
        "recall up to the point",
        REACHED,
        "reached = precision[recall <= k / 10]",
        "The largest precision was looked for up to the point. It is the largest from the point on.",
    ),
    Mistake(
        "ten points",
        f"{POINTS}\n        {REACHED}",
        "for k in range(10):\n        reached = precision[recall >= (k + 1) / 10]",
        "There are eleven points: recall 0 is one of them.",
    ),
    Mistake(
        "point 1 missing",
        POINTS,
        "for k in range(10):",
        "There are eleven points: recall 1 is one of them, too.",
    ),
    Mistake(
        "divided by 10",
        ELEVENTH,
        "return total / 10",
        "The sum was divided by 10. From 0 to 1 in steps of 0.1 there are eleven points.",
    ),
    Mistake(
        "mean over the points that are reached",
        ELEVENTH,
        "return total / max(sum(k / 10 <= recall.max(initial=0) for k in range(11)), 1)",
        "The mean was taken over the points that are reached. The others count as 0.",
    ),
    Mistake(
        "sort that is not stable",
        ORDER,
        "for found in np.argsort(-scores):",
        "Of detections with equal scores it was left to chance which chooses first: np.argsort keeps "
        'their order only with kind="stable".',
    ),
    Mistake(
        "last of equal scores first, or by chance",
        ORDER,
        "for found in np.argsort(scores)[::-1]:",
        "Of detections with equal scores the last chose first, or any: sorting upwards and reading "
        'backwards turns equals around. Sort -scores, with kind="stable".',
    ),
    Mistake(
        "threshold ignored",
        RIGHT,
        "if overlaps[found, chosen] >= 0.5 and not taken[chosen]:",
        "The overlap was compared with 0.5, whatever threshold is.",
    ),
    Mistake(
        "any overlap is right",
        RIGHT,
        "if overlaps[found, chosen] > 0 and not taken[chosen]:",
        "Every detection that overlaps a free object at all was called right. The IoU must be at "
        "least threshold.",
    ),
    Mistake(
        "threshold not asked for",
        RIGHT,
        "if not taken[chosen]:",
        "The overlap was not compared with threshold.",
    ),
    Mistake(
        "right below the threshold",
        RIGHT,
        "if overlaps[found, chosen] < threshold and not taken[chosen]:",
        "Detections were called right whose IoU is below threshold.",
    ),
    Mistake(
        "or in place of and",
        RIGHT,
        "if overlaps[found, chosen] >= threshold or not taken[chosen]:",
        "One of the two conditions was enough. A detection is right if its overlap is large enough "
        "and the object is free.",
    ),
    Mistake(
        "marked by the object's number",
        SET,
        "taken[chosen] = True\n                right[chosen % len(right)] = True",
        "True stands at the number of the object, not at that of the detection.",
    ),
    Mistake(
        "object with the smallest overlap",
        CHOOSE,
        "chosen = overlaps[found].argmin()",
        "Each detection took the object that it overlaps least.",
    ),
    Mistake(
        "last of equally overlapped objects",
        CHOOSE,
        "chosen = len(objects) - 1 - overlaps[found, ::-1].argmax()",
        "Of several objects with the same overlap the last was taken. It is the first.",
    ),
    Mistake(
        "first object always",
        CHOOSE,
        "chosen = 0",
        "Each detection was compared with the first object alone.",
    ),
    Mistake(
        "stops at the first wrong one",
        LOOP,
        "if len(objects):\n"
        "            chosen = overlaps[found].argmax()\n"
        "            if overlaps[found, chosen] < threshold or taken[chosen]:\n"
        "                break\n"
        "            right[found] = taken[chosen] = True",
        "The loop ended at the first detection that is wrong. Those after it may be right.",
    ),
    Mistake(
        "wrong ones marked",
        "    return right\n",
        "    return ~right\n",
        "True stands where a detection is wrong.",
    ),
    Mistake(
        "number of right ones",
        "    return right\n",
        "    return right.sum()\n",
        "This is the number of right detections. Which are right is asked for.",
    ),
    Mistake(
        "indices of right ones",
        "    return right\n",
        "    return np.flatnonzero(right)\n",
        "These are the indices of the right detections. True or False for each is asked for.",
    ),
    Mistake(
        "equal scores by chance",
        HITS,
        "hits = np.cumsum(right[np.argsort(-scores)])",
        "Of detections with equal scores it was left to chance which is counted first: np.argsort "
        'keeps their order only with kind="stable".',
    ),
    Mistake(
        "equal scores turned around, or by chance",
        HITS,
        "hits = np.cumsum(right[np.argsort(scores)[::-1]])",
        "Of detections with equal scores the last was counted first, or any: sorting upwards and "
        'reading backwards turns equals around. Sort -scores, with kind="stable".',
    ),
    Mistake(
        "wrong ones counted",
        HITS,
        'hits = np.cumsum(~right[np.argsort(-scores, kind="stable")])',
        "The wrong detections were counted; the right ones are asked for.",
    ),
    Mistake(
        "counted from the end",
        HITS,
        'hits = np.cumsum(right[np.argsort(-scores, kind="stable")][::-1])[::-1]',
        "The detections were counted from the lowest score up to this one. The best k are counted.",
    ),
    Mistake(
        "product in place of the sum",
        HITS,
        'hits = np.cumprod(right[np.argsort(-scores, kind="stable")])',
        "A running product was taken. The right ones are counted: a running sum.",
    ),
    Mistake(
        "scores added up",
        HITS,
        'hits = np.cumsum((right * scores).astype(float)[np.argsort(-scores, kind="stable")])',
        "The scores of the right detections were added up. They are counted, each as 1.",
    ),
    Mistake(
        "answers in the order of the input",
        CURVE,
        'back = np.argsort(np.argsort(-scores, kind="stable"))\n'
        "    return (hits / np.arange(1, len(hits) + 1))[back], (hits / count)[back]",
        "The numbers are right, but stand in the order of the input. They come for the best "
        "detection, the best two, and so on.",
    ),
    Mistake(
        "precision over the objects",
        CURVE,
        "return hits / count, hits / count",
        "The precision was divided by the number of objects. Of the best k it is right ones / k.",
    ),
    Mistake(
        "k + 1 for k",
        CURVE,
        "return hits / np.arange(2, len(hits) + 2), hits / count",
        "The precision was divided by k + 1. The best detection alone makes k = 1.",
    ),
    Mistake(
        "recall over objects not found",
        CURVE,
        "return hits / np.arange(1, len(hits) + 1), hits / np.maximum(count - hits, 1)",
        "The recall was divided by the objects that are not found yet. It is the fraction of all objects.",
    ),
    Mistake(
        "precision over the wrong ones",
        CURVE,
        "return hits / np.maximum(np.arange(1, len(hits) + 1) - hits, 1), hits / count",
        "The precision was divided by the number of wrong ones. Of the best k it is right ones / k.",
    ),
    Mistake(
        "counts in place of the recall",
        CURVE,
        "return hits / np.arange(1, len(hits) + 1), 1.0 * hits",
        "The recall is a count: it is still to be divided by the number of objects.",
    ),
    Mistake(
        "counts in place of the precision",
        CURVE,
        "return 1.0 * hits, hits / count",
        "The precision is a count: it is still to be divided by k.",
    ),
    Mistake(
        "recall falls",
        CURVE,
        "return hits / np.arange(1, len(hits) + 1), 1 - hits / count",
        "This is 1 - recall, the fraction of objects that are missed.",
    ),
    Mistake(
        "last values alone",
        CURVE,
        "return (hits / np.arange(1, len(hits) + 1))[-1:], (hits / count)[-1:]",
        "There is only the value for all detections. One for the best, one for the best two, and so "
        "on, are asked for.",
    ),
    Mistake(
        "sentinels in front",
        CURVE,
        "return np.append(1.0, hits / np.arange(1, len(hits) + 1)), np.append(0.0, hits / count)",
        "There is one value too many: a point for no detection at all stands in front.",
    ),
    Mistake(
        "steps of 1 / D",
        AREA,
        "return float(best.sum() / max(len(recall), 1) * recall.max(initial=0))",
        "All steps were taken to be equal. A detection that is wrong makes no step of the recall.",
    ),
    Mistake(
        "recall times precision added up",
        AREA,
        "return float((recall * best).sum())",
        "The recall itself was multiplied by the height. It is the step from one recall to the next "
        "that is the width.",
    ),
    Mistake(
        "last step missing",
        AREA,
        "return float((steps * best)[:-1].sum())",
        "The last rectangle is missing.",
    ),
    Mistake(
        "first rectangle alone",
        AREA,
        "return float((steps * best)[:1].sum())",
        "Only the first rectangle was counted.",
    ),
    Mistake(
        "largest precision",
        AREA,
        "return float(best.max(initial=0))",
        "This is the largest precision. The area below best is asked for.",
    ),
    Mistake(
        "largest precision everywhere",
        BEST,
        "best = np.full_like(precision, precision.max(initial=0))",
        "best is the largest precision of all everywhere. It is the largest from here to the end.",
    ),
    Mistake(
        "next precision alone",
        BEST,
        "best = np.maximum(precision, np.append(precision[1:], 0))[: len(precision)]",
        "best looks one place ahead only. It is the largest from here to the end.",
    ),
    Mistake(
        "result not turned back",
        BEST,
        "best = np.maximum.accumulate(precision[::-1])",
        "The precision was turned around before, but the result was not turned back.",
    ),
    Mistake(
        "sorted precision",
        BEST,
        "best = -np.sort(-precision)",
        "The precisions were sorted. best is the largest from here to the end, and each stays at its place.",
    ),
    Mistake(
        "negative area",
        AREA,
        "return float(-(steps * best).sum())",
        "The area has the wrong sign.",
    ),
    Mistake(
        "precision of the last reached",
        "total += reached.max() if len(reached) else 0.0",
        "total += reached[-1] if len(reached) else 0.0",
        "The precision at the largest recall was taken. best(r) is the largest at a recall of r or more.",
    ),
    Mistake(
        "mean in place of the largest",
        "total += reached.max() if len(reached) else 0.0",
        "total += reached.mean() if len(reached) else 0.0",
        "The mean of the precisions was taken. best(r) is the largest.",
    ),
    Mistake(
        "smallest in place of the largest at the points",
        "total += reached.max() if len(reached) else 0.0",
        "total += reached.min() if len(reached) else 0.0",
        "The smallest precision was taken. best(r) is the largest.",
    ),
    Mistake(
        "not divided by 11",
        ELEVENTH,
        "return total",
        "The eleven numbers were added up, but not divided by 11.",
    ),
    Mistake(
        "divided by the number of detections",
        ELEVENTH,
        "return total / max(len(recall), 1)",
        "The sum was divided by the number of detections. There are eleven points.",
    ),
    Mistake(
        "overwritten instead of added",
        TOTAL,
        TOTAL.replace("+=", "="),
        "Only the last point is in the answer: total is overwritten (=) where it should be added (+=).",
    ),
    Mistake(
        "recall near the point",
        REACHED,
        "reached = precision[np.abs(recall - k / 10) < 0.05]",
        "Only recalls near the point were looked at. best(r) is the largest at a recall of r or more.",
    ),
    Mistake(
        "points with the area",
        ELEVENTH,
        "return float(average_precision(precision, recall))",
        "This is the area below best. The mean of best over eleven numbers is asked for.",
    ),
    Mistake(
        "recall is the precision",
        CURVE,
        "return hits / np.arange(1, len(hits) + 1), hits / np.arange(1, len(hits) + 1)",
        "The recall is the precision once more. It is the fraction of the objects that are found.",
    ),
    Mistake(
        "best is 1 everywhere",
        BEST,
        "best = np.ones_like(precision)",
        "best is 1 everywhere. It is the largest precision from here to the end; behind the end it is 0.",
    ),
    Mistake(
        "area is 1",
        AREA,
        "return 1.0",
        "The answer is always 1: best was taken to be 1 up to recall 1. Behind the last detection best is 0.",
    ),
    Mistake(
        "recall below the point",
        REACHED,
        "reached = precision[recall < k / 10]",
        "The largest precision was looked for below the point. It is the largest from the point on.",
    ),
    Mistake(
        "largest behind this place",
        BEST,
        "best = np.append(np.maximum.accumulate(precision[:0:-1])[::-1], 0.0)[: len(precision)]",
        "best leaves out the place itself. It is the largest from here to the end, this one included.",
    ),
    Mistake(
        "area divided by the number of detections",
        AREA,
        "return float((steps * best).sum() / max(len(recall), 1))",
        "The area was divided by the number of detections. The steps of the recall are its widths already.",
    ),
    Mistake(
        "largest of the eleven",
        ELEVENTH,
        "return float(precision.max(initial=0))",
        "The largest of the eleven numbers was returned. Their mean is asked for.",
    ),
]
