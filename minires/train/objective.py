"""What a training step minimises: the cross-entropy of the logits, and of auxiliary heads if it has some."""

from collections.abc import Sequence

import minires.functional as F
from minires.typing import Array


def cross_entropy(
    answers: Array | tuple[Array, ...],
    labels: Array,
    *,
    label_smoothing: float = 0.0,
    weights: Sequence[float] = (1.0,),
) -> tuple[Array, Array, Array | tuple[Array, ...]]:
    """Return the network's own answer, the loss, and what backward takes.

    Parameters
    ----------
    answers
        Logits (N, classes), or a tuple of them as a network with heads returns it.
    labels : (N,)
    weights
        Of the answers' losses; GoogLeNet's are (1, 0.3, 0.3).

    Returns
    -------
    logits : (N, classes)
    loss : 0-d array
    dy
        The gradient of the loss with respect to answers, a tuple if that is one.
    """
    all_logits = answers if isinstance(answers, tuple) else (answers,)
    losses, dlogits = [], []
    for logits, weight in zip(all_logits, weights, strict=True):
        loss, cache = F.softmax_cross_entropy_forward(logits, labels, label_smoothing=label_smoothing)
        losses.append(loss * weight)
        dlogits.append(F.softmax_cross_entropy_backward(weight, cache))
    return (
        all_logits[0],
        sum(losses[1:], losses[0]),
        tuple(dlogits) if isinstance(answers, tuple) else dlogits[0],
    )
