"""Images in one folder per class: DIR/train/CLASS/*.jpg and DIR/test/CLASS/*.jpg, JPEG or PNG.

`read_folder` reads them all into memory, which takes images of one size (or makes them so); `imagenet` reads
larger sets of images of any size while the network trains.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from minires.data.dataset import Dataset
from minires.data.pictures import read_image, require_suffix
from minires.kernels.cpu import parallel, threads
from minires.typing import Shape

Part: TypeAlias = tuple[pathlib.Path, list[str], np.ndarray]  # (folder, files, labels): see `list_folder`


AT_ONCE = 1000  # images that are handed to the threads that look at them
IGNORED = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r")  # as hidden files: left by file managers


def read_folder(
    directory: str | pathlib.Path | None,
    *,
    size: tuple[int, int] | None = None,
    skip_damaged: bool = False,
) -> tuple[Dataset, Dataset]:
    """Return the training and the test set of the images under directory/train and directory/test, in RGB.

    Parameters
    ----------
    directory
        The folders in its train/, sorted by name, are the classes. Hidden files are passed over.
    size : (height, width)
        To which every image is resized (bilinear); None: all must have the same.
    skip_damaged
        Whether to pass over images that cannot be read; the data set's `skipped` has their names.

    Raises
    ------
    ValueError
        Naming the file that is damaged, of another size or no JPEG or PNG.
    """
    classes, parts = list_folder(directory)
    skipped: dict[str, tuple[str, ...]] = {"train": (), "test": ()}
    if skip_damaged:
        parts, skipped = leave_out_damaged(parts)
    train = _read_part(*parts["train"], classes, size)
    test = _read_part(*parts["test"], classes, size, shape=train.image_shape)
    train = dataclasses.replace(train, skipped=skipped["train"])
    return train, dataclasses.replace(test, skipped=skipped["test"])


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
            require_suffix(folder / name / file)
        files += [f"{name}/{file}" for file in names]
        labels += [label] * len(names)
    if not files:
        raise ValueError(f"folder: there are no images in the folders of {folder}")
    return folder, files, np.array(labels, np.int64)


def find_damaged(
    folder: pathlib.Path, files: Sequence[str], look: Callable[[pathlib.Path], object] = read_image
) -> dict[str, str]:
    """Return {file: what is wrong with it, with its path} for the files that `look` raises a ValueError for.

    They are looked at on as many threads as operations use.
    """

    def reason(file: str) -> str:
        try:
            look(folder / file)
        except ValueError as error:
            return str(error)
        return ""

    wrong: dict[str, str] = {}
    with threads.pool(parallel.get_threads(), "minires-check") as pool:
        for first in range(0, len(files), AT_ONCE):
            some = files[first : first + AT_ONCE]
            wrong |= {file: why for file, why in zip(some, pool.map(reason, some), strict=True) if why}
    return wrong


def leave_out_damaged(parts: dict[str, Part]) -> tuple[dict[str, Part], dict[str, tuple[str, ...]]]:
    """Return the parts without the images that cannot be read, and {part: the files left out}.

    Every image is decoded for that. ValueError if a class has none left to train on.
    """
    kept, skipped = {}, {}
    for name, (folder, files, labels) in parts.items():
        wrong = find_damaged(folder, files)
        whole = np.array([file not in wrong for file in files], bool)
        lost = set(labels) - set(labels[whole])
        if lost and (name == "train" or not whole.any()):
            first = next(file for file, label in zip(files, labels, strict=True) if label in lost)
            raise ValueError(
                f"folder: all images in {(folder / first).parent} are damaged, beginning with {wrong[first]}"
            )
        kept[name] = folder, [file for file in files if file not in wrong], labels[whole]
        skipped[name] = tuple(wrong)
    return kept, skipped


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
