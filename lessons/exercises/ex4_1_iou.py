"""Exercise 4.1: How much two boxes overlap.

A box is four numbers, (x1, y1, x2, y2): its left, upper, right and lower edge; x counts to the right, y
downwards. Edges lie between the pixels: (0, 0, 1, 1) is exactly the first pixel of an image, and a box is
x2 - x1 wide. (Old programs number the pixels instead, and add 1. Here nothing is added.)

Detectors compare boxes by intersection over union:

    IoU(a, b) = area(a and b) / area(a or b)        area(a or b) = area(a) + area(b) - area(a and b)

The intersection "a and b" of two boxes is a box again: its left edge is the one of the two that lies further
to the right, its right edge the one further to the left, and so on. If the two lie apart, that "box" ends
before it begins, and its area is 0. IoU is 1 for equal boxes and 0 for boxes that do not overlap, or that
only touch.

A program needs the IoU of every box with every other, N times M numbers. In NumPy no loop is necessary: an
array of shape (N, 1, ...) and one of shape (M, ...) give one of shape (N, M, ...).
"""

import numpy as np


def area(boxes):
    """Return width times height of every box; 0 for a box that ends before it begins, in x or in y.

    boxes: (..., 4), any number of axes before the last. areas: (...), with the dtype of boxes.

    >>> area(np.array([[0.0, 0.0, 10.0, 5.0], [4.0, 6.0, 3.0, 2.0]]))
    array([50.,  0.])
    """
    # solution
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]
    # end of solution


def iou(boxes, others):
    """Return the IoU of every box with every other one.

    boxes: (N, 4); others: (M, 4), all with x1 <= x2 and y1 <= y2. overlaps: (N, M), overlaps[n, m] that of
    boxes[n] with others[m], with the dtype of boxes. Where both boxes are empty (their union has no area) it
    is 0.

    >>> iou(np.array([[0.0, 0.0, 10.0, 10.0]]), np.array([[5.0, 5.0, 15.0, 15.0], [5.0, 0.0, 15.0, 10.0]]))
    array([[0.14285714, 0.33333333]])
    """
    # solution
    upper_left = np.maximum(boxes[:, None, :2], others[:, :2])  # (N, 1, 2) and (M, 2) give (N, M, 2)
    lower_right = np.minimum(boxes[:, None, 2:], others[:, 2:])
    common = area(np.concatenate([upper_left, lower_right], axis=-1))  # (N, M)
    union = area(boxes)[:, None] + area(others) - common
    return common / np.where(union > 0, union, 1)
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 24


def drawn(rng, count, least=1, most=20):
    """Return boxes in a field of 40 by 40, all wider than high or higher than wide."""
    corner = rng.uniform(0, 20, (count, 2)).round(1)
    sides = rng.uniform(least, most, (count, 2)).round(1)
    sides[:, 0] += np.where(np.abs(sides[:, 0] - sides[:, 1]) < 1, 2.5, 0)
    return np.concatenate([corner, corner + sides], axis=1)


def area_cases(rng):
    """Return one box, some, boxes turned inside out, no box, and boxes in an array of three axes."""
    inside_out = drawn(rng, 4)
    inside_out[0], inside_out[1] = inside_out[0, [2, 1, 0, 3]], inside_out[1, [0, 3, 2, 1]]
    inside_out[2] = inside_out[2, [2, 3, 0, 1]]
    return [
        {"boxes": np.array([[2.0, 1.0, 6.0, 4.0]])},
        {"boxes": drawn(rng, 3)},
        {"boxes": inside_out},
        {"boxes": drawn(rng, 6).reshape(2, 3, 4)},
    ]


