"""For whoever writes a composite, a layer made of layers: what all of them ask of their parts and caches.

A composite's cache is the list of its parts' caches. Its backward empties the list as it goes, so memory is
given back while it runs, and a second backward on the same cache raises RuntimeError.
"""

from collections.abc import Mapping
from typing import Any

import minires.functional as F
from minires.layers.base import Layer
from minires.typing import Array


def check_layers(parts: Mapping[str, Any]) -> None:
    """Raise TypeError unless every part, {name: part}, is a Layer."""
    for name, part in parts.items():
        if not isinstance(part, Layer):
            what = f"the class {part.__name__}" if isinstance(part, type) else type(part).__name__
            hint = "; write Sequential(*layers)" if isinstance(part, (list, tuple)) else ""
            raise TypeError(f"part {name}: expected a Layer, got {what}{hint}")


def check_unused(cache: Any, length: int) -> None:
    """Raise unless cache is the list of that length that forward returned and no backward has emptied."""
    if not isinstance(cache, list):
        raise TypeError(f"cache: expected the list that forward returned, got {type(cache).__name__}")
    if not cache and length:
        raise RuntimeError(
            "this cache has been used up: the backward of a composite empties it to free memory; "
            "run forward again for another backward"
        )
    if len(cache) != length:
        raise ValueError(
            f"cache: expected {length} parts, got {len(cache)}: it is another layer's cache, or that of a "
            "backward that broke off"
        )


def add(a: Array, b: Array) -> Array:
    """Return a + b: the gradients of a value's two uses."""
    return F.residual_add_forward(a, b)[0]
