"""The reader of a lesson is asked in the terminal, in a notebook and on a page, and told how near she was."""

import ast
import io
import os
import re
import select
import sys
import types

import pytest
from test_lesson_command import error_of, folder, minires, script, tools  # noqa: F401

from minires import lesson
from minires.lesson import asking, prompt, reader, run

ASKS = """\
# %% [markdown]
# # 8. A lesson
#
# **Question.** Why?
#
# *Time: 1 s. Before this: none.*

# %%
from minires import lesson

TRUTH = 0.5

# %% [markdown]
# ## Predict

# %%
# the first
halved = lesson.predict("By what is it *halved*, $\\\\\\\\tfrac12$?")
powers = lesson.predict(
    "How many powers?",
    "powers of two",  # in words
    by=2,
)
after = TRUTH

# %% [markdown]
# ## Measure

# %%
print()
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("Xavier", halved, TRUTH, 0.4987),
    ("all of them", powers, -21, None),
)

# %%
lesson.quiz(
    "Which, `a` or $b_i$?",
    ("the right one", "it is <so>"),
    ("a wrong one", "a *mistake*, $x^2$."),
)

# %%
lesson.score()

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. It is $\\\\tfrac14$ and a `code`.
"""


@pytest.fixture(autouse=True)
def forgotten():
    reader.restart()
    yield
    reader.restart()


@pytest.fixture
def asks(folder):  # noqa: F811
    """A folder whose lesson 8 asks everything that can be asked."""
    (folder / "08_relu_halves.py").write_text(ASKS.replace("\\\\", "\\"), encoding="utf-8")
    return folder


# -- in the terminal ---------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A stream that says it is a terminal; reading it raises what else than text is among its lines."""

    def __init__(self, *lines):
        super().__init__()
        self.lines = list(lines)

    def isatty(self):
        return True

    def readline(self):
        line = self.lines.pop(0) if self.lines else ""
        if line is KeyboardInterrupt:
            raise line
        return line


@pytest.fixture
def typed(monkeypatch):
    """A function that makes standard input and output a terminal, with these lines typed."""

    def type_lines(*lines):
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setattr(prompt, "forget_keys", lambda: None)
        monkeypatch.setattr(sys, "stdin", Terminal(*lines))
        monkeypatch.setattr(sys, "stdout", Terminal())
        return sys.stdout

    return type_lines


@pytest.mark.parametrize(
    "text, value",
    [
        ("0.5", 0.5),
        (" -1e-3", -1e-3),
        ("1/4", 0.25),
        ("2^-21", 2**-21),
        ("2**10", 1024),
        ("12,000", 12000),
        ("1,234,567.5", 1234567.5),
        ("\N{MINUS SIGN}3", -3),
        ("8/4/2", 1),
    ],
)
def test_numbers_may_be_typed_as_people_write_them(text, value):
    assert reader.number(text.strip()) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    ["abc", "0,5", "1,50", "0,500", "nan", "inf", "1/0", "(-1)^0.5", "-1^0.5", "10^400", "1e400", "/2"],
)
def test_what_is_no_number_is_asked_again(text, typed):
    shown = typed(f"{text}\n", "2\n")
    assert lesson.predict("How many?").value == 2
    first, second, third = shown.getvalue().splitlines()  # nobody echoes the keys here
    assert first == "Predict: How many?" and third == "your number (or Enter): "
    assert second == f"{third}expected a number, such as 0.5, 1e-3, 1/4 or 2^-21, got {text!r}"


def test_a_number_may_come_with_its_unit_and_enter_leaves_a_blank(typed):
    typed("50 %\n", "\n", "12 points\n")
    assert lesson.predict("How much?", "%").value == 50
    assert lesson.predict("And this?").value is None
    assert lesson.predict("And that?", "points").value == 12


def test_after_the_end_of_the_input_nobody_is_asked_any_more(typed):
    shown = typed("", "3\n")
    assert lesson.predict("One?").value is None and lesson.predict("Two?").value is None
    lesson.quiz("Three?", ("a", "b"), ("c", "d"))
    assert shown.getvalue().count("(or Enter)") == 1 and sys.stdin.lines == ["3\n"]
    reader.restart()
    assert lesson.predict("One?").value == 3


