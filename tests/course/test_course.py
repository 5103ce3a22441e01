"""The check of an exercise: what it finds in a student's file, what it says, and what it does not claim."""

import textwrap

import numpy as np
import pytest

from minires.course import diagnosis, exercise, handout, show
from minires.course.check import check
from minires.course.examination import Examination
from minires.course.parts import Mistake
from minires.course.values import flatten, is_number, matches, problem_with
from minires.course.verdict import Evidence, Verdict

LINEAR = exercise.find("1.1")
FORWARD = """
import numpy as np

def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)
"""
BACKWARD = """
def linear_backward(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)
"""


def results_of(tmp_path, source, subject=LINEAR):
    path = tmp_path / "answer.py"
    data = textwrap.dedent(source)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return check(subject, path)


def verdict_of(tmp_path, source):
    """Return the first wrong verdict on exercise 1.1, or None."""
    return next((r.verdict for r in results_of(tmp_path, source) if not r.verdict.ok), None)


def backward(*lines):
    return FORWARD + "\ndef linear_backward(dy, cache):\n" + textwrap.indent("\n".join(lines), "    ")


# -- one rule after the other ------------------------------------------------------------------------------


def test_a_right_answer_is_right_and_agrees_with_numeric_gradients(tmp_path):
    forward, back = results_of(tmp_path, FORWARD + BACKWARD)
    assert forward.verdict.ok and back.verdict.ok and back.error < 1e-9
    assert back.verdict.right == ["dx", "dweight", "dbias"]


@pytest.mark.parametrize(
    "source, problem",
    [
        ("", "linear_forward is missing"),
        ("linear_forward = 3", "linear_forward is missing"),
        ("def f(:", "answer.py raised SyntaxError at line 1 of answer.py"),
        ("1 / 0", "answer.py raised ZeroDivisionError at line 1 of answer.py"),
        ("import sys; sys.exit()", "answer.py raised SystemExit at line 1 of answer.py"),
        ("import minires", "answer.py raised ModuleNotFoundError at line 1 of answer.py"),
        ("import math\nimport matplotlib.pyplot", "raised ModuleNotFoundError at line 2 of answer.py"),
        ("def linear_forward(x, weight, bias): pass", "linear_forward returned None; expected y, cache: is"),
        ("def linear_forward(x, weight, bias): return x", "linear_forward returned an array of shape"),
        ("def linear_forward(x): return x", "as the exercise asks: linear_forward(x, weight, bias)"),
        ("def linear_forward(x, weight, bias): return weight.sum(), 0", "y is not an array"),
        ("def linear_forward(x, weight, bias): return x.tolist(), 0", "y"),
        ("def linear_forward(x, weight, bias): return x @ weight.T * float('nan'), 0", "not finite"),
        ("def linear_forward(x, weight, bias): exit()", "linear_forward raised SystemExit"),
    ],
)
def test_what_is_not_even_an_answer_gets_one_line(tmp_path, source, problem):
    verdict = verdict_of(tmp_path, source)
    assert problem in verdict.problem and "\n" not in verdict.problem and verdict.mistake == ""


def test_a_forward_without_a_cache_is_told_so_in_backward(tmp_path):
    source = "def linear_forward(x, weight, bias): return x @ weight.T + bias\n" + BACKWARD
    _, back = results_of(tmp_path, source)
    assert "its forward must return y and a cache" in back.verdict.problem


def test_files_of_windows_and_with_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "answer.py"
    path.write_bytes(b"\xef\xbb\xbf" + (FORWARD + BACKWARD).replace("\n", "\r\n").encode())
    assert all(result.verdict.ok for result in check(LINEAR, path))


def test_a_missing_value_a_superfluous_one_and_the_wrong_order(tmp_path):
    two = verdict_of(tmp_path, backward("x, w = cache", "return dy @ w, dy.T @ x"))
    assert two.problem == "linear_backward returned a tuple of 2; expected 3 values: dx, dweight, dbias"
    swapped = verdict_of(tmp_path, backward("x, w = cache", "return dy.T @ x, dy @ w, dy.sum(0)"))
    assert "wrong shape" in swapped.problem and swapped.detail.startswith("expected (")
    assert swapped.mistake == "outputs exchanged" and "dx holds what dweight should be" in swapped.says


