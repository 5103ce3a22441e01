"""Values as bytes: what goes in comes out, and no bytes whatever do harm."""

import io
import math
import os
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from places import ROOT

from minires.course.sandbox import wire
from minires.course.sandbox.wire import Ended, TooLarge, Unknown, WireError, decode, encode

SCALARS = st.none() | st.booleans() | st.integers(-(1 << 400), 1 << 400) | st.floats() | st.binary(max_size=9)
SCALARS |= st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
ARRAYS = arrays.arrays(
    st.sampled_from(list(wire.DTYPES.values())), arrays.array_shapes(min_dims=0, max_dims=4, min_side=0)
)
VALUES = st.recursive(
    SCALARS | ARRAYS,
    lambda held: (
        st.lists(held, max_size=4)
        | st.lists(held, max_size=4).map(tuple)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), held, max_size=4)
    ),
    max_leaves=12,
)


def same(a, b):
    """Whether two values are the same in type, content and, for arrays, dtype; NaN is NaN."""
    if type(a) is not type(b):
        return False
    if type(a) is np.ndarray:
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) in (tuple, list):
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) is dict:
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b or (type(a) is float and math.isnan(a) and math.isnan(b))


@given(VALUES)
def test_a_value_arrives_as_it_was(value):
    assert same(decode(encode(value)), value)


@given(VALUES)
def test_a_frame_is_as_large_as_it_says(value):
    content = encode(value)
    assert encode(value, limit=len(content)) == content
    with pytest.raises(TooLarge):
        encode(value, limit=len(content) - 1)


@given(VALUES, st.data())
def test_a_changed_frame_raises_one_exception_or_is_another_value(value, data):
    content = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        changed = decode(bytes(content))
    except WireError:
        return
    assert decode(encode(changed)) is not NotImplemented  # whatever arrived can be sent again


@given(VALUES, st.data())
def test_a_cut_frame_raises(value, data):
    content = encode(value)
    with pytest.raises(WireError):
        decode(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(WireError):
        decode(content + b"N")


@given(st.binary(max_size=200))
def test_any_bytes_raise_one_exception_or_are_a_value(content):
    for begin in (b"", *(bytes([letter]) for letter in b"NTFifsbuatld")):
        try:
            decode(begin + content)
        except WireError:
            pass


@pytest.mark.parametrize(
    "dtype", [dtype.type for dtype in wire.DTYPES.values()] + [np.longlong, np.ulonglong]
)
def test_a_numpy_scalar_arrives_as_an_array_of_its_dtype(dtype):
    arrived = decode(encode(dtype(1)))
    assert type(arrived) is np.ndarray and arrived.shape == () and arrived == 1
    assert arrived.dtype == np.dtype(dtype)


VIEWED = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "view",
    [
        VIEWED[::-1, :, ::2],
        VIEWED.T,
        VIEWED.astype(">f4"),
        np.asfortranarray(VIEWED),
        np.broadcast_to(np.float32(3), (2, 5)),
        np.frombuffer(bytes(8), np.float32),
        VIEWED[:0],
        VIEWED[0, 0, 0:1].reshape(()),
    ],
)
def test_a_view_arrives_as_a_plain_array(view):
    arrived = decode(encode(view))
    np.testing.assert_array_equal(arrived, view)
    assert arrived.flags.owndata and arrived.flags.writeable and arrived.flags.c_contiguous
    assert arrived.dtype == np.float32 and arrived.dtype.isnative
    assert not np.shares_memory(arrived, view)


class Liar(np.ndarray):
    """Says of itself that it equals everything and is a plain array."""

    def __eq__(self, other):
        return True

    def __array__(self, *_, **__):
        raise AssertionError("nobody may ask it")

    def __array_ufunc__(self, *_, **__):
        raise AssertionError("nobody may ask it")

    def __array_finalize__(self, other):
        pass

    def __reduce__(self):
        raise AssertionError("nobody may ask it")

    tobytes = astype = __reduce__
    __class__ = np.ndarray


class Renamed(type):
    """A class whose name is a lie, and which says that everything is one of it."""

    __name__ = property(lambda cls: 1 / 0)

    def __instancecheck__(cls, value):
        return True

    def __subclasscheck__(cls, other):
        return True


class Anything(metaclass=Renamed):
    __class__ = property(lambda self: dict)

    def __getattr__(self, name):
        raise AssertionError("nobody may ask it")


STRANGERS = [
    (np.arange(3).view(Liar), "a Liar"),
    (np.arange(3).reshape(1, 3).view(np.matrix), "a matrix"),
    (np.ma.array([1.0], mask=[True]), "a MaskedArray"),
    (Anything(), "an Anything"),
    (np.array([object()]), "an array of dtype object"),
    (np.array([1j]), "an array of dtype complex128"),
    (np.array(["a"]), "an array of dtype <U1"),
    (np.zeros(2, "f4,i4"), "an array of dtype [('f0', '<f4'), ('f1', '<i4')]"),
    (np.array("2020-01-01", "M8[D]"), "an array of dtype datetime64[D]"),
    (np.complex64(1), "a complex64"),
    (len, "a builtin_function_or_method"),
    ({1, 2}, "a set"),
    (1j, "a complex"),
    ({1: 2}, "a dict with keys that are not text"),
    (1 << 600, "an int of 601 bits"),
    (type("T", (float,), {})(1.0), "a T"),
    (type("e\x1b[2J", (), {})(), "an e[2J"),
    (Unknown("a matrix"), "a matrix"),
]


