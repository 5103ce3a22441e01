# %% [markdown]
# # 15. Additive propagation
#
# **Question.** Between the first weights of ResNet-110 and its loss lie 54 blocks. Whatever the loss has
# to say to the first block must pass all of them. Why is it not lost on the way?
#
# *Time: 8 s. Before this: lessons 6 and 12. Sources: lecture 6, slides "Very smooth forward
# propagation", "Very smooth backward propagation", "Residual for every layer", "1001-layer ResNets" and
# "Comparisons on CIFAR-10/100"; the ICML 2016 tutorial, the same slides and "ImageNet experiments"; He et al.
# 2016 (arXiv:1603.05027), section 2, equations 3 to 5, tables 2 to 5.*

# %%
import math

import numpy as np

import minires.functional as F
from minires import data, lesson, models, plot, probe
from minires.accounting import published
from minires.layers import BatchNorm, Linear, ReLU, Residual, Sequential
from minires.models.shortcuts import cifar_activation_variant

# %% [markdown]
# ## Predict
#
# The stack below has 54 branches. Each adds a signal as large as the input, and uncorrelated with what it is
# added to: is anything left of the input in the end? Without shortcuts the same branches follow one another;
# each is normalised, so the signal keeps its size, but does the gradient? And the original unit has a ReLU
# after each addition, which stops whatever belongs to a negative number: how much is left of the direct path
# after the 111 units of the first stage of ResNet-1001?

# %%
predicted_cosine = lesson.predict(
    "What is the cosine of the angle between the signal x_13 before unit 13 and x_54 after the last "
    "(1: the same direction, 0: nothing in common)?",
    by=0.1,
)
predicted_plain = lesson.predict(
    "54 branches with batch norm and no shortcuts: by what power of ten is the gradient before the first "
    "larger than after the last (negative: smaller)?",
    "powers of ten",
    by=2,
)
predicted_through = lesson.predict(
    "A ReLU after each of 111 additions: what percentage of the gradient's elements passes all of them?", "%"
)

# %% [markdown]
# ## Derivation: forward
#
# Take residual units whose shortcut is the identity and that have *nothing after the addition*, as in
# pre-activation networks: $x_{i+1} = x_i + F_i(x_i)$. Substitute one into the next, $x_{l+2} = x_{l+1} +
# F_{l+1}(x_{l+1}) = x_l + F_l(x_l) + F_{l+1}(x_{l+1})$, and so on up to any deeper unit $L$:
#
# $$x_L = x_l + \sum_{i=l}^{L-1} F_i(x_i).$$
#
# So $x_L$ contains $x_l$ unchanged, plus a sum. A plain stack of linear layers with weights $W_i$ gives a
# *product* instead, $x_L = W_{L-1} \cdots W_l\, x_l$, in which every factor changes everything.
#
# ## Derivation: backward
#
# Let $g_i$ be the gradient of the loss $E$ with respect to $x_i$ and $J_i$ the Jacobian of $F_i$. Two paths
# lead out of $x_i$, so two gradients add up, $g_i = g_{i+1} + J_i^\top g_{i+1}$, and the sum telescopes:
#
# $$g_l = g_L + \sum_{i=l}^{L-1} J_i^\top g_{i+1}.$$
#
# The gradient $g_L$ at the end reaches *every* unit unchanged. To make $g_l$ vanish, the sum would have to
# be $-g_L$, for every sample of the batch.
#
# (On lecture 6's backward slides the sum runs from $i = 1$. It should start at $i = l$, as on its forward
# slides, and as the lecture itself notes where the formula comes back for scaled shortcuts.)
#
# The *original* unit has a ReLU after the addition, $x_{i+1} = \mathrm{relu}(x_i + F_i(x_i))$. Now every step
# has a mask $m_i$ of zeros and ones, $g_i = m_i\,g_{i+1} + \ldots$, and only $\prod_i m_i$ of $g_L$ comes
# through directly: both sums are broken.

# %% [markdown]
# ## Measure: are the sums exact?
#
# 54 pre-activation branches (norm, ReLU, linear, twice), in double precision. We walk through the units
# and keep every $x_i$ and $g_i$; then we ask each branch *alone* for its $F_i(x_i)$ and its $J_i^\top
# g_{i+1}$, and add those up. Then the same in the first stages of two ResNets with 110 layers (without the
# first unit: with pre-activation it has a norm and a ReLU before its shortcut). In the table, "through all
# masks" is the fraction of the elements of $g_L$ that no mask after an addition sets to zero.

# %%
WIDTH, BATCH, DEPTH = 192, 96, 54


