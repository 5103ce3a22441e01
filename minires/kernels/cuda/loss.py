"""Softmax cross-entropy in one launch each way: a block for each row of logits.

The textbook: `functional.loss`.
"""

import numpy as np

from minires.backend import array_module
from minires.checks import check_cross_entropy
from minires.kernels.cuda.launch import launch


def softmax_cross_entropy_forward(
    logits, labels, *, label_smoothing=0.0, ignore_index=None, class_weights=None
):
    """As `functional.softmax_cross_entropy_forward`."""
    xp, label_smoothing = check_cross_entropy(logits, labels, label_smoothing, ignore_index, class_weights)
    n, classes = logits.shape
    logits, labels = xp.ascontiguousarray(logits), xp.ascontiguousarray(labels.astype(np.int64, copy=False))
    probabilities, targets = xp.empty_like(logits), xp.empty_like(logits)
    losses, row_weights = xp.empty(n, logits.dtype), xp.empty(n, logits.dtype)
    ignores, weighted = ignore_index is not None, class_weights is not None
    launch(
        "softmax_cross_entropy", logits, (n, 1), logits, labels, label_smoothing, ignores, ignore_index or 0,
        weighted, xp.ascontiguousarray(class_weights) if weighted else logits, probabilities, targets,
        losses, row_weights, classes,
    )  # fmt: skip
    count = n
    if ignores or weighted:
        count = row_weights.sum(dtype="float64")
        count = count + (count == 0)
    loss = xp.asarray(losses.sum(dtype="float64") / count, dtype=logits.dtype)
    return loss, (probabilities, targets, count)


def softmax_cross_entropy_backward(dloss, cache):
    """As `functional.softmax_cross_entropy_backward`."""
    probabilities, targets, count = cache
    xp = array_module(probabilities)
    probabilities, targets = xp.ascontiguousarray(probabilities), xp.ascontiguousarray(targets)
    dlogits = xp.empty_like(probabilities)
    n, classes = dlogits.shape
    launch("softmax_cross_entropy_backward", dlogits, (n, 1), probabilities, targets, dlogits, classes)
    dlogits *= dloss / count
    return dlogits
