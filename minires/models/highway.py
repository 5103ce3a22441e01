"""Highway networks, Srivastava et al. 2015 (arXiv:1505.00387): deep before there were residual networks::

    y = T(x) * H(x) + (1 - T(x)) * x          T(x) = sigmoid(W x + b): how much of each element is transformed

With a negative bias b a new layer carries most of x through, whatever the depth (section 2.2). A residual
block is what remains if both factors are 1: nothing to learn, and never closed.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from minires.checks import whole_number
from minires.layers import (
    Conv2d,
    Flatten,
    GatedResidual,
    GlobalAvgPool2d,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
)
from minires.models import blocks
from minires.models.network import Entry, Network
from minires.typing import Generator


def dense_highway(
    *,
    depth: int,
    width: int = 50,
    features: int = 3 * 32 * 32,
    gate_bias: float = -2.0,
    num_classes: int = 10,
    rng: Generator,
) -> Network:
    """Build the fully-connected highway network: a plain layer, highway layers, and the classifier.

    Parameters
    ----------
    depth
        All layers, depth - 2 of them highway layers. The paper trains depths 10 to 100.
    width
        The paper has 50 units, on MNIST.
    features
        Numbers in an image, C * H * W, which is flattened, or in a vector (N, features).
    gate_bias
        Where the biases of the transform gates start, the lower the deeper.
    num_classes
        Outputs.

    References
    ----------
    Srivastava et al. 2015 (arXiv:1505.00387), section 3.
    """
    depth = whole_number("depth", depth, least=3)
    width, features = whole_number("width", width, least=1), whole_number("features", features, least=1)
    blocks.check_classes_and_channels(num_classes, features)
    layer = partial(Linear, width, width, rng=rng)
    return Network(
        flatten=Flatten(),
        input=Linear(features, width, rng=rng),
        relu=ReLU(),
        highway=Sequential(*(_layer(layer, gate_bias) for _ in range(depth - 2))),
        fc=blocks.classifier(width, num_classes, rng),
    )


def cifar_highway(
    *, depth: int, gate_bias: float = -2.0, num_classes: int = 10, in_channels: int = 3, rng: Generator
) -> Network:
    """Build the convolutional highway network of that depth, 3n + 4.

    Three stages of 16, 32 and 64 channels, each a plain 3x3 convolution (from the second stage on at stride
    2) and n highway layers of 3x3: both H and T are convolutions that keep the size (section 2).

    Parameters
    ----------
    depth, gate_bias, num_classes
        As for `dense_highway`.
    in_channels
        Of the images.

    Notes
    -----
    No batch norm: gates do its work here. Differs from the paper, whose CIFAR networks follow the FitNets:
    the plan of `cifar.cifar_resnet`, for comparison.
    """
    count, rest = divmod(depth - 4, 3)
    if rest or count < 1:
        near = 3 * max(1, count) + 4
        raise ValueError(
            f"depth: expected 3n + 4 (7, 10, 13, ...), got {depth}; the nearest are {near}, {near + 3}"
        )
    blocks.check_classes_and_channels(num_classes, in_channels)
    stages, before = {}, in_channels
    for stage, channels in enumerate((16, 32, 64), start=1):
        plain = Conv2d(before, channels, 3, stride=1 if stage == 1 else 2, padding=1, rng=rng)
        layer = partial(Conv2d, channels, channels, 3, padding=1, rng=rng)
        stages[f"stage{stage}"] = Sequential(plain, ReLU(), *(_layer(layer, gate_bias) for _ in range(count)))
        before = channels
    return Network(**stages, pool=GlobalAvgPool2d(), fc=blocks.classifier(before, num_classes, rng))


def _layer(layer: Callable[[], Any], gate_bias: float) -> GatedResidual:
    """A highway layer: layer() makes the weights of H and, once more, those of T. Equation 3."""
    transform, gate = layer(), layer()
    gate.bias.data.fill(gate_bias)
    return GatedResidual(Sequential(transform, ReLU()), Sequential(gate, Sigmoid()))


MODELS = {"highway19": Entry(partial(cifar_highway, depth=19), (3, 32, 32), 10)}
