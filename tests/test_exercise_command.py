"""`minires exercise`: hand out, check, hints, pictures; and one line for whatever is wrong with the
command.
"""

import json
import pathlib
import re
from importlib.util import find_spec

import pytest

from minires import cli
from minires.course import exercise

LINEAR = exercise.find("1.1")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every test runs in an empty folder."""
    monkeypatch.chdir(tmp_path)


def minires(capsys, *arguments):
    code = cli.main(["exercise", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def error_of(capsys, *arguments):
    """Return the one line with which the command refuses."""
    try:
        code = cli.main(["exercise", *arguments])
    except SystemExit as exit:
        code = exit.code
    out, err = capsys.readouterr()
    assert code == 2 and err.startswith("minires: error: ") and err.count("\n") == 1, (code, out, err)
    return err


def started(capsys, source=None, folder="assignment-1"):
    minires(capsys, "start", "1", "--to", folder)
    if source is not None:
        pathlib.Path(folder, "ex1_1_linear.py").write_text(source, encoding="utf-8")


def wrong(old="dy.sum(axis=0)", new="dy.mean(axis=0)"):
    return LINEAR.head.replace(old, new)


def test_list_names_every_exercise_with_points_and_lesson(capsys):
    code, out, _ = minires(capsys, "list")
    assert code == 0
    for subject in exercise.exercises():
        assert re.search(
            rf"^  {subject.number}  {re.escape(subject.title)} .*lesson {subject.lesson}$", out, re.M
        )
    assert "Assignment 1: Layers" in out and "Assignment 3: Residual learning" in out


def test_start_writes_a_folder_that_needs_nothing_else(capsys):
    code, out, _ = minires(capsys, "start", "1", "--to", "mine")
    assert code == 0 and out.startswith("mine: begin with its README.md")
    names = {path.name for path in pathlib.Path("mine").iterdir()}
    assert {f"{e.module}.py" for e in exercise.of_assignment(1)} | {"README.md", "data"} == names
    readme = pathlib.Path("mine/README.md").read_text(encoding="utf-8")
    assert "| 1.1 A linear layer | ex1_1_linear.py | linear_forward, linear_backward | 3 | 6 |" in readme
    assert b"\r" not in pathlib.Path("mine/ex1_1_linear.py").read_bytes()


def test_finished_parts_come_with_the_assignment_that_imports_them(capsys):
    minires(capsys, "start", "3")
    assert pathlib.Path("assignment-3/provided.py").exists()
    assert not list(pathlib.Path("assignment-3").glob("ex1_*"))


def test_check_of_what_was_just_handed_out(capsys):
    started(capsys)
    code, out, _ = minires(capsys, "check")
    assert code == 1 and out.startswith("1.1  linear_forward is not written yet\n")
    assert "minires lesson 6 --run --pause" in out and "  1.1  linear_backward" in out
    count = sum(len(e.parts) for e in exercise.of_assignment(1))
    assert f"0 of {count} functions are right" in out


def test_check_names_the_mistake_and_shows_the_numbers(capsys):
    started(capsys, wrong())
    code, out, _ = minires(capsys, "check", "1.1")
    assert code == 1
    assert out.split("\n")[0] == "1.1  dbias is wrong (dx, dweight are right)"
    assert "Mean of the bias gradient. dbias is a mean over the batch" in out
    assert "<- wrong" in out and "1 of 2 functions are right: 1 of 3 points" in out
    assert "A hint: minires exercise check 1.1 --hint" in out


def test_check_of_a_right_answer(capsys):
    started(capsys, LINEAR.head)
    code, out, _ = minires(capsys, "check", "1.1")
    assert code == 0 and "2 of 2 functions are right: 3 of 3 points" in out
    assert re.search(r"linear_backward +right +backward against numeric gradients: \de-\d\d", out)
    code, out, _ = minires(capsys, "check", "1.1", "--plot", "nothing.png")
    assert code == 0 and "nothing is wrong" in out and not pathlib.Path("nothing.png").exists()


@pytest.mark.parametrize(
    "words",
    [("mine", "1.1"), ("1.1", "mine"), ("mine/ex1_1_linear.py",), ("mine",), ("mine/", "1")],
)
def test_a_folder_a_file_and_a_number_are_understood(capsys, words):
    started(capsys, wrong(), folder="mine")
    code, out, _ = minires(capsys, "check", *words)
    assert code == 1 and out.startswith("1.1  dbias is wrong")


def test_the_folder_one_stands_in_is_checked(capsys, monkeypatch):
    started(capsys, wrong(), folder="mine")
    monkeypatch.chdir("mine")
    assert minires(capsys, "check", "1.1")[1].startswith("1.1  dbias is wrong")


def test_hints_come_rung_by_rung(capsys):
    started(capsys, wrong())
    _, first, _ = minires(capsys, "check", "1.1", "--hint")
    assert "Hint 1, the idea" in first and "Hint 2" not in first
    _, all_three, _ = minires(capsys, "check", "1.1", "--hint", "3")
    assert "Hint 2, the formula" in all_three and "Hint 3, the step" in all_three


def test_plot_saves_a_picture(capsys):
    started(capsys, wrong())
    _, out, _ = minires(capsys, "check", "1.1", "--plot", "error.png")
    assert "error.png: expected, got, and the difference" in out
    assert pathlib.Path("error.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_that_is_gone_counts_as_wrong(capsys):
    started(capsys, LINEAR.head)
    pathlib.Path("assignment-1/ex1_2_activations.py").unlink()
    code, out, _ = minires(capsys, "check")
    assert code == 1 and out.startswith("1.2  ex1_2_activations.py is missing")


def test_wrong_commands_get_one_line(capsys):
    assert "a folder with exercises" in error_of(capsys, "check", "nowhere")
    assert "expected the files of one assignment" in error_of(capsys, "check")
    started(capsys)
    assert "exists and is not empty" in error_of(capsys, "start", "1")
    assert "assignment 7: there is none" in error_of(capsys, "start", "7")
    assert "number of an assignment" in error_of(capsys, "start", "one")
    assert "exercise 1.9: there is none" in error_of(capsys, "check", "1.9")
    assert "--hint: expected 1" in error_of(capsys, "check", "1.1", "--hint", "0")
    assert "at least 0" in error_of(capsys, "check", "--seed", "-1")
    assert "at most one folder and one number" in error_of(capsys, "check", "1.1", "1.2")
    assert "expected the file of an exercise" in error_of(capsys, "check", "assignment-1/README.md")
    assert "there is no ex2_1" in error_of(capsys, "check", "assignment-1", "2.1")
    pathlib.Path("assignment-1/ex1_1_linear.py").write_text(wrong(), encoding="utf-8")
    assert "cannot be written" in error_of(capsys, "check", "1.1", "--plot", "no/such/folder.png")
    minires(capsys, "start", "2")
    assert "which one?" in error_of(capsys, "check")


@pytest.mark.skipif(find_spec("nbformat") is None, reason="the extra `lessons` is not installed")
def test_a_notebook_writes_each_file_and_checks_it(capsys):
    code, out, _ = minires(capsys, "notebook", "1")
    assert code == 0 and "jupyter notebook" in out
    sheet = json.loads(pathlib.Path("assignment-1/assignment_1.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(cell["source"]) for cell in sheet["cells"]]
    for subject in exercise.of_assignment(1):
        assert f"%%writefile {subject.module}.py\n{subject.starter.rstrip()}" in sources
        assert any(f"exercise check {subject.number}" in source for source in sources)
    assert "exists" in error_of(capsys, "notebook", "1")


@pytest.mark.skipif(find_spec("nbformat") is not None, reason="the extra `lessons` is installed")
def test_a_notebook_says_what_it_needs(capsys):
    assert "minires exercise start and check need nothing more" in error_of(capsys, "notebook", "1")
