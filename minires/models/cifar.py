"""The residual networks for CIFAR and their plain twins, He et al. 2015 (arXiv:1512.03385), section 4.2::

    map     layers  channels
    32x32   1 + 2n      16       the stem, then n blocks of two 3x3 convolutions
    16x16       2n      32       the first of each later stage halves the map and doubles the channels
    8x8         2n      64
    global average pooling and a fully-connected layer: 6n + 2 layers with weights

A plain network is the same without the shortcuts. Shortcuts have no parameters (option A), so both count the
same: 269,722 for 20 layers and 10 classes.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat

from minires.checks import whole_number
from minires.layers import (
    BatchNorm,
    GlobalAvgPool2d,
    Layer,
    ReLU,
    Residual,
    Sequential,
    StochasticDepth,
    survival_probabilities,
)
from minires.models import blocks
from minires.models.blocks import Block
from minires.models.network import Entry, Network
from minires.typing import Generator


def cifar_resnet(
    *,
    depth: int,
    num_classes: int = 10,
    in_channels: int = 3,
    shortcut: str = "A",
    placement: str = "append",
    layers_per_block: int = 2,
    survival: float | None = None,
    rng: Generator,
) -> Network:
    """Build the residual network for CIFAR of that depth, 6n + 2 with n >= 1.

    Parameters
    ----------
    depth
        The paper has n = 3, 5, 7, 9, 18, 200: 20, 32, 44, 56, 110 and 1202 layers.
    num_classes
        Outputs.
    in_channels
        Of the images (N, in_channels, H, W).
    shortcut
        "A", "B" or "C", see `blocks.shortcut`.
    placement
        Of option A's zeros, see `F.pad_shortcut_forward`.
    layers_per_block
        Convolutions that a shortcut skips; with another number than 2 the depths are 3 * layers_per_block * n
        + 2.
    survival
        None, or the probability with which the last block survives a mini-batch: the blocks then are
        `StochasticDepth` by the linear rule (Huang et al. 2016, arXiv:1603.09382; its code has 0.5 and the
        placement "mean").
    rng
        Draws the weights, and then the dropped blocks.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), section 4.2.

    Examples
    --------
    >>> net = cifar_resnet(depth=20, rng=rng)
    >>> list(net.parts)
    ['conv', 'norm', 'relu', 'stage1', 'stage2', 'stage3', 'pool', 'fc']
    """
    blocks.check_choice("shortcut", shortcut, blocks.SHORTCUTS)
    layers = whole_number("layers_per_block", layers_per_block, least=1)
    count = blocks.blocks_of_depth(depth, layers)
    kinds: Iterator[Callable[..., Residual]] = repeat(Residual)
    if survival is not None:
        rule = survival_probabilities(3 * count, survival)
        kinds = iter([partial(StochasticDepth, survival=p, rng=rng) for p in rule])

    def block(in_channels: int, channels: int, stride: int, rng: Generator) -> Layer:
        """relu(F(x) + shortcut(x)); He et al. 2015, figure 2."""
        branch = _branch(in_channels, channels, stride, rng, layers=layers)
        path = blocks.shortcut(shortcut, in_channels, channels, stride, rng, placement=placement)
        return next(kinds)(branch, path, after=ReLU())

    return network(block, count, num_classes, in_channels, rng)


def cifar_plain(*, depth: int, num_classes: int = 10, in_channels: int = 3, rng: Generator) -> Network:
    """Build the plain twin: `cifar_resnet` without its shortcuts, with as many parameters."""
    return network(_plain_block, blocks.blocks_of_depth(depth, 2), num_classes, in_channels, rng)


def network(block: Block, count: int, num_classes: int, in_channels: int, rng: Generator) -> Network:
    """Return the plan that all these networks share: the table above, with `count` blocks in each stage.

    Parameters
    ----------
    block
        Called as block(in_channels, channels, stride, rng), see `blocks`.
    """
    blocks.check_classes_and_channels(num_classes, in_channels)
    return Network(
        conv=blocks.conv3x3(in_channels, 16, 1, rng),
        norm=BatchNorm(16),
        relu=ReLU(),
        **blocks.stages(block, [count] * 3, 16, (16, 32, 64), rng),
        pool=GlobalAvgPool2d(),
        fc=blocks.classifier(64, num_classes, rng),
    )


def _plain_block(in_channels: int, channels: int, stride: int, rng: Generator) -> Layer:
    return Sequential(branch=_branch(in_channels, channels, stride, rng), after=ReLU())


def _branch(in_channels: int, channels: int, stride: int, rng: Generator, *, layers: int = 2) -> Sequential:
    return blocks.post_activation(*blocks.basic(in_channels, channels, stride, rng, layers=layers))


MODELS = {
    f"{family}{depth}": Entry(partial(build, depth=depth), (3, 32, 32), 10)
    for family, build in (("resnet", cifar_resnet), ("plain", cifar_plain))
    for depth in (8, 20, 32, 44, 56, 110, 1202)
}
MODELS["resnet110_stochastic"] = Entry(partial(cifar_resnet, depth=110, survival=0.5), (3, 32, 32), 10)
