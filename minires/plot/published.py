"""What others have published, drawn: the tables of published.csv, and two diagrams of what depth requires."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from minires.accounting import published
from minires.plot.style import COLOUR, HATCHES, STYLES, sheet, tidy

Row: TypeAlias = dict[str, str]  # see `published.rows`


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch


TITLES = {
    "imagenet challenge winners": "Winners of the ImageNet challenge (test set)",
    "pascal voc 2007 detection": "Engines of detection, PASCAL VOC 2007",
    "cifar10 resnet110 shortcuts": "Shortcuts of ResNet-110 on CIFAR-10",
    "competitions 2015": "ImageNet and COCO competitions 2015, ResNet against the next best",
}
LABELS = {"exclusive_gate": "exclusive_gate, bias -6", "shortcut_gate": "shortcut_gate, bias 0"}
PROPER = {"imagenet": "ImageNet", "cifar100": "CIFAR-100", "cifar10": "CIFAR-10", "coco": "COCO"}

# depth from which it is needed, how the axis names it, what, and the lessons about it
SPECTRUM = (
    (1, "5 layers", "easy", ""),
    (10, "> 10 layers", "initialisation, batch normalisation", "lessons 5 to 9"),
    (30, "> 30 layers", "skip connections", "lessons 10 to 12"),
    (100, "> 100 layers", "identity skip connections", "lessons 15 to 20"),
    (1000, "> 1000 layers", "?", ""),
)
NETWORKS = {
    "AlexNet": 8,
    "VGG-19": 19,
    "ResNet-34": 34,
    "ResNet-152": 152,
    "pre-activation\nResNet-1001": 1001,
}

CLASSIFIER, GENERIC = "classifier", "conv layer"
SPECIALISED = ("edges", "histogram\n(SIFT, HOG)", "K-means or\nsparse code")


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


def spectrum_of_depth() -> Figure:
    """Draw what a network of a given depth needs so that it can be trained, against the depth.

    Notes
    -----
    Each band begins at the depth from which the network needs what is written on it, beside what the bands
    below ask for; the networks above are examples. The numbers of layers are rules of thumb.

    References
    ----------
    He 2016, tutorial at ICML, "Spectrum of Depth".
    """
    figure, (axes,) = sheet(width=9.6, height=4.6)
    end = 6000
    for level, (start, depth, need, lessons) in enumerate(SPECTRUM):
        last = SPECTRUM[1][0] if level == 0 else end
        shade = str(0.97 - 0.09 * level)
        axes.barh(level, last - start, left=start, height=0.82, facecolor=shade, edgecolor="0.2")
        axes.text(1.12 * start, level + 0.17, need, va="center", fontsize=11)
        below = ", ".join(filter(None, (depth, lessons)))
        axes.text(1.12 * start, level - 0.2, below, va="center", fontsize=9, color="0.25")
    top = len(SPECTRUM) - 0.1
    for name, layers in NETWORKS.items():
        axes.plot([layers, layers], [-0.5, top], color="0.55", linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
        axes.plot(layers, top, marker="v", color=COLOUR, markersize=6)
        axes.annotate(name, (layers, top), (0, 7), textcoords="offset points", ha="center", fontsize=9)
    axes.set(xscale="log", xlim=(1, end), ylim=(-0.5, top + 0.75), yticks=[])
    axes.set_xticks([1, 5, 10, 30, 100, 1000], ["1", "5", "10", "30", "100", "1000"])
    axes.minorticks_off()
    axes.set_xlabel("depth (layers with weights, logarithmic)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.suptitle("Spectrum of depth: what a network needs so that it can be trained")
    return figure


def classifier_pipeline() -> Figure:
    """Draw shallow against deep recognition: from pixels to a class, by hand and by layers.

    Notes
    -----
    Above, each stage is another component, designed by people who know images, and only the classifier is
    trained on the classes; below, one component is repeated and all of it is trained. Solid frames: trained
    on the classes.

    References
    ----------
    He 2016, tutorial at ICML, "Traditional recognition" and "Deep learning".
    """
    figure, (axes,) = sheet(width=10.4, height=5.6)
    axes.set(xlim=(0, 10.4), ylim=(0, 5.6))
    axes.axis("off")
    for level, stages in enumerate((0, 1, 2, 3)):
        _chain(axes, 4.65 - 0.58 * level, SPECIALISED[:stages], by_hand=True)
    for level, stages in enumerate((3, 5)):
        _chain(axes, 1.45 - 0.7 * level, (GENERIC,) * stages, by_hand=False)
    for y, text in (
        (5.25, "Specialised components: each one designed by hand, from knowledge of the domain"),
        (2.1, "Generic components (“layers”): less knowledge of the domain, trained end to end"),
    ):
        axes.text(0.75, y, text, fontsize=11, weight="bold", va="center")
    arrow = {"arrowstyle": "-|>", "color": "0.2", "linewidth": 1.2}
    for top, bottom in ((4.9, 2.65), (1.7, 0.5)):
        axes.annotate("", (0.45, bottom), (0.45, top), arrowprops=arrow)
        axes.text(0.22, (top + bottom) / 2, "deeper", rotation=90, ha="center", va="center", fontsize=9)
    axes.text(
        0.75,
        0.17,
        "Repeat the elementary layer to go deeper: the space of solutions grows.   "
        "Solid frame: trained on the classes; dashed: not.",
        fontsize=9,
        va="center",
    )
    return figure


def _chain(axes: Axes, y: float, stages: Sequence[str], *, by_hand: bool) -> None:
    """Draw one pipeline at height y: pixels, the stages, the classifier, a class."""
    boxes = ["pixels", *stages, CLASSIFIER, "“bus”?"]
    width, gap = 1.08, 0.28
    for i, name in enumerate(boxes):
        left = 0.75 + i * (width + gap)
        if i:
            axes.annotate(
                "", (left, y), (left - gap, y), arrowprops={"arrowstyle": "-|>", "color": "0.2", "shrinkB": 0}
            )
        trained = name in (CLASSIFIER, GENERIC)
        if i in (0, len(boxes) - 1):
            axes.text(left + width / 2, y, name, ha="center", va="center", fontsize=10, style="italic")
            continue
        axes.add_patch(_box(left, y, width, trained=trained, by_hand=by_hand))
        small = 10 if "\n" not in name else 8
        colour = "black" if by_hand else "white"
        axes.text(left + width / 2, y, name, ha="center", va="center", fontsize=small, color=colour)


def _box(left: float, y: float, width: float, *, trained: bool, by_hand: bool) -> FancyBboxPatch:
    """Return the frame of one component."""
    from matplotlib.patches import FancyBboxPatch

    return FancyBboxPatch(
        (left + 0.03, y - 0.18),
        width - 0.06,
        0.36,
        boxstyle="round,pad=0.03",
        facecolor=("white" if trained else "0.9") if by_hand else COLOUR,
        edgecolor="0.1",
        linewidth=1.6 if trained else 1.0,
        linestyle="solid" if trained else (0, (4, 2)),
    )
