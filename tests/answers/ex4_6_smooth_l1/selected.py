"""Only the positive rows are computed, and scattered back; the cache is a dictionary."""

import numpy as np


def smooth_l1_forward(offsets, targets, positive, *, sigma):
    rows = np.flatnonzero(positive)
    d = offsets[rows] - targets[rows]
    near = np.abs(d) < sigma**-2
    total = (0.5 * sigma**2 * d[near] ** 2).sum() + (np.abs(d[~near]) - 0.5 / sigma**2).sum()
    count = offsets.shape[0]
    return total / count, {
        "rows": rows,
        "d": d,
        "near": near,
        "count": count,
        "sigma": sigma,
        "like": offsets,
    }


def smooth_l1_backward(dloss, cache):
    gradient = np.zeros_like(cache["like"])
    slope = np.where(cache["near"], cache["sigma"] ** 2 * cache["d"], np.sign(cache["d"]))
    gradient[cache["rows"]] = slope * (dloss / cache["count"])
    return gradient
