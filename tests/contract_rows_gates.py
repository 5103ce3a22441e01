"""Rows of the table of layers: gates, scaling, highway layers, and the units of the shortcut variants."""

from functools import partial

from contract_cases import IMAGE, SINGLE, Case, branch

from minires.layers import Conv2d, GatedResidual, Linear, PadShortcut, ReLU, Scale, Sequential, Sigmoid
from minires.models import highway, shortcuts


def gate(rng, out=3, stride=1):
    return Sequential(Conv2d(3, out, 1, stride=stride, rng=rng), Sigmoid())


def highway_vectors(rng):
    transform = Sequential(Linear(5, 5, rng=rng), ReLU())
    return GatedResidual(transform, Sequential(Linear(5, 5, rng=rng), Sigmoid()))


def gated(gating, rng):
    """A block that halves the map, the gate with it."""
    shortcut = PadShortcut(6, stride=2)
    return GatedResidual(branch(rng, (3, 4, 6), 2), gate(rng, 6, 2), shortcut, after=ReLU(), gating=gating)


def unit(build, variant, stage, rng, **options):
    """The last unit of a stage."""
    return build(variant=variant, rng=rng, **options)[stage][-1]


ROWS = [
    Case("Scale", lambda rng: Scale(-0.7), IMAGE),
    Case("Scale, vectors", lambda rng: Scale(0.5), (4, 5)),
    Case("GatedResidual, exclusive", lambda rng: GatedResidual(branch(rng), gate(rng)), IMAGE),
    Case(
        "GatedResidual, shortcut",
        lambda rng: GatedResidual(branch(rng), gate(rng), gating="shortcut"),
        SINGLE,
    ),
    Case("GatedResidual, exclusive, stride 2", partial(gated, "exclusive"), IMAGE),
    Case("GatedResidual, shortcut, stride 2", partial(gated, "shortcut"), IMAGE),
    Case("GatedResidual, highway layer of vectors", highway_vectors, (4, 5)),
    Case(
        "cifar_highway, layer",
        lambda rng: highway.cifar_highway(depth=7, rng=rng)["stage1"][-1],
        (2, 16, 3, 4),
    ),
    *[
        Case(
            f"cifar_shortcut_variant, {variant}",
            partial(unit, shortcuts.cifar_shortcut_variant, variant, "stage2", depth=8),
            (2, 16, 4, 5),
        )
        for variant in shortcuts.SHORTCUTS[1:]
    ],
    *[
        Case(
            f"cifar_activation_variant, {variant}",
            partial(unit, shortcuts.cifar_activation_variant, variant, "stage2", depth=8),
            (2, 16, 4, 5),
        )
        for variant in list(shortcuts.ACTIVATIONS)[1:]
    ],
    Case(
        "cifar_activation_variant, bottleneck",
        partial(
            unit,
            shortcuts.cifar_activation_variant,
            "relu_preact",
            "stage1",
            depth=11,
            block="bottleneck",
        ),
        (2, 16, 4, 3),
    ),
]
