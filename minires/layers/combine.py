"""The three combinators that build every network: Sequential, Residual, Concat.

Each says one sentence of calculus. What comes one after the other: the chain rule. What fans out and meets
in a sum: two gradients, added. What lies side by side: every branch gets its part.
(Caches of layers made of layers are lists that backward empties; see `layers.composite`.)
"""

from collections.abc import Iterator
from typing import Any

import minires.functional as F
from minires.checks import check_shape, whole_number
from minires.layers.base import Layer
from minires.layers.composite import add, check_layers, check_unused
from minires.layers.recompute import Recompute
from minires.layers.shape import Identity
from minires.layers.trace import Blank, Step
from minires.typing import Array


class Sequential(Layer):
    """One layer after the other: y = f_n(...f_2(f_1(x))).

    Parameters
    ----------
    *parts : Layer
        Named 0, 1, 2, ...
    **named_parts : Layer
        Named as they are called: Sequential(conv=..., norm=...).

    Attributes
    ----------
    parts : {name: Layer}
        net["conv"] and net[0] are parts, too.
    segment : int or None
        Gradient checkpointing: of every so many parts only the first one's input is remembered, and backward
        computes the rest again, as with `Recompute`, and with the same bits. None: no.

    Notes
    -----
    Backward walks the list from its end: the chain rule. n parts in segments of sqrt(n) need the memory of
    about 2 sqrt(n) parts, for one more forward.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> net = Sequential(conv=Conv2d(3, 8, 3, padding=1, rng=rng), relu=ReLU(), pool=GlobalAvgPool2d())
    >>> net.predict(np.ones((2, 3, 6, 5), np.float32)).shape
    (2, 8)
    >>> net
    Sequential: 224 parameters
      (conv): Conv2d(3, 8, 3, padding=1)  weight 8x3x3x3, bias 8  224
      (relu): ReLU()
      (pool): GlobalAvgPool2d()
    """

    segment: int | None = None

    def __init__(self, *parts: Layer, **named_parts: Layer) -> None:
        self.parts = {str(i): part for i, part in enumerate(parts)} | named_parts
        check_layers(self.parts)

    def forward(self, x: Array, *, train: bool) -> tuple[Any, list]:
        caches = []
        for part in self._in_turn():
            x, cache = part.forward(x, train=train)
            caches.append(cache)
        return x, caches

    def backward(self, dy: Any, cache: list) -> Any:
        parts = self._in_turn()
        check_unused(cache, len(parts))
        for part in reversed(parts):
            dy = part.backward(dy, cache.pop())
            if not part.input_gradient:  # nothing before it learns
                cache.clear()
                return None
        return dy

    def predict(self, x: Array) -> Array:
        for part in self.parts.values():
            x = part.predict(x)
        return x

    def trace(self, x: Blank) -> Step:
        steps, y = [], x
        for part in self._in_turn():
            steps.append(part.trace(y))
            y = steps[-1].y
        return Step(self, x, y, inside=tuple(steps))

    def children(self) -> Iterator[tuple[str, Layer]]:
        yield from self.parts.items()

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, name: str | int) -> Layer:
        """Return a part by its name or, for an int, by its position. KeyError, IndexError: there is none."""
        if isinstance(name, int):
            return list(self.parts.values())[name]
        if name not in self.parts:
            raise KeyError(f"no part is called {name!r}; there are {', '.join(self.parts)}")
        return self.parts[name]

    def _in_turn(self) -> list[Layer]:
        """Return what runs one after the other: the parts, or the segments that they are computed in."""
        parts, length = list(self.parts.values()), self.segment
        if length is None:
            return parts
        whole_number("segment", length, least=1)
        segments: list[Layer] = []
        for first in range(0, len(parts), length):
            chunk = parts[first : first + length]
            segments.append(Recompute(Sequential(*chunk)))
            segments[-1].input_gradient = all(part.input_gradient for part in chunk)
        return segments


