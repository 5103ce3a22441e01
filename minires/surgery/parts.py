"""Parts of a network and their names."""

import difflib

from minires.layers import BatchNorm, Conv2d, Identity, Linear, ReLU, Scale, Sequential


def find(net, name):
    """Return the layer of that dotted path ("" is net), or raise ValueError with the nearest ones."""
    layers = dict(net.named_layers())
    if name not in layers:
        near = difflib.get_close_matches(name, layers, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {listed(dict(net.children()))}"
        raise ValueError(f"this network has no part {name!r}; {hint}")
    return layers[name]


def where(name):
    """Return how an error speaks of the part called name."""
    return repr(name) if name else "the network"


def listed(names):
    names = list(names)
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def last_with_weights(branch):
    """Return the layer that decides whether the branch puts out zero, or raise ValueError."""
    for layer in reversed(in_a_row(branch)):
        if isinstance(layer, (BatchNorm, Conv2d, Linear)):
            return layer
        if not isinstance(layer, (ReLU, Scale, Identity)):
            raise ValueError(
                f"a branch ends in a {type(layer).__name__}, so no layer before it can silence it"
            )
    raise ValueError("a branch has no weights, so it cannot be silenced")


def in_a_row(layer):
    """Return the layers that come one after the other, those of nested Sequentials in their place."""
    if not isinstance(layer, Sequential):
        return [layer]
    return [inner for part in layer.parts.values() for inner in in_a_row(part)]


def fill(layer, scale, shift):
    """Fill gamma and beta, or weight and bias, in place."""
    names = ("gamma", "beta") if isinstance(layer, BatchNorm) else ("weight", "bias")
    for name, value in zip(names, (scale, shift), strict=True):
        if getattr(layer, name):
            getattr(layer, name).data.fill(value)


def inputs(layer):
    """Return how many channels or features a Conv2d or Linear takes."""
    return layer.weight.data.shape[1] * getattr(layer, "groups", 1)
