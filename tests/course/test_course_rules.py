"""What the check of an exercise holds on to: its cases, its tolerances, the order of its questions, and that
it neither refuses a right answer in an odd form nor says more of a wrong one than is true.
"""

import copy
import dataclasses

import numpy as np
import pytest

from minires.course import diagnosis, exercise
from minires.course.check import check
from minires.course.examination import Examination
from minires.course.sandbox import perform
from minires.course.values import flatten
from minires.course.verdict import explain

LINEAR = exercise.find("1.1")
FORWARD = """import numpy as np

def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)
"""
BACKWARD = """
def linear_backward(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)
"""
RETURNS = ("given", "again", "late", "twice")


def judged(edit, number="1.1", name="linear_backward", which=RETURNS):
    """Return (examination, verdict) of the solution, with edit(case, returned) in place of its returns."""
    subject = exercise.find(number)
    part = subject.part(name)
    examination = Examination(subject, part, 0)
    records = perform.perform(vars(subject.solution()), part.call, examination.cases)
    for case, record in zip(examination.cases, records, strict=True):
        for key in set(which) & record.keys():
            record[key] = edit(case, copy.deepcopy(record[key]))
    return examination, examination.judge(records)


def raised(examination, fails):
    """Return the verdict on the solution if it raises where fails(case) holds."""
    part = examination.part
    records = perform.perform(vars(examination.exercise.solution()), part.call, examination.cases)
    for number, (case, record) in enumerate(zip(examination.cases, records, strict=True)):
        if fails(case):
            error = {"type": "ValueError", "message": f"input {number}", "file": "f.py", "line": 1}
            record.clear()
            record["error"] = error
    return examination.judge(records)


def dx_times(factor):
    """Return an edit that multiplies dx by factor(case)."""
    return lambda case, given: (given[0] * given[0].dtype.type(factor(case)), *given[1:])


def is_single(case):
    return case["x"].dtype == np.float32


def wrong_verdicts(tmp_path, source, subject=LINEAR):
    path = tmp_path / "answer.py"
    path.write_text(source, encoding="utf-8")
    return [result.verdict for result in check(subject, path) if not result.verdict.ok]


# -- the cases ---------------------------------------------------------------------------------------------


def test_another_seed_draws_other_cases_and_the_same_seed_the_same_ones():
    part = LINEAR.part("linear_backward")
    first, same, other = (Examination(LINEAR, part, seed).cases for seed in (0, 0, 1))
    for name in ("x", "dy"):
        np.testing.assert_array_equal(first[1][name], same[1][name])
        assert not np.array_equal(first[1][name], other[1][name])


def test_the_parts_of_an_exercise_draw_cases_of_their_own():
    forward, backward = (Examination(LINEAR, part, 0).cases for part in LINEAR.parts)
    assert not np.array_equal(forward[1]["x"], backward[1]["x"])


def test_cases_come_smallest_first_and_the_smallest_again_in_float32():
    part = LINEAR.part("linear_backward")
    unsorted = dataclasses.replace(part, cases=lambda rng: part.cases(rng)[::-1])
    *cases, single = Examination(LINEAR, unsorted, 0).cases
    sizes = [sum(np.size(value) for value in case.values()) for case in cases]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    for name, value in cases[0].items():
        assert single[name].dtype == np.float32 and value.dtype == np.float64
        np.testing.assert_allclose(single[name], value, rtol=1e-6)  # float32 has seven digits


def test_nested_arrays_are_made_float32_and_numbers_and_labels_stay():
    convolution = exercise.find("1.5")
    single = Examination(convolution, convolution.parts[0], 0).cases[-1]
    assert {leaf.dtype for leaf in flatten(None, single).values() if isinstance(leaf, np.ndarray)} == {
        np.dtype(np.float32)
    }
    softmax = exercise.find("1.3")
    assert Examination(softmax, softmax.parts[0], 0).cases[-1]["labels"].dtype.kind == "i"


