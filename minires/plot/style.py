"""What all figures share: colours, lines that differ without colours, bare axes."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


Numbers: TypeAlias = "Sequence | np.ndarray"  # of any depth

COLOUR = "#0b4f9e"

# told apart in black and white by dashes and markers
STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#0b4f9e", "linestyle": "solid", "marker": "o"},
    {"color": "#b3560b", "linestyle": (0, (5, 2)), "marker": "s"},
    {"color": "#3d7a35", "linestyle": (0, (1, 1)), "marker": "^"},
    {"color": "#7a3d77", "linestyle": (0, (5, 2, 1, 2)), "marker": "D"},
    {"color": "0.35", "linestyle": (0, (3, 1, 1, 1, 1, 1)), "marker": "v"},
    {"color": "#00798c", "linestyle": (0, (8, 3)), "marker": "P"},
)
HATCHES = ("", "//", "..", "xx", "--")  # of bars


def tidy(axes: Axes, *, grid: Literal["both", "x", "y"] = "both") -> None:
    """Draw a light grid behind the data and leave the frame out on top and at the right."""
    axes.grid(axis=grid, color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def check_some(name: str, values: Sized, what: str) -> None:
    """Raise ValueError if there is nothing to draw; what: is missing then."""
    if len(values) == 0:
        raise ValueError(f"{name}: expected at least one {what}, got none")


def sheet(
    columns: int = 1, *, width: float | None = None, height: float = 4.0, rows: int = 1, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return (figure, list of axes) for panels side by side, with room for their labels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width or (6.4 if columns == 1 else 4.4 * columns), height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **options).flat)
