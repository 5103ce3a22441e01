"""A network is a first layer and, after it, a network."""

import numpy as np
from ex1_1_linear import linear_backward, linear_forward
from ex1_2_activations import relu_backward, relu_forward


def dropout_mask(shape, *, keep, rng):
    return np.where(rng.random(size=shape) < keep, 1 / keep, 0)


def network_forward(x, weights, biases, masks):
    y, first = linear_forward(x, weights[0], biases[0])
    if len(weights) == 1:
        return y, (first, None, None, None)
    y, relu = relu_forward(y)
    mask = np.ones_like(y) if masks is None else masks[0]
    later = None if masks is None else masks[1:]
    logits, rest = network_forward(y * mask, weights[1:], biases[1:], later)
    return logits, (first, relu, mask, rest)


def network_backward(dy, cache):
    first, relu, mask, rest = cache
    dweights, dbiases = [], []
    if rest is not None:
        dy, dweights, dbiases = network_backward(dy, rest)
        dy = relu_backward(dy * mask, relu)
    dx, dweight, dbias = linear_backward(dy, first)
    return dx, [dweight, *dweights], [dbias, *dbiases]
