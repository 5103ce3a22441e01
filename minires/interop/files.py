"""Weights in files: NumPy archives (.npz), safetensors, and PyTorch's own, of which only arrays are read.

PyTorch's .pt and .pth files are pickles, and a pickle is a program: a stranger's file can call any function
of the machine that opens it. Here they run on a machine that has nothing to call, see `torch_files`.
"""

import importlib
import io
import json
import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from minires import archives, resources
from minires.backend import to_numpy
from minires.interop.torch_files import bfloat16_as_float32, read_torch
from minires.train.checkpoint import write_atomically

LONGEST_HEADER = 10_000_000  # bytes of a .safetensors file's JSON text; a thousand arrays take some 100,000
TORCH_SUFFIXES = (".pt", ".pth", ".th", ".bin", ".ckpt", ".tar", ".pkl", ".pickle")
SAFETENSORS_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,  # the upper half of a float32; NumPy has no such type
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def read_weights(path: str | pathlib.Path) -> dict[str, np.ndarray]:
    """Return {name: NumPy array} of a .npz, .safetensors or PyTorch file; bfloat16 becomes float32, exactly.

    Parameters
    ----------
    path
        .npz, .safetensors, or what `torch.save` wrote, now or before 1.6: .pt, .pth, .th, .bin, .ckpt, .tar,
        .pkl. Of such a file the dict of tensors is returned, whether it is alone or inside a training's
        checkpoint as its "state_dict", "model", "net" or under the like names; float16 becomes float32 too,
        and tensors that shared their numbers still do. PyTorch is not needed.

    Raises
    ------
    ValueError
        Naming the file if it is missing, no file (a pipe, a device), damaged, without an array or of another
        kind; and if it holds what cannot be had without running code (a whole module, TorchScript, objects of
        other classes), with its name.

    Notes
    -----
    Nothing in the file is executed: where a pickle asks for a function, the reading ends. Sizes are compared
    with the file's before memory is taken, so that reading takes little more than the arrays do.

    Examples
    --------
    The weights of the common CIFAR repository::

        net = models.build("resnet20", placement="split", rng=rng)
        interop.load_torch(net, interop.read_weights("resnet20.th"))
    """
    path = pathlib.Path(path)
    read, _ = _format(path)
    try:
        file = resources.regular_file(path).open("rb")
    except OSError as error:
        raise ValueError(f"cannot read the weights {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"cannot read the weights: {error}") from error
    with file:
        try:
            return read(file, os.fstat(file.fileno()).st_size)
        except Exception as error:  # damaged bytes can make the readers raise nearly anything
            raise ValueError(f"{path} is damaged or no {path.suffix} file of arrays: {error}") from error


def write_weights(path: str | pathlib.Path, state: Mapping[str, Any]) -> None:
    """Write a .npz or .safetensors file, whole or not at all.

    Parameters
    ----------
    state
        {name: array}, as `Layer.state_dict` or `to_torch` return it; arrays of NumPy, CuPy or PyTorch. Dtypes
        are kept, but PyTorch's bfloat16 becomes float32.

    Raises
    ------
    ValueError
        For another ending of the name, for what is no array of numbers, and if writing takes a package that
        is not installed.
    OSError
        If the disk refuses.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_weights(pathlib.Path(folder) / "mine.npz", {"weight": np.ones(3)})
    ...     read_weights(pathlib.Path(folder) / "mine.npz")
    {'weight': array([1., 1., 1.])}
    """
    path = pathlib.Path(path)
    _, encode = _format(path)
    arrays = {name: np.array(as_numpy(array), order="C") for name, array in state.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in archives.KINDS:
            raise ValueError(f"{name}: expected an array of numbers, got one of {array.dtype}")
    write_atomically(path, encode(arrays))


def as_numpy(array: Any) -> np.ndarray:
    """Return the values of a NumPy or CuPy array, or of a PyTorch tensor on any device, as a NumPy array.

    A tensor is known by its methods, so PyTorch need not be installed. bfloat16 becomes float32.
    """
    if hasattr(array, "detach"):
        tensor = array.detach().cpu()
        return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
    return to_numpy(array) if hasattr(array, "get") else np.asarray(array)


def _format(path: pathlib.Path) -> tuple[Callable, Callable]:
    """Return (read, encode) for a file of this name, or raise ValueError that says what to do instead."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return archives.read_arrays, _npz_bytes
    if suffix == ".safetensors":
        return _read_safetensors, _safetensors_bytes
    if suffix in TORCH_SUFFIXES:
        return read_torch, _no_torch_bytes
    only_read = ", ".join(TORCH_SUFFIXES)
    raise ValueError(f"{path}: expected a name that ends in .npz or .safetensors, or to read in {only_read}")


def _npz_bytes(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _no_torch_bytes(arrays: Mapping[str, Any]) -> bytes:
    raise ValueError(
        "PyTorch's own files are read but not written; write a .safetensors file, which PyTorch's users load "
        "with safetensors.torch.load_file"
    )


def _read_safetensors(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    """Return {name: array} of a .safetensors file of so many bytes: a length, a JSON text, the numbers.

    https://github.com/huggingface/safetensors, "Format".
    """
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(size - 8, LONGEST_HEADER):
        raise ValueError(f"it announces a header of {length} bytes, which it does not hold")
    tensors = json.loads(file.read(length), object_pairs_hook=_without_twins)
    if not isinstance(tensors, dict):
        raise ValueError("its header is no dict")
    tensors.pop("__metadata__", None)
    if not tensors:
        raise ValueError("it holds no array")
    place, arrays = 0, {}
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"]):
        arrays[name], end = _read_tensor(name, file, place, size - 8 - length, **tensor)
        place = end
    if place != size - 8 - length:
        raise ValueError("something follows its last array")
    return {name: arrays[name] for name in tensors}  # in the order of the header


def _read_tensor(
    name: str,
    file: BinaryIO,
    place: int,
    size: int,
    *,
    dtype: str,
    shape: Sequence[int],
    data_offsets: Sequence[int],
) -> tuple[np.ndarray, int]:
    """Return (array, where its bytes end). place: where they must begin; size: of all numbers in the file."""
    if dtype not in SAFETENSORS_DTYPES:
        raise ValueError(f"{name} has numbers of the type {dtype}, which NumPy does not have")
    if not all(type(number) is int and number >= 0 for number in (*shape, *data_offsets)):
        raise ValueError(f"{name} has the shape {shape} and the place {data_offsets}, expected integers")
    stored = np.dtype(SAFETENSORS_DTYPES[dtype]).newbyteorder("<")
    begin, end = data_offsets
    if begin != place or end > size or math.prod(shape) * stored.itemsize != end - begin:
        raise ValueError(f"{name}, {tuple(shape)} {dtype}, does not fill its bytes {begin} to {end}")
    array = np.fromfile(file, stored, math.prod(shape))
    if dtype == "BF16":
        array = bfloat16_as_float32(array)
    return array.reshape(shape), end


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the dict of a JSON object's pairs. ValueError if two have the same name."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("two arrays have the same name")
    return found


def _safetensors_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    try:
        safetensors = importlib.import_module("safetensors.numpy")
    except ImportError:
        install = 'pip install "minires-learn[weights]"'
        raise ValueError(
            f"writing .safetensors files takes the package safetensors, which is missing: {install}"
        ) from None
    # it takes the bytes as they lie in memory, which is why `write_weights` has put them into C order
    return safetensors.save(arrays)
