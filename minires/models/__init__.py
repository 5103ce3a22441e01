"""The networks, by name: `build("resnet20", num_classes=10, rng=rng)`. One file a family.

Builders with more to choose are `cifar_resnet(depth=...)` and its like here; those of the older families
stand in their files: `vgg.vgg(depth=...)`, `alexnet.alexnet(...)`, `googlenet.googlenet(...)`, `fcn.fcn(...)`.
"""

import difflib

from minires.models import (
    alexnet,
    cifar,
    fcn,
    googlenet,
    highway,
    inception_resnet,
    nin,
    preresnet,
    resnet,
    rir,
    shortcuts,
    vgg,
    wide,
    zfnet,
)
from minires.models.cifar import cifar_plain, cifar_resnet
from minires.models.highway import cifar_highway, dense_highway
from minires.models.preresnet import cifar_preresnet, imagenet_preresnet
from minires.models.resnet import imagenet_plain, imagenet_resnet
from minires.models.rir import cifar_rir
from minires.models.shortcuts import cifar_activation_variant, cifar_shortcut_variant
from minires.models.wide import wide_resnet

__all__ = [
    "about",
    "build",
    "cifar_activation_variant",
    "cifar_highway",
    "cifar_plain",
    "cifar_preresnet",
    "cifar_resnet",
    "cifar_rir",
    "cifar_shortcut_variant",
    "dense_highway",
    "fcn",
    "imagenet_plain",
    "imagenet_preresnet",
    "imagenet_resnet",
    "names",
    "wide_resnet",
]

FAMILIES = (  # in the order of the lectures; each lists its networks in MODELS
    alexnet,
    zfnet,
    vgg,
    nin,
    googlenet,
    cifar,
    resnet,
    preresnet,
    shortcuts,
    highway,
    wide,
    rir,
    inception_resnet,
)

_MODELS = {name: entry for family in FAMILIES for name, entry in family.MODELS.items()}


def names():
    """Return the names that `build` knows, in order of family and depth."""
    return list(_MODELS)


def about(name):
    """Return the Entry of a name: (build, input_shape (C, H, W), num_classes) it was designed for.

    Raises ValueError for an unknown name, with the nearest known ones.
    """
    if name not in _MODELS:
        near = difflib.get_close_matches(name, _MODELS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(_MODELS)}"
        raise ValueError(f"unknown model {name!r}; {hint}")
    return _MODELS[name]


def build(name, *, num_classes=None, rng, **options):
    """Build a network by its name, with fresh weights drawn from rng.

    num_classes: outputs; None: what it was designed for (10 for CIFAR, 1000 for ImageNet).
    rng: numpy.random.Generator, or `init.SHAPES_ONLY` for a network that takes no memory and can be counted.
    options: passed on to the family's builder (in_channels=1 for grey images).
    Raises ValueError for an unknown name, with the nearest known ones.
    """
    entry = about(name)
    classes = entry.num_classes if num_classes is None else num_classes
    return entry.build(num_classes=classes, rng=rng, **options)
