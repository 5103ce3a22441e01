"""The handout, mended in other words than the solution's; x copied, changed and put back for each step."""

import numpy as np
from provided import conv2d_backward, conv2d_forward, relu_backward, relu_forward

PIXELS = (0, 2, 3)  # the axes over which batch norm takes mean and variance: images and pixels


def numeric_gradient(f, x, h):
    wide = x.astype(np.float64)  # a copy
    slopes = []
    for i in range(wide.size):
        kept = wide.flat[i]
        wide.flat[i] = kept + h
        above = f(wide)
        wide.flat[i] = kept - h
        below = f(wide)
        wide.flat[i] = kept
        slopes.append((above - below) / (2 * h))
    return np.array(slopes, x.dtype).reshape(x.shape)


def numeric_gradient_of_example(x, h):
    return numeric_gradient(lambda x: x.sum() ** 2 + (x**3).sum(), x, h)


def stem_forward(images, weight, gamma, beta):
    hidden, conv_cache = conv2d_forward(images, weight, padding=1)
    std = np.sqrt(hidden.var(axis=PIXELS, keepdims=True) + 1e-5)
    normalised = (hidden - hidden.mean(axis=PIXELS, keepdims=True)) / std
    y, relu_cache = relu_forward(gamma[:, None, None] * normalised + beta[:, None, None])
    return y, (conv_cache, std, normalised, gamma, relu_cache)


def stem_backward(dy, cache):
    conv_cache, std, normalised, gamma, relu_cache = cache
    dscaled = relu_backward(dy, relu_cache)
    dgamma = (dscaled * normalised).sum(axis=PIXELS)
    dbeta = dscaled.sum(axis=PIXELS)
    dnormalised = dscaled * gamma[:, None, None]
    mean = dnormalised.mean(axis=PIXELS, keepdims=True)
    values = dnormalised.size // len(gamma)
    dstd = -(dnormalised * normalised / std).sum(axis=PIXELS, keepdims=True)
    dvariance = dstd / (2 * std)
    dhidden = (dnormalised - mean) / std
    dhidden = dhidden + dvariance * 2 * std * normalised / values
    dimages, dweight = conv2d_backward(dhidden, conv_cache)
    return dimages, dweight, dgamma, dbeta


def block_forward(x, weight, scale, projection):
    stride = 1 if projection is None else 2
    convolved, conv_cache = conv2d_forward(x, weight, stride=stride, padding=1)
    shortcut, shortcut_cache = x, None
    if projection is not None:
        shortcut, shortcut_cache = conv2d_forward(x, projection, stride=stride)
    y, relu_cache = relu_forward(scale[:, None, None] * convolved + shortcut)
    return y, (convolved, conv_cache, scale, shortcut_cache, relu_cache)


def block_backward(dy, cache):
    convolved, conv_cache, scale, shortcut_cache, relu_cache = cache
    dsum = relu_backward(dy, relu_cache)
    dscale = (dsum * convolved).sum(axis=PIXELS)
    dx, dweight = conv2d_backward(scale[:, None, None] * dsum, conv_cache)
    dshortcut, dprojection = np.where(relu_cache, dy, 0), None
    if shortcut_cache is not None:
        dshortcut, dprojection = conv2d_backward(dshortcut, shortcut_cache)
    return dx + dshortcut, dweight, dscale, dprojection


def head_forward(x, weight, bias, labels):
    pooled = x.mean(axis=(2, 3))
    logits = pooled @ weight.T + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    loss = -np.log(probabilities[np.arange(len(x)), labels]).mean()
    return loss, (x.shape, pooled, weight, probabilities, labels)


def head_backward(dloss, cache):
    shape, pooled, weight, probabilities, labels = cache
    dlogits = probabilities.copy()
    dlogits[np.arange(len(labels)), labels] -= 1
    dlogits *= dloss / len(labels)
    dweight = dlogits.T @ pooled
    dbias = dlogits.sum(axis=0)
    dpooled = dlogits @ weight
    dx = np.zeros(shape, dpooled.dtype)
    dx += dpooled[:, :, None, None]
    dx /= dx[0, 0].size
    return dx, dweight, dbias


def network_forward(images, labels, parameters):
    p = parameters
    x, stem = stem_forward(images, p["stem.weight"], p["stem.gamma"], p["stem.beta"])
    x, block1 = block_forward(x, p["block1.weight"], p["block1.scale"], p["block1.projection"])
    x, block2 = block_forward(x, p["block2.weight"], p["block2.scale"], None)
    loss, head = head_forward(x, p["head.weight"], p["head.bias"], labels)
    return loss, (stem, block1, block2, head)


def network_backward(dloss, cache):
    stem, block1, block2, head = cache
    d = {}
    dx, d["head.weight"], d["head.bias"] = head_backward(dloss, head)
    dx, d["block2.weight"], d["block2.scale"], _ = block_backward(dx, block2)
    dx, d["block1.weight"], d["block1.scale"], d["block1.projection"] = block_backward(dx, block1)
    _, d["stem.weight"], d["stem.gamma"], d["stem.beta"] = stem_backward(dx, stem)
    return d


def example_network(rng):
    shapes = {
        "stem.weight": (3, 1, 3, 3),
        "stem.gamma": (3,),
        "stem.beta": (3,),
        "block1.weight": (4, 3, 3, 3),
        "block1.scale": (4,),
        "block1.projection": (4, 3, 1, 1),
        "block2.weight": (4, 4, 3, 3),
        "block2.scale": (4,),
        "head.weight": (3, 4),
        "head.bias": (3,),
    }
    # small weights keep the softmax away from 0 and 1, where it has hardly any gradient
    parameters = {name: 0.3 * rng.standard_normal(shape) for name, shape in shapes.items()}
    return rng.standard_normal((2, 1, 6, 5)), np.array([2, 0]), parameters
