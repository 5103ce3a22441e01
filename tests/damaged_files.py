"""Reads damaged files of one kind, one after the other, with the library's own reader.

    python damaged_files.py KIND FOLDER COUNT

prints a JSON object at the end: how many were refused, read as the whole file is, or read as something else
(quiet), what was raised besides ValueError, the longest time, and how much memory the whole file took
and how much the damaged ones. Another process writes the files, so that nothing else is measured.
test_damaged_files.py runs it for every kind: a process of its own may hang or fill its memory.
"""

import dataclasses
import gzip
import hashlib
import importlib
import io
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import torch_bytes
from official_pickles import python2_pickle
from PIL import Image

from minires import data, interop, resources
from minires.data import digits, fetch
from minires.data.pictures import read_image
from minires.train import Config, checkpoint, prepare, resume

# -- how each kind is read: name of the file, reader of (folder) -> {name: array} ----------------------------


def loaded(name):
    def read(folder):
        train, test = data.load(name, folder)
        return {"images": train.images, "labels": train.labels, "test": test.images}

    return read


def read_picture(name):
    return lambda folder: {"image": read_image(folder / name)}


def read_weights(name):
    return lambda folder: interop.read_weights(folder / name)


def read_checkpoint(folder):
    found = checkpoint.load(folder / "a.npz")
    found.arrays.pop("net/large", None)
    net, normalisation, _ = resume.load_network(found)
    resume.restore(trainer(), found)
    return {**net.state_dict(), **normalisation.state_dict()}


def trainer():
    return prepare(Config.for_data("digits", threads=1))


def read_archive(folder):
    path = folder / "cifar-10-python.tar.gz"
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    fetch.ARCHIVES["cifar10"] = dataclasses.replace(fetch.ARCHIVES["cifar10"], md5=md5)
    got = fetch.fetch("cifar10", folder, progress=False).folder
    files = {file.name: np.frombuffer(file.read_bytes(), np.uint8) for file in got.iterdir()}
    shutil.rmtree(got)
    return files


def read_embedded(folder):
    train, test = digits.read_digits(folder / "a.npz")
    return {"train": train.images, "labels": train.labels, "test": test.images}


READERS = {
    "CIFAR, binary": ("data_batch_1.bin", loaded("cifar10")),
    "CIFAR, pickles": ("data_batch_1", loaded("cifar10")),
    "IDX": ("train-images-idx3-ubyte", loaded("mnist")),
    "IDX, gzipped": ("train-images-idx3-ubyte.gz", loaded("mnist")),
    "PNG": ("a.png", read_picture("a.png")),
    "JPEG": ("a.jpeg", read_picture("a.jpeg")),
    "npz": ("a.npz", read_weights("a.npz")),
    "npz, compressed": ("a.npz", read_weights("a.npz")),
    "safetensors": ("a.safetensors", read_weights("a.safetensors")),
    "PyTorch's": ("a.pth", read_weights("a.pth")),
    "PyTorch's, old": ("a.pth", read_weights("a.pth")),
    "checkpoint": ("a.npz", read_checkpoint),
    "archive": ("cifar-10-python.tar.gz", read_archive),
    "digits": ("a.npz", read_embedded),
}
GOES_ON = {"PNG", "JPEG", "CIFAR, binary"}  # whose files may go on after their end


def total(arrays):
    return sum(array.nbytes for array in arrays.values())


UNSUMMED = {  # without check sums of their numbers; what a changed byte cannot change all the same
    "CIFAR, binary": lambda arrays: arrays["images"].shape[1:],  # any number of records
    "CIFAR, pickles": total,
    "IDX": total,
    "JPEG": lambda arrays: len(arrays["image"]),  # its header says how large it is, and nothing else does
    "safetensors": total,
    "PyTorch's, old": len,  # a tensor may be any part of its storage
}


# -- how each kind is written --------------------------------------------------------------------------------


@dataclasses.dataclass
class Whole:
    """A whole file's bytes; other files that belong to it; inside(content) is what lies behind check sums,
    and wrap(inside) gives it right ones again."""

    content: bytes
    beside: dict = dataclasses.field(default_factory=dict)
    inside: Callable | None = None
    wrap: Callable | None = None


RNG = np.random.default_rng(0)


def examples():
    return RNG.integers(0, 256, (1000, 3072), np.uint8), RNG.integers(0, 10, 1000).astype(np.uint8)


def cifar_binary():
    rows, labels = examples()
    records = np.column_stack([labels, rows])
    others = (*(f"data_batch_{i}.bin" for i in range(2, 6)), "test_batch.bin")
    return Whole(records.tobytes(), dict.fromkeys(others, records[:2].tobytes()))


