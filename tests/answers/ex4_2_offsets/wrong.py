"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

WRONG = [
    (
        "loops.py",
        "return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1",
        "return (x1 + x2) / 2, (y1 + y2) / 2, y2 - y1, x2 - x1",
        "height before width",
    ),
    (
        "loops.py",
        "return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1",
        "return x1, y1, x2 - x1, y2 - y1",
        "corner in place of the centre",
    ),
    (
        "loops.py",
        "return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1",
        "return x1 + x2, y1 + y2, x2 - x1, y2 - y1",
        "centre not halved",
    ),
    (
        "loops.py",
        "return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1",
        "return x1 + (x2 - x1 + 1) / 2, y1 + (y2 - y1 + 1) / 2, x2 - x1 + 1, y2 - y1 + 1",
        "+ 1 left in",
    ),
    ("loops.py", "x1, y1, x2, y2 = box", "y1, x1, y2, x2 = box", "y before x"),
    ("loops.py", "math.log(wd / ws), math.log(hd / hs)", "wd / ws, hd / hs", "quotient without logarithm"),
    ("loops.py", "math.log(wd / ws), math.log(hd / hs)", "wd / ws - 1, hd / hs - 1", "no logarithm"),
    (
        "loops.py",
        "math.log(wd / ws), math.log(hd / hs)",
        "math.log(ws / wd), math.log(hs / hd)",
        "quotient upside down",
    ),
    (
        "loops.py",
        "math.log(wd / ws), math.log(hd / hs)",
        "math.log2(wd / ws), math.log2(hd / hs)",
        "logarithm of base 2",
    ),
    ("loops.py", "math.log(wd / ws), math.log(hd / hs)", "math.log(wd - ws), math.log(hd - hs)", ""),
    (
        "loops.py",
        "(xd - xs) / ws, (yd - ys) / hs",
        "(xd - xs) / wd, (yd - ys) / hd",
        "move in sides of the destination",
    ),
    (
        "loops.py",
        "(xd - xs) / ws, (yd - ys) / hs",
        "(xd - xs) / ws, (yd - ys) / ws",
        "width for both directions",
    ),
    ("loops.py", "(xd - xs) / ws, (yd - ys) / hs", "(xs - xd) / ws, (ys - yd) / hs", "move the wrong way"),
    ("loops.py", "(xd - xs) / ws, (yd - ys) / hs", "xd - xs, yd - ys", "move in pixels"),
    ("loops.py", "way[k] / stds[k]", "way[k]", "stds forgotten in encode"),
    ("loops.py", "way[k] / stds[k]", "way[k] * stds[k]", "multiplied by stds in encode"),
    ("loops.py", "offsets[n, k] * stds[k]", "offsets[n, k]", "stds forgotten in decode"),
    ("loops.py", "offsets[n, k] * stds[k]", "offsets[n, k] / stds[k]", "divided by stds in decode"),
    (
        "loops.py",
        "w, h = ws * math.exp(min(tw, LARGEST)), hs * math.exp(min(th, LARGEST))\n        "
        "x, y = xs + tx * ws, ys + ty * hs",
        "w, h = ws * math.exp(min(tw, LARGEST)), hs * math.exp(min(th, LARGEST))\n        "
        "x, y = xs + tx * w, ys + ty * h",
        "move in new sides",
    ),
    ("loops.py", "x, y = xs + tx * ws, ys + ty * hs", "x, y = xs + tx, ys + ty", "move in pixels in decode"),
    ("loops.py", "x, y = xs + tx * ws, ys + ty * hs", "x, y = tx * ws, ty * hs", "source's centre forgotten"),
    (
        "loops.py",
        "boxes[n] = x - w / 2, y - h / 2, x + w / 2, y + h / 2",
        "boxes[n] = x, y, x + w, y + h",
        "centre taken for the corner",
    ),
    (
        "loops.py",
        "boxes[n] = x - w / 2, y - h / 2, x + w / 2, y + h / 2",
        "boxes[n] = x, y, w, h",
        "centre and sides returned",
    ),
    (
        "loops.py",
        "boxes[n] = x - w / 2, y - h / 2, x + w / 2, y + h / 2",
        "boxes[n] = x - w, y - h, x + w, y + h",
        "whole sides to both edges",
    ),
    ("loops.py", "LARGEST = math.log(1000 / 16)", "LARGEST = 1000 / 16", "cut at 62.5"),
    ("logarithms.py", "np.log(new_wh) - np.log(wh)", "np.log(new_wh - wh)", "log of the difference"),
    ("logarithms.py", "np.log(new_wh) - np.log(wh)", "np.log(abs(new_wh - wh))", "log of the distance"),
    ("logarithms.py", "np.log(new_wh) - np.log(wh)", "np.log10(new_wh / wh)", "logarithm of base 10"),
    ("logarithms.py", "np.exp(th).clip(max=1000 / 16)", "np.exp(th)", "only the width cut"),
    (
        "matrices.py",
        "real[:, 2:][real[:, 2:] > np.log(62.5)] = np.log(62.5)\n",
        "real = real.clip(max=float(np.log(62.5)))\n",
        "move cut too",
    ),
    ("matrices.py", "    real[:, 2:][real[:, 2:] > np.log(62.5)] = np.log(62.5)\n", "", "not cut"),
    (
        "matrices.py",
        "    real[:, 2:][real[:, 2:] > np.log(62.5)] = np.log(62.5)\n",
        "    real[:, 2:] = np.minimum(offsets[:, 2:], np.log(62.5)) * stds[2:]\n",
        "cut before stds",
    ),
    ("matrices.py", "np.exp(real[:, 2:])", "(1 + real[:, 2:])", "1 + tw for exp"),
    ("matrices.py", "np.exp(real[:, 2:])", "real[:, 2:]", "no exp"),
    ("matrices.py", "np.exp(real[:, 2:])", "2 ** real[:, 2:]", "exp of base 2"),
    ("matrices.py", "real = offsets * stds", "real = offsets\n    real *= stds", "input modified in place"),
    ("matrices.py", "np.empty_like(sources)", "np.empty(sources.shape)", "dtype not kept"),
]
