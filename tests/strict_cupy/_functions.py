"""The functions of the module: CuPy's names and arguments, NumPy's arithmetic."""

import numpy as np

from ._array import (
    bind,
    call,
    captured,
    count,
    is_scalar,
    ndarray,
    uninitialised,
    unsupported,
    unwrap,
    wrap,
    write_again,
)
from ._names import SECTIONS, signature

# They answer about arrays without computing with one, so their answer is a plain Python object.
ANSWERING = {
    "base_repr", "binary_repr", "broadcast_shapes", "can_cast", "common_type", "get_printoptions", "isdtype",
    "iscomplexobj", "isfortran", "isrealobj", "isscalar", "issubdtype", "iterable", "may_share_memory",
    "min_scalar_type", "mintypecode", "ndim", "promote_types", "result_type", "shape", "shares_memory",
    "size", "typename",
}  # fmt: skip
# The shape of their result depends on values, or they read a value: the host waits for the device.
SYNCHRONISING = {
    "argwhere", "array2string", "array_repr", "array_str", "bincount", "compress", "extract", "flatnonzero",
    "histogram", "histogram2d", "histogramdd", "intersect1d", "nonzero", "place", "piecewise", "save",
    "savetxt", "savez", "savez_compressed", "setdiff1d", "setxor1d", "trim_zeros", "union1d", "unique",
    "unique_all", "unique_counts", "unique_inverse", "unique_values",
}  # fmt: skip
# They may hand an argument back as it is, without a launch.
PASSING_THROUGH = {
    "ascontiguousarray",
    "asfortranarray",
    "astype",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "real",
}
# CuPy never turns a list into an array for these parameters, and as the first one takes no scalar either.
ARRAY_PARAMETERS = {
    "a", "a1", "a2", "ar", "ar1", "ar2", "arr", "arr1", "arr2", "array", "ary", "b", "condition", "dst", "f",
    "filt", "m", "prototype", "test_elements", "v", "x", "x1", "x2", "y", "z",
}  # fmt: skip
SCALAR_FIRST = {"angle", "allclose", "isclose", "nan_to_num", "outer", "kron", "real", "imag", "polyval"}
EINSUM_KEYWORDS = {"dtype", "optimize"}
PAD_KEYWORDS = {
    "empty": set(), "edge": set(), "wrap": set(),
    "constant": {"constant_values"}, "linear_ramp": {"end_values"},
    "maximum": {"stat_length"}, "mean": {"stat_length"}, "minimum": {"stat_length"},
    "reflect": {"reflect_type"}, "symmetric": {"reflect_type"},
}  # fmt: skip


def check_arrays(name, parameters, args, kwargs):
    """Raise TypeError where CuPy wants its own array and gets a list, or a scalar as the first argument."""
    given = parameters.bind(*args, **kwargs).arguments
    for position, (parameter, value) in enumerate(given.items()):
        for item in value if parameter in ("tup", "arys") else ():  # concatenate, stack, atleast_1d
            if not isinstance(item, ndarray):
                raise unsupported(item)
        if parameter not in ARRAY_PARAMETERS or isinstance(value, ndarray) or value is None:
            continue
        if is_scalar(value) and (position > 0 or name in SCALAR_FIRST):
            continue
        raise unsupported(value)


def check_keywords(name, args, kwargs):
    """Raise as CuPy does for the two functions whose signature ends in **kwargs and that networks use."""
    if name == "einsum" and set(kwargs) - EINSUM_KEYWORDS:
        raise TypeError(f"Did not understand the following kwargs: {sorted(set(kwargs) - EINSUM_KEYWORDS)}")
    if name == "pad":
        mode = args[2] if len(args) > 2 else kwargs.get("mode", "constant")
        if mode not in PAD_KEYWORDS:
            raise ValueError(f"mode {mode!r} is not supported")
        if set(kwargs) - PAD_KEYWORDS[mode] - {"mode"}:
            raise ValueError(f"unsupported keyword arguments for mode {mode!r}: {sorted(kwargs)}")


