"""Images with boxes: what is there dashed, what was found solid; and how the training of a detector went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from minires.plot.images import as_drawn
from minires.plot.style import STYLES, check_some, sheet, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from minires.data.objects import Objects

LOSSES = {  # of `detection.Losses`, as they are called in pictures
    "objectness": "proposals: object or not",
    "anchor_boxes": "proposals: box",
    "classes": "head: class",
    "boxes": "head: box",
}
COLOURS = [style["color"] for style in STYLES if style["color"].startswith("#")]  # no grey: images are grey


class Found(Protocol):
    """What was found in an image, such as `detection.Detections`."""

    @property
    def boxes(self) -> np.ndarray:
        """(D, 4), x1, y1, x2, y2 in pixels."""

    @property
    def labels(self) -> np.ndarray:
        """(D,), integers."""

    @property
    def scores(self) -> np.ndarray:
        """(D,), from 0 to 1."""


def detections(
    images: Sequence[np.ndarray],
    *,
    found: Sequence[Found] | None = None,
    truth: Sequence[Objects] | None = None,
    class_names: Sequence[str],
    least: float = 0.5,
    columns: int = 4,
    width: float = 2.6,
    title: str = "",
) -> Figure:
    """Draw images with the boxes of objects: true ones dashed, found ones solid, with class and score.

    Parameters
    ----------
    images
        At least one, (1, H, W) or (3, H, W); see `mosaic`.
    found, truth
        One for each image, or None.
    class_names
    least
        Boxes found with a lower score are left out.
    columns
        Images in a row.
    width
        Of an image, in inches.

    Raises
    ------
    ValueError
        Without an image, or unless there is one of found and of truth for each.
    """
    check_some("images", images, "image")
    for name, each in (("found", found), ("truth", truth)):
        if each is not None and len(each) != len(images):
            raise ValueError(f"{name}: expected {len(images)}, one for each image, got {len(each)}")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height, across = np.shape(images[0])[-2:]
    figure, all_axes = sheet(
        columns, rows=rows, width=width * columns, height=width * rows * height / across + 0.3
    )
    for number, (axes, image) in enumerate(zip(all_axes, images, strict=False)):
        axes.imshow(as_drawn(f"image {number}", np.asarray(image)), cmap="gray")
        if truth is not None:
            for box in truth[number].boxes:
                _frame(axes, box, linestyle=(0, (4, 3)), colour="white")
        if found is not None:
            for box, label, score in zip(*_shown(found[number], least), strict=True):
                colour = COLOURS[int(label) % len(COLOURS)]
                _frame(axes, box, linestyle="solid", colour=colour)
                _name(axes, box, f"{class_names[int(label)]} {score:.2f}", colour)
    for axes in all_axes:
        axes.axis("off")
    figure.suptitle(title, fontsize=10)
    return figure


def _shown(found: Found, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return boxes, labels and scores of what is sure enough, the best last: it is drawn on top."""
    order = [i for i in np.argsort(found.scores, kind="stable") if found.scores[i] >= least]
    return found.boxes[order], found.labels[order], found.scores[order]


def _frame(axes: Axes, box: np.ndarray, *, linestyle: Any, colour: str) -> None:
    """Draw a box on a dark line, so that it is seen on any image."""
    from matplotlib.patches import Rectangle

    x1, y1, x2, y2 = (float(value) - 0.5 for value in box)  # the centre of a pixel has whole numbers
    for line, paint, style in ((3.0, "black", "solid"), (1.5, colour, linestyle)):
        shape: dict[str, Any] = {"fill": False, "linewidth": line, "alpha": 1.0 if line < 2 else 0.4}
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, edgecolor=paint, linestyle=style, **shape))


def _name(axes: Axes, box: np.ndarray, text: str, colour: str) -> None:
    """Write above a box, or into it where there is no room above."""
    bottom, top = axes.get_ylim()
    is_room = float(box[1]) - top > 0.07 * (bottom - top)
    place: dict[str, Any] = {"ha": "left", "fontsize": 7, "color": "white", "clip_on": True}
    patch: dict[str, Any] = {"facecolor": colour, "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
    x, y, side = float(box[0]) - 0.5, float(box[1]), "bottom" if is_room else "top"
    axes.text(x, y - 0.7 if is_room else max(y, 0.0), text, bbox=patch, va=side, **place)


def detection_curves(metrics: Sequence[Mapping[str, float]], *, title: str = "") -> Figure:
    """Draw the four losses of a detector over its steps, and its mean average precision.

    Parameters
    ----------
    metrics
        The records of `detection.train.Trainer.run`, or the lines of metrics.jsonl, at least one.

    Raises
    ------
    ValueError
        Without a record.
    """
    check_some("metrics", metrics, "record")
    figure, (losses, precision) = sheet(2, width=9.6, height=4.0)
    steps = [record["step"] for record in metrics]
    for (name, label), style in zip(LOSSES.items(), STYLES, strict=False):
        values = [record[name] for record in metrics]
        if any(values):  # without a proposal network two are 0
            losses.plot(steps, values, label=label, markersize=4, markerfacecolor="white", **style)
    losses.set(xlabel="step", ylabel="loss", yscale="log")
    measured = [record for record in metrics if "map" in record]
    for name, threshold, style in (("map", 0.5, STYLES[0]), ("map_75", 0.75, STYLES[1])):
        values = [record[name] for record in measured]
        if values:
            label = f"IoU {threshold}: {values[-1]:.3f} at the end"
            at = [record["step"] for record in measured]
            precision.plot(at, values, label=label, markersize=4, markerfacecolor="white", **style)
    precision.set(xlabel="step", ylabel="mAP on the test images", ylim=(0, 1), xlim=(0, 1.02 * steps[-1]))
    tidy(losses)
    tidy(precision)
    losses.legend(frameon=False, fontsize=9, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    if measured:
        precision.legend(frameon=False, fontsize=9, loc="best")
    figure.suptitle(title)
    return figure
