"""Names beside the points of a figure, where they cover nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import hypot
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import BboxBase


# where a name may stand, the best place first: horizontal and vertical direction as seen from its point
PLACES = ((1, 0), (0, 1), (0, -1), (-1, 0), (0.7, 0.7), (0.7, -0.7), (-0.7, 0.7), (-0.7, -0.7))
ALIGNMENTS = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}
GAPS = (3, 14, 28)  # points between a disc and its name


def place(
    axes: Axes, points: Sequence[tuple[str, float, float, float]], *, fontsize: float = 10
) -> list[Annotation]:
    """Write a name beside each of some discs, a thin line from its centre to the name, and return the texts.

    Call it when the axes have their limits.

    Parameters
    ----------
    points : (name, x, y, radius in points)
        x and y in the units of the data. One after the other, from the largest disc on, takes the place at
        which it covers no earlier name, stays inside the axes, and covers as little of other discs as can be;
        the nearer the better.
    """
    figure: Any = axes.figure
    figure.draw_without_rendering()  # only now it is known where the axes stand
    pixel = figure.dpi / 72  # pixels of a point
    discs = [(*axes.transData.transform((x, y)), radius * pixel) for _, x, y, radius in points]
    texts: dict[int, Annotation] = {}
    taken: list[BboxBase] = []
    for i in sorted(range(len(points)), key=lambda i: -points[i][3]):
        name, x, y, radius = points[i]
        text = axes.annotate(
            name,
            (x, y),
            (0, 0),
            textcoords="offset points",
            fontsize=fontsize,
            arrowprops={"arrowstyle": "-", "color": "0.3", "linewidth": 0.7, "shrinkA": 1, "shrinkB": 0},
        )
        text.set_in_layout(False)
        others = discs[:i] + discs[i + 1 :]

        def cost(
            place: tuple[float, tuple[float, float]],
            text: Annotation = text,
            radius: float = radius,
            others: Sequence[tuple[float, float, float]] = others,
        ) -> tuple[float, int]:
            _move(text, *place, radius)
            box = _box(text).padded(2 * pixel)
            names = sum(_overlap(box, other) for other in taken)
            covered = sum(_depth(box, disc) for disc in others)
            return names + _outside(box, axes.get_window_extent()), round(covered)

        _move(text, *min(product(GAPS, PLACES), key=cost), radius)
        texts[i] = text
        taken.append(_box(text))
    return [texts[i] for i in range(len(points))]


def _move(text: Annotation, gap: float, direction: tuple[float, float], radius: float) -> None:
    right, up = direction
    text.set_position(((radius + gap) * right, (radius + gap) * up))
    horizontal, vertical = ((part > 0) - (part < 0) for part in direction)
    text.set(ha=ALIGNMENTS[horizontal][0], va=ALIGNMENTS[vertical][1])


def _box(text: Annotation) -> BboxBase:
    """Return the box of the words alone, without the line."""
    from matplotlib.text import Text

    text.get_window_extent()  # moves the words to their place
    return Text.get_window_extent(text)


def _overlap(a: BboxBase, b: BboxBase) -> float:
    """Return the common area of two boxes."""
    return max(0, min(a.x1, b.x1) - max(a.x0, b.x0)) * max(0, min(a.y1, b.y1) - max(a.y0, b.y0))


def _outside(box: BboxBase, frame: BboxBase) -> float:
    """Return how much of the box lies outside the frame."""
    return box.width * box.height - _overlap(box, frame)


def _depth(box: BboxBase, disc: tuple[float, float, float]) -> float:
    """Return how far the box reaches into the disc (x, y, radius)."""
    x, y, radius = disc
    nearest = min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1)
    return max(0, radius - hypot(x - nearest[0], y - nearest[1]))
