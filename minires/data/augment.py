"""The augmentation of the residual networks' papers: pad, crop at random, flip at random.

"4 pixels are padded on each side, and a 32x32 crop is randomly sampled from the padded image or its
horizontal flip" (He et al. 2015, arXiv:1512.03385, section 4.2).
"""

import dataclasses

import numpy as np

from minires.data.colour import ColourNoise
from minires.typing import Generator


def random_crop(images: np.ndarray, padding: int, rng: Generator) -> np.ndarray:
    """Pad each image with zeros on every side, then cut out a window of the old size at a random place.

    Parameters
    ----------
    images : float (N, C, H, W)
        *Normalised*: only there zero means "the average colour", as in the papers; zeros around raw bytes
        would be a black frame.
    padding
        In pixels.

    Returns
    -------
    images, a new array like images

    Raises
    ------
    TypeError
        For integer images.
    ValueError
        For a negative padding.
    """
    if not np.issubdtype(images.dtype, np.floating):
        raise TypeError(f"random_crop: expected normalised float images, got {images.dtype}; normalise first")
    if padding < 0:
        raise ValueError(f"random_crop: expected a padding of 0 or more, got {padding}")
    n, c, h, w = images.shape
    padded = np.zeros((n, c, h + 2 * padding, w + 2 * padding), images.dtype)
    padded[:, :, padding : padding + h, padding : padding + w] = images
    top, left = rng.integers(0, 2 * padding + 1, (2, n))
    # a view that holds the window of every offset, (N, C, 2P+1, 2P+1, H, W): no pixel is copied yet
    windows = np.lib.stride_tricks.sliding_window_view(padded, (h, w), axis=(2, 3))
    return windows[np.arange(n), :, top, left]


def random_flip(images: np.ndarray, rng: Generator) -> np.ndarray:
    """Mirror each image left to right with probability 1/2.

    Parameters
    ----------
    images : (N, C, H, W), any dtype

    Returns
    -------
    images, a new array like images
    """
    flip = rng.random(len(images)) < 0.5
    return np.where(flip[:, None, None, None], images[:, :, :, ::-1], images)


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Data augmentation of normalised images: random crop, then random flip, then random colour.

    Parameters
    ----------
    padding
        In pixels, 0 for no crop.
    flip
        Whether to mirror (a mirrored digit is no digit).
    colour
        Called as colour(images, rng), such as a `ColourNoise`; or None.

    Examples
    --------
    >>> augment = Augmentation(padding=4)
    >>> augment(np.zeros((2, 3, 32, 32), np.float32), rng).shape
    (2, 3, 32, 32)
    """

    padding: int = 4
    flip: bool = True
    colour: ColourNoise | None = None

    def __call__(self, images: np.ndarray, rng: Generator) -> np.ndarray:
        """Return images (N, C, H, W), each augmented in a way of its own."""
        if self.padding:
            images = random_crop(images, self.padding, rng)
        if self.flip:
            images = random_flip(images, rng)
        return images if self.colour is None else self.colour(images, rng)
