"""Sums of long lines, as fast as memory can be read, and as good as in float64 (see `minires.sums`)."""

import numpy as np

PIECE = 256  # numbers that are added up in their own dtype


def of_lines(rows, other=None):
    """Return the sum of every line of rows (H, C, L), or of rows * other, as float64 (H, C).

    Each line is added up from one end to the other; so long ones are cut into pieces, and the pieces' sums
    are added in float64. (Not matmul and vecdot: these keep the interpreter lock if they have few results,
    and no other thread runs meanwhile. And reduce with float64 takes three times as long.)
    """
    length = rows.shape[2]
    if length <= 2 * PIECE:
        return _added(rows, other).astype(np.float64)
    whole = length // PIECE * PIECE
    pieces = *rows.shape[:2], -1, PIECE
    first = _added(
        rows[:, :, :whole].reshape(pieces), None if other is None else other[:, :, :whole].reshape(pieces)
    )
    sums = first.sum(axis=2, dtype=np.float64)
    if whole < length:
        sums += _added(rows[:, :, whole:], None if other is None else other[:, :, whole:])
    return sums


def _added(rows, other):
    """Return the sums over the last axis of rows, or of rows * other if that is not None."""
    if other is None:
        return np.dot(rows, np.ones(rows.shape[-1], rows.dtype))
    return np.einsum("...l,...l->...", rows, other)
