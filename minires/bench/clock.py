"""Honest stopwatches: sides work turns, A B C A B C ..., so that a machine whose speed drifts slows all
alike.

What could favour a side, and what is done about it:

- Threads: all sides use the same number of them.
- First calls lay out memory, choose kernels and start threads: they are not counted.
- Idle threads: OpenMP's (PyTorch) go on spinning for some milliseconds after their work, on cores that the
  other side then wants. Forbidding it would favour us: with OMP_WAIT_POLICY=PASSIVE the ResNet-20 step of
  PyTorch took 219 ms instead of 183 (2 cores, some other load). So both sides keep their own habits, and
  each turn begins after a pause in which the threads of the last one fall asleep.
- Sleeping threads: an operating system may wake two threads on one core, and takes some 50 ms to part them:
  four calls of a 3x3 convolution took 13 ms each before the fifth took 7.5. In a real training another step
  has come just before; so the work is repeated until the threads have found their cores, and then timed.
- Memory: glibc returns freed memory to the operating system, and a side that gets it back page by page took
  15 ms for what takes 8, unless a block of that size has been freed once before. In a network this has
  happened long ago; here `settle_memory` sees to it.
- Other programs: on busy cores the same threads spin in vain, and that step took 2700 ms while ours took 550.
  No ratio of such a run means anything; `disturbed` says which rows to distrust.
- Python's garbage collector is off while the clock runs.
"""

import gc
import itertools
import statistics
import time

import numpy as np

PAUSE = 0.03  # seconds; libgomp's threads spin for about 1 to 10 ms
WARM = 0.1  # seconds of work in which waking threads find their cores
LONG = 0.5  # seconds of work beside which the first moments do not count

UNSTEADY = 1.4  # undisturbed turns differ by a few percent


def in_turn(workloads, *, seconds, least=3, most=25, steps=None):
    """Return {side: [seconds of each turn]} of workloads, {side: function without arguments}.

    seconds: roughly how long to measure: as many rounds as fit, but `least` to `most`; steps: or this many
    rounds.
    """
    settle_memory()
    first = {side: once(work) for side, work in workloads.items()}
    if max(first.values()) < LONG:  # else the warm-up was a small part of it
        first = {side: once(work) for side, work in workloads.items()}
    warm = {side: 0 if first[side] > LONG else max(WARM, first[side]) for side in workloads}
    round_takes = sum(PAUSE + warm[side] + first[side] for side in workloads)
    rounds = max(least, min(most, int(seconds / round_takes) - 1))
    times = {side: [] for side in workloads}
    for _ in range(steps or rounds):
        for side, work in workloads.items():
            times[side].append(_time(work, warm=warm[side]))
    return times


def settle_memory():
    """Free a block of nearly 32 MB, the largest that glibc learns to keep by that; then it keeps all smaller
    ones too."""
    np.empty(31 << 20, np.uint8).fill(1)


def once(work):
    """Return the seconds of one call, without a call before it."""
    return _time(work, warm=0)


def _time(work, warm):
    """Return the seconds of one call, after a pause and calls that took `warm` seconds or a little more."""
    time.sleep(PAUSE)
    collecting = gc.isenabled()
    gc.disable()
    try:
        end = time.perf_counter() + warm
        while time.perf_counter() < end:
            work()
        start = time.perf_counter()
        work()
        return time.perf_counter() - start
    finally:
        if collecting:
            gc.enable()


def disturbed(times, at_best=()):
    """Whether other programs were running: the median turn took far longer than the shortest one.

    times: lists of the seconds of turns; at_best: how long each takes undisturbed, where that is known.
    """
    pairs = itertools.zip_longest(times, at_best)
    return any(statistics.median(t) > UNSTEADY * min(filter(None, [*t, best])) for t, best in pairs)


def ratio(ours, theirs):
    """Return the median over the rounds of our time divided by theirs."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
