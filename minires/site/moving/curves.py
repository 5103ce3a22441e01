"""The sliders: closed forms, and beside each what the library measures, at every place of every slider.

A picture has two sliders. The first chooses what was built, the second a point of the curve (or a second
choice). A case is all that is drawn for one choice: for each series the derived curve and the measured dots.
"""

import cmath
import functools
import math
from itertools import pairwise

import numpy as np

import minires.functional as F
from minires import init, probe
from minires.layers import (
    GatedResidual,
    Linear,
    ReLU,
    Residual,
    Scale,
    Sequential,
    Sigmoid,
    StochasticDepth,
)
from minires.site.moving.words import RAISED, say


def slider(name: str, values, start, labels=None) -> dict:
    """Return a slider over these values; labels: how each is written, if not as a number."""
    labels = [say(value) for value in values] if labels is None else labels
    return {"name": name, "labels": list(labels), "start": list(values).index(start)}


def series(name: str, derived, measured, at: int | None = None) -> dict:
    """Return a curve and its dots, over the same x; at: which point is read out, if no slider says so."""
    found = {"name": name, "derived": np.asarray(derived), "measured": np.asarray(measured)}
    return found if at is None else {**found, "at": at}


# -- lesson 8 ------------------------------------------------------------------------------------------------

GAINS, DEPTH, WIDTH = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0), 30, 192


@functools.cache
def _normal(seed: int) -> np.ndarray:
    """Return weights of variance 1 for all layers: every gain scales the same draw."""
    return np.random.default_rng(seed).standard_normal((DEPTH, WIDTH, WIDTH), dtype=np.float32)


def variances(gain: float, seed: int = 0) -> np.ndarray:
    """Return the variance of the pre-activations of each of DEPTH ReLU layers / the first's."""
    rng = np.random.default_rng(seed + 100)
    linears = [Linear(WIDTH, WIDTH, bias=False, rng=init.SHAPES_ONLY) for _ in range(DEPTH)]
    for linear, weight in zip(linears, _normal(seed), strict=True):
        linear.weight.data = weight * math.sqrt(gain / WIDTH)
    net = Sequential(*(layer for linear in linears for layer in (linear, ReLU())))
    with probe.watch(net, probe.Statistics()) as seen:
        net.forward(rng.standard_normal((64, WIDTH), dtype=np.float32), train=True)
    found = np.array(seen.series("variance", Linear))
    return found / found[0]


def gain() -> dict:
    """Return lesson 8's stack: a ReLU halves the variance, the weights bring a gain of n Var[w]."""
    layers = np.arange(1, DEPTH + 1)
    labels = [say(g) + {1.0: " (Xavier)", 2.0: " (MSRA)"}.get(g, "") for g in GAINS]
    cases = {}
    for at, g in enumerate(GAINS):
        measured = np.exp(np.mean([np.log(variances(g, seed)) for seed in range(3)], axis=0))
        cases[at] = [series("(gain / 2)ᴸ⁻¹", (g / 2) ** (layers - 1.0), measured)]
    return {
        "drawn_by": "curves",
        "label": "How a signal's variance grows with depth",
        "sliders": [
            slider("gain n·Var[w]", GAINS, 1.0, labels),
            slider("layer L", layers, 22),
        ],
        "x": layers,
        "xlabel": "layer L",
        "where": "in layer {}",
        "ylabel": "variance / that of layer 1",
        "log": True,
        "cases": cases,
    }


# -- lesson 7 ------------------------------------------------------------------------------------------------

LAST, RULES = (16, 32, 64, 128, 256, 512), ("in", "average", "out")
WIDTHS = (128, 256, 512, 256)


