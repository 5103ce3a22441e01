"""The questions every function asks of its arguments before it computes anything."""

from minires.backend import array_module


def check_floats(**arrays):
    """Return the arrays' module, or raise if they are not non-empty float arrays of one dtype on one device.

    arrays: by the names the caller uses; None is skipped.
    """
    present = {name: array for name, array in arrays.items() if array is not None}
    xp = array_module(*present.values(), names=tuple(present))
    first = next(iter(present))
    dtype = present[first].dtype
    for name, array in present.items():
        if array.dtype.kind != "f":
            raise TypeError(
                f"{name}: expected floating point numbers, got {array.dtype}; convert with .astype('float32')"
            )
        if array.dtype != dtype:
            raise TypeError(
                f"expected one dtype, but {first} is {dtype} and {name} is {array.dtype}; "
                "convert one of them with .astype"
            )
        if array.size == 0:
            raise ValueError(f"{name}: expected at least one element, got the empty shape {array.shape}")
    return xp


def check_ndim(name, array, *allowed):
    """Raise ValueError unless array has one of the allowed (ndim, "axes in words")."""
    if array.ndim not in [ndim for ndim, _ in allowed]:
        axes = " or ".join(words for _, words in allowed)
        raise ValueError(f"{name}: expected the axes {axes}, got the shape {tuple(array.shape)}")


def check_shape(name, array, shape, why=""):
    """Raise ValueError unless array has exactly this shape; None is skipped."""
    if array is not None and tuple(array.shape) != tuple(shape):
        reason = f" ({why})" if why else ""
        raise ValueError(f"{name}: expected the shape {tuple(shape)}{reason}, got {tuple(array.shape)}")


def check_gradient(dy, shape, dtype):
    """Raise unless the upstream gradient dy has the shape and dtype of what forward returned."""
    check_shape("dy", dy, shape, "that of what forward returned")
    if dy.dtype != dtype:
        raise TypeError(f"dy: expected {dtype}, the dtype of what forward returned, got {dy.dtype}")


def pair(name, value, *, least):
    """Return value, an int or (h, w), as a pair of ints, each at least `least`."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    whole = len(values) == 2 and all(
        hasattr(number, "__index__") and not isinstance(number, bool) for number in values
    )
    if not whole or min(values) < least:
        raise ValueError(f"{name}: expected an integer >= {least} or a pair (h, w) of them, got {value!r}")
    return int(values[0]), int(values[1])
