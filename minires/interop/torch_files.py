"""Reads the files of `torch.save` (.pt, .pth, .th, ...) without PyTorch, and without running what is in them.

Such a file is a pickle, which says how tensors are made from storages, and the storages' bytes beside it: a
zip archive since PyTorch 1.6, before that one after the other. The pickle runs on a machine that has nothing
to call; what it may ask for, such as `torch._utils._rebuild_tensor_v2`, stands for functions that only write
down what they are given (`torch_tensors`). Sizes, offsets and strides are compared with the bytes that are
there before memory is taken.
"""

import io
import os
import sys
import zipfile
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np

from minires.interop.torch_tensors import DTYPES, MOST_BYTES, Description, Storage, Tensor

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # what the older files begin with

INSIDE = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params")


def read_torch(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    """Return {name: NumPy array} of the dict of tensors in a file of torch.save, in either of its formats.

    Parameters
    ----------
    file
        Open for reading.
    size
        Its length in bytes.

    Raises
    ------
    ValueError
        For anything else, with the reason.
    """
    try:
        start = file.read(262)
        file.seek(0)
        _check_kind(start)
        return (_read_zip if start.startswith(b"PK") else _read_legacy)(file, size)
    except RecursionError:
        raise
    except MemoryError as error:
        raise ValueError("it takes more memory than there is") from error
    except Exception as error:  # forged bytes can make the readers of zip and opcodes raise nearly anything
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(reason[:400]) from error  # it may quote the file


def _check_kind(start: bytes) -> None:
    """Raise ValueError for what people often have under such a name instead; start: the first 262 bytes."""
    if start[257:262] == b"ustar":
        raise ValueError("it is a tar archive, of PyTorch before 0.2; load it there and torch.save it again")
    if start.lstrip()[:1] == b"<":
        raise ValueError("it is a web page; the download went wrong")
    if start.startswith(b"version https://git-lfs"):
        raise ValueError("it is only a pointer to the file (Git LFS); fetch it with `git lfs pull`")


# -- the two formats ----------------------------------------------------------------------------------


def _read_zip(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    """FOLDER/data.pkl, FOLDER/data/KEY for each storage, and small members such as FOLDER/byteorder."""
    _check_directory(file, size)
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        folder = _folder(members)
        _check_members(archive.infolist(), size)

        def small(name: str) -> bytes:
            member = members[f"{folder}/{name}"]
            if member.file_size > MOST_BYTES:
                raise ValueError(f"{name} has more than {MOST_BYTES} bytes")
            return archive.read(member)

        description = Description(io.BytesIO(small("data.pkl")), size)
        order = small("byteorder") if f"{folder}/byteorder" in members else b"little"
        if order not in (b"little", b"big"):
            raise ValueError("its byte order is neither little nor big")
        weights = find_weights(description.run())
        content = {}
        for storage in _used(weights):
            member = members[f"{folder}/data/{storage.key}"]
            _check_storage(storage, member.file_size, storage.nbytes)
            with archive.open(member) as stream:
                content[storage.key] = _bytes(stream, storage.nbytes)
    return _arrays(weights, content, order.decode())


def _check_directory(file: BinaryIO, size: int) -> None:
    """Raise ValueError unless the archive ends with a list of members of reasonable length.

    Python's reader takes a dozen times the memory of that list. ResNet-1202's is 0.5 % of the file.
    """
    most = max(2**18, size // 50)
    file.seek(max(0, size - 98))
    end = file.read()
    lengths = [int.from_bytes(end[-10:-6], "little")]
    if end[-42:-38] == b"PK\x06\x07":  # the same for large archives, which counts where it is there
        lengths.append(int.from_bytes(end[-58:-50], "little"))
        if end[-98:-94] != b"PK\x06\x06":
            raise ValueError("the end of the archive is out of order")
    if end[-22:-18] + end[-2:] != b"PK\x05\x06\0\0" or max(lengths) > most:
        raise ValueError(
            "it does not end as an archive of torch.save does: truncated, or other bytes after it"
        )


def _folder(members: Iterable[str]) -> str:
    """Return the folder that all members are in."""
    folders = {name.split("/")[0] for name in members}
    found = [folder for folder in folders if f"{folder}/data.pkl" in members]
    if len(folders) != 1 or not found:
        raise ValueError("it is an archive, but not torch.save's: there is no single folder with data.pkl")
    if f"{found[0]}/constants.pkl" in members:
        raise ValueError("it is TorchScript, a program; load it in PyTorch and save its state_dict()")
    return found[0]


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    """Raise ValueError if members are compressed, lie in one another, or have the same name.

    The first one lies at the file's beginning: before it, Python's reader would pass over anything.
    """
    stored = all(m.compress_type == zipfile.ZIP_STORED and m.file_size == m.compress_size for m in members)
    if not stored or sum(member.file_size for member in members) > size:
        raise ValueError("its members are compressed or announce more bytes than there are")
    if min(member.header_offset for member in members) != 0:
        raise ValueError("there are other bytes before its first member")
    if len({member.filename for member in members}) != len(members):
        raise ValueError("two members have the same name")


def _check_storage(storage: Storage, found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(f"storage {storage.key[:40]!r} announces {found}, expected {expected}")


def _read_legacy(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    """Five pickles: magic number, protocol, facts, the object, the storages' keys; then each storage.

    A storage is its number of elements in 8 bytes, and their bytes, little end first on any machine.
    """
    description = Description(file, size)
    if description.run() != MAGIC:
        raise ValueError("it is a pickle, but not one of torch.save, or something else altogether")
    if description.run() != PROTOCOL or not isinstance(description.run(), dict):
        raise ValueError("it is of an unknown version of PyTorch's format")
    weights = find_weights(description.run())
    keys = description.run()
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("its list of storages is none")
    if set(keys) != description.storages.keys() or len(set(keys)) != len(keys):
        raise ValueError("its storages are not those that its tensors need")
    used, content = {storage.key for storage in _used(weights)}, {}
    for storage in map(description.storages.__getitem__, keys):
        _check_storage(storage, int.from_bytes(file.read(8), "little"), storage.count)
        if storage.nbytes > size - file.tell():
            raise ValueError("it is truncated")
        if storage.key in used:
            content[storage.key] = _bytes(file, storage.nbytes)
        else:
            file.seek(storage.nbytes, os.SEEK_CUR)
    if file.tell() != size:
        raise ValueError("there are bytes after its end")
    return _arrays(weights, content, "little")


# -- the weights --------------------------------------------------------------------------------------


def find_weights(value: Any, depth: int = 2) -> dict[str, Tensor]:
    """Return the one dict of tensors in what a file holds: itself, or an entry of a training's checkpoint.

    Raises
    ------
    ValueError
        If there is none, or if there are several and none has one of the usual names (INSIDE).
    """
    if _is_weights(value):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"it holds no dict of tensors but one {type(value).__name__}")
    once = {id(entry): entry for entry in value.values()}
    weights = {identity for identity, entry in once.items() if _is_weights(entry)}
    found = {key: entry for key, entry in value.items() if id(entry) in weights}
    usual = [key for key in INSIDE if key in found]
    if usual or len(found) == 1:
        return found[usual[0]] if usual else next(iter(found.values()))
    if not found and depth:
        for key in INSIDE:
            if isinstance(value.get(key), dict):
                return find_weights(value[key], depth - 1)
    entries = ", ".join(f"{str(key)[:40]!r} ({type(entry).__name__})" for key, entry in [*value.items()][:8])
    many = "several dicts of tensors" if found else "no dict that consists of tensors"
    raise ValueError(f"it holds {many}: {entries or 'nothing'}; torch.save the one that is meant")


def _is_weights(value: object) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(key, str) and isinstance(entry, Tensor) for key, entry in value.items())
    )


def _used(weights: dict[str, Tensor]) -> list[Storage]:
    """Return the storages of these tensors, each once."""
    return list({tensor.storage.key: tensor.storage for tensor in weights.values()}.values())


def _bytes(stream: Any, count: int) -> bytearray:
    content = bytearray(count)
    if stream.readinto(content) != count:
        raise ValueError("it is truncated")
    return content


def _arrays(weights: dict[str, Tensor], content: dict[str, bytearray], order: str) -> dict[str, np.ndarray]:
    """Return {name: array}, views of the storages, which are converted once; order: of bytes."""
    converted: dict[tuple[str, str], np.ndarray] = {}
    arrays = {}
    for name, tensor in weights.items():
        place = (tensor.storage.key, tensor.dtype)
        if place not in converted:
            if tensor.storage.key not in content:
                raise ValueError(f"{name[:80]!r} has the numbers of another tensor with another dtype")
            converted[place] = _numbers(content.pop(tensor.storage.key), tensor.dtype, order)
        row = converted[place]
        strides = [stride * row.itemsize for stride in tensor.strides]
        if 0 in tensor.shape:
            arrays[name] = np.empty(tensor.shape, row.dtype)
        else:
            arrays[name] = np.ndarray(tensor.shape, row.dtype, row, tensor.offset * row.itemsize, strides)
    return arrays


def _numbers(content: bytearray, dtype: str, order: str) -> np.ndarray:
    """Return a storage's numbers; bfloat16 and float16 become float32, exactly."""
    itemsize = np.dtype(DTYPES[dtype]).itemsize
    row = np.frombuffer(content, DTYPES[dtype], count=len(content) // itemsize)
    if order != sys.byteorder:
        row = row.byteswap()
    if dtype == "bfloat16":
        return bfloat16_as_float32(row)
    return row.astype(np.float32) if dtype == "float16" else row


def bfloat16_as_float32(upper_halves: np.ndarray) -> np.ndarray:
    """Return float32 numbers of which these uint16 are the upper halves."""
    return (upper_halves.astype(np.uint32) << 16).view(np.float32)
