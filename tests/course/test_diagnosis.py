"""What the check says of a wrong answer besides a name: of signatures, generators, dtypes, several readings,
factors, of where it is right, and of the smallest input that shows it.
"""

import dataclasses
import inspect

import numpy as np
import pytest

from minires.course import diagnosis, exercise
from minires.course.check import check

LINEAR = exercise.find("1.1")
DEPTH = exercise.find("3.3")


def wrong_verdicts(tmp_path, source, number):
    """Return the verdicts on what is wrong in a file."""
    subject = exercise.find(number) if isinstance(number, str) else number
    path = tmp_path / f"{subject.module}.py"
    path.write_text(source, encoding="utf-8")
    return [result.verdict for result in check(subject, path) if not result.verdict.ok]


def edited(number, *pairs):
    """Return the source of a solution with some texts replaced, each of which stands there once."""
    source = exercise.find(number).head
    for old, new in pairs:
        assert source.count(old) == 1, (old, source.count(old))
        source = source.replace(old, new)
    return source


# -- signatures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forward, backward",
    [
        ("data, w, b", "dout, remembered"),
        ("X, weight, b=None", "dZ, cache=None"),
        ("weight, data, bias", "d, c"),  # what has its name is found by it, the rest by position
        ("x, w, b, /", "dy, cache, /"),
        ("*given", "*given"),
        ("x, weight, bias, debug=False", "dy, cache, debug=False"),
    ],
)
def test_the_names_of_parameters_are_free(tmp_path, forward, backward):
    first = {"weight, data, bias": "data, weight, bias = data, weight, bias"}.get(forward, "")
    names = [name.partition("=")[0] for name in forward.replace(", /", "").split(", ")][:3]
    x, w, b = ["data", "weight", "bias"] if first else (names if len(names) == 3 else ["*given"] * 3)
    begin = "x, w, b = given" if x == "*given" else f"x, w, b = {x}, {w}, {b}"
    last = [name.partition("=")[0] for name in backward.replace(", /", "").split(", ")][:2]
    ended = "d, c = given" if last == ["*given"] else f"d, c = {', '.join(last)}"
    source = (
        f"def linear_forward({forward}):\n    {begin}\n    return x @ w.T + b, (x, w)\n"
        f"def linear_backward({backward}):\n    {ended}\n    x, w = c\n"
        "    return d @ w, d.T @ x, d.sum(axis=0)\n"
    )
    assert wrong_verdicts(tmp_path, source, "1.1") == []


def test_options_may_have_other_names_too(tmp_path):
    source = edited("1.4", ("def im2col(x, *, kernel_size, stride, padding):", "def im2col(x, k, s, p):"))
    head, _, body = source.partition("    # solution\n")
    own = "    kernel_size, stride, padding = k, s, p\n"
    call = "im2col(x, kernel_size=kernel_size, stride=stride, padding=padding)"
    assert body.count(call) == 1
    body = body.replace(call, "im2col(x, kernel_size, stride, padding)")
    assert wrong_verdicts(tmp_path, head + own + body, "1.4") == []


def test_a_wrong_signature_shows_the_expected_one(tmp_path):
    source = "def linear_forward(x, weight): pass\ndef linear_backward(dy): pass\n"
    forward, backward = wrong_verdicts(tmp_path, source, "1.1")
    asked = "linear_forward cannot be called as the exercise asks: linear_forward(x, weight, bias)"
    assert forward.problem == asked and forward.detail == "yours is linear_forward(x, weight)"
    assert backward.problem.endswith("linear_forward(x, weight, bias), linear_backward(dy, cache)")


