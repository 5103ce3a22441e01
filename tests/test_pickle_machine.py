"""The machine beneath the readers of pickles makes what Python's own makes, and has nothing to call."""

import io
import pickle
import pickletools

import pytest

from minires.pickle_machine import ACTIONS, LEAST_MEMORY, STEP, VALUES, Call, Machine


def machine(content, most=2**20):
    return Machine(io.BytesIO(content), len(content), most)


def run(content):
    return machine(content).run()


PLAIN = {
    "numbers": [0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1, -(2**31), 2**31, 2**63, -(2**80), True, False],
    "text": ["", "a", "caf\u00e9", "\u20ac\n\\", "\U0001f600", "x" * 300],
    "keys": {"a": 1, 2: "b", -3: None},
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((1, (2,)), [3])],
    "nested": {"a": [{"b": [[], {}]}], "c": ({},)},
    "many": list(range(3000)),
    "a dict of many": {f"key {i}": i for i in range(3000)},
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", PLAIN)
def test_plain_values_come_back_in_every_protocol(kind, protocol):
    found = run(pickle.dumps(PLAIN[kind], protocol))
    assert found == PLAIN[kind] and repr(found) == repr(PLAIN[kind])  # True is not 1


@pytest.mark.parametrize("protocol", range(1, 6))  # 0 writes real numbers as text: no reader needs them
def test_real_numbers_come_back(protocol):
    assert run(pickle.dumps([0.1, -1e300, float("inf")], protocol)) == [0.1, -1e300, float("inf")]


@pytest.mark.parametrize("protocol", (3, 4, 5))  # before there were bytes they were made by a call
def test_bytes_come_back(protocol):
    value = [b"", b"\xff", bytes(range(256)) * 2]
    assert run(pickle.dumps(value, protocol)) == value


def test_what_was_shared_is_shared():
    part = ["a"]
    one, other = run(pickle.dumps([part, part], 2))
    assert one is other
    ring = run(b"\x80\x02]q\0h\0a.")
    assert ring[0] is ring


def test_strings_of_python_2_are_text_or_bytes():
    content = b"(S'caf\\xe9'\nU\4caf\xe9T\4\0\0\0caf\xe9l."
    assert run(content) == ["caf\u00e9"] * 3
    as_bytes = machine(content)
    as_bytes.encoding = "bytes"
    assert as_bytes.run() == [b"caf\xe9"] * 3


def test_a_pickle_begins_where_the_last_one_ended():
    two = machine(pickle.dumps([1], 2) + pickle.dumps({"a": 2}, 4) + b"the rest")
    assert (two.run(), two.run(), two.file.read()) == ([1], {"a": 2}, b"the rest")


def test_only_a_call_can_be_called_and_only_what_is_handed_in_is_found():
    reader = machine(b"cours\ndouble\nK\x04\x85R.")
    reader.names["ours", "double"] = Call(lambda number: 2 * number)
    assert reader.run() == 8
    for content in (b"cours\ndouble\n)R.", b"cours\ndouble\nN\x86R.", b"cours\ndouble\nNR."):
        reader = machine(content)
        reader.names["ours", "double"] = Call(lambda number: 2 * number)
        with pytest.raises(ValueError):
            reader.run()
    reader = machine(b"cours\nlen\nU\1a\x85R.")
    reader.names["ours", "len"] = len  # Python's function, but not a Call
    with pytest.raises(ValueError, match="calls what is no function"):
        reader.run()
    with pytest.raises(ValueError, match="asks for 'builtins' 'len', which is not allowed"):
        run(b"cbuiltins\nlen\n.")


REFUSED = """POP DUP POP_MARK EMPTY_SET ADDITEMS FROZENSET FLOAT LONG4 PERSID INST OBJ NEWOBJ
NEWOBJ_EX EXT1 EXT2 EXT4 NEXT_BUFFER READONLY_BUFFER""".split()


def test_every_opcode_is_known_or_refused():
    """A new one of a later Python is neither: it is to be looked at."""
    for opcode in pickletools.opcodes:
        code = opcode.code.encode("latin-1")
        known = code in VALUES or code in ACTIONS or opcode.name == "STOP"
        assert known != (opcode.name in REFUSED), opcode.name
        if not known or opcode.name in ("BINPERSID", "BUILD"):
            with pytest.raises(ValueError, match="is not allowed"):
                run(b"NN" + code + bytes(8) + b"\n.")


MALFORMED = {
    b"": "cut off",
    b"N": "cut off",
    b"X\4\0\0\0abc": "cut off",
    b"X\xff\xff\xff\xffabc.": "cut off",
    b"I12": "cut off",
    b".": "more or less than one value",
    b"NN.": "more or less than one value",
    b"N(.": "more or less than one value",
    b"t.": "a mark is missing",
    b"](a.": "a value is missing",
    b"N\x86.": "a value is missing",
    b"q\0.": "a value is missing",
    b"h\0.": "no value number 0",
    b"Na.": "something else than a list",
    b"NNa.": "something else than a list",
    b"](NNs.": "something else than a dict",
    b"}(Nu.": "shorter",
    b"}NNs.": "a key is NoneType",
    b"}]Ns.": "a key is list",
    b"})Ns.": "a key is tuple",
    b"}J\0\0\0\x80Ns.": "a key is int",
    b"I" + b"9" * 101 + b"\n.": "a whole number",
    b"S'a\n.": "without quotes",
    b"\x80\6N.": "protocol of the future",
}


@pytest.mark.parametrize("content", MALFORMED)
def test_malformed_pickles_are_refused(content):
    with pytest.raises(ValueError, match=MALFORMED[content]):
        run(content)


def test_steps_and_text_are_limited_by_the_size_of_the_file():
    steps = LEAST_MEMORY // STEP
    assert run(b"(" + b"N" * (steps - 4) + b"l.") == [None] * (steps - 4)
    for content in (b"(" + b"N" * (steps + 4) + b"l.", b"N" + b"\x94" * (steps + 4) + b"."):
        with pytest.raises(ValueError, match="far more memory than fits"):
            run(content)
    wide = "a" * 4092 + "\U0001f600"  # which takes four bytes a character because of the last one
    with pytest.raises(ValueError, match="far more memory than fits"):
        machine(pickle.dumps([wide + str(i) for i in range(2000)], 2), 2**24).run()


def test_a_pickle_longer_than_it_may_be_is_refused():
    assert machine(b"X\x0a\0\0\0" + b"a" * 10 + b".", 20).run() == "a" * 10
    with pytest.raises(ValueError, match="too long"):
        machine(b"X\x0a\0\0\0" + b"a" * 10 + b".", 12).run()


def test_nesting_does_no_harm():
    run(b")" + b"\x85" * 50_000 + b".")
    run(b"]" * 40_000 + b"a" * 39_999 + b".")
    pairs = b"K\1q\0" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(60))
    run(b"(" + pairs + b"l.")
    with pytest.raises(ValueError, match="a key is tuple"):  # its hash takes 2**60 steps
        run(b"(" + pairs + b"}h\x3cNsl.")
