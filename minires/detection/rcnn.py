"""R-CNN: every region is cut out of the image, warped to one size, and sent through a network of its own."""

from collections.abc import Sequence

import numpy as np

import minires.functional as F
from minires.backend import array_module
from minires.checks import whole_number
from minires.detection.heads import RoIHead
from minires.detection.network import Answers
from minires.detection.regions import Choose, all_regions
from minires.layers import Layer
from minires.layers.composite import check_unused
from minires.layers.trace import Blank, Step
from minires.typing import Array


def crop_and_warp(x: Array, boxes: Array, image_index: Array, *, size: int) -> Array:
    """Return regions of images, each stretched to size x size pixels: (R, C, size, size).

    Parameters
    ----------
    x : (N, C, H, W)
    boxes : (R, 4)
    image_index : integers (R,)
    size
        Pixels a side.

    Notes
    -----
    RoIAlign on the image itself, with one sample a pixel: bilinear interpolation.

    References
    ----------
    Girshick et al. 2014, "Rich feature hierarchies for accurate object detection and semantic segmentation"
    (arXiv:1311.2524), section 2.1 and appendix A.

    Examples
    --------
    >>> image = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> crop_and_warp(image, np.array([[1.0, 1.0, 3.0, 3.0]]), np.array([0]), size=2)[0, 0]
    array([[ 5.,  6.],
           [ 9., 10.]])
    """
    return F.roi_align_forward(x, boxes, image_index, size=size, scale=1.0, samples=1)[0]


class RCNN(Layer):
    """R-CNN: one classifier's trunk for each region, not for each image.

    Parameters
    ----------
    trunk : Layer
        From crops (R, C, S, S) to maps (R, C', P, P).
    head : RoIHead
        Of C' * P * P features.
    crop
        S, pixels a side of a crop.
    windows
        How many windows of an image are judged; for `trace`.

    Notes
    -----
    Called as `Detector` is, with the windows of each image. The images need no gradient, so backward returns
    None.

    Differs from the paper: classes and boxes are learned together, by a softmax and smooth L1 as in Fast
    R-CNN, not afterwards by support vector machines and ridge regression.

    References
    ----------
    Girshick et al. 2014 (arXiv:1311.2524).
    """

    rpn = None

    def __init__(self, trunk: Layer, head: RoIHead, *, crop: int, windows: int = 300) -> None:
        self.trunk, self.head, self.crop = trunk, head, whole_number("crop", crop, least=1)
        self.windows = windows

    @property
    def num_classes(self) -> int:
        """Classes, without the background."""
        return self.head.num_classes

    def forward(
        self,
        x: Array,
        *,
        train: bool,
        windows: Sequence[np.ndarray] | None = None,
        choose: Choose | None = None,
    ) -> tuple[Answers, list]:
        """Return what it says of the windows of images, and what backward needs; see `Detector.forward`."""
        if windows is None:
            raise ValueError(
                "windows: expected the boxes of each image; R-CNN has no network to propose some"
            )
        regions, xp = (choose or all_regions)(windows), array_module(x)
        if not len(regions.boxes):
            k = self.num_classes
            nothing = xp.zeros_like(x, shape=(0, k + 1)), xp.zeros_like(x, shape=(0, k, 4))
            return Answers(None, None, *nothing, regions), [None, None]
        boxes, index = xp.asarray(regions.boxes, dtype=x.dtype), xp.asarray(regions.image_index)
        crops = crop_and_warp(x, boxes, index, size=self.crop)
        features, trunk_cache = self.trunk.forward(crops, train=train)
        (scores, offsets), head_cache = self.head.forward(features, train=train)
        return Answers(None, None, scores, offsets, regions), [trunk_cache, head_cache]

    def backward(self, dy: tuple[Array | None, Array | None, Array, Array], cache: list) -> None:
        """Add into every parameter's grad; see `Detector.backward`."""
        check_unused(cache, 2)
        _, _, dscores, doffsets = dy
        head_cache, trunk_cache = cache.pop(), cache.pop()
        if head_cache is not None:
            self.trunk.backward(self.head.backward((dscores, doffsets), head_cache), trunk_cache)

    def trace(self, x: Blank) -> Step:
        """Return the Step of a forward in which each image has `windows` regions."""
        crops = x.like((x.shape[0] * self.windows, x.shape[1], self.crop, self.crop))
        trunk = self.trunk.trace(crops)
        head = self.head.trace(trunk.y)
        return Step(self, x, head.y, inside=(trunk, head))
