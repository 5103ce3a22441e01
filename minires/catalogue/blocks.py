"""Layers put together: the combinators of `minires.layers`, and the blocks of which the networks consist."""

from functools import partial

import numpy as np

from minires.catalogue.rows import LayerRow
from minires.layers import (
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    GatedResidual,
    Identity,
    Linear,
    PadShortcut,
    Recompute,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    StochasticDepth,
)
from minires.models import cifar, googlenet, highway, inception_resnet, nin, preresnet, resnet, rir, shortcuts
from minires.models.wide import wide_resnet

IMAGE, SINGLE = (2, 3, 6, 5), (1, 3, 5, 6)
Row = partial(LayerRow, elements=12)  # a block has many tensors, and each was checked in a layer of its own


def branch(rng, channels=(3, 4, 3), stride=1):
    """conv - norm - relu - conv - norm, the second kernel not square. No bias: batch norm makes it vanish."""
    a, b, c = channels
    return Sequential(
        Conv2d(a, b, 3, stride=stride, padding=1, bias=False, rng=rng),
        BatchNorm(b),
        ReLU(),
        Conv2d(b, c, (3, 1), padding=(1, 0), bias=False, rng=rng),
        BatchNorm(c),
    )


def pre_activation(rng):
    """norm - relu - conv: He et al. 2016, figure 1 (b)."""
    return Sequential(norm=BatchNorm(3), relu=ReLU(), conv=Conv2d(3, 3, 3, padding=1, bias=False, rng=rng))


def projection(rng):
    """A shortcut that halves the map and doubles the channels."""
    return Sequential(Conv2d(3, 6, 1, stride=2, bias=False, rng=rng), BatchNorm(6))


def dropping(rng):
    """A block that draws from a generator and moves running averages, twice over."""
    return Sequential(branch(rng), Dropout(0.6, rng=rng), BatchNorm(3), Dropout(0.8, rng=rng))


def stochastic_depth(rng, *, first_gate):
    """A block whose gate is open (or closed) in the first mini-batch."""
    seed = next(s for s in range(99) if (np.random.default_rng(s).random() < 0.5) == (first_gate == "open"))
    return StochasticDepth(branch(rng), after=ReLU(), survival=0.5, rng=np.random.default_rng(seed))


def gate(rng, out=3, stride=1):
    """A gate, between 0 and 1."""
    return Sequential(Conv2d(3, out, 1, stride=stride, rng=rng), Sigmoid())


def gated(gating, rng):
    """A block that halves the map, the gate with it."""
    shortcut = PadShortcut(6, stride=2)
    return GatedResidual(branch(rng, (3, 4, 6), 2), gate(rng, 6, 2), shortcut, after=ReLU(), gating=gating)


def highway_vectors(rng):
    """A highway layer of vectors."""
    transform = Sequential(Linear(5, 5, rng=rng), ReLU())
    return GatedResidual(transform, Sequential(Linear(5, 5, rng=rng), Sigmoid()))


def unit(build, stage, position, rng, **options):
    """A block of a network's stage."""
    return build(rng=rng, **options)[stage][position]


def module(unit, rng):
    """An inception module."""
    return googlenet.inception(3, 2, (3, 4), (2, 3), 2, unit=partial(unit, rng=rng), largest_kernel=5)


COMBINATORS = [
    Row("Sequential", "", lambda rng: Sequential(branch(rng), ReLU()), IMAGE),
    Row("Residual", "identity shortcut", lambda rng: Residual(branch(rng), after=ReLU()), IMAGE),
    Row(
        "Residual",
        "padded shortcut",
        lambda rng: Residual(branch(rng, (3, 4, 6), 2), PadShortcut(6, stride=2), ReLU()),
        IMAGE,
    ),
    Row(
        "Residual",
        "projection shortcut, batch 1",
        lambda rng: Residual(branch(rng, (3, 4, 6), 2), projection(rng), ReLU()),
        SINGLE,
    ),
    Row("Residual", "pre-activation", lambda rng: Residual(pre_activation(rng)), IMAGE),
    Row(
        "Concat", "", lambda rng: Concat(branch(rng), norm_first=pre_activation(rng), same=Identity()), IMAGE
    ),
    Row("Recompute", "", lambda rng: Recompute(Residual(dropping(rng), after=ReLU())), IMAGE),
    Row(
        "Recompute",
        "of Recompute",
        lambda rng: Recompute(Sequential(Recompute(dropping(rng)), ReLU())),
        IMAGE,
    ),
    Row("StochasticDepth", "gate open", partial(stochastic_depth, first_gate="open"), IMAGE),
    Row("StochasticDepth", "gate closed", partial(stochastic_depth, first_gate="closed"), IMAGE, "branch"),
    Row("GatedResidual", "exclusive", lambda rng: GatedResidual(branch(rng), gate(rng)), IMAGE),
    Row(
        "GatedResidual",
        "shortcut",
        lambda rng: GatedResidual(branch(rng), gate(rng), gating="shortcut"),
        SINGLE,
    ),
    Row("GatedResidual", "exclusive, stride 2", partial(gated, "exclusive"), IMAGE),
    Row("GatedResidual", "shortcut, stride 2", partial(gated, "shortcut"), IMAGE),
    Row("GatedResidual", "highway layer of vectors", highway_vectors, (4, 5)),
]