def way(last: int, fan: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance of the signal after 0, 1, ..., 4 linear layers, and of the gradient there."""
    rng, widths = np.random.default_rng(seed), (*WIDTHS, last)
    draw = functools.partial(init.xavier, fan=fan)
    layers = [Linear(a, b, bias=False, init=draw, rng=rng) for a, b in pairwise(widths)]
    x, caches, forward = rng.standard_normal((128, WIDTHS[0]), dtype=np.float32), [], [1.0]
    start = x.var()
    for layer in layers:
        x, cache = layer.forward(x, train=True)
        caches.append(cache)
        forward.append(x.var() / start)
    dy = rng.standard_normal(x.shape, dtype=np.float32)
    backward, end = [1.0], dy.var()
    for layer, cache in zip(layers[::-1], caches[::-1], strict=True):
        dy = layer.backward(dy, cache)
        backward.append(dy.var() / end)
    return np.array(forward), np.array(backward[::-1])


def derived_way(last: int, fan: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what `way` should find: products over n_in Var[w] forward, over n_out Var[w] backward."""
    pairs = list(pairwise((*WIDTHS, last)))
    variance = [{"in": 1 / a, "out": 1 / b, "average": 2 / (a + b)}[fan] for a, b in pairs]
    forward = np.cumprod([1.0, *(a * v for (a, _), v in zip(pairs, variance, strict=True))])
    backward = np.cumprod([1.0, *(b * v for (_, b), v in zip(pairs[::-1], variance[::-1], strict=True))])
    return forward, backward[::-1]


def fans() -> dict:
    """Return lesson 7's four layers, 128-256-512-256-n, under three rules and for six widths n."""
    cases = {}
    for i, fan in enumerate(RULES):
        for j, last in enumerate(LAST):
            forward, backward = np.mean([way(last, fan, seed) for seed in range(3)], axis=0)
            expected = derived_way(last, fan)
            cases[f"{i},{j}"] = [
                series("signal, forward →,", expected[0], forward, at=4),
                series("gradient, ← backward,", expected[1], backward, at=0),
            ]
    return {
        "drawn_by": "curves",
        "label": "Fan in or fan out: either suffices",
        "sliders": [
            slider("Var[w] by", RULES, "in", ("fan in", "their average", "fan out")),
            slider("width of the last layer", LAST, 32),
        ],
        "x": np.arange(5),
        "where": "after {} layers",
        "xlabel": "layers passed (widths 128, 256, 512, 256, last)",
        "ylabel": "variance / that at its start",
        "log": True,
        "ylim": [1 / 16, 16],
        "cases": cases,
    }


# -- lessons 16 and 17 ---------------------------------------------------------------------------------------

FACTORS, UNITS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0, 1.01, 1.05, 1.1), 54


def direct(factor: float) -> np.ndarray:
    """Return the gradient after 0, 1, ..., UNITS units without branches, their shortcuts scaled."""
    gradient, found = np.ones((1, 1)), [1.0]
    unit = Residual(branch=Scale(0), shortcut=Scale(factor))
    for _ in range(UNITS):
        _, cache = unit.forward(np.ones((1, 1)), train=True)
        gradient = unit.backward(gradient, cache)
        found.append(gradient[0, 0])
    return np.array(found)


def shortcuts() -> dict:
    """Return lesson 16's direct path: lambda^(L - l) of the gradient, lambda on every shortcut."""
    passed = np.arange(UNITS + 1)
    cases = {at: [series("λᴸ⁻ˡ", f ** passed.astype(float), direct(f))] for at, f in enumerate(FACTORS)}
    return {
        "drawn_by": "curves",
        "label": "What scaled shortcuts leave of a gradient's direct path",
        "sliders": [slider("factor λ", FACTORS, 0.9), slider("units passed L − l", passed, UNITS)],
        "x": passed,
        "xlabel": "units passed, L − l",
        "where": "after {} units",
        "ylabel": "fraction of the gradient",
        "log": True,
        "cases": cases,
    }


BIASES, STACKS = tuple(range(-10, 3)), (1, 9, 18, 54)


def gated(bias: float, units: int) -> tuple[float, float]:
    """Return what `units` gates that start at this bias leave of a gradient, and what one gives its "
    "branch."""
    gate = Sequential(Linear(1, 1, rng=np.random.default_rng(0)), Sigmoid()).astype(np.float64)
    gate[0].weight.data.fill(0)
    gate[0].bias.data.fill(bias)
    x, unit = np.ones((1, 1)), GatedResidual(Scale(0), gate)  # F = 0: the direct path alone
    gradient = np.ones((1, 1))
    for _ in range(units):
        _, cache = unit.forward(x, train=True)
        gradient = unit.backward(gradient, cache)
    share = GatedResidual(Scale(1), gate, Scale(0)).predict(x)  # the branch alone
    return float(gradient[0, 0]), float(share[0, 0])


def gates() -> dict:
    """Return lesson 16's gates: 1 - sigma(b) of the shortcut passes each, sigma(b) of the branch."""
    fine = np.linspace(BIASES[0], BIASES[-1], 61)
    branch, smooth = (1 / (1 + np.exp(-np.array(b, float))) for b in (BIASES, fine))
    cases = {}
    for at, units in enumerate(STACKS):
        found = np.array([gated(bias, units) for bias in BIASES]).T
        raised = f"{units}".translate(RAISED).removeprefix("¹")
        cases[at] = [
            series(f"shortcut, (1 − σ(b)){raised},", (1 - branch) ** units, found[0]),
            series("branch of one unit, σ(b),", branch, found[1]),
        ]
        cases[at][0]["curve"], cases[at][1]["curve"] = (1 - smooth) ** units, smooth
    return {
        "drawn_by": "curves",
        "label": "Where a gate should start",
        "sliders": [slider("units", STACKS, 54), slider("bias b", BIASES, -6)],
        "x": np.array(BIASES),
        "curve_x": fine,
        "where": "with b = {}",
        "xlabel": "bias b that the gates start from",
        "ylabel": "share that passes",
        "ylim": [0, 1],
        "cases": cases,
    }


# -- lesson 21 -----------------------------------------------------------------------------------------------

BLOCKS, SURVIVALS, STEPS = (9, 27, 54), tuple(np.arange(1, 11) / 10), 40


