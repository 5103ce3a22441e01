# %% [markdown]
# # 17. Other shortcuts, other activations
#
# **Question.** The identity is only one choice of shortcut. A gate or a 1x1 convolution contains it as a
# special case and can do more, so why are the networks that have them *worse*? And which layers may
# stand after the addition?
#
# *Time: 50 s. Before this: lesson 16. Sources: lecture 6, slides "Experiment Set 1" and "Experiment Set
# 2" and the slide on $h(x) = \lambda x$; He et al. 2016 (arXiv:1603.05027), figures 2 to 4, tables 1 and
# 2, section 3.*

# %%
import math

import numpy as np

from minires import experiments, gradcheck, init, lesson, plot
from minires.accounting import published
from minires.layers import BatchNorm, Linear, ReLU, Residual, Scale, Sequential
from minires.models.shortcuts import SHORTCUTS

# %% [markdown]
# ## Predict
#
# Shortcuts halved 54 times leave $0.5^{54} = 5.6 \cdot 10^{-17}$ of what goes through the shortcuts alone
# (lesson 16). But there is more to a unit than its shortcut. Take 54 units at the start of training, with
# batch norm in the branches: how much larger or smaller is the gradient at their input than at their output?
# And of six other shortcuts, three of which contain the identity as a special case, how many train worse?

# %%
power_halved = lesson.predict(
    "Shortcut and branch halved: what power of ten is the gradient's norm, at the input / at the output?",
    by=1,
)
power_identity = lesson.predict("The same for the identity: what power of ten?", by=1)
power_plain = lesson.predict("The same for a plain network, two layers in place of each unit?", by=1)
worse = lesson.predict("Of six other shortcuts in 56 layers, how many train worse than the identity?", by=0)

# %% [markdown]
# ## The units
#
# A unit is $x_{l+1} = f(h(x_l) + \mathcal F(x_l))$: a shortcut $h$, a branch $\mathcal F$, and $f$ after
# the addition. In set 1 $f$ is a ReLU; a gate is $g = \sigma(W x + b)$ with the logistic function $\sigma$:
#
# | set 1 | shortcut $h(x)$ | branch |
# |---|---|---|
# | `original` | $x$ | $\mathcal F$ |
# | `constant` | $0.5\,x$ | $0.5\,\mathcal F$ (`constant_unscaled`: $\mathcal F$) |
# | `exclusive_gate` | $(1 - g)\,x$ | $g\,\mathcal F$ |
# | `shortcut_gate` | $(1 - g)\,x$ | $\mathcal F$ |
# | `conv1x1` | $W x$ | $\mathcal F$ |
# | `dropout` | half of $x$ set to 0 | $\mathcal F$ |
#
# In set 2 the shortcut is $x$, and the same layers stand elsewhere: $f$ is BN and ReLU (`bn_after`); or
# $f$ is the identity, and the ReLU ends the branch (`relu_before`), begins it (`relu_preact`), or begins
# it after a BN (`full_preact`, lesson 15).
#
# Some figures on the slides need a comment. The 12.4 % for $h(x) = 0.5\,x$ are those with the branch
# halved too; with the branch as it was, the paper reports a failure. The gates depend on the bias $b$ they
# start from: 8.7 % needs $b = -6$ (0 to $-5$ fail), while the 12.9 % of the shortcut-only gate is that of
# $b = 0$; with $b = -6$ it has 6.9 %. And where a later slide shows the set again, its labels (b) to (e)
# do not fit the formulas; those of the first slide do.
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