class Residual(Layer):
    """A residual block: y = after(branch(x) + shortcut(x)), the sum around a shortcut ("skip connection").

    Parameters
    ----------
    branch : Layer
        F, what the block learns; its output has the shape of the shortcut's.
    shortcut : Layer, default `Identity`
        x itself, or where the shape changes a projection or a `PadShortcut`.
    after : Layer, default `Identity`
        What follows the addition, f in the paper: `ReLU` in the original block, nothing in pre-activation.

    Notes
    -----
    x fans out into two paths, so its gradient is the sum of two gradients: one through the branch and one
    through the shortcut, where it arrives unchanged if that is the identity.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), equation 1; He et al. 2016 (arXiv:1603.05027), equations 1 and 2.

    Examples
    --------
    >>> from minires import init
    >>> block = Residual(Linear(4, 4, init=init.zero, rng=np.random.default_rng(0)))
    >>> x = np.ones((1, 4), np.float32)
    >>> y, cache = block.forward(x, train=True)
    >>> block.backward(x, cache)  # nothing comes through a branch of zeros, and everything past it
    array([[1., 1., 1., 1.]], dtype=float32)
    """

    def __init__(self, branch: Layer, shortcut: Layer | None = None, after: Layer | None = None) -> None:
        self.branch = branch
        self.shortcut = Identity() if shortcut is None else shortcut
        self.after = Identity() if after is None else after
        check_layers(vars(self))

    def forward(self, x: Array, *, train: bool) -> tuple[Array, list]:
        branch, branch_cache = self.branch.forward(x, train=train)
        shortcut, shortcut_cache = self.shortcut.forward(x, train=train)
        y, _ = F.residual_add_forward(branch, shortcut)  # an addition remembers nothing
        del branch, shortcut
        y, after_cache = self.after.forward(y, train=train)
        return y, [branch_cache, shortcut_cache, after_cache]

    def backward(self, dy: Array, cache: list) -> Array:
        check_unused(cache, 3)
        dy = self.after.backward(dy, cache.pop())
        dbranch, dshortcut = F.residual_add_backward(dy, ())
        dx_shortcut = self.shortcut.backward(dshortcut, cache.pop())
        dx_branch = self.branch.backward(dbranch, cache.pop())
        return add(dx_branch, dx_shortcut)

    def predict(self, x: Array) -> Array:
        y, _ = F.residual_add_forward(self.branch.predict(x), self.shortcut.predict(x))
        return self.after.predict(y)

    def trace(self, x: Blank) -> Step:
        branch, shortcut = self.branch.trace(x), self.shortcut.trace(x)
        check_shape("shortcut", shortcut.y, branch.y.shape, "that of the branch")
        after = self.after.trace(x.like(branch.y.shape))
        return Step(self, x, after.y, inside=(branch, shortcut, after), meets=True)


class Concat(Layer):
    """Branches side by side: y is their outputs, one after the other along the channels.

    Parameters
    ----------
    *branches : Layer
        Named 0, 1, 2, ...; their outputs are equal in everything but the number of channels.
    **named_branches : Layer
        Named as they are called.

    Attributes
    ----------
    branches : {name: Layer}

    Notes
    -----
    Each branch gets the part of dy that is its own; x fans out into all of them, so dx is the sum of their
    gradients.

    References
    ----------
    Szegedy et al. 2014 (arXiv:1409.4842), figure 2: the inception module.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> module = Concat(Conv2d(8, 4, 1, rng=rng), Conv2d(8, 6, 3, padding=1, rng=rng), Identity())
    >>> module.predict(np.ones((1, 8, 5, 5), np.float32)).shape
    (1, 18, 5, 5)
    """

    def __init__(self, *branches: Layer, **named_branches: Layer) -> None:
        self.branches = {str(i): branch for i, branch in enumerate(branches)} | named_branches
        if not self.branches:
            raise ValueError("branches: expected at least one layer, got none")
        check_layers(self.branches)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, list]:
        ys, caches = zip(*(b.forward(x, train=train) for b in self.branches.values()), strict=True)
        y, cache = F.concat_forward(ys)
        return y, [*caches, cache]

    def backward(self, dy: Array, cache: list) -> Array:
        check_unused(cache, len(self.branches) + 1)
        dys = F.concat_backward(dy, cache.pop())
        dx: Any = None
        for branch, dy in zip(reversed(self.branches.values()), reversed(dys), strict=True):
            dx_branch = branch.backward(dy, cache.pop())
            dx = dx_branch if dx is None else add(dx, dx_branch)
        return dx

    def predict(self, x: Array) -> Array:
        return F.concat_forward([branch.predict(x) for branch in self.branches.values()])[0]

    def trace(self, x: Blank) -> Step:
        steps = tuple(branch.trace(x) for branch in self.branches.values())
        n, _, *rest = steps[0].y.shape
        for step in steps:
            check_shape("branch", step.y, (n, step.y.shape[1], *rest), "equal but for the channels")
        y = x.like((n, sum(step.y.shape[1] for step in steps), *rest))
        return Step(self, x, y, inside=steps, meets=True)

    def children(self) -> Iterator[tuple[str, Layer]]:
        yield from self.branches.items()
