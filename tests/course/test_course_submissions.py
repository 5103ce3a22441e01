"""What students hand in is read file by file, and what is refused is refused in words, for them alone."""

import os
import stat
import struct
import warnings
import zipfile

import pytest

from minires.course.grade import containers, submissions
from minires.course.grade.gather import gather
from minires.course.grade.submissions import assignments, read, source_at

NAME = "ex1_1_linear.py"
MODULES = ["ex1_1_linear", "ex1_2_pointwise"]


def write(path, content=b"right"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def zipped(path, entries, *, compression=zipfile.ZIP_DEFLATED):
    """Write a zip of {name or ZipInfo: bytes}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, content in entries.items() if isinstance(entries, dict) else entries:
            archive.writestr(name, content)
    return path


def problem(path):
    """Return the line about NAME, or about the whole submission; nothing may have been read."""
    files = read(path, MODULES)
    assert files.found == {}
    return files.problem or files.problems["ex1_1_linear"]


# -- which submissions there are ----------------------------------------------------------------------------


def test_folders_and_zips_are_students_and_litter_is_not(tmp_path):
    write(tmp_path / "Bo_12345_assignsubmission_file_" / NAME)
    zipped(tmp_path / "ann.zip", {NAME: b"1"})
    zipped(tmp_path / "cy.zip", {NAME: b"1"})
    write(tmp_path / "cy" / NAME)
    for litter in (".DS_Store", "__MACOSX/x", ".git/x", "readme.txt"):
        write(tmp_path / litter)
    found = gather(tmp_path)
    students = ["Bo_12345_assignsubmission_file_", "ann", "cy", "cy.zip"]
    assert [each.student for each in found.submissions] == students
    assert [each.name for each in found.of("no hand-in")] == [".DS_Store", ".git", "__MACOSX", "readme.txt"]


def test_a_folder_and_a_zip_with_exercises_at_the_top_are_single_submissions(tmp_path):
    write(tmp_path / "mine" / NAME)
    assert [each.student for each in gather(tmp_path / "mine").submissions] == ["mine"]
    archive = gather(zipped(tmp_path / "yours.zip", {NAME: b"1"}))
    assert archive.is_one and [each.student for each in archive.submissions] == ["yours"]
    assert read(archive.submissions[0].source, MODULES).found == {"ex1_1_linear": b"1"}


def test_names_that_could_break_a_line_are_cleaned_and_stay_apart(tmp_path):
    write(tmp_path / "a\nb" / NAME)
    write(tmp_path / "a b" / NAME)
    os.mkdir(os.fsencode(tmp_path) + b"/\xff")
    names = [each.student for each in gather(tmp_path).submissions]
    assert len(set(names)) == 3 and all(name.isprintable() for name in names)
    "".join(names).encode()  # no half of a character is left


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_text("x")])
def test_nothing_to_grade_is_an_error(tmp_path, make):
    make(tmp_path / "x")
    with pytest.raises(ValueError, match="x: (there is no|expected a folder)"):
        gather(tmp_path / "x")


def test_the_assignment_is_told_by_the_names(tmp_path):
    write(tmp_path / "a" / "deep" / NAME)
    write(tmp_path / "a" / "ex3_2_x.py")
    assert assignments(source_at(tmp_path / "a")) == {1, 3}
    assert assignments(source_at(zipped(tmp_path / "b.zip", {"b/ex2_1_x.py": b""}))) == {2}
    assert assignments(containers.Refused("is broken")) == set()


# -- where the files lie ------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", ["", "hw/", "a/b/c/"])
def test_files_are_found_in_folders_and_zips_and_others_are_not_read(tmp_path, inside):
    entries = {f"{inside}{NAME}": b"mine", f"{inside}notes.txt": b"x", f"__MACOSX/{NAME}": b"litter"}
    entries[f".hidden/{NAME}"] = b"hidden"
    for name, content in entries.items():
        write(tmp_path / "folder" / name, content)
    for path in (tmp_path / "folder", zipped(tmp_path / "a.zip", entries)):
        files = read(path, MODULES)
        assert (files.found, files.problems, files.problem) == ({"ex1_1_linear": b"mine"}, {}, "")


def test_a_renamed_file_and_a_notebook_are_named(tmp_path):
    write(tmp_path / "s" / "ex1_1_linear_final.py")
    assert problem(tmp_path / "s") == "ex1_1_linear.py is missing: ex1_1_linear_final.py has another name"
    write(tmp_path / "t" / "assignment-1.ipynb")
    assert problem(tmp_path / "t").startswith(
        "the submission holds a notebook without the assignment's cells"
    )
    write(tmp_path / "u" / "thesis.tex")
    write(tmp_path / "u" / "__MACOSX" / "ex1_1_linear2.py")
    assert problem(tmp_path / "u") == "the submission holds no file of the assignment: all are missing"


def test_what_is_no_submission_is_not_passed_over_in_silence(tmp_path):
    for name in ("ann/x", "bo.rar", "cy.tar.gz", NAME.replace("1_1", "x"), ".DS_Store", "fred.pdf"):
        write(tmp_path / name)
    found = gather(tmp_path)
    assert [each.name for each in found.of("no hand-in")] == [".DS_Store", "exx_linear.py", "fred.pdf"]
    assert [each.student for each in found.submissions] == ["ann", "bo.rar", "cy.tar.gz"]
    assert read(found.submissions[1].source, MODULES).problem == (
        "the submission is a .rar archive, which is not read: hand in a folder or a zip"
    )


def test_a_file_too_deep_is_missing(tmp_path):
    write(tmp_path / "s" / "a/b/c/d" / NAME)
    archive = zipped(tmp_path / "a.zip", {f"a/b/c/d/{NAME}": b""})
    assert read(tmp_path / "s", MODULES).found == {} == read(archive, MODULES).found


def test_of_two_the_shallower_counts_and_side_by_side_neither(tmp_path):
    for name, content in {f"a/b/{NAME}": b"old", f"c/{NAME}": b"new"}.items():
        write(tmp_path / "s" / name, content)
    assert read(tmp_path / "s", MODULES).found["ex1_1_linear"] == b"new"
    write(tmp_path / "s" / "d" / NAME)
    assert "appears twice" in problem(tmp_path / "s")
    assert "appears twice" in problem(zipped(tmp_path / "a.zip", [(NAME, b"1"), (NAME, b"2")]))


def test_a_folder_with_nothing_but_a_zip_is_that_zip(tmp_path):
    zipped(tmp_path / "s" / "hw.zip", {NAME: b"inner"})
    write(tmp_path / "s" / "comments.txt")
    assert read(tmp_path / "s", MODULES).found == {"ex1_1_linear": b"inner"}
    zipped(tmp_path / "s" / "hw2.zip", {NAME: b"inner"})
    assert "several zips" in problem(tmp_path / "s")


def test_backslashes_of_a_windows_zip_are_folders(tmp_path):
    info = zipfile.ZipInfo("x")
    info.filename = f"hw\\{NAME}"
    assert read(zipped(tmp_path / "a.zip", {info: b"w"}), MODULES).found == {"ex1_1_linear": b"w"}


# -- what is refused ----------------------------------------------------------------------------------------


def test_links_are_not_followed(tmp_path):
    secret = write(tmp_path / "secret" / NAME, b"secret")
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / NAME).symlink_to(secret)
    write(tmp_path / "file" / "ex1_2_pointwise.py", b"fine")
    files = read(tmp_path / "file", MODULES)
    assert files.found == {"ex1_2_pointwise": b"fine"} and "is a link" in files.problems["ex1_1_linear"]
    (tmp_path / "within").mkdir()
    (tmp_path / "within" / "hw").symlink_to(tmp_path / "secret")
    assert read(tmp_path / "within", MODULES).found == {}
    (tmp_path / "whole").symlink_to(tmp_path / "secret")
    assert "is a link" in problem(tmp_path / "whole")
    (tmp_path / "zip.zip").symlink_to(zipped(tmp_path / "real.zip", {NAME: b"1"}))
    assert "is a link" in problem(tmp_path / "zip.zip")


def test_a_link_in_a_zip_is_refused(tmp_path):
    info = zipfile.ZipInfo(NAME)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "is a link" in problem(zipped(tmp_path / "a.zip", {info: b"/etc/passwd"}))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_pipe_does_not_hang_the_grader(tmp_path):
    (tmp_path / "s").mkdir()
    os.mkfifo(tmp_path / "s" / NAME)
    assert "is not a file" in problem(tmp_path / "s")


def test_a_folder_of_the_files_name_is_no_file(tmp_path):
    write(tmp_path / "s" / NAME / "x")
    assert read(tmp_path / "s", MODULES).found == {}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_refused(tmp_path):
    write(tmp_path / "s" / NAME).chmod(0)
    assert "cannot be read" in problem(tmp_path / "s")


def test_large_files_and_many_files_are_refused(tmp_path, monkeypatch):
    large = b"#" * (containers.FILE + 1)
    write(tmp_path / "s" / NAME, large)
    assert "larger than 1 MB" in problem(tmp_path / "s")
    assert "larger than 1 MB" in problem(zipped(tmp_path / "a.zip", {NAME: large}))
    monkeypatch.setattr(containers, "ENTRIES", 5)
    many = {f"{i}.txt": b"" for i in range(6)}
    for name in many:
        write(tmp_path / "many" / name)
    assert "more than 5 files" in problem(tmp_path / "many")
    assert "more than 5 files" in problem(zipped(tmp_path / "many.zip", many))
    monkeypatch.setattr(submissions, "ZIP", 100)
    assert "larger than" in problem(tmp_path / "many.zip")


def test_a_zip_that_lies_about_sizes_is_read_no_further_than_allowed(tmp_path):
    """A bomb: 20 MB of zeros, declared as 10 bytes, in the list of contents and before the file itself."""
    path = zipped(tmp_path / "a.zip", {NAME: bytes(20_000_000)})
    content = path.read_bytes()
    assert content.count(struct.pack("<L", 20_000_000)) == 2
    path.write_bytes(content.replace(struct.pack("<L", 20_000_000), struct.pack("<L", 10)))
    files = read(path, MODULES)
    assert all(len(found) <= 10 for found in files.found.values())  # Python stops at the declared size
    path.write_bytes(content)
    assert "larger than 1 MB" in problem(path)


@pytest.mark.parametrize("name", ["../x.py", "a/../../x.py", "/etc/x", "C:\\x.py", "..\\x.py"])
def test_a_zip_with_a_name_that_leads_out_is_refused(tmp_path, name):
    info = zipfile.ZipInfo("x")
    info.filename = name
    assert "leads out" in problem(zipped(tmp_path / "a.zip", {NAME: b"fine", info: b"evil"}))
    assert not (tmp_path.parent / "x.py").exists()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(tmp_path, method):
    assert "unusual" in problem(zipped(tmp_path / "a.zip", {NAME: b"x" * 99}, compression=method))


def test_an_encrypted_zip_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {NAME: b"x"})
    content = bytearray(path.read_bytes())
    content[content.index(containers.ENTRY) + 8] |= 1  # the flag in the list of contents
    content[6] |= 1
    path.write_bytes(content)
    assert "encrypted" in problem(path)


def test_damaged_zips_are_refused_whatever_is_broken(tmp_path):
    mine = bytes(range(50))
    whole = zipped(tmp_path / "a.zip", {NAME: mine, "b.txt": b"x" * 50}).read_bytes()
    path = tmp_path / "b.zip"
    for at in range(len(whole)):
        for content in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            path.write_bytes(content)
            assert read(path, MODULES).found in ({}, {"ex1_1_linear": mine})  # and it never raises
    assert "not a zip" in problem(write(tmp_path / "c.zip", b"not a zip"))


def test_nothing_is_written_while_reading(tmp_path):
    path = zipped(tmp_path / "in" / "a.zip", {NAME: b"x"})
    before = sorted(tmp_path.rglob("*"))
    read(path, MODULES)
    assert sorted(tmp_path.rglob("*")) == before
