"""Folders in Pascal VOC's format: what is read, and what is refused by name."""

import os
import threading

import numpy as np
import pytest
from oracles import assert_refused
from PIL import Image

from minires.data import read_voc
from minires.data.voc import find_voc, voc_classes


def description(*objects, size=(24, 32), extra=""):
    """The XML of an image; objects: (name, xmin, ymin, xmax, ymax, difficult)."""
    rows = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x1}</xmin>"
        f"<ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for name, x1, y1, x2, y2, difficult in objects
    )
    told = "" if size is None else f"<size><width>{size[1]}</width><height>{size[0]}</height></size>"
    return f"{extra}<annotation>{told}{rows}</annotation>"


def write(root, images, sets, *, size=(24, 32)):
    """Write a folder: images {name: XML}, sets {name of a set: text}."""
    for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for seed, (name, text) in enumerate(images.items()):
        (root / "Annotations" / f"{name}.xml").write_text(text)
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / "JPEGImages" / f"{name}.jpg")
    for name, text in sets.items():
        (root / "ImageSets" / "Main" / f"{name}.txt").write_text(text)
    return root


@pytest.fixture
def folder(tmp_path):
    images = {
        "a": description(("dog", 1, 1, 32, 24, 0), ("cat", 3, 5, 10, 20, 1)),
        "b": description(),
        "c": description(("cat", 2.5, 4, 9, 9, 0), size=None),
    }
    return write(tmp_path / "pets", images, {"train": "a\nb\n\n", "test": "c\n", "dog_train": "a  1\nb -1\n"})


def test_boxes_are_edges_and_pixels_count_from_one(folder):
    train = read_voc(folder, "train")
    assert train.class_names == ("cat", "dog") and train.name == "pets train"
    assert train.images.shape == (2, 3, 24, 32) and train.images.dtype == np.uint8
    first, second = train.objects
    np.testing.assert_array_equal(first.boxes, [[0, 0, 32, 24], [2, 4, 10, 20]])
    assert first.labels.tolist() == [1, 0] and first.difficult.tolist() == [False, True]
    assert second.boxes.shape == (0, 4) and second.labels.dtype == np.int64
    np.testing.assert_array_equal(read_voc(folder, "test").objects[0].boxes, [[1.5, 3, 9, 9]])


def test_pixels_may_count_from_zero(folder):
    write(folder, {"a": description(("dog", 0, 0, 31, 23, 0))}, {"train": "a"})
    np.testing.assert_array_equal(
        read_voc(folder, "train", zero_based=True).objects[0].boxes, [[0, 0, 32, 24]]
    )
    assert_refused(
        lambda: read_voc(folder, "train"), "a.xml: object 1 (dog): the box x -1 to 31", "not inside"
    )


def test_boxes_are_resized_with_the_image(folder):
    train = read_voc(folder, "train", size=(12, 64))
    assert train.images.shape == (2, 3, 12, 64)
    np.testing.assert_array_equal(train.objects[0].boxes, [[0, 0, 64, 12], [4, 2, 20, 10]])


def test_the_folder_may_lie_in_another_one_and_lists_may_have_a_second_column(folder):
    assert find_voc(folder.parent) == folder
    assert len(read_voc(folder.parent, "dog_train")) == 2


def test_classes_can_be_named_in_their_order(folder):
    train = read_voc(folder, "train", class_names=("dog", "cat", "cow"))
    assert train.objects[0].labels.tolist() == [0, 1]
    assert voc_classes(folder) == ("cat", "dog")
    assert_refused(
        lambda: read_voc(folder, "train", class_names=("dog",)), "a.xml: object 2: 'cat' is none of"
    )


def test_bad_boxes_can_be_left_out_and_those_over_the_border_cut(folder):
    rows = [
        ("dog", 5, 5, 5, 9, 0),
        ("dog", 9, 5, 3, 9, 0),
        ("cat", 20, 2, 40, 30, 0),
        ("cat", 50, 2, 60, 9, 0),
    ]
    write(folder, {"a": description(*rows)}, {"train": "a"})
    found = read_voc(folder, "train", skip_bad=True).objects[0]
    np.testing.assert_array_equal(found.boxes, [[19, 1, 32, 24]])
    assert found.labels.tolist() == [0]


BAD_BOXES = {
    "no width": ((5, 5, 5, 9), "has no area"),
    "no height": ((5, 9, 8, 9), "has no area"),
    "turned": ((9, 5, 3, 9), "x 9 to 3", "has no area"),
    "right of the image": ((9, 5, 33, 9), "not inside the image of 24x32"),
    "below the image": ((9, 5, 12, 25), "not inside"),
    "unsigned -1": ((65535, 5, 12, 15), "has no area"),
    "from 0": ((0, 5, 12, 15), "x -1 to 12", "not inside"),
    "no number": (("five", 5, 12, 15), "<xmin>: expected a number, got 'five'"),
    "not a number": (("nan", 5, 12, 15), "<xmin>: expected a number, got 'nan'"),
    "empty": (("", 5, 12, 15), "has no <xmin>"),
}


