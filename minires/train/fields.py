"""The fields of a run's configuration, a frozen dataclass: checked, read from JSON, changed to go on."""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from minires.checks import plain

R = TypeVar("R")


def from_dict(kind: type[R], values: Any) -> R:
    """Return the record of a class with these {field: value}, in which JSON has made lists of tuples.

    Raises
    ------
    ValueError
        For missing or unknown fields.
    """
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type] # a dataclass
    if not isinstance(values, dict) or values.keys() != known:
        raise ValueError(f"configuration: expected exactly the fields {', '.join(sorted(known))}")
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return kind(**values | lists)


def replace(record: R, choices: Mapping[str, Any], *, allowed: Collection[str], may: str) -> R:
    """Return the record of a run that goes on with other choices.

    Parameters
    ----------
    record
        A dataclass instance.
    choices
        {field: value}
    allowed
        The fields that may differ.
    may
        What a resumed run may change, in words.

    Raises
    ------
    ValueError
        Naming the others that differ.
    """
    differing = [
        f"{name} is {getattr(record, name)} there and {value} here"
        for name, value in choices.items()
        if value != getattr(record, name) and name not in allowed
    ]
    if differing:
        raise ValueError(
            f"cannot resume with another configuration: {'; '.join(differing)}. Leave these options out, "
            f"or start anew with another --out (a resumed run may change {may})"
        )
    return dataclasses.replace(record, **choices)  # type: ignore[type-var] # a dataclass


def check(
    record: Any, limits: Mapping[str, tuple[float, float]], choices: Mapping[str, Sequence[str]]
) -> None:
    """Raise ValueError unless each field of a dataclass is of its type, within its limits, and a choice.

    NumPy's numbers become Python's, in place.

    Parameters
    ----------
    record
        An instance of a dataclass whose annotations are texts.
    limits
        {name: (least, most)}
    choices
        {name: allowed values}
    """
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        value = tuple(map(plain, value)) if isinstance(value, tuple) else plain(value)
        object.__setattr__(record, field.name, value)
        _check_type(field, value)
        if field.name in limits and value is not None:
            _check_range(field.name, value, *limits[field.name])
        if field.name in choices and value not in choices[field.name]:
            raise ValueError(f"{field.name}: expected {' or '.join(choices[field.name])}, got {value!r}")


def _check_type(field: dataclasses.Field, value: Any) -> None:
    """Raise ValueError unless value is what the field's annotation says (an integer is a float, too)."""
    expected, _, optional = field.type.partition(" | ")
    if expected.startswith("tuple"):
        item = {"tuple[int, ...]": int, "tuple[str, ...]": str, "tuple[float, ...]": float}[expected]
        kinds = (int, float) if item is float else (item,)
        fits = isinstance(value, tuple) and all(type(each) in kinds for each in value)
        expected = f"a list of {item.__name__}"
    else:
        fits = type(value).__name__ in ((expected, "int") if expected == "float" else (expected,))
    if not fits and not (optional and value is None):
        raise ValueError(f"{field.name}: expected {expected}, got {value!r}")


def _check_range(name: str, value: Any, least: float, most: float) -> None:
    if not least <= value <= most or value == math.inf:
        expected = f"at least {least}" if math.isinf(most) else f"a number from {least} to {most}"
        if not -math.inf < value < math.inf:
            expected = f"a finite number, {expected}"
        raise ValueError(f"{name}: expected {expected}, got {value}")
