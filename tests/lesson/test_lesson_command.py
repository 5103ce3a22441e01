"""`minires lesson` lists, runs and opens the lessons, and reports a broken one in one line."""

import io
import json
import os
import pathlib
import re
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from minires import cli
from minires.lesson import display, formula, library, markdown, notebook, run

HALVES = """\
# %% [markdown]
# # 8. ReLU halves the variance, $\\tfrac12$
#
# **Question.** How can a factor of **two**
# decide?
#
# *Time: 1.5 s. Before this: lesson 6. Sources: none.*

# %%
from minires import lesson

ratio = 0.5

# %% [markdown]
# ## Derivation
#
# With $y_l$ and `dims = [4096] * 7`:
#
# $$\\begin{aligned} \\mathrm{Var}[y_l] &= \\tfrac12 n_l \\mathrm{Var}[w_l]\\,\\mathrm{Var}[y_{l-1}] \\\\
#   &\\le \\sum_{i=1}^n x_i \\end{aligned}$$
#
# - one
# - two

# %%
lesson.table(("", "derived"), ("setting " + lesson.setting(), ratio))
assert ratio == 0.5
"""


FIGURE = "from matplotlib.figure import Figure\nfrom minires import lesson\nlesson.show(Figure())\n"


def script(number, code, title="A lesson"):
    return (
        f"# %% [markdown]\n# # {number}. {title}\n#\n# **Question.** Why?\n#\n"
        f"# *Time: 1 s. Before this: none.*\n\n# %%\n{code}\n"
    )


