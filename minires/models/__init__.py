"""The networks, by name: `build("resnet20", num_classes=10, rng=rng)`. One file a family.

Builders with more to choose are `cifar_resnet(depth=...)` and its like here; those of the older families
stand in their files: `vgg.vgg(depth=...)`, `googlenet.googlenet(...)`, `nin.nin(...)`, `fcn.fcn(...)`.
"""

import difflib
import inspect
from typing import Any

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
from minires.models.network import Entry, Network
from minires.models.preresnet import cifar_preresnet, imagenet_preresnet
from minires.models.resnet import imagenet_plain, imagenet_resnet
from minires.models.rir import cifar_rir
from minires.models.shortcuts import cifar_activation_variant, cifar_shortcut_variant
from minires.models.wide import wide_resnet
from minires.typing import Generator, Shape

__all__ = [
    "about",
    "build",
    "build_for",
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
    "options_of",
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


def names() -> list[str]:
    """Return the names that `build` knows, in order of family and depth.

    Examples
    --------
    >>> [name for name in names() if name.startswith("wide")][:2]
    ['wide_resnet16_4', 'wide_resnet16_8']
    """
    return list(_MODELS)


def about(name: str) -> Entry:
    """Return the Entry of a name: what builds it, and the images and classes that it was designed for.

    Raises
    ------
    ValueError
        For an unknown name, with the nearest known ones.

    Examples
    --------
    >>> entry = about("resnet50")
    >>> entry.input_shape, entry.num_classes
    ((3, 224, 224), 1000)
    """
    if not isinstance(name, str):
        raise TypeError(f"name: expected a text such as 'resnet20', got {type(name).__name__}")
    if name not in _MODELS:
        near = difflib.get_close_matches(name, _MODELS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(_MODELS)}"
        raise ValueError(f"unknown model {name!r}; {hint}")
    return _MODELS[name]


def build(name: str, *, num_classes: int | None = None, rng: Generator, **options: Any) -> Network:
    """Build a network by its name, with fresh weights.

    Parameters
    ----------
    name
        One of `names`.
    num_classes
        Outputs; None: what it was designed for (10 for CIFAR, 1000 for ImageNet).
    rng
        Draws the weights; `init.SHAPES_ONLY` for a network that takes no memory and can be counted.
    options
        Passed on to the family's builder, such as in_channels=1 for grey images; `options_of` lists them.

    Raises
    ------
    ValueError
        For an unknown name, with the nearest known ones, and for an option that this network does not have
        (its depth and what else the name says is one).

    Examples
    --------
    >>> net = build("resnet20", num_classes=10, rng=np.random.default_rng(0))
    >>> y, cache = net.forward(np.zeros((2, 3, 32, 32), np.float32), train=True)
    >>> y.shape, sum(parameter.data.size for _, parameter in net.named_parameters())
    ((2, 10), 269722)
    """
    entry, possible = about(name), options_of(name)
    for option in options.keys() - possible:
        raise ValueError(
            f"{name} has no option {option!r}; there are {', '.join(['num_classes', *possible])}"
        )
    classes = entry.num_classes if num_classes is None else num_classes
    return entry.build(num_classes=classes, rng=rng, **options)


def build_for(
    name: str, image_shape: Shape, *, num_classes: int | None = None, rng: Generator, **options: Any
) -> Network:
    """Build a network by its name for images of a given shape; otherwise as `build`.

    Parameters
    ----------
    image_shape : (C, H, W)
        The channels are passed on, and the size to networks whose fully-connected layers depend on it: VGG
        for CIFAR has a smaller fc6.

    Examples
    --------
    >>> net = build_for("resnet8", (1, 8, 8), rng=rng)
    >>> net.predict(np.zeros((1, 1, 8, 8), np.float32)).shape
    (1, 10)
    """
    channels, height, width = image_shape
    fitting = {"in_channels": channels}
    if "image_size" in options_of(name) and height == width:
        fitting["image_size"] = height
    return build(name, num_classes=num_classes, rng=rng, **fitting | options)


def options_of(name: str) -> list[str]:
    """Return the options that `build` takes for this name, besides num_classes and rng.

    Examples
    --------
    >>> options_of("vgg16")
    ['in_channels', 'width', 'hidden', 'image_size', 'keep']
    """
    build = about(name).build
    settled = {"num_classes", "rng", *getattr(build, "keywords", ())}
    return [option for option in inspect.signature(build).parameters if option not in settled]
