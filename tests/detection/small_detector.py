"""A detector of a few hundred numbers in float64, with fixed samples, and its joint loss as a layer.

The layer's forward returns the sum of the four losses, so the gradient checkers see the whole detector, its
losses included, as one function of the image and all parameters.
"""

import numpy as np

from minires.data.objects import Objects
from minires.detection import (
    anchors_to_learn,
    fast_rcnn,
    faster_rcnn,
    joint_loss,
    regions_to_learn,
    slow_rcnn,
)
from minires.layers import BatchNorm, Conv2d, Layer, ReLU, Sequential
from minires.layers.composite import check_unused

SIZE = (20, 28)  # of the images, (height, width): not square
SIDES, RATIOS = (6.0, 10.0), (0.5, 2.0)


def tiny_trunk(rng, channels=3):
    return Sequential(
        conv=Conv2d(2, channels, 3, stride=2, padding=1, bias=False, rng=rng),
        norm=BatchNorm(channels),
        relu=ReLU(),
        conv2=Conv2d(channels, channels, 3, stride=2, padding=1, rng=rng),
    )


def tiny_detector(rng, method="faster", *, pooling="align", context=False):
    """Return a detector with two classes for images (N, 2, 20, 28), with weights large enough to matter."""
    options = {"in_channels": 2, "num_classes": 2, "hidden": 5, "rng": rng}
    if method == "slow":
        detector = slow_rcnn(tiny_trunk(rng), crop=8, **options)
    else:
        options |= {"pooling": pooling, "bins": 2, "context": context}
        build = {"fast": fast_rcnn, "faster": faster_rcnn}[method]
        more = {"sides": SIDES, "ratios": RATIOS, "proposals": 6} if method == "faster" else {}
        detector = build(tiny_trunk(rng), **options, **more)
    for name, parameter in detector.named_parameters():
        if name.startswith(("rpn", "head")):
            parameter.data[...] = rng.normal(0, 0.3, parameter.data.shape)
    return detector.astype(np.float64)


def objects():
    """Return the objects of two images: one that lies far off the diagonal and one difficult; none."""
    boxes = np.array([[17.0, 2, 27, 9], [3.0, 8, 10, 19], [1, 1, 9, 6]], np.float32)
    first = Objects(boxes, np.array([1, 0, 1]), np.array([False, False, True]))
    nothing = Objects(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))
    return [first, nothing]


class Joint(Layer):
    """The sum of the four losses of a detector whose samples are fixed; forward(x) returns it, 0-d."""

    def __init__(self, detector, rng, *, which=None):
        self.detector, self.which = detector, which
        there = objects()
        self.labels = self.targets = None
        if detector.rpn is not None:
            anchors = detector.anchors(detector.map_size(SIZE)).astype(np.float64)
            self.labels, self.targets = anchors_to_learn(anchors, there, SIZE, rng=rng, sampled=24)
        # not where a pixel's or a cell's edge is: there max pooling jumps
        corner = rng.uniform(0, 9, (2, 6, 2))
        self.windows = list(np.concatenate([corner, corner + rng.uniform(5, 10, (2, 6, 2))], axis=2))
        self.regions = regions_to_learn(self.windows, there, rng=rng, sampled=8)

    def forward(self, x, *, train):
        answers, cache = self.detector.forward(
            x, train=train, windows=self.windows, choose=lambda windows: self.regions
        )
        losses, dy = joint_loss(answers, self.labels, self.targets)
        return np.asarray(sum(losses)), [cache, dy]

    def backward(self, dy, cache):
        check_unused(cache, 2)
        dy_of_answers, inner = cache.pop(), cache.pop()
        scaled = [None if each is None else each * dy for each in dy_of_answers]
        return self.detector.backward(tuple(scaled), inner)