@pytest.mark.parametrize("closed", [None, io.StringIO("3\n")])
def test_without_a_terminal_nobody_is_asked(closed, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", closed)
    blank = lesson.predict("How many?", "points")
    lesson.quiz("Why?", ("a", "b"), ("c", "d"))
    lesson.table(("", "predicted", "measured"), ("x", blank, 1.0))
    lesson.score()
    assert blank.value is None and "(or Enter)" not in (out := capsys.readouterr().out)
    assert out.splitlines()[0] == "Predict: How many? (in points)"
    assert out.splitlines()[-3:] == ["   measured", "-  --------", "x         1"]  # no empty column


def test_a_quiz_goes_on_until_the_right_answer(typed):
    options = ("the right one", "so it is"), ("a wrong one", "a mistake."), ("another", "one more")
    shown = typed("z\n", "ab\n", "c)\n", "B\n", "a\n", "again\n")
    lesson.quiz("Which?", *options)
    said = shown.getvalue()
    letter = dict(re.findall(r"(\w)\) (.*)", said))
    right = next(name for name, answer in letter.items() if answer == "the right one")
    assert said.count("expected a letter from a to c, got ") == 2
    tries = "cba".index(right) + 1
    assert said.count("No: ") == tries - 1 and said.count("Yes: so it is.") == 1
    assert len(sys.stdin.lines) == 6 - 2 - tries
    assert "mistake.." not in said and ".\n" in said


def test_enter_tells_the_answer_of_a_quiz(typed):
    shown = typed("\n")
    lesson.quiz("Which?", ("the right one", "so it is"), ("a wrong one", "a mistake"))
    assert re.search(r"[ab]\) the right one: so it is\.\n$", shown.getvalue())
    assert "No" not in shown.getvalue() and "mistake" not in shown.getvalue()


@pytest.mark.parametrize("wrong", [0, 8])
def test_a_quiz_has_two_to_eight_answers(wrong):
    with pytest.raises(ValueError, match="expected 1 to 7 wrong answers"):
        lesson.quiz("Which?", ("a", "b"), *[(str(i), "c") for i in range(wrong)])


def test_questions_are_wrapped_and_bold_in_a_terminal_of_colours(typed, monkeypatch):
    shown = typed("1\n")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("WT_SESSION", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    lesson.predict("Is this a question of more than forty columns, $x_l$?")
    lines = shown.getvalue().splitlines()
    assert lines[0].startswith("\x1b[1mPredict:\x1b[0m Is this") and lines[1].startswith("  than")
    assert "xₗ?" in lines[1] and lines[2].startswith("\x1b[2myour number")


def test_ctrl_c_at_a_question_ends_with_130(asks, capsys, monkeypatch):
    monkeypatch.setattr(prompt, "forget_keys", lambda: None)
    monkeypatch.setattr(prompt, "is_terminal", lambda: True)
    monkeypatch.setattr(sys, "stdin", Terminal(KeyboardInterrupt))
    code, out, err = minires(capsys, 8, "--run")
    assert code == 130 and err == "stopped\n" and out.rstrip().endswith("your number (or Enter):")


def test_a_run_without_a_terminal_shows_the_questions_and_the_answers(asks, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, out, err = minires(capsys, 8, "--run")
    assert code == 0 and err == "" and "(or Enter)" not in out and "press" not in out
    assert "lesson.predict" not in out and "lesson.quiz" not in out and "lesson.score" not in out
    assert "Predict: By what is it halved, ½?\n\nPredict: How many powers? (in powers of two)\n\n" in out
    assert "    after = TRUTH\n" in out and "mistake" not in out and "<so>" not in out
    assert "Question: Which, a or bᵢ?\n" in out and ") the right one\n" in out
    assert out.endswith("Answers\n-------\n\nTo try.\n\n  1. It is ¼ and a code.\n\n")


def test_pauses_come_where_there_is_something_to_read(asks, capsys, monkeypatch):
    lines = "\n" * 20
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    assert minires(capsys, 8, "--run", "--pause")[0] == 0
    # after each of 10 cells but the two predictions and the last: one comes before the answers
    assert len(lines) - sys.stdin.tell() == 20 - 8


def test_an_error_after_a_question_names_its_line(asks, capsys):
    path = asks / "08_relu_halves.py"
    path.write_text(path.read_text(encoding="utf-8").replace("after = TRUTH", "after = 1 / 0"), "utf-8")
    (line,) = [n for n, text in enumerate(path.read_text("utf-8").split("\n"), 1) if "1 / 0" in text]
    assert f"lesson 8, line {line}: ZeroDivisionError" in error_of(capsys, 8, "--run", code=1)


def in_a_terminal(command, answers):
    """Run a command in a terminal, type each answer after what it is for; return what it shows, its code."""
    pty = pytest.importorskip("pty")
    pid, master = pty.fork()
    if pid == 0:
        environment = {**run.environment_of(None), "TERM": "xterm", "COLUMNS": "90"}
        os.execve(command[0], command, environment)
    shown, seen = b"", 0
    try:
        while True:
            try:
                # a minute of silence: it waits for something that is not among the answers
                chunk = os.read(master, 4096) if select.select([master], [], [], 60)[0] else b""
            except OSError:  # Linux's way to say that the other end is closed
                chunk = b""
            if not chunk:
                break
            shown += chunk
            while answers and (found := shown.find(answers[0][0].encode(), seen)) >= 0:
                seen = found + len(answers[0][0])
                os.write(master, answers.pop(0)[1].encode())
    finally:
        os.close(master)  # whatever still waits there is hung up
        _, status = os.waitpid(pid, 0)
    assert answers == []
    text = re.sub(r"\x1b\[[\d;]*\w", "", shown.decode()).replace("\r", "")
    return text, os.waitstatus_to_exitcode(status)


def command_for(asks, *arguments):
    code = (
        "import pathlib, sys\nfrom minires import cli\nfrom minires.lesson import library\n"
        f"library.folder = lambda: pathlib.Path({str(asks)!r})\n"
        f"sys.exit(cli.main({['lesson', *arguments]!r}))"
    )
    return [sys.executable, "-c", code]


NUMBER, LETTER = "number (or Enter):", "letter (or Enter):"


def test_a_reader_in_a_terminal_is_asked_and_told(asks, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    answers = [(NUMBER, "a half\n"), (NUMBER, "1/2\n"), (NUMBER, "-15\n"), (LETTER, "\n"), ("press", "\n")]
    shown, code = in_a_terminal(command_for(asks, "8", "--run"), answers)
    assert code == 0, shown
    assert "got 'a half'" in shown and "lesson.quiz" not in shown
    assert re.search(r"Xavier +0\.5 +0\.5 +0\.4987\n", shown) and re.search(r"them +-15 +-21\n", shown)
    assert "Your predictions: 1 of 2 came near.\n  - By what is it halved, ½?\n" in shown
    assert "You said 0.5, it is 0.4987: within a factor of 2." in shown
    assert "You said -15, it is -21: not within 2 powers of two." in shown
    order = ["press Enter for the answers", "Answers\n-------", "It is ¼"]
    assert sorted(order, key=shown.index) == order


def test_keys_that_were_typed_while_code_ran_answer_nothing(asks):
    path = asks / "08_relu_halves.py"
    waits = "print('computing', flush=True)\nimport time\ntime.sleep(0.5)\nTRUTH = 0.5"
    path.write_text(path.read_text("utf-8").replace("TRUTH = 0.5", waits), "utf-8")
    answers = [("computing", "77\n88\n"), (NUMBER, "3\n"), (NUMBER, "\n"), (LETTER, "\n"), ("press", "\n")]
    shown, code = in_a_terminal(command_for(asks, "8", "--run"), answers)
    assert code == 0 and "You said 3," in shown and "You said 77" not in shown


def test_a_script_of_its_own_asks_in_a_terminal_too(asks):
    answers = [(NUMBER, "0.4\n"), (NUMBER, "-20\n"), (LETTER, "\n")]
    shown, code = in_a_terminal([sys.executable, str(asks / "08_relu_halves.py")], answers)
    assert code == 0 and "2 of 2 came near" in shown


@pytest.mark.parametrize("keys, expected", [("\x04", 0), ("\x03", 130)])
def test_the_end_of_the_input_and_ctrl_c_at_a_terminal(asks, keys, expected):
    shown, code = in_a_terminal(command_for(asks, "8", "--run"), [(NUMBER, keys)])
    assert code == expected and "Traceback" not in shown
    assert shown.count("(or Enter)") == 1
    assert shown.endswith("a code.\n\n" if expected == 0 else "stopped\n")


# -- in a notebook -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, expected",
    [
        ('x = lesson.predict("How many?")', 'x = lesson.predict("How many?", guess=...)'),
        ('lesson.predict("(é, ü)?", "µs", by=2,)', 'lesson.predict("(é, ü)?", "µs", by=2, guess=...)'),
        ('x = lesson.predict(("a" "b"))  # why', 'x = lesson.predict(("a" "b"), guess=...)  # why'),
        (
            'x = lesson.predict(\n    "a)",  # b)\n    by=2,  # c\n    # d\n)',
            'x = lesson.predict(\n    "a)",  # b)\n    by=2,  # c\n    guess=...,\n    # d\n)',
        ),
        ('x = lesson.predict(\n    "a"\n)', 'x = lesson.predict(\n    "a", guess=...\n)'),
        ('x = lesson.predict("""a\nb?""")', 'x = lesson.predict("""a\nb?""", guess=...)'),
        (
            'x = {\n    "ü": lesson.predict("ä?"), 7: lesson.predict("b?", by=2),\n}',
            'x = {\n    "ü": lesson.predict("ä?", guess=...), 7: lesson.predict("b?", by=2, guess=...),\n}',
        ),
    ],
)
def test_a_prediction_gets_a_blank_however_it_is_written(call, expected):
    filled = asking.with_a_blank(call)
    assert filled == f"{asking.BLANK}\n{expected}"
    before, after = (ast.parse(source) for source in (call, filled))
    for asked in [node for node in ast.walk(after) if isinstance(node, ast.Call)]:
        assert asked.keywords.pop().arg == "guess"
    assert ast.dump(after) == ast.dump(before)


def test_parts_of_a_cell_are_its_questions_and_what_stands_between():
    source = (
        "import a\n\n# b\nx = lesson.predict(\n    'c',\n)\nlesson.quiz('d'); lesson.score()\n\n"
        "y = 1\nz = 2\n# e"
    )
    assert asking.parts(source) == [
        (None, "import a", 1),
        ("predict", "# b\nx = lesson.predict(\n    'c',\n)", 3),
        ("score", "lesson.quiz('d'); lesson.score()", 7),
        (None, "y = 1\nz = 2\n# e", 9),
    ]
    assert asking.parts("# nothing") == [(None, "# nothing", 1)]
    assert asking.parts("x = = 1") == [(None, "x = = 1", 1)]
    assert [kind for kind, _, _ in asking.parts("other.quiz('a')\nlesson.show(b)")] == [None]
    assert [kind for kind, _, _ in asking.parts("if a:\n    lesson.quiz('b')")] == [None]


def executed(written):
    """Execute a notebook and return it."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    nbclient.NotebookClient(written, timeout=120).execute(env=run.environment_of("fast"))
    return written


def sources(written, asked):
    return [cell for cell in written.cells if cell.metadata.get("minires", {}).get("asks") == asked]


def test_a_notebook_has_blanks_that_a_reader_fills_in(asks, capsys):
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("jupytext")
    assert minires(capsys, 8, "--notebook")[0] == 0
    written = nbformat.read("08_relu_halves.ipynb", as_version=4)
    nbformat.validate(written)
    first, second = sources(written, "predict")
    assert first.source.splitlines()[0] == asking.BLANK and first.source.endswith(", guess=...)")
    assert "# the first\nhalved = lesson.predict" in first.source
    assert second.source.endswith('"powers of two",  # in words\n    by=2,\n    guess=...,\n)')
    (hidden,) = sources(written, "quiz")
    assert hidden.metadata["jupyter"]["source_hidden"] is True
    assert [cell.source for cell in written.cells if "TRUTH" in cell.source][1] == "after = TRUTH"
    folds = written.cells[-1].source
    assert folds.startswith("## Answers\n\n<details>\n<summary>Show the answers</summary>\n\n**To try.**\n")
    assert folds.endswith(" `code`.\n\n</details>")
    first.source = first.source.replace("guess=...", "guess=1/4")

    done = executed(written)
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    (table,) = [output.data for output in outputs if "<table>" in output.get("data", {}).get("text/html", "")]
    assert re.search(r"Xavier +0\.25 +0\.5 +0\.4987\n", table["text/plain"])
    assert "Xavier</th><td>0.25</td><td>0.5</td><td>0.4987</td>" in table["text/html"]
    printed = "".join(output.get("text", "") for output in outputs)
    assert "1 of 1 came near" in printed and "You said 0.25, it is 0.4987" in printed
    (output,) = sources(done, "predict")[0].outputs
    assert output.data["text/plain"] == "You predict 0.25."
    (output,) = sources(done, "quiz")[0].outputs
    shown = output.data["text/html"]
    assert shown.count("<details>") == shown.count("<summary>") == 2 and "<script" not in shown
    assert re.search(r"<summary>\w\) the right one</summary><p>Yes: it is &lt;so&gt;\.</p>", shown)
    assert re.search(r"<summary>\w\) a wrong one</summary><p>No: a mistake, x²\.</p>", shown)


def test_the_answers_of_a_notebook_are_still_set_as_text_and_formulas(tools):  # noqa: F811
    from nbconvert.filters import markdown2html

    text = "## Answers\n\n1. $a_i$ and\n   $$x=1$$\n2. `b`\n\n| c | d |\n|---|---|\n| 1 | 2 |"
    page = markdown2html(asking.folded(text))
    order = ["Answers", "<details>", "<summary>Show", "<ol>", "$a_i$", "$$x=1$$", "<table>", "</details>"]
    assert [page.count(part) for part in order[1:]] == [1] * 7 and "<code>b</code>" in page
    assert sorted(order, key=page.index) == order


def test_ipython_in_a_terminal_is_no_notebook(typed, monkeypatch):
    shell = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    typed("3\n")
    assert lesson.predict("How many?").value == 3
    shell.kernel = "one"
    assert reader.in_notebook()


@pytest.mark.parametrize("guess", [float("nan"), float("inf"), "many"])
def test_a_guess_is_a_finite_number(guess):
    with pytest.raises(ValueError, match="guess: expected a finite number|could not convert"):
        lesson.predict("How many?", guess=guess)


# -- how near ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, result, options, near",
    [
        (0.25, 0.5, {}, True),
        (1.0, 0.5, {}, True),
        (0.24, 0.5, {}, False),
        (1.1, 0.5, {}, False),
        (-0.5, 0.5, {}, False),
        (-0.5, -0.3, {}, True),
        (0, 0, {}, True),
        (0.1, 0, {}, False),
        (1e-300, 1e-300, {}, True),
        (-1e-200, 1e-200, {}, False),
        (19, 21, {"by": 2}, True),
        (18, 21, {"by": 2}, False),
        (-1, 1, {"by": 2}, True),
        (1.1, 1, {"within": 1.05}, False),
    ],
)
def test_near_is_within_a_factor_or_so_many_units(value, result, options, near):
    prediction = lesson.predict("How many?", guess=value, **options)
    lesson.table((7.0, "predicted", "derived", "measured"), ("x", prediction, 77, result))  # any value names
    assert prediction.is_near() is near


@pytest.mark.parametrize("options", [{"within": 0.5}, {"by": -1}, {"within": float("nan")}])
def test_something_can_be_near(options):
    with pytest.raises(ValueError, match="expected within >= 1 or by >= 0"):
        lesson.predict("How many?", **options)


def test_a_question_that_is_asked_again_counts_once(capsys):
    for guess in (5, 1):
        asked = lesson.predict("How many?", guess=guess)
        lesson.table(("", "predicted", "measured over seeds"), ("x", asked, 1.0))
    lesson.score()
    assert "1 of 1 came near" in capsys.readouterr().out
