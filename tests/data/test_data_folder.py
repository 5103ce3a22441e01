"""Folders of images become a Dataset; a damaged, odd-sized or foreign file is an error that names it."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minires import data


def picture(seed=0, size=(6, 8), mode="RGB"):
    """An image of size (height, width)."""
    rng = np.random.default_rng(seed)
    shape = size if mode == "L" else (*size, len(mode))
    return Image.fromarray(rng.integers(0, 256, shape, np.uint8))


def encoded(image, form="PNG"):
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def write_folders(root):
    """Two classes, three training images and one test image each, 6x8 pixels; return the training images."""
    images = []
    for part, count in (("train", 3), ("test", 1)):
        for label, name in enumerate(("ant", "bee")):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                image = picture(seed=10 * label + i)
                (root / part / name / f"{i}.png").write_bytes(encoded(image))
                if part == "train":
                    images.append(np.asarray(image).transpose(2, 0, 1))
    return np.stack(images)


def test_png_folders_are_read_exactly_with_sorted_classes(tmp_path):
    images = write_folders(tmp_path)
    (tmp_path / "train" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "train" / "ant" / "Thumbs.db").write_bytes(b"x")
    train, test = data.load("folder", tmp_path)
    assert np.array_equal(train.images, images) and train.images.shape == (6, 3, 6, 8)
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1] and test.labels.tolist() == [0, 1]
    assert train.class_names == test.class_names == ("ant", "bee")


def test_jpeg_and_grey_and_transparent_images_become_rgb(tmp_path):
    write_folders(tmp_path)
    (tmp_path / "train" / "ant" / "3.JPG").write_bytes(
        encoded(Image.new("RGB", (8, 6), (200, 100, 50)), "JPEG")
    )
    (tmp_path / "train" / "ant" / "4.png").write_bytes(encoded(picture(mode="L")))
    (tmp_path / "train" / "ant" / "5.png").write_bytes(encoded(picture(mode="RGBA")))
    train, _ = data.load("folder", tmp_path)
    red, green, blue = train.images[3].reshape(3, -1).astype(int).mean(axis=1)
    # a JPEG of one colour keeps it up to the rounding of its colour transform
    assert abs(red - 200) < 3 and abs(green - 100) < 3 and abs(blue - 50) < 3
    assert np.array_equal(train.images[4][0], train.images[4][2])


def test_size_resizes_every_image(tmp_path):
    write_folders(tmp_path)
    (tmp_path / "train" / "ant" / "0.png").write_bytes(encoded(picture(size=(20, 30))))
    train, test = data.read_folder(tmp_path, size=(5, 7))
    assert train.images.shape == (6, 3, 5, 7) and test.images.shape == (2, 3, 5, 7)


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_image_of_another_size_is_named(tmp_path, part):
    write_folders(tmp_path)
    (tmp_path / part / "bee" / "0.png").write_bytes(encoded(picture(size=(8, 6))))
    with pytest.raises(ValueError, match=r"0.png: expected 6x8 .* got 8x6; give a size"):
        data.load("folder", tmp_path)


PNG, JPEG = encoded(picture()), encoded(picture(), "JPEG")
DAMAGED = {
    "empty.png": b"",
    "header_only.png": PNG[:8],
    "half.png": PNG[: len(PNG) // 2],
    "end_missing.png": PNG[:-12],
    "last_byte_missing.png": PNG[:-1],
    "pixel_changed.png": PNG[:60] + bytes([PNG[60] ^ 255]) + PNG[61:],
    "check_sum_changed.png": PNG[:-14] + bytes([PNG[-14] ^ 255]) + PNG[-13:],
    "enormous.png": PNG[:16] + b"\x00\x01\x00\x00\x00\x01\x00\x00" + PNG[24:],
    "text.png": b"no picture at all",
    "gif_in_disguise.png": encoded(picture(), "GIF"),
    "sixteen_bits.png": encoded(Image.fromarray(np.zeros((6, 8), np.uint16))),
    "empty.jpg": b"",
    "header_only.jpg": JPEG[:20],
    "half.jpg": JPEG[: len(JPEG) // 2],
    "end_missing.jpg": JPEG[:-2],
    "last_byte_missing.jpg": JPEG[:-1],
    "notes.txt": b"remember the milk",
    "picture.gif": encoded(picture(), "GIF"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_image_is_one_error_that_names_it(tmp_path, name):
    write_folders(tmp_path)
    (tmp_path / "train" / "bee" / name).write_bytes(DAMAGED[name])
    with pytest.raises(ValueError, match=name):
        data.load("folder", tmp_path)


def test_a_real_bomb_of_pixels_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)  # as if the 48 pixels were more than Pillow allows
    write_folders(tmp_path)
    with pytest.raises(ValueError, match="0.png is damaged"):
        data.load("folder", tmp_path)


def test_a_test_folder_that_is_no_class_and_a_missing_folder_are_named(tmp_path):
    with pytest.raises(ValueError, match="expected .*train"):
        data.load("folder", tmp_path)
    write_folders(tmp_path)
    (tmp_path / "test" / "bees").mkdir()
    with pytest.raises(ValueError, match="bees is no folder of a class"):
        data.load("folder", tmp_path)


def test_folders_without_images_are_an_error(tmp_path):
    (tmp_path / "train" / "ant").mkdir(parents=True)
    (tmp_path / "test").mkdir()
    with pytest.raises(ValueError, match="no images"):
        data.load("folder", tmp_path)


def test_a_file_where_a_class_folder_is_expected_is_named(tmp_path):
    write_folders(tmp_path)
    (tmp_path / "train" / "stray.png").write_bytes(PNG)
    with pytest.raises(ValueError, match="stray.png is no folder of a class"):
        data.load("folder", tmp_path)


def test_pillow_is_loaded_only_when_an_image_is_read():
    code = "import sys, minires.data; sys.exit('PIL' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
