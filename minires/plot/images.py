"""Pictures side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minires.plot.style import STYLES, Numbers, check_some, sheet

Box: TypeAlias = tuple[float, float, float, float]  # (top, left, height, width)


if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle


def mosaic(
    panels: Mapping[str, Numbers],
    *,
    columns: int = 6,
    boxes: Mapping[str, Sequence[Box]] | None = None,
    title: str = "",
) -> Figure:
    """Draw images in rows, their titles above them.

    Parameters
    ----------
    panels
        {title: image}, at least one. An image is (H, W) or (1, H, W), its least value drawn black and its
        largest white, or (3, H, W), integers 0 to 255 or floats 0 to 1.
    columns
        Images in a row.
    boxes
        {title: [(top, left, height, width), ...]} in pixels, drawn as frames with different dashes.

    Raises
    ------
    ValueError
        Without an image or for another shape.

    Examples
    --------
    >>> figure = mosaic({"a ramp": np.arange(12).reshape(3, 4)}, columns=1)
    >>> figure.savefig("ramp.png")  # doctest: +SKIP
    """
    check_some("panels", panels, "image")
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure, all_axes = sheet(columns, rows=rows, width=1.75 * columns, height=2.0 * rows)
    for axes, (name, image) in zip(all_axes, panels.items(), strict=False):
        axes.imshow(as_drawn(name, np.asarray(image)), cmap="gray")
        axes.set_title(name, fontsize=9)
        for box, style in zip((boxes or {}).get(name, ()), STYLES * 4, strict=False):
            axes.add_patch(_frame(*box, color="white", linestyle="solid"))
            axes.add_patch(_frame(*box, color="black", linestyle=style["linestyle"]))
    for axes in all_axes:
        axes.axis("off")
    figure.suptitle(title)
    return figure


def as_drawn(name: str, image: np.ndarray) -> np.ndarray:
    """Return (H, W) or, in colour, (H, W, 3)."""
    if image.ndim == 3 and len(image) == 3:
        return image.transpose(1, 2, 0)
    if image.ndim == 3 and len(image) == 1:
        return image[0]
    if image.ndim == 2:
        return image
    raise ValueError(f"{name}: expected an image (H, W), (1, H, W) or (3, H, W), got {image.shape}")


def _frame(top: float, left: float, height: float, width: float, *, color: str, linestyle: Any) -> Rectangle:
    from matplotlib.patches import Rectangle

    corner = left - 0.5, top - 0.5  # the centre of a pixel has whole numbers
    style: dict[str, Any] = {"fill": False, "linewidth": 1.4, "clip_on": False}
    return Rectangle(corner, width, height, edgecolor=color, linestyle=linestyle, **style)