@pytest.mark.parametrize("at", range(len(STRANGERS)), ids=[kind for _, kind in STRANGERS])
def test_what_cannot_travel_is_described(at):
    value, kind = STRANGERS[at]
    assert decode(encode(value)) == Unknown(kind)
    assert decode(encode([value])) == [Unknown(kind)]


def test_a_subclass_of_a_container_travels_as_what_it_holds():
    class Pair(tuple):
        def __iter__(self):
            return iter((7, 7, 7))

        def __len__(self):
            return 9

    class Names(dict):
        def items(self):
            return [("a", 7)]

    assert decode(encode(Pair((1, 2)))) == (1, 2)
    assert decode(encode(Names(b=1))) == {"b": 1}


def test_half_a_surrogate_pair_arrives_spelled_out():
    assert decode(encode("a\ud800")) == "a\\ud800"


def test_a_value_nested_too_deeply_is_described():
    nested = []
    for _ in range(wire.DEPTH - 1):
        nested = [nested]
    assert decode(encode(nested)) == nested
    loop = []
    loop.append(loop)
    arrived = decode(encode(loop))
    for _ in range(wire.DEPTH):
        (arrived,) = arrived
    assert arrived == Unknown("a list nested too deeply")


def test_a_value_that_grows_without_end_is_too_large():
    loop = []
    loop += [loop, loop]
    with pytest.raises(TooLarge):
        encode(loop)
    with pytest.raises(TooLarge):
        encode(np.broadcast_to(0.0, (10**6, 10**6)), limit=1 << 30)


def number(count):
    return struct.pack("<Q", count)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"NN",
        b"i\x00",
        b"i\xff" + bytes(255),
        b"s" + number(1 << 63) + b"a",
        b"s" + number(1) + b"\xff",
        b"u" + number(200) + b"a" * 200,
        b"u" + number(4) + b"\x1b[2J",
        b"l" + number((1 << 64) - 1),
        b"l" * 100_000,
        (b"l" + number(1)) * 1000 + b"N",
        b"l" + number(wire.ITEMS) + b"N" * wire.ITEMS,
        b"d" + number(1) + b"NN",
        b"d" + number(1) + b"l" + number(0) + b"N",
        b"d" + number(2) + 2 * (b"s" + number(1) + b"aN"),
        b"ac8\x00" + bytes(8),
        b"aO8\x00" + bytes(8),
        b"af4\xff" + bytes(2000),
        b"af4\x40" + number(1) * 64 + bytes(4),
        b"af4\x02" + number(1 << 62) + number(4) + bytes(16),
        b"af4\x02" + number(1 << 63) + number(0),
        b"af4\x02" + number(1 << 62) + number(0),
        b"af4\x01" + number(3) + bytes(11),
        b"ab1\x01" + number(2) + b"\x01\x02",
        pickle.dumps([1, 2]),
        pickle.dumps(np.arange(3)),
    ],
)
def test_a_malformed_frame_raises(content):
    with pytest.raises(WireError):
        decode(content)


def test_frames_follow_each_other_in_a_stream():
    stream = io.BytesIO()
    for value in (1, "a", None):
        wire.write(stream, value)
    stream.seek(0)
    assert [wire.read(stream, limit=99) for _ in range(3)] == [1, "a", None]
    with pytest.raises(Ended):
        wire.read(stream, limit=99)


def test_a_pipe_that_takes_little_at_a_time_gets_everything():
    class Narrow(io.BytesIO):
        def write(self, content):
            return super().write(bytes(content[:7]))

        def read(self, size):
            return super().read(min(size, 5))

    stream = Narrow()
    wire.write(stream, "a" * 1000)
    stream.seek(0)
    assert wire.read(stream, limit=2000) == "a" * 1000


def test_a_frame_beyond_the_limit_is_not_read():
    stream = io.BytesIO(number(100) + b"N")
    with pytest.raises(TooLarge):
        wire.read(stream, limit=99)
    assert stream.tell() == 8


@pytest.mark.skipif(os.name != "posix", reason="limits its memory")
def test_a_frame_that_lies_about_its_length_takes_no_memory():
    source = (
        "import io, resource, struct, sys; sys.path.insert(0, sys.argv[1])\n"
        "from minires.course.sandbox import wire\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for begin in (b'', b's', b'l', b'af4\\x01'):\n"
        "    content = begin + struct.pack('<Q', 1 << 40)\n"
        "    try:\n"
        "        wire.decode(content)\n"
        "    except wire.WireError: pass\n"
        "    try:\n"
        "        wire.read(io.BytesIO(struct.pack('<Q', 1 << 40) + content), limit=1 << 50)\n"
        "    except wire.Ended: print('ended')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    root = str(ROOT)
    done = subprocess.run([sys.executable, "-c", source, root], capture_output=True, text=True, check=True)
    *ended, grown = done.stdout.split()
    assert ended == 4 * ["ended"] and int(grown) < 32 << 10  # KiB on Linux; one chunk is 1 MiB


@settings(max_examples=20)
@given(ARRAYS)
def test_encoding_does_not_change_the_value(value):
    before = value.tobytes()
    encode([value, value.T])
    assert value.tobytes() == before
