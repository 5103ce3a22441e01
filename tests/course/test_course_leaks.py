"""A submission sees its inputs: whatever it does with them, no number of them comes back to the student.

And whatever it sends, the judge stays on its feet.
"""

import functools
import json
import pathlib
import re
import tempfile

import grade_class
import hypothesis
import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pytest
from grade_class import backward

from minires.course import exercise
from minires.course.examination import Examination
from minires.course.grade import grader, message, records, reports, submissions
from minires.course.sandbox import perform
from minires.course.sandbox.wire import Unknown
from minires.course.verdict import Verdict
from minires.gradcheck import diagnosis

FORMULAS = '''"""Exercise 1.1: All kinds of returns.\n"""


def solved(examination):
    """Return the records of the solution."""
    functions = vars(examination.exercise.solution())
    return perform.perform(functions, examination.part.call, examination.cases)


def scalar(x, stride):
    return (x * x).sum() * stride, None


def nested(x, params):
    return {"a": [x, x + 1], "b": None}, 3


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 1


def cases(rng):
    return [{"x": rng.standard_normal(n), "stride": 2} for n in (1, 3)]


def dicts(rng):
    return [{"x": case["x"], "params": {"w": case["x"]}} for case in cases(rng)]


PARTS = [Part("scalar", ("loss", "cache"), cases, ()), Part("nested", ("grads", "count"), dicts, ())]
MISTAKES = [Mistake("not squared", "x * x", "x", "Square it."), Mistake("one too many", "x + 1", "x + 2", "")]
'''


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    there = grade_class.use_exercises(grade_class.write_exercises(tmp_path_factory.mktemp("e") / "exercises"))
    yield grader.Grader(exercise.of_assignment(1), 5, memory=1 << 30)
    exercise.folder = there
    exercise.exercises.cache_clear()


# -- what a student is told -----------------------------------------------------------------------------

SECRET = """\
    k = int(abs(dy.flat[0]) * 1e7)
    right = [dy @ weight, dy.T @ x, dy.sum(0)]
"""
WAYS = {
    "the text of an error": "raise ValueError(f'{k}')",
    "an error's name": "raise type(f'E{k}', (Exception,), {})()",
    "the name of one of Python's errors": "raise type(f'E{k}', (ValueError,), {'__module__': 'builtins'})()",
    "a function's name": "exec(f'def f{k}(): 1 / 0\\nf{k}()')",
    "a file's name": "exec(compile('1 / 0', f'{k}.py', 'exec'))",
    "a line": "exec(compile('\\n' * (k % 10**5) + '1 / 0', 'ex1_1_linear.py', 'exec'))",
    "the length of a tuple": "return (0,) * (k % 1000 + 1000)",
    "the shape of the whole": "return np.zeros((k, 0))",
    "the shape of one": "return np.zeros((k, 0)), right[1], right[2]",
    "a dtype": "return np.zeros(3, f'V{k % 1000 + 1000}'), right[1], right[2]",
    "a class's name": "return type(f'C{k}', (), {})()",
    "a class's name in a tuple": "return type(f'C{k}', (), {})(), right[1], right[2]",
    "the name of a subclass of ndarray": "return right[0].view(type(f'C{k}', (np.ndarray,), {})), *right[1:]",
    "keys": "return {str(k): k}, right[1], right[2]",
    "a constant factor": "return right[0] * k, right[1], right[2]",
    "an offset": "return right[0] + k, right[1], right[2]",
    "a state": "globals()[f'n{k}'] = k; return [a + len(globals()) for a in right]",
    "a text": "return f'{k}', right[1], right[2]",
    "what it prints": "print(k); import sys; print(k, file=sys.stderr); 1 / 0",
    "sys.exit": "import sys; sys.exit(k)",
    "os._exit": "import os; os._exit(k % 256)",
    "a warning": "import warnings; warnings.warn(str(k)); return 1",
    "writing into the input": "dy *= k; return right",
    "too many values": "return [k] * 3000, right[1], right[2]",
    "a huge int": "return k ** 300, right[1], right[2]",
}


@pytest.mark.parametrize("way", WAYS)
def test_no_number_comes_back_through(judge, way):
    source = backward(SECRET + f"    {WAYS[way]}\n")
    rows = judge.grade(submissions.Files(found={"ex1_1_linear": source.encode()}))
    assert [row["points"] for row in rows] == [1, 0]
    text = json.dumps(rows) + reports.report("ann", rows, "T") + json.dumps(reports.gradescope(rows))
    text = text.replace("ex1_1_linear.py", "").replace("ex1\\_1\\_linear.py", "")
    # a line of the file, the 20 times and 2 s of the limit, 1/N: nothing of three digits, no fraction
    assert re.findall(r"\d{3,}|\d\.\d*[1-9]", text.replace("1.1", "")) == []


def test_a_line_of_the_students_own_file_is_told(judge):
    rows = judge.grade(submissions.Files(found={"ex1_1_linear": backward("    1 / 0\n").encode()}))
    assert rows[1]["problem"] == "linear_backward raised ZeroDivisionError at line 10 of ex1_1_linear.py"


def test_every_sentence_with_numbers_has_one_without():
    with_numbers = {name for name, _, sentence in diagnosis.MISTAKES if callable(sentence)}
    assert with_numbers == set(message.WITHOUT_NUMBERS) != set()


