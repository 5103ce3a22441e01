"""The cache is the inputs; backward computes the rest once more. Gradients collected in dictionaries."""

import numpy as np
import provided


def branch(x, weight1, weight2, stride):
    hidden, first = provided.conv2d_forward(x, weight1, stride, 1)
    out, second = provided.conv2d_forward(np.maximum(hidden, 0), weight2, 1, 1)
    return out, first, hidden, second


def branch_gradients(dy, x, weight1, weight2, stride):
    _, first, hidden, second = branch(x, weight1, weight2, stride)
    d = {}
    dactive, d["weight2"] = provided.conv2d_backward(dy, second)
    d["x"], d["weight1"] = provided.conv2d_backward(dactive * (hidden > 0), first)
    return d


def identity_block_forward(x, weight1, weight2):
    return branch(x, weight1, weight2, 1)[0] + x, {"x": x, "weight1": weight1, "weight2": weight2}


def identity_block_backward(dy, cache):
    d = branch_gradients(dy, **cache, stride=1)
    d["x"] = d["x"] + dy
    return d["x"], d["weight1"], d["weight2"]


def projection_block_forward(x, weight1, weight2, projection):
    seen = x[:, :, ::2, ::2]
    y = branch(x, weight1, weight2, 2)[0] + np.einsum("nchw,oc->nohw", seen, projection[:, :, 0, 0])
    return y, ({"x": x, "weight1": weight1, "weight2": weight2}, projection)


def projection_block_backward(dy, cache):
    inputs, projection = cache
    d = branch_gradients(dy, **inputs, stride=2)
    dx = np.zeros_like(inputs["x"])
    dx[:, :, ::2, ::2] = np.einsum("nohw,oc->nchw", dy, projection[:, :, 0, 0])
    dx += d["x"]
    dprojection = np.einsum("nohw,nchw->oc", dy, inputs["x"][:, :, ::2, ::2])
    return dx, d["weight1"], d["weight2"], dprojection[:, :, np.newaxis, np.newaxis]
