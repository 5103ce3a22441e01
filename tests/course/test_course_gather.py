"""Nobody is lost: every entry of SUBMISSIONS has a line, every hand-in a row, whatever they are called."""

import os
import sys
import unicodedata
import zipfile

import pytest
from hostile.odd import NAME, RIGHT, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from minires.course.grade import containers, names, results
from minires.course.grade.gather import gather
from minires.course.grade.submissions import read

MODULES = ["ex1_1_linear", "ex1_2_activations"]
IS_LINUX = sys.platform == "linux"  # file systems that tell all of these names apart


def put(folder, *students):
    for student in students:
        (folder / student).mkdir(parents=True)
        (folder / student / NAME).write_bytes(RIGHT)
    return folder


def check(path):
    """Assert that entries in are lines out and hand-ins are rows; return the names of the students."""
    found = gather(path)
    students = [each.student for each in found.submissions]
    lines = [entry.name for entry in found.entries]
    expected = (
        os.listdir(path)
        if path.is_dir()
        else {i.filename.split("/")[0] for i in zipfile.ZipFile(path).infolist()}
    )
    assert found.is_one or sorted(lines) == sorted(expected)
    assert len(results.entries_table(found.entries, {}, {}).splitlines()) == len(lines) + 1
    assert len(set(students)) == len(students) and all(student.isprintable() for student in students)
    files = results.file_names(students)
    assert len({name.casefold() for name in files.values()}) == len(students)
    shown = {results.cell(student) for student in students}
    assert len(shown) == len(students)  # also as a spreadsheet shows them
    for submission in found.submissions:
        read(submission.source, MODULES)  # and it never raises
    return students


@pytest.mark.skipif(not IS_LINUX, reason="this file system takes some of these names for one")
@pytest.mark.parametrize(
    "entries, students",
    [
        (["b", "b (3)", "b\u200b"], ["b", "b (2)", "b (3)"]),
        (["b", "b (2)", "b\u200b", "b\u200c"], ["b", "b (2)", "b (3)", "b (4)"]),
        (["b\u200b", "b\u200c"], ["b", "b (2)"]),
        (["Ann", "ann", "ANN"], ["ANN", "Ann", "ann"]),
        (["é", "e\u0301"], ["é", "é (2)"]),
        (["a  b", "a b", "a\tb", " a b "], ["a b", "a b (2)", "a b (3)", "a b (4)"]),
        (["c.", "c", "c .", "c. "], ["c", "c .", "c.", "c. (2)"]),
        (["\u202egpj", "gpj"], ["gpj", "gpj (2)"]),
        (["\u200b", "\u2060", "(no name)"], ["(no name)", "(no name) (2)", "(no name) (3)"]),
        (["x" * 120, "x" * 119], ["x" * 119, "x" * 120]),
    ],
)
def test_names_that_look_alike_are_as_many_students(tmp_path, entries, students):
    assert sorted(check(put(tmp_path, *entries))) == students


def test_an_invented_name_is_free_and_the_one_who_is_called_so_keeps_it():
    assert names.unlike(["b\u200b", "b (2)", "b"]) == ["b (3)", "b (2)", "b"]
    assert names.unlike(["b", "b"]) == ["b", "b (2)"]
    assert names.written("b\u200b") == "b\\u200b" != names.written("b")


def test_names_of_files_stay_apart_even_from_invented_ones():
    taken = results.file_names(["b", "b."])["b."]
    found = results.file_names(["b", "b.", taken])
    assert found[taken] == taken and len(set(found.values())) == 3


def test_litter_and_loose_files_have_a_line(tmp_path):
    put(tmp_path, "ann")
    for litter in (".DS_Store", "Thumbs.db", "desktop.ini", "essay.pdf", "grades.xlsx"):
        (tmp_path / litter).write_text("")
    (tmp_path / "__MACOSX").mkdir()
    assert check(tmp_path) == ["ann"]
    found = gather(tmp_path)
    assert len(found.of("no hand-in")) == 6 == sum(bool(entry.says) for entry in found.entries)
    said = {entry.name: entry.says for entry in found.entries}
    assert said["Thumbs.db"] == "left behind by a system or an editor, not read"
    assert said["essay.pdf"] == "not read: neither a folder nor a zip, and not named as a hand-in"


def test_a_loose_exercise_beside_folders_is_a_question(tmp_path):
    put(tmp_path, "ann", "bo")
    (tmp_path / NAME).write_bytes(RIGHT)
    with pytest.raises(
        ValueError, match=r"beside 2 folders or zips \(ann, ...\): whose is it\?.*--platform one"
    ):
        gather(tmp_path)
    assert [each.student for each in gather(tmp_path, "one").submissions] == [tmp_path.name]
    (tmp_path / "zip").mkdir()
    archive = tmp_path / "zip" / "class.zip"
    archive.write_bytes(zipped((f"ann/{NAME}", RIGHT), (NAME, RIGHT)))
    with pytest.raises(ValueError, match="whose is it"):
        gather(archive)


