"""Rows of the table of layers and blocks for the residual families."""

from contract_cases import IMAGE, Case

from minires.models.preresnet import cifar_preresnet, imagenet_preresnet
from minires.models.resnet import imagenet_resnet
from minires.models.rir import Channels, generalized_unit
from minires.models.wide import wide_resnet

ROWS = [
    Case("Channels", lambda rng: Channels(1, 3), IMAGE),
    Case("Channels, batch 1", lambda rng: Channels(0, 2), (1, 3, 5, 6)),
    Case("rir, generalized unit", lambda rng: generalized_unit(4, 6, 2, rng), (2, 4, 6, 5)),
    Case(
        "imagenet_resnet, bottleneck",
        lambda rng: imagenet_resnet(depth=50, width=2, rng=rng)["stage2"][0],
        (2, 8, 6, 5),
    ),
    Case(
        "cifar_preresnet, shared activation",
        lambda rng: cifar_preresnet(depth=11, block="bottleneck", rng=rng)["stage1"][0],
        (1, 16, 4, 5),
    ),
    Case(
        "imagenet_preresnet, unit without an activation of its own",
        lambda rng: imagenet_preresnet(depth=50, width=4, rng=rng)["stage1"][0],
        (2, 4, 6, 5),
    ),
    Case(
        "wide_resnet, unit with dropout",
        lambda rng: wide_resnet(depth=10, factor=1, keep=0.7, rng=rng)["stage1"][0],
        (2, 16, 4, 3),
    ),
]
