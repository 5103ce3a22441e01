"""How often a network is wrong: the top-1 and top-5 errors of the papers' tables."""

from minires.backend import array_module


def top_k_errors(logits, labels, k=(1, 5)):
    """Return, for each k, the fraction of images whose true class is not among the k largest logits.

    logits: (N, classes), any float dtype; labels: (N,) integers below classes; both on one device.
    Returns a tuple of Python floats in 0..1, one for each k.
    Equal logits are ranked in class order, so that top-1 agrees with argmax; an image whose logits hold a
    NaN counts as wrong. A k that reaches the number of classes has the error 0.
    Raises ValueError for empty or misshapen arrays, labels out of range, or a k below 1.
    """
    array_module(logits, labels, names=("logits", "labels"))
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or 0 in logits.shape:
        raise ValueError(
            f"expected logits (N, classes) and labels (N,), got shapes {logits.shape} and {labels.shape}"
        )
    if min(k) < 1:
        raise ValueError(f"k: expected numbers of at least 1, got {tuple(k)}")
    classes = logits.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels: expected 0 to {classes - 1}, got {int(labels.min())} to {int(labels.max())}"
        )

    rank = ranks(logits, labels)
    return tuple(float((rank >= n).mean()) for n in k)


def ranks(logits, labels):
    """Return how many classes come before each image's true one, integers (N,): 0 means recognised.

    logits: (N, classes); labels: integers (N,). Equal logits are ranked in class order; an image whose logits
    hold a NaN gets the last rank, for comparisons with NaN are all false. On a GPU nothing waits for it.
    """
    xp, classes = array_module(logits, labels, names=("logits", "labels")), logits.shape[1]
    label = labels[:, None]
    true_logit = xp.take_along_axis(logits, label, axis=1)  # (N, 1)
    ahead = (logits > true_logit) | ((logits == true_logit) & (xp.arange(classes) < label))
    return xp.where(xp.isnan(logits).any(axis=1), classes, ahead.sum(axis=1))
