"""What platforms hand out is recognised by its names; they say whose each file is, and from when."""

import datetime
import unicodedata

import hand_ins
import pytest
from hostile.odd import NAME, RIGHT

from minires.course.grade import platforms
from minires.course.grade.gather import gather
from minires.course.grade.platforms.part import time_in
from minires.course.grade.submissions import read

MODULES = ["ex1_1_linear", "ex1_2_activations"]
OTHER = b"# an earlier one\n" + RIGHT


def graded(path, **options):
    """Return ({student: (id, content of exercise 1.1 or the line instead)}, the Gathered)."""
    found = gather(path, **options)
    seen = {}
    for each in found.submissions:
        files = read(each.source, MODULES)
        seen[each.student] = (each.id, files.found.get("ex1_1_linear", files.problem))
    assert len(found.entries) == len({entry.name for entry in found.entries})
    return seen, found


PDF = "the submission holds no file of the assignment: all are missing"
CLASS = {"Jane Doe": ("1234", RIGHT), "Émile Zola": ("77", RIGHT), "Bo O'Neil": ("5", PDF)}


@pytest.mark.parametrize("unpacked", [False, True], ids=["zip", "folder"])
@pytest.mark.parametrize("options", [{}, {"underscore": ""}, {"as_folders": False}], ids=str)
def test_a_moodle_zip_is_a_class_by_names_and_numbers(tmp_path, options, unpacked):
    path = hand_ins.moodle(tmp_path / "CS101-Homework 1-4711.zip", **options)
    seen, found = graded(hand_ins.unpack(path, tmp_path / "in") if unpacked else path)
    assert seen == CLASS
    assert found.read_as == f"read as a Moodle download, a {'folder' if unpacked else 'zip'}"
    assert len(found.entries) == 3 and found.of("no hand-in") == []


def test_two_students_of_one_name_and_a_typed_text_in_moodle(tmp_path):
    people = {("Jane Doe", "1"): {NAME: RIGHT}, ("Jane Doe", "2"): {NAME: OTHER}}
    path = hand_ins.moodle(tmp_path / "a.zip", people)
    entries = [("Jane Doe_1_assignsubmission_onlinetext_/onlinetext.html", b"<p>"), ("index.html", b"")]
    folder = hand_ins.unpack(
        hand_ins.write_zip(tmp_path / "b.zip", entries), hand_ins.unpack(path, tmp_path / "in")
    )
    seen, found = graded(folder)
    assert seen == {"Jane Doe": ("1", RIGHT), "Jane Doe (2)": ("2", OTHER)}
    assert [each.notes for each in found.submissions] == [("Moodle: handed in as onlinetext",), ()]
    assert [(e.name, e.became) for e in found.entries if e.became != "handed in"] == [
        ("index.html", "no hand-in")
    ]


@pytest.mark.parametrize("unpacked", [False, True], ids=["zip", "folder"])
def test_a_canvas_zip_is_a_class_by_user_ids(tmp_path, unpacked):
    path = hand_ins.canvas(tmp_path / "submissions.zip", late=("Jane Doe",))
    seen, found = graded(hand_ins.unpack(path, tmp_path / "in") if unpacked else path)
    assert seen == {"doejane": ("1234", RIGHT), "zolaémile": ("77", RIGHT), "oneilbo": ("5", PDF)}
    assert found.read_as.startswith("read as a Canvas download")
    assert found.submissions[0].notes == ("Canvas: LATE",)


def test_of_a_file_that_canvas_renamed_the_last_counts_and_all_are_listed(tmp_path):
    entries = [
        (f"doejane_12_901_{NAME}", b"1"),
        ("doejane_12_905_ex1_1_linear-2.py", RIGHT),
        ("doejane_12_903_ex1_1_linear-1.py", b"2"),
        ("doejane_12_902_ex1_2_activations.py", b"other"),
        ("roebob_LATE_13_904_ex1_1_linear-1.py", RIGHT),
        ("anon_x7Yz_910_homework.zip", hand_ins.write_zip(tmp_path / "x.zip", [(NAME, RIGHT)]).read_bytes()),
        ("poeann_14_text.html", b"<p>"),
    ]
    seen, found = graded(hand_ins.write_zip(tmp_path / "submissions.zip", entries))
    assert seen == {
        "doejane": ("12", RIGHT),
        "roebob": ("13", RIGHT),
        "anon x7Yz": ("x7Yz", RIGHT),
        "poeann": ("14", PDF),
    }
    earlier = sorted(entry.name for entry in found.of("earlier hand-in"))
    assert earlier == ["doejane_12_901_ex1_1_linear.py", "doejane_12_903_ex1_1_linear-1.py"]
    jane = next(each for each in found.submissions if each.id == "12")
    assert read(jane.source, MODULES).found["ex1_2_activations"] == b"other"
    assert "2 earlier versions of files do not count" in jane.notes[-1]


