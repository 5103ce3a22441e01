"""`minires exercise`: hand out, check, hints, pictures; and one line for whatever is wrong with the
command.
"""

import io
import json
import pathlib
import re
from importlib.util import find_spec

import pytest

from minires import cli, plot
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
    assert code == 0 and re.search(r"^  1\.1  A linear layer +3 points   lesson 0$", out, re.M)
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
    assert "| 1.1 A linear layer | ex1_1_linear.py | linear_forward, linear_backward | 3 | 0 |" in readme
    assert b"\r" not in pathlib.Path("mine/ex1_1_linear.py").read_bytes()


def test_finished_parts_come_with_the_assignment_that_imports_them(capsys):
    minires(capsys, "start", "3")
    assert pathlib.Path("assignment-3/provided.py").exists()
    assert not list(pathlib.Path("assignment-3").glob("ex1_*"))


def test_check_of_what_was_just_handed_out(capsys):
    started(capsys)
    code, out, _ = minires(capsys, "check")
    assert code == 1 and out.startswith("1.1  linear_forward is not written yet\n")
    assert "minires lesson 0 --run --pause" in out and "  1.1  linear_backward" in out
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


def test_hints_come_level_by_level(capsys):
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


def test_the_hint_belongs_to_the_function_that_is_wrong_and_level_1_is_the_default(capsys):
    started(capsys, wrong())
    hints = LINEAR.part("linear_backward").hints
    _, out, _ = minires(capsys, "check", "1.1", "--hint")
    told = " ".join(out.split())
    assert hints[0] in told and hints[1] not in told and "A hint: " not in out
    assert hints[1] in " ".join(minires(capsys, "check", "1.1", "--hint", "2")[1].split())


def test_the_first_wrong_function_is_explained_and_points_are_those_of_the_right_ones(capsys):
    source = wrong().replace("x @ weight.T + bias", "x @ weight.T")
    started(capsys, source, folder="mine")
    code, out, _ = minires(capsys, "check", "mine", "1.1")
    assert code == 1 and out.startswith("1.1  y is wrong\n") and "0 of 2 functions are right: 0 of 3" in out
    assert "A hint: minires exercise check mine 1.1 --hint" in out
    pathlib.Path("mine/ex1_1_linear.py").write_text(
        LINEAR.head.replace("x @ weight.T + bias", "x @ weight.T"), encoding="utf-8"
    )
    assert "1 of 2 functions are right: 2 of 3 points" in minires(capsys, "check", "mine", "1.1")[1]


def test_the_seed_draws_other_inputs(capsys):
    started(capsys, wrong())
    first, same, other = (minires(capsys, "check", "1.1", "--seed", seed)[1] for seed in "001")
    assert first == same != other and first.split("\n")[0] == other.split("\n")[0]


def test_the_picture_has_expected_and_got_in_this_order(capsys, monkeypatch):
    drawn = {}

    def error_maps(expected, got, *, name):
        drawn.update(expected=expected, got=got, name=name)
        return plot.class_summary({"f": 1}, {}, students=1)

    monkeypatch.setattr(plot, "error_maps", error_maps)
    started(capsys, wrong("dy.sum(axis=0)", "0 * dy.sum(axis=0)"))
    minires(capsys, "check", "1.1", "--plot", "error.png")
    assert drawn["name"] == "dbias" and not drawn["got"].any() and drawn["expected"].all()


def test_a_mistake_without_numbers_has_no_picture_and_what_is_right_no_hint(capsys):
    started(capsys, wrong("dy.sum(axis=0)", "1 / 0"))
    _, out, _ = minires(capsys, "check", "1.1", "--plot", "error.png")
    assert "--plot: this mistake has no numbers to plot" in out and not pathlib.Path("error.png").exists()
    pathlib.Path("assignment-1/ex1_1_linear.py").write_text(LINEAR.head, encoding="utf-8")
    assert minires(capsys, "check", "1.1", "--hint")[1].startswith("nothing is wrong")


