"""Object detection: where things are in an image, and what they are.

    boxes       overlap, offsets from one box to another, non-maximum suppression
    anchors     the boxes that a region proposal network starts from (`detection.anchors.anchors`)
    targets     what its anchors, and the head's regions, are to learn
    proposals   where an object might be: learned, in every place, or by contours
    evaluate    average precision

Here nothing has a gradient: boxes are constants for the networks. A box is (x1, y1, x2, y2) in pixels, its
*edges*: (0, 0, 1, 1) is the first pixel, the width is x2 - x1 without + 1, and a whole image of H x W is
(0, 0, W, H). Sizes are (height, width), as everywhere; boxes alone name x first. Classes count from 0 in the
data; 0 is the background, and class k the number k + 1, for a detector's head.
"""

from minires.detection.boxes import (
    STDS,
    Detections,
    clip,
    decode,
    encode,
    iou,
    non_maximum_suppression,
)
from minires.detection.evaluate import (
    COCO,
    average_precision,
    average_precisions,
    mean_ap,
    precision_recall,
    proposal_recall,
)
from minires.detection.proposals import contour_scores, propose, sliding_windows
from minires.detection.targets import RegionSample, anchor_targets, roi_targets

__all__ = [
    "COCO",
    "STDS",
    "Detections",
    "RegionSample",
    "anchor_targets",
    "average_precision",
    "average_precisions",
    "clip",
    "contour_scores",
    "decode",
    "encode",
    "iou",
    "mean_ap",
    "non_maximum_suppression",
    "precision_recall",
    "propose",
    "proposal_recall",
    "roi_targets",
    "sliding_windows",
]