def test_the_verdict_shows_the_smallest_input_and_the_outputs_that_are_right(tmp_path):
    verdict = verdict_of(tmp_path, backward("x, w = cache", "return dy @ w, dy.T @ x, dy.mean(axis=0)"))
    assert verdict.problem == "dbias is wrong" and verdict.right == ["dx", "dweight"]
    assert verdict.mistake == "mean of the bias gradient"
    # with one example mean and sum agree, so the smallest batch that shows it has more
    assert len(verdict.evidence.case["x"]) > 1
    np.testing.assert_allclose(
        verdict.evidence.got * len(verdict.evidence.case["x"]), verdict.evidence.expected
    )


def test_two_mistakes_in_two_outputs_are_named_together(tmp_path):
    verdict = verdict_of(
        tmp_path, backward("x, w = cache", "return dy @ w, dy.T @ x / len(x), dy.mean(axis=0)")
    )
    assert verdict.problem == "dweight is wrong" and "dbias" in verdict.detail
    assert verdict.mistake == "mean over the batch"  # what explains the first wrong output


def test_an_unknown_mistake_gets_facts_and_no_name(tmp_path):
    lines = ("x, w = cache", "dw = dy.T @ x", "dw[:, 0] += 0.1 * np.sin(dw[:, 0] + 1)")
    verdict = verdict_of(tmp_path, backward(*lines, "return dy @ w, dw, dy.sum(axis=0)"))
    assert verdict.mistake == ""
    assert (
        any("index 0 on axis 1" in fact for fact in verdict.facts) or "every value is wrong" in verdict.facts
    )


# -- broken rules ------------------------------------------------------------------------------------------


def test_a_cache_in_a_global_is_found_by_the_order_of_the_calls(tmp_path):
    source = """
    kept = {}
    def linear_forward(x, weight, bias):
        kept["cache"] = (x, weight)
        return x @ weight.T + bias, None
    def linear_backward(dy, cache):
        x, weight = kept["cache"]
        return dy @ weight, dy.T @ x, dy.sum(axis=0)
    """
    verdict = verdict_of(tmp_path, source)
    assert verdict.mistake == diagnosis.EARLIER and "another call" in verdict.problem


def test_an_array_that_grows_from_call_to_call(tmp_path):
    source = (
        FORWARD
        + """
total = {}
def linear_backward(dy, cache):
    x, weight = cache
    dbias = total.setdefault(dy.shape, 0) + dy.sum(axis=0)
    total[dy.shape] = dbias
    return dy @ weight, dy.T @ x, dbias
"""
    )
    verdict = verdict_of(tmp_path, source)
    assert verdict.mistake == diagnosis.STATE


def test_writing_into_the_upstream_gradient(tmp_path):
    lines = ("x, w = cache", "dx = dy @ w", "dw = dy.T @ x", "dbias = dy.sum(axis=0)", "dy *= 0")
    verdict = verdict_of(tmp_path, backward(*lines, "return dx, dw, dbias"))
    assert verdict.problem == "linear_backward writes into dy, which belongs to its caller"
    assert verdict.mistake == diagnosis.IN_PLACE


def test_writing_into_an_input_that_the_cache_holds(tmp_path):
    lines = ("x, w = cache", "dx = dy @ w", "dw = dy.T @ x", "x *= 0")
    verdict = verdict_of(tmp_path, backward(*lines, "return dx, dw, dy.sum(axis=0)"))
    assert verdict.mistake == diagnosis.IN_PLACE


def test_writing_into_the_cache_is_found_by_a_second_backward(tmp_path):
    source = FORWARD.replace("(x, weight)", "(x.copy(), weight)")
    lines = ("x, w = cache", "dx = dy @ w", "dw = dy.T @ x", "x *= 0", "return dx, dw, dy.sum(axis=0)")
    verdict = verdict_of(tmp_path, source + backward(*lines).removeprefix(FORWARD))
    assert verdict.mistake == diagnosis.CACHE and "again with the same cache" in verdict.problem


