"""What a detector does with boxes, anchors on an image, bins on a map; how good they are, what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minires.plot.images import as_drawn
from minires.plot.style import COLOUR, STYLES, Numbers, check_some, sheet, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def anchors(
    image: np.ndarray, groups: Mapping[str, Numbers], *, stride: float | None = None, title: str = ""
) -> Figure:
    """Draw boxes on an image, in groups that differ in their dashes.

    Parameters
    ----------
    image : (1, H, W) or (3, H, W)
        See `mosaic`.
    groups
        {label: boxes (N, 4)}, x1, y1, x2, y2 in pixels, at least one group: the anchors of a size.
    stride
        If given, a dot stands at the centre of each cell of the map, of so many pixels.

    Raises
    ------
    ValueError
        Without a group.

    Notes
    -----
    Anchors may hang over the border: the picture goes on there.
    """
    from matplotlib.patches import Rectangle

    check_some("groups", groups, "group of boxes")
    figure, (axes,) = sheet(width=6.9, height=4.9)
    height, width = np.shape(image)[-2:]
    axes.imshow(as_drawn("image", np.asarray(image)), cmap="gray", extent=(0, width, height, 0), alpha=0.75)
    if stride is not None:
        x, y = np.meshgrid(*(np.arange(stride / 2, length, stride) for length in (width, height)))
        axes.plot(x.ravel(), y.ravel(), ".", color="white", markersize=2.5, label="centre of a cell")
    edge: dict[str, Any] = {"fill": False}
    for (label, boxes), style in zip(groups.items(), STYLES * len(groups), strict=False):
        for number, (x1, y1, x2, y2) in enumerate(np.asarray(boxes, np.float64)):
            place = (x1, y1), x2 - x1, y2 - y1
            axes.add_patch(Rectangle(*place, edgecolor="white", linewidth=2.6, **edge))
            axes.add_patch(
                Rectangle(
                    *place,
                    edgecolor=style["color"],
                    linestyle=style["linestyle"],
                    linewidth=1.7,
                    label=label if number == 0 else None,
                    **edge,
                )
            )
    everything = np.concatenate([np.asarray(boxes, np.float64) for boxes in groups.values()])
    low, high = everything[:, :2].min(axis=0), everything[:, 2:].max(axis=0)
    axes.set_xlim(min(0, low[0] - 1), max(width, high[0] + 1))
    axes.set_ylim(max(height, high[1] + 1), min(0, low[1] - 1))
    axes.set(xlabel="x (pixels)", ylabel="y (pixels)", facecolor="0.92")
    legend = figure.legend(frameon=True, fontsize=9, loc="outside right center")
    legend.get_frame().set(facecolor="0.75", edgecolor="none")
    figure.suptitle(title, fontsize=11)
    return figure


def region_bins(cells: Numbers, box: Sequence[float], *, size: int, scale: float, samples: int = 2) -> Figure:
    """Draw a box on a feature map, and what RoI max pooling and RoIAlign make of it.

    Parameters
    ----------
    cells : (H, W)
        One channel of the map.
    box : (x1, y1, x2, y2)
        In pixels of the image.
    size
        P, bins a side.
    scale
        Cells of the map for one pixel: 1 / stride.
    samples
        RoIAlign's points of a bin in either direction.

    Notes
    -----
    At the left the bins are whole cells: the box is rounded to some, its last one counted in, and neighbours
    may share a row or column, drawn as frames within one another. At the right they are equal parts of the
    box itself, and dots are the points at which the map is interpolated.
    """
    from matplotlib.patches import Rectangle

    cells = np.asarray(cells, np.float64)
    height, width = cells.shape
    figure, all_axes = sheet(2, width=8.8, height=1.4 + 3.7 * height / width, sharex=True, sharey=True)
    x1, y1, x2, y2 = (scale * value for value in box)
    for axes, name in zip(all_axes, ("RoI max pooling", "RoIAlign"), strict=True):
        axes.imshow(cells, cmap="Greys", extent=(0, width, height, 0), alpha=0.55)
        axes.set_xticks(range(width + 1), minor=True)
        axes.set_yticks(range(height + 1), minor=True)
        for axis in (axes.xaxis, axes.yaxis):
            axis.remove_overlapping_locs = False  # a line between all cells, with a number or without
        axes.grid(which="minor", color="0.8", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(which="minor", length=0)
        axes.set_title(name, fontsize=10)
        outline: dict[str, Any] = {"fill": False, "edgecolor": "#b3560b", "linewidth": 1.8, "zorder": 4}
        axes.add_patch(
            Rectangle((x1, y1), x2 - x1, y2 - y1, label="the box", linestyle=(0, (5, 2)), **outline)
        )
        axes.set_xlabel("column of the map")
    rounded, exact = all_axes
    rounded.set_ylabel("row of the map")
    rows, columns = (_whole_cells(low, high, size) for low, high in ((y1, y2), (x1, x2)))
    for p, (top, bottom) in enumerate(rows):
        for q, (left, right) in enumerate(columns):
            inset = 0.08 + 0.1 * ((p + q) % 2)  # so that frames that share cells are both seen
            axes_box = (left + inset, top + inset), right - left - 2 * inset, bottom - top - 2 * inset
            label = "a bin" if p == q == 0 else None
            rounded.add_patch(Rectangle(*axes_box, fill=False, edgecolor=COLOUR, linewidth=1.6, label=label))
    _exact_bins(exact, (x1, y1, x2, y2), size, samples)
    handles, labels = exact.get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=9, loc="outside lower center", ncols=3)
    return figure


def _whole_cells(low: float, high: float, size: int) -> list[tuple[int, int]]:
    """Return the cells [first, last + 1) of each bin of RoI max pooling, of a box from low to high."""
    first = math.floor(low + 0.5)
    count = max(math.floor(high + 0.5) - first + 1, 1)
    return [(first + p * count // size, first - (-(p + 1) * count // size)) for p in range(size)]


def _exact_bins(axes: Axes, box: tuple[float, float, float, float], size: int, samples: int) -> None:
    """Draw RoIAlign's bins and points."""
    from matplotlib.patches import Rectangle

    x1, y1, x2, y2 = box
    width, height = (x2 - x1) / size, (y2 - y1) / size
    for p in range(size):
        for q in range(size):
            corner, label = (x1 + q * width, y1 + p * height), "a bin" if p == q == 0 else None
            axes.add_patch(
                Rectangle(corner, width, height, fill=False, edgecolor=COLOUR, linewidth=1.6, label=label)
            )
    steps = (np.arange(size * samples) + 0.5) / samples
    x, y = np.meshgrid(x1 + steps * width, y1 + steps * height)
    axes.plot(x.ravel(), y.ravel(), "o", color=COLOUR, markersize=3.5, label="a point that is interpolated")


