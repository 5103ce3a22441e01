"""Files of weights hold arrays and nothing else: these come back bit for bit, and nothing is executed."""

import importlib
import io
import os
import pathlib
import pickle
import subprocess
import sys
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from optional_torch import import_torch

from minires import interop
from minires.models.cifar import cifar_resnet

SUFFIXES = (".npz", ".safetensors")
suffixes = pytest.mark.parametrize("suffix", SUFFIXES)

ARRAYS = {
    "conv1.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "column": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "every other": np.arange(8, dtype=np.float16)[::2],
    "num_batches_tracked": np.array(7),
    "empty": np.zeros((0, 4), np.float32),
    "flags": np.array([True, False]),
}


def write(tmp_path, suffix, arrays=ARRAYS):
    path = tmp_path / f"weights{suffix}"
    interop.write_weights(path, arrays)
    return path


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert isinstance(found[name], np.ndarray), name
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert found[name].tobytes() == array.tobytes(), name


# -- whole -------------------------------------------------------------------------------------------


@suffixes
def test_what_was_written_comes_back_bit_for_bit_and_writeable(tmp_path, suffix):
    found = interop.read_weights(write(tmp_path, suffix))
    assert_same(found, ARRAYS)
    assert all(array.flags.writeable for array in found.values())
    assert [path.name for path in tmp_path.iterdir()] == [f"weights{suffix}"]


@suffixes
def test_a_network_goes_through_a_file_unchanged(tmp_path, suffix):
    net, other = (
        cifar_resnet(depth=8, placement="split", rng=np.random.default_rng(seed)) for seed in (0, 1)
    )
    path = write(tmp_path, suffix.upper(), interop.to_torch(net, "cifar"))
    interop.load_torch(other, interop.read_weights(str(path)))
    assert_same(other.state_dict(), net.state_dict())
    interop.write_weights(path, net.state_dict())  # over the old file, and under our own names
    assert_same(interop.read_weights(path), net.state_dict())


def test_the_packages_own_readers_understand_our_files(tmp_path):
    safetensors = importlib.import_module("safetensors.numpy")
    assert_same(safetensors.load_file(write(tmp_path, ".safetensors")), ARRAYS)
    with np.load(write(tmp_path, ".npz"), allow_pickle=False) as file:
        assert_same(dict(file), ARRAYS)


def test_a_compressed_archive_is_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", **ARRAYS)
    assert_same(interop.read_weights(tmp_path / "a.npz"), ARRAYS)


def test_bfloat16_becomes_the_same_numbers_in_float32(tmp_path):
    torch = import_torch()
    tensor = torch.tensor([1.0, -2.5, 3e38, 1e-40, torch.inf]).to(torch.bfloat16)
    importlib.import_module("safetensors.torch").save_file({"a": tensor}, tmp_path / "a.safetensors")
    expected = {"a": tensor.float().numpy()}
    assert_same(interop.read_weights(tmp_path / "a.safetensors"), expected)
    for suffix in SUFFIXES:
        assert_same(interop.read_weights(write(tmp_path, suffix, {"a": tensor})), expected)


def test_only_numbers_are_written_and_only_to_known_kinds_of_files(tmp_path):
    with pytest.raises(ValueError, match="a: expected an array of numbers, got one of object"):
        write(tmp_path, ".npz", {"a": np.array([None])})
    with pytest.raises(ValueError, match=r"weights.h5: expected a name that ends in .npz or .safetensors"):
        write(tmp_path, ".h5")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_an_os_error_in_one_line(tmp_path):
    with pytest.raises(OSError, match="cannot write .*gone"):
        interop.write_weights(tmp_path / "gone" / "a.npz", ARRAYS)


# -- packages ----------------------------------------------------------------------------------------


