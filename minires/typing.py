"""The types that signatures name."""

from typing import Any, TypeAlias

Array: TypeAlias = Any  # a NumPy or a CuPy array: whatever has a shape, a dtype and arithmetic
