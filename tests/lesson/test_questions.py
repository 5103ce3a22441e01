"""Every lesson asks its reader: predictions before it derives, quizzes, and every answer at its end."""

import ast
import re

import pytest
from test_lessons import PATHS, run

from minires.lesson import asking, library, reader

DERIVATION = "## Derivation"
IN_SECTIONS = {0, 24}  # many small derivations, each after its own predictions

LESSONS = [pytest.param(library.read(path), id=path.stem) for path in PATHS.values()]
each = pytest.mark.parametrize("read", LESSONS)
ITEM = re.compile(r"^(\d+)\. ", re.MULTILINE)


def calls(source, *names):
    """Return the calls of lesson.NAME anywhere in a source."""
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in [f"lesson.{name}" for name in names]
    ]


def code(read):
    return [cell.source for cell in read.cells if not cell.is_text]


def section(read, heading):
    """Return the text under a heading of a lesson, up to the next one of its level."""
    text = "\n\n".join(cell.source for cell in read.cells if cell.is_text)
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


@each
def test_a_lesson_asks_for_predictions_before_it_derives(read):
    derived = [i for i, cell in enumerate(read.cells) if cell.is_text and cell.source.startswith(DERIVATION)]
    asked = [i for i, cell in enumerate(read.cells) if not cell.is_text and calls(cell.source, "predict")]
    assert asked, "expected lesson.predict(...)"
    assert derived or read.number in IN_SECTIONS, f"expected a cell of text that begins with {DERIVATION!r}"
    if derived:
        assert max(asked) < derived[0], "every prediction is asked for before the derivation"


@each
def test_a_lesson_has_two_or_three_quizzes_and_its_score_after_the_last_table(read):
    asked = [(i, kind) for i, source in enumerate(code(read)) for kind, _, _ in asking.parts(source) if kind]
    kinds = [kind for _, kind in asked]
    assert 2 <= kinds.count("quiz") <= 3
    assert kinds.count("score") == 1 and kinds[-1] == "score"
    assert max(i for i, source in enumerate(code(read)) if calls(source, "table")) < asked[-1][0]


@each
def test_questions_stand_by_themselves_so_that_a_notebook_can_have_their_blanks(read):
    for source in code(read):
        parts = asking.parts(source)
        asked = [text for kind, text, _ in parts if kind]
        assert len(calls(source, *asking.KINDS)) == sum(len(calls(text, *asking.KINDS)) for text in asked)
        for text in asked:
            # one blank would have to do for all its rounds
            assert not any(isinstance(node, ast.comprehension) for node in ast.walk(ast.parse(text))), text
            for call in calls(text, "predict"):
                assert {name.arg for name in call.keywords} <= {"unit", "within", "by"}, "nobody's guess"


@each
def test_questions_have_reasons_and_no_lost_backslash(read):
    for call in [call for source in code(read) for call in calls(source, "predict", "quiz")]:
        for text in [node.value for node in ast.walk(call) if isinstance(node, ast.Constant)]:
            # such as the tab of "$\tfrac12$"
            assert not isinstance(text, str) or text.isprintable(), f"{text!r} needs a raw string, r'...'"
        if call.func.attr == "quiz":
            for option in call.args[1:]:
                answer, reason = map(text_of, option.elts)
                assert answer and reason and not reason.endswith("."), reason


def text_of(node):
    """Return a text, with a sign for each value that is put into it when the lesson runs."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    assert isinstance(node, ast.Constant) and isinstance(node.value, str), ast.unparse(node)
    return node.value


@each
def test_the_answers_are_a_lessons_last_cell_and_complete(read):
    last = read.cells[-1]
    assert last.is_text and asking.is_answers(last.source), "expected a last cell '## Answers'"
    assert [heading for heading in re.findall(r"^#+ (.*)", last.source, re.MULTILINE)] == ["Answers"]
    elsewhere = "\n".join(cell.source for cell in read.cells[:-1] if cell.is_text)
    assert "## Answers" not in elsewhere
    answers = dict(re.findall(r"^\*\*(To try|Exercises)\.\*\*(.*?)(?=^\*\*|\Z)", last.source, re.M | re.S))
    for heading, name in (("What to try next", "To try"), ("Exercises", "Exercises")):
        asked = ITEM.findall(section(read, heading))
        assert asked == ITEM.findall(answers.get(name, "")), f"{name}: an answer to each number"
        assert asked == [str(number) for number in range(1, len(asked) + 1)]
        assert asked or name == "Exercises"


@each
def test_every_prediction_is_shown(read):
    trees = [ast.parse(source) for source in code(read)]
    asking_ones = [node for tree in trees for node in tree.body if asking.kind(node) == "predict"]
    names = {target.id for node in asking_ones for target in node.targets}
    assert len(names) == len(asking_ones)
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)]
    assert names <= {node.id for node in nodes if isinstance(node.ctx, ast.Load)}


@each
def test_every_figure_is_described_to_those_who_do_not_see_it(read):
    for source in code(read):
        texts = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
        for call in calls(source, "show"):
            described = {name.arg: text_of(name.value) for name in call.keywords}.get("alt", "")
            assert 20 <= len(described) <= 300, f"alt: expected 20 to 300 characters, got {described!r}"
            assert described[0].isupper() and described.endswith("."), f"expected sentences: {described!r}"
            assert texts.count(described) <= 1, f"what is seen, not the title once more: {described!r}"
            assert "$" not in described and described.isprintable(), f"no formulas: {described!r}"


@pytest.mark.slow
@each
def test_every_prediction_meets_its_result_in_a_table(read, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(reader, "_ask_number", lambda unit: 1.0)
    reader.restart()
    run(read.path, read.path.read_text(encoding="utf-8"), monkeypatch, tmp_path)
    predicted = list(reader._predictions.values())
    assert [p.question for p in predicted if not p.question.endswith("?") or p.value != 1] == []
    assert [p.question for p in predicted if p.result is None] == []
    assert f"of {len(predicted)} came near" in capsys.readouterr().out
