"""Every exercise: its solution is right, its mistakes are found and named, its handout keeps the solution."""

import doctest
import importlib.util
import re
import warnings

import numpy as np
import pytest
from mutants import mutants
from places import TESTS

from minires.course import exercise
from minires.course.check import check
from minires.course.examination import Examination
from minires.course.sandbox import perform

ANSWERS = TESTS / "answers"
EXERCISES = exercise.exercises()
NUMBERS = [e.number for e in EXERCISES]
EXAMINATIONS = {}

each_exercise = pytest.mark.parametrize("subject", EXERCISES, ids=NUMBERS)


def examination(subject, part, seed):
    """Return the Examination of a part, made once."""
    key = subject.number, part.name, seed
    if key not in EXAMINATIONS:
        EXAMINATIONS[key] = Examination(subject, part, seed)
    return EXAMINATIONS[key]


def verdicts(subject, module, seed):
    """Return the verdicts on the wrong parts of a module."""
    found = []
    for part in subject.parts:
        exam = examination(subject, part, seed)
        found.append(exam.judge(perform.perform(vars(module), part.call, exam.cases)))
    return [verdict for verdict in found if not verdict.ok]


def answers(subject):
    """Return the files with right answers to an exercise."""
    return [path for path in sorted((ANSWERS / subject.module).glob("*.py")) if path.name != "wrong.py"]


