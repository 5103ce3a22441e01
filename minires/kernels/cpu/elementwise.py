"""Operations that treat every number by itself, on arrays so large that one pass over them on several threads
pays; smaller ones are left to the textbook. Masks pay much earlier: see `keep_where`.

The textbook: `functional.activation`, `functional.combine`, `functional.dropout`, `functional.gate`,
`functional.update`.
"""

import numpy as np

from minires.checks import check_addends, check_floats, check_gate, check_gradient, check_shape
from minires.kernels.cpu import parallel
from minires.kernels.cpu.parallel import elementwise


def relu_forward(x):
    """As `functional.relu_forward`."""
    if x.size < parallel.LARGE:
        return NotImplemented
    check_floats(x=x)
    y = elementwise(lambda x, out: np.maximum(x, 0, out=out), x)
    return y, (y,)


def relu_backward(dy, cache):
    """As `functional.relu_backward`."""
    if dy.size < parallel.MASKED:
        return NotImplemented
    (y,) = cache
    check_gradient(dy, y.shape, y.dtype, on=y)
    return elementwise(lambda y, dy, out: keep_where(y > 0, dy, out), y, dy, whole_below=parallel.LARGE)


def sigmoid_forward(x):
    """As `functional.sigmoid_forward`."""
    if x.size < parallel.LARGE:
        return NotImplemented
    check_floats(x=x)

    def block(x, out):
        small = parallel.scratch("small", x.shape, like=x)
        np.abs(x, out=small)
        np.negative(small, out=small)
        np.exp(small, out=small)  # exp(-|x|), from 0 to 1
        np.maximum(small, x >= 0, out=out)  # the numerator: small itself for negative x, else 1
        small += 1
        out /= small

    y = elementwise(block, x)
    return y, (y,)


def sigmoid_backward(dy, cache):
    """As `functional.sigmoid_backward`."""
    if dy.size < parallel.LARGE:
        return NotImplemented
    (y,) = cache
    check_gradient(dy, y.shape, y.dtype, on=y)
    return elementwise(lambda y, dy, out: np.multiply(dy, y * (1 - y), out=out), y, dy)


def residual_add_forward(branch, shortcut):
    """As `functional.residual_add_forward`."""
    y = residual_add_predict(branch, shortcut)
    return y if y is NotImplemented else (y, ())


def residual_add_predict(branch, shortcut, *, relu=False):
    """As `functional.residual_add_predict`: max(y, 0) is taken of each block while it is in the cache."""
    if branch.size < parallel.LARGE:
        return NotImplemented
    check_addends(branch, shortcut)

    def block(branch, shortcut, out):
        np.add(branch, shortcut, out=out)
        if relu:
            np.maximum(out, 0, out=out)

    return elementwise(block, branch, shortcut)


def dropout_forward(x, mask):
    """As `functional.dropout_forward`."""
    if x.size < parallel.MASKED:
        return NotImplemented
    check_floats(x=x, mask=mask)
    check_shape("mask", mask, x.shape, "that of x")
    return elementwise(_product_with_mask, x, mask, whole_below=parallel.LARGE), (mask,)


def dropout_backward(dy, cache):
    """As `functional.dropout_backward`."""
    if dy.size < parallel.MASKED:
        return NotImplemented
    (mask,) = cache
    check_gradient(dy, mask.shape, mask.dtype, on=mask)
    return elementwise(_product_with_mask, dy, mask, whole_below=parallel.LARGE)


def _product_with_mask(x, mask, out):
    """Fill out with x * mask, 0 where the mask is 0, also if x is infinite there."""
    keep_where(mask > 0, x, out)
    out *= mask


def keep_where(condition, x, out=None):
    """Return x where condition (a new array of bool) holds, and 0 elsewhere, also if x is infinite there.

    The bits of x ANDed with none or all ones, which takes no longer than a product; np.where takes six times
    as long.
    """
    mask = np.asarray(condition).view(np.int8)  # of arrays without axes NumPy compares to a scalar
    np.negative(mask, out=mask)  # -1: all bits are ones, also when it becomes a wider integer
    bits = np.int32 if x.itemsize == 4 else np.int64
    kept = np.bitwise_and(x.view(bits), mask, out=None if out is None else out.view(bits))
    return kept.view(x.dtype)


def gate_forward(branch, shortcut, gate):
    """As `functional.gate_forward`."""
    if branch.size < parallel.LARGE:
        return NotImplemented
    check_gate(branch, shortcut, gate)

    def block(branch, shortcut, gate, out):
        np.multiply(branch, gate, out=out)
        out += (1 - gate) * shortcut

    return elementwise(block, branch, shortcut, gate), (branch, shortcut, gate)


def gate_backward(dy, cache):
    """As `functional.gate_backward`."""
    if dy.size < parallel.LARGE:
        return NotImplemented
    branch, shortcut, gate = cache
    check_gradient(dy, gate.shape, gate.dtype, on=gate)

    def block(dy, branch, shortcut, out):
        np.subtract(branch, shortcut, out=out)
        out *= dy

    dbranch = elementwise(lambda dy, gate, out: np.multiply(dy, gate, out=out), dy, gate)
    dshortcut = elementwise(lambda dy, gate, out: np.multiply(dy, 1 - gate, out=out), dy, gate)
    return dbranch, dshortcut, elementwise(block, dy, branch, shortcut)


def sgd_step(weight, gradient, velocity, *, lr, momentum, decay, nesterov):
    """As `functional.sgd_step`."""
    if weight.size < parallel.LARGE:
        return NotImplemented

    def block(weight, gradient, velocity=None):
        direction = parallel.scratch("direction", weight.shape, like=weight)
        if decay:
            np.multiply(weight, decay, out=direction)
            direction += gradient
        else:
            direction[...] = gradient
        if velocity is None:
            direction *= lr
        else:
            velocity *= momentum
            velocity += direction
            if nesterov:
                direction += velocity * momentum
                direction *= lr
            else:
                np.multiply(velocity, lr, out=direction)
        weight -= direction

    parallel.blockwise(block, weight, gradient, *([] if velocity is None else [velocity]))
