"""The names of two codes for pre-activation networks: timm's resnetv2 for ImageNet, xternalz's wide ones."""

from collections.abc import Iterator
from typing import NamedTuple

from minires.layers import (
    BatchNorm,
    Conv2d,
    Dropout,
    Identity,
    Layer,
    MaxPool2d,
    ReLU,
    Residual,
    StochasticDepth,
)


class Unit(NamedTuple):
    """A pre-activation unit: norms and convolutions on the way through the branch, and the projection."""

    stage: int  # from 0, the place too
    place: int
    norms: list[Layer]
    convs: list[Layer]
    projection: Layer | None


def timm_paths(net: Layer) -> Iterator[tuple[str, Layer]]:
    """stem.conv, stages.0.blocks.0.norm1, ...conv1, ..., stages.0.blocks.0.downsample.conv, norm, head.fc"""
    parts, found = dict(net.children()), _units(net)
    if (
        not found
        or "stem" not in parts
        or [type(part) for part in _leaves(parts["stem"])] != [Conv2d, MaxPool2d]
    ):
        return
    yield "stem.conv", _leaves(parts["stem"])[0]
    for unit in found:
        prefix = f"stages.{unit.stage}.blocks.{unit.place}."
        yield from _in_unit(unit, prefix, norm="norm", projection="downsample.conv")
    yield "norm", parts["norm"]
    yield "head.fc", parts["fc"]


def wide_paths(net: Layer) -> Iterator[tuple[str, Layer]]:
    """conv1, block1.layer.0.bn1, ...conv1, ...bn2, ...conv2, block1.layer.0.convShortcut, ..., bn1, fc"""
    parts, found = dict(net.children()), _units(net)
    if not found or "conv" not in parts or any(len(unit.convs) != 2 for unit in found):
        return
    yield "conv1", parts["conv"]
    for unit in found:
        prefix = f"block{unit.stage + 1}.layer.{unit.place}."
        yield from _in_unit(unit, prefix, norm="bn", projection="convShortcut")
    yield "bn1", parts["norm"]
    yield "fc", parts["fc"]


def _units(net: Layer) -> list[Unit]:
    """Return the units of all stages; none if one of them is another kind of block."""
    units = []
    stages = [part for name, part in net.children() if name.startswith("stage")]
    for stage, part in enumerate(stages):
        for place, (_, block) in enumerate(part.children()):
            unit = _unit(stage, place, block)
            if unit is None:
                return []
            units.append(unit)
    return units


def _unit(stage: int, place: int, block: Layer) -> Unit | None:
    """Return the unit if block is one that projects what has been activated, or adds x as it came."""
    residual = next((layer for _, layer in block.named_layers() if isinstance(layer, Residual)), None)
    if residual is None or type(residual) not in (Residual, StochasticDepth):
        return None
    if not isinstance(residual.after, Identity):
        return None
    inside = {id(layer) for _, layer in residual.named_layers()}
    shared = [layer for layer in _leaves(block) if id(layer) not in inside]
    shortcut = _leaves(residual.shortcut)
    way = shared + [layer for layer in _leaves(residual.branch) if not isinstance(layer, Dropout)]
    if [type(layer) for layer in way] != [BatchNorm, ReLU, Conv2d] * (len(way) // 3):
        return None
    if [type(layer) for layer in shortcut] != [Conv2d if shared else Identity]:
        return None
    return Unit(stage, place, way[::3], way[2::3], shortcut[0] if shared else None)


def _in_unit(unit: Unit, prefix: str, *, norm: str, projection: str) -> Iterator[tuple[str, Layer]]:
    """Yield the paths in a unit; norm and projection: how they are called there."""
    yield from _counted(f"{prefix}{norm}", unit.norms)
    yield from _counted(f"{prefix}conv", unit.convs)
    if unit.projection is not None:
        yield f"{prefix}{projection}", unit.projection


def _counted(path: str, layers: list[Layer]) -> Iterator[tuple[str, Layer]]:
    for count, layer in enumerate(layers, start=1):
        yield f"{path}{count}", layer


def _leaves(part: Layer) -> list[Layer]:
    """Return the layers inside part that have no layers inside, in their order."""
    return [layer for _, layer in part.named_layers() if not any(True for _ in layer.children())]
