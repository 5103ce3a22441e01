"""The table of all layers and blocks for `test_layer_contract`. A new layer is one new row.

Every kind of layer meets a non-square image, and where it has them a non-square kernel, a stride above 1,
padding and a batch of 1.
"""

from collections import namedtuple
from functools import partial

import numpy as np

from minires import models
from minires.catalogue import randomize
from minires.layers import (
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    PadShortcut,
    Recompute,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Softmax,
    StochasticDepth,
    freeze,
)

Case = namedtuple("Case", "name build shape silent", defaults=("",))
Case.__doc__ = """One row: build(rng) makes the layer, shape is its input's.

silent: the beginning of the parameters' names whose true gradient is zero in training ("" if there is none).
"""

IMAGE, SINGLE = (2, 3, 6, 5), (1, 3, 5, 6)


def make(case, dtype=np.float32):
    """Return (layer, x) of a case, the same at every call; x is read-only.

    Biases, gammas, betas and running averages are drawn at random: at 0 and 1, where they start, a forgotten
    gamma or a beta in the wrong place would change nothing.
    """
    layer = randomize(case.build(np.random.default_rng(1)), np.random.default_rng(2)).astype(dtype)
    x = np.random.default_rng(3).standard_normal(case.shape).astype(dtype)
    x.setflags(write=False)
    return layer, x


def branch(rng, channels=(3, 4, 3), stride=1):
    """conv - norm - relu - conv - norm, the second kernel not square."""
    a, b, c = channels
    return Sequential(
        Conv2d(a, b, 3, stride=stride, padding=1, bias=False, rng=rng),
        BatchNorm(b),
        ReLU(),
        Conv2d(b, c, (3, 1), padding=(1, 0), bias=False, rng=rng),
        BatchNorm(c),
    )


def pre_activation(rng):
    return Sequential(norm=BatchNorm(3), relu=ReLU(), conv=Conv2d(3, 3, 3, padding=1, bias=False, rng=rng))


def projection(rng):
    return Sequential(Conv2d(3, 6, 1, stride=2, bias=False, rng=rng), BatchNorm(6))


def dropping(rng):
    """A block that draws from a generator and moves running averages, twice over."""
    return Sequential(branch(rng), Dropout(0.6, rng=rng), BatchNorm(3), Dropout(0.8, rng=rng))


def stochastic_depth(rng, *, first_gate):
    """A block whose gate is open (or closed) in the first mini-batch."""
    seed = next(s for s in range(99) if (np.random.default_rng(s).random() < 0.5) == (first_gate == "open"))
    return StochasticDepth(branch(rng), after=ReLU(), survival=0.5, rng=np.random.default_rng(seed))


def model_block(build, stage, rng):
    """The first block of a stage of an 8-layer network for CIFAR."""
    return build(depth=8, rng=rng)[stage][0]


