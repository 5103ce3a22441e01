"""Numbers of a network side by side: over its layers, in bars, in histograms, in a matrix.

Every function takes plain numbers with their labels and returns the matplotlib figure.
"""

import numpy as np

from minires.plot.style import COLOUR, HATCHES, STYLES, check_some, sheet, tidy


def lines(series, *, xlabel, ylabel, derived=None, log=False, log_x=False, x=None, title="", ylim=None):
    """Return a Figure of measured series over a common axis, with the derived values as thin lines.

    series: {label: values (n,)}, or values (seeds, n): then their mean with a shade from least to largest;
    derived: {label: values (n,)}, drawn thin and grey without markers; log, log_x: logarithmic axes;
    x: (n,), 1, 2, 3, ... if None. A value may be a pair (x, values) to have an axis of its own.
    Raises ValueError without a series.
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
    panels,
    *,
    xlabel,
    ylabel,
    derived=None,
    log=False,
    log_x=False,
    x=None,
    title="",
    ylim=None,
    legends=False,
):
    """Return a Figure like `lines` with several panels side by side on one y axis.

    panels: {title: series}; derived: {title: derived series}. The legend stands outside, once for all panels
    unless legends asks for one in each. Raises ValueError without a panel or a series.
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


def bars(values, *, ylabel, xlabel="", derived=None, log=False, title="", form="{:.4g}"):
    """Return a Figure of bars with their values written on them.

    values: {category: number}, or {series: {category: number}} for groups side by side (hatched, so that they
    differ without colours); derived: {category: number}, a black line across the category's bars;
    form: how a value is written, "" to leave it out. Raises ValueError without a value.
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
    if len(series) > 1:
        figure.legend(frameon=False, fontsize=9, loc="outside upper center", ncols=len(series))
    return figure


def bar_panels(panels, *, xlabel="", title="", form="{:.4g}"):
    """Return a Figure of bars like `bars` in several panels side by side, each with a y axis of its own.

    panels: {name of the y axis, with its unit: values as for `bars`}; all have the same series.
    Raises ValueError without a panel or a value.
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


def histograms(panels, *, xlabel, title="", bins=50, limits=None):
    """Return a Figure of histograms side by side on one x axis. panels: {title: array of any shape};
    limits: (least, largest) of the axis; what lies outside is left out. ValueError without a panel."""
    check_some("panels", panels, "panel")
    figure, all_axes = sheet(len(panels), width=max(6.4, 2.1 * len(panels)), height=2.8, sharex=True)
    for axes, (name, values) in zip(all_axes, panels.items(), strict=True):
        axes.hist(np.ravel(values), bins=bins, range=limits, color=COLOUR)
        axes.set_title(name, fontsize=10)
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
    figure.supxlabel(xlabel, fontsize=10)
    all_axes[0].set_ylabel("number of values")
    figure.suptitle(title)
    return figure


def heat_map(matrix, *, xlabel, ylabel, label, log=False, title=""):
    """Return a Figure of a matrix (rows, columns) in greys with a scale. label: what the shades mean,
    with its unit; log: of the shades."""
    from matplotlib.colors import LogNorm

    figure, (axes,) = sheet(width=6.0, height=4.6)
    image = axes.imshow(matrix, cmap="Greys", norm=LogNorm() if log else None, origin="lower")
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    figure.colorbar(image, ax=axes, label=label)
    return figure


def _pair(values, x):
    """Return (x, values) as arrays; values is either of them alone or already such a pair."""
    if isinstance(values, tuple):
        x, values = values
    values = np.asarray(values, dtype=float)
    return (np.arange(1, values.shape[-1] + 1) if x is None else np.asarray(x)), values


def _groups(values):
    """Return ({series: {category: number}}, all categories in order) of what `bars` takes."""
    check_some("values", values, "value")
    series = values if isinstance(next(iter(values.values())), dict) else {"": values}
    return series, list(dict.fromkeys(category for found in series.values() for category in found))


def _draw_bars(axes, series, categories, form):
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
            axes.bar_label(drawn, [form.format(value) for value in found.values()], fontsize=8, padding=2)
    turned = sum(max(map(len, category.split("\n"))) for category in categories) > 70
    axes.set_xticks(
        range(len(categories)), categories, rotation=35 if turned else 0, ha="right" if turned else "center"
    )
    axes.margins(y=0.12)
    tidy(axes, grid="y")
