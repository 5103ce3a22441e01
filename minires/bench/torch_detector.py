"""Faster R-CNN in plain PyTorch operations, from a `Detector`'s own weights, to measure against. Needs torch.

torchvision's compiled operations are not used, for they do not load beside every build of PyTorch: RoIAlign
is a matrix for each image, and non-maximum suppression walks through the rows of a matrix of overlaps."""

import numpy as np
import torch
from torch import nn

from minires.bench.torch_side import prepared, stepping, twin
from minires.detection.boxes import LARGEST, STDS


class FasterRCNN(nn.Module):
    """The twin of a Faster R-CNN with RoIAlign, for images of one size (height, width)."""

    def __init__(self, detector, size):
        super().__init__()
        pooling = detector.pooling
        if detector.rpn is None or pooling.kind != "align" or pooling.context:
            raise TypeError("no PyTorch twin but for a Faster R-CNN with RoIAlign and without context")
        self.size, self.stride, self.bins = size, pooling.stride, pooling.bins
        self.proposals, self.num_classes = detector.proposals, detector.num_classes
        self.trunk = twin(detector.trunk)
        self.rpn, self.head = _TwoHeaded(detector.rpn), _TwoHeaded(detector.head)
        weight = next(self.parameters())
        anchors = detector.anchors(detector.map_size(size))
        self.register_buffer("anchors", torch.from_numpy(anchors).to(weight.dtype))
        self.register_buffer("stds", weight.new_tensor(STDS))

    def forward(self, x, regions=None):
        """Return objectness (N, A), moves (N, A, 4), scores (R, K + 1), offsets (R, K, 4) and the regions.

        regions: (boxes (R, 4), image of each (R,)), in the images' order; None: the proposals.
        """
        features = self.trunk(x)
        objectness, moves = self.rpn(features)
        n, _, h, w = objectness.shape
        objectness = objectness.permute(0, 2, 3, 1).reshape(n, -1)
        moves = moves.view(n, -1, 4, h, w).permute(0, 3, 4, 1, 2).reshape(n, -1, 4)
        with torch.no_grad():
            proposed = [self.propose(*one) for one in zip(objectness, moves, strict=True)]
        if regions is None:
            image = torch.arange(n).repeat_interleave(torch.tensor([len(boxes) for boxes in proposed]))
            regions = torch.cat(proposed), image
        scores, offsets = self.head(self.pool(features, *regions).flatten(1))
        return objectness, moves, scores, offsets.view(-1, self.num_classes, 4), regions

    def propose(self, scores, moves, before=300, threshold=0.7, least=4.0):
        """Return the proposals (P, 4) of one image, the best first."""
        boxes = self.decode(self.anchors, moves)
        large = (boxes[:, 2:] - boxes[:, :2] >= least).all(1).nonzero()[:, 0]
        best = large[scores[large].argsort(descending=True, stable=True)[:before]]
        boxes = boxes[best]
        return boxes[_kept(_overlaps(boxes) > threshold, self.proposals)]

    def decode(self, sources, offsets):
        """Return the boxes (..., 4) to which offsets lead, cut to the image."""
        sides = sources[..., 2:] - sources[..., :2]
        centre = sources[..., :2] + 0.5 * sides + offsets[..., :2] * sides
        half = 0.5 * sides * offsets[..., 2:].clamp(max=LARGEST).exp()
        height, width = self.size
        boxes = torch.cat([centre - half, centre + half], -1)
        return torch.minimum(boxes.clamp(min=0), boxes.new_tensor([width, height] * 2))

    def pool(self, features, boxes, image, samples=2):
        """Return the regions (R, C, P, P) of a map: for each image one product with RoIAlign's matrix."""
        (_, c, h, w), size, ends = features.shape, self.bins, boxes / self.stride
        across, down = (_weights(ends[:, i::2], size, samples, (w, h)[i]) for i in (0, 1))
        matrix = (down[:, :, None, :, None] * across[:, None, :, None, :]).view(-1, size * size, h * w)
        counts = torch.bincount(image, minlength=len(features)).tolist()
        pooled = [
            rows.reshape(-1, h * w) @ one.permute(1, 2, 0).reshape(h * w, c)  # (R*P*P, C)
            for rows, one in zip(matrix.split(counts), features, strict=True)
        ]
        return torch.cat(pooled).view(-1, size, size, c).permute(0, 3, 1, 2)

    def detect(self, x, score=0.05, overlap=0.3, most=100):
        """Return (boxes, labels, scores) of each image, as `detection.detect` does."""
        with torch.no_grad():
            _, _, scores, offsets, (boxes, image) = self(x)
            probabilities = scores.softmax(1)[:, 1:]
            decoded = self.decode(boxes[:, None], offsets * self.stds)
            certain = (probabilities > score) & (decoded[..., 2:] > decoded[..., :2]).all(-1)
            return [
                _suppressed(decoded, probabilities, certain & (image == i)[:, None], overlap, most)
                for i in range(len(x))
            ]


