# %% [markdown]
# # 15. Additive propagation
#
# **Question.** Between the first weights of ResNet-110 and its loss lie 54 blocks. Whatever the loss has
# to say to the first block must pass all of them. Why does anything intelligible arrive?
#
# *Time: 3 s. Before this: lessons 6 and 12. Sources: lecture 6, slides "Very smooth forward
# propagation", "Very smooth backward propagation", "Residual for every layer"; the ICML 2016 tutorial,
# the same slides; He et al. 2016 (arXiv:1603.05027), section 2, equations 3 to 5.*

# %%
import math

import numpy as np

from minires import lesson, models, plot
from minires.combine import Residual, Sequential
from minires.layers import BatchNorm, Linear, ReLU

# %% [markdown]
# ## Derivation: forward
#
# Take residual units whose shortcut is the identity and that have *nothing after the addition*, as in
# pre-activation networks: $x_{i+1} = x_i + F_i(x_i)$. Substitute one into the next, $x_{l+2} = x_{l+1} +
# F_{l+1}(x_{l+1}) = x_l + F_l(x_l) + F_{l+1}(x_{l+1})$, and so on up to any deeper unit $L$:
#
# $$x_L = x_l + \sum_{i=l}^{L-1} F_i(x_i).$$
#
# Whatever stands at $x_l$ stands at $x_L$ too, plus a sum. A plain stack of linear layers instead gives
# a *product*, $x_L = \prod_i W_i\; x_l$, in which every factor has a say over everything.
#
# ## Derivation: backward
#
# Let $g_i$ be the gradient of the loss $E$ with respect to $x_i$ and $J_i$ the Jacobian of $F_i$. Two
# paths lead out of $x_i$, so two gradients add up, $g_i = g_{i+1} + J_i^\top g_{i+1}$, and the sum
# telescopes:
#
# $$g_l = g_L + \sum_{i=l}^{L-1} J_i^\top g_{i+1}.$$
#
# The loss's own gradient $g_L$ reaches *every* unit unchanged. To make $g_l$ vanish, the sum would have
# to be $-g_L$, for every sample of the batch.
#
# (On lecture 6's backward slides the sum runs from $i = 1$. It should start at $i = l$, as its forward
# slides have it, and as the lecture says itself when the formula comes back for scaled shortcuts.)

# %% [markdown]
# ## Predict
#
# In the stack below each branch adds as much as the input brought, $E[F_i^2] = E[x_0^2] = 1$, in a
# direction that has nothing to do with $x_i$. What is the cosine between $x_{13}$ and $x_{54}$? (0:
# nothing of $x_{13}$ can be made out any more; 1: nothing else can.)

# %%
prediction = 0.5

# %% [markdown]
# ## Measure: are the sums exact?
#
# 54 pre-activation branches (norm, ReLU, linear, twice), in double precision. We walk through the units
# by hand and keep every $x_i$ and $g_i$; then we ask each branch *alone* for its $F_i(x_i)$ and its
# $J_i^\top g_{i+1}$, and add those up.

# %%
WIDTH, BATCH, DEPTH = 192, 96, 54


def branch(rng, *, norm=True, scale=1.0, width=WIDTH):
    """Return norm - relu - linear, twice, with MSRA's weights; scale: factor of the last weights."""
    linears = [Linear(width, width, bias=False, rng=rng) for _ in range(2)]
    linears[1].weight.data *= scale
    parts = [part for linear in linears for part in (BatchNorm(width), ReLU(), linear)]
    return Sequential(*parts if norm else [p for p in parts if type(p) is not BatchNorm]).astype(np.float64)


def propagate(units, x, dy):
    """Return [x_0, ..., x_L] and [g_0, ..., g_L]: what stands before and behind every unit."""
    signals, caches = [x], []
    for unit in units:
        x, cache = unit.forward(x, train=True)
        signals.append(x)
        caches.append(cache)
    gradients = [dy]
    for unit in reversed(units):
        gradients.insert(0, unit.backward(gradients[0], caches.pop()))
    return signals, gradients


def terms(units, x, g):
    """Return every branch's F_i(x_i) and J_i^T g_{i+1}."""
    added, added_back = [], []
    for i, unit in enumerate(units):
        y, cache = unit.branch.forward(x[i], train=True)
        added.append(y)
        added_back.append(unit.branch.backward(g[i + 1], cache))
    return added, added_back


def worst(pairs):
    """Return the largest difference between left and right, relative to the largest number in left."""
    return max(abs(left - right).max() / abs(left).max() for left, right in pairs)


