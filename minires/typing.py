"""The types in the signatures: what an array is, a cache, a shape.

A type checker takes `Array` for `numpy.ndarray`: CuPy's arrays have the same methods and operators, and CuPy
itself has no annotations yet. Shapes and dtypes are no part of a type; the docstrings give them.
"""

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    Array: TypeAlias = np.ndarray[Any, Any]
else:

    class Array:
        """An array of NumPy or CuPy, of any shape and dtype. Only a name: no array is an instance of it."""


Generator: TypeAlias = np.random.Generator  # numpy.random.default_rng(seed), or `init.SHAPES_ONLY`
Cache: TypeAlias = tuple  # what a forward hands to its backward; its items stand in the forward's docstring
Shape: TypeAlias = tuple[int, ...]
Size: TypeAlias = int | tuple[int, int]  # in pixels: one number for both axes, or (h, w)


class Shaped(Protocol):
    """What has a shape: an Array, or the Blank that stands for one where nothing is computed."""

    @property
    def shape(self) -> Shape:
        """Lengths of the axes."""

    @property
    def ndim(self) -> int:
        """How many axes there are."""

    @property
    def size(self) -> int:
        """How many numbers there are."""
