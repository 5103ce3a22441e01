"""The colour augmentation of Krizhevsky et al. 2012, section 4.1: light of another colour or strength.

"Add multiples of the found principal components": the three colours of a pixel vary together, mostly from
dark to bright. To every pixel of an image the same colour is added, drawn along the directions in which the
training pixels vary, and as strongly as they do::

    p1 a1 l1 + p2 a2 l2 + p3 a3 l3

p, l: eigenvectors and eigenvalues of the covariance of the pixels' colours; a: drawn from N(0, std), once an
image.
"""

import dataclasses

import numpy as np

from minires import reprs
from minires.data.dataset import Dataset
from minires.data.imagenet import ImageFolder
from minires.data.normalise import Normalisation
from minires.typing import Generator

CHUNK = 50  # images whose pixels are summed at once; bounds the memory of the float64 copies


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ColourNoise:
    """Colour augmentation (PCA): adds one random colour to each normalised image.

    Parameters
    ----------
    components : (C, C)
        Its columns are the vectors p l of the module's text, in units of the normalised pixels.
    std
        Of the draws, without a unit; the paper's is 0.1.

    Raises
    ------
    ValueError
        If they cannot be that.
    """

    components: np.ndarray
    std: float = 0.1

    def __post_init__(self) -> None:
        if self.components.ndim != 2 or len(set(self.components.shape)) != 1:
            raise ValueError(f"components: expected (C, C), got shape {self.components.shape}")
        if not self.std >= 0:
            raise ValueError(f"std: expected 0 or more, got {self.std}")

    @classmethod
    def fit(
        cls, dataset: Dataset | ImageFolder, normalisation: Normalisation, *, std: float = 0.1
    ) -> "ColourNoise":
        """Return the ColourNoise of a training set, for its images as normalisation hands them out."""
        eigenvalues, eigenvectors = principal_colours(dataset)
        unit = dataset.max_value / normalisation.std.reshape(-1, 1)  # full brightness, (C, 1)
        return cls(unit * eigenvectors * eigenvalues, std)

    def __repr__(self) -> str:
        return f"<ColourNoise: components {reprs.times(self.components.shape)}, std={self.std!r}>"

    def __call__(self, images: np.ndarray, rng: Generator) -> np.ndarray:
        """Return a new array like images, float (N, C, H, W)."""
        draws = self.std * rng.standard_normal((len(images), len(self.components)))
        colours = draws @ self.components.T  # (N, C)
        return images + colours[:, :, None, None].astype(images.dtype)


def principal_colours(dataset: Dataset | ImageFolder) -> tuple[np.ndarray, np.ndarray]:
    """Return the principal components of the colours of all pixels, of a data set with C channels.

    Returns
    -------
    eigenvalues : (C,)
        Of the covariance, the largest first.
    eigenvectors : (C, C)
        Columns of length 1, whose largest entry is positive.

    Notes
    -----
    Values are scaled to 0..1 first. That matters: the formula of the paper multiplies by the eigenvalues,
    which have the *square* of the pixels' unit; with bytes as they are the noise would be 255 times stronger.
    (The eigenvalues in fb.resnet.torch, 0.2175, 0.0188, 0.0045, are of this scale.)
    """
    channels = dataset.image_shape[0]
    pixels, total, products = 0, np.zeros(channels), np.zeros((channels, channels))
    for chunk in dataset.chunks(CHUNK):
        colours = chunk.transpose(1, 0, 2, 3).reshape(channels, -1).astype(np.float64)  # (C, pixels)
        pixels += colours.shape[1]
        total += colours.sum(axis=1)
        products += colours @ colours.T  # integers below 2^53: exact in any order
    mean = total / pixels
    covariance = (products / pixels - np.outer(mean, mean)) / dataset.max_value**2
    eigenvalues, eigenvectors = np.linalg.eigh(covariance)
    eigenvalues, eigenvectors = np.maximum(eigenvalues[::-1], 0), eigenvectors[:, ::-1]
    largest = np.abs(eigenvectors).argmax(axis=0)
    return eigenvalues, eigenvectors * np.sign(eigenvectors[largest, np.arange(channels)])
