"""Images beside the classes of their pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minires.plot.images import as_drawn
from minires.plot.style import check_some, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# told apart by hue and, in grey, mostly by brightness
PIXEL_COLOURS = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#66ccee",
    "#aa3377",
    "#ee8866",
    "#44bb99",
    "#bbbbbb",
    "#997700",
)


def pixel_classes(
    images: Sequence[np.ndarray],
    labels: Mapping[str, Sequence[np.ndarray]],
    *,
    class_names: Sequence[str],
    void: int | None = None,
    title: str = "",
) -> Figure:
    """Draw images, each beside the classes of its pixels in colours, one row an image.

    Parameters
    ----------
    images
        At least one, (1, H, W) or (3, H, W); see `mosaic`.
    labels
        {title: integers (H, W) for each image}, such as what is there and what a network says.
    class_names
        Class 0 is drawn black.
    void
        The label of pixels that do not count, drawn white.

    Raises
    ------
    ValueError
        Without an image, or unless there are labels of each.

    Notes
    -----
    The name of a class stands on each of its patches that has room for it: classes can be read without
    colours.
    """
    from matplotlib.colors import ListedColormap

    check_some("images", images, "image")
    for name, each in labels.items():
        if len(each) != len(images):
            raise ValueError(f"{name}: expected {len(images)}, one for each image, got {len(each)}")
    colours = [
        "black",
        *(PIXEL_COLOURS[i % len(PIXEL_COLOURS)] for i in range(len(class_names) - 1)),
        "white",
    ]
    columns = 1 + len(labels)
    figure, all_axes = sheet(columns, rows=len(images), width=2.3 * columns, height=2.25 * len(images) + 0.5)
    for number, image in enumerate(images):
        first, *others = all_axes[number * columns : (number + 1) * columns]
        first.imshow(as_drawn(f"image {number}", np.asarray(image)), cmap="gray")
        for axes, each in zip(others, labels.values(), strict=True):
            shown = np.where(np.asarray(each[number]) == void, len(class_names), each[number])
            palette = ListedColormap(colours)
            axes.imshow(shown, cmap=palette, vmin=-0.5, vmax=len(class_names) + 0.5, interpolation="nearest")
            for label in np.unique(shown[(shown > 0) & (shown < len(class_names))]):
                for patch in _patches(shown == label):
                    _name_pixels(axes, patch, class_names[int(label)])
    for axes in all_axes:
        axes.axis("off")
    for axes, name in zip(all_axes, ("image", *labels), strict=False):
        axes.set_title(name, fontsize=10)
    figure.suptitle(title, fontsize=11)
    return figure


def _patches(mask: np.ndarray) -> list[np.ndarray]:
    """Return the patches of a mask, each a mask: pixels that touch at an edge are of one."""
    numbers = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:  # each pixel takes the largest number around it, until all of a patch have the same
        wide = np.pad(numbers, 1)
        around = wide[1:-1, 1:-1], wide[2:, 1:-1], wide[:-2, 1:-1], wide[1:-1, 2:], wide[1:-1, :-2]
        spread = np.where(mask, np.maximum.reduce(around), 0)
        if np.array_equal(spread, numbers):
            return [numbers == number for number in np.unique(numbers[mask])]
        numbers = spread


def _name_pixels(axes: Axes, mask: np.ndarray, name: str) -> None:
    """Write a name on the pixel of a mask that has most of the mask around it, if there is room for it."""
    if mask.sum() < 20:
        return
    around = sum(
        np.pad(mask.astype(int), 3)[3 + i : 3 + i + mask.shape[0], 3 + j : 3 + j + mask.shape[1]]
        for i in range(-3, 4)
        for j in range(-3, 4)
    )
    y, x = np.unravel_index(int(np.argmax(np.where(mask, around, 0))), mask.shape)
    patch: dict[str, Any] = {"facecolor": "black", "edgecolor": "none", "pad": 0.8, "alpha": 0.7}
    axes.text(float(x), float(y), name, ha="center", va="center", fontsize=8, color="white", bbox=patch)
