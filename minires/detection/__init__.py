"""Object detection: where things are in an image, and what they are.

    boxes       overlap, offsets from one box to another, non-maximum suppression
    anchors     the boxes that a region proposal network starts from (`detection.anchors.anchors`)
    targets     what its anchors, and the head's regions, are to learn
    proposals   where an object might be: learned, in every place, or by contours
    evaluate    average precision
    heads       the two small networks: region proposal network and RoI head
    network     Fast and Faster R-CNN around them, on any trunk; rcnn: their ancestor
    build       the three, ready: `faster_rcnn(trunk_of(net), ...)`
    loss        what they minimise: four losses
    inference   from answers to detections; refine: iterated, and in several sizes

Boxes have no gradient: they are constants for the networks. A box is (x1, y1, x2, y2) in pixels, its
*edges*: (0, 0, 1, 1) is the first pixel, the width is x2 - x1 without + 1, and a whole image of H x W is
(0, 0, W, H). Sizes are (height, width), as everywhere; boxes alone name x first. Classes count from 0 in the
data; 0 is the background, and class k the number k + 1, for a detector's head.
"""

from minires.detection.boxes import STDS, Detections, clip, decode, encode, iou, non_maximum_suppression
from minires.detection.build import (
    channels_and_stride,
    fast_rcnn,
    faster_rcnn,
    freeze_batch_norm,
    slow_rcnn,
    trunk_of,
)
from minires.detection.evaluate import (
    COCO,
    average_precision,
    average_precisions,
    mean_ap,
    precision_recall,
    proposal_recall,
)
from minires.detection.heads import RegionProposal, RoIHead, TwoHeaded
from minires.detection.inference import candidates, detect, folded, suppress
from minires.detection.loss import Losses, joint_loss, rpn_loss, two_headed_loss
from minires.detection.network import Answers, Detector
from minires.detection.pooling import RegionPooling
from minires.detection.proposals import contour_scores, contour_windows, propose, sliding_windows
from minires.detection.rcnn import RCNN, crop_and_warp
from minires.detection.refine import iterate, merge_scales
from minires.detection.regions import Regions, all_regions, anchors_to_learn, no_regions, regions_to_learn
from minires.detection.targets import RegionSample, anchor_targets, roi_targets

__all__ = [
    "COCO",
    "RCNN",
    "STDS",
    "Answers",
    "Detections",
    "Detector",
    "Losses",
    "RegionPooling",
    "RegionProposal",
    "RegionSample",
    "Regions",
    "RoIHead",
    "TwoHeaded",
    "all_regions",
    "anchor_targets",
    "anchors_to_learn",
    "average_precision",
    "average_precisions",
    "candidates",
    "channels_and_stride",
    "clip",
    "contour_scores",
    "contour_windows",
    "crop_and_warp",
    "decode",
    "detect",
    "encode",
    "fast_rcnn",
    "faster_rcnn",
    "folded",
    "freeze_batch_norm",
    "iou",
    "iterate",
    "joint_loss",
    "mean_ap",
    "merge_scales",
    "no_regions",
    "non_maximum_suppression",
    "precision_recall",
    "proposal_recall",
    "propose",
    "regions_to_learn",
    "roi_targets",
    "rpn_loss",
    "sliding_windows",
    "slow_rcnn",
    "suppress",
    "trunk_of",
    "two_headed_loss",
]
