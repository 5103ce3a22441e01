"""Diagrams of how networks are put together: boxes and arrows, no measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minires.plot.style import COLOUR, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


ARROW = {"arrowstyle": "-|>", "color": "0.2", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
WIDTH, HEIGHT, STEP = 0.84, 0.5, 1.06  # of a box, and from one box to the next


def construction(
    shallow: Sequence[str],
    deep: Sequence[str],
    *,
    titles: tuple[str, str] = ("shallower,\ntrained", "deeper,\nconstructed"),
) -> Figure:
    """Draw a solution by construction: a deeper network made of a shallower one's layers.

    Parameters
    ----------
    shallow, deep
        Names of the layers or blocks, first to last. A name that both have is copied; those that only the
        deep network has stand in dashed frames and are set to the identity.
    titles
        Of the two.

    Raises
    ------
    ValueError
        Unless all of shallow stand in deep, in the same order.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), section 1; the lectures draw it with 18 and 34 layers.
    """
    if [name for name in deep if name in shallow] != list(shallow):
        raise ValueError(f"shallow: its layers should all stand in deep, in the same order, got {shallow}")
    top, bottom, margin = 1.75, 0.45, 1.7  # heights of the two rows; room for their names
    figure, (axes,) = sheet(width=(margin + len(deep) * STEP) * 0.92, height=2.9)
    axes.set(xlim=(0, margin + len(deep) * STEP), ylim=(-0.35, 2.15))
    axes.axis("off")
    axes.set_title("A deeper network made of a trained shallower one", fontsize=11)
    at = {name: margin + (i + 0.5) * STEP for i, name in enumerate(deep)}
    for y, names, text in (
        (top, shallow, titles[0]),
        (bottom, deep, titles[1]),
    ):
        axes.text(0.1, y, text, va="center", fontsize=10, weight="bold")
        for before, after in zip(names, names[1:], strict=False):
            ends = (at[after] - WIDTH / 2, y), (at[before] + WIDTH / 2, y)
            axes.annotate("", *ends, arrowprops=ARROW)
        for name in names:
            _box(axes, at[name], y, name, copied=name in shallow)
    for name in shallow:
        ends = (at[name], bottom + HEIGHT / 2), (at[name], top - HEIGHT / 2)
        axes.annotate("", *ends, arrowprops=ARROW | {"linestyle": (0, (3, 3)), "color": COLOUR})
    axes.text(at[shallow[0]] + 0.08, (top + bottom) / 2, "copied", fontsize=10, color=COLOUR, va="center")
    axes.text(
        margin + (STEP - WIDTH) / 2,
        -0.17,
        "dashed frame: inserted, and set to the identity",
        fontsize=10,
        va="center",
    )
    return figure


def _box(axes: Axes, x: float, y: float, name: str, *, copied: bool) -> None:
    """Draw one layer or block: a full box if its weights are a trained network's, else a dashed frame."""
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle(
            (x - WIDTH / 2, y - HEIGHT / 2),
            WIDTH,
            HEIGHT,
            facecolor=COLOUR if copied else "white",
            edgecolor=COLOUR if copied else "0.2",
            linestyle="solid" if copied else (0, (4, 2)),
            linewidth=1.2,
        )
    )
    colour = "white" if copied else "black"
    axes.text(x, y, name.replace(".", "\nblock "), ha="center", va="center", fontsize=9, color=colour)