def precision_recall(curves: Mapping[str, tuple[Numbers, Numbers]], *, title: str = "") -> Figure:
    """Draw precision over recall, with the envelope below which the area is average precision.

    Parameters
    ----------
    curves
        {label: (precision, recall)} of `detection.precision_recall`, at least one.

    Raises
    ------
    ValueError
        Without a curve.
    """
    check_some("curves", curves, "curve")
    figure, (axes,) = sheet(width=6.4, height=4.2)
    for (label, (precision, recall)), style in zip(curves.items(), STYLES * len(curves), strict=False):
        right, reached = np.asarray(precision, np.float64), np.asarray(recall, np.float64)
        envelope = np.maximum.accumulate(right[::-1])[::-1]
        area = float((np.diff(reached, prepend=0) * envelope).sum())
        drawn = (  # from recall 0, and down to the axis where the last object was found
            np.concatenate([[0.0], reached, reached[-1:]]),
            np.concatenate([envelope[:1], envelope, [0.0]]),
        )
        shortest = min(map(len, drawn))  # without a detection there is nothing but a legend
        line = {"color": style["color"], "linestyle": style["linestyle"]}
        axes.plot(reached, right, linewidth=0.8, alpha=0.6, **line)
        axes.step(
            *(part[:shortest] for part in drawn),
            where="pre",
            linewidth=1.8,
            label=f"{label}: area {area:.3f}",
            **line,
        )
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.03), title=title)
    tidy(axes)
    axes.legend(frameon=False, fontsize=9, loc="lower left")
    return figure


def proposal_recalls(series: Mapping[str, Mapping[int, Any]], *, title: str = "") -> Figure:
    """Draw the recall of proposals over how many there are, on a logarithmic axis.

    Parameters
    ----------
    series
        {label: {number of proposals: recall, or the recalls of several seeds}}, at least one.

    Raises
    ------
    ValueError
        Without a series.
    """
    check_some("series", series, "series")
    figure, (axes,) = sheet(width=7.2, height=4.0)
    for (label, found), style in zip(series.items(), STYLES * len(series), strict=False):
        counts = list(found)
        values = [np.atleast_1d(np.asarray(found[count], np.float64)) for count in counts]
        low, high = ([getattr(each, end)() for each in values] for end in ("min", "max"))
        axes.fill_between(counts, low, high, color=style["color"], alpha=0.15, linewidth=0)
        axes.plot(counts, [each.mean() for each in values], label=label, markersize=5, linewidth=1.6, **style)
    ticks = sorted({count for found in series.values() for count in found})
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="proposals of an image", ylabel="objects covered (recall)", ylim=(0, 1.03), title=title)
    tidy(axes)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return figure


def detector_costs(methods: Mapping[str, Mapping[str, float]], *, title: str = "") -> Figure:
    """Draw the multiply-adds of an image by part of the detector, in millions on a logarithmic axis.

    Parameters
    ----------
    methods
        {method: {part: multiply-adds}}, at least one; parts of 0 are left out.

    Raises
    ------
    ValueError
        Without a method.
    """
    check_some("methods", methods, "method")
    parts = list(dict.fromkeys(part for each in methods.values() for part in each))
    rows = [(method, part) for method, each in methods.items() for part in each if each[part]]
    figure, (axes,) = sheet(width=7.6, height=1.1 + 0.36 * len(rows))
    at, place, names = [], 0.0, []
    for i, (method, part) in enumerate(rows):
        place += 0.45 if i and method != rows[i - 1][0] else 0
        at.append(place + i)
        names.append(f"{method}: {part}" if i == 0 or method != rows[i - 1][0] else part)
    shades = {part: STYLES[i % len(STYLES)]["color"] for i, part in enumerate(parts)}
    values = [methods[method][part] / 1e6 for method, part in rows]
    drawn = axes.barh(at, values, height=0.72, color=[shades[part] for _, part in rows])
    axes.bar_label(
        drawn, [f"{value:,.3g}" if value < 1000 else f"{value:,.0f}" for value in values], padding=3
    )
    axes.set_yticks(at, names, fontsize=9)
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="multiply-adds of an image (millions, logarithmic)", title=title)
    axes.set_xlim(min(values) / 2, 6 * max(values))
    axes.xaxis.set_major_formatter("{x:,g}")
    tidy(axes, grid="x")
    return figure
