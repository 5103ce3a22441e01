"""One's own exercises: their template, what `verify` finds in them, and packages without solutions."""

import pathlib
import shutil

import author_walk
import pytest
from author_walk import MODULE, SOLVED, STUDENT

from minires import cli
from minires.course import exercise, student_package
from minires.course.author import template
from minires.course.author.verify import verify
from minires.course.check import check
from minires.course.grade.grader import Grader

LEAKY = author_walk.WRITTEN / f"{MODULE}.py"
WRONG = STUDENT.replace("x > 0, dy,", "dy > 0, dy,")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every test runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIRES_EXERCISES", raising=False)


@pytest.fixture
def own():
    """A folder with the exercise on leaky ReLU, and one right answer."""
    (pathlib.Path("own") / "answers" / MODULE).mkdir(parents=True)
    shutil.copy(LEAKY, "own")
    shutil.copy(author_walk.WRITTEN / "answers" / "loops.py", f"own/answers/{MODULE}")
    return pathlib.Path("own")


def minires(capsys, *words):
    """Return (exit code, stdout, stderr)."""
    try:
        code = cli.main(list(map(str, words)))
    except SystemExit as exit:
        code = exit.code
    out, err = capsys.readouterr()
    return code, out, err


def error_of(capsys, *words):
    code, out, err = minires(capsys, *words)
    assert code == 2 and err.startswith("minires: error: ") and err.count("\n") == 1, (code, out, err)
    return err


# -- a folder beside the package ---------------------------------------------------------------------------


def test_a_folder_is_added_to_list_start_and_check(capsys, own):
    _, out, _ = minires(capsys, "exercise", "list", "--exercises", own)
    assert "Assignment 1: Layers" in out and "  5.1  Leaky ReLU" in out
    assert "5.1" not in minires(capsys, "exercise", "list")[1]
    code, out, _ = minires(capsys, "exercise", "start", "5", "--exercises", own)
    assert code == 0 and "check assignment-5 --exercises own" in out
    handed_out = pathlib.Path(f"assignment-5/{MODULE}.py").read_text(encoding="utf-8")
    assert "raise NotImplementedError" in handed_out and "np.where" not in handed_out
    assert not pathlib.Path("assignment-5/reference").exists()
    pathlib.Path(f"assignment-5/{MODULE}.py").write_text(WRONG, encoding="utf-8")
    code, out, _ = minires(capsys, "exercise", "check", "5.1", "--exercises", own)
    assert code == 1 and "Condition on dy." in out
    assert "exercise 5.1: does not exist" in error_of(capsys, "exercise", "check", "5.1")


def test_the_environment_names_folders_too(capsys, own, monkeypatch):
    monkeypatch.setenv("MINIRES_EXERCISES", "own")
    assert "Leaky ReLU" in minires(capsys, "exercise", "list")[1]
    monkeypatch.setenv("MINIRES_EXERCISES", "nowhere")
    assert "MINIRES_EXERCISES: expected a folder of exercises" in error_of(capsys, "exercise", "list")
    monkeypatch.delenv("MINIRES_EXERCISES")
    assert "--exercises: expected a folder" in error_of(capsys, "exercise", "list", "--exercises", "none")


def test_the_grader_takes_the_folder(own):
    with exercise.adding([own]):
        grader = Grader(exercise.of_assignment(5), 1, memory=1 << 30)
    said = grader.papers[0].questions[1]
    assert said.part.name == "leaky_relu_backward"
    student_package.write(own, "pack")
    with exercise.adding(["pack"]), pytest.raises(ValueError, match="has no solution"):
        Grader(exercise.of_assignment(5), 1, memory=1 << 30)


def test_one_number_of_two_exercises_and_one_that_replaces_another(own):
    other = pathlib.Path("other")
    other.mkdir()
    (other / f"{MODULE}.py").write_text(SOLVED, encoding="utf-8")
    with exercise.adding([own, other]), pytest.raises(ValueError, match=r"the same number 5\.1"):
        exercise.exercises()
    linear = exercise.find("1.1")
    (other / f"{MODULE}.py").unlink()
    text = linear.path.read_text(encoding="utf-8").replace("A linear layer.", "My linear layer.")
    (other / "ex1_1_linear.py").write_text(text, encoding="utf-8")
    with exercise.adding([other]):
        assert exercise.find("1.1").title == "My linear layer"
        assert exercise.find("1.2").title == "ReLU and sigmoid"
    assert exercise.find("1.1").title == "A linear layer"


