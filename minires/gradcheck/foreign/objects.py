"""The weights inside an object of anybody's, and the gradients that its backward leaves beside them.

A path is "W", "conv.W", "layers[0].W" or "params['W1']".
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from minires.gradcheck.foreign.border import Border

STEP = re.compile(r"\[(?:'([^']*)'|(\d+))\]|\.?([^.\[]+)")
GRADIENTS = ("d{}", "dLd{}", "dL_d{}", "d_{}", "grad_{}", "{}_grad", "grad{}")  # of a weight W
HOLDERS = ("grads", "gradients", "grad")
HELD = re.compile(rf"(^|\.)({'|'.join(HOLDERS)})\[")
DEEPEST = 4  # objects in objects


def arrays(thing: Any, border: Border, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield (path, array) of every floating-point array in an object, and in the objects inside it."""
    if depth > DEEPEST:
        return
    for step, value in _parts(thing):
        taken = border.take(value)
        inner = f"{path}{step}" if path else step.lstrip(".")
        if isinstance(taken, np.ndarray):
            if taken.dtype.kind == "f" and taken.size:
                yield inner, value
        else:
            yield from arrays(value, border, inner, depth + 1)


def without_gradients(found: dict[str, Any]) -> dict[str, Any]:
    """Return {path: array} without the arrays that are for the gradients of others."""
    names = set(found)
    for path in found:
        *_, last = re.split(r"[.\[]", path)
        names -= {path.removesuffix(last) + form.format(last) for form in GRADIENTS}
    return {path: a for path, a in found.items() if path in names and not HELD.search(path)}


def _parts(thing: Any) -> list[tuple[str, Any]]:
    if isinstance(thing, dict):
        return [(f"[{key!r}]", value) for key, value in thing.items() if isinstance(key, str)]
    if isinstance(thing, (list, tuple)):
        return [(f"[{index}]", value) for index, value in enumerate(thing)]
    if isinstance(thing, type) or type(thing).__module__.partition(".")[0] in ("numpy", "builtins"):
        return []
    return [(f".{name}", value) for name, value in getattr(thing, "__dict__", {}).items()]


def _steps(path: str) -> list[Any]:
    found = (match.groups() for match in STEP.finditer(path))
    return [key if key is not None else int(index) if index else (name,) for key, index, name in found]


def _take(thing: Any, step: Any) -> Any:
    return getattr(thing, step[0]) if isinstance(step, tuple) else thing[step]


def get(thing: Any, path: str) -> Any:
    """Return what is at a path."""
    for step in _steps(path):
        thing = _take(thing, step)
    return thing


def put(thing: Any, path: str, value: Any) -> None:
    """Put a value at a path."""
    *before, last = _steps(path)
    for step in before:
        thing = _take(thing, step)
    if isinstance(last, tuple):
        setattr(thing, last[0], value)
    elif not isinstance(thing, tuple):
        thing[last] = value


def gradient(thing: Any, path: str) -> Any:
    """Return the gradient of the weight at a path, or None: its attribute dW or dLdW, or grads['W']."""
    *before, last = _steps(path)
    holders = [thing]
    for step in before:
        holders.append(_take(holders[-1], step))
    name = last[0] if isinstance(last, tuple) else last
    if isinstance(last, tuple):
        own = vars(holders[-1])
        for form in GRADIENTS:
            if own.get(form.format(name)) is not None:
                return own[form.format(name)]
    owner = holders[-1] if isinstance(last, tuple) else holders[-2] if len(holders) > 1 else None
    for holder in HOLDERS:
        found = getattr(owner, holder, None)
        if isinstance(found, dict):
            keys = (name, *(form.format(name) for form in GRADIENTS))
            if any(key in found for key in keys):
                return next(found[key] for key in keys if key in found)
        if isinstance(found, list) and isinstance(name, int) and name < len(found):
            return found[name]
    return None
