"""The lines, boxes and words of a drawing, on axes whose units are inches."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot
from typing import TYPE_CHECKING, TypeAlias

from minires.plot.blocks.extent import BESIDE, SMALL, Measures, has_box_above, has_box_below
from minires.plot.blocks.labels import ACTIVATION, NORM, OTHER, POOL, WEIGHTS, size
from minires.plot.blocks.parts import Box, Chain, Part, Repeat
from minires.plot.style import STYLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point: TypeAlias = tuple[float, float]

INK, BACK = "0.2", STYLES[1]["color"]  # forward and backward
DASHES, DOTS = (0, (3, 2)), (0, (1, 1))  # of a shortcut that is not the identity, and of backward
TINTS = {WEIGHTS: "#c9dcf2", NORM: "#e6e6e6", ACTIVATION: "#fbdfc3", POOL: "#cfe6c9", OTHER: "white"}
HEAD = 0.085  # length of an arrow's head, in inches


class Pen:
    """Draws on axes whose units are inches.

    colours: {size of a map: colour of the boxes that put out such}, or None: by the kind of the layer.
    """

    def __init__(
        self, axes: Axes, measures: Measures, colours: dict[tuple[int, ...], str] | None = None
    ) -> None:
        self.axes, self.m, self.colours = axes, measures, colours

    def line(self, *points: Point, head: bool = False, back: bool = False, dashed: bool = False) -> None:
        """Draw a line through the points; head: an arrow's, at the last one; back: a gradient's."""
        self.path(points, "L" * (len(points) - 1), head=head, back=back, dashed=dashed)

    def path(
        self, points: Sequence[Point], steps: str, *, head: bool = False, back: bool = False, dashed: bool
    ) -> None:
        """Draw lines (L) and cubic curves (CCC) from the first point on."""
        from matplotlib.patches import PathPatch, Polygon
        from matplotlib.path import Path

        if back and not self.m.backward:
            return
        (x0, y0), (x, y) = points[-2:]
        length = hypot(x - x0, y - y0)
        across, up = ((x - x0) / length, (y - y0) / length) if length else (0.0, 0.0)
        colour, name = (BACK, "backward") if back else (INK, "forward")
        if head:  # a triangle, whose tip is the last point
            x, y = x - HEAD * across, y - HEAD * up
            corners = [points[-1]] + [(x + side * up, y - side * across) for side in (HEAD / 2, -HEAD / 2)]
            self.axes.add_artist(Polygon(corners, facecolor=colour, linewidth=0, gid=f"{name} head"))
        codes = [Path.MOVETO, *({"L": Path.LINETO, "C": Path.CURVE4}[step] for step in steps)]
        line = PathPatch(
            Path([*points[:-1], (x, y)], codes),
            fill=False,
            edgecolor=colour,
            linestyle=DOTS if back else DASHES if dashed else "solid",
            linewidth=1.4 if back else 1.1,
            capstyle="butt",
            joinstyle="miter",
            gid=name,
        )
        self.axes.add_artist(line)

    def text(self, x: float, y: float, text: str, points: float = SMALL, **options: object) -> None:
        """Write a text, centred upwards and downwards unless told otherwise."""
        self.axes.text(x, y, text, **{"fontsize": points, "va": "center", "ha": "left", **options})  # type: ignore[arg-type]

    def box(self, x: float, top: float, width: float, label: str, colour: str) -> None:
        """Draw a box of one line of text around x."""
        from matplotlib.patches import Rectangle

        corner, height = (x - width / 2, top - self.m.height), self.m.height
        self.axes.add_artist(Rectangle(corner, width, height, facecolor=colour, edgecolor=INK, linewidth=0.9))
        self.text(x, top - height / 2, label, self.m.font, ha="center")

    def plus(self, x: float, y: float, radius: float, *, back: bool = False) -> None:
        """Draw a sum's sign: of what forward adds, or of gradients."""
        from matplotlib.patches import Circle

        if back and not self.m.backward:
            return
        colour = BACK if back else INK
        circle = Circle((x, y), radius, facecolor="white", edgecolor=colour, linewidth=1.1, zorder=3)
        circle.set_gid("gradients meet" if back else "sum")
        self.axes.add_artist(circle)
        for across, up in ((0.6 * radius, 0), (0, 0.6 * radius)):
            ends = [x - across, x + across], [y - up, y + up]
            self.axes.plot(*ends, color=colour, linewidth=1.1, solid_capstyle="butt", zorder=4)

    def link(
        self, x: float, top: float, bottom: float, upper: Part | None, lower: Part | None, back_to: float = 0
    ) -> None:
        """Draw what leads from one part down to the next, and the gradient's way up to `back_to` (top)."""
        self.line((x, top), (x, bottom), head=has_box_above(lower))
        b = x + BESIDE
        self.line((b, bottom), (b, back_to or top), head=bool(back_to) or has_box_below(upper), back=True)
        box = _last_box(upper)
        if self.m.shapes and box is not None and box.takes != box.gives:
            self.text(x - 0.07, (top + bottom) / 2, size(box.gives), ha="right", color="0.35")


def _last_box(part: Part | None) -> Box | None:
    while isinstance(part, (Chain, Repeat)):
        part = part.item if isinstance(part, Repeat) else part.items[-1] if part.items else None
    return part if isinstance(part, Box) else None
