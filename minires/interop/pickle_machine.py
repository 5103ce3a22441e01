"""Executes pickles on a small machine that has nothing to call.

A pickle is a program for a machine with a stack: put a number there, make a list of the topmost three, call
the function named so and so. Python's own machine finds any function of the computer; this one knows the
instructions for numbers, strings, tuples, lists and dicts, and the names that its caller hands in, each of
which stands for a value or for a harmless `Call`. All else is an error that says what the pickle asked for.

Nothing here is recursive, dicts have plain keys, and every step makes one small object, so what a pickle may
take of time and memory is limited by counting steps.
"""

import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

MOST_BYTES = 2**24  # of one pickle; the numbers of tensors stand beside it. ResNet-1202's has 2 million
LEAST_MEMORY = 2**23  # that pickles of even the smallest file may take, for 80,000 steps
STEP = 100  # bytes of memory that a step takes at most, but for the characters of a string

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
VALUES = set(
    "INT BININT BININT1 BININT2 LONG LONG1 BINFLOAT SHORT_BINSTRING BINSTRING "
    "SHORT_BINUNICODE BINUNICODE BINUNICODE8".split()
)
PUT, GET = {"BINPUT", "LONG_BINPUT", "MEMOIZE"}, {"BINGET", "LONG_BINGET"}
EMPTY: dict[str, Callable[[], object]] = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
OBJECTS = {"NEWOBJ", "NEWOBJ_EX", "INST", "OBJ", "BUILD"}
NOTHING = {"PROTO", "FRAME", "STOP"}  # STOP: the opcodes end by themselves


class Call:
    """A function that a pickle may call, with arguments that are such values as the machine makes."""

    def __init__(self, make: Callable[..., object]) -> None:
        self.make = make


class Source:
    """The pickles at the beginning of a file, and how much may be spent on them.

    A pickle of a few bytes can ask for any number of bytes, and a list takes a hundred times as much as the
    one byte that makes it.

    Parameters
    ----------
    file
        Opened for reading bytes; where one pickle ends, the next may begin.
    size
        Of the whole file, in bytes.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.left = file, MOST_BYTES
        self.memory = max(LEAST_MEMORY, 2 * size)

    def read(self, count: int) -> bytes:
        """Return that many bytes, or as many as the file has."""
        if count > self.left:
            raise ValueError("a pickle is truncated or too long")
        self.left -= count
        return self.file.read(count)

    def readline(self) -> bytes:
        """Return the bytes up to and with the next newline; no name or number is longer than the limit."""
        line = self.file.readline(min(self.left, 4096))
        self.left -= len(line)
        return line

    def spend(self, memory: int) -> None:
        """Count so many bytes of memory, or raise ValueError if there are too many."""
        self.memory -= memory
        if self.memory < 0:
            raise ValueError("a pickle describes far more than fits beside the numbers of this file")


class Machine:
    """Executes one pickle.

    Parameters
    ----------
    names
        {(module, name): value or Call} that the pickle may ask for.
    refuse
        Called with (module, name) of any other, returns why there is no such thing here.
    persistent
        Called with what the pickle says of an object outside of it, returns that object.
    """

    def __init__(
        self,
        names: Mapping[tuple[str, str], object],
        refuse: Callable[[str, str], str],
        persistent: Callable[[Any], object],
    ) -> None:
        self.names, self.refuse, self.persistent = names, refuse, persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []  # heights of the stack
        self.memo: dict[int, object] = {}

    def run(self, source: Source) -> Any:
        """Return what the next pickle makes; the source then stands behind it.

        Raises
        ------
        ValueError, IndexError, KeyError, TypeError
            For what is not allowed and what makes no sense.
        """
        for opcode, argument, _ in pickletools.genops(source):  # type: ignore[arg-type]
            source.spend(STEP + (4 * len(argument) if isinstance(argument, str) else 0))
            self._step(opcode.name, argument)
        (value,) = self.stack
        return value

    def _step(self, name: str, argument: Any) -> None:
        push = self.stack.append
        if name in PUT:
            self.memo[len(self.memo) if name == "MEMOIZE" else argument] = self.stack[-1]
        elif name in GET:
            push(self.memo[argument])
        elif name in VALUES:
            push(argument)
        elif name in CONSTANTS:
            push(CONSTANTS[name])
        elif name in EMPTY:
            push(EMPTY[name]())
        elif name == "MARK":
            self.marks.append(len(self.stack))
        elif name == "TUPLE":
            push(tuple(self._down_to(self.marks.pop())))
        elif name in TUPLES:
            push(tuple(self._down_to(len(self.stack) - TUPLES[name])))
        elif name in ("APPEND", "APPENDS"):
            height = self.marks.pop() if name == "APPENDS" else len(self.stack) - 1
            self._fill_list(self._down_to(height))
        elif name in ("SETITEM", "SETITEMS"):
            height = self.marks.pop() if name == "SETITEMS" else len(self.stack) - 2
            self._fill_dict(self._down_to(height))
        elif name == "GLOBAL":
            push(self._find(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            push(self._find(*self._down_to(len(self.stack) - 2)))
        elif name == "BINPERSID":
            push(self.persistent(self.stack.pop()))
        elif name == "REDUCE":
            call, arguments = self._down_to(len(self.stack) - 2)
            if not isinstance(call, Call) or not isinstance(arguments, tuple):
                raise ValueError("it calls what is no function")
            try:
                push(call.make(*arguments))
            except TypeError as error:
                raise ValueError("it calls a function with unfitting arguments") from error
        elif name == "BUILD" and len(self.stack) > 1 and isinstance(self.stack[-2], dict):
            self.stack.pop()  # attributes of an ordered dict, such as a module's version numbers
        elif name not in NOTHING:
            what = "builds an object of some class" if name in OBJECTS else "is not allowed"
            raise ValueError(f"the pickle's instruction {name} {what}")

    def _down_to(self, height: int) -> list[Any]:
        """Take everything above a height off the stack."""
        if not 0 <= height <= len(self.stack) or (self.marks and height < self.marks[-1]):
            raise ValueError("it takes more from the stack than there is")
        taken = self.stack[height:]
        del self.stack[height:]
        return taken

    def _fill_list(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise ValueError("it appends to what is no list")
        self.stack[-1].extend(values)

    def _fill_dict(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not dict or len(values) % 2:
            raise ValueError("it sets items of what is no dict")
        set_items(self.stack[-1], zip(values[::2], values[1::2], strict=True))

    def _find(self, module: object, name: object) -> object:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a function's name is no string")
        if (module, name) not in self.names:
            raise ValueError(self.refuse(module, name))
        return self.names[module, name]


def set_items(target: dict, pairs: Any) -> None:
    """Set items of a dict whose keys are strings or small integers.

    Other keys are never needed, and those that are made for it take for ever to be compared.
    """
    for key, value in pairs:
        if not (isinstance(key, str) or type(key) is int and abs(key) < 2**31):
            raise ValueError(f"a dict has a key of the type {type(key).__name__}, expected strings")
        target[key] = value
