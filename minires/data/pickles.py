"""Reads the pickles of the official CIFAR archives, and nothing else.

A pickle is a program: a stranger's file can call any function. So Python's unpickler is not used at all. The
small interpreter below knows the opcodes of numbers, strings, lists, one dict and arrays of integers, in all
protocols from 0 to 5, and it has nothing that it could call: the names of NumPy's functions are words to it.
What it builds cannot nest: keys are strings, lists hold numbers and strings, a tuple at most tuples of these.
"""

import codecs
import io
import math
import pathlib
import re
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minires import resources

LARGEST = 2**30  # bytes; an official file has 155 million
MOST_OPCODES = 500_000  # an official file has 200,000
MARK = object()
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
    resources.regular_file(path)
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("it is larger than any official file")
        content = path.read_bytes()
        record = _Machine(content).run()
        if not isinstance(record, dict):
            raise ValueError(f"expected a dict, got {type(record).__name__}")
        return {_as_text(key): _as_array(value) for key, value in record.items()}
    except Exception as error:  # damaged bytes can make the conversions below raise nearly anything
        reason = str(error)[:200]  # it may quote the file
        raise ValueError(f"{path} is damaged or no CIFAR file: {reason}") from error


class _Name(NamedTuple):
    """What stands for a function or type of a pickle, one of NAMES."""

    module: str
    name: str


NAMES = {  # what writes arrays, and strings of bytes
    _Name("numpy", "dtype"),
    _Name("numpy", "ndarray"),
    _Name("numpy.core.multiarray", "_reconstruct"),
    _Name("numpy.core.numeric", "_frombuffer"),  # protocol 5
    _Name("_codecs", "encode"),  # protocols 0 to 2
    _Name("__builtin__", "bytes"),
}


def _find(module: Any, name: Any) -> _Name:
    """Return what stands for a function of this name. ValueError for all but NAMES."""
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("it asks for a function whose name is no text")
    found = _Name(module.replace("numpy._core", "numpy.core"), name)  # as NumPy 2 and 1 call it
    if found not in NAMES:
        raise ValueError(f"it asks for {module!r} {name!r}, which is not allowed")
    return found


class _Dtype:
    """Stands for a dtype of integers. BUILD adds the order of its bytes."""

    def __init__(self, code: Any) -> None:
        code = code.decode("latin-1") if isinstance(code, bytes) else code
        if not isinstance(code, str) or not re.fullmatch("[iu][1248]", code):
            raise ValueError("expected an array of integers (dtype u1)")
        self.code, self.order = code, "="

    def build(self, state: Any) -> None:
        order = state[1].decode("latin-1") if isinstance(state[1], bytes) else state[1]
        if order not in ("|", "<", ">", "="):
            raise ValueError("the order of an array's bytes is none")
        self.order = order


class _Array:
    """Stands for the empty array of NumPy's _reconstruct, which BUILD then fills."""

    def __init__(self) -> None:
        self.array: Any = None

    def build(self, state: Any) -> None:
        version, shape, dtype, is_fortran, content = state
        if version != 1:
            raise ValueError(f"an array of version {version}")
        self.fill(shape, dtype, bool(is_fortran), content)

    def fill(self, shape: Any, dtype: Any, is_fortran: bool, content: Any) -> None:
        if not isinstance(dtype, _Dtype) or not isinstance(content, bytes):
            raise ValueError("expected an array of integers (dtype u1)")
        if type(shape) is not tuple or len(shape) > 4 or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("the shape of an array is not a tuple of lengths")
        stored = np.dtype(dtype.order.replace("|", "=") + dtype.code)  # "|": a byte has no order
        if math.prod(shape) * stored.itemsize != len(content):
            raise ValueError(f"an array of shape {shape} has {len(content)} bytes")
        array = np.frombuffer(content, stored).reshape(shape, order="F" if is_fortran else "C")
        self.array = array.astype(stored.newbyteorder("="), copy=False)