def test_interop_imports_neither_torch_nor_safetensors():
    script = "import minires.interop, sys; print([n for n in ('torch', 'safetensors') if n in sys.modules])"
    folder = pathlib.Path(interop.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


def test_without_the_package_safetensors_its_files_are_read_and_writing_says_how_to_install_it(
    tmp_path, monkeypatch
):
    path = write(tmp_path, ".safetensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    assert_same(interop.read_weights(path), ARRAYS)
    with pytest.raises(ValueError, match=r"package safetensors.*pip install \"minires-learn\[weights\]\""):
        interop.write_weights(path, ARRAYS)
    assert_same(interop.read_weights(write(tmp_path, ".npz")), ARRAYS)


# -- hostile -----------------------------------------------------------------------------------------


class Bomb:
    """Whoever unpickles it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return pathlib.Path.mkdir, (self.folder,)


def test_the_bomb_goes_off_where_it_is_unpickled(tmp_path):
    """Otherwise the next test would show nothing."""
    pickle.loads(pickle.dumps(Bomb(tmp_path / "executed")))
    assert (tmp_path / "executed").exists()


def bombs(folder):
    """Return {kind: bytes} of files that make the folder when unpickled."""
    bomb = Bomb(folder)
    numpy_file, archive, torch_file = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(numpy_file, np.array([bomb], dtype=object), allow_pickle=True)
    np.savez(archive, weight=np.array([bomb], dtype=object))
    with zipfile.ZipFile(torch_file, "w") as file:  # as torch.save lays it out
        file.writestr("archive/data.pkl", pickle.dumps(bomb))
    return {
        "pickle": pickle.dumps(bomb),
        "npy": numpy_file.getvalue(),
        "object array": archive.getvalue(),
        "torch": torch_file.getvalue(),
    }


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".th", ".bin", *SUFFIXES])
def test_no_pickle_is_executed_under_any_name(tmp_path, suffix):
    for kind, content in bombs(tmp_path / "executed").items():
        path = tmp_path / f"bomb{suffix}"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"bomb{suffix}") as error:
            interop.read_weights(path)
        assert "unsafely" not in str(error.value), kind  # how NumPy tells people to load it all the same
        assert not (tmp_path / "executed").exists(), kind


def test_pytorchs_own_files_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="read but not written; write a .safetensors file"):
        write(tmp_path, ".pth")
    assert not list(tmp_path.iterdir())


@suffixes
def test_a_truncated_file_is_refused_and_named(tmp_path, suffix):
    path = write(tmp_path, suffix)
    whole = path.read_bytes()
    for length in (0, 1, 4, 7, 8, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=f"weights{suffix} is damaged"):
            interop.read_weights(path)


@suffixes
def test_a_file_with_a_changed_bit_is_read_or_refused_and_named(tmp_path, suffix):
    path = write(tmp_path, suffix)
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        content = bytearray(whole)
        content[position] ^= 1 << position % 8
        path.write_bytes(content)
        try:
            interop.read_weights(path)
        except ValueError as error:
            assert f"weights{suffix} is damaged" in str(error)


def test_a_changed_number_in_an_archive_is_noticed(tmp_path):
    path = write(tmp_path, ".npz", {"a": np.full(100, 1.5, np.float32)})
    content = path.read_bytes()
    place = content.index(np.full(3, 1.5, np.float32).tobytes())
    path.write_bytes(content[:place] + b"!" + content[place + 1 :])
    with pytest.raises(ValueError, match="is damaged"):
        interop.read_weights(path)


def test_numbers_that_numpy_does_not_have_are_refused(tmp_path):
    header = b'{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}'
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
    with pytest.raises(ValueError, match="a has numbers of the type F8_E4M3"):
        interop.read_weights(path)


@suffixes
def test_a_missing_file_and_a_folder_are_named(tmp_path, suffix):
    with pytest.raises(ValueError, match=f"cannot read the weights .*nothing{suffix}"):
        interop.read_weights(tmp_path / f"nothing{suffix}")
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(
        ValueError, match=f"cannot read the weights: .*folder{suffix} is no file but a folder"
    ):
        interop.read_weights(tmp_path / f"folder{suffix}")


# -- strict ------------------------------------------------------------------------------------------


def npy(array, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), **options)
    return buffer.getvalue()


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    """A zip file of (name, bytes) pairs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that comes twice
        for name, content in members:
            file.writestr(name, content)
    return buffer.getvalue()


GOOD = zipped([("a.npy", npy(np.ones(3)))])
HUGE = b"\x93NUMPY\x01\x00\x76\x00" + (
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 1000), }".ljust(117) + b"\n"
)
NPZ = {  # bytes: what is said of them
    "an empty archive": (zipped([]), "it holds no array"),
    "a byte after the end": (GOOD + b"\0", "something follows its end"),
    "a second archive after the end": (GOOD + GOOD, "begin|announces"),
    "a byte before the beginning": (b"\0" + GOOD, "does not begin"),
    "an archive before the beginning": (GOOD[:100] + GOOD, "announces more than it holds"),
    "the same name twice": (zipped([("a.npy", npy(1.0)), ("a.npy", npy(2.0))]), "two arrays .* name a"),
    "strings": (zipped([("a.npy", npy(["b", "c"]))]), "a holds no numbers: <U1"),
    "bytes": (zipped([("a.npy", npy([b"b"]))]), "a holds no numbers"),
    "dates": (zipped([("a.npy", npy(np.zeros(2, "M8[s]")))]), "a holds no numbers"),
    "records": (zipped([("a.npy", npy(np.zeros(2, "f4,i4")))]), "a holds no numbers"),
    "complex numbers": (zipped([("a.npy", npy(np.ones(2, complex)))]), "a holds no numbers: complex128"),
    "a text": (zipped([("readme.txt", b"hello"), ("a.npy", npy(1.0))]), "readme.txt is no array"),
    "a byte after an array": (zipped([("a.npy", npy(np.ones(3)) + b"x")]), "has 25 bytes"),
    "a byte less": (zipped([("a.npy", npy(np.ones(3))[:-1])]), "has 23 bytes"),
    "a shape of terabytes": (zipped([("a.npy", HUGE)]), "has 0 bytes"),
    "a compression of another kind": (
        zipped([("a.npy", npy(np.ones(3)))], zipfile.ZIP_BZIP2),
        "compression",
    ),
}


