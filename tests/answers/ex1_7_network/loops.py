"""One number at a time, nothing imported but NumPy."""

import numpy as np


def dropout_mask(shape, *, keep, rng):
    mask = np.empty(shape)
    for index in np.ndindex(*shape):
        mask[index] = 1 / keep if rng.random() < keep else 0
    return mask


def network_forward(x, weights, biases, masks):
    inputs, before_relu = [], []
    h = x
    for layer in range(len(weights)):
        weight, bias = weights[layer], biases[layer]
        inputs.append(h)
        z = np.zeros((len(h), len(weight)), x.dtype)
        for n in range(len(h)):
            for o in range(len(weight)):
                z[n, o] = bias[o]
                for i in range(h.shape[1]):
                    z[n, o] += h[n, i] * weight[o, i]
        before_relu.append(z)
        h = np.zeros_like(z)
        for n in range(z.shape[0]):
            for o in range(z.shape[1]):
                if layer == len(weights) - 1:
                    h[n, o] = z[n, o]
                elif z[n, o] > 0:
                    h[n, o] = z[n, o] if masks is None else z[n, o] * masks[layer][n, o]
    return h, {"inputs": inputs, "z": before_relu, "weights": weights, "masks": masks}


def network_backward(dy, cache):
    inputs, weights, masks = cache["inputs"], cache["weights"], cache["masks"]
    dweights = [np.zeros_like(weight) for weight in weights]
    dbiases = [np.zeros(len(weight), weight.dtype) for weight in weights]
    g = dy
    for layer in range(len(weights) - 1, -1, -1):
        x, z = inputs[layer], cache["z"][layer]
        dx = np.zeros_like(x)
        for n in range(len(x)):
            for o in range(len(weights[layer])):
                d = g[n, o]
                if layer < len(weights) - 1:
                    if z[n, o] <= 0:
                        d = 0
                    elif masks is not None:
                        d = d * masks[layer][n, o]
                dbiases[layer][o] += d
                for i in range(x.shape[1]):
                    dx[n, i] += d * weights[layer][o, i]
                    dweights[layer][o, i] += d * x[n, i]
        g = dx
    return g, dweights, dbiases
