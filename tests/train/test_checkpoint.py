"""A checkpoint is whole or refused, and a save that fails leaves the old one as it was."""

import errno
import hashlib
import io
import json
import math
import os
import pathlib
import subprocess
import sys
import time
import warnings
import zipfile

import numpy as np
import pytest
from small_run import small_net, small_trainer

from minires import resources
from minires.train import Config, checkpoint, prepare, resume

ARRAYS = {
    "net/weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "net/column": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "sums": np.array(2.5),
    "empty": np.zeros((0, 4), np.int64),
    "flags": np.array([True, False]),
}
FACTS = {"step": 7, "best": math.inf, "state": 2**100, "names": ["a", "b"]}


# -- whole -------------------------------------------------------------------------------------------------


def test_what_was_saved_comes_back_bit_for_bit(tmp_path):
    checkpoint.save(tmp_path / "a.npz", ARRAYS, FACTS)
    saved = checkpoint.load(tmp_path / "a.npz")
    assert saved.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        back = saved.arrays[name]
        assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
        assert back.flags.writeable
    assert {name: saved.facts[name] for name in FACTS} == FACTS
    assert saved.part("net").keys() == {"weight", "column"}
    assert os.listdir(tmp_path) == ["a.npz"]


def test_numpy_reads_the_arrays_of_a_checkpoint_without_pickle(tmp_path):
    checkpoint.save(tmp_path / "a.npz", ARRAYS, FACTS)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert (file["net/weight"] == ARRAYS["net/weight"]).all()
        assert json.loads(file["facts"].tobytes())["step"] == 7


def test_filling_checks_everything_before_it_changes_anything():
    live = {"a": np.zeros(2, np.float32), "b": np.zeros(3, np.float32)}
    for saved, message in (
        ({"a": np.ones(2, np.float32)}, "another network, beginning with b"),
        ({"a": np.ones(2, np.float32), "b": np.ones((3, 1), np.float32)}, r"b is \(3, 1\) float32"),
        ({"a": np.ones(2, np.float32), "b": np.ones(3)}, r"b is \(3,\) float64, expected \(3,\) float32"),
    ):
        with pytest.raises(ValueError, match=message):
            checkpoint.fill(live, saved)
        assert not live["a"].any()
    checkpoint.fill(live, {"b": np.ones(3, np.float32), "a": np.ones(2, np.float32)})
    assert live["a"].all() and live["b"].all()


# -- damaged -----------------------------------------------------------------------------------------------


def seal(content):
    """Give changed bytes a right checksum: what somebody could forge, or another version write."""
    content = content[: -checkpoint.DIGEST]
    return content + hashlib.sha256(content).hexdigest().encode()


