"""Which kernels earn their place: each beside the textbook's function, at sizes that the zoo's networks have.

A kernel stays if, with one thread or with all of them, it is 1.3 times as fast on a size that people use.
Arrays lie in memory as inside a network, for that is where it runs.
"""

import itertools
import statistics
from collections import namedtuple

import numpy as np
import threadpoolctl

import minires.functional as F
from minires import kernels
from minires.bench import clock
from minires.kernels import cpu
from minires.kernels.cpu import parallel
from minires.kernels.cpu.layout import empty_images

EARNS = 1.3  # times as fast as the textbook
IMAGES = (  # activations of ResNet-20 (128 images of 32x32), ResNet-50 (16 of 224x224), and of small networks
    (128, 16, 32, 32),
    (128, 64, 8, 8),
    (16, 64, 112, 112),
    (16, 256, 14, 14),
    (64, 16, 8, 8),
)
WEIGHTS = ((64, 64, 3, 3), (512, 512, 3, 3), (4096, 4096))

Case = namedtuple("Case", "name size prepare")
Case.__doc__ = """A kernel on arrays of one size. prepare(): returns the function that does the work once."""


def cases():
    """Return the list of all Cases, several for each kernel."""
    return [Case(name, size, _preparation(name, size)) for name, size in _names_and_sizes()]


def select(words):
    """Return the Cases with one of the words in their names; all of them if there are no words.

    Raises ValueError for a word that no kernel has.
    """
    every = cases()
    for word in words:
        if not any(word.lower() in case.name for case in every):
            known = ", ".join(dict.fromkeys(case.name for case in every))
            raise ValueError(f"--kernels: no kernel is called {word!r}; there are {known}")
    return [case for case in every if not words or any(word.lower() in case.name for word in words)]


def _names_and_sizes():
    for name in F.__all__:
        if hasattr(cpu, name):
            yield from itertools.product((name,), WEIGHTS if name == "sgd_step" else _fitting(name))


def _fitting(name):
    """Return the sizes at which an operation is used."""
    if name.startswith("local_response_norm"):
        return ((16, 64, 56, 56), (16, 192, 28, 28))
    if name.startswith("linear"):
        return ((100, 128), (16, 2048), (8, 25088))
    if name.startswith("resample"):
        return ((16, 512, 7, 7), (16, 64, 56, 56))
    if name.startswith("roi"):
        return ((4, 64, 16, 16), (2, 64, 24, 32))  # maps of a residual network's last stage; see `_regions`
    return IMAGES


def _preparation(name, size):
    def prepare():
        pair, _, direction = name.rpartition("_")
        if name == "sgd_step":
            arrays = [_images(size, seed) for seed in range(3)]
            options = {"lr": 1e-9, "momentum": 0.9, "decay": 1e-4, "nesterov": False}
            return lambda: F.sgd_step(*arrays, **options)
        inputs, options = _arguments(pair, size)
        if direction != "backward":
            if name.endswith("predict"):
                options = options | {"relu": True}
            return lambda: getattr(F, name)(*inputs, **options)
        y, cache, *_ = getattr(F, f"{pair}_forward")(*inputs, **options)
        dy = _images(y.shape, 9)
        if pair == "global_avg_pool2d":
            return _with_the_layers_before(inputs[0], dy, cache)
        return lambda: getattr(F, name)(dy, cache)

    return prepare


def _with_the_layers_before(x, dy, cache):
    """Return the work of global average pooling's backward, and of the ReLU and batch norm before it.

    The textbook spreads dy by strides, at no cost; who comes next pays for the order of memory in which it is
    left. So these two are part of the work, both times with their kernels.
    """
    _, norm_cache, _ = F.batch_norm_train_forward(x, *(np.full(x.shape[1], v, np.float32) for v in (1, 0)))

    def work():
        dx = F.global_avg_pool2d_backward(dy, cache)
        with kernels.use("fast"):
            F.batch_norm_train_backward(F.relu_backward(dx, (x,)), norm_cache)

    return work


