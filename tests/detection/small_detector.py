"""A detector of a few hundred numbers in float64, with fixed samples, and its joint loss as a layer.

The layer's forward returns the sum of the four losses, so the gradient checkers see the whole detector, its
losses included, as one function of the image and all parameters.
"""

import numpy as np

from minires.catalogue.detectors import ANCHORS, JointLoss, enlarge, trunk
from minires.data.objects import Objects
from minires.detection import fast_rcnn, faster_rcnn, slow_rcnn


def tiny_detector(rng, method="faster", *, pooling="align", context=False):
    """Return a detector with two classes for images (N, 2, 20, 28), with weights large enough to matter."""
    options = {"in_channels": 2, "num_classes": 2, "hidden": 5, "rng": rng}
    if method == "slow":
        detector = slow_rcnn(trunk(rng), crop=8, **options)
    else:
        options |= {"pooling": pooling, "bins": 2, "context": context}
        build = {"fast": fast_rcnn, "faster": faster_rcnn}[method]
        more = ANCHORS | {"proposals": 6} if method == "faster" else {}
        detector = build(trunk(rng), **options, **more)
    enlarge(detector, rng)
    return detector.astype(np.float64)


def objects():
    """Return the objects of two images: one that lies far off the diagonal and one difficult; none."""
    boxes = np.array([[17.0, 2, 27, 9], [3.0, 8, 10, 19], [1, 1, 9, 6]], np.float32)
    first = Objects(boxes, np.array([1, 0, 1]), np.array([False, False, True]))
    nothing = Objects(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))
    return [first, nothing]


def joint_loss_of(detector, rng):
    """Return the sum of a detector's losses on fixed samples of these objects, as a layer."""
    return JointLoss(detector, objects(), rng)
