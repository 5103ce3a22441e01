"""What stands at the prompt for an object: the call that makes it, without what is at its default.

Nobody writes a repr for a new layer or schedule: its constructor's signature says what it takes, and the
attributes of the same names say what it got.
"""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from minires.typing import Shape

LONGEST = 60  # characters of one value; a longer one is "..."


@functools.lru_cache(maxsize=256)
def arguments(kind: type) -> dict[str, inspect.Parameter]:
    """Return {name: inspect.Parameter} of a class's arguments, without `*args` and `**kw`."""
    found = inspect.signature(kind).parameters.items()
    return {name: each for name, each in found if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)}


def settings(
    thing: Any,
    *,
    hidden: Collection[str] = (),
    always: Collection[str] = (),
    plain: Callable[[Any], Any] = lambda value: value,
) -> dict[str, Any]:
    """Return {argument: value} of the call that makes such a thing, in the constructor's order.

    Parameters
    ----------
    thing
        Each argument's value is the attribute of its name. An argument that takes a bool counts as True where
        the attribute is an object (the bias of a convolution), as False where it is None.
    hidden : collection of str
        Arguments that are left out.
    always : collection of str
        Arguments that are shown even if they are at their defaults.
    plain : callable
        Applied to every attribute first: a pair that a thing made of one number becomes that number again.

    Returns
    -------
    dict
        Without what is at its default. Ellipsis stands for a value that the thing did not keep.
    """
    kind: Any = type(thing)
    found = {}
    for name, argument in arguments(kind).items():
        if name in hidden:
            continue
        required = argument.default is argument.empty
        value = plain(getattr(thing, name, ... if required else argument.default))
        if isinstance(argument.default, bool):
            value = bool(value) if isinstance(value, (bool, int)) else value is not None
        if _is_array(value) or _is_array(getattr(value, "data", None)):  # a learned one is no setting
            value = ...
        if required or name in always or not _equal(value, argument.default):
            found[name] = value
    return found


def call(thing: Any, values: Mapping[str, Any], name: str | None = None) -> str:
    """Return the call as text: what has no default by position, the rest by name.

    Parameters
    ----------
    thing
    values : dict
        {argument: value}, as `settings` returns them.
    name : str or None
        What is called; None: the thing's class.
    """
    kind: Any = type(thing)
    known = arguments(kind)
    texts = []
    for argument, value in values.items():
        of = known.get(argument)
        by_position = of and of.default is of.empty and of.kind is not of.KEYWORD_ONLY
        texts.append(text(value) if by_position else f"{argument}={text(value)}")
    return f"{name or type(thing).__name__}({', '.join(texts)})"


def text(value: Any) -> str:
    """Return a value in one short piece: a function by its name, a NumPy number as a plain one."""
    if value is ...:
        return "..."
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    if hasattr(value, "item") and not getattr(value, "ndim", 1):
        value = value.item()
    found = repr(value)
    return found if len(found) <= LONGEST and "\n" not in found else "..."


def times(shape: Shape) -> str:
    """Return a shape as people write it: 64x3x7x7."""
    return "x".join(map(str, shape)) or "one number"


def counted(number: int, what: str, plural: str | None = None) -> str:
    """Return "1 image" or "1,437 images"."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and getattr(value, "ndim", 0) > 0


def _equal(value: Any, default: Any) -> bool:
    return value is default or bool(value == default)
