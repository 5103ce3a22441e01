"""Files of torch.save are read as PyTorch reads them, and nothing in them is executed, whoever wrote them."""

import collections
import io
import os
import pickle
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch_bytes as tb
from optional_torch import import_torch

from minires import interop
from minires.interop import torch_files

# -- PyTorch's files ---------------------------------------------------------------------------------


def tensors():
    """Return {name: tensor} of every kind that NumPy can hold."""
    torch = import_torch()
    base = torch.arange(24.0).reshape(4, 6) / 7
    kinds = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 uint16 bool complex64".split()
    made = {kind: (base * 3).to(getattr(torch, kind)) for kind in kinds}
    made |= {"transposed": base.t(), "every other": base[1::2, 1:5:3], "scalar": torch.tensor(7)}
    made |= {
        "parameter": torch.nn.Parameter(base[0]),
        "shared": made["float32"],
        "view": made["bfloat16"][2:, 1],
    }
    return made | {"empty": torch.zeros(0, 3), "empty, too": base[2:2], "negative zero": torch.tensor(-0.0)}


def as_read(tensor):
    torch = import_torch()
    half = tensor.dtype in (torch.float16, torch.bfloat16)
    return (tensor.detach().float() if half else tensor.detach()).numpy()


def assert_read(path, expected):
    found = interop.read_weights(path)
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert found[name].tobytes() == array.tobytes(), name
        assert found[name].flags.writeable, name
    return found


AROUND = {
    "alone": lambda state: state,
    "ordered": lambda state: collections.OrderedDict(state),
    "net": lambda state: {"net": state, "acc": 91.7, "epoch": 199},
    "model": lambda state: {"model": state, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
    "state_dict": lambda state: {"epoch": 3, "arch": "resnet20", "best": None, "state_dict": state},
    "an odd name": lambda state: {"ours": state, "flags": [True, 2**40, (1, "a")]},
    "two deep": lambda state: {"model": {"state_dict": state}, "epoch": -1},
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("zipped", [True, False])
def test_every_kind_of_tensor_comes_back_from_every_kind_of_file(tmp_path, around, zipped):
    torch, state = import_torch(), tensors()
    torch.save(AROUND[around](state), tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = assert_read(tmp_path / "a.pth", {name: as_read(tensor) for name, tensor in state.items()})
    assert np.shares_memory(found["shared"], found["float32"])  # as in PyTorch


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_every_protocol_of_pickle_is_read(tmp_path, protocol, zipped):
    torch, state = import_torch(), collections.OrderedDict(tensors())
    path = tmp_path / "a.pt"
    torch.save({"model": state}, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    assert_read(path, {name: as_read(tensor) for name, tensor in state.items()})


@pytest.mark.parametrize("zipped", [True, False])
def test_a_trainings_whole_checkpoint_is_read(tmp_path, zipped):
    torch = import_torch()
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(2, 3, 4, 4)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 4])
    checkpoint = {"optimizer": optimizer.state_dict(), "scheduler": schedule.state_dict()}
    checkpoint |= {
        "model_state_dict": net.state_dict(),
        "rng": torch.get_rng_state(),
        "size": net[0].weight.shape,
    }
    path = tmp_path / "checkpoint.pth.tar"
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    assert_read(path, {name: tensor.numpy() for name, tensor in net.state_dict().items()})


def test_a_file_from_a_machine_with_the_big_end_first_is_read(tmp_path):
    torch = import_torch()
    torch.save({"a": torch.arange(5.0), "h": torch.arange(5.0).bfloat16()}, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as z:
        members = {name: z.read(name) for name in z.namelist()}
    swapped = {
        "a/byteorder": b"big",
        "a/data/0": np.frombuffer(members["a/data/0"], np.uint32).byteswap().tobytes(),
        "a/data/1": np.frombuffer(members["a/data/1"], np.uint16).byteswap().tobytes(),
    }
    with zipfile.ZipFile(tmp_path / "b.pth", "w") as z:
        for name, content in (members | swapped).items():
            z.writestr(name, content)
    row = np.arange(5, dtype=np.float32)
    assert_read(tmp_path / "b.pth", {"a": row, "h": row})


# -- files that today's PyTorch does not write any more ----------------------------------------------

ROW = np.array([1, 2, 3, 4], np.float32)
OLD = {
    "PyTorch 0.3": tb.legacy(tb.mapping(a=tb.tensor(function="_rebuild_tensor"))),
    "a GPU's": tb.legacy(
        tb.mapping(a=tb.tensor(of=tb.storage(kind=("torch.cuda", "FloatStorage"), device="cuda:0")))
    ),
    "no view": tb.legacy(
        tb.mapping(a=tb.tensor(of=tb.storage()[:-2] + tb.number(None) + b"tQ"))  # the sixth item, of 0.3
    ),
    "Python 2": tb.legacy(
        tb.call(
            "collections", "OrderedDict", b"](](U\x01a" + tb.tensor() + b"ee"
        )  # pairs, and a str of bytes
    ),
    "Python 2, zipped": tb.archive(
        tb.call("collections", "OrderedDict", b"](](U\x01a" + tb.tensor() + b"ee")
    ),
}


@pytest.mark.parametrize("kind", OLD)
def test_old_files_are_read(tmp_path, kind):
    (tmp_path / "a.th").write_bytes(OLD[kind])
    assert_read(tmp_path / "a.th", {"a": ROW})


# -- what cannot be had without running code ---------------------------------------------------------


def refused(path, words):
    with pytest.raises(ValueError, match=words) as error:
        interop.read_weights(path)
    assert path.name in str(error.value) and len(str(error.value)) < 600
    assert "\n" not in str(error.value).removeprefix(str(path))


@pytest.mark.parametrize("zipped", [True, False])
def test_what_pytorch_saves_beyond_weights_is_named(tmp_path, zipped):
    torch, path = import_torch(), tmp_path / "a.pt"
    row = torch.arange(4.0)
    cases = {
        "a whole module is its code, which is not run; save its state_dict": torch.nn.Linear(2, 3),
        "a sparse tensor; save its .to_dense": {"a": row.to_sparse()},
        "a tensor without numbers": {"a": row.to("meta")},
        "repeats numbers .expand.; save its .contiguous": {"a": row[:1].expand(5)},
        "conjugated or negated": {"a": (row + 1j).conj()},
        "float8_e4m3fn, which NumPy does not have": {"a": row.to(torch.float8_e4m3fn)},
        "no dict of tensors but one Tensor": row,
        "no dict of tensors but one list": [row],
        "no dict that consists of tensors: nothing": {},
        "no dict that consists of tensors: 'a' .int., 'b' .Tensor.": {"a": 3, "b": row},
        "several dicts of tensors: 'generator' .dict., 'critic' .dict.": {
            "generator": {"a": row},
            "critic": {"a": row},
        },
        "it asks for 'torch' 'device'": {"device": torch.device("cpu"), "state_dict": {"a": row}},
    }
    for words, value in cases.items():
        torch.save(value, path, _use_new_zipfile_serialization=zipped)
        refused(path, words)
    pickle.dump({"a": row}, path.open("wb"))
    refused(path, "a pickle inside a pickle: written by pickle.dump; use torch.save")


def test_torchscript_is_named(tmp_path):
    torch = import_torch()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 3), torch.ones(1, 2)), tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "it is TorchScript, a program; load it in PyTorch and save its state_dict")


