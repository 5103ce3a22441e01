"""Hand students to any engine that speaks `concurrent.futures`, and lose none of them with a worker.

    for student, rows in graded(work, files, functools.partial(ProcessPoolExecutor, 4)):

A worker that dies breaks a pool of processes as a whole, so a pool is made anew for every round: all
students; those who are left, once more; then those whose pool broke again, each in a pool alone, for it may
have been the worker of another one that died.
"""

import contextlib
from concurrent.futures import BrokenExecutor, as_completed


class Lost:
    """What came in place of a student's rows. why: the last exception's name."""

    def __init__(self, error):
        self.why, self.is_of_the_pool = type(error).__name__, isinstance(error, BrokenExecutor)


def graded(work, files, executor, abandon=lambda: None):
    """Yield (student, rows, or a Lost) in the order of finishing.

    work: called with Files in a worker, returns rows; files: {student: Files}; executor: called without
    arguments, returns an Executor; abandon: called when it ends early, before what runs is waited for: by a
    ValueError, by what is no Exception, or by its caller.
    """
    left = yield from _round(work, files, executor, abandon)
    if left:
        left = yield from _round(work, {student: files[student] for student in left}, executor, abandon)
    for student, lost in left.items():
        again = {}
        if lost.is_of_the_pool:
            again = yield from _round(work, {student: files[student]}, executor, abandon)
        if again or not lost.is_of_the_pool:
            yield student, again.get(student, lost)


def _round(work, files, executor, abandon):
    """Yield (student, rows) of those that come back; return {student: Lost} of the others."""
    left, futures = {}, {}
    with executor() as pool:
        try:
            for student, each in files.items():
                try:
                    futures[pool.submit(work, each)] = student
                except BrokenExecutor as error:
                    left[student] = Lost(error)
            for future in as_completed(futures):
                student = futures[future]
                try:
                    rows = future.result()
                except ValueError:  # of the machine or the command: true for everybody
                    raise
                except Exception as error:
                    left[student] = Lost(error)
                else:
                    yield student, rows
        except BaseException:
            abandon()
            with contextlib.suppress(TypeError):  # not every engine's knows what Python's knows
                pool.shutdown(wait=False, cancel_futures=True)
            raise
    return left
