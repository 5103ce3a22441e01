"""The files that come with minires are found, in a checkout as in a wheel."""

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