@pytest.mark.parametrize("name", BAD_BOXES)
def test_a_bad_box_is_refused_naming_file_and_object(folder, name):
    box, *words = BAD_BOXES[name]
    write(folder, {"a": description(("cat", 3, 5, 10, 20, 0), ("dog", *box, 0))}, {"train": "a"})
    with pytest.raises(ValueError) as error:
        read_voc(folder, "train")
    message = str(error.value)
    assert "a.xml" in message and "\n" not in message and all(word in message for word in words)
    assert "number" in message or "<xmin>" in message or "object 2 (dog)" in message


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FILES = {
    "entities": (description(extra=BOMB), "needs no <!DOCTYPE or <!ENTITY"),
    "an external entity": (
        description(extra='<!doctype a SYSTEM "file:///etc/passwd">'),
        "needs no <!DOCTYPE",
    ),
    "entities in UTF-16": (description(extra=BOMB).encode("utf-16"), "needs no <!DOCTYPE"),
    "no XML": ("image,x,y", "is no XML"),
    "cut": (description(("dog", 1, 1, 9, 9, 0))[:-30], "is no XML"),
    "empty": ("", "is no XML"),
    "an unknown encoding": ("<?xml version='1.0' encoding='klingon'?><annotation/>", "is no XML"),
    "another root": ("<html/>", "expected <annotation>, got <html>"),
    "no name": (description((" ", 1, 1, 9, 9, 0)), "an <object> has no <name>"),
    "no box": ("<annotation><object><name>dog</name></object></annotation>", "object 1 (dog) has no bndbox"),
    "another size": (
        description(size=(480, 640)),
        "speaks of 480x640 pixels (height x width), but the image has 24x32",
    ),
    "huge": ("<annotation>" + " " * (1 << 22) + "</annotation>", "more than 4 MB"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_description_is_refused_by_name(folder, name):
    content, *words = FILES[name]
    path = folder / "Annotations" / "a.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert_refused(lambda: read_voc(folder, "train", class_names=("dog", "cat")), "a.xml", *words)


def remove(path):
    def change(folder):
        os.remove(folder / path)

    return change


def put(path, text):
    def change(folder):
        (folder / path).write_text(text)

    return change


def move(path):
    def change(folder):
        (folder / path).rename(folder / "elsewhere")

    return change


MISSING = {
    "an image": (remove("JPEGImages/b.jpg"), "b.jpg: the image is missing, though a set lists it"),
    "a description": (remove("Annotations/b.xml"), "b.xml: cannot be read"),
    "a set": (
        remove("ImageSets/Main/train.txt"),
        "expected one of dog_train, test, got 'train'",
        "did you mean",
    ),
    "annotations": (move("Annotations"), "expected a folder in Pascal VOC's format with Annotations/"),
    "images": (move("JPEGImages"), "with JPEGImages/ in it"),
    "sets": (move("ImageSets"), "with ImageSets/Main/ in it"),
    "names": (put("ImageSets/Main/train.txt", "\n\n"), "train.txt: names no image"),
    "a plain name": (
        put("ImageSets/Main/train.txt", "../../secret\n"),
        "expected a name of an image",
        "secret",
    ),
    "the JPEG": (put("JPEGImages/b.jpg", "no image"), "b.jpg is no JPEG or PNG image"),
}


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_is_named(folder, name):
    change, *words = MISSING[name]
    change(folder)
    assert_refused(lambda: read_voc(folder, "train"), *words, error_type=ValueError)


def test_no_folder_and_no_object():
    assert_refused(lambda: read_voc("/nowhere/at/all", "train"), "there is no such folder")


def test_a_folder_without_an_object_has_no_classes(tmp_path):
    write(tmp_path, {"a": description()}, {"train": "a"})
    assert_refused(lambda: read_voc(tmp_path, "train"), "no file in Annotations/ describes an object")


def test_images_of_two_sizes_need_a_size(folder):
    Image.fromarray(np.zeros((10, 12, 3), np.uint8)).save(folder / "JPEGImages" / "b.jpg")
    (folder / "Annotations" / "b.xml").write_text(description(size=None))
    assert_refused(
        lambda: read_voc(folder, "train"), "expected 24x32 pixels", "got 10x12; give a size for all"
    )
    assert len(read_voc(folder, "train", size=(24, 32))) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
@pytest.mark.parametrize("path", ["Annotations/b.xml", "JPEGImages/b.jpg", "ImageSets/Main/train.txt"])
def test_a_pipe_is_refused_and_nobody_waits_for_it(folder, path):
    os.remove(folder / path)
    os.mkfifo(folder / path)
    said = []

    def read():
        try:
            read_voc(folder, "train", class_names=("cat", "dog"))
        except ValueError as error:
            said.append(str(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(20)  # it would wait for ever
    assert said and os.path.basename(path) in said[0]
