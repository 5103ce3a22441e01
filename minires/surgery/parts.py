"""Parts of a network and their names."""

import difflib
from collections.abc import Iterable
from typing import Any

from minires.layers import Layer, Sequential


def find(net: Layer, name: str) -> Layer:
    """Return the layer of that dotted path ("" is net), or raise ValueError with the nearest ones."""
    layers = dict(net.named_layers())
    if name not in layers:
        near = difflib.get_close_matches(name, layers, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {listed(dict(net.children()))}"
        raise ValueError(f"this network has no part {name!r}; {hint}")
    return layers[name]


def where(name: str) -> str:
    """Return how an error speaks of the part called name."""
    return repr(name) if name else "the network"


def listed(names: Iterable[str]) -> str:
    """Return the first of these names as one text for an error."""
    names = list(names)
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def last_to_silence(branch: Layer) -> Layer:
    """Return the layer that decides whether the branch puts out zero, or raise ValueError."""
    for layer in reversed(in_a_row(branch)):
        if layer.scale_and_shift()[0]:
            return layer
        if not layer.keeps_zero:
            raise ValueError(
                f"a branch ends in a {type(layer).__name__}, so no layer before it can silence it"
            )
    raise ValueError("a branch has no weights, so it cannot be silenced")


def in_a_row(layer: Layer) -> list[Layer]:
    """Return the layers that come one after the other, those of nested Sequentials in their place."""
    if not isinstance(layer, Sequential):
        return [layer]
    return [inner for part in layer.parts.values() for inner in in_a_row(part)]


def fill(layer: Layer, scale: float, shift: float) -> None:
    """Fill a layer's scale and shift (gamma and beta, or weight and bias), in place."""
    for parameter, value in zip(layer.scale_and_shift(), (scale, shift), strict=True):
        if parameter:
            parameter.data.fill(value)


def weight(layer: Layer) -> Any:
    """Return the scale (O, ...) of a layer of weighted sums, such as a convolution; of others None."""
    scale, _ = layer.scale_and_shift()
    return scale if scale and scale.data.ndim > 1 else None


def inputs(layer: Layer) -> int:
    """Return how many channels or features a layer with a weight takes."""
    return weight(layer).data.shape[1] * getattr(layer, "groups", 1)
