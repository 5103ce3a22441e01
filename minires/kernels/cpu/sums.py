"""Sums of long lines, as fast as memory can be read, and as good as in float64 (see `minires.sums`)."""

import numpy as np

PIECE = 256  # numbers that are added up in their own dtype


def of_lines(rows, other=None):
    """Return the sum of every line of rows (H, C, L), or of rows * other, as float64 (H, C).

    einsum adds a line up from one end to the other; so it gets pieces, and their sums are added in float64.
    (Not matmul and vecdot: these keep the interpreter lock if they have few results, and no other thread runs
    meanwhile. And reduce with float64 takes three times as long.)
    """
    whole = rows.shape[2] // PIECE * PIECE
    sums = _einsum(rows[:, :, whole:], other if other is None else other[:, :, whole:]).astype(np.float64)
    if whole:
        shape = *rows.shape[:2], -1, PIECE
        first = rows[:, :, :whole].reshape(shape)
        pieces = _einsum(first, other if other is None else other[:, :, :whole].reshape(shape))
        sums += pieces.sum(axis=2, dtype=np.float64)
    return sums


def _einsum(rows, other):
    return np.einsum("...l->...", rows) if other is None else np.einsum("...l,...l->...", rows, other)
