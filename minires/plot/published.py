"""What others have published, drawn: the tables of published.csv."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from minires.accounting import published
from minires.plot.style import COLOUR, HATCHES, STYLES, sheet, tidy

Row: TypeAlias = dict[str, str]  # see `published.rows`


if TYPE_CHECKING:
    from matplotlib.figure import Figure


TITLES = {
    "imagenet challenge winners": "Winners of the ImageNet challenge (test set)",
    "pascal voc 2007 detection": "Engines of detection, PASCAL VOC 2007",
    "cifar10 resnet110 shortcuts": "Shortcuts of ResNet-110 on CIFAR-10",
    "competitions 2015": "ImageNet and COCO competitions 2015, ResNet against the next best",
}
LABELS = {"exclusive_gate": "exclusive_gate, bias -6", "shortcut_gate": "shortcut_gate, bias 0"}
PROPER = {"imagenet": "ImageNet", "cifar100": "CIFAR-100", "cifar10": "CIFAR-10", "coco": "COCO"}


def history(
    table: str = "imagenet challenge winners",
    *,
    measures: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw one table of published.csv: bars with their values on them, in percent.

    Parameters
    ----------
    table
        One of `published.tables`.
    measures
        Which of the table's to draw, in groups of bars; None: those that all its models have, or else all.
    title
        None: the table's own.

    Raises
    ------
    ValueError
        For a table or a measure that is not there.

    Notes
    -----
    A table of one measure whose models differ in their layers has the layers above the bars, after the
    tutorial's "Revolution of Depth" (He et al. 2015, arXiv:1512.03385); any other has lying bars, with the
    layers beside the names. A bound such as ">20" is a bar that ends at it, open. Where a lecture prints a
    slip, the bar is the true value and the slip stands beside it.
    """
    rows = published.rows(table)
    measures = _measures(rows, measures)
    rows = [row for row in rows if row["measure"] in measures]
    depths = {row["layers"] for row in rows if row["layers"].isdigit()}
    if title is None:
        title = TITLES.get(table) or _proper(table)
    if len(measures) == 1 and 3 <= len(rows) <= 8 and len(depths) > 1:
        return _under_layers(rows, title)
    return _lying(rows, measures, title)


def _measures(rows: list[Row], wanted: Sequence[str] | None) -> list[str]:
    """Return the measures to draw, checked."""
    models = {row["model"] for row in rows}
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["measure"], set()).add(row["model"])
    if wanted is None:
        return [name for name in found if found[name] == models] or list(found)
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in wanted:
        if name not in found:
            raise ValueError(f"measures: expected some of {', '.join(found)}, got {name!r}")
    return wanted


def _proper(table: str) -> str:
    """Return the table's name as a title."""
    words = [PROPER.get(word, word) for word in table.split(" ")]
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]])


def _number(row: Row) -> tuple[float, bool, str]:
    """Return (number to draw, whether it is a bound, what is written beside it)."""
    text = row["percent"] + (f" (printed: {row['printed']})" if row["printed"] else "")
    return float(row["percent"].lstrip(">")), row["percent"].startswith(">"), text


def _unit(measure: str) -> str:
    """Return the measure with its unit and which way is better."""
    better = "lower" if "error" in measure else "higher"
    return f"{measure} (%), {better} is better"


