"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

WRONG = [
    ("loops.py", "(f(above) - f(below)) / 2 / h", "(f(above) - f(below)) / h", "the 2 of 2 h is missing"),
    ("loops.py", "(f(above) - f(below)) / 2 / h", "(f(above) - f(below)) / 2", "not divided by h"),
    (
        "loops.py",
        "(f(above) - f(below)) / 2 / h",
        "(f(below) - f(above)) / 2 / h",
        "wrong sign of the difference",
    ),
    ("loops.py", "(f(above) - f(below)) / 2 / h", "(f(above) - f(1.0 * x)) / h", "one-sided difference"),
    ("loops.py", "        above[place] += h\n", "        above += h\n", ""),
    (
        "loops.py",
        "above, below = np.zeros(x.shape), np.zeros(x.shape)",
        "above, below = np.zeros_like(x), np.zeros_like(x)",
        "steps in float32",
    ),
    ("loops.py", "gradient = np.zeros(x.shape, x.dtype)", "gradient = np.zeros(x.shape)", "dtype not kept"),
    ("loops.py", "- through_mean - through_std", "- through_mean", "bug left in the stem"),
    (
        "loops.py",
        "- through_mean - through_std",
        "- through_std",
        "batch norm: path through the mean missing",
    ),
    (
        "loops.py",
        "dx_shortcut, dprojection = d, None",
        "dx_shortcut, dprojection = np.zeros_like(d), None",
        "",
    ),
    (
        "loops.py",
        "    d = rectify_back(dy, y)\n    dconvolved",
        "    d = dy\n    dconvolved",
        "block: last ReLU left out",
    ),
    ("loops.py", "dlogit * weight[k, c] / (height * width)", "dlogit * weight[k, c]", "bug left in the head"),
    (
        "loops.py",
        "dlogit * weight[k, c] / (height * width)",
        "dlogit * weight[k, c] / height",
        "pooling: divided by the height alone",
    ),
    (
        "loops.py",
        "(probabilities[n, k] - (k == labels[n]))",
        "((k == labels[n]) - probabilities[n, k])",
        "wrong sign",
    ),
    ("mended.py", "wide = x.astype(np.float64)", "wide = x", "steps in float32"),
    ("mended.py", "        wide.flat[i] = kept\n", "", "element not restored after both steps"),
    ("mended.py", "        below = f(wide)", "        below = f(x)", ""),
    (
        "mended.py",
        "np.where(relu_cache, dy, 0)",
        "np.where(dy > 0, dy, 0)",
        "block: mask from the wrong tensor",
    ),
    ("mended.py", "np.where(relu_cache, dy, 0)", "dy", "bug left in the block"),
    ("mended.py", "    dx /= dx[0, 0].size", "    dx /= dx[0].size", "pooling: divided by the channels too"),
    ("mended.py", "    dx /= dx[0, 0].size", "    dx /= dx[:, 0].size", "pooling: divided by the batch too"),
    ("mended.py", "dhidden + dvariance", "dhidden - dvariance", "batch norm: wrong sign of a path"),
    ("mended.py", "* normalised / values", "* normalised", "batch norm: sum instead of mean"),
    ("dictionaries.py", "dx + dtotal,", "dx,", ""),
    (
        "dictionaries.py",
        "(f(x + step) - f(x - step)) / (h + h)",
        "(f(x + step) - f(x)) / h",
        "one-sided difference",
    ),
    ("dictionaries.py", "h * np.eye(x.size)", "h * np.tri(x.size)", "earlier steps not taken back"),
    ("dictionaries.py", "h * np.eye(x.size)", "h * np.ones((x.size, x.size))", "all elements moved at once"),
    ("dictionaries.py", "/ (h + h)", "/ 2 * h", "multiplied by h"),
    (
        "dictionaries.py",
        "return dx, np.einsum",
        'return dx.astype("f").astype(dx.dtype), np.einsum',
        "computed in float32",
    ),
    (
        "dictionaries.py",
        "    cache = {}\n",
        "    cache = network_forward.__dict__\n",
        "value of another call",
    ),
    (
        "dictionaries.py",
        '    dtotal = dy * cache["open"]',
        '    dy *= cache["open"]\n    dtotal = dy',
        "input modified in place",
    ),
]
