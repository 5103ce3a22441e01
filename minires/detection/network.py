"""Fast and Faster R-CNN: one trunk for the whole image, and regions cut out of its map::

    image -> trunk -> map -> region proposal network -> proposals       (Fast R-CNN: windows from elsewhere)
                       |                                    |
                       +----------> RoI pooling <-----------+
                                        |
                                       head -> classes and boxes

The map goes two ways, so its gradient is the sum of two. Proposals are constants: no gradient flows through
the coordinates of a box ("approximate joint training" in the paper).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minires.backend import array_module, to_numpy
from minires.checks import whole_number
from minires.detection.anchors import anchors
from minires.detection.heads import RegionProposal, RoIHead
from minires.detection.pooling import RegionPooling
from minires.detection.proposals import propose
from minires.detection.regions import Choose, Regions, all_regions
from minires.layers import Layer
from minires.layers.composite import add, check_unused
from minires.layers.trace import Blank, Step
from minires.typing import Array


class Answers(NamedTuple):
    """What a detector says of a batch of images.

    Attributes
    ----------
    objectness : (N, A), or None
        A logit of each anchor: is it an object? None where there is no region proposal network.
    anchor_offsets : (N, A, 4), or None
        From each anchor to its object.
    scores : (R, K + 1)
        Logits of the regions' classes, 0 for the background.
    offsets : (R, K, 4)
        From each region to its object, one for every class that it might have, divided by `STDS`.
    regions : Regions
        Those judged.
    """

    objectness: Array | None
    anchor_offsets: Array | None
    scores: Array
    offsets: Array
    regions: Regions


class Detector(Layer):
    """Fast R-CNN, or with a region proposal network Faster R-CNN, on any trunk.

    Parameters
    ----------
    trunk : Layer
        From images (N, C, H, W) to a map; see `trunk_of`.
    head : RoIHead
        Judges the pooled regions.
    pooling : RegionPooling
        Cuts them out of the map.
    rpn : RegionProposal, or None
        None: the windows to judge come from elsewhere, with every call.
    base_anchors : (A', 4)
        The anchors of a cell, see `base_anchors`.
    proposals
        How many of the RPN's boxes are judged in an image.

    Notes
    -----
    A training step is::

        answers, cache = detector.forward(x, train=True, choose=...)
        losses, dy = joint_loss(answers, labels, offsets)
        detector.backward(dy, cache)

    where `choose` draws, from the proposals, the regions to learn from: `regions_to_learn`.

    References
    ----------
    Girshick 2015 (arXiv:1504.08083), section 2; Ren et al. 2015 (arXiv:1506.01497), section 3.
    """

    def __init__(
        self,
        trunk: Layer,
        head: RoIHead,
        pooling: RegionPooling,
        *,
        rpn: RegionProposal | None = None,
        base_anchors: np.ndarray | None = None,
        proposals: int = 50,
    ) -> None:
        if (rpn is None) != (base_anchors is None):
            raise ValueError(
                "expected a region proposal network and its anchors, or neither, got one of them"
            )
        self.trunk, self.rpn, self.pooling, self.head = trunk, rpn, pooling, head
        self.base_anchors, self.proposals = base_anchors, whole_number("proposals", proposals, least=1)

    @property
    def num_classes(self) -> int:
        """Classes, without the background."""
        return self.head.num_classes

    def anchors(self, map_size: tuple[int, int]) -> np.ndarray:
        """Return the anchors (A, 4) of a map of that size (H, W), in pixels of the image."""
        if self.base_anchors is None:
            raise ValueError("this detector has no region proposal network, so it has no anchors")
        return anchors(self.base_anchors, map_size, self.pooling.stride)

    def map_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return (H, W) of the map of an image of that size, computing nothing."""
        channels = next(p.data.shape[1] for _, p in self.trunk.named_parameters() if p.data.ndim == 4)
        height, width = self.trunk.trace(Blank((1, channels, *size))).y.shape[2:]
        return height, width

    def forward(
        self,
        x: Array,
        *,
        train: bool,
        windows: Sequence[np.ndarray] | None = None,
        choose: Choose | None = None,
    ) -> tuple[Answers, list]:
        """Return what it says of images, and what backward needs.

        Parameters
        ----------
        x : (N, C, H, W)
        train
            See `Layer.forward`.
        windows
            Boxes (P, 4) for each image, to be judged instead of the RPN's proposals.
        choose
            Called with each image's windows, returns the `Regions` to judge; None: all of them.

        Returns
        -------
        answers : Answers; cache

        Raises
        ------
        ValueError
            If there is no region proposal network and no windows are given.
        """
        if windows is None and self.rpn is None:
            raise ValueError("windows: expected the boxes of each image; there is no RPN to propose some")
        features, trunk_cache = self.trunk.forward(x, train=train)
        objectness, moves, rpn_cache = None, None, None
        if self.rpn is not None:
            (objectness, moves), rpn_cache = self.rpn.forward(features, train=train)
            if windows is None:
                windows = self._propose(objectness, moves, x.shape[2:], features.shape[2:])
        assert windows is not None
        regions = (choose or all_regions)(windows)
        scores, offsets, head_cache = self._judge(features, regions, train=train)
        return Answers(objectness, moves, scores, offsets, regions), [trunk_cache, rpn_cache, head_cache]

    def propose(self, x: Array) -> list[np.ndarray]:
        """Return the proposals (P, 4) in each of images x (N, C, H, W), the best first, and judge none."""
        if self.rpn is None:
            raise ValueError("this detector has no region proposal network")
        features = self.trunk.predict(x)
        objectness, moves = self.rpn.forward(features, train=False)[0]
        return self._propose(objectness, moves, x.shape[2:], features.shape[2:])

    def _propose(
        self, objectness: Array, moves: Array, size: tuple[int, int], map_size: tuple[int, int]
    ) -> list[np.ndarray]:
        """Return each image's proposals (P, 4), the best first."""
        boxes = self.anchors(map_size)
        each = zip(to_numpy(objectness), to_numpy(moves), strict=True)
        return [propose(*one, boxes.astype(one[1].dtype), size, after=self.proposals)[0] for one in each]

    def _judge(self, features: Array, regions: Regions, *, train: bool) -> tuple[Array, Array, Any]:
        """Return (scores, offsets, cache) of the regions of a map; without a region the cache is None."""
        if not len(regions.boxes):
            xp, k = array_module(features), self.num_classes
            return xp.zeros_like(features, shape=(0, k + 1)), xp.zeros_like(features, shape=(0, k, 4)), None
        pooled, pool_cache = self.pooling.forward(features, regions.boxes, regions.image_index)
        (scores, offsets), head_cache = self.head.forward(pooled, train=train)
        return scores, offsets, [pool_cache, head_cache]

    def backward(self, dy: tuple[Array | None, Array | None, Array, Array], cache: list) -> Array | None:
        """Return dx, and add into every parameter's grad.

        Parameters
        ----------
        dy
            The gradients of the answers: (objectness, anchor_offsets, scores, offsets); the first two are
            None where there is no region proposal network.
        cache
            What `forward` returned.

        Returns
        -------
        dx : like x
            None if nobody wants it, or if there was no region and no region proposal network.
        """
        check_unused(cache, 3)
        dobjectness, dmoves, dscores, doffsets = dy
        head_cache, rpn_cache, trunk_cache = cache.pop(), cache.pop(), cache.pop()
        ways = []  # that the map went, each with its gradient
        if head_cache is not None:
            pool_cache, head_cache = head_cache
            dpooled = self.head.backward((dscores, doffsets), head_cache)
            ways.append(self.pooling.backward(dpooled, pool_cache))
        if self.rpn is not None:
            assert dobjectness is not None and dmoves is not None
            ways.append(self.rpn.backward((dobjectness, dmoves), rpn_cache))
        if not ways:
            return None
        dfeatures = ways[0] if len(ways) == 1 else add(*ways)  # the map went two ways: the sum of two
        ways.clear()  # for their memory
        return self.trunk.backward(dfeatures, trunk_cache)

    def trace(self, x: Blank) -> Step:
        """Return the Step of a forward in which each image has `proposals` regions."""
        trunk = self.trunk.trace(x)
        pooled = self.pooling.trace(trunk.y, regions=x.shape[0] * self.proposals)
        head = self.head.trace(pooled.y)
        inside = (trunk, pooled, head) if self.rpn is None else (trunk, self.rpn.trace(trunk.y), pooled, head)
        return Step(self, x, head.y, inside=inside, meets=self.rpn is not None)