def archive(members, *, compression=zipfile.ZIP_STORED):
    """Return the sealed bytes of a zip archive. members: (name, bytes) pairs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a name that comes twice
                file.writestr(name, content)
        file.comment = bytes(checkpoint.DIGEST)
    return seal(buffer.getvalue())


def npy(array, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), **options)
    return buffer.getvalue()


def header(text, body=b""):
    """Return a .npy file with this header."""
    text = text.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


def facts_file(text):
    return npy(np.frombuffer(text, np.uint8))


GOOD_FACTS = facts_file(json.dumps({"format": checkpoint.FORMAT, "version": checkpoint.VERSION}).encode())


def damaged_variants():
    """Yield (name, bytes) of files that are no checkpoints."""
    whole = checkpoint.seal(ARRAYS, FACTS)
    size = len(whole)
    for length in (
        0,
        1,
        3,
        4,
        30,
        63,
        64,
        65,
        100,
        size // 4,
        size // 2,
        size - 100,
        size - 65,
        size - 64,
        size - 1,
    ):
        yield f"truncated to {length}", whole[:length]
    front = (0, 2, 6, 10, 12, 14, 28, 30, 40, 80, 130, 200, 300, size // 3, size // 2)
    for place in (*front, *(size - back for back in (300, 150, 90, 70, 66, 64, 30, 1))):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        yield f"bit flipped in byte {place}", bytes(flipped)
    yield "a byte more", whole + b"\n"
    yield "a byte inserted", whole[:500] + b"x" + whole[500:]
    yield "a block of zeros", whole[:256] + bytes(128) + whole[384:]
    yield "twice", whole + whole
    yield "text", b"this is not a checkpoint\n" * 10
    yield "a pickle", b"\x80\x04cos\nsystem\n(S'true'\ntR." + bytes(100)
    buffer = io.BytesIO()
    np.savez(buffer, weight=np.ones(3))
    yield "another npz", buffer.getvalue()
    yield "a bare npy", npy(np.ones(40))
    yield "zeros", bytes(2000)
    yield "only a digest", hashlib.sha256(b"").hexdigest().encode()
    yield from forged_variants(whole)


def forged_variants(whole):
    """Yield those whose checksum is right."""
    yield "sealed, no archive", seal(b"PK\x03\x04" + bytes(200))
    yield "sealed, half an archive", seal(whole[: len(whole) // 2])
    yield "sealed, a wrong CRC", seal(whole[:150] + bytes([whole[150] ^ 1]) + whole[151:])
    yield "sealed, empty", archive([])
    yield "sealed, no facts", archive([("weight.npy", npy(np.ones(3)))])
    yield "sealed, the same name twice", archive([("facts.npy", GOOD_FACTS), ("facts.npy", GOOD_FACTS)])
    for name, text in {
        "no JSON": b"{]",
        "no dict": b"[1, 2]",
        "no UTF-8": b"\xff\xfe\x80",
        "no version": b'{"format": "minires checkpoint"}',
        "a later version": b'{"format": "minires checkpoint", "version": 2}',
        "another format": b'{"format": "something", "version": 1}',
        "NaN": b'{"format": "minires checkpoint", "version": 1, "lr": NaN}',
        "minus infinity": b'{"format": "minires checkpoint", "version": 1, "lr": -Infinity}',
        "deep nesting": b"[" * 100_000,
        "nothing": b"",
    }.items():
        yield f"sealed, facts with {name}", archive([("facts.npy", facts_file(text))])
    objects = npy(np.array([{"a": 1}], object), allow_pickle=True)
    huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 1000), }\n"
    for name, content in {
        "objects": objects,
        "no npy": b"hello",
        "nothing": b"",
        "a huge array": header(huge),
        "a negative side": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4), }\n"),
        "a header that calls": header("__import__('os').system('true')\n"),
        "a long header": header("{'descr': '" + "a" * 60_000 + "'}\n"),
        "too many bytes": npy(np.ones(3)) + b"x",
        "too few bytes": npy(np.ones(3))[:-1],
        "strings": npy(np.array(["a", "b"])),
        "complex numbers": npy(np.ones(2, complex)),
        "another version of the format": npy(np.ones(2), version=(2, 0)),
    }.items():
        yield f"sealed, {name}", archive([("facts.npy", GOOD_FACTS), ("weight.npy", content)])
    compressed = [("facts.npy", GOOD_FACTS), ("a.npy", npy(np.arange(3.0)))]
    yield "sealed, compressed", archive(compressed, compression=zipfile.ZIP_DEFLATED)
    bomb = npy(np.zeros(5_000_000, np.uint8))
    yield (
        "sealed, a zip bomb",
        archive([("facts.npy", GOOD_FACTS), ("a.npy", bomb)], compression=zipfile.ZIP_DEFLATED),
    )


VARIANTS = dict(damaged_variants())


def test_there_are_at_least_50_damaged_variants():
    assert len(set(VARIANTS.values())) == len(VARIANTS) >= 50


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_damaged_checkpoint_is_one_error_that_names_the_file(variant, tmp_path):
    path = tmp_path / "damaged.npz"
    path.write_bytes(VARIANTS[variant])
    start = time.perf_counter()
    with pytest.raises(ValueError) as caught:
        checkpoint.load(path)
    assert str(path) in str(caught.value)
    # milliseconds as a rule; a reader that believes a header takes hours, so a minute parts the two anywhere
    assert time.perf_counter() - start < 60


def test_every_single_flipped_bit_is_seen():
    whole = checkpoint.seal({"a": np.arange(3.0)}, {"step": 1})
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        with pytest.raises(ValueError):
            checkpoint.unseal(bytes(flipped))


def test_a_folder_or_a_missing_file_is_no_checkpoint(tmp_path):
    for path in (tmp_path, tmp_path / "missing.npz", tmp_path / "missing" / "a.npz"):
        with pytest.raises(ValueError, match="cannot read the checkpoint") as caught:
            checkpoint.load(path)
        assert str(path) in str(caught.value)


# -- whole, but from elsewhere -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("finished") / "a.npz"
    small_trainer(epochs=1).run(path)
    return checkpoint.load(path)


def changed(saved, **changes):
    """Return a Checkpoint with these facts; a change to None takes the fact away."""
    facts = {name: value for name, value in {**saved.facts, **changes}.items() if value is not None}
    return checkpoint.Checkpoint(saved.arrays, facts, saved.path)


POSITION = {"epoch": 1, "batch": 0, "step": 5, "seconds": 0.0}


@pytest.mark.parametrize(
    "facts",
    [
        {"data": None},
        {"position": None},
        {"position": [1, 0, 5, 0.0]},
        {"position": POSITION | {"epoch": 2}},
        {"position": POSITION | {"epoch": -1}},
        {"position": POSITION | {"batch": 99}},
        {"position": POSITION | {"step": 6}},
        {"position": POSITION | {"seconds": math.nan}},
        {"position": POSITION | {"seconds": "x"}},
        {"position": POSITION | {"place": 3}},
        {"schedule": {}},
        {"schedule": {"lr": "x", "best": 1.0, "waited": 0}},
        {"schedule": {"lr": 0.1, "best": 1.0, "waited": 0, "step": 3}},
        {"schedule": 3},
        {"generators": {}},
        {"generators": {"block": {}, "drop": {}}},
        {"generators": {"block": {"bit_generator": "MT19937"}, "drop": {}}},
        {"position": POSITION | {"seconds": math.inf}},
        {"schedule": {"lr": -0.1, "best": 1.0, "waited": 0}},
        {"schedule": {"lr": math.inf, "best": 1.0, "waited": 0}},
        {"history": []},
        {"history": {}},
        {"history": [7]},
        {"history": [{}]},
        {"history": [{"epoch": 1}]},
        {"history": 7},
        {"history": None},
    ],
    ids=str,
)
def test_a_checkpoint_that_contradicts_itself_is_one_error_that_names_the_file(facts, finished):
    with pytest.raises(ValueError) as caught:
        resume.restore(small_trainer(small_net(), epochs=1), changed(finished, **facts))
    assert str(finished.path) in str(caught.value)


@pytest.mark.parametrize("config", [None, 3, {}, {"model": "resnet8"}, "lr", "epochs", "model"], ids=str)
def test_a_configuration_that_makes_no_sense_is_one_error_that_names_the_file(config, finished):
    if isinstance(config, str):
        config = finished.facts["config"] | {config: "nothing"}
    with pytest.raises(ValueError) as caught:
        resume.load_network(changed(finished, config=config))
    assert str(finished.path) in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"train_error": "a tenth"},
        {"train_error": None},
        {"train_error": 1.5},
        {"test_error": -0.1},
        {"train_loss": math.inf},
        {"seconds": -1},
        {"seconds": True},
        {"epoch": 2},
        {"note": [1, 2]},
    ],
    ids=str,
)
def test_a_history_that_no_run_can_have_is_one_error_that_names_the_file(change, finished):
    record = finished.facts["history"][0]
    resume.restore(small_trainer(small_net(), epochs=1), changed(finished, history=[record]))
    with pytest.raises(ValueError, match="record 1 of its history") as caught:
        resume.restore(small_trainer(small_net(), epochs=1), changed(finished, history=[record | change]))
    assert str(finished.path) in str(caught.value)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint of a network with a name."""
    path = tmp_path_factory.mktemp("trained") / "a.npz"
    prepare(Config.for_data("digits", threads=1)).save(path)
    return checkpoint.load(path)


