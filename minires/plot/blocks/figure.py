"""Blocks and whole networks as the papers draw them: a box a layer, arrows, plus signs, shortcuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

from minires.checks import is_whole
from minires.layers import Layer
from minires.layers.trace import Blank, Step
from minires.plot.blocks import parts
from minires.plot.blocks.drawing import draw
from minires.plot.blocks.extent import BESIDE, SMALL, Measures, extent, width_of
from minires.plot.blocks.labels import size
from minires.plot.blocks.parts import Box, Chain, Part, Shape, Sides, Sum
from minires.plot.blocks.pen import BACK, Pen
from minires.plot.style import check_some

if TYPE_CHECKING:
    from matplotlib.figure import Figure


FEW = 16  # layers of what is drawn in every detail unless told otherwise
LONG = 40  # boxes one below the other; if there are more, what repeats is drawn once
LONGEST = 400  # the most that are drawn
# of one size of maps after the other, told apart by the lines between them in black and white
STAGES = ("#e3d6ea", "#cfe6c9", "#fbd9d0", "#c9dcf2", "#fdecc0", "#d9d9d9")
MARGIN, APART = 0.15, 0.45  # inches around the figure, and between two columns


def blocks(
    nets: Layer | Mapping[str, Layer],
    *,
    input_shape: Shape | Mapping[str, Shape],
    detail: bool | None = None,
    backward: bool = False,
    title: str = "",
) -> Figure:
    """Draw a block, a network, or several side by side, from the layers that they are made of.

    Parameters
    ----------
    nets : Layer or {title: Layer}
        A residual block, an inception module, a stage, a network, your own Sequential.
    input_shape : tuple of int, or {title: tuple of int}
        Of one image (C, H, W) or vector (C,); a batch in front, (N, C, H, W) or (N, C), is ignored.
    detail : bool or None
        True: a box for every layer, the shape beside the arrow wherever it changes, plus signs, the shortcut
        with its layers. False: as the papers draw whole networks, boxes for convolutions, fully-connected
        layers and pooling, in the colour of their stage, and an arc for a shortcut: full if it is the
        identity, else dashed, with what it does beside it. None: True up to 16 layers.
    backward : bool
        Whether the way of the gradients is drawn too, dotted: where a value fans out, they meet at a plus
        sign.
    title : str
        Of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        As large as it must be for its words to be read.

    Raises
    ------
    TypeError
        If nets is or contains what is no Layer.
    ValueError
        If nothing is to be drawn, a shape does not fit, or more than 400 boxes would stand one below the
        other even with repeated blocks drawn once: draw a part, such as net["stage1"].
    NotImplementedError
        For a layer without a `trace`.

    Notes
    -----
    In a network of more than 40 rows, blocks that repeat are drawn once, with their number. Several networks
    whose maps only shrink stand beside each other by the size of the map, as in figure 3 of He et al. 2015.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), figures 2, 3 and 5; Szegedy et al. 2014 (arXiv:1409.4842), figure 2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> conv = functools.partial(Conv2d, 64, 64, 3, padding=1, bias=False, rng=rng)
    >>> branch = Sequential(conv(), BatchNorm(64), ReLU(), conv(), BatchNorm(64))
    >>> figure = blocks(Residual(branch, after=ReLU()), input_shape=(1, 64, 56, 56), backward=True)
    >>> [box.get_text() for box in figure.axes[0].texts if "conv" in box.get_text()]
    ['3x3 conv, 64', '3x3 conv, 64']
    """
    from matplotlib.figure import Figure

    named = dict(nets) if isinstance(nets, Mapping) else {"": nets}
    check_some("nets", named, "block or network")
    steps = {name: _trace(name, net, input_shape) for name, net in named.items()}
    if detail is None:
        detail = all(_boxes(parts.read(step, detail=True)) <= FEW for step in steps.values())
    chains = {name: _short(parts.read(step, detail=detail)) for name, step in steps.items()}
    sections = [] if detail else _sections(list(chains.values()))
    m = _measures(list(chains.values()), backward, arcs=not detail, shapes=not sections)
    columns = {name: _groups(chain, sections) for name, chain in chains.items()}

    gap = m.gap + (0.06 if sections else 0)
    heights = [max(extent(groups[i], m)[2] for groups in columns.values()) for i in range(len(sections) or 1)]
    total = sum(heights) + gap * (len(heights) - 1)
    widths = [_width(name, chains[name], groups, m) for name, groups in columns.items()]
    scale = (
        0.3 + max(width_of("output", SMALL), *(width_of(size(s), SMALL) for s in sections)) if sections else 0
    )
    note = _note(list(chains.values()), not detail, backward)
    width = 2 * MARGIN + scale + sum(a + b for a, b in widths) + APART * (len(widths) - 1)
    width = max(width, 2 * MARGIN + width_of(note, SMALL), 2 * MARGIN + width_of(title, 12))
    above = MARGIN + 0.3 * bool(title) + 0.28 * any(named) + 0.2 + m.gap
    below = MARGIN + 0.2 + m.gap + (0.12 + 0.14 * note.count("\n") + 0.14 if note else 0)
    figure = Figure(figsize=(width, above + total + below))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, above + total + below))
    axes.axis("off")
    pen = Pen(axes, m, _colours(sections) if sections else None)
    axes.set_title(title, fontsize=12, y=1 - MARGIN / (above + total + below), va="top", pad=0)
    top = below + total
    tops = [top - sum(heights[:i]) - gap * i for i in range(len(heights))]
    if sections:
        _scale(pen, sections, tops, gap, width)
    x = MARGIN + scale
    for (name, groups), (left, right) in zip(columns.items(), widths, strict=True):
        _column(pen, name, chains[name], groups, tops, x + left)
        x += left + right + APART
    pen.text(MARGIN, MARGIN, note, va="bottom", color="0.35")
    return figure


# -- what is drawn -----------------------------------------------------------------------------------


def _trace(name: str, net: Layer, shapes: Shape | Mapping[str, Shape]) -> Step:
    """Return what a forward of one image would be."""
    if not isinstance(net, Layer):
        raise TypeError(f"nets: expected a Layer or {{title: Layer}}, got {type(net).__name__}")
    if isinstance(shapes, Mapping):
        if name not in shapes:
            raise ValueError(f"input_shape: expected one for {name!r} too, got {', '.join(shapes) or 'none'}")
        shapes = shapes[name]
    shape = tuple(shapes) if isinstance(shapes, Sequence) else (shapes,)
    if not 1 <= len(shape) <= 4 or not all(is_whole(n) and n > 0 for n in shape):
        raise ValueError(f"input_shape: expected a shape such as (3, 224, 224), got {shapes!r}")
    return net.trace(Blank((1, *shape) if len(shape) in (1, 3) else (1, *shape[1:])))


def _boxes(chain: Chain) -> int:
    return sum(isinstance(part, Box) for part in parts.every(chain))


def _short(chain: Chain) -> Chain:
    """Return the chain, with repeated blocks drawn once if it is long."""
    if parts.rows(chain) > LONG:
        chain = parts.folded(chain)
    if parts.rows(chain) > LONGEST:
        raise ValueError(
            f"nets: {parts.rows(chain)} boxes would stand one below the other, at most {LONGEST} can be "
            'drawn; draw a part, such as net["stage1"]'
        )
    return chain


def _sections(chains: Sequence[Chain]) -> list[Shape]:
    """Return the sizes of the maps from the largest to the smallest, or [] where maps do not only shrink."""
    found: dict[Shape, None] = {}
    for chain in chains:
        sizes = list(dict.fromkeys(item.gives[1:] for item in chain.items))
        pixels = [prod(size) if size else 0 for size in sizes]
        runs = 1 + sum(a.gives[1:] != b.gives[1:] for a, b in zip(chain.items, chain.items[1:], strict=False))
        if pixels != sorted(set(pixels), reverse=True) or runs != len(sizes):
            return []
        found |= dict.fromkeys(sizes)
    return sorted(found, key=lambda size: prod(size) if size else 0, reverse=True)


def _groups(chain: Chain, sections: list[Shape]) -> list[Chain]:
    """Return the chain cut by the sizes of its maps, an empty chain where it has no such."""
    if not sections:
        return [chain]
    groups = []
    for section in sections:
        items = tuple(item for item in chain.items if item.gives[1:] == section)
        groups.append(Chain(chain.takes, chain.gives, items))
    return groups


def _colours(sections: list[Shape]) -> dict[Shape, str]:
    """Return {size of a map: its colour}, white for vectors."""
    return {size: STAGES[i % len(STAGES)] if size else "white" for i, size in enumerate(sections)}


def _note(chains: Sequence[Chain], arcs: bool, backward: bool) -> str:
    """Return what stands below the figure, in lines."""
    drawn = [part for chain in chains for part in parts.every(chain)]
    lines = []
    if arcs and any(isinstance(part, Sum) for part in drawn):
        lines.append("full arcs: identity shortcuts; dashed ones do what stands beside them")
    if backward:
        lines.append("full lines: forward; dotted: backward")
    if backward and any(isinstance(part, (Sum, Sides)) for part in drawn):
        lines.append("where paths part, their gradients add up")
    return "\n".join(lines)


# -- where it stands ---------------------------------------------------------------------------------


def _measures(chains: Sequence[Chain], backward: bool, *, arcs: bool, shapes: bool) -> Measures:
    boxes = [part for chain in chains for part in parts.every(chain) if isinstance(part, Box)]
    font = 8.0 if arcs else 8.5
    labels = [width_of(box.label, font) for box in boxes]
    beside = [2 * width_of(size(box.gives), SMALL) for box in boxes if shapes]
    width = max([0.9, *labels, *beside]) + 0.2
    if not arcs:
        return Measures(width, font, 0.25, 0.24, 0.12, 0.09, shapes, backward)
    gap = 0.2 if shapes or backward else 0.13
    return Measures(width, font, 0.19, gap, 0.06, 0.0, shapes, backward)


def _width(name: str, chain: Chain, groups: Sequence[Part], m: Measures) -> tuple[float, float]:
    """Return how far a column reaches to the left and to the right of its line."""
    half = max(width_of(name, 10, "bold"), width_of(f"x: {size(chain.takes)}", 8.5)) / 2
    extents = [extent(group, m) for group in groups]
    return max(half, *(e[0] for e in extents)), max(half, *(e[1] for e in extents))


def _scale(pen: Pen, sections: list[Shape], tops: Sequence[float], gap: float, width: float) -> None:
    """Write the sizes of the maps at the left, and draw a line where a smaller one begins."""
    pen.text(MARGIN, tops[0] + gap + 0.1, "output", color="0.35")
    for i, (section, top) in enumerate(zip(sections, tops, strict=True)):
        pen.text(MARGIN, top - pen.m.height / 2, size(section), color="0.35")
        if i:
            y = top + gap / 2
            pen.axes.plot([MARGIN, width - MARGIN], [y, y], color="0.85", linewidth=0.8, zorder=0)


def _column(
    pen: Pen, name: str, chain: Chain, groups: Sequence[Chain], tops: Sequence[float], x: float
) -> None:
    """Draw a network around the line at x: what goes in, its groups from the tops on, what comes out."""
    m = pen.m
    start = tops[0] + m.gap
    pen.text(x, start + 0.1, f"x: {size(chain.takes)}", 8.5, ha="center")
    pen.text(x, start + 0.36, name, 10, ha="center", weight="bold")
    above: Part | None = None
    y = start
    for group, top in zip(groups, tops, strict=True):
        if group.items:
            pen.link(x, y, top, above, group, back_to=0 if above else y)
            y, above = draw(group, pen, x, top), group
    if m.backward:
        pen.text(x + BESIDE + 0.05, start - 0.06, "dx", color=BACK, va="top")
        pen.text(x + BESIDE + 0.05, y - m.gap + 0.06, "dy", color=BACK)
    pen.line((x, y), (x, y - m.gap), head=True)
    pen.line((x + BESIDE, y - m.gap), (x + BESIDE, y), head=True, back=True)
    pen.text(x, y - m.gap - 0.1, f"y: {size(chain.gives)}", 8.5, ha="center")
