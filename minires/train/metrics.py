"""How often a network is wrong: the top-1 and top-5 errors of the papers' tables, and mean IoU of pixels."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from minires.backend import array_module, to_numpy
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


def class_ious(
    predicted: Array, labels: Array, num_classes: int, *, ignore_index: int | None = None
) -> np.ndarray:
    """Return each class's intersection over union (IoU): how well its pixels are found.

    Parameters
    ----------
    predicted, labels : integers of one shape, such as (N, H, W)
        The class of every pixel, from 0 to num_classes - 1: as a network says, and the true one.
    num_classes
    ignore_index
        Pixels of this label do not count, whatever is predicted there.

    Returns
    -------
    float64 (num_classes,)
        Of all images together: pixels that both say are of the class / pixels that one or both say are. NaN
        for a class that neither has.

    Raises
    ------
    ValueError
        For different shapes, or a class that there is not.

    References
    ----------
    Everingham et al. 2010 (doi:10.1007/s11263-009-0275-4), section 4.4.

    Examples
    --------
    >>> class_ious(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 3)
    array([0.5       , 0.66666667,        nan])
    """
    predicted, labels = np.asarray(to_numpy(predicted)), np.asarray(to_numpy(labels))
    if predicted.shape != labels.shape:
        raise ValueError(f"predicted: expected the shape of labels, {labels.shape}, got {predicted.shape}")
    counted = np.ones(labels.shape, bool) if ignore_index is None else labels != ignore_index
    pair = [each[counted].astype(np.int64) for each in (labels, predicted)]
    for name, values in zip(("labels", "predicted"), pair, strict=True):
        if values.size and not (0 <= values.min() and values.max() < num_classes):
            raise ValueError(f"{name}: expected 0 to {num_classes - 1}, got {values.min()} to {values.max()}")
    table = np.bincount(pair[0] * num_classes + pair[1], minlength=num_classes**2)
    table = table.reshape(num_classes, num_classes)  # rows: true; columns: predicted
    both = np.diag(table)
    either = table.sum(axis=0) + table.sum(axis=1) - both
    return np.divide(both, either, out=np.full(num_classes, np.nan), where=either > 0)


def mean_iou(predicted: Array, labels: Array, num_classes: int, *, ignore_index: int | None = None) -> float:
    """Return the mean of `class_ious` over the classes that occur; NaN if no pixel counts.

    Examples
    --------
    >>> round(mean_iou(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 3), 4)
    0.5833
    """
    ious = class_ious(predicted, labels, num_classes, ignore_index=ignore_index)
    present = ious[~np.isnan(ious)]
    return float(present.mean()) if present.size else float("nan")
