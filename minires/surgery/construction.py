"""Solution by construction: a deeper network that computes what a shallower, trained one computes.

Because such a network exists, a deeper one should never have the higher training error; that plain networks
do have it was the riddle that residual networks answer (He et al. 2015, arXiv:1512.03385, section 1).
"""

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from minires import init
from minires.backend import array_module, to_module
from minires.checks import whole_number
from minires.layers import BatchNorm, Conv2d, Identity, Layer, Linear, Parameter, Residual, Sequential
from minires.layers.trace import Blank
from minires.surgery.parts import fill, find, in_a_row, inputs, last_to_silence, weight, where

L = TypeVar("L", bound=Layer)


def deepen(net: Layer, *, blocks: int = 1, stages: Sequence[str] | None = None) -> Layer:
    """Return a copy of the network with that many more blocks in each stage, which change nothing at first.

    Parameters
    ----------
    blocks
        How many more.
    stages
        Names of the Sequentials to deepen; a chain of single layers gets one more layer (with its batch norm
        and ReLU) after its last ReLU. None: every part of net that ends in a block, or net itself.

    Raises
    ------
    ValueError
        Where the identity cannot be constructed, saying why.

    Notes
    -----
    What is added can learn, but starts as the identity:

    - where a stage ends in a residual block: one with an identity shortcut (no gate, nothing else on it) and
      a branch that ends in zero, its other weights those of the block before. Exact in both modes;
    - where it ends in a plain block: one whose convolutions copy channel i to channel i. Exact, for what
      comes out of a ReLU is not negative and passes the next (`Layer.idempotent`);
    - with batch norm in the plain block (running mean 0 and variance 1 - eps, gamma 1, beta 0): equal up to
      rounding (1e-6) and in eval mode only. In training it subtracts the mean of the batch.

    Examples
    --------
    >>> from minires import models
    >>> net = models.build("resnet8", rng=rng)
    >>> deeper = deepen(net, blocks=2)
    >>> x = rng.standard_normal((1, 3, 32, 32), np.float32)
    >>> bool(np.allclose(deeper.predict(x), net.predict(x)))
    True
    """
    whole_number("blocks", blocks, least=1)
    deeper = copy.deepcopy(net)
    if isinstance(stages, str):
        stages = (stages,)
    elif stages is None:
        stages = [name for name, part in deeper.children() if _ends_in_a_block(part)] or [""]
    for name in stages:
        stage = find(deeper, name)
        if not isinstance(stage, Sequential):
            raise ValueError(
                f"{where(name)} cannot be deepened: it is a {type(stage).__name__}, no Sequential"
            )
        for _ in range(blocks):
            try:
                _append_identity(stage)
            except ValueError as error:
                hint = "" if name else "; stages=(name, ...) deepens parts of a network"
                raise ValueError(f"{where(name)} cannot be deepened: {error}{hint}") from None
    deeper.zero_grad()
    return deeper


def _ends_in_a_block(part: Layer) -> bool:
    return isinstance(part, Sequential) and len(part) > 0 and isinstance(part[-1], (Residual, Sequential))


def _append_identity(stage: Sequential) -> None:
    names, parts = list(stage.parts), list(stage.parts.values())
    ends = [i for i, part in enumerate(parts) if part.idempotent and not isinstance(part, Identity)]
    if _ends_in_a_block(stage):
        at = len(parts)
        like: Callable[[Any], Layer] = (
            _residual_identity if isinstance(stage[-1], Residual) else _plain_identity
        )
        new: list[Layer] = [like(stage[-1])]
    elif ends:
        at = ends[-1] + 1
        begin = max((i for i in range(at) if weight(parts[i])), default=0)
        new = list(_plain_identity(Sequential(*parts[begin:at])).parts.values())
    else:
        raise ValueError("it has neither a block at its end nor a ReLU")
    parts[at:at] = new
    if names == [str(i) for i in range(len(names))]:
        names = [str(i) for i in range(len(parts))]
    else:
        free = [f"identity{i}" for i in range(len(parts)) if f"identity{i}" not in names]
        names[at:at] = free[: len(new)]
    stage.parts = dict(zip(names, parts, strict=True))


