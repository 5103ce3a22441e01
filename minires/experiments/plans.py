"""What is trained: for each experiment its networks, and for each setting the data and the schedule.

fast    a check that it runs: seconds
live    small enough for a lesson: minutes on two cores
stored  the runs that come with minires, from at least three seeds
full    the papers' recipe: a GPU, and hours
"""

import dataclasses
from functools import partial

from minires.experiments import detector_plans, fine_tuning_plans
from minires.experiments.initialisation import RULES, relu_stack
from minires.models.cifar import cifar_plain, cifar_resnet
from minires.models.shortcuts import (
    ACTIVATIONS,
    SHORTCUTS,
    cifar_activation_variant,
    cifar_shortcut_variant,
)

SETTINGS = ("fast", "live", "stored", "full")

# He et al. 2015, section 4.2: 164 epochs of 391 steps are 64k, and 82 and 123 of them 32k and 48k
PAPER = {"data": "cifar10", "epochs": 164, "milestones": (82, 123), "batch_size": 128}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """An experiment at one setting.

    arms: {label: build}, called as build(num_classes=..., in_channels=..., rng=...);
    config: choices of a `train.Config` besides model and seed; arm_config: {label: choices of that arm only};
    images, test_images: how many of the data set are used, the first ones, None for all;
    shrink: each image's squares of so many pixels a side become one pixel, their mean;
    evaluate_every: iterations between two looks at the test images; losses_every: between two losses noted,
    each the mean of the batches since the last; seeds: one run for each.
    """

    arms: dict
    config: dict
    evaluate_every: int
    seeds: tuple = (0,)
    arm_config: dict = dataclasses.field(default_factory=dict)
    images: int | None = None
    test_images: int | None = None
    shrink: int = 1
    losses_every: int = 1


def _degradation(*depths):
    """Plain networks and residual ones of these depths."""
    kinds = {"plain": cifar_plain, "ResNet": cifar_resnet}
    return {f"{kind}-{d}": partial(build, depth=d) for kind, build in kinds.items() for d in depths}


def _initialisation(*layers):
    """ReLU stacks of each depth with each rule."""
    return {f"{rule}, {n} layers": partial(relu_stack, layers=n, rule=rule) for n in layers for rule in RULES}


def _shortcuts(depth):
    """The original unit, every other shortcut, and everything else that may follow the addition."""
    arms = {name: partial(cifar_shortcut_variant, variant=name, depth=depth) for name in SHORTCUTS}
    others = [name for name in ACTIVATIONS if name not in arms]
    return arms | {name: partial(cifar_activation_variant, variant=name, depth=depth) for name in others}


def _stochastic_depth(depth, **options):
    """The same network twice, its blocks always there or dropped by the linear rule down to 0.5."""
    return {
        "every block": partial(cifar_resnet, depth=depth, **options),
        "stochastic depth": partial(cifar_resnet, depth=depth, survival=0.5, **options),
    }


_DIGITS = {"data": "digits", "batch_size": 64, "schedule": "constant", "augment": False, "weight_decay": 1e-4}
_SHORT = {
    "data": "cifar10",
    "epochs": 4,
    "milestones": (2, 3),
    "batch_size": 50,
}  # the recipe, 80 times shorter

# on images of 8x8 pixels, of which there are not enough: what a regulariser is for
_FEW_IMAGES = {"data": "cifar10", "batch_size": 50, "schedule": "cosine", "augment": False}

# long enough for 56 layers to get past their slow start, on images small enough for a processor
_SMALL_IMAGES = {
    "data": "cifar10",
    "batch_size": 128,
    "schedule": "cosine",
    "warm_up": 391,
    "warm_up_rises": True,
}

# at a rate of 0.02 MSRA's deep stacks diverge
_STACK = _DIGITS | {"batch_size": 100, "lr": 0.003, "weight_decay": 0.0}
# Huang et al. 2016 (arXiv:1603.09382), section 4: the rate falls after half and three quarters of the epochs
_HALVES = {"schedule": "step", "nesterov": True}

