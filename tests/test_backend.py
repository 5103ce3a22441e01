"""Which module an array belongs to, moving arrays, and what is said where there is no GPU."""

import subprocess
import sys
import types

import numpy as np
import pytest
import strict_cupy

from minires import backend

HOST = np.arange(6.0).reshape(2, 3)


def test_array_module_is_the_package_of_the_arrays():
    assert backend.array_module(HOST) is np
    assert backend.array_module(HOST, HOST) is np
    assert backend.array_module(strict_cupy.asarray(HOST)) is strict_cupy
    assert backend.array_module(np.float32(1)) is np  # a NumPy scalar counts as an array without axes


def test_mixed_devices_are_refused_saying_which_argument_is_where():
    device = strict_cupy.asarray(HOST)
    with pytest.raises(TypeError) as error:
        backend.array_module(HOST, device, names=("x", "weight"))
    message = str(error.value)
    assert "x is a numpy array" in message and "weight is a strict_cupy array" in message
    with pytest.raises(TypeError, match="argument 0 is a strict_cupy array, argument 1 is a numpy array"):
        backend.array_module(device, HOST)


@pytest.mark.parametrize(
    "value", [None, True, 1.5, "x", [1.0], (1.0,), {}], ids=lambda value: type(value).__name__
)
def test_what_is_no_array_is_refused_by_name_and_type(value):
    with pytest.raises(
        TypeError, match=f"weight: expected a NumPy or CuPy array, got {type(value).__name__}"
    ):
        backend.array_module(HOST, value, names=("x", "weight"))
    with pytest.raises(TypeError, match="argument 0: expected a NumPy or CuPy array"):
        backend.array_module(value)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("make", [np.asmatrix, np.ma.array], ids=["matrix", "masked"])
def test_arrays_that_multiply_otherwise_are_refused(make):
    with pytest.raises(TypeError, match="weight: expected a plain NumPy array, got (matrix|MaskedArray)"):
        backend.array_module(HOST, make(HOST), names=("x", "weight"))


def test_an_array_in_a_file_is_an_array(tmp_path):
    np.save(tmp_path / "x.npy", HOST)
    assert backend.array_module(np.load(tmp_path / "x.npy", mmap_mode="r")) is np


def test_arrays_move_there_and_back_and_stay_where_they_are():
    device = backend.to_module(HOST, strict_cupy)
    assert type(device) is strict_cupy.ndarray
    assert backend.to_module(device, strict_cupy) is device
    assert backend.to_module(HOST, np) is HOST and backend.to_numpy(HOST) is HOST
    for back in (backend.to_numpy(device), backend.to_module(device, np)):
        assert type(back) is np.ndarray and back.dtype == HOST.dtype
        np.testing.assert_array_equal(back, HOST)


def test_device_cpu_is_numpy():
    assert backend.device_module("cpu") is np


@pytest.mark.parametrize("name", ["cuda", "GPU", None, 0])
def test_another_device_is_refused(name):
    with pytest.raises(ValueError, match="device: expected 'cpu' or 'gpu', got ") as error:
        backend.device_module(name)
    assert repr(name) in str(error.value)


def fake_cupy(count):
    def get_device_count():
        if isinstance(count, Exception):
            raise count
        return count

    runtime = types.SimpleNamespace(getDeviceCount=get_device_count)
    return types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=runtime))


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (None, "not installed"),
        (fake_cupy(0), "found no GPU"),
        (fake_cupy(RuntimeError("driver too old")), "driver too old"),
    ],
    ids=["no CuPy", "no GPU", "no driver"],
)
def test_without_a_gpu_one_line_says_what_to_install(module, words, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", module)  # None makes `import cupy` fail
    with pytest.raises(ValueError) as error:
        backend.device_module("gpu")
    message = str(error.value)
    assert words in message and "pip install" in message and "minires-learn[gpu]" in message
    assert "\n" not in message


def test_device_gpu_is_cupy_where_there_is_a_gpu(monkeypatch):
    cupy = fake_cupy(1)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert backend.device_module("gpu") is cupy


def test_importing_the_functions_imports_neither_cupy_nor_matplotlib():
    code = "import sys, minires.functional; print({'cupy', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"
