"""Two diagrams of the tutorial: what depth requires, and recognition by hand against that by layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minires.plot.style import COLOUR, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

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
    figure, (axes,) = sheet(width=11.3, height=5.6)
    axes.set(xlim=(0, 11.3), ylim=(0, 5.6))
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