@pytest.mark.parametrize("unpacked", [False, True], ids=["zip", "folder"])
def test_a_gradescope_export_says_names_ids_and_times(tmp_path, unpacked):
    pair = (("Al Pha", "8"), ("Be Ta", "9"))
    path = hand_ins.gradescope(tmp_path / "export.zip", together=[(pair, {NAME: RIGHT})])
    seen, found = graded(hand_ins.unpack(path, tmp_path / "in") if unpacked else path)
    assert seen == {**CLASS, "Al Pha": ("8", RIGHT), "Be Ta": ("9", RIGHT)}
    assert found.read_as.startswith("read as a Gradescope export")
    utc = datetime.timezone.utc
    jane = next(each for each in found.submissions if each.student == "Jane Doe")
    assert jane.when == datetime.datetime(2026, 11, 3, 10, 15, 0, tzinfo=utc)
    assert [e.name for e in found.of("no hand-in")] == ["submission_metadata.yml"]
    assert next(e.students for e in found.entries if e.name == "submission_5004") == ("Al Pha", "Be Ta")
    assert found.submissions[0].notes == ("Gradescope: handed in together by Al Pha, Be Ta",)


def test_a_blackboard_zip_says_full_names_and_the_newest_attempt_counts(tmp_path):
    times = ("2026-11-04-09-00-00", "2026-11-03-10-15-00")
    path = hand_ins.blackboard(tmp_path / "gradebook_CS101_Homework 1_2026-11-05-00-00-00.zip", times=times)
    seen, found = graded(path)
    assert seen == CLASS and found.read_as.startswith("read as a Blackboard download")
    jane = next(each for each in found.submissions if each.student == "Jane Doe")
    assert jane.when == datetime.datetime(2026, 11, 4, 9) and len(jane.attempts) == 2
    assert len(found.of("earlier hand-in")) == 6 and len(found.of("handed in")) == 6


def test_github_classrooms_checkouts_are_named_after_users(tmp_path):
    seen, found = graded(hand_ins.github(tmp_path / "hw1-submissions"))
    assert seen == {"ann": ("ann", RIGHT), "bo-2": ("bo-2", RIGHT)}
    assert found.read_as.startswith("read as GitHub Classroom")
    assert graded(hand_ins.github(tmp_path / "checkouts"))[0] == seen
    assert set(graded(hand_ins.github(tmp_path / "more", ("ann", "abe")))[0]) == {"ann", "abe"}
    # where the folder's name says where users begin, two that begin alike keep their names
    alike = hand_ins.github(tmp_path / "hw2-submissions", ("anna-x", "anna-y"), "hw2")
    assert set(graded(alike)[0]) == {"anna-x", "anna-y"}


def test_a_platform_can_be_named_and_one_that_does_not_fit_loses_nobody(tmp_path):
    path = hand_ins.moodle(tmp_path / "m.zip")
    seen, found = graded(path, platform="canvas")
    assert len(seen) == 3 and found.read_as.startswith("read as a Canvas download")
    seen, found = graded(path, platform="one")
    assert list(seen) == ["m"] and found.is_one


def test_a_folder_among_a_platforms_is_a_student_all_the_same(tmp_path):
    folder = hand_ins.unpack(hand_ins.moodle(tmp_path / "m.zip"), tmp_path / "in")
    (folder / "by mail").mkdir()
    (folder / "by mail" / NAME).write_bytes(RIGHT)
    (folder / NAME).write_bytes(RIGHT)  # whose?
    seen, found = graded(folder)
    assert seen == {**CLASS, "by mail": (None, RIGHT)}
    assert [(e.name, e.says) for e in found.of("no hand-in")] == [
        (NAME, "not read: a file in no student's folder")
    ]


def test_a_zip_of_a_folder_of_students_is_the_class(tmp_path):
    entries = [(f"hw1/{student}/{NAME}", RIGHT) for student in ("ann", "bo")] + [("__MACOSX/hw1/._ann", b"")]
    seen, found = graded(hand_ins.write_zip(tmp_path / "hw1.zip", entries))
    assert seen == {"ann": (None, RIGHT), "bo": (None, RIGHT)}
    assert [entry.name for entry in found.of("no hand-in")] == ["__MACOSX"]
    flat = [
        (f"{student}.zip", hand_ins.write_zip(tmp_path / "x.zip", [(NAME, RIGHT)]).read_bytes())
        for student in "ab"
    ]
    assert graded(hand_ins.write_zip(tmp_path / "y.zip", flat))[0] == {"a": (None, RIGHT), "b": (None, RIGHT)}


def test_a_name_that_leads_out_of_a_zip_is_refused_for_its_student_alone(tmp_path):
    entries = [(f"ann/../../{NAME}", RIGHT), (f"bo/{NAME}", RIGHT), (f"/etc/{NAME}", RIGHT)]
    seen, found = graded(hand_ins.write_zip(tmp_path / "in.zip", entries))
    assert seen["bo"] == (None, RIGHT) and "leads out" in seen["ann"][1] and len(found.entries) == 3