def test_finished_files_of_the_folder_are_found_before_those_of_minires(own):
    text = SOLVED.replace("import numpy as np\n", "import numpy as np\nfrom helpers import leak\n", 1)
    (own / f"{MODULE}.py").write_text(
        text.replace("cache = (x, slope)", "cache = leak(x, slope)"), encoding="utf-8"
    )
    (own / "helpers.py").write_text("def leak(x, slope):\n    return x, slope\n", encoding="utf-8")
    one = exercise.read(own / f"{MODULE}.py")
    assert list(one.sources) == ["helpers"] and "leak" in one.sources["helpers"]
    student_package.write(own, "pack")
    (packaged,) = student_package.exercises("pack")
    assert packaged.sources == one.sources


# -- student packages --------------------------------------------------------------------------------------


def test_a_student_package_has_no_line_of_the_solution_and_names_the_same_mistakes(own):
    student_package.write(own, "pack")
    assert {path.name for path in pathlib.Path("pack").iterdir()} == {f"{MODULE}.reference", "README.md"}
    (packaged,) = student_package.exercises("pack")
    full = exercise.read(own / f"{MODULE}.py")
    assert packaged.starter == full.starter and "np.where" not in packaged.head.partition("def ")[2]
    assert all(not mistake.old and not mistake.new for mistake in packaged.mistakes)
    path = pathlib.Path(f"{MODULE}.py")
    for mistake in full.mistakes:
        path.write_text(mistake.edit(STUDENT), encoding="utf-8")
        for seed in (0, 4):
            theirs, ours = (check(one, path, seed=seed) for one in (packaged, full))
            assert [r.verdict.mistake for r in theirs] == [r.verdict.mistake for r in ours]
            assert mistake.name in [r.verdict.mistake for r in theirs]
    path.write_text(STUDENT, encoding="utf-8")
    results = check(packaged, path)
    assert all(r.verdict.ok for r in results) and results[1].error < 1e-7  # of the gradient checker


def test_a_student_package_from_start_to_check(capsys, own):
    code, out, _ = minires(capsys, "exercise", "package", own, "--to", "pack")
    assert code == 0 and "No solution is in it: give pack to" in out
    _, out, _ = minires(capsys, "exercise", "start", "5", "--exercises", "pack")
    assert "minires exercise check assignment-5 checks" in out
    shutil.rmtree(own)
    shutil.rmtree("pack")
    assert "is not written yet" in minires(capsys, "exercise", "check", "5.1")[1]
    pathlib.Path(f"assignment-5/{MODULE}.py").write_text(WRONG, encoding="utf-8")
    code, out, _ = minires(capsys, "exercise", "check", "assignment-5")
    assert code == 1 and "Condition on dy." in out and "<- wrong" in out
    assert "seeds 0 to 4, got 5" in error_of(capsys, "exercise", "check", "5.1", "--seed", "5")
    pathlib.Path(f"assignment-5/reference/{MODULE}.reference").write_bytes(b"damaged")
    exercise.exercises.cache_clear()  # another process would not know it
    assert "ask for it again" in error_of(capsys, "exercise", "check", "5.1")


def test_a_package_is_not_written_over_something_nor_with_another_solution_in_it(capsys, own):
    assert "exists and is not empty" in error_of(capsys, "exercise", "package", own, "--to", own)
    assert "expected a folder with exercises" in error_of(capsys, "exercise", "package", ".", "--to", "p")
    text = SOLVED.replace(
        "import numpy as np\n", "import numpy as np\nfrom ex1_1_linear import linear_forward\n"
    )
    (own / f"{MODULE}.py").write_text(text, encoding="utf-8")
    assert "whose solution would be in the package" in error_of(
        capsys, "exercise", "package", own, "--to", "p"
    )
    assert not pathlib.Path("p").exists()


# -- new and verify ----------------------------------------------------------------------------------------


