"""The names that PyTorch's models give to the parts of our networks.

torchvision's, timm's (of its pre-activation networks, resnetv2) and those of three repositories for CIFAR:
akamaster's and kuangliu's of residual networks, xternalz's of wide ones.

They are derived from a network's own structure, so a new depth or width needs nothing here: a stage is a
layerK, the convolutions and norms of a branch are counted from 1, and so on. The networks know nothing of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from minires.interop.preactivation import timm_paths, wide_paths
from minires.layers import (
    BatchNorm,
    Conv2d,
    Identity,
    Layer,
    LocalResponseNorm,
    PadShortcut,
    Parameter,
    ReLU,
    Residual,
    Sequential,
    StochasticDepth,
)
from minires.typing import Array

Named: TypeAlias = tuple[str, Layer]  # (path, layer)


NAMES = ("torchvision", "timm", "cifar")

# Residual networks: what their projections and their classifier are called
RESIDUAL_WORDS = {"torchvision": ("downsample", "fc"), "cifar": ("shortcut", "linear")}
INCEPTION_WORDS = {"norm": "bn", "aux4a": "aux1", "aux4d": "aux2"}
FC = ("fc6", "fc7", "fc8")  # what VGG and AlexNet end with
ARRAY_WORDS = {"gamma": "weight", "beta": "bias"}  # batch norm's


def torch_arrays(net: Layer) -> dict[str, dict[str, Array]]:
    """Return {whose names, of NAMES: {PyTorch's name: our array, live}} of all weights and running averages.

    Raises
    ------
    ValueError
        If nobody has names for such a network.
    """
    known = {}
    own = sorted(map(id, net.state_dict().values()))
    for names in NAMES:
        arrays = {
            f"{path}.{ARRAY_WORDS.get(name, name)}": array
            for path, layer in _paths(net, names)
            for name, array in layer.state_dict().items()
        }
        # each array once and none left out: otherwise the names are not made for such a network
        if sorted(map(id, arrays.values())) == own:
            known[names] = arrays
    if "timm" in known:  # its classifier is a 1x1 convolution, whose weight has two axes more
        weight = known["timm"]["head.fc.weight"]
        known["timm"]["head.fc.weight"] = weight[:, :, None, None]
    if not known:
        raise ValueError(f"PyTorch's models have no names for a network of this structure{_hint(net)}")
    return known


def _hint(net: Layer) -> str:
    """Return what to build instead, for an error's end."""
    parts = dict(net.children())
    if "inception3a" in parts:
        return ": torchvision's GoogLeNet has batch norm, and 3x3 for 5x5; build 'googlenet_bn'"
    if "mlpconv1" in parts:
        return ": neither torchvision nor timm has a Network in Network"
    if "stem" in parts and "norm" in parts:
        return (
            ": timm's pre-activation networks have projections where the shape changes and no norm in the "
            "stem; build one with stem_activation=False"
        )
    return (
        "; they have for ResNets, VGG, the lecture's AlexNet, GoogLeNet with batch norm, pre-activation "
        "ResNets for ImageNet with stem_activation=False and wide ResNets"
    )


def _paths(net: Layer, names: str) -> Iterable[Named]:
    """Return (PyTorch's path, layer) pairs, none if `names` does not have such a network."""
    parts = dict(net.children())
    kinds = {type(layer) for _, layer in net.named_layers()}
    if "stage1" in parts:
        if names == "timm":
            return timm_paths(net)
        wide = list(wide_paths(net)) if names == "cifar" else []
        return wide or _residual_paths(net, *RESIDUAL_WORDS[names])
    if names == "torchvision" and "inception3a" in parts and BatchNorm in kinds:
        return _inception_paths(net)
    if names == "torchvision" and set(FC) <= set(parts) and LocalResponseNorm not in kinds:
        return _positional_paths(parts)
    return []


def _residual_paths(net: Layer, projection: str, classifier: str) -> Iterator[Named]:
    """layer1.0.conv1, layer1.0.bn1, layer1.0.conv2, ..., layer2.0.downsample.0, ..., fc"""
    for name, part in net.children():
        if name.startswith("stage"):
            blocks = [inner for _, inner in part.named_layers() if isinstance(inner, Residual)]
            if not all(map(_is_plain_residual, blocks)):
                return  # a variant, which computes something else with the same arrays
            for i, block in enumerate(blocks):
                prefix = f"{name.replace('stage', 'layer')}.{i}."
                yield from _counted(prefix, block.branch)
                for j, (_, layer) in enumerate(_owners(block.shortcut)):
                    yield f"{prefix}{projection}.{j}", layer
        elif name == "fc":
            yield classifier, part
        else:
            yield from _counted("", part)  # the stem, or its parts


def _is_plain_residual(block: Residual) -> bool:
    """Whether a block computes relu(F(x) + shortcut(x)) as PyTorch's do, F from a convolution to a norm."""
    rows = [[type(layer) for _, layer in path.children()] for path in (block.branch, block.shortcut)]
    return (
        type(block) in (Residual, StochasticDepth)
        and isinstance(block.after, ReLU)
        and isinstance(block.branch, Sequential)
        and rows[0][0] is Conv2d
        and rows[0][-1] is BatchNorm
        and (isinstance(block.shortcut, (Identity, PadShortcut)) or rows[1] == [Conv2d, BatchNorm])
    )


def _counted(prefix: str, part: Layer) -> Iterator[Named]:
    """Yield the convolutions and batch norms inside part as conv1, conv2, ... and bn1, bn2, ..."""
    for kind, word in ((Conv2d, "conv"), (BatchNorm, "bn")):
        layers = [layer for _, layer in _owners(part) if isinstance(layer, kind)]
        for count, layer in enumerate(layers, start=1):
            yield f"{prefix}{word}{count}", layer


def _inception_paths(net: Layer) -> Iterator[Named]:
    """conv1.conv, conv1.bn, ..., inception3a.branch2.0.conv, ..., aux1.fc1, fc: ours but for some words"""
    for path, layer in _owners(net):
        yield ".".join(INCEPTION_WORDS.get(word, word) for word in path.split(".")), layer


def _positional_paths(parts: Mapping[str, Layer]) -> Iterator[Named]:
    """features.0, features.3, ..., classifier.0, ...: a layer's position before and after flattening"""
    for position, (name, layer) in enumerate(parts.items()):
        if name.startswith(("conv", "norm")):
            yield f"features.{position}", layer
    # VGG applies dropout after fc6 and fc7, as ours does, torchvision's AlexNet before them
    positions = (1, 4, 6) if "conv1" in parts else (0, 3, 6)
    for name, position in zip(FC, positions, strict=True):
        yield f"classifier.{position}", parts[name]


def _owners(part: Layer) -> list[Named]:
    """Return (our path, layer) of the layers inside part that own parameters themselves."""
    return [
        (path, layer)
        for path, layer in part.named_layers()
        if any(isinstance(own, Parameter) for own in vars(layer).values())
    ]
