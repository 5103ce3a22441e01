"""Maxout, an activation that learns its own shape."""

import minires.functional as F
from minires.checks import whole_number
from minires.layers.base import Layer
from minires.layers.trace import Step


class Maxout(Layer):
    """The largest of every `pieces` neighbouring channels; see `F.maxout_forward`.

    Placed after Linear(I, O * pieces) or Conv2d(C, O * pieces, ...) it makes the maxout unit of Goodfellow
    et al. 2013 (arXiv:1302.4389), section 3: a convex function of its input made of `pieces` planes. It has
    no weights of its own and takes the place of a ReLU, which is the same with one of two pieces fixed at 0.
    """

    def __init__(self, pieces):
        self.pieces = whole_number("pieces", pieces, least=1)

    def forward(self, x, *, train):
        return F.maxout_forward(x, pieces=self.pieces)

    def backward(self, dy, cache):
        return F.maxout_backward(dy, cache)

    def trace(self, x):
        if x.ndim < 2 or x.shape[1] % self.pieces:
            raise ValueError(f"x: expected (N, C*{self.pieces}, ...) for {self.pieces} pieces, got {x.shape}")
        y = x.like((x.shape[0], x.shape[1] // self.pieces, *x.shape[2:]))
        argmax = y.like(y.shape, itemsize=1)
        return Step(self, x, y, remembers=(argmax,))