# %%
arms = experiments.plan("shortcuts", "live").arms
titles = {
    "constant": "shortcut and branch\nhalved",
    "constant_unscaled": "shortcut halved",
    "exclusive_gate": "exclusive gate",
    "shortcut_gate": "gate on the\nshortcut only",
    "conv1x1": "1x1 convolution\non the shortcut",
    "dropout": "dropout\non the shortcut",
    "bn_after": "BN after\nthe addition",
    "relu_before": "ReLU before\nthe addition",
    "relu_preact": "ReLU ahead\nof the branch",
    "full_preact": "BN and ReLU ahead\nof the branch",
}
set_2 = ("original", "bn_after", "relu_before", "relu_preact", "full_preact")
units = {
    titles.get(name, name): arms[name](in_channels=1, rng=init.SHAPES_ONLY)["stage1"][1] for name in set_2
}
lesson.show(
    plot.blocks(units, input_shape=(16, 8, 8), title="Set 2: the same layers, the addition elsewhere"),
    alt=(
        "Five residual units made of the same layers. The addition stands before the last ReLU, before the "
        "last batch norm, after all layers, or after a branch that begins with its activations."
    ),
)

# %% [markdown]
# ## Derivation
#
# Let $h(x) = \lambda x$ and $f$ be the identity; $\hat{\mathcal F}$ is the branch with the factors of the
# shortcuts after it. As in lesson 16 (the lecture's sum begins at $i = 1$; it says itself that this
# should be $l$)
#
# $$\frac{\partial E}{\partial x_l} = \frac{\partial E}{\partial x_L}
#   \Big(\lambda^{L-l} + \frac{\partial}{\partial x_l} \sum_{i=l}^{L-1} \hat{\mathcal F}(x_i)\Big).$$
#
# The first term is the **direct path**, through the shortcuts alone. For the rest at the start of
# training take the branch BN-ReLU-linear-BN-ReLU-linear with MSRA's weights. BN makes each feature about
# normal with variance 1. A ReLU leaves $\tfrac12 (1 - \tfrac1\pi)$ of that (mean square $\tfrac12$ minus
# squared mean $\tfrac{1}{2\pi}$) and the weights after it double it. So one branch adds
# $1 - \tfrac1\pi = 0.68$ to the variance $\sigma_l^2$ of $x_l$ over the batch, or with a factor $s$ on it
#
# $$\sigma_{l+1}^2 = \lambda^2 \sigma_l^2 + s^2 \big(1 - \tfrac1\pi\big).$$
#
# Backwards, weights and ReLU together keep the mean square of the gradient (lesson 8), and each BN
# *divides* it by the variance of its input: $\sigma_l^2$ for the first, $1 - \tfrac1\pi$ for the second.
# For the gradient $g_l = \partial E / \partial x_l$
#
# $$\frac{E[g_l^2]}{E[g_{l+1}^2]} \approx \lambda^2 + \frac{s^2}{\sigma_l^2}\,\frac{\pi}{\pi - 1}.$$
#
# With $\lambda = s = 1$ the variance grows like $0.68\,l$, the factor tends to 1, and the product grows
# like a power of the depth. With $\lambda = s = 0.5$ the variance settles at 0.23 and the factor at 1.86:
# the product grows *exponentially*. A plain network has two BN after ReLUs in place of each unit, a
# factor of $(\tfrac{\pi}{\pi-1})^2$. (All this is for wide layers and large batches.)

# %% [markdown]
# ## Measure
#
# 54 fully-connected units of width 128, a batch of 256: pre-activation, to which the formula applies and
# where the direct path can be followed exactly, and post-activation as in set 1. In double precision: what
# multiplies gradients by a million does so with rounding errors, and in single precision every processor
# would show other numbers.

# %%
WIDTH, BLOCKS, BATCH, HALF = 128, 54, 256, 0.5


def unit(keep, fraction, *, preactivation, rng):
    """Return keep * x + fraction * F(x), with a ReLU after the addition or nothing."""
    first, second = (Linear(WIDTH, WIDTH, bias=False, init=init.msra_by_fan_in, rng=rng) for _ in range(2))
    norm, second_norm, relu = BatchNorm(WIDTH), BatchNorm(WIDTH), ReLU()
    if preactivation:
        branch = Sequential(norm, relu, first, second_norm, relu, second, Scale(fraction))
        return Residual(branch, Scale(keep))
    branch = Sequential(first, norm, relu, second, second_norm, Scale(fraction))
    return Residual(branch, Scale(keep), after=relu)