rng = np.random.default_rng(0)
branches = [branch(rng) for _ in range(DEPTH)]
x_0, dy = rng.standard_normal((2, BATCH, WIDTH))
units = [Residual(branch) for branch in branches]
x, g = propagate(units, x_0, dy)
added, added_back = terms(units, x, g)
forward = worst((x[-1], x[i] + sum(added[i:])) for i in range(DEPTH))
backward = worst((g[i], g[-1] + sum(added_back[i:])) for i in range(DEPTH))
slip = worst((g[i], g[-1] + sum(added_back[1:])) for i in range(DEPTH))


def gaps(units, start):
    """Return the relative differences of both sums over all units; start: x_0 and g_L."""
    x, g = propagate(units, *start)
    added, added_back = terms(units, x, g)
    return worst([(x[-1], x[0] + sum(added))]), worst([(g[0], g[-1] + sum(added_back))])


# The same in a real network: ResNet-110 with pre-activation, the 17 units that follow its very first
stage = models.cifar_preresnet(depth=110, rng=rng).astype(np.float64)["stage1"]
real = gaps(list(stage.parts.values())[1:], rng.standard_normal((2, 2, 16, 8, 8)))
lesson.table(
    ("largest relative difference between the two sides", "measured"),
    ("forward, every l", forward),
    ("backward, every l", backward),
    ("backward, the sum taken from i = 1", slip),
    ("pre-activation ResNet-110, forward", real[0]),
    ("pre-activation ResNet-110, backward", real[1]),
)
assert max(forward, backward) < 1e-12, "x_L = x_l + sum F and g_l = g_L + sum J^T g should hold exactly"
assert slip > 1, "from i = 1 the sum should be that of g_1, whatever l is"
assert max(real) < 1e-12, "and so they should in a real network's stage"

# %% [markdown]
# ## What the sum looks like
#
# The last weights of a branch are symmetric around 0 and independent of $x_i$, so on average $F_i$ is
# orthogonal to $x_i$: squared lengths add, and batch norm sees to it that each branch starts from
# variance 1 and so adds 1. Hence $E[x_l^2] = 1 + l$, and for $l < m$
#
# $$\cos(x_l, x_m) = \frac{\langle x_l,\; x_l + \ldots\rangle}{|x_l|\,|x_m|} = \frac{|x_l|}{|x_m|}
# = \sqrt{\frac{1 + l}{1 + m}}, \qquad \cos(g_l, g_m) = \frac{|g_m|}{|g_l|}.$$
#
# For contrast the *same branches without their shortcuts*, $x_{i+1} = F_i(x_i)$: no cosine but that of
# $x_l$ with itself should differ from 0.


# %%
def length(array):
    return math.sqrt((array * array).sum())


def cosines(arrays):
    flat = np.array([array.ravel() / length(array) for array in arrays])
    return flat @ flat.T


plain_x, plain_g = propagate(branches, x_0, dy)
size = np.arange(DEPTH + 1) + 1.0
derived = np.sqrt(np.minimum.outer(size, size) / np.maximum.outer(size, size))
long = np.array([length(array) for array in g])
ratio = np.minimum.outer(long, long) / np.maximum.outer(long, long)
apart = ~np.eye(DEPTH + 1, dtype=bool)
plain_cosine = max(abs(cosines(arrays)[apart]).max() for arrays in (plain_x, plain_g))
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("cosine of x_13 and x_54", prediction, derived[13, 54], cosines(x)[13, 54]),
    ("cosine of x_0 and x_54", None, derived[0, 54], cosines(x)[0, 54]),
    ("mean square of x_54", None, DEPTH + 1, (x[-1] ** 2).mean()),
    ("all cosines of x: largest deviation", None, 0, abs(cosines(x) - derived).max()),
    ("all cosines of g: the same, from |g_m| / |g_l|", None, 0, abs(cosines(g) - ratio).max()),
    ("plain: largest cosine of two different layers", None, 0, plain_cosine),
    ("length of g_0 / length of g_54", None, None, long[0] / long[-1]),
    ("plain: the same", None, None, length(plain_g[0]) / length(plain_g[-1])),
)
assert abs(cosines(x) - derived).max() < 0.08, "squared lengths should add up, 1 for each unit"
assert abs(cosines(g) - ratio).max() < 0.05, "what the branches add to g should be orthogonal to it"
assert plain_cosine < 0.15, "without shortcuts two layers should have nothing in common"
assert 10 < long[0] / long[-1] < 100, "sums should not vanish, and with batch norm hardly explode"
assert length(plain_g[0]) > 1e7 * length(plain_g[-1]), "the plain product should explode"

