# %% [markdown]
# # 17. Other shortcuts, other activations
#
# **Question.** The identity is only one choice of shortcut. A gate or a 1x1 convolution contains it as a
# special case and can do more, so why are the networks that have them *worse*? And which layers may
# stand behind the addition?
#
# *Time: 70 s. Before this: lesson 16. Sources: lecture 6, slides "Experiment Set 1" and "Experiment Set
# 2" and the slide on $h(x) = \lambda x$; He et al. 2016 (arXiv:1603.05027), figures 2 to 4, tables 1 and
# 2, section 3.*

# %%
import math

import numpy as np

from minires import experiments, gradcheck, init, lesson, plot, published
from minires.combine import Residual, Sequential
from minires.gates import Scale
from minires.layers import BatchNorm, Linear, ReLU

# %% [markdown]
# ## The units
#
# A unit is $x_{l+1} = f(h(x_l) + \mathcal F(x_l))$. With $g = \sigma(W x + b)$ for a gate:
#
# | set 1: the shortcut | $h(x)$ | the branch |
# |---|---|---|
# | original | $x$ | $\mathcal F$ |
# | constant | $0.5\,x$ | $0.5\,\mathcal F$ (`constant_unscaled`: $\mathcal F$) |
# | exclusive gate | $(1 - g)\,x$ | $g\,\mathcal F$ |
# | shortcut-only gate | $(1 - g)\,x$ | $\mathcal F$ |
# | 1x1 convolution | $W x$ | $\mathcal F$ |
# | dropout | half of $x$ set to 0 | $\mathcal F$ |
#
# In set 2 the shortcut is $x$, and the same layers stand elsewhere: $f$ is ReLU (original) or BN and
# ReLU (`bn_after`); or $f$ is the identity, and the ReLU ends the branch (`relu_before`), begins it
# (`relu_preact`), or begins it after a BN (`full_preact`, lesson 15).
#
# Two figures in the lectures need their small print. The slide says $h(x) = 0.5\,x$ for 12.4 %, but
# there the branch is halved too; with the branch as it was the paper reports a failure. And the gates
# stand or fall with the bias $b$ they start from: 8.7 % needs $b = -6$ (from 0 to $-5$ fail), while the
# 12.9 % of the shortcut-only gate is that of $b = 0$; with $b = -6$ it has 6.9 %.
#
# Before anything is trained: are the gradients of all these units right?

# %%
rng = np.random.default_rng(0)
x = rng.standard_normal((2, 16, 4, 4))
for name, build in experiments.plan("shortcuts", "fast").arms.items():
    variant = build(in_channels=1, rng=rng)["stage2"][0]  # a unit from 16 to 32 channels, stride 2
    report = gradcheck.check_gradients(variant, x, train=True, rng=rng, max_elements=12, title=name)
    report.raise_if_wrong()
print("the gradients of all units are right")

# %% [markdown]
# ## Derivation
#
# Let $h(x) = \lambda x$ and $f$ be the identity. As in lesson 16 (the lecture's sum begins at $i = 1$;
# it says itself that this should be $l$)
#
# $$\frac{\partial E}{\partial x_l} = \frac{\partial E}{\partial x_L}
#   \Big(\lambda^{L-l} + \frac{\partial}{\partial x_l} \sum_{i=l}^{L-1} \hat{\mathcal F}(x_i)\Big).$$
#
# The first term is the **direct path**, through the shortcuts alone. What of the rest, when training
# starts? Take the branch BN-ReLU-linear-BN-ReLU-linear with MSRA's weights. Of a standard normal
# variable a ReLU leaves the variance $\tfrac12 (1 - \tfrac1\pi)$ over the batch; the following weights
# double it to $1 - \tfrac1\pi = 0.68$, and this is what one branch adds:
# $\sigma_{l+1}^2 = \lambda^2 \sigma_l^2 + s^2 (1 - \tfrac1\pi)$, where $s$ scales the branch. Backwards,
# weights and ReLU together keep the mean square of the gradient (lesson 8), and each BN *divides* by the
# variance it has taken out: $\sigma_l^2$ and, inside the branch, $1 - \tfrac1\pi$. Hence
#
# $$\frac{E[g_l^2]}{E[g_{l+1}^2]} \approx \lambda^2 + \frac{s^2}{\sigma_l^2}\,\frac{\pi}{\pi - 1}.$$
#
# With $\lambda = s = 1$ the variance $\sigma_l^2$ grows with $l$, so the factor tends to 1 and the
# product grows like a power of the depth. With $\lambda = s = 0.5$ the variance stays at 0.23, the
# factor at 1.86, and the product grows *exponentially*. A plain network has two BN behind ReLUs in place
# of each unit: $(\tfrac{\pi}{\pi-1})^2$.

