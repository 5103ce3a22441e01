"""What the checkpoints of all runs have in common, a classifier's and a detector's."""

import math
import pathlib
from collections.abc import Iterable
from typing import Any, Protocol

from minires.backend import to_numpy
from minires.data import Normalisation
from minires.train import checkpoint
from minires.train.checkpoint import Checkpoint
from minires.train.metrics import History
from minires.typing import Array


class Run(Protocol):
    """A trainer, of whatever."""

    net: Any
    config: Any
    normalisation: Normalisation
    data_facts: dict[str, Any]
    history: History

    def arrays(self) -> dict[str, Array]:
        """Return {name: array} of all that training changes."""


def save(path: str | pathlib.Path, trainer: Run, facts: dict[str, Any]) -> None:
    """Write a checkpoint of a run; see `checkpoint.save`.

    Parameters
    ----------
    path
    trainer
    facts
        What it has besides, such as its position.
    """
    arrays = {name: to_numpy(array) for name, array in trainer.arrays().items()}
    arrays |= {f"normalisation/{name}": array for name, array in trainer.normalisation.state_dict().items()}
    facts = {
        "config": trainer.config.as_dict(),
        "data": trainer.data_facts,
        "generators": {name: rng.bit_generator.state for name, rng in trainer.net.named_generators()},
        "history": trainer.history,
        **facts,
    }
    checkpoint.save(path, arrays, facts)


def restore(trainer: Run, saved: Checkpoint) -> None:
    """Fill the arrays and the generators of a fresh trainer. ValueError unless the data are the same."""
    if saved.facts["data"] != trainer.data_facts:
        raise ValueError("it was trained on other images than these")
    mine = {name: a for name, a in saved.arrays.items() if not name.startswith("normalisation/")}
    checkpoint.fill(trainer.arrays(), mine)
    for name, rng in trainer.net.named_generators():
        rng.bit_generator.state = saved.facts["generators"][name]


def count(facts: dict[str, Any], name: str, most: int) -> int:
    """Return a number of channels, pixels or classes. ValueError if it cannot be one."""
    if type(facts[name]) is not int or not 1 <= facts[name] <= most:
        raise ValueError(f"{name}: expected a number from 1 to {most}, got {str(facts[name])[:40]}")
    return facts[name]


def require_records(records: Any, needed: Iterable[str], *, of: str) -> None:
    """Raise ValueError unless each record has what is needed, and numbers that can have been measured.

    They will be added up, drawn and printed.

    Parameters
    ----------
    records
        A list, of whatever.
    needed
        Names that each must have.
    of
        What a record is of, in a word.
    """
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict) or not set(needed) <= record.keys():
            raise ValueError(f"record {number} of its history lacks one of {', '.join(sorted(needed))}")
        if not all(type(value) in (int, float) and 0 <= value < math.inf for value in record.values()):
            raise ValueError(f"record {number} of its history holds what no {of} can have measured")
