"""One image file, JPEG or PNG, as an array: upright, in RGB, and whole, or an error that names it.

A file may go on after the image's end (a phone's short film, a second picture): that is passed over.
"""

import io
import math
import pathlib
import re
import zlib
from typing import Any

import numpy as np

from minires import resources

SUFFIXES = (".jpg", ".jpeg", ".png")
BEGIN = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n"}  # the first bytes of a file
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")  # eight bits a channel; others would lose some
LARGEST = 2**29  # bytes of a file; a photo has some millions
# Pixels that a byte of a file can stand for at most: PNG deflates black and white ones; the shortest code of
# JPEG's 64 pixels has a bit.
MOST_PIXELS = {"PNG": 8 * 1032, "JPEG": 8 * 64}
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)  # of a JPEG's segment
ORIENTATION = 0x0112  # the tag of EXIF that says how the camera was held


def read_image(path: pathlib.Path, *, size: tuple[int, int] | None = None) -> np.ndarray:
    """Return a JPEG or PNG file as uint8 (3, H, W), turned as its EXIF orientation says.

    Parameters
    ----------
    size : (height, width)
        To which it is resized; None: not at all.

    Raises
    ------
    ValueError
        Naming the file if it is damaged, another kind of file, or none (a pipe, a folder, a link to nothing).

    Notes
    -----
    Of an animated PNG it is the still image. Transparency is left out: what is below it is seen.
    """
    content, form = _read_whole(path)
    try:
        with _open(content, form) as image:
            image.verify()  # an image is not usable after it
        with _open(content, form) as image:
            if image.mode not in MODES:
                raise ValueError(f"expected eight bits a channel, got mode {image.mode}")
            array = np.asarray(_in_rgb(_upright(image))).transpose(2, 0, 1)
    except Exception as error:  # damaged bytes can make a decoder raise nearly anything
        raise ValueError(f"{path} is damaged: {error}") from error
    return array if size is None else resize(array, size)


def check_image(path: pathlib.Path) -> tuple[int, int]:
    """Return the size (height, width) in a JPEG or PNG file, before EXIF turns it.

    Raises ValueError, naming the file, if it is no such file, or cut off. Reads it to its end but decodes no
    pixel, which takes a twentieth or so of `read_image`'s time; pixels may still be damaged.
    """
    content, form = _read_whole(path)
    try:
        with _open(content, form) as image:
            return image.height, image.width
    except Exception as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def require_suffix(path: pathlib.Path) -> None:
    """Raise ValueError unless the name is that of a JPEG or PNG file."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: expected {', '.join(SUFFIXES)}; move other files out of the class folders")


def _read_whole(path: pathlib.Path) -> tuple[bytes, str]:
    """Return the bytes of a file's image, to its end, and "JPEG" or "PNG". ValueError if it is cut off."""
    require_suffix(path)
    try:
        resources.regular_file(path)
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path} is no photo: it has {path.stat().st_size:,} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read the image {path}: {error.strerror or error}") from error
    form = next((form for form, begin in BEGIN.items() if content.startswith(begin)), None)
    if form is None:
        raise ValueError(f"{path} is no JPEG or PNG image")
    try:
        end = {"JPEG": _end_of_jpeg, "PNG": _end_of_png}[form](content)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    return content[:end], form


def _end_of_png(content: bytes) -> int:
    """Return where a PNG ends. It consists of chunks: length, type, content, check sum; IEND is the last."""
    place, kind = len(BEGIN["PNG"]), b""
    while kind != b"IEND":
        length, kind = int.from_bytes(content[place : place + 4], "big"), content[place + 4 : place + 8]
        end = place + 12 + length
        if end > len(content):
            raise ValueError("its end is missing")
        if zlib.crc32(content[place + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
            raise ValueError(f"the check sum of its part {kind!r} is wrong")
        if kind == b"IHDR" and content[place + 16] == 16:
            raise ValueError("expected eight bits a channel, got 16")
        place = end
    return place


def _end_of_jpeg(content: bytes) -> int:
    """Return where a JPEG ends. It consists of segments, each with a marker: FF, and neither 00 nor FF.

    After a marker stands the segment's length, so that the end of a small picture inside a segment is not
    taken for the large one's; between segments pixels are coded, where 00 or D0 to D7 follow an FF.
    """
    place = 2
    while found := MARKER.search(content, place):
        place = found.end()
        if found[0].endswith(b"\xd9"):
            return place
        length = int.from_bytes(content[place : place + 2], "big")
        if length < 2:
            raise ValueError("a segment has no length")
        place += length
    raise ValueError("its end is missing")


def _open(content: bytes, form: str) -> Any:
    """Return Pillow's image of these bytes, which are not decoded yet.

    What Pillow does in Image.open, but for its *warning* about images so large that they look like an attack:
    here that is an error, without touching Python's filters of warnings, which all threads share.
    """
    from PIL import Image  # here, so that only those who read image files load Pillow
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    image = {"JPEG": JpegImageFile, "PNG": PngImageFile}[form](io.BytesIO(content))
    pixels = image.width * image.height
    if pixels > min(Image.MAX_IMAGE_PIXELS or math.inf, MOST_PIXELS[form] * len(content)):
        raise ValueError(f"it announces {image.height}x{image.width} pixels, more than a photo has")
    return image


def _upright(image: Any) -> Any:
    """Return Pillow's image turned as EXIF says that the camera was held.

    EXIF that cannot be read says nothing, as for every program that shows pictures: ImageNet has such files.
    """
    from PIL.Image import Transpose as T

    # before EXIF, which a PNG may have after its pixels: damaged pixels are an error, damaged EXIF is none
    image.load()
    turns = (T.FLIP_LEFT_RIGHT, T.ROTATE_180, T.FLIP_TOP_BOTTOM, T.TRANSPOSE, T.ROTATE_270, T.TRANSVERSE)
    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:  # damaged bytes again
        return image
    turn = dict(enumerate((*turns, T.ROTATE_90), 2)).get(orientation)  # 1 is upright, 8 the last
    return image if turn is None else image.transpose(turn)


def _in_rgb(image: Any) -> Any:
    if "transparency" in image.info and image.mode == "P":
        image = image.convert("RGBA")  # Pillow warns of the direct way, which gives the same
    return image.convert("RGB")


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an image, uint8 (3, H, W), resized to size (height, width).

    Notes
    -----
    Bilinear as Pillow does it: where an image shrinks, the filter widens with it, so that every pixel counts.
    """
    from PIL import Image

    height, width = size
    pixels = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    return np.asarray(pixels.resize((width, height), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
