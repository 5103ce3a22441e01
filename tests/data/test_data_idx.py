"""IDX files (MNIST) are read exactly, plain and gzipped; damaged ones are one clear error each."""

import gzip
import os
import struct
import tracemalloc

import numpy as np
import pytest

from minires import data

RNG = np.random.default_rng(0)
IMAGES = {
    "train": RNG.integers(0, 256, (6, 5, 4), np.uint8),
    "t10k": RNG.integers(0, 256, (3, 5, 4), np.uint8),
}
LABELS = {"train": np.arange(6, dtype=np.uint8), "t10k": np.array([9, 0, 9], np.uint8)}


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_mnist(folder, *, separator="-", gzipped=False):
    for part in ("train", "t10k"):
        for name, array in (
            (f"images{separator}idx3", IMAGES[part]),
            (f"labels{separator}idx1", LABELS[part]),
        ):
            path = folder / f"{part}-{name}-ubyte{'.gz' if gzipped else ''}"
            path.write_bytes(gzip.compress(idx(array)) if gzipped else idx(array))


@pytest.mark.parametrize("separator", ["-", "."])
@pytest.mark.parametrize("gzipped", [False, True])
def test_mnist_layout_is_read_exactly(tmp_path, separator, gzipped):
    write_mnist(tmp_path, separator=separator, gzipped=gzipped)
    train, test = data.load("mnist", tmp_path)
    assert np.array_equal(train.images[:, 0], IMAGES["train"]) and train.images.shape == (6, 1, 5, 4)
    assert test.labels.tolist() == [9, 0, 9] and test.labels.dtype == np.int64
    assert train.class_names == tuple("0123456789") and test.max_value == 255


def test_idx_of_another_dimension_can_be_read_alone(tmp_path):
    path = tmp_path / "cube"
    path.write_bytes(idx(np.arange(16, dtype=np.uint8).reshape(2, 2, 2, 2)))
    assert data.read_idx(path, ndim=4)[1, 1, 1, 0] == 14


def test_a_missing_file_is_named_with_its_folder(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(ValueError, match="found no t10k-labels-idx1-ubyte"):
        data.load("mnist", tmp_path)


WHOLE = idx(IMAGES["train"])
PACKED = gzip.compress(WHOLE)
DAMAGED = {
    "empty": b"",
    "half a magic number": WHOLE[:2],
    "half a header": WHOLE[:9],
    "no content": WHOLE[:16],
    "last byte missing": WHOLE[:-1],
    "one byte more": WHOLE + b"\0",
    "labels instead of images": idx(LABELS["train"]),
    "floats": b"\0\0\x0d\x03" + WHOLE[4:],
    "byte order swapped": b"\x03\x08\0\0" + WHOLE[4:],
    "no image": idx(IMAGES["train"][:0]),
    "4 billion images announced": WHOLE[:4] + b"\xff\xff\xff\xff" + WHOLE[8:],
    "2**96 pixels announced": WHOLE[:4] + b"\xff" * 12 + WHOLE[16:],
    "gzipped, but not named so": PACKED,
    "fewer images than labels": idx(IMAGES["train"][:5]),
    "text": b"label,pixels\n" * 20,
}
DAMAGED_GZ = {
    "empty": b"",
    "not gzipped": WHOLE,
    "cut in half": PACKED[: len(PACKED) // 2],
    "check sum missing": PACKED[:-8],
    "check sum wrong": PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],
    "length wrong": PACKED[:-4] + b"\1\2\3\4",
    "a changed byte": PACKED[:40] + bytes([PACKED[40] ^ 255]) + PACKED[41:],
    "only the gzip header": PACKED[:10],
    "garbage after": PACKED + b"garbage",
    "content cut before packing": gzip.compress(WHOLE[:-1]),
    "content too long before packing": gzip.compress(WHOLE + b"\0"),
    "4 billion images announced": gzip.compress(WHOLE[:4] + b"\xff\xff\xff\xff" + WHOLE[8:]),
    "packed twice": gzip.compress(PACKED),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_idx_file_is_one_error_that_names_it(tmp_path, damage):
    write_mnist(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(DAMAGED[damage])
    with pytest.raises(ValueError, match="train-images-idx3-ubyte"):
        data.load("mnist", tmp_path)


@pytest.mark.parametrize("damage", DAMAGED_GZ)
def test_damaged_gzipped_idx_file_is_one_error_that_names_it(tmp_path, damage):
    write_mnist(tmp_path, gzipped=True)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(DAMAGED_GZ[damage])
    with pytest.raises(ValueError, match="train-images-idx3-ubyte.gz is damaged"):
        data.load("mnist", tmp_path)


def test_a_label_out_of_range_names_the_label_file(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.array([0, 1, 2, 3, 4, 10], np.uint8)))
    with pytest.raises(ValueError, match="train-labels-idx1-ubyte: expected labels 0 to 9, got 10"):
        data.load("mnist", tmp_path)


def test_no_more_than_the_header_announces_is_unpacked(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(WHOLE + bytes(20_000_000), compresslevel=1))
    tracemalloc.start()
    with pytest.raises(ValueError, match="more bytes follow"):
        data.read_idx(path, ndim=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000  # bytes; the file unpacks to 20 MB, gzip reads it in pieces of some 10 to 100 kB


def test_labels_that_announce_gigabytes_are_refused_before_they_take_memory(tmp_path):
    """4 billion labels for 6 images: announced in a few bytes, or really there, as zeros."""
    write_mnist(tmp_path, gzipped=True)
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    header = b"\0\0\x08\x01\xff\xff\xff\xff"
    for content in (gzip.compress(header + bytes(120)), gzip.compress(header) + gzip.compress(bytes(2**24))):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="labels-idx1-ubyte.gz is damaged.*would become 4,294,967,295"):
            data.load("mnist", tmp_path)
        with pytest.raises(ValueError, match="would become 4,294,967,295"):
            data.read_idx(path, ndim=1)


def test_labels_are_counted_before_they_are_read(tmp_path):
    write_mnist(tmp_path, gzipped=True)
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(15_000_000, np.uint8)), compresslevel=1))
    tracemalloc.start()
    with pytest.raises(ValueError, match="has 15000000 labels, .* 6 images"):
        data.load("mnist", tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need POSIX")
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_pipe_is_no_idx_file(tmp_path, ending):
    os.mkfifo(tmp_path / f"pipe{ending}")
    with pytest.raises(ValueError, match=f"pipe{ending} is no file but a named pipe"):
        data.read_idx(tmp_path / f"pipe{ending}", ndim=1)
    (tmp_path / f"train-images-idx3-ubyte{ending}").symlink_to(f"pipe{ending}")
    with pytest.raises(ValueError, match="mnist: found no train-images-idx3-ubyte"):
        data.load("mnist", tmp_path)