class _One(Scale):
    """A branch that returns ones: it counts the blocks that take part."""

    def forward(self, x, *, train):
        return np.ones_like(x), ()


def depths(blocks: int, last: float) -> np.ndarray:
    """Return in how many blocks STEPS forward passes with stochastic depth took part."""
    rng = np.random.default_rng(0)
    rule = 1 - np.arange(1, blocks + 1) / blocks * (1 - last)
    net = Sequential(*(StochasticDepth(_One(0), survival=p, rng=rng) for p in rule))
    counts = [net.forward(np.zeros((1, 1)), train=True)[0][0, 0] for _ in range(STEPS)]
    return np.array(counts)


def survival() -> dict:
    """Return lesson 21's expected depth, L - (1 - p_L) (L + 1) / 2."""
    p = np.array(SURVIVALS)
    cases = {}
    for at, blocks in enumerate(BLOCKS):
        measured = [depths(blocks, last).mean() for last in SURVIVALS]
        cases[at] = [series("L − ½ (1 − p)(L + 1)", blocks - (1 - p) * (blocks + 1) / 2, measured)]
    return {
        "drawn_by": "curves",
        "label": "How many blocks take part in a step of stochastic depth",
        "sliders": [slider("blocks L", BLOCKS, 54), slider("survival of the last block, p", SURVIVALS, 0.5)],
        "x": p,
        "where": "with p = {}",
        "xlabel": "survival probability of the last block, p",
        "ylabel": "blocks in a step, on average",
        "ylim": [0, 60],
        "cases": cases,
    }


# -- lesson 0 ------------------------------------------------------------------------------------------------

RATES, MOMENTA, WALK = (0.02, 0.1, 0.5, 1.0, 1.5, 1.9, 2.0, 2.1, 3.2), (0.0, 0.25, 0.64, 0.81, 0.9), 30


def walk(rate: float, momentum: float) -> np.ndarray:
    """Return theta after 0, 1, ..., WALK steps of gradient descent down theta^2 / 2, from 1."""
    theta, velocity, path = np.ones(1), np.zeros(1), [1.0]
    for _ in range(WALK):
        F.sgd_step(theta, theta.copy(), velocity, lr=rate, momentum=momentum, decay=0.0, nesterov=False)
        path.append(theta[0])
    return np.array(path)


def closed_walk(rate: float, momentum: float) -> np.ndarray:
    """Return the same from the roots of r^2 - (1 + momentum - rate) r + momentum = 0."""
    step, half = np.arange(WALK + 1), (1 + momentum - rate) / 2
    root = cmath.sqrt(half * half - momentum)
    r, s = half + root, half - root
    if momentum == 0:
        return (1 - rate) ** step
    a = (1 - rate - s) / (r - s)  # theta_0 = 1, theta_1 = 1 - rate
    return np.array([(a * r**t + (1 - a) * s**t).real for t in map(int, step)])


def largest_root(rate: float, momentum: float) -> float:
    """Return by what a step multiplies the error in the long run."""
    half = (1 + momentum - rate) / 2
    root = cmath.sqrt(half * half - momentum)
    return max(abs(half + root), abs(half - root))


def descent() -> dict:
    """Return lesson 0's parabola: the way of a weight for each rate and momentum."""
    cases, notes = {}, {}
    for i, rate in enumerate(RATES):
        for j, momentum in enumerate(MOMENTA):
            key, r = f"{i},{j}", largest_root(rate, momentum)
            cases[key] = [series("θ", closed_walk(rate, momentum), walk(rate, momentum), at=10)]
            end = "stays as far away" if abs(r - 1) < 1e-9 else "diverges" if r > 1 else "converges"
            notes[key] = f"In the long run a step multiplies the error by {say(round(r, 3))}: θ {end}."
    return {
        "drawn_by": "curves",
        "label": "Down a parabola, with a rate and a momentum",
        "sliders": [
            slider("rate × curvature, ηλ", RATES, 1.5),
            slider("momentum β", MOMENTA, 0.0),
        ],
        "x": np.arange(WALK + 1),
        "xlabel": "step",
        "where": "after {} steps",
        "ylabel": "θ, the distance from the minimum",
        "ylim": [-2, 2],
        "notes": notes,
        "cases": cases,
    }


def table(numbers: dict) -> list[tuple]:
    """Return where the sliders begin as a table, at most eleven points, the heading first."""
    starts = [s["start"] for s in numbers["sliders"]]
    case = numbers["cases"].get(f"{starts[0]},{starts[1]}") or numbers["cases"][str(starts[0])]
    names = [s["name"] for s in case]
    titles = [f"{name.rstrip(',')}, {what}" for name in names for what in ("derived", "measured")]
    x, step = numbers["x"], math.ceil(len(numbers["x"]) / 11)
    at = [*range(0, len(x) - 1, step), len(x) - 1]
    rows = [(numbers["xlabel"], *titles)]
    for i in at:
        rows.append((say(x[i]), *(say(s[kind][i]) for s in case for kind in ("derived", "measured"))))
    return rows
