"""A folder with a damaged image: found before training begins, listed, or passed over and counted."""

import json
import os
import pathlib
import subprocess
import sys
import zlib

import numpy as np
import pytest
from image_files import write_folders
from PIL import Image
from test_cli import empty_folder, error_of, minires  # noqa: F401

from minires import data
from minires.train import Config, prepare, resume

TRAIN = (
    "train --data folder --data-dir set --model resnet8 --epochs 1 --batch-size 4 --lr 0.02 --out a".split()
)
links = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need POSIX")


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.fixture
def folder(tmp_path):
    """9 and 6 images; one of each part is cut off, and one more damaged where only decoding sees it."""
    root = write_folders(tmp_path / "set", train=3, test=2)
    cut(root / "train" / "bee" / "001.png")
    cut(root / "test" / "cow" / "000.png")
    path = root / "train" / "cow" / "000.png"
    Image.new("RGB", (20, 20)).save(path)
    content = path.read_bytes()
    begin, end = content.index(b"IDAT"), content.index(b"IEND") - 8
    pixels = b"IDAT\0" + content[begin + 5 : end]  # no stream of zlib begins so
    path.write_bytes(content[:begin] + pixels + zlib.crc32(pixels).to_bytes(4, "big") + content[end + 4 :])
    return root


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    return folder


WRONG = {"train": ("bee/001.png", "cow/000.png"), "test": ("cow/000.png",)}


def test_data_check_lists_every_damaged_image_and_counts_them(here, capsys):
    code, out, err = minires(capsys, "data", "check", "set")
    assert code == 2 and err == [
        "minires: error: 3 of 15 images in set cannot be read; replace or remove them, or pass over them "
        "with --skip-damaged"
    ]
    assert [line.partition(" is damaged: ")[0] for line in out] == [
        str(pathlib.Path("set", part, file)) for part in WRONG for file in WRONG[part]
    ]


def test_data_check_of_a_whole_folder_says_so(capsys):
    write_folders("set", train=2, test=1)
    assert minires(capsys, "data", "check", "set") == (0, ["set: 9 images, 3 classes, none damaged"], [])
    assert "expected gone/train with one folder" in error_of(capsys, "data", "check", "gone")


def test_a_damaged_image_is_named_before_a_network_is_trained(here, capsys):
    error = error_of(capsys, *TRAIN, "--crop", "12")
    assert (
        f"{pathlib.Path('set', 'train', 'bee', '001.png')} is damaged: its end is missing; `minires" in error
    )
    assert f"`minires data check {here}` lists all" in error
    assert not pathlib.Path("a").exists()
    cut(here / "train" / "bee" / "002.JPEG")
    assert "its end is missing (and 1 more); `minires data" in error_of(capsys, *TRAIN, "--crop", "12")


def test_a_damaged_image_is_passed_over_and_counted_if_asked(here, capsys):
    code, out, err = minires(capsys, *TRAIN, "--crop", "12", "--skip-damaged")
    assert code == 0 and err[:2] == [
        "set train: passed over 2 damaged images, such as bee/001.png",
        "set test: passed over 1 damaged image, such as cow/000.png",
    ]
    assert json.loads(pathlib.Path("a/config.json").read_text())["skip_damaged"] is True
    code, lines, err = minires(capsys, "eval", "a/checkpoint.npz")  # it passes over the same
    assert code == 0 and lines[0].startswith("resnet8, 5 images of set test") and lines[-1] == out[-1]
    assert err[1] == "set test: passed over 1 damaged image, such as cow/000.png"
    assert minires(capsys, "train", "--resume", "--out", "a")[1] == out


@pytest.mark.parametrize("crop", [None, 8])
def test_what_is_left_keeps_its_labels(folder, crop):
    if crop is None:  # then all have one size
        for path in sorted(folder.glob("*/*/*")):
            if str(path.relative_to(folder / path.parts[-3])) not in WRONG[path.parts[-3]]:
                Image.new("RGB", (9, 7), (len(path.parts), 0, 0)).save(path)
    train, test = data.load("folder", folder, crop=crop, skip_damaged=True)
    assert (train.skipped, test.skipped) == (WRONG["train"], WRONG["test"])
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 2, 2] and test.labels.tolist() == [0, 0, 1, 1, 2]
    assert train.read(np.arange(7)).shape == ((7, 3, 7, 9) if crop is None else (7, 3, 8, 8))
    validation, rest = data.hold_out(train, 2, seed=0)
    assert validation.skipped == rest.skipped == WRONG["train"]


@pytest.mark.parametrize("crop", [None, 8])
def test_a_class_of_damaged_images_is_an_error_all_the_same(folder, crop):
    for path in (folder / "train" / "bee").iterdir():
        path.write_bytes(b"")
    with pytest.raises(
        ValueError, match="all images in .*bee are damaged, beginning with .*000.png is no JPEG"
    ):
        data.load("folder", folder, crop=crop, skip_damaged=True)


def test_other_data_sets_have_no_images_to_pass_over(capsys):
    error = error_of(capsys, "train", "--skip-damaged", "--out", "a")
    assert error == "skip_damaged: only in folders of images is one passed over (folder), not digits"


