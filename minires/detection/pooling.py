"""RoI pooling as a detector uses it: regions of any size out of a map, with what surrounds them if asked."""

from typing import Any

import numpy as np

import minires.functional as F
from minires.backend import array_module
from minires.checks import whole_number
from minires.layers.composite import add
from minires.layers.trace import Blank, Step
from minires.typing import Array

KINDS = ("align", "max")


class RegionPooling:
    """Cuts regions out of a feature map, each as (C, P, P).

    Parameters
    ----------
    kind
        "align" for RoIAlign, "max" for RoI max pooling.
    bins
        P.
    stride
        Pixels of the image for one cell of the map.
    context
        Whether a second region around the same centre, twice as wide and high, is pooled too and follows on
        the channels: (2C, P, P). It hangs over the border where the region is near it.

    Raises
    ------
    ValueError
        For another kind, or a size that is none.
    """

    def __init__(self, kind: str, *, bins: int, stride: float, context: bool = False) -> None:
        if kind not in KINDS:
            raise ValueError(f"pooling: expected {' or '.join(KINDS)}, got {kind!r}")
        self.kind, self.bins, self.stride = kind, whole_number("bins", bins, least=1), stride
        self.context = context

    @property
    def views(self) -> int:
        """How many times C channels a pooled region has: 1, or 2 with context."""
        return 2 if self.context else 1

    def forward(self, x: Array, boxes: np.ndarray, image_index: np.ndarray) -> tuple[Array, tuple]:
        """Return the regions of a map x (N, C, H, W), (R, C or 2C, P, P), and the cache.

        Parameters
        ----------
        x
        boxes : (R, 4)
            In pixels of the image, at least one.
        image_index : integers (R,)
        """
        xp, pool = array_module(x), F.roi_align_forward if self.kind == "align" else F.roi_pool_forward
        index = xp.asarray(image_index)
        views = [boxes, around(boxes)][: self.views]
        pooled = [
            pool(x, xp.asarray(each, dtype=x.dtype), index, size=self.bins, scale=1 / self.stride)
            for each in views
        ]
        y, concat_cache = F.concat_forward([part for part, _ in pooled])
        return y, (concat_cache, tuple(cache for _, cache in pooled))

    def backward(self, dy: Array, cache: Any) -> Array:
        """Return dx (N, C, H, W): with context the map was pooled twice, so it is the sum of two."""
        back = F.roi_align_backward if self.kind == "align" else F.roi_pool_backward
        concat_cache, caches = cache
        parts = F.concat_backward(dy, concat_cache)
        dx = [back(part, each) for part, each in zip(parts, caches, strict=True)]
        return dx[0] if len(dx) == 1 else add(*dx)

    def trace(self, x: Blank, *, regions: int) -> Step:
        """Return the Step of pooling so many regions from a map. No multiply-adds: none are weights'."""
        y = x.like((regions, self.views * x.shape[1], self.bins, self.bins))
        down, across = x.like((regions, self.bins, x.shape[2])), x.like((regions, self.bins, x.shape[3]))
        return Step(self, x, y, remembers=(down, across) if self.kind == "align" else (x.like(y.shape),))


def around(boxes: np.ndarray) -> np.ndarray:
    """Return boxes (R, 4) made twice as wide and high about their centres."""
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, 2:] + half], axis=1)