# %% [markdown]
# ## Predict
#
# Shortcuts halved 54 times leave $0.5^{54} = 5.6 \cdot 10^{-17}$ of the direct path. With 54 such units,
# at the start of training: which power of ten is the norm of the gradient with respect to the input,
# divided by that with respect to the output?

# %%
predicted_power = -16

# %% [markdown]
# ## Measure
#
# 54 fully-connected units of 128, batches of 256; post-activation as in the tables, and pre-activation,
# where the direct path can be followed exactly.

# %%
WIDTH, BLOCKS, BATCH, HALF = 128, 54, 256, 0.5


def unit(keep, share, *, preactivation, rng):
    """Return keep * x + share * F(x), with a ReLU behind the addition or nothing."""
    first, second = (Linear(WIDTH, WIDTH, bias=False, init=init.msra_by_fan_in, rng=rng) for _ in range(2))
    norms, relu = [BatchNorm(WIDTH), BatchNorm(WIDTH)], ReLU()
    before = [norms[0], relu, first, norms[1], relu, second]
    after = [first, norms[0], relu, second, norms[1]]
    branch = Sequential(*(before if preactivation else after), Scale(share))
    return Residual(branch, Scale(keep), None if preactivation else relu)


def gradients(keep, share, *, preactivation=False, seed=0):
    """Return the gradient's norm before each unit, and the direct path's before the first (output: 1)."""
    rng = np.random.default_rng(seed)
    net = Sequential(*(unit(keep, share, preactivation=preactivation, rng=rng) for _ in range(BLOCKS)))
    x = np.maximum(rng.standard_normal((BATCH, WIDTH), dtype=np.float32), 0)
    _, caches = net.forward(x, train=True)
    direct = gradient = dy = rng.standard_normal((BATCH, WIDTH), dtype=np.float32)
    norms = []
    for block in reversed(net.parts.values()):
        cache = caches.pop()
        direct = block.shortcut.backward(direct, cache[1])
        gradient = block.backward(gradient, cache)
        norms.insert(0, np.linalg.norm(gradient) / np.linalg.norm(dy))
    return np.array(norms), np.linalg.norm(direct) / np.linalg.norm(dy)


def derived(keep, share, variance=0.5 - 0.5 / math.pi):
    """Return the first of those norms by the formula; variance: of x, a normal variable behind a ReLU."""
    square = 1.0
    for _ in range(BLOCKS):
        square *= keep**2 + share**2 / variance * math.pi / (math.pi - 1)
        variance = keep**2 * variance + share**2 * (1 - 1 / math.pi)
    return math.sqrt(square)


post = {"identity": (1, 1), "0.5 and 0.5": (HALF, HALF), "plain": (0, 1)}
norms = {name: gradients(*scales)[0] for name, scales in post.items()}
(before_1, direct_1), (before_half, direct_half) = (
    gradients(scale, scale, preactivation=True) for scale in (1, HALF)
)
lesson.table(
    ("gradient, input / output", "predicted", "derived", "measured", "direct path"),
    ("pre-activation, identity", None, derived(1, 1), before_1[0], direct_1),
    ("pre-activation, 0.5 and 0.5", 10.0**predicted_power, derived(0.5, 0.5), before_half[0], direct_half),
    ("post-activation, identity", None, None, norms["identity"][0], None),
    ("post-activation, 0.5 and 0.5", None, None, norms["0.5 and 0.5"][0], None),
    ("plain", None, (math.pi / (math.pi - 1)) ** 54, norms["plain"][0], None),
)


