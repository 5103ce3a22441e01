"""Fine-tuning: another head on a trained network, and a prefix that stays as it is."""

from functools import partial
from typing import Any, TypeVar

from minires import init
from minires.backend import array_module
from minires.checks import whole_number
from minires.layers import Conv2d, Layer, Linear, Sequential, freeze
from minires.surgery.parts import find, inputs, listed
from minires.typing import Generator

N = TypeVar("N", bound=Layer)


def replace_head(net: N, num_classes: int, *, name: str | None = None, rng: Generator) -> N:
    """Put a fresh layer with num_classes outputs in the place of the last one, in place: for fine-tuning.

    Parameters
    ----------
    net
        Its head is the last Linear, or the last convolution if its kernel is 1x1; that of each auxiliary head
        is replaced too. All other layers stay the same objects.
    name
        The layer to replace instead, a dotted path.
    rng
        Draws the weights, as a classifier's.

    Returns
    -------
    net
        The new layer has the inputs, the dtype and the device of the old one.

    Raises
    ------
    ValueError
        If there is no such layer, or if it is no head.

    Notes
    -----
    Build the optimiser afterwards: it holds the parameters it was given.

    Examples
    --------
    >>> from minires import models
    >>> net = replace_head(models.build("resnet8", rng=rng), num_classes=3, rng=rng)
    >>> net.predict(np.zeros((1, 3, 32, 32), np.float32)).shape
    (1, 3)
    """
    whole_number("num_classes", num_classes, least=1)
    layers = [path for path, layer in net.named_layers() if isinstance(layer, (Conv2d, Linear))]
    if name is None and not layers:
        raise ValueError("this network has neither a Linear nor a Conv2d, so no head to replace")
    side = tuple(getattr(net, "heads", ()))  # auxiliary heads, which answer the same question
    ends = [[path for path in layers if path.startswith(f"{head}.")][-1] for head in side]
    ends.append([path for path in layers if not path.startswith(side)][-1])
    for path in ends if name is None else [name]:
        _replace(net, path, num_classes, layers, rng)
    return net


def _replace(net: Layer, path: str, num_classes: int, candidates: list[str], rng: Generator) -> None:
    old = find(net, path)
    if not isinstance(old, Linear) and not (isinstance(old, Conv2d) and old.weight.data.shape[2:] == (1, 1)):
        raise ValueError(
            f"{path!r} is not a head, a Linear or a 1x1 Conv2d; the candidates are {listed(candidates)}"
        )
    options: dict[str, Any] = {
        "bias": old.bias is not None,
        "init": partial(init.xavier, fan="in"),
        "rng": rng,
    }
    if isinstance(old, Linear):
        new: Layer = Linear(inputs(old), num_classes, **options)
    else:
        options |= {"stride": old.stride, "padding": old.padding, "dilation": old.dilation}
        new = Conv2d(inputs(old), num_classes, 1, **options)
    new.astype(old.weight.data.dtype).to(array_module(old.weight.data))
    before, _, last = path.rpartition(".")
    parent = find(net, before)
    for holder in (vars(parent), *(value for value in vars(parent).values() if isinstance(value, dict))):
        if holder.get(last) is old:
            holder[last] = new


def freeze_prefix(net: N, name: str) -> N:
    """Freeze everything up to and including the part called name, in place.

    Parameters
    ----------
    name
        A dotted path through Sequentials, "stage1" or "stage2.0": in them before and after mean something.

    Returns
    -------
    net
        Its frozen parameters stay as they are, batch norm there uses its running averages and does not move
        them.

    Raises
    ------
    ValueError
        For an unknown name, with the nearest ones.

    Examples
    --------
    >>> from minires import models
    >>> net = freeze_prefix(models.build("resnet8", rng=rng), "stage2")
    >>> [name for name, parameter in net.named_parameters() if not parameter.frozen][:2]
    ['stage3.0.branch.0.weight', 'stage3.0.branch.1.gamma']
    """
    if not name:
        raise ValueError("name: expected the part to freeze up to, got an empty text")
    find(net, name)  # complains of an unknown name
    part: Layer = net
    path: list[str] = []
    frozen: list[Layer] = []
    for word in name.split("."):
        if not isinstance(part, Sequential):
            whole = ".".join(path)
            raise ValueError(
                f"{name!r} lies inside {whole!r}, a {type(part).__name__}, whose paths run side by side: "
                f"there is no before in it; freeze up to {whole!r}"
            )
        names = list(part.parts)
        frozen += [part[before] for before in names[: names.index(word)]]
        part, path = part[word], [*path, word]
    for layer in [*frozen, part]:
        freeze(layer)
    return net
