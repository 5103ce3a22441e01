"""The table in lessons/README.md: every slide of the four lectures has a place, and every place exists."""

import collections
import importlib
import re

import pytest

from minires import models, resources

LESSONS = resources.find("", "lessons")
SECTION = (LESSONS / "README.md").read_text(encoding="utf-8").split("## Where the lectures are\n")[1]
SECTION = SECTION.split("\n## ")[0]

# The slides themselves are not part of minires, so the table is the only list of them. These numbers of rows,
# and of slides (one that is shown again with more on it counts once), say when one has been lost.
SIZES = {
    "Lecture 6": (150, 54),
    "The ResNet lecture": (75, 27),
    "The ICML 2016 tutorial": (102, 58),
    "Lecture 9": (77, 33),
}
Row = collections.namedtuple("Row", "lecture slide quote where")


def read_rows():
    """Return the rows of the four tables, in their order."""
    rows = []
    for folded in SECTION.split("<details>")[1:]:
        lecture = re.search(r"<summary>(.+?):", folded)[1]
        lines = [line for line in folded.splitlines() if line.startswith("|")]
        assert lines[:2] == ["| slide | quote | where |", "| --- | --- | --- |"], lecture
        for line in lines[2:]:
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            assert len(cells) == 3, line
            rows.append(Row(lecture, *cells))
    return rows


ROWS = read_rows()


def headings(number):
    """Return the headings of a lesson, but for its title."""
    (path,) = LESSONS.glob(f"{number:02d}_*.py")
    return re.findall(r"^# #{2,3} (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def problem(place):
    """Return what is wrong with a place, or None."""
    if place == "outline":
        return None
    if found := re.fullmatch(r"lesson (\d+), \*(.+)\*", place):
        return None if found[2] in headings(int(found[1])) else f"no such heading: {place}"
    if found := re.fullmatch(r"`minires summary (\S+)`", place):
        return None if found[1] in models.names() else f"not in the catalogue: {found[1]}"
    if found := re.fullmatch(r"`(minires(?:\.[a-z]\w*)*)\.([A-Za-z]\w*)`", place):
        try:
            module = importlib.import_module(found[1])
            return None if hasattr(module, found[2]) else f"not in {found[1]}: {found[2]}"
        except ModuleNotFoundError as error:
            return str(error)
    return f"expected a lesson and its heading, a command or a public name of minires, got {place}"


@pytest.mark.parametrize("lecture", SIZES)
def test_every_place_exists(lecture):
    places = [
        (row.quote, place)
        for row in ROWS
        if row.lecture == lecture
        for place in row.where.removesuffix(" (corrected there)").split("; ")
    ]
    assert not [(quote, problem(place)) for quote, place in places if problem(place)]


def test_every_row_has_a_slide_and_a_short_quote():
    assert all(row.slide and row.quote for row in ROWS)
    assert not [row for row in ROWS if len(row.quote.split()) > 12], "facts carry over, sentences do not"


@pytest.mark.parametrize("lecture", SIZES)
def test_no_slide_of_a_lecture_is_lost(lecture):
    of_lecture = [row for row in ROWS if row.lecture == lecture]
    found = len(of_lecture), len({row.slide for row in of_lecture})
    assert found[0] >= SIZES[lecture][0], f"{lecture}: rows"
    assert found[1] >= SIZES[lecture][1], f"{lecture}: slides"


def test_the_table_is_that_of_the_four_lectures_and_repeats_nothing():
    assert list(dict.fromkeys(row.lecture for row in ROWS)) == list(SIZES)
    assert not [row for row, count in collections.Counter(ROWS).items() if count > 1]


def test_an_outline_has_no_other_place_and_nothing_to_correct():
    assert {row.where for row in ROWS if "outline" in row.where} == {"outline"}


@pytest.mark.parametrize(
    "place",
    [
        "lesson 8, *No such heading*",
        "lesson 8, *8. ReLU halves the variance*",
        "`minires summary no_such_network`",
        "`minires.plot.no_such_name`",
        "`minires.no_such_module.history`",
        "`minires.plot._hidden`",
        "somewhere",
    ],
)
def test_a_place_that_does_not_exist_is_noticed(place):
    assert problem(place)


@pytest.mark.parametrize("place", ["outline", "`minires.plot.history`", "`minires summary resnet152`"])
def test_a_place_that_exists_is_found(place):
    assert problem(place) is None