def branch(rng, *, norm=True, scale=1.0):
    """Return norm - relu - linear, twice, with MSRA's weights; scale: factor of the last weights."""
    parts = []
    for _ in range(2):
        linear = Linear(WIDTH, WIDTH, bias=False, rng=rng)
        parts += [BatchNorm(WIDTH), ReLU(), linear] if norm else [ReLU(), linear]
    linear.weight.data *= scale
    return Sequential(*parts).astype(np.float64)


def propagate(units, x, dy):
    """Return [x_0, ..., x_L] and [g_0, ..., g_L]: what stands before and after every unit."""
    signals, caches = [x], []
    for unit in units:
        x, cache = unit.forward(x, train=True)
        signals.append(x)
        caches.append(cache)
    gradients = [dy]
    for unit in reversed(units):
        gradients.insert(0, unit.backward(gradients[0], caches.pop()))
    return signals, gradients


def difference(left, right):
    return abs(left - right).max() / abs(left).max()


def check(units, x, g):
    """Return the largest relative difference between the two sides over all l: forward, backward, and
    backward with the sum taken from i = 1."""
    added, added_back = [], []
    for i, unit in enumerate(units):
        y, cache = unit.branch.forward(x[i], train=True)
        added.append(y)
        added_back.append(unit.branch.backward(g[i + 1], cache))
    every = range(len(units))
    return (
        max(difference(x[-1], x[i] + sum(added[i:])) for i in every),
        max(difference(g[i], g[-1] + sum(added_back[i:])) for i in every),
        max(difference(g[i], g[-1] + sum(added_back[1:])) for i in every),
    )


rng = np.random.default_rng(0)
branches = [branch(rng) for _ in range(DEPTH)]
x_0, dy = rng.standard_normal((2, BATCH, WIDTH))
units = [Residual(branch) for branch in branches]
x, g = propagate(units, x_0, dy)
stack = check(units, x, g)

found = {}
for name, build in {"pre-activation": models.cifar_preresnet, "original": models.cifar_resnet}.items():
    stage = build(depth=110, rng=rng).astype(np.float64)["stage1"]
    units = list(stage.parts.values())[1:]
    start = abs(rng.standard_normal((2, 16, 8, 8)))  # not negative, as after a ReLU
    signals, gradients = propagate(units, start, rng.standard_normal(start.shape))
    found[name] = check(units, signals, gradients)
through = np.all([y > 0 for y in signals[1:]], axis=0).mean()  # in the original
lesson.table(
    ("relative difference of the two sides", "forward", "backward", "from i = 1", "through all masks"),
    ("54 units of linear layers", *stack, 1),
    ("ResNet-110 with pre-activation, 17 units", *found["pre-activation"], 1),
    ("original ResNet-110, 17 units", *found["original"], through),
)
assert max(stack[:2]) < 1e-12, "x_L = x_l + sum F and g_l = g_L + sum J^T g should hold, to rounding"
assert max(found["pre-activation"][:2]) < 1e-12, "and so they should in a real network's stage"
assert stack[2] > 1, "from i = 1 the sum should be that of g_1, whatever l is"
assert min(found["original"][:2]) > 0.1, "a ReLU after the addition should break both sums"
assert through < 0.9, "and stop a part of the gradient on the direct path"

# %%
after = {"nothing after the addition": None, "ReLU after the addition": ReLU()}
two_units = {
    name: Sequential(*(Residual(inner, after=layer) for inner in branches[:2]))
    for name, layer in after.items()
}
title = "Two units, forward and backward"
lesson.show(
    plot.blocks(two_units, input_shape=(WIDTH,), backward=True, detail=True, title=title),
    alt=(
        "Two units in a row, drawn twice. With nothing after the additions the shortcuts are one free path, "
        "forward and backward; with a ReLU after each addition the path leads through the ReLUs."
    ),
)

# %% [markdown]
# ## What the sum looks like
#
# The last weights of a branch have mean 0 and are independent of $x_i$, so on average $F_i$ is orthogonal
# to $x_i$ and squared lengths add. Batch norm gives each branch a signal of variance 1, and norm, ReLU and
# MSRA's weights output mean square 1 (lesson 8). Hence $E[x_l^2] = 1 + l$, and for $l < m$
#
# $$\cos(x_l, x_m) = \frac{\langle x_l,\; x_l + \ldots\rangle}{|x_l|\,|x_m|} = \frac{|x_l|}{|x_m|}
# = \sqrt{\frac{1 + l}{1 + m}}, \qquad \cos(g_l, g_m) = \frac{|g_m|}{|g_l|}.$$
#
# For contrast take the *same branches without their shortcuts*, $x_{i+1} = F_i(x_i)$: here the cosine of
# any two different layers should be 0.