@pytest.mark.parametrize("value", [0, -1, 10**12, 10**400, 3.0, True, "ten", None, [10], 11], ids=str)
@pytest.mark.parametrize("name", ["channels", "height", "width", "classes"])
def test_absurd_sizes_are_one_error_before_a_network_is_built(trained, name, value, monkeypatch):
    resume.load_network(trained)
    if name in ("height", "width") and value == 11:
        pytest.skip("this network takes images of any size")
    monkeypatch.setattr(resume, "build", lambda *_, **__: pytest.fail("a network was built"))
    facts = trained.facts["data"] | {name: value}
    with pytest.raises(ValueError, match="no checkpoint that fits here") as caught:
        resume.load_network(changed(trained, data=facts))
    assert str(caught.value).count(str(trained.path)) == 1 and len(str(caught.value)) < 500


def test_a_configuration_that_is_none_is_an_error_that_names_the_file_once(trained):
    with pytest.raises(ValueError) as caught:
        resume.load_network(changed(trained, config=trained.facts["config"] | {"epochs": -5}))
    expected = f"{trained.path} is no checkpoint that fits here: epochs: expected at least 1, got -5"
    assert str(caught.value) == expected


# -- not finite --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
@pytest.mark.parametrize("name", ["net/weight", "sums"])
def test_a_number_that_is_not_finite_is_an_error_that_names_file_and_array(tmp_path, name, value):
    array = ARRAYS[name].copy()
    array.flat[-1] = value
    checkpoint.save(tmp_path / "a.npz", ARRAYS | {name: array}, FACTS)
    with pytest.raises(ValueError, match=rf"a\.npz: NaN or infinite in {name}: 1 of {array.size} number"):
        checkpoint.load(tmp_path / "a.npz")


