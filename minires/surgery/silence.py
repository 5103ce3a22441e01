"""Residual branches that start silent, so that every block starts as its shortcut."""

from typing import TypeVar

from minires.layers import Layer, Residual
from minires.surgery.parts import fill, last_to_silence, weight, where

N = TypeVar("N", bound=Layer)


def zero_last_gamma(net: N) -> N:
    """Set gamma and beta of the norm that ends each residual branch to 0, in place: zero-gamma.

    Returns
    -------
    net
        Every block now starts as its shortcut, and signals and gradients cross any number of blocks
        unchanged. The first gradients go to these gammas; once they have moved, to everything before them.

    Raises
    ------
    ValueError
        If a branch ends otherwise (pre-activation units end in a convolution).

    References
    ----------
    Goyal et al. 2017 (arXiv:1706.02677), section 5.1.
    """
    return _silence(net, weighted=False, otherwise="zero_last_conv")


def zero_last_conv(net: N) -> N:
    """Set weight and bias of the convolution that ends each residual branch to 0, in place.

    For branches that end in it, as pre-activation units and networks without batch norm do.

    Returns
    -------
    net

    Raises
    ------
    ValueError
        If a branch ends in a norm: zero comes out of a zero convolution, but batch norm would divide
        its first gradient by the deviation of a constant, sqrt(0 + eps), that is multiply it by 316 for eps =
        1e-5. There take `zero_last_gamma`.
    """
    return _silence(net, weighted=True, otherwise="zero_last_gamma")


def _silence(net: N, *, weighted: bool, otherwise: str) -> N:
    blocks = {name: block for name, block in net.named_layers() if isinstance(block, Residual)}
    if not blocks:
        raise ValueError("this network has no residual blocks")
    last = {name: last_to_silence(block.branch) for name, block in blocks.items()}
    for name, layer in last.items():
        if (weight(layer) is not None) != weighted:
            raise ValueError(
                f"the branch of {where(name)} ends in a {type(layer).__name__}; see {otherwise} for those"
            )
    for layer in last.values():
        fill(layer, 0, 0)
    return net
