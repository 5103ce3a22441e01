"""The IDX format of MNIST and its relatives, plain or gzipped.

Header: two zero bytes, the type (8 = unsigned byte), the number of dimensions, then each dimension as a
big-endian 32-bit integer; the values follow. LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist.
"""

import contextlib
import gzip
import math
import pathlib
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from minires import resources
from minires.data.dataset import Dataset
from minires.data.locations import default_directory
from minires.typing import Shape

PIECE = 1 << 20  # bytes that are read at once


def read_idx(path: str | pathlib.Path, *, ndim: int) -> np.ndarray:
    """Return the uint8 array of an IDX file with ndim dimensions.

    Parameters
    ----------
    path
        A file whose name ends in .gz is unpacked.

    Raises
    ------
    ValueError
        Naming the file if it is truncated, damaged, of another kind or no file (a pipe, a device).

    Notes
    -----
    Never holds more than the header announces, and refuses a header that the file cannot fill; so it does a
    gzipped file that would become a hundred times as large and fill more than a few megabytes.
    """
    path = pathlib.Path(path)
    with _opened(path) as file:
        shape = _read_shape(path, file, ndim)
        content = np.empty(math.prod(shape), np.uint8)
        place = 0
        while place < len(content) and (piece := file.read(min(PIECE, len(content) - place))):
            content[place : place + len(piece)] = np.frombuffer(piece, np.uint8)
            place += len(piece)
        if place < len(content) or file.read(1):
            raise ValueError(
                f"{shape} announced, but {'more' if place == len(content) else place} bytes follow"
            )
    return content.reshape(shape)


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[Any]:
    """Open a file, unpacked if its name ends in .gz; errors inside become a ValueError that names it."""
    resources.regular_file(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield file
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile, MemoryError) as error:
        raise ValueError(f"{path} is damaged or no IDX file: {error}") from error


def _read_shape(path: pathlib.Path, file: Any, ndim: int) -> Shape:
    """Return the shape that the header announces. ValueError if the file cannot hold so much."""
    header = file.read(4 + 4 * ndim)
    if header[:4] != bytes([0, 0, 8, ndim]) or len(header) < 4 + 4 * ndim:
        raise ValueError(f"expected the header of an IDX file of bytes with {ndim} dimensions")
    shape = tuple(int(side) for side in np.frombuffer(header, ">u4", offset=4))
    size, packed = math.prod(shape), path.stat().st_size
    if path.suffix == ".gz":
        resources.require_expansion(packed, size)
    elif size != packed - len(header):
        raise ValueError(f"{shape} announced, but {packed - len(header):,} bytes follow")
    if 0 in shape:
        raise ValueError(f"the header announces {shape}, which is nothing")
    return shape


def _read_length(path: pathlib.Path, ndim: int) -> int:
    """Return how many images or labels an IDX file announces."""
    with _opened(path) as file:
        return _read_shape(path, file, ndim)[0]


def read_mnist(directory: str | pathlib.Path | None, *, num_classes: int = 10) -> tuple[Dataset, Dataset]:
    """Return the training and the test set of MNIST or a data set in its layout (Fashion-MNIST, KMNIST).

    Parameters
    ----------
    directory
        Holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
        t10k-labels-idx1-ubyte, each also with .gz; None: the `mnist` folder in `default_directory()`.
    num_classes
        How many the labels may name.

    Returns
    -------
    train, test : Dataset
        Images (N, 1, H, W).

    Raises
    ------
    ValueError
        Naming the file that is missing or damaged.
    """
    directory = default_directory() / "mnist" if directory is None else pathlib.Path(directory).expanduser()
    class_names = tuple(str(i) for i in range(num_classes))
    datasets = []
    for part in ("train", "t10k"):
        image_path = _find(directory, f"{part}-images", 3)
        label_path = _find(directory, f"{part}-labels", 1)
        counts = _read_length(label_path, 1), _read_length(image_path, 3)
        if counts[0] != counts[1]:  # before either takes memory
            raise ValueError(f"{label_path} has {counts[0]} labels, {image_path} {counts[1]} images")
        images, labels = read_idx(image_path, ndim=3), read_idx(label_path, ndim=1)
        if labels.max() >= num_classes:
            raise ValueError(f"{label_path}: expected labels 0 to {num_classes - 1}, got {labels.max()}")
        name = f"mnist {'train' if part == 'train' else 'test'}"
        datasets.append(Dataset(images[:, None], labels.astype(np.int64), class_names, name))
    train, test = datasets
    return train, test


def _find(directory: pathlib.Path, stem: str, ndim: int) -> pathlib.Path:
    """Return the path of an IDX file under any of its usual names."""
    for separator in "-.":
        for ending in ("", ".gz"):
            path = directory / f"{stem}{separator}idx{ndim}-ubyte{ending}"
            if path.is_file():
                return path
    raise ValueError(
        f"mnist: found no {stem}-idx{ndim}-ubyte or {stem}-idx{ndim}-ubyte.gz in {directory}; "
        "put the four files of the data set there, or name the folder that holds them (--data-dir)"
    )
