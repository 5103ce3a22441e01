"""Writes pickles with the opcodes that Python 2 wrote into the official CIFAR archives (protocol 2)."""

import struct

import numpy as np


def python2_pickle(value):
    """Return the pickle that Python 2 made of a str, int, list, dict or uint8 array, with its memo."""
    memo = iter(range(1 << 31))

    def put():
        number = next(memo)
        return b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<I", number)

    def integer(v):
        if 0 <= v < 256:
            return b"K" + bytes([v])
        return b"M" + struct.pack("<H", v) if 0 <= v < 65536 else b"J" + struct.pack("<i", v)

    def string(v):
        head = b"U" + bytes([len(v)]) if len(v) < 256 else b"T" + struct.pack("<i", len(v))
        return head + v + put()

    def array(v):
        return b"".join(
            [
                b"cnumpy.core.multiarray\n_reconstruct\n" + put(),
                b"cnumpy\nndarray\n" + put() + b"K\x00\x85" + put() + string(b"b") + b"\x87" + put(),
                b"R" + put(),
                b"(K\x01" + b"".join(map(integer, v.shape)) + b"\x86" + put(),
                b"cnumpy\ndtype\n" + put() + string(b"u1") + b"K\x00K\x01\x87" + put() + b"R" + put(),
                b"(K\x03" + string(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t" + put() + b"b",
                b"\x89" + string(v.tobytes()) + b"t" + put() + b"b",
            ]
        )

    def write(v):
        if isinstance(v, str):
            return string(v.encode("latin-1"))
        if isinstance(v, int):
            return integer(v)
        if isinstance(v, list):
            return b"]" + put() + b"(" + b"".join(map(write, v)) + b"e"
        if isinstance(v, dict):
            return b"}" + put() + b"(" + b"".join(write(k) + write(w) for k, w in v.items()) + b"u"
        return array(v)

    return b"\x80\x02" + write(value) + b"."


def random_records(seed, count, classes=10):
    """Return uint8 rows (count, 3072) and a list of labels."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 3072), dtype=np.uint8), rng.integers(0, classes, count).tolist()


def write_cifar10_python(folder, count=4):
    """Write the six files of cifar-10-batches-py with `count` images each; return what they hold."""
    folder.mkdir(parents=True)
    content = {}
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        rows, labels = content[name] = random_records(i, count)
        names = [f"image_{n}.png" for n in range(count)]
        record = {"batch_label": name, "labels": labels, "data": rows, "filenames": names}
        (folder / name).write_bytes(python2_pickle(record))
    meta = {"num_cases_per_batch": count, "label_names": ["airplane"], "num_vis": 3072}
    (folder / "batches.meta").write_bytes(python2_pickle(meta))
    return content


def write_cifar10_binary(folder, count=4):
    """Write the six files of cifar-10-batches-bin with the same images."""
    folder.mkdir(parents=True)
    for i, name in enumerate([*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]):
        rows, labels = random_records(i, count)
        (folder / name).write_bytes(np.column_stack([np.array(labels, np.uint8), rows]).tobytes())
