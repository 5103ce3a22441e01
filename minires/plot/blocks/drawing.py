"""How the parts of a network are drawn: from the top down, along a vertical line."""

from __future__ import annotations

from collections.abc import Sequence

from minires.plot.blocks.extent import (
    BESIDE,
    FRAME,
    RECOMPUTED,
    Measures,
    arc_label,
    bulge,
    extent,
    gap_between,
    times,
)
from minires.plot.blocks.labels import OTHER, size
from minires.plot.blocks.parts import Aside, Box, Chain, Frame, Part, Repeat, Sides, Sum
from minires.plot.blocks.pen import TINTS, Pen

OUTSIDE = Box((), (), "", OTHER)  # stands for what an arrow ends at


def draw(part: Part, pen: Pen, x: float, top: float) -> float:
    """Draw a part below (x, top), return where it ends."""
    left, right, height = extent(part, pen.m)
    if isinstance(part, Chain):
        return _draw_chain(part, pen, x, top)
    if isinstance(part, Box):
        colours = pen.colours
        colour = TINTS[part.kind] if colours is None else colours.get(part.gives[1:], "white")
        pen.box(x, top, pen.m.box, part.label, colour)
    elif isinstance(part, Repeat):
        left, right, _ = extent(part.item, pen.m)
        draw(part.item, pen, x, top)
        at, end = x + right + 0.1, top - height
        pen.axes.plot([at - 0.05, at, at, at - 0.05], [top, top, end, end], color="0.4", linewidth=1)
        pen.text(at + 0.06, (top + end) / 2, times(part), pen.m.font)
    elif isinstance(part, Frame):
        _draw_frame(part, pen, x, top)
    elif isinstance(part, Sides):
        _draw_sides(part, pen, x, top)
    elif isinstance(part, Aside):
        _draw_aside(part, pen, x, top)
    elif isinstance(part, Sum):
        (_draw_arc if not pen.m.radius else _draw_sum)(part, pen, x, top)
    return top - height


def _draw_chain(part: Chain, pen: Pen, x: float, top: float) -> float:
    above: Part | None = None
    for item in part.items:
        if above is not None:
            gap = gap_between(above, item, pen.m)
            pen.link(x, top, top - gap, above, item)
            top -= gap
        top = draw(item, pen, x, top)
        above = item
    return top


def _draw_frame(part: Frame, pen: Pen, x: float, top: float) -> None:
    from matplotlib.patches import Rectangle

    left, right, height = extent(part, pen.m)
    pen.axes.add_artist(
        Rectangle((x - left, top - height), left + right, height, fill=False, edgecolor="0.5", linestyle=":")
    )
    pen.text(x + 0.12 + BESIDE, top - 0.12, RECOMPUTED, color="0.35")
    pen.link(x, top, top - FRAME, None, part.inner)
    end = draw(part.inner, pen, x, top - FRAME)
    pen.link(x, end, top - height, part.inner, None)


def _paths(
    paths: Sequence[tuple[Chain, float]], pen: Pen, x: float, top: float, height: float
) -> list[float]:
    """Draw paths that part at (x, top) side by side, each on its line; return where each of them ends.

    height: of the longest; the others stand in the middle of it.
    """
    m = pen.m
    fork, meet, b = top - m.lead, top - m.lead / 2, BESIDE
    outermost = min(at for _, at in paths), max(at for _, at in paths)
    pen.line((x, top), (x, fork))
    ends = []
    for path, at in paths:
        if at != x:
            side = 0.08 if at > x else -0.08
            if at in outermost:  # the others join its line
                pen.line((x, fork), (at, fork))
                pen.line((at + b, meet), (x + b + side, meet), head=True, back=True)
        space = (height - extent(path, m)[2]) / 2
        start = fork - m.gap - space
        pen.link(at, fork, start, None, path, back_to=meet - 0.08 if at == x else meet - 0.001)
        ends.append(draw(path, pen, at, start))
    pen.plus(x + b, meet, 0.08, back=True)
    pen.line((x + b, meet + 0.08), (x + b, top), back=True)
    return ends


def _draw_sides(part: Sides, pen: Pen, x: float, top: float) -> None:
    m = pen.m
    extents = [extent(path, m) for path in part.paths]
    left, right, height = extent(part, m)
    at, columns = x - left, []
    for path, (before, after, _) in zip(part.paths, extents, strict=True):
        columns.append((path, at + before))
        at += before + after + 0.2
    bar = top - height + m.height
    for (path, column), end in zip(
        columns, _paths(columns, pen, x, top, max(e[2] for e in extents)), strict=True
    ):
        pen.link(column, end, bar, path, OUTSIDE)
    what = size(part.gives) if m.shapes else size(part.gives[:1])
    colour = (pen.colours or {}).get(part.gives[1:], "white")
    pen.box(x, bar, left + right, f"concat, {what}", colour)


