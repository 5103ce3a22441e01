"""The labels as rows of the identity matrix; the softmax computed again in backward."""

import numpy as np


def softmax_cross_entropy_forward(logits, labels):
    one_hot = np.eye(logits.shape[1], dtype=logits.dtype)[labels]
    log_sums = np.logaddexp.reduce(logits, axis=1)
    right = np.einsum("nk,nk->n", one_hot, logits)
    return np.mean(log_sums - right), [logits, one_hot]


def softmax_cross_entropy_backward(dloss, cache):
    z, one_hot = cache
    e = np.exp(z - np.max(z, axis=1)[:, None])
    s = e / np.sum(e, axis=1)[:, None]
    return dloss * (s - one_hot) / z.shape[0]
