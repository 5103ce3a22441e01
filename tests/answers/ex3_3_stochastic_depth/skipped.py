"""A closed branch is not computed; dictionaries for caches; fractions of the rule in another order."""

import numpy as np
import provided


def survival_probabilities(blocks, last):
    return np.linspace(1, last, blocks + 1)[1:]


def choose_gate(survival, train, rng):
    return (1.0 if rng.random() < survival else 0.0) if train else survival


def stochastic_block_forward(x, weight, gate):
    cache = {"gate": gate, "shape": weight.shape}
    total = x
    if gate != 0:
        cache["positive"] = x > 0
        branch, cache["conv"] = provided.conv2d_forward(x.clip(0), weight, 1, 1)
        total = x + gate * branch
    cache["alive"] = (total > 0).astype(x.dtype)
    return total * cache["alive"], cache


def stochastic_block_backward(dy, cache):
    d = dy * cache["alive"]
    if cache["gate"] == 0:
        return d, np.zeros(cache["shape"], dy.dtype)
    through, dweight = provided.conv2d_backward(d, cache["conv"])
    g = cache["gate"]
    return g * through * cache["positive"] + d, g * dweight
