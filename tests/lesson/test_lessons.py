"""None of a lesson's assertions is empty: each fails with some constant of the lesson changed, and the lesson
also with the library broken underneath it."""

import ast
import sys
import traceback

import pytest
from lesson_breaks import BREAKS
from lesson_mutations import COMPLETE, MUTATIONS
from lesson_slices import assertions, false_ones, place_of, reached_fast

from minires import lesson, resources
from minires.gradcheck import GradientError
from minires.lesson import library

PATHS = {int(path.name[:2]): path for path in sorted(resources.find("", "lessons").glob("[0-9][0-9]_*.py"))}

TRAIN = (5, 8, 9, 11, 17, 18, 19, 23, 25)  # lessons of which a changed constant costs some seconds


def run(path, source):
    """Run a whole lesson's source."""
    exec(compile(source, path, "exec"), {"__name__": "__main__", "__file__": str(path)})


def prepare(path, monkeypatch, folder):
    """The script `path --fast` in a folder of its own, without drawing."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [str(path), "--fast"])
    monkeypatch.setattr(lesson, "show", lambda figure, *, alt: None)


def changes():
    """Yield each changed constant; of lessons that train for long all but the first are slow."""
    for number in MUTATIONS:
        for row, (old, new, *conditions) in enumerate(MUTATIONS[number]):
            marks = [pytest.mark.slow] if row and number in TRAIN else []
            yield pytest.param(number, old, new, conditions, marks=marks)


@pytest.mark.parametrize("number, old, new, conditions", list(changes()))
def test_with_a_constant_changed_assertions_fail(number, old, new, conditions, monkeypatch, tmp_path):
    source = PATHS[number].read_text(encoding="utf-8")
    assert source.count(old) == 1, f"{PATHS[number].name}: {old!r} should stand there exactly once"
    prepare(PATHS[number], monkeypatch, tmp_path)
    if conditions:
        places = {place_of(source, condition) for condition in conditions}
        assert false_ones(source.replace(old, new), places, PATHS[number]) == places
    else:  # any assertion of the whole lesson
        with pytest.raises(AssertionError):
            run(PATHS[number], source.replace(old, new))


@pytest.mark.parametrize("number", COMPLETE)
def test_every_assertion_of_a_lesson_is_noticed_by_a_changed_constant(number):
    source = PATHS[number].read_text(encoding="utf-8")
    named = {
        place_of(source, condition) for _, _, *conditions in MUTATIONS[number] for condition in conditions
    }
    every = assertions(ast.parse(source))
    assert not [ast.unparse(every[place].test) for place in sorted(reached_fast(source) - named)]


@pytest.mark.slow
@pytest.mark.parametrize("number", PATHS)
def test_what_an_assertion_needs_is_enough_for_it_to_hold(number, monkeypatch, tmp_path):
    """Or a changed constant that it notices would say nothing."""
    source = PATHS[number].read_text(encoding="utf-8")
    prepare(PATHS[number], monkeypatch, tmp_path)
    for place in range(len(assertions(ast.parse(source)))):
        assert false_ones(source, {place}, PATHS[number]) == set()


@pytest.mark.parametrize(
    "number, what", [(number, what) for number, breaks in BREAKS.items() for what in breaks]
)
def test_a_lesson_notices_that_the_library_is_broken(number, what, monkeypatch, tmp_path):
    owner, name, broken = BREAKS[number][what]
    monkeypatch.setattr(owner, name, broken(getattr(owner, name)))
    prepare(PATHS[number], monkeypatch, tmp_path)
    with pytest.raises(AssertionError) as failed:
        run(PATHS[number], PATHS[number].read_text(encoding="utf-8"))
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
