"""The three detectors, built around the trunk of any classifier."""

from collections.abc import Callable, Sequence

from minires import models
from minires.detection.anchors import base_anchors
from minires.detection.heads import RegionProposal, RoIHead
from minires.detection.network import Detector
from minires.detection.pooling import RegionPooling
from minires.detection.rcnn import RCNN
from minires.layers import (
    AvgPool2d,
    BatchNorm,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    Sequential,
    freeze,
)
from minires.layers.trace import Blank
from minires.models.fcn import backbone_of
from minires.typing import Generator, Shape

SIDES, RATIOS = (10.0, 16.0, 24.0), (1.0, 1.5, 2.0)  # of anchors and windows, for digit scenes
FAR = 4096  # pixels a side: an image so large that its border hides no stride


def trunk_of(net: Sequential, last: str | None = None) -> Sequential:
    """Return a classifier without its head: what makes a map of features from an image.

    Parameters
    ----------
    net
        Any network of the zoo. The result shares its parts, trained as they are.
    last
        The last part that stays; None: all before the global pooling or the first fully-connected layer, and
        before a pooling or dropout that directly precedes it, for RoI pooling takes its place (Girshick 2015,
        section 2.2).

    Raises
    ------
    ValueError
        If there is no such part, or nothing would be left.

    Examples
    --------
    >>> from minires import models
    >>> list(trunk_of(models.build("resnet8", rng=rng)).parts)
    ['conv', 'norm', 'relu', 'stage1', 'stage2', 'stage3']
    """
    if last is not None:
        return backbone_of(net, last)
    names: list[str] = []
    for name, part in net.parts.items():
        if isinstance(part, (GlobalAvgPool2d, Flatten, Linear)):
            break
        names.append(name)
    while names and isinstance(net.parts[names[-1]], (MaxPool2d, AvgPool2d, Dropout)):
        names.pop()
    if not names:
        raise ValueError("net: expected a classifier of images, got one that begins with its head")
    return backbone_of(net, names[-1])


def channels_and_stride(trunk: Layer, in_channels: int) -> tuple[int, int]:
    """Return the channels of a trunk's map, and how many pixels of the image are one cell of it.

    Parameters
    ----------
    trunk
        From images to maps.
    in_channels
        Of the images.

    Raises
    ------
    ValueError
        If it makes no map, or shrinks rows and columns differently.

    Examples
    --------
    >>> from minires import models
    >>> channels_and_stride(trunk_of(models.build("resnet8", rng=rng)), 3)
    (64, 4)
    """
    shape = trunk.trace(Blank((1, in_channels, FAR, FAR))).y.shape
    if len(shape) != 4 or shape[2] != shape[3]:
        raise ValueError(f"trunk: expected to get a square map (N, C, H, W) of a square image, got {shape}")
    return shape[1], round(FAR / shape[2])


def faster_rcnn(
    trunk: Layer,
    *,
    in_channels: int,
    num_classes: int,
    sides: Sequence[float] = SIDES,
    ratios: Sequence[float] = RATIOS,
    pooling: str = "align",
    bins: int = 4,
    hidden: int = 128,
    context: bool = False,
    proposals: int = 50,
    rng: Generator,
) -> Detector:
    """Return a Faster R-CNN with fresh proposal network and head on a trunk.

    Parameters
    ----------
    trunk
        From images to maps; see `trunk_of`.
    in_channels
        Of the images.
    num_classes
        Without the background.
    sides, ratios
        Of the anchors, see `base_anchors`.
    pooling, bins, context
        See `RegionPooling`.
    hidden
        Width of the head's fully-connected layer.
    proposals
        Regions of an image that are judged.
    rng
        Draws the weights.

    Examples
    --------
    >>> from minires import models
    >>> trunk = trunk_of(models.build("resnet8", rng=rng))
    >>> detector = faster_rcnn(trunk, in_channels=3, num_classes=10, rng=rng)
    >>> answers, cache = detector.forward(np.zeros((1, 3, 64, 64), np.float32), train=False)
    >>> answers.objectness.shape  # 16 x 16 cells, 9 anchors each
    (1, 2304)
    """
    channels, stride = channels_and_stride(trunk, in_channels)
    base = base_anchors(sides, ratios)
    pool = RegionPooling(pooling, bins=bins, stride=stride, context=context)
    return Detector(
        trunk,
        RoIHead(pool.views * channels * bins**2, num_classes, hidden=hidden, rng=rng),
        pool,
        rpn=RegionProposal(channels, len(base), rng=rng),
        base_anchors=base,
        proposals=proposals,
    )