def near(value, expected, decades=0.3):
    return abs(math.log10(value / expected)) <= decades


assert direct_half == 0.5**54, "the direct path is exactly the product of the shortcuts"
assert near(before_1[0], 53) and near(norms["identity"][0], 1e2), "the identity keeps the gradient in bounds"
assert near(norms["0.5 and 0.5"][0], 5e6) and near(norms["plain"][0], 4e8), "the others explode"
assert near(before_1[0], derived(1, 1)) and near(before_half[0], derived(0.5, 0.5), 0.8)
assert near(norms["plain"][0], (math.pi / (math.pi - 1)) ** 54, 0.6)

# %%
plain = (math.pi / (math.pi - 1)) ** np.arange(BLOCKS, 0.0, -1)
labels = {"xlabel": "unit", "ylabel": "gradient before the unit / behind the last (norms)"}
lesson.show(plot.lines(norms, derived={"plain, derived": plain}, log=True, **labels))

# %% [markdown]
# Nothing vanishes! Halving shortcuts make the gradient *explode*, almost as without any; BN sees to
# that. (The formula is one for very wide layers and long batches: a factor of 3 too large after 54
# units.) What is lost is not the size but the **share** of the direct path: one part in $10^{23}$ with
# halved shortcuts, one in about 50 with the identity. The rest has come through dozens of random
# matrices, and says little about which way an early unit should go.

# %% [markdown]
# ## Does it matter for training?
#
# These runs come with the lesson: the digits, 56 layers, 276 iterations with batches of 64 at a rate of
# 0.1, three seeds, all under equal conditions
# (`python -m minires.experiments shortcuts stored --out DIR` makes them again). Beside them the paper's
# test errors of ResNet-110 on CIFAR-10, which nobody here has measured.

# %%
stored = experiments.stored("shortcuts")
paper = {row["model"]: row["percent"] for row in published.rows("cifar10 resnet110 shortcuts")}
paper |= {row["model"]: row["percent"] for row in published.rows("cifar10 after the addition, 110 layers")}


def error(arm, measure="train_error", runs=stored):
    """Return the last errors of all seeds, in percent."""
    return np.array([100 * run.final(measure) for run in runs[arm]])


def results(runs):
    """Print the errors of all networks beside the paper's."""
    header = ("error in %", "paper, test", "train", "test", "train of each seed")
    each = {arm: " ".join(f"{e:.1f}" for e in error(arm, runs=runs)) for arm in runs}
    rows = (
        (arm, paper[arm], error(arm, runs=runs).mean(), error(arm, "test_error", runs).mean(), each[arm])
        for arm in runs
    )
    lesson.table(header, *rows)


results(stored)

# %%
SHORTCUTS = {
    "constant": "0.5 x and 0.5 F",
    "constant_unscaled": "0.5 x and F",
    "exclusive_gate": "exclusive gate, b = -6",
    "shortcut_gate": "shortcut-only gate, b = 0",
    "conv1x1": "1x1 convolution",
    "dropout": "dropout",
}
AFTER = {
    "bn_after": "BN and ReLU after the addition",
    "relu_before": "ReLU before the addition",
    "relu_preact": "ReLU first in the branch",
    "full_preact": "BN and ReLU first (pre-activation)",
}
blocked = ("constant", "constant_unscaled", "shortcut_gate", "conv1x1", "dropout", "bn_after", "relu_before")
for arm in blocked:
    assert (error(arm) > error("original")).all(), (
        f"{arm} should train worse than the original, in every seed"
    )
for arm in ("exclusive_gate", "relu_preact", "full_preact"):
    assert (error(arm) < error("original")).all(), f"{arm} should train better than the original here"