class _TwoHeaded(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.shared, self.classes, self.boxes = map(twin, (layer.shared, layer.classes, layer.boxes))

    def forward(self, x):
        hidden = self.shared(x)
        return self.classes(hidden), self.boxes(hidden)


def losses(answers, labels, targets, classes, offsets):
    """Return the four losses of `detection.joint_loss`, of samples as that takes them, as tensors."""
    objectness, moves, scores, ours, _ = answers
    sampled, positive = labels >= 0, labels == 1
    count = sampled.sum().clamp(min=1)
    wanted = positive[sampled].to(objectness.dtype)
    of_anchors = nn.functional.binary_cross_entropy_with_logits(objectness[sampled], wanted, reduction="sum")
    rpn_boxes = nn.functional.smooth_l1_loss(moves[positive], targets[positive], beta=1 / 9, reduction="sum")
    there = (classes > 0).nonzero()[:, 0]
    boxes = nn.functional.smooth_l1_loss(ours[there, classes[there] - 1], offsets[there], reduction="sum")
    of_classes = nn.functional.cross_entropy(scores, classes)
    return of_anchors / count, rpn_boxes / count, of_classes, boxes / len(classes)


def training_step(detector, x, labels, targets, regions, *, threads, channels_last=False, **sgd):
    """Return a function that takes one training step of the twin with fixed samples, and returns the loss.

    Arguments as `detection.joint_loss` takes them, in NumPy; regions: a `Regions`.
    """
    targets, offsets, boxes = (
        torch.from_numpy(np.asarray(array, x.dtype)) for array in (targets, regions.offsets, regions.boxes)
    )
    labels, classes, image = map(torch.from_numpy, (labels, regions.classes, regions.image_index))
    module, x = prepared(FasterRCNN(detector, x.shape[2:]), x, threads, channels_last)

    def loss_of_batch():
        return sum(losses(module(x, (boxes, image)), labels, targets, classes, offsets))

    return stepping(module, loss_of_batch, **sgd)


def detection(detector, x, *, threads, channels_last=False):
    """Return a function that detects what is in images, remembering nothing."""
    module, x = prepared(FasterRCNN(detector, x.shape[2:]), x, threads, channels_last)
    module.eval()
    return lambda: module.detect(x)


def _weights(ends, size, samples, length):
    """Return the weights (R, P, length) with which the cells in a row of the map enter each bin."""
    first, last = ends[:, :1], ends[:, 1:]
    points = (torch.arange(size * samples, dtype=ends.dtype) + 0.5) / (size * samples)
    points = first + (last - first) * points - 0.5
    distance = (points.clamp(0, length - 1)[:, :, None] - torch.arange(length, dtype=ends.dtype)).abs()
    weights = (1 - distance).clamp(min=0) * ((points >= -1) & (points <= length))[:, :, None]
    return weights.view(len(ends), size, samples, length).mean(2)


def _overlaps(boxes):
    """Return intersection over union of every box (N, 4) with every other."""
    (x1, y1, x2, y2) = boxes.T.contiguous()
    width = (torch.minimum(x2[:, None], x2) - torch.maximum(x1[:, None], x1)).clamp(min=0)
    common = width * (torch.minimum(y2[:, None], y2) - torch.maximum(y1[:, None], y1)).clamp(min=0)
    area = (x2 - x1) * (y2 - y1)
    return common / (area[:, None] + area - common)


def _kept(suppresses, most):
    """Return the indices that non-maximum suppression leaves of boxes in falling order of score."""
    suppresses, kept = suppresses.numpy(), []  # a tensor's rows take ten times as long to look at
    gone = np.zeros(len(suppresses), bool)
    for place in range(len(suppresses)):
        if not gone[place] and len(kept) < most:
            kept.append(place)
            gone |= suppresses[place]
    return torch.tensor(kept, dtype=torch.long)


def _suppressed(boxes, probabilities, own, overlap, most):
    """Return (boxes, labels, scores) of one image: of each object the best."""
    boxes, scores, labels = boxes[own], probabilities[own], own.nonzero()[:, 1]
    best = scores.argsort(descending=True, stable=True)[:1000]
    boxes, scores, labels = boxes[best], scores[best], labels[best]
    suppresses = (_overlaps(boxes) > overlap) & (labels[:, None] == labels)
    kept = _kept(suppresses, most)
    return boxes[kept], labels[kept], scores[kept]
