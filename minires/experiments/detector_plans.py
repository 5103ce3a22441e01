"""What is trained of detectors: one recipe on digit scenes, and in every arm one thing changed.

The recipe is the default of `DetectionConfig`: 800 steps of 4 scenes out of 600, tested on 100.
"""

import dataclasses

FEW = {"images": 150, "steps": 200, "evaluate_every": 0}
SHORT = {"steps": 400, "evaluate_every": 0}


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorPlan:
    """Detectors at one setting.

    arms: {label: choices of a `DetectionConfig`}; config: choices of all arms, which win over an arm's;
    pretrained: the arms whose trunk first learns single digits, for so many epochs; refined: those also
    measured with other numbers of proposals, in several scales and with the box iterated.
    """

    arms: dict
    config: dict = dataclasses.field(default_factory=dict)
    pretrained: tuple = ("pre-trained trunk",)
    epochs: int = 8
    refined: tuple = ("Faster R-CNN",)
    seeds: tuple = (0, 1, 2)


ARMS = {
    "Faster R-CNN": {},
    "Fast R-CNN": {"method": "fast"},
    "R-CNN": {"method": "rcnn"},
    "RoI max pooling": {"pooling": "max"},
    "fresh trunk": FEW,
    "pre-trained trunk": FEW,
    "residual-20": {"trunk": "resnet20", **SHORT},
    "plain-20": {"trunk": "plain20", **SHORT},
    "context": {"context": True, **SHORT},
    "no context": SHORT,
}
PLANS = {
    "fast": DetectorPlan(
        arms=ARMS, config={"images": 8, "test_images": 2, "steps": 3, "warm_up": 1}, epochs=1, seeds=(0,)
    ),
    "stored": DetectorPlan(arms=ARMS),
}
