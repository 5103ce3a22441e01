"""A trained detector before pictures of any size."""

import numpy as np

from minires.data.pictures import resize
from minires.detection.boxes import Detections
from minires.detection.inference import detect, folded
from minires.detection.prepare import Windows
from minires.detection.resume import Trained


def find_in_picture(trained: Trained, image: np.ndarray) -> Detections:
    """Return what a trained detector finds in a picture of any size, the best first.

    Parameters
    ----------
    trained
        Of `resume.load_detector`.
    image : (3, H, W), uint8

    Returns
    -------
    found
        Its boxes are in the picture's own pixels.

    Notes
    -----
    The picture is brought to the area of the images that the detector was trained on, and keeps its shape.
    For a detector of grey images it becomes the mean of its channels.
    """
    height, width = image.shape[1:]
    factor = (trained.size[0] * trained.size[1] / (height * width)) ** 0.5
    size = max(1, round(height * factor)), max(1, round(width * factor))
    x = resize(image, size)[None]
    if len(trained.normalisation.mean) == 1:
        x = np.rint(x.mean(axis=1, keepdims=True)).astype(np.uint8)
    windows = None
    if trained.detector.rpn is None:
        windows = Windows(trained.config, size).to_detect([x[0]])
    (found,) = detect(folded(trained.detector), trained.normalisation(x), windows=windows)
    back = np.array([width / size[1], height / size[0]] * 2, np.float32)
    return found._replace(boxes=found.boxes * back)