@pytest.mark.parametrize("kind", NPZ)
def test_an_archive_of_anything_but_its_arrays_is_refused_with_the_reason(tmp_path, kind):
    content, reason = NPZ[kind]
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.npz is damaged or no \.npz file of arrays: .*({reason})"):
        interop.read_weights(path)


def test_a_small_archive_that_becomes_gigabytes_is_refused_before_it_takes_memory(tmp_path):
    header = HUGE.replace(b"(1000000000000, 1000)", b"(10000000,)".ljust(21))
    content = zipped([("a.npy", header + bytes(40_000_000))])
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    assert len(content) < 50_000
    tracemalloc.start()
    with pytest.raises(ValueError, match="would become 40,000,128, more than 100 times as many"):
        interop.read_weights(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def safetensors(header, content=b""):
    """A file with this header, a text."""
    text = header.encode()
    return len(text).to_bytes(8, "little") + text + content


A = '"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
SAFETENSORS = {
    "no array": (safetensors("{}"), "holds no array"),
    "only metadata": (safetensors('{"__metadata__":{"a":"b"}}'), "holds no array"),
    "a byte after the end": (safetensors(f"{{{A}}}", bytes(9)), "something follows its last array"),
    "a byte less": (safetensors(f"{{{A}}}", bytes(7)), "does not fill its bytes 0 to 8"),
    "the same name twice": (safetensors(f"{{{A},{A}}}", bytes(8)), "two arrays have the same name"),
    "the same bytes twice": (
        safetensors(f"{{{A},{A.replace('a', 'b', 1)}}}", bytes(8)),
        "b, .* does not fill",
    ),
    "a gap": (safetensors(f"{{{A.replace('0,8', '8,16')}}}", bytes(16)), "does not fill its bytes 8 to 16"),
    "another shape": (safetensors(f"{{{A.replace('[2]', '[3]')}}}", bytes(8)), "does not fill"),
    "a shape below 0": (safetensors(f"{{{A.replace('[2]', '[-1,-2]')}}}", bytes(8)), "expected integers"),
    "a shape of a half": (safetensors(f"{{{A.replace('[2]', '[0.5,4]')}}}", bytes(8)), "expected integers"),
    "a list": (safetensors("[1,2]"), "no dict"),
    "deep nesting": (safetensors("[" * 100_000), ""),
    "a header longer than the file": ((2**40).to_bytes(8, "little") + b"{}", "which it does not hold"),
    "no length": (bytes(8), "header of 0 bytes"),
    "an unknown type": (safetensors(f"{{{A.replace('F32', 'F4')}}}", bytes(8)), "type F4"),
    "a key too many": (safetensors(f'{{{A[:-1]},"x":1}}}}', bytes(8)), "unexpected keyword"),
}


@pytest.mark.parametrize("kind", SAFETENSORS)
def test_a_safetensors_file_of_anything_but_its_arrays_is_refused_with_the_reason(tmp_path, kind):
    content, reason = SAFETENSORS[kind]
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.safetensors is damaged or no .*: .*{reason}"):
        interop.read_weights(path)


def test_the_hand_made_safetensors_header_is_right_when_undamaged(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors(f'{{"__metadata__":{{"a":"b"}},{A}}}', np.ones(2, "<f4").tobytes()))
    assert_same(interop.read_weights(path), {"a": np.ones(2, np.float32)})


@suffixes
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need POSIX")
def test_a_pipe_and_a_device_are_no_files_of_weights(tmp_path, suffix):
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"link{suffix}").symlink_to(f"pipe{suffix}")
    (tmp_path / f"device{suffix}").symlink_to("/dev/zero")
    for name in ("pipe", "link", "device"):
        with pytest.raises(ValueError, match=f"cannot read the weights: .*{name}{suffix} is no file but"):
            interop.read_weights(tmp_path / f"{name}{suffix}")


@suffixes
@pytest.mark.skipif(sys.platform == "win32", reason="there a file with a hole takes its whole size")
def test_a_file_of_a_terabyte_is_named(tmp_path, suffix):
    path = write(tmp_path, suffix)
    try:
        os.truncate(path, 2**40)
    except OSError:
        pytest.skip("this file system has no files of a terabyte")
    with pytest.raises(ValueError, match=f"weights{suffix} is"):
        interop.read_weights(path)