# %%
panels = {
    "residual: $x_l$ and $x_m$": cosines(x),
    "plain: $x_l$ and $x_m$": cosines(plain_x),
    "residual: $g_l$ and $g_m$": cosines(g),
    "plain: $g_l$ and $g_m$": cosines(plain_g),
}
lesson.show(plot.heat_maps(panels, xlabel="unit $m$", ylabel="unit $l$", label="cosine", limits=(0, 1)))

# %% [markdown]
# With shortcuts the grey fades slowly: any two layers, and any two gradients, have something in common.
# Without them each is a stranger even to its neighbour. And the plain gradient does not vanish: with
# batch norm it *grows* by a factor of 1.46 a unit, to 700 million.
#
# ## "Unlikely to vanish" is not "cannot explode"
#
# The terms $J_i^\top g_{i+1}$ contain the sums behind them, so a sum may still grow geometrically. Here
# are stacks without batch norm whose branches are made small by a factor $s$: a plain stack multiplies
# lengths by $s$ a unit. With shortcuts a unit's squared length becomes $1 + s^2$ times as large.

# %%
rows = []
for scale in (0.1, 0.5):
    weak = [branch(rng, norm=False, scale=scale, width=128) for _ in range(DEPTH)]
    start = rng.standard_normal((2, 64, 128))
    plain, residual = (
        length(gradients[0]) / length(gradients[-1])
        for _, gradients in (propagate(stack, *start) for stack in (weak, [Residual(b) for b in weak]))
    )
    rows.append((f"s = {scale}", scale**DEPTH, plain, (1 + scale**2) ** (DEPTH / 2), residual))
lesson.table(("|g_0| / |g_54|", "plain, derived", "measured", "residual, derived", "measured"), *rows)
for _, plain_derived, plain, residual_derived, residual in rows:
    assert abs(math.log10(plain / plain_derived)) < 3 and plain < 1e-10, "the plain product should vanish"
    assert abs(math.log10(residual / residual_derived)) < 0.5 and residual > 1, "the sum should not vanish"

# %% [markdown]
# No residual gradient vanishes, but for $s = 1$ its square would double with every unit (lesson 18).
# Batch norm tames that: it divides the branch's gradient by the deviation of $x_l$, which grows with
# $l$, and the 54 units above give a factor of 40 instead of $2^{27}$. The two sums themselves hold with
# or without it.
#
# ## What breaks it: something after the addition
#
# The original unit is $x_{i+1} = \mathrm{relu}(x_i + F_i(x_i))$. Now a mask $m_i$ of zeros and ones
# stands in every step, $g_i = m_i\,g_{i+1} + \ldots$, and only $\prod_i m_i$ of $g_L$ comes through
# directly. Here are the 18 units of the first stage of the original ResNet-110:

# %%
stage = models.cifar_resnet(depth=110, rng=rng).astype(np.float64)["stage1"]
original = list(stage.parts.values())
start = rng.standard_normal((2, 2, 16, 8, 8))
start[0] = np.maximum(start[0], 0)  # what comes out of a stem
post = gaps(original, start)
through = np.all([y > 0 for y in propagate(original, *start)[0][1:]], axis=0).mean()
lesson.table(
    ("ReLU after the addition", "measured"),
    ("forward: relative difference of the two sides", post[0]),
    ("backward: the same", post[1]),
    ("share of the last gradient that passes all masks", through),
)
assert min(post) > 0.1 and through < 0.9, "a ReLU after the addition should break both sums"

# %% [markdown]
# ## What to keep
#
# - With the identity on the shortcut *and* after the addition, signals and gradients are sums with one
#   term that nothing has touched. Both conditions are needed: lesson 16 breaks the first, this one the
#   second.
# - The original ResNet breaks the second condition and trains all the same at 110 layers; the tutorial
#   makes its case for pre-activation with 1001.
#
# ## What to try next
#
# Take batch norm out of the 54 branches (`branch(rng, norm=False)`): which assertions still hold, and
# which lines of the derivation used it?
#
# ## Exercises
#
# 1. $g_0$ has a cosine of only 0.02 with $g_{54}$. How can that be, if $g_{54}$ arrives unchanged?
# 2. A stage of a ResNet begins with a projection $W$ on the shortcut. What becomes of the two sums?
#
# ## Answers
#
# 1. Unchanged, but not alone: the terms of the branches are orthogonal to it and 40 times as long
#    together, and the cosine is the ratio of the lengths, $1/40$. "Directly" says that it is there, not
#    that it rules.
# 2. Within each stage they hold; across it, $x_l$ arrives as $W x_l$ and $g_L$ as $W^\top g_L$. A
#    network has two or three of these, whatever its depth, so no power of the depth comes of it.
