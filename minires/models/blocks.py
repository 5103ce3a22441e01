"""What the residual families share: convolutions, the two kinds of branches, shortcuts, stems and stages.

A block builder is called as block(in_channels, channels, stride, rng): channels leave it, and its stride is 2
where the map halves. `basic` and `bottleneck` list the convolutions of a branch; `post_activation` and
`pre_activation` put batch norm and ReLU between them.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

from minires import init
from minires.checks import is_whole
from minires.layers import (
    BatchNorm,
    Conv2d,
    Identity,
    Layer,
    Linear,
    MaxPool2d,
    PadShortcut,
    ReLU,
    Sequential,
)
from minires.typing import Generator

Block: TypeAlias = Callable[[int, int, int, Generator], Layer]  # (in_channels, channels, stride, rng)
Convs: TypeAlias = Callable[[int, int, int, Generator], list[Conv2d]]

SHORTCUTS = ("A", "B", "C")
STRIDES_IN = ("1x1", "3x3")
STEM_POOLS: dict[str, dict[str, Any]] = {"padded": {"padding": 1}, "ceil": {"ceil_mode": True}}


# -- convolutions; none has a bias, for batch norm follows and would subtract it again ---------------


def conv3x3(in_channels: int, channels: int, stride: int, rng: Generator) -> Conv2d:
    """Return a 3x3 convolution that keeps the map's size at stride 1."""
    return Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False, rng=rng)


def conv1x1(in_channels: int, channels: int, stride: int, rng: Generator) -> Conv2d:
    """Return a 1x1 convolution: a matrix at every stride-th pixel."""
    return Conv2d(in_channels, channels, 1, stride=stride, bias=False, rng=rng)


def basic(in_channels: int, channels: int, stride: int, rng: Generator, *, layers: int = 2) -> list[Conv2d]:
    """Return the 3x3 convolutions of a basic branch, the first of which may halve the map."""
    later = (conv3x3(channels, channels, 1, rng) for _ in range(layers - 1))
    return [conv3x3(in_channels, channels, stride, rng), *later]


def bottleneck(
    in_channels: int, channels: int, stride: int, rng: Generator, *, stride_in: str
) -> list[Conv2d]:
    """Return the 1x1, 3x3, 1x1 convolutions of a bottleneck, which works on a quarter of the channels.

    Parameters
    ----------
    stride_in
        "1x1", where He et al. 2015 put the stride, or "3x3", where later codes put it: there no pixel is
        skipped unseen.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), figure 5.
    """
    inner = channels // 4
    first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
    return [
        conv1x1(in_channels, inner, first, rng),
        conv3x3(inner, inner, second, rng),
        conv1x1(inner, channels, 1, rng),
    ]


# -- branches and shortcuts --------------------------------------------------------------------------


def post_activation(*convs: Conv2d) -> Sequential:
    """conv, norm, relu, ..., conv, norm: F(x), with no ReLU at its end, for F must be able to be negative."""
    parts = []
    for conv in convs:
        parts += [conv, BatchNorm(len(conv.weight.data)), ReLU()]
    return Sequential(*parts[:-1])


def pre_activation(*convs: Conv2d, activated: bool = False) -> Sequential:
    """norm, relu, conv, norm, relu, conv, ...: F(x) as in He et al. 2016 (arXiv:1603.05027), figure 4(e).

    Parameters
    ----------
    activated
        True if x comes out of a norm and ReLU already; then the branch begins with its convolution.
    """
    parts = []
    for conv in convs:
        parts += [BatchNorm(conv.weight.data.shape[1]), ReLU(), conv]
    return Sequential(*parts[2:] if activated else parts)


def shared_activation(channels: int, residual: Layer) -> Sequential:
    """norm, relu, then the residual unit: one activation for its branch and its shortcut."""
    return Sequential(norm=BatchNorm(channels), relu=ReLU(), residual=residual)


def shortcut(
    option: str,
    in_channels: int,
    channels: int,
    stride: int,
    rng: Generator,
    *,
    norm: bool = True,
    placement: str = "append",
) -> Layer:
    """Return the shortcut (skip connection) of a block, as He et al. 2015, section 4.1, distinguish them.

    Parameters
    ----------
    option
        "A", the identity, padded with zeros where channels are added; "B", the identity, but a projection (a
        1x1 convolution) where the shape changes; "C", projections everywhere.
    norm
        Batch norm after the projection.
    placement
        Of the zeros, see `F.pad_shortcut_forward`.
    """
    if option != "C" and stride == 1 and in_channels == channels:
        return Identity()
    if option == "A":
        return PadShortcut(channels, stride=stride, placement=placement)
    projection = conv1x1(in_channels, channels, stride, rng)
    return Sequential(projection, BatchNorm(channels)) if norm else projection


