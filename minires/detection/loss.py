"""The losses of a detector: two for the region proposal network, two for the head, all of weight 1."""

from typing import NamedTuple, TypeAlias

import numpy as np

import minires.functional as F
from minires.backend import array_module
from minires.detection.network import Answers
from minires.typing import Array

Pair: TypeAlias = tuple[Array, Array]  # of the classes, of the boxes
Gradients: TypeAlias = tuple[Array | None, Array | None, Array, Array]


class Losses(NamedTuple):
    """The four losses of one step, each a 0-d array; their sum is what is minimised.

    Attributes
    ----------
    objectness, anchor_boxes
        Of the region proposal network: cross-entropy in nats, and smooth L1. 0 without one.
    classes, boxes
        Of the head.
    """

    objectness: Array
    anchor_boxes: Array
    classes: Array
    boxes: Array


def rpn_loss(logits: Array, offsets: Array, labels: Array, targets: Array) -> tuple[Pair, Pair]:
    """Return the two losses of a region proposal network, and their gradients.

    Parameters
    ----------
    logits : (N, A)
    offsets : (N, A, 4)
    labels : integers (N, A)
        1 for an object, 0 for background, -1 for what does not count: of `anchor_targets`.
    targets : (N, A, 4)
        The offsets wanted of the positive anchors.

    Returns
    -------
    losses : (objectness, boxes), 0-d
    gradients : (dlogits, doffsets)

    Notes
    -----
    Both are divided by the number of sampled anchors, positive and negative.

    References
    ----------
    Ren et al. 2015 (arXiv:1506.01497), equation 1; sigma = 3 is that of its program.
    """
    xp = array_module(logits)
    labels, targets = xp.asarray(labels), xp.asarray(targets, dtype=offsets.dtype)
    positive, sampled = (labels == 1).astype(logits.dtype), (labels >= 0).astype(logits.dtype)
    share = 1 / sampled.sum().clip(1, None)  # no anchor sampled: nothing is divided by nothing
    objectness, logits_cache = F.binary_cross_entropy_forward(logits, positive, sampled * share)
    boxes, offsets_cache = F.smooth_l1_forward(offsets, targets, positive * share, sigma=3.0)
    dlogits = F.binary_cross_entropy_backward(1.0, logits_cache)
    return (objectness, boxes), (dlogits, F.smooth_l1_backward(1.0, offsets_cache))


def two_headed_loss(scores: Array, offsets: Array, classes: Array, targets: Array) -> tuple[Pair, Pair]:
    """Return the two losses of a head, and their gradients.

    Parameters
    ----------
    scores : (R, K + 1)
        Logits; there may be no region.
    offsets : (R, K, 4)
    classes : integers (R,)
        0 for background, k + 1 for class k.
    targets : (R, 4)
        The offsets wanted of the regions with an object.

    Returns
    -------
    losses : (classes, boxes), 0-d
    gradients : (dscores, doffsets)

    Notes
    -----
    Only the box of the true class is compared, and of background none. Both losses are divided by R.

    References
    ----------
    Girshick 2015 (arXiv:1504.08083), equations 1 to 3.
    """
    xp, count = array_module(scores), len(scores)
    if not count:
        nothing = xp.zeros_like(scores, shape=())
        return (nothing, nothing), (scores, offsets)
    classes, targets = xp.asarray(classes), xp.asarray(targets, dtype=offsets.dtype)
    mean_loss, scores_cache = F.softmax_cross_entropy_forward(scores, classes)
    rows, own = xp.arange(count), (classes - 1).clip(0, None)  # background's box weighs nothing
    weights = (classes > 0).astype(offsets.dtype) / count
    boxes, offsets_cache = F.smooth_l1_forward(offsets[rows, own], targets, weights)
    doffsets = xp.zeros_like(offsets)
    doffsets[rows, own] = F.smooth_l1_backward(1.0, offsets_cache)
    return (mean_loss, boxes), (F.softmax_cross_entropy_backward(1.0, scores_cache), doffsets)


def joint_loss(
    answers: Answers, labels: np.ndarray | None = None, targets: np.ndarray | None = None
) -> tuple[Losses, Gradients]:
    """Return the four losses of a detector, and the gradients that its backward takes.

    Parameters
    ----------
    answers
        With regions whose classes and offsets are known.
    labels : (N, A), targets : (N, A, 4)
        Of `anchor_targets`, for a detector with a region proposal network.

    Returns
    -------
    losses : Losses
    dy : (dobjectness, danchor_offsets, dscores, doffsets)

    Raises
    ------
    ValueError
        If what is to be learned is missing.
    """
    regions = answers.regions
    if regions.classes is None or regions.offsets is None:
        raise ValueError("regions: expected them with classes and offsets, what the head is to learn")
    of_head, dhead = two_headed_loss(answers.scores, answers.offsets, regions.classes, regions.offsets)
    if answers.objectness is None or answers.anchor_offsets is None:
        nothing = array_module(answers.scores).zeros_like(answers.scores, shape=())
        return Losses(nothing, nothing, *of_head), (None, None, *dhead)
    if labels is None or targets is None:
        raise ValueError("labels: expected what each anchor is to learn, of anchor_targets, got None")
    of_rpn, drpn = rpn_loss(answers.objectness, answers.anchor_offsets, labels, targets)
    return Losses(*of_rpn, *of_head), (*drpn, *dhead)