def test_the_upstream_gradient_is_random():
    for case in Examination(LINEAR, LINEAR.part("linear_backward"), 0).cases[1:-1]:
        assert np.unique(case["dy"]).size == case["dy"].size


# -- tolerances --------------------------------------------------------------------------------------------


def test_one_per_cent_is_wrong_in_float32_and_its_last_digits_are_not():
    _, verdict = judged(dx_times(lambda case: 1.01 if is_single(case) else 1))
    assert verdict.problem == "dx is wrong" and verdict.mistake == ""
    assert "float32 inputs show it, float64 inputs do not" in verdict.facts
    assert judged(dx_times(lambda case: 1 + 1e-5 if is_single(case) else 1))[1].ok


def test_where_nothing_can_be_float32_the_last_case_is_judged_as_strictly_as_the_others():
    initialisation = exercise.find("2.3")
    examination = Examination(initialisation, initialisation.part("predicted_variances"), 0)
    last = examination.cases[-1]
    assert not any(np.asarray(leaf).dtype == np.float32 for leaf in flatten(None, last).values())

    def edit(case, given):
        return given * (1 + 1e-5) if str(case) == str(last) else given

    assert not judged(edit, "2.3", "predicted_variances")[1].ok


def test_a_small_difference_between_two_calls_is_noticed():
    for which, mistake in (
        ("again", diagnosis.STATE),
        ("late", diagnosis.EARLIER),
        ("twice", diagnosis.CACHE),
    ):
        examination, verdict = judged(dx_times(lambda case: 1 + 1e-5), which=[which])
        assert verdict.mistake == mistake
        np.testing.assert_array_equal(verdict.evidence.expected, examination.expected[0]["dx"])
        assert not np.array_equal(verdict.evidence.got, verdict.evidence.expected)


def test_the_smallest_change_of_an_input_is_noticed_and_shown(tmp_path):
    source = FORWARD.replace("    return x", "    x *= 1 + 1e-6\n    return x")
    (verdict, *_) = wrong_verdicts(tmp_path, source + BACKWARD)
    assert verdict.problem == "linear_forward writes into x, which belongs to its caller"
    np.testing.assert_array_equal(verdict.evidence.expected, verdict.evidence.case["x"])
    assert not np.array_equal(verdict.evidence.got, verdict.evidence.expected)


# -- errors ------------------------------------------------------------------------------------------------


def test_of_several_errors_the_smallest_input_is_shown_and_the_others_are_counted():
    examination = Examination(LINEAR, LINEAR.part("linear_backward"), 0)
    verdict = raised(examination, lambda case: case["x"].size > 8)
    first = next(i for i, case in enumerate(examination.cases) if case["x"].size > 8)
    failing = sum(case["x"].size > 8 for case in examination.cases)
    assert verdict.detail == f"input {first}" and verdict.evidence.case is examination.cases[first]
    count = len(examination.cases)
    assert verdict.facts == [f"{failing} of {count} inputs make it fail, the others do not"]
    assert 1 < failing < count - 1


def test_an_error_with_every_input_gets_no_count_and_no_name():
    examination = Examination(LINEAR, LINEAR.part("linear_backward"), 0)
    verdict = raised(examination, lambda case: True)
    assert verdict.facts == [] and verdict.mistake == ""


def test_an_error_alone_is_no_known_mistake_and_a_known_one_must_raise_where_the_student_does():
    right = [{"y": np.ones(3)}, {"y": np.arange(3.0)}]
    halved = [{"y": 0.5 * case["y"]} for case in right]
    assert diagnosis.known_mistakes([("half", "", halved)], [None, halved[1]], right, [0, 1], None) == []
    assert (
        diagnosis.known_mistakes([("half", "", [None, halved[1]])], halved, right, [0, 1], None) == []
    )  # theirs raises, the student's does not