def gradients(keep, fraction, *, preactivation=False):
    """Return the gradient's norm before each unit, and the direct path's before the first (output: 1)."""
    rng = np.random.default_rng(0)
    net = Sequential(*(unit(keep, fraction, preactivation=preactivation, rng=rng) for _ in range(BLOCKS)))
    net = net.astype(np.float64)
    x = np.maximum(rng.standard_normal((BATCH, WIDTH)), 0)
    _, caches = net.forward(x, train=True)
    direct = gradient = dy = rng.standard_normal((BATCH, WIDTH))
    norms = []
    for block in reversed(net.parts.values()):
        cache = caches.pop()
        direct = block.shortcut.backward(direct, cache[1])
        gradient = block.backward(gradient, cache)
        norms.insert(0, np.linalg.norm(gradient) / np.linalg.norm(dy))
    return np.array(norms), np.linalg.norm(direct) / np.linalg.norm(dy)


def derived(keep, fraction, variance=0.5 - 0.5 / math.pi):
    """Return the first of those norms by the formula; variance: of x, a normal variable after a ReLU."""
    square = 1.0
    for _ in range(BLOCKS):
        square *= keep**2 + fraction**2 / variance * math.pi / (math.pi - 1)
        variance = keep**2 * variance + fraction**2 * (1 - 1 / math.pi)
    return math.sqrt(square)


post = {"identity": (1, 1), "0.5 and 0.5": (HALF, HALF), "plain": (0, 1)}
norms = {name: gradients(*scales)[0] for name, scales in post.items()}
before_1, direct_1 = gradients(1, 1, preactivation=True)
before_half, direct_half = gradients(HALF, HALF, preactivation=True)
plain_derived = (math.pi / (math.pi - 1)) ** 54
p = math.log10
lesson.table(
    ("gradient, input / output, as a power of 10", "predicted", "derived", "measured", "direct path"),
    ("pre-activation, identity", power_identity, p(derived(1, 1)), p(before_1[0]), p(direct_1)),
    ("pre-activation, 0.5 and 0.5", power_halved, p(derived(0.5, 0.5)), p(before_half[0]), p(direct_half)),
    ("post-activation, identity", None, None, p(norms["identity"][0]), None),
    ("post-activation, 0.5 and 0.5", None, None, p(norms["0.5 and 0.5"][0]), None),
    ("plain", power_plain, p(plain_derived), p(norms["plain"][0]), None),
)


def near(value, expected, decades):
    return abs(math.log10(value / expected)) <= decades


assert abs(direct_half / 0.5**54 - 1) <= 1e-12, "the direct path is the product of the shortcuts"
assert near(before_1[0], 53, 0.3) and near(norms["identity"][0], 1e2, 0.3), "the identity keeps it in bounds"
assert near(norms["0.5 and 0.5"][0], 5e6, 0.3) and near(norms["plain"][0], 4e8, 0.3), "the others explode"
assert near(before_1[0], derived(1, 1), 0.3) and near(before_half[0], derived(0.5, 0.5), 0.7), "the formula"
assert near(norms["plain"][0], plain_derived, 0.5), "the formula of a plain network"

# %%
plain = (math.pi / (math.pi - 1)) ** np.arange(BLOCKS, 0.0, -1)
labels = {"xlabel": "unit", "ylabel": "gradient before the unit / after the last (norms)"}
lesson.show(
    plot.lines(norms, derived={"plain, derived": plain}, log=True, **labels),
    alt=(
        "Norm of the gradient before each of 54 units, logarithmic. With identity shortcuts it is a hundred "
        "times as large at the first unit; halved shortcuts and none at all let it grow millions of times."
    ),
)

