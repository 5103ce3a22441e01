"""What a training run is made of: every choice in one frozen record, and the defaults for each data set."""

from __future__ import annotations  # so that a field's type is the text of its annotation

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

from minires import optim, reprs
from minires.data.normalise import KINDS
from minires.layers import Parameter
from minires.train import fields
from minires.train.memory import in_bytes

SCHEDULES = ("constant", "step", "plateau", "cosine")
OPTIMISERS = ("sgd", "adam")
DEVICES = ("cpu", "gpu")

# What differs from the defaults below, which are the ResNet paper's for CIFAR-10.
_SMALL = {"model": "resnet8", "schedule": "cosine", "augment": False}
DEFAULTS = {
    "digits": _SMALL | {"epochs": 30, "batch_size": 64, "weight_decay": 5e-4},
    "mnist": _SMALL | {"epochs": 5},
}

# What differs again with Adam, whatever the data: PyTorch's defaults.
ADAM = {"lr": 1e-3, "weight_decay": 1e-2}

# Fields that older checkpoints do not have, and what these runs did.
LATER: dict[str, Any] = {"optimiser": "sgd", "clip": None, "skip_damaged": False}

# These say how and where a run is computed, not what: they may differ when it is resumed.
FREE = ("data_dir", "device", "threads", "memory", "save_every")

