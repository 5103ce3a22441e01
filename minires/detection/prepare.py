"""What a detector's run begins with: images, a detector with fresh or pre-trained weights, windows."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from minires import models
from minires.data import Normalisation, digit_scenes, read_voc
from minires.data.objects import DetectionDataset
from minires.data.voc import find_voc
from minires.detection.build import fast_rcnn, faster_rcnn, freeze_batch_norm, slow_rcnn, trunk_of
from minires.detection.config import DetectionConfig
from minires.detection.inference import AnyDetector
from minires.detection.proposals import contour_windows, sliding_windows
from minires.layers import Sequential
from minires.train import checkpoint, resume
from minires.typing import Generator, Shape

STRIDE = 4  # pixels from one sliding window to the next


def load_data(config: DetectionConfig) -> tuple[DetectionDataset, DetectionDataset]:
    """Return the images to learn from and those to test on.

    Raises
    ------
    ValueError
        Naming the file that is missing, damaged or wrong.
    """
    if config.data == "scenes":
        return digit_scenes(config.images), digit_scenes(config.test_images, test=True)
    assert config.data_dir is not None
    sets = {path.stem for path in (find_voc(config.data_dir) / "ImageSets" / "Main").glob("*.txt")}
    learn = "trainval" if "trainval" in sets and "test" in sets else "train"
    options: dict[str, Any] = {"skip_bad": config.skip_bad}
    if config.size:
        options["size"] = (config.size[0], config.size[1])
    train = read_voc(config.data_dir, learn, **options)
    test = read_voc(config.data_dir, "test" if "test" in sets else "val", **options)
    return train, test


def describe(dataset: DetectionDataset) -> dict[str, Any]:
    """Return what identifies a data set: sizes, names and a check sum, as JSON values."""
    channels, height, width = dataset.image_shape
    crc32 = zlib.crc32(np.ascontiguousarray(dataset.images).data)
    for objects in dataset.objects:
        for array in objects:
            crc32 = zlib.crc32(np.ascontiguousarray(array).data, crc32)
    size = {"images": len(dataset), "channels": channels, "height": height, "width": width}
    return size | {"classes": list(dataset.class_names), "crc32": crc32}


def build(config: DetectionConfig, image_shape: Shape, *, classes: int, rng: Generator) -> AnyDetector:
    """Return the detector that a configuration asks for, with fresh weights, for images (C, H, W)."""
    channels = image_shape[0]
    if "in_channels" in models.options_of(config.trunk):
        net = models.build(config.trunk, in_channels=channels, rng=rng)
    else:
        net = models.build(config.trunk, rng=rng)
    trunk = trunk_of(net)
    options: dict[str, Any] = {
        "in_channels": channels,
        "num_classes": classes,
        "hidden": config.hidden,
        "proposals": config.proposals,
        "rng": rng,
    }
    pooling: dict[str, Any] = {"pooling": config.pooling, "bins": config.bins, "context": config.context}
    if config.method == "rcnn":
        detector: AnyDetector = slow_rcnn(trunk, crop=config.crop, **options)
    elif config.method == "fast":
        detector = fast_rcnn(trunk, **pooling, **options)
    else:
        detector = faster_rcnn(trunk, sides=config.sides, ratios=config.ratios, **pooling, **options)
    if config.frozen_norm:
        freeze_batch_norm(trunk)
    return detector


def pretrained_trunk(path: str, trunk: str, channels: int) -> tuple[Sequential, Normalisation]:
    """Return the trunk of a classifier that `minires train` has trained, and its images' normalisation.

    Parameters
    ----------
    path
        Of its checkpoint.
    trunk
        The name of the network that is expected.
    channels
        Of the detector's images.

    Raises
    ------
    ValueError
        If it is another network, or for images of other channels.
    """
    net, normalisation, config = resume.load_network(checkpoint.load(path))
    if config.model != trunk:
        raise ValueError(
            f"pretrained: {path} holds a {config.model}, expected the trunk {trunk}; name it as the trunk"
        )
    theirs = len(normalisation.mean)
    if theirs != channels:
        raise ValueError(
            f"pretrained: {path} was trained on images of {theirs} channels, expected {channels} as here"
        )
    return trunk_of(net), normalisation


def normalisation_of(dataset: DetectionDataset) -> Normalisation:
    """Return the Normalisation by which every channel has mean 0 and deviation 1 over all images."""
    channels = dataset.images.transpose(1, 0, 2, 3).reshape(dataset.image_shape[0], -1)
    mean, std = channels.mean(axis=1, dtype=np.float64), channels.std(axis=1, dtype=np.float64)
    std[std < 1e-4] = 1  # a channel of one value
    return Normalisation(mean.reshape(-1, 1, 1), std.reshape(-1, 1, 1))


class Windows:
    """Where Fast R-CNN and R-CNN look: windows of every place to learn from, the best by contour to detect.

    Parameters
    ----------
    config
        Its sides, ratios, and as `proposals` the number of windows of an image.
    size : (height, width)
        Of the images.
    """

    def __init__(self, config: DetectionConfig, size: tuple[int, int]) -> None:
        self.count = config.proposals
        self.everywhere = sliding_windows(size, sides=config.sides, ratios=config.ratios, stride=STRIDE)

    def to_learn(self, images: int, rng: Generator) -> list[np.ndarray]:
        """Return windows (P, 4) for each of so many images, drawn at random."""
        most = min(self.count, len(self.everywhere))
        return [self.everywhere[rng.choice(len(self.everywhere), most, replace=False)] for _ in range(images)]

    def to_detect(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the best windows (P, 4) of each image (C, H, W)."""
        grey = [np.asarray(image, np.float64).mean(axis=0) for image in images]
        return [contour_windows(image, self.everywhere, most=self.count) for image in grey]
