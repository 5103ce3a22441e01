"""What all tests share: the helpers beside them can be imported (`import strict_cupy`), and kernels run."""

import errno
import os
import pathlib
import subprocess
import sys
import threading

import pytest

from minires.kernels.cpu import parallel, threads

TESTS = pathlib.Path(__file__).parent
# the folders mirror the package's; a file of tests may use what another one defines
sys.path[:0] = [str(folder) for folder in {TESTS, *(path.parent for path in TESTS.glob("*/test_*.py"))}]


@pytest.fixture(autouse=True)
def kernels_take_small_arrays():
    """Tests compute with small arrays, which kernels leave to the textbook: here they take them all."""
    before = parallel.SMALL, parallel.ALONE, parallel.LARGE
    parallel.SMALL = parallel.ALONE = parallel.LARGE = 0
    yield
    parallel.SMALL, parallel.ALONE, parallel.LARGE = before


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """`-n auto`: at most four, for each worker computes in threads, and some networks take a gigabyte."""
    return min(4, os.cpu_count() or 1)


@pytest.fixture
def no_threads(monkeypatch):
    """No thread can be started, as in a browser."""

    def start(self):
        raise RuntimeError("can't start new thread")

    pool = parallel._pool
    threads.can_start.cache_clear()
    monkeypatch.setattr(threading.Thread, "start", start)
    parallel._forget_threads()
    yield
    parallel._forget_threads()
    parallel._pool = pool
    threads.can_start.cache_clear()


@pytest.fixture
def no_processes(monkeypatch):
    """No process can be started, as in a browser."""

    def refuse(*_, **__):
        raise OSError(errno.ENOTSUP, "this system does not support processes")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    monkeypatch.setattr(subprocess.Popen, "__del__", lambda self: None)
    for name in ("fork", "forkpty", "posix_spawn", "system"):
        monkeypatch.setattr(os, name, refuse, raising=False)