def _draw_aside(part: Aside, pen: Pen, x: float, top: float) -> None:
    """Draw a head beside the way of the others, all white, for its maps belong to no stage."""
    pen = Pen(pen.axes, pen.m, pen.colours and {})
    left, _, length = extent(part.path, pen.m)
    at = x + pen.m.box / 2 + 0.3 + left
    by, end = _paths([(Chain(part.takes, part.gives), x), (part.path, at)], pen, x, top, length)
    pen.link(x, by, top - extent(part, pen.m)[2], None, None)
    pen.link(at, end, end - pen.m.gap, part.path, OUTSIDE)
    pen.text(at, end - pen.m.gap - 0.09, f"{part.output} {size(part.path.gives)}", ha="center")


def _draw_sum(part: Sum, pen: Pen, x: float, top: float) -> None:
    """Draw a block with its plus sign, the paths of shortcut and gate on lines of their own."""
    m, b = pen.m, BESIDE
    *_, height = extent(part, m)
    left, right, _ = extent(part.branch, m)
    beside = extent(part.shortcut, m)
    at = x + right + (0.25 + beside[0] if part.shortcut.items else 0.2)
    paths = [(part.branch, x), (part.shortcut, at)]
    if part.gate is not None:
        paths.append((part.gate, x - left - 0.25 - extent(part.gate, m)[1]))
    join = top - height + m.tail + m.radius
    ends = _paths(paths, pen, x, top, _inner(part, m))
    parts = join - m.radius - m.tail / 2  # where the gradient goes both ways
    pen.line((x, join - m.radius), (x, top - height))
    pen.line((x + b, top - height), (x + b, parts), back=True)
    for (path, column), end in zip(paths, ends, strict=True):
        pen.link(column, end, join + (m.radius if column == x else 0), path, None)
        if column == x:
            pen.line((x, join + m.radius + 0.05), (x, join + m.radius), head=True)
            pen.line((x + b, parts), (x + b, join + m.radius), back=True)
        else:
            side = m.radius if column > x else -m.radius
            pen.line((column, join), (x + side, join), head=True)
            pen.line((x + b, parts), (column + b, parts), (column + b, join), back=True)
    pen.plus(x, join, m.radius)
    if not part.shortcut.items:
        pen.text(at + 0.06 + (b if m.backward else 0), (top + join) / 2, "identity", color="0.35")
    notes = [part.note or part.factors[0], part.factors[1]]
    pen.text(x - 0.07, join + m.radius + 0.1, notes[0], ha="right", color="0.35")
    pen.text(at - 0.05, join + 0.08, notes[1], ha="right", color="0.35")
    if part.gate is not None:
        pen.text((paths[2][1] + x) / 2, join + 0.08, "g", color="0.35")


def _inner(part: Sum, m: Measures) -> float:
    paths = [part.branch, part.shortcut, *([part.gate] if part.gate else [])]
    return max(extent(path, m)[2] for path in paths)


def _draw_arc(part: Sum, pen: Pen, x: float, top: float) -> None:
    """Draw a block as in the papers' networks: the shortcut is an arc, dashed unless it is x itself."""
    m = pen.m
    *_, height = extent(part, m)
    _, right, _ = extent(part.branch, m)
    paths = [(part.branch, x)]
    if part.gate is not None:
        left = extent(part.branch, m)[0]
        paths.append((part.gate, x - left - 0.25 - extent(part.gate, m)[1]))
    ends = _paths(paths, pen, x, top, max(extent(path, m)[2] for path, _ in paths))
    fork, join, end = top - m.lead, top - height + m.tail, top - height
    for (path, column), bottom in zip(paths, ends, strict=True):
        pen.link(column, bottom, end if column == x else join, path, None)
        if column != x:
            pen.line((column, join), (x, join), head=True)
            pen.text(column + 0.05, join + 0.07, "g", color="0.35")
    edge, out = x + right, x + right + 0.3
    arc = [(x, fork), (edge, fork), (out, fork), (out, join), (edge, join), (x, join)]
    identity = not arc_label(part) and not part.shortcut.items
    pen.path(arc, "LCCCL", head=True, dashed=not identity)
    out += 0.08
    back = [(x + BESIDE, end), (edge, end), (out, end), (out, top - m.lead / 2), (edge, top - m.lead / 2)]
    back.append((x + BESIDE + 0.08, top - m.lead / 2))
    pen.path(back, "LCCCL", head=True, back=True, dashed=True)
    pen.text(edge + bulge(m) - 0.02, (fork + join) / 2, arc_label(part), color="0.35")
