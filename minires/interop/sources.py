"""What names and shapes of weights do not tell, and what the networks of each source compute.

The same arrays give other numbers where a bottleneck's stride stands in the first 1x1 instead of the 3x3
convolution, or where a padded shortcut's zeros are appended instead of put on both sides. So it is asked
before arrays are copied: whose weights are these, and does this network compute what theirs does?
"""

from collections.abc import Iterable
from typing import Any

from minires.layers import BatchNorm, Conv2d, Layer, PadShortcut, Residual, StochasticDepth

SOURCES = ("torchvision", "timm", "cifar", "same")

# {source: {fact: what its networks have}}, the facts of `facts`; of "same" they are those of the network
CONVENTIONS: dict[str, dict[str, object]] = {
    "torchvision": {"stride_in": "3x3", "stem_pool": "padded", "survival": None},
    "timm": {"stride_in": "3x3", "stem_pool": "padded", "survival": None},
    "cifar": {"stride_in": "3x3", "placement": "split", "survival": None},
}
# {fact that people disagree on: (whose names tell it all the same, what it says)}
DISPUTED = {
    "stride_in": (("timm",), "where a bottleneck's stride stands, in the first 1x1 or in the 3x3 ('v1.5')"),
    "placement": (("cifar",), "where the padded shortcuts' zeros stand"),
}
SAME = "source='same' for those of a network that computes what this one does, such as one saved by to_torch"


def check_source(net: Layer, names: str, source: str | None) -> None:
    """Raise ValueError unless the networks that the weights are from compute what net does.

    Parameters
    ----------
    names
        Whose names the weights have, of NAMES.
    source
        One of SOURCES; None: that of the names, or an error if these do not tell enough.
    """
    if source not in (None, *SOURCES):
        raise ValueError(f"source: expected one of {', '.join(SOURCES)}, got {source!r}")
    own = facts(net)
    unknown = [fact for fact, (owners, _) in DISPUTED.items() if fact in own and names not in owners]
    if source is None and unknown:
        questions = " and ".join(DISPUTED[fact][1] for fact in unknown)
        answers = ", ".join(f"{fact}={own[fact]!r}" for fact in unknown)
        raise ValueError(
            f"the names of these weights do not tell {questions} (this network has {answers}); say whose "
            f"they are: source='torchvision', 'timm' or 'cifar', or {SAME}"
        )
    if source == "same":
        return
    wrong = differences(net, source or names)
    if wrong:
        raise ValueError(
            f"weights of the source {source or names!r} give other numbers in this network: "
            f"{'; '.join(wrong)}. Build it as theirs is, or say {SAME}"
        )


def differences(net: Layer, source: str, *, only_known: bool = False) -> list[str]:
    """Return in what net differs from the networks of a source, of CONVENTIONS, a phrase for each.

    only_known: leave out what its networks do not have at all, for then there is none that could be meant.
    """
    expected: dict[str, object] = {"eps": 1e-5, **CONVENTIONS[source]}
    if "inception3a" in dict(net.children()):
        expected["eps"] = 1e-3
    wrong = []
    for fact, value in facts(net).items():
        if fact not in expected and not only_known:
            wrong.append(f"they have nothing like {fact}={value!r}")
        elif fact in expected and value != expected[fact]:
            wrong.append(f"they have {fact}={expected[fact]!r}, this one {value!r}")
    return wrong


def facts(net: Layer) -> dict[str, Any]:
    """Return {option of a builder: its value in net}, of those only that make a difference there."""
    layers = [layer for _, layer in net.named_layers()]
    stem = dict(net.children()).get("stem")
    pools = [layer for _, layer in stem.named_layers() if hasattr(layer, "ceil_mode")] if stem else []
    found: dict[str, Any] = {
        "eps": {float(f"{layer.eps:.4g}") for layer in layers if isinstance(layer, BatchNorm)},
        "placement": {layer.placement for layer in layers if isinstance(layer, PadShortcut)},
        "survival": {layer.survival for layer in layers if isinstance(layer, StochasticDepth)},
        "stem_pool": {"ceil" if pool.ceil_mode else "padded" for pool in pools},
        "stride_in": set(_strides_in(layers)),
    }
    return {fact: _one(values) for fact, values in found.items() if values}


def _strides_in(layers: Iterable[Layer]) -> Iterable[str]:
    """Yield "1x1" or "3x3" for each bottleneck that makes the map smaller."""
    for layer in layers:
        if isinstance(layer, Residual):
            convs = [inner for _, inner in layer.branch.named_layers() if isinstance(inner, Conv2d)]
            strided = [conv for conv in convs if conv.stride != (1, 1)]
            if strided and len(convs) == 3:
                yield "x".join(map(str, strided[0].weight.data.shape[2:]))


def _one(values: set) -> Any:
    """Return what all have in common; the values, in order, where they differ."""
    return next(iter(values)) if len(values) == 1 else tuple(sorted(values))
