"""Solution by construction: a deeper network that computes what a shallower, trained one computes.

Because such a network exists, a deeper one should never have the higher training error; that plain networks
do have it was the riddle that residual networks answer (He et al. 2015, arXiv:1512.03385, section 1).
"""

import copy
from collections.abc import Sequence

from minires import init
from minires.backend import array_module, to_module
from minires.checks import whole_number
from minires.layers import BatchNorm, Conv2d, Identity, Layer, Linear, Parameter, ReLU, Residual, Sequential
from minires.layers.trace import Blank
from minires.surgery.parts import fill, find, in_a_row, inputs, last_with_weights, where


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
      comes out of a ReLU is not negative and passes the next;
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


def _ends_in_a_block(part):
    return isinstance(part, Sequential) and len(part) > 0 and isinstance(part[-1], (Residual, Sequential))


def _append_identity(stage):
    names, parts = list(stage.parts), list(stage.parts.values())
    relus = [i for i, part in enumerate(parts) if isinstance(part, ReLU)]
    if _ends_in_a_block(stage):
        at = len(parts)
        like = _residual_identity if isinstance(stage[-1], Residual) else _plain_identity
        new = [like(stage[-1])]
    elif relus:
        at = relus[-1] + 1
        begin = max((i for i in range(at) if isinstance(parts[i], (Conv2d, Linear))), default=0)
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


def _residual_identity(block):
    """Return a residual block like that one that computes after(branch(x) + x) with branch(x) = 0."""
    after = in_a_row(block.after)[0]
    if not isinstance(block.after, (Identity, ReLU)):
        raise ValueError(
            f"a {type(after).__name__} follows its additions; only a ReLU or nothing lets x through"
        )
    branch = _trainable_copy(block.branch)
    fill(last_with_weights(branch), 0, 0)
    convs = [layer for _, layer in branch.named_layers() if isinstance(layer, (Conv2d, Linear))]
    width = len(convs[-1].weight.data)
    for conv in convs:
        if isinstance(conv, Conv2d):
            conv.stride = (1, 1)
    if inputs(convs[0]) != width:  # that block changed the shape; this one must not
        _copy_channels(convs[0], width)
    return _checked(Residual(branch, after=_trainable_copy(block.after)), width, convs[-1])


def _plain_identity(chain):
    """Return a chain like that one whose every layer returns what it gets, if that is not negative."""
    chain = _trainable_copy(chain)
    layers = in_a_row(chain)
    for layer in layers:
        if not isinstance(layer, (Conv2d, Linear, BatchNorm, ReLU)):
            raise ValueError(f"a {type(layer).__name__} does not return its input, whatever its weights")
    weighted = [layer for layer in layers if isinstance(layer, (Conv2d, Linear))]
    if not weighted or not isinstance(layers[-1], ReLU):
        raise ValueError("it does not end in a layer with weights and a ReLU")
    width = len(weighted[-1].weight.data)
    if any(len(layer.weight.data) != width for layer in weighted):
        raise ValueError(f"between its layers there are not always {width} channels, so a copy does not fit")
    for layer in layers:
        if isinstance(layer, BatchNorm):
            _neutralise(layer)
        elif not isinstance(layer, ReLU):
            _copy_channels(layer, width)
    return _checked(chain, width, weighted[-1])


def _copy_channels(layer, width):
    """Let a Conv2d or Linear take `width` channels and copy channel i to channel i, in place."""
    kernel = layer.weight.data.shape[2:]
    if kernel:
        layer.stride, layer.padding, layer.groups = (1, 1), tuple(size // 2 for size in kernel), 1
    old = layer.weight.data
    weight = init.identity((len(old), width, *kernel)).astype(old.dtype)
    layer.weight = Parameter(to_module(weight, array_module(old)))
    if layer.bias:
        layer.bias.data.fill(0)


def _neutralise(norm):
    """Let a batch norm return its input in eval mode, in place: (x - 0) / sqrt(1 - eps + eps)."""
    fill(norm, 1, 0)
    norm.running_mean.data.fill(0)
    norm.running_var.data.fill(1 - norm.eps)


def _checked(block, width, layer):
    """Return the block, or raise ValueError unless it keeps the shape of its input."""
    shape = (2, width) if isinstance(layer, Linear) else (2, width, 32, 32)
    try:
        block.trace(Blank(shape))
    except ValueError as error:  # a branch and an identity shortcut that no longer fit
        raise ValueError("its layers change the size of the map") from error
    return block


def _trainable_copy(layer):
    """Return a copy that is not frozen and shares the generators, so that no mask is drawn twice."""
    twin = copy.deepcopy(layer, {id(rng): rng for _, rng in layer.named_generators()})
    for _, inner in twin.named_layers():
        inner.frozen = False
    for _, parameter in twin.named_parameters():
        parameter.frozen = False
    return twin