@pytest.fixture
def tools():
    for name in ("jupytext", "nbconvert", "ipykernel"):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with one lesson, number 8, instead of the real ones; the current folder is another."""
    lessons = tmp_path / "lessons"
    lessons.mkdir()
    (lessons / "08_relu_halves.py").write_text(HALVES, encoding="utf-8")
    monkeypatch.setattr(library, "folder", lambda: lessons)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIRES_LESSON", raising=False)
    return lessons


def minires(capsys, *arguments):
    """Return (exit code, stdout, stderr)."""
    try:
        code = cli.main(["lesson", *map(str, arguments)])
    except SystemExit as exit:  # how argparse ends
        code = exit.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def error_of(capsys, *arguments, code=2):
    """Return the error of a command that must fail in one line with this exit code."""
    got, _, err = minires(capsys, *arguments)
    assert got == code and err.count("\n") == 1 and err.startswith("minires: error: "), (got, err)
    return err.removeprefix("minires: error: ").strip()


# -- the list ----------------------------------------------------------------------------------------------


def test_every_lesson_that_comes_along_has_a_number_a_title_a_question_and_a_time():
    lessons = library.lessons()
    assert len({lesson.number for lesson in lessons}) == len(lessons)
    for lesson in lessons:
        assert lesson.title and lesson.question and lesson.time and len(lesson.cells) > 1
        assert "\\" not in markdown.inline(lesson.title)


def test_the_list_has_a_line_for_each_lesson(folder, capsys):
    (folder / "01_first.py").write_text(script(1, "x = 1", "First"))
    code, out, err = minires(capsys)
    assert code == 0 and err == ""
    lines = out.splitlines()
    assert lines[0].split() == ["1", "First", "1", "s"]
    assert lines[1] == " 8  ReLU halves the variance, ½  1.5 s"  # a point within a number ends no sentence


def test_a_question_may_take_several_lines(folder):
    assert library.find(8).question == "How can a factor of **two** decide?"


@pytest.mark.parametrize(
    "head", ["", "x = 1\n", HALVES.replace("# # 8.", "# # 9."), HALVES.replace("*Time:", "*Takes:")]
)
def test_a_lesson_without_a_proper_first_cell_is_named(folder, capsys, head):
    (folder / "08_relu_halves.py").write_text(head, encoding="utf-8")
    assert "08_relu_halves.py: expected a first cell" in error_of(capsys)


def test_text_that_is_no_comment_is_named_with_its_line(folder, capsys):
    (folder / "08_relu_halves.py").write_text("# %% [markdown]\n# # 8. T\n\nx = 1\n")
    assert "08_relu_halves.py, line 4: expected text" in error_of(capsys, 8, "--run")


def test_cells_know_their_first_lines():
    cells = library.split("import math\n\n# %%\n\nx = 1\n# %% [markdown]\n# text\n#\n# more\n\n# %%\n")
    assert [(cell.is_text, cell.source, cell.line) for cell in cells] == [
        (False, "import math", 1),
        (False, "x = 1", 5),
        (True, "text\n\nmore", 7),
    ]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((99,), "lesson 99: does not exist; there are 8"),
        (("eight",), "invalid int value: 'eight'"),
        ((8, "--pause"), "--pause: expected one lesson to run"),
        (("--run", "--pause"), "--pause: expected one lesson to run"),
        ((8, "--run", "--fast", "--full"), "not allowed with argument"),
        ((8, "--run", "--notebook"), "not allowed with argument"),
        (("--notebook",), "expected one lesson's number first"),
        ((8, 9), "one lesson at a time"),
        (("--fast",), "--fast: expected a lesson's number"),
        ((8, "--notebook", ""), "--notebook: expected a value"),
    ],
)
def test_what_makes_no_sense_is_one_line(folder, capsys, arguments, message):
    assert message in error_of(capsys, *arguments)


@pytest.mark.parametrize("arguments", [(8,), (8, "--notebook")])
def test_without_the_extra_the_error_says_how_to_get_it(folder, capsys, monkeypatch, arguments):
    monkeypatch.setattr(notebook.importlib.util, "find_spec", lambda name: None)
    message = error_of(capsys, *arguments)
    assert 'pip install "minires-learn[lessons]"' in message and "minires lesson 8 --run" in message
    assert [path.name for path in pathlib.Path().iterdir()] == ["lessons"]


# -- in the terminal ---------------------------------------------------------------------------------------


def test_a_run_shows_text_code_and_result_in_turn(folder, capsys):
    code, out, err = minires(capsys, 8, "--run", "--fast")
    assert code == 0 and err == "" and "\x1b" not in out and "**" not in out
    order = [
        "8. ReLU halves the variance, ½\n=====",
        "    ratio = 0.5",
        "Derivation\n-----",
        "    assert ratio",
    ]
    places = [out.index(text) for text in [*order, "setting fast      0.5\n"]]
    assert places == sorted(places)
    assert "    Var[yₗ] = ½ nₗ Var[wₗ] Var[yₗ₋₁]\n    ≤ Σᵢ₌₁ⁿ xᵢ\n" in out
    assert "With yₗ and dims = [4096] * 7:\n" in out and "\n  - one\n  - two\n" in out


def test_a_run_leaves_the_process_as_it_was(folder, capsys, monkeypatch):
    monkeypatch.setenv("MINIRES_LESSON", "live")
    before = sys.argv, sys.modules["__main__"]
    minires(capsys, 8, "--run", "--fast")
    assert (sys.argv, sys.modules["__main__"], os.environ["MINIRES_LESSON"]) == (*before, "live")


def test_text_is_wrapped_to_the_terminal(folder, capsys, monkeypatch):
    (folder / "08_relu_halves.py").write_text(script(8, "x = 1").replace("Why?", "Why? " * 60))
    monkeypatch.setenv("COLUMNS", "40")
    _, out, _ = minires(capsys, 8, "--run")
    assert 35 <= max(map(len, out.splitlines())) <= 40


def test_colour_is_for_terminals_only(folder, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("WT_SESSION", "1")
    for plain in (False, True):
        if plain:
            monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(sys, "stdout", Terminal())
        run.run(library.find(8))
        shown = sys.stdout.getvalue()
        assert ("\x1b[1m" in shown) is not plain


def test_pause_waits_for_enter_between_cells_and_the_end_of_the_input_for_nobody(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n\n\n\nleft over\n"))
    assert minires(capsys, 8, "--run", "--pause")[0] == 0
    assert sys.stdin.read() == "\nleft over\n"  # four cells, three pauses
    for nobody in (io.StringIO(""), None):
        monkeypatch.setattr(sys, "stdin", nobody)
        code, out, _ = minires(capsys, 8, "--run", "--pause")
        assert code == 0 and "setting live" in out


def test_ctrl_c_while_waiting_ends_with_130(folder, capsys, monkeypatch):
    class Stopped(io.StringIO):
        def readline(self):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Stopped())
    code, _, err = minires(capsys, 8, "--run", "--pause")
    assert code == 130 and err == "stopped\n"


@pytest.mark.parametrize(
    "code, message",
    [
        ("assert 1 == 2, 'one\\nis not two'", "lesson 8: the claim does not hold: one is not two"),
        ("x = 1\nassert x == (\n    2\n)", "lesson 8: the claim does not hold: x == 2"),
        ("def f(x):\n    assert x > 1\n\nf(1)", "lesson 8: the claim does not hold: x > 1"),
        ("x = 1\nx / 0", "lesson 8, line 10: ZeroDivisionError: division by zero"),
        ("import math\nmath.sqrt(\n    -1\n)", "lesson 8, line 10: ValueError:"),
        ("x = = 1", "lesson 8, line 9: SyntaxError: invalid syntax"),
        ("import sys\nsys.exit('no')", "lesson 8, line 10: SystemExit: no"),
    ],
)
def test_a_lesson_that_breaks_off_is_one_line_and_exit_code_1(folder, capsys, code, message):
    (folder / "08_relu_halves.py").write_text(script(8, code))
    assert error_of(capsys, 8, "--run", code=1).startswith(message)


@pytest.mark.parametrize("arguments", [(8, "--run"), ("--run",)])
def test_a_setting_that_does_not_exist_is_the_users_error(folder, capsys, monkeypatch, arguments):
    monkeypatch.setenv("MINIRES_LESSON", "slow")
    monkeypatch.setattr(notebook, "require", lambda *names: None)
    assert "MINIRES_LESSON: expected one of fast, live, full" in error_of(capsys, *arguments)
    assert [path.name for path in pathlib.Path().iterdir()] == ["lessons"]


def test_figures_of_a_run_are_files_named_after_the_lesson(folder, capsys):
    (folder / "08_relu_halves.py").write_text(script(8, FIGURE))
    for _ in range(2):  # the second run replaces the figures of the first
        assert minires(capsys, 8, "--run")[0] == 0
    assert [path.name for path in pathlib.Path("lesson-figures").iterdir()] == ["08_relu_halves.png"]


def test_a_run_goes_on_where_figures_cannot_be_written(folder, capsys):
    (folder / "08_relu_halves.py").write_text(script(8, f"{FIGURE}print('the end')"))
    pathlib.Path("lesson-figures").write_text("a file")
    code, out, _ = minires(capsys, 8, "--run")
    assert code == 0 and "08_relu_halves.png cannot be written" in out and "\nthe end\n" in out


def test_running_all_prints_a_line_each_and_the_output_of_those_that_fail(folder, capsys):
    (folder / "02_fails.py").write_text(script(2, "print('seen')\nassert 1 == 2", "Fails"))
    code, out, _ = minires(capsys, "--run", "--fast")
    lines = out.splitlines()
    assert code == 1
    assert re.fullmatch(r" 2  Fails  +FAILED +\d+\.\d s", lines[0])
    assert lines[1] == "    seen" and lines[-3] == "    AssertionError"
    assert re.fullmatch(r" 8  ReLU halves the variance, ½  ok +\d+\.\d s", lines[-2])
    assert lines[-1] == "2 lessons, 1 failed: 2" and "setting" not in out
    (folder / "02_fails.py").unlink()
    code, out, _ = minires(capsys, "--run", "--fast")
    assert code == 0 and out.endswith("1 lessons, all ran to completion\n")


def test_a_lesson_is_a_script_of_its_own(folder):
    done = subprocess.run(
        [sys.executable, folder / "08_relu_halves.py", "--fast"],
        env=run.environment_of(None),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0 and "setting fast" in done.stdout


# -- formulas and text -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "latex, text",
    [
        (r"\frac{\mathrm{Var}[y_l]}{\mathrm{Var}[y_{l-1}]} = \tfrac12\,n", "Var[yₗ]/Var[yₗ₋₁] = ½ n"),
        (r"2^{-(L-1)} + x_{i,j}^{(t+1)}", "2^(-(L-1)) + xᵢⱼ⁽ᵗ⁺¹⁾"),
        (r"\frac{x-\mu}{\sqrt{\sigma^2+\epsilon}}", "(x-μ)/√(σ²+ε)"),
        (r"\frac{\partial L}{\partial w} \frac1{2\pi}", "∂L/∂w 1/(2π)"),
        (r"f(x) = \begin{cases} x & x > 0 \\ 0 & \text{else} \end{cases}.", "f(x) = {x, x > 0; 0, else}."),
        (r"\left(\mathbf{W}^\top \hat{x}\right) \unknown", "(Wᵀx̂) unknown"),
        (r"\mu = \log \alpha x \cdot \partial L", "μ = log α x · ∂L"),
        (r"\frac{a", "a/()"),
    ],
)
def test_a_formula_becomes_a_line_of_text(latex, text):
    assert formula.readable(latex) == text


def test_emphasis_goes_but_code_and_prices_stay():
    text = "**a $x_i$** *b* `c * d * e` [f](g) 2 * 3 * 4 and \\$5"
    assert markdown.inline(text).replace(markdown.TIE, " ") == "a xᵢ b c * d * e f (g) 2 * 3 * 4 and $5"


def test_tables_and_fences_keep_their_lines():
    text = "| a | bb |\n|---|---|\n| ccc | $x^2$ |\n\n```python\nx = 1\n\ny = 2\n```"
    shown = markdown.render(text, width=20, colour=False)
    assert shown == "a    bb\n---  --\nccc  x²\n\n    x = 1\n    \n    y = 2"


# -- notebooks ---------------------------------------------------------------------------------------------


def test_our_cells_are_those_that_jupytext_sees():
    jupytext = pytest.importorskip("jupytext")
    for lesson in library.lessons():
        seen = jupytext.reads(lesson.path.read_text(encoding="utf-8"), fmt="py:percent").cells
        assert [cell.source for cell in lesson.cells] == [cell.source for cell in seen], lesson.path.name


def test_a_notebook_for_a_service_is_valid_and_installs_what_it_needs_first(folder, capsys):
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("jupytext")
    code, out, _ = minires(capsys, 8, "--notebook", "--full")
    assert code == 0 and out == "08_relu_halves.ipynb\n"
    written = json.loads(pathlib.Path("08_relu_halves.ipynb").read_text(encoding="utf-8"))
    nbformat.validate(written)
    assert [cell["cell_type"] for cell in written["cells"]] == [
        "code",
        "markdown",
        "code",
        "markdown",
        "code",
    ]
    setup = "".join(written["cells"][0]["source"])
    assert "MINIRES = " in setup and 'SETTING = "full"' in setup and "cupy" in setup
    assert "08_relu_halves.ipynb exists" in error_of(capsys, 8, "--notebook")  # it may hold somebody's work
    assert minires(capsys, 8, "--notebook", "other/name.ipynb")[1] == f"{pathlib.Path('other/name.ipynb')}\n"
    assert "expected the name of a notebook, such as 9.ipynb" in error_of(capsys, 8, "--notebook", 9)
    pathlib.Path("file").write_text("a file")
    assert "file: expected a folder" in error_of(capsys, 8, "--notebook", "file/name.ipynb")


def test_a_notebook_for_a_service_runs(folder, capsys):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("jupytext")
    pytest.importorskip("ipykernel")
    written = notebook.convert_for_service(library.find(8), setting="fast")
    nbclient.NotebookClient(written, timeout=120).execute(env=run.environment_of(None))
    code = [cell for cell in written.cells if cell.cell_type == "code"]
    assert "".join(output.get("text", "") for output in code[0].outputs).startswith("minires ")
    (table,) = code[-1].outputs
    assert "setting fast" in table.data["text/plain"] and "<table>" in table.data["text/html"]


def test_opening_a_lesson_again_opens_the_readers_copy(folder, capsys, monkeypatch):
    pytest.importorskip("jupytext")
    monkeypatch.setattr(notebook, "require", lambda *names: None)
    opened = []
    monkeypatch.setattr(notebook, "start", lambda path, *, setting: opened.append((path, setting)) or 0)
    path = pathlib.Path("lesson-notebooks/08_relu_halves.ipynb")
    assert minires(capsys, 8)[0] == 0
    path.write_text(path.read_text(encoding="utf-8").replace("ratio = 0.5", "ratio = 0.7"), encoding="utf-8")
    code, out, _ = minires(capsys, 8, "--fast")
    assert code == 0 and "your copy" in out and "ratio = 0.7" in path.read_text(encoding="utf-8")
    assert opened == [(path, None), (path, "fast")]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_before_jupyter_listens_ends_it_without_a_traceback(monkeypatch, capfd):
    early = notebook.START.replace(
        "from notebook.app", "signal.raise_signal(signal.SIGINT); from notebook.app"
    )
    monkeypatch.setattr(notebook, "START", early)
    with pytest.raises(KeyboardInterrupt):
        notebook.start("any.ipynb", setting=None)
    assert capfd.readouterr().err == ""


# -- in a notebook -----------------------------------------------------------------------------


def test_a_figure_is_described_by_its_titles_or_its_axes():
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    left.set_title("error")
    right.set_xlabel("layer")
    right.set_ylabel("variance")
    assert display._title(figure) == "error; variance over layer"


def test_a_figure_is_described_in_words_where_there_are_some(monkeypatch, tmp_path):
    displayed = pytest.importorskip("IPython.display")
    from matplotlib.figure import Figure

    shown = []
    monkeypatch.setattr(display.reader, "in_notebook", lambda: True)
    monkeypatch.setattr(displayed, "display", shown.append)
    figure = Figure()
    figure.subplots().set_title("error")
    display.show(figure)
    display.show(figure, alt="The error falls.")
    assert [image._repr_mimebundle_()[1]["image/png"]["alt"] for image in shown] == [
        "error",
        "The error falls.",
    ]
    with pytest.raises(ValueError, match="alt: expected what the figure shows"):
        display.show(figure, alt=" ")


def test_a_table_is_aligned_with_four_digits_and_whole_integers(capsys):
    rows = ("x", 0.123456, np.int64(1234567)), ("longer", None, True), ("z", np.float32(12345.6), False)
    display.table(("", "value", "count"), *rows)
    assert capsys.readouterr().out.splitlines() == [
        "            value      count",
        "------  ---------  ---------",
        "x          0.1235  1,234,567",
        "longer                   yes",
        "z       1.235e+04         no",
    ]
    with pytest.raises(ValueError, match="rows: expected 2 values"):
        display.table(("", "value"), ("x", 1, 2))


def test_the_option_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("MINIRES_LESSON", "full")
    monkeypatch.setattr(sys, "argv", ["lesson.py", "--fast"])
    assert display.setting() == "fast"
    monkeypatch.setattr(sys, "argv", ["lesson.py"])
    assert display.setting() == "full"


def test_every_figure_of_a_lesson_has_a_file_of_its_own(folder, capsys):
    (folder / "08_relu_halves.py").write_text(script(8, FIGURE + "lesson.show(Figure())\n"))
    assert minires(capsys, 8, "--run")[0] == 0
    names = sorted(path.name for path in pathlib.Path("lesson-figures").iterdir())
    assert names == ["08_relu_halves-2.png", "08_relu_halves.png"]


def test_a_lesson_may_have_the_number_0(folder, capsys):
    (folder / "00_first.py").write_text(script(0, "print('it ran')", "First"))
    assert minires(capsys)[1].startswith(" 0  First ")
    code, out, _ = minires(capsys, 0, "--run")
    assert code == 0 and out.startswith("0. First\n") and "it ran\n" in out
    assert minires(capsys, 0, "--notebook", "first.ipynb")[0] == 0
    assert "there are 0, 8" in error_of(capsys, 1, "--run")


def test_running_all_hands_the_setting_on(folder, capsys):
    (folder / "08_relu_halves.py").write_text(
        script(8, "from minires import lesson\nassert 0, lesson.setting()")
    )
    assert "AssertionError: full" in minires(capsys, "--run", "--full")[1]


def test_numbers_of_lessons_in_a_row_are_a_range():
    assert library._ranges([1, 2, 3, 8, 10, 11]) == "1 to 3, 8, 10 to 11"


def test_lists_quotes_and_figures_keep_their_form():
    text = "1. one\n   goes on\n2. two\n\n> quoted\n\n![a net](net.png)\n\n### Small"
    shown = markdown.render(text, width=40, colour=False)
    assert shown == "  1. one goes on\n  2. two\n\n  | quoted\n\n[figure: a net]\n\nSmall"


@pytest.mark.parametrize(
    "names, text",
    [
        (r"\alpha\beta\gamma\delta\eta\theta\lambda\mu\sigma", "αβγδηθλμσ"),
        (r"a \le b \leq c \ge d \geq e \ne f", "a ≤ b ≤ c ≥ d ≥ e ≠ f"),
        (r"a \leftarrow b \rightarrow c \subseteq d", "a ← b → c ⊆ d"),
        (r"\tfrac13 \tfrac14 \tfrac34", "⅓ ¼ ¾"),
        (r"2 \binom{2n+2}{n+1}", "2 (2n+2 choose n+1)"),
        (r"x^{01234} y^{56789} z_{01234} a_{56789}", "x⁰¹²³⁴ y⁵⁶⁷⁸⁹ z₀₁₂₃₄ a₅₆₇₈₉"),
    ],
)
def test_signs_of_a_formula_are_those_of_their_names(names, text):
    assert formula.readable(names) == text


def test_a_run_leaves_no_setting_behind_where_there_was_none(folder, capsys):
    assert minires(capsys, 8, "--run", "--fast")[0] == 0 and "MINIRES_LESSON" not in os.environ
