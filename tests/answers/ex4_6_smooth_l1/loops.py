"""Number by number; the cache holds the slopes, found in forward."""

import numpy as np


def smooth_l1_forward(offsets, targets, positive, *, sigma):
    slopes = np.zeros_like(offsets)
    end = 1 / (sigma * sigma)
    loss = 0.0
    for r in range(len(offsets)):
        if not positive[r]:
            continue
        for k in range(4):
            d = offsets[r, k] - targets[r, k]
            if abs(d) < end:
                loss += 0.5 * (sigma * d) ** 2
                slopes[r, k] = sigma * sigma * d
            elif d > 0:
                loss += d - 0.5 * end
                slopes[r, k] = 1
            else:
                loss += -d - 0.5 * end
                slopes[r, k] = -1
    return loss / len(offsets), slopes


def smooth_l1_backward(dloss, cache):
    return dloss / len(cache) * cache