def test_other_files_under_such_a_name_are_told_apart(tmp_path):
    tar = bytearray(512)
    tar[257:262] = b"ustar"
    cases = {
        "a tar archive, of PyTorch before 0.2": bytes(tar),
        "a web page; the download went wrong": b"<!DOCTYPE html><title>404</title>",
        "only a pointer to the file": b"version https://git-lfs.github.com/spec/v1\n",
        "an archive, but not torch.save's": tb.archive(b"}", folder="a/b"),
        "a pickle, but not one of torch.save": pickle.dumps({"a": 1}),
        "no .pth file of arrays": b"",
    }
    for words, content in cases.items():
        (tmp_path / "a.pth").write_bytes(content)
        refused(tmp_path / "a.pth", words)


# -- hostile -----------------------------------------------------------------------------------------


def shared_pairs(depth=60):
    """A tuple of two that are the same tuple of two that ...: whoever hashes or prints it never ends."""
    return tb.number(1) + b"q\0" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(depth))


SPAWN = {
    "os.system": tb.call("os", "system", tb.text("touch executed")),
    "posix.system": tb.call("posix", "system", tb.text("touch executed")),
    "eval": tb.call("builtins", "eval", tb.text("open('executed', 'w')")),
    "eval of Python 2": tb.call("__builtin__", "eval", tb.text("open('executed', 'w')")),
    "exec": tb.call("builtins", "exec", tb.text("open('executed', 'w')")),
    "open": tb.call("builtins", "open", tb.text("executed"), tb.text("w")),
    "mkdir": tb.call("os", "mkdir", tb.text("executed")),
    "getattr": tb.call("builtins", "getattr", tb.name("os", "system"), tb.text("x")),
    "torch.load": tb.call("torch.serialization", "load", tb.text("executed")),
    "torch.hub": tb.call("torch.hub", "load", tb.text("executed")),
    "a dotted name": tb.call("torch._utils", "os.system", tb.text("touch executed")),
    "numpy's loader": tb.call("numpy", "load", tb.text("executed")),
    "INST": b"(" + tb.text("touch executed") + b"ios\nsystem\n",
    "OBJ": b"(" + tb.name("os", "system") + tb.text("touch executed") + b"o",
    "NEWOBJ": tb.name("os", "system") + tb.numbers() + b"\x81",
    "STACK_GLOBAL": tb.text("os") + tb.text("system") + b"\x93" + tb.group(tb.text("touch executed")) + b"R",
    "an extension": b"\x82\x01",
    "BUILD on a function": tb.name("collections", "OrderedDict")
    + tb.mapping(make=tb.name("os", "system"))
    + b"b",
    "BUILD on a tensor": tb.tensor() + tb.mapping(shape=tb.number(3)) + b"b",
}
MISFITS = {
    "huge shape": tb.tensor(shape=(2**40,)),
    "shape beyond all": tb.tensor(shape=(2**62, 2**62), strides=(0, 0)),
    "shape beyond 64 bits": tb.tensor(shape=(2**70,), strides=(0,)),
    "a million axes of one": tb.tensor(shape=(1,) * 100_000, strides=(1,) * 100_000),
    "expanded": tb.tensor(shape=(2**40,), strides=(0,)),
    "negative shape": tb.tensor(shape=(-4,)),
    "negative stride": tb.tensor(strides=(-1,), offset=3),
    "negative offset": tb.tensor(offset=-1),
    "offset beyond": tb.tensor(offset=1),
    "stride beyond": tb.tensor(strides=(2,)),
    "too few strides": tb.tensor(shape=(2, 2)),
    "a real number as shape": tb.tensor(shape=(4.0,)),
    "True as shape": tb.tensor(shape=(True,)),
    "text as offset": tb.tensor(offset="0"),
    "nothing as storage": tb.tensor(of=b"N"),
    "a tensor as storage": tb.tensor(of=tb.tensor()),
    "huge storage": tb.tensor(of=tb.storage(count=2**50)),
    "short storage": tb.tensor(shape=(3,), of=tb.storage(count=3)),
    "negative storage": tb.tensor(of=tb.storage(count=-4)),
    "missing storage": tb.tensor(of=tb.storage(key="7")),
    "a path as key": tb.tensor(of=tb.storage(key="../../../etc/passwd")),
    "an unknown storage": tb.tensor(of=tb.storage(kind=("torch", "QUInt8Storage"))),
    "one storage, two types": tb.group(tb.tensor(), tb.tensor(of=tb.storage(kind=("torch", "IntStorage")))),
    "another persistent id": tb.tensor(of=tb.group(tb.text("module"), tb.text("x"), tb.text("y")) + b"Q"),
    "a number as persistent id": tb.tensor(of=tb.number(3) + b"Q"),
    "an empty persistent id": tb.tensor(of=tb.numbers() + b"Q"),
    "a text persistent id": tb.tensor(of=b"P0\n"),
    "too few arguments": tb.call("torch._utils", "_rebuild_tensor_v2", tb.storage()),
    "arguments that are none": tb.name("torch._utils", "_rebuild_tensor_v2") + b"NR",
    "a parameter of text": tb.call("torch._utils", "_rebuild_parameter", tb.text("x"), b"N", b"N"),
    "a call of a number": tb.number(3) + b")R",
    "a call of a dtype": tb.name("torch", "float32") + b")R",
    "a dict of text": tb.call("collections", "OrderedDict", tb.text("abcd")),
    "shared pairs": shared_pairs(),
    "shared pairs as key": tb.group(shared_pairs(), b"}h\x3cNs"),
    "shared pairs in a dict of pairs": tb.group(
        shared_pairs(), tb.call("collections", "OrderedDict", b"](](h\x3cNee")
    ),
    "a list in itself": b"]q\0h\0a",
    "a dict in itself": b"}q\0" + tb.text("model") + b"h\0s",
    "deep lists": b"](" * 50_000 + b"e" * 50_000,
    "deep tuples": b")" + b"\x85" * 50_000,
    "open marks": b"(" * 50_000,
    "a memo far away": b"Nr\xff\xff\xff\xff",
    "a memo that is not there": b"h\x05",
    "more than the stack": b"\x87",
    "an append below the mark": b"](a",
    "a tuple without a mark": b"Nt",
    "text of four gigabytes": b"X\xff\xff\xff\x7fabc",
    "text of exabytes": b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc",
    "a number of gigabytes": b"\x8b\xff\xff\xff\x7f",
    "a number in a million figures": b"L" + b"9" * 1_000_000 + b"L\n",
    "an unknown opcode": b"\xff",
    "a pop": b"N0",
    "dict keys that collide": b"}(" + b"".join(tb.number(i * (2**61 - 1)) + b"N" for i in range(2000)) + b"u",
    "an odd dict": b"}(" + tb.text("a") + b"u",
    "nothing": b"",
}
OPCODES = {**SPAWN, **MISFITS}