def cifar_python():
    rows, labels = examples()

    def record(count):
        names = [f"image_{n}.png" for n in range(count)]
        return python2_pickle({"labels": labels[:count].tolist(), "data": rows[:count], "filenames": names})

    others = (*(f"data_batch_{i}" for i in range(2, 6)), "test_batch")
    return Whole(record(1000), dict.fromkeys(others, record(2)))


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def mnist(ending):
    pack = (lambda content: gzip.compress(content, 1)) if ending else bytes
    rows, labels = examples()
    files = {
        "train-images-idx3": rows.reshape(1000, 64, 48),
        "train-labels-idx1": labels,
        "t10k-images-idx3": rows[:2].reshape(2, 64, 48),
        "t10k-labels-idx1": labels[:2],
    }
    packed = {f"{name}-ubyte{ending}": pack(idx(array)) for name, array in files.items()}
    layers = (gzip.decompress, pack) if ending else ()
    return Whole(packed.pop(f"train-images-idx3-ubyte{ending}"), packed, *layers)


def picture(form, *layers):
    buffer = io.BytesIO()
    smooth = np.linspace(0, 255, 1000 * 800 * 3).reshape(1000, 800, 3) + RNG.normal(0, 8, (1000, 800, 3))
    Image.fromarray(smooth.clip(0, 255).astype(np.uint8)).save(buffer, form, quality=90, compress_level=1)
    return Whole(buffer.getvalue(), {}, *layers)


def summed(content):
    """Give the chunks of a PNG the right check sums, as far as they can be found."""
    content, place = bytearray(content), 8
    while place + 12 <= len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        if end <= len(content):
            content[end - 4 : end] = zlib.crc32(content[place + 4 : end - 4]).to_bytes(4, "big")
        place = end
    return bytes(content)


def zipped(arrays, save):
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return Whole(buffer.getvalue(), {}, first_member, other_first_member(buffer.getvalue()))


def first_member(whole):
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return archive.read(archive.namelist()[0])


def other_first_member(whole):
    """Return a function that puts other bytes in the place of an archive's first array."""

    def wrap(content):
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(whole)) as old:
            kind = old.infolist()[0].compress_type
            with zipfile.ZipFile(buffer, "w", kind, compresslevel=1) as new:
                for number, name in enumerate(old.namelist()):
                    new.writestr(name, content if number == 0 else old.read(name))
        return buffer.getvalue()

    return wrap


def state():
    return {f"layer{i}.weight": RNG.standard_normal((64, 64, 30)).astype(np.float32) for i in range(6)}


def saved():
    with tempfile.TemporaryDirectory() as folder:
        resume.save(pathlib.Path(folder, "a.npz"), trainer())
        found = checkpoint.load(pathlib.Path(folder, "a.npz"))
    whole = checkpoint.seal(found.arrays | {"net/large": RNG.standard_normal((500, 1000))}, found.facts)

    def seal(content):
        return content + hashlib.sha256(content).hexdigest().encode()

    return Whole(whole, {}, lambda whole: whole[: -checkpoint.DIGEST], seal)


def torch_file(write, storage):
    """A row of random numbers; storage(their bytes): what `write` takes."""
    row = RNG.standard_normal(500_000).astype(np.float32)
    stored = torch_bytes.storage(row.size)
    weights = torch_bytes.mapping(a=torch_bytes.tensor((row.size,), of=stored))
    return Whole(write(torch_bytes.mapping(model=weights), {"0": storage(row.tobytes())}))


def archive():
    rows, _ = examples()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for number, name in enumerate(fetch.ARCHIVES["cifar10"].files):
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            content = python2_pickle({"data": rows[number * 100 :][:100]})
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))

    def pack(content):
        return gzip.compress(content, 1)

    return Whole(pack(buffer.getvalue()), {}, gzip.decompress, pack)