def wrong_answers(subject):
    spec = importlib.util.spec_from_file_location("wrong", ANSWERS / subject.module / "wrong.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WRONG


RIGHT = [pytest.param(e, path, id=f"{e.number} {path.stem}") for e in EXERCISES for path in answers(e)]
QUICK = 15  # rows of each exercise that the fast suite runs; the slow one runs all


def marks(number):
    """Return the marks of an exercise's row of this number."""
    return () if number < QUICK else pytest.mark.slow


MISTAKES = [
    pytest.param(e, m, id=f"{e.number} {m.name}", marks=marks(number))
    for e in EXERCISES
    for number, m in enumerate(e.mistakes)
]
WRONG = [
    pytest.param(e, *row, id=f"{e.number} {row[0]} {number}", marks=marks(number))
    for e in EXERCISES
    for number, row in enumerate(wrong_answers(e))
]


def test_there_are_four_assignments():
    assert NUMBERS[:6] == ["1.1", "1.2", "1.3", "1.4", "1.5", "1.6"]
    assert {"1.7", "2.1", "2.2", "2.3", "3.1", "3.2", "3.3", "3.4"} <= set(NUMBERS)
    assert NUMBERS[-7:] == ["4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.7"]


@each_exercise
def test_an_exercise_has_enough_mistakes_answers_and_hints(subject):
    names = [mistake.name for mistake in subject.mistakes]
    assert len(names) == len(set(names)) >= 8
    assert len(answers(subject)) >= 3
    assert all(len(part.hints) >= 3 for part in subject.parts)


@each_exercise
def test_hints_do_not_repeat_the_docstring_and_its_lesson_is_the_right_one(subject):
    lines = {line.strip() for line in subject.starter.splitlines()}
    assert [hint for part in subject.parts for hint in part.hints if hint in lines] == []
    for number in re.findall(r"\bLessons? (\d+)", subject.text):
        assert int(number) == subject.lesson


@each_exercise
def test_the_examples_in_the_docstrings_are_true(subject):
    module = subject.solution()
    vars(module)["__name__"] = subject.module  # doctest leaves out what was imported
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    found = doctest.DocTestFinder().find(module, subject.module, module=False, globs=dict(vars(module)))
    for example in found:
        runner.run(example)
    assert runner.failures == 0 and runner.tries > 0


@each_exercise
def test_no_line_of_a_solution_stands_in_a_handout(subject):
    """Looked for in the files of the whole assignment, for they are handed out together."""
    handed_out = []
    for other in exercise.of_assignment(subject.assignment):
        finished = [source for name, source in other.sources.items() if not name.startswith("ex")]
        for source in (other.starter, *finished):
            handed_out += [line.strip() for line in source.splitlines()]
    inside, solution = False, []
    for line in map(str.strip, subject.head.splitlines()):
        if line in (exercise.BEGIN, exercise.INSTEAD, exercise.END):
            inside = line == exercise.BEGIN
        elif inside and not line.startswith("#"):
            solution.append(line)
    telling = [line for line in solution if len(line) > 12 and not line.startswith(("return ", "for "))]
    telling = [
        line for line in telling if not line.endswith("= cache")
    ]  # what forward remembers is no secret
    assert telling, "no solution was found"
    assert [line for line in telling if any(line in other for other in handed_out)] == []


@each_exercise
def test_the_handout_compiles_and_names_exercise_and_lesson(subject):
    compile(subject.starter, subject.module, "exec")
    assert "minires" not in subject.starter and "MISTAKES" not in subject.starter
    assert exercise.BEGIN not in subject.starter and exercise.END not in subject.starter
    if "# handed out instead" not in subject.head:
        assert subject.starter.count("raise NotImplementedError") == len(subject.parts)
    for line in subject.starter.splitlines():
        if "raise NotImplementedError" in line:
            assert f'"Exercise {subject.number}: ' in line and f"see lesson {subject.lesson}" in line


@each_exercise
def test_the_handout_is_judged_unfinished(subject, tmp_path):
    path = tmp_path / f"{subject.module}.py"
    path.write_text(subject.starter, encoding="utf-8")
    results = check(subject, path)
    assert len(results) == len(subject.parts)
    assert not any(result.verdict.ok for result in results) or "# handed out instead" in subject.head
    if "# handed out instead" not in subject.head:
        assert all(result.verdict.problem.endswith("is not written yet") for result in results)


@each_exercise
def test_the_solution_passes_its_check_with_numeric_gradients(subject, tmp_path):
    path = tmp_path / f"{subject.module}.py"
    path.write_text(subject.head, encoding="utf-8")
    results = check(subject, path)
    assert [result.verdict.problem for result in results] == [""] * len(results)
    backwards = [result for result in results if result.verdict.part.after or result.verdict.part.numeric]
    # 1e-7: the tolerance of the gradient checker, far below any mistake
    assert all(result.error is not None and result.error < 1e-7 for result in backwards)


@pytest.mark.parametrize("subject, path", RIGHT)
def test_a_right_answer_in_another_style_passes(subject, path):
    results = check(subject, path)
    assert [(r.verdict.problem, r.verdict.mistake) for r in results if not r.verdict.ok] == []


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("subject, mistake", MISTAKES)
def test_a_known_mistake_fails_and_is_named(subject, mistake, seed):
    found = verdicts(subject, subject.solution(mistake), seed)
    assert found and mistake.name in (found[0].readings or (found[0].mistake,)), [
        (v.problem, v.mistake) for v in found
    ]


@pytest.mark.parametrize("subject, file, text, put, diagnosis", WRONG)
def test_a_wrong_answer_in_another_style_gets_its_diagnosis(subject, file, text, put, diagnosis, tmp_path):
    source = (ANSWERS / subject.module / file).read_text(encoding="utf-8")
    assert source.count(text) == 1, f"{text!r} stands {source.count(text)} times in {file}"
    source = source.replace(text, put)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in the check itself
        wrong = verdicts(subject, exercise.load(source, subject.module, subject.sources), 0)
    if not wrong:  # then only the numeric gradients, or the rules of a pair, can show it
        path = tmp_path / file
        path.write_text(source, encoding="utf-8")
        wrong = [result.verdict for result in check(subject, path) if not result.verdict.ok]
    readings = wrong and (wrong[0].readings or ("",))
    assert wrong and (diagnosis in readings or wrong[0].mistake == diagnosis), [
        (v.problem, v.mistake) for v in wrong
    ]


@pytest.mark.parametrize("seed", range(5))
@each_exercise
def test_right_answers_raise_no_false_alarm(subject, seed):
    modules = [subject.solution()]
    for path in answers(subject):
        modules.append(exercise.load(path.read_text(encoding="utf-8"), subject.module, subject.sources))
    for module in modules:
        assert [(v.problem, v.detail, v.mistake) for v in verdicts(subject, module, seed)] == []


@pytest.mark.slow
@each_exercise
def test_right_answers_raise_no_false_alarm_in_a_thousand_checks(subject, tmp_path):
    paths = answers(subject)
    for seed in range(1000):
        results = check(subject, paths[seed % len(paths)], seed=seed)
        assert [(r.verdict.problem, r.verdict.mistake) for r in results if not r.verdict.ok] == [], seed


@pytest.mark.slow
def test_every_single_edit_of_a_linear_layer_is_caught():
    """In this exercise no edit is without effect: what passes would be a fault of the inputs."""
    subject = exercise.find("1.1")
    for line, text, source in mutants(subject.head, {part.name for part in subject.parts}):
        try:
            module = exercise.load(source, subject.module, subject.sources)
        except Exception:
            continue  # it does not even load
        assert verdicts(subject, module, 0), (line, text)


@each_exercise
def test_random_errors_get_no_diagnosis(subject):
    """A diagnosis must not be a guess: whoever adds noise to a right result made no known mistake."""
    for part in subject.parts:
        exam = examination(subject, part, 0)
        records = perform.perform(vars(subject.solution()), part.call, exam.cases)
        rng = np.random.default_rng(0)
        for record in records:
            record["given"] = record["again"] = _disturbed(record["given"], rng)
            if "late" in record:
                record["late"] = record["twice"] = record["given"]
        verdict = exam.judge(records)
        assert not verdict.ok and verdict.mistake == "", (part.name, verdict.problem, verdict.mistake)


def _disturbed(value, rng):
    if isinstance(value, dict):
        return {key: _disturbed(item, rng) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_disturbed(item, rng) for item in value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        # at most a tenth: whatever the values are, the result has no pattern
        largest = np.abs(value).max(initial=0)
        return (value + largest * rng.uniform(0.05, 0.1, value.shape)).astype(value.dtype)
    if isinstance(value, np.ndarray) and value.dtype.kind == "b":
        return value ^ (rng.random(value.shape) < 0.5)
    if isinstance(value, np.ndarray):  # of indices
        return value + rng.integers(0, 9, value.shape)
    return value * (1 + rng.uniform(0.05, 0.1)) if isinstance(value, (int, float, np.floating)) else value
