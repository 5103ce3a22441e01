"""ZFNet, Zeiler & Fergus 2013, "Visualizing and understanding convolutional networks" (arXiv:1311.2901),
figure 3::

    images              3 x 224 x 224
    conv1 7x7 /2 pad 1  96 x 110 x 110      AlexNet's 11x11 /4 looked too coarse when they made it visible
    pool1 3x3 /2        96 x 55 x 55        an incomplete window at the far edge counts
    conv2 5x5 /2        256 x 26 x 26
    pool2 3x3 /2        256 x 13 x 13
    conv3 3x3 pad 1     384 x 13 x 13       zfnet_big: 512
    conv4 3x3 pad 1     384 x 13 x 13       zfnet_big: 1024
    conv5 3x3 pad 1     256 x 13 x 13       zfnet_big: 512
    pool5 3x3 /2        256 x 6 x 6
    fc6, fc7, fc8       4096, 4096, classes
    parameters          62,357,608          zfnet_big: 107,627,624

The lecture's "AlexNet, but" names conv1 and the wide conv3 to conv5 only. Taken by the letter, with conv2 at
stride 1, it would have 386 million parameters: the stride moved from conv1 to conv2.
"""

from collections.abc import Sequence
from functools import partial

from minires import init
from minires.layers import Conv2d, MaxPool2d, ReLU
from minires.models.alexnet import flat_size, fully_connected, response_norm
from minires.models.blocks import check_classes_and_channels
from minires.models.network import Entry, Network
from minires.typing import Generator


def zfnet(
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    channels: Sequence[int] = (96, 256, 384, 384, 256),
    hidden: int = 4096,
    image_size: int = 224,
    keep: float = 0.5,
    rng: Generator,
) -> Network:
    """Build ZFNet; arguments as for `alexnet`. zfnet_big is channels=(96, 256, 512, 1024, 512), table 2.

    The smallest image has 47 pixels on an edge.

    Notes
    -----
    Differs from the paper: it says that pooled maps are "contrast normalised across feature maps" and gives
    no constants; these are AlexNet's.
    """
    check_classes_and_channels(num_classes, in_channels)
    c1, c2, c3, c4, c5 = channels
    conv = partial(Conv2d, init=init.msra_by_fan_in, rng=rng)
    pool = partial(MaxPool2d, 3, stride=2, ceil_mode=True)
    features = {
        "conv1": conv(in_channels, c1, 7, stride=2, padding=1),
        "relu1": ReLU(),
        "pool1": pool(),
        "norm1": response_norm(),
        "conv2": conv(c1, c2, 5, stride=2),
        "relu2": ReLU(),
        "pool2": pool(),
        "norm2": response_norm(),
        "conv3": conv(c2, c3, 3, padding=1),
        "relu3": ReLU(),
        "conv4": conv(c3, c4, 3, padding=1),
        "relu4": ReLU(),
        "conv5": conv(c4, c5, 3, padding=1),
        "relu5": ReLU(),
        "pool5": pool(),
    }
    inputs = flat_size(features, in_channels, image_size)
    return Network(**features, **fully_connected(inputs, hidden, num_classes, keep, rng))


MODELS = {
    "zfnet": Entry(zfnet, (3, 224, 224), 1000),
    "zfnet_big": Entry(partial(zfnet, channels=(96, 256, 512, 1024, 512)), (3, 224, 224), 1000),
}
