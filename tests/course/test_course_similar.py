"""Similar hand-ins: what few have in common is listed, what all write is not, and nothing is judged."""

import csv
import io
import pathlib
import re
import time

import pytest
from places import TESTS

from minires.course import exercise
from minires.course.grade import shapes, similar, similar_page

FIVE = exercise.find("1.5")
MODULE = FIVE.module
ANSWERS = sorted(path for path in (TESTS / "answers" / MODULE).glob("*.py") if path.name != "wrong.py")


def traits(body, name="f"):
    return shapes.units(f"import numpy as np\ndef {name}(x, y):\n    {body}\n".encode(), [name])[name]


def compared(files, subject=FIVE):
    """Return the Pairs of {student: source}."""
    return similar.Class([subject], {who: {subject.module: text} for who, text in files.items()}).pairs()


@pytest.mark.parametrize(
    "one, other",
    [
        ("total = x + 1; return total", "s = x + 1; return s"),
        ("a = x + 1; b = y * 2; return a - b", "c = y * 2; d = x + 1; return d - c"),
        ("a = x + 1; return a", '"""Text."""; a = 1.0 + x; return (a)  # why'),
        ("a: int = x + 1; return a", "a = x + 1e0; return a"),
        ("x += y; return x", "x = x + y; return x"),
        ("return x > y", "return y < x"),
        ("return np.sum(x, axis=0)", "return x.sum(0)"),
        ("return np.zeros((2, 3), dtype=float)", "return np.zeros( ( 2, 3, ), dtype = float )"),
        ("for i in range(3): x[i] = y", "for k in range(3):\n        x[k] = y"),
    ],
)
def test_what_is_a_matter_of_taste_gives_the_same_traits(one, other):
    assert traits(one) == traits(other)


@pytest.mark.parametrize(
    "one, other",
    [
        ("return x - y", "return y - x"),
        ("return x + 1", "return x + 2"),
        ("return x.sum(0)", "return x.sum(1)"),
        ("a = x + 1; return a * y", "a = x * y; return a + 1"),
        ("for i in range(3): x[i] = y", "if range(3): x[0] = y"),
        ("return -x", "return ~x"),
        ("return x @ y", "return x * y"),
        ("return x and y", "return x or y"),
        ("return x == y", "return x != y"),
        ("a = x + 1; b = y + 2; return a * a", "a = x + 1; b = y + 2; return b * b"),
    ],
)
def test_what_is_another_thought_gives_other_traits(one, other):
    assert traits(one) != traits(other)


def test_parameters_and_the_name_of_numpy_may_be_renamed():
    plain = shapes.units(b"import numpy as np\ndef f(x, y): return np.exp(x) - y\n", ["f"])
    assert plain == shapes.units(b"import numpy\ndef f(dout, c): return numpy.exp(dout) - c\n", ["f"])


def test_a_renamed_copy_is_above_all_honest_pairs():
    honest = {path.stem: path.read_bytes() for path in ANSWERS}
    source = (TESTS / "answers" / MODULE / "by_window.py").read_text("utf-8")
    copy = re.sub(r"\bdx\b", "grad", re.sub(r"\bdweight\b", "gw", source)).replace(
        "    return", "    # done\n    return"
    )
    pairs = compared({**honest, "copycat": copy.encode()})
    assert (pairs[0].first, pairs[0].second) == ("by_window", "copycat")
    assert pairs[0].functions[0].authors == 2 and pairs[0].functions[0].share > 0.9
    assert all(
        pair.bits < pairs[0].bits / 3 for pair in pairs[1:] if "copycat" not in (pair.first, pair.second)
    )


def test_ten_honest_solutions_are_not_alike_and_a_copy_of_the_shipped_one_is():
    subject = exercise.find("1.6")
    paths = sorted((TESTS / "answers" / subject.module).glob("*.py"))
    honest = {path.stem: path.read_bytes() for path in [*paths, *ANSWERS] if path.name != "wrong.py"}
    solution = re.sub(r"\bdx\b", "result", subject.head)
    pairs = compared({**honest, "solver": solution.encode()}, subject)
    assert (pairs[0].first, pairs[0].second) == ("solver", similar.SOLUTION)
    assert all(pair.bits < pairs[0].bits / 3 for pair in pairs[1:])


def test_what_the_handout_gave_is_no_similarity():
    files = {name: FIVE.starter.encode() for name in ("ann", "bo", "cy")}
    assert compared(files) == []
    six = exercise.find("3.1")  # finished functions are handed out
    assert compared({name: six.starter.encode() for name in ("ann", "bo")}, six) == []


def test_the_same_lines_weigh_less_the_more_students_have_them():
    text = ANSWERS[0].read_bytes()
    bits = {}
    for size in (2, 10, 25):
        others = {f"other{i}": FIVE.starter.encode() + f"\ny{i} = {i}\n".encode() for i in range(30)}
        pairs = compared({**others, **{f"s{i}": text for i in range(size)}})
        (bits[size],) = {round(pair.bits, 6) for pair in pairs if pair.second != similar.SOLUTION}
        assert pairs[0].functions[0].authors == size
    assert bits[2] > bits[10] > bits[25]


def test_a_class_of_two_is_compared_too():
    text = ANSWERS[0].read_bytes()
    (pair, *_) = compared({"ann": text, "bo": text})
    assert (pair.first, pair.second) == ("ann", "bo")