PLANS = {
    "degradation": {
        "fast": Plan(arms=_degradation(8, 14), config=_DIGITS | {"epochs": 2}, evaluate_every=23),
        "live": Plan(
            arms=_degradation(20, 56),
            # at a constant rate the deep residual network is still in its slow start
            config=_DIGITS | {"epochs": 10, "schedule": "cosine", "warm_up": 46, "warm_up_rises": True},
            evaluate_every=23,
        ),
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
    "depth": {
        "fast": Plan(arms=_degradation(8, 14), config=_DIGITS | {"epochs": 2}, shrink=2, evaluate_every=23),
        "live": Plan(arms=_degradation(20, 56), config=_DIGITS | {"epochs": 40}, shrink=2, evaluate_every=23),
        "stored": Plan(
            arms=_degradation(20, 56) | {"ResNet-110": partial(cifar_resnet, depth=110)},
            config=_SMALL_IMAGES | {"epochs": 20},
            shrink=2,
            evaluate_every=391,
            losses_every=23,
            seeds=(0, 1, 2),
        ),
        "full": Plan(
            arms=_degradation(20, 32, 44, 56, 110),
            config=_SMALL_IMAGES | {"epochs": 164},
            shrink=2,
            evaluate_every=391,
            losses_every=23,
            seeds=(0, 1, 2),
        ),
    },
    "initialisation": {
        "fast": Plan(arms=_initialisation(22), config=_STACK | {"epochs": 24}, evaluate_every=15),
        "live": Plan(
            arms=_initialisation(22, 30), config=_STACK | {"epochs": 24}, evaluate_every=15, seeds=(0, 1, 2)
        ),
        "stored": Plan(
            arms=_initialisation(22, 30), config=_STACK | {"epochs": 160}, evaluate_every=15, seeds=(0, 1, 2)
        ),
        "full": Plan(
            arms=_initialisation(22, 30),
            config=_STACK | {"epochs": 400},
            evaluate_every=15,
            seeds=(0, 1, 2, 3, 4),
        ),
    },
    "shortcuts": {
        "fast": Plan(arms=_shortcuts(8), config=_DIGITS | {"epochs": 1}, images=640, evaluate_every=5),
        "live": Plan(arms=_shortcuts(20), config=_DIGITS | {"epochs": 6}, evaluate_every=23),
        "stored": Plan(
            arms=_shortcuts(56), config=_DIGITS | {"epochs": 12}, evaluate_every=23, seeds=(0, 1, 2)
        ),
        "full": Plan(
            arms=_shortcuts(110), config=PAPER | {"warm_up": 400}, evaluate_every=391, seeds=(0, 1, 2)
        ),
    },
    "stochastic_depth": {
        "fast": Plan(arms=_stochastic_depth(8), config=_DIGITS | _HALVES | {"epochs": 2}, evaluate_every=23),
        "live": Plan(
            arms=_stochastic_depth(32), config=_DIGITS | _HALVES | {"epochs": 20}, evaluate_every=23
        ),
        "stored": Plan(
            arms=_stochastic_depth(26),
            config=_FEW_IMAGES | {"epochs": 40},
            images=1000,  # so few that the network learns them by heart
            test_images=1500,
            shrink=4,
            evaluate_every=20,
            seeds=(0, 1, 2, 3, 4),
        ),
        "full": Plan(
            arms=_stochastic_depth(110, placement="mean"),
            config={"data": "cifar10", "epochs": 500, "batch_size": 128, **_HALVES},
            images=45_000,
            evaluate_every=352,
            seeds=(0, 1, 2),
        ),
    },
}


def plan(experiment, setting):
    """Return the plan of an experiment at a setting. Raises ValueError for names that are not there."""
    known = PLANS | {"detection": detector_plans.PLANS, "fine_tuning": fine_tuning_plans.PLANS}
    for what, name, names in (("experiment", experiment, known), ("setting", setting, SETTINGS)):
        if name not in names:
            raise ValueError(f"{what}: expected one of {', '.join(names)}, got {name!r}")
    if setting not in known[experiment]:
        raise ValueError(f"setting: {experiment} has {', '.join(known[experiment])}, got {setting!r}")
    return known[experiment][setting]