def test_a_folder_whose_name_is_a_number_is_a_folder(capsys):
    started(capsys, wrong(), folder="7")
    assert minires(capsys, "check", "7", "1.1")[1].startswith("1.1  dbias is wrong")


@pytest.mark.parametrize("encoding, shade", [("utf-8", "█"), ("ascii", "#")])
def test_the_map_is_drawn_with_what_the_terminal_can_show(encoding, shade, monkeypatch):
    pooling = exercise.find("1.6")
    source = pooling.head.replace("dx[:, :, i : i + stride_h * oh", "dx[:, :, 0 * i : 0 * i + stride_h * oh")
    assert source != pooling.head
    pathlib.Path("ex1_6_pooling.py").write_text(source, encoding="utf-8")
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", out)
    assert cli.main(["exercise", "check", "1.6"]) == 1
    out.flush()
    text = out.buffer.getvalue().decode(encoding)
    assert f"|{shade}" in text or f"{shade}|" in text or shade in text.split("Where ")[1]


def test_a_folder_with_a_blank_in_its_name_can_be_copied_from_the_hint(capsys):
    started(capsys, wrong(), folder="my work")
    assert 'check "my work" 1.1 --hint' in minires(capsys, "check", "my work", "1.1")[1]


def test_a_line_that_is_not_python_is_shown(capsys):
    started(capsys, wrong("return dx,", "retrun dx,"))
    out = minires(capsys, "check", "1.1")[1]
    assert out.startswith("1.1  ex1_1_linear.py raised SyntaxError at line")
    assert "  - invalid syntax: retrun dx, dweight, dbias\n" in out


def test_inputs_in_float32_say_so(capsys):
    started(capsys, wrong("dy.sum(axis=0)", "dy.sum(axis=0).astype(float)"))
    out = minires(capsys, "check", "1.1")[1]
    assert "dbias has the wrong dtype" in out
    assert "x, float32, shape (1, 1):" in out and "]  (float32)" in out


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
    assert "assignment 7: does not exist" in error_of(capsys, "start", "7")
    assert "number of an assignment" in error_of(capsys, "start", "one")
    for number in ("1.9", "9.9"):  # of an assignment that is there, and of none
        assert f"exercise {number}: does not exist" in error_of(capsys, "check", number)
    assert "assignment 5: does not exist" in error_of(capsys, "check", "5")
    assert "minires exercise start 3 writes one" in error_of(capsys, "check", "3.1")
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


@pytest.mark.parametrize("put", ["return x, cache", 'return "text", cache', "return None, cache"])
def test_plot_of_what_cannot_be_drawn_still_ends_with_the_list(capsys, put):
    started(capsys, LINEAR.head.replace("return y, cache", put))
    code, out, err = minires(capsys, "check", "1.1", "--plot", "error.png")
    assert code == 1 and err == "" and "no numbers to plot" in out and "of 2 functions are right" in out
    assert not pathlib.Path("error.png").exists()


@pytest.mark.parametrize("assignment", [1, 2, 3, 4])
def test_without_threads_and_processes_every_solution_is_right(capsys, assignment, no_threads, no_processes):
    minires(capsys, "start", str(assignment), "--to", "work")
    for subject in exercise.of_assignment(assignment):
        pathlib.Path("work", f"{subject.module}.py").write_text(subject.head, encoding="utf-8")
    code, out, _ = minires(capsys, "check", "work")
    assert code == 0 and "functions are right" in out and "WRONG" not in out


def test_without_threads_and_processes_a_mistake_has_its_name(capsys, no_threads, no_processes):
    started(capsys, wrong())
    code, out, _ = minires(capsys, "check", "1.1")
    assert code == 1 and "Mean of the bias gradient." in out


def test_where_no_process_can_be_started_grading_says_that_it_needs_one(capsys, no_processes):
    started(capsys, LINEAR.head, folder="hand-ins/somebody")
    code = cli.main(["grade", "hand-ins", "--out", "grades.csv"])
    _, err = capsys.readouterr()
    assert code == 2 and err.startswith("minires: error: ") and err.count("\n") == 1
    assert "process" in err and "minires exercise check" in err
