"""Checkpoints: NumPy files (.npz) without pickle that are either whole or refused.

A checkpoint is a zip archive of arrays, uncompressed, as `numpy.savez` writes it. One array of bytes called
"facts" is a JSON text: everything that is not an array. The last 64 characters of the file, which a zip
archive keeps as its comment, are the SHA-256 of all bytes before them, so that no damage goes unseen.
"""

import contextlib
import dataclasses
import hashlib
import io
import json
import math
import os
import pathlib
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from minires import archives, reprs, resources
from minires.backend import array_module, to_module
from minires.typing import Array

FORMAT = "minires checkpoint"
VERSION = 1
DIGEST = 64  # hexadecimal characters of a SHA-256
UNTOUCHED = "; what was there is untouched"  # the end of what `write_atomically` says
PIECE = 1 << 20  # bytes that the digest takes at once


@dataclasses.dataclass(frozen=True, repr=False)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes
    ----------
    arrays
        {name: NumPy array}
    facts
        dict of JSON values
    path
        The file.
    """

    arrays: dict
    facts: dict
    path: pathlib.Path

    def __repr__(self) -> str:
        size = sum(array.nbytes for array in self.arrays.values()) / 2**20
        arrays = reprs.counted(len(self.arrays), "array")
        return f"<Checkpoint {self.path}: {arrays}, {size:.1f} MiB; facts: {', '.join(self.facts)}>"

    def part(self, prefix: str) -> dict[str, np.ndarray]:
        """Return {name without the prefix: array} of the arrays under "prefix/"."""
        start = f"{prefix}/"
        return {name[len(start) :]: array for name, array in self.arrays.items() if name.startswith(start)}

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Turn whatever goes wrong inside into a ValueError that names the file.

        The file is whole, but it may come from another program or version.
        """
        try:
            yield
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            what = f"it lacks {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{self.path} is no checkpoint that fits here: {what}") from error


def save(path: str | pathlib.Path, arrays: Mapping[str, Array], facts: dict[str, Any]) -> None:
    """Write a checkpoint so that at every moment `path` is the old file or the new one, whole.

    Parameters
    ----------
    arrays
        {name: NumPy array}
    facts
        What JSON can hold (infinity allowed, NaN not).

    Raises
    ------
    OSError
        In one line, where the disk is full or the folder cannot be written to; the old file is then as it
        was.
    MemoryError
        If there is too little for a copy of the arrays; the old file is then as it was, too.
    """
    try:
        write_atomically(path, seal(arrays, facts))
    except MemoryError as error:
        raise MemoryError(f"while saving {path}") from error


