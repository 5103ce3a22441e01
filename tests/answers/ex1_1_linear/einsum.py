"""The indices written out, a dictionary for a cache, keyword arguments everywhere."""

import numpy as np


def linear_forward(x, weight, bias):
    y = np.einsum("ni,oi->no", x, weight)
    return y + bias[np.newaxis, :], {"x": x, "w": weight}


def linear_backward(dy, cache):
    dx = np.einsum("no,oi->ni", dy, cache["w"])
    dw = np.einsum("no,ni->oi", dy, cache["x"])
    return dx, dw, np.einsum("no->o", dy)
