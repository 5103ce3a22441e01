"""What the machine can do at best: its matrix product and its memory, measured in the same run."""

import os
import platform
import statistics
import time

import numpy as np

from minires.kernels.cpu import parallel

SIDE = 1024  # of the square matrices: 2 GFLOP a product
COPIED = 1 << 24  # elements, 64 MB: more than caches hold


def workloads():
    """Return {"sgemm": function, "copy": function}: each runs once, with all threads."""
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController()
    a, b = np.random.default_rng(0).standard_normal((2, SIDE, SIDE), dtype=np.float32)
    product = np.empty_like(a)
    source, target = np.ones(COPIED, np.float32), np.ones(COPIED, np.float32)

    def sgemm():
        with controller.limit(limits=parallel.get_threads(), user_api="blas"):
            np.matmul(a, b, out=product)

    def chunk(begin, end):
        np.copyto(target[begin:end], source[begin:end])

    return {"sgemm": sgemm, "copy": lambda: parallel.in_chunks(chunk, COPIED, source)}


def work_of(name):
    """Return the FLOP or the bytes of one call. A copied byte counts twice: it is read and written."""
    return {"sgemm": 2 * SIDE**3, "copy": 8 * COPIED}[name]


def measure(workloads, repeats=12):
    """Return {"sgemm": FLOP/s of a large float32 matrix product, "copy": bytes/s of a large copy}, the best
    of several."""
    return {
        name: work_of(name) / min(_seconds(work) for _ in range(repeats)) for name, work in workloads.items()
    }


def fraction(name, work, seconds, ceiling_seconds):
    """Return the fraction of a ceiling's rate that is reached.

    It is the median over the rounds in which both were timed, so that both met the same disturbances. work:
    FLOP or bytes in each of `seconds`.
    """
    pairs = zip(seconds, ceiling_seconds, strict=True)
    return statistics.median(work / ours / (work_of(name) / ceiling) for ours, ceiling in pairs)


def machine():
    """Return one line about the processor and the versions that matter."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}"


def _seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
