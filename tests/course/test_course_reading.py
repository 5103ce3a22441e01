"""Files under a copy's name, in notebooks and in odd encodings are read, or named as what they are."""

import json

import pytest
from hostile.odd import NAME, RIGHT

from minires.course.exercise import of_assignment
from minires.course.grade import notebooks
from minires.course.grade.submissions import assignments, read, source_at
from minires.course.handout import CHECK

MODULES = ["ex1_1_linear", "ex1_2_activations"]
FORWARD, _, BACKWARD = RIGHT.decode().partition("\n\ndef linear_backward")
BACKWARD = f"def linear_backward{BACKWARD}"


def hand_in(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return read(folder, MODULES)


@pytest.mark.parametrize(
    "name", ["ex1_1_linear (1).py", "ex1_1_linear(2).py", "ex1_1_linear-1.py", "ex1_1_linear - Copy.py"]
)
def test_a_file_that_a_browser_or_a_platform_renamed_is_read(tmp_path, name):
    files = hand_in(tmp_path, {f"hw/{name}": RIGHT})
    assert files.found == {"ex1_1_linear": RIGHT} and files.notes == [f"ex1_1_linear.py was read from {name}"]


def test_the_files_own_name_counts_before_copies_and_of_copies_the_last(tmp_path):
    copies = {f"ex1_1_linear ({n}).py": b"%d" % n for n in (1, 3, 2)}
    assert hand_in(tmp_path / "a", copies).found["ex1_1_linear"] == b"3"
    assert hand_in(tmp_path / "b", {**copies, NAME: RIGHT}).found["ex1_1_linear"] == RIGHT


@pytest.mark.parametrize(
    "old", ["assignment-1-old", "assignment-1_backup", "assignment-1 (copy)", "assignment-1.bak"]
)
def test_of_a_folder_and_its_old_copy_the_folder_counts(tmp_path, old):
    files = hand_in(tmp_path, {f"assignment-1/{NAME}": RIGHT, f"{old}/{NAME}": b"old"})
    assert files.found == {"ex1_1_linear": RIGHT}
    assert files.notes == [f"{NAME} was read from the folder assignment-1"]


def test_the_same_file_in_two_folders_is_one_and_two_files_are_a_question(tmp_path):
    assert hand_in(tmp_path / "a", {f"x/{NAME}": RIGHT, f"y/{NAME}": RIGHT}).found == {"ex1_1_linear": RIGHT}
    assert (
        "appears twice"
        in hand_in(tmp_path / "b", {f"x/{NAME}": RIGHT, f"y/{NAME}": b""}).problems["ex1_1_linear"]
    )


# -- encodings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding, name",
    [
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16, little"),
        ("utf-16-be", "UTF-16, big"),
        ("utf-32", "UTF-32"),
    ],
)
def test_wide_text_is_named(tmp_path, encoding, name):
    files = hand_in(tmp_path, {NAME: RIGHT.decode().encode(encoding)})
    assert files.problems["ex1_1_linear"].startswith(f"{NAME} is not valid Python: it is saved as {name}")


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbf" + RIGHT, RIGHT.replace(b"\n", b"\r\n"), b"", b"x\0", bytes(500)]
)
def test_other_bytes_are_left_to_python(tmp_path, content):
    assert hand_in(tmp_path, {NAME: content}).found == {"ex1_1_linear": content}


# -- notebooks ------------------------------------------------------------------------------------------


def sheet(*cells, encoding="utf-8"):
    """Return a notebook of code cells; a text is one cell, (kind, text) a cell of another kind."""
    made = [cell if isinstance(cell, tuple) else ("code", cell) for cell in cells]
    found = [{"cell_type": kind, "source": text.splitlines(True)} for kind, text in made]
    return json.dumps({"cells": found, "nbformat": 4}).encode(encoding)