def _under_layers(rows: list[Row], title: str) -> Figure:
    """Return a Figure of vertical bars, the numbers of layers in a panel above them."""
    figure, (above, below) = sheet(
        width=1.6 + 1.05 * len(rows), height=5.0, rows=2, sharex=True, height_ratios=(1, 1.5)
    )
    at = [i for i, row in enumerate(rows) if row["layers"].isdigit()]
    layers = [int(rows[i]["layers"]) for i in at]
    floor, ceiling = 0.5 * min(layers), 3.5 * max(layers)
    above.vlines(at, floor, layers, color=COLOUR, linewidth=2)
    above.plot(at, layers, "o", color=COLOUR)
    above.set(yscale="log", ylabel="layers (log)", ylim=(floor, ceiling))
    above.set_yticks([tick for tick in (10, 100, 1000) if floor <= tick <= ceiling])
    above.yaxis.set_major_formatter("{x:g}")
    above.minorticks_off()
    for i, row in enumerate(rows):
        known = row["layers"].isdigit()
        above.annotate(
            f"{row['layers']} layers" if known else row["layers"] or "not given",
            (i, int(row["layers"]) if known else 0.6 * min(layers)),
            (0, 7 if known else 0),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            style="normal" if known else "italic",
        )
        value, bound, text = _number(row)
        deep = known or not row["layers"]
        drawn = below.bar(
            i, value, width=0.62, edgecolor=COLOUR, facecolor=COLOUR if deep and not bound else "white"
        )
        below.bar_label(drawn, [text], fontsize=10, padding=2)
    names = [_name(row) for row in rows]
    below.set_xticks(range(len(rows)), names, fontsize=9)
    below.set_ylabel(_unit(rows[0]["measure"]).replace(", ", "\n"))
    below.margins(x=0.03, y=0.14)
    above.tick_params(axis="x", length=0)
    for axes in (above, below):
        tidy(axes, grid="y")
    figure.suptitle(title)
    return figure


def _name(row: Row) -> str:
    """Return the model's name in short lines for the axis, the year below."""
    name = row["model"].removeprefix(row["year"]).strip()
    lines = textwrap.wrap(name.replace("_", "_ "), 13, break_long_words=False, break_on_hyphens=False)
    lines = [line.replace("_ ", "_") for line in lines]
    return "\n".join(lines + ([row["year"]] if row["year"] else []))


def _lying(rows: list[Row], measures: Sequence[str], title: str) -> Figure:
    """Return a Figure of horizontal bars, the names at the left; several measures are hatched groups."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    depths = {row["layers"] for row in rows}
    width = 0.8 / len(measures)
    figure, (axes,) = sheet(
        width=8.4, height=1.5 + (0.3 if len(measures) == 1 else 0.22 * len(measures) + 0.12) * len(models)
    )
    for i, measure in enumerate(measures):
        found = [row for row in rows if row["measure"] == measure]
        at = [models.index(row["model"]) + (i - (len(measures) - 1) / 2) * width for row in found]
        colour, hatch = STYLES[i % len(STYLES)]["color"], HATCHES[i % len(HATCHES)]
        values, bounds, texts = zip(*map(_number, found), strict=True)
        drawn = axes.barh(
            at,
            values,
            height=0.9 * width if len(measures) > 1 else 0.62,
            facecolor="white" if hatch else colour,
            edgecolor=colour,
            hatch=hatch,
            label=measure,
        )
        for bar, bound in zip(drawn, bounds, strict=True):
            if bound:
                bar.set(facecolor="white", linestyle="dashed")
        axes.bar_label(drawn, texts, fontsize=9 if len(measures) == 1 else 8, padding=3)
    axes.set_yticks(range(len(models)), [_with_layers(model, rows, depths) for model in models], fontsize=9)
    axes.set_ylim(len(models) - 0.4, -0.6)  # the first one on top
    axes.set_xlabel(_unit(measures[0]) if len(measures) == 1 else "percent")
    axes.margins(x=0.16)
    tidy(axes, grid="x")
    if len(measures) > 1:
        figure.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=len(measures))
    figure.suptitle(title)
    return figure


def _with_layers(model: str, rows: list[Row], depths: set[str]) -> str:
    """Return the model's name, with its layers where the table has several and the name none."""
    layers, *others = {row["layers"] for row in rows if row["model"] == model}
    label = LABELS.get(model, model)
    if others or not layers.isdigit() or layers in model or len(depths) == 1:
        return label
    return f"{label}, {layers} layers"
