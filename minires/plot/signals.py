"""Numbers of a network side by side: over its layers, in bars, in histograms, in a matrix.

Every function takes plain numbers with their labels and returns the matplotlib figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from minires.plot.style import COLOUR, HATCHES, STYLES, Numbers, check_some, sheet, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def lines(
    series: Mapping[str, Any],
    *,
    xlabel: str,
    ylabel: str,
    derived: Mapping[str, Any] | None = None,
    log: bool = False,
    log_x: bool = False,
    x: Numbers | None = None,
    title: str = "",
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Draw measured series over a common axis, with the derived values as thin lines.

    Parameters
    ----------
    series
        {label: values (n,)}, or values (seeds, n): then their mean with a shade from least to largest. A
        value may be a pair (x, values) to have an axis of its own.
    derived
        {label: values (n,)}, drawn thin and grey without markers.
    log, log_x
        Logarithmic axes.
    x : (n,)
        None: 1, 2, 3, ...

    Raises
    ------
    ValueError
        Without a series.

    Examples
    --------
    >>> figure = lines({"measured": [1.0, 0.5, 0.26]}, xlabel="layer", ylabel="variance", log=True)
    >>> figure.savefig("variance.png")  # doctest: +SKIP
    """
    return line_panels(
        {"": series},
        derived=None if derived is None else {"": derived},
        xlabel=xlabel,
        ylabel=ylabel,
        log=log,
        log_x=log_x,
        x=x,
        title=title,
        ylim=ylim,
    )


