"""The questions every function asks of its arguments before it computes anything."""

from minires.backend import array_module


def check_floats(*, bias=None, **arrays):
    """Return the arrays' module, or raise if they are not non-empty float arrays of one dtype on one device.

    arrays: by the names the caller uses; only bias may be None.
    """
    if bias is not None:
        arrays["bias"] = bias
    xp = array_module(*arrays.values(), names=tuple(arrays))
    first = next(iter(arrays))
    dtype = arrays[first].dtype
    for name, array in arrays.items():
        if array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
            raise TypeError(
                f"{name}: expected float32 or float64, got {array.dtype}; convert with .astype('float32')"
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


def check_gradient(dy, shape, dtype, on=None):
    """Raise unless the upstream gradient dy has the shape and dtype of what forward returned, and its device.

    on: an array that forward remembered and that tells the device; None where it remembered none.
    """
    array_module(*((dy,) if on is None else (dy, on)), names=("dy", "what forward returned"))
    check_shape("dy", dy, shape, "that of what forward returned")
    if dy.dtype != dtype:
        raise TypeError(f"dy: expected {dtype}, the dtype of what forward returned, got {dy.dtype}")


def pair(name, value, *, least):
    """Return value, an int or (h, w), as a pair of ints, each at least `least`."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    whole = len(values) == 2 and all(is_whole(number) for number in values)
    if not whole or min(values) < least:
        raise ValueError(f"{name}: expected an integer >= {least} or a pair (h, w) of them, got {value!r}")
    return int(values[0]), int(values[1])


def whole_number(name, value, *, least):
    """Return value as an int, or raise ValueError unless it is one, at least `least`."""
    if not is_whole(value) or value < least:
        raise ValueError(f"{name}: expected an integer >= {least}, got {value!r}")
    return int(value)


def is_whole(value):
    """Whether value is an integer, Python's or NumPy's, and no truth value and no array."""
    return hasattr(value, "__index__") and not isinstance(value, bool) and not hasattr(value, "__len__")
