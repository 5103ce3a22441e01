"""GoogLeNet, Szegedy et al. 2014 (arXiv:1409.4842), table 1, and its version with batch norm::

    conv1 7x7 /2, pool 3x3 /2, norm            64 x 56 x 56       the stem: from 224 to 28 pixels in few steps
    conv2 1x1, conv3 3x3, norm, pool 3x3 /2    192 x 28 x 28
    inception 3a, 3b; pool 3x3 /2              480 x 14 x 14
    inception 4a to 4e; pool 3x3 /2            832 x 7 x 7        while training, 4a and 4d are asked too
    inception 5a, 5b                           1024 x 7 x 7
    global average pooling, dropout, fc        classes

    parameters    6,998,552 (with the auxiliary heads 13,378,280); with batch norm 6,624,904 (13,004,888)

A convolution is one unit, with its ReLU: conv1.conv, conv1.relu, inception3a.branch2.0.conv, ...
"""

from collections.abc import Callable
from functools import partial

from minires import init
from minires.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
)
from minires.models.alexnet import response_norm
from minires.models.blocks import check_classes_and_channels, classifier
from minires.models.heads import NetworkWithHeads
from minires.models.network import Entry, Network
from minires.typing import Generator, Size

# Channels of each module: 1x1; 3x3 and the 1x1 before it; 5x5 and the 1x1 before it; 1x1 after the pooling.
INCEPTION = {
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}
AUX_WEIGHTS = (1, 0.3, 0.3)  # of the losses of (logits, aux4a, aux4d): section 5


