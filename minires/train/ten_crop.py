"""Ten-crop testing: a network looks at an image's corners and centre, and at those of its mirror image.

Krizhevsky et al. 2012, section 4.1: of the central 256x256 pixels of an image whose shorter side is 256 it
takes "five 224x224 patches (the four corner patches and the center patch) as well as their horizontal
reflections". He et al. 2015 (arXiv:1512.03385), table 3, average the probabilities of the ten;
fb.resnet.torch adds their logits, in which one very sure crop can outvote the others.
"""

from collections.abc import Callable

from minires.backend import array_module
from minires.data.imagenet import centre_crop
from minires.data.normalise import Normalisation
from minires.layers import Layer
from minires.typing import Array

AVERAGES = ("softmax", "logits")


def ten_crops(images: Array, size: int) -> Array:
    """Return the ten crops of each image: corners and centre, and the same of its mirror image.

    Parameters
    ----------
    images : (N, C, H, W), any dtype
    size
        Edge of the crops in pixels.

    Returns
    -------
    crops : (N, 10, C, size, size)
        A new array. Top left, top right, bottom left, bottom right, centre; then the same five of the mirror
        image. So the sixth is the mirror image of the second, the seventh of the first, and so on (the tenth
        that of the fifth, but for one column if an odd number is left over); and the crops of the mirror
        image are those of the image with the two halves exchanged.

    Raises
    ------
    ValueError
        If an edge of the images is shorter than size.

    Examples
    --------
    >>> ten_crops(np.arange(9).reshape(1, 1, 3, 3), size=1).ravel()
    array([0, 2, 6, 8, 4, 2, 0, 8, 6, 4])
    """
    if images.ndim != 4:
        raise ValueError(f"ten_crops: expected images (N, C, H, W), got shape {images.shape}")
    crops = [crop for view in (images, images[..., ::-1]) for crop in _five_crops(view, size)]
    return array_module(images).stack(crops, axis=1)


def _five_crops(images: Array, size: int) -> list[Array]:
    centre = centre_crop(images, size)  # first, for it checks the size
    h, w = images.shape[2:]
    corners = [
        images[:, :, top : top + size, left : left + size] for top in (0, h - size) for left in (0, w - size)
    ]
    return [*corners, centre]


def normalised_ten_crops(normalisation: Normalisation, size: int) -> Callable[[Array], Array]:
    """Return a function for the `normalisation` of `data.Batches`: x is then (N, 10, C, size, size).

    Notes
    -----
    The crops are cut from the bytes and normalised one by one, for a per-pixel mean has the crop's size.
    """

    def normalised_crops(images: Array) -> Array:
        crops = ten_crops(images, size)
        return normalisation(crops.reshape(-1, *crops.shape[2:])).reshape(crops.shape)

    return normalised_crops


def predict_ten_crop(net: Layer, images: Array, size: int, *, average: str = "softmax") -> Array:
    """Return the network's scores (N, classes) for normalised images (N, C, H, W), from ten crops of each.

    Parameters
    ----------
    size
        Edge of the crops in pixels.
    average
        See `predict_crops`.

    Examples
    --------
    >>> from minires import models
    >>> net = models.build("resnet8", rng=rng)
    >>> predict_ten_crop(net, rng.standard_normal((2, 3, 40, 40), np.float32), size=32).shape
    (2, 10)
    """
    return predict_crops(net, ten_crops(images, size), average=average)


def predict_crops(net: Layer, crops: Array, *, average: str = "softmax") -> Array:
    """Return the network's scores (N, classes) for crops of images, in eval mode.

    Parameters
    ----------
    crops : (N, 10, C, size, size)
    average
        "softmax": the logarithms of the averaged probabilities (He et al.); "logits": the averaged logits
        (fb.resnet.torch). Softmax turns either into probabilities, so they serve as logits everywhere.

    Raises
    ------
    ValueError
        For another average.
    """
    if average not in AVERAGES:
        raise ValueError(f"average: expected {' or '.join(AVERAGES)}, got {average!r}")
    logits = net.predict(crops.reshape(-1, *crops.shape[2:])).reshape(len(crops), 10, -1)
    return _mean(logits) if average == "logits" else _log_mean_softmax(logits)


def _log_mean_softmax(logits: Array) -> Array:
    """Return log(mean over the crops of softmax), (N, classes) of (N, 10, classes), never taking log(0)."""
    xp = array_module(logits)
    shifted = logits - logits.max(axis=2, keepdims=True)
    log_probabilities = shifted - xp.log(xp.exp(shifted).sum(axis=2, keepdims=True))
    largest = log_probabilities.max(axis=1)  # (N, classes); its term in the mean below is 1
    return largest + xp.log(_mean(xp.exp(log_probabilities - largest[:, None])))


def _mean(values: Array) -> Array:
    """Return the mean over axis 1, of even length. Its two halves are added first: exchanging them changes no
    bit, and nothing else differs between the ten crops of an image and of its mirror image."""
    half = values.shape[1] // 2
    return (values[:, :half] + values[:, half:]).mean(axis=1) / 2
