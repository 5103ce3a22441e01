"""Network in Network, Lin, Chen & Yan 2013 (arXiv:1312.4400), as published for CIFAR-10::

    images             3 x 32 x 32
    mlpconv1           5x5, 192, then 1x1, 160 and 96     96 x 32 x 32
    pool1              largest of 3x3, stride 2           96 x 16 x 16
    mlpconv2           5x5, 192, then 1x1, 192 and 192    192 x 16 x 16
    pool2              mean of 3x3, stride 2              192 x 8 x 8
    mlpconv3           3x3, 192, then 1x1, 192, classes   10 x 8 x 8
    global average pooling, one channel for each class: no fully-connected layer
    parameters         966,986

A 1x1 convolution is a small network that slides over the pixels; GoogLeNet and the bottleneck blocks took it
over.
"""

from collections.abc import Sequence
from functools import partial

from minires import init
from minires.layers import AvgPool2d, Conv2d, Dropout, GlobalAvgPool2d, MaxPool2d, ReLU, Sequential
from minires.models.blocks import check_classes_and_channels
from minires.models.network import Entry, Network
from minires.typing import Generator


def nin(*, num_classes: int = 10, in_channels: int = 3, keep: float = 0.5, rng: Generator) -> Network:
    """Build the Network in Network for CIFAR.

    Parameters
    ----------
    num_classes
        Outputs.
    in_channels
        Of the images (N, in_channels, H, W), of any size.
    keep
        The probability with which dropout, after both poolings, keeps a value.

    Notes
    -----
    Incomplete windows of pooling count, as in the published configuration.

    Differs from the paper: no ReLU on the maps of the classes. Under it a class whose map is negative
    everywhere would get no gradient any more, and once all are, the loss stands still.
    """
    check_classes_and_channels(num_classes, in_channels)
    return Network(
        mlpconv1=mlpconv(in_channels, (192, 160, 96), 5, rng),
        pool1=MaxPool2d(3, stride=2, ceil_mode=True),
        drop1=Dropout(keep, rng=rng),
        mlpconv2=mlpconv(96, (192, 192, 192), 5, rng),
        pool2=AvgPool2d(3, stride=2, ceil_mode=True),
        drop2=Dropout(keep, rng=rng),
        mlpconv3=mlpconv(192, (192, 192, num_classes), 3, rng, relu_at_end=False),
        pool3=GlobalAvgPool2d(),
    )


def mlpconv(
    in_channels: int, channels: Sequence[int], kernel_size: int, rng: Generator, *, relu_at_end: bool = True
) -> Sequential:
    """A convolution that keeps the map's size, two 1x1 ones, a ReLU after each: equation 2 of the paper.

    Parameters
    ----------
    channels
        Of the three.

    Notes
    -----
    Differs from the paper: MSRA by fan in instead of a fixed deviation.
    """
    first, second, third = channels
    conv = partial(Conv2d, init=init.msra_by_fan_in, rng=rng)
    end = {"relu2": ReLU()} if relu_at_end else {}
    return Sequential(
        conv=conv(in_channels, first, kernel_size, padding=kernel_size // 2),
        relu=ReLU(),
        mlp1=conv(first, second, 1),
        relu1=ReLU(),
        mlp2=conv(second, third, 1),
        **end,
    )


MODELS = {"nin": Entry(nin, (3, 32, 32), 10)}
