"""Rows for the table in `contract_cases`: the layers and blocks of the networks from AlexNet to FCN."""

from functools import partial

from contract_cases import Case

from minires.layers import (
    AdaptiveAvgPool2d,
    Conv2d,
    DropConnect,
    Linear,
    Maxout,
    Sequential,
    Upsample,
    freeze,
)
from minires.models.fcn import fcn
from minires.models.googlenet import _unit, _unit_with_norm, inception
from minires.models.inception_resnet import block_a, block_b
from minires.models.nin import mlpconv

IMAGE, SINGLE = (2, 3, 6, 5), (1, 3, 5, 6)


def module(unit, rng):
    return inception(3, 2, (3, 4), (2, 3), 2, unit=partial(unit, rng=rng), largest_kernel=5)


def small_fcn(rng):
    """Its score would start at zero, and no gradient would come through."""
    net = fcn(Conv2d(3, 4, 2, stride=2, rng=rng), num_classes=2, image_shape=(3, 6, 4), rng=rng)
    net["score"].weight.data[...] = rng.standard_normal((2, 4, 1, 1))
    return net


ROWS = [
    Case("Maxout, images", lambda rng: Maxout(3), (2, 6, 3, 4)),
    Case("Maxout, vectors", lambda rng: Sequential(Linear(5, 6, rng=rng), Maxout(2)), (4, 5)),
    Case(
        "Maxout, batch 1",
        lambda rng: Sequential(Conv2d(3, 4, (3, 2), stride=2, padding=1, rng=rng), Maxout(2)),
        SINGLE,
    ),
    Case("DropConnect", lambda rng: DropConnect(5, 3, keep=0.6, rng=rng), (4, 5)),
    Case("DropConnect, no bias, batch 1", lambda rng: DropConnect(5, 3, bias=False, rng=rng), (1, 5)),
    Case("DropConnect, frozen", lambda rng: freeze(DropConnect(5, 3, rng=rng)), (4, 5)),
    Case("Upsample", lambda rng: Upsample(3), IMAGE),
    Case("Upsample, batch 1", lambda rng: Upsample(2), SINGLE),
    Case("adaptive average pooling", lambda rng: AdaptiveAvgPool2d(4), IMAGE),
    Case("inception", partial(module, _unit), IMAGE),
    Case("inception with norm, batch 1", partial(module, _unit_with_norm), SINGLE),
    Case("mlpconv", lambda rng: mlpconv(3, (4, 5, 4), 3, rng), IMAGE),
    Case("Inception-ResNet block A", lambda rng: block_a(3, width=2, scale=0.3, rng=rng), IMAGE),
    Case("Inception-ResNet block B, batch 1", lambda rng: block_b(3, width=2, scale=0.3, rng=rng), SINGLE),
    Case("fcn", small_fcn, (2, 3, 6, 4)),
]
