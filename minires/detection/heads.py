"""The two small networks on the map: the region proposal network, and the head that judges regions.

Both give two answers, the classes and the boxes, and so their gradients meet.
"""

from functools import partial

from minires import init
from minires.checks import whole_number
from minires.layers import Conv2d, Flatten, Layer, Linear, ReLU, Sequential
from minires.layers.composite import add, check_unused
from minires.layers.trace import Blank, Step
from minires.typing import Array, Generator


class TwoHeaded(Layer):
    """Two answers, the classes and the boxes, from what shared layers have made of x.

    Parameters
    ----------
    shared, classes, boxes : Layer

    Notes
    -----
    Forward returns a pair and backward takes the pair of its gradients. What the shared layers put out went
    two ways, so its gradient is the sum of two.
    """

    def __init__(self, shared: Layer, classes: Layer, boxes: Layer) -> None:
        self.shared, self.classes, self.boxes = shared, classes, boxes

    def forward(self, x: Array, *, train: bool) -> tuple[tuple[Array, Array], list]:
        """Return ((classes, boxes), cache); see `Layer.forward`."""
        hidden, shared_cache = self.shared.forward(x, train=train)
        scores, classes_cache = self.classes.forward(hidden, train=train)
        offsets, boxes_cache = self.boxes.forward(hidden, train=train)
        return (scores, offsets), [shared_cache, classes_cache, boxes_cache]

    def backward(self, dy: tuple[Array, Array], cache: list) -> Array:
        """Return dx, and add into every parameter's grad. dy: the gradients of (classes, boxes)."""
        check_unused(cache, 3)
        dscores, doffsets = dy
        dhidden_boxes = self.boxes.backward(doffsets, cache.pop())
        dhidden_classes = self.classes.backward(dscores, cache.pop())
        return self.shared.backward(add(dhidden_classes, dhidden_boxes), cache.pop())

    def trace(self, x: Blank) -> Step:
        """Return the Step of the three, which ends where the boxes' layer does."""
        shared = self.shared.trace(x)
        classes, boxes = self.classes.trace(shared.y), self.boxes.trace(shared.y)
        return Step(self, x, boxes.y, inside=(shared, classes, boxes), meets=True)


class RegionProposal(TwoHeaded):
    """The region proposal network (RPN): for each anchor, is it an object, and which way is its box?

    Parameters
    ----------
    channels
        Of the map.
    per_cell
        Anchors of a cell, A'.
    rng
        Draws the weights.

    Notes
    -----
    From the map (N, C, H, W) to logits (N, H*W*A') and offsets (N, H*W*A', 4), in the order of `anchors`.
    A 3x3 convolution and, beside each other, two of 1x1: a small network that slides over the map.

    Differs from the paper: one logit an anchor and a sigmoid, not two and a softmax.

    References
    ----------
    Ren et al. 2015, "Faster R-CNN" (arXiv:1506.01497), section 3.1.

    Examples
    --------
    >>> rpn = RegionProposal(64, 9, rng=np.random.default_rng(0))
    >>> (logits, offsets), cache = rpn.forward(np.zeros((2, 64, 3, 5), np.float32), train=True)
    >>> logits.shape, offsets.shape
    ((2, 135), (2, 135, 4))
    """

    def __init__(self, channels: int, per_cell: int, *, rng: Generator) -> None:
        small = partial(Conv2d, init=partial(init.normal, std=0.01), rng=rng)
        super().__init__(
            Sequential(conv=Conv2d(channels, channels, 3, padding=1, rng=rng), relu=ReLU()),
            classes=small(channels, per_cell, 1),
            boxes=small(channels, 4 * per_cell, 1),
        )

    def forward(self, x: Array, *, train: bool) -> tuple[tuple[Array, Array], list]:
        """Return ((logits, offsets), cache); see `Layer.forward`."""
        (logits, offsets), cache = super().forward(x, train=train)
        return (_rows(logits, 1)[..., 0], _rows(offsets, 4)), [cache, logits.shape]

    def backward(self, dy: tuple[Array, Array], cache: list) -> Array:
        """Return dx, and add into every parameter's grad. dy: the gradients of (logits, offsets)."""
        check_unused(cache, 2)
        dlogits, doffsets = dy
        size = cache.pop()[2:]
        return super().backward((_maps(dlogits[..., None], size), _maps(doffsets, size)), cache.pop())


def _rows(maps: Array, numbers: int) -> Array:
    """Return maps (N, A'*numbers, H, W) as (N, H*W*A', numbers): anchors in the order y, x, anchor."""
    n, channels, h, w = maps.shape
    split = maps.reshape(n, channels // numbers, numbers, h, w)
    return split.transpose(0, 3, 4, 1, 2).reshape(n, -1, numbers)


def _maps(rows: Array, size: tuple[int, int]) -> Array:
    """Undo `_rows`: it only moves numbers, so this is its backward too."""
    (n, _, numbers), (h, w) = rows.shape, size
    split = rows.reshape(n, h, w, -1, numbers).transpose(0, 3, 4, 1, 2)
    return split.reshape(n, -1, h, w)


class RoIHead(TwoHeaded):
    """The head that judges pooled regions: of which class is it, and which way is the box?

    Parameters
    ----------
    features
        Numbers of a pooled region, C * P * P.
    num_classes
        K, without the background.
    hidden
        Width of the fully-connected layer that both answers share.
    rng
        Draws the weights.

    Notes
    -----
    From (R, C, P, P) to logits (R, K + 1), 0 for the background, and offsets (R, K, 4): every class has a box
    of its own.

    References
    ----------
    Girshick 2015, "Fast R-CNN" (arXiv:1504.08083), section 2.1.

    Examples
    --------
    >>> head = RoIHead(1024, 10, rng=np.random.default_rng(0))
    >>> (scores, offsets), cache = head.forward(np.zeros((5, 64, 4, 4), np.float32), train=True)
    >>> scores.shape, offsets.shape
    ((5, 11), (5, 10, 4))
    """

    def __init__(self, features: int, num_classes: int, *, hidden: int = 128, rng: Generator) -> None:
        self.num_classes = whole_number("num_classes", num_classes, least=1)
        super().__init__(
            Sequential(flatten=Flatten(), fc=Linear(features, hidden, rng=rng), relu=ReLU()),
            classes=Linear(hidden, num_classes + 1, init=partial(init.normal, std=0.01), rng=rng),
            boxes=Linear(hidden, 4 * num_classes, init=partial(init.normal, std=0.001), rng=rng),
        )

    def forward(self, x: Array, *, train: bool) -> tuple[tuple[Array, Array], list]:
        """Return ((scores, offsets), cache); see `Layer.forward`."""
        (scores, offsets), cache = super().forward(x, train=train)
        return (scores, offsets.reshape(len(x), self.num_classes, 4)), cache

    def backward(self, dy: tuple[Array, Array], cache: list) -> Array:
        """Return dx, and add into every parameter's grad. dy: the gradients of (scores, offsets)."""
        dscores, doffsets = dy
        return super().backward((dscores, doffsets.reshape(len(doffsets), -1)), cache)
