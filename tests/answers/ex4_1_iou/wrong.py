"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

# (boxes so wrong that a union is below 0 are caught in one way here, in another way in the solution)
WRONG = [
    ("loops.py", "return (x2 - x1) * (y2 - y1)", "return (x2 - x1 + 1) * (y2 - y1 + 1)", "+ 1 left in"),
    ("loops.py", "return (x2 - x1) * (y2 - y1)", "return (x2 - x1) + (y2 - y1)", ""),
    ("loops.py", "    if x2 <= x1 or y2 <= y1:\n        return 0\n", "", "sides not cut at 0"),
    ("loops.py", "x1, y1, x2, y2 = box", "x1, x2, y1, y2 = box", "read as x1, x2, y1, y2"),
    ("loops.py", "if left < right and top < bottom", "if left < right", "height not cut"),
    ("loops.py", "- common)", ")", "intersection counted twice"),
    ("loops.py", "(area_of(a) + area_of(b) - common)", "area_of(a)", "over the first box alone"),
    ("loops.py", "(area_of(a) + area_of(b) - common)", "min(area_of(a), area_of(b))", "over the smaller box"),
    ("loops.py", "overlaps[n, m] = common", "overlaps[n, m] = 2 * common", "constant factor"),
    ("loops.py", "np.zeros((len(boxes), len(others))", "np.zeros((len(others), len(boxes))", ""),
    (
        "loops.py",
        "(len(boxes), len(others)), dtype=boxes.dtype",
        "(len(boxes), len(others))",
        "dtype not kept",
    ),
    ("columns.py", "return (x2 - x1).clip(0, None)", "return (x2 - x1 + 1).clip(0, None)", ""),
    (
        "columns.py",
        "return (x2 - x1).clip(0, None) * (y2 - y1).clip(0, None)",
        "return (x2 - x1 + 1).clip(0, None) * (y2 - y1 + 1).clip(0, None)",
        "+ 1 left in",
    ),
    (
        "columns.py",
        "return (x2 - x1).clip(0, None) * (y2 - y1).clip(0, None)",
        "return ((x2 - x1) * (y2 - y1)).clip(0, None)",
        "cut after the product",
    ),
    (
        "columns.py",
        "return (x2 - x1).clip(0, None) * (y2 - y1).clip(0, None)",
        "return x2.clip(0, None) * y2.clip(0, None)",
        "read as x, y, width, height",
    ),
    (
        "columns.py",
        "return (x2 - x1).clip(0, None) * (y2 - y1).clip(0, None)",
        "return abs(x2 - x1) * abs(y2 - y1)",
        "absolute values of the sides",
    ),
    ("columns.py", "    whole[whole == 0] = 1\n", "", "boxes without area: 0 / 0"),
    ("columns.py", "return common / whole", "return (common / whole).T", "axes exchanged"),
    ("columns.py", " - common\n", "\n", "intersection counted twice"),
    (
        "columns.py",
        "whole = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - common",
        "whole = (x2 - x1) * (y2 - y1) + 0 * common",
        "over the first box alone",
    ),
    (
        "columns.py",
        "whole = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - common",
        "whole = (right - left) * (bottom - top) + 0 * common",
        "over the other box alone",
    ),
    (
        "columns.py",
        "whole = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - common",
        "whole = numpy.minimum((x2 - x1) * (y2 - y1), (right - left) * (bottom - top))",
        "over the smaller box",
    ),
    (
        "columns.py",
        "whole = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - common",
        "whole = (x2 - x1 + 1) * (y2 - y1 + 1) + (right - left + 1) * (bottom - top + 1) - common",
        "",
    ),
    ("repeated.py", "np.tile(others, (len(boxes), 1))", "np.repeat(others, len(boxes), axis=0)", ""),
    (
        "repeated.py",
        "np.minimum(first, second)",
        "np.maximum(first, second)",
        "later of two ends, 0 for a union below 0",
    ),
    (
        "repeated.py",
        "[np.maximum(first, second)[:, :2], np.minimum(first, second)[:, 2:]]",
        "[np.minimum(first, second)[:, :2], np.maximum(first, second)[:, 2:]]",
        "box around both, 0 for a union below 0",
    ),
    (
        "repeated.py",
        "np.minimum(first, second)[:, 2:]",
        "1 + np.minimum(first, second)[:, 2:]",
        "+ 1 in the intersection, 0 for a union below 0",
    ),
    (
        "repeated.py",
        "    union = area(first)",
        "    boxes[:, 2:] += 0.5\n    union = area(first)",
        "input modified in place",
    ),
    (
        "loops.py",
        "area_of(a) + area_of(b) - common)",
        "area_of(a) + area_of(a) - common)",
        "area of the boxes twice in the union",
    ),
    (
        "loops.py",
        "area_of(a) + area_of(b) - common)",
        "area_of(a) + area_of(b) - common + 1e-6)",
        "1e-06 added to the union",
    ),
    (
        "loops.py",
        "if x2 <= x1 or y2 <= y1:",
        "if x2 <= x1 and y2 <= y1:",
        "0 only if both sides are negative",
    ),
]
