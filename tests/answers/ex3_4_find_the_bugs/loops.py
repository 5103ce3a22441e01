"""One number at a time; lists for caches; only the convolutions' sums are taken from elsewhere."""

import numpy as np
from provided import conv2d_backward, conv2d_forward


def numeric_gradient(f, x, h):
    gradient = np.zeros(x.shape, x.dtype)
    for place in np.ndindex(x.shape):
        above, below = np.zeros(x.shape), np.zeros(x.shape)
        for other in np.ndindex(x.shape):
            above[other], below[other] = x[other], x[other]
        above[place] += h
        below[place] -= h
        gradient[place] = (f(above) - f(below)) / 2 / h
    return gradient


def numeric_gradient_of_example(x, h):
    return numeric_gradient(lambda x: x.sum() ** 2 + (x**3).sum(), x, h)


def rectify(x):
    y = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        y[place] = max(x[place], 0)
    return y


def rectify_back(dy, y):
    dx = np.zeros_like(dy)
    for place in np.ndindex(y.shape):
        if y[place] > 0:
            dx[place] = dy[place]
    return dx


def stem_forward(images, weight, gamma, beta):
    hidden, conv = conv2d_forward(images, weight, padding=1)
    batch, channels, height, width = hidden.shape
    pixels = list(np.ndindex(batch, height, width))
    x_hat, scaled, std = np.zeros_like(hidden), np.zeros_like(hidden), np.zeros_like(gamma)
    for c in range(channels):
        mean = sum(hidden[n, c, h, w] for n, h, w in pixels) / len(pixels)
        variance = sum((hidden[n, c, h, w] - mean) ** 2 for n, h, w in pixels) / len(pixels)
        std[c] = (variance + 1e-5) ** 0.5
        for n, h, w in pixels:
            x_hat[n, c, h, w] = (hidden[n, c, h, w] - mean) / std[c]
            scaled[n, c, h, w] = gamma[c] * x_hat[n, c, h, w] + beta[c]
    y = rectify(scaled)
    return y, [conv, x_hat, std, gamma, y, pixels]


def stem_backward(dy, cache):
    conv, x_hat, std, gamma, y, pixels = cache
    d = rectify_back(dy, y)
    dhidden, dgamma, dbeta = np.zeros_like(d), np.zeros_like(gamma), np.zeros_like(gamma)
    for c in range(len(gamma)):
        for n, h, w in pixels:
            dgamma[c] += d[n, c, h, w] * x_hat[n, c, h, w]
            dbeta[c] += d[n, c, h, w]
        for n, h, w in pixels:
            through_mean = dbeta[c] / len(pixels)
            through_std = x_hat[n, c, h, w] * dgamma[c] / len(pixels)
            dhidden[n, c, h, w] = gamma[c] / std[c] * (d[n, c, h, w] - through_mean - through_std)
    dimages, dweight = conv2d_backward(dhidden, conv)
    return dimages, dweight, dgamma, dbeta


def block_forward(x, weight, scale, projection):
    if projection is None:
        convolved, conv1 = conv2d_forward(x, weight, 1, 1)
        shortcut, conv2 = x, None
    else:
        convolved, conv1 = conv2d_forward(x, weight, 2, 1)
        shortcut, conv2 = conv2d_forward(x, projection, 2, 0)
    added = np.zeros_like(shortcut)
    for n, c, h, w in np.ndindex(added.shape):
        added[n, c, h, w] = scale[c] * convolved[n, c, h, w] + shortcut[n, c, h, w]
    y = rectify(added)
    return y, [convolved, conv1, scale, conv2, y]


def block_backward(dy, cache):
    convolved, conv1, scale, conv2, y = cache
    d = rectify_back(dy, y)
    dconvolved, dscale = np.zeros_like(d), np.zeros_like(scale)
    for n, c, h, w in np.ndindex(d.shape):
        dconvolved[n, c, h, w] = scale[c] * d[n, c, h, w]
        dscale[c] += convolved[n, c, h, w] * d[n, c, h, w]
    dx, dweight = conv2d_backward(dconvolved, conv1)
    dx_shortcut, dprojection = d, None
    if conv2 is not None:
        dx_shortcut, dprojection = conv2d_backward(d, conv2)
    for place in np.ndindex(dx.shape):
        dx[place] += dx_shortcut[place]
    return dx, dweight, dscale, dprojection


def head_forward(x, weight, bias, labels):
    batch, channels, height, width = x.shape
    classes = len(weight)
    pooled, probabilities = np.zeros((batch, channels), x.dtype), np.zeros((batch, classes), x.dtype)
    loss = 0.0
    for n in range(batch):
        for c in range(channels):
            for h in range(height):
                for w in range(width):
                    pooled[n, c] += x[n, c, h, w] / (height * width)
        for k in range(classes):
            logit = bias[k]
            for c in range(channels):
                logit += weight[k, c] * pooled[n, c]
            probabilities[n, k] = np.exp(logit)
        probabilities[n] /= probabilities[n].sum()
        loss -= np.log(probabilities[n, labels[n]]) / batch
    return loss, [x.shape, weight, labels, pooled, probabilities]


def head_backward(dloss, cache):
    (batch, channels, height, width), weight, labels, pooled, probabilities = cache
    dx = np.zeros((batch, channels, height, width), pooled.dtype)
    dweight, dbias = np.zeros_like(weight), np.zeros(len(weight), weight.dtype)
    for n in range(batch):
        for k in range(len(weight)):
            dlogit = (probabilities[n, k] - (k == labels[n])) / batch * dloss
            dbias[k] += dlogit
            for c in range(channels):
                dweight[k, c] += dlogit * pooled[n, c]
                for h in range(height):
                    for w in range(width):
                        dx[n, c, h, w] += dlogit * weight[k, c] / (height * width)
    return dx, dweight, dbias


def network_forward(images, labels, parameters):
    names = ("weight", "gamma", "beta")
    x, stem = stem_forward(images, *(parameters["stem." + name] for name in names))
    caches = [stem]
    for block in ("block1.", "block2."):
        convs = parameters[block + "weight"], parameters[block + "scale"]
        x, cache = block_forward(x, *convs, parameters.get(block + "projection"))
        caches.append(cache)
    loss, head = head_forward(x, parameters["head.weight"], parameters["head.bias"], labels)
    return loss, [*caches, head]


def network_backward(dloss, cache):
    d = {}
    dx, d["head.weight"], d["head.bias"] = head_backward(dloss, cache[3])
    dx, d["block2.weight"], d["block2.scale"], _ = block_backward(dx, cache[2])
    dx, d["block1.weight"], d["block1.scale"], d["block1.projection"] = block_backward(dx, cache[1])
    _, d["stem.weight"], d["stem.gamma"], d["stem.beta"] = stem_backward(dx, cache[0])
    return d
