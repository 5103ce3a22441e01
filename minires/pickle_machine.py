"""Runs pickles on a small machine that has nothing to call.

A pickle is a program for a machine with a stack: put a number there, make a list of what lies on top, call
the function named so and so. Python's own machine finds any function of the computer; this one knows the
opcodes for numbers, strings, tuples, lists and dicts in all protocols from 0 to 5, and the names that a
reader hands in, each of which stands for a value or for a harmless `Call`. All else is an error.

Nothing here is recursive and the keys of dicts are plain, so that nesting does no harm. An announced length
is compared with the file before it is believed. Every step is counted, which limits both time and memory.
"""

import codecs
import dataclasses
import pickle  # for the names of the opcodes
import re
import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

LEAST_MEMORY = 2**23  # bytes that even the smallest file may take, for 80,000 steps
STEP = 100  # bytes that a step takes at most, but for the characters in the file
CUT_OFF = "it is cut off, or a pickle in it is too long"


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """A function that a pickle may call, with arguments that are such values as the machine makes."""

    make: Callable[..., object]


class Machine:
    """Runs the pickles at the beginning of a file. A reader derives from it and says what else they may do.

    Parameters
    ----------
    file
        Opened for reading bytes; where one pickle ends, the next may begin.
    size
        Of the whole file, in bytes; twice as much is the memory that its pickles may take beyond that.
    most_bytes
        That the pickles may have.

    Attributes
    ----------
    names
        {(module, name): value or Call} that a pickle may ask for.
    encoding
        Of Python 2's strings, or "bytes" to leave them as they are, as for pickle.load.
    """

    names: Mapping[tuple[str, str], object] = {}
    encoding = "latin-1"

    def __init__(self, file: BinaryIO, size: int, most_bytes: int) -> None:
        self.file, self.left = file, min(size, most_bytes)
        self.memory = max(LEAST_MEMORY, 2 * size)

    def refusal(self, module: str, name: str) -> str:
        """Return why there is nothing of this name."""
        return f"it asks for {module[:80]!r} {name[:80]!r}, which is not allowed"

    def persistent(self, described: Any) -> object:
        """Return an object outside of the pickle, which says this of it (opcode BINPERSID)."""
        raise ValueError(f"pickle opcode {pickle.BINPERSID!r} is not allowed")

    def build(self, state: Any) -> None:
        """Change the topmost value, which a Call has made (opcode BUILD)."""
        raise ValueError(f"pickle opcode {pickle.BUILD!r} is not allowed")

    def run(self) -> Any:
        """Return what the next pickle makes; the file then stands behind it.

        Raises
        ------
        ValueError, TypeError
            For what is not allowed, is cut off, or makes no sense.
        """
        self.stack: list[Any] = []  # what lies above the last mark
        self.below: list[list[Any]] = []  # what lies between the marks
        self.memo: dict[int, Any] = {}
        while self.memory >= 0:
            self.memory -= STEP
            opcode = self.file.read(1)
            if push := VALUES.get(opcode):
                value = push(self)  # it may go down to another stack
                self.stack.append(value)
            elif act := ACTIONS.get(opcode):
                act(self)
            elif opcode != pickle.STOP:
                raise ValueError(f"pickle opcode {opcode!r} is not allowed" if opcode else CUT_OFF)
            elif self.below or len(self.stack) != 1:
                raise ValueError("it makes more or less than one value")
            else:
                return self.stack.pop()
        raise ValueError("a pickle takes far more memory than fits the size of its file")

    # -- what follows an opcode ---------------------------------------------------------------------

    def take(self, count: int) -> bytes:
        piece = self.file.read(count) if count <= self.left else b""
        if len(piece) != count:
            raise ValueError(CUT_OFF)
        self.left -= count
        return piece

    def line(self) -> bytes:
        line = self.file.readline(self.left)
        if not line.endswith(b"\n"):
            raise ValueError(CUT_OFF)
        self.left -= len(line)
        return line[:-1]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")

    def signed(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little", signed=True)

    def decimal(self) -> int:
        """Return a number in decimal digits; 00 and 01 are how protocol 0 writes False and True."""
        digits = self.line()
        if not re.fullmatch(rb"-?\d{1,100}L?", digits):
            raise ValueError("expected a whole number")
        return digits == b"01" if digits in (b"00", b"01") else int(digits.rstrip(b"L"))

    def content(self, width: int) -> bytes:
        """Return bytes whose number comes first."""
        return self.take(self.number(width))

    def text(self, width: int) -> str:
        return self.decoded(self.content(width), "utf-8", "surrogatepass")

    def decoded(self, content: bytes, encoding: str, errors: str = "strict") -> str:
        text = str(content, encoding, errors)
        self.memory -= max(0, sys.getsizeof(text) - len(content))
        return text

    def python2(self, content: bytes) -> bytes | str:
        """Return a string of Python 2, which may be text or not."""
        return content if self.encoding == "bytes" else self.decoded(content, self.encoding)

    def quoted(self) -> bytes:
        """Return what Python 2 printed between quotes."""
        line = self.line()
        if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
            raise ValueError("a string without quotes")
        return codecs.escape_decode(line[1:-1])[0]

    # -- what an opcode does ------------------------------------------------------------------------

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Any]:
        """Return the values above the last mark, and take them and it off the stack."""
        if not self.below:
            raise ValueError("a mark is missing")
        values, self.stack = self.stack, self.below.pop()
        return values

    def pop(self, count: int) -> list[Any]:
        values = self.stack[-count:]
        if len(values) != count:
            raise ValueError("a value is missing")
        del self.stack[-count:]
        return values

    def top(self, *types: type) -> Any:
        """Return the topmost value, which is to be changed, if it is of one of these types."""
        if not self.stack or not isinstance(self.stack[-1], types):
            raise ValueError(f"it changes something else than a {' or '.join(t.__name__ for t in types)}")
        return self.stack[-1]

    def append(self, values: list[Any]) -> None:
        self.top(list).extend(values)

    def set_items(self, values: list[Any]) -> None:
        set_items(self.top(dict), pairs(values))

    def find(self, module: object, name: object) -> object:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("it asks for a function whose name is no text")
        if (module, name) not in self.names:
            raise ValueError(self.refusal(module, name))
        return self.names[module, name]

    def call(self, function: object, arguments: object) -> object:
        if not isinstance(function, Call) or not isinstance(arguments, tuple):
            raise ValueError("it calls what is no function")
        try:
            value = function.make(*arguments)
        except TypeError as error:
            raise ValueError("it calls a function with unfitting arguments") from error
        self.memory -= sys.getsizeof(value)
        return value

    def get(self, number: int) -> object:
        if number not in self.memo:
            raise ValueError(f"it has no value number {number}")
        return self.memo[number]

    def put(self, number: int) -> None:
        if not self.stack:
            raise ValueError("a value is missing")
        self.memo[number] = self.stack[-1]

    def start(self) -> None:
        if self.number(1) > 5:
            raise ValueError("a protocol of the future")