# %% [markdown]
# Nothing vanishes. Halving shortcuts make the gradient *explode*, almost as a network without shortcuts
# does, because of BN. (Over 54 units the formula is 1.4 to 3.3 times too large.) What is lost is not the
# size of the gradient but the **fraction** of the direct path: one part in $10^{23}$ with halved shortcuts,
# one in 56 with the identity. The rest has come through the random weights of the branches.

# %%
lesson.quiz(
    "'Direct propagation is decayed' (slide): what has decayed with halved shortcuts?",
    ("what comes through the shortcuts alone", "its factor is 0.5 to the power of 54; the whole explodes"),
    ("the gradient: it vanishes", "it is a million times as large at the input, because of batch norm"),
    ("the signal: nothing arrives at the output", "the branches renew it; its variance settles at 0.23"),
)

# %% [markdown]
# ## Does it matter for training?
#
# These runs come with the lesson: the digits, 56 layers, 276 iterations with batches of 64 at a rate of
# 0.1, three seeds, all under equal conditions
# (`python -m minires.experiments shortcuts stored --out DIR` makes them again). Beside them stand the
# paper's test errors of ResNet-110 on CIFAR-10, copied from its tables, not measured here.

# %%
stored = experiments.stored("shortcuts")
paper = {row["model"]: row["percent"] for row in published.rows("cifar10 resnet110 shortcuts")}
paper |= {row["model"]: row["percent"] for row in published.rows("cifar10 after the addition, 110 layers")}


def error(arm, measure="train_error", runs=stored):
    """Return the last errors of all seeds, in percent."""
    return np.array([100 * run.final(measure) for run in runs[arm]])


def results(runs):
    """Print the errors of all networks beside the paper's."""
    rows = []
    for arm in runs:
        train, test = error(arm, runs=runs), error(arm, "test_error", runs)
        rows.append((arm, paper[arm], train.mean(), test.mean(), str(train.round(1))))
    lesson.table(("error in %", "paper, test", "train", "test", "train of each seed"), *rows)


results(stored)

# %%
blocked = ("constant", "constant_unscaled", "shortcut_gate", "conv1x1", "dropout", "bn_after", "relu_before")
for arm in blocked:
    assert (error(arm) > error("original")).all(), f"{arm} should train worse in every seed"
for arm in ("exclusive_gate", "relu_preact", "full_preact"):
    assert (error(arm) < error("original")).all(), f"{arm} should train better in every seed"
found_worse = sum((error(arm) > error("original")).all() for arm in SHORTCUTS if arm != "original")
lesson.table(
    ("six other shortcuts", "predicted", "measured"),
    ("train worse than the identity, in every seed", worse, found_worse),
)
assert found_worse == 5, "all but the exclusive gate"
figure = plot.run_panels(
    stored,
    reference="original",
    columns=5,
    titles=titles,
    title="56 layers on the digits; shade: three seeds",
    ylim=(-2, 100),
)
lesson.show(
    figure,
    alt=(
        "Errors of ten variants over the iterations, each beside the original's. Seven train worse; the "
        "exclusive gate and the two units with activations ahead of the branch train faster than the "
        "original."
    ),
)

# %% [markdown]
# Five of the six other shortcuts train worse than the identity, in every seed and with 4 to 17 times its
# training error on average, as in the paper. In set 2 BN after the addition scales the signal of *all*
# paths, and a ReLU at the end of the branch lets $\mathcal F$ only ever add: both are worse, here as
# there. With the activations ahead of the branch nothing touches $x$ any more, and 56 layers begin faster
# than the original. (In the paper the ReLU alone ends level with it; with BN it ends ahead.)
#
# One result is *not* the paper's: its exclusive gate ends 2 points behind the original, ours is ahead.
# With $b = -6$ it keeps 99.75 % of $x$ in each unit, and the branch starts with $\sigma(-6) = 0.25$ % of
# its weight: the network begins as nearly the identity, an easy beginning (lesson 19). The original, in 56
# layers at a rate of 0.1, begins with difficulty: its error falls only after some 60 iterations. The paper's
# 64,000 iterations (the first 400 at a smaller rate) leave that behind, our 276 do not.
#
# ## The same, live
#
# So take 20 layers, which the original learns from the first iterations on: six epochs, one seed. (`--full`
# trains the paper's eleven networks of 110 layers: 64k iterations each, batches of 128, a rate of 0.1 divided
# by 10 at 32k and 48k, the first 400 at 0.01. It needs CIFAR-10, a GPU and days, and resumes where it was
# stopped.)

