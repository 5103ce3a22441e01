"""A limit on the memory of a training step: `minires train --memory 6GiB`."""

import re

from minires.accounting.memory import fit, training_memory
from minires.layers import Layer
from minires.typing import Shape

UNITS = {"MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}


def in_bytes(text: str) -> float:
    """Return the bytes of a text such as "500MB" or "6GiB".

    Raises
    ------
    ValueError
        For another text.

    Examples
    --------
    >>> in_bytes("6GiB") / 2**30
    6.0
    """
    match = re.fullmatch(rf"(\d+(?:\.\d+)?) *({'|'.join(UNITS)})", text)
    if not match:
        raise ValueError(
            f"memory: expected a number and one of {', '.join(UNITS)}, such as 6GiB, got {text!r}"
        )
    return float(match[1]) * UNITS[match[2]]


def keep_within(limit: float, net: Layer, input_shape: Shape, *, means: int = 1) -> dict[str, int]:
    """Compute stages of a network in segments, as many as a step within the limit needs; see `memory.fit`.

    Parameters
    ----------
    limit
        In bytes. The copy of weights and velocities that a Trainer keeps counts too, the data set in memory
        does not.
    input_shape : (N, C, H, W)
    means
        Arrays like the parameters that the optimiser keeps: 1 with momentum, 2 with Adam.

    Raises
    ------
    ValueError
        If the limit is too small.
    """
    needs = training_memory(net, input_shape)
    return fit(net, input_shape, limit, extra=needs.weights + (2 * means - 1) * needs.velocities)
