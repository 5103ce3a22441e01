"""The input pipeline for ImageNet: folders of images of any size, read from disk batch by batch.

To train, "the image is resized with its shorter side randomly sampled in [256, 480]; a 224x224 crop is
randomly sampled from an image or its horizontal flip, with the per-pixel mean subtracted; the standard color
augmentation is used" (He et al. 2015, arXiv:1512.03385, section 3.4). To test, the shorter side is 256 and
the crop the one at the centre. Here happen the resizing and the crop, on bytes; `normalise` subtracts, and
`augment` flips and adds colour, as for every data set.
"""

import dataclasses
import pathlib
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minires.data import preview
from minires.data.folder import find_damaged, leave_out_damaged, list_folder
from minires.data.pictures import check_image, read_image, resize
from minires.kernels.cpu import parallel, threads
from minires.typing import Array, Generator, Shape

SAMPLE = 2000  # images that statistics are computed from: their mean is that of all to about a grey value
LONGEST = 50  # times the shorter side; beyond that it is a damaged header or a strip, but no photo


def paper_range(crop: int) -> tuple[int, int]:
    """Return the shorter sides between which images are resized: 256 to 480 for 224, others in proportion."""
    return round(crop * 256 / 224), round(crop * 480 / 224)


def read_image_folder(
    directory: str | pathlib.Path | None,
    *,
    crop: int,
    shorter_side: Sequence[int] = (),
    skip_damaged: bool = False,
) -> tuple["ImageFolder", "ImageFolder"]:
    """Return the training and the test set, two ImageFolders of directory/train and directory/test.

    Parameters
    ----------
    directory
        See `folder.list_folder`; no image is opened unless skip_damaged.
    crop, shorter_side
        See `ImageFolder`; (): that of `paper_range`.
    skip_damaged
        Whether to pass over images that cannot be read, which are found by decoding all of them.
    """
    classes, parts = list_folder(directory)
    skipped: dict[str, tuple[str, ...]] = {"train": (), "test": ()}
    if skip_damaged:
        parts, skipped = leave_out_damaged(parts)
    _require_crop(crop)
    least, most = tuple(shorter_side) or paper_range(crop)

    def image_folder(part: str) -> ImageFolder:
        folder, files, labels = parts[part]
        name = f"{folder.parent.name} {part}"
        sides = (least, most)
        return ImageFolder(folder, tuple(files), labels, tuple(classes), name, crop, sides, skipped[part])

    return image_folder("train"), image_folder("test")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ImageFolder:
    """Labelled image files, each seen through a square window: a data set like `Dataset`, but on disk.

    Parameters
    ----------
    folder
    files
        Paths relative to it, as text.
    labels : int64 (N,)
        Indices into class_names.
    class_names
    name
        For people.
    crop
        Pixels, the edge of the window.
    shorter_side : (least, most)
        Pixels between which an image's shorter side is resized for training; for testing it is the least.
    skipped
        Files that were left out because they are damaged.

    Raises
    ------
    ValueError
        If the crop does not fit.
    """

    folder: pathlib.Path
    files: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    name: str
    crop: int = 224
    shorter_side: tuple[int, int] = (256, 480)
    skipped: tuple[str, ...] = ()
    max_value = 255

    def __post_init__(self) -> None:
        _require_crop(self.crop)
        least, most = self.shorter_side
        if not self.crop <= least <= most:
            raise ValueError(
                f"shorter_side: expected two rising numbers from {self.crop} on, so that the crop of "
                f"{self.crop} pixels fits, got {least} and {most}"
            )

    def __len__(self) -> int:
        """Images in the data set."""
        return len(self.labels)

    def __repr__(self) -> str:
        return f"<ImageFolder {preview.line(self)}, in {self.folder}>"

    def _repr_html_(self) -> str:
        return preview.html(self)

    @property
    def image_shape(self) -> Shape:
        """(C, H, W) of every image that `read` returns."""
        return 3, self.crop, self.crop

    def take(self, indices: Any) -> "ImageFolder":
        """Return the ImageFolder of these images, in this order.

        Parameters
        ----------
        indices : integers or booleans
        """
        places = np.arange(len(self))[indices]
        files = tuple(self.files[i] for i in places)
        return dataclasses.replace(self, files=files, labels=self.labels[places])

    def check(self) -> None:
        """Look at every file, so that a damaged one is found before training and not in the midst of it.

        Raises
        ------
        ValueError
            Naming the first file that is missing, no image, cut off or too long a strip, and how many more
            there are.

        Notes
        -----
        The files are read but not decoded, a small part of an epoch's time. That finds what is cut off or
        overwritten, not every changed byte among the pixels; `minires data check` decodes them.
        """

        def look(path: pathlib.Path) -> None:
            _refuse_strip(path, *check_image(path))

        wrong = list(find_damaged(self.folder, self.files, look).values())
        if wrong:
            others = f" (and {len(wrong) - 1} more)" if wrong[1:] else ""
            raise ValueError(
                f"{wrong[0]}{others}; `minires data check {self.folder.parent}` lists all damaged images, "
                "--skip-damaged passes over them"
            )

    def read(self, indices: Any, rng: Generator | None = None) -> np.ndarray:
        """Return windows of images, uint8 (n, 3, crop, crop).

        Parameters
        ----------
        indices : integers
        rng
            Each window is a random one; None: the one at the centre.

        Raises
        ------
        ValueError
            Naming the file that is damaged.

        Notes
        -----
        The images are decoded on as many threads as operations use (`kernels.set_threads`), but each has a
        generator of its own, so their number changes no bit.
        """
        windows = np.empty((len(indices), *self.image_shape), np.uint8)
        generators = [None] * len(indices) if rng is None else rng.spawn(len(indices))

        def read_one(place: int, index: int, own_rng: Generator | None) -> None:
            windows[place] = self._window(self.folder / self.files[index], own_rng)

        with threads.pool(parallel.get_threads(), "minires-decode") as pool:
            list(pool.map(read_one, range(len(indices)), indices, generators))  # raises the first error
        return windows

    def _window(self, path: pathlib.Path, rng: Generator | None) -> np.ndarray:
        image = read_image(path)
        _refuse_strip(path, *image.shape[1:])
        if rng is None:
            return centre_crop(resize_shorter_side(image, self.shorter_side[0]), self.crop)
        least, most = self.shorter_side
        return random_window(resize_shorter_side(image, int(rng.integers(least, most + 1))), self.crop, rng)

    def chunks(self, most: int) -> Iterator[np.ndarray]:
        """Yield the images that statistics are computed from, uint8 (n, 3, crop, crop), n at most `most`.

        They are at most SAMPLE images, evenly spread over the set, cropped at the centre.
        """
        sample = range(0, len(self), -(-len(self) // SAMPLE))
        for first in range(0, len(sample), most):
            yield self.read(sample[first : first + most])

    def check_sum(self) -> int:
        """Return a number that other files or labels are unlikely to have; it sees names and sizes only."""
        crc = zlib.crc32(self.labels.data)
        for file in self.files:
            line = f"{file} {(self.folder / file).stat().st_size}\n"
            crc = zlib.crc32(line.encode("utf-8", "surrogatepass"), crc)  # a name may be any bytes
        return crc


def _refuse_strip(path: pathlib.Path, height: int, width: int) -> None:
    """Raise ValueError for an image that, resized by its shorter side, would fill the memory."""
    if max(height, width) > LONGEST * min(height, width):
        raise ValueError(f"{path}: {height}x{width} pixels are too long a strip to be resized and cropped")


def resize_shorter_side(image: np.ndarray, length: int) -> np.ndarray:
    """Return an image, uint8 (3, H, W), resized so that its shorter side has that length, in its proportions.

    The longer side is rounded to whole pixels; for the filter see `folder.resize`.
    """
    _, h, w = image.shape
    scale = length / min(h, w)
    return resize(image, (round(h * scale), round(w * scale)))


def random_window(image: np.ndarray, size: int, rng: Generator) -> np.ndarray:
    """Return a window at a random place, all equally likely: (..., size, size) of (..., H, W), a view."""
    rows, columns = _spare(image, size)
    top, left = rng.integers(0, rows + 1), rng.integers(0, columns + 1)
    return image[..., top : top + size, left : left + size]


def centre_crop(images: Array, size: int) -> Array:
    """Return the windows at the centre, (..., size, size) of (..., H, W): a view. Half a pixel is cut off."""
    top, left = (spare // 2 for spare in _spare(images, size))
    return images[..., top : top + size, left : left + size]


def _spare(images: Array, size: int) -> tuple[int, int]:
    """Return how many pixels are left over in height and width. Raises ValueError if the window is larger."""
    h, w = images.shape[-2:]
    if not 1 <= size <= min(h, w):
        raise ValueError(f"crop: from images of {h}x{w} pixels expected 1 to {min(h, w)}, got {size}")
    return h - size, w - size


def _require_crop(crop: int) -> None:
    if isinstance(crop, bool) or not isinstance(crop, (int, np.integer)) or crop < 1:
        raise ValueError(f"crop: expected the edge of a square in pixels, such as 224, got {crop!r}")
