"""Data sets: reading them, fetching them, and cutting them into normalised, augmented mini-batches."""

import difflib
import pathlib
from collections.abc import Sequence
from typing import Any, overload

from minires.data.augment import Augmentation, random_crop, random_flip
from minires.data.batches import Batches
from minires.data.cifar import read_cifar10, read_cifar100
from minires.data.colour import ColourNoise, principal_colours
from minires.data.dataset import Dataset, hold_out
from minires.data.digits import read_digits
from minires.data.folder import read_folder
from minires.data.idx import read_idx, read_mnist
from minires.data.imagenet import ImageFolder, read_image_folder
from minires.data.locations import default_directory
from minires.data.normalise import Normalisation
from minires.data.objects import DetectionDataset, Objects, random_flip_with_objects
from minires.data.scenes import digit_scenes, segmented_scenes
from minires.data.voc import read_voc

__all__ = [
    "Augmentation",
    "Batches",
    "ColourNoise",
    "Dataset",
    "DetectionDataset",
    "ImageFolder",
    "Normalisation",
    "Objects",
    "default_directory",
    "digit_scenes",
    "hold_out",
    "load",
    "names",
    "principal_colours",
    "random_crop",
    "random_flip",
    "random_flip_with_objects",
    "read_cifar10",
    "read_cifar100",
    "read_digits",
    "read_folder",
    "read_image_folder",
    "read_idx",
    "read_mnist",
    "read_voc",
    "segmented_scenes",
]

READERS = {"cifar10": read_cifar10, "cifar100": read_cifar100, "mnist": read_mnist}


def names() -> tuple[str, ...]:
    """Return the names that load takes."""
    return ("digits", *READERS, "folder")


@overload
def load(
    name: str, directory: str | pathlib.Path | None = None, *, skip_damaged: bool = False
) -> tuple[Dataset, Dataset]: ...
@overload
def load(
    name: str,
    directory: str | pathlib.Path | None = None,
    *,
    crop: int,
    shorter_side: Sequence[int] = (),
    skip_damaged: bool = False,
) -> tuple[ImageFolder, ImageFolder]: ...
@overload
def load(
    name: str,
    directory: str | pathlib.Path | None = None,
    *,
    crop: int | None,
    shorter_side: Sequence[int] = (),
    skip_damaged: bool = False,
) -> tuple[Any, Any]: ...
def load(
    name: str,
    directory: str | pathlib.Path | None = None,
    *,
    crop: int | None = None,
    shorter_side: Sequence[int] = (),
    skip_damaged: bool = False,
) -> tuple[Any, Any]:
    """Return the training and the test set of that name.

    Parameters
    ----------
    name
        "digits" (comes with the library), "cifar10", "cifar100" (fine labels), "mnist" (IDX files) or
        "folder" (JPEG and PNG files, one folder per class).
    directory
        The folder that is, or holds, the data set; None: where `minires data fetch` puts it.
    crop, shorter_side
        For "folder" only. Without a crop all images must have one size and are read into memory; with it they
        are read, resized and cropped while the network trains, see `ImageFolder`.
    skip_damaged
        For "folder" only: pass over images that cannot be read; `train.skipped` and `test.skipped` have their
        names. Otherwise the first one is an error, also with a crop, see `ImageFolder.check`.

    Returns
    -------
    train, test : Dataset
        With a crop an `ImageFolder` each.

    Raises
    ------
    ValueError
        For another name, a missing data set (saying where to get it) or a damaged file.

    Examples
    --------
    >>> train, test = load("digits")
    >>> train.images.shape, train.images.dtype, len(test)
    ((1437, 1, 8, 8), dtype('uint8'), 360)
    """
    _require_fit(name, crop, skip_damaged)
    if name == "folder" and crop is not None:
        both = read_image_folder(directory, crop=crop, shorter_side=shorter_side, skip_damaged=skip_damaged)
        for dataset in both:
            dataset.check()
        return both
    if name == "folder":
        return read_folder(directory, skip_damaged=skip_damaged)
    if name == "digits":
        if directory is not None:
            raise ValueError(
                f"digits: comes with minires and is not read from {directory}; leave the folder out"
            )
        return read_digits()
    return READERS[name](directory)


def _require_fit(name: str, crop: int | None, skip_damaged: bool) -> None:
    """Raise ValueError if there is no such data set, or if it is none of those that the options are for."""
    if name not in names():
        nearest = difflib.get_close_matches(str(name), names(), n=1, cutoff=0.5)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"data: expected one of {', '.join(names())}, got {name!r}{hint}")
    if name != "folder" and crop is not None:
        raise ValueError(f"crop: only folders of images are cropped (folder), not {name}")
    if name != "folder" and skip_damaged:
        raise ValueError(f"skip_damaged: only in folders of images is one passed over (folder), not {name}")
