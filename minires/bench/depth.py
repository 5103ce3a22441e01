"""Does a layer cost the same among 20 layers and among 1202? Time and memory of a step, by depth."""

import statistics
import time
import tracemalloc

import numpy as np

import minires.functional as F
from minires import models
from minires.kernels.cpu import parallel

DEPTHS = (20, 56, 110, 218, 434, 1202)


def measure(*, depths=DEPTHS, batch_size, size, steps=3):
    """Return a list of dicts, one for each depth of `models.cifar_resnet`: depth, seconds (of forward and
    backward, a median of steps taken alternately), bytes (that one such step allocates at most),
    and both divided by the depth. Raises ValueError for a depth that is not 6n + 2."""
    workloads = {depth: _step(depth, batch_size, size) for depth in depths}
    seconds = {depth: [] for depth in depths}
    for taken in range(steps + 1):  # the first step warms up
        for depth, work in workloads.items():
            start = time.perf_counter()
            work()
            if taken:
                seconds[depth].append(time.perf_counter() - start)
    records = []
    for depth, work in workloads.items():
        record = {"depth": depth, "seconds": statistics.median(seconds[depth]), "bytes": _peak(work)}
        record |= {f"{name}_per_layer": record[name] / depth for name in ("seconds", "bytes")}
        records.append(record)
    return records


def table(records):
    """Return the records as text, one line for each depth."""
    lines = [f"{'depth':>6}{'ms/step':>12}{'ms/layer':>12}{'MB/step':>12}{'MB/layer':>12}"]
    for record in records:
        times = [1000 * record["seconds"], 1000 * record["seconds_per_layer"]]
        sizes = [record["bytes"] / 1e6, record["bytes_per_layer"] / 1e6]
        lines.append(f"{record['depth']:6}{times[0]:12.0f}{times[1]:12.2f}{sizes[0]:12.1f}{sizes[1]:12.3f}")
    return "\n".join([*lines, f"{parallel.get_threads()} threads"])


def _step(depth, batch_size, size):
    """Return a function that runs forward and backward once on random images."""
    rng = np.random.default_rng(0)
    net = models.cifar_resnet(depth=depth, rng=rng)
    x = rng.standard_normal((batch_size, 3, size, size), dtype=np.float32)
    labels = rng.integers(0, 10, batch_size)

    def step():
        logits, cache = net.forward(x, train=True)
        _, loss_cache = F.softmax_cross_entropy_forward(logits, labels)
        net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)

    return step


def _peak(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