def _residual_identity(block: Residual) -> Residual:
    """Return a residual block like that one that computes after(branch(x) + x) with branch(x) = 0."""
    after = in_a_row(block.after)
    changing = [layer for layer in after if not layer.idempotent]
    if changing or len(after) > 1:
        what = type((changing or after)[0]).__name__
        raise ValueError(
            f"a {what} follows its additions; only nothing, or what changes nothing a second time as a ReLU, "
            "lets x through"
        )
    branch = _trainable_copy(block.branch)
    fill(last_to_silence(branch), 0, 0)
    weighted = [layer for _, layer in branch.named_layers() if weight(layer)]
    if not weighted:
        raise ValueError("a branch has no convolution, so its channels are not known")
    width = len(weight(weighted[-1]).data)
    for layer in weighted:
        if hasattr(layer, "stride"):
            layer.stride = (1, 1)
    if inputs(weighted[0]) != width:  # that block changed the shape; this one must not
        make_identity(weighted[0], width)
    return _checked(Residual(branch, after=_trainable_copy(block.after)), width, weighted[-1])


def _plain_identity(chain: L) -> L:
    """Return a chain like that one whose every layer returns what it gets, if that is not negative."""
    chain = _trainable_copy(chain)
    layers = in_a_row(chain)
    weighted = [layer for layer in layers if weight(layer)]
    width = len(weight(weighted[-1]).data) if weighted else 0
    for layer in layers:
        if not layer.idempotent and weight(layer) is None:
            make_identity(layer, width)
    # only what has been through an activation passes the same one unchanged
    others = [layer for layer in layers if layer.idempotent and type(layer) is not type(layers[-1])]
    if not weighted or not layers[-1].idempotent or others:
        raise ValueError("it does not end in a layer with weights and a ReLU")
    if any(len(weight(layer).data) != width for layer in weighted):
        raise ValueError(f"between its layers there are not always {width} channels, so a copy does not fit")
    for layer in weighted:
        make_identity(layer, width)
    return _checked(chain, width, weighted[-1])


@functools.singledispatch
def make_identity(layer: Layer, width: int) -> None:
    """Let a layer return its input of `width` channels, in place; register another kind of layer here.

    Raises ValueError if this kind of layer cannot.
    """
    raise ValueError(f"a {type(layer).__name__} does not return its input, whatever its weights")


@make_identity.register(Conv2d)
@make_identity.register(Linear)
def _copy_channels(layer: Any, width: int) -> None:
    kernel = layer.weight.data.shape[2:]
    if kernel:
        layer.stride, layer.dilation, layer.groups = (1, 1), (1, 1), 1
        layer.padding = tuple(size // 2 for size in kernel)
    old = layer.weight.data
    copying = init.identity((len(old), width, *kernel)).astype(old.dtype)
    layer.weight = Parameter(to_module(copying, array_module(old)))
    if layer.bias:
        layer.bias.data.fill(0)


@make_identity.register(BatchNorm)
def _neutralise(norm: BatchNorm, width: int) -> None:
    """In eval mode: (x - 0) / sqrt(1 - eps + eps)."""
    fill(norm, 1, 0)
    norm.running_mean.data.fill(0)
    norm.running_var.data.fill(1 - norm.eps)


def _checked(block: L, width: int, layer: Layer) -> L:
    """Return the block, or raise ValueError unless it keeps the shape of its input."""
    shape = (2, width) if weight(layer).data.ndim == 2 else (2, width, 32, 32)
    try:
        block.trace(Blank(shape))
    except ValueError as error:  # a branch and an identity shortcut that no longer fit
        raise ValueError("its layers change the size of the map") from error
    return block


def _trainable_copy(layer: L) -> L:
    """Return a copy that is not frozen and shares the generators, so that no mask is drawn twice."""
    twin = copy.deepcopy(layer, {id(rng): rng for _, rng in layer.named_generators()})
    for _, inner in twin.named_layers():
        inner.frozen = False
    for _, parameter in twin.named_parameters():
        parameter.frozen = False
    return twin
