"""One weight at a time, and the variance carried from layer to layer."""

import math

import numpy as np


def fans(shape):
    per_channel = 1
    for size in shape[2:]:
        per_channel *= size
    fan_in = fan_out = 0
    for _ in range(shape[1]):
        fan_in += per_channel
    for _ in range(shape[0]):
        fan_out += per_channel
    return fan_in, fan_out


def xavier(shape, *, rng):
    n = fans(shape)[0]
    weight = np.empty(shape)
    for index in np.ndindex(*shape):
        weight[index] = rng.standard_normal() / math.sqrt(n)
    return weight


def msra(shape, *, rng):
    n = fans(shape)[0]
    variance = 2 / n
    weight = np.empty(shape)
    for index in np.ndindex(*shape):
        weight[index] = math.sqrt(variance) * rng.standard_normal()
    return weight


def predicted_variances(mean_square, shapes, weight_stds, *, relu):
    found = []
    for layer in range(len(shapes)):
        n = fans(shapes[layer])[0]
        variance = n * weight_stds[layer] ** 2 * mean_square
        found.append(variance)
        mean_square = variance / 2 if relu else variance
    return np.array(found)
