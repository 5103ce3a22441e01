"""Which returned gradient belongs to which input: by its key, by its name in the code, by its place."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minires.gradcheck.foreign.forms import NotWritten, WrongReturn

BEFORE = re.compile(r"^(dL_?d_?|dJ_?d_?|dloss_?d_?|grad_|gradient_|d_|d)(?=.)", re.IGNORECASE)
AFTER = re.compile(r"_?(grad|gradient)$", re.IGNORECASE)


def assign(
    returned: Any, arrays: Mapping[str, np.ndarray], inputs: Sequence[str], order: list[str] | None
) -> tuple[dict[str, Any], list[str]]:
    """Return ({name of an array: its gradient}, sentences on what is odd).

    returned: by a backward; arrays: {name: array} of the floating-point inputs; inputs: names of all inputs,
    in order; order: names of the returned values in the code, or None.
    Raises WrongReturn if nothing fits, NotWritten if everything is None.
    """
    if isinstance(returned, dict):
        return _by_key(returned, arrays)
    gradients = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    if all(gradient is None for gradient in gradients):
        raise NotWritten("backward returns None")
    named = _by_name(gradients, arrays, order)
    if named is not None:
        found = {name: value for name, value in named.items() if value is not None}
        return found, _in_another_order(named, arrays, order or [])
    if len(gradients) == len(inputs) > len(arrays):
        gradients = [g for name, g in zip(inputs, gradients, strict=True) if name in arrays]
    if len(gradients) > len(arrays):
        raise WrongReturn(
            f"backward returned {len(gradients)} gradients; expected at most one for each of "
            f"{', '.join(arrays)}"
        )
    places = _places(gradients, list(arrays.values()))
    names = [list(arrays)[place] for place in places]
    found = dict(zip(names, gradients, strict=True))
    return {name: value for name, value in found.items() if value is not None}, []


def _by_key(returned: Mapping[str, Any], arrays: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    found = {name_of(key, arrays): value for key, value in returned.items()}
    rest = [str(key) for key in returned if name_of(key, arrays) is None]
    found.pop(None, None)
    if not found:
        raise WrongReturn(
            f"backward returned a dict with the keys {', '.join(map(repr, returned)) or '(none)'}; "
            f"expected one such as 'd{last_name(next(iter(arrays), 'x'))}'"
        )
    if all(value is None for value in found.values()):
        raise NotWritten("every gradient in the dict is None")
    odd = [f"not looked at: {', '.join(map(repr, rest))}, the gradient of no input"] if rest else []
    return {name: value for name, value in found.items() if value is not None and name is not None}, odd


def _by_name(
    gradients: Sequence[Any], arrays: Mapping[str, Any], order: list[str] | None
) -> dict[str, Any] | None:
    """Return {name: gradient} if the code gives each value a name that is one array's, else None."""
    if order is None or len(order) != len(gradients):
        return None
    names = [name_of(word, arrays, bare=False) for word in order]
    if None in names or len(set(names)) < len(names):
        return None
    return {name: value for name, value in zip(names, gradients, strict=True) if name is not None}


def _in_another_order(named: Mapping[str, Any], arrays: Mapping[str, Any], order: list[str]) -> list[str]:
    expected = [name for name in arrays if name in named]
    if list(named) == expected:
        return []
    right = [word for name in expected for word in order if name_of(word, arrays, bare=False) == name]
    return [f"backward returns {', '.join(order)}; expected the order of the inputs: {', '.join(right)}"]


def name_of(word: Any, arrays: Mapping[str, Any], *, bare: bool = True) -> str | None:
    """Return the name of the array whose gradient is called so ("dW", "W_grad"; if bare, "W"), or None."""
    if not isinstance(word, str):
        return None
    stripped = [AFTER.sub("", word), BEFORE.sub("", word), BEFORE.sub("", AFTER.sub("", word))]
    candidates = ([word] if bare else []) + [each for each in stripped if each and each != word]
    for fold in (str, str.lower):
        for candidate in candidates:
            for name in arrays:
                if fold(candidate) in (fold(name), fold(last_name(name))):
                    return name
    return None


def last_name(name: str) -> str:
    """Return "W" of "parameters.W"."""
    return re.split(r"[.\[\]']+", name.rstrip("]'"))[-1]


def _places(gradients: Sequence[Any], arrays: Sequence[np.ndarray]) -> list[int]:
    """Return which of the arrays the gradients belong to, in order: the first choice whose shapes fit."""
    for places in itertools.combinations(range(len(arrays)), len(gradients)):
        if all(
            g is None or np.shape(g) == arrays[place].shape
            for g, place in zip(gradients, places, strict=True)
        ):
            return list(places)
    return list(range(len(gradients)))
