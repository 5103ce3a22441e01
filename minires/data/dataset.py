"""What a set of labelled images is, and how the papers hold out a part of it for validation."""

import dataclasses
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from minires.data import preview
from minires.typing import Generator, Shape

if TYPE_CHECKING:
    from minires.data.imagenet import ImageFolder

Images = TypeVar("Images", "Dataset", "ImageFolder")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images in memory.

    Parameters
    ----------
    images : uint8 (N, C, H, W)
        Values from 0 to max_value.
    labels : int64 (N,)
        Indices into class_names.
    class_names
    name
        For people, such as "cifar10 train".
    max_value
        The value of full brightness, 255 or less.
    skipped
        Files that were left out because they are damaged.

    Raises
    ------
    TypeError
        For another dtype.
    ValueError
        For anything else that does not fit together.

    Examples
    --------
    >>> images, labels = np.zeros((2, 1, 4, 4), np.uint8), np.array([1, 0])
    >>> mine = Dataset(images, labels, class_names=("cat", "dog"), name="mine")
    >>> len(mine), mine.image_shape, mine.take([0]).labels
    (2, (1, 4, 4), array([1]))
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    name: str
    max_value: int = 255
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
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

    def __len__(self) -> int:
        """Images in the data set."""
        return len(self.labels)

    def __repr__(self) -> str:
        return f"<Dataset {preview.line(self)}>"

    def _repr_html_(self) -> str:
        return preview.html(self)

    @property
    def image_shape(self) -> Shape:
        """(C, H, W), that of every image."""
        return self.images.shape[1:]

    def read(self, indices: Any, rng: Generator | None = None) -> np.ndarray:
        """Return images, uint8 (n, C, H, W).

        Parameters
        ----------
        indices : integers or booleans
        rng
            Unused; an `ImageFolder` draws its crops from it.
        """
        return self.images[indices]

    def chunks(self, most: int) -> Iterator[np.ndarray]:
        """Yield the images that statistics are computed from, all of them, at most so many at once."""
        for first in range(0, len(self), most):
            yield self.images[first : first + most]

    def check_sum(self) -> int:
        """Return a number that another set of images or labels is unlikely to have."""
        return zlib.crc32(self.labels.data, zlib.crc32(np.ascontiguousarray(self.images).data))

    def take(self, indices: Any) -> "Dataset":
        """Return the Dataset of these images, in this order.

        Parameters
        ----------
        indices : integers or booleans
        """
        return dataclasses.replace(self, images=self.images[indices], labels=self.labels[indices])

    def shrunk(self, factor: int) -> "Dataset":
        """Return the Dataset with every square of so many pixels a side made one pixel, their rounded mean.

        Parameters
        ----------
        factor
            1 changes nothing; 2 makes a quarter of the pixels.

        Raises
        ------
        ValueError
            Unless height and width are multiples of it.

        Examples
        --------
        >>> images, labels = np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4), np.array([0])
        >>> Dataset(images, labels, class_names=("ramp",), name="ramp").shrunk(2).images[0, 0]
        array([[ 3,  5],
               [11, 13]], dtype=uint8)
        """
        n, c, h, w = self.images.shape
        if factor < 1 or h % factor or w % factor:
            raise ValueError(f"{self.name}: factor: expected a divisor of {h} and {w}, got {factor}")
        squares = self.images.reshape(n, c, h // factor, factor, w // factor, factor)
        total = squares.sum(axis=(3, 5), dtype=np.uint32)
        rounded = (total + factor**2 // 2) // factor**2
        return dataclasses.replace(self, images=rounded.astype(np.uint8))


def hold_out(train: Images, count: int, *, seed: int) -> tuple[Images, Images]:
    """Split a training set at random into training and validation set.

    Parameters
    ----------
    train : Dataset or ImageFolder
    count
        Images of the validation set; 5000 gives the papers' 45k/5k split.
    seed
        The same seed gives the same split.

    Returns
    -------
    train, validation
        Every image lands in exactly one of the two, in its old order.

    Raises
    ------
    ValueError
        Unless 0 < count < len(train).

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), section 4.2.
    """
    if not 0 < count < len(train):
        raise ValueError(f"validation: expected 1 to {len(train) - 1} of {len(train)} images, got {count}")
    in_validation = np.zeros(len(train), bool)
    in_validation[np.random.default_rng(seed).permutation(len(train))[:count]] = True
    validation = dataclasses.replace(train.take(in_validation), name=f"{train.name}, {count} held out")
    return train.take(~in_validation), validation