# %%
setting = lesson.setting()
options = {"device": "gpu", "out": "runs/shortcuts-full"} if setting == "full" else {}
live = experiments.run("shortcuts", setting, **options)
results(live)
if setting == "live":
    assert error("dropout", runs=live) > error("original", runs=live), "dropout hurts 20 layers too"
    original, gate = (np.mean(live[arm][0].curve("train_error")[1]) for arm in ("original", "exclusive_gate"))
    assert gate > 2 * original, "and the exclusive gate learns more slowly, whatever epoch one looks at"

# %% [markdown]
# Now all six other shortcuts end behind the identity: 1.9 to 6.6 % training error, where the original has
# 0.5. The exclusive gate's branches must first open their gates, and what opens them closes the shortcuts. In
# three seeds (this one and two more, on one thread) the original ended at 0.5, 1.6 and 0.8 % training error
# and 1.1, 3.6 and 2.2 % test error, the exclusive gate at 3.1, 6.7 and 4.0 %, and 8.1, 5.3 and 4.7 %.
#
# But with 20 layers all of them learn: no training error is above 10 %, where 56 layers had up to 76 %. Nine
# units block a shortcut far less than 27. "Experiments on ResNets with more than 100 layers: deeper models
# suffer more from optimization difficulty", says the slide.

# %%
lesson.quiz(
    "A gate contains the identity as a special case. Why are networks with gates on the shortcut worse?",
    ("they are harder to train", "their training error is higher too: 'optimization difficulty dominates'"),
    ("they overfit: they have more parameters", "then their training error would be lower"),
    (
        "they can express less",
        "with the gate open they are the original, so they can express all that it can",
    ),
)
lesson.score()

# %% [markdown]
# ## What to keep
#
# - A shortcut that multiplies blocks the direct path by the product of its factors, and training gets
#   harder although the network can express more: "optimization difficulty dominates".
# - At the start of training no gradient vanishes in these networks. With BN in the branch they explode
#   where the signal does not grow.
# - Leave the shortcut and the addition alone: activations belong in the branch, ahead of its weights.
#
# ## What to try next
#
# 1. Give the shortcut-only gate a bias of $-6$ (`gate_bias=-6.0` of
#    `models.shortcuts.cifar_shortcut_variant`): what fraction of the shortcut does it leave after 27 units?
# 2. Set `HALF` to 0.9: do the gradients still explode?
#
# ## Exercises
#
# 1. Today's dropout divides by the probability of keeping a value, so that $E[h(x)] = x$. Would that save
#    the dropout shortcut?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. $(1 - \sigma(-6))^{27} = 0.9975^{27} = 0.935$, against $0.5^{27} = 7 \cdot 10^{-9}$ at $b = 0$. The
#    paper's error falls from 12.9 to 6.9 %: nearly the identity is nearly as good as the identity.
# 2. Yes, but less: by the formula $10^3$ instead of $10^7$, measured 580 (post-activation 1,900). The direct
#    path is $0.9^{54} = 0.0034$.
#
# **Exercises.**
#
# 1. No. The mean of the direct path would be 1, but every unit doubles its mean square: after 54 units it is
#    $2^{54}$, for the path is nearly always 0 and rarely enormous. Without the division, as in the paper, its
#    mean is $0.5^{54}$.
