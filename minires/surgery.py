"""Operations on a network that exists: silence its branches, give it another head, freeze its beginning.
(`construction.deepen` makes it deeper.)"""

import difflib
from functools import partial

from minires import init
from minires.backend import array_module
from minires.combine import Residual, Sequential
from minires.functional.checks import whole_number
from minires.gates import Scale
from minires.layer import freeze
from minires.layers import BatchNorm, Conv2d, Identity, Linear, ReLU

# -- silent branches -----------------------------------------------------------------------------------


def zero_last_gamma(net):
    """Set gamma and beta of the batch norm that ends each residual branch to 0, in place; return net.

    Every block then starts as its shortcut, and signals and gradients cross any number of blocks unchanged.
    The first gradients go to these gammas; once they have moved, to everything before them.
    Raises ValueError if a branch ends otherwise (pre-activation units end in a convolution).
    Goyal et al. 2017 (arXiv:1706.02677), section 5.1.
    """
    return _silence(net, BatchNorm, "zero_last_conv")


def zero_last_conv(net):
    """Set weight and bias of the convolution that ends each residual branch to 0, in place; return net.

    For branches that end in it, as pre-activation units and networks without batch norm do. Raises ValueError
    if a branch ends in a batch norm: zero comes out of a zero convolution, but batch norm would divide its
    first gradient by the deviation of a constant, sqrt(0 + eps), that is multiply it by 316 for eps = 1e-5.
    There take `zero_last_gamma`.
    """
    return _silence(net, (Conv2d, Linear), "zero_last_gamma")


def _silence(net, kinds, otherwise):
    blocks = {name: block for name, block in net.named_layers() if isinstance(block, Residual)}
    if not blocks:
        raise ValueError("this network has no residual blocks")
    last = {name: last_with_weights(block.branch) for name, block in blocks.items()}
    for name, layer in last.items():
        if not isinstance(layer, kinds):
            raise ValueError(
                f"the branch of {where(name)} ends in a {type(layer).__name__}; see {otherwise} for those"
            )
    for layer in last.values():
        fill(layer, 0, 0)
    return net


# -- fine-tuning ---------------------------------------------------------------------------------------


def replace_head(net, num_classes, *, name=None, rng):
    """Put a fresh layer with num_classes outputs in the place of the last one, in place; return net.

    The head is the last Linear, or the last convolution if its kernel is 1x1 (or the layer called name); that
    of each auxiliary head is replaced too. The new layer has the inputs, the dtype and the device of the old
    one, and weights drawn as a classifier's. All other layers are the same objects. Build the optimiser
    afterwards: it holds the parameters it was given.
    """
    whole_number("num_classes", num_classes, least=1)
    layers = [path for path, layer in net.named_layers() if isinstance(layer, (Conv2d, Linear))]
    if name is None and not layers:
        raise ValueError("this network has neither a Linear nor a Conv2d, so no head to replace")
    side = tuple(getattr(net, "heads", ()))  # auxiliary heads, which answer the same question
    ends = [[path for path in layers if path.startswith(f"{head}.")][-1] for head in side]
    ends.append([path for path in layers if not path.startswith(side)][-1])
    for path in ends if name is None else [name]:
        _replace(net, path, num_classes, layers, rng)
    return net


def _replace(net, path, num_classes, candidates, rng):
    old = find(net, path)
    if not isinstance(old, Linear) and not (isinstance(old, Conv2d) and old.weight.data.shape[2:] == (1, 1)):
        raise ValueError(
            f"{path!r} is not a head, a Linear or a 1x1 Conv2d; the candidates are {_list(candidates)}"
        )
    options = {"bias": old.bias is not None, "init": partial(init.xavier, fan="in"), "rng": rng}
    if isinstance(old, Linear):
        new = Linear(inputs(old), num_classes, **options)
    else:
        new = Conv2d(inputs(old), num_classes, 1, stride=old.stride, padding=old.padding, **options)
    new.astype(old.weight.data.dtype).to(array_module(old.weight.data))
    before, _, last = path.rpartition(".")
    parent = find(net, before)
    for holder in (vars(parent), *(value for value in vars(parent).values() if isinstance(value, dict))):
        if holder.get(last) is old:
            holder[last] = new


def freeze_prefix(net, name):
    """Freeze everything up to and including the part called name, in place; return net.

    name: a dotted path through Sequentials, "stage1" or "stage2.0": in them before and after mean something.
    Parameters stay as they are, batch norm uses its running averages and does not move them; see `freeze`.
    Raises ValueError for an unknown name, with the nearest ones.
    """
    if not name:
        raise ValueError("name: expected the part to freeze up to, got an empty text")
    find(net, name)  # complains of an unknown name
    part, path, frozen = net, [], []
    for word in name.split("."):
        if not isinstance(part, Sequential):
            whole = ".".join(path)
            raise ValueError(
                f"{name!r} lies inside {whole!r}, a {type(part).__name__}, whose paths run side by side: "
                f"there is no before in it; freeze up to {whole!r}"
            )
        names = list(part.parts)
        frozen += [part[before] for before in names[: names.index(word)]]
        part, path = part[word], [*path, word]
    for layer in [*frozen, part]:
        freeze(layer)
    return net


# -- parts and their names -----------------------------------------------------------------------------


def find(net, name):
    """Return the layer of that dotted path ("" is net), or raise ValueError with the nearest ones."""
    layers = dict(net.named_layers())
    if name not in layers:
        near = difflib.get_close_matches(name, layers, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {_list(dict(net.children()))}"
        raise ValueError(f"this network has no part {name!r}; {hint}")
    return layers[name]


def where(name):
    """Return how an error speaks of the part called name."""
    return repr(name) if name else "the network"


def _list(names):
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
