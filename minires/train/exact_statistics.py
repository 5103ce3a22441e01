"""Batch norm's exact statistics after training, in place of the running averages collected on the way."""

from collections.abc import Iterable
from typing import Any

from minires import probe
from minires.layers import BatchNorm, Layer
from minires.typing import Array


def recompute_statistics(net: Layer, batches: Iterable[Array]) -> None:
    """Set every BatchNorm's running_mean and running_var to the exact statistics over these batches.

    Parameters
    ----------
    batches : iterable of x (N, C, H, W)
        At least one, as `net.forward` takes them; normalised training images as a rule, shuffled, all batches
        but the last of one size.

    Raises
    ------
    ValueError
        Without a batch.

    Notes
    -----
    mean = E[batch mean], var = E[unbiased batch variance], each batch counting by its images. The running
    averages lag behind weights that still move; these do not. Frozen layers stay as they are, and so does
    everything else: momentum, generators, gradients.

    References
    ----------
    Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithm 2, lines 7 to 10. He et al. call it post-processing.

    Examples
    --------
    >>> from minires.layers import BatchNorm
    >>> norm = BatchNorm(1)
    >>> recompute_statistics(norm, np.array([[[1], [3]], [[5], [7]]], np.float32))  # two batches
    >>> float(norm.running_mean.data[0]), float(norm.running_var.data[0])
    (4.0, 2.0)
    """
    exact = _Exact(layer for _, layer in net.named_layers())
    generators = [rng for _, rng in net.named_generators()]
    states = [rng.bit_generator.state for rng in generators]
    try:
        with probe.watch(net, exact):
            for x in batches:
                exact.images = len(x)
                net.forward(x, train=True)
    finally:
        exact.restore()
        for rng, state in zip(generators, states, strict=True):
            rng.bit_generator.state = state
    if not exact.images:
        raise ValueError("batches: expected at least one batch, got none")
    exact.write()


class _Exact(probe.Observer):
    """Adds up each layer's batch statistics, in float64, over the batches it has seen: a dropped branch
    misses some, and a layer that stands at two places sees each twice. A layer that sees none keeps
    its averages."""

    def __init__(self, layers: Iterable[Layer]) -> None:
        norms = {id(n): n for n in layers if isinstance(n, BatchNorm) and not n.frozen}
        self.found = {key: _Sums(norm) for key, norm in norms.items()}
        self.images = 0  # of the current batch

    def before(self, name: str, layer: Any) -> None:
        if id(layer) in self.found:
            # forgets every average but infinity and NaN: 0 times those is NaN
            layer.momentum = 0.0
            layer.running_mean.data.fill(0)
            layer.running_var.data.fill(0)

    def forward(self, name: str, layer: Any, x: Any, y: Any) -> None:
        if id(layer) in self.found:  # with a momentum of 0 the averages are this batch's own
            sums = self.found[id(layer)]
            sums.mean += self.images * layer.running_mean.data.astype("float64")
            sums.var += self.images * layer.running_var.data.astype("float64")
            sums.images += self.images

    def restore(self) -> None:
        """Give every layer the momentum and the averages that it had."""
        for sums in self.found.values():
            sums.norm.momentum = sums.momentum
            sums.norm.running_mean.data[...], sums.norm.running_var.data[...] = sums.before

    def write(self) -> None:
        """Give every layer that has seen a batch the means of what was added up."""
        for sums in self.found.values():
            if sums.images:
                sums.norm.running_mean.data[...] = sums.mean / sums.images
                sums.norm.running_var.data[...] = sums.var / sums.images


class _Sums:
    """Of one BatchNorm: what was added up, and what it had before."""

    def __init__(self, norm: BatchNorm) -> None:
        self.norm, self.momentum, self.images = norm, norm.momentum, 0
        self.before = norm.running_mean.data.copy(), norm.running_var.data.copy()
        self.mean: Any = 0.0
        self.var: Any = 0.0
