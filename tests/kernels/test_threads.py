"""Where no thread can be started, as in a browser, everything is computed in turn, to the same bits."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from oracles import pieces
from places import ROOT
from test_data_imagenet import batches, folders, train  # noqa: F401 (fixtures)

import minires.functional as F
from minires import data
from minires.data.folder import find_damaged
from minires.kernels.cpu import parallel, threads

# a program in which no thread can be started, before anything is imported
FORBID = """
import threading
def start(self):
    raise RuntimeError("can't start new thread")
threading.Thread.start = start
"""


def convolution(rng):
    x, w = rng.standard_normal((6, 8, 9, 9)), rng.standard_normal((8, 8, 3, 3))
    y, cache = F.conv2d_forward(x, w, None, padding=1)
    return y, *F.conv2d_backward(y, cache)[:2]


def test_chunks_are_computed_in_turn_in_the_calling_thread_with_the_bits_of_three_threads(no_threads):
    with pieces(3, 4):
        found = parallel.in_chunks(lambda *edge: (threading.get_ident(), edge), 7, np.zeros(8))
        alone = convolution(np.random.default_rng(0))
    assert found == [(threading.get_ident(), edge) for edge in ((0, 2), (2, 4), (4, 7))]
    threads.can_start.cache_clear()
    threading.Thread.start, forbidden = START, threading.Thread.start
    try:
        parallel._forget_threads()
        with pieces(3, 4):
            together = convolution(np.random.default_rng(0))
    finally:
        threading.Thread.start = forbidden
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


START = threading.Thread.start


def test_work_that_raises_ends_the_call_with_its_error(no_threads):
    def work(begin, end):
        if begin:
            raise ValueError("the second chunk")
        return begin

    with pieces(2, 4), pytest.raises(ValueError, match="the second chunk"):
        parallel.in_chunks(work, 4, np.zeros(8))


def test_batches_are_prepared_when_they_are_asked_for(no_threads):
    digits, _ = data.load("digits")
    choices = {"batch_size": 64, "seed": 0, "normalisation": data.Normalisation.fit(digits)}
    inline = data.Batches(digits, prefetch=2, **choices)
    made = []
    inline.augment = lambda images, rng: made.append(len(images)) or images
    epoch = inline.epoch(0)
    next(epoch)
    assert made == [64]
    for one, other in zip(inline.epoch(1), data.Batches(digits, prefetch=0, **choices).epoch(1), strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_images_are_decoded_and_looked_at_in_turn(no_threads, train):  # noqa: F811
    found = [x for x, _ in batches(train, prefetch=2).epoch(0)]
    expected = [x for x, _ in batches(train, prefetch=0).epoch(0)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    look = lambda path: path.read_bytes() and None  # noqa: E731
    assert find_damaged(train.folder, train.files, look) == {}


def test_without_threads_one_is_what_kernels_use_unless_told_otherwise():
    ask = "from minires.kernels.cpu import parallel; print(parallel.get_threads())"
    for script, more, expected in (
        (FORBID + ask, {}, "1"),
        (FORBID + ask, {"MINIRES_THREADS": "3"}, "3"),
        (FORBID + ask.replace("print", "parallel.set_threads(2); print"), {}, "2"),
    ):
        assert python(script, **more).strip() == expected


def test_a_network_trains_and_is_evaluated_without_threads(tmp_path):
    command = (
        f"import sys; sys.argv = ['minires', 'train', '--epochs', '1', '--out', {str(tmp_path / 'run')!r}]"
    )
    said = python(f"{FORBID}\n{command}\nfrom minires.__main__ import main\nsys.exit(main())")
    assert "error" in said.lower() and (tmp_path / "run").is_dir()


def python(script, **more):
    """Return what a program in a process of its own prints; it has to end well."""
    environment = {k: v for k, v in os.environ.items() if k != "MINIRES_THREADS"} | more
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
