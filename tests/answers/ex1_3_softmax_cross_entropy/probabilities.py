"""The probabilities first, with copies of them; an object for a cache."""

import numpy as np


class Saved:
    pass


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_cross_entropy_forward(logits, labels):
    n = len(labels)
    saved = Saved()
    saved.probabilities = softmax(logits)
    saved.labels = labels
    margins = logits - logits[range(n), labels][:, None]  # -log p is the logarithm of the sum of their exps
    top = margins.max(axis=1)
    losses = top + np.log(np.exp(margins - top[:, None]).sum(axis=1))
    return losses.mean(), saved


def softmax_cross_entropy_backward(dloss, cache):
    n = len(cache.labels)
    d = cache.probabilities.copy()
    d[range(n), cache.labels] -= 1
    d *= dloss
    d /= n
    return d