def test_only_pythons_own_errors_are_called_by_their_names():
    error = {"type": "Secret17", "message": "", "file": None, "line": None}
    assert explain(error, "f")[0] == "f raised a custom error"
    assert explain({**error, "type": "AxisError"}, "f")[0] == "f raised AxisError"
    assert explain({**error, "type": "Missing", "message": "f"}, "f")[0] == "f is missing"


def test_a_forward_that_fails_only_when_called_again_and_again_is_no_crash_of_the_check(tmp_path):
    cases = len(Examination(LINEAR, LINEAR.parts[0], 0).cases)
    source = FORWARD.replace(
        "    return x", f"    calls.append(1)\n    if len(calls) > {4 * cases}:\n        1 / 0\n    return x"
    )
    (verdict,) = wrong_verdicts(tmp_path, "calls = []\n" + source + BACKWARD)
    assert verdict.mistake == diagnosis.EARLIER


# -- what is said of wrong values --------------------------------------------------------------------------


def test_of_several_wrong_outputs_the_first_in_the_order_of_the_return_is_named():
    def edit(case, given):  # dbias is wrong in the smallest inputs already, dx only in larger ones
        dx, dweight, dbias = given
        rng = np.random.default_rng(0)
        dbias = dbias + rng.standard_normal(dbias.shape).astype(dbias.dtype)
        return dx + rng.standard_normal(dx.shape).astype(dx.dtype) * (len(dx) > 1), dweight, dbias

    _, verdict = judged(edit)
    assert verdict.problem == "dx is wrong" and verdict.detail == "dbias is wrong too"
    assert verdict.right == ["dweight"] and len(verdict.evidence.case["x"]) > 1


def test_a_pattern_in_a_few_inputs_is_said_to_be_in_a_few():
    examination, verdict = judged(dx_times(lambda case: -1 if case["x"].shape == (4, 2) else 1))
    assert verdict.mistake == "wrong sign"
    assert f"1 of {len(examination.cases)} inputs show it, the others do not" in verdict.facts
    assert not any("inputs show it" in fact for fact in judged(dx_times(lambda case: -1))[1].facts)


def test_a_factor_that_depends_on_the_input_is_said_to():
    _, verdict = judged(dx_times(lambda case: len(case["x"]) + 2))
    assert verdict.mistake == "constant factor"
    assert verdict.says.startswith("The factor differs from input to input; in the smallest, ")
    assert judged(dx_times(lambda case: 3))[1].says.startswith("Every value is 3 times too large")


def test_float32_is_claimed_only_of_what_float32_can_hold():
    right = np.random.default_rng(0).standard_normal(50)
    assert diagnosis.pattern([(right.astype("f4").astype("f8"), right, None)])[0] == diagnosis.FLOAT32
    assert diagnosis.pattern([(right * (1 + 1e-7), right, None)]) is None
    # three digits only, yet float32 numbers: something else is wrong
    rough = (right * (1 + 1e-4 * np.sin(right * 50))).astype("f4").astype("f8")
    assert diagnosis.pattern([(rough, right, None)]) is None


def test_one_output_can_be_explained_while_another_form_of_the_others_differs():
    right = [{"a": np.ones(3), "b": np.arange(3.0)}]
    theirs = [{"a": 2 * np.ones(3), "b": np.arange(3.0)}]
    got = [{"a": 2 * np.ones(3)}]
    assert diagnosis.known_mistakes([("twice", "", theirs)], got, right, [0], "a")
    assert diagnosis.known_mistakes([("twice", "", theirs)], got, right, [0], None) == []


def test_what_must_be_none_is_none():
    assert diagnosis.form("dbias", np.zeros(2), None) == ("dbias must be None", "got an array of shape (2,)")
    assert diagnosis.form("dbias", None, None) == ("", "")