def iou_cases(rng):
    """Return one pair, pairs that show one thing each, drawn boxes, and no box against some."""
    telling = np.array(
        [
            [0.0, 0.0, 10.0, 10.0],  # against others: equal, inside, touching, apart in x and y, apart in x
            [12.0, 14.0, 12.0, 14.0],  # a point
            [20.0, 20.0, 20.7, 20.7],  # less than a pixel, and so is its union with the last one
        ]
    )
    others = np.array(
        [
            [0.0, 0.0, 10.0, 10.0],
            [2.0, 3.0, 6.0, 5.0],
            [10.0, 0.0, 14.0, 10.0],
            [13.0, 16.0, 18.0, 19.0],
            [15.0, 2.0, 19.0, 7.0],
            [12.0, 14.0, 12.0, 14.0],
            [20.6, 20.0, 21.3, 20.7],
        ]
    )
    return [
        {"boxes": np.array([[0.0, 0.0, 4.0, 3.0]]), "others": np.array([[1.0, 1.0, 7.0, 3.0]])},
        {"boxes": drawn(rng, 1, 8), "others": drawn(rng, 3, 8)},
        {"boxes": drawn(rng, 3, 8), "others": drawn(rng, 3, 8)},
        {"boxes": telling, "others": others},
        {"boxes": drawn(rng, 5), "others": drawn(rng, 8)},
        {"boxes": np.zeros((0, 4)), "others": drawn(rng, 12)},
    ]


PARTS = [
    Part(
        "area",
        returns=("areas",),
        cases=area_cases,
        hints=(
            "Take both sides of all boxes at once: two numbers of the last axis minus the two others.",
            "area = max(x2 - x1, 0) * max(y2 - y1, 0).",
            "boxes[..., 2:] - boxes[..., :2] holds width and height on its last axis, however many axes come "
            "before it. Cut each at 0 before you multiply: the product of two negative sides is positive.",
        ),
    ),
    Part(
        "iou",
        returns=("overlaps",),
        cases=iou_cases,
        points=2,
        hints=(
            "The intersection is a box, so area can measure it.",
            "The intersection's edges: max(x1, x1'), max(y1, y1'), min(x2, x2'), min(y2, y2'). Its area is "
            "above the line; the two areas together minus it are below.",
            "boxes[:, None, :2] has the shape (N, 1, 2), others[:, :2] the shape (M, 2): np.maximum of both "
            "is (N, M, 2), the upper left corners of all intersections. Divide by the union where it is "
            "above 0, and by 1 elsewhere.",
        ),
    ),
]

CUT_SIDES = "np.maximum(boxes[..., 2:] - boxes[..., :2], 0)"
PRODUCT = "return sides[..., 0] * sides[..., 1]"
UPPER = "upper_left = np.maximum(boxes[:, None, :2], others[:, :2])"
LOWER = "lower_right = np.minimum(boxes[:, None, 2:], others[:, 2:])"
COMMON = "common = area(np.concatenate([upper_left, lower_right], axis=-1))"
UNION = "union = area(boxes)[:, None] + area(others) - common"
RATIO = "return common / np.where(union > 0, union, 1)"