def googlenet(
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    aux: bool = False,
    image_size: int = 224,
    keep: float = 0.6,
    rng: Generator,
) -> Network:
    """Build GoogLeNet (Inception v1): convolutions with bias, no batch norm.

    Parameters
    ----------
    num_classes
        Outputs.
    in_channels
        Of the images, which may have any size.
    aux
        With auxiliary heads after inception 4a and 4d; then the training forward returns the tuple (logits,
        aux4a, aux4d), see `NetworkWithHeads`.
    image_size
        The heads' fully-connected layers need images of a certain size: pixels on an edge, 224 or any other
        from 65 up.
    keep
        The probability with which dropout keeps a value (the heads keep 0.3).

    Notes
    -----
    Differs from the paper, which gives neither a rule for the weights nor the constants of the normalisation:
    MSRA by fan in, and AlexNet's.
    """
    check_classes_and_channels(num_classes, in_channels)
    unit = partial(_unit, rng=rng)
    pool = partial(MaxPool2d, 3, stride=2, padding=1)
    parts = {
        "conv1": unit(in_channels, 64, 7, stride=2, padding=3),
        "pool1": pool(),
        "norm1": response_norm(),
        "conv2": unit(64, 64, 1),
        "conv3": unit(64, 192, 3, padding=1),
        "norm2": response_norm(),
        "pool2": pool(),
        **_modules(unit, {"3b": pool(), "4e": pool()}, largest_kernel=5),
        **_tail(num_classes, keep, rng),
    }
    if not aux:
        return Network(**parts)
    size = -(-image_size // 16)  # conv1 and the three poolings each halve the map, rounding up: 14 for 224
    size = (size - 5) // 3 + 1  # the head's own pooling: 4 for 224
    if size < 1:
        raise ValueError(f"image_size: the auxiliary heads need at least 65 pixels, got {image_size}")
    return _with_heads(parts, partial(AvgPool2d, 5, stride=3), unit, size, num_classes, rng)


def googlenet_bn(
    *, num_classes: int = 1000, in_channels: int = 3, aux: bool = False, keep: float = 0.8, rng: Generator
) -> Network:
    """Build GoogLeNet with batch norm as torchvision has it, whose weights fit; arguments as for `googlenet`.

    There is no image_size, for its heads take images of any size.

    Notes
    -----
    Differs from the paper: batch norm (eps 1e-3) after every convolution instead of the response
    normalisation, no bias, 3x3 where the paper has 5x5, incomplete windows of pooling count, pool4 is 2x2,
    and the heads average over windows that fit any image.
    """
    check_classes_and_channels(num_classes, in_channels)
    unit = partial(_unit_with_norm, rng=rng)
    pool = partial(MaxPool2d, stride=2, ceil_mode=True)
    parts = {
        "conv1": unit(in_channels, 64, 7, stride=2, padding=3),
        "pool1": pool(3),
        "conv2": unit(64, 64, 1),
        "conv3": unit(64, 192, 3, padding=1),
        "pool2": pool(3),
        **_modules(unit, {"3b": pool(3), "4e": pool(2)}, largest_kernel=3),
        **_tail(num_classes, keep, rng),
    }
    if not aux:
        return Network(**parts)
    return _with_heads(parts, partial(AdaptiveAvgPool2d, 4), unit, 4, num_classes, rng)


def inception(
    in_channels: int,
    one: int,
    three: tuple[int, int],
    five: tuple[int, int],
    pooled: int,
    *,
    unit: Callable[..., Layer],
    largest_kernel: int,
) -> Concat:
    """Return the inception module, four ways to look at the same map side by side: figure 2 (b) of the paper.

    Parameters
    ----------
    one, three, five, pooled
        Channels as in INCEPTION. The 1x1 convolutions before the expensive ones are bottlenecks: fewer
        channels to go through.
    unit
        Called as unit(in, out, kernel, padding=...), builds a convolution.
    """
    return Concat(
        branch1=unit(in_channels, one, 1),
        branch2=Sequential(unit(in_channels, three[0], 1), unit(*three, 3, padding=1)),
        branch3=Sequential(
            unit(in_channels, five[0], 1), unit(*five, largest_kernel, padding=largest_kernel // 2)
        ),
        branch4=Sequential(MaxPool2d(3, stride=1, padding=1), unit(in_channels, pooled, 1)),
    )


def _modules(unit: Callable[..., Layer], pools: dict[str, Layer], largest_kernel: int) -> dict[str, Layer]:
    """Return the nine modules {name: Layer}, and the poolings after those that `pools` names."""
    parts: dict[str, Layer] = {}
    channels = 192
    for name, widths in INCEPTION.items():
        parts[f"inception{name}"] = inception(channels, *widths, unit=unit, largest_kernel=largest_kernel)
        channels = _channels(name)
        if name in pools:
            parts[f"pool{name[0]}"] = pools[name]
    return parts


def _channels(name: str) -> int:
    """Return how many channels a module puts out, its branches together."""
    one, (_, three), (_, five), pooled = INCEPTION[name]
    return one + three + five + pooled


def _tail(num_classes: int, keep: float, rng: Generator) -> dict[str, Layer]:
    return {
        "pool5": GlobalAvgPool2d(),
        "drop": Dropout(keep, rng=rng),
        "fc": classifier(1024, num_classes, rng),
    }


def _with_heads(
    parts: dict[str, Layer],
    pool: Callable[[], Layer],
    unit: Callable[..., Layer],
    size: int,
    num_classes: int,
    rng: Generator,
) -> Network:
    """Return the network with heads after 4a and 4d; pool() makes maps of size x size of their outputs."""

    def head(module: str) -> Sequential:
        return Sequential(
            pool=pool(),
            conv=unit(_channels(module), 128, 1),
            flatten=Flatten(),
            fc1=Linear(128 * size * size, 1024, rng=rng),
            relu=ReLU(),
            drop=Dropout(0.3, rng=rng),
            fc2=classifier(1024, num_classes, rng),
        )

    heads = {f"aux{module}": (f"inception{module}", head(module)) for module in ("4a", "4d")}
    return NetworkWithHeads(parts, heads, loss_weights=AUX_WEIGHTS)


def _unit(
    in_channels: int, channels: int, kernel_size: Size, *, stride: int = 1, padding: Size = 0, rng: Generator
) -> Sequential:
    conv = Conv2d(
        in_channels, channels, kernel_size, stride=stride, padding=padding, init=init.msra_by_fan_in, rng=rng
    )
    return Sequential(conv=conv, relu=ReLU())


def _unit_with_norm(
    in_channels: int, channels: int, kernel_size: Size, *, stride: int = 1, padding: Size = 0, rng: Generator
) -> Sequential:
    conv = Conv2d(in_channels, channels, kernel_size, stride=stride, padding=padding, bias=False, rng=rng)
    return Sequential(conv=conv, norm=BatchNorm(channels, eps=1e-3), relu=ReLU())


MODELS = {
    "googlenet": Entry(googlenet, (3, 224, 224), 1000),
    "googlenet_bn": Entry(googlenet_bn, (3, 224, 224), 1000),
}