def pairs(values: list[Any]) -> Iterable[tuple[Any, Any]]:
    """Return the keys and values that lie one after the other."""
    return zip(values[::2], values[1::2], strict=True)


def set_items(target: dict, items: Iterable[Any]) -> dict:
    """Set items, pairs of key and value, of a dict whose keys are strings or small integers. Return it.

    Other keys are never needed, and those that are made for it take for ever to be compared.
    """
    for key, value in items:
        if not (isinstance(key, (str, bytes)) or type(key) is int and abs(key) < 2**31):
            raise ValueError(f"a key is {type(key).__name__}, expected a string")
        target[key] = value
    return target


VALUES: dict[bytes, Callable[[Machine], object]] = {  # opcodes that push a value
    pickle.NONE: lambda m: None,
    pickle.NEWTRUE: lambda m: True,
    pickle.NEWFALSE: lambda m: False,
    pickle.INT: lambda m: m.decimal(),
    pickle.LONG: lambda m: m.decimal(),
    pickle.BININT1: lambda m: m.number(1),
    pickle.BININT2: lambda m: m.number(2),
    pickle.BININT: lambda m: m.signed(4),
    pickle.LONG1: lambda m: m.signed(m.number(1)),
    pickle.BINFLOAT: lambda m: struct.unpack(">d", m.take(8))[0],
    pickle.STRING: lambda m: m.python2(m.quoted()),
    pickle.SHORT_BINSTRING: lambda m: m.python2(m.content(1)),
    pickle.BINSTRING: lambda m: m.python2(m.content(4)),
    pickle.SHORT_BINBYTES: lambda m: m.content(1),
    pickle.BINBYTES: lambda m: m.content(4),
    pickle.BINBYTES8: lambda m: m.content(8),
    pickle.BYTEARRAY8: lambda m: m.content(8),
    pickle.UNICODE: lambda m: m.decoded(m.line(), "raw-unicode-escape"),
    pickle.SHORT_BINUNICODE: lambda m: m.text(1),
    pickle.BINUNICODE: lambda m: m.text(4),
    pickle.BINUNICODE8: lambda m: m.text(8),
    pickle.EMPTY_TUPLE: lambda m: (),
    pickle.EMPTY_LIST: lambda m: [],
    pickle.EMPTY_DICT: lambda m: {},
    pickle.TUPLE: lambda m: tuple(m.pop_mark()),
    pickle.TUPLE1: lambda m: tuple(m.pop(1)),
    pickle.TUPLE2: lambda m: tuple(m.pop(2)),
    pickle.TUPLE3: lambda m: tuple(m.pop(3)),
    pickle.LIST: lambda m: m.pop_mark(),
    pickle.DICT: lambda m: set_items({}, pairs(m.pop_mark())),
    pickle.GET: lambda m: m.get(m.decimal()),
    pickle.BINGET: lambda m: m.get(m.number(1)),
    pickle.LONG_BINGET: lambda m: m.get(m.number(4)),
    pickle.GLOBAL: lambda m: m.find(m.line().decode(), m.line().decode()),
    pickle.STACK_GLOBAL: lambda m: m.find(*m.pop(2)),
    pickle.BINPERSID: lambda m: m.persistent(*m.pop(1)),
    pickle.REDUCE: lambda m: m.call(*m.pop(2)),
}
ACTIONS: dict[bytes, Callable[[Machine], object]] = {  # and those that change what is there
    pickle.PROTO: Machine.start,
    pickle.FRAME: lambda m: m.take(8),  # a length; what follows is read as it comes
    pickle.MARK: Machine.mark,
    pickle.PUT: lambda m: m.put(m.decimal()),
    pickle.BINPUT: lambda m: m.put(m.number(1)),
    pickle.LONG_BINPUT: lambda m: m.put(m.number(4)),
    pickle.MEMOIZE: lambda m: m.put(len(m.memo)),
    pickle.APPEND: lambda m: m.append(m.pop(1)),
    pickle.APPENDS: lambda m: m.append(m.pop_mark()),
    pickle.SETITEM: lambda m: m.set_items(m.pop(2)),
    pickle.SETITEMS: lambda m: m.set_items(m.pop_mark()),
    pickle.BUILD: lambda m: m.build(*m.pop(1)),
}
