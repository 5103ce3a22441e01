"""1x1 convolutions as products of matrices; the activation's backward is linear in dy, so it is run twice."""

import numpy as np
from provided import conv2d_backward, conv2d_forward


def activate(x, gamma, beta, eps=1e-5):
    scale = gamma / np.sqrt(x.var(axis=(0, 2, 3)) + eps)
    before = (x - x.mean(axis=(0, 2, 3), keepdims=True)) * scale.reshape(-1, 1, 1) + beta.reshape(-1, 1, 1)
    return before.clip(0), {
        "x": x,
        "gamma": gamma,
        "scale": scale,
        "mask": (before > 0).astype(x.dtype),
        "eps": eps,
    }


def activate_back(dy, kept):
    d = dy * kept["mask"]
    centred = kept["x"] - kept["x"].mean(axis=(0, 2, 3), keepdims=True)
    inverse = 1 / np.sqrt(kept["x"].var(axis=(0, 2, 3)) + kept["eps"])
    dbeta = d.sum(axis=(0, 2, 3))
    dgamma = (d * centred).sum(axis=(0, 2, 3)) * inverse
    m = d.size // d.shape[1]
    dhat = d * kept["gamma"].reshape(-1, 1, 1)
    dvar = -0.5 * inverse**3 * (dhat * centred).sum(axis=(0, 2, 3))
    dmean = -inverse * dhat.sum(axis=(0, 2, 3))
    dx = (
        dhat * inverse.reshape(-1, 1, 1)
        + (2 * centred * dvar.reshape(-1, 1, 1) + dmean.reshape(-1, 1, 1)) / m
    )
    return dx, dgamma, dbeta


def point(x, weight):
    return np.moveaxis(np.moveaxis(x, 1, 3) @ weight[:, :, 0, 0].T, 3, 1)


def point_back(dy, x, weight):
    columns, rows = (
        np.moveaxis(x, 1, 0).reshape(x.shape[1], -1),
        np.moveaxis(dy, 1, 0).reshape(dy.shape[1], -1),
    )
    dweight = (rows @ columns.T).reshape(weight.shape)
    return point(dy, weight.transpose(1, 0, 2, 3)), dweight


def branch_forward(active1, parameters, stride):
    w1, w2, w3 = (parameters["weight" + i] for i in "123")
    a2, keep2 = activate(point(active1, w1), parameters["gamma2"], parameters["beta2"])
    z2, keep_conv = conv2d_forward(a2, w2, stride, 1)
    a3, keep3 = activate(z2, parameters["gamma3"], parameters["beta3"])
    return point(a3, w3), {
        "a1": active1,
        "a3": a3,
        "w1": w1,
        "w3": w3,
        "2": keep2,
        "3": keep3,
        "conv": keep_conv,
    }


def branch_backward(dbranch, cache):
    da3, dw3 = point_back(dbranch, cache["a3"], cache["w3"])
    dz2, dgamma3, dbeta3 = activate_back(da3, cache["3"])
    da2, dw2 = conv2d_backward(dz2, cache["conv"])
    dz1, dgamma2, dbeta2 = activate_back(da2, cache["2"])
    da1, dw1 = point_back(dz1, cache["a1"], cache["w1"])
    return da1, dict(
        weight1=dw1, weight2=dw2, weight3=dw3, gamma2=dgamma2, gamma3=dgamma3, beta2=dbeta2, beta3=dbeta3
    )


def identity_unit_forward(x, parameters):
    a1, kept = activate(x, parameters["gamma1"], parameters["beta1"])
    branch, cache = branch_forward(a1, parameters, 1)
    return np.add(x, branch), (kept, cache)


def identity_unit_backward(dy, cache):
    kept, branch = cache
    da1, gradients = branch_backward(dy, branch)
    dx, dgamma1, dbeta1 = activate_back(da1, kept)
    return dy + dx, {**gradients, "gamma1": dgamma1, "beta1": dbeta1}


def projection_unit_forward(x, parameters, stride):
    a1, kept = activate(x, parameters["gamma1"], parameters["beta1"])
    branch, cache = branch_forward(a1, parameters, stride)
    seen = a1[:, :, ::stride, ::stride]
    return branch + point(seen, parameters["projection"]), (
        kept,
        cache,
        seen,
        parameters["projection"],
        stride,
    )


def projection_unit_backward(dy, cache):
    kept, branch, seen, projection, stride = cache
    first, gradients = branch_backward(dy, branch)
    dseen, gradients["projection"] = point_back(dy, seen, projection)
    second = np.zeros_like(first)
    second[:, :, ::stride, ::stride] = dseen
    sums = [a + b for a, b in zip(activate_back(first, kept), activate_back(second, kept), strict=True)]
    return sums[0], {**gradients, "gamma1": sums[1], "beta1": sums[2]}
