"""Folding: what is several layers in training is one in evaluation.

In eval mode batch norm is a line for each channel, and a line of a convolution is a convolution::

    scale * (weight x + bias) + shift = (scale * weight) x + (scale * bias + shift)

So a convolution, the batch norm after it and a ReLU after that can be one layer, whose output is written once
instead of three times; and the addition that ends a residual block can be one with its ReLU.
"""

import copy
from collections.abc import Mapping
from typing import Any

import minires.functional as F
from minires.backend import array_module
from minires.layers import (
    BatchNorm,
    Concat,
    Conv2d,
    GatedResidual,
    Layer,
    Recompute,
    ReLU,
    Residual,
    Sequential,
    StochasticDepth,
)
from minires.layers.trace import Blank, Step
from minires.models.heads import NetworkWithHeads
from minires.models.network import Network
from minires.typing import Array


def fold(net: Layer) -> Layer:
    """Return a network that predicts what net predicts, faster: batch norm and ReLU fused into convolutions.

    Parameters
    ----------
    net
        It stays as it is: its names, its state, its watchers (who see the layers that are not folded, for
        these are called).

    Returns
    -------
    folded
        For `predict` alone. It shares the parameters and running averages of net, so it follows net when that
        is trained on. What is of a class derived from the library's may compute something else and is never
        folded, but called as it is.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> net = Sequential(Conv2d(3, 4, 3, rng=rng), BatchNorm(4), ReLU())
    >>> len(fold(net))
    1
    """
    kind: Any = type(net)
    its: Any = net  # what it has follows from its class
    if kind is Sequential:
        return FoldedSequential(**_merged(its.parts))
    if kind in (Network, NetworkWithHeads):  # in eval mode the heads are off
        return FoldedNetwork(**_merged(its.parts))
    if kind is Residual:
        return FoldedResidual(fold(its.branch), fold(its.shortcut), its.after)
    if kind in (StochasticDepth, GatedResidual):
        return _copied(net, **{name: fold(part) for name, part in net.children()})
    if kind is Concat:
        return Concat(**{name: fold(branch) for name, branch in its.branches.items()})
    return fold(its.inner) if kind is Recompute else net


def _copied(layer: Layer, **changed: Layer) -> Layer:
    """Return a shallow copy of a composite with other parts, watched by nobody."""
    twin = copy.copy(layer)
    for method in ("forward", "backward"):  # what `probe.watch` has put there
        vars(twin).pop(method, None)
    vars(twin).update(changed)
    return twin


def _merged(parts: Mapping[str, Any]) -> dict[str, Layer]:
    """Return {name: part} with folded convolutions; each has the convolution's name."""
    left, merged = list(parts.items()), dict[str, Layer]()
    while left:
        name, part = left.pop(0)
        norm: Any = None
        relu: Any = None
        if type(part) is Conv2d:
            if left and type(left[0][1]) is BatchNorm:
                norm = left.pop(0)[1]
            if left and type(left[0][1]) is ReLU:
                relu = left.pop(0)[1]
        merged[name] = FoldedConv2d(part, norm, relu) if norm or relu else fold(part)
    return merged


class _Folded(Layer):
    """For evaluation alone."""

    def forward(self, x: Array, *, train: bool) -> tuple[Any, Any]:
        if train:
            raise ValueError("a folded network only predicts; train the network that it was made from")
        return self.predict(x), ()

    def backward(self, dy: Array, cache: Any) -> Array:
        raise ValueError("a folded network only predicts; train the network that it was made from")


class FoldedConv2d(_Folded):
    """A convolution, the batch norm after it and a ReLU after that (layers or None), in eval mode."""

    def __init__(self, conv: Conv2d, norm: BatchNorm | None = None, relu: ReLU | None = None) -> None:
        self.conv, self.norm, self.relu = conv, norm, relu

    def predict(self, x: Array) -> Array:
        weight, bias = self.conv.weight.data, self.conv.bias.data if self.conv.bias else None
        if self.norm is not None:
            gamma, beta = self.norm.gamma.data, self.norm.beta.data
            if len(gamma) != len(weight):
                raise ValueError(f"x has {len(weight)} channels, but this layer normalises {len(gamma)}")
            scale = gamma / array_module(gamma).sqrt(self.norm.running_var.data + self.norm.eps)
            shift = beta - self.norm.running_mean.data * scale
            weight = weight * scale[:, None, None, None]
            bias = shift if bias is None else bias * scale + shift
        return F.conv2d_predict(x, weight, bias, **self.conv.options, relu=self.relu is not None)

    def trace(self, x: Blank) -> Step:
        step = self.conv.trace(x)
        return Step(self, x, step.y, macs=step.macs)


class FoldedSequential(_Folded, Sequential):
    """One part after the other, in eval mode."""

    def predict(self, x: Array) -> Array:
        held = [x]
        del x  # while a part works, only the part itself keeps its input alive
        for part in self.parts.values():
            held.append(part.predict(held.pop()))
        return held.pop()


class FoldedNetwork(Network, FoldedSequential):
    """A Network in eval mode, which still names the sizes that it can take."""


class FoldedResidual(_Folded, Residual):
    """A residual block in eval mode: the addition and a ReLU after it in one."""

    def predict(self, x: Array) -> Array:
        shortcut, held = self.shortcut.predict(x), [x]
        del x  # from here on the branch alone needs it
        relu = type(self.after) is ReLU
        y = F.residual_add_predict(self.branch.predict(held.pop()), shortcut, relu=relu)
        del shortcut
        return y if relu else self.after.predict(y)
