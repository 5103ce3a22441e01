"""A stack of fully-connected layers, to compare initialisations where nothing else helps: no batch norm, no
shortcuts, 22 or 30 layers."""

from functools import partial

from minires import init
from minires.layers import Flatten, Linear, ReLU, Sequential

WIDTH, PIXELS = 128, 64  # units of a layer; pixels of a digit
RULES = {"MSRA": init.msra_by_fan_in, "Xavier": partial(init.xavier, fan="in")}


def relu_stack(*, layers, rule, num_classes=10, in_channels=1, rng):
    """Build a stack of linear layers with ReLUs between them, from images of 64 pixels to logits.

    rule: one of RULES, how the weights are drawn; the biases start at 0. Both rules draw the same numbers
    from the same rng and scale them: by sqrt(2 / n) and by sqrt(1 / n).
    """
    sizes = [in_channels * PIXELS] + [WIDTH] * (layers - 1) + [num_classes]
    linears = [Linear(n, m, init=RULES[rule], rng=rng) for n, m in zip(sizes[:-1], sizes[1:], strict=True)]
    hidden = [layer for linear in linears[:-1] for layer in (linear, ReLU())]
    return Sequential(Flatten(), *hidden, linears[-1])
