"""The chapter for authors shows what the commands print today."""

import author_walk
import pytest
from test_exercise_walk import rounded

from minires.course import exercise
from minires.course.author.verify import verify


@pytest.mark.slow
def test_the_authors_walk_in_the_readme_is_what_happens(tmp_path):
    text = rounded(author_walk.README.read_text(encoding="utf-8").partition(author_walk.CHAPTER)[2])
    for block in author_walk.blocks(tmp_path):
        assert rounded(block) in text, "run python tests/author_walk.py"


@pytest.mark.slow
def test_the_exercises_that_come_with_minires_have_nothing_to_mend():
    findings, exercises = verify(exercise.folder())
    assert [str(finding) for finding in findings] == []
    assert len(exercises) == len(exercise.exercises())
