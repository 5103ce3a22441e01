"""The files that come with minires are found, in a checkout as in a wheel."""

import os
import pathlib

import pytest

from minires import resources


def test_the_embedded_data_set_is_found():
    assert resources.find("digits.npz").is_file() and resources.find("digits.md").is_file()


def test_in_a_wheel_the_files_lie_inside_the_package(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "minires"
    inside = package / "_files" / "data" / "digits.npz"
    stranger = tmp_path / "site-packages" / "data" / "digits.npz"  # another project's folder of that name
    for path in (inside, stranger):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    monkeypatch.setattr(resources, "PACKAGE", package)
    assert resources.find("digits.npz") == inside


def test_a_missing_file_is_an_error_that_says_where_it_was_looked_for():
    with pytest.raises(ValueError, match="data/nothing.npz does not come with minires") as caught:
        resources.find("nothing.npz")
    assert str(pathlib.Path("minires") / "_files") in str(caught.value)


# -- a stranger's file -------------------------------------------------------------------------------------


def test_a_file_and_a_link_to_one_are_files(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert resources.regular_file(str(tmp_path / "file")) == tmp_path / "file"
    with pytest.raises(FileNotFoundError):
        resources.regular_file(tmp_path / "nothing")
    if hasattr(os, "mkfifo"):  # Windows lets few people make links
        (tmp_path / "link").symlink_to("file")
        assert resources.regular_file(tmp_path / "link") == tmp_path / "link"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need POSIX")
def test_pipes_devices_folders_and_links_to_them_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, target in {
        "link to a pipe": "pipe",
        "link to a link": "link to a pipe",
        "link to a device": "/dev/zero",
        "link to a folder": ".",
        "link to nothing": "nothing",
        "circle": "circle",
    }.items():
        (tmp_path / name).symlink_to(target)
    kinds = {
        "pipe": "a named pipe",
        "link to a pipe": "a named pipe",
        "link to a link": "a named pipe",
        "link to a device": "a device",
        "link to a folder": "a folder",
        "link to nothing": "a link to nothing: nothing",
        "circle": "a link that leads in a circle",
    }
    for name, kind in kinds.items():
        with pytest.raises(ValueError, match=f"{name} is no file but {kind}$"):
            resources.regular_file(tmp_path / name)


def test_a_file_larger_than_the_memory_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(bytes(1001))
    monkeypatch.setattr(resources, "_memory", lambda: 1000)
    with pytest.raises(ValueError, match="file is too large to be read: .* more than"):
        resources.regular_file(tmp_path / "file")
    monkeypatch.setattr(resources, "_memory", lambda: 0)  # the system does not say
    resources.regular_file(tmp_path / "file")


def test_the_memory_of_this_machine_is_known_where_the_system_says():
    assert resources._memory() > 2**28 if hasattr(os, "sysconf") else resources._memory() == 0


def test_what_becomes_a_hundred_times_as_large_is_refused_unless_it_is_small():
    resources.require_expansion(packed=1000, unpacked=16 * 2**20)
    resources.require_expansion(packed=2**30, unpacked=100 * 2**30)
    for packed, unpacked in ((1000, 16 * 2**20 + 1), (9_000_000, 2_100_000_000), (2**30, 101 * 2**30)):
        with pytest.raises(ValueError, match="no real data do"):
            resources.require_expansion(packed, unpacked)
