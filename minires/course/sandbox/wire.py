"""Values as bytes, without pickle: what the grader and its child process say to each other.

The child runs untrusted code, so whatever comes from it may be malicious: pickle would execute it. Here a
value is one letter for its type, then its content; a container is followed by what it holds. `decode` checks
every number before it believes it, and makes nothing but plain Python values and plain arrays.
"""

import math
import struct

import numpy as np

DEPTH = 32  # how deep containers may nest: reading them recurses
ITEMS = 200_000  # values in one frame: each costs the reader far more memory than its one byte
DIGITS = 64  # bytes of an int: Python refuses to print those of thousands of digits
CHUNK = 1 << 20  # bytes read at once: a frame that claims more than it brings costs no more than this

# NumPy's own short names of the dtypes that may pass: "b1" is bool, "f4" is float32
DTYPES = {name: np.dtype(name) for name in "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split()}
SCALARS = {np.dtype(code).type for code in "?bhilqBHILQefd"}  # by C type: two of them may be one dtype


class WireError(Exception):
    """The bytes are not a frame of this format, or the value is too large for one."""


class Ended(WireError):
    """The stream ended: the other side closed it or died."""


class TooLarge(WireError):
    """A frame, or the value that should become one, is larger than allowed."""


class Unknown:
    """What came in place of a value that cannot travel. kind: what it was, in words: "a matrix"."""

    def __init__(self, kind):
        self.kind = kind

    def __repr__(self):
        return f"Unknown({self.kind!r})"

    def __eq__(self, other):
        return type(other) is Unknown and other.kind == self.kind

    __hash__ = None


def write(stream, value, *, limit=1 << 62):
    """Send a value as one frame: eight bytes of length, then the value. Raises TooLarge before it sends."""
    send(stream, encode(value, limit=limit))


def send(stream, content):
    """Send what `encode` returned as one frame."""
    left = memoryview(struct.pack("<Q", len(content)) + content)
    while left:
        left = left[stream.write(left) :]  # an unbuffered pipe may take only a part
    stream.flush()


def read(stream, *, limit):
    """Return the value in the next frame. Raises WireError: Ended at the stream's end, TooLarge beyond limit.

    limit: bytes. No more memory is taken than bytes have come, whatever length the frame claims.
    """
    (length,) = struct.unpack("<Q", _exactly(stream, 8))
    if length > limit:
        raise TooLarge(f"a frame of {length} bytes; at most {limit} are allowed")
    return decode(_exactly(stream, length))


def _exactly(stream, length):
    content = bytearray()
    while len(content) < length:
        piece = stream.read(min(CHUNK, length - len(content)))
        if not piece:
            raise Ended(f"the stream ended {length - len(content)} bytes too early")
        content += piece
    return bytes(content)


def encode(value, *, limit=1 << 62):
    """Return a value as bytes. What cannot travel becomes an Unknown. Raises TooLarge beyond limit bytes.

    None, bool, int, float, str, bytes, tuples, lists, dicts with keys of type str, arrays and NumPy's scalars
    (as arrays of shape ()) travel. Subclasses of tuple, list and dict travel as what they hold; subclasses of
    ndarray do not: their methods may give other numbers than their memory.
    """
    return _Writer(limit).whole(value)


class _Writer:
    """The pieces of one frame, and how much of it is left."""

    def __init__(self, limit):
        self.left, self.items, self.pieces = limit, ITEMS, []

    def whole(self, value):
        self.put(value, DEPTH)
        return b"".join(self.pieces)

    def piece(self, letter, *content):
        self.reserve(1 + sum(map(len, content)))
        self.pieces += (letter, *content)

    def reserve(self, size):
        """Use up this many bytes. Raises TooLarge unless they are left."""
        self.left -= size
        if self.left < 0:
            raise TooLarge("more than may be sent at once")

    def put(self, value, depth):
        self.items -= 1
        if self.items < 0:
            raise TooLarge(f"more than {ITEMS} values")
        kind = type(value)  # never isinstance: a class can lie about __class__
        if value is None:
            self.piece(b"N")
        elif kind is bool:
            self.piece(b"T" if value else b"F")
        elif kind is int and value.bit_length() < 8 * DIGITS:
            digits = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self.piece(b"i", bytes([len(digits)]), digits)
        elif kind is float:
            self.piece(b"f", struct.pack("<d", value))
        elif kind is str:
            # half a surrogate pair is no text that could be written to a file: it arrives spelled out
            self.sized(b"s", value.encode("utf-8", "backslashreplace"))
        elif kind is bytes:
            self.sized(b"b", value)
        elif kind is np.ndarray or kind in SCALARS:
            self.array(value)
        elif issubclass(kind, (tuple, list, dict)) and depth > 0:
            self.container(value, kind, depth - 1)
        else:
            self.sized(b"u", _words(value).encode())

    def sized(self, letter, content):
        self.piece(letter, struct.pack("<Q", len(content)), content)

    def array(self, value):
        value = np.asarray(value)
        dtype = f"{value.dtype.kind}{value.dtype.itemsize}"
        if dtype not in DTYPES:
            self.sized(b"u", _words(value).encode())
            return
        shape = struct.pack(f"<B{value.ndim}Q", value.ndim, *value.shape)
        self.piece(b"a", dtype.encode(), shape)
        self.reserve(value.nbytes)  # before it is copied: a view may pretend to be larger than the memory
        self.pieces.append(value.astype(DTYPES[dtype], copy=False).tobytes())  # in C order

    def container(self, value, kind, depth):
        # the methods of the base, called as functions: a subclass may have written its own
        if issubclass(kind, dict):
            pairs = list(dict.items(value))
            if not all(type(key) is str for key, _ in pairs):
                self.sized(b"u", b"a dict with keys that are not text")
                return
            self.piece(b"d", struct.pack("<Q", len(pairs)))
            for key, held in pairs:
                self.put(key, depth)
                self.put(held, depth)
        else:
            base = tuple if issubclass(kind, tuple) else list
            held = list(base.__iter__(value))
            self.piece(b"t" if base is tuple else b"l", struct.pack("<Q", len(held)))
            for each in held:
                self.put(each, depth)


def _words(value):
    """Return what a value is, in words, without asking it: its class may answer anything."""
    if type(value) is np.ndarray:
        return f"an array of dtype {value.dtype}"[:80]
    if type(value) is Unknown:
        return value.kind
    if type(value) is int:
        return f"an int of {value.bit_length()} bits"
    name = type.__dict__["__name__"].__get__(
        type(value)
    )  # a metaclass may have replaced type(value).__name__
    name = "".join(letter for letter in name[:60] if letter.isprintable()) or "object"
    if issubclass(type(value), (tuple, list, dict)):
        return f"a {name} nested too deeply"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def decode(content):
    """Return the value in these bytes. Raises WireError if they are not exactly one value of this format.

    The arrays own their memory, are writeable, in C order and in the machine's byte order.
    """
    reader = _Reader(content)
    value = reader.value(DEPTH)
    if reader.at != len(content):
        raise WireError(f"{len(content) - reader.at} bytes more than the value")
    return value


class _Reader:
    """The bytes of one frame, and how far they are read."""

    def __init__(self, content):
        self.content, self.at, self.items = content, 0, ITEMS

    def take(self, size):
        """Return the next size bytes. The check stands before the slice: size may be any number."""
        begin, self.at = self.at, self.at + size
        if self.at > len(self.content):
            raise WireError(f"{size} bytes announced, {len(self.content) - begin} left")
        return self.content[begin : self.at]

    def number(self):
        return struct.unpack("<Q", self.take(8))[0]

    def text(self):
        try:
            return self.take(self.number()).decode()
        except UnicodeDecodeError:
            raise WireError("text that is not UTF-8") from None

    def value(self, depth):
        self.items -= 1
        if self.items < 0:
            raise WireError(f"more than {ITEMS} values")
        letter = self.take(1)
        if letter in b"NTF":
            return {b"N": None, b"T": True, b"F": False}[letter]
        if letter == b"i":
            return int.from_bytes(self.take(self.digits()), "little", signed=True)
        if letter == b"f":
            return struct.unpack("<d", self.take(8))[0]
        if letter == b"s":
            return self.text()
        if letter == b"b":
            return self.take(self.number())
        if letter == b"u":
            return self.unknown()
        if letter == b"a":
            return self.array()
        if letter in b"tld" and depth > 0:
            return self.container(letter, depth - 1)
        raise WireError(f"no value begins with {letter!r} here")

    def digits(self):
        (count,) = self.take(1)
        if not 1 <= count <= DIGITS:
            raise WireError(f"an int of {count} bytes")
        return count

    def unknown(self):
        kind = self.text()
        if len(kind) > 100 or not kind.isprintable():
            raise WireError("not a description")
        return Unknown(kind)

    def array(self):
        dtype = DTYPES.get(self.take(2).decode("latin-1"))
        (dimensions,) = self.take(1)
        shape = struct.unpack(f"<{dimensions}Q", self.take(8 * dimensions))
        if dtype is None or dimensions > 32:
            raise WireError("an array of an unknown dtype or with too many dimensions")
        memory = self.take(math.prod(shape) * dtype.itemsize)  # Python's ints: the product cannot overflow
        if dtype.kind == "b" and memory.strip(b"\0\1"):
            raise WireError("a bool that is neither 0 nor 1")
        try:
            return np.frombuffer(memory, dtype).reshape(shape).copy()
        except (ValueError, OverflowError):
            raise WireError(f"no array has the shape {shape}") from None

    def container(self, letter, depth):
        count = self.number()
        if count > self.items:  # before anything is made of that length
            raise WireError(f"{count} values announced in one container")
        if letter != b"d":
            held = [self.value(depth) for _ in range(count)]
            return tuple(held) if letter == b"t" else held
        pairs = {}
        for _ in range(count):
            key = self.value(0)
            if type(key) is not str or key in pairs:
                raise WireError("a dict with keys that are not text, or with duplicate keys")
            pairs[key] = self.value(depth)
        return pairs
