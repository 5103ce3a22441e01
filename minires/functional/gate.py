"""Where two paths meet and a gate decides how much of each passes; and a constant in its place."""

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, check_shape
from minires.kernels.cpu.parallel import elementwise


def gate_forward(branch, shortcut, gate):
    """Return gate * branch + (1 - gate) * shortcut, element by element, and the cache.

    branch, shortcut, gate: the same shape; gate between 0 (all shortcut) and 1 (all branch), as a sigmoid
    makes it. What one path gains the other loses.
    Srivastava et al. 2015 (arXiv:1505.00387), equation 3; the exclusive gate of He et al. 2016
    (arXiv:1603.05027), figure 2 (c).
    """
    xp = _check(branch, shortcut, gate)

    def tile(branch, shortcut, gate, out):
        xp.multiply(branch, gate, out=out)
        out += (1 - gate) * shortcut

    return elementwise(tile, branch, shortcut, gate), (branch, shortcut, gate)


def gate_backward(dy, cache):
    """Return (dbranch, dshortcut, dgate). The product rule: each factor gets dy times its partner, and the
    gate, which is a factor of both paths, gets dy times their difference."""
    branch, shortcut, gate = cache
    check_gradient(dy, gate.shape, gate.dtype, on=gate)
    xp = array_module(gate)
    dbranch = elementwise(lambda dy, gate, out: xp.multiply(dy, gate, out=out), dy, gate)
    dshortcut = elementwise(lambda dy, gate, out: xp.multiply(dy, 1 - gate, out=out), dy, gate)

    def tile(dy, branch, shortcut, out):
        xp.subtract(branch, shortcut, out=out)
        out *= dy

    return dbranch, dshortcut, elementwise(tile, dy, branch, shortcut)


def shortcut_gate_forward(branch, shortcut, gate):
    """Return branch + (1 - gate) * shortcut, element by element, and the cache: the branch passes untouched.

    branch, shortcut, gate: the same shape; gate between 0 (all of the shortcut) and 1 (none of it).
    He et al. 2016 (arXiv:1603.05027), figure 2 (d).
    """
    xp = _check(branch, shortcut, gate)

    def tile(branch, shortcut, gate, out):
        xp.subtract(1, gate, out=out)
        out *= shortcut
        out += branch

    return elementwise(tile, branch, shortcut, gate), (shortcut, gate)


def shortcut_gate_backward(dy, cache):
    """Return (dbranch, dshortcut, dgate): dy itself for the branch, the product rule for the other two."""
    shortcut, gate = cache
    check_gradient(dy, gate.shape, gate.dtype, on=gate)
    xp = array_module(gate)
    dshortcut = elementwise(lambda dy, gate, out: xp.multiply(dy, 1 - gate, out=out), dy, gate)

    def tile(dy, shortcut, out):
        xp.multiply(dy, shortcut, out=out)
        xp.negative(out, out=out)

    return dy, dshortcut, elementwise(tile, dy, shortcut)


def scale_forward(x, *, factor):
    """Return factor * x for x of any shape and a Python number, and the cache."""
    xp = check_floats(x=x)
    y = elementwise(lambda x, out: xp.multiply(x, factor, out=out), x)
    return y, (factor, x.shape, x.dtype)


def scale_backward(dy, cache):
    """Return dx = factor * dy: L of them in a row leave factor**L of the gradient (He et al. 2016, eq. 8)."""
    factor, shape, dtype = cache
    check_gradient(dy, shape, dtype)
    xp = array_module(dy)
    return elementwise(lambda dy, out: xp.multiply(dy, factor, out=out), dy)


def _check(branch, shortcut, gate):
    xp = check_floats(branch=branch, shortcut=shortcut, gate=gate)
    check_shape("shortcut", shortcut, branch.shape, "that of the branch")
    check_shape("gate", gate, branch.shape, "that of the branch: a gate decides element by element")
    return xp
