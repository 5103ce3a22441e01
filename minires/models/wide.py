"""Wide residual networks for CIFAR, Zagoruyko & Komodakis 2016 (arXiv:1605.07146), table 1::

    map     layers  channels
    32x32        1       16
    32x32       2n     16 k      n pre-activation units of two 3x3 convolutions
    16x16       2n     32 k
    8x8         2n     64 k
    norm, relu, global average pooling and a fully-connected layer

WRN-d-k has d = 6n + 4 convolutions, of which 3 are the projections where the width changes, and k times the
channels of a thin network: few wide layers compute faster than many thin ones. The published code
wide-resnet.lua has this structure.
"""

from functools import partial

from minires.checks import whole_number
from minires.layers import BatchNorm, Dropout, GlobalAvgPool2d, Layer, ReLU, Residual, Sequential
from minires.models import blocks
from minires.models.network import Entry, Network
from minires.typing import Generator


def wide_resnet(
    *, depth: int, factor: int, num_classes: int = 10, in_channels: int = 3, keep: float = 1.0, rng: Generator
) -> Network:
    """Build the wide residual network WRN-depth-factor.

    Parameters
    ----------
    depth
        6n + 4.
    factor
        The paper's k, times the channels 16, 32, 64.
    num_classes
        Outputs.
    in_channels
        Of the images (N, in_channels, H, W).
    keep
        The probability with which dropout, between the convolutions of a unit, keeps a value; the paper has
        no dropout (1.0) or drops with probability 0.3 (0.7).
    rng
        Draws the weights, and then the dropped values.
    """
    blocks.check_classes_and_channels(num_classes, in_channels)
    count = blocks.blocks_of_depth(depth, 2, extra=4)
    k = whole_number("factor", factor, least=1)
    if not 0 < keep <= 1:
        raise ValueError(f"keep: expected a probability in (0, 1], got {keep}")
    widths = (16 * k, 32 * k, 64 * k)
    return Network(
        conv=blocks.conv3x3(in_channels, 16, 1, rng),
        **blocks.stages(partial(_unit, keep), [count] * 3, 16, widths, rng),
        norm=BatchNorm(widths[-1]),
        relu=ReLU(),
        pool=GlobalAvgPool2d(),
        fc=blocks.classifier(widths[-1], num_classes, rng),
    )


def _unit(keep: float, in_channels: int, channels: int, stride: int, rng: Generator) -> Layer:
    """F(x) + shortcut(x), figure 1(d); where the width changes, both paths share the first norm and ReLU."""
    first, second = blocks.basic(in_channels, channels, stride, rng)
    widens = in_channels != channels
    branch = blocks.pre_activation(first, second, activated=widens)
    if keep < 1:
        *before, conv = (part for _, part in branch.children())
        branch = Sequential(*before, Dropout(keep, rng=rng), conv)
    path = blocks.shortcut("B", in_channels, channels, stride, rng, norm=False)
    unit = Residual(branch, path)
    return blocks.shared_activation(in_channels, unit) if widens else unit


MODELS = {
    f"wide_resnet{depth}_{factor}": Entry(partial(wide_resnet, depth=depth, factor=factor), (3, 32, 32), 10)
    for depth, factor in ((16, 4), (16, 8), (28, 10), (40, 2), (40, 4))
}
