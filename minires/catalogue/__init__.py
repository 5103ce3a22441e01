"""One example of every pair, layer, block and network, on small inputs chosen to expose mistakes.

`minires gradcheck` compares the gradients of every row with numeric ones, and the tests send every row
through all that a pair or a layer promises (read-only inputs, dtypes, memory orders, another device, ...). So
what is new needs one row:

    pairs       an operation of `minires.functional`
    layers      a layer of `minires.layers`
    blocks      layers put together: residual blocks, gates, the units of the networks
    networks    whole networks
    detectors   detectors with their losses

Non-square images and kernels, strides above 1, padding, a batch of 1, both modes.
"""

import difflib

from minires.catalogue.blocks import BLOCKS
from minires.catalogue.detectors import DETECTORS, DetectorRow
from minires.catalogue.layers import LAYERS
from minires.catalogue.networks import NETWORKS
from minires.catalogue.pairs import PAIRS
from minires.catalogue.rows import Check, LayerRow, NetworkRow, PairRow, randomize

__all__ = [
    "BLOCKS",
    "Check",
    "DETECTORS",
    "DetectorRow",
    "LAYERS",
    "LayerRow",
    "NETWORKS",
    "NetworkRow",
    "PAIRS",
    "PairRow",
    "checks",
    "layer_rows",
    "randomize",
]


def layer_rows():
    """Return every LayerRow: layers, blocks and small networks."""
    return [row for row in (*LAYERS, *BLOCKS, *NETWORKS) if isinstance(row, LayerRow)]


def checks(name=None):
    """Return the list of all gradient Checks, or of those called name.

    Raises ValueError for an unknown name, with the known ones.
    """
    every = [check for row in (*PAIRS, *LAYERS, *BLOCKS, *NETWORKS, *DETECTORS) for check in row.checks()]
    chosen = [check for check in every if name in (None, check.name)]
    if not chosen:
        known = list(dict.fromkeys(check.name for check in every))
        near = difflib.get_close_matches(name, known, n=3) or difflib.get_close_matches(name.lower(), known)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
        raise ValueError(f"unknown check {name!r}; {hint}")
    return chosen
