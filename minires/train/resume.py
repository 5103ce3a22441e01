"""What of a training run goes into a checkpoint, and how a run or a network comes back out of it."""

import dataclasses
import math
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minires import init, models
from minires.backend import to_numpy
from minires.data import Normalisation
from minires.data.dataset import Dataset
from minires.data.imagenet import ImageFolder
from minires.models.network import Network
from minires.train import checkpoint
from minires.train.checkpoint import Checkpoint
from minires.train.config import Config
from minires.train.metrics import History
from minires.typing import Shape

if TYPE_CHECKING:
    from minires.train.loop import Trainer

MOST = 1_000_000  # channels, pixels of an edge, or classes


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
    arrays = {name: to_numpy(array) for name, array in trainer.arrays().items()}
    arrays |= {f"normalisation/{name}": array for name, array in trainer.normalisation.state_dict().items()}
    facts = {
        "config": trainer.config.as_dict(),
        "data": trainer.data_facts,
        "position": dataclasses.asdict(trainer.at),
        "schedule": trainer.schedule.state_dict(),
        "generators": {name: rng.bit_generator.state for name, rng in trainer.net.named_generators()},
        "history": trainer.history,
    }
    checkpoint.save(path, arrays, facts)


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
        if facts["data"] != trainer.data_facts:
            raise ValueError("it was trained on other images than these")
        mine = {name: a for name, a in saved.arrays.items() if not name.startswith("normalisation/")}
        checkpoint.fill(trainer.arrays(), mine)
        trainer.at = _position(facts["position"], trainer.config.epochs, len(trainer.batches))
        _require_sensible(facts["schedule"])
        trainer.schedule.load_state_dict(facts["schedule"])
        for name, rng in trainer.net.named_generators():
            rng.bit_generator.state = facts["generators"][name]
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
        channels, *size, classes = (_count(facts, n) for n in ("channels", "height", "width", "classes"))
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


def _count(facts: dict[str, Any], name: str) -> int:
    """Return a number of channels, pixels or classes. ValueError if it cannot be one."""
    if type(facts[name]) is not int or not 1 <= facts[name] <= MOST:
        raise ValueError(f"{name}: expected a number from 1 to {MOST}, got {str(facts[name])[:40]}")
    return facts[name]


def _require_sensible(state: dict[str, float]) -> None:
    """Raise ValueError if a schedule's state has numbers that none can come to."""
    if any(value < 0 for value in state.values()) or not state.get("lr", 0) < math.inf:
        raise ValueError(f"the schedule's state is {state}, expected positive numbers and a finite rate")


def _history(records: Any, epochs: int, names: Sequence[str]) -> History:
    """Return the records of all epochs that are done.

    names: of the data sets whose loss and error each must have. ValueError unless each is what `Trainer.run`
    writes: it will be added up, drawn and printed.
    """
    if not isinstance(records, list) or len(records) != epochs:
        raise ValueError(f"its history is no list of the records of {epochs} epochs")
    needed = {"epoch", "step", "lr", "seconds", *(f"{n}_{kind}" for n in names for kind in ("loss", "error"))}
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict) or not needed <= record.keys():
            raise ValueError(f"record {number} of its history lacks one of {', '.join(sorted(needed))}")
        if not all(type(value) in (int, float) and 0 <= value < math.inf for value in record.values()):
            raise ValueError(f"record {number} of its history holds what no epoch can have measured")
        if record["epoch"] != number or any(record[f"{name}_error"] > 1 for name in names):
            raise ValueError(f"record {number} of its history has another number, or an error above 1")
    return list(records)
