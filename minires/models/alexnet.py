"""AlexNet, Krizhevsky, Sutskever & Hinton 2012, "ImageNet classification with deep convolutional networks"::

                        lecture (`alexnet`)      2012 (`alexnet_2012`)
    images              3 x 227 x 227            3 x 227 x 227
    conv1 11x11 /4      pad 2: 64 x 56 x 56      pad 0: 96 x 55 x 55
    pool1 3x3 /2        64 x 27 x 27             96 x 27 x 27
    conv2 5x5 pad 2     192 x 27 x 27            256 x 27 x 27, two groups
    pool2 3x3 /2        192 x 13 x 13            256 x 13 x 13
    conv3 3x3 pad 1     384 x 13 x 13            384 x 13 x 13
    conv4 3x3 pad 1     256 x 13 x 13            384 x 13 x 13, two groups
    conv5 3x3 pad 1     256 x 13 x 13            256 x 13 x 13, two groups
    pool5 3x3 /2        256 x 6 x 6              256 x 6 x 6
    fc6, fc7, fc8       4096, 4096, classes      the same
    parameters          61,100,840               60,965,224

The lecture's is torchvision's, without local response normalisation, after the single-tower net of Krizhevsky
2014 (arXiv:1404.5997, "one weird trick"), whose conv4 has 384 channels. In 2012 the channels were split over
two GPUs, which spoke to each other only in conv3 and in the fully-connected layers: the groups. Windows of
pooling overlap in both.
Differs from the papers: weights are not drawn from N(0, 0.01^2) but by MSRA. By fan in: with a stride of 4 a
pixel takes part in few of the outputs that fan out counts.
"""

import math
from collections.abc import Sequence
from functools import partial

from minires import init
from minires.layers import Conv2d, Dropout, Flatten, Layer, Linear, LocalResponseNorm, MaxPool2d, ReLU
from minires.models.blocks import check_classes_and_channels, classifier
from minires.models.network import Entry, Network
from minires.typing import Generator


def alexnet(
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    channels: Sequence[int] = (64, 192, 384, 256, 256),
    hidden: int = 4096,
    image_size: int = 227,
    keep: float = 0.5,
    rng: Generator,
) -> Network:
    """Build the lecture's AlexNet.

    Parameters
    ----------
    num_classes
        Outputs.
    in_channels
        Of the images.
    channels
        Of the five convolutions.
    hidden
        Outputs of fc6 and fc7.
    image_size
        Pixels on an edge, 227 or any other from 63 up, from which follows how many inputs fc6 has (at 224
        they are as many as at 227).
    keep
        The probability with which dropout keeps a value.
    """
    check_classes_and_channels(num_classes, in_channels)
    c1, c2, c3, c4, c5 = channels
    conv = partial(Conv2d, init=init.msra_by_fan_in, rng=rng)
    features = {
        "conv1": conv(in_channels, c1, 11, stride=4, padding=2),
        "relu1": ReLU(),
        "pool1": MaxPool2d(3, stride=2),
        "conv2": conv(c1, c2, 5, padding=2),
        "relu2": ReLU(),
        "pool2": MaxPool2d(3, stride=2),
        "conv3": conv(c2, c3, 3, padding=1),
        "relu3": ReLU(),
        "conv4": conv(c3, c4, 3, padding=1),
        "relu4": ReLU(),
        "conv5": conv(c4, c5, 3, padding=1),
        "relu5": ReLU(),
        "pool5": MaxPool2d(3, stride=2),
    }
    inputs = flat_size(features, in_channels, image_size)
    return Network(**features, **fully_connected(inputs, hidden, num_classes, keep, rng))


def alexnet_2012(
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    channels: Sequence[int] = (96, 256, 384, 384, 256),
    hidden: int = 4096,
    image_size: int = 227,
    keep: float = 0.5,
    rng: Generator,
) -> Network:
    """Build the AlexNet of the paper, section 3.5: groups and normalisation. Arguments as for `alexnet`.

    The smallest image has 67 pixels on an edge.

    Notes
    -----
    Differs from the paper: images of 227 pixels, for with its 224 and no padding the 55 of its figure 2 do
    not come out; the biases of conv2, 4, 5 and of the hidden layers start at 0, not 1: MSRA needs no push.
    """
    check_classes_and_channels(num_classes, in_channels)
    c1, c2, c3, c4, c5 = channels
    conv = partial(Conv2d, init=init.msra_by_fan_in, rng=rng)
    features = {
        "conv1": conv(in_channels, c1, 11, stride=4),
        "relu1": ReLU(),
        "norm1": response_norm(),
        "pool1": MaxPool2d(3, stride=2),
        "conv2": conv(c1, c2, 5, padding=2, groups=2),
        "relu2": ReLU(),
        "norm2": response_norm(),
        "pool2": MaxPool2d(3, stride=2),
        "conv3": conv(c2, c3, 3, padding=1),
        "relu3": ReLU(),
        "conv4": conv(c3, c4, 3, padding=1, groups=2),
        "relu4": ReLU(),
        "conv5": conv(c4, c5, 3, padding=1, groups=2),
        "relu5": ReLU(),
        "pool5": MaxPool2d(3, stride=2),
    }
    inputs = flat_size(features, in_channels, image_size)
    return Network(**features, **fully_connected(inputs, hidden, num_classes, keep, rng))


def response_norm() -> LocalResponseNorm:
    """Return the normalisation of the paper's section 3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75.

    Its alpha multiplies the plain sum of five squares, ours their mean: five times as much.
    """
    return LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2.0)


def flat_size(features: dict[str, Layer], in_channels: int, image_size: int) -> int:
    """Return how many numbers the layers {name: Layer} make of one image of that size: the inputs of fc6.

    Raises ValueError if the image is too small for them.
    """
    (_, *shape), _, _ = Network(**features).cost((1, in_channels, image_size, image_size))
    return math.prod(shape)


def fully_connected(
    inputs: int, hidden: int, num_classes: int, keep: float, rng: Generator
) -> dict[str, Layer]:
    """Return the fully-connected layers {name: Layer} that AlexNet, ZFNet and VGG end with: fc6, fc7, fc8."""
    return {
        "flatten": Flatten(),
        "fc6": Linear(inputs, hidden, rng=rng),
        "relu6": ReLU(),
        "drop6": Dropout(keep, rng=rng),
        "fc7": Linear(hidden, hidden, rng=rng),
        "relu7": ReLU(),
        "drop7": Dropout(keep, rng=rng),
        "fc8": classifier(hidden, num_classes, rng),
    }


MODELS = {
    "alexnet": Entry(alexnet, (3, 227, 227), 1000),
    "alexnet_2012": Entry(alexnet_2012, (3, 227, 227), 1000),
}
