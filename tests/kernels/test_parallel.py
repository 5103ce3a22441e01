"""Chunks, blocks, scratch arrays and thread counts: order, errors, nesting, and what they leave behind."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from oracles import pieces
from places import ROOT

import minires.functional as F
from minires.kernels.cpu import parallel

BIG = np.zeros(8)  # large enough: pieces() puts the threshold at 0


@pytest.fixture
def three_threads():
    with pieces(3, 4):
        yield


def chunk(begin, end):
    return begin, end


def test_chunks_come_back_in_order_and_cover_every_row_once(three_threads):
    for rows in (1, 2, 3, 4, 7, 100):
        edges = parallel.in_chunks(chunk, rows, BIG)
        assert len(edges) == min(3, rows)
        assert [row for begin, end in edges for row in range(begin, end)] == list(range(rows))


def test_chunks_of_slow_and_fast_work_come_back_in_order(three_threads):
    third_has_run = threading.Event()

    def work(begin, end):
        if end == 3:
            third_has_run.set()
        else:
            assert third_has_run.wait(10)
        return begin

    assert parallel.in_chunks(work, 3, BIG) == [0, 1, 2]  # and the three ran at the same time


def test_one_thread_is_one_chunk_in_the_calling_thread():
    with pieces(1, 4):
        seen = parallel.in_chunks(lambda *edges: (threading.get_ident(), edges), 5, BIG)
    assert seen == [(threading.get_ident(), (0, 5))]


def test_a_small_array_is_one_chunk():
    with pieces(3, 4):
        parallel.WORTH_THREADS = 9
        assert parallel.in_chunks(chunk, 8, BIG) == [(0, 8)]
        parallel.WORTH_THREADS = 8
        assert len(parallel.in_chunks(chunk, 8, BIG)) == 3
        parallel.WORTH_THREADS = 4
        assert len(parallel.in_chunks(chunk, 8, BIG, times=2)) == 3
        assert parallel.in_chunks(chunk, 8, BIG, times=3) == [(0, 8)]


def test_a_convolution_of_few_multiply_adds_is_one_chunk():
    with pieces(3, 4):
        parallel.MUCH = 100
        assert parallel.in_chunks(chunk, 8, BIG, multiply_adds=99) == [(0, 8)]
        assert len(parallel.in_chunks(chunk, 8, BIG, multiply_adds=100)) == 3


def test_chunks_within_a_chunk_run_in_its_thread(three_threads):
    def outer(begin, end):
        inner = parallel.in_chunks(lambda *edges: (threading.get_ident(), edges), 6, BIG)
        return inner == [(threading.get_ident(), (0, 6))]

    assert parallel.in_chunks(outer, 3, BIG) == [True] * 3
    assert len(parallel.in_chunks(chunk, 3, BIG)) == 3  # and the outer level splits again afterwards


def test_the_callers_errstate_holds_in_every_chunk(three_threads):
    with np.errstate(over="raise"):
        assert parallel.in_chunks(lambda *edges: np.geterr()["over"], 3, BIG) == ["raise"] * 3
    with np.errstate(over="ignore"):
        assert parallel.in_chunks(lambda *edges: np.geterr()["over"], 3, BIG) == ["ignore"] * 3


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_in_a_chunk_reaches_the_caller_after_all_chunks_have_ended(three_threads, failing):
    ended = []

    def work(begin, end):
        if begin == failing:
            raise KeyError("the chunk's own error")
        threading.Event().wait(0.05)
        ended.append(begin)

    with pytest.raises(KeyError, match="the chunk's own error"):
        parallel.in_chunks(work, 3, BIG)
    assert sorted(ended) == [row for row in range(3) if row != failing]
    assert parallel.in_chunks(chunk, 3, BIG) == [(0, 1), (1, 2), (2, 3)]  # the pool still works


def blas_threads():
    """The threads of NumPy's BLAS library; other packages (SciPy) bring copies of their own."""
    return [library.get_num_threads() for library in parallel._blas_libraries()]


