"""A Faster R-CNN on digit scenes: the training step and the image that `minires bench` measures."""

import numpy as np

from minires import detection, models, optim
from minires.bench.sides import SGD, on_torch
from minires.data import digit_scenes
from minires.train import parameters_only


def prepared(images, dtype=np.float32):
    """Return (detector, x, labels, targets, regions): a ResNet-8's trunk, digit scenes, and fixed samples."""
    rng = np.random.default_rng(0)
    trunk = detection.trunk_of(models.cifar_resnet(depth=8, in_channels=1, rng=rng))
    detector = detection.faster_rcnn(trunk, in_channels=1, num_classes=10, rng=rng).astype(dtype)
    dataset = digit_scenes(images)
    x, objects, size = (dataset.images / 255 - 0.35) / 0.25, list(dataset.objects), dataset.images.shape[2:]
    anchors = detector.anchors(detector.map_size(size))
    labels, targets = detection.anchors_to_learn(anchors, objects, size, rng=rng)
    windows = [detection.clip(anchors, size)] * images
    regions = detection.regions_to_learn(windows, objects, rng=rng)
    return detector, x.astype(dtype), labels, targets, regions


def training_step(side, *, images):
    """Forward with its proposals, four losses, backward and update; the samples to learn from are given."""
    detector, x, labels, targets, regions = prepared(images)
    if side != "minires":
        from minires.bench import torch_detector

        return torch_detector.training_step(detector, x, labels, targets, regions, **on_torch(side), **SGD)
    optimiser = optim.SGD(detector.named_parameters(), **SGD)

    def step():
        with parameters_only(detector.trunk):
            answers, cache = detector.forward(x, train=True, choose=lambda proposals: regions)
            losses, dy = detection.joint_loss(answers, labels, targets)
            optimiser.zero_grad()
            detector.backward(dy, cache)
            optimiser.step()
        return float(sum(losses))

    return step


def image(side):
    """One image at test: from its pixels to the boxes that are left."""
    detector, x, *_ = prepared(1)
    detector.head.classes.bias.data[0] = 2.25  # as in a trained one, most regions are background
    if side != "minires":
        from minires.bench import torch_detector

        return torch_detector.detection(detector, x, **on_torch(side))
    folded = detection.folded(detector)
    return lambda: detection.detect(folded, x)