WRITERS = {
    "CIFAR, binary": cifar_binary,
    "CIFAR, pickles": cifar_python,
    "IDX": lambda: mnist(""),
    "IDX, gzipped": lambda: mnist(".gz"),
    "PNG": lambda: picture("PNG", bytes, summed),
    "JPEG": lambda: picture("JPEG"),
    "npz": lambda: zipped(state(), np.savez),
    "npz, compressed": lambda: zipped(state(), np.savez_compressed),
    "safetensors": lambda: Whole(importlib.import_module("safetensors.numpy").save(state())),
    "PyTorch's": lambda: torch_file(torch_bytes.archive, lambda content: content),
    "PyTorch's, old": lambda: torch_file(torch_bytes.legacy, lambda content: (len(content) // 4, content)),
    "checkpoint": saved,
    "archive": archive,
    "digits": lambda: zipped(dict(np.load(resources.find("digits.npz"))), np.savez_compressed),
}


# -- the damage ----------------------------------------------------------------------------------------------

LENGTHS = (0, 1, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)


def place_in(content, rng):
    """A place in a file: half of them near its ends, where the lengths are."""
    size = max(1, len(content))
    near = int(rng.integers(0, min(size, 400)))
    return [near, size - 1 - near, *rng.integers(0, size, 2)][rng.integers(4)]


def cut(content, rng):
    return content[: place_in(content, rng)]


def flip(content, rng):
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        content[place_in(content, rng)] ^= 1 << rng.integers(8)
    return bytes(content)


def overwrite(content, rng):
    place, value = place_in(content, rng), LENGTHS[rng.integers(len(LENGTHS))]
    width, order = [1, 2, 4, 8][rng.integers(4)], ["little", "big"][rng.integers(2)]
    number = (value % 256**width).to_bytes(width, order)
    return content[:place] + number + content[place + width :]


def blank(content, rng):
    place, length = place_in(content, rng), int(rng.integers(1, 2000))
    return content[:place] + bytes([[0, 255][rng.integers(2)]]) * length + content[place + length :]


def insert(content, rng):
    place = place_in(content, rng)
    return content[:place] + rng.bytes(int(rng.integers(1, 100))) + content[place:]


def repeat(content, rng):
    first, last = sorted((place_in(content, rng), place_in(content, rng)))
    return content[:last] + content[first:last] + content[last:]


def remove(content, rng):
    first, last = sorted((place_in(content, rng), place_in(content, rng)))
    return content[:first] + content[last + 1 :]


def append(content, rng):
    return content + [b"\0", rng.bytes(50), content][rng.integers(3)]


DAMAGES = (cut, flip, overwrite, blank, insert, repeat, remove, append)


def same(one, other):
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name]) for name in one
    )


def peak_memory():
    """Return the most memory in bytes that this process has had."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def write(kind, folder):
    """Write the whole files; then, for each line that comes in, a damaged one, and say what was done."""
    whole, rng, (name, _) = WRITERS[kind](), np.random.default_rng(1), READERS[kind]
    for file, content in {**whole.beside, name: whole.content}.items():
        (folder / file).write_bytes(content)
    print("written", flush=True)
    inside = whole.inside(whole.content) if whole.inside else None
    for number, _ in enumerate(sys.stdin):
        damage = DAMAGES[number % len(DAMAGES)]
        forged = inside is not None and number // len(DAMAGES) % 2 == 1
        content = whole.wrap(damage(inside, rng)) if forged else damage(whole.content, rng)
        if content == whole.content:
            content = content[:-1]
        (folder / name).write_bytes(content)
        print(f"{damage.__name__}{' forged' * forged}", flush=True)


def main(kind, folder, count):
    name, read = READERS[kind]
    command = [sys.executable, __file__, kind, folder, "write"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as writer:
        writer.stdout.readline()
        before = peak_memory()
        right = {key: np.array(value) for key, value in read(folder).items()}
        took = max(peak_memory() - before, sum(array.nbytes for array in right.values()))
        result = {"refused": 0, "as the whole": 0, "forged": 0, "quiet": [], "raised": [], "unnamed": []}
        slowest = 0.0
        for number in range(count):
            print("next", file=writer.stdin, flush=True)
            damage, forged, _ = f"{writer.stdout.readline().strip()}  ".split(" ", 2)
            what = f"{number}: {damage} {forged}"
            print(what, flush=True)  # what the last line is if it hangs
            start = time.perf_counter()
            try:
                found = read(folder)
            except ValueError as error:
                result["refused"] += 1
                if name.partition(".")[0] not in str(error) or "\n" in str(error):
                    result["unnamed"].append(f"{what}: {error}")
            except BaseException as error:
                result["raised"].append(f"{what}: {type(error).__name__} {error}")
            else:
                cut_off = damage == "cut" or (damage == "append" and kind not in GOES_ON)
                if forged and not same(found, right):
                    result["forged"] += 1  # another file, with check sums of its own
                elif same(found, right):
                    result["as the whole"] += 1
                elif kind in UNSUMMED and not cut_off and UNSUMMED[kind](found) == UNSUMMED[kind](right):
                    result["as the whole"] += 1
                else:
                    result["quiet"].append(what)
            slowest = max(slowest, time.perf_counter() - start)
        writer.stdin.close()
    print(json.dumps(result | {"whole": took, "damaged": peak_memory() - before, "slowest": slowest}))


if __name__ == "__main__":
    if sys.argv[3] == "write":
        write(sys.argv[1], pathlib.Path(sys.argv[2]))
    else:
        main(sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]))