@pytest.fixture
def blas_with_threads():
    assert parallel.one_blas_thread._depth == 0, "a block before this was not left"
    if max(blas_threads(), default=1) == 1:
        pytest.skip("this BLAS library has no threads, or does not tell")
    return blas_threads()


def test_blas_is_limited_to_one_thread_within_chunks_and_restored_after(three_threads, blas_with_threads):
    inside = parallel.in_chunks(lambda begin, end: blas_threads(), 3, BIG)
    assert all(set(counts) == {1} for counts in inside)
    assert blas_threads() == blas_with_threads

    def fail(begin, end):
        raise KeyError

    with pytest.raises(KeyError):
        parallel.in_chunks(fail, 3, BIG)
    assert blas_threads() == blas_with_threads


def test_one_limit_holds_for_all_that_is_inside(three_threads, blas_with_threads):
    with parallel.one_blas_thread:
        assert set(blas_threads()) == {1}
        parallel.in_chunks(chunk, 3, BIG)
        assert set(blas_threads()) == {1}
    assert blas_threads() == blas_with_threads


def test_blas_stays_limited_while_a_second_caller_is_at_work(three_threads, blas_with_threads):
    # the first to leave must not lift the limit for the other, nor the last leave it in force
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))
    seen = []

    def first(begin, end):
        first_is_in.set()
        second_is_in.wait(0.3)  # in vain where the second has to wait for the threads

    def second(begin, end):
        second_is_in.set()
        first_is_out.wait(10)
        seen.extend(blas_threads())

    def second_caller():
        first_is_in.wait(10)
        parallel.in_chunks(second, 3, BIG)

    caller = threading.Thread(target=second_caller)
    caller.start()
    parallel.in_chunks(first, 3, BIG)
    first_is_out.set()
    caller.join(30)
    assert set(seen) == {1}
    assert blas_threads() == blas_with_threads


def test_blas_is_limited_for_every_caller_in_turn(three_threads, blas_with_threads):
    seen = []

    def caller():
        parallel.in_chunks(lambda begin, end: seen.extend(blas_threads()), 3, BIG)

    for _ in range(2):
        caller()
        thread = threading.Thread(target=caller)
        thread.start()
        thread.join(10)
    assert set(seen) == {1}
    assert blas_threads() == blas_with_threads


def test_blocks_cover_the_chunk_in_steps():
    assert parallel.blocks(3, 10, 3) == [slice(3, 6), slice(6, 9), slice(9, 10)]
    assert parallel.blocks(0, 2, 0) == [slice(0, 1), slice(1, 2)]  # a row too large for the cache
    assert parallel.blocks(4, 4, 2) == []


def test_scratch_is_reused_by_name_and_grows():
    first = parallel.scratch("a test", (2, 3), like=np.zeros(1, np.float32))
    again = parallel.scratch("a test", (3,), like=np.zeros(1, np.float64))
    other = parallel.scratch("another test", (2, 3), like=first)
    assert first.dtype == np.float32 and first.shape == (2, 3) and first.flags.c_contiguous
    assert again.dtype == np.float64 and again.shape == (3,)
    assert np.shares_memory(first, again) and not np.shares_memory(first, other)
    larger = parallel.scratch("a test", (100,), like=first)
    assert larger.shape == (100,) and not np.shares_memory(first, larger)


def test_every_thread_has_its_own_scratch(three_threads):
    barrier = threading.Barrier(3, timeout=10)

    def work(begin, end):
        array = parallel.scratch("a test", (4,), like=BIG)
        barrier.wait()  # all three hold theirs now
        return array

    first, second, third = parallel.in_chunks(work, 3, BIG)
    assert not any(np.shares_memory(*pair) for pair in ((first, second), (first, third), (second, third)))


