"""A limit on the memory of a training step: `minires train --memory 6GiB`."""

import re

from minires.accounting.memory import fit, training_memory

UNITS = {"MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}


def in_bytes(text):
    """Return the bytes of "500MB" or "6GiB". Raises ValueError for another text."""
    match = re.fullmatch(rf"(\d+(?:\.\d+)?) *({'|'.join(UNITS)})", text)
    if not match:
        raise ValueError(
            f"memory: expected a number and one of {', '.join(UNITS)}, such as 6GiB, got {text!r}"
        )
    return float(match[1]) * UNITS[match[2]]


def keep_within(limit, net, input_shape):
    """Compute stages of net in segments, as many as a step within the limit (bytes) needs; see `memory.fit`.

    input_shape: with the batch. The copy of weights and velocities that a Trainer keeps counts too, the data
    set in memory does not. Raises ValueError if the limit is too small.
    """
    needs = training_memory(net, input_shape)
    return fit(net, input_shape, limit, extra=needs.weights + needs.velocities)
