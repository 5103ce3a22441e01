"""The augmentation of the residual networks' papers: pad, crop at random, flip at random.

"4 pixels are padded on each side, and a 32x32 crop is randomly sampled from the padded image or its
horizontal flip" (He et al. 2015, arXiv:1512.03385, section 4.2).
"""

import dataclasses

import numpy as np

from minires.data.colour import ColourNoise


def random_crop(images, padding, rng):
    """Pad each image with zeros on every side, then cut out a window of the old size at a random place.

    images: float (N, C, H, W), *normalised*: only there zero means "the average colour", as in the papers;
    zeros around raw bytes would be a black frame. padding: pixels; rng: numpy.random.Generator.
    Returns a new array like images. Raises TypeError for integer images, ValueError for a negative padding.
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


def random_flip(images, rng):
    """Mirror each image left to right with probability 1/2.

    images: (N, C, H, W), any dtype; rng: numpy.random.Generator. Returns a new array like images.
    """
    flip = rng.random(len(images)) < 0.5
    return np.where(flip[:, None, None, None], images[:, :, :, ::-1], images)


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random crop, then random flip, then random colour, of normalised images.

    padding: pixels, 0 for no crop; flip: whether to mirror (a mirrored digit is no digit);
    colour: called as colour(images, rng) (ColourNoise), or None.
    """

    padding: int = 4
    flip: bool = True
    colour: ColourNoise | None = None

    def __call__(self, images, rng):
        if self.padding:
            images = random_crop(images, self.padding, rng)
        if self.flip:
            images = random_flip(images, rng)
        return images if self.colour is None else self.colour(images, rng)
