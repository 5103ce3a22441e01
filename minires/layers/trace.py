"""What a network would do with arrays of a given shape, without an array being there.

`layer.trace(x)` mirrors `layer.forward(x, train=True)`: the same geometry, the same complaints about shapes
that do not fit, but x and y are `Blank`s, which know a shape and hold no numbers. A `Step` notes what
happened: how many multiply-adds, and which arrays the cache would remember. Two layers that remember the same
array name the same Blank: remembered twice, it is in memory once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from minires.checks import check_ndim
from minires.reprs import times


class Blank:
    """An array without numbers.

    Parameters
    ----------
    shape : tuple of int
    itemsize : int, default 4
        Bytes of an element; 4 is float32.

    Examples
    --------
    >>> Blank((8, 3, 32, 32)).nbytes
    98304
    """

    def __init__(self, shape: tuple[int, ...], itemsize: int = 4) -> None:
        self.shape, self.itemsize = tuple(shape), itemsize

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers it would hold."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How much memory it would take."""
        return self.size * self.itemsize

    def like(self, shape: tuple[int, ...], itemsize: int | None = None) -> Blank:
        """Return another Blank, of this one's itemsize unless told otherwise."""
        return Blank(shape, itemsize or self.itemsize)

    def __repr__(self) -> str:
        return f"Blank({times(self.shape)})"


@dataclass(eq=False, repr=False)
class Step:
    """What one layer would do.

    Parameters
    ----------
    layer : Layer
    x, y : Blank
        What goes in and what comes out.
    macs : int
        Multiply-adds of the forward.
    remembers : tuple of Blank
        What its own cache holds.
    inside : tuple of Step
        Those of the layers in it, in order of their forwards.
    meets : bool
        Whether paths meet here, so that backward holds on to dy while it walks one path after the other.
    recomputes : bool
        Whether the caches of the inside are made only in backward.
    """

    layer: Any
    x: Blank
    y: Blank
    macs: int = 0
    remembers: tuple[Blank, ...] = ()
    inside: tuple[Step, ...] = ()
    meets: bool = False
    recomputes: bool = False

    def all(self) -> Iterator[Step]:
        """Yield this Step and those inside it, in order of their forwards."""
        yield self
        for step in self.inside:
            yield from step.all()

    def leaves(self) -> Iterator[Step]:
        """Yield the Steps of the layers without inner layers, in order of their forwards."""
        return (step for step in self.all() if not step.inside)

    def remembered(self) -> dict[Blank, None]:
        """Return {Blank: None} of all that is remembered between forward and backward, each array once."""
        own = dict.fromkeys(self.remembers)
        for step in () if self.recomputes else self.inside:
            own |= step.remembered()
        return own

    def __repr__(self) -> str:
        macs = f", {self.macs:,} multiply-adds" if self.macs else ""
        inside = f", {len(self.inside)} steps inside" if self.inside else ""
        shapes = f"{times(self.x.shape)} to {times(self.y.shape)}"
        return f"<Step {type(self.layer).__name__}: {shapes}{macs}{inside}>"


def check_images(x: Blank, channels: int | None = None) -> None:
    """Raise ValueError unless the Blank x has the axes of images, and as many channels as asked."""
    check_ndim("x", x, (4, "(N, C, H, W)"))
    if channels is not None and x.shape[1] != channels:
        raise ValueError(f"x has {x.shape[1]} channels, but the weight expects {channels}")
