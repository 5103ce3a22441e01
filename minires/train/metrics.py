"""How often a network is wrong: the top-1 and top-5 errors of the papers' tables."""

from collections.abc import Sequence
from typing import TypeAlias

from minires.backend import array_module
from minires.typing import Array

History: TypeAlias = list[dict[str, float]]  # a record of each epoch: losses in nats, errors as fractions


def top_k_errors(logits: Array, labels: Array, k: Sequence[int] = (1, 5)) -> tuple[float, ...]:
    """Return, for each k, the fraction of images whose true class is not among the k largest logits.

    Parameters
    ----------
    logits : (N, classes)
        Of any float dtype.
    labels : (N,)
        Integers below classes.
    k
        Each at least 1. A k that reaches the number of classes has the error 0.

    Returns
    -------
    errors
        From 0 to 1, one for each k.

    Raises
    ------
    ValueError
        For empty or misshapen arrays, labels out of range, or a k below 1.

    Notes
    -----
    Equal logits are ranked in class order, so that top-1 agrees with argmax; an image whose logits hold a
    NaN counts as wrong.

    Examples
    --------
    >>> logits = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]])
    >>> top_k_errors(logits, np.array([1, 1]), k=(1, 2))
    (0.5, 0.0)
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


def ranks(logits: Array, labels: Array) -> Array:
    """Return how many classes come before each image's true one, integers (N,): 0 means recognised.

    Parameters
    ----------
    logits : (N, classes)
    labels : integers (N,)

    Notes
    -----
    Equal logits are ranked in class order; an image whose logits hold a NaN gets the last rank, for
    comparisons with NaN are all false. On a GPU nothing waits for it.
    """
    xp, classes = array_module(logits, labels, names=("logits", "labels")), logits.shape[1]
    label = labels[:, None]
    true_logit = xp.take_along_axis(logits, label, axis=1)  # (N, 1)
    ahead = (logits > true_logit) | ((logits == true_logit) & (xp.arange(classes) < label))
    return xp.where(xp.isnan(logits).any(axis=1), classes, ahead.sum(axis=1))
