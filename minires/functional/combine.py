"""Where paths meet: addition and concatenation."""

from collections.abc import Sequence
from types import ModuleType

from minires.backend import array_module
from minires.checks import check_addends, check_floats, check_gradient, check_shape
from minires.functional.dispatch import accelerated
from minires.typing import Array, Cache


@accelerated
def residual_add_forward(branch: Array, shortcut: Array) -> tuple[Array, Cache]:
    """Return F(x) + x, the sum that residual networks are named after.

    Parameters
    ----------
    branch, shortcut : the same shape

    Returns
    -------
    y, like branch; cache (): nothing need be remembered

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), equation 1.
    """
    check_addends(branch, shortcut)
    return branch + shortcut, ()


def residual_add_backward(dy: Array, cache: Cache) -> tuple[Array, Array]:
    """Return (dbranch, dshortcut): both are dy itself. The gradient passes an addition unchanged, and this
    is how it reaches the first layer of a hundred (He et al. 2016, arXiv:1603.05027, equation 5)."""
    () = cache
    return dy, dy


@accelerated
def residual_add_predict(branch: Array, shortcut: Array, *, relu: bool = False) -> Array:
    """Return y of `residual_add_forward` alone, or max(y, 0) of it if relu."""
    y, _ = residual_add_forward(branch, shortcut)
    return array_module(y).maximum(y, 0) if relu else y


def concat_forward(arrays: Sequence[Array]) -> tuple[Array, Cache]:
    """Join arrays along the channel axis 1.

    Parameters
    ----------
    arrays : sequence of arrays (N, C1, ...), (N, C2, ...), ...

    Returns
    -------
    y : (N, C1 + C2 + ..., ...)
    cache : (channels, y_shape, dtype)

    Raises
    ------
    ValueError
        If there is none, or if they differ in another axis.

    References
    ----------
    Szegedy et al. 2014 (arXiv:1409.4842), figure 2: "filter concatenation".
    """
    xp, arrays = _check_arrays(arrays)
    channels = tuple(array.shape[1] for array in arrays)
    y = xp.empty_like(arrays[0], shape=(len(arrays[0]), sum(channels), *arrays[0].shape[2:]))
    for part, array in zip(_parts(channels), arrays, strict=True):
        y[:, part] = array
    return y, (channels, y.shape, y.dtype)


def concat_backward(dy: Array, cache: Cache) -> tuple[Array, ...]:
    """Return a tuple with each array's own channels of dy."""
    channels, y_shape, dtype = cache
    check_gradient(dy, y_shape, dtype)
    return tuple(dy[:, part] for part in _parts(channels))


def _parts(channels: Sequence[int]) -> list[slice]:
    """Return the slice of y's channels that each array has."""
    ends = [sum(channels[: i + 1]) for i in range(len(channels))]
    return [slice(end - own, end) for own, end in zip(channels, ends, strict=True)]


def _check_arrays(arrays: Sequence[Array]) -> tuple[ModuleType, list[Array]]:
    if arrays is None or hasattr(arrays, "dtype"):
        raise TypeError(f"arrays: expected a sequence of arrays, got {type(arrays).__name__}")
    arrays = list(arrays)
    if not arrays:
        raise ValueError("arrays: expected at least one array to concatenate, got none")
    xp = check_floats(**{f"arrays[{i}]": array for i, array in enumerate(arrays)})
    if arrays[0].ndim < 2:
        raise ValueError(f"arrays[0]: expected the axes (N, C, ...), got the shape {arrays[0].shape}")
    n, _, *rest = arrays[0].shape
    for i, array in enumerate(arrays):
        check_shape(f"arrays[{i}]", array, (n, *array.shape[1:2], *rest), "equal but for the channels")
    return xp, arrays