@pytest.mark.parametrize(
    "got, right, problem",
    [
        (float("nan"), 1.0, "holds values that are not finite"),
        (np.float32(2), 1.0, ""),
        (np.ones(1), 1.0, "is not a single number"),
        ("text", {}, "is not a dict of 0"),
        ([], np.ones(2), "is not an array"),
        (np.ma.ones(2), np.ones(2), "is not an array"),
        (np.ones((1, 2)), np.ones(2), "has the wrong shape"),
        (np.ones(2, "f4"), np.ones(2), "has the wrong dtype"),
        (np.array([np.inf, 1]), np.ones(2), "holds values that are not finite"),
        (np.array([1.0, 1.0]), np.array([np.inf, 1]), ""),  # where the right one is infinite, values tell
    ],
)
def test_the_form_of_a_result(got, right, problem):
    assert diagnosis.form("y", got, right)[0] == (f"y {problem}" if problem else "")


def test_no_mistake_is_named_that_gives_the_right_numbers_or_has_other_outputs():
    right = [{"y": np.ones(3)}]
    assert diagnosis.known_mistakes([("harmless", "", right)], right, right, [0], None) == []
    more = [{"y": 2 * np.ones(3), "z": 0.0}]
    assert diagnosis.known_mistakes([("more", "", more)], [{"y": 2 * np.ones(3)}], right, [0], None) == []


# -- lists of outputs whose length depends on the input ----------------------------------------------------


def network(edit):
    return judged(lambda case, given: edit(*given), "1.7", "network_backward")


def test_a_wrong_gradient_of_a_layer_that_only_deep_networks_have():
    def third(change):
        def edit(dx, dweights, dbiases):
            return dx, [*dweights[:2], *map(change, dweights[2:])], dbiases

        return edit

    _, verdict = network(third(lambda dweight: dweight + 0.1 * np.abs(dweight).max()))
    assert verdict.problem == "dweights[2] is wrong" and verdict.mistake == ""
    _, verdict = network(third(lambda dweight: -dweight))
    assert (verdict.problem, verdict.mistake) == ("dweights[2] is wrong", "wrong sign")


def test_a_list_that_is_too_short_or_too_long_and_what_is_no_list():
    _, short = network(lambda dx, dweights, dbiases: (dx, dweights[:-1], dbiases))
    assert (short.problem, short.detail) == ("dweights[1] is missing", "dweights is a list of 1")
    _, long = network(lambda dx, dweights, dbiases: (dx, [*dweights, dx], dbiases))
    assert long.problem == "dweights has too many values"
    _, array = network(lambda dx, dweights, dbiases: (dx, dweights[0], dbiases))
    assert array.problem == "dweights[0] is missing" and array.detail.startswith("dweights is an array of")
    assert network(lambda dx, dweights, dbiases: (dx, tuple(dweights), dbiases))[1].ok


# -- right answers in odd forms ----------------------------------------------------------------------------

ODD = {
    "a list of results": FORWARD.replace(
        "return x @ weight.T + bias, (x, weight)", "return [y, (x, weight)]"
    ).replace("    return", "    y = x @ weight.T + bias\n    return")
    + BACKWARD.replace("return dy @ weight, dy.T @ x, dy.sum(axis=0)", "return [dx, dweight, dbias]").replace(
        "    return", "    dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)\n    return"
    ),
    "a function as the cache": FORWARD.replace(
        "(x, weight)\n", "lambda dy: (dy @ weight, dy.T @ x, dy.sum(axis=0))\n"
    )
    + "\ndef linear_backward(dy, cache):\n    return cache(dy)\n",
    "an object as the cache": FORWARD.replace("(x, weight)\n", "Cache(x, weight)\n")
    + BACKWARD.replace("cache\n", "cache.x, cache.weight\n")
    + "\nclass Cache:\n    def __init__(self, x, weight):\n        self.x, self.weight = x, weight\n",
    "named results": "from collections import namedtuple\nG = namedtuple('G', 'a b c')\n"
    + FORWARD
    + BACKWARD.replace(
        "return dy @ weight, dy.T @ x, dy.sum(axis=0)", "return G(dy @ weight, dy.T @ x, 1 * dy.sum(0))"
    ),
    "other orders in memory": FORWARD.replace("x @ weight.T + bias", "np.asfortranarray(x @ weight.T + bias)")
    + BACKWARD.replace("dy.T @ x", "(x.T @ dy).T").replace("dy.sum(axis=0)", "dy.sum(axis=0)[::-1][::-1]"),
    "backward as an object": FORWARD
    + BACKWARD.replace("def linear_backward(", "class Back:\n  def __call__(self, ").replace(
        "\n    ", "\n      "
    )
    + "\nlinear_backward = Back()\n",
}


