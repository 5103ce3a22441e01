"""Pickles that run code, never end or fill the memory where Python's unpickler reads them: no CIFAR files."""

import pickle
import sys
import tracemalloc

import pytest

from minires.data import pickles

# What a pickle can ask for, with an argument that leaves a mark: {mark} is a path.
CALLS = {
    "os.system": ("os", "system", "echo > {mark}"),
    "posix.system": ("posix", "system", "echo > {mark}"),
    "os.mkdir": ("os", "mkdir", "{mark}"),
    "builtins.eval": ("builtins", "eval", "__import__('os').mkdir('{mark}')"),
    "builtins.exec": ("builtins", "exec", "open('{mark}', 'w')"),
    "a NumPy function that runs text": (
        "numpy.testing",
        "runstring",
        "import os; os.mkdir('{mark}')",
    ),
    "a type": ("pathlib", "Path", "{mark}"),
}


def call(how, module, name, text):
    """The opcodes of module.name(text), in one of the ways that pickles have for it."""
    m, n, t = module.encode(), name.encode(), text.encode()
    short = b"\x8c%c" + b"%b"
    stack = short % (len(m), m) + short % (len(n), n) + b"\x93"
    argument = b"X" + len(t).to_bytes(4, "little") + t
    return {
        "protocol 0": b"c" + m + b"\n" + n + b"\n(V" + t + b"\ntR.",
        "inst": b"(V" + t + b"\ni" + m + b"\n" + n + b"\n.",
        "obj": b"(c" + m + b"\n" + n + b"\n" + argument + b"o.",
        "protocol 2": b"\x80\x02c" + m + b"\n" + n + b"\n" + argument + b"\x85R.",
        "newobj": b"\x80\x02c" + m + b"\n" + n + b"\n" + argument + b"\x85\x81.",
        "protocol 4": b"\x80\x04" + stack + argument + b"\x85R.",
        "newobj_ex": b"\x80\x04" + stack + argument + b"\x85}\x92.",
        "in the dict": b"\x80\x02}U\x04data" + b"c" + m + b"\n" + n + b"\n" + argument + b"\x85Rs.",
        "as what an array's dtype is": (
            b"\x80\x02cnumpy\ndtype\nc" + m + b"\n" + n + b"\n" + argument + b"\x85R\x85R."
        ),
    }[how]


WAYS = (
    "protocol 0",
    "inst",
    "obj",
    "protocol 2",
    "newobj",
    "protocol 4",
    "newobj_ex",
    "in the dict",
    "as what an array's dtype is",
)


@pytest.mark.skipif(sys.platform == "win32", reason="the mark is a path in a text of Python")
def test_python_s_unpickler_would_run_them(tmp_path):
    """Otherwise the next test would show nothing."""
    for name in ("os.mkdir", "builtins.eval", "builtins.exec", "os.system"):
        for way in ("protocol 0", "inst", "obj", "protocol 2", "protocol 4", "in the dict"):
            mark = tmp_path / f"{name} {way}".replace(" ", "-")
            module, function, text = CALLS[name]
            pickle.loads(call(way, module, function, text.format(mark=mark)))
            assert mark.exists(), (name, way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CALLS)
def test_a_pickle_that_calls_is_refused_and_calls_nothing(tmp_path, name, way):
    mark = tmp_path / "mark"
    module, function, text = CALLS[name]
    path = tmp_path / "batch"
    path.write_bytes(call(way, module, function, text.format(mark=mark)))
    with pytest.raises(ValueError, match="batch is damaged or no CIFAR file: .*not allowed"):
        pickles.read_pickle(path)
    assert not mark.exists()


def bytes_of(depth):
    """Tuples of two tuples of two tuples ..., depth of them in memory."""
    return b"\x80\x02K\x01\x85q\0" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(depth))


ENDLESS = {
    "a key that takes an age to hash": bytes_of(58) + b"}h\x3aK\x01s.",
    "a value that takes an age to look through": bytes_of(58) + b"}U\x04datah\x3as.",
    "an array whose shape does": (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n" + bytes_of(58)[2:] + b"h\x3a\x85R."
    ),
    "an argument that does": bytes_of(58) + b"cnumpy\ndtype\nh\x3a\x85R.",
    "lists of two lists of two lists": b"\x80\x02]q\0"
    + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(58)),
    "dicts of dicts": b"\x80\x02" + b"}" * 10_000 + b"U\1a" + b"s" * 10_000 + b".",
    "a dict that holds itself": b"\x80\x02}q\0U\x01ah\0s.",
    "a tuple in a tuple in a tuple": b"\x80\x02K\x01\x85\x85\x85\x85.",
    "a string of 2 GB": b"\x80\x02T\xff\xff\xff\x7f.",
    "text of 4 GB": b"\x80\x02X\xff\xff\xff\xff.",
    "bytes of 2**63": b"\x80\x04\x8e" + b"\xff" * 8 + b".",
    "a memo number of 4 billion": b"\x80\x02Nr\xff\xff\xff\xff.",
    "a number of 256 bytes": b"\x80\x02\x8a\xff" + b"\x7f" * 255 + b".",
    "a number of 2 GB": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "marks without end": b"\x80\x02" + b"(" * 600_000 + b".",
    "values without end": b"\x80\x02(" + b"N" * 600_000 + b"t.",
    "memos without end": b"\x80\x04N" + b"\x94" * 600_000 + b".",
    "a frame of 2**63 bytes": b"\x80\x04\x95" + b"\xff" * 8 + b"N.",
    "a name without end": b"\x80\x02c" + b"a" * 600_000,
    "one string encoded again and again": b"\x80\x02}U\1a]q\0(c_codecs\nencode\nq\2X\0\0\x01\0"
    + bytes(65536)
    + b"X\6\0\0\0latin1\x86q\1R"
    + b"h\2h\1R" * 5_000
    + b"es.",
    "one list under many keys": b"\x80\x02}(U\1a]q\0("
    + b"K\1" * 39_000
    + b"e"
    + b"".join(b"U\5%05dh\0" % i for i in range(20_000))
    + b"U\1\xffNu.",
    "an array of 2**60 bytes": (
        b"\x80\x05cnumpy.core.numeric\n_frombuffer\n(C\x00cnumpy\ndtype\nU\x02u1\x85R"
        b"\x8a\x08\0\0\0\0\0\0\0\x10\x85U\x01CtR."
    ),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_pickle_that_would_never_end_or_fill_the_memory_is_refused(tmp_path, kind):
    path = tmp_path / "batch"
    path.write_bytes(ENDLESS[kind])
    if len(ENDLESS[kind]) < 10_000:  # it is slow
        tracemalloc.start()
    with pytest.raises(ValueError, match="batch is damaged or no CIFAR file") as caught:
        pickles.read_pickle(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(str(caught.value)) < 600
    assert peak < 1_000_000