def test_the_template_works_and_what_is_left_to_do_is_listed(capsys):
    code, out, _ = minires(capsys, "exercise", "new", "scale", "--to", "mine")
    assert code == 0 and out.startswith(f"{pathlib.Path('mine/ex5_1_scale.py')}\n")
    code, out, _ = minires(capsys, "exercise", "verify", "mine")
    assert code == 1 and out.count("still to do: ") == 12 and "12 things to mend" in out
    for path in pathlib.Path("mine").rglob("*.py"):
        path.write_text(path.read_text(encoding="utf-8").replace("TODO", "done"), encoding="utf-8")
    code, out, _ = minires(capsys, "exercise", "verify", "mine")
    assert code == 0 and out == "mine: nothing to mend (1 exercise, 2 functions, 1 mistake, 1 right answer)\n"
    assert [path.name for path in template.write("other", "mine")] == ["ex5_2_other.py", "loops.py"]


def test_new_overwrites_nothing_and_says_what_it_expects(capsys, own):
    before = (own / f"{MODULE}.py").read_bytes()
    new = ("exercise", "new", "other", "--to", own)
    assert "exists: give another --number" in error_of(capsys, *new, "--number", "5.1")
    assert "two digits such as 5.1" in error_of(capsys, *new, "--number", "5.10")
    assert "small letters" in error_of(capsys, "exercise", "new", "Leaky ReLU", "--to", own)
    assert "small letters" in error_of(capsys, "exercise", "new", "lambda", "--to", own)
    assert "is a file" in error_of(capsys, "exercise", "new", "other", "--to", own / f"{MODULE}.py")
    assert (own / f"{MODULE}.py").read_bytes() == before and len(list(own.glob("*.py"))) == 1


def test_right_exercises_have_nothing_to_mend(own):
    assert verify(own)[0] == []


DX = "np.where(x > 0, dy, slope * dy)"
FAULTS = [  # what an author may write, in place of what; where that is said, and what is
    ("LESSON = 8\n", "", None, "expected LESSON"),
    ("LESSON = 8\n", "LESSON = 800\n", "LESSON", "expected the number of a lesson"),
    ("PARTS = [", "PART = [", None, "expected PARTS"),
    ("MISTAKES = [", "WRONG = [", None, "expected MISTAKES"),
    (
        "    return dx\n    # end of solution\n",
        "    return dx\n",
        "    # solution",
        "has no '# end of solution'",
    ),
    (
        "    return dx\n    # end of solution\n",
        "    return dx\n    # end solution\n",
        "# end sol",
        "expected '# sol",
    ),
    (
        "    # solution\n    x, slope",
        "    x, slope",
        "    # end of solution",
        "has no '# solution' before it",
    ),
    ("# Nothing from here on is handed out.\n", "", '"""Exercise', "where the student's part ends"),
    ("Exercise 5.1: Leaky", "Exercise 5.2: Leaky", '"""Exercise', "expected Exercise 5.1"),
    ("Exercise 5.1: Leaky ReLU.", "Leaky ReLU", '"""Leaky', 'expected "Exercise 5.1: Its title."'),
    ("    dx = np.where(", "    dx = np.where((", "    dx = np", "is not Python"),
    ('"leaky_relu_backward",\n', '"leaky_relu_backwards",\n', "    Part(\n", "expected a function"),
    ("points=2", "points=0", "    Part(\n", "points: expected a whole number"),
    (
        '            "The slope is 1 where x > 0, and slope elsewhere; dx is dy times it.",\n',
        "",
        "    Part(\n",
        "found 2; missing: the step",
    ),
    ('returns=("dx",)', 'returns=("dx")', "    Part(\n", "returns: expected names in a tuple"),
    (f'"{DX}",\n        "np.where(dy', '"where(x",\n        "np.where(dy', 'on dy"', "found it 2 times"),
    (f'"{DX}",\n        "np.where(dy', '"absent",\n        "np.where(dy', 'on dy"', "found it 0 times"),
    ('"np.where(dy > 0, dy, slope * dy)"', f'"{DX} * 1"', 'on dy"', "passes: no case shows it"),
    ('"np.where(dy > 0, dy, slope * dy)"', '"np.where(dy"', 'on dy"', "does not run: it raised SyntaxError"),
    ('"condition on dy"', '"gradient of ReLU"', None, "stands there twice"),
    (
        "Where forward multiplied is decided by the sign of x, not by that of dy.",
        "",
        'on dy"',
        "no sentence for the student",
    ),
    ("array([[ 1.,  5., 50.]])", "array([[ 1.,  5., 5.]])", ">>> leaky_relu_backward", "the docstring says"),
    (
        "    >>> leaky_relu_backward(np.array([[1.0, 10.0, 100.0]]), cache)",
        "    >>> 1 / 0",
        ">>> 1",
        "division",
    ),
    ("    dx = np.where(x > 0, dy,", "    dx = np.where(x > 0, 2 * dy,", "def leaky_relu_backward", "fails"),
    ("import numpy as np\n", "import numpy as np\nimport minires\n", "def leaky_relu_forward", "NumPy only"),
    ("rng.standard_normal(shape)", "np.random.standard_normal(shape)", "    Part(\n", "differ from call to"),
    ("    return inputs\n", "    return 1 / 0\n", "    return 1 / 0", "raised ZeroDivisionError"),
    ("    return inputs\n", "    return ()\n", "    Part(\n", "expected a list of"),
    ('    """Return dx, the', '    """TODO Return dx, the', '    """TODO', "still to do"),
]