@pytest.mark.parametrize("source", ODD.values(), ids=ODD.keys())
def test_a_right_answer_in_an_odd_form_passes(source, tmp_path):
    assert [verdict.problem for verdict in wrong_verdicts(tmp_path, source)] == []


@pytest.mark.parametrize("form", ["float(loss)", "np.float64(loss)", "np.array(loss)", "loss.astype('f4')"])
def test_a_loss_may_be_any_kind_of_number(form, tmp_path):
    head = exercise.find("1.3").head
    assert head.count("    return loss, cache") == 1
    # as float32 alone it is too coarse for the float64 inputs
    coarse = "f4" in form
    source = head.replace("    return loss, cache", f"    return {form}, cache")
    assert bool(wrong_verdicts(tmp_path, source, exercise.find("1.3"))) == coarse


@pytest.mark.parametrize(
    "gradients, problem, detail",
    [
        ("(dy @ weight).tolist(), dy.T @ x, dy.sum(0)", "dx is not an array", "got a list of 1"),
        ("np.asmatrix(dy @ weight), dy.T @ x, dy.sum(0)", "dx is not an array", "got a matrix"),
        ("None, dy.T @ x, dy.sum(0)", "dx is not an array", "got None"),
        ("(g for g in (dy, x))", "returned a generator; expected 3 values", ""),
    ],
)
def test_what_came_in_place_of_an_array_is_called_what_it_is(gradients, problem, detail, tmp_path):
    back = BACKWARD.replace("dy @ weight, dy.T @ x, dy.sum(axis=0)", gradients)
    (verdict,) = wrong_verdicts(tmp_path, FORWARD + back)
    assert problem in verdict.problem and verdict.detail.endswith(detail) and verdict.mistake == ""


# -- the smallest steps of the diagnosis -------------------------------------------------------------------


def test_every_case_must_be_coarsely_wrong_for_a_pattern():
    a, b = np.random.default_rng(0).standard_normal((2, 3, 4))
    assert diagnosis.pattern([(2 * a, a, None), (b * (1 + 1e-5), b, None)]) is None


def test_facts_count_what_is_not_a_number_and_claim_no_place_where_there_is_one_only():
    right = np.ones((1, 3))
    got = np.array([[1.0, np.nan, 1.0]])
    assert diagnosis.facts(got, right)[:2] == [
        "1 of 3 values are wrong",
        "they are those with index 1 on axis 1",
    ]
    assert not any("rounding" in fact for fact in diagnosis.facts(right + 0.1, right))
    images = np.ones((1, 1, 2, 2))
    images[0, 0, 0, 0], images[0, 0, 1, 1] = 2, 2  # two rows and columns are all border
    assert diagnosis.facts(images, np.ones((1, 1, 2, 2))) == ["2 of 4 values are wrong"]


