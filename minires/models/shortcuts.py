"""What if the shortcut is not the identity? What if something follows the addition? The two series of
networks for CIFAR of He et al. 2016 (arXiv:1603.05027), with the paper's test errors on CIFAR-10 in percent::

    shortcut           carries       + branch   ResNet-110        (figure 2, table 1)
    original           x               F         6.6
    constant           x / 2           F / 2    12.4
    constant_unscaled  x / 2           F        fails
    exclusive_gate     (1 - g) x       g F       8.7              gate bias -6
    shortcut_gate      (1 - g) x       F        12.9 (6.9)        gate bias 0 (-6)
    conv1x1            conv(x)         F        12.2
    dropout            dropout(x)      F        over 20

    activation         branch                     after the addition   ResNet-110, 164   (figure 4, table 2)
    original           conv norm relu conv norm        relu               6.6   5.9
    bn_after           conv norm relu conv             norm relu          8.2   6.5
    relu_before        conv norm relu conv norm relu                      7.8   6.1
    relu_preact        relu conv norm relu conv norm                      6.7   5.9
    full_preact        norm relu conv norm relu conv                      6.4   5.5

All have the plan of `cifar.network`: a 3x3 stem, three stages, global average pooling, a classifier.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from minires.layers import (
    BatchNorm,
    Conv2d,
    Dropout,
    GatedResidual,
    GlobalAvgPool2d,
    Layer,
    ReLU,
    Residual,
    Scale,
    Sequential,
    Sigmoid,
)
from minires.models import blocks, cifar
from minires.models.network import Entry, Network
from minires.typing import Generator

SHORTCUTS = (
    "original",
    "constant",
    "constant_unscaled",
    "exclusive_gate",
    "shortcut_gate",
    "conv1x1",
    "dropout",
)
GATE_BIAS = {"exclusive_gate": -6.0, "shortcut_gate": 0.0}  # where the gates start, unless told otherwise

# The layers of one convolution, and how many of the unit's last ones follow the addition. The units are the
# same layers in (almost) the same order; it is the addition that stands at another place.
ACTIVATIONS = {
    "original": (("conv", "norm", "relu"), 1),
    "bn_after": (("conv", "norm", "relu"), 2),
    "relu_before": (("conv", "norm", "relu"), 0),
    "relu_preact": (("relu", "conv", "norm"), 0),
    "full_preact": (("norm", "relu", "conv"), 0),
}

# block: (its convolutions, layers with weights in it, channels of each stage, shortcuts: see blocks.shortcut)
KINDS: dict[str, tuple[blocks.Convs, int, tuple[int, int, int], str]] = {
    "basic": (blocks.basic, 2, (16, 32, 64), "A"),
    "bottleneck": (partial(blocks.bottleneck, stride_in="1x1"), 3, (64, 128, 256), "B"),
}


def cifar_shortcut_variant(
    *,
    depth: int,
    variant: str,
    gate_bias: float | None = None,
    num_classes: int = 10,
    in_channels: int = 3,
    rng: Generator,
) -> Network:
    """Build the residual network of that depth, 6n + 2, whose every shortcut is the variant's (figure 2).

    Parameters
    ----------
    variant
        One of SHORTCUTS.
    gate_bias
        Where the biases of the gates start; None: -6 for the exclusive, 0 for the shortcut-only gate. At -6 a
        gate leaves 1 - sigmoid(-6) = 99.8 % of the shortcut.
    num_classes, in_channels
        As for `cifar.cifar_resnet`.

    Notes
    -----
    Where the shape changes, x is first padded (option A) and then scaled, gated or dropped. Section 3.1.
    """
    blocks.check_choice("variant", variant, SHORTCUTS)
    if gate_bias is None:
        gate_bias = GATE_BIAS.get(variant)
    elif variant not in GATE_BIAS:
        raise ValueError(f"gate_bias: {variant!r} has no gates; {' and '.join(GATE_BIAS)} have")
    unit = partial(_shortcut_unit, variant, gate_bias)
    return cifar.network(unit, blocks.blocks_of_depth(depth, 2), num_classes, in_channels, rng)


def cifar_activation_variant(
    *,
    depth: int,
    variant: str,
    block: str = "basic",
    num_classes: int = 10,
    in_channels: int = 3,
    rng: Generator,
) -> Network:
    """Build the residual network whose activations stand where the variant puts them (figure 4).

    Parameters
    ----------
    variant
        One of ACTIVATIONS.
    block
        "basic" (two 3x3 convolutions, depth 6n + 2, shortcuts padded) or "bottleneck" (1x1, 3x3, 1x1, depth
        9n + 2, projected where the shape changes).
    num_classes, in_channels
        As for `cifar.cifar_resnet`.

    Notes
    -----
    What a pre-activation unit begins with is shared by both its paths at the beginning of a stage, and
    stands once more after the last unit. Section 4.1 and appendix.
    """
    blocks.check_choice("variant", variant, ACTIVATIONS)
    blocks.check_choice("block", block, KINDS)
    blocks.check_classes_and_channels(num_classes, in_channels)
    pattern, layers_after = ACTIVATIONS[variant]
    _, layers, widths, _ = KINDS[block]
    count = blocks.blocks_of_depth(depth, layers)
    unit = partial(_activation_unit, pattern, layers_after, block)
    # the stem is a convolution with what follows it in the pattern; what precedes it there stands at the end
    stem, tail = pattern[pattern.index("conv") :], pattern[: pattern.index("conv")]
    stem_layers = _layers(stem, in_channels, [blocks.conv3x3(in_channels, 16, 1, rng)])
    return Network(
        **dict(zip(stem, stem_layers, strict=True)),
        **blocks.stages(unit, [count] * 3, 16, widths, rng, firsts=[partial(unit, first=True)] * 3),
        **dict(zip(tail, _layers(tail, widths[-1]), strict=True)),
        pool=GlobalAvgPool2d(),
        fc=blocks.classifier(widths[-1], num_classes, rng),
    )


def _shortcut_unit(
    variant: str, gate_bias: float | None, in_channels: int, channels: int, stride: int, rng: Generator
) -> Layer:
    """relu(F(x) + shortcut(x)), the paths treated as the variant says."""
    branch = blocks.post_activation(*blocks.basic(in_channels, channels, stride, rng))
    option = "C" if variant == "conv1x1" else "A"
    path = blocks.shortcut(option, in_channels, channels, stride, rng)
    if variant in GATE_BIAS:
        conv: Any = Conv2d(in_channels, channels, 1, stride=stride, rng=rng)
        conv.bias.data.fill(gate_bias)
        gate = Sequential(conv, Sigmoid())
        gating = variant.removesuffix("_gate")
        return GatedResidual(branch, gate, path, after=ReLU(), gating=gating)
    if variant == "constant":
        branch = Sequential(*branch.parts.values(), Scale(0.5))
    if variant.startswith("constant"):
        path = Sequential(path, Scale(0.5))
    if variant == "dropout":  # the paper's leaves half of x on average; ours divides by what it keeps
        path = Sequential(path, Dropout(0.5, rng=rng), Scale(0.5))
    return Residual(branch, path, after=ReLU())


def _activation_unit(
    pattern: tuple[str, ...],
    layers_after: int,
    block: str,
    in_channels: int,
    channels: int,
    stride: int,
    rng: Generator,
    *,
    first: bool = False,
) -> Layer:
    """The pattern once for each convolution, the addition before the last `layers_after` layers.

    first: of its stage; then what stands before the first convolution acts on both paths.
    """
    build, _, _, option = KINDS[block]
    convs = build(in_channels, channels, stride, rng)
    kinds = pattern * len(convs)
    addition = len(kinds) - layers_after
    shared = pattern.index("conv") if first else 0  # layers that x passes before the paths part
    branch = Sequential(*_layers(kinds[shared:addition], in_channels, convs))
    norm = "norm" in kinds[addition - 2 : addition]  # normalise a projection where the branch ends in a norm
    path = blocks.shortcut(option, in_channels, channels, stride, rng, norm=norm)
    after = list(_layers(kinds[addition:], channels))
    unit = Residual(branch, path, Sequential(*after) if len(after) > 1 else after[0] if after else None)
    return Sequential(*_layers(kinds[:shared], in_channels), unit) if shared else unit


def _layers(kinds: Sequence[str], channels: int, convs: Iterable[Conv2d] = ()) -> Iterator[Layer]:
    """Yield a layer for each of kinds: the next of convs, a norm or a ReLU; channels: of the input."""
    convs = iter(convs)
    for kind in kinds:
        layer: Any = next(convs) if kind == "conv" else BatchNorm(channels) if kind == "norm" else ReLU()
        channels = len(layer.weight.data) if kind == "conv" else channels
        yield layer


def _entries() -> Iterator[tuple[str, Callable[..., Network]]]:
    """The rows of tables 1 and 2 that are not networks of another family: resnet110_constant and so on."""
    for variant in SHORTCUTS[1:]:
        yield f"resnet110_{variant}", partial(cifar_shortcut_variant, depth=110, variant=variant)
    for variant in ("bn_after", "relu_before", "relu_preact"):
        yield f"resnet110_{variant}", partial(cifar_activation_variant, depth=110, variant=variant)


MODELS = {name: Entry(build, (3, 32, 32), 10) for name, build in _entries()}