def line_panels(
    panels: Mapping[str, Any],
    *,
    xlabel: str,
    ylabel: str,
    derived: Mapping[str, Any] | None = None,
    log: bool = False,
    log_x: bool = False,
    x: Numbers | None = None,
    title: str = "",
    ylim: tuple[float, float] | None = None,
    legends: bool = False,
    ticks: Sequence[str] | None = None,
) -> Figure:
    """Draw series like `lines` in several panels side by side on one y axis.

    Parameters
    ----------
    panels
        {title: series}
    derived
        {title: derived series}
    legends
        Whether each panel has a legend in it; otherwise one stands outside, for all.
    ticks
        Names that stand at 1, 2, 3, ... on the x axis in place of numbers.

    Raises
    ------
    ValueError
        Without a panel or a series.
    """
    check_some("panels", panels, "panel")
    for series in panels.values():
        check_some("series", series, "series")
    figure, all_axes = sheet(len(panels), sharey=True, width=7.2 if len(panels) == 1 else None)
    for axes, (name, series) in zip(all_axes, panels.items(), strict=True):
        many = max(np.shape(_pair(values, x)[1])[-1] for values in series.values()) > 24
        for (label, values), style in zip(series.items(), STYLES * len(series), strict=False):
            at, values = _pair(values, x)
            each = max(1, values.shape[-1] // 10) if many else 1
            if values.ndim == 2:
                shade = values.min(axis=0), values.max(axis=0)
                axes.fill_between(at, *shade, color=style["color"], alpha=0.15, linewidth=0)
                values = values.mean(axis=0)
            axes.plot(at, values, **style, markersize=4.5, markevery=each, linewidth=1.6, label=label)
        for label, values in ((derived or {}).get(name) or {}).items():
            at, values = _pair(values, x)
            axes.plot(at, values, color="0.25", linewidth=0.9, zorder=1, label=label)
        if log:
            axes.set_yscale("log")
        if log_x:
            axes.set_xscale("log")
        axes.set(title=name, xlabel=xlabel)
        if ticks is not None:
            axes.set_xticks(range(1, len(ticks) + 1), ticks)
        elif not log_x and all(_pair(values, x)[0].dtype.kind in "iu" for values in series.values()):
            axes.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
        if ylim is not None:  # None would fix what the first panel has, for all
            axes.set_ylim(ylim)
        tidy(axes)
        if legends:
            axes.legend(frameon=False, fontsize=9)
    all_axes[0].set_ylabel(ylabel)
    figure.suptitle(title)
    if not legends:
        handles, labels = all_axes[0].get_legend_handles_labels()
        if len(labels) > 1:
            figure.legend(handles, labels, frameon=False, fontsize=9, loc="outside right center")
    return figure


def bars(
    values: Mapping[str, Any],
    *,
    ylabel: str,
    xlabel: str = "",
    derived: Mapping[str, Any] | None = None,
    log: bool = False,
    title: str = "",
    form: str = "{:.4g}",
) -> Figure:
    """Draw bars with their values written on them.

    Parameters
    ----------
    values
        {category: number}, or {series: {category: number}} for groups side by side (hatched, so that they
        differ without colours).
    derived
        {category: number}, a black line across the category's bars.
    form
        How a value is written, "" to leave it out. Thousands are written out instead of with an exponent.

    Raises
    ------
    ValueError
        Without a value.
    """
    series, categories = _groups(values)
    figure, (axes,) = sheet(width=min(12, max(5.2, 1.5 + 0.62 * len(categories) * max(1, len(series)))))
    _draw_bars(axes, series, categories, form)
    for category, value in (derived or {}).items():
        at = categories.index(category)
        axes.hlines(value, at - 0.45, at + 0.45, color="black", linewidth=1.4)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if log:
        axes.set_yscale("log")
    for category, value in (derived or {}).items():
        _clear(axes, categories.index(category), value)
    if len(series) > 1:
        figure.legend(frameon=False, fontsize=9, loc="outside upper center", ncols=len(series))
    return figure


def bar_panels(
    panels: Mapping[str, Any], *, xlabel: str = "", title: str = "", form: str = "{:.4g}"
) -> Figure:
    """Draw bars like `bars` in several panels side by side, each with a y axis of its own.

    Parameters
    ----------
    panels
        {name of the y axis, with its unit: values as for `bars`}; all have the same series.

    Raises
    ------
    ValueError
        Without a panel or a value.
    """
    check_some("panels", panels, "panel")
    figure, all_axes = sheet(len(panels), width=min(12, 3.6 * len(panels)), height=3.6)
    for axes, (ylabel, values) in zip(all_axes, panels.items(), strict=True):
        series, categories = _groups(values)
        _draw_bars(axes, series, categories, form)
        axes.set(xlabel=xlabel, ylabel=ylabel)
    figure.suptitle(title)
    if len(series) > 1:
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(
            handles, labels, frameon=False, fontsize=9, loc="outside upper center", ncols=len(series)
        )
    return figure


def histograms(
    panels: Mapping[str, Any],
    *,
    xlabel: str,
    title: str = "",
    bins: int = 50,
    limits: tuple[float, float] | None = None,
    columns: int | None = None,
    derived: Mapping[str, Any] | None = None,
) -> Figure:
    """Draw histograms side by side on one x axis.

    Parameters
    ----------
    panels
        {title: array of any shape}
    limits : (least, largest)
        Of the axis; what lies outside is left out.
    columns
        Panels in a row. None: all of them.
    derived
        {title of a panel: (x, density at x)}, drawn as a line; that panel's histogram is then a density too,
        of what is not left out.

    Raises
    ------
    ValueError
        Without a panel.
    """
    check_some("panels", panels, "panel")
    columns, curves = columns or len(panels), derived or {}
    rows = -(-len(panels) // columns)
    width, height = max(6.4, 2.1 * columns), 0.6 + 2.2 * rows
    figure, all_axes = sheet(columns, rows=rows, width=width, height=height, sharex=True)
    for axes in all_axes[len(panels) :]:
        axes.set_visible(False)
    for axes, (name, values) in zip(all_axes, panels.items(), strict=False):
        axes.hist(np.ravel(values), bins=bins, range=limits, color=COLOUR, density=name in curves)
        if name in curves:
            axes.plot(*curves[name], color="black", linewidth=1.2, label="derived")
        axes.set_title(name, fontsize=10)
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
    figure.supxlabel(xlabel, fontsize=10)
    for axes in all_axes[: len(panels) : columns]:
        axes.set_ylabel("density of the values" if curves else "number of values")
    if curves:
        figure.legend(
            *all_axes[0].get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside lower right"
        )
    figure.suptitle(title)
    return figure


def heat_map(
    matrix: Numbers,
    *,
    xlabel: str,
    ylabel: str,
    label: str,
    log: bool = False,
    title: str = "",
    origin: Literal["lower", "upper"] = "lower",
    form: str | None = None,
) -> Figure:
    """Draw a matrix in greys with a scale.

    Parameters
    ----------
    matrix : (rows, columns)
        Numbers; or truth values, of which True is drawn black.
    label
        What the shades mean, with its unit.
    log
        Of the shades.
    origin
        Where the first row is: "lower" for rows that run upwards as an axis does, "upper" for rows that run
        downwards as those of an image do.
    form
        How the numbers are written on the elements that are not 0; None: they are not.
    """
    from matplotlib.colors import ListedColormap, LogNorm

    (rows, columns), whether = np.shape(matrix), np.asarray(matrix).dtype == bool
    figure, (axes,) = sheet(width=6.0, height=min(4.6, 0.8 + 4.5 * rows / columns) if whether else 4.6)
    shades = ListedColormap(["white", "black"]) if whether else "Greys"
    image = axes.imshow(matrix, cmap=shades, norm=LogNorm() if log else None, origin=origin)
    if whether:
        image.set_clim(0, 1)  # also where all are the same
    if form is not None:
        numbers = np.asarray(matrix, np.float64)
        dark = np.asarray(image.norm(numbers)) > 0.5
        for row, column in np.argwhere(numbers):
            colour, text = "white" if dark[row, column] else "black", form.format(numbers[row, column])
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    scale = figure.colorbar(image, ax=axes, label=label)
    if whether:
        scale.set_ticks([0.25, 0.75], labels=["no", "yes"])
        scale.ax.tick_params(length=0)
    return figure


def _pair(values: Any, x: Numbers | None) -> tuple[np.ndarray, np.ndarray]:
    """Return (x, values) as arrays; values is either of them alone or already such a pair."""
    if isinstance(values, tuple):
        x, values = values
    values = np.asarray(values, dtype=float)
    return (np.arange(1, values.shape[-1] + 1) if x is None else np.asarray(x)), values


def _groups(values: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
    """Return ({series: {category: number}}, all categories in order) of what `bars` takes."""
    check_some("values", values, "value")
    series = values if isinstance(next(iter(values.values())), dict) else {"": values}
    return series, list(dict.fromkeys(category for found in series.values() for category in found))


def _draw_bars(axes: Axes, series: Mapping[str, Any], categories: list[str], form: str) -> None:
    """Draw the bars of every series side by side, with their values on them."""
    width = 0.8 / len(series)
    for i, (label, found) in enumerate(series.items()):
        at = [categories.index(category) + (i - (len(series) - 1) / 2) * width for category in found]
        colour = STYLES[i % len(STYLES)]["color"]
        drawn = axes.bar(
            at,
            list(found.values()),
            width=0.94 * width,
            facecolor=colour if not HATCHES[i % len(HATCHES)] else "white",
            edgecolor=colour,
            hatch=HATCHES[i % len(HATCHES)],
            label=label,
        )
        if form:
            axes.bar_label(drawn, [_written(value, form) for value in found.values()], fontsize=8, padding=2)
    turned = sum(max(map(len, category.split("\n"))) for category in categories) > 70
    axes.set_xticks(
        range(len(categories)), categories, rotation=35 if turned else 0, ha="right" if turned else "center"
    )
    axes.margins(y=0.12)
    tidy(axes, grid="y")


def _written(value: float, form: str) -> str:
    """Return a value in this form, and 50,000 instead of 5e+04."""
    text = form.format(value)
    return f"{value:,.0f}" if "e+" in text and abs(value) < 1e7 else text


def _clear(axes: Axes, category: int, line: float) -> None:
    """Put what is written on a category's bars above a line that would strike it through."""

    def height(value: float) -> float:  # as a part of the axes'
        return float(axes.transAxes.inverted().transform(axes.transData.transform((0, value)))[1])

    axes.get_ylim()  # settles the limits
    for text in axes.texts:
        at, top = text.xy  # type: ignore[attr-defined]  # the annotations of bar_label
        if round(at) == category and 0 < height(line) - height(top) < 0.08:
            text.xy = (at, line)  # type: ignore[attr-defined]
