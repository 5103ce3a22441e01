"""What of a training run goes into a checkpoint, and how a run or a network comes back out of it."""

import dataclasses
import math
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minires import init, models
from minires.data import Normalisation
from minires.data.dataset import Dataset
from minires.data.imagenet import ImageFolder
from minires.models.network import Network
from minires.train import checkpoint, state
from minires.train.checkpoint import Checkpoint
from minires.train.config import Config
from minires.train.metrics import History
from minires.typing import Shape

if TYPE_CHECKING:
    from minires.train.loop import Trainer

SIZES = ("channels", "height", "width", "classes")
MOST = 1_000_000  # of each of them


@dataclasses.dataclass(frozen=True)
class Position:
    """Where a run is.

    Attributes
    ----------
    epoch, batch
        Of the next step, from 0. batch may be the number of batches: then the epoch's evaluation comes next.
    step
        Steps taken.
    seconds
        Of this epoch.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0


def save(path: str | pathlib.Path, trainer: "Trainer") -> None:
    """Write a checkpoint from which `restore` continues with the same bits; see `checkpoint.save`."""
    own = {"position": dataclasses.asdict(trainer.at), "schedule": trainer.schedule.state_dict()}
    state.save(path, trainer, own)


def restore(trainer: "Trainer", saved: Checkpoint) -> None:
    """Bring a fresh Trainer to where a checkpoint was saved.

    Parameters
    ----------
    trainer
    saved
        Of `checkpoint.load`.

    Raises
    ------
    ValueError
        Naming the file if it belongs to another network or data set, or contradicts itself; the trainer is
        then of no more use.
    """
    with saved.reading():
        facts = saved.facts
        state.restore(trainer, saved)
        trainer.at = _position(facts["position"], trainer.config.epochs, len(trainer.batches))
        _require_sensible(facts["schedule"])
        trainer.schedule.load_state_dict(facts["schedule"])
        trainer.history = _history(facts["history"], trainer.at.epoch, ("train", *trainer.held_out))


def load_network(saved: Checkpoint) -> tuple[Network, Normalisation, Config]:
    """Return all that a user of a trained network needs.

    Parameters
    ----------
    saved
        Of `checkpoint.load`.

    Returns
    -------
    net, normalisation, config

    Raises
    ------
    ValueError
        Naming the file if it does not hold them.
    """
    config = read_config(saved)
    with saved.reading():
        facts = saved.facts["data"]
        channels, *size, classes = (state.count(facts, n, MOST) for n in SIZES)
        shape = (channels, *size)
        # first a network without memory: what the file says of sizes may be anything, its arrays are here
        counted = models.build_for(config.model, shape, num_classes=classes, rng=init.SHAPES_ONLY)
        checkpoint.require_same(counted.state_dict(), saved.part("net"))
        net = build(config, shape, classes=classes)
        checkpoint.fill(net.state_dict(), saved.part("net"))
        return net, Normalisation.from_state(saved.part("normalisation")), config


def read_config(saved: Checkpoint) -> Config:
    """Return the Config of a checkpoint. ValueError naming the file if it has none."""
    with saved.reading():
        kind = saved.facts.get("kind", "classifier")
        if kind != "classifier":
            raise ValueError(f"it holds a {str(kind)[:40]}, no classifier; see `minires detect`")
        return Config.from_dict(saved.facts["config"])


def build(config: Config, image_shape: Shape, *, classes: int) -> Network:
    """Return the network that a Config asks for, with fresh weights, for images (C, H, W)."""
    rng = np.random.default_rng(config.seed)
    return models.build_for(config.model, image_shape, num_classes=classes, rng=rng)


def describe(dataset: Dataset | ImageFolder) -> dict[str, int]:
    """Return what identifies a data set: its size and a check sum, as JSON values."""
    channels, height, width = dataset.image_shape
    size = {"images": len(dataset), "channels": channels, "height": height, "width": width}
    return size | {"classes": len(dataset.class_names), "crc32": dataset.check_sum()}


def _position(facts: dict[str, Any], epochs: int, batches: int) -> Position:
    """Return the Position; ValueError if no run of so many epochs and batches can stand there."""
    at = Position(**facts)
    numbers = (at.epoch, at.batch, at.step)
    fits = all(type(number) is int and number >= 0 for number in numbers) and 0 <= at.seconds < math.inf
    if not fits or at.epoch > epochs or at.batch > batches or at.step != at.epoch * batches + at.batch:
        raise ValueError(f"{at} does not exist in {epochs} epochs of {batches} batches")
    return at


def _require_sensible(schedule: dict[str, float]) -> None:
    """Raise ValueError if a schedule's state has numbers that none can come to."""
    if any(value < 0 for value in schedule.values()) or not schedule.get("lr", 0) < math.inf:
        raise ValueError(f"the schedule's state is {schedule}, expected positive numbers and a finite rate")


def _history(records: Any, epochs: int, names: Sequence[str]) -> History:
    """Return the records of all epochs that are done.

    names: of the data sets whose loss and error each must have. ValueError unless each is what `Trainer.run`
    writes: it will be added up, drawn and printed.
    """
    if not isinstance(records, list) or len(records) != epochs:
        raise ValueError(f"its history is no list of the records of {epochs} epochs")
    needed = {"epoch", "step", "lr", "seconds", *(f"{n}_{kind}" for n in names for kind in ("loss", "error"))}
    state.require_records(records, needed, of="epoch")
    for number, record in enumerate(records, 1):
        if record["epoch"] != number or any(record[f"{name}_error"] > 1 for name in names):
            raise ValueError(f"record {number} of its history has another number, or an error above 1")
    return list(records)
