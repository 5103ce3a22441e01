"""The grader's pool: any engine that speaks concurrent.futures, and no student lost with a worker."""

import functools
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from minires.course import exercise
from minires.course.grade import grader, journal, pool, reports, run
from minires.course.grade.submissions import Files

SUBJECT = exercise.find("1.1")
RIGHT = Files(found={SUBJECT.module: SUBJECT.head.encode()})
WRONG = Files(found={SUBJECT.module: SUBJECT.starter.encode()})
processes = functools.partial(ProcessPoolExecutor, 2, multiprocessing.get_context("spawn"))


@pytest.fixture
def kept(tmp_path):
    return journal.Journal(tmp_path / "journal.jsonl")


def graded(kept, files, **options):
    """Return (rows of all students, calls of progress)."""
    ours, steps = grader.Grader((SUBJECT,), 4, memory=2 << 30), []
    mark = journal.fingerprint((SUBJECT,), 4, 2 << 30)
    rows = run.grade_all(ours, files, kept, mark, jobs=2, progress=lambda: steps.append(1), **options)
    return rows, len(steps)


def test_a_pool_of_processes_gives_the_same_rows_as_threads(kept, tmp_path):
    files = {"cy": WRONG, "ann": RIGHT, "bo": Files(problem="the submission is empty")}
    there = graded(kept, files, executor=processes)
    assert list(there[0]) == ["ann", "bo", "cy"] and there[1] == 3
    assert [reports.points(rows)[0] for rows in there[0].values()] == [3, 0, 0]
    assert there == graded(journal.Journal(tmp_path / "other.jsonl"), files)
    assert there == graded(kept, files, executor=None)  # all known


class Engine(Executor):
    """An engine of our own in this process, which treats every `submit` as told.

    Each of its functions is called with (the number of the submission, Files) and may raise.
    """

    def __init__(self, fate, log):
        self.fate, self.log = fate, log

    def submit(self, function, /, *arguments):
        function, *arguments = pickle.loads(pickle.dumps((function, *arguments)))  # as an engine's wire does
        self.log.append(arguments[0])
        future = Future()
        try:
            self.fate(len(self.log), arguments[0])
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def engine(fate):
    """Return (a maker of Engines, the Files that were submitted to them)."""
    log = []
    return functools.partial(Engine, fate, log), log


def test_a_worker_that_dies_once_costs_nobody_anything(kept):
    def fate(number, files):
        if number == 2:
            raise OSError("the machine is gone")

    executor, log = engine(fate)
    rows, steps = graded(kept, {"ann": RIGHT, "bo": WRONG, "cy": RIGHT}, executor=executor)
    assert [reports.points(each)[0] for each in rows.values()] == [3, 0, 3]
    assert steps == 3 and log == [RIGHT, WRONG, RIGHT, WRONG]


def test_one_that_dies_twice_is_the_instructors_problem_and_tried_again_by_the_next_run(kept):
    def fate(number, files):
        if files == WRONG:
            raise OSError("the machine is gone")

    executor, log = engine(fate)
    rows, steps = graded(kept, {"ann": RIGHT, "bo": WRONG}, executor=executor)
    assert reports.points(rows["ann"])[0] == 3 and reports.points(rows["bo"])[0] is None and steps == 2
    assert log == [RIGHT, WRONG, WRONG]
    assert "no fault of its own" in reports.report("bo", rows["bo"], "Title") and "OSError" in str(rows["bo"])
    log.clear()
    rows, steps = graded(kept, {"ann": RIGHT, "bo": WRONG})
    assert [reports.points(each)[0] for each in rows.values()] == [3, 0] and steps == 2


def test_a_pool_that_breaks_takes_nobody_along_but_the_one_that_breaks_it():
    files = {f"s{i}": i for i in range(12)}
    rows = dict(pool.graded(_dies_with_seven, files, processes))
    assert len(rows) == 12 and isinstance(rows.pop("s7"), pool.Lost)
    assert rows == {f"s{i}": [i] for i in range(12) if i != 7}


def _dies_with_seven(number):
    if number == 7:
        os._exit(1)
    return [number]


def test_a_pool_that_refuses_more_work_is_made_anew():
    pools = []

    class Refusing(ThreadPoolExecutor):
        def __init__(self):
            super().__init__(1)
            pools.append(self)

        def submit(self, function, /, *arguments):
            if len(pools) == 1 and arguments[0] > 1:
                raise BrokenExecutor
            return super().submit(function, *arguments)

    assert dict(pool.graded(lambda number: [number], {"a": 1, "b": 2, "c": 3}, Refusing)) == {
        "a": [1],
        "b": [2],
        "c": [3],
    }
    assert len(pools) == 2


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, grader.Stopped])
def test_what_is_true_for_everybody_ends_it(raised):
    begun = threading.Event()

    def work(number):
        begun.set()
        raise raised

    abandoned = []
    with pytest.raises(raised):
        pooled = functools.partial(ThreadPoolExecutor, 1)
        list(pool.graded(work, {"a": 1, "b": 2}, pooled, abandon=lambda: abandoned.append(1)))
    assert begun.is_set() and abandoned == [1]


def test_what_runs_is_told_to_stop_before_it_is_waited_for():
    stop = threading.Event()

    def work(number):
        return [number] if number == 1 else [stop.wait(20)]

    rows = pool.graded(work, {"a": 1, "b": 2}, functools.partial(ThreadPoolExecutor, 2), abandon=stop.set)
    assert next(rows) == ("a", [1])
    rows.close()  # would take 20 seconds, and leave the event unset
    assert stop.is_set()


def test_a_worker_with_other_exercises_is_refused():
    ours = grader.Grader((SUBJECT,), 4, memory=2 << 30)
    with pytest.raises(ValueError, match="install the same version there"):
        ours.elsewhere("another mark")(RIGHT)