def _call(function: Any, arguments: Any) -> Any:
    """Return what stands for the result of one of the functions of NAMES."""
    if not isinstance(function, _Name) or not isinstance(arguments, tuple):
        raise ValueError("it calls what is no function")
    if function.name == "dtype":
        return _Dtype(arguments[0])
    if function.name == "_reconstruct":
        return _Array()
    if function.name == "_frombuffer":
        content, dtype, shape, order = arguments
        array = _Array()
        array.fill(shape, dtype, order in ("F", b"F"), content)
        return array
    if function.name == "encode" and isinstance(arguments[0], str) and arguments[1:] == ("latin1",):
        return arguments[0].encode("latin-1")
    if function.name == "bytes" and arguments == ():
        return b""
    raise ValueError(f"it calls {function.name!r} in a way that is not allowed")


class _Machine:
    """Takes a pickle's opcodes one after the other; `run` returns what they build."""

    def __init__(self, content: bytes) -> None:
        self.file, self.size = io.BytesIO(content), len(content)
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(MOST_OPCODES):
            opcode = self.take(1)
            if opcode == b".":
                if len(self.stack) != 1 or self.file.tell() != self.size:
                    raise ValueError("something follows its end")
                return self.stack.pop()
            if opcode in READ:
                self.stack.append(READ[opcode](self))
            elif opcode in DO:
                DO[opcode](self)
            else:
                raise ValueError(f"pickle opcode {opcode!r} is not allowed")
        raise ValueError("it has more opcodes than an official file")

    # -- what follows an opcode ---------------------------------------------------------------------

    def take(self, count: int) -> bytes:
        piece = self.file.read(count) if 0 <= count <= self.size else b""
        if len(piece) != count:
            raise ValueError("it is cut off")
        return piece

    def number(self, form: str) -> int:
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]

    def counted(self, form: str) -> bytes:
        """Return the bytes whose number comes first."""
        return self.take(self.number(form))

    def line(self) -> bytes:
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise ValueError("it is cut off")
        return line[:-1]

    def integer(self) -> int:
        """Return a number in decimal digits; 00 and 01 are how protocol 0 writes False and True."""
        digits = self.line()
        if not re.fullmatch(rb"-?\d{1,20}L?", digits):
            raise ValueError("expected a whole number")
        return digits == b"01" if digits in (b"00", b"01") else int(digits.rstrip(b"L"))

    def quoted(self) -> bytes:
        """Return a string as Python 2 prints it, between quotes."""
        text = self.line()
        if len(text) < 2 or text[:1] not in (b"'", b'"') or text[-1:] != text[:1]:
            raise ValueError("a string without quotes")
        return codecs.escape_decode(text[1:-1])[0]

    # -- what an opcode does ------------------------------------------------------------------------

    def pop_mark(self) -> list[Any]:
        """Return the values above the last mark, and take them and it off the stack."""
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is MARK:
                values = self.stack[place + 1 :]
                del self.stack[place:]
                return values
        raise ValueError("a mark is missing")

    def pop(self, count: int = 1) -> list[Any]:
        if len(self.stack) < count or any(value is MARK for value in self.stack[-count:]):
            raise ValueError("a value is missing")
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def append(self, values: list[Any]) -> None:
        if not self.stack or type(self.stack[-1]) is not list:
            raise ValueError("what is appended to is no list")
        if not all(isinstance(value, SCALARS) for value in values):
            raise ValueError("a list holds something else than numbers and strings")
        self.stack[-1].extend(values)

    def set_items(self, values: list[Any]) -> None:
        if not self.stack or type(self.stack[-1]) is not dict or len(values) % 2:
            raise ValueError("what gets an item is no dict")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, (bytes, str)):
                raise ValueError(f"a key is {type(key).__name__}, expected a string")
            if not isinstance(value, (*SCALARS, list, _Array)):
                raise ValueError(f"the value of a key is {type(value).__name__}")
            self.stack[-1][key] = value

    def push_tuple(self, values: list[Any]) -> None:
        for value in values:
            if isinstance(value, (list, dict)) or (isinstance(value, tuple) and _holds_tuple(value)):
                raise ValueError("it nests values deeper than an official file")
        self.stack.append(tuple(values))

    def push_new(self, empty: Any) -> None:
        values = self.pop_mark()
        self.stack.append(empty)
        (self.append if type(empty) is list else self.set_items)(values)

    def reduce(self) -> None:
        function, arguments = self.pop(2)
        self.stack.append(_call(function, arguments))

    def build(self) -> None:
        (state,) = self.pop()
        if not self.stack or not isinstance(self.stack[-1], (_Array, _Dtype)) or type(state) is not tuple:
            raise ValueError("it tries to change what is no array")
        self.stack[-1].build(state)

    def put(self, number: int) -> None:
        if not self.stack or self.stack[-1] is MARK:
            raise ValueError("a value is missing")
        self.memo[number] = self.stack[-1]

    def get(self, number: int) -> Any:
        if number not in self.memo:
            raise ValueError(f"it has no value number {number}")
        return self.memo[number]

    def pass_frame(self) -> None:
        self.take(8)  # a length; what follows is read as it comes

    def start(self) -> None:
        if self.number("B") > 5:
            raise ValueError("a protocol of the future")


