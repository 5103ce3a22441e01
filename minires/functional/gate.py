"""Where two paths meet and a gate decides how much of each passes; and a constant in its place."""

from minires.checks import check_floats, check_gate, check_gradient, number
from minires.functional.dispatch import accelerated
from minires.typing import Array, Cache


@accelerated
def gate_forward(branch: Array, shortcut: Array, gate: Array) -> tuple[Array, Cache]:
    """Return gate * branch + (1 - gate) * shortcut, element by element.

    Parameters
    ----------
    branch, shortcut, gate : the same shape
        gate between 0 (all shortcut) and 1 (all branch), as a sigmoid makes it. What one path gains the other
        loses.

    Returns
    -------
    y, like branch; cache (branch, shortcut, gate)

    References
    ----------
    Srivastava et al. 2015 (arXiv:1505.00387), equation 3; the exclusive gate of He et al. 2016
    (arXiv:1603.05027), figure 2 (c).
    """
    check_gate(branch, shortcut, gate)
    y = branch * gate + (1 - gate) * shortcut
    return y, (branch, shortcut, gate)


@accelerated
def gate_backward(dy: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """Return (dbranch, dshortcut, dgate). The product rule: each factor gets dy times its partner, and the
    gate, which is a factor of both paths, gets dy times their difference."""
    branch, shortcut, gate = cache
    check_gradient(dy, gate.shape, gate.dtype, on=gate)
    return dy * gate, dy * (1 - gate), dy * (branch - shortcut)


def shortcut_gate_forward(branch: Array, shortcut: Array, gate: Array) -> tuple[Array, Cache]:
    """Return branch + (1 - gate) * shortcut, element by element: the branch passes untouched.

    Parameters
    ----------
    branch, shortcut, gate : the same shape
        gate between 0 (all of the shortcut) and 1 (none of it).

    Returns
    -------
    y, like branch; cache (shortcut, gate)

    References
    ----------
    He et al. 2016 (arXiv:1603.05027), figure 2 (d).
    """
    check_gate(branch, shortcut, gate)
    y = (1 - gate) * shortcut + branch
    return y, (shortcut, gate)


def shortcut_gate_backward(dy: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """Return (dbranch, dshortcut, dgate): dy itself for the branch, the product rule for the other two."""
    shortcut, gate = cache
    check_gradient(dy, gate.shape, gate.dtype, on=gate)
    return dy, dy * (1 - gate), -(dy * shortcut)


def scale_forward(x: Array, *, factor: float) -> tuple[Array, Cache]:
    """Return factor * x.

    Parameters
    ----------
    x : array of any shape
    factor : float

    Returns
    -------
    y, like x; cache (factor, shape, dtype)
    """
    check_floats(x=x)
    factor = number("factor", factor)
    return x * factor, (factor, x.shape, x.dtype)


def scale_backward(dy: Array, cache: Cache) -> Array:
    """Return dx = factor * dy: L of them in a row leave factor**L of the gradient (He et al. 2016, eq. 8)."""
    factor, shape, dtype = cache
    check_gradient(dy, shape, dtype)
    return dy * factor