def test_precision_and_dtype(tmp_path):
    rounded = verdict_of(
        tmp_path,
        backward("x, w = cache", "return dy @ w, (dy.T @ x).astype('f4').astype(x.dtype), dy.sum(0)"),
    )
    assert rounded.mistake == diagnosis.FLOAT32
    wide = verdict_of(tmp_path, backward("x, w = cache", "return dy @ w, dy.T @ x, dy.sum(0).astype('f8')"))
    assert wide.mistake == diagnosis.DTYPE and wide.problem == "dbias has the wrong dtype"


# -- values and hypotheses ---------------------------------------------------------------------------------


def test_flatten_names_the_leaves_of_what_is_nested():
    assert flatten(("y", "cache", "grads"), (1, 2, {"w": [3, 4]})) == {
        "y": 1,
        "grads['w'][0]": 3,
        "grads['w'][1]": 4,
    }
    assert flatten(("dx",), 5) == {"dx": 5}
    assert flatten(None, {"a": (1, {"b": 2})}) == {"a[0]": 1, "a[1]['b']": 2}
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert flatten(("y",), deep) == {}


def test_problem_with_counts():
    assert problem_with(("a", "b"), (1, 2)) == "" == problem_with(("a",), [1])
    assert "expected a alone" in problem_with(("a",), (1, 2))
    assert "is the return missing?" in problem_with(("a",), None)


def test_matches_compares_relative_to_the_largest_value():
    right = np.array([1e6, 1.0])
    assert matches(right + [0, 1e-5], right, 1e-9) and not matches(right + [0, 1e-2], right, 1e-9)
    assert matches(np.array([np.inf, np.nan]), np.array([np.inf, np.nan]), 1e-9)
    assert not matches(np.array([np.nan, 1.0]), right, 1e-9)
    assert not matches(right[:1], right, 1e-9) and not matches("text", right, 1e-9)
    assert matches(np.zeros(2), np.zeros(2), 1e-9) and not matches(np.array([0, 1e-30]), np.zeros(2), 1e-9)
    assert matches(3, 3.0, 0) and not matches(3, np.array([3.0]), 0)
    assert matches(None, None, 0) and not matches(0, None, 0)
    assert not matches(10**400, 1.0, 1e-9) and not is_number(1j)


def test_a_subclass_that_lies_about_equality_is_not_believed():
    class Liar(np.ndarray):
        def __eq__(self, other):
            return np.ones(self.shape, bool)

        def __array_ufunc__(self, *args, **kwargs):
            return np.zeros(self.shape)

    assert not matches(np.zeros(3).view(Liar), np.ones(3), 1e-9)


def test_a_mistake_is_named_only_if_every_case_shows_it():
    right = [{"y": np.ones(3)}, {"y": np.arange(3.0)}]
    halved = [{"y": 0.5 * case["y"]} for case in right]
    known = [("half", "Half.", halved)]
    assert diagnosis.known_mistakes(known, halved, right, [0, 1], None) == [("half", "Half.")]
    assert diagnosis.known_mistakes(known, [halved[0], right[1]], right, [0, 1], None) == []
    assert diagnosis.known_mistakes(known, [None, None], right, [0, 1], None) == []
    assert diagnosis.known_mistakes([("half", "", [None, halved[1]])], [None, halved[1]], right, [0, 1], None)


def test_patterns_are_named_only_if_every_wrong_case_shows_them():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3, 4))
    assert diagnosis.pattern([(-a, a, a), (-b, b, b)])[0] == "wrong sign"
    assert diagnosis.pattern([(-a, a, a), (b.T.reshape(b.shape), b, b)]) is None
    assert diagnosis.pattern([(a, a, a), (2 * b, b, b)])[0] == "constant factor"
    assert diagnosis.pattern([(a, a, a)]) is None
    assert diagnosis.pattern([(a * (1 + 1e-5), a, a)]) is None  # a factor of 1.00001 is no forgotten 1/N
    assert diagnosis.pattern([(0 * a, a, a)]) == ("all-zero", "Every value is zero.")


def test_facts_say_where_the_wrong_values_lie():
    right = np.zeros((1, 1, 4, 5)) + 1.0
    got = right.copy()
    got[:, :, 0, :], got[:, :, :, 4] = 2, 2
    assert diagnosis.facts(got, right) == [
        "8 of 20 values are wrong",
        "all of them lie on the border of the image",
    ]
    assert diagnosis.facts(right + 1, right) == ["every value is wrong"]
    assert "rounding" in diagnosis.facts(right * (1 + 1e-7), right)[-1]


