"""Residual blocks whose paths are scaled: by a constant, or by gates that the input itself sets."""

import math
from collections.abc import Callable

import minires.functional as F
from minires.checks import check_shape, number
from minires.layers.base import Layer
from minires.layers.combine import Residual
from minires.layers.composite import add, check_layers, check_unused
from minires.layers.trace import Blank, Step
from minires.typing import Array

GATINGS: dict[str, tuple[Callable, Callable]] = {
    "exclusive": (F.gate_forward, F.gate_backward),
    "shortcut": (F.shortcut_gate_forward, F.shortcut_gate_backward),
}


class GatedResidual(Residual):
    """A residual block whose paths are scaled by a gate that x itself sets; also the highway layer.

    Parameters
    ----------
    branch : Layer
        F; its output has the shape of the shortcut's.
    gate : Layer
        g, of the branch's shape, with values from 0 to 1: as a rule a layer with weights and a `Sigmoid`.
    shortcut : Layer, default `Identity`
        What runs beside the branch.
    after : Layer, default `Identity`
        What follows the addition, as a rule `ReLU` or nothing.
    gating : {"exclusive", "shortcut"}, default "exclusive"
        "exclusive": y = after(g * branch(x) + (1 - g) * shortcut(x)): one gate scales both paths;
        "shortcut": y = after(branch(x) + (1 - g) * shortcut(x)): the branch is left alone.

    Raises
    ------
    ValueError
        For another gating.

    See Also
    --------
    minires.functional.gate_forward, minires.functional.shortcut_gate_forward : the arithmetic

    Notes
    -----
    The exclusive one is the highway layer, g its transform gate and 1 - g its carry gate. Here x fans out
    into three paths, so its gradient is the sum of three.

    References
    ----------
    He et al. 2016 (arXiv:1603.05027), figure 2 (c) and (d); Srivastava et al. 2015 (arXiv:1505.00387),
    equation 3.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> gate = Sequential(Linear(4, 4, rng=rng), Sigmoid())
    >>> gate[0].bias.data.fill(-100)  # shut
    >>> highway = GatedResidual(Sequential(Linear(4, 4, rng=rng), ReLU()), gate)
    >>> highway.predict(np.ones((1, 4), np.float32))
    array([[1., 1., 1., 1.]], dtype=float32)
    """

    def __init__(
        self,
        branch: Layer,
        gate: Layer,
        shortcut: Layer | None = None,
        after: Layer | None = None,
        *,
        gating: str = "exclusive",
    ) -> None:
        if gating not in GATINGS:
            raise ValueError(f"gating: expected one of {', '.join(GATINGS)}, got {gating!r}")
        super().__init__(branch, shortcut, after)
        self.gate, self.gating = gate, gating
        check_layers({"gate": gate})

    def forward(self, x: Array, *, train: bool) -> tuple[Array, list]:
        branch, branch_cache = self.branch.forward(x, train=train)
        shortcut, shortcut_cache = self.shortcut.forward(x, train=train)
        gate, gate_cache = self.gate.forward(x, train=train)
        join_forward, _ = GATINGS[self.gating]
        y, join_cache = join_forward(branch, shortcut, gate)  # unlike a sum, products remember their factors
        y, after_cache = self.after.forward(y, train=train)
        return y, [branch_cache, shortcut_cache, gate_cache, join_cache, after_cache]

    def backward(self, dy: Array, cache: list) -> Array:
        check_unused(cache, 5)
        dy = self.after.backward(dy, cache.pop())
        _, join_backward = GATINGS[self.gating]
        dbranch, dshortcut, dgate = join_backward(dy, cache.pop())
        dx_gate = self.gate.backward(dgate, cache.pop())
        dx_shortcut = self.shortcut.backward(dshortcut, cache.pop())
        dx_branch = self.branch.backward(dbranch, cache.pop())
        return add(add(dx_branch, dx_shortcut), dx_gate)

    def predict(self, x: Array) -> Array:
        join_forward, _ = GATINGS[self.gating]
        y, _ = join_forward(self.branch.predict(x), self.shortcut.predict(x), self.gate.predict(x))
        return self.after.predict(y)

    def trace(self, x: Blank) -> Step:
        branch, shortcut, gate = self.branch.trace(x), self.shortcut.trace(x), self.gate.trace(x)
        check_shape("shortcut", shortcut.y, branch.y.shape, "that of the branch")
        check_shape("gate", gate.y, branch.y.shape, "that of the branch")
        factors = (branch.y, shortcut.y, gate.y) if self.gating == "exclusive" else (shortcut.y, gate.y)
        after = self.after.trace(x.like(branch.y.shape))
        inside = (branch, shortcut, gate, after)
        return Step(self, x, after.y, remembers=factors, inside=inside, meets=True)


class Scale(Layer):
    """factor * x, of arrays of any shape; the factor is a constant that is not learned.

    Parameters
    ----------
    factor : float

    Raises
    ------
    ValueError
        If it is not finite.

    See Also
    --------
    minires.functional.scale_forward : the arithmetic

    References
    ----------
    He et al. 2016 (arXiv:1603.05027), equations 7 and 8: why it does not belong on a shortcut.

    Examples
    --------
    >>> Scale(0.5).predict(np.array([3.0]))
    array([1.5])
    """

    keeps_zero = True

    def __init__(self, factor: float) -> None:
        factor = number("factor", factor)
        if not math.isfinite(factor):
            raise ValueError(f"factor: expected a finite number, got {factor}")
        self.factor = factor

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.scale_forward(x, factor=self.factor)

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.scale_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        return Step(self, x, x.like(x.shape))