def test_the_folder_that_students_are_given_is_one_students(tmp_path):
    (tmp_path / "data").mkdir()
    for name in (NAME, "README.md"):
        (tmp_path / name).write_bytes(RIGHT)
    assert gather(tmp_path).is_one


def test_what_the_grader_writes_is_no_hand_in(tmp_path):
    put(tmp_path, "grades", "ann")
    (tmp_path / "grades.csv").write_text("")
    found = gather(tmp_path, own=(tmp_path / "grades.csv", tmp_path / "grades"))
    assert [entry.name for entry in found.entries] == ["ann"]


# -- any names whatever -------------------------------------------------------------------------------------

LETTERS = st.sampled_from(
    ["a", "A", "b", "é", "e\u0301", "\u200b", "\u202e", " ", ".", "(2)", " (2)", "-", "_", "'", "="]
)
LETTERS |= st.sampled_from(
    ["(late)", "_late", "2026-11-03", "_12_assignsubmission_file_", "_1_2_", "\t", "ß", "ｱ"]
)
WORDS = st.lists(LETTERS, min_size=1, max_size=4).map("".join).filter(lambda name: name not in (".", ".."))
KINDS = st.sampled_from(
    ["folder", "empty", "deep", "zip", "file", "pdf", "nested zip", "link", "exercise beside"]
)


def build(folder, name, kind):
    """Write one entry of SUBMISSIONS."""
    path = folder / name
    if os.path.lexists(path) or os.path.lexists(folder / f"{name}.zip") and "zip" in kind:
        return
    if kind in ("folder", "empty", "deep", "nested zip", "exercise beside"):
        path.mkdir()
    if kind in ("folder", "exercise beside"):
        (path / NAME).write_bytes(RIGHT)
    if kind == "exercise beside":
        (path / "data").mkdir()
    if kind == "deep":
        (path / "a" / "b").mkdir(parents=True)
        (path / "a" / "b" / NAME).write_bytes(RIGHT)
    if kind == "zip":
        (folder / f"{name}.zip").write_bytes(zipped((NAME, RIGHT)))
    if kind == "nested zip":
        (path / "hw.zip").write_bytes(zipped((NAME, RIGHT)))
    if kind == "file":
        path.write_bytes(b"")
    if kind == "pdf" and not (folder / f"{name}.pdf").exists():
        (folder / f"{name}.pdf").write_bytes(b"%PDF")
    if kind == "link":
        path.symlink_to("nowhere")


@pytest.mark.skipif(not IS_LINUX, reason="this file system takes some of these names for one")
@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(WORDS, KINDS), min_size=1, max_size=8))
def test_entries_in_are_lines_out_whatever_is_in_the_folder(tmp_path_factory, entries):
    folder = put(tmp_path_factory.mktemp("class"), "zoe")
    for name, kind in entries:
        build(folder, name, kind)
    students = check(folder)
    folders = {name for name in os.listdir(folder) if (folder / name).is_dir() and name[0] != "."}
    assert any(student.startswith("zoe") for student in students) or "zoe" not in folders


PATHS = st.lists(WORDS | st.sampled_from(["..", "__MACOSX", NAME]), min_size=1, max_size=3).map("/".join)


@settings(deadline=None, max_examples=60)
@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(st.lists(PATHS, min_size=1, max_size=8))
def test_entries_in_are_lines_out_whatever_is_in_the_zip(tmp_path_factory, paths):
    path = tmp_path_factory.mktemp("class") / "all.zip"
    path.write_bytes(
        zipped(*((name, RIGHT) for name in ["zoe/x.py", "yan/x.py", *paths] if name.split("/")[0] != NAME))
    )
    tops = {name.split("/")[0] for name in zipfile.ZipFile(path).namelist()}
    found = gather(path)
    assert sorted(entry.name for entry in found.entries) == sorted(tops)
    assert len({each.student for each in found.submissions}) == len(found.submissions)
    for submission in found.submissions:
        read(submission.source, MODULES)


@given(st.lists(WORDS | st.text(max_size=4).filter(lambda t: "\0" not in t), max_size=9))
def test_unlike_names_are_unlike_and_visible(drawn):
    found = names.unlike(drawn)
    assert len(set(found)) == len(drawn)
    assert all(
        name == unicodedata.normalize("NFC", name) and name == " ".join(name.split()) for name in found
    )


def test_a_zip_of_too_many_is_refused_before_python_lists_it(tmp_path, monkeypatch):
    path = tmp_path / "all.zip"
    path.write_bytes(zipped(*((f"s{n}/{NAME}", RIGHT) for n in range(9))))
    assert len(gather(path).submissions) == 9
    monkeypatch.setattr(containers, "CLASS", 8)
    monkeypatch.setattr(containers.zipfile, "ZipFile", None)
    with pytest.raises(ValueError, match=r"all.zip: holds more than 8 files"):
        gather(path)
    path.write_bytes(
        b"x" * ((1 << 20) - 2) + containers.ENTRY + b"x"
    )  # over the edge of what is read at once
    assert containers._count_entries(path) == 1