# -- reading exercises, and what is shown ------------------------------------------------------------------


def test_a_mistake_must_stand_once():
    with pytest.raises(ValueError, match="expected 'a' exactly once, found it 2 times"):
        Mistake("name", "a", "b", "").edit("a a")


def test_find_lists_what_there_is():
    with pytest.raises(ValueError, match=r"exercise 9.9: does not exist; there are 1\.1"):
        exercise.find("9.9")
    with pytest.raises(ValueError, match="assignment 9: does not exist; there are 1"):
        exercise.of_assignment(9)


def test_a_malformed_source_is_refused(tmp_path):
    path = tmp_path / "ex1_1_linear.py"
    path.write_text('"""Exercise 1.2: Something."""\n')
    with pytest.raises(ValueError, match="expected a docstring that begins with"):
        exercise.read(path)


def test_a_region_can_hand_out_other_code(tmp_path):
    path = tmp_path / "ex9_1_bug.py"
    path.write_text(
        '"""Exercise 9.1: A bug.\n"""\n\n\ndef f(x):\n    # solution\n    return x\n'
        "    # handed out instead\n    # return -x\n    # end of solution\n"
        f"\n\n{exercise.CUT}LESSON, PARTS, MISTAKES = 1, (), ()\n"
    )
    found = exercise.read(path)
    assert found.starter.endswith("def f(x):\n    return -x\n") and found.solution().f(3) == 3


def test_start_never_overwrites(tmp_path):
    folder = handout.start(1, tmp_path / "mine")
    (folder / "ex1_1_linear.py").write_text("my work")
    with pytest.raises(ValueError, match="exists and is not empty"):
        handout.start(1, folder)
    assert (folder / "ex1_1_linear.py").read_text() == "my work"
    assert (folder / "data" / "digits.npz").exists() and (folder / "data" / "digits.md").exists()


def test_the_error_map_shades_what_is_wrong():
    right = np.ones((1, 2, 3, 4))
    got = right.copy()
    got[0, 1, 0, 3], got[0, 1, 2, 0] = 5, 2
    lines = show.error_map(Evidence({}, "dx", right, got), show.PLAIN)
    assert lines[0] == "Where dx[0, 1, :, :] is wrong:"
    assert [line.strip() for line in lines[2:5]] == ["|      ##|", "|        |", "|..      |"]
    assert show.error_map(Evidence({}, "dx", right, right + 1)) == []  # everything is wrong: nothing to see
    got[0, 1, 1, 1] = np.nan
    assert "##" in show.error_map(Evidence({}, "dx", right, got), show.PLAIN)[3]


def test_the_text_of_a_failure_begins_with_one_line_and_gives_numbers(tmp_path):
    verdict = verdict_of(tmp_path, backward("x, w = cache", "return dy @ w, dy.T @ x, dy.mean(axis=0)"))
    lines = show.failure(LINEAR, verdict).split("\n")
    assert lines[0] == "1.1  dbias is wrong (dx, dweight are right)"
    assert lines[2].startswith("Mean of the bias gradient. dbias is a mean over the batch")
    text = "\n".join(lines)
    assert "The smallest input that shows it:" in text and "<- wrong" in text and "dbias[0]" in text


def test_hints_are_a_ladder():
    part = LINEAR.parts[1]
    assert show.hints(part, 1).startswith("Hint 1, the idea: ") and "Hint 2" not in show.hints(part, 1)
    assert "Hint 3, the step: " in show.hints(part, 9)


def test_a_verdict_of_a_scalar_shows_both_numbers():
    evidence = Evidence({"x": 1.0}, "loss", 0.5, 0.25)
    text = show.failure(LINEAR, Verdict(LINEAR.parts[0], "loss is wrong", evidence=evidence))
    assert "expected = 0.5" in text and "got = 0.25" in text