def test_a_strip_is_found_before_training_too(tmp_path):
    root = write_folders(tmp_path, train=1, test=1)
    Image.new("L", (3000, 1)).save(root / "train" / "ant" / "strip.png")
    with pytest.raises(ValueError, match="strip.png: 1x3000 pixels are too long a strip"):
        data.load("folder", root, crop=8)


def test_many_files_are_looked_at_a_thousand_at_a_time(tmp_path, monkeypatch):
    root = write_folders(tmp_path, train=7, test=1)
    for place in (1, 3, 6):
        (root / "train" / "ant" / f"{place:03}.png").write_bytes(b"")
    for count in (1, 4, 1000):
        monkeypatch.setattr(data.folder, "AT_ONCE", count)
        wrong = data.folder.find_damaged(*data.folder.list_folder(root)[1]["train"][:2])
        assert list(wrong) == ["ant/001.png", "ant/003.png", "ant/006.png"]


def test_a_run_of_before_has_passed_over_nothing():
    values = Config().as_dict()
    del values["skip_damaged"]
    assert Config.from_dict(values) == Config()


# -- what else lies in folders -------------------------------------------------------------------------------


@links
@pytest.mark.parametrize("crop", [None, 8])
@pytest.mark.parametrize("name", ["pipe", "link to a pipe", "device", "dangling", "circle", "folder"])
def test_what_is_no_file_is_named_at_once(tmp_path, name, crop):
    root = write_folders(tmp_path, train=2, test=1)
    path = root / "train" / "ant" / "000.png"
    path.unlink()
    if name == "folder":
        path.mkdir()
    elif name == "pipe":
        os.mkfifo(path)
    else:
        os.mkfifo(tmp_path / "pipe")
        targets = {"link to a pipe": tmp_path / "pipe", "device": "/dev/zero", "circle": path.name}
        path.symlink_to(targets.get(name, "nothing"))
    with pytest.raises(ValueError, match=r"ant.000\.png is no file but"):
        data.load("folder", root, crop=crop)
    (tmp_path / "train" / "ant" / "001.png").with_name("002.png").write_bytes(
        (tmp_path / "train" / "ant" / "001.png").read_bytes()
    )
    assert data.load("folder", root, crop=8, skip_damaged=True)[0].skipped == ("ant/000.png",)


@links
@pytest.mark.parametrize("target", ["bees", "nothing", "../ant/000.png"], ids=["circle", "dangling", "file"])
def test_a_class_that_is_a_link_to_no_folder_is_named(tmp_path, target):
    root = write_folders(tmp_path, train=2, test=1)
    (root / "train" / "bees").symlink_to(target)
    with pytest.raises(ValueError, match="bees is no folder of a class"):
        data.load("folder", root, crop=8)


@pytest.mark.parametrize(
    "name", [".DS_Store", "._000.png", "Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r"]
)
def test_what_file_managers_leave_behind_is_passed_over(tmp_path, name):
    if sys.platform == "win32" and "\r" in name:
        pytest.skip("no such names there")
    root = write_folders(tmp_path, train=2, test=1)
    for place in (root / "train", root / "test" / "ant", root / "train" / "bee"):
        (place / name).write_bytes(b"\0\5\x16\7")
    assert len(data.load("folder", root, crop=8)[0]) == 6
    (root / "train" / "dog").mkdir()
    (root / "train" / "dog" / name).write_bytes(b"")
    with pytest.raises(ValueError, match="there are no images in .*dog; fill it or remove it"):
        data.load("folder", root, crop=8)


@pytest.fixture
def odd_names(tmp_path, monkeypatch):
    """A set with a class and a file whose names are no UTF-8, as older systems wrote them."""
    monkeypatch.chdir(tmp_path)
    root = write_folders("set", train=2, test=1)
    try:
        for part in ("train", "test"):
            os.rename(root / part / "bee", root / part / "b\udceae")
        os.rename(root / "train" / "ant" / "000.png", root / "train" / "ant" / "fourmi \udce9\udcff.png")
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    return root


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="no such names there")
def test_names_that_are_no_utf_8_are_trained_on(odd_names, capsys):
    assert minires(capsys, *TRAIN, "--crop", "12")[0] == 0
    code, out, _ = minires(capsys, "eval", "a/checkpoint.npz")
    assert code == 0 and "3 images of set test" in out[0]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="no such names there")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_that_are_no_utf_8_are_printed(odd_names, encoding):
    path = odd_names / "train" / "ant" / "fourmi \udce9\udcff.png"
    cut(path)
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "minires", "data", "check", odd_names]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60)
    assert done.returncode == 2 and done.stdout.count(b"\n") == 1 and done.stderr.count(b"\n") == 1
    assert (os.fsencode(path) if encoding == "utf-8" else b"fourmi \\udce9\\udcff.png") in done.stdout


# -- networks that are not worth it --------------------------------------------------------------------------


def test_eval_and_resume_refuse_weights_that_are_not_finite_and_name_them(capsys):
    pathlib.Path("a").mkdir()
    trainer = prepare(Config.for_data("digits", threads=1))
    trainer.net["conv"].weight.data[0, 0, 0, 0] = np.nan
    resume.save("a/checkpoint.npz", trainer)
    for command in (("eval", "a/checkpoint.npz"), ("train", "--resume", "--out", "a")):
        error = error_of(capsys, *command)
        assert error.startswith("a/checkpoint.npz: NaN or infinite in net/conv.weight: 1 of 144 numbers")
