"""The embedded data set: 1,797 real handwritten digits of 8x8 pixels (source and licence: data/digits.md)."""

import numpy as np

from minires import resources
from minires.data.dataset import Dataset


def read_digits(path=None):
    """Return (train, test), 1,437 and 360 images (N, 1, 8, 8) with values 0 to 16, by the split in the file.

    path: another copy of digits.npz. Raises ValueError naming the file if it is missing or damaged.
    """
    path = resources.find("digits.npz") if path is None else path
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels, is_test = (file[name] for name in ("images", "labels", "is_test"))
        if is_test.dtype != bool or is_test.shape != labels.shape:
            raise ValueError("is_test must hold True or False for every image")
        classes = tuple(str(digit) for digit in range(10))
        labels = labels.astype(np.int64)
        return tuple(
            Dataset(images[chosen, None], labels[chosen], classes, name, max_value=16)
            for chosen, name in ((~is_test, "digits train"), (is_test, "digits test"))
        )
    except Exception as error:  # damaged bytes can make the zip reader raise nearly anything
        raise ValueError(f"{path} is damaged or missing: {error}") from error
