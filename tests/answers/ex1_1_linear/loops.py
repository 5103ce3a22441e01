"""One number at a time, as the formulas stand."""

import numpy as np


def linear_forward(x, weight, bias):
    batch, inputs = x.shape
    outputs = weight.shape[0]
    y = np.zeros((batch, outputs), x.dtype)
    for n in range(batch):
        for o in range(outputs):
            y[n, o] = bias[o]
            for i in range(inputs):
                y[n, o] += x[n, i] * weight[o, i]
    return y, (x, weight, bias)


def linear_backward(dy, cache):
    x, weight, bias = cache
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros_like(bias)
    for n in range(len(x)):
        for o in range(len(weight)):
            dbias[o] += dy[n, o]
            for i in range(x.shape[1]):
                dx[n, i] += dy[n, o] * weight[o, i]
                dweight[o, i] += dy[n, o] * x[n, i]
    return dx, dweight, dbias
