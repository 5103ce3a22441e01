"""What is trained: for each experiment its networks, and for each setting the data and the schedule.

fast    a look at whether it runs: seconds
live    small enough for a lesson: minutes on two cores
stored  what came with minires, from at least three seeds
full    the papers' recipe: a GPU, and hours
"""

import dataclasses
from functools import partial

from minires.models.cifar import cifar_plain, cifar_resnet

SETTINGS = ("fast", "live", "stored", "full")

# He et al. 2015, section 4.2: 164 epochs of 391 steps are 64k, and 82 and 123 of them 32k and 48k
PAPER = {"data": "cifar10", "epochs": 164, "milestones": (82, 123), "batch_size": 128}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """An experiment at one setting.

    arms: {label: build}, called as build(num_classes=..., in_channels=..., rng=...);
    config: choices of a `train.Config` besides model and seed; arm_config: {label: choices of that arm only};
    images, test_images: how many of the data set are used, the first ones, None for all;
    evaluate_every: iterations between two looks at the test images; seeds: one run for each.
    """

    arms: dict
    config: dict
    evaluate_every: int
    seeds: tuple = (0,)
    arm_config: dict = dataclasses.field(default_factory=dict)
    images: int | None = None
    test_images: int | None = None


def _degradation(*depths):
    """Plain networks and residual ones of these depths."""
    kinds = {"plain": cifar_plain, "ResNet": cifar_resnet}
    return {f"{kind}-{d}": partial(build, depth=d) for kind, build in kinds.items() for d in depths}


_DIGITS = {"data": "digits", "batch_size": 64, "schedule": "constant", "augment": False, "weight_decay": 1e-4}
_SHORT = {
    "data": "cifar10",
    "epochs": 4,
    "milestones": (2, 3),
    "batch_size": 50,
}  # the recipe, 80 times shorter

PLANS = {
    "degradation": {
        "fast": Plan(arms=_degradation(8, 14), config=_DIGITS | {"epochs": 2}, evaluate_every=23),
        "live": Plan(arms=_degradation(20, 56), config=_DIGITS | {"epochs": 10}, evaluate_every=23),
        "stored": Plan(
            arms=_degradation(20, 56),
            config=_SHORT,
            images=10_000,
            test_images=5_000,
            evaluate_every=100,
            seeds=(0, 1, 2),
        ),
        "full": Plan(
            arms=_degradation(20, 32, 44, 56, 110),
            config=PAPER,
            arm_config={f"{kind}-110": {"warm_up": 400} for kind in ("plain", "ResNet")},
            evaluate_every=391,
            seeds=(0, 1, 2),
        ),
    },
}


def plan(experiment, setting):
    """Return the Plan of an experiment at a setting. Raises ValueError for names that are not there."""
    for what, name, names in (("experiment", experiment, PLANS), ("setting", setting, SETTINGS)):
        if name not in names:
            raise ValueError(f"{what}: expected one of {', '.join(names)}, got {name!r}")
    return PLANS[experiment][setting]