@pytest.mark.parametrize(
    "name", ["fred (late)", "fred_late", "fred-LATE", "fred 2026-11-03 10.15", "fred_20261103-101500"]
)
def test_of_two_hand_ins_by_hand_the_later_counts_and_both_are_listed(tmp_path, name):
    for folder, content in (("fred", OTHER), (name, RIGHT), ("kate", RIGHT)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / NAME).write_bytes(content)
    seen, found = graded(tmp_path)
    assert seen == {"fred": (None, RIGHT), "kate": (None, RIGHT)}
    fred = found.submissions[0]
    assert [attempt.entries for attempt in fred.attempts] == [("fred",), (name,)]
    assert f"handed in 2 times (fred, {name}): {name} counts" in fred.notes
    assert [entry.name for entry in found.of("earlier hand-in")] == ["fred"]


def test_two_time_stamps_without_a_plain_one(tmp_path):
    for time in ("2026-11-03T10-15", "2026-11-04"):
        (tmp_path / f"fred {time}").mkdir()
    fred = gather(tmp_path).submissions[0]
    assert fred.student == "fred" and fred.when == datetime.datetime(2026, 11, 4)


def test_times_as_platforms_write_them():
    utc = datetime.timezone.utc
    assert time_in("2026-11-03 10:15:07.365 Z") == datetime.datetime(2026, 11, 3, 10, 15, 7, tzinfo=utc)
    assert time_in("2026-11-03 10:15:07 +0100").utcoffset() == datetime.timedelta(hours=1)
    assert time_in("2026-11-03-10-15-07") == datetime.datetime(2026, 11, 3, 10, 15, 7)
    assert time_in("2026-13-39") is None and time_in("fred") is None


def test_every_platform_speaks_the_interface(tmp_path):
    (tmp_path / unicodedata.normalize("NFD", "Émile")).mkdir()
    for name, platform in platforms.ALL.items():
        assert platform.TITLE and platform.CERTAIN in (True, False), name
        assert gather(tmp_path, name).submissions


def test_a_files_name_passes_for_nobody_elses_hand_in(tmp_path):
    """Students choose the names of their files, and Mallory chose those of Jane's."""
    people = {
        ("Jane Doe", "7"): {NAME: RIGHT},
        ("Mal Lory", "8"): {f"x_7_assignsubmission_file_{NAME}": OTHER, f"Jane Doe_7_9_{NAME}": OTHER},
    }
    moodle = hand_ins.moodle(tmp_path / "m.zip", people, as_folders=False)
    canvas = hand_ins.canvas(tmp_path / "c.zip", people)
    people["Mal Lory", "8"] = {f"x_7_attempt_2030-01-01-00-00-00_{NAME}": OTHER}
    blackboard = hand_ins.blackboard(tmp_path / "b.zip", people)
    for path in (moodle, canvas, blackboard):
        seen, _ = graded(path)
        assert {identity for identity, _ in seen.values()} == {"7", "8"} and len(seen) == 2
        assert next(content for identity, content in seen.values() if identity == "7") == RIGHT


def test_user_names_with_underscores_stay_apart(tmp_path):
    entries = [(f"HW_1_{user}_attempt_2026-11-03-10-15-00_{NAME}", RIGHT) for user in ("a_doe", "b_doe")]
    seen, _ = graded(hand_ins.write_zip(tmp_path / "b.zip", entries))
    assert seen == {"a_doe": ("a_doe", RIGHT), "b_doe": ("b_doe", RIGHT)}
    text = ("HW_1_a_doe_attempt_2026-11-03-10-15-00.txt", b"Name: Ann Doe (a_doe)\r\n")
    seen, _ = graded(hand_ins.write_zip(tmp_path / "c.zip", [entries[0], text]))
    assert seen == {"Ann Doe": ("a_doe", RIGHT)}
    entries = [(f"{name}_2_123_9_{NAME}", RIGHT) for name in ("doe", "roe")]  # of users doe_2 and roe_2?
    assert len(graded(hand_ins.write_zip(tmp_path / "d.zip", entries))[0]) == 2


def test_a_downloaded_zip_alone_in_a_folder_is_the_class(tmp_path):
    (tmp_path / "in").mkdir()
    hand_ins.moodle(tmp_path / "in" / "m.zip")
    (tmp_path / "in" / ".DS_Store").touch()
    seen, found = graded(tmp_path / "in")
    assert seen == CLASS and [entry.name for entry in found.of("no hand-in")] == [".DS_Store"]
    export = hand_ins.gradescope(tmp_path / "g.zip")
    assert set(graded(export, platform="gradescope")[0]) == set(CLASS)
