"""One picture as phones, cameras and drawing programs write it; and what only looks like one."""

import io
import os
import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from minires.data.pictures import check_image, read_image

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 8, 3), np.uint8)
SMOOTH = np.linspace(0, 255, 24 * 32 * 3).reshape(24, 32, 3).astype(np.uint8)  # what JPEG keeps well


def encoded(image, form="PNG", **options):
    buffer = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(buffer, form, **options)
    return buffer.getvalue()


def read(tmp_path, content, name="a.png"):
    (tmp_path / name).write_bytes(content)
    return read_image(tmp_path / name).transpose(1, 2, 0)


def chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(width, height, depth, colour, rows, *more):
    """A PNG by hand; colour: 0 grey, 2 RGB, 3 palette."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *more, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# -- what follows the end ------------------------------------------------------------------------------------

FILM = b"\x00\x00\x00\x18ftypmp42" + bytes(RNG.integers(0, 256, 20_000, np.uint8))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("after", [b"\0", b"\n", FILM, bytes(10_000)], ids=["0", "line", "film", "zeros"])
def test_bytes_after_an_images_end_are_passed_over(tmp_path, form, after):
    content = encoded(SMOOTH, form)
    name = f"a.{form.lower()}"
    whole = read(tmp_path, content, name)
    assert np.array_equal(read(tmp_path, content + after, name), whole)
    assert check_image(tmp_path / name) == (24, 32)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 100, "subsampling": 0}], ids=str)
def test_a_jpeg_ends_at_its_own_end_and_not_at_that_of_the_small_picture_inside(tmp_path, options):
    small = encoded(SMOOTH[::4, ::4], "JPEG")
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\0" + small  # no entries; the picture follows
    whole = encoded(SMOOTH, "JPEG", **options)
    content = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + whole[2:]
    assert np.array_equal(read(tmp_path, content, "a.jpg"), read(tmp_path, whole, "b.jpg"))
    cut = content[: len(exif) + 100]  # the small picture's end is in it
    assert b"\xff\xd9" in cut
    with pytest.raises(ValueError, match="its end is missing"):
        read(tmp_path, cut, "a.jpg")


# -- how the camera was held ---------------------------------------------------------------------------------

TURNED = {  # EXIF's orientation: how the upright image comes of the stored one (EXIF 2.3, table 6)
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: lambda image: np.rot90(image),
}


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", TURNED)
def test_the_orientation_of_exif_is_applied(tmp_path, form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    name = f"a.{form.lower()}"
    stored = read(tmp_path, encoded(SMOOTH, form), name)
    assert np.array_equal(read(tmp_path, encoded(SMOOTH, form, exif=exif), name), TURNED[orientation](stored))


@pytest.mark.parametrize(
    "exif",
    [b"", b"x", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0"],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore:.*EXIF:UserWarning")  # Pillow's
def test_exif_that_cannot_be_read_leaves_the_image_as_it_is(tmp_path, exif):
    whole = encoded(SMOOTH, "JPEG")
    exif = b"Exif\0\0" + exif
    content = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + whole[2:]
    assert np.array_equal(read(tmp_path, content, "a.jpg"), read(tmp_path, whole, "b.jpg"))


def test_an_orientation_that_does_not_exist_leaves_the_image_as_it_is(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 9
    assert np.array_equal(read(tmp_path, encoded(PIXELS, exif=exif)), PIXELS)


# -- kinds of images -----------------------------------------------------------------------------------------


def test_of_an_animated_png_the_still_image_is_read(tmp_path):
    frames = [Image.fromarray(PIXELS), Image.new("RGB", (8, 6), "red")]
    content = encoded(frames[0], save_all=True, append_images=frames[1:])
    assert b"acTL" in content
    assert np.array_equal(read(tmp_path, content), PIXELS)


def test_cmyk_becomes_rgb(tmp_path):
    image = Image.new("RGB", (16, 16), (200, 100, 50)).convert("CMYK")
    mean = read(tmp_path, encoded(image, "JPEG"), "a.jpg").reshape(-1, 3).astype(int).mean(axis=0)
    assert np.abs(mean - (200, 100, 50)).max() < 4  # the rounding of JPEG and of the conversion


@pytest.mark.parametrize("colour, channels", [(0, 1), (2, 3)], ids=["grey", "RGB"])
def test_sixteen_bits_a_channel_are_refused_and_not_halved(tmp_path, colour, channels):
    rows = b"".join(b"\0" + bytes(8 * channels * 2) for _ in range(6))
    with pytest.raises(ValueError, match="a.png is damaged: expected eight bits a channel, got 16"):
        read(tmp_path, png(8, 6, 16, colour, rows))


def test_pixels_that_cannot_be_unpacked_are_no_image_though_all_check_sums_are_right(tmp_path):
    packed = bytearray(zlib.compress(RNG.integers(0, 256, 64 * 65, np.uint8).tobytes()))
    packed[len(packed) // 2] ^= 255
    content = png(64, 64, 8, 0, b"").replace(
        chunk(b"IDAT", zlib.compress(b"")), chunk(b"IDAT", bytes(packed))
    )
    with pytest.raises(ValueError, match="a.png is damaged"):
        read(tmp_path, content)


def test_a_palette_with_transparency_gives_its_colours_without_a_warning(tmp_path):
    colours = bytes([10, 20, 30, 200, 100, 50])
    content = png(
        2, 1, 8, 3, b"\0\0\1", chunk(b"PLTE", colours), chunk(b"tRNS", b"\x00\x80")
    )  # one quite transparent, one half
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(tmp_path, content).tolist() == [[[10, 20, 30], [200, 100, 50]]]


def test_an_image_of_one_pixel_is_read(tmp_path):
    assert read(tmp_path, encoded(PIXELS[:1, :1])).tolist() == [[PIXELS[0, 0].tolist()]]


# -- what is no image ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", [read_image, check_image])
@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "is no JPEG or PNG image"),
        (encoded(PIXELS)[:-1], "its end is missing"),
        (encoded(SMOOTH, "JPEG")[:-1], "its end is missing"),
        (encoded(PIXELS).replace(b"IDAT", b"IDAU"), "the check sum of its part b'IDAU' is wrong"),
        (b"\xff\xd8\xff\xe0\x00\x01" + bytes(50) + b"\xff\xd9", "a segment has no length"),
    ],
    ids=["empty", "PNG's last byte", "JPEG's last byte", "a changed byte", "no length"],
)
def test_what_is_wrong_is_said_with_or_without_decoding(tmp_path, content, reason, look):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match=f"a.png .*{reason}"):
        look(tmp_path / "a.png")


@pytest.mark.parametrize("look", [read_image, check_image])
def test_more_pixels_than_the_file_can_hold_are_refused_before_they_take_memory(tmp_path, look):
    whole = encoded(SMOOTH, "JPEG")
    place = whole.index(b"\xff\xc0") + 5
    contents = {
        "a.jpg": whole[:place] + struct.pack(">HH", 9000, 9000) + whole[place + 4 :],
        "a.png": png(9000, 9000, 8, 2, b"\0" * 100),
        "b.png": png(2**31 - 1, 2**31 - 1, 1, 0, b"\0" * 100),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name} is damaged: .*pixels|{name} .*limit"):
            look(tmp_path / name)


def test_a_white_page_that_packs_as_well_as_can_be_is_no_bomb(tmp_path):
    page = Image.new("1", (2000, 3000), 1)
    assert read(tmp_path, encoded(page, optimize=True)).shape == (3000, 2000, 3)
    grey = Image.new("L", (2000, 3000), 255)
    for options in ({"quality": 1, "optimize": True}, {"quality": 1, "progressive": True}):
        assert read(tmp_path, encoded(grey, "JPEG", **options), "a.jpg").shape == (3000, 2000, 3)


@pytest.mark.parametrize("look", [read_image, check_image])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need POSIX")
def test_what_is_no_file_is_named_at_once(tmp_path, look):
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    for name, target in {
        "to_a_pipe.png": "pipe.png",
        "to_a_device.png": "/dev/zero",
        "dangling.png": "nothing.png",
        "circle.png": "circle.png",
    }.items():
        (tmp_path / name).symlink_to(target)
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(ValueError, match=f"{path.name} is no file but"):
            look(path)
    with pytest.raises(ValueError, match="cannot read the image .*missing.png: No such file"):
        look(tmp_path / "missing.png")


@pytest.mark.skipif(sys.platform == "win32", reason="there a file with a hole takes its whole size")
def test_an_image_file_of_a_terabyte_is_named(tmp_path):
    with (tmp_path / "a.png").open("wb") as file:
        file.write(encoded(PIXELS))
        try:
            file.truncate(2**40)
        except OSError:
            pytest.skip("this file system has no files of a terabyte")
    with pytest.raises(ValueError, match=r"a\.png is"):
        read_image(tmp_path / "a.png")
