"""The networks, by name: `build("resnet20", num_classes=10, rng=rng)`. One file a family."""

import difflib
from functools import partial

from minires.models.cifar import cifar_plain, cifar_resnet

__all__ = ["build", "cifar_plain", "cifar_resnet", "names"]

_BUILDERS = {f"resnet{depth}": partial(cifar_resnet, depth=depth) for depth in (8, 20, 32, 44, 56, 110)}
_BUILDERS |= {f"plain{depth}": partial(cifar_plain, depth=depth) for depth in (8, 20, 32, 44, 56, 110)}


def names():
    """Return the names that `build` knows, in order of family and depth."""
    return list(_BUILDERS)


def build(name, *, num_classes=10, rng, **options):
    """Build a network by its name, with fresh weights drawn from rng.

    options: passed on to the family's builder (in_channels=1 for grey images).
    Raises ValueError for an unknown name, with the nearest known ones.
    """
    if name not in _BUILDERS:
        near = difflib.get_close_matches(name, _BUILDERS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(_BUILDERS)}"
        raise ValueError(f"unknown model {name!r}; {hint}")
    return _BUILDERS[name](num_classes=num_classes, rng=rng, **options)