def _holds_tuple(values: tuple) -> bool:
    return any(type(value) is tuple for value in values)


READ: dict[bytes, Callable[[_Machine], Any]] = {  # opcodes that push a value
    b"N": lambda m: None,
    b"\x88": lambda m: True,
    b"\x89": lambda m: False,
    b"I": _Machine.integer,
    b"L": _Machine.integer,
    b"K": lambda m: m.number("B"),
    b"M": lambda m: m.number("H"),
    b"J": lambda m: m.number("i"),
    b"\x8a": lambda m: int.from_bytes(m.counted("B")[:16], "little", signed=True),
    b"S": _Machine.quoted,  # strings of Python 2 ...
    b"U": lambda m: m.counted("B"),
    b"T": lambda m: m.counted("i"),
    b"C": lambda m: m.counted("B"),  # ... bytes ...
    b"B": lambda m: m.counted("I"),
    b"\x8e": lambda m: m.counted("Q"),
    b"\x96": lambda m: m.counted("Q"),
    b"V": lambda m: str(m.line(), "raw-unicode-escape"),  # ... and text
    b"X": lambda m: str(m.counted("I"), "utf-8", "surrogatepass"),
    b"\x8c": lambda m: str(m.counted("B"), "utf-8", "surrogatepass"),
    b"]": lambda m: [],
    b"}": lambda m: {},
    b")": lambda m: (),
    b"(": lambda m: MARK,
    b"g": lambda m: m.get(int(m.line()[:20])),
    b"h": lambda m: m.get(m.number("B")),
    b"j": lambda m: m.get(m.number("I")),
    b"c": lambda m: _find(m.line().decode("ascii"), m.line().decode("ascii")),
}
DO: dict[bytes, Callable[[_Machine], None]] = {  # and those that change what is there
    b"\x80": _Machine.start,
    b"\x95": _Machine.pass_frame,
    b"p": lambda m: m.put(int(m.line()[:20])),
    b"q": lambda m: m.put(m.number("B")),
    b"r": lambda m: m.put(m.number("I")),
    b"\x94": lambda m: m.put(len(m.memo)),
    b"a": lambda m: m.append(m.pop()),
    b"e": lambda m: m.append(m.pop_mark()),
    b"l": lambda m: m.push_new([]),
    b"d": lambda m: m.push_new({}),
    b"s": lambda m: m.set_items(m.pop(2)),
    b"u": lambda m: m.set_items(m.pop_mark()),
    b"t": lambda m: m.push_tuple(m.pop_mark()),
    b"\x85": lambda m: m.push_tuple(m.pop(1)),
    b"\x86": lambda m: m.push_tuple(m.pop(2)),
    b"\x87": lambda m: m.push_tuple(m.pop(3)),
    b"\x93": lambda m: m.stack.append(_find(*m.pop(2))),
    b"R": _Machine.reduce,
    b"b": _Machine.build,
}


def _as_text(key: object) -> str:
    return key.decode("ascii") if isinstance(key, bytes) else str(key)


def _as_array(value: object) -> object:
    if isinstance(value, _Array):
        if value.array is None:
            raise ValueError("an array without content")
        return value.array
    return value