def test_a_mistake_that_explains_all_outputs_comes_before_one_that_explains_the_first():
    right = [{"a": np.ones(3), "b": np.arange(3.0)}]
    one = [{"a": 2 * np.ones(3), "b": np.arange(3.0)}]
    both = [{"a": 2 * np.ones(3), "b": -np.arange(3.0)}]
    examination = Examination(LINEAR, LINEAR.parts[0], 0)
    known = examination._known_mistakes
    known.expected = right
    known._alone = [("one", "", one), ("both", "", both)]
    assert known.explanations(both, [0], "a") == [("both", "")]
    assert known.explanations(one, [0], "a") == [("one", "")]


# -- rules that only the numeric gradients' run brings to light -------------------------------------------

KEPT = """
import numpy as np
kept = {}

def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)

def linear_backward(dy, cache):
    x, weight = cache
    dweight = kept.setdefault((weight.shape, dy.dtype), np.empty_like(weight))
    dweight[...] = dy.T @ x
    return dy @ weight, dweight, dy.sum(axis=0)
"""


def test_an_array_that_is_returned_again_and_again_is_found(tmp_path):
    (verdict,) = wrong_verdicts(tmp_path, KEPT)
    assert "that was returned earlier" in verdict.problem and verdict.mistake == diagnosis.EARLIER


def test_an_input_that_is_changed_and_put_back_is_found(tmp_path):
    source = FORWARD + BACKWARD.replace("    return", "    dy *= 2\n    dy /= 2\n    return")
    (verdict,) = wrong_verdicts(tmp_path, source)
    assert "array that it was given" in verdict.problem and verdict.mistake == diagnosis.IN_PLACE


def test_a_cache_that_is_changed_once_and_for_all_is_found(tmp_path):
    source = FORWARD.replace("(x, weight)\n", "(x, weight, np.ones(3))\n") + BACKWARD.replace(
        "    x, weight = cache", "    x, weight, used = cache\n    used[:] = 0"
    )
    (verdict,) = wrong_verdicts(tmp_path, source)
    assert "writes into its cache" in verdict.problem and verdict.mistake == diagnosis.CACHE


def test_a_right_pair_of_a_wrong_forward_is_no_match_for_the_solution(tmp_path):
    """A wrong forward is told of; its backward, right by itself, is compared with the solution's."""
    source = FORWARD.replace("+ bias", "+ 2 * bias") + BACKWARD.replace(
        "dy.sum(axis=0)", "2 * dy.sum(axis=0)"
    )
    assert [v.problem for v in wrong_verdicts(tmp_path, source)] == ["y is wrong", "dbias is wrong"]


def test_a_pair_must_agree_though_backward_alone_is_right(tmp_path):
    """Forward is wrong for an input of backward's alone: only numeric gradients can find it."""
    examination = Examination(LINEAR, LINEAR.parts[1], 0)
    magic = repr(float(examination.cases[1]["bias"][0]))
    source = FORWARD.replace(
        "    return x", f"    if abs(bias[0] - {magic}) < 1e-3: x = 2 * x\n    return x", 1
    )
    source = source.replace(
        "(x, weight)\n", "(x / 2 if abs(bias[0] - " + magic + ") < 1e-3 else x, weight)\n"
    )
    (verdict,) = wrong_verdicts(tmp_path, source + BACKWARD)
    assert verdict.problem == "linear_backward is not the gradient of linear_forward"
    assert verdict.detail.endswith("numeric gradients is 5e-01") and verdict.evidence.case["x"].shape == (
        1,
        3,
    )


def test_every_part_is_announced_before_it_is_tried(tmp_path):
    path = tmp_path / "answer.py"
    path.write_text(FORWARD + BACKWARD, encoding="utf-8")
    announced = []
    check(LINEAR, path, before=announced.append)
    assert announced == list(LINEAR.parts)


def test_leaving_the_debugger_stops_the_check(tmp_path):
    path = tmp_path / "answer.py"
    path.write_text("import bdb\ndef linear_forward(x, weight, bias):\n    raise bdb.BdbQuit\n")
    with pytest.raises(KeyboardInterrupt):
        check(exercise.find("1.1"), path)