def test_the_cells_that_write_files_are_the_files(tmp_path):
    cells = [("markdown", "# Mine"), f"%%writefile {NAME}\n{RIGHT.decode()}", CHECK.format(number="1.1")]
    files = hand_in(tmp_path, {"assignment_1.ipynb": sheet(*cells)})
    assert files.found["ex1_1_linear"].strip() == RIGHT.strip() and list(files.found) == ["ex1_1_linear"]
    assert files.notes == ["ex1_1_linear.py was read from assignment_1.ipynb"]
    assert assignments(source_at(tmp_path)) == {1}


def test_a_cell_can_add_to_a_file_and_name_its_folder(tmp_path):
    cells = [f"%%writefile hw/{NAME}\n{FORWARD}", f"%%writefile -a {NAME}\n{BACKWARD}", "%%file other.py\nx"]
    assert (
        hand_in(tmp_path, {"a.ipynb": sheet(*cells, encoding="utf-8-sig")})
        .found["ex1_1_linear"]
        .count(b"def ")
        == 2
    )


TESTS = """\
x = np.ones((2, 3))
print(linear_forward(x, x, 0))
assert False, \'\'\'
def no(): pass
\'\'\'
%matplotlib inline
"""
HELPER = """\
@np.errstate(all="ignore")
def helper(
    x,
):
    \'\'\'Text
at the margin.\'\'\'
    return x
EPS = 1e-5
"""


def test_plain_cells_give_what_they_define_and_nothing_else(tmp_path):
    cells = [FORWARD, TESTS, HELPER, BACKWARD, "!pip install torch\n", "%%bash\nls"]
    source = hand_in(tmp_path, {"mine.ipynb": sheet(*cells)}).found["ex1_1_linear"].decode()
    names = {}
    exec(source, names)
    assert {"linear_forward", "linear_backward", "helper", "EPS"} <= names.keys()
    assert not any(word in source for word in ("print", "assert", "pip", "no()", "matplotlib"))


def test_a_cell_that_is_no_python_is_left_to_python(tmp_path):
    files = hand_in(tmp_path, {"mine.ipynb": sheet("def linear_forward(x:\n    return x\n")})
    assert files.found["ex1_1_linear"] == b"def linear_forward(x:\n    return x\n"


def test_a_file_counts_before_a_notebook_and_notebooks_that_differ_are_a_question(tmp_path):
    book = sheet(f"%%writefile {NAME}\n1")
    assert hand_in(tmp_path / "a", {"a.ipynb": book, NAME: RIGHT}).found == {"ex1_1_linear": RIGHT}
    assert hand_in(tmp_path / "b", {"a.ipynb": book, "b.ipynb": book}).found == {"ex1_1_linear": b"1\n"}
    other = hand_in(tmp_path / "c", {"a.ipynb": book, "b.ipynb": sheet(f"%%writefile {NAME}\n2")})
    assert "several notebooks, differently" in other.problems["ex1_1_linear"]
    assert hand_in(tmp_path / "d", {".ipynb_checkpoints/a.ipynb": book}).problem


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        100_000 * b"[",
        b"\xff\xfe",
        b'{"cells": 1}',
        b'{"cells": null}',
        b'{"cells": [{"cell_type": "code"}]}',
        b'{"cells": [1, {"cell_type": "code", "source": [1]}]}',
        b'{"worksheets": [1, {"cells": 2}]}',
    ],
)
def test_what_is_no_notebook_is_none(tmp_path, content):
    assert (
        "holds a notebook without the assignment's cells" in hand_in(tmp_path, {"a.ipynb": content}).problem
    )


def test_an_old_notebooks_cells_are_found(tmp_path):
    cell = {"cell_type": "code", "input": [f"%%writefile {NAME}\n", "1"]}
    old = json.dumps({"nbformat": 3, "worksheets": [{"cells": [cell]}]}).encode()
    assert hand_in(tmp_path, {"a.ipynb": old}).found == {"ex1_1_linear": b"1\n"}


def test_every_exercise_is_found_in_plain_cells():
    for number in (1, 2, 3, 4):
        subjects = of_assignment(number)
        sheets = notebooks.Sheets({("a.ipynb",): [subject.head for subject in subjects]})
        assert {subject.module for subject in subjects} <= set(sheets.modules())
