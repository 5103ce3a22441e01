"""What a detector's training run is made of: every choice in one frozen record, and the defaults."""

from __future__ import annotations  # so that a field's type is the text of its annotation

import dataclasses
import math
import pathlib
from collections.abc import Iterable
from typing import Any

from minires import models, optim, reprs
from minires.detection.build import RATIOS, SIDES
from minires.detection.pooling import KINDS
from minires.layers import Parameter
from minires.train import fields

METHODS = ("faster", "fast", "rcnn")
DATA = ("scenes", "voc")
CALLED = {"faster": "Faster R-CNN", "fast": "Fast R-CNN", "rcnn": "R-CNN"}

# What differs from the defaults below. For photographs: those of the blood cells at a fifth of their size.
OF_DATA: dict[str, dict[str, Any]] = {
    "scenes": {},
    "voc": {
        "sides": (8.0, 14.0, 20.0, 28.0, 40.0),
        "ratios": (1.0,),
        "size": (96, 128),
        "steps": 1000,
        "batch_size": 2,
        "anchors": 128,
        "regions": 64,
        "proposals": 100,
        "flip": True,
    },
}
OF_METHOD: dict[str, dict[str, Any]] = {
    "faster": {},
    "fast": {"proposals": 300, "evaluate_every": 0},
    "rcnn": {"proposals": 300, "regions": 16, "evaluate_every": 0},  # each region costs a forward
}

# These say where and how a run is computed, not what: they may differ when it is resumed.
FREE = ("data_dir", "threads", "save_every")

NO_DECAY = ("bias", "gamma", "beta")  # how the names of parameters end that do not decay