OF_NETWORKS = [
    Row("mlpconv", "", lambda rng: nin.mlpconv(3, (4, 5, 4), 3, rng), IMAGE),
    Row("inception", "", partial(module, googlenet._unit), IMAGE),
    Row("inception", "with norm, batch 1", partial(module, googlenet._unit_with_norm), SINGLE),
    Row(
        "inception_resnet",
        "block A",
        lambda rng: inception_resnet.block_a(3, width=2, scale=0.3, rng=rng),
        IMAGE,
    ),
    Row(
        "inception_resnet",
        "block B, batch 1",
        lambda rng: inception_resnet.block_b(3, width=2, scale=0.3, rng=rng),
        SINGLE,
    ),
    Row("cifar_resnet", "block", partial(unit, cifar.cifar_resnet, "stage1", 0, depth=8), (1, 16, 4, 5)),
    Row(
        "cifar_resnet",
        "first block of a stage",
        partial(unit, cifar.cifar_resnet, "stage2", 0, depth=8),
        (2, 16, 4, 5),
    ),
    Row(
        "cifar_plain",
        "first block of a stage",
        partial(unit, cifar.cifar_plain, "stage2", 0, depth=8),
        (2, 16, 4, 5),
    ),
    Row(
        "imagenet_resnet",
        "bottleneck",
        partial(unit, resnet.imagenet_resnet, "stage2", 0, depth=50, width=2),
        (2, 8, 6, 5),
    ),
    Row(
        "cifar_preresnet",
        "shared activation",
        partial(unit, preresnet.cifar_preresnet, "stage1", 0, depth=11, block="bottleneck"),
        (1, 16, 4, 5),
    ),
    Row(
        "imagenet_preresnet",
        "unit without an activation of its own",
        partial(unit, preresnet.imagenet_preresnet, "stage1", 0, depth=50, width=4),
        (2, 4, 6, 5),
    ),
    Row(
        "wide_resnet",
        "unit with dropout",
        partial(unit, wide_resnet, "stage1", 0, depth=10, factor=1, keep=0.7),
        (2, 16, 4, 3),
    ),
    Row("cifar_rir", "generalized unit", lambda rng: rir.generalized_unit(4, 6, 2, rng), (2, 4, 6, 5)),
    Row("cifar_highway", "layer", partial(unit, highway.cifar_highway, "stage1", -1, depth=7), (2, 16, 3, 4)),
    *[
        Row(
            "cifar_shortcut_variant",
            variant,
            partial(unit, shortcuts.cifar_shortcut_variant, "stage2", -1, variant=variant, depth=8),
            (2, 16, 4, 5),
        )
        for variant in shortcuts.SHORTCUTS[1:]
    ],
    *[
        Row(
            "cifar_activation_variant",
            variant,
            partial(unit, shortcuts.cifar_activation_variant, "stage2", -1, variant=variant, depth=8),
            (2, 16, 4, 5),
        )
        for variant in list(shortcuts.ACTIVATIONS)[1:]
    ],
    Row(
        "cifar_activation_variant",
        "bottleneck",
        partial(
            unit,
            shortcuts.cifar_activation_variant,
            "stage1",
            -1,
            variant="relu_preact",
            depth=11,
            block="bottleneck",
        ),
        (2, 16, 4, 3),
    ),
]

BLOCKS = [*COMBINATORS, *OF_NETWORKS]