def hostile_files():
    """Return {kind: bytes}: each of the above as the weights and beside good ones, in both formats."""
    files = {}
    for kind, body in OPCODES.items():
        broken = body if kind in ("nothing", "open marks") else tb.mapping(a=body)
        files[f"{kind}, zipped"] = tb.archive(broken)
        files[f"{kind}, old"] = tb.legacy(broken)
    for kind, body in SPAWN.items():
        files[f"{kind}, beside weights"] = tb.archive(tb.mapping(model=tb.mapping(a=tb.tensor()), epoch=body))
    good, members = tb.mapping(a=tb.tensor()), [("archive/data/0", tb.FOUR)]
    whole, old = tb.archive(good), tb.legacy(good)
    files |= {
        "compressed": tb.archive(good, compression=zipfile.ZIP_DEFLATED),
        "a bomb of zeros": tb.archive(
            tb.mapping(a=tb.tensor((2**24,), of=tb.storage(2**24))),
            {"0": bytes(2**26)},
            compression=zipfile.ZIP_DEFLATED,
        ),
        "another folder": tb.archive(good, members=[("b/data.pkl", tb.program(good))]),
        "no pickle": tb.archive(good).replace(b"data.pkl", b"data.pkk"),
        "a strange byte order": tb.archive(good, members=[("archive/byteorder", b"middle")]),
        "bytes after the archive": whole + b"\0",
        "an archive after the archive": whole + whole,
        "a comment": whole[:-2] + b"\x04\0abcd",
        "a changed number": whole.replace(tb.FOUR, tb.FOUR[::-1]),
        "a directory of gigabytes": whole[:-10] + b"\xff\xff\xff\x7f" + whole[-6:],
        "a false start of the directory": whole[:-6] + b"\xff\xff\xff\x7f" + whole[-2:],
        "bytes after the storages": old + b"\0",
        "another magic": tb.legacy(good, magic=tb.number(7)),
        "a magic that is a function": tb.legacy(good, magic=SPAWN["eval"]),
        "another protocol": tb.legacy(good, protocol=1002),
        "no keys": tb.legacy(good, keys=b"]"),
        "keys that are pairs": tb.legacy(good, keys=b"](" + shared_pairs() + b"e"),
        "a key twice": tb.legacy(good, keys=b"](" + tb.text("0") * 2 + b"e"),
        "another count": tb.legacy(good, {"0": (5, tb.FOUR)}),
        "a count of exabytes": tb.legacy(good, {"0": (2**62, tb.FOUR)}),
        "a negative count": tb.legacy(good, {"0": (-1, tb.FOUR)}),
    }
    with pytest.warns(UserWarning, match="Duplicate name"):
        files["a member twice"] = tb.archive(good, members=members)
    files |= {
        f"the first {n} bytes, zipped": whole[:n] for n in (1, 2, 4, 30, 100, len(whole) // 2, len(whole) - 1)
    }
    return files | {
        f"the first {n} bytes, old": old[:n] for n in (1, 2, 14, 60, 100, len(old) // 2, len(old) - 1)
    }


def test_the_good_file_beside_which_the_hostile_ones_stand_is_read(tmp_path):
    for make in (tb.archive, tb.legacy):
        (tmp_path / "a.pth").write_bytes(make(tb.mapping(a=tb.tensor())))
        assert_read(tmp_path / "a.pth", {"a": ROW})


def test_hostile_files_are_refused_in_one_line_and_nothing_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = hostile_files()
    assert len(files) > 150
    for kind, content in files.items():
        (tmp_path / "a.pth").write_bytes(content)
        try:
            found = interop.read_weights(tmp_path / "a.pth")
        except ValueError as error:
            line = str(error)
            assert "a.pth" in line and len(line) < 600 and "\n" not in line, kind
        else:
            pytest.fail(f"{kind}: read as {found}")
        assert not (tmp_path / "executed").exists(), kind


def test_the_same_opcodes_make_the_file_where_they_are_executed(tmp_path, monkeypatch):
    """Otherwise the test above would show nothing."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(tb.program(SPAWN["open"])).close()
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize("write", [tb.archive, tb.legacy])
def test_a_file_with_a_changed_bit_is_read_or_refused_and_named(tmp_path, write):
    whole = write(tb.mapping(model=tb.mapping(a=tb.tensor()), epoch=tb.number(3)))
    for position in range(len(whole)):
        content = bytearray(whole)
        content[position] ^= 1 << position % 8
        (tmp_path / "a.pth").write_bytes(content)
        try:
            interop.read_weights(tmp_path / "a.pth")
        except ValueError as error:
            assert "a.pth" in str(error)


def test_a_dict_under_many_names_is_looked_through_once(tmp_path, monkeypatch):
    """Otherwise 100 kB of names for one dict of many names take seconds, and 1 MB takes minutes."""
    looked, is_weights = [], torch_files._is_weights
    monkeypatch.setattr(torch_files, "_is_weights", lambda value: looked.append(value) or is_weights(value))
    names = b"".join(tb.text(f"name {i}") + b"h\0" for i in range(1000))
    body = b"}(" + tb.text("a dict") + tb.mapping(a=tb.tensor()) + b"q\0" + names + b"u"
    (tmp_path / "a.pth").write_bytes(tb.archive(body))
    refused(tmp_path / "a.pth", "several dicts of tensors: 'a dict' .dict., 'name 0' .dict.")
    assert len(looked) == 2


# -- memory ------------------------------------------------------------------------------------------

SIZE = 2**22  # bytes, of the files below


def fill(body):
    """body, repeated until it is as large as the file may be."""
    return body * (SIZE // len(body))


GLUTTONS = {
    "lists": fill(b"]"),
    "dicts": fill(b"}"),
    "lists in a list": b"]" + fill(b"]a"),
    "notes": b"]" + fill(b"\x94"),
    "text": fill(b"X\x00\x10\x00\x00" + b"a" * 4092 + "\U0001f600".encode()),
    "tensors": tb.tensor()[:-1]
    + b"q\0"
    + tb.name("torch._utils", "_rebuild_tensor_v2")
    + b"q\1"
    + fill(b"h\1h\0R"),
    "dicts of one list": b"]("
    + b"](U\1aNe" * 1000
    + b"e\x85q\0"
    + tb.name("collections", "OrderedDict")
    + b"q\1"
    + fill(b"h\1h\0R"),
}


def peak(path):
    """Return (what read_weights says or nothing, the most memory that it took at a time)."""
    tracemalloc.start()
    try:
        interop.read_weights(path)
        said = ""
    except ValueError as error:
        said = str(error)
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return said, most


def many_members():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("a/data.pkl", tb.program(tb.mapping(a=tb.tensor())))
        for i in range(SIZE // 120):
            z.writestr(f"a/{i}", b"")
    return file.getvalue()


@pytest.mark.slow  # it counts every byte that Python takes
def test_gluttonous_files_take_no_more_than_three_times_an_honest_one(tmp_path):
    path, count = tmp_path / "a.pth", SIZE // 4
    path.write_bytes(tb.archive(tb.mapping(a=tb.tensor((count,), of=tb.storage(count))), {"0": bytes(SIZE)}))
    said, honest = peak(path)
    assert not said
    for kind, body in GLUTTONS.items():
        for write in (tb.archive, tb.legacy):
            path.write_bytes(write(body))
            said, most = peak(path)
            assert said and most < 3 * honest, (kind, most, honest)
    path.write_bytes(many_members())
    said, most = peak(path)
    assert said and most < 3 * honest


def test_a_sparse_file_of_a_terabyte_is_refused_at_once(tmp_path):
    path = tmp_path / "a.pth"
    for start in (b"", tb.archive(tb.mapping(a=tb.tensor())), tb.legacy(tb.mapping(a=tb.tensor()))):
        with path.open("wb") as file:
            file.write(start)
            try:
                file.truncate(2**40)
            except OSError:
                pytest.skip("this file system has no such files")
        said, most = peak(path)
        assert "a.pth" in said and most < 2**22
    path.unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "a.pth")
    (tmp_path / "b.pth").symlink_to(tmp_path / "a.pth")
    for name in ("a.pth", "b.pth"):
        with pytest.raises(ValueError, match=f"{name} is no file but a named pipe"):
            interop.read_weights(tmp_path / name)