LIMITS = {
    "steps": (1, math.inf),
    "batch_size": (1, math.inf),
    "images": (1, 1e6),
    "test_images": (1, 1e6),
    "proposals": (1, 10_000),
    "anchors": (2, math.inf),
    "regions": (1, math.inf),
    "bins": (1, 64),
    "hidden": (1, 1e5),
    "crop": (4, 512),
    "lr": (0, math.inf),
    "momentum": (0, 1),
    "weight_decay": (0, math.inf),
    "warm_up": (0, math.inf),
    "evaluate_every": (0, math.inf),
    "seed": (0, math.inf),
    "threads": (1, math.inf),
    "save_every": (0, math.inf),
}


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class DetectionConfig:
    """The choices of one training run of a detector; the defaults are those for digit scenes.

    Parameters
    ----------
    method
        "faster", "fast" or "rcnn".
    trunk
        The classifier whose trunk it stands on, a name that `models.build` knows.
    pretrained
        The checkpoint of `minires train` from which the trunk's weights came, or None.
    data
        "scenes" for digit scenes, "voc" for a folder in Pascal VOC's format.
    data_dir
        That folder.
    size
        (height, width) to which its images are resized; (): all have one size.
    skip_bad
        Whether to leave out boxes of no area, and cut those that cross the border; see `read_voc`.
    images, test_images
        Digit scenes to learn from and to test on.
    flip
        Whether images are mirrored at random.
    pooling, bins, context
        See `RegionPooling`.
    sides, ratios
        Of anchors, or of windows; see `base_anchors`.
    proposals
        Boxes of an image that are judged.
    hidden
        Width of the head.
    crop
        Pixels a side of R-CNN's crops.
    anchors, regions
        How many of an image are learned from.
    frozen_norm
        Whether batch norm keeps the averages that it has: for few images a step on a pre-trained trunk.
    steps
        In all.
    batch_size
        Images a step.
    lr
        The learning rate at the start; it falls to 0 as a cosine.
    warm_up
        Steps over which it first rises.
    momentum, weight_decay
        See `optim.SGD`; biases, gammas and betas do not decay.
    evaluate_every
        Steps between two evaluations on the test images; 0: only at the end.
    seed
        Of the weights, the order and what is drawn.
    threads
        CPU threads, None for all.
    save_every
        Seconds between two checkpoints.

    Raises
    ------
    ValueError
        For a value of another type or out of range.

    Examples
    --------
    >>> config = DetectionConfig.of(method="fast")
    >>> config.proposals, config.title
    (300, 'Fast R-CNN on scenes')
    """

    method: str = "faster"
    trunk: str = "resnet8"
    pretrained: str | None = None
    data: str = "scenes"
    data_dir: str | None = None
    size: tuple[int, ...] = ()
    skip_bad: bool = False
    images: int = 600
    test_images: int = 100
    flip: bool = False
    pooling: str = "align"
    bins: int = 4
    context: bool = False
    sides: tuple[float, ...] = SIDES
    ratios: tuple[float, ...] = RATIOS
    proposals: int = 50
    hidden: int = 128
    crop: int = 16
    anchors: int = 64
    regions: int = 32
    frozen_norm: bool = False
    steps: int = 800
    batch_size: int = 4
    lr: float = 0.02
    warm_up: int = 50
    momentum: float = 0.9
    weight_decay: float = 5e-4
    evaluate_every: int = 200
    seed: int = 0
    threads: int | None = None
    save_every: float = 60.0

    def __post_init__(self) -> None:
        fields.check(self, LIMITS, {"method": METHODS, "data": DATA, "pooling": KINDS})
        try:
            models.about(self.trunk)
        except ValueError as error:
            raise ValueError(f"trunk: {error}") from error
        for name in ("sides", "ratios"):
            values = getattr(self, name)
            if not values or not all(0 < value < math.inf for value in values):
                raise ValueError(f"{name}: expected positive numbers, got {list(values)}")
        if self.size and (len(self.size) != 2 or min(self.size) < 1):
            raise ValueError(f"size: expected a height and a width, got {list(self.size)}")
        if self.data == "voc" and self.data_dir is None:
            raise ValueError("data_dir: expected the folder in Pascal VOC's format, got none")
        if self.flip and self.data == "scenes":
            raise ValueError("flip: a mirrored digit is no digit")
        if self.context and self.method == "rcnn":
            raise ValueError("context: belongs to fast and faster, not to rcnn")

    @classmethod
    def of(cls, **choices: Any) -> DetectionConfig:
        """Return the configuration with the defaults of its data and its method, and the choices made."""
        of_data = OF_DATA.get(choices.get("data", "scenes"), {})
        of_method = OF_METHOD.get(choices.get("method", "faster"), {})
        return cls(**{**of_data, **of_method, **choices})

    @classmethod
    def from_dict(cls, values: Any) -> DetectionConfig:
        """Return the configuration that `as_dict` described. ValueError for missing or unknown fields."""
        return fields.from_dict(cls, values)

    def as_dict(self) -> dict[str, Any]:
        """Return {field: value} for JSON."""
        return dataclasses.asdict(self)

    @property
    def title(self) -> str:
        """What is trained, in a few words: "Faster R-CNN on scenes"."""
        data = self.data if self.data_dir is None else pathlib.PurePath(self.data_dir).name
        return f"{CALLED[self.method]} on {data}"

    def __repr__(self) -> str:
        """Return the call that makes it, without what is at its default but for the first choices."""
        return reprs.call(self, reprs.settings(self, always=("method", "trunk", "data", "steps")))

    def resumed(self, **choices: Any) -> DetectionConfig:
        """Return this configuration with the choices that may change when a run is resumed, those in FREE.

        Raises
        ------
        ValueError
            Naming the others that differ.
        """
        return fields.replace(
            self, choices, allowed=FREE, may="the folder of --data, threads, and save-every"
        )

    def make_optimiser(self, named_parameters: Iterable[tuple[str, Parameter]]) -> optim.Optimiser:
        """Return the optimiser of these parameters (see `optim`)."""
        named = list(named_parameters)
        return optim.SGD(
            named,
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            # a trunk without batch norm has no gamma, and a pattern that names nothing is refused
            no_decay=[end for end in NO_DECAY if any(name.endswith(end) for name, _ in named)],
        )

    def make_schedule(self) -> optim.Schedule:
        """Return the learning rate's schedule: a function of the step."""
        cosine = optim.Cosine(self.lr, self.steps)
        if not self.warm_up:
            return cosine
        return optim.WarmUp(cosine, steps=self.warm_up, lr=self.lr / 50, rising=True)
