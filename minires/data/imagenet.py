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
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from minires.data import preview
from minires.data.folder import list_folder, read_image, resize
from minires.kernels.cpu import parallel

SAMPLE = 2000  # images that statistics are computed from: their mean is that of all to about a grey value
LONGEST = 50  # times the shorter side; beyond that it is a damaged header or a strip, but no photo


def paper_range(crop):
    """Return the shorter sides between which images are resized: 256 to 480 for 224, others in proportion."""
    return round(crop * 256 / 224), round(crop * 480 / 224)


def read_image_folder(directory, *, crop, shorter_side=()):
    """Return (train, test), two ImageFolders of directory/train and directory/test; see `folder.list_folder`.

    No image is opened. crop, shorter_side: see ImageFolder; (): that of `paper_range`.
    """
    classes, parts = list_folder(directory)
    _require_crop(crop)
    shorter_side = tuple(shorter_side) or paper_range(crop)
    return tuple(
        ImageFolder(
            folder, tuple(files), labels, tuple(classes), f"{folder.parent.name} {part}", crop, shorter_side
        )
        for part, (folder, files, labels) in parts.items()
    )


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ImageFolder:
    """Labelled image files, each seen through a square window: a data set like `Dataset`, but on disk.

    folder: pathlib.Path; files: paths relative to it, as text; labels: int64 (N,), indices into class_names;
    crop: pixels, the edge of the window; shorter_side: (least, most), pixels between which an image's shorter
    side is resized for training; for testing it is the least. Raises ValueError if the crop does not fit.
    """

    folder: pathlib.Path
    files: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    name: str
    crop: int = 224
    shorter_side: tuple[int, int] = (256, 480)
    max_value = 255

    def __post_init__(self):
        _require_crop(self.crop)
        least, most = self.shorter_side
        if not self.crop <= least <= most:
            raise ValueError(
                f"shorter_side: expected two rising numbers from {self.crop} on, so that the crop of "
                f"{self.crop} pixels fits, got {least} and {most}"
            )

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        return f"<ImageFolder {preview.line(self)}, in {self.folder}>"

    def _repr_html_(self):
        return preview.html(self)

    @property
    def image_shape(self):
        """(C, H, W) of every image that `read` returns."""
        return 3, self.crop, self.crop

    def take(self, indices):
        """Return the ImageFolder of these images, in this order. indices: integers or booleans."""
        places = np.arange(len(self))[indices]
        files = tuple(self.files[i] for i in places)
        return dataclasses.replace(self, files=files, labels=self.labels[places])

    def read(self, indices, rng=None):
        """Return windows of these images, uint8 (n, 3, crop, crop).

        rng: numpy.random.Generator: each window is a random one; None: the one at the centre.
        The images are decoded on as many threads as operations use (`parallel.set_threads`), but each has a
        generator of its own, so their number changes no bit.
        Raises ValueError naming the file that is damaged.
        """
        windows = np.empty((len(indices), *self.image_shape), np.uint8)
        generators = [None] * len(indices) if rng is None else rng.spawn(len(indices))

        def read_one(place, index, own_rng):
            windows[place] = self._window(self.folder / self.files[index], own_rng)

        with ThreadPoolExecutor(parallel.get_threads(), thread_name_prefix="minires-decode") as pool:
            list(pool.map(read_one, range(len(indices)), indices, generators))  # raises the first error
        return windows

    def _window(self, path, rng):
        image = read_image(path)
        _, h, w = image.shape
        if max(h, w) > LONGEST * min(h, w):
            raise ValueError(f"{path}: {h}x{w} pixels are too long a strip to be resized and cropped")
        if rng is None:
            return centre_crop(resize_shorter_side(image, self.shorter_side[0]), self.crop)
        least, most = self.shorter_side
        return random_window(resize_shorter_side(image, rng.integers(least, most + 1)), self.crop, rng)

    def chunks(self, most):
        """Yield the images that statistics are computed from, uint8 (n, 3, crop, crop), n at most `most`.

        They are at most SAMPLE images, evenly spread over the set, cropped at the centre.
        """
        sample = range(0, len(self), -(-len(self) // SAMPLE))
        for first in range(0, len(sample), most):
            yield self.read(sample[first : first + most])

    def check_sum(self):
        """Return a number that other files or labels are unlikely to have; it sees names and sizes only."""
        crc = zlib.crc32(self.labels)
        for file in self.files:
            crc = zlib.crc32(f"{file} {(self.folder / file).stat().st_size}\n".encode(), crc)
        return crc


def resize_shorter_side(image, length):
    """Return an image, uint8 (3, H, W), resized so that its shorter side has that length, in its proportions.

    The longer side is rounded to whole pixels; for the filter see `folder.resize`.
    """
    _, h, w = image.shape
    scale = int(length) / min(h, w)
    return resize(image, (round(h * scale), round(w * scale)))


def random_window(image, size, rng):
    """Return a window at a random place, all equally likely: (..., size, size) of (..., H, W), a view."""
    rows, columns = _spare(image, size)
    top, left = rng.integers(0, rows + 1), rng.integers(0, columns + 1)
    return image[..., top : top + size, left : left + size]


def centre_crop(images, size):
    """Return the windows at the centre, (..., size, size) of (..., H, W): a view. Half a pixel is cut off."""
    top, left = (spare // 2 for spare in _spare(images, size))
    return images[..., top : top + size, left : left + size]


def _spare(images, size):
    """Return how many pixels are left over in height and width. Raises ValueError if the window is larger."""
    h, w = images.shape[-2:]
    if not 1 <= size <= min(h, w):
        raise ValueError(f"crop: from images of {h}x{w} pixels expected 1 to {min(h, w)}, got {size}")
    return h - size, w - size


def _require_crop(crop):
    if isinstance(crop, bool) or not isinstance(crop, (int, np.integer)) or crop < 1:
        raise ValueError(f"crop: expected the edge of a square in pixels, such as 224, got {crop!r}")
