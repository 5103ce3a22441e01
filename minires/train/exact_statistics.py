"""Batch norm's exact statistics after training, in place of the running averages collected on the way."""

from minires.layers import BatchNorm


def recompute_statistics(net, batches):
    """Set every BatchNorm's running_mean and running_var to the statistics over these batches.

    batches: an iterable of x (N, C, H, W), at least one, as `net.forward` takes them; normalised training
    images as a rule, shuffled, all batches but the last of one size.
    mean = E[batch mean], var = E[unbiased batch variance], each batch counting by its images:
    Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithm 2, lines 7 to 10. He et al. call it post-processing.
    The running averages lag behind weights that still move; these do not. Frozen layers stay as they are,
    and so does everything else: momentum, generators, gradients. Raises ValueError without a batch.
    """
    norms = [layer for _, layer in net.named_layers() if isinstance(layer, BatchNorm) and not layer.frozen]
    generators = [rng for _, rng in net.named_generators()]
    momenta = [norm.momentum for norm in norms]
    states = [rng.bit_generator.state for rng in generators]
    seen = 0
    try:
        for x in batches:
            if not seen:
                _forget(norms)
            # running = share * running + (1 - share) * batch is then the mean over all images so far
            for norm in norms:
                norm.momentum = seen / (seen + len(x))
            net.forward(x, train=True)
            seen += len(x)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for rng, state in zip(generators, states, strict=True):
            rng.bit_generator.state = state
    if not seen:
        raise ValueError("batches: expected at least one batch, got none")


def _forget(norms):
    """A momentum of 0 forgets every old average but infinity and NaN: 0 times those is NaN."""
    for norm in norms:
        norm.running_mean.data.fill(0)
        norm.running_var.data.fill(0)
