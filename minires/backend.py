"""Which array module an array belongs to, and moving arrays between devices.

The backend is a property of each array, never a global setting: `xp = array_module(x)` is NumPy for a
NumPy array and CuPy for a CuPy array, and the same lines of code run on both. Only names that CuPy has
too may be called through `xp`.
"""

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

import numpy as np

from minires.typing import Array


def array_module(*arrays: object, names: Sequence[str] | None = None) -> ModuleType:
    """Return the package (numpy, cupy, ...) whose arrays these are.

    Parameters
    ----------
    arrays
        NumPy or CuPy arrays of any shape and dtype.
    names
        What the caller calls each of them, for the error message.

    Raises
    ------
    TypeError
        If one is not an array, if they live on different devices, or for a NumPy matrix or masked array:
        their `*` means something else than an array's.

    Examples
    --------
    >>> array_module(np.zeros(3)).__name__
    'numpy'
    """
    for array in arrays:
        if type(array) is not np.ndarray:
            break
    else:
        return np
    found: dict[str, str] = {}  # package: the first array of it
    for position, array in enumerate(arrays):
        label = names[position] if names else f"argument {position}"
        root = type(array).__module__.partition(".")[0]
        if not (hasattr(array, "dtype") and hasattr(array, "strides")):
            raise TypeError(
                f"{label}: expected a NumPy or CuPy array, got {type(array).__name__}; "
                "wrap it in numpy.asarray(...)"
            )
        if isinstance(array, np.ndarray) and type(array).__mul__ is not np.ndarray.__mul__:
            raise TypeError(
                f"{label}: expected a plain NumPy array, got {type(array).__name__}, whose * means something "
                "else; convert it with numpy.asarray(...), a masked array with .filled(...)"
            )
        found.setdefault(root, label)
    if len(found) > 1:
        places = ", ".join(f"{label} is a {root} array" for root, label in found.items())
        raise TypeError(f"expected all arrays on one device, but {places}; move them with backend.to_device")
    root = next(iter(found), "numpy")
    return sys.modules[root]


def to_numpy(array: Array) -> np.ndarray:
    """Return the same values as a NumPy array, copied from the GPU if they live there."""
    return array if isinstance(array, np.ndarray) else array.get()


def to_module(array: Array, xp: ModuleType) -> Array:
    """Return the same values as an array of the module xp (numpy, cupy), copied only if it must move."""
    if array_module(array) is xp:
        return array
    return to_numpy(array) if xp is np else xp.asarray(to_numpy(array))


def device_module(device: str) -> ModuleType:
    """Return the array module for device "cpu" or "gpu".

    Raises
    ------
    ValueError
        For another name and, saying what to install, where there is no usable GPU.
    """
    if device == "cpu":
        return np
    if device != "gpu":
        raise ValueError(f"device: expected 'cpu' or 'gpu', got {device!r}")
    install = (
        'install CuPy for your driver: pip install "minires-learn[gpu]" (CUDA 12) '
        'or "minires-learn[gpu13]" (CUDA 13)'
    )
    try:
        cupy = importlib.import_module("cupy")
    except ImportError:
        raise ValueError(f"device 'gpu' needs CuPy, which is not installed; {install}") from None
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # cupy raises its own CUDARuntimeError, which cannot be named without cupy
        raise ValueError(f"device 'gpu': CuPy found no usable GPU ({error}); {install}") from None
    if count == 0:
        raise ValueError(f"device 'gpu': CuPy found no GPU; {install}, or run with --device cpu")
    return cupy