# %%
def length(array):
    return math.sqrt((array * array).sum())


def cosines(arrays):
    flat = np.array([array.ravel() / length(array) for array in arrays])
    return flat @ flat.T


def growth(gradients):
    return length(gradients[0]) / length(gradients[-1])


def ratios(sizes):
    """Return the smaller of sizes[l] and sizes[m] divided by the larger, for every l and m."""
    return np.minimum.outer(sizes, sizes) / np.maximum.outer(sizes, sizes)


plain_x, plain_g = propagate(branches, x_0, dy)
cos_x, cos_g = cosines(x), cosines(g)
derived_x = np.sqrt(ratios(1.0 + np.arange(DEPTH + 1)))
derived_g = ratios(np.array([length(array) for array in g]))
plain_cos_x, plain_cos_g = cosines(plain_x), cosines(plain_g)
plain_cosine = max(abs(cosine - np.eye(DEPTH + 1)).max() for cosine in (plain_cos_x, plain_cos_g))
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("cosine of x_13 and x_54", predicted_cosine, derived_x[13, 54], cos_x[13, 54]),
    ("cosine of g_0 and g_54", None, derived_g[0, 54], cos_g[0, 54]),
    ("mean square of x_54", None, DEPTH + 1, (x[-1] ** 2).mean()),
    ("all cosines of x: largest deviation", None, 0, abs(cos_x - derived_x).max()),
    ("all cosines of g: largest deviation", None, 0, abs(cos_g - derived_g).max()),
    ("plain: largest cosine of two different layers", None, 0, plain_cosine),
    ("norm of g_0 / norm of g_54, power of ten", None, None, math.log10(growth(g))),
    ("plain: the same", predicted_plain, None, math.log10(growth(plain_g))),
)
assert abs(cos_x - derived_x).max() < 0.08, "squared lengths should add up, 1 for each unit"
assert abs(cos_g - derived_g).max() < 0.05, "what the branches add to g should be orthogonal to it"
assert plain_cosine < 0.15, "without shortcuts two layers should have nothing in common"
assert 10 < growth(g) < 100, "with shortcuts the gradient should neither vanish nor explode"
assert growth(plain_g) > 1e7, "with batch norm the plain gradient should explode"

# %%
panels = {
    "residual: $x_l$ and $x_m$": cos_x,
    "plain: $x_l$ and $x_m$": plain_cos_x,
    "residual: $g_l$ and $g_m$": cos_g,
    "plain: $g_l$ and $g_m$": plain_cos_g,
}
lesson.show(
    plot.heat_maps(panels, xlabel="unit $m$", ylabel="unit $l$", label="cosine", limits=(0, 1)),
    alt=(
        "Four maps of the cosine between any two units. With shortcuts signals and gradients are alike, the "
        "less the farther the units are apart; without shortcuts only the diagonal is dark."
    ),
)

# %% [markdown]
# With shortcuts the cosine falls slowly with the distance: any two layers, and any two gradients, have
# something in common. Without them not even neighbours have. And the plain gradient does not vanish: with
# batch norm it *grows* by a factor of 1.46 a unit, to more than 700 million.
#
# ## "Unlikely to vanish" is not "cannot explode"
#
# The terms $J_i^\top g_{i+1}$ contain the sums of the units after them, so the sum may grow geometrically
# all the same. Take stacks without batch norm, with the last weights of each branch times $s$. A plain
# stack then multiplies lengths by $s$ a unit; with shortcuts, *squared* lengths grow by $1 + s^2$.

# %%
SCALE = 0.5  # s
weak = [branch(rng, norm=False, scale=SCALE) for _ in range(DEPTH)]
_, plain_g = propagate(weak, x_0, dy)
_, weak_g = propagate([Residual(branch) for branch in weak], x_0, dy)
derived = (1 + SCALE**2) ** (DEPTH / 2)
lesson.table(
    (f"norm of g_0 / norm of g_54, s = {SCALE}", "derived", "measured"),
    ("plain", SCALE**DEPTH, growth(plain_g)),
    ("with shortcuts", derived, growth(weak_g)),
)
# 0.5^54 = 5.6e-17 is derived for the mean square; most single draws lie below, by a factor of up to 5
assert 2.8e-18 < growth(plain_g) < 2.8e-16, "the plain product should vanish, as s^54"
assert derived / 2 < growth(weak_g) < derived * 2, "the sum should grow by 1 + s^2 a unit, not vanish"

