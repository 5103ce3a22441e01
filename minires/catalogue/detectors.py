"""Small detectors with their four losses: all gradients at once, along random directions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from minires.catalogue.rows import Check, Row, randomize
from minires.data.objects import Objects
from minires.detection import anchors_to_learn, fast_rcnn, faster_rcnn, joint_loss, regions_to_learn
from minires.gradcheck import check_directional
from minires.layers import BatchNorm, Conv2d, Layer, ReLU, Sequential
from minires.layers.composite import check_unused

SIZE = (20, 28)  # of the images, (height, width)


class JointLoss(Layer):
    """A detector and the sum of its losses on fixed samples, as one function of the images.

    Proposals and samples are drawn once, from rng: another draw at every step of a finite difference would
    have no gradient to compare with. there: the objects of two images.
    """

    def __init__(self, detector, there, rng):
        self.detector = detector
        self.labels = self.targets = None
        if detector.rpn is not None:
            anchors = detector.anchors(detector.map_size(SIZE)).astype(np.float64)
            self.labels, self.targets = anchors_to_learn(anchors, there, SIZE, rng=rng, sampled=24)
        # not where a pixel's or a cell's edge is: there max pooling jumps
        corner = rng.uniform(0, 9, (2, 6, 2))
        self.windows = list(np.concatenate([corner, corner + rng.uniform(5, 10, (2, 6, 2))], axis=2))
        self.regions = regions_to_learn(self.windows, there, rng=rng, sampled=8)

    def forward(self, x, *, train):
        """Return the sum of the losses, 0-d, and the cache."""
        answers, cache = self.detector.forward(
            x, train=train, windows=self.windows, choose=lambda windows: self.regions
        )
        losses, dy = joint_loss(answers, self.labels, self.targets)
        return np.asarray(sum(losses)), [cache, dy]

    def backward(self, dy, cache):
        """Return dx, and add into every parameter's grad."""
        check_unused(cache, 2)
        gradients, inner = cache.pop(), cache.pop()
        scaled = [None if each is None else each * dy for each in gradients]
        return self.detector.backward(tuple(scaled), inner)


@dataclass(frozen=True, eq=False)
class DetectorRow(Row):
    """A detector with its losses. kind: the function that builds it; options: its arguments.

    No layer's contract applies to it: it takes boxes besides images, and answers with five arrays.
    """

    kind: str
    variant: str
    build: Callable
    options: dict = field(default_factory=dict)

    def checks(self):
        """Return the gradient checks of this row, one in each mode."""
        return [Check(self.kind, f"{self.variant}, {mode}", partial(self._check, mode)) for mode in MODES]

    def _check(self, mode, rng):
        # the same detector with every seed: in so narrow a trunk another draw may silence a path
        fixed = np.random.default_rng(1)
        options = {"in_channels": 2, "num_classes": 2, "hidden": 5, "bins": 2} | self.options
        detector = randomize(self.build(trunk(fixed), rng=fixed, **options), fixed).astype(np.float64)
        enlarge(detector, fixed)
        there = [_objects([[17, 2, 27, 9], [3, 8, 10, 19]], [1, 0]), _objects([], [])]
        x, title = rng.standard_normal((2, 2, *SIZE)), f"{self.name}, {mode}, with the losses"
        joint = JointLoss(detector, there, fixed)
        return check_directional(joint, x, train=mode == "train", rng=rng, title=title)


MODES = ("train", "eval")


def trunk(rng):
    """Return a trunk of stride 4 for images with two channels, three channels wide."""
    return Sequential(
        conv=Conv2d(2, 3, 3, stride=2, padding=1, bias=False, rng=rng),
        norm=BatchNorm(3),
        relu=ReLU(),
        conv2=Conv2d(3, 3, 3, stride=2, padding=1, rng=rng),
    )


def enlarge(detector, rng):
    """Draw larger weights for what lies behind the trunk: as small as they start they would hide it."""
    for name, parameter in detector.named_parameters():
        if name.startswith(("rpn", "head")):
            parameter.data[...] = rng.normal(0, 0.3, parameter.data.shape)


def _objects(boxes, labels):
    boxes, labels = np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64)
    return Objects(boxes, labels, np.zeros(len(labels), bool))


ANCHORS = {"sides": (6.0, 10.0), "ratios": (0.5, 2.0)}
DETECTORS = [
    DetectorRow("faster_rcnn", "RoIAlign", faster_rcnn, ANCHORS),
    DetectorRow(
        "faster_rcnn", "RoI max pooling, context", faster_rcnn, ANCHORS | {"pooling": "max", "context": True}
    ),
    DetectorRow("fast_rcnn", "RoIAlign", fast_rcnn),
]