def make_function(name, parameters, of_numpy, label=None):
    """Return the strict function that takes CuPy's arguments and computes with of_numpy."""

    def function(*args, **kwargs):
        args, kwargs = bind(label or name, parameters, args, kwargs)
        check_keywords(name, args, kwargs)
        if name in ANSWERING:
            return of_numpy(*unwrap(args, []), **unwrap(kwargs, []))
        check_arrays(name, parameters, args, kwargs)
        if name in SYNCHRONISING or (name == "where" and len(args) + len(kwargs) == 1):
            count("synchronisations")
        result = call(of_numpy, args, kwargs, may_return_argument=name in PASSING_THROUGH)
        return (
            wrap(np.asarray(result)) if type(result) in (bool, int, float) else result
        )  # allclose: a 0-d array

    function.__name__ = name
    return function


def make_functions(section, namespace, label=""):
    """Return {name: function} for the names of a section that NumPy's namespace has too."""
    return {
        name: make_function(name, signature(text), getattr(namespace, name), label + name)
        for name, text in SECTIONS[section].items()
        if text and hasattr(namespace, name)
    }


# Ways in and out, where a NumPy array is the point.


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    """Return a strict array with the values of obj: a NumPy or strict array, numbers or lists of those."""
    if isinstance(obj, ndarray):
        dtype = obj.dtype if dtype is None else np.dtype(dtype)
        if not copy and dtype == obj.dtype and obj.ndim >= ndmin and order in ("K", None):
            return obj
        count("launches")
        result = wrap(np.array(obj._host, dtype, order=order or "K", ndmin=ndmin))
        if captured() is not None:
            captured().append(lambda: write_again([result], obj._host))
        return result
    count("uploads")
    if not isinstance(obj, np.ndarray):
        obj = unwrap(obj, [])
    return wrap(np.array(obj, dtype, order=order or "K", ndmin=ndmin))


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """Return a itself if it is a strict array as asked, else `array(a)`."""
    return array(a, dtype, copy=bool(copy), order=order)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    """Return the values as a NumPy array."""
    return a.get(stream, order, out) if isinstance(a, ndarray) else np.asarray(a, order=order)


def get_array_module(*args):
    """Return this package if one of args is a strict array, else NumPy."""
    import strict_cupy

    return strict_cupy if any(isinstance(value, ndarray) for value in args) else np


def empty(shape, dtype=float, order="C"):
    """Return an array that nobody has written: NaN, or an integer that stands out."""
    return wrap(uninitialised(np.empty(shape, dtype, order)))


def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    """Return an unwritten array like a strict one."""
    if not isinstance(prototype, ndarray):
        raise unsupported(prototype)
    return wrap(uninitialised(np.empty_like(prototype._host, dtype, order, shape=shape)))


def as_strided(x, shape=None, strides=None):
    """Return a view of x with this shape and these strides in bytes."""
    if not isinstance(x, ndarray):
        raise unsupported(x)
    view = wrap(np.lib.stride_tricks.as_strided(x._host, shape, strides))
    view._base = x if x._base is None else x._base
    return view


def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    """Return every window of x as a view. CuPy's own reads the window's size back from the device."""
    if writeable:
        raise NotImplementedError("Writeable views are not supported.")
    if not isinstance(x, ndarray):
        raise unsupported(x)
    count("uploads")
    count("synchronisations", np.size(window_shape))
    host = np.lib.stride_tricks.sliding_window_view(x._host, window_shape, axis)
    return as_strided(x, host.shape, host.strides)


BY_HAND = {
    function.__name__: function for function in (array, asarray, asnumpy, get_array_module, empty, empty_like)
} | {"asanyarray": asarray, "is_available": lambda: True}
STRIDE_TRICKS = {"as_strided": as_strided, "sliding_window_view": sliding_window_view}