CASES = [
    Case(
        "Conv2d, 3x2 kernel, stride (2, 1), padding (1, 2)",
        lambda rng: Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 2), rng=rng),
        IMAGE,
    ),
    Case("Conv2d, batch 1", lambda rng: Conv2d(3, 4, 3, padding=1, rng=rng), SINGLE),
    Case("Conv2d, no bias", lambda rng: Conv2d(3, 4, (1, 3), stride=2, bias=False, rng=rng), IMAGE),
    Case("Conv2d, groups", lambda rng: Conv2d(4, 6, 3, padding=1, groups=2, rng=rng), (2, 4, 6, 5)),
    Case("Linear", lambda rng: Linear(5, 3, rng=rng), (4, 5)),
    Case("Linear, no bias, batch 1", lambda rng: Linear(5, 3, bias=False, rng=rng), (1, 5)),
    Case("BatchNorm, images", lambda rng: BatchNorm(3, momentum=0.7, eps=1e-2), IMAGE),
    Case("BatchNorm, one image", lambda rng: BatchNorm(3), SINGLE),
    Case("BatchNorm, vectors", lambda rng: BatchNorm(3), (7, 3)),
    Case("BatchNorm, frozen", lambda rng: freeze(BatchNorm(3)), IMAGE),
    Case(
        "LocalResponseNorm", lambda rng: LocalResponseNorm(size=4, alpha=0.5, beta=0.6, k=1.5), (2, 6, 3, 4)
    ),
    Case("ReLU", lambda rng: ReLU(), IMAGE),
    Case("Sigmoid", lambda rng: Sigmoid(), IMAGE),
    Case("Softmax", lambda rng: Softmax(), (4, 6)),
    Case("MaxPool2d", lambda rng: MaxPool2d((3, 2), stride=(2, 1), padding=1, ceil_mode=True), IMAGE),
    Case("MaxPool2d, batch 1", lambda rng: MaxPool2d(2), SINGLE),
    Case("AvgPool2d", lambda rng: AvgPool2d((3, 2), stride=(2, 1), padding=1, ceil_mode=True), IMAGE),
    Case("AvgPool2d, batch 1", lambda rng: AvgPool2d(2), SINGLE),
    Case("GlobalAvgPool2d", lambda rng: GlobalAvgPool2d(), IMAGE),
    Case("Dropout", lambda rng: Dropout(0.7, rng=rng), IMAGE),
    Case("Dropout, frozen", lambda rng: freeze(Dropout(0.7, rng=rng)), IMAGE),
    Case("Flatten", lambda rng: Flatten(), IMAGE),
    Case("Identity", lambda rng: Identity(), IMAGE),
    Case("PadShortcut, append", lambda rng: PadShortcut(7, stride=2), IMAGE),
    Case("PadShortcut, split", lambda rng: PadShortcut(7, stride=(2, 1), placement="split"), IMAGE),
    Case("PadShortcut, mean", lambda rng: PadShortcut(7, stride=2, placement="mean"), IMAGE),
    Case("Sequential", lambda rng: Sequential(branch(rng), ReLU()), IMAGE),
    Case("Residual, identity shortcut", lambda rng: Residual(branch(rng), after=ReLU()), IMAGE),
    Case(
        "Residual, padded shortcut",
        lambda rng: Residual(branch(rng, (3, 4, 6), 2), PadShortcut(6, stride=2), ReLU()),
        IMAGE,
    ),
    Case(
        "Residual, projection shortcut, batch 1",
        lambda rng: Residual(branch(rng, (3, 4, 6), 2), projection(rng), ReLU()),
        SINGLE,
    ),
    Case("Residual, pre-activation", lambda rng: Residual(pre_activation(rng)), IMAGE),
    Case(
        "Concat",
        lambda rng: Concat(branch(rng), norm_first=pre_activation(rng), same=Identity()),
        IMAGE,
    ),
    Case("Recompute", lambda rng: Recompute(Residual(dropping(rng), after=ReLU())), IMAGE),
    Case(
        "Recompute of Recompute", lambda rng: Recompute(Sequential(Recompute(dropping(rng)), ReLU())), IMAGE
    ),
    Case("StochasticDepth, gate open", partial(stochastic_depth, first_gate="open"), IMAGE),
    Case("StochasticDepth, gate closed", partial(stochastic_depth, first_gate="closed"), IMAGE, "branch"),
    Case("cifar_resnet, block", partial(model_block, models.cifar_resnet, "stage1"), (1, 16, 4, 5)),
    Case(
        "cifar_resnet, first block of a stage",
        partial(model_block, models.cifar_resnet, "stage2"),
        (2, 16, 4, 5),
    ),
    Case(
        "cifar_plain, first block of a stage",
        partial(model_block, models.cifar_plain, "stage2"),
        (2, 16, 4, 5),
    ),
    Case("cifar_resnet", lambda rng: models.cifar_resnet(depth=8, in_channels=1, rng=rng), (2, 1, 8, 9)),
    Case("cifar_plain", lambda rng: models.cifar_plain(depth=8, rng=rng), (2, 3, 9, 8)),
]
