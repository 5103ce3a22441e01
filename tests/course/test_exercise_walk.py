"""The exercises' README shows what the commands print today."""

import re

import exercise_walk
import grade_walk
import pytest


def rounded(text):
    """Return the text without the size of rounding errors, which depends on the machine."""
    return re.sub(r"\de-1\d", "1e-11", text)


def test_the_walk_in_the_readme_is_what_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = exercise_walk.README.read_text(encoding="utf-8")
    for block in exercise_walk.blocks():
        assert rounded(block) in rounded(text), "run python tests/exercise_walk.py"


def test_the_readme_lists_every_exercise():
    assert exercise_walk.table() in exercise_walk.README.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_walk_from_a_moodle_zip_is_what_happens(tmp_path):
    _, section, _ = grade_walk.section()
    for block in grade_walk.blocks(tmp_path):
        assert block in section, "run python tests/grade_walk.py"
