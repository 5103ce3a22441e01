"""Every lesson's claims hold, and none of its assertions is empty: with one constant of the lesson changed it
fails, and so it does with the library broken underneath it."""

import sys
import traceback

import pytest
from lesson_breaks import BREAKS
from lesson_mutations import MUTATIONS

from minires import lesson, resources
from minires.gradcheck import GradientError
from minires.lesson import library

PATHS = {int(path.name[:2]): path for path in sorted(resources.find("", "lessons").glob("[0-9][0-9]_*.py"))}


def run(path, source, monkeypatch, folder):
    """Run a lesson's source as the script `path --fast`, without drawing."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [str(path), "--fast"])
    monkeypatch.setattr(lesson, "show", lambda figure, *, alt: None)
    exec(compile(source, path, "exec"), {"__name__": "__main__", "__file__": str(path)})


@pytest.mark.parametrize(
    "number, old, new", [(number, *change) for number, changes in MUTATIONS.items() for change in changes]
)
def test_a_lesson_with_a_constant_changed_fails_its_assertion(number, old, new, monkeypatch, tmp_path):
    source = PATHS[number].read_text(encoding="utf-8")
    assert source.count(old) == 1, f"{PATHS[number].name}: {old!r} should stand there exactly once"
    with pytest.raises(AssertionError):
        run(PATHS[number], source.replace(old, new), monkeypatch, tmp_path)


@pytest.mark.parametrize(
    "number, what", [(number, what) for number, breaks in BREAKS.items() for what in breaks]
)
def test_a_lesson_notices_that_the_library_is_broken(number, what, monkeypatch, tmp_path):
    owner, name, broken = BREAKS[number][what]
    monkeypatch.setattr(owner, name, broken(getattr(owner, name)))
    with pytest.raises(AssertionError) as failed:
        run(PATHS[number], PATHS[number].read_text(encoding="utf-8"), monkeypatch, tmp_path)
    # in the lesson itself, or by a gradient check that it asked for; not somewhere inside the library
    frames = traceback.extract_tb(failed.value.__traceback__)
    assert frames[-1].filename == str(PATHS[number]) or failed.type is GradientError


def test_every_lesson_has_a_break_of_the_library_that_it_notices():
    assert set(BREAKS) == set(PATHS)


def test_every_lesson_has_a_changed_constant_that_it_notices():
    assert set(MUTATIONS) == set(PATHS)


def test_the_list_in_the_folder_names_every_lesson_with_its_title_and_time():
    text = (resources.find("", "lessons") / "README.md").read_text(encoding="utf-8")
    for each in library.lessons():
        assert f"{each.number}. [{each.title}]({each.path.name}) ({each.time})" in text
