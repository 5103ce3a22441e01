"""What a network would do with arrays of a given shape, without an array being there.

`layer.trace(x)` mirrors `layer.forward(x, train=True)`: the same geometry, the same complaints about shapes
that do not fit, but x and y are `Blank`s, which know a shape and hold no numbers. A `Step` notes what
happened: how many multiply-adds, and which arrays the cache would remember. Two layers that remember the same
array name the same Blank: remembered twice, it is in memory once.
"""

import math
from dataclasses import dataclass

from minires.checks import check_ndim


class Blank:
    """An array without numbers. shape: a tuple; itemsize: bytes of an element (4: float32)."""

    def __init__(self, shape, itemsize=4):
        self.shape, self.itemsize = tuple(shape), itemsize

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    nbytes = property(lambda self: self.size * self.itemsize)

    def like(self, shape, itemsize=None):
        """Return another Blank, of this one's itemsize unless told otherwise."""
        return Blank(shape, itemsize or self.itemsize)

    def __repr__(self):
        return f"Blank({'x'.join(map(str, self.shape))})"


@dataclass(eq=False)
class Step:
    """What one layer would do.

    layer: the Layer; x, y: Blanks, what goes in and what comes out; macs: multiply-adds of the forward;
    remembers: the Blanks in its own cache; inside: the Steps of the layers in it, in order of their forwards.
    meets: paths meet here, so backward holds on to dy while it walks through one path after the other.
    recomputes: the caches of the inside are made only in backward.
    """

    layer: object
    x: Blank
    y: Blank
    macs: int = 0
    remembers: tuple = ()
    inside: tuple = ()
    meets: bool = False
    recomputes: bool = False

    def all(self):
        """Yield this Step and those inside it, in order of their forwards."""
        yield self
        for step in self.inside:
            yield from step.all()

    def leaves(self):
        """Yield the Steps of the layers without inner layers, in order of their forwards."""
        return (step for step in self.all() if not step.inside)

    def remembered(self):
        """Return {Blank: None} of all that is remembered between forward and backward, each array once."""
        own = dict.fromkeys(self.remembers)
        for step in () if self.recomputes else self.inside:
            own |= step.remembered()
        return own


def check_images(x, channels=None):
    """Raise ValueError unless the Blank x has the axes of images, and as many channels as asked."""
    check_ndim("x", x, (4, "(N, C, H, W)"))
    if channels is not None and x.shape[1] != channels:
        raise ValueError(f"x has {x.shape[1]} channels, but the weight expects {channels}")
