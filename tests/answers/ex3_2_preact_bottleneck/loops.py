"""One number at a time, with convolutions and batch norms of its own; lists for caches."""

import numpy as np


def places(x, weight, stride):
    """Yield (n, o, c, row and column of y, of the kernel, of x); the padding keeps the size at stride 1."""
    batch, channels, height, width = x.shape
    outputs, _, kernel, _ = weight.shape
    padding = kernel // 2
    for n in range(batch):
        for o in range(outputs):
            for c in range(channels):
                for r in range(-(-height // stride)):
                    for s in range(-(-width // stride)):
                        for i in range(kernel):
                            for j in range(kernel):
                                h, w = r * stride + i - padding, s * stride + j - padding
                                if 0 <= h < height and 0 <= w < width:
                                    yield n, o, c, r, s, i, j, h, w


def convolve(x, weight, stride=1):
    y = np.zeros((len(x), len(weight), -(-x.shape[2] // stride), -(-x.shape[3] // stride)), x.dtype)
    for n, o, c, r, s, i, j, h, w in places(x, weight, stride):
        y[n, o, r, s] += weight[o, c, i, j] * x[n, c, h, w]
    return y, [x, weight, stride]


def convolve_back(dy, cache):
    x, weight, stride = cache
    dx, dweight = np.zeros_like(x), np.zeros_like(weight)
    for n, o, c, r, s, i, j, h, w in places(x, weight, stride):
        dx[n, c, h, w] += weight[o, c, i, j] * dy[n, o, r, s]
        dweight[o, c, i, j] += dy[n, o, r, s] * x[n, c, h, w]
    return dx, dweight


def activate(x, gamma, beta):
    batch, channels, height, width = x.shape
    places = list(np.ndindex(batch, height, width))
    y, x_hat, std = np.zeros_like(x), np.zeros_like(x), np.zeros_like(gamma)
    for c in range(channels):
        mean = sum(x[n, c, h, w] for n, h, w in places) / len(places)
        var = sum((x[n, c, h, w] - mean) ** 2 for n, h, w in places) / len(places)
        std[c] = (var + 1e-5) ** 0.5
        for n, h, w in places:
            x_hat[n, c, h, w] = (x[n, c, h, w] - mean) / std[c]
            y[n, c, h, w] = max(0, gamma[c] * x_hat[n, c, h, w] + beta[c])
    return y, [x_hat, std, gamma, y]


def activate_back(dy, cache):
    x_hat, std, gamma, y = cache
    batch, channels, height, width = dy.shape
    places = list(np.ndindex(batch, height, width))
    dx, dgamma, dbeta = np.zeros_like(dy), np.zeros_like(gamma), np.zeros_like(gamma)
    for c in range(channels):
        for n, h, w in places:
            if y[n, c, h, w] > 0:
                dgamma[c] += dy[n, c, h, w] * x_hat[n, c, h, w]
                dbeta[c] += dy[n, c, h, w]
        for n, h, w in places:
            d = dy[n, c, h, w] if y[n, c, h, w] > 0 else 0
            d -= (dbeta[c] + dgamma[c] * x_hat[n, c, h, w]) / len(places)
            dx[n, c, h, w] = gamma[c] / std[c] * d
    return dx, dgamma, dbeta


def branch_forward(active1, parameters, stride):
    p = parameters
    hidden, cache = active1, []
    for number in (1, 2, 3):
        if number > 1:
            hidden, kept = activate(hidden, p[f"gamma{number}"], p[f"beta{number}"])
            cache.append(kept)
        hidden, kept = convolve(hidden, p[f"weight{number}"], stride if number == 2 else 1)
        cache.append(kept)
    return hidden, cache


def branch_backward(dbranch, cache):
    conv1, act2, conv2, act3, conv3 = cache
    d = {}
    back, d["weight3"] = convolve_back(dbranch, conv3)
    back, d["gamma3"], d["beta3"] = activate_back(back, act3)
    back, d["weight2"] = convolve_back(back, conv2)
    back, d["gamma2"], d["beta2"] = activate_back(back, act2)
    back, d["weight1"] = convolve_back(back, conv1)
    return back, d


def identity_unit_forward(x, parameters):
    active1, act1 = activate(x, parameters["gamma1"], parameters["beta1"])
    branch, cache = branch_forward(active1, parameters, 1)
    y = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        y[place] = branch[place] + x[place]
    return y, [act1, cache]


def identity_unit_backward(dy, cache):
    dactive1, d = branch_backward(dy, cache[1])
    dx, d["gamma1"], d["beta1"] = activate_back(dactive1, cache[0])
    for place in np.ndindex(dy.shape):
        dx[place] += dy[place]
    return dx, d


def projection_unit_forward(x, parameters, stride):
    active1, act1 = activate(x, parameters["gamma1"], parameters["beta1"])
    y, cache = branch_forward(active1, parameters, stride)
    shortcut, projection = convolve(active1, parameters["projection"], stride)
    for place in np.ndindex(y.shape):
        y[place] += shortcut[place]
    return y, [act1, cache, projection]


def projection_unit_backward(dy, cache):
    act1, branch, projection = cache
    dactive1, d = branch_backward(dy, branch)
    second, d["projection"] = convolve_back(dy, projection)
    for place in np.ndindex(dactive1.shape):
        dactive1[place] += second[place]
    dx, d["gamma1"], d["beta1"] = activate_back(dactive1, act1)
    return dx, d
