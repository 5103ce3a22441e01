"""ResNet in ResNet, Targ et al. 2016 (arXiv:1603.08029): residual and plain network in one.

The map has two streams of equally many channels, a residual one r and a transient one t. Every unit adds a
shortcut to r alone, so that what a layer needs no longer can leave by t (their equation 1)::

    r' = relu(norm(conv(r) + conv(t) + r))
    t' = relu(norm(conv(r) + conv(t)))

With r and t side by side along the channels, the four convolutions are one, and so are the two norms. Without
t this is a residual network that skips single layers; without r, a plain one.
"""

from functools import partial

from minires.layers import BatchNorm, Channels, PadShortcut, ReLU, Residual, Sequential
from minires.models import blocks, cifar
from minires.models.network import Entry, Network
from minires.typing import Generator


def generalized_unit(in_channels: int, channels: int, stride: int, rng: Generator) -> Residual:
    """Return the unit of both streams, each half of the channels; the paper's equation 1 and figure 1(b).

    Parameters
    ----------
    in_channels, channels
        Of x (N, in_channels, H, W) and of y (N, channels, OH, OW); both even.
    stride
        Where the shape changes, r's shortcut is option A: the zeros after it fill its new channels, and then
        all of t's.
    """
    if in_channels % 2 or channels % 2:
        raise ValueError(
            f"expected even numbers, for two streams share them: got {in_channels} and {channels}"
        )
    return Residual(
        branch=blocks.conv3x3(in_channels, channels, stride, rng),
        shortcut=Sequential(Channels(0, in_channels // 2), PadShortcut(channels, stride=stride)),
        after=Sequential(norm=BatchNorm(channels), relu=ReLU()),
    )


def cifar_rir(*, depth: int, num_classes: int = 10, in_channels: int = 3, rng: Generator) -> Network:
    """Build a network of generalized units for CIFAR: 6n + 2 layers, 8 + 8, 16 + 16, 32 + 32 channels.

    Parameters
    ----------
    num_classes
        Outputs.
    in_channels
        Of the images (N, in_channels, H, W).

    Notes
    -----
    It has as many parameters as `cifar_resnet` of that depth.

    Differs from the paper: there the network is wider (96, 192, 384), has 18 layers and ends in a 1x1
    convolution and dropout; this one is to be compared with the CIFAR networks of He et al.
    """
    units = 2 * blocks.blocks_of_depth(depth, 2)
    return cifar.network(generalized_unit, units, num_classes, in_channels, rng)


MODELS = {f"rir{depth}": Entry(partial(cifar_rir, depth=depth), (3, 32, 32), 10) for depth in (20, 32, 56)}
