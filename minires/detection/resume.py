"""What of a detector's run goes into a checkpoint, and how a run or a detector comes back out of it."""

import math
import pathlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minires import init
from minires.data import Normalisation
from minires.detection.config import DetectionConfig
from minires.detection.inference import AnyDetector
from minires.detection.loss import Losses
from minires.detection.prepare import build
from minires.train import checkpoint, state
from minires.train.checkpoint import Checkpoint
from minires.train.metrics import History

if TYPE_CHECKING:
    from minires.detection.train import Trainer

KIND = "detector"
SIZES = ("channels", "height", "width")
MOST = 100_000  # of each of them


class Trained(NamedTuple):
    """All that a user of a trained detector needs.

    Attributes
    ----------
    detector, normalisation, config
    class_names
        Of the data.
    size : (height, width)
        Of the images that it was trained on.
    """

    detector: AnyDetector
    normalisation: Normalisation
    config: DetectionConfig
    class_names: tuple[str, ...]
    size: tuple[int, int]


def save(path: str | pathlib.Path, trainer: "Trainer") -> None:
    """Write a checkpoint from which `restore` continues with the same bits; see `checkpoint.save`."""
    position = {"step": trainer.step, "seconds": trainer.seconds}
    state.save(path, trainer, {"kind": KIND, "position": position})


def restore(trainer: "Trainer", saved: Checkpoint) -> None:
    """Bring a fresh Trainer to where a checkpoint was saved.

    Raises
    ------
    ValueError
        Naming the file if it belongs to another detector or data set, or contradicts itself; the trainer is
        then of no more use.
    """
    with saved.reading():
        facts = saved.facts
        state.restore(trainer, saved)
        trainer.normalisation = Normalisation.from_state(saved.part("normalisation"))
        step, seconds = facts["position"]["step"], facts["position"]["seconds"]
        if type(step) is not int or not 0 <= step <= trainer.config.steps or not 0 <= seconds < math.inf:
            raise ValueError(f"step {step} does not exist in a run of {trainer.config.steps}")
        trainer.step, trainer.seconds = step, seconds
        trainer.history = _history(facts["history"], step)


def load_detector(saved: Checkpoint) -> Trained:
    """Return the detector of a checkpoint, and what goes with it.

    Parameters
    ----------
    saved
        Of `checkpoint.load`.

    Raises
    ------
    ValueError
        Naming the file if it does not hold one.
    """
    with saved.reading():
        config, facts = read_config(saved), saved.facts["data"]["train"]
        channels, height, width = (state.count(facts, name, MOST) for name in SIZES)
        names = facts["classes"]
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise ValueError("it has no list of the classes' names")
        shape = (channels, height, width)
        # first a detector without memory: what the file says of sizes may be anything, its arrays are here
        counted = build(config, shape, classes=len(names), rng=init.SHAPES_ONLY)
        checkpoint.require_same(counted.state_dict(), saved.part("net"))
        detector = build(config, shape, classes=len(names), rng=np.random.default_rng(config.seed))
        checkpoint.fill(detector.state_dict(), saved.part("net"))
        normalisation = Normalisation.from_state(saved.part("normalisation"))
        return Trained(detector, normalisation, config, tuple(names), (height, width))


def read_config(saved: Checkpoint) -> DetectionConfig:
    """Return the configuration of a detector's checkpoint. ValueError naming the file if it has none."""
    if saved.facts.get("kind") != KIND:
        raise ValueError(
            f"{saved.path} holds no detector; `minires detect train` writes one (a classifier's checkpoint "
            "can be a trunk: --pretrained)"
        )
    with saved.reading():
        return DetectionConfig.from_dict(saved.facts["config"])


def _history(records: Any, step: int) -> History:
    """Return the records of all steps that are done. ValueError unless each is what `Trainer.run` writes."""
    if not isinstance(records, list):
        raise ValueError("its history is no list")
    needed, before = {"step", "lr", "seconds", *Losses._fields}, 0
    state.require_records(records, needed, of="step")
    for number, record in enumerate(records, 1):
        if not before < record["step"] <= step or any(record.get(name, 0) > 1 for name in ("map", "map_75")):
            raise ValueError(f"record {number} of its history is of another step, or has a precision above 1")
        before = record["step"]
    return list(records)
