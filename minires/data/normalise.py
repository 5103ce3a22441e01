"""From bytes to numbers around zero, with statistics of the training set.

Evaluation must use the very same numbers as training did, so a `Normalisation` is two plain arrays that
travel with the checkpoint. They are fitted to the training set only: a mean that has seen the test images
would be a (small) leak.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from minires import reprs
from minires.data.dataset import Dataset
from minires.data.imagenet import ImageFolder

KINDS = ("per_channel", "per_pixel")
CHUNK = 1000  # images whose statistics are summed at once; bounds the memory of the integer copies


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Normalisation:
    """(images - mean) / std as float32, with the statistics of the training set.

    Parameters
    ----------
    mean : (C, 1, 1) or (C, H, W)
        In units of the pixel values (0 to max_value).
    std : (C, 1, 1)

    Examples
    --------
    >>> normalise = Normalisation(mean=np.full((1, 1, 1), 8.0), std=np.full((1, 1, 1), 4.0))
    >>> normalise(np.array([[[[0, 8, 16]]]], np.uint8))
    array([[[[-2.,  0.,  2.]]]], dtype=float32)
    """

    mean: np.ndarray
    std: np.ndarray

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            array = np.asarray(getattr(self, name), np.float32)
            if array.ndim != 3 or not np.isfinite(array).all():
                raise ValueError(f"normalisation: {name}: expected finite (C, H, W), got shape {array.shape}")
            object.__setattr__(self, name, array)
        if self.std.shape != (len(self.mean), 1, 1) or self.std.min() <= 0:
            raise ValueError(
                f"normalisation: std: expected {len(self.mean)} positive values, got shape {self.std.shape}"
            )

    @classmethod
    def fit(cls, dataset: Dataset | ImageFolder, kind: str = "per_channel") -> "Normalisation":
        """Return the Normalisation of a training set.

        Parameters
        ----------
        dataset : Dataset or ImageFolder
            Of an ImageFolder, a sample.
        kind
            "per_channel": every channel to mean 0 and standard deviation 1 over all images and pixels;
            "per_pixel": each pixel's own mean is subtracted, then the values are divided by max_value.

        Raises
        ------
        ValueError
            For another kind.

        Notes
        -----
        per_pixel is that of He et al. 2015 (arXiv:1512.03385), section 4.2 (the division is ours: without it,
        values of some hundreds meet weights drawn for values of one); per_channel is that of their later
        code.

        Examples
        --------
        >>> from minires import data
        >>> train, _ = data.load("digits")
        >>> normalise = Normalisation.fit(train)
        >>> x = normalise(train.images)
        >>> abs(round(float(x.mean()), 4)), round(float(x.std()), 4)
        (0.0, 1.0)
        """
        if kind == "per_channel":
            return cls(*_channel_statistics(dataset))
        if kind == "per_pixel":
            total, images = np.zeros(dataset.image_shape), 0
            for chunk in dataset.chunks(CHUNK):
                total, images = total + chunk.sum(axis=0, dtype=np.int64), images + len(chunk)
            std = np.full((dataset.image_shape[0], 1, 1), dataset.max_value)
            return cls(total / images, std)
        raise ValueError(f"normalisation: expected one of {', '.join(KINDS)}, got {kind!r}")

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return (images - mean) / std, float32.

        Parameters
        ----------
        images : uint8 (N, C, H, W)
        """
        if images.dtype != np.uint8:
            raise TypeError(
                f"normalise: expected uint8 images, got {images.dtype}; were they normalised before?"
            )
        if images.shape[1] != len(self.mean) or self.mean.shape[1:] not in ((1, 1), images.shape[2:]):
            raise ValueError(
                f"normalise: fitted to images {self.mean.shape} (C, H, W), got {images.shape} (N, C, H, W)"
            )
        y = np.subtract(images, self.mean, dtype=np.float32)
        y *= 1 / self.std
        return y

    def __repr__(self) -> str:
        mean, std = (", ".join(f"{value:.4g}" for value in each.ravel()) for each in (self.mean, self.std))
        if self.mean.shape[1:] != (1, 1):
            mean = f"one for each pixel, {reprs.times(self.mean.shape)}"
        return f"<Normalisation: mean {mean}; std {std}>"

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return {"mean": array, "std": array}, for a checkpoint."""
        return {"mean": self.mean, "std": self.std}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> "Normalisation":
        """Return the Normalisation that `state_dict` described.

        Raises
        ------
        ValueError
            If the arrays do not fit.
        """
        missing = {"mean", "std"} - set(state)
        if missing:
            raise ValueError(f"normalisation: the state lacks {', '.join(sorted(missing))}")
        return cls(state["mean"], state["std"])


def _channel_statistics(dataset: Dataset | ImageFolder) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each channel, (C, 1, 1).

    A byte has 256 values, so both follow exactly from how often each occurs: no rounding, whatever N is.
    """
    channels = dataset.image_shape[0]
    counts = np.zeros((channels, 256), np.int64)
    for chunk in dataset.chunks(CHUNK):
        for channel in range(channels):
            counts[channel] += np.bincount(chunk[:, channel].ravel(), minlength=256)
    value = np.arange(256)
    pixels = counts.sum(axis=1)
    mean = counts @ value / pixels
    std = np.sqrt(np.maximum(counts @ value**2 / pixels - mean**2, 0))
    std[std < 1e-4] = 1  # a channel of one value: nothing to scale, and no division by zero
    return mean.reshape(-1, 1, 1), std.reshape(-1, 1, 1)
