"""What a training step minimises: the cross-entropy of the logits, and of auxiliary heads if it has some."""

import minires.functional as F


def cross_entropy(answers, labels, *, label_smoothing=0.0, weights=(1.0,)):
    """Return (logits, loss, dy): the network's own answer, the loss (0-d), and what backward takes.

    answers: logits (N, classes), or a tuple of them as a network with heads returns it; labels: (N,);
    weights: of the answers' losses, GoogLeNet's are (1, 0.3, 0.3). dy: the gradient of the loss with respect
    to answers, a tuple if that is one.
    """
    all_logits = answers if isinstance(answers, tuple) else (answers,)
    losses, dlogits = [], []
    for logits, weight in zip(all_logits, weights, strict=True):
        loss, cache = F.softmax_cross_entropy_forward(logits, labels, label_smoothing=label_smoothing)
        losses.append(loss * weight)
        dlogits.append(F.softmax_cross_entropy_backward(weight, cache))
    return all_logits[0], sum(losses), tuple(dlogits) if isinstance(answers, tuple) else dlogits[0]