@pytest.mark.parametrize("order", ["C", "F"])
def test_elementwise_keeps_the_order_in_memory_and_cuts_only_what_agrees_in_it(three_threads, order):
    x = np.asarray(np.arange(30.0).reshape(5, 6), order=order)
    sizes = []

    def add(x, y, out):
        sizes.append(out.size)
        np.add(x, y, out=out)

    for y, cut in ((x, True), (np.asarray(x, order="CF"[order == "C"]), False)):
        sizes.clear()
        out = parallel.elementwise(add, x, y)
        np.testing.assert_array_equal(out, 2 * x)
        assert out.flags[f"{order}_CONTIGUOUS"]
        assert sum(sizes) == 30 and (max(sizes) <= 4) == cut


# -- the number of threads --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2", None])
def test_set_threads_refuses_what_is_no_positive_integer(count):
    before = parallel.get_threads()
    with pytest.raises((ValueError, TypeError), match="threads: expected .*at least 1") as error:
        parallel.set_threads(count)
    assert str(count) in str(error.value)
    assert parallel.get_threads() == before


def test_set_threads_ends_the_threads_it_replaces():
    with pieces(3, 4):
        parallel.in_chunks(chunk, 3, BIG)
        workers = [thread for thread in threading.enumerate() if thread.name.startswith("minires")]
        assert workers
        parallel.set_threads(2)
        for thread in workers:
            thread.join(10)
            assert not thread.is_alive()
        assert len(parallel.in_chunks(chunk, 3, BIG)) == 2


def threads_with(**environment):
    """Return the finished process that prints how many threads there are, in another environment."""
    code = "from minires.kernels.cpu import parallel; print(parallel.get_threads())"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_minires_threads_sets_the_number():
    assert threads_with(MINIRES_THREADS="7").stdout.strip() == "7"


def test_without_minires_threads_all_usable_cores_are_used():
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert threads_with(MINIRES_THREADS="").stdout.strip() == str(usable)


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "²"])
def test_a_bad_minires_threads_is_refused_by_name(value, monkeypatch):
    monkeypatch.setenv("MINIRES_THREADS", value)
    monkeypatch.setattr(parallel, "_threads", None)
    with pytest.raises(ValueError, match="MINIRES_THREADS: expected a positive integer") as error:
        parallel.get_threads()
    assert repr(value) in str(error.value)


# -- other threads and processes --------------------------------------------------------------------------


def convolve():
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 8, 7)), rng.standard_normal((4, 3, 3, 3))
    y, cache = F.conv2d_forward(x, weight, padding=1, stride=2)
    return y, *F.conv2d_backward(y, cache)[:2]


def test_several_callers_may_compute_at_the_same_time(three_threads):
    expected = convolve()
    wrong = []

    def work():
        for _ in range(30):
            if not all(np.array_equal(*both) for both in zip(convolve(), expected, strict=True)):
                wrong.append(threading.get_ident())

    callers = [threading.Thread(target=work) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert not wrong and not any(caller.is_alive() for caller in callers)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_can_compute():
    # in a process of its own: a fork of the test process would also copy the threads of other libraries
    code = """
import os, sys
sys.path[:0] = ["tests", "tests/kernels"]
import numpy as np
from oracles import pieces
from test_parallel import convolve
with pieces(3, 4):
    expected = convolve()  # the parent's threads exist
    child = os.fork()
    if child == 0:
        same = all(np.array_equal(*both) for both in zip(convolve(), expected))
        os._exit(0 if same else 3)
    _, status = os.waitpid(child, 0)
    assert all(np.array_equal(*both) for both in zip(convolve(), expected))
sys.exit(os.waitstatus_to_exitcode(status))
"""
    root = str(ROOT)
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_number_of_threads_may_change_while_another_thread_computes():
    before, stop, errors = parallel.get_threads(), threading.Event(), []
    x = np.ones(4 * parallel.WORTH_THREADS, np.float32)

    def compute():
        while not stop.is_set():
            try:
                parallel.elementwise(lambda x, out: np.maximum(x, 0, out=out), x)
            except Exception as error:
                errors.append(error)

    other = threading.Thread(target=compute)
    other.start()
    try:
        for count in (1, 2, 3) * 50:
            parallel.set_threads(count)
    finally:
        stop.set()
        other.join(30)
        parallel.set_threads(before)
    assert errors == []
