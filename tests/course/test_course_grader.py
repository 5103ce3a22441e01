"""One submission and its points; what is kept of it; the names of the files that are written."""

import threading

import grade_class
import pytest
from grade_class import SOLUTION

from minires.course import exercise
from minires.course.grade import grader, isolation, journal, reports, results, submissions
from minires.course.grade import run as runner


@pytest.fixture(autouse=True)
def exercises(tmp_path):
    """Exercise 1.1 alone."""
    there = grade_class.use_exercises(grade_class.write_exercises(tmp_path / "exercises"))
    yield
    exercise.folder = there
    exercise.exercises.cache_clear()


def make():
    return grader.Grader(exercise.of_assignment(1), 1, memory=1 << 30)


def right(paper):
    return [{"problem": "", "mistake": "", "says": "", "noted": False} for _ in paper.questions]


def test_a_missing_a_refused_and_an_unreadable_submission_get_a_line(tmp_path):
    judge = make()
    for files, problem in (
        (submissions.Files(), "ex1_1_linear.py is missing"),
        (submissions.Files(problems={"ex1_1_linear": "it is a link"}), "it is a link"),
        (submissions.Files(problem="the submission is not a zip"), "the submission is not a zip"),
    ):
        got = judge.grade(files)
        assert [(row["points"], row["problem"], row["noted"]) for row in got] == [(0, problem, True)] * 2


@pytest.mark.parametrize(
    "source, problem",
    [
        ("while True: pass", "takes too long when Python reads it"),
        ("import os; os._exit(3)", "ends Python when it is read"),
        (
            "import torch",
            "imports a module that is not available: exercises are solved with NumPy only (line 1 of",
        ),
        (
            "x = 1 / 0",
            "raised ZeroDivisionError at line 1 of ex1_1_linear.py, before any function was called",
        ),
        ("x = (", "is not valid Python (line 1 of ex1_1_linear.py)"),
        ("y = 1", "linear_forward is missing"),
    ],
)
def test_a_file_that_cannot_be_loaded_gets_a_line(source, problem, monkeypatch):
    judge = make()
    monkeypatch.setattr(judge.papers[0], "limits", isolation.Limits(load=1.0))
    got = judge.grade(submissions.Files(found={"ex1_1_linear": source.encode()}))
    assert [row["points"] for row in got] == [0, 0] and problem in got[0]["problem"]


LOST = """
def linear_forward(x, weight, bias):
    import os, sys
    frame = sys._getframe(1)
    while "call" not in frame.f_locals:
        frame = frame.f_back
    if frame.f_locals["call"]["after"] is None:  # it is asked for itself, not for its backward
        os._exit(0)
    return x @ weight.T + bias, (x, weight)
"""


def test_one_function_lost_does_not_cost_the_other():
    source = SOLUTION + LOST
    got = make().grade(submissions.Files(found={"ex1_1_linear": source.encode()}))
    assert [row["points"] for row in got] == [0, 2] and "ended Python" in got[0]["problem"]


def test_a_report_keeps_two_mistakes_with_the_same_problem_apart():
    row = {"exercise": "1.1", "points": 0, "of": 1, "problem": "y is wrong", "says": "", "noted": False}
    rows = [{**row, "function": name, "mistake": name * 3} for name in "fg"]
    text = reports.report("ann", rows, "T")
    assert "## 1.1 `f`\n\ny is wrong.\n\nFff." in text and "## 1.1 `g`\n\ny is wrong.\n\nGgg." in text
    lost = [{**row, "function": name, "mistake": "", "problem": "a.py is missing"} for name in "fg"]
    assert "## 1.1 `f`, `g`\n\na.py is missing." in reports.report("ann", lost, "T")
    unwritten = [{**row, "function": "f", "mistake": "", "problem": "f is not written yet"}]
    assert reports.diagnoses({"ann": unwritten}) == {}
    assert "| 1.1 f | 0 | 0 % | 1 |" in reports.summary({"ann": unwritten}, "T")


def test_a_grader_that_fails_the_solutions_does_not_begin(monkeypatch):
    judge = make()
    wrong = [{**each, "problem": "x"} for each in right(judge.papers[0])]
    monkeypatch.setattr(grader.Paper, "grade", lambda self, source, stop: wrong)
    with pytest.raises(ValueError, match="nothing was graded: on this machine the solution of 1.1 fails too"):
        judge.rehearse()


def test_a_child_that_never_started_is_not_the_students_fault(monkeypatch):
    judge = make()

    def fail(self):
        raise isolation.SandboxError("timeout", "not started")

    monkeypatch.setattr(isolation.Sandbox, "__enter__", fail)
    with pytest.raises(ValueError, match="no isolated process can be started: not started"):
        judge.grade(submissions.Files(found={"ex1_1_linear": SOLUTION.encode()}))


def test_a_stop_ends_a_submission_before_its_next_function():
    judge = make()
    stop = threading.Event()
    stop.set()
    with pytest.raises(grader.Stopped):
        judge.grade(submissions.Files(found={"ex1_1_linear": SOLUTION.encode()}), stop)


# -- files and names ------------------------------------------------------------------------------------


def test_names_of_files_stay_apart_and_are_safe_everywhere():
    students = ["ann", "Ann", "a/b", "a b", "a_b", "..", "CON", "=1", "é", "e\u0301", "x" * 300, "小明"]
    names = results.file_names(students)
    assert len({name.casefold() for name in names.values()}) == len(students)
    assert all(len(name.encode()) < 240 and not set(name) & set('/\\:*?"<>|\n') for name in names.values())
    assert not any(name.startswith(".") or name.upper() == "CON" for name in names.values())
    assert names["小明"] == "小明" and results.file_names(students[::-1]) == names


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1"])
def test_cells_are_no_formulas_and_one_line(text):
    assert results.cell(text) == f"'{text.strip()}"
    assert results.cell("a\nb\r\n") == "a b"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "x.md"
    results.replace(path, "old")
    with monkeypatch.context() as patched:
        patched.setattr(results.os, "replace", lambda *paths: 1 / 0)  # killed after it was written
        with pytest.raises(ZeroDivisionError):
            results.replace(path, "new")
    assert path.read_text() == "old"
    results.replace(path, "new")
    assert path.read_text() == "new" and [path] == list(tmp_path.glob("*.md"))


def test_a_journal_ignores_lines_that_are_none(tmp_path):
    path = tmp_path / "journal.jsonl"
    kept = journal.Journal(path)
    kept.add("ann", "k", [1])
    with open(path, "ab") as file:
        file.write(b'\xff\n[]\n{"student": []}\n{"student": "bo", "ke')
    again = journal.Journal(path)
    assert again.find("ann", "k") == [1] and again.find("ann", "other") is None
    again.add("cy", "k", [2])
    assert journal.Journal(path).find("cy", "k") == [2] and journal.Journal(path).find("ann", "k") == [1]


def test_the_key_of_a_submission_tells_every_byte_apart():
    files = [
        submissions.Files(),
        submissions.Files(found={"a": b"b"}),
        submissions.Files(found={"ab": b""}),
        submissions.Files(problem="ab"),
        submissions.Files(problems={"a": "b", "c": "d"}),
    ]
    assert len({journal.key("m", each) for each in files}) == len(files)
    assert journal.key("m", files[0]) != journal.key("n", files[0])


def test_a_seed_is_drawn_once(tmp_path):
    first = runner.seed_in(tmp_path / "deep" / "seed")
    assert first == runner.seed_in(tmp_path / "deep" / "seed") != runner.seed_in(tmp_path / "other")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["seed"]
