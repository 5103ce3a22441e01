"""Reads the pickles of the official CIFAR archives, and nothing else.

They run on a machine that has nothing to call (`minires.pickle_machine`): the names of NumPy's functions that
they may ask for stand for functions of this file, which only write down what an array of integers is made of.
"""

import dataclasses
import itertools
import math
import pathlib
import re
from typing import Any

import numpy as np

from minires import resources
from minires.pickle_machine import Call, Machine

LARGEST = 2**30  # bytes; an official file has 155 million
SCALARS = (type(None), bool, int, bytes, str)


def read_pickle(path: pathlib.Path) -> dict[str, Any]:
    """Return the dict that an official CIFAR file holds, with str keys.

    Returns
    -------
    dict of int, str as bytes, lists of these, and arrays of integers

    Raises
    ------
    ValueError
        Naming the file for anything else, a truncated or damaged file included.
    """
    size = resources.regular_file(path).stat().st_size
    try:
        with path.open("rb") as file:
            record = _Batch(file, size, LARGEST).run()
            if file.read(1):
                raise ValueError("something follows its end")
        return _checked(record)
    except Exception as error:  # damaged bytes can make the conversions below raise nearly anything
        reason = str(error)[:200]  # it may quote the file
        raise ValueError(f"{path} is damaged or no CIFAR file: {reason}") from error


@dataclasses.dataclass(slots=True)
class _Dtype:
    """Stands for a dtype of integers, which BUILD tells the order of its bytes."""

    code: Any
    order: Any = "="

    def build(self, version: object, order: object, *_: object) -> None:
        self.order = order

    def dtype(self) -> np.dtype:
        order, code = _text(self.order), _text(self.code)
        if order not in ("|", "<", ">", "=") or not re.fullmatch("[iu][1248]", code):
            raise ValueError("expected an array of integers (dtype u1)")
        return np.dtype(order.replace("|", "=") + code)  # "|": a byte has no order


@dataclasses.dataclass(slots=True)
class _Array:
    """Stands for an array: NumPy's _reconstruct makes an empty one, which BUILD then fills."""

    shape: Any = None
    stored: Any = None
    is_fortran: Any = False
    content: Any = None

    def build(self, version: object, shape: Any, stored: Any, is_fortran: Any, content: Any) -> None:
        if version != 1:
            raise ValueError("an array of an unknown version")
        self.shape, self.stored, self.is_fortran, self.content = shape, stored, is_fortran, content

    def array(self) -> np.ndarray:
        """Return the array, whose numbers are those in the file. ValueError if it is none of integers."""
        shape, content = self.shape, self.content
        if not isinstance(self.stored, _Dtype) or not isinstance(content, bytes):
            raise ValueError("expected an array of integers (dtype u1)")
        if type(shape) is not tuple or len(shape) > 4 or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("the shape of an array is not a tuple of lengths")
        dtype = self.stored.dtype()
        if math.prod(shape) * dtype.itemsize != len(content):
            raise ValueError(f"an array of shape {shape} has {len(content)} bytes")
        return np.frombuffer(content, dtype).reshape(shape, order="F" if self.is_fortran else "C")


def _from_buffer(content: object, stored: object, shape: object, order: object) -> _Array:
    return _Array(shape, stored, order in ("F", b"F"), content)


def _encode(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("it asks for bytes of something else than latin1")
    return text.encode("latin-1")


class _Batch(Machine):
    """Runs the pickle of a CIFAR file, which asks for the names of NumPy 1 or 2."""

    names = {
        ("numpy", "ndarray"): object(),  # an argument of _reconstruct, which is passed over
        ("numpy", "dtype"): Call(lambda code, *_: _Dtype(code)),
        ("numpy.core.multiarray", "_reconstruct"): Call(lambda *_: _Array()),
        ("numpy._core.multiarray", "_reconstruct"): Call(lambda *_: _Array()),
        ("numpy.core.numeric", "_frombuffer"): Call(_from_buffer),  # in protocol 5
        ("numpy._core.numeric", "_frombuffer"): Call(_from_buffer),
        ("_codecs", "encode"): Call(_encode),  # bytes in protocols 0 to 2, ...
        ("__builtin__", "bytes"): Call(lambda: b""),  # ... where this is b""
    }
    encoding = "bytes"

    def build(self, state: Any) -> None:
        self.top(_Array, _Dtype).build(*state)


def _text(value: object) -> str:
    if not isinstance(value, (bytes, str)):
        raise ValueError(f"a key is {type(value).__name__}, expected a string")
    return value.decode("ascii") if isinstance(value, bytes) else value


def _checked(record: object) -> dict[str, Any]:
    """Return the dict with str keys and arrays if its values are arrays, scalars and lists of scalars."""
    if not isinstance(record, dict):
        raise ValueError(f"expected a dict, got {type(record).__name__}")
    lists = {id(value): value for value in record.values() if isinstance(value, list)}  # each of them once
    others = [value for value in record.values() if not isinstance(value, (list, _Array))]
    for value in itertools.chain(others, *lists.values()):
        if not isinstance(value, SCALARS):
            raise ValueError(f"it holds a {type(value).__name__} where numbers or strings belong")
    return {
        _text(key): value.array() if isinstance(value, _Array) else value for key, value in record.items()
    }
