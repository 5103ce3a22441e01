"""Writes small folders of images of different sizes, in classes that a tiny network can tell apart."""

import pathlib

import numpy as np
from PIL import Image

CLASSES = ("ant", "bee", "cow")


def photo(label, seed):
    """An image, uint8 (H, W, 3), of 10 to 40 pixels a side; the class is in its most frequent colour."""
    rng = np.random.default_rng([label, seed])
    h, w = rng.integers(10, 41, 2)
    noise = rng.integers(0, 160, (h, w, 3))
    noise[:, :, label] += 95
    return noise.astype(np.uint8)


def write_folders(root, *, train, test):
    """Write so many images of each class to root/train/CLASS and root/test/CLASS, every third as JPEG."""
    for part, count, first_seed in (("train", train, 0), ("test", test, 1000)):
        for label, name in enumerate(CLASSES):
            folder = pathlib.Path(root, part, name)
            folder.mkdir(parents=True)
            for i in range(count):
                suffix = "JPEG" if i % 3 == 2 else "png"
                Image.fromarray(photo(label, first_seed + i)).save(folder / f"{i:03}.{suffix}")
    return pathlib.Path(root)
