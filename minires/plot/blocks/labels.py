"""What stands in the box of a layer, in the words of the papers' figures: "3x3 conv, 128, /2"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minires import reprs
from minires.layers import Layer

LONGEST = 34  # letters of a label; of a longer one the name remains

# kinds of layers, which have a colour each where a figure is not coloured by stages
WEIGHTS, NORM, ACTIVATION, POOL, OTHER = "weights", "norm", "activation", "pooling", "other"


def describe(layer: Any) -> tuple[str, str]:
    """Return (label, kind) of a layer; a class that is not known here is labelled as the base that is."""
    for base in type(layer).__mro__:
        if base.__name__ in LABELS:
            kind, words = LABELS[base.__name__]
            return words(layer), kind
    name = type(layer).__name__
    label = reprs.call(layer, layer.settings()) if isinstance(layer, Layer) else name
    return name if len(label) > LONGEST or "..." in label else label, OTHER


def size(shape: tuple[int, ...]) -> str:
    """Return a size as the papers write it, and what is a number as a number: 3x3, 64x56x56, 1000."""
    return "x".join(map(str, shape)) or "1"


def _stride(stride: tuple[int, int]) -> str:
    """Return ", /2" for a stride of 2, nothing for one of 1."""
    down, across = stride
    return "" if down == across == 1 else f", /{down}" if down == across else f", /({down}, {across})"


def _conv(conv: Any) -> str:
    groups = f", {conv.groups} groups" if conv.groups > 1 else ""
    dilated = f", dilation {max(conv.dilation)}" if max(conv.dilation) > 1 else ""
    return f"{size(conv.kernel_size)} conv, {conv.out_channels}{groups}{dilated}{_stride(conv.stride)}"


def _pool(word: str) -> Callable[[Any], str]:
    return lambda pool: f"{size(pool.kernel_size)} {word}{_stride(pool.stride)}"


def _always(text: str) -> Callable[[Any], str]:
    return lambda layer: text


def _pad(pad: Any) -> str:
    mean = "mean, " if pad.placement == "mean" else ""
    return f"{mean}zeros, {pad.channels}{_stride(pad.stride)}"


LABELS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "Conv2d": (WEIGHTS, _conv),
    "DropConnect": (WEIGHTS, lambda fc: f"fc {fc.weight.data.shape[0]}, DropConnect"),
    "Linear": (WEIGHTS, lambda fc: f"fc {fc.weight.data.shape[0]}"),
    "BatchNorm": (NORM, _always("batch norm")),
    "GroupNorm": (NORM, lambda norm: f"group norm, {reprs.counted(norm.groups, 'group')}"),
    "LocalResponseNorm": (NORM, _always("response norm")),
    "ReLU": (ACTIVATION, _always("ReLU")),
    "LeakyReLU": (ACTIVATION, _always("leaky ReLU")),
    "Sigmoid": (ACTIVATION, _always("sigmoid")),
    "Softmax": (ACTIVATION, _always("softmax")),
    "Maxout": (ACTIVATION, lambda maxout: f"maxout of {maxout.pieces}"),
    "MaxPool2d": (POOL, _pool("max pool")),
    "AvgPool2d": (POOL, _pool("avg pool")),
    "GlobalAvgPool2d": (POOL, _always("global avg pool")),
    "AdaptiveAvgPool2d": (POOL, lambda pool: f"avg pool to {pool.size}x{pool.size}"),
    "Upsample": (OTHER, lambda up: f"upsample, {up.factor} times"),
    "Dropout": (OTHER, lambda dropout: f"dropout, keep {dropout.keep:g}"),
    "Flatten": (OTHER, _always("flatten")),
    "PadShortcut": (OTHER, _pad),
    "Channels": (OTHER, lambda part: f"channels {part.start} to {part.stop - 1}"),
    "Scale": (OTHER, lambda scale: f"times {scale.factor:g}"),
}
