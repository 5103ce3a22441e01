"""Reads NumPy archives (.npz) that a stranger may have made: arrays of numbers, whole, or an error.

An archive is a zip file of .npy files, as `numpy.savez` and `numpy.savez_compressed` write it. Unlike NumPy's
own reader this one knows no pickles, believes no announced size before it has compared it with the file, and
takes nothing for an array that is not one: no string, no second array of the same name, no byte too many.
"""

import math
import struct
import zipfile
from typing import IO, Any, BinaryIO

import numpy as np

from minires import resources

KINDS = "fiub"  # of dtypes: floats, integers and booleans, never objects
PIECE = 1 << 20  # bytes that are unpacked at once
END = b"PK\x05\x06"  # how the record that ends a zip file begins; its 22 bytes are followed by a comment


def read_arrays(file: BinaryIO, size: int, *, compressed: bool = True) -> dict[str, np.ndarray]:
    """Return {name: array} of a NumPy archive. Takes little more memory than the arrays do.

    Parameters
    ----------
    file
        Open for reading.
    size
        Its length in bytes.
    compressed
        Whether its arrays may be.

    Raises
    ------
    ValueError and nearly anything else
        If it is anything but such an archive; forged bytes can make the readers of zip raise nearly anything.
    """
    if file.read(4) not in (b"PK\x03\x04", END):  # an array's begin, or an empty archive's end
        raise ValueError("it does not begin as a NumPy archive does")
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        _check_end(file, size, archive.comment)
        _check_members(members, size, compressed)
        arrays: dict[str, np.ndarray] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"it has two arrays with the name {name}")
            with archive.open(member) as content:
                arrays[name] = _read_array(name, content, member.file_size)
    return arrays


def _check_end(file: BinaryIO, size: int, comment: bytes) -> None:
    """Raise ValueError if bytes follow the archive's end; zipfile passes over them."""
    file.seek(max(0, size - 22 - len(comment)))
    end = file.read(22)
    if len(end) < 22 or not end.startswith(END) or struct.unpack("<H", end[20:])[0] != len(comment):
        raise ValueError("something follows its end")


def _check_members(members: list[zipfile.ZipInfo], size: int, compressed: bool) -> None:
    """Raise ValueError unless the arrays can lie in the file, none in another, and become no avalanche."""
    if not members:
        raise ValueError("it holds no array")
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) if compressed else (zipfile.ZIP_STORED,)
    for member in members:
        if not member.filename.endswith(".npy"):
            raise ValueError(f"{member.filename[:100]} is no array")
        if member.compress_type not in kinds:
            raise ValueError(f"expected {'NumPy' if compressed else 'no'} compression of its arrays")
        if member.compress_type == zipfile.ZIP_STORED and member.file_size != member.compress_size:
            raise ValueError(f"{member.filename[:100]} has two sizes")
    if sum(member.compress_size for member in members) > size or members[0].header_offset:
        raise ValueError("it announces more than it holds")
    resources.require_expansion(size, sum(member.file_size for member in members))


def _read_array(name: str, content: IO[bytes], size: int) -> np.ndarray:
    """Return the array of a .npy file of so many bytes, checking that before it takes memory."""
    version = np.lib.format.read_magic(content)
    if version != (1, 0):
        raise ValueError("expected version 1.0 of NumPy's array format")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(content)
    if dtype.kind not in KINDS:
        raise ValueError(f"{name} holds no numbers: {dtype}")
    left = size - content.tell()
    if any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize != left:
        raise ValueError(f"an array of {shape} {dtype} has {left} bytes")
    array = np.empty(shape, dtype, order="F" if is_fortran else "C")
    _fill(array.reshape(-1, order="A").view(np.uint8), content)
    return array


def _fill(into: Any, content: IO[bytes]) -> None:
    """Read content to its end into an array of bytes (n,); at the end zipfile compares the check sum."""
    place = 0
    while piece := content.read(PIECE):
        into[place : place + len(piece)] = np.frombuffer(piece, np.uint8)
        place += len(piece)
    if place != len(into):
        raise ValueError(f"an array ends after {place} of {len(into)} bytes")
