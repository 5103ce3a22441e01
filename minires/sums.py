"""Sums over many numbers, made in float64 whatever the numbers are.

A float32 has 24 bits: once a running sum is a million times as large as what is added to it, hardly anything
of that arrives. NumPy adds in pairs, which avoids this, but only along the axis that lies contiguous in
memory; over a batch it adds one row after the other, and a million rows of 0.1 make 100958. In float64
every order is right.
"""

from minires.typing import Array


def total(x: Array, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Array:
    """Return the sum of x over some axes (None: over all), added up in float64, in x's dtype.

    Examples
    --------
    >>> rows = np.full((1_000_000, 1), 0.1, np.float32)
    >>> total(rows, axis=0)
    array([100000.], dtype=float32)
    """
    return x.sum(axis=axis, dtype="float64", keepdims=keepdims).astype(x.dtype)


def mean(x: Array, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Array:
    """Return the mean of x over some axes (None: over all), added up in float64, in x's dtype."""
    return x.mean(axis=axis, dtype="float64", keepdims=keepdims).astype(x.dtype)
