"""A roster, as platforms and spreadsheets write it, joins names and ids and says who handed in nothing."""

import datetime

import hand_ins
import pytest
from hostile.odd import NAME, RIGHT

from minires.course.grade import roster
from minires.course.grade.gather import gather
from minires.course.grade.submissions import read

MOODLE = """\
Identifier,Full name,Email address,Status,Grade
Participant 1234,Jane Doe,j@x.org,"No submission",
Participant 77,Émile Zola,e@x.org,"No submission",
Participant 5,Bo O'Neil,b@x.org,"No submission",
Participant 6,Al Pha,a@x.org,"No submission",
"""
CANVAS = """\
Student,ID,SIS Login ID,Section,Homework 1 (42)
"    Points Possible",,,,10
"Doe, Jane",1234,jdoe,S,
"Zola, Émile",77,ez,S,
"O'Neil, Bo",5,bo,S,
"Pha, Al",6,ap,S,
"Student, Test",9,,S,
"""
GRADESCOPE = """\
First Name,Last Name,SID,Email,Sections
Jane,Doe,1234,j@x,
Émile,Zola,77,e@x,
Bo,O'Neil,5,b@x,
Al,Pha,6,a@x,
"""
BLACKBOARD = """\
"Last Name"\t"First Name"\t"Username"\t"Student ID"
"Doe"\t"Jane"\t"1234"\t"x1"
"Zola"\t"Émile"\t"77"\t"x2"
"O'Neil"\t"Bo"\t"5"\t"x3"
"Pha"\t"Al"\t"6"\t"x4"
"""
ROSTERS = {
    "mine": "id,name\n1234,Jane Doe\n77,Émile Zola\n5,Bo O'Neil\n6,Al Pha\n",
    "Moodle's worksheet": MOODLE,
    "Canvas's grade book": CANVAS,
    "Gradescope's": GRADESCOPE,
    "Blackboard's": BLACKBOARD,
    "Excel's": "sep=;\nVorname;Nachname;Kennung\nJane;Doe;1234\nÉmile;Zola;77\nBo;O'Neil;5\nAl;Pha;6\n",
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252"]


def joined(path, text, tmp_path, encoding="utf-8"):
    """Return {student: (id, notes, whether there are files)}."""
    (tmp_path / "roster.csv").write_bytes(text.encode(encoding))
    people = roster.read(tmp_path / "roster.csv")
    found = roster.join(gather(path).submissions, people)
    return {each.student: (each.id, each.notes, bool(each.attempts)) for each in found}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ROSTERS)
def test_rosters_of_every_kind_join_a_moodle_class(tmp_path, name, encoding):
    found = joined(hand_ins.moodle(tmp_path / "m.zip"), ROSTERS[name], tmp_path, encoding)
    assert {each[0] for each in found.values()} >= {"1234", "77", "5", "6"} and len(found) == 4
    assert [student for student, each in found.items() if not each[2]] in (["Al Pha"], ["Pha, Al"])
    assert not any(each[1] for each in found.values())  # the names agree, however they are written


def test_canvass_names_become_the_rosters(tmp_path):
    found = joined(hand_ins.canvas(tmp_path / "c.zip"), ROSTERS["Canvas's grade book"], tmp_path)
    assert found["Doe, Jane"] == ("1234", ("handed in as doejane",), True)
    assert set(found) == {"Doe, Jane", "Zola, Émile", "O'Neil, Bo", "Pha, Al"}


@pytest.mark.parametrize(
    "written", ["Jane Doe", "doe_jane", "DOE Jane", "Doe, Jane", "doejane", "jdoe", "1234"]
)
def test_folders_are_joined_by_name_or_id(tmp_path, written):
    (tmp_path / "in" / written).mkdir(parents=True)
    (tmp_path / "in" / "stranger").mkdir()
    found = joined(tmp_path / "in", "name;id;login\nJane Doe;1234;jdoe\nJane Roe;9;jroe\n", tmp_path)
    assert found["Jane Doe"][0] == "1234" and found["Jane Doe"][2]
    assert found["Jane Roe"] == ("9", (), False) and found["stranger"] == (None, ("not in the roster",), True)


def test_of_two_with_one_name_nobody_is_guessed_and_ids_decide(tmp_path):
    text = "id,name\n1,Jane Doe\n2,Jane Doe\n"
    (tmp_path / "in" / "Jane Doe").mkdir(parents=True)
    found = joined(tmp_path / "in", text, tmp_path)
    assert len(found) == 3 and sum(each[1] == ("not in the roster",) for each in found.values()) == 1
    people = {("Jane Doe", "2"): {NAME: RIGHT}, ("Jane Doe", "1"): {NAME: RIGHT}}
    found = joined(hand_ins.moodle(tmp_path / "m.zip", people), text, tmp_path)
    assert {each[0] for each in found.values()} == {"1", "2"} and len(found) == 2


def test_an_id_comes_before_another_ones_name(tmp_path):
    people = {("Jane Doe", "7"): {NAME: RIGHT}, ("J. Doe", "1"): {NAME: RIGHT}}
    found = joined(hand_ins.moodle(tmp_path / "m.zip", people), "id,name\n1,Jane Doe\n", tmp_path)
    assert found["Jane Doe"] == ("1", ("handed in as J. Doe",), True)
    assert found["Jane Doe (2)"] == ("7", ("not in the roster",), True)


def test_who_is_missing_gets_a_row_that_says_so(tmp_path):
    (tmp_path / "r.csv").write_text("name\nAnn\n")
    (absent,) = roster.join((), roster.read(tmp_path / "r.csv"))
    assert read(absent.source, ["a", "b"]).problem == "the submission is missing: nothing was handed in"
    assert absent.when is None and absent.attempts == ()


@pytest.mark.parametrize("text", ["", "\n", "grade,comment\n1,good\n"])
def test_what_is_no_roster_is_an_error(tmp_path, text):
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(ValueError, match="expected a line of headings with Name"):
        roster.read(tmp_path / "r.csv")
    with pytest.raises(ValueError, match="cannot be read"):
        roster.read(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    "written", ["Tuesday, 3 November 2026, 10:15 AM", "Tuesday, 3 November 2026, 10:15", "03.11.2026 10:15"]
)
def test_a_worksheet_says_when_moodles_hand_ins_came(tmp_path, written):
    text = f'Identifier,Full name,Last modified (submission)\nParticipant 1234,Jane Doe,"{written}"\n'
    (tmp_path / "r.csv").write_text(text + "Participant 77,Émile Zola,-\n", encoding="utf-8")
    class_ = gather(hand_ins.moodle(tmp_path / "m.zip")).submissions
    times = {each.student: each.when for each in roster.join(class_, roster.read(tmp_path / "r.csv"))}
    assert times["Jane Doe"] == datetime.datetime(2026, 11, 3, 10, 15) and times["Émile Zola"] is None
