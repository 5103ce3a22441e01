"""What a set of labelled images is, and how the papers hold out a part of it for validation."""

import dataclasses
import zlib

import numpy as np

from minires.data import preview


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images in memory.

    images: uint8 (N, C, H, W), values 0 to max_value; labels: int64 (N,), indices into class_names;
    name: for people, such as "cifar10 train"; max_value: the value of full brightness, 255 or less.
    Raises TypeError for another dtype, ValueError for anything else that does not fit together.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    name: str
    max_value: int = 255

    def __post_init__(self):
        object.__setattr__(self, "class_names", tuple(self.class_names))
        for field, dtype in (("images", np.uint8), ("labels", np.int64)):
            array = getattr(self, field)
            if not isinstance(array, np.ndarray) or array.dtype != dtype:
                got = getattr(array, "dtype", type(array).__name__)
                raise TypeError(
                    f"{self.name}: {field}: expected a NumPy array of {dtype.__name__}, got {got}"
                )
        images, labels = self.images, self.labels
        if images.ndim != 4 or 0 in images.shape:
            raise ValueError(f"{self.name}: images: expected (N, C, H, W) without a 0, got {images.shape}")
        if labels.shape != images.shape[:1]:
            raise ValueError(
                f"{self.name}: labels: expected shape {images.shape[:1]}, one an image, got {labels.shape}"
            )
        if labels.min() < 0 or labels.max() >= len(self.class_names):
            raise ValueError(
                f"{self.name}: labels: expected 0 to {len(self.class_names) - 1} "
                f"({len(self.class_names)} classes), got {labels.min()} to {labels.max()}"
            )
        if images.max() > self.max_value:
            raise ValueError(
                f"{self.name}: images: expected values up to {self.max_value}, got {images.max()}"
            )

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        return f"<Dataset {preview.line(self)}>"

    def _repr_html_(self):
        return preview.html(self)

    @property
    def image_shape(self):
        """(C, H, W), that of every image."""
        return self.images.shape[1:]

    def read(self, indices, rng=None):
        """Return these images, uint8 (n, C, H, W). rng: unused; an `ImageFolder` draws its crops from it."""
        return self.images[indices]

    def chunks(self, most):
        """Yield the images that statistics are computed from, all of them, at most so many at once."""
        for first in range(0, len(self), most):
            yield self.images[first : first + most]

    def check_sum(self):
        """Return a number that another set of images or labels is unlikely to have."""
        return zlib.crc32(self.labels, zlib.crc32(np.ascontiguousarray(self.images)))

    def take(self, indices):
        """Return the Dataset of these images, in this order. indices: integers or booleans."""
        return dataclasses.replace(self, images=self.images[indices], labels=self.labels[indices])


def hold_out(train, count, *, seed):
    """Split a training set at random into (train, validation): the papers' 45k/5k split with count=5000.

    Every image lands in exactly one of the two, in its old order; the same seed gives the same split.
    Raises ValueError unless 0 < count < len(train).
    He et al. 2015 (arXiv:1512.03385), section 4.2.
    """
    if not 0 < count < len(train):
        raise ValueError(f"validation: expected 1 to {len(train) - 1} of {len(train)} images, got {count}")
    in_validation = np.zeros(len(train), bool)
    in_validation[np.random.default_rng(seed).permutation(len(train))[:count]] = True
    validation = dataclasses.replace(train.take(in_validation), name=f"{train.name}, {count} held out")
    return train.take(~in_validation), validation
