"""The embedded data set: 1,797 real handwritten digits of 8x8 pixels (source and licence: data/digits.md)."""

import dataclasses
import os
import pathlib

import numpy as np

from minires import archives, resources
from minires.data.dataset import Dataset


def read_digits(path: str | pathlib.Path | None = None) -> tuple[Dataset, Dataset]:
    """Return the training and the test set of the embedded digits: 1,437 and 360 images.

    Parameters
    ----------
    path
        Another copy of digits.npz; None: the one that comes with the library.

    Returns
    -------
    train, test : Dataset
        Images (N, 1, 8, 8) with values from 0 to 16.

    Raises
    ------
    ValueError
        Naming the file if it is missing or damaged.
    """
    path = resources.find("digits.npz") if path is None else path
    try:
        with resources.regular_file(path).open("rb") as file:
            arrays = archives.read_arrays(file, os.fstat(file.fileno()).st_size)
        images, labels, is_test = (arrays[name] for name in ("images", "labels", "is_test"))
        if is_test.dtype != bool or is_test.shape != labels.shape:
            raise ValueError("is_test must hold True or False for every image")
        classes = tuple(str(digit) for digit in range(10))
        labels = labels.astype(np.int64)
        whole = Dataset(images[:, None], labels, classes, "digits", max_value=16)
        train = dataclasses.replace(whole.take(~is_test), name="digits train")
        return train, dataclasses.replace(whole.take(is_test), name="digits test")
    except Exception as error:  # damaged bytes can make the zip reader raise nearly anything
        raise ValueError(f"{path} is damaged or missing: {error}") from error
