"""Average precision: how good a detector is, over all thresholds of its scores at once."""

from collections.abc import Sequence

import numpy as np

from minires.data.objects import Objects
from minires.detection.boxes import Detections, falling, iou

COCO = tuple(k / 100 for k in range(50, 100, 5))  # the thresholds of IoU, .5 to .95


def match(found: Detections, objects: Objects, label: int, *, threshold: float) -> np.ndarray:
    """Return which of the detections of one class in one image are right.

    Parameters
    ----------
    found : Detections
    objects : Objects
        What there is.
    label
        The class.
    threshold
        The IoU from which on a box is right.

    Returns
    -------
    right : int8, one for each detection of the class, in their order in `found`
        1: right; 0: wrong; -1: of a difficult object, which counts neither way.

    Notes
    -----
    The detection of the highest score chooses first. Each takes the object that it overlaps most; if that is
    taken already, it is wrong: an object is found once.
    """
    own, true = found.labels == label, objects.labels == label
    boxes, scores, difficult = found.boxes[own], found.scores[own], objects.difficult[true]
    right = np.zeros(len(boxes), np.int8)
    overlaps = iou(boxes, objects.boxes[true].astype(boxes.dtype, copy=False))
    taken = np.zeros(len(difficult), bool)
    for detection in falling(scores) if len(taken) else ():
        best = overlaps[detection].argmax()
        if overlaps[detection, best] >= threshold:
            right[detection] = -1 if difficult[best] else not taken[best]
            taken[best] = True
    return right


def precision_recall(scores: np.ndarray, right: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return precision and recall after the best detection, the best two, and so on.

    Parameters
    ----------
    scores : (D,)
        Of all images together.
    right : (D,)
        What `match` says of each; those of difficult objects are passed over.
    count
        Objects that can be found.

    Returns
    -------
    precision, recall : float64, one for each detection that counts
        In falling order of score: the fraction of right ones so far, and the fraction of the objects found.

    Raises
    ------
    ValueError
        For a negative count, or fewer objects than were found.
    """
    right = right[falling(scores)]
    hits = np.cumsum(right[right >= 0].astype(np.int64))
    if count < 0 or (len(hits) and hits[-1] > count):
        raise ValueError(f"count: expected at least as many objects as were found, got {count}")
    return hits / np.arange(1, len(hits) + 1), hits / max(count, 1)


def average_precision(
    scores: np.ndarray, right: np.ndarray, count: int, *, points: int | None = None
) -> float:
    """Return the average precision of one class.

    Parameters
    ----------
    scores, right, count
        As for `precision_recall`.
    points
        None: the area below the curve of the best precision that is reached at a recall *or a higher one*
        (Pascal VOC from 2010 on); 11: the mean of that precision at recall 0, .1, ..., 1 (VOC 2007);
        101: at 0, .01, ..., 1 (COCO).

    Returns
    -------
    float
        From 0 to 1; NaN if there is no object to be found.

    References
    ----------
    Everingham et al. 2010, "The Pascal Visual Object Classes (VOC) Challenge"
    (doi:10.1007/s11263-009-0275-4), section 4.2.

    Examples
    --------
    >>> scores, right = np.array([0.9, 0.8, 0.7]), np.array([1, 0, 1])
    >>> [round(average_precision(scores, right, 2, points=points), 4) for points in (None, 11)]
    [0.8333, 0.8485]
    """
    if not count:
        return float("nan")
    precision, recall = precision_recall(scores, right, count)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]  # the best at this recall or a higher one
    if points is None:
        return float((np.diff(recall, prepend=0) * envelope).sum())
    # k / (points - 1) and hits / count are each one division, rounded once: equal fractions are equal
    # numbers. (np.arange(0, 1.1, .1) has .30000000000000004, which a recall of 3/10 does not reach.)
    first = np.searchsorted(recall, np.arange(points) / (points - 1), side="left")
    return float(np.append(envelope, 0.0)[first].mean())


def average_precisions(
    found: Sequence[Detections],
    objects: Sequence[Objects],
    num_classes: int,
    *,
    threshold: float = 0.5,
    points: int | None = None,
) -> np.ndarray:
    """Return each class's average precision over a set of images.

    Parameters
    ----------
    found, objects
        One for each image: what the detector says and what there is.
    num_classes
    threshold
        The IoU from which on a box is right.
    points
        See `average_precision`.

    Returns
    -------
    float64 (num_classes,)
        NaN for a class of which there is no object (or only difficult ones).

    Raises
    ------
    ValueError
        Unless there is one of each for every image.
    """
    if len(found) != len(objects):
        raise ValueError(f"found: expected {len(objects)} images, as many as objects has, got {len(found)}")
    result = np.empty(num_classes)
    for label in range(num_classes):
        scores = [each.scores[each.labels == label] for each in found]
        right = [match(*pair, label, threshold=threshold) for pair in zip(found, objects, strict=True)]
        count = sum(int(((each.labels == label) & ~each.difficult).sum()) for each in objects)
        result[label] = average_precision(_joined(scores), _joined(right), count, points=points)
    return result


def mean_ap(
    found: Sequence[Detections],
    objects: Sequence[Objects],
    num_classes: int,
    *,
    thresholds: Sequence[float] = (0.5,),
    points: int | None = None,
) -> float:
    """Return the mean of the average precision over all classes that occur, and over thresholds.

    Parameters
    ----------
    found, objects, num_classes, points
        As for `average_precisions`.
    thresholds
        Of IoU: (0.5,) for Pascal VOC, `COCO` with points=101 for COCO.

    Returns
    -------
    float
        NaN if there is no object at all.

    Notes
    -----
    COCO's program lets a detection take the best object that is still free; here, as in VOC, it takes the
    best, and is wrong if that one is taken. Where boxes of one class do not overlap, both are the same.

    References
    ----------
    Lin et al. 2014, "Microsoft COCO" (arXiv:1405.0312); cocodataset.org, "Detection evaluation".
    """
    each = [average_precisions(found, objects, num_classes, threshold=t, points=points) for t in thresholds]
    present = np.array(each)[:, ~np.isnan(each[0])]
    return float(present.mean()) if present.size else float("nan")


def proposal_recall(
    proposals: Sequence[np.ndarray], objects: Sequence[Objects], *, most: int, threshold: float = 0.5
) -> float:
    """Return the fraction of objects that one of the first proposals of their image covers.

    Parameters
    ----------
    proposals
        (P, 4) for each image, the best first.
    objects
        One for each image; difficult ones do not count.
    most
        How many of the proposals are looked at.
    threshold
        The IoU that covers an object.

    Returns
    -------
    float
        NaN if there is no object.
    """
    covered: list[np.ndarray] = []
    for boxes, true in zip(proposals, objects, strict=True):
        wanted = true.boxes[~true.difficult].astype(boxes.dtype, copy=False)
        overlaps = iou(wanted, boxes[:most])
        covered.append(np.asarray((overlaps >= threshold).any(axis=1)))
    return float(_joined(covered).mean()) if sum(map(len, covered)) else float("nan")


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return arrays of numbers end to end; no arrays give an empty one."""
    return np.concatenate(arrays) if len(arrays) else np.zeros(0)