# %% [markdown]
# No gradient vanishes with shortcuts, but for $s = 1$ its square would double with every unit (lesson 18).
# Batch norm limits that: backwards it divides by the deviation of $x_l$, which grows with $l$, and the 54
# units above give a factor of 40 instead of $2^{27}$. The two sums hold with or without it.

# %%
lesson.quiz(
    "When would the gradient g_l = g_L + sum of J^T g vanish?",
    ("if the branches' sum were -g_L, for every sample", "which is why the slide says 'unlikely to vanish'"),
    ("if all the J are small", "then the sum is small, and g_L arrives alone and whole"),
    ("never", "nothing forbids that the sum is -g_L; it is only unlikely"),
)

# %% [markdown]
# ## "ReLU could block prop when there are 1000 layers"
#
# How much does it block? While no ReLU has cut an element off, it is $x_0 + F_0 + F_1 + \ldots$, a random
# walk: before training, batch norm gives every step mean 0 and variance 1, and the random weights make the
# steps independent of one another and as often positive as negative. The direct path of this element is
# open after $n$ units if the walk has never been below 0. For $n + 1$ such steps from 0, whatever their
# distribution, that has the probability $\binom{2n+2}{n+1}/4^{n+1}$ (Sparre Andersen 1954). Here $x_0$ is
# the absolute value of a normal number: a first step of which we know that it went up, which doubles the
# probability:
#
# $$P_n = 2 \binom{2n+2}{n+1} \Big/ 4^{n+1} \approx \frac{2}{\sqrt{\pi n}}.$$
#
# So the direct path is not lost geometrically, as with a factor on the shortcut, but it is lost. We count
# in the first stages of ResNet-110 (18 units) and of a ResNet with 1001 layers (111 units of three 3x3
# convolutions).

# %%
UNITS = 111
through, open_paths = [], {}
stage = models.cifar_resnet(depth=9 * UNITS + 2, layers_per_block=3, rng=rng)["stage1"]
x = abs(rng.standard_normal((8, 16, 8, 8), dtype=np.float32))  # as after the stem's ReLU
still_open = np.ones(x.shape, bool)
for unit in stage.parts.values():
    x = unit.forward(x, train=True)[0]
    still_open &= x > 0
    through.append(still_open.mean())
derived_through = [2 * math.comb(2 * n + 2, n + 1) / 4 ** (n + 1) for n in range(1, UNITS + 1)]
print()
lesson.table(
    ("elements whose direct path is open, in %", "predicted", "derived", "measured"),
    *(
        (
            f"after {n} units",
            predicted_through if n == UNITS else None,
            100 * derived_through[n - 1],
            100 * found,
        )
        for n, found in enumerate(through, start=1)
        if n in (1, 18, UNITS)
    ),
)
ratio = np.array(through) / derived_through
assert abs(ratio - 1).max() < 0.25, "an element should survive as a random walk stays above 0"

# %%
figure = plot.lines(
    {"ReLU after the addition": through, "nothing after the addition": np.ones(UNITS)},
    derived={"derived: random walk": derived_through},
    x=np.arange(1, UNITS + 1),
    xlabel="units passed",
    ylabel="fraction on the direct path",
    log=True,
)
lesson.show(
    figure,
    alt=(
        "Fraction of the gradient on the direct path over the units passed. With nothing after the additions "
        "it stays 1; with a ReLU after each it falls to about a tenth, as derived from a random walk."
    ),
)

# %% [markdown]
# What does that do to the networks of the paper, before their first step? An observer notes the gradient at
# the outputs of the units of both 1001-layer networks (164 layers with `--fast`).

# %%
depth = 164 if lesson.setting() == "fast" else 1001
train, _ = data.load("digits")
images, labels = data.Normalisation.fit(train)(train.images[:8]), train.labels[:8]
first_to_last = {}
for name, variant in {"original": "original", "pre-activation": "full_preact"}.items():
    net = cifar_activation_variant(depth=depth, variant=variant, block="bottleneck", in_channels=1, rng=rng)
    with probe.watch(net, probe.Statistics()) as seen:
        logits, cache = net.forward(images, train=True)
        _, loss_cache = F.softmax_cross_entropy_forward(logits, labels)
        net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
    norms = seen.series("dy_norm", Residual)
    first_to_last[name] = norms[0] / norms[-1]