def panels(titles, columns):
    """Return the Figure of the original and the networks in titles."""
    some = {arm: stored[arm] for arm in ("original", *titles)}
    labels = {"titles": titles, "title": "56 layers on the digits; shade: three seeds"}
    return plot.run_panels(some, reference="original", columns=columns, ylim=(-2, 100), **labels)


lesson.show(panels(SHORTCUTS, 3))
lesson.show(panels(AFTER, 2))

# %% [markdown]
# Everything that multiplies on the shortcut trains worse than the original, in every seed and with 4 to
# 17 times its training error on average; the paper finds the same. Set 2 shows it from the other side.
# BN behind the addition scales the signal of *all* paths in every unit, and a ReLU at the end of the
# branch lets $\mathcal F$ only ever add: both are worse, here as there. With the activations ahead of
# the branch nothing touches $x$ any more, and 56 layers begin faster than the original. (In the paper
# the ReLU alone ends level with it; with BN it ends ahead.)
#
# One result is *not* the paper's: its exclusive gate ends 2 points behind the original, ours is ahead.
# With $b = -6$ the branch starts with $\sigma(-6) = 0.25$ % of its weight, so the network begins as
# nearly the identity, an easy beginning (lesson 19). Our runs see nothing but the beginning: 276
# iterations. What the gates cost shows up in the paper's 64,000.
#
# ## The same, live
#
# Six epochs of 20 layers, one seed. (`--full` trains the paper's eleven networks of 110 layers: 64k
# iterations each, batches of 128, 0.1 divided by 10 at 32k and 48k, the first 400 at 0.01. It needs
# CIFAR-10, a GPU and days, and goes on where it was stopped.)

# %%
setting = lesson.setting()
options = {"device": "gpu", "out": "runs/shortcuts-full"} if setting == "full" else {}
live = experiments.run("shortcuts", setting, **options)
results(live)
lesson.show(plot.run_panels(live, reference="original", columns=5, ylim=(-2, 100)))
if setting == "live":
    assert error("dropout", runs=live) > error("original", runs=live), (
        "noise in the shortcut hurts 20 layers too"
    )

# %% [markdown]
# With 20 layers all of them learn, and the differences are small: nine units block a shortcut far less
# than 54. That is why the paper asks this question of more than 100 layers.
#
# ## What to keep
#
# - A shortcut that multiplies blocks the direct path, by the product of all its factors, and training
#   gets harder although the network can express more: "optimization difficulty dominates".
# - At the start of training nothing vanishes in these networks. BN makes the gradients explode wherever
#   the signal does not grow.
# - Leave the addition alone: what is meant to act on the branch belongs in the branch, and ahead of it.
#
# ## What to try next
#
# `experiments.plan("shortcuts", "live").arms` has all builders: give the shortcut-only gate a bias of
# $-6$ (`gate_bias=-6.0` of `models.shortcuts.cifar_shortcut_variant`) and train it. Set `HALF` to 0.9:
# which gradients still explode?
#
# ## Exercises
#
# 1. A shortcut-only gate starts with $W x \approx 0$. What is left of the direct path after 54 units
#    with $b = 0$, what with $b = -6$? Compare with the paper's 12.9 % and 6.9 %.
# 2. Today's dropout divides by the probability to keep, so that $E[h(x)] = x$. Would that save the
#    dropout shortcut?
#
# ## Answers
#
# 1. $1 - \sigma(0) = 0.5$ and $0.5^{54} = 5.6 \cdot 10^{-17}$; $1 - \sigma(-6) = 0.99753$ and
#    $0.99753^{54} = 0.875$. With $b = -6$ the shortcut is nearly the identity, and so is the error.
# 2. The mean of the direct path would be 1, but every unit doubles its mean square: after 54 units it is
#    $2^{54}$, nearly always 0 and rarely enormous. Without the division, as in the paper, the mean is
#    $0.5^{54}$.
