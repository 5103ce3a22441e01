"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

SLOPE = 'slope = np.where(cache["near"], cache["sigma"] ** 2 * cache["d"], np.sign(cache["d"]))'
TOTAL = "total = (0.5 * sigma**2 * d[near] ** 2).sum() + (np.abs(d[~near]) - 0.5 / sigma**2).sum()"
WRONG = [
    ("loops.py", "end = 1 / (sigma * sigma)", "end = 1 / sigma", ""),
    ("loops.py", "end = 1 / (sigma * sigma)", "end = 1", ""),
    ("loops.py", "loss += 0.5 * (sigma * d) ** 2", "loss += (sigma * d) ** 2", "1/2 missing in the parabola"),
    ("loops.py", "loss += 0.5 * (sigma * d) ** 2", "loss += 0.5 * sigma * d**2", "sigma not squared"),
    ("loops.py", "        if not positive[r]:\n            continue\n", "", "every row counts"),
    ("loops.py", "if not positive[r]:", "if positive[r]:", "negative rows count"),
    ("loops.py", "if abs(d) < end:", "if d < end:", "sign not taken off"),
    ("loops.py", "loss += -d - 0.5 * end", "loss += d - 0.5 * end", "straight part without absolute value"),
    (
        "loops.py",
        "return loss / len(offsets), slopes",
        "return loss / positive.sum(), slopes",
        "mean over the positives",
    ),
    (
        "loops.py",
        "return loss / len(offsets), slopes",
        "return loss / max(1, positive.sum()), slopes",
        "mean over the positives, at least 1",
    ),
    (
        "loops.py",
        "return loss / len(offsets), slopes",
        "return loss / offsets.size, slopes",
        "mean over all numbers",
    ),
    ("loops.py", "return loss / len(offsets), slopes", "return loss, slopes", "sum without 1/R"),
    (
        "loops.py",
        "slopes[r, k] = sigma * sigma * d",
        "slopes[r, k] = d",
        "sigma^2 missing in the parabola's slope",
    ),
    (
        "loops.py",
        "slopes[r, k] = sigma * sigma * d",
        "slopes[r, k] = sigma * d",
        "sigma not squared in the parabola's slope",
    ),
    ("loops.py", "slopes[r, k] = -1", "slopes[r, k] = 1", "sign lost in the straight part"),
    ("loops.py", "dloss / len(cache) * cache", "cache / len(cache)", "dloss forgotten"),
    ("loops.py", "dloss / len(cache) * cache", "dloss * cache", "1/R missing in backward"),
    ("loops.py", "dloss / len(cache) * cache", "-dloss / len(cache) * cache", "gradient of the targets"),
    ("loops.py", "np.zeros_like(offsets)", "np.zeros(offsets.shape)", "dtype not kept"),
    ("selected.py", TOTAL, "total = (0.5 * sigma**2 * d**2).sum()", "squares everywhere"),
    ("selected.py", TOTAL, "total = np.abs(d).sum()", "absolute values everywhere"),
    ("selected.py", "- 0.5 / sigma**2)", "- 0.5)", "1 / sigma^2 missing in the straight part"),
    (
        "selected.py",
        "(np.abs(d[~near]) - 0.5 / sigma**2)",
        "np.abs(d[~near])",
        "nothing taken off in the straight part",
    ),
    ("selected.py", "< sigma**-2", "< sigma**-1", "sigma not squared in the end"),
    ("selected.py", "< sigma**-2", "< 1", "1 / sigma^2 missing in the parabola's end"),
    (
        "selected.py",
        "rows = np.flatnonzero(positive)",
        "rows = np.flatnonzero(~positive)",
        "negative rows count",
    ),
    (
        "selected.py",
        SLOPE,
        'slope = cache["sigma"] ** 2 * cache["d"]',
        "slope not limited",
    ),
    ("selected.py", SLOPE, 'slope = np.sign(cache["d"])', "sign everywhere"),
    (
        "selected.py",
        'cache["sigma"] ** 2 * cache["d"], np',
        '2 * cache["sigma"] ** 2 * cache["d"], np',
        "2 left in the slope",
    ),
    (
        "selected.py",
        'cache["sigma"] ** 2 * cache["d"], np',
        'cache["sigma"] ** 2 * cache["d"] / 2, np',
        "half the slope",
    ),
    (
        "selected.py",
        'cache["sigma"] ** 2 * cache["d"], np',
        'cache["sigma"] * cache["d"], np',
        "sigma not squared in the parabola's slope",
    ),
    ("parabola_and_rest.py", " * np.sign(offsets - targets)", "", "sign lost in backward"),
    ("parabola_and_rest.py", "return weights * slope * dloss", "return weights * slope", "dloss forgotten"),
    (
        "parabola_and_rest.py",
        "return weights * slope * dloss",
        "return slope * (dloss / len(slope))",
        "gradient of rows that do not count",
    ),
    (
        "parabola_and_rest.py",
        "weights * slope * dloss",
        "weights * slope * (dloss / 4)",
        "mean over all numbers in backward",
    ),
    (
        "parabola_and_rest.py",
        "distance = abs(offsets - targets)",
        "offsets -= targets\n    distance = abs(offsets)",
        "input modified in place",
    ),
    (
        "selected.py",
        "0.5 * sigma**2 * d[near] ** 2",
        "sigma**2 * d[near] ** 2",
        "1/2 missing in the parabola",
    ),
    ("selected.py", "- 0.5 / sigma**2).sum()", "- 0.5 / sigma).sum()", "1 / (2 sigma) taken off"),
    ("selected.py", "- 0.5 / sigma**2).sum()", ").sum() - 0.5 / sigma**2", "taken off once"),
    ("selected.py", "count = offsets.shape[0]", "count = offsets.size", "mean over all numbers"),
]