def test_the_inputs_of_every_exercise_come_in_the_order_of_the_parameters():
    for subject in exercise.exercises():
        for part in subject.parts:
            function = getattr(subject.solution(), part.after or part.name)
            parameters = inspect.signature(function).parameters
            positional = [n for n, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
            for case in part.cases(np.random.default_rng(0)):
                given = [name for name in case if name in positional]
                assert given == [name for name in positional if name in case], (subject.number, part.name)


# -- generators --------------------------------------------------------------------------------------------


def test_a_number_drawn_in_vain_is_found(tmp_path):
    """At test time nothing may be drawn, the handout says, though the returned value is the same."""
    source = edited("3.3", ("    if not train:\n", "    u = rng.random()\n    if not train:\n")).replace(
        "return float(rng.random() < survival)", "return float(u < survival)"
    )
    (verdict,) = wrong_verdicts(tmp_path, source, "3.3")
    assert verdict.problem == "choose_gate draws a random number where none is to be drawn"
    assert verdict.mistake == diagnosis.DRAWN and verdict.evidence.case["train"] is False


def test_whoever_may_draw_may_draw_in_any_way(tmp_path):
    source = edited("3.3", ("float(rng.random() < survival)", "float(rng.uniform(size=3)[0] < survival)"))
    assert wrong_verdicts(tmp_path, source, "3.3") == []


# -- values before dtypes ----------------------------------------------------------------------------------


def test_a_wrong_value_in_the_wrong_dtype_has_the_name_of_the_value(tmp_path):
    source = edited("1.1", ("dbias = dy.sum(axis=0)", "dbias = dy.mean(axis=0).astype(float)"))
    (verdict,) = wrong_verdicts(tmp_path, source, "1.1")
    assert (verdict.problem, verdict.mistake) == ("dbias is wrong", "mean of the bias gradient")
    told = "once this is mended: dbias has the wrong dtype; expected float32, got float64"
    assert verdict.facts == [told]


def test_a_wrong_value_cut_off_by_an_array_of_integers_has_the_name_of_the_value(tmp_path):
    source = edited("1.1", ("dbias = dy.sum(axis=0)", "dbias = dy.mean(axis=0).astype(int)"))
    (verdict,) = wrong_verdicts(tmp_path, source, "1.1")
    assert (verdict.problem, verdict.mistake) == ("dbias is wrong", "mean of the bias gradient")


def test_right_values_in_an_array_of_integers_are_said_to_be_cut_off(tmp_path):
    source = edited("1.1", ("dbias = dy.sum(axis=0)", "dbias = dy.sum(axis=0).astype(int)"))
    (verdict,) = wrong_verdicts(tmp_path, source, "1.1")
    assert verdict.mistake == diagnosis.CUT_OFF


def test_float64_is_right_where_the_handout_asks_for_no_dtype(tmp_path):
    assert "dtype" not in exercise.find("3.1").starter
    source = edited(
        "3.1", ("    return dx, dweight1, dweight2\n", "    return dx * np.ones(1), dweight1, dweight2\n")
    )
    assert wrong_verdicts(tmp_path, source, "3.1") == []
    source = edited("1.1", ("dbias = dy.sum(axis=0)", "dbias = dy.sum(axis=0) * np.ones(1)"))
    assert [v.mistake for v in wrong_verdicts(tmp_path, source, "1.1")] == [diagnosis.DTYPE]


# -- several readings --------------------------------------------------------------------------------------


def with_mistakes(number, *mistakes):
    subject = exercise.find(number)
    return dataclasses.replace(subject, mistakes=(*subject.mistakes, *mistakes))


def test_mistakes_that_give_the_same_numbers_are_all_said(tmp_path):
    """A kernel turned once too often in one way of writing it is one not turned in another."""
    subject = exercise.find("1.5")
    flipped = next(m for m in subject.mistakes if m.name == "kernel flipped")
    other = dataclasses.replace(flipped, name="kernel not turned", says="The other reading.")
    again = dataclasses.replace(flipped, name="the same in other words")  # of equal sentences one is enough
    subject = with_mistakes("1.5", other, again)
    (verdict,) = wrong_verdicts(tmp_path, flipped.edit(subject.head), subject)
    assert verdict.readings == ("kernel flipped", "kernel not turned")
    assert verdict.mistake == "kernel flipped, or kernel not turned"
    assert verdict.says.startswith(
        f"Either: {flipped.says} Or: The other reading. These give the same numbers"
    )


def test_of_mistakes_that_explain_one_output_those_count_that_spare_the_right_ones():
    right = [{"a": np.ones(3), "b": np.arange(3.0), "c": np.ones(2)}]
    got = [{"a": 2 * np.ones(3), "b": np.arange(3.0), "c": np.arange(2.0)}]
    spares = [{"a": 2 * np.ones(3), "b": np.arange(3.0), "c": np.ones(2)}]
    ruins = [{"a": 2 * np.ones(3), "b": np.ones(3), "c": np.ones(2)}]
    known = [("ruins", "Ruins.", ruins), ("spares", "Spares.", spares)]
    assert diagnosis.known_mistakes(known, got, right, [0], "a") == [("spares", "Spares.")]
    assert diagnosis.known_mistakes(known[:1], got, right, [0], "a") == [("ruins", "Ruins.")]