# name: the least and the largest value allowed
LIMITS = {
    "epochs": (1, math.inf),
    "batch_size": (1, math.inf),
    "warm_up": (0, math.inf),
    "validation": (0, math.inf),
    "seed": (0, math.inf),
    "threads": (1, math.inf),
    "lr": (0, math.inf),
    "momentum": (0, 1),
    "weight_decay": (0, math.inf),
    "label_smoothing": (0, 0.99),
    "save_every": (0, math.inf),
    "crop": (1, math.inf),
    "colour": (0, math.inf),
}
CHOICES = {"schedule": SCHEDULES, "optimiser": OPTIMISERS, "normalisation": KINDS, "device": DEVICES}


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Config:
    """The choices of one training run; the defaults are the ResNet paper's for CIFAR-10.

    Parameters
    ----------
    model, data
        Names that `models.build` and `data.load` know.
    data_dir
        The data set's folder or None.
    epochs
        Passes over the training images.
    batch_size
        Images a step.
    lr
        The learning rate at the start.
    schedule
        "constant", "step", "plateau" or "cosine", see `optim`.
    milestones
        Epochs after which "step" divides the rate by 10; (): after half and three quarters of all (the
        paper's 32k and 48k of 64k steps).
    warm_up
        Steps at a tenth of the rate (the paper's ResNet-110: 400).
    warm_up_rises
        Whether the rate climbs in a straight line during these steps.
    optimiser
        "sgd" or "adam", see `optim`.
    momentum, nesterov, weight_decay, no_decay
        See `optim.SGD`; with Adam momentum is the first of its betas, and the weight decay is decoupled.
    clip
        The norm to which all gradients together are clipped, see `optim.clip_gradients`; None: never.
    label_smoothing
        See `F.softmax_cross_entropy_forward`.
    normalisation
        "per_channel" or "per_pixel", see `data.Normalisation.fit`.
    augment
        Whether images are cropped at random, and flipped unless they are digits.
    crop
        Pixels: images of any size in folders are resized and cropped to that while the network trains (the
        paper: 224). None: all have one size.
    shorter_side
        The two lengths between which the resized image's shorter side is drawn; (): the paper's 256 and 480,
        in proportion to the crop.
    colour
        Standard deviation of `data.ColourNoise` (the paper: 0.1), for cropped images only.
    skip_damaged
        Whether to pass over images in folders that cannot be read.
    validation
        Training images held out.
    seed
        Of the weights, the order, the augmentation, the held-out images.
    device
        "cpu" or "gpu".
    threads
        CPU threads, None for all.
    memory
        What a step may take, such as "6GiB": where it would take more, stages of the network are computed
        twice, with the same bits. None: no limit.
    save_every
        Seconds between two checkpoints inside an epoch.

    Raises
    ------
    ValueError
        For a value of another type or out of range.

    Examples
    --------
    >>> config = Config.for_data("digits", epochs=3)
    >>> config.model, config.epochs, config.momentum
    ('resnet8', 3, 0.9)
    """

    model: str = "resnet20"
    data: str = "cifar10"
    data_dir: str | None = None
    epochs: int = 164
    batch_size: int = 128
    lr: float = 0.1
    schedule: str = "step"
    milestones: tuple[int, ...] = ()
    warm_up: int = 0
    warm_up_rises: bool = False
    optimiser: str = "sgd"
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    no_decay: tuple[str, ...] = ()
    clip: float | None = None
    label_smoothing: float = 0.0
    normalisation: str = "per_channel"
    augment: bool = True
    crop: int | None = None
    shorter_side: tuple[int, ...] = ()
    colour: float = 0.0
    skip_damaged: bool = False
    validation: int = 0
    seed: int = 0
    device: str = "cpu"
    threads: int | None = None
    memory: str | None = None
    save_every: float = 60.0

    def __post_init__(self) -> None:
        fields.check(self, LIMITS, CHOICES)
        self._check_crop()
        if self.milestones and self.schedule != "step":
            raise ValueError(f"milestones: belong to the schedule step, not to {self.schedule}")
        if list(self.milestones) != sorted(set(self.milestones)) or min(self.milestones, default=1) < 1:
            raise ValueError(f"milestones: expected rising numbers of epochs, got {list(self.milestones)}")
        if self.clip is not None and not 0 < self.clip < math.inf:
            raise ValueError(f"clip: expected a finite norm above 0, got {self.clip}")
        if self.optimiser == "adam" and self.nesterov:
            raise ValueError("nesterov: belongs to sgd, not to adam")
        if self.optimiser == "adam" and self.momentum == 1:
            raise ValueError("momentum: expected below 1 with adam, got 1")
        if self.memory is not None:
            in_bytes(self.memory)  # raises if it is no size
        if self.schedule == "plateau" and not self.validation:
            raise ValueError(
                "schedule: plateau watches held-out images, and validation says how many (the paper: 5000)"
            )

    def _check_crop(self) -> None:
        name = "colour" if self.colour else "shorter_side"
        if self.crop is None and (self.colour or self.shorter_side):
            raise ValueError(
                f"{name}: is for images that are cropped, and crop says how large (the paper: 224)"
            )
        if self.colour and not self.augment:
            raise ValueError("colour: is a part of the augmentation, which is off")
        if len(self.shorter_side) not in (0, 2):
            raise ValueError(f"shorter_side: expected two lengths, got {list(self.shorter_side)}")

    @classmethod
    def for_data(cls, data: str, **choices: Any) -> Config:
        """Return the Config for a data set: its defaults, and the choices made otherwise."""
        of_optimiser = ADAM if choices.get("optimiser") == "adam" else {}
        return cls(**{"data": data, **DEFAULTS.get(data, {}), **of_optimiser, **choices})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Config:
        """Return the Config that `as_dict` described.

        Raises
        ------
        ValueError
            For missing or unknown fields; those that runs did not have from the beginning may be missing.
        """
        return fields.from_dict(cls, LATER | values if isinstance(values, dict) else values)

    @property
    def title(self) -> str:
        """What is trained, in a few words: "resnet8 on digits"."""
        return f"{self.model} on {self.data}"

    def __repr__(self) -> str:
        """Return the call that makes it, without what is at its default but for the first choices."""
        return reprs.call(self, reprs.settings(self, always=("model", "data", "epochs")))

    def as_dict(self) -> dict[str, Any]:
        """Return {field: value} for JSON."""
        return dataclasses.asdict(self)

    def resumed(self, **choices: Any) -> Config:
        """Return this Config with the choices that may change when a run is resumed.

        Parameters
        ----------
        choices
            Those in FREE, and a larger number of epochs unless the learning rate depends on it.

        Raises
        ------
        ValueError
            Naming the others that differ.
        """
        allowed: tuple[str, ...] = FREE
        if self.schedule in ("constant", "plateau") or self.milestones:
            allowed += ("epochs",) if choices.get("epochs", self.epochs) >= self.epochs else ()
        may = (
            "data-dir, device, threads, memory and save-every, and add epochs if the learning rate does not "
            "depend on their number"
        )
        return fields.replace(self, choices, allowed=allowed, may=may)

    def make_optimiser(self, named_parameters: Iterable[tuple[str, Parameter]]) -> optim.Optimiser:
        """Return the optimiser of these parameters (see `optim`)."""
        both: dict[str, Any] = {"lr": self.lr, "weight_decay": self.weight_decay, "no_decay": self.no_decay}
        if self.optimiser == "adam":
            return optim.Adam(named_parameters, betas=(self.momentum, 0.999), **both)
        return optim.SGD(named_parameters, momentum=self.momentum, nesterov=self.nesterov, **both)

    def make_schedule(self, steps_per_epoch: int) -> optim.Schedule:
        """Return the learning rate's schedule (see `optim`): a function of the step."""
        if self.schedule == "cosine":
            schedule: optim.Schedule = optim.Cosine(self.lr, self.epochs * steps_per_epoch)
        elif self.schedule == "step":
            milestones = self.milestones or (self.epochs / 2, self.epochs * 3 / 4)
            schedule = optim.Steps(self.lr, [round(epoch * steps_per_epoch) for epoch in milestones])
        elif self.schedule == "plateau":
            schedule = optim.Plateau(self.lr)
        else:
            schedule = optim.Constant(self.lr)
        if not self.warm_up:
            return schedule
        return optim.WarmUp(schedule, steps=self.warm_up, lr=self.lr / 10, rising=self.warm_up_rises)
