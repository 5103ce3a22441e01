"""Residual networks with full pre-activation, He et al. 2016 (arXiv:1603.05027), figure 4(e) and table 5::

    x --+-- norm -- relu -- conv -- norm -- relu -- conv --(+)--    nothing stands after the addition, so
        +---------------------------------------------------+       x runs on unchanged, through all units

The first unit of a stage, where as a rule the shape changes, activates x before the paths part::

    x -- norm -- relu --+-- conv -- norm -- relu -- conv --(+)--
                        +------ projection, no norm --------+

One norm and ReLU after the last unit make up for the activation that its sum did not get. All follow
the published code, resnet-pre-act.lua (CIFAR bottlenecks) and preresnet.lua of fb.resnet.torch (the rest).
"""

from collections.abc import Sequence
from functools import partial

from minires.layers import BatchNorm, GlobalAvgPool2d, Layer, ReLU, Residual
from minires.models import blocks
from minires.models.blocks import Convs
from minires.models.network import Entry, Network
from minires.typing import Generator


def cifar_preresnet(
    *,
    depth: int,
    block: str = "basic",
    num_classes: int = 10,
    in_channels: int = 3,
    shortcut: str | None = None,
    stride_in: str = "1x1",
    rng: Generator,
) -> Network:
    """Build the pre-activation network for CIFAR of that depth.

    Parameters
    ----------
    block
        "basic", 6n + 2 layers and 16, 32, 64 channels, or "bottleneck", 9n + 2 layers and 64, 128, 256
        channels after a stem of 16.
    num_classes
        Outputs.
    in_channels
        Of the images.
    shortcut
        "A", "B" or "C", see `blocks.shortcut`; None: the codes' choice, A for basic blocks, B for
        bottlenecks.
    stride_in
        Of a bottleneck, its first "1x1" as in the code, or "3x3".
    """
    blocks.check_classes_and_channels(num_classes, in_channels)
    blocks.check_choice("block", block, ("basic", "bottleneck"))
    blocks.check_choice("stride_in", stride_in, blocks.STRIDES_IN)
    if block == "basic":
        convs, widths, count = blocks.basic, (16, 32, 64), blocks.blocks_of_depth(depth, 2)
    else:
        convs = partial(blocks.bottleneck, stride_in=stride_in)
        widths, count = (64, 128, 256), blocks.blocks_of_depth(depth, 3)
    if shortcut is None:
        shortcut = "A" if block == "basic" else "B"
    return Network(
        conv=blocks.conv3x3(in_channels, 16, 1, rng),
        **_stages(convs, shortcut, "before", [count] * 3, 16, widths, rng),
        **_head(widths[-1], num_classes, rng),
    )


def imagenet_preresnet(
    *,
    depth: int,
    num_classes: int = 1000,
    in_channels: int = 3,
    width: int = 64,
    shortcut: str = "B",
    stride_in: str = "3x3",
    stem_pool: str = "padded",
    stem_activation: bool = True,
    rng: Generator,
) -> Network:
    """Build the pre-activation network for ImageNet of that depth.

    Parameters
    ----------
    depth
        18, 34 (basic blocks), 50, 101, 152 or 200 (bottlenecks).
    num_classes
        Outputs.
    in_channels
        Of the images.
    width
        Channels of the stem.
    shortcut
        "A", "B" or "C", see `blocks.shortcut`.
    stride_in
        Of a bottleneck, "3x3" as in the code, or "1x1".
    stem_pool
        "padded" or "ceil", see `blocks.imagenet_stem`.
    stem_activation
        True, as in the code: the stem has a norm and a ReLU of its own, so the very first unit does without.
        False, as timm's resnetv2 networks have it: the very first unit activates x, for both its paths where
        it projects (bottlenecks), in its branch alone where its shortcut is the identity.
    """
    blocks.check_classes_and_channels(num_classes, in_channels)
    convs, counts, widths = blocks.imagenet_layout(depth, width, stride_in)
    projects = shortcut == "C" or widths[0] != width
    very_first = "already" if stem_activation else "before" if projects else "branch"
    return Network(
        stem=blocks.imagenet_stem(in_channels, width, stem_pool, rng, activation=stem_activation),
        **_stages(convs, shortcut, very_first, counts, width, widths, rng),
        **_head(widths[-1], num_classes, rng),
    )


def _stages(
    convs: Convs,
    shortcut: str,
    very_first: str,
    counts: Sequence[int],
    in_channels: int,
    widths: Sequence[int],
    rng: Generator,
) -> dict[str, Layer]:
    """very_first: where the first unit of stage 1 activates x."""
    blocks.check_choice("shortcut", shortcut, blocks.SHORTCUTS)
    unit = partial(_unit, convs, shortcut)
    firsts = [partial(unit, activate=where) for where in (very_first, *["before"] * (len(counts) - 1))]
    return blocks.stages(unit, counts, in_channels, widths, rng, firsts=firsts)


def _unit(
    convs: Convs,
    shortcut: str,
    in_channels: int,
    channels: int,
    stride: int,
    rng: Generator,
    *,
    activate: str = "branch",
) -> Layer:
    """F(x) + shortcut(x), He et al. 2016, equation 9.

    activate: where norm and ReLU act on x: in the "branch" alone, "before" the paths part, or "already",
    in the stem.
    """
    branch = blocks.pre_activation(*convs(in_channels, channels, stride, rng), activated=activate != "branch")
    path = blocks.shortcut(shortcut, in_channels, channels, stride, rng, norm=False)
    unit = Residual(branch, path)
    return blocks.shared_activation(in_channels, unit) if activate == "before" else unit


def _head(channels: int, num_classes: int, rng: Generator) -> dict[str, Layer]:
    return {
        "norm": BatchNorm(channels),
        "relu": ReLU(),
        "pool": GlobalAvgPool2d(),
        "fc": blocks.classifier(channels, num_classes, rng),
    }


def _cifar(depth: int, block: str) -> Entry:
    return Entry(partial(cifar_preresnet, depth=depth, block=block), (3, 32, 32), 10)


MODELS = {
    **{
        f"preresnet{depth}": Entry(partial(imagenet_preresnet, depth=depth), (3, 224, 224), 1000)
        for depth in (18, 34, 50, 101, 152, 200)
    },
    "preresnet110": _cifar(110, "basic"),
    "preresnet164": _cifar(164, "bottleneck"),
    "preresnet1001": _cifar(1001, "bottleneck"),
}
