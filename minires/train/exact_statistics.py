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
    momenta = [norm.momentum for norm in exact.norms]
    states = [rng.bit_generator.state for rng in generators]
    try:
        with probe.watch(net, exact):
            for x in batches:
                exact.images = len(x)
                net.forward(x, train=True)
    finally:
        for norm, momentum in zip(exact.norms, momenta, strict=True):
            norm.momentum = momentum
        for rng, state in zip(generators, states, strict=True):
            rng.bit_generator.state = state
    if not exact.images:
        raise ValueError("batches: expected at least one batch, got none")


class _Exact(probe.Observer):
    """Makes each average that of all batches its layer has seen: a dropped branch misses some, and a layer
    that stands at two places sees each twice. A layer that sees none keeps the averages it had."""

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.norms = list({id(n): n for n in layers if isinstance(n, BatchNorm) and not n.frozen}.values())
        self.seen = {id(norm): 0 for norm in self.norms}
        self.images = 0  # of the current batch

    def before(self, name: str, layer: Any) -> None:
        if id(layer) not in self.seen:
            return
        seen = self.seen[id(layer)]
        if not seen:  # a momentum of 0 forgets every old average but infinity and NaN: 0 times those is NaN
            layer.running_mean.data.fill(0)
            layer.running_var.data.fill(0)
        # running = momentum * running + (1 - momentum) * batch is then the mean over all images so far
        self.seen[id(layer)] = seen + self.images
        layer.momentum = seen / self.seen[id(layer)]
