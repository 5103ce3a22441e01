"""Softmax cross-entropy forward in one launch: a block for each row of logits.

The textbook: `functional.loss`.
"""

import numpy as np

from minires.checks import check_cross_entropy
from minires.kernels.cuda.launch import launch


def softmax_cross_entropy_forward(logits, labels, *, label_smoothing=0.0):
    """As `functional.softmax_cross_entropy_forward`."""
    xp = check_cross_entropy(logits, labels, label_smoothing)
    n, classes = logits.shape
    logits, labels = xp.ascontiguousarray(logits), xp.ascontiguousarray(labels.astype(np.int64, copy=False))
    probabilities, targets = xp.empty_like(logits), xp.empty_like(logits)
    losses = xp.empty(n, logits.dtype)
    launch(
        "softmax_cross_entropy", logits, (n, 1), logits, labels, label_smoothing, probabilities, targets,
        losses, classes,
    )  # fmt: skip
    return losses.mean(), (probabilities, targets, n)
