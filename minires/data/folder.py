"""Images in one folder per class: DIR/train/CLASS/*.jpg and DIR/test/CLASS/*.jpg, JPEG or PNG."""

import io
import pathlib
import warnings

import numpy as np

from minires.data.dataset import Dataset

SUFFIXES = (".jpg", ".jpeg", ".png")
END = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}  # the last bytes of a whole file
IGNORED = ("thumbs.db", "desktop.ini")  # and hidden files: what file managers leave behind
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")  # eight bits a channel; others would lose some


def read_folder(directory, *, size=None):
    """Return (train, test) of the images under directory/train and directory/test, in RGB.

    The folders in train/, sorted by name, are the classes. size: (height, width) that every image is resized
    to (bilinear); without it all must have the same. Hidden files are passed over.
    Raises ValueError naming the file that is damaged, of another size or no JPEG or PNG.
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
    train = _read_part(directory / "train", classes, size)
    test = _read_part(directory / "test", classes, size, shape=train.images.shape[1:])
    return train, test


def _read_part(folder, classes, size, shape=None):
    """Return the Dataset of one part. shape: (3, H, W) of every image, that of the first one if None."""
    paths, labels = [], []
    for label, name in enumerate(classes):
        if (folder / name).is_dir():  # a class may lack test images
            files = [folder / name / file for file in _visible(folder / name)]
            paths += files
            labels += [label] * len(files)
    if not paths:
        raise ValueError(f"folder: there are no images in the folders of {folder}")
    shape = read_image(paths[0], size=size).shape if shape is None else shape
    images = np.empty((len(paths), *shape), np.uint8)
    for place, path in zip(images, paths, strict=True):
        image = read_image(path, size=size)
        if image.shape != shape:
            raise ValueError(
                f"{path}: expected {shape[1]}x{shape[2]} pixels (height x width) like the first image, "
                f"got {image.shape[1]}x{image.shape[2]}; give a size to resize them all"
            )
        place[:] = image
    return Dataset(images, np.array(labels, np.int64), classes, f"{folder.parent.name} {folder.name}")


def _visible(folder):
    """Return the sorted names in a folder, without those that file managers leave behind."""
    names = (path.name for path in folder.iterdir())
    return sorted(name for name in names if not name.startswith(".") and name.lower() not in IGNORED)


def read_image(path, *, size=None):
    """Return a JPEG or PNG file as uint8 (3, H, W). size: (height, width) to resize it to, or None.

    Raises ValueError naming the file if it is damaged or another kind of file.
    """
    from PIL import Image, UnidentifiedImageError  # here, so that only those who read image files load Pillow

    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: expected {', '.join(SUFFIXES)}; move other files out of the class folders")
    content = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
                image.verify()  # the check sums of a PNG; an image is not usable after it
            if END[image.format] not in content[-4096:]:  # some programs append notes of their own
                raise ValueError("its end is missing")
            with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
                if image.mode not in MODES:
                    raise ValueError(f"expected eight bits a channel, got mode {image.mode}")
                image = image.convert("RGB")
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is no JPEG or PNG image") from error
    except Exception as error:  # damaged bytes can make a decoder raise nearly anything
        raise ValueError(f"{path} is damaged: {error}") from error
    if size is not None:
        height, width = size
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)