def _arguments(pair, size):
    """Return (arrays, options) of a forward on images of that size."""
    x, channels = _images(size, 0), size[1]
    vectors = [np.full(channels, value, np.float32) for value in (1, 0, 0, 1)]
    if pair == "conv2d":
        return (x, _images((channels, channels, 3, 3), 1).copy()), {"padding": 1}
    if pair == "linear":
        return (x, _images(({128: 128, 2048: 1000, 25088: 4096}[channels], channels), 1)), {}
    if pair == "resample":
        across = np.random.default_rng(2).random((2 * size[3], size[3]), np.float32)
        return (x, across, across), {}
    if pair.startswith("roi"):
        return (x, *_regions(size)), {"size": 4, "scale": 0.25}
    if pair == "max_pool2d":
        return (x,), {"kernel_size": 3, "stride": 2, "padding": 1}
    extra = {
        "batch_norm_train": vectors[:2],
        "batch_norm_eval": vectors,
        "residual_add": [_images(size, 1)],
        "dropout": [_images(size, 1)],
        "gate": [_images(size, 1), _images(size, 2)],
    }
    return (x, *extra.get(pair, ())), {}


def _regions(size):
    """Return 128 boxes of a tenth to two fifths of the images' sides, and the image that each lies in."""
    n, _, h, w = size
    rng, whole = np.random.default_rng(3), np.array([4 * w, 4 * h])
    first = rng.uniform(0, 0.6, (128, 2))
    boxes = np.concatenate([first * whole, (first + rng.uniform(0.1, 0.4, (128, 2))) * whole], axis=1)
    return boxes.astype(np.float32), np.arange(128) * n // 128


def _images(size, seed):
    """Return normal numbers, images in the order of memory of a network's activations."""
    array = np.random.default_rng(seed).standard_normal(size, dtype=np.float32)
    if array.ndim != 4:
        return array
    ours = empty_images(array, size)
    ours[...] = array
    return ours


def measure(chosen, *, seconds=0.5, say=lambda record: None):
    """Return a record for each Case: seconds of kernel and textbook with one thread and with all of them.

    seconds: to spend on each with each number of threads, about; say: called with each record.
    """
    threads, records = parallel.get_threads(), []
    try:
        for case in chosen:
            record = {"name": case.name, "size": case.size, "kernel": {}, "textbook": {}}
            for count in sorted({1, threads}):
                parallel.set_threads(count)
                with threadpoolctl.threadpool_limits(count, user_api="blas"):
                    work = case.prepare()
                    workloads = {which: _run_with(which, work) for which in kernels.CHOICES}
                    times = clock.in_turn(workloads, seconds=seconds)
                record["kernel"][count] = statistics.median(times["fast"])
                record["textbook"][count] = statistics.median(times["textbook"])
            record["ratio"] = min(record["textbook"].values()) / min(record["kernel"].values())
            records.append(record)
            say(record)
    finally:
        parallel.set_threads(threads)
    return records


def _run_with(which, work):
    def run():
        with kernels.use(which):
            work()

    return run


def head(threads):
    """Return the table's head for that number of threads."""
    counts = sorted({1, threads})
    columns = "".join(f"{f'{kind}, {n}':>13}" for kind in ("kernel", "textbook") for n in counts)
    return f"ms, with so many threads; best textbook / best kernel\n{'':45}{columns}{'ratio':>8}"


def line(record):
    """Return a record's line of the table."""
    size = "x".join(map(str, record["size"]))
    times = [*record["kernel"].values(), *record["textbook"].values()]
    return (
        f"{record['name']:29}{size:>16}"
        + "".join(f"{1e3 * t:13.3f}" for t in times)
        + f"{record['ratio']:8.2f}"
    )


KEPT = {"linear": "linear is kept for its threads: BLAS's own would fight with those of other processes"}


def verdict(records):
    """Return the sentence below the table: which kernels do not earn their place on this machine."""
    best = {}
    for record in records:
        best[record["name"]] = max(best.get(record["name"], 0), record["ratio"])
    slow = [f"{name} ({ratio:.2f})" for name, ratio in best.items() if ratio < EARNS]
    kept = [reason for pair, reason in KEPT.items() if any(name.startswith(pair) for name in slow)]
    if not slow:
        return f"every kernel is at least {EARNS} times as fast as the textbook at one of its sizes"
    return f"not {EARNS} times as fast as the textbook at any of these sizes: {', '.join(slow)}" + "".join(
        f"; {reason}" for reason in kept
    )
