"""What `print(net)` shows: the layers as a tree, with their settings, weights and numbers of parameters.

Blocks that look the same and follow each other are one entry, "(1-17): 17 x Residual": a ResNet of 1001
layers fits on a screen. Nothing here calls itself, so no network is too deep.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from minires import markup, reprs
from minires.layers.base import Layer, Parameter

DEEPEST = 16  # levels that are shown; what lies further inside is counted, and "..." stands for it


@dataclass(eq=False)
class Node:
    """A layer at one place of a network.

    label: what is printed for it; weights: its own arrays, in words; parameters: numbers learned by it and
    inside it, each counted where it is met first; look: equal where two nodes differ in nothing but their
    names; repeats: how many nodes, this one and those after it, look the same; last: the last one's name.
    """

    name: str
    label: str
    weights: str
    parameters: int
    level: int
    children: list[Node] = field(default_factory=list)
    look: int = 0
    repeats: int = 1
    last: str = ""


def as_text(net: Layer) -> str:
    """Return the tree as lines of text, in columns: the layers, their own arrays, the learned numbers."""
    head, rows = _heading_and_rows(net)
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = (
        f"{label:{widths[0]}}  {weights:{widths[1]}}  {number:>{widths[2]}}"
        for label, weights, number in rows
    )
    return "\n".join([head, *map(str.rstrip, lines)])


def as_html(net: Layer) -> str:
    """Return the tree as a table for notebooks."""
    head, rows = _heading_and_rows(net)
    return markup.table(["layer", "arrays", "parameters"], rows, title=head, right={2})


def grow(net: Layer) -> Node:
    """Return the tree of a layer, with what repeats folded."""
    layers: dict[int, str] = {}  # {id: dotted path} of what has been met: what stands at two places is
    arrays: dict[int, str] = {}  # shown and counted at the first
    above = Node("", "", "", 0, level=-1)
    nodes, waiting = [above], [(above, "", "", net, False)]
    while waiting:
        parent, name, path, layer, frozen_above = waiting.pop()
        inside = list(layer.children())
        own = {key: held for key, held in vars(layer).items() if isinstance(held, Parameter)}
        known_at = layers.setdefault(id(layer), path)
        if known_at != path and (inside or own):
            same = f"{type(layer).__name__}, the same as {known_at or 'the whole'}"
            nodes.append(Node(name, same, "", 0, parent.level + 1))
            parent.children.append(nodes[-1])
            continue
        count = sum(held.data.size for held in own.values() if id(held) not in arrays)
        weights = ", ".join(_array(key, held, arrays, layer) for key, held in own.items())
        for key, held in own.items():
            arrays.setdefault(id(held), f"{path}.{key}" if path else key)
        label = _label(layer, inside) + (", frozen" if layer.frozen and not frozen_above else "")
        node = Node(name, label, weights, count, parent.level + 1)
        parent.children.append(node)
        nodes.append(node)
        for key, child in reversed(inside):
            waiting.append((node, key, f"{path}.{key}" if path else key, child, layer.frozen))
    looks: dict[tuple, int] = {}
    for node in reversed(nodes):  # from bottom to top
        _fold(node, looks)
    return above.children[0]


def walk(root: Node) -> Iterator[Node]:
    """Yield the nodes that are shown, from top to bottom."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        if node.level < DEEPEST:
            waiting += reversed(node.children)


def _heading_and_rows(net: Layer) -> tuple[str, list[list[str]]]:
    root, *others = walk(grow(net))
    return f"{root.label}: {reprs.counted(root.parameters, 'parameter')}", [_cells(node) for node in others]


def _cells(node: Node) -> list[str]:
    """Return the three texts of a node's line."""
    name, label, number = node.name, node.label, f"{node.parameters:,}" if node.parameters else ""
    if node.level == DEEPEST and node.children:
        label += " ..."
    if node.repeats > 1:
        name, label = f"{name}-{node.last}", f"{node.repeats} x {label}"
        number = number and f"{node.repeats} x {number}"
    return [f"{'  ' * node.level}({name}): {label}", node.weights, number]


def _label(layer: Layer, inside: list[tuple[str, Layer]]) -> str:
    """Return what stands for a layer: a leaf's repr, of a composite the call without the layers inside."""
    if not inside:
        return repr(layer).partition("\n")[0]
    values = layer.settings()
    label = reprs.call(layer, values) if values else type(layer).__name__
    segment = getattr(layer, "segment", None)
    return label if segment is None else f"{label}, recomputed in segments of {segment}"


def _array(name: str, parameter: Parameter, arrays: dict[int, str], layer: Layer) -> str:
    """Return what stands for one of a layer's own arrays."""
    if id(parameter) in arrays:
        return f"{name}: that of {arrays[id(parameter)]}"
    frozen = " (frozen)" if parameter.frozen and not layer.frozen else ""
    return f"{name} {reprs.times(parameter.data.shape)}{frozen}"


def _fold(node: Node, looks: dict[tuple, int]) -> None:
    """Fold a node's children that look the same, add up its parameters, and number its look."""
    folded: list[Node] = []
    for child in node.children:
        if folded and child.look == folded[-1].look and _follows(child.name, folded[-1].last):
            folded[-1].repeats += 1
            folded[-1].last = child.name
        else:
            child.last = child.name
            folded.append(child)
    node.children = folded
    inside = tuple((child.name, child.last, child.look) for child in folded)
    look = node.label, node.weights, node.parameters, inside
    node.look = looks.setdefault(look, len(looks) + 1)
    node.parameters += sum(child.repeats * child.parameters for child in folded)


def _follows(name: str, before: str) -> bool:
    """Return whether names are those of neighbours: "4" after "3", "block4" after "block3"."""
    (word, number), (word_before, number_before) = (
        (text.rstrip("0123456789"), text[len(text.rstrip("0123456789")) :]) for text in (name, before)
    )
    return word == word_before and bool(number_before) and number == str(int(number_before) + 1)