errors = {
    row: published.values(f"cifar10 after the addition, {row} layers", "test error") for row in (110, 164)
}
cifar10 = published.values("cifar10", "test error")
print()
lesson.table(
    ("", "original", "pre-activation"),
    (f"{depth} layers, untrained: gradient at the first unit / the last", *first_to_last.values()),
    *(
        (f"{row} layers, published test error (%)", errors[row]["original"], errors[row]["full_preact"])
        for row in errors
    ),
    ("1001 layers, published test error (%)", cifar10["resnet1001"], cifar10["preresnet1001"]),
)
assert first_to_last["original"] > 3 * first_to_last["pre-activation"] > 3, "neither should vanish"

# %% [markdown]
# At 1001 layers, too, the gradient explodes rather than vanishes, with the ReLU more than without. What the
# ReLU takes away is the direct part, nine tenths of it in one stage of three. On CIFAR-10 the original gets
# *worse* from 164 to 1001 layers, and pre-activation better (He et al. 2016, tables 2 to 4).

# %%
lesson.quiz(
    "On the slide's curves the original 1001-layer network has the higher training loss. So it is",
    ("harder to optimise", "it fits even its training images less well, with the same number of parameters"),
    ("overfitting", "then its training loss would be the lower one"),
    ("too small", "it has as many weights as the other, in the same places"),
)

# %% [markdown]
# ## What depth has brought: the published tables
#
# Lecture 6 compares on two data sets, all with "moderate augmentation", flips and crops (He et al. 2016,
# table 4).

# %%
cifar100 = published.values("cifar100", "test error")
print()
lesson.table(
    ("published test error (%)", "CIFAR-10", "CIFAR-100"),
    *(
        (name, cifar10.get(name), cifar100.get(name))
        for name in ("NIN", "DSN", "FitNet", "Highway")
        + ("resnet110", "resnet164", "resnet1001", "resnet1202", "preresnet164", "preresnet1001")
    ),
)
one, five = (published.values("imagenet 320x320 crop", f"top-{k} error") for k in (1, 5))
print()
lesson.table(
    ("ImageNet, one crop of 320x320 (%)", "top-1", "top-5"), *((name, one[name], five[name]) for name in one)
)

# %%
lesson.quiz(
    "What is the difference between CIFAR-10 and CIFAR-100?",
    ("100 classes, with a tenth as many images of each", "both have 50,000 training images of 32x32 pixels"),
    ("ten times as many images", "the number of images is the same; that of the classes is not"),
    ("larger images", "they are of 32x32 pixels in both"),
)

# %% [markdown]
# (The second table is the tutorial's, He et al. 2016, table 5. Lecture 9 prints its 21.3, 21.1, 21.8 and
# 20.7 without saying that the crops are of 320x320.) Again the original gets worse as it gets deeper, 152
# to 200 layers, and pre-activation better. At 152 layers the two are nearly level: pre-activation matters
# where a network is deep.

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - With the identity on the shortcut *and* after the addition, signals and gradients are sums with one term
#   that is passed on unchanged. Both conditions are needed: lesson 16 breaks the first, this one the second.
# - A ReLU after the addition lets $2/\sqrt{\pi n}$ of the direct path through $n$ units. The original ResNet
#   trains all the same at 110 layers; at 1001 it falls behind.
#
# ## What to try next
#
# 1. Take batch norm out of the 54 branches (`branch(rng, norm=False)`): which assertions still hold, and
#    which step of the derivation used it?
# 2. How many units leave 1 % of the elements on the direct path through their ReLUs?
#
# ## Exercises
#
# 1. $g_0$ has a cosine of only 0.03 with $g_{54}$. How can that be, if $g_{54}$ arrives unchanged?
# 2. A stage of a ResNet begins with a projection $W$ on the shortcut. What becomes of the two sums?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. Those about the two sums, to rounding: they use no norm. All that speak of lengths and angles of the
#    normalised stacks fail, for $E[F_i^2] = 1$ was batch norm's work: without it $x_{54}$ has the mean
#    square $8 \cdot 10^{15}$, about $2^{54}$, and $g_0$ is $10^8$ times as long as $g_{54}$. The plain
#    gradient then neither explodes nor vanishes (a factor of 0.45): that is what MSRA's weights are for.
# 2. $2/\sqrt{\pi n} = 0.01$ gives $n = 40{,}000/\pi = 12{,}700$.
#
# **Exercises.**
#
# 1. Unchanged, but not alone: the terms of the branches are nearly orthogonal to it and together 40 times
#    as long, and the cosine is the ratio of the lengths, about $1/40$. "Directly" says that $g_{54}$ is
#    there, not that it is the largest part.
# 2. Within each stage they hold; across it, $x_l$ arrives as $W x_l$ and $g_L$ as $W^\top g_L$. A
#    network has two or three of these, whatever its depth, so no power of the depth comes of it.
