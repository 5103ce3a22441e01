"""Alternating training, the paper's four steps: two networks first learn apart, then share a trunk."""

import dataclasses

from minires.detection.config import DetectionConfig
from minires.detection.network import Detector
from minires.detection.train import Trainer, prepare
from minires.layers import freeze
from minires.train.loop import Reporter


def alternate(config: DetectionConfig, reporter: Reporter | None = None) -> Trainer:
    """Train a Faster R-CNN in four steps, and return the last Trainer; its history is that of step 4.

    Parameters
    ----------
    config
        For "faster". Of its steps a third goes to each of the first two, and a sixth to each of the others.
    reporter
        Is told how each step goes; None: nobody is.

    Raises
    ------
    ValueError
        For another method, or fewer than 6 steps.

    Notes
    -----
    1. A proposal network learns, on a trunk of its own.
    2. A head learns from its proposals, on another trunk.
    3. A proposal network learns on that other trunk, which is now frozen.
    4. The head learns again, from the new proposals, on the frozen trunk.

    References
    ----------
    Ren et al. 2015 (arXiv:1506.01497), section 3.2, "4-Step Alternating Training".
    """
    if config.method != "faster" or config.steps < 6:
        raise ValueError(
            f"config: expected the method faster and 6 steps or more, got {config.method}, {config.steps}"
        )
    long = dataclasses.replace(config, steps=config.steps // 3)
    short = dataclasses.replace(config, steps=config.steps // 6)
    first = prepare(dataclasses.replace(long, seed=config.seed + 1))
    second = prepare(long)
    images = (second.train, second.test, second.normalisation)
    assert isinstance(first.net, Detector)

    Trainer(first.net, long, *images, reporter=reporter, parts=["rpn"]).run()
    Trainer(second.net, long, *images, reporter=reporter, parts=["head"], propose=first.net.propose).run()
    freeze(second.net.trunk)
    Trainer(second.net, short, *images, reporter=reporter, parts=["rpn"]).run()
    last = Trainer(second.net, short, *images, reporter=reporter, parts=["head"])
    last.run()
    return last