MISTAKES = [
    Mistake(
        "+ 1 left in IoU",
        f"{COMMON}  # (N, M)\n    {UNION}",
        "longer = np.array([0, 0, 1, 1], boxes.dtype)\n"
        "    common = area(np.concatenate([upper_left, lower_right], axis=-1) + longer)\n"
        "    union = area(boxes + longer)[:, None] + area(others + longer) - common",
        "All sides are one too long: boxes that touch seem to overlap, and small boxes are off most. Edges "
        "lie between the pixels, and nothing is to be added.",
    ),
    Mistake(
        "+ 1 in the intersection",
        COMMON,
        "common = area(np.concatenate([upper_left, lower_right + 1], axis=-1))",
        "The sides of the intersection are one too long, those of the boxes are not: equal boxes have an "
        "IoU above 1.",
    ),
    Mistake(
        "intersection counted twice",
        UNION,
        "union = area(boxes)[:, None] + area(others)",
        "Below the line stands the sum of both areas. What is common to both is in it twice; in the union it "
        "is once.",
    ),
    Mistake(
        "Dice's coefficient",
        RATIO,
        "both = area(boxes)[:, None] + area(others)\n    return 2 * common / np.where(both > 0, both, 1)",
        "This is 2 * intersection / (sum of both areas), known as Dice's coefficient or F1. It has the same "
        "0 and 1 but is larger between them.",
    ),
    Mistake(
        "over the first box alone",
        UNION,
        "union = area(boxes)[:, None] + 0 * common",
        "The intersection was divided by the area of boxes[n]. A small box inside a large one would have "
        "1 one way round and little the other; the union treats both alike.",
    ),
    Mistake(
        "over the other box alone",
        UNION,
        "union = area(others) + 0 * common",
        "The intersection was divided by the area of others[m]. A large box around a small one would have "
        "1; the union treats both alike.",
    ),
    Mistake(
        "over the smaller box",
        UNION,
        "union = np.minimum(area(boxes)[:, None], area(others))",
        "The intersection was divided by the smaller of the two areas, so a small box inside a large one "
        "has 1. Divide by the area of the union.",
    ),
    Mistake(
        "over the box around both",
        UNION,
        "union = area(np.concatenate([np.minimum(boxes[:, None, :2], others[:, :2]), "
        "np.maximum(boxes[:, None, 2:], others[:, 2:])], axis=-1))",
        "Below the line stands the smallest box around both. The union is no box: it has both areas, and "
        "what is common to both only once.",
    ),
    Mistake(
        "box around both in place of the intersection",
        f"{UPPER}  # (N, 1, 2) and (M, 2) give (N, M, 2)\n    {LOWER}",
        UPPER.replace("maximum", "minimum") + "\n    " + LOWER.replace("minimum", "maximum"),
        "Minimum and maximum are exchanged: you have the smallest box around both. The intersection begins "
        "at the later of two beginnings, and ends at the earlier of two ends.",
    ),
    Mistake(
        "later of two ends",
        LOWER,
        LOWER.replace("minimum", "maximum"),
        "The intersection begins where both boxes have begun, but ends where the second of them ends. It "
        "ends as soon as one of them does.",
    ),
    Mistake(
        "earlier of two beginnings",
        UPPER,
        UPPER.replace("maximum", "minimum"),
        "The intersection ends where the first of the boxes ends, but begins where the first of them "
        "begins. It begins when both have.",
    ),
    Mistake(
        "boxes without area: 0 / 0",
        RATIO,
        "return common / union",
        "Two empty boxes have an intersection of 0 and a union of 0, and 0 / 0 is NaN. One NaN among the "
        "overlaps is enough for argmax to choose it.",
    ),
    Mistake(
        "row by row",
        f"{UPPER}  # (N, 1, 2) and (M, 2) give (N, M, 2)\n    {LOWER}\n    {COMMON}  # (N, M)\n    {UNION}",
        f"{UPPER.replace(':, None, :2', ':, :2')}\n    {LOWER.replace(':, None, 2:', ':, 2:')}\n"
        f"    {COMMON}\n    union = area(boxes) + area(others) - common",
        "Every box was compared with one other, that of the same row; with different numbers of boxes that "
        "cannot even be done. Each of the N boxes is to be compared with all M: give boxes an axis of length "
        "1, boxes[:, None].",
    ),
    Mistake(
        "axes exchanged",
        RATIO,
        "return (common / np.where(union > 0, union, 1)).T",
        "overlaps[m, n] holds what overlaps[n, m] should: the first axis counts boxes, the second others.",
    ),
    Mistake(
        "intersection's sides not cut at 0",
        COMMON,
        "common = np.prod(lower_right - upper_left, axis=-1)",
        "Two boxes that lie apart in x and in y have two negative sides, and their product is "
        "positive: they seem to overlap. Cut each side of the intersection at 0.",
    ),
    Mistake(
        "intersection cut after the product",
        COMMON,
        "common = np.maximum(np.prod(lower_right - upper_left, axis=-1), 0)",
        "The intersection was cut at 0 after its sides had been multiplied. Two negative sides have "
        "a positive product: cut each side.",
    ),
    Mistake(
        "absolute values in the intersection",
        COMMON,
        "common = np.abs(np.prod(lower_right - upper_left, axis=-1))",
        "The gap between boxes that lie apart was taken for their intersection: its sides are "
        "negative there, and 0 should be left.",
    ),
    Mistake(
        "sides of the intersection added",
        COMMON,
        "common = np.maximum(lower_right - upper_left, 0).sum(axis=-1)",
        "Width and height of the intersection were added; its area is their product.",
    ),
    Mistake(
        "width of the intersection alone",
        COMMON,
        "common = np.maximum(lower_right - upper_left, 0)[..., 0]",
        "The intersection's width stands for its area; the height is missing.",
    ),
    Mistake(
        "width of the intersection squared",
        COMMON,
        "common = np.maximum(lower_right - upper_left, 0)[..., 0] ** 2",
        "The intersection's width was squared; its area is width times height.",
    ),
    Mistake(
        "intersection added to the union",
        UNION,
        "union = area(boxes)[:, None] + area(others) + common",
        "The intersection was added below the line. It is in the two areas twice, and once it must "
        "be taken off.",
    ),
    Mistake(
        "intersection taken off twice",
        UNION,
        "union = area(boxes)[:, None] + area(others) - 2 * common",
        "The intersection was taken off twice: below the line stands what belongs to one box alone. "
        "In the union it is once.",
    ),
    Mistake(
        "over the larger box",
        UNION,
        "union = np.maximum(area(boxes)[:, None], area(others))",
        "The intersection was divided by the larger of the two areas. Divide by the area of the union.",
    ),
    Mistake(
        "areas multiplied in the union",
        UNION,
        "union = area(boxes)[:, None] * area(others) - common",
        "The two areas were multiplied. The union is their sum without what is common.",
    ),
    Mistake(
        "area of the boxes twice in the union",
        UNION,
        "union = 2 * area(boxes)[:, None] + 0 * area(others) - common",
        "The area of boxes[n] stands in the union twice, and that of others[m] not at all.",
    ),
    Mistake(
        "area of the others twice in the union",
        UNION,
        "union = 2 * area(others) + 0 * area(boxes)[:, None] - common",
        "The area of others[m] stands in the union twice, and that of boxes[n] not at all.",
    ),
    Mistake(
        "areas along the wrong axes",
        UNION,
        "union = area(boxes) + area(others)[:, None] - common",
        "The areas of boxes were laid along the axis of others: in overlaps[n, m], n counts boxes "
        "and m others.",
    ),
    Mistake(
        "union at least 1",
        RATIO,
        "return common / np.maximum(union, 1)",
        "A union below 1 was taken for 1, so small boxes have too small an IoU. Only a union of 0 "
        "must be kept out.",
    ),
    Mistake(
        "1 for two empty boxes",
        RATIO,
        "return np.where(union > 0, common / np.where(union > 0, union, 1), 1).astype(common.dtype)",
        "Two empty boxes have an IoU of 1. Where the union has no area, 0 is asked for.",
    ),
    Mistake(
        "1 - IoU",
        RATIO,
        "return 1 - common / np.where(union > 0, union, 1)",
        "This is 1 - IoU, a distance: equal boxes have 0.",
    ),
    Mistake(
        "whole-number division",
        RATIO,
        "return common // np.where(union > 0, union, 1)",
        "The quotient was rounded down: // leaves whole numbers only.",
    ),
    Mistake(
        "upside down",
        RATIO,
        'with np.errstate(all="ignore"):\n'
        "        return np.where(union > 0, union / common, 0).astype(common.dtype)",
        "The union stands above the line. The intersection is divided by it.",
    ),
    Mistake(
        "the intersection's area alone",
        RATIO,
        "return common",
        "These are the areas of the intersections; they are still to be divided by those of the unions.",
    ),
    *(
        Mistake(
            f"{small:g} added to the union",
            RATIO,
            f"return common / (union + {small})",
            f"{small:g} was added to the union, and all overlaps are too small by a little. Keep only a "
            "union of 0 out of the division.",
        )
        for small in (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1.0)
    ),
    Mistake(
        "earlier of two beginnings in x alone",
        UPPER,
        UPPER + "\n    upper_left[..., 0] = np.minimum(boxes[:, None, 0], others[:, 0])",
        "In x the intersection begins where the first of the boxes begins. It begins when both have.",
    ),
    Mistake(
        "earlier of two beginnings in y alone",
        UPPER,
        UPPER + "\n    upper_left[..., 1] = np.minimum(boxes[:, None, 1], others[:, 1])",
        "In y the intersection begins where the first of the boxes begins. It begins when both have.",
    ),
    Mistake(
        "later of two ends in x alone",
        LOWER,
        LOWER + "\n    lower_right[..., 0] = np.maximum(boxes[:, None, 2], others[:, 2])",
        "In x the intersection ends where the second of the boxes ends. It ends as soon as one of them does.",
    ),
    Mistake(
        "later of two ends in y alone",
        LOWER,
        LOWER + "\n    lower_right[..., 1] = np.maximum(boxes[:, None, 3], others[:, 3])",
        "In y the intersection ends where the second of the boxes ends. It ends as soon as one of them does.",
    ),
    Mistake(
        "intersection's sides not cut, 0 for a union below 0",
        f"{COMMON}  # (N, M)\n    {UNION}\n    {RATIO}",
        "common = np.prod(lower_right - upper_left, axis=-1)\n"
        "    union = area(boxes)[:, None] + area(others) - common\n"
        "    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)",
        "Two boxes that lie apart in x and in y have two negative sides, and their product is "
        "positive: they seem to overlap. Cut each side of the intersection at 0.",
    ),
    Mistake(
        "intersection's sides not cut, union as it is",
        f"{COMMON}  # (N, M)\n    {UNION}\n    {RATIO}",
        "common = np.prod(lower_right - upper_left, axis=-1)\n"
        "    return common / (area(boxes)[:, None] + area(others) - common)",
        "Two boxes that lie apart in x and in y have two negative sides, and their product is "
        "positive: they seem to overlap. Cut each side of the intersection at 0.",
    ),
    Mistake(
        "+ 1 in the intersection, 0 for a union below 0",
        f"{COMMON}  # (N, M)\n    {UNION}\n    {RATIO}",
        "common = area(np.concatenate([upper_left, lower_right + 1], axis=-1))\n"
        "    union = area(boxes)[:, None] + area(others) - common\n"
        "    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)",
        "The sides of the intersection are one too long, those of the boxes are not: equal boxes "
        "have an IoU above 1.",
    ),
    Mistake(
        "later of two ends, 0 for a union below 0",
        f"{LOWER}\n    {COMMON}  # (N, M)\n    {UNION}\n    {RATIO}",
        f"{LOWER.replace('minimum', 'maximum')}\n    {COMMON}\n    {UNION}\n"
        "    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)",
        "The intersection begins where both boxes have begun, but ends where the second of them "
        "ends. It ends as soon as one of them does.",
    ),
    Mistake(
        "box around both, 0 for a union below 0",
        f"{UPPER}  # (N, 1, 2) and (M, 2) give (N, M, 2)\n    {LOWER}\n"
        f"    {COMMON}  # (N, M)\n    {UNION}\n    {RATIO}",
        f"{UPPER.replace('maximum', 'minimum')}\n    {LOWER.replace('minimum', 'maximum')}\n"
        f"    {COMMON}\n    {UNION}\n"
        "    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)",
        "Minimum and maximum are exchanged: you have the smallest box around both. The intersection "
        "begins at the later of two beginnings, and ends at the earlier of two ends.",
    ),
    # last, for a wrong area makes IoU wrong too
    Mistake(
        "+ 1 left in",
        f"{CUT_SIDES}\n    {PRODUCT}",
        "np.maximum(boxes[..., 2:] - boxes[..., :2] + 1, 0)\n    return sides[..., 0] * sides[..., 1]",
        "Every side is one too long. Old programs number the pixels, and a box from pixel 3 to pixel 5 has "
        "three; here the numbers are edges, and from edge 3 to edge 5 it is 2.",
    ),
    Mistake(
        "sides not cut at 0",
        CUT_SIDES,
        "boxes[..., 2:] - boxes[..., :2]",
        "A box that ends before it begins has a side below 0, and its area is not 0 but negative; or even "
        "positive, where both sides are negative: two boxes that lie apart would then overlap.",
    ),
    Mistake(
        "cut after the product",
        f"{CUT_SIDES}\n    {PRODUCT}",
        "boxes[..., 2:] - boxes[..., :2]\n    return np.maximum(sides[..., 0] * sides[..., 1], 0)",
        "The area was cut at 0, not the sides. If both are negative their product is positive: boxes that "
        "lie apart in x and in y would overlap.",
    ),
    Mistake(
        "absolute values of the sides",
        CUT_SIDES,
        "np.abs(boxes[..., 2:] - boxes[..., :2])",
        "A box that ends before it begins got the area that it would have if its edges were exchanged. It "
        "stands for an intersection that does not exist, and has the area 0.",
    ),
    Mistake(
        "half the perimeter",
        PRODUCT,
        "return sides[..., 0] + sides[..., 1]",
        "Width and height were added: that is half the way around the box, not its area.",
    ),
    Mistake(
        "read as x, y, width, height",
        CUT_SIDES,
        "np.maximum(boxes[..., 2:], 0)",
        "The last two numbers of a box were taken for its width and height. They are its right and lower "
        "edge.",
    ),
    Mistake(
        "read as x1, x2, y1, y2",
        CUT_SIDES,
        "np.maximum(boxes[..., 1::2] - boxes[..., ::2], 0)",
        "The numbers of a box were taken in the order x1, x2, y1, y2. First come the two of the upper left "
        "corner, then the two of the lower right one.",
    ),
    Mistake(
        "left edge minus right edge",
        CUT_SIDES,
        "np.maximum(boxes[..., :2] - boxes[..., 2:], 0)",
        "Ordinary boxes have the area 0. Either the sides were taken the wrong way round, first edge minus "
        "last, or they were cut from above (np.minimum) in place of below; look which your code does.",
    ),
    Mistake(
        "sides at least 1",
        CUT_SIDES,
        "np.maximum(boxes[..., 2:] - boxes[..., :2], 1)",
        "A box that ends before it begins has sides of 1. Its area is 0.",
    ),
    Mistake(
        "one too short",
        CUT_SIDES,
        "np.maximum(boxes[..., 2:] - boxes[..., :2] - 1, 0)",
        "Every side is one too short. A box is x2 - x1 wide.",
    ),
    Mistake(
        "height not cut",
        f"{CUT_SIDES}\n    {PRODUCT}",
        "boxes[..., 2:] - boxes[..., :2]\n    return np.maximum(sides[..., 0], 0) * sides[..., 1]",
        "The width was cut at 0, the height was not.",
    ),
    Mistake(
        "width not cut",
        f"{CUT_SIDES}\n    {PRODUCT}",
        "boxes[..., 2:] - boxes[..., :2]\n    return sides[..., 0] * np.maximum(sides[..., 1], 0)",
        "The height was cut at 0, the width was not.",
    ),
    Mistake(
        "width squared",
        PRODUCT,
        "return sides[..., 0] * sides[..., 0]",
        "The width was multiplied by itself; the area is width times height.",
    ),
    Mistake(
        "height squared",
        PRODUCT,
        "return sides[..., 1] * sides[..., 1]",
        "The height was multiplied by itself; the area is width times height.",
    ),
    Mistake(
        "width alone",
        PRODUCT,
        "return sides[..., 0]",
        "This is the width; the area is width times height.",
    ),
    Mistake(
        "half the area",
        PRODUCT,
        "return sides[..., 0] * sides[..., 1] / 2",
        "The area is half of what it should be: a box is no triangle.",
    ),
    Mistake(
        "perimeter",
        PRODUCT,
        "return 2 * (sides[..., 0] + sides[..., 1])",
        "This is the way around the box, not its area.",
    ),
    Mistake(
        "areas added up",
        PRODUCT,
        "return (sides[..., 0] * sides[..., 1]).sum()",
        "All areas were added up. Each box has its own.",
    ),
    Mistake(
        "axis of length 1 kept",
        PRODUCT,
        "return sides[..., :1] * sides[..., 1:]",
        "The areas have an axis of length 1 left at their end: index it with 0 or 1, not with a slice.",
    ),
    Mistake(
        "first corner alone",
        CUT_SIDES,
        "np.maximum(boxes[..., :2], 0)",
        "The first two numbers of a box were taken for its width and height. They are its left and "
        "upper edge.",
    ),
    Mistake(
        "0 only if both sides are negative",
        f"{CUT_SIDES}\n    {PRODUCT}",
        "boxes[..., 2:] - boxes[..., :2]\n"
        "    return np.where((sides <= 0).all(axis=-1), 0, sides[..., 0] * sides[..., "
        "1]).astype(boxes.dtype)",
        "Only a box that ends before it begins in x and in y has the area 0. One of the two is enough.",
    ),
]
