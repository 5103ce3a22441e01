"""Stochastic depth: a network that is shallower at every training step, and as deep as it is at the end."""

import numpy as np

import minires.functional as F
from minires.checks import number, plain
from minires.init import check_generator
from minires.layers.base import Layer
from minires.layers.combine import Residual
from minires.layers.composite import add, check_unused
from minires.typing import Array


class StochasticDepth(Residual):
    """A residual block whose branch is dropped for a whole mini-batch with probability 1 - survival.

    Parameters
    ----------
    branch : Layer
        F; its output has the shape of the shortcut's.
    shortcut : Layer, default `Identity`
        What runs beside the branch, whether that is dropped or not.
    after : Layer, default `Identity`
        What follows the addition, as a rule `ReLU`.
    survival : float
        The probability with which the branch takes part, in (0, 1]; `survival_probabilities` gives the
        paper's for every block.
    rng : numpy.random.Generator
        The layer's own generator, which draws the gates; checkpoints save its state.

    Raises
    ------
    ValueError
        For a probability out of range.

    Notes
    -----
    Training: y = after(gate * branch(x) + shortcut(x)), gate 1 with probability `survival`, else 0; a dropped
    branch is not even computed. Eval or frozen: y = after(survival * branch(x) + shortcut(x)).

    References
    ----------
    Huang et al. 2016 (arXiv:1603.09382), equations 2 and 5.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> block = StochasticDepth(Conv2d(4, 4, 3, padding=1, rng=rng), survival=0.8, rng=rng)
    >>> x = np.ones((1, 4, 8, 8), np.float32)
    >>> np.allclose(block.predict(x), x + 0.8 * block.branch.predict(x))
    True
    """

    def __init__(
        self,
        branch: Layer,
        shortcut: Layer | None = None,
        after: Layer | None = None,
        *,
        survival: float,
        rng: np.random.Generator,
    ) -> None:
        survival = number("survival", survival)
        if not 0 < survival <= 1:
            raise ValueError(f"survival: expected a probability in (0, 1], got {survival}")
        check_generator(rng)
        super().__init__(branch, shortcut, after)
        self.survival, self.rng = survival, rng

    def forward(self, x: Array, *, train: bool) -> tuple[Array, list]:
        draws = train and not self.frozen
        gate = float(self.rng.random() < self.survival if draws else self.survival)
        y, shortcut_cache = self.shortcut.forward(x, train=train)
        branch_cache = None
        if gate:
            branch, branch_cache = self.branch.forward(x, train=train)
            y, _ = F.residual_add_forward(branch * gate, y)
            del branch  # nothing remembers the summands
        y, after_cache = self.after.forward(y, train=train)
        return y, [(gate, branch_cache), shortcut_cache, after_cache]

    def backward(self, dy: Array, cache: list) -> Array:
        check_unused(cache, 3)
        dy = self.after.backward(dy, cache.pop())
        dx = self.shortcut.backward(dy, cache.pop())
        gate, branch_cache = cache.pop()
        return add(self.branch.backward(dy * gate, branch_cache), dx) if gate else dx

    def predict(self, x: Array) -> Array:
        y, _ = F.residual_add_forward(self.branch.predict(x) * float(self.survival), self.shortcut.predict(x))
        return self.after.predict(y)


def survival_probabilities(blocks: int, last: float = 0.5) -> list[float]:
    """Return the linear rule for the blocks of a network: early blocks, on which all others build, survive.

    Parameters
    ----------
    blocks : int
        L, at least 1.
    last : float, default 0.5
        p_L, of the last block, in (0, 1].

    Returns
    -------
    list of float
        p_l = 1 - l/L * (1 - p_L) for l = 1 ... L.

    Raises
    ------
    ValueError
        For no block, or a probability out of range.

    References
    ----------
    Huang et al. 2016 (arXiv:1603.09382), equation 4.

    Examples
    --------
    >>> survival_probabilities(4)
    [0.875, 0.75, 0.625, 0.5]
    """
    blocks, last = plain(blocks), number("last", last)
    if blocks < 1 or not 0 < last <= 1:
        raise ValueError(f"expected at least 1 block and 0 < last <= 1, got {blocks} and {last}")
    return [1 - block / blocks * (1 - last) for block in range(1, blocks + 1)]
