"""Reads the pickles of the official CIFAR archives, and nothing else.

A pickle is a program: a stranger's file can call any function. So a file passes two gates here. First its
opcodes are walked through without being executed: only those that describe numbers, strings, lists, one
dict and one array may occur. Then `pickle.Unpickler` executes them, but the only "functions" that it can
find are the two stand-ins below, which check what they are given and call nothing.
"""

import io
import math
import pathlib
import pickle
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

VALUES = set(
    "NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 SHORT_BINSTRING BINSTRING SHORT_BINBYTES BINBYTES "
    "SHORT_BINUNICODE BINUNICODE EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS MARK "
    "BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET PROTO FRAME STOP".split()
)
# What an array takes. A handful each in an official file; unlimited, they could nest without end.
CONSTRUCTION = set("GLOBAL STACK_GLOBAL EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 REDUCE BUILD".split())
MOST_CONSTRUCTIONS = 64


def read_pickle(path: pathlib.Path) -> dict[str, Any]:
    """Return the dict that an official CIFAR file holds, with str keys.

    Returns
    -------
    dict of int, str as bytes, lists of these, and uint8 arrays

    Raises
    ------
    ValueError
        Naming the file for anything else, a truncated or damaged file included.
    """
    content = path.read_bytes()
    try:
        _check_opcodes(content)
        record = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(record, dict):
            raise ValueError(f"expected a dict, got {type(record).__name__}")
        return {_as_text(key): _as_array(value) for key, value in record.items()}
    except Exception as error:  # damaged bytes can make the unpickler raise nearly anything
        reason = str(error)[:200]  # it may quote the file
        raise ValueError(f"{path} is damaged or no CIFAR file: {reason}") from error


def _check_opcodes(content: bytes) -> None:
    """Raise ValueError unless the pickle consists of opcodes that an official file can have."""
    constructions = 0
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name in CONSTRUCTION:
            constructions += 1
            if constructions > MOST_CONSTRUCTIONS:
                raise ValueError("it builds more objects than an official file")
        elif opcode.name not in VALUES:
            raise ValueError(f"pickle opcode {opcode.name} is not allowed")
        # The unpickler reserves memory up to this number, so a few bytes could ask for gigabytes.
        if opcode.name == "LONG_BINPUT" and (argument or 0) > count:
            raise ValueError(f"memo number {argument} is out of order")


class _ArrayUnpickler(pickle.Unpickler):
    """An unpickler in whose world NumPy consists of the stand-ins of this file."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _Call(_PickledArray)
        if module == "numpy" and name == "dtype":
            return _Call(_PickledDtype)
        if module == "numpy" and name == "ndarray":
            return None  # only ever an argument of _reconstruct, which here makes one thing only
        raise ValueError(f"it asks for {module!r} {name!r}, which is not allowed")


class _Call:
    """What the opcode REDUCE may call. No attributes, so the opcode BUILD cannot change it."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable) -> None:
        self._make = make

    def __call__(self, *arguments: object) -> object:
        return self._make(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise ValueError("it tries to change a function")


class _PickledDtype:
    """Stands for dtype("u1", 0, 1), the only one that is allowed."""

    __slots__ = ()

    def __init__(self, code: object = None, *_: object) -> None:
        if code not in (b"u1", "u1"):
            raise ValueError("expected an array of bytes (dtype u1)")

    def __setstate__(self, state: Any) -> None:
        pass  # byte order and alignment, which mean nothing for single bytes


class _PickledArray:
    """Stands for the empty array of _reconstruct, which the opcode BUILD then fills."""

    __slots__ = ("array",)

    def __init__(self, *_: object) -> None:
        self.array: Any = None

    def __setstate__(self, state: Any) -> None:
        version, shape, dtype, is_fortran, content = state
        if not isinstance(dtype, _PickledDtype) or not isinstance(content, bytes):
            raise ValueError("expected an array of bytes (dtype u1)")
        if not isinstance(shape, tuple) or not all(type(side) is int and side >= 0 for side in shape):
            raise ValueError("the shape of an array is not a tuple of lengths")
        if version != 1 or math.prod(shape) != len(content):
            raise ValueError(f"an array of shape {shape} has {len(content)} values")
        self.array = np.frombuffer(content, np.uint8).reshape(shape, order="F" if is_fortran else "C")


def _as_text(key: object) -> str:
    if not isinstance(key, (bytes, str)):
        raise ValueError(f"a key is {type(key).__name__}, expected a string")
    return key.decode("ascii") if isinstance(key, bytes) else key


def _as_array(value: object) -> object:
    if isinstance(value, _PickledArray):
        if value.array is None:
            raise ValueError("an array without content")
        return value.array
    return value
