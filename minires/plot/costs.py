"""What networks cost: layer by layer, network against network, by depth, under the machine's roofline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minires.plot import labels
from minires.plot.style import COLOUR, check_some, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from minires.accounting.cost import Table


GROUP_COLOURS = {"training step": COLOUR, "evaluation forward": "#b3560b", "operation": "#3d7a35"}
_NOTE = {"textcoords": "offset points", "color": "0.4", "fontsize": 9}


def costs(table: Table, *, title: str = "") -> Figure:
    """Draw three bar charts: outputs, parameters and multiply-adds of each layer.

    Parameters
    ----------
    table
        Of `cost.table`. Layers without multiply-adds are left out; pooling is drawn lighter.
    """
    from matplotlib.figure import Figure

    rows = [row for row in table.rows if row.macs]
    figure = Figure(figsize=(min(max(6.4, 0.22 * len(rows) + 2), 19.6), 7.2), layout="constrained")
    panels = (
        ("outputs (KB, float32)", lambda row: row.output_bytes / 1024),
        ("parameters (thousands)", lambda row: row.params / 1e3),
        ("multiply-adds (millions)", lambda row: row.macs / 1e6),
    )
    all_axes = figure.subplots(len(panels), 1, sharex=True)
    for axes, (label, value) in zip(all_axes, panels, strict=True):
        colours = [COLOUR if row.weighted else "#9fc0e8" for row in rows]
        axes.bar(range(len(rows)), [value(row) for row in rows], color=colours, width=0.75)
        axes.set_ylabel(label)
        axes.margins(x=0.01)
        tidy(axes, grid="y")
        axes.yaxis.set_major_formatter("{x:,.10g}")
    every = -(-len(rows) // 80)  # names that would lie on one another are left out
    all_axes[-1].set_xticks(range(0, len(rows), every), [row.name for row in rows[::every]], rotation=90)
    figure.suptitle(title)
    return figure


def comparison(points: Sequence[tuple[str, float, float, float]]) -> Figure:
    """Draw networks: multiply-adds to the right, accuracy upwards, parameters as areas.

    Parameters
    ----------
    points : (name, multiply-adds, top-1 accuracy in %, parameters)
        At least one.

    References
    ----------
    Canziani et al. 2017 (arXiv:1605.07678), figure 2.
    """
    from matplotlib.figure import Figure

    check_some("points", points, "network")
    figure = Figure(figsize=(7.2, 5), layout="constrained")
    axes = figure.add_subplot()
    area = 1 / 4e4  # square points of a parameter
    names = []
    for name, macs, accuracy, params in sorted(points, key=lambda point: -point[3]):
        axes.scatter(macs / 1e9, accuracy, s=params * area, color=COLOUR, alpha=0.45, edgecolor="white")
        radius = (params * area / math.pi) ** 0.5
        names.append((f"{name}, {params / 1e6:.0f} M", macs / 1e9, accuracy, radius))
    axes.set(xlabel="multiply-adds of one image (billions)", ylabel="top-1 accuracy (%, one crop)")
    largest = max(macs for _, macs, _, _ in points) / 1e9
    end = 1.35 * largest  # room for the names
    axes.set_xlim(-0.08 * largest, end)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= end])  # one beyond would move it
    axes.margins(y=0.2)
    tidy(axes)
    axes.set_title("areas: millions of parameters", fontsize="medium", color="0.35")
    labels.place(axes, names)
    return figure


def depths(records: Sequence[Mapping[str, float]], *, title: str = "") -> Figure:
    """Draw the time and the memory of a step, divided by the depth, against the depth.

    Parameters
    ----------
    records
        Of `bench.depth.measure`, at least one.

    Notes
    -----
    Both axes begin at 0: a flat line means that a layer costs the same however many there are.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    check_some("records", records, "depth")
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    panels = (("ms per layer", "seconds_per_layer", 1e3), ("MB per layer", "bytes_per_layer", 1e-6))
    x = [record["depth"] for record in records]
    for axes, (label, key, factor) in zip(figure.subplots(1, 2), panels, strict=True):
        values = [factor * record[key] for record in records]
        axes.plot(x, values, marker="o", color=COLOUR)
        axes.set(xscale="log", xlabel="depth (layers)", ylabel=label, ylim=(0, 1.4 * max(values)))
        axes.set_xticks(x, [str(depth) for depth in x])
        axes.xaxis.set_minor_locator(NullLocator())
        tidy(axes, grid="y")
    figure.suptitle(title)
    return figure


def roofline(report: Mapping[str, Any]) -> Figure:
    """Draw each benchmark row's speed against its arithmetic intensity, under the roofline.

    Parameters
    ----------
    report
        Of `bench.measure`.

    Raises
    ------
    ValueError
        If no row does arithmetic.

    Notes
    -----
    The roof is what the machine can do at best: to the left as many bytes as it can copy, to the right as
    many operations as its matrix product does. Numbers tell the rows; a hollow circle is PyTorch (NCHW) at
    the same work.

    References
    ----------
    Williams, Waterman & Patterson 2009, "Roofline", figure 1.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    records = [record for record in report["records"] if record["flops"]]
    if not records:
        raise ValueError("records: expected at least one that counts operations, got none; choose other rows")
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    axes, key = figure.subplots(1, 2, width_ratios=(3, 1.15))
    sgemm, copy = report["ceilings"]["sgemm"], report["ceilings"]["copy"]
    intensities = [record["flops"] / record["bytes"] for record in records]
    ends = 0.5 * min(*intensities, sgemm / copy), 2 * max(*intensities, sgemm / copy)
    roof = [ends[0], sgemm / copy, ends[1]]
    axes.plot(roof, [min(sgemm, copy * x) / 1e9 for x in roof], color="0.4", linewidth=1.5)
    axes.annotate(f"sgemm, {sgemm / 1e9:.0f} GFLOP/s", (ends[1], sgemm / 1e9), (-2, 5), ha="right", **_NOTE)
    ridge = (sgemm / copy, sgemm / 1e9)
    axes.annotate(f"copy, {copy / 1e9:.0f} GB/s", ridge, (-30, -18), ha="right", **_NOTE)
    for number, (record, x) in enumerate(zip(records, intensities, strict=True), start=1):
        rates = {side: record["flops"] / taken / 1e9 for side, taken in record["seconds"].items()}
        colour = GROUP_COLOURS.get(record["group"], COLOUR)
        if "torch" in rates:
            axes.plot([x, x], [rates["minires"], rates["torch"]], color=colour, linewidth=0.6, alpha=0.6)
            axes.plot(x, rates["torch"], "o", markersize=5, color=colour, markerfacecolor="white")
        axes.plot(x, rates["minires"], "o", markersize=6, color=colour)
        axes.annotate(str(number), (x, rates["minires"]), (5, -3), textcoords="offset points", fontsize=8)
        key.text(
            0, 1 - number / (len(records) + 1), f"{number:2}  {record['name']}", color=colour, fontsize=8.5
        )
    key.axis("off")
    axes.set(xscale="log", yscale="log", xlim=ends)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    axes.set(xlabel="operations for each byte moved (FLOP/byte)", ylabel="speed (GFLOP/s)")
    torch = "; hollow: PyTorch, NCHW" if report["torch"] else ""
    axes.set_title(f"{report['threads']} threads; full: minires{torch}", fontsize="medium", color="0.35")
    tidy(axes)
    return figure
