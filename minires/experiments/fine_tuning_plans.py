"""What is trained of a network that learns some classes from many images, and then others from a few."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuningPlan:
    """Ways to learn new classes, at one setting.

    arms: {label: {"pretrained": ..., "frozen": ...}}, whether the source's classes are learned before, and
    whether everything below the new head then stays as it is;
    config: the data, of which the first images and test_images are used, each square of `shrink` pixels a
    side made one; the classes of source and target; steps and rate (which falls like a cosine) for each;
    shots: of how many images a class the target is learned, each time anew; seeds: one run for each.
    """

    arms: dict
    config: dict
    seeds: tuple = (0,)


_SHARED = {"model": "resnet8", "momentum": 0.9, "weight_decay": 1e-4, "batch_size": 64}
_ARMS = {
    "fresh weights": {"pretrained": False, "frozen": False},
    "a new head": {"pretrained": True, "frozen": True},
    "all layers": {"pretrained": True, "frozen": False},
}
_HALVES = {"source": (0, 1, 2, 3, 4), "target": (5, 6, 7, 8, 9), "source_lr": 0.1, "lr": 0.03}

PLANS = {
    "fast": FineTuningPlan(
        arms=_ARMS,
        config=_SHARED
        | _HALVES
        | {"data": "digits", "images": 300, "test_images": 50, "shrink": 2, "padding": 0, "flip": False}
        | {"source_steps": 2, "steps": 2, "shots": (1, 2)},
    ),
    "stored": FineTuningPlan(
        arms=_ARMS,
        config=_SHARED
        | _HALVES
        | {"data": "cifar10", "images": 50_000, "test_images": 4000, "shrink": 4, "padding": 1, "flip": True}
        | {"source_steps": 1000, "steps": 60, "shots": (5, 10, 20)},
        seeds=(0, 1, 2),
    ),
}
