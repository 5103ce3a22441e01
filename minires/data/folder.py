"""Images in one folder per class: DIR/train/CLASS/*.jpg and DIR/test/CLASS/*.jpg, JPEG or PNG.

`read_folder` reads them all into memory, which takes images of one size (or makes them so); `imagenet` reads
larger sets of images of any size while the network trains.
"""

import io
import math
import pathlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from minires.data.dataset import Dataset
from minires.typing import Shape

Part: TypeAlias = tuple[pathlib.Path, list[str], np.ndarray]  # (folder, files, labels): see `list_folder`


SUFFIXES = (".jpg", ".jpeg", ".png")
BEGIN = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n"}  # the first bytes of a file
END = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}  # the last bytes of a whole file
IGNORED = ("thumbs.db", "desktop.ini")  # and hidden files: what file managers leave behind
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")  # eight bits a channel; others would lose some


def read_folder(
    directory: str | pathlib.Path | None, *, size: tuple[int, int] | None = None
) -> tuple[Dataset, Dataset]:
    """Return the training and the test set of the images under directory/train and directory/test, in RGB.

    Parameters
    ----------
    directory
        The folders in its train/, sorted by name, are the classes. Hidden files are passed over.
    size : (height, width)
        To which every image is resized (bilinear); None: all must have the same.

    Raises
    ------
    ValueError
        Naming the file that is damaged, of another size or no JPEG or PNG.
    """
    classes, parts = list_folder(directory)
    train = _read_part(*parts["train"], classes, size)
    test = _read_part(*parts["test"], classes, size, shape=train.image_shape)
    return train, test


def list_folder(directory: str | pathlib.Path | None) -> tuple[list[str], dict[str, Part]]:
    """List the images under directory/train and directory/test; none is opened.

    Returns
    -------
    classes
        The names of the folders in train/, sorted.
    parts : {"train": part, "test": part}
        A part is (folder, files, labels): folder/file is the path of an image, file a text "CLASS/NAME",
        sorted; labels: int64, one a file.

    Raises
    ------
    ValueError
        Naming what is missing, empty or foreign; a class may lack test images.
    """
    if directory is None:
        raise ValueError(
            "folder: name the folder that holds train/ and test/ (--data-dir), each with a folder per class"
        )
    directory = pathlib.Path(directory).expanduser()
    for part in ("train", "test"):
        if not (directory / part).is_dir():
            raise ValueError(f"folder: expected {directory / part} with one folder per class in it")
    classes = _visible(directory / "train")
    for part in ("train", "test"):
        for name in _visible(directory / part):
            if name not in classes or not (directory / part / name).is_dir():
                raise ValueError(f"folder: {directory / part / name} is no folder of a class in train")
    return classes, {part: _list_part(directory / part, classes) for part in ("train", "test")}


def _list_part(folder: pathlib.Path, classes: Sequence[str]) -> Part:
    files, labels = [], []
    for label, name in enumerate(classes):
        names = _visible(folder / name) if (folder / name).is_dir() else []
        if not names and folder.name == "train":
            raise ValueError(f"folder: there are no images in {folder / name}; fill it or remove it")
        for file in names:
            _require_suffix(folder / name / file)
        files += [f"{name}/{file}" for file in names]
        labels += [label] * len(names)
    if not files:
        raise ValueError(f"folder: there are no images in the folders of {folder}")
    return folder, files, np.array(labels, np.int64)


def _read_part(
    folder: pathlib.Path,
    files: list[str],
    labels: np.ndarray,
    classes: Sequence[str],
    size: tuple[int, int] | None,
    shape: Shape | None = None,
) -> Dataset:
    """Return the Dataset of one part. shape: (3, H, W) of every image, that of the first one if None."""
    shape = read_image(folder / files[0], size=size).shape if shape is None else shape
    images = np.empty((len(files), *shape), np.uint8)
    for place, file in zip(images, files, strict=True):
        image = read_image(folder / file, size=size)
        if image.shape != shape:
            raise ValueError(
                f"{folder / file}: expected {shape[1]}x{shape[2]} pixels (height x width) like the first "
                f"image, got {image.shape[1]}x{image.shape[2]}; give a size to resize them all, or a crop "
                "(--crop) to cut them while training"
            )
        place[:] = image
    return Dataset(images, labels, tuple(classes), f"{folder.parent.name} {folder.name}")


def _visible(folder: pathlib.Path) -> list[str]:
    """Return the sorted names in a folder, without those that file managers leave behind."""
    names = (path.name for path in folder.iterdir())
    return sorted(name for name in names if not name.startswith(".") and name.lower() not in IGNORED)


def read_image(path: pathlib.Path, *, size: tuple[int, int] | None = None) -> np.ndarray:
    """Return a JPEG or PNG file as uint8 (3, H, W).

    Parameters
    ----------
    size : (height, width)
        To which it is resized; None: not at all.

    Raises
    ------
    ValueError
        Naming the file if it is damaged or another kind of file.
    """
    _require_suffix(path)
    content = path.read_bytes()
    form = next((form for form, begin in BEGIN.items() if content.startswith(begin)), None)
    if form is None:
        raise ValueError(f"{path} is no JPEG or PNG image")
    try:
        with _open(content, form) as image:
            image.verify()  # the check sums of a PNG; an image is not usable after it
        if END[form] not in content[-4096:]:  # some programs append notes of their own
            raise ValueError("its end is missing")
        with _open(content, form) as image:
            if image.mode not in MODES:
                raise ValueError(f"expected eight bits a channel, got mode {image.mode}")
            image = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except Exception as error:  # damaged bytes can make a decoder raise nearly anything
        raise ValueError(f"{path} is damaged: {error}") from error
    return image if size is None else resize(image, size)


def _require_suffix(path: pathlib.Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: expected {', '.join(SUFFIXES)}; move other files out of the class folders")


def _open(content: bytes, form: str) -> Any:
    """Return Pillow's image of these bytes, which are not decoded yet.

    What Pillow does in Image.open, but for its *warning* about images so large that they look like an attack:
    here that is an error, without touching Python's filters of warnings, which all threads share.
    """
    from PIL import Image  # here, so that only those who read image files load Pillow
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    image = {"JPEG": JpegImageFile, "PNG": PngImageFile}[form](io.BytesIO(content))
    if image.width * image.height > (Image.MAX_IMAGE_PIXELS or math.inf):
        raise ValueError(f"it announces {image.height}x{image.width} pixels, more than a photo has")
    return image


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
