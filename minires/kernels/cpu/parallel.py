"""Cut an operation into cache-sized blocks and run them on a few threads.

NumPy works on one array at a time and on one core; a large array leaves the cache between two of its
operations. So kernels cut their arrays along the outermost axis into *chunks*, one for each thread, and walk
through a chunk in *blocks* small enough to stay in the cache while everything that has to happen to them
happens. NumPy releases the interpreter lock inside its loops (but for a few, see `sums.of_lines`), so plain
threads suffice; where none can be started, as in a browser, one chunk follows the other. The BLAS library
runs single-threaded meanwhile: its own threads would fight with ours for the cores.

The cut depends only on the number of rows and threads, and results come back in order: the same thread
count gives the same bits.
"""

import contextvars
import math
import os
import threading

import numpy as np

from minires.kernels.cpu import threads

BLOCK = 1 << 18  # elements of a block: 1 MB in float32, half of a common L2 cache
WORTH_THREADS = 1 << 16  # elements below which starting a thread costs more than it saves
# elements of x below which a kernel leaves the work to the textbook, as `minires bench --kernels` measures
SMALL = 1 << 14
MUCH = 1 << 24  # multiply-adds of a convolution that two threads finish sooner than one
ALONE = 1 << 18  # multiply-adds of a matrix product below which BLAS uses one thread by itself (OpenBLAS)
LARGE = 1 << 20  # elements from which on work on every number by itself gains by blocks and threads

_state = threading.local()  # in_chunk: this thread is inside a chunk; buffers: its scratch arrays
_pool = None
_threads = None
_blas = None  # threadpoolctl's controller
_lock = threading.RLock()  # one operation at a time has the threads, also where several threads ask


def get_threads():
    """Return how many threads kernels use: set_threads, else MINIRES_THREADS, else the usable cores
    (1 where no thread can be started).
    """
    if _threads is None:
        wanted = os.environ.get("MINIRES_THREADS", "").strip()
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        try:
            set_threads(int(wanted) if wanted else usable if threads.can_start() else 1)
        except ValueError:
            raise ValueError(f"MINIRES_THREADS: expected a positive integer, got {wanted!r}") from None
    return _threads


def set_threads(count):
    """Use count threads from now on. Raises ValueError unless it is a positive integer."""
    global _threads, _pool
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"threads: expected an integer of at least 1, got {count!r}")
    with _lock:  # not while another thread hands out its chunks
        if _pool is not None:
            _pool.shutdown(wait=False)
        _threads, _pool = count, None


def in_chunks(work, rows, array, *, times=1, multiply_adds=math.inf):
    """Cut range(rows) into one chunk a thread, call work(begin, end) on each, return the results in order.

    array: the array that is worked on; one too small to be worth a thread is one chunk. times: that many
    times as large it has to be, where its elements take little arithmetic. multiply_adds: of a convolution;
    one of too few (MUCH) is one chunk too.
    A work that raises ends the call with its exception once all chunks have ended.
    """
    if getattr(_state, "in_chunk", False):
        return [work(0, rows)]
    with _lock, _blas_controller().limit(limits=1, user_api="blas"):
        worth = array.size >= times * WORTH_THREADS and multiply_adds >= MUCH
        count = min(rows, get_threads()) if worth else 1
        edges = [(rows * part // count, rows * (part + 1) // count) for part in range(count)]
        others = [  # in the caller's context, which holds its numpy.errstate
            _threads_pool().submit(contextvars.copy_context().run, _run, work, *edge) for edge in edges[1:]
        ]
        try:
            first = _run(work, *edges[0])
        finally:
            errors = [future.exception() for future in others]  # even after an error no chunk runs on
        for error in filter(None, errors):
            raise error
        return [first, *(future.result() for future in others)]


def blocks(begin, end, rows_in_a_block):
    """Cut the chunk [begin, end) into slices of at most rows_in_a_block rows."""
    step = max(1, rows_in_a_block)
    return [slice(row, min(row + step, end)) for row in range(begin, end, step)]


def elementwise(function, *arrays, whole_below=None):
    """Return function applied block by block to arrays of one shape: function(*blocks, out) fills each block.

    The result has the shape, dtype and memory order of the first array. whole_below: as in `blockwise`.
    """
    out = np.empty_like(arrays[0])
    blockwise(function, *arrays, out, whole_below=whole_below)
    return out


def blockwise(function, *arrays, whole_below=None):
    """Call function(*blocks) on matching blocks of arrays of one shape, in no particular order.

    Arrays that are ordered differently in memory are one block, and so are those of fewer elements than
    whole_below (None: WORTH_THREADS).
    """
    first, whole_below = arrays[0], WORTH_THREADS if whole_below is None else whole_below
    flat = _in_memory_order(arrays) if first.size >= whole_below else None
    if flat is None:
        function(*arrays)
        return

    def chunk(begin, end):
        for block in blocks(begin, end, BLOCK):
            function(*(array[block] for array in flat))

    in_chunks(chunk, first.size, first)


def scratch(name, shape, like):
    """Return an uninitialised array of like's dtype: this thread's own of that name, reused by every call.

    Fresh memory has to be cleared by the operating system first, which costs more than the arithmetic.
    """
    buffers = _state.__dict__.setdefault("buffers", {})
    size = math.prod(shape) * like.dtype.itemsize
    if name not in buffers or buffers[name].nbytes < size:
        buffers[name] = np.empty(size, np.uint8)
    return buffers[name][:size].view(like.dtype).reshape(shape)


def _in_memory_order(arrays):
    """Return flat views that walk all arrays in the order of their memory, or None if they differ in it."""
    first = arrays[0]
    order = sorted(range(first.ndim), key=lambda axis: -first.strides[axis])
    ordered = [array.transpose(order) for array in arrays]
    if not all(array.flags.c_contiguous for array in ordered):
        return None
    return [array.reshape(-1) for array in ordered]


def _run(work, begin, end):
    _state.in_chunk = True
    try:
        return work(begin, end)
    finally:
        _state.in_chunk = False


def _threads_pool():
    global _pool
    if _pool is None:
        _pool = threads.pool(get_threads() - 1, "minires")
    return _pool


def _blas_controller():
    global _blas
    if _blas is None:
        from threadpoolctl import ThreadpoolController

        _blas = ThreadpoolController()
    return _blas


def _forget_threads():
    """A forked child has no threads: start new ones when they are needed."""
    global _pool, _lock
    _pool, _lock = None, threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
