"""Matrix products written out; the outputs of the layers, and the factor of each, are all that is kept."""

from collections import namedtuple

import numpy as np

Kept = namedtuple("Kept", "hs factors weights")


def dropout_mask(shape, *, keep, rng):
    numbers = rng.random(shape)
    return np.floor(np.minimum(numbers / keep, 1)) * -1 / keep + 1 / keep


def network_forward(x, weights, biases, masks):
    hs, factors = [x], []
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        z = hs[-1] @ weight.T + bias
        factor = np.ones_like(z)
        if k + 1 < len(weights):
            factor[z <= 0] = 0
            if masks is not None:
                factor *= masks[k]
        factors.append(factor)
        hs.append(z * factor)
    logits = hs.pop()
    return logits, Kept(hs, factors, weights)


def network_backward(dy, cache):
    dweights, dbiases = [], []
    for h, factor, weight in zip(cache.hs[::-1], cache.factors[::-1], cache.weights[::-1], strict=True):
        dz = dy * factor
        dweights.append(dz.T @ h)
        dbiases.append(dz.sum(axis=0))
        dy = dz @ weight
    dweights.reverse()
    dbiases.reverse()
    return dy, dweights, dbiases
