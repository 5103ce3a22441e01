"""A detector tried on images: what it finds in each, how good that is, and how long it takes."""

import time
from collections.abc import Callable
from typing import Any

from minires.data import Normalisation
from minires.data.objects import DetectionDataset
from minires.detection.boxes import Detections
from minires.detection.evaluate import mean_ap
from minires.detection.inference import AnyDetector, detect, folded
from minires.detection.prepare import Windows


def find(
    detector: AnyDetector,
    dataset: DetectionDataset,
    normalisation: Normalisation,
    windows: Windows | None,
    *,
    look: Callable[..., list[Detections]] = detect,
) -> tuple[list[Detections], float]:
    """Return what a detector finds in each image, looked at alone, and the milliseconds an image takes.

    Parameters
    ----------
    detector, dataset, normalisation
    windows
        Where a detector without a proposal network looks; what they cost counts too.
    look
        Called as `detect`; such as `iterate`.
    """
    quick, found, start = folded(detector), [], time.perf_counter()
    for image in dataset.images:
        boxes = None if windows is None else windows.to_detect(image[None])
        found += look(quick, normalisation(image[None]), windows=boxes)
    return found, 1000 * (time.perf_counter() - start) / len(dataset)


def measures(found: list[Detections], dataset: DetectionDataset) -> dict[str, float]:
    """Return {"map": ..., "map_75": ...}: mean average precision at IoU .5 and .75; empty without objects."""
    values: dict[str, Any] = {}
    for name, threshold in (("map", 0.5), ("map_75", 0.75)):
        value = mean_ap(found, dataset.objects, len(dataset.class_names), thresholds=(threshold,))
        if value == value:  # no object, no precision
            values[name] = value
    return values
