"""A computational graph: every number in a box, its gradient with it, and what each arrow sends back."""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot
from typing import TYPE_CHECKING, Any, TypeAlias

from minires.plot.diagrams import ARROW
from minires.plot.style import STYLES, check_some, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Point: TypeAlias = tuple[float, float]

WIDTH, HEIGHT = 1.3, 0.62  # of a box, in inches
COLUMN, ROW = 2.75, 1.5  # from one box to the next
ASIDE = 0.14  # from an arrow to the one that runs back beside it
BACK = STYLES[1]["color"]


def computational_graph(
    values: Mapping[str, float],
    edges: Mapping[tuple[str, str], float],
    *,
    places: Mapping[str, tuple[float, float]],
    gradients: Mapping[str, float] | None = None,
    title: str = "",
) -> Figure:
    """Draw numbers that are computed from each other, and the gradients on their way back.

    Parameters
    ----------
    values
        {name: number}, each in a box.
    edges
        {(from, to): the derivative of the second number with respect to the first}, an arrow each.
    places
        {name: (column, row)}, columns from the left, rows from above.
    gradients
        {name: derivative of the last number with respect to this one}, written into the boxes. Each edge
        then has a dashed arrow back, with the product that it carries: gradient times derivative. None: the
        way forward alone.

    Raises
    ------
    ValueError
        Without a value; if a name has no value, no place or (where there are some) no gradient; if an arrow
        has its two ends at one place.

    Examples
    --------
    >>> figure = computational_graph(
    ...     {"x": 3.0, "y": 9.0}, {("x", "y"): 6.0}, places={"x": (0, 0), "y": (1, 0)}, title="y = x^2"
    ... )
    """
    check_some("values", values, "value")
    tables: dict[str, Mapping[str, Any]] = {"values": values, "places": places}
    if gradients is not None:
        tables["gradients"] = gradients
    named = dict.fromkeys([*values, *(name for edge in edges for name in edge)])
    for argument, known in tables.items():
        for name in named:
            if name not in known:
                raise ValueError(f"{argument}: expected one for {name!r}, got {', '.join(known)}")
    for start, end in edges:
        if tuple(places[start]) == tuple(places[end]):
            raise ValueError(f"places: expected two for {start!r} and {end!r}, got {places[start]} for both")
    at = {name: (COLUMN * places[name][0], -ROW * places[name][1]) for name in values}
    across, up = zip(*at.values(), strict=True)
    left, right = min(across) - WIDTH / 2 - 0.1, max(across) + WIDTH / 2 + 0.1
    bottom, top = min(up) - HEIGHT / 2 - 0.15, max(up) + HEIGHT / 2 + 0.15
    figure, (axes,) = sheet(width=right - left, height=top - bottom + (0.3 if title else 0.0))
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    axes.axis("off")
    axes.set_title(title, fontsize=11)
    for (start, end), derivative in edges.items():
        if gradients is None:
            _arrow(axes, at[start], at[end])
        else:
            _arrow(axes, at[start], at[end], aside=ASIDE / 2)
            sent = f"{gradients[end]:.4g} × {derivative:.4g} = {gradients[end] * derivative:.4g}"
            _arrow(axes, at[end], at[start], aside=ASIDE / 2, back=sent)
    for name, place in at.items():
        _box(axes, place, f"{name} = {values[name]:.4g}", None if gradients is None else gradients[name])
    return figure


def _box(axes: Axes, place: Point, text: str, gradient: float | None) -> None:
    from matplotlib.patches import Rectangle

    corner = place[0] - WIDTH / 2, place[1] - HEIGHT / 2
    axes.add_patch(Rectangle(corner, WIDTH, HEIGHT, facecolor="white", edgecolor="0.2", zorder=3))
    if gradient is None:
        axes.text(*place, text, ha="center", va="center", fontsize=10.5, zorder=4)
        return
    axes.text(*place, text, ha="center", va="bottom", fontsize=10.5, zorder=4)
    under = place[0], place[1] - 0.04
    axes.text(*under, f"gradient {gradient:.4g}", ha="center", va="top", color=BACK, fontsize=9.5, zorder=4)


def _arrow(axes: Axes, start: Point, end: Point, *, aside: float = 0.0, back: str | None = None) -> None:
    """Draw an arrow between the borders of two boxes; aside: to its left; back: what a dashed one carries."""
    length = hypot(end[0] - start[0], end[1] - start[1])
    along = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    shift = -along[1] * aside, along[0] * aside
    tail, tip = _border(start, along, shift), _border(end, (-along[0], -along[1]), shift)
    style = ARROW if back is None else {**ARROW, "linestyle": (0, (3, 2)), "color": BACK}
    axes.annotate("", tip, tail, arrowprops=style)
    if back is not None:
        middle = (tail[0] + tip[0]) / 2 + 9 * shift[0], (tail[1] + tip[1]) / 2  # off the other arrow
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        axes.text(*middle, back, color=BACK, fontsize=9.5, ha="center", va="center", bbox=paper, zorder=4)


def _border(centre: Point, along: Point, shift: Point) -> Point:
    """Return where a line that leaves a box in a direction, shifted aside, meets the border."""
    reach = [
        (size / 2 - (offset if step > 0 else -offset)) / abs(step)
        for size, step, offset in zip((WIDTH, HEIGHT), along, shift, strict=True)
        if abs(step) > 1e-9
    ]
    return centre[0] + shift[0] + min(reach) * along[0], centre[1] + shift[1] + min(reach) * along[1]
