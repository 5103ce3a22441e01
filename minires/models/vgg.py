"""VGG, Simonyan & Zisserman 2014 (arXiv:1409.1556), table 1. Three rules make the whole network:

1. every convolution is 3x3, stride 1, pad 1: two see as far as one 5x5 and cost 18 C^2 instead of 25 C^2;
2. every pooling takes the largest of 2x2, stride 2;
3. after pooling, the channels double (64, 128, 256, 512; stage 5 stays at 512).

Half the resolution, twice the channels: a convolution costs as much in one stage as in the next,
1,849,688,064 multiply-adds, except the first of each stage (half of that, and conv1_1 far less) and stage 5
(a quarter)::

    convolutions in stage      1  2  3  4  5
    vgg11                      1  1  2  2  2
    vgg13                      2  2  2  2  2
    vgg16                      2  2  3  3  3     138,357,544 parameters
    vgg19                      2  2  4  4  4     143,667,240
"""

from functools import partial

from minires import init
from minires.layers import BatchNorm, Conv2d, Layer, MaxPool2d, ReLU
from minires.models.alexnet import flat_size, fully_connected
from minires.models.blocks import check_choice, check_classes_and_channels
from minires.models.network import Entry, Network
from minires.typing import Generator

CONVS_IN_STAGE = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def vgg(
    *,
    depth: int,
    batch_norm: bool = False,
    num_classes: int = 1000,
    in_channels: int = 3,
    width: int = 64,
    hidden: int = 4096,
    image_size: int = 224,
    keep: float = 0.5,
    rng: Generator,
) -> Network:
    """Build the VGG of that depth.

    Parameters
    ----------
    depth
        11, 13, 16 or 19 layers with weights.
    batch_norm
        Between each convolution and its ReLU.
    num_classes
        Outputs.
    in_channels
        Of the images.
    width
        Channels of stage 1.
    hidden
        Outputs of fc6 and fc7.
    image_size
        Pixels on an edge, 224 or any other from 32 up, from which follows how many inputs fc6 has.
    keep
        The probability with which dropout keeps a value.

    Notes
    -----
    Differs from the paper, which draws from N(0, 0.01^2) and, since that does not train the deep ones, copies
    the first layers of the trained vgg11 into them: MSRA, made for this very problem soon after, does.
    """
    check_choice("depth", depth, CONVS_IN_STAGE)
    check_classes_and_channels(num_classes, in_channels)
    conv = partial(Conv2d, kernel_size=3, padding=1, init=init.msra_by_fan_in, rng=rng)
    features: dict[str, Layer] = {}
    channels = in_channels
    for stage, convs in enumerate(CONVS_IN_STAGE[depth], start=1):
        wider = width * 2 ** min(stage - 1, 3)
        for i in range(1, convs + 1):
            # before batch norm a bias is idle; it stays, for the published weights of these networks have one
            features[f"conv{stage}_{i}"] = conv(channels, wider)
            if batch_norm:
                features[f"norm{stage}_{i}"] = BatchNorm(wider)
            features[f"relu{stage}_{i}"] = ReLU()
            channels = wider
        features[f"pool{stage}"] = MaxPool2d(2)
    inputs = flat_size(features, in_channels, image_size)
    return Network(**features, **fully_connected(inputs, hidden, num_classes, keep, rng))


MODELS = {
    f"vgg{depth}{suffix}": Entry(partial(vgg, depth=depth, batch_norm=bool(suffix)), (3, 224, 224), 1000)
    for suffix in ("", "_bn")
    for depth in CONVS_IN_STAGE
}