def load(path: str | pathlib.Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    ValueError
        Naming the file if it is missing, no file (a pipe, a device), truncated, changed in a single bit, of
        another format or version, or holds what this library never writes, a NaN or infinite number included.

    Notes
    -----
    Takes little more memory than the file is long.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "checkpoint.npz"
    ...     save(path, {"weight": np.ones(3)}, {"epoch": 7})
    ...     saved = load(path)
    >>> saved.arrays["weight"], saved.facts["epoch"]
    (array([1., 1., 1.]), 7)
    """
    path = pathlib.Path(path)
    try:
        file = resources.regular_file(path).open("rb")
    except OSError as error:
        raise ValueError(f"cannot read the checkpoint {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"cannot read the checkpoint: {error}; a run's is RUN/checkpoint.npz") from error
    with file:
        try:
            saved = Checkpoint(*_read(file), path)
        except Exception as error:  # forged bytes can make the readers of zip and JSON raise nearly anything
            raise ValueError(f"{path} is damaged or no checkpoint of minires: {error}") from error
    _require_finite(saved)
    return saved


def _require_finite(saved: Checkpoint) -> None:
    """Raise ValueError that names an array with a number that is NaN or infinite, if there is one."""
    for name, array in saved.arrays.items():
        bad = 0 if array.dtype.kind != "f" else int(np.count_nonzero(~np.isfinite(array)))
        if bad:
            numbers = reprs.counted(array.size, "number")
            raise ValueError(
                f"{saved.path}: NaN or infinite in {name}: {bad:,} of {numbers}; there is nothing to "
                "evaluate or resume: take an earlier checkpoint, or train with a smaller rate"
            )


def seal(arrays: Mapping[str, Any], facts: dict[str, Any]) -> bytes:
    """Return the bytes of a checkpoint file."""
    facts = {"format": FORMAT, "version": VERSION, **facts}
    text = json.dumps(facts).encode()
    buffer = io.BytesIO()
    try:
        np.savez(buffer, facts=np.frombuffer(text, np.uint8), **arrays)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.comment = bytes(DIGEST)  # room for the digest
    except ValueError as error:
        if _began_with_memory(error):  # an archive that cannot be closed complains, and hides why
            raise MemoryError from error
        raise
    with buffer.getbuffer() as content, content[:-DIGEST] as body:
        content[-DIGEST:] = hashlib.sha256(body).hexdigest().encode()
    return buffer.getvalue()


def _began_with_memory(error: BaseException | None) -> bool:
    """Return whether an exception was raised while a MemoryError was on its way."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__context__
    return error is not None


def unseal(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return (arrays, facts) of a checkpoint file's bytes; raises nearly anything if they are not that."""
    return _read(io.BytesIO(content))


def _read(file: BinaryIO) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return (arrays, facts) of a checkpoint file; raises nearly anything if it is none."""
    if file.read(4) != b"PK\x03\x04":
        raise ValueError("it does not begin as a NumPy archive does")
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - DIGEST))
    digest = file.read()
    # the first look is for a file of a terabyte without content, which takes an hour to read
    if not re.fullmatch(rb"[0-9a-f]{64}", digest) or _sha256(file, size - DIGEST) != digest:
        raise ValueError("its checksum is wrong")
    file.seek(0)
    arrays = archives.read_arrays(file, size, compressed=False)
    facts = json.loads(arrays.pop("facts").tobytes(), parse_constant=_parse_constant)
    if facts["format"] != FORMAT or facts["version"] != VERSION:
        raise ValueError(f"expected version {VERSION} of the format, got {facts['version']}")
    return arrays, facts


def _sha256(file: BinaryIO, size: int) -> bytes:
    """Return the SHA-256 of the first bytes of a file, in hexadecimal characters."""
    file.seek(0)
    digest = hashlib.sha256()
    while size and (piece := file.read(min(PIECE, size))):
        digest.update(piece)
        size -= len(piece)
    return digest.hexdigest().encode()


def _parse_constant(name: str) -> float:
    return {"Infinity": math.inf}[name]  # a plateau schedule's best error, before the first; never NaN


def fill(live: Mapping[str, Array], saved: Mapping[str, np.ndarray]) -> None:
    """Copy arrays into those of the same names, in place.

    Parameters
    ----------
    live
        {name: array}, written into; may be on a GPU.
    saved
        {name: NumPy array}

    Raises
    ------
    ValueError
        Unless names, shapes and dtypes are the same; then nothing has been changed.
    """
    require_same(live, saved)
    for name, array in live.items():
        array[...] = to_module(saved[name], array_module(array))


def require_same(live: Mapping[str, Array], saved: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError unless the arrays have the same names, shapes and dtypes."""
    if live.keys() != saved.keys():
        differing = sorted(live.keys() ^ saved.keys())
        raise ValueError(f"its arrays are those of another network, beginning with {differing[0]}")
    for name, array in live.items():
        if (saved[name].shape, saved[name].dtype) != (array.shape, array.dtype):
            raise ValueError(
                f"{name} is {saved[name].shape} {saved[name].dtype}, expected {array.shape} {array.dtype}"
            )


def write_atomically(path: str | pathlib.Path, content: bytes) -> None:
    """Write bytes to a file beside `path`, make sure that the disk has them, and rename it to `path`.

    Raises
    ------
    OSError
        In one line; then `path` is as it was and nothing else is left behind.
    """
    path = pathlib.Path(path)
    beside = path.with_name(f"{path.name}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException as error:  # Ctrl-C, too
        with contextlib.suppress(OSError):
            beside.unlink()
        if not isinstance(error, OSError):
            raise
        kept = UNTOUCHED if path.exists() else ""
        raise OSError(f"cannot write {path}: {error.strerror or error}{kept}") from error
    _sync_folder(path.parent)


def _sync_folder(folder: pathlib.Path) -> None:
    """Make sure that a renaming survives a power cut; Windows has no such call and needs none."""
    if hasattr(os, "O_DIRECTORY"):
        with contextlib.suppress(OSError):  # some network file systems refuse
            descriptor = os.open(folder, os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
