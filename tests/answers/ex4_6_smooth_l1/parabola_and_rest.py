"""f(d) = sigma^2 m (|d| - m / 2) with m = min(|d|, 1 / sigma^2); the rows' weights are remembered."""

import numpy as np


def smooth_l1_forward(offsets, targets, positive, *, sigma):
    weights = (positive / len(positive)).astype(offsets.dtype)[:, None]
    distance = abs(offsets - targets)
    m = np.minimum(distance, 1 / sigma**2)
    each = sigma**2 * m * (distance - m / 2)
    slope = sigma**2 * m * np.sign(offsets - targets)
    return np.sum(weights * each), (weights, slope)


def smooth_l1_backward(dloss, cache):
    weights, slope = cache
    return weights * slope * dloss