def fast_rcnn(
    trunk: Layer,
    *,
    in_channels: int,
    num_classes: int,
    pooling: str = "align",
    bins: int = 4,
    hidden: int = 128,
    context: bool = False,
    proposals: int = 300,
    rng: Generator,
) -> Detector:
    """Return a Fast R-CNN with a fresh head on a trunk; the windows come with every call.

    Parameters
    ----------
    trunk, in_channels, num_classes, pooling, bins, hidden, context, rng
        As for `faster_rcnn`.
    proposals
        Windows of an image; for `trace`.
    """
    channels, stride = channels_and_stride(trunk, in_channels)
    pool = RegionPooling(pooling, bins=bins, stride=stride, context=context)
    head = RoIHead(pool.views * channels * bins**2, num_classes, hidden=hidden, rng=rng)
    return Detector(trunk, head, pool, proposals=proposals)


def slow_rcnn(
    trunk: Layer,
    *,
    in_channels: int,
    num_classes: int,
    crop: int = 16,
    hidden: int = 128,
    proposals: int = 300,
    rng: Generator,
) -> RCNN:
    """Return an R-CNN with a fresh head on a trunk; the windows come with every call.

    Parameters
    ----------
    trunk, in_channels, num_classes, hidden, rng
        As for `faster_rcnn`.
    crop
        Pixels a side to which each window is warped.
    proposals
        Windows of an image; for `trace`.
    """
    channels, h, w = trunk.trace(Blank((1, in_channels, crop, crop))).y.shape[1:]
    head = RoIHead(channels * h * w, num_classes, hidden=hidden, rng=rng)
    return RCNN(trunk, head, crop=crop, windows=proposals)


NAMES: dict[str, Callable[..., Layer]] = {
    "faster_rcnn": faster_rcnn,
    "fast_rcnn": fast_rcnn,
    "rcnn": slow_rcnn,
}
INPUT, CLASSES = (1, 64, 64), 10  # digit scenes


def by_name(name: str, image_shape: Shape, *, num_classes: int = CLASSES, rng: Generator) -> Layer:
    """Return a detector with the trunk of ResNet-8, to be counted or tried: one of NAMES.

    Parameters
    ----------
    name
    image_shape : (C, H, W)
    num_classes
        Without the background.
    rng
        Draws the weights; `init.SHAPES_ONLY` for a detector that takes no memory and can be counted.

    Examples
    --------
    >>> detector = by_name("faster_rcnn", (3, 96, 128), num_classes=3, rng=rng)
    >>> sum(parameter.data.size for _, parameter in detector.named_parameters())
    247757
    """
    channels = image_shape[0]
    trunk = trunk_of(models.build("resnet8", in_channels=channels, rng=rng))
    return NAMES[name](trunk, in_channels=channels, num_classes=num_classes, rng=rng)


def freeze_batch_norm(net: Layer) -> Layer:
    """Freeze every batch norm in a network, in place: it uses its running averages, and nothing of it moves.

    Notes
    -----
    The papers train on one or two images at once, too few for statistics, and keep those of the
    classifier's training. A fresh trunk has none worth keeping: leave its batch norm as it is.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), appendix A.
    """
    for _, layer in net.named_layers():
        if isinstance(layer, BatchNorm):
            freeze(layer)
    return net