HOSTILE = {
    "syntax": b"def f(:\n",
    "nothing": b"",
    "zeros": b"\0" * 50,
    "huge": b"x = 1\n" * 100_000,
    "deep": b"x = " + b"(" * 90 + b"1" + b")" * 90,
    "deeper": b"x = " + b"-" * 60_000 + b"1",
    "attributes": b"x = a" + b".a" * 50_000,
    "sum": b"x = 1" + b"+1" * 60_000,
    "calls": b"x = f" + b"()" * 50_000,
    "lambdas": b"x = " + b"lambda: " * 20_000 + b"1",
    "elifs": b"if 1: pass\n" + b"elif 1: pass\n" * 5_000,
    "coding": b"# coding: no-such-thing\nx = 1\n",
    "latin": b"# coding: latin-1\nx = '\xe9'\n",
    "bytes": b"x = '\xff'\n",
    "digits": b"x = " + b"9" * 10_000,
    "huge number": b"x = 0x" + b"f" * 10_000,
    "surrogate": b"x = '\\ud800'\n",
    "escape": b"x = '\\d'\n",
    "infinite": b"x = 1e999\ny = 1j\n",
    "match": b"match 1:\n    case [1, *rest]: pass\n",
    "walrus": b"if (n := 10) > 5: print(n)\n",
}


def test_no_file_whatever_it_holds_stops_the_comparison(tmp_path):
    names = {f"{name}<script>alert(1)</script>": text for name, text in HOSTILE.items()}
    names['=cmd|"/c calc"!A1'] = names["\u202eevil\x1b[31m</pre>"] = ANSWERS[0].read_bytes()
    files = {name: {MODULE: text} for name, text in names.items()} | {"none": {}}
    page, table = similar_page.write(tmp_path / "a.html", [FIVE], files, title="A <b> title")
    text = page.read_text("utf-8")
    assert (
        "<script" not in text and "\u202e" not in text and "\x1b" not in text and "A &lt;b&gt; title" in text
    )
    assert "Not compared" in text and "is nested too deeply" in text and "is not valid Python" in text
    rows = list(csv.reader(io.StringIO(table.read_text("utf-8"))))
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert any("cmd" in row[0] + row[1] for row in rows[1:])


def test_the_page_shows_both_texts_says_how_rare_and_judges_nobody(tmp_path):
    text = ANSWERS[0].read_text("utf-8")
    files = {"ann": text + "\n# <mine>\n", "bo": text}
    honest = {path.stem: {MODULE: path.read_bytes()} for path in ANSWERS[1:]}
    files = {who: {MODULE: each.encode()} for who, each in files.items()} | honest
    page, _ = similar_page.write(tmp_path / "a.html", [FIVE], files, title="Layers")
    shown = page.read_text("utf-8")
    assert f"in this class only these two of {len(files)}" in shown
    assert shown.count("def conv2d_backward(dy, cache)") >= 2 and "no\nfinding" in shown
    for word in ("plagiar", "cheat", "fraud", "copied", "guilty", "suspect"):
        assert word not in shown.lower()
    assert not re.search(r"(src|href)=.(?!#)", shown)  # nothing is loaded
    before = page.read_bytes()
    similar_page.write(page, [FIVE], dict(reversed(files.items())), title="Layers")
    assert page.read_bytes() == before


def test_a_texts_lines_are_those_that_python_counts():
    source = b"x = 'a\x0cb\xe2\x80\xa8c'\r\n@staticmethod\r\ndef f():\r\n    'doc'\r\n"
    source += b"    return 1  # \x0c here\r\ny = 2\r\n"
    assert shapes.texts(source, ["f"]) == {
        "f": "@staticmethod\ndef f():\n    return 1  # \x0c here",
        shapes.HELPERS: "x = 'a\x0cb\u2028c'\ny = 2",
    }


@pytest.mark.parametrize(
    "text", ["def f(): 'doc'; return 1", "def f():\n    'doc'; return 1", "def f(): 'doc'"]
)
def test_a_docstring_that_shares_its_line_is_shown(text):
    assert shapes.texts(text.encode(), ["f"]) == {"f": text}


def test_a_page_of_a_class_with_nothing_in_common(tmp_path):
    page, table = similar_page.write(tmp_path / "a.html", [FIVE], {"ann": {}}, title="Layers")
    assert "No two hand-ins have something rare" in page.read_text("utf-8")
    assert len(table.read_text("utf-8").splitlines()) == 1


@pytest.mark.slow
def test_a_thousand_hand_ins_are_compared_in_two_minutes_of_processor_time(tmp_path):
    exercises = exercise.of_assignment(1)
    answers = {
        each.module: [
            p.read_bytes() for p in sorted(pathlib.Path(TESTS, "answers", each.module).glob("*.py"))
        ]
        for each in exercises
    }
    files = {}
    for number in range(1000):
        files[f"s{number}"] = {
            module: texts[number * 7919 % len(texts)] + f"\nown{number} = {number}\n".encode()
            for module, texts in answers.items()
        }
    files["copycat"] = {module: text.replace(b"dx", b"g") for module, text in files["s17"].items()}
    begin = time.process_time()
    similar_page.write(tmp_path / "a.html", exercises, files, title="Layers")
    assert time.process_time() - begin < 120
