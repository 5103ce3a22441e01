"""Matrices side by side: of one kind on one scale, as heights over a plane, or expected and actual values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from minires.plot.style import Numbers, check_some, sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MOST_NUMBERS = 30  # that are written into a picture


def heat_maps(
    panels: Mapping[str, Numbers],
    *,
    xlabel: str,
    ylabel: str,
    label: str,
    limits: tuple[float, float],
    columns: int = 2,
    origin: int = 0,
) -> Figure:
    """Draw square matrices in panels of equal size, in greys with one common scale.

    Parameters
    ----------
    panels
        {title: matrix (n, n)}, row by row.
    label
        What the shades mean, with its unit.
    limits : (white, black)
    columns
        Panels in a row.
    origin
        The number that the first row and column have.

    Raises
    ------
    ValueError
        Without a panel.
    """
    check_some("panels", panels, "matrix")
    rows = -(-len(panels) // columns)
    figure, all_axes = sheet(
        columns, rows=rows, width=1.2 + 3.2 * columns, height=0.4 + 3.0 * rows, sharex=True, sharey=True
    )
    for axes in all_axes[len(panels) :]:
        axes.set_visible(False)
    for axes, (title, matrix) in zip(all_axes, panels.items(), strict=False):
        edges = (origin - 0.5, origin + len(matrix) - 0.5)
        image = axes.imshow(
            matrix, cmap="Greys", vmin=limits[0], vmax=limits[1], origin="lower", extent=(*edges, *edges)
        )
        axes.set_title(title, fontsize=10)
    figure.supxlabel(xlabel, fontsize=10)
    figure.supylabel(ylabel, fontsize=10)
    figure.colorbar(image, ax=all_axes, label=label, shrink=0.8)
    return figure


def contours(
    panels: Mapping[str, Numbers],
    *,
    at: Numbers,
    levels: Numbers,
    xlabel: str,
    ylabel: str,
    label: str,
    title: str = "",
) -> Figure:
    """Draw heights over a square of a plane in panels side by side, as a map: lines of equal height.

    Parameters
    ----------
    panels
        {title: heights (n, n)}, such as losses; rows run upwards.
    at : (n,)
        Where rows and columns lie on their axes, ascending.
    levels : (m,)
        The heights that have a line, ascending, the same in all panels; the higher, the darker between them.
    label
        What the heights are, with their unit.

    Raises
    ------
    ValueError
        Without a panel.
    """
    from matplotlib import colormaps

    check_some("panels", panels, "matrix")
    count = len(panels)
    figure, all_axes = sheet(count, width=1.2 + 3.5 * count, height=4.0, sharex=True, sharey=True)
    shades = colormaps["Greys"](np.linspace(0, 0.75, len(levels) + 1))
    for axes, (name, heights) in zip(all_axes, panels.items(), strict=True):
        filled = axes.contourf(at, at, heights, levels=levels, colors=shades, extend="both")
        axes.contour(at, at, heights, levels=levels, colors="black", linewidths=0.7)
        axes.plot(0, 0, marker="+", color="black", markersize=9)
        axes.set_title(name, fontsize=10)
        axes.set_aspect("equal")
        ticks = np.linspace(at[0], at[-1], 5)
        axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axes.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    figure.supxlabel(xlabel, fontsize=10)
    figure.supylabel(ylabel, fontsize=10)
    scale = figure.colorbar(filled, ax=all_axes, label=label, shrink=0.8)
    scale.set_ticks(levels, labels=[f"{level:g}" for level in levels])
    figure.suptitle(title)
    return figure


def error_maps(expected: Numbers, got: Numbers, *, name: str) -> Figure:
    """Draw the last two axes of an array: expected values, actual values, and their difference.

    Parameters
    ----------
    expected, got
        Of one shape; where there are more than two axes, the plane with the largest error is drawn.
    name
        Of the array.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    expected, got = np.atleast_1d(np.asarray(expected, np.float64), np.asarray(got, np.float64))
    if expected.shape != got.shape:
        raise ValueError(f"got: expected the shape {expected.shape}, got {got.shape}")
    error = np.nan_to_num(np.abs(got - expected), nan=np.inf)
    index = np.unravel_index(int(np.argmax(error)), error.shape)[:-2]
    planes = [np.atleast_2d(array[index]) for array in (expected, got, got - expected)]
    finite = [np.abs(plane[np.isfinite(plane)]).max(initial=0.0) or 1.0 for plane in planes]
    value = max(finite[:2])
    rows, columns = planes[0].shape
    height = min(max(1.3 + 3.0 * rows / columns, 2.0), 6.0)  # panels are 3 inches wide
    figure, all_axes = sheet(3, width=9.6, height=height, sharex=True, sharey=True)
    titles = ("expected", "got", "got - expected")
    for axes, title, plane, limit in zip(all_axes, titles, planes, (value, value, finite[2]), strict=True):
        image = axes.imshow(plane, cmap="PuOr", vmin=-limit, vmax=limit)
        axes.set_title(title, fontsize=10)
        axes.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
        axes.yaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
        if plane.size <= MOST_NUMBERS:
            for (row, column), number in np.ndenumerate(plane):
                shade = "white" if abs(number) > 0.6 * limit else "black"
                axes.text(column, row, f"{number:.2g}", ha="center", va="center", color=shade, fontsize=8)
        else:
            figure.colorbar(image, ax=axes)
    place = "".join(f"{i}, " for i in index)
    figure.suptitle(f"{name}[{place}:, :]" if expected.ndim > 1 else name, fontsize=11)
    return figure
