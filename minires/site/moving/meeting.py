"""Two gradients that meet at the plus sign of a residual block: the branch's, and the shortcut's."""

import numpy as np

from minires.layers import Layer, Linear, ReLU, Residual, Scale, Sequential
from minires.site.moving.words import say, vector

X = np.array([[1.0, 2.0]])
FIRST, SECOND = np.array([[1.0, 1.0], [1.0, -1.0]]), np.array([[1.0, 2.0], [-1.0, 1.0]])
DY = np.array([[1.0, 2.0]])
CASES = {  # (does the shortcut exist, factor of the branch)
    "both": (True, 1),
    "no shortcut": (False, 1),
    "silent branch": (True, 0),
    "neither": (False, 0),
}


def plus() -> dict:
    """Return the numbers of a block of two units, with and without its shortcut and its branch."""
    cases = {}
    for key, (shortcut, loud) in CASES.items():
        cases[key] = _case(shortcut, loud)
    return {
        "drawn_by": "plus",
        "label": "A residual block: two gradients meet where the shortcut leaves",
        "x": X[0],
        "first": FIRST,
        "second": SECOND,
        "dy": DY[0],
        "cases": cases,
    }


def block(shortcut: bool, loud: int) -> Layer:
    """Return the block, or the branch alone if it has no shortcut; loud: 1, or 0 for second weights of 0."""
    branch = Sequential(*(Linear(2, 2, bias=False, rng=np.random.default_rng(0)) for _ in range(2)))
    branch = Sequential(branch[0], ReLU(), branch[1]).astype(np.float64)
    branch[0].weight.data[...], branch[2].weight.data[...] = FIRST, SECOND * loud
    return Residual(branch, None if shortcut else Scale(0))


def _case(shortcut: bool, loud: int) -> dict:
    whole = block(shortcut, loud)
    values, caches = [X], []
    for layer in whole.branch:
        y, cache = layer.forward(values[-1], train=True)
        values.append(y)
        caches.append(cache)
    gradients = [DY]
    for layer, cache in zip(list(whole.branch)[::-1], caches[::-1], strict=True):
        gradients.append(layer.backward(gradients[-1], cache))
    y, cache = whole.forward(X, train=True)
    dx = whole.backward(DY, cache)
    direct = DY if shortcut else 0 * DY
    return {
        "h": values[1][0],
        "r": values[2][0],
        "branch": values[3][0],
        "y": y[0],
        "dr": gradients[1][0],
        "dh": gradients[2][0],
        "dx_branch": gradients[3][0],
        "dx_shortcut": direct[0],
        "dx": dx[0],
        "texts": _texts(values, y, gradients, direct, dx, shortcut, loud),
    }


def _texts(values, y, gradients, direct, dx, shortcut, loud) -> list[str]:
    x, h, r, branch = values
    dy, dr, dh, through = gradients
    weights = f"times W₂ = ({vector(SECOND[0])}, {vector(SECOND[1])})" if loud else "times W₂ = 0"
    to_sum = (
        f"The shortcut brings x itself. At the plus sign, y = {vector(branch)} + {vector(x)} = {vector(y)}."
        if shortcut
        else f"There is no shortcut: y is what the branch brings, {vector(y)}."
    )
    split = (
        f"Backward, dy = {vector(dy)} arrives at the plus sign. A sum hands its gradient to both summands, "
        "unchanged: "
        f"{vector(dy)} into the branch, {vector(dy)} into the shortcut."
        if shortcut
        else f"Backward, dy = {vector(dy)} arrives. There is only one way to go: into the branch."
    )
    arrives = (
        f"Where the two paths began, the gradients add up: dx = {vector(through)} + {vector(direct)} = "
        f"{vector(dx)}."
        if shortcut
        else f"Nothing is added: dx = {vector(dx)}."
    )
    arrives += {
        (True, 1): " The second summand is dy itself, whatever the weights are.",
        (False, 1): " If the weights of the branch shrink it, block after block, nothing makes up for that.",
        (True, 0): " A branch with weights of 0 changes nothing: the block is the identity, also backwards.",
        (False, 0): " Without the shortcut nothing comes through, and no layer before this one can learn.",
    }[shortcut, loud]
    return [
        f"The block's input is x = {vector(x)}. It goes two ways."
        if shortcut
        else f"The block's input is x = {vector(x)}. It goes into the branch only.",
        f"The branch's first layer: W₁ x = ({say(FIRST[0, 0])}·1 + {say(FIRST[0, 1])}·2, 1·1 − 1·2) = "
        f"{vector(h)}.",
        f"The ReLU keeps what is positive: {vector(r)}.",
        f"The second layer, {weights}: the branch brings {vector(branch)}.",
        to_sum,
        split,
        f"Through W₂, transposed: {vector(dr)}.",
        f"The ReLU hands on the gradient only where its input was positive: {vector(dh)}.",
        f"Through W₁, transposed: the branch brings {vector(through)}.",
        arrives,
    ]


def table(numbers: dict) -> list[tuple]:
    """Return the rows of the table for readers without scripts, the heading first."""
    names = {
        "branch": "branch",
        "y": "y",
        "dx_branch": "dx, branch",
        "dx_shortcut": "dx, shortcut",
        "dx": "dx",
    }
    rows = [("block", *names.values())]
    for key, case in numbers["cases"].items():
        rows.append((key, *(vector(case[name]) for name in names)))
    return rows