# -- stems, stages, heads ----------------------------------------------------------------------------


def imagenet_stem(
    in_channels: int, channels: int, pool: str, rng: Generator, *, activation: bool = True
) -> Sequential:
    """7x7 convolution and 3x3 max pooling, both at stride 2: the map shrinks to a quarter of the image.

    Parameters
    ----------
    pool
        "padded" pads by a pixel (fb.resnet.torch), "ceil" lets the last window overhang (He's prototxt).
    activation
        Norm and ReLU in between.
    """
    check_choice("stem_pool", pool, STEM_POOLS)
    between: dict[str, Layer] = {"norm": BatchNorm(channels), "relu": ReLU()} if activation else {}
    return Sequential(
        conv=Conv2d(in_channels, channels, 7, stride=2, padding=3, bias=False, rng=rng),
        **between,
        pool=MaxPool2d(3, stride=2, **STEM_POOLS[pool]),
    )


def stages(
    block: Block,
    counts: Sequence[int],
    in_channels: int,
    widths: Sequence[int],
    rng: Generator,
    *,
    firsts: Sequence[Block] | None = None,
) -> dict[str, Layer]:
    """Return {"stage1": ..., "stage2": ...}: counts[i] blocks of widths[i] channels each.

    The first block of every stage but the first halves the map.

    Parameters
    ----------
    firsts
        The builders of the stages' first blocks, where they are others than `block`.
    """
    named: dict[str, Layer] = {}
    for i, (count, channels) in enumerate(zip(counts, widths, strict=True)):
        first = (firsts[i] if firsts else block)(in_channels, channels, 2 if i else 1, rng)
        others = (block(channels, channels, 1, rng) for _ in range(count - 1))
        named[f"stage{i + 1}"] = Sequential(first, *others)
        in_channels = channels
    return named


def classifier(features: int, num_classes: int, rng: Generator) -> Linear:
    """Return the fully-connected layer from features to logits."""
    return Linear(features, num_classes, init=partial(init.xavier, fan="in"), rng=rng)


# -- what a builder may be asked for -----------------------------------------------------------------

# depth: (the convolutions of a branch, blocks of each stage); He et al. 2015, table 1, and 2016, table 5
IMAGENET: dict[int, tuple[Callable[..., list[Conv2d]], tuple[int, ...]]] = {
    18: (basic, (2, 2, 2, 2)),
    34: (basic, (3, 4, 6, 3)),
    50: (bottleneck, (3, 4, 6, 3)),
    101: (bottleneck, (3, 4, 23, 3)),
    152: (bottleneck, (3, 8, 36, 3)),
    200: (bottleneck, (3, 24, 36, 3)),
}


def imagenet_layout(depth: int, width: int, stride_in: str) -> tuple[Convs, tuple[int, ...], list[int]]:
    """Return (branch's convolutions, blocks of each stage, channels of each stage) of an ImageNet network."""
    check_choice("depth", depth, IMAGENET)
    check_choice("stride_in", stride_in, STRIDES_IN)
    if not is_whole(width) or width < 1:
        raise ValueError(f"width: expected the number of the stem's channels, at least 1, got {width!r}")
    convs, counts = IMAGENET[depth]
    if convs is bottleneck:
        return partial(bottleneck, stride_in=stride_in), counts, [4 * width * 2**i for i in range(4)]
    return convs, counts, [width * 2**i for i in range(4)]


def blocks_of_depth(depth: int, layers: int, extra: int = 2) -> int:
    """Return n, the blocks of each of three stages in a network of `depth` = 3 * layers * n + extra layers.

    Parameters
    ----------
    layers
        With weights in a block.

    Raises
    ------
    ValueError
        That names the nearest possible depths.
    """
    step = 3 * layers
    formula = f"{step}n + {extra} ({step + extra}, {2 * step + extra}, {3 * step + extra}, ...)"
    if not is_whole(depth):
        raise ValueError(f"depth: expected {formula}, got {depth!r}")
    blocks, rest = divmod(depth - extra, step)
    if rest or blocks < 1:
        near = step * max(1, blocks) + extra
        raise ValueError(f"depth: expected {formula}, got {depth}; the nearest are {near}, {near + step}")
    return blocks


def check_choice(name: str, value: object, choices: Iterable[object]) -> None:
    """Raise ValueError unless value is one of the choices."""
    if value not in tuple(choices):
        raise ValueError(f"{name}: expected one of {', '.join(map(str, choices))}, got {value!r}")


def check_classes_and_channels(num_classes: int, in_channels: int) -> None:
    """Raise ValueError unless there is something to see and something to say."""
    if not (is_whole(num_classes) and is_whole(in_channels)) or num_classes < 1 or in_channels < 1:
        raise ValueError(f"expected at least 1 class and 1 channel, got {num_classes!r} and {in_channels!r}")