# -- no file -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need POSIX")
def test_a_pipe_and_a_device_are_no_checkpoints(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "link.npz").symlink_to("pipe.npz")
    (tmp_path / "device.npz").symlink_to("/dev/zero")
    for name in ("pipe.npz", "link.npz", "device.npz"):
        with pytest.raises(ValueError, match=f"cannot read the checkpoint: .*{name} is no file but"):
            checkpoint.load(tmp_path / name)


@pytest.mark.skipif(sys.platform == "win32", reason="there a file with a hole takes its whole size")
@pytest.mark.parametrize("memory", [0, 2**30], ids=["unknown memory", "1 GiB of memory"])
def test_a_checkpoint_of_a_terabyte_is_named_at_once(tmp_path, monkeypatch, memory):
    monkeypatch.setattr(resources, "_memory", lambda: memory)
    checkpoint.save(tmp_path / "a.npz", ARRAYS, FACTS)
    try:
        os.truncate(tmp_path / "a.npz", 2**40)
    except OSError:
        pytest.skip("this file system has no files of a terabyte")
    with pytest.raises(ValueError, match=r"a\.npz is"):
        checkpoint.load(tmp_path / "a.npz")


# -- saves that fail ---------------------------------------------------------------------------------------


@pytest.fixture
def old(tmp_path):
    """A checkpoint that is there already, in a folder of its own."""
    path = tmp_path / "run" / "checkpoint.npz"
    path.parent.mkdir()
    checkpoint.save(path, ARRAYS, {"step": 1})
    return path


def check_untouched(path):
    assert checkpoint.load(path).facts["step"] == 1
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_is_full_leaves_the_old_checkpoint_as_it_was(call, old, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match=f"cannot write {old}: No space left on device; .* untouched") as caught:
        checkpoint.save(old, ARRAYS, {"step": 2})
    assert "\n" not in str(caught.value)
    check_untouched(old)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_write_that_really_breaks_off_leaves_the_old_checkpoint_as_it_was(old):
    code = (
        "import resource, signal, sys, numpy as np\n"
        "from minires.train import checkpoint\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n"
        "    checkpoint.save(sys.argv[1], {'a': np.ones(10_000)}, {'step': 2})\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    child = subprocess.run([sys.executable, "-c", code, str(old)], capture_output=True, text=True, timeout=60)
    assert child.stdout.startswith(f"cannot write {old}: File too large"), child.stderr
    check_untouched(old)


def test_a_folder_that_cannot_be_written_to_is_one_error(old, monkeypatch):
    real = pathlib.Path.open

    def refuse(path, mode="r", **options):
        if "w" in mode:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, mode, **options)

    monkeypatch.setattr(pathlib.Path, "open", refuse)
    with pytest.raises(OSError, match=f"cannot write {old}: Permission denied; .* untouched"):
        checkpoint.save(old, ARRAYS, {"step": 2})
    monkeypatch.undo()
    check_untouched(old)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="here the owner of a folder can always write to it"
)
def test_a_folder_that_really_cannot_be_written_to_is_one_error(old):
    old.parent.chmod(0o500)
    try:
        with pytest.raises(OSError, match="Permission denied"):
            checkpoint.save(old, ARRAYS, {"step": 2})
    finally:
        old.parent.chmod(0o700)
    check_untouched(old)


def test_a_folder_that_is_not_there_is_one_error(tmp_path):
    with pytest.raises(OSError, match="cannot write .*: No such file or directory") as caught:
        checkpoint.save(tmp_path / "missing" / "a.npz", ARRAYS, {})
    assert "untouched" not in str(caught.value)


def test_what_a_broken_off_save_left_behind_is_in_nobodys_way(old):
    old.with_name("checkpoint.npz.tmp").write_bytes(b"half a check")
    checkpoint.save(old, ARRAYS, {"step": 2})
    assert checkpoint.load(old).facts["step"] == 2
    assert os.listdir(old.parent) == [old.name]