@pytest.mark.parametrize("old, new, line, what", FAULTS, ids=[f"{n} {f[3]}" for n, f in enumerate(FAULTS)])
def test_verify_finds_a_fault_and_says_where(own, old, new, line, what):
    assert old in SOLVED
    path = own / f"{MODULE}.py"
    head, found, tail = SOLVED.rpartition(old) if "LESSON" not in old else SOLVED.partition(old)
    path.write_text(head + new + tail, encoding="utf-8")
    findings, _ = verify(own)
    said = [finding for finding in findings if what in finding.what]
    assert said, list(map(str, findings))
    if line is not None:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert any(line.strip("\n") in "\n".join(lines[f.line - 1 : f.line + 1]) for f in said), list(
            map(str, said)
        )


def test_verify_tells_everything_at_once(capsys, own):
    text = SOLVED.replace("LESSON = 8\n", "").replace("array([[ 1., -1.,  0.]])", "array([[ 1.]])")
    (own / f"{MODULE}.py").write_text(text, encoding="utf-8")
    (own / "ex1_10_x.py").write_text(SOLVED, encoding="utf-8")
    (own / "ex5_2_y.py").write_text(
        SOLVED.replace("5.1", "5.2")
        .replace("array([[ 1., -1.,  0.]])", "array([[ 1.]])")
        .replace("points=2", "points=0"),
        encoding="utf-8",
    )
    (own / "ex5_1_z.py").write_text(SOLVED, encoding="utf-8")
    (own / "answers" / "ex9_9_none").mkdir()
    (own / f"answers/{MODULE}/loops.py").write_text(WRONG, encoding="utf-8")
    code, out, err = minires(capsys, "exercise", "verify", own)
    said = " ".join(out.split())
    assert code == 1 and err == ""
    for what in (
        "ex1_10_x.py:1: expected a name such as ex5_1_topic.py",
        "expected LESSON = 0",
        "points: expected a whole number",
        "the docstring says array([[ 1.]])",
        "these answers belong to no exercise",
    ):
        assert what in said, what


def test_a_right_answer_that_fails_is_told_with_its_file(own):
    (own / f"answers/{MODULE}/loops.py").write_text(WRONG, encoding="utf-8")
    ((finding,), _) = verify(own)
    assert finding.path.name == "loops.py" and "of leaky_relu_backward fails: dx is wrong" in finding.what
    assert WRONG.splitlines()[finding.line - 1].startswith("def leaky_relu_backward")


def test_two_files_with_one_number(own):
    shutil.copy(own / f"{MODULE}.py", own / "ex5_1_other.py")
    assert any("has the number 5.1, as" in finding.what for finding in verify(own)[0])


def test_verify_of_a_folder_without_exercises(capsys):
    assert "minires exercise new NAME --to . writes one" in error_of(capsys, "exercise", "verify", ".")
