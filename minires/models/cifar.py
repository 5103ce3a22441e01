"""The residual networks for CIFAR and their plain twins, He et al. 2015 (arXiv:1512.03385), section 4.2.

    map     layers  channels
    32x32   1 + 2n      16       the stem, then n blocks of two 3x3 convolutions
    16x16       2n      32       the first of each later stage halves the map and doubles the channels
    8x8         2n      64
    global average pooling and a fully-connected layer: 6n + 2 layers with weights

A plain network is the same without the shortcuts. Shortcuts have no parameters (option A), so both count the
same: 269,722 for 20 layers and 10 classes.
"""

from functools import partial

from minires import init
from minires.combine import Residual, Sequential
from minires.layers import BatchNorm, Conv2d, GlobalAvgPool2d, Identity, Linear, PadShortcut, ReLU
from minires.models.network import Entry, Network


def cifar_resnet(*, depth, num_classes=10, in_channels=3, placement="append", rng):
    """Build the residual network of that depth, 6n + 2 with n >= 1; the paper has n = 3, 5, 7, 9, 18, 200.

    num_classes: outputs; in_channels: of the images (N, in_channels, H, W), H and W at least 4; placement: of
    the padded shortcuts' zeros, see `F.pad_shortcut_forward`; rng: numpy.random.Generator.
    """
    block = partial(_residual_block, placement=placement)
    return _network(block, depth, num_classes, in_channels, rng)


def cifar_plain(*, depth, num_classes=10, in_channels=3, rng):
    """Build the plain twin: `cifar_resnet` without its shortcuts, with as many parameters."""
    return _network(_plain_block, depth, num_classes, in_channels, rng)


def _network(block, depth, num_classes, in_channels, rng):
    blocks, rest = divmod(depth - 2, 6)
    if rest or blocks < 1:
        near = 6 * max(1, blocks) + 2
        raise ValueError(
            f"depth: expected 6n + 2 (8, 14, 20, ...), got {depth}; the nearest are {near}, {near + 6}"
        )
    if num_classes < 1 or in_channels < 1:
        raise ValueError(f"expected at least 1 class and 1 channel, got {num_classes} and {in_channels}")
    return Network(
        conv=_conv3x3(in_channels, 16, 1, rng),
        norm=BatchNorm(16),
        relu=ReLU(),
        stage1=_stage(block, blocks, 16, 16, 1, rng),
        stage2=_stage(block, blocks, 16, 32, 2, rng),
        stage3=_stage(block, blocks, 32, 64, 2, rng),
        pool=GlobalAvgPool2d(),
        fc=Linear(64, num_classes, init=partial(init.xavier, fan="in"), rng=rng),
    )


def _stage(block, blocks, in_channels, channels, stride, rng):
    first = block(in_channels, channels, stride, rng)
    return Sequential(first, *(block(channels, channels, 1, rng) for _ in range(blocks - 1)))


def _residual_block(in_channels, channels, stride, rng, *, placement):
    """relu(F(x) + shortcut(x)); He et al. 2015, figure 2 and, where the map shrinks, option A."""
    same = stride == 1 and in_channels == channels
    shortcut = Identity() if same else PadShortcut(channels, stride=stride, placement=placement)
    return Residual(_branch(in_channels, channels, stride, rng), shortcut, after=ReLU())


def _plain_block(in_channels, channels, stride, rng):
    return Sequential(branch=_branch(in_channels, channels, stride, rng), after=ReLU())


def _branch(in_channels, channels, stride, rng):
    """conv, norm, relu, conv, norm: F(x), without a ReLU at its end, for F must be able to be negative."""
    return Sequential(
        _conv3x3(in_channels, channels, stride, rng),
        BatchNorm(channels),
        ReLU(),
        _conv3x3(channels, channels, 1, rng),
        BatchNorm(channels),
    )


def _conv3x3(in_channels, channels, stride, rng):
    """No bias: batch norm follows and would subtract it again."""
    return Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False, rng=rng)


MODELS = {
    f"{family}{depth}": Entry(partial(build, depth=depth), (3, 32, 32), 10)
    for family, build in (("resnet", cifar_resnet), ("plain", cifar_plain))
    for depth in (8, 20, 32, 44, 56, 110, 1202)
}
