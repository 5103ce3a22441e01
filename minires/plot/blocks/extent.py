"""How much room the parts of a network take, in inches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from minires.plot.blocks.parts import Aside, Box, Chain, Frame, Part, Repeat, Sides, Sum, on_the_way

Extent: TypeAlias = tuple[float, float, float]  # to the left and to the right of the line, and downwards

BESIDE = 0.12  # from a line of forward to the one of backward
SMALL = 7.5  # points of what stands beside boxes
FRAME = 0.3  # from the top of a frame to what is in it
RECOMPUTED = "recomputed in backward"


@lru_cache(maxsize=4096)
def width_of(text: str, points: float, weight: str = "normal") -> float:
    """Return how wide a text is, in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(weight=weight, size=points)
    lines = [TextPath((0, 0), line, prop=font).get_extents().width for line in text.split("\n") if line]
    return max(lines, default=0.0) / 72


@dataclass(frozen=True)
class Measures:
    """Sizes in inches, which depend on what is drawn.

    box: width of all boxes; font: points of their labels; shapes: whether shapes stand beside the line.
    """

    box: float
    font: float
    height: float
    gap: float  # from a box to the next
    near: float  # between two parts that are no boxes
    radius: float  # of a plus sign, 0 for shortcuts that are arcs
    shapes: bool
    backward: bool

    @property
    def lead(self) -> float:
        """How far above the fan-out of a value its gradients meet."""
        return 0.3 if self.backward else 0.0

    @property
    def tail(self) -> float:
        """How far below the plus sign the gradient parts."""
        return 0.16 if self.backward else 0.0


def extent(part: Part, m: Measures) -> Extent:
    """Return how far a part reaches."""
    half = m.box / 2
    if isinstance(part, Chain):
        extents = [extent(item, m) for item in part.items]
        gaps = sum(gap_between(a, b, m) for a, b in zip(part.items, part.items[1:], strict=False))
        left, right = (max((e[side] for e in extents), default=half) for side in (0, 1))
        return left, right, sum(e[2] for e in extents) + gaps
    if isinstance(part, Repeat):
        left, right, height = extent(part.item, m)
        return left, right + 0.18 + width_of(times(part), m.font), height
    if isinstance(part, Frame):
        left, right, height = extent(part.inner, m)
        words = 0.12 + BESIDE + width_of(RECOMPUTED, SMALL)
        return left + 0.12, max(right + 0.12, words + 0.06), height + FRAME + m.gap
    if isinstance(part, Sides):
        extents = [extent(path, m) for path in part.paths]
        total = sum(e[0] + e[1] for e in extents) + 0.2 * (len(extents) - 1)
        return total / 2, total / 2, m.lead + 2 * m.gap + max(e[2] for e in extents) + m.height
    if isinstance(part, Aside):
        left, right, height = extent(part.path, m)
        return half, half + 0.3 + left + right, m.lead + height + 2 * m.gap + 0.2
    return _extent_of_sum(part, m) if isinstance(part, Sum) else (half, half, m.height)


def _extent_of_sum(part: Sum, m: Measures) -> Extent:
    left, right, height = extent(part.branch, m)
    left = max(left, 0.1 + width_of(part.note, SMALL) if m.radius else 0)
    if m.radius and part.shortcut.items:
        beside = extent(part.shortcut, m)
        right, height = right + 0.25 + beside[0] + beside[1], max(height, beside[2])
    elif m.radius:
        right += 0.3 + width_of("identity", SMALL)
    else:
        right += bulge(m) + width_of(arc_label(part), SMALL)
    if part.gate is not None:
        gate = extent(part.gate, m)
        left, height = left + 0.25 + gate[0] + gate[1], max(height, gate[2])
    return left, right, m.lead + 2 * m.gap + height + 2 * m.radius + m.tail


def gap_between(upper: Part | None, lower: Part | None, m: Measures) -> float:
    return m.gap if has_box_below(upper) or has_box_above(lower) else m.near


def has_box_above(part: Part | None) -> bool:
    """Return whether an arrow into the part ends at a box."""
    if isinstance(part, Chain):
        return has_box_above(part.items[0]) if part.items else False
    return has_box_above(part.item) if isinstance(part, Repeat) else isinstance(part, Box)


def has_box_below(part: Part | None) -> bool:
    """Return whether a gradient's arrow into the part ends at a box."""
    if isinstance(part, Chain):
        return has_box_below(part.items[-1]) if part.items else False
    return has_box_below(part.item) if isinstance(part, Repeat) else isinstance(part, (Box, Sides))


def times(part: Repeat) -> str:
    return f"{part.times} times"


def bulge(m: Measures) -> float:
    return 0.41 if m.backward else 0.33


def arc_label(part: Sum) -> str:
    """Return what stands beside a shortcut's arc: what it does to x, and what gates do."""
    gated = [f"{'g F' if part.factors[0] else 'F'} + (1 - g) x"] * (part.gate is not None)
    return "\n".join(on_the_way(part.shortcut) + gated)
