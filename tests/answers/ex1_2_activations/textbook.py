"""As the formulas stand, with the overflow that does no harm; dictionaries for caches."""

import numpy as np


def relu_forward(x):
    return x * (x > 0), {"input": x}


def relu_backward(dout, cache):
    grad = dout.copy()
    grad[cache["input"] <= 0] = 0
    return grad


def sigmoid_forward(x):
    with np.errstate(over="ignore"):
        out = 1.0 / (1.0 + np.exp(-x))
    return out, {"out": out}


def sigmoid_backward(dout, cache):
    out = cache["out"]
    return dout * (out - out**2)
