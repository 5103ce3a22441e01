"""The large case of each backward: loops over all numbers pass, numeric differences do not."""

import sys
import threading

import numeric_shortcuts
import numpy as np
import pytest
from places import TESTS

from minires.course import exercise
from minires.course.examination import Examination
from minires.course.grade import child, grader, isolation, large, reports, results
from minires.course.grade.gradebook.entry import book_of
from minires.course.sandbox import perform
from minires.course.values import flatten

BACKWARDS = [(e, p) for e in exercise.exercises() for p in e.parts if p.name.endswith("backward")]
each_backward = pytest.mark.parametrize("subject, part", BACKWARDS, ids=lambda x: getattr(x, "name", ""))
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the processor time of others")


def graded(number, source, *functions):
    """Return the messages on some functions of an exercise, all by default."""
    paper = grader.Paper(exercise.find(number), 3, isolation.Limits())
    said = paper.grade(source.encode(), threading.Event())
    by_name = {question.part.name: each for question, each in zip(paper.questions, said, strict=True)}
    return [by_name[name] for name in functions or by_name]


@each_backward
def test_every_backward_has_a_large_case_of_which_a_smaller_one_can_be_drawn(subject, part):
    solution = vars(subject.solution())
    sizes = []
    for options in ({}, {"inputs": 500}):
        case = part.large(np.random.default_rng(1), **options)
        if part.after:
            y, cache = solution[part.after](**case)[:2]
            case["dy"] = np.ones(np.shape(y)) if np.ndim(y) else 1.0
        given = solution[part.name](case["dy"], cache if part.after else case["cache"])
        leaves = flatten(part.returns, given)
        assert all(np.isfinite(leaf).all() and np.any(leaf) for leaf in leaves.values())
        sizes.append(sum(leaf.size for leaf in leaves.values()))
    assert sizes[0] > 15_000 and sizes[1] < 3_000


@pytest.mark.parametrize(
    "number, function, style, words",
    [
        ("1.1", "linear_backward", "long double", "not done in time on a large one"),
        ("1.1", "linear_backward", "batch", "more memory than allowed on a large one"),
    ],
)
def test_numeric_differences_earn_nothing_and_the_instructor_reads_why(
    monkeypatch, number, function, style, words
):
    # the allowance of a second in place of ten shows the same: differences take minutes
    monkeypatch.setattr(large, "STEPS", 4e6)
    subject = exercise.find(number)
    source = numeric_shortcuts.source(subject, subject.part(function), style)
    (said,) = graded(number, source, function)
    assert words in said["problem"]
    assert said["note"].startswith(f"{function}: by numeric differences?")


def test_a_rough_gradient_gets_its_points_and_a_note():
    subject = exercise.find("1.2")
    part = subject.part("sigmoid_backward")
    source = numeric_shortcuts.one_by_one(subject, part, "float64")
    (said,) = graded("1.2", source, part.name)
    assert said["problem"] == "" and "by numeric differences? (its results are as rough" in said["note"]
    for style in numeric_shortcuts.ONE_BY_ONE:  # relu's inputs of all magnitudes
        part = subject.part("relu_backward")
        (said,) = graded("1.2", numeric_shortcuts.one_by_one(subject, part, style), part.name)
        assert bool(said["problem"]) == (style != "complex step"), said


def test_what_is_wrong_on_the_large_case_alone_is_told_without_a_number():
    source = exercise.find("1.1").head + "\nright = linear_backward\n"
    for body, words in (
        ("return tuple(0 * a for a in right(dy, cache))", "dx is wrong on a large input"),
        ("raise KeyError(cache[0][0, 0])", "linear_backward raised KeyError"),
        ("return None", "linear_backward returned None"),
        ("import os; os._exit(3)", "linear_backward ended Python"),
    ):
        small = "if cache[0].size < 1000:\n        return right(dy, cache)"
        text = f"{source}\ndef linear_backward(dy, cache):\n    {small}\n    {body}\n"
        forward, backward = graded("1.1", text)
        assert forward["problem"] == "" and backward["problem"].startswith(words)
        assert backward["problem"].endswith("on a large input, right on small ones") and backward["noted"]


def test_the_note_is_for_the_instructor_alone():
    rows = [
        {"exercise": "1.1", "function": "f", "points": 1, "of": 1, "problem": "", "mistake": "", "says": ""},
    ]
    rows[0] |= {"noted": False, "note": "f: by numeric differences?"}
    assert "f: by numeric differences?" in results.table(book_of({"ann": rows}), {})
    assert "numeric" not in reports.report("ann", rows, "Title") + str(reports.gradescope(rows))


@on_linux
def test_processor_time_counts_and_waiting_does_not():
    source = (
        b"import time\ndef spin():\n    while True: pass\n"
        b"def wait():\n    time.sleep(0.7)\n    return 1\n"
        b"import threading\ndef threads():\n    for _ in range(2): threading.Thread(target=spin).start()\n"
        b"    time.sleep(50)\n"
    )
    with isolation.Sandbox({"work": source}, "work") as sandbox:
        record = sandbox.perform({"name": "wait", "after": None}, [{}], seconds=60, processor=0.4)[0]
        assert record["given"] == 1
        with pytest.raises(isolation.SandboxError) as raised:
            sandbox.perform({"name": "threads", "after": None}, [{}], seconds=60, processor=0.3)
        assert raised.value.kind == "timeout"


@on_linux
def test_the_system_keeps_the_account_of_a_process_and_its_children():
    import os
    import subprocess

    before = child.processor_seconds(os.getpid())
    spin = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", spin], check=True)
    assert child.processor_seconds(os.getpid()) >= before + 0.2
    assert child.processor_seconds(2**22 + 1) == 0  # there is no such process


@pytest.mark.parametrize("number", ["1.2", "2.2", "3.4", "4.6"])
def test_the_solution_is_right_and_not_rough_whatever_the_seed(number):
    subject = exercise.find(number)
    for part in subject.parts:
        if part.large:
            exam = Examination(subject, part, 8)
            records = perform.perform(vars(subject.solution()), part.call, exam.cases)
            assert exam.error(records) <= grader.ROUGH / 1000


ANSWERS = [
    pytest.param(e.number, path, id=f"{e.number} {path.stem}")
    for e in exercise.exercises()
    for path in sorted((TESTS / "answers" / e.module).glob("*.py"))
    if path.name != "wrong.py" and any(p.large for p in e.parts)
]


@pytest.mark.slow
@pytest.mark.parametrize("number, path", ANSWERS)
def test_honest_answers_in_any_style_get_all_points_and_no_note(number, path):
    said = graded(number, path.read_text("utf-8"))
    assert [each for each in said if each["problem"] or each.get("note")] == []


SHORTCUTS = [
    pytest.param(e, p, style, id=f"{e.number} {p.name} {style}")
    for e, p in BACKWARDS
    if p.after
    for style in ("central", "long double", "steps of one")
]


@pytest.mark.slow
@pytest.mark.parametrize("subject, part, style", SHORTCUTS)
def test_no_numeric_backward_gets_points_with_the_full_allowance(subject, part, style):
    (said,) = graded(subject.number, numeric_shortcuts.source(subject, part, style), part.name)
    assert said["problem"]
