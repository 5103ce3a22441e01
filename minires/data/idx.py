"""The IDX format of MNIST and its relatives, plain or gzipped.

Header: two zero bytes, the type (8 = unsigned byte), the number of dimensions, then each dimension as a
big-endian 32-bit integer; the values follow. LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist.
"""

import gzip
import math
import pathlib
import zlib

import numpy as np

from minires.data.dataset import Dataset
from minires.data.locations import default_directory

LARGEST = 4 * 2**30  # bytes; a header that announces more is damaged
DEFLATE_RATIO = 1032  # no deflated byte can stand for more (zlib's documentation)


def read_idx(path: str | pathlib.Path, *, ndim: int) -> np.ndarray:
    """Return the uint8 array of an IDX file with ndim dimensions.

    Parameters
    ----------
    path
        A file whose name ends in .gz is unpacked.

    Raises
    ------
    ValueError
        Naming the file if it is truncated, damaged or of another kind.

    Notes
    -----
    Never holds more than the header announces, and refuses a header that the file cannot fill.
    """
    path = pathlib.Path(path)
    is_gzip = path.suffix == ".gz"
    most = min(LARGEST, path.stat().st_size * (DEFLATE_RATIO if is_gzip else 1))
    try:
        with gzip.open(path) if is_gzip else path.open("rb") as file:
            header = file.read(4 + 4 * ndim)
            if header[:4] != bytes([0, 0, 8, ndim]) or len(header) < 4 + 4 * ndim:
                raise ValueError(f"expected the header of an IDX file of bytes with {ndim} dimensions")
            shape = tuple(int(side) for side in np.frombuffer(header, ">u4", offset=4))
            size = math.prod(shape)
            if 0 in shape or size > most:
                raise ValueError(f"the header announces {shape}, which the file cannot hold")
            content = file.read(size + 1)  # one more than announced, to see that nothing follows
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged or no IDX file: {error}") from error
    if len(content) != size:
        raise ValueError(f"{path} is damaged: {shape} announced, but {_compare(len(content), size)}")
    return np.frombuffer(content, np.uint8).reshape(shape)


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
        images = read_idx(image_path, ndim=3)
        labels = read_idx(label_path, ndim=1)
        if len(labels) != len(images):
            raise ValueError(f"{label_path} has {len(labels)} labels, {image_path} {len(images)} images")
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


def _compare(found: int, announced: int) -> str:
    return "more bytes follow" if found > announced else f"only {found} bytes follow"
