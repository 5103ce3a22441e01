"""Inception-ResNet, Szegedy et al. 2016 (arXiv:1602.07261): inception modules that compute a residual::

    y = relu(x + scale * linear(concat(branches(x))))

The last 1x1 convolution brings the branches' channels back to those of x and has no ReLU, for a residual must
be able to be negative. Above a thousand channels the sums ran away and the network died early; a scale of 0.1
to 0.3 before the addition stops that (section 3.3). The blocks are those of Inception-ResNet-v1::

            branches                                                  channels   map
    A       1x1 | 1x1, 3x3 | 1x1, 3x3, 3x3          32 each           256        35 x 35   figure 10
    B       1x1 | 1x1, 1x7, 7x1                     128 each          896        17 x 17   figure 11
    C       1x1 | 1x1, 1x3, 3x1                     192 each          1792       8 x 8     figure 13
"""

from functools import partial

from minires import init
from minires.layers import (
    BatchNorm,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Layer,
    MaxPool2d,
    ReLU,
    Residual,
    Scale,
    Sequential,
)
from minires.models.blocks import check_classes_and_channels, classifier
from minires.models.network import Entry, Network
from minires.typing import Generator, Size


def block_a(channels: int, *, width: int = 32, scale: float = 0.17, rng: Generator) -> Residual:
    """Return block A: figure 10.

    Parameters
    ----------
    channels
        Of x and y.
    width
        Of each branch.
    scale
        Of the residual.
    """
    unit = partial(_unit, rng=rng)
    branches = Concat(
        unit(channels, width, 1),
        Sequential(unit(channels, width, 1), unit(width, width, 3)),
        Sequential(unit(channels, width, 1), unit(width, width, 3), unit(width, width, 3)),
    )
    return _residual(branches, 3 * width, channels, scale, rng)


def block_b(channels: int, *, width: int = 128, scale: float = 0.10, rng: Generator) -> Residual:
    """Return block B: figure 11; arguments as for block_a. 1x7 and 7x1 see 7x7 pixels for 14 weights."""
    return _factorised(channels, 7, width, scale, rng)


def block_c(channels: int, *, width: int = 192, scale: float = 0.20, rng: Generator) -> Residual:
    """Return block C: figure 13; arguments as for block_a."""
    return _factorised(channels, 3, width, scale, rng)


def _factorised(channels: int, size: int, width: int, scale: float, rng: Generator) -> Residual:
    unit = partial(_unit, rng=rng)
    branches = Concat(
        unit(channels, width, 1),
        Sequential(unit(channels, width, 1), unit(width, width, (1, size)), unit(width, width, (size, 1))),
    )
    return _residual(branches, 2 * width, channels, scale, rng)


def _residual(branches: Layer, branch_channels: int, channels: int, scale: float, rng: Generator) -> Residual:
    # no batch norm here, so the bias stays; scaled small, the gain of a ReLU is not needed
    linear = Conv2d(branch_channels, channels, 1, init=partial(init.xavier, fan="in"), rng=rng)
    return Residual(Sequential(branches=branches, linear=linear, scale=Scale(scale)), after=ReLU())


def _unit(
    in_channels: int, channels: int, kernel_size: Size, *, stride: int = 1, rng: Generator
) -> Sequential:
    """conv, norm, relu; the map keeps its size at stride 1 and halves at stride 2."""
    kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    padding = kernel[0] // 2, kernel[1] // 2
    conv = Conv2d(in_channels, channels, kernel, stride=stride, padding=padding, bias=False, rng=rng)
    return Sequential(conv=conv, norm=BatchNorm(channels), relu=ReLU())


def _reduction(in_channels: int, added: int, rng: Generator) -> Concat:
    """Halve the map and widen it at once, by pooling beside a convolution: the idea of figures 7 and 12."""
    pool = MaxPool2d(3, stride=2, padding=1)
    return Concat(pool=pool, conv=_unit(in_channels, added, 3, stride=2, rng=rng))


def inception_resnet_small(
    *, num_classes: int = 10, in_channels: int = 3, width: int = 32, blocks: int = 2, rng: Generator
) -> Network:
    """Build a small network of the three blocks for 32x32 images.

    Parameters
    ----------
    num_classes
        Outputs.
    in_channels
        Of the images (N, in_channels, H, W), of any size.
    width
        Channels of the stem, doubled at each halving of the map.
    blocks
        Of each kind.

    Notes
    -----
    Differs from the paper, which has nothing so small: the arrangement is ours, a block's branches have half
    as many channels as its input, and batch norm follows every convolution but the linear ones, as in the
    paper.
    """
    check_classes_and_channels(num_classes, in_channels)
    stages: dict[str, Layer] = {}
    for i, (letter, block) in enumerate((("a", block_a), ("b", block_b), ("c", block_c))):
        channels = width * 2**i
        made = (block(channels, width=channels // 2, rng=rng) for _ in range(blocks))
        stages[f"stage_{letter}"] = Sequential(*made)
        if letter != "c":
            stages[f"reduction_{letter}"] = _reduction(channels, channels, rng)
    return Network(
        stem=_unit(in_channels, width, 3, rng=rng),
        **stages,
        pool=GlobalAvgPool2d(),
        fc=classifier(4 * width, num_classes, rng),
    )


MODELS = {"inception_resnet_small": Entry(inception_resnet_small, (3, 32, 32), 10)}
