"""A detector before pictures of any size."""

import numpy as np

from minires.detection import Detections, pictures
from minires.detection.config import DetectionConfig
from minires.detection.pictures import find_in_picture
from minires.detection.resume import Trained
from minires.detection.train import prepare


def test_boxes_are_found_in_the_picture_s_own_pixels(monkeypatch):
    """A picture is brought to the area that the detector knows; boxes come back in the picture's pixels."""
    seen = []

    def left_half(detector, x, *, windows):
        seen.append(x.shape)
        box = np.array([[0, 0, x.shape[3] / 2, x.shape[2]]], np.float32)
        return [Detections(box, np.array([0]), np.ones(1))]

    monkeypatch.setattr(pictures, "detect", left_half)
    trainer = prepare(DetectionConfig.of(images=4, test_images=1))
    trained = Trained(trainer.net, trainer.normalisation, trainer.config, ("0",), (64, 64))
    for height, width in ((256, 256), (32, 128), (500, 125)):
        found = find_in_picture(trained, np.zeros((3, height, width), np.uint8))
        np.testing.assert_allclose(found.boxes, [[0, 0, width / 2, height]], rtol=1e-6)
    assert seen == [(1, 1, 64, 64), (1, 1, 32, 128), (1, 1, 128, 32)]
