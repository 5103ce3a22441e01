"""The networks, by name: `build("resnet20", num_classes=10, rng=rng)`. One file a family."""

import difflib

from minires.models import cifar
from minires.models.cifar import cifar_plain, cifar_resnet

__all__ = ["about", "build", "cifar_plain", "cifar_resnet", "names"]

FAMILIES = (cifar,)  # each lists its networks in MODELS

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