def test_an_error_in_a_finished_part_is_placed_where_the_student_called_it(tmp_path):
    source = exercise.find("3.1").head.replace(
        "    dx_branch", "    conv2d_forward(dy[0], 1)\n    dx_branch", 1
    )
    path = tmp_path / "ex3_1_residual_block.py"
    path.write_text(source, encoding="utf-8")
    line = 1 + source[: source.index("conv2d_forward(dy[0], 1)")].count("\n")
    problems = [result.verdict.problem for result in check(exercise.find("3.1"), path)]
    assert any(f"at line {line} of ex3_1_residual_block.py" in problem for problem in problems), problems


# -- results that are not gradients: indices, truth values, nothing at all ---------------------------------

NMS = exercise.find("4.3")
SUPPRESSION = """
import numpy as np
from ex4_1_iou import iou

def non_maximum_suppression(boxes, scores, *, threshold):
    kept = []
    for box in np.argsort(-scores, kind="stable"):
        if not np.any(iou(boxes[[box]], boxes[kept]) > threshold):
            kept.append(box)
    return {}
"""


@pytest.mark.parametrize(
    "returned, mistake, problem",
    [
        ("np.array(kept, np.int64)", "", ""),
        ("np.array(kept, np.int32)", "", ""),  # of any width: np.array gives another one on some systems
        ("np.array(kept)", diagnosis.INTEGERS, "wrong dtype"),  # float64 where no box is kept
        ("np.array(kept, float)", diagnosis.INTEGERS, "wrong dtype"),
        ("np.isin(np.arange(len(scores)), kept)", "marks in place of indices", "wrong dtype"),
        ("kept", "", "kept is not an array"),
        ("None", "", "returned None"),
    ],
)
def test_indices_are_an_array_of_integers(tmp_path, returned, mistake, problem):
    verdict = results_of(tmp_path, SUPPRESSION.replace("{}", returned), NMS)[0].verdict
    assert verdict.mistake == mistake and problem in verdict.problem and verdict.ok == (not problem)
    assert "float32 inputs show it" not in "".join(verdict.facts)
    show.failure(NMS, verdict)


def test_indices_and_truth_values_have_facts_and_no_pattern():
    right = np.array([2, 4, 6, 8])
    assert diagnosis.pattern([(2 * right, right, None)]) is None
    assert diagnosis.pattern([(2.0 * right, 1.0 * right, 1.0 * right)]) is not None
    assert diagnosis.facts(~(right > 5), right > 5)[0] == "every value is wrong"
    assert diagnosis.facts(right > 3, right > 5)[0] == "1 of 4 values are wrong"


def test_the_inputs_in_float32_are_the_smallest_that_are_not_empty():
    subject = exercise.find("4.3")
    cases = Examination(subject, subject.parts[0], 0).cases
    assert cases[0]["boxes"].shape == (0, 4)
    assert cases[-1]["boxes"].dtype == np.float32 and len(cases[-1]["boxes"]) == 3


def test_a_wrong_number_of_indices_is_shown_with_the_smallest_input(tmp_path):
    source = NMS.head.replace("np.argsort(-scores", "np.argsort(scores", 1)
    verdict = results_of(tmp_path, source, NMS)[0].verdict
    assert (verdict.problem, verdict.mistake) == ("kept is wrong", "lowest score kept")
    assert len(verdict.evidence.case["boxes"]) == 3
    column = SUPPRESSION.replace("{}", "np.array(kept, int).reshape(-1, 1)")
    assert results_of(tmp_path, column, NMS)[0].verdict.problem == "kept has the wrong shape"


def test_truth_values_empty_arrays_and_long_lists_are_shown():
    some = Evidence(
        {"scores": np.linspace(0, 1, 12)}, "right", np.array([True, False]), np.array([True, True])
    )
    text = show.failure(NMS, Verdict(NMS.parts[0], "right is wrong", evidence=some))
    assert "right[1]     False  True  <- wrong" in text
    first, second = [line for line in text.split("\n") if "0." in line]
    assert first.index("[") + 1 == len(second) - len(second.lstrip())  # under the first number
    none = Evidence({}, "kept", np.zeros(0, int), np.zeros(0))
    text = show.failure(NMS, Verdict(NMS.parts[0], "kept has the wrong dtype", evidence=none))
    assert "expected = []" in text and "got = []" in text