def test_a_message_holds_nothing_of_a_verdict_but_its_sentences():
    verdict = Verdict(None, "f returned a tuple of 77; expected y", "detail", "name", "says", ["facts"])
    told = {"problem": "f returned a tuple; expected y", "mistake": "name", "says": "says", "noted": False}
    assert message.of_verdict(verdict) == told
    unknown = Verdict(None, "f returned a Secret77; expected y alone")
    assert message.of_verdict(unknown)["problem"] == "f returned something else; expected y alone"


# -- what a child may send ------------------------------------------------------------------------------

GOOD = {"given": 1.0, "again": 1.0, "after": {}}


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        {},
        [GOOD],
        [GOOD, GOOD, GOOD],
        [GOOD, None],
        [GOOD, {}],
        [GOOD, {**GOOD, "after": []}],
        [GOOD, {"given": 1, "after": {}}],
        [GOOD, {"error": None}],
        [GOOD, {"error": {"type": 3}}],
        [GOOD, {"error": {}}],
    ],
)
def test_records_of_another_form_break_the_protocol(sent):
    with pytest.raises(records.BrokenRecords):
        records.checked(sent, 2, {})


def test_what_is_needless_in_records_is_dropped():
    deep = 1
    for _ in range(records.DEPTH + 1):
        deep = [deep]
    sent = {**GOOD, "given": [1] * 5000, "again": {"k" * 200: 1}, "late": deep, "twice": deep}
    sent |= {"x": 1, "late error": {}}
    (got,) = records.checked([sent], 1, {})
    assert got.keys() == {*records.RESULTS, "after", "drew"} and got["drew"] is False
    assert all(type(got[name]) is Unknown for name in records.RESULTS)
    (huge,) = records.checked([{**GOOD, "given": (1, [10**400])}], 1, {})
    assert type(huge["given"]) is Unknown


@pytest.mark.parametrize(
    "line, file", [(3, "a.py"), (0, None), (4, None), (True, None), ("3", None), (None, None)]
)
def test_an_error_is_placed_only_in_a_line_that_there_is(line, file):
    got = records.error({"type": "E", "message": "secret", "file": "a.py", "line": line}, {"a.py": 3})
    assert got == {"type": "E", "message": "", "file": file, "line": line if file else None}
    padded = {"type": "E", "file": "a.py", "line": records.LINES + 1}
    assert records.error(padded, {"a.py": 10**6})["line"] is None


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.just(Unknown("a matrix")),
    arrays.arrays(
        st.sampled_from([np.bool_, np.int8, np.uint64, np.float16, np.float32, np.float64]),
        st.sampled_from([(), (0,), (1,), (3,), (1, 1), (2, 0), (4, 2)]),
    ),
)
VALUES = st.recursive(
    LEAVES,
    lambda held: st.one_of(
        st.lists(held, max_size=3),
        st.lists(held, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["a", "b", "x", "]", ""]), held, max_size=3),
    ),
    max_leaves=6,
)


@functools.cache
def examinations():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "ex1_1_returns.py"
        path.write_text(FORMULAS, encoding="utf-8")
        formulas = exercise.read(path)
    linear = exercise.read(exercise.resources.find(f"exercises/{grade_class.NAME}", folder="lessons"))
    return [Examination(e, part, 5) for e in (formulas, linear) for part in e.parts]


def solved(examination):
    """Return the records of the solution."""
    functions = vars(examination.exercise.solution())
    return perform.perform(functions, examination.part.call, examination.cases)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(data=st.data())
def test_the_judge_gives_a_verdict_whatever_was_sent(data):
    """Some of the records are right, so that the questions after the first are reached as well."""
    examination = data.draw(st.sampled_from(examinations()))
    solution = solved(examination)
    for record in solution:
        for name in data.draw(st.sets(st.sampled_from(["given", "again", "late", "twice"]), max_size=2)):
            record[name] = data.draw(VALUES)
        given = record["given"]
        if type(given) is tuple and data.draw(st.booleans()):
            changed = data.draw(st.integers(0, max(len(given) - 1, 0)))
            record["given"] = record["again"] = tuple(
                data.draw(VALUES) if i == changed else v for i, v in enumerate(given)
            )
        if data.draw(st.booleans()):
            record["after"] = data.draw(st.dictionaries(st.sampled_from(["x", "dy", "weight"]), VALUES))
    with np.errstate(all="ignore"):
        told = message.of_verdict(examination.judge(records.checked(solution, len(solution), {})))
    assert all(type(told[name]) is str for name in ("problem", "mistake", "says"))


ODD = (
    "1.0",
    b"",
    Unknown("a matrix"),
    None,
    10**400,
    np.inf,
    -np.float64(1e308),
    np.zeros(0),
    np.bool_(1),
    {},
    [[]],
)


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_anything_in_the_place_of_any_output_gets_a_verdict(odd, place):
    for examination in examinations():
        solution = solved(examination)
        for record in solution:
            given = list(record["given"])
            given[min(place, len(given) - 1)] = odd
            record["given"] = record["again"] = record["late"] = tuple(given)
        with np.errstate(all="ignore"):
            verdict = examination.judge(records.checked(solution, len(solution), {}))
        assert not verdict.ok or "cache" in examination.part.returns[1:]


def test_nothing_in_place_of_none_is_wrong():
    """A list without values flattens to nothing; that must not pass for None."""
    examination = next(e for e in examinations() if e.part.name == "nested")
    solution = solved(examination)
    for record in solution:
        record["given"] = record["again"] = ({"a": record["given"][0]["a"], "b": []}, 3)
    assert not examination.judge(solution).ok
