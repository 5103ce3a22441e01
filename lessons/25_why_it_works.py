# %% [markdown]
# # 25. Why it works, and what came after
#
# **Question.** The lessons before this one measured *that* deep residual networks train. Two later papers
# asked why, and looked from two sides: what does the loss look like around a trained network, and which ways
# through the network does the gradient take? And what has become of the shortcut since?
#
# *Time: 1 min. Before this: lessons 11, 12 and 15. Sources: Li et al. 2018 (arXiv:1712.09913), sections 3 to
# 6; Veit, Wilber & Belongie 2016 (arXiv:1605.06431), sections 3 and 4; the ICML 2016 tutorial, slides
# "potential applications" and "conclusions of the tutorial"; lecture 9, slides "Recall: Stochastic Depth for
# Regularization" and "Next: Deep Learning Software".*

# %%
import copy
import math
from functools import partial

import numpy as np

import minires.functional as F
from minires import data, lesson, optim, plot
from minires.layers import BatchNorm, Conv2d, GlobalAvgPool2d, Linear, ReLU, Residual, Sequential

BLOCKS, EPOCHS, POINTS = {"fast": (9, 3, 9), "live": (12, 8, 13), "full": (24, 30, 41)}[lesson.setting()]
SEED, CHANNELS = 0, 16

# %% [markdown]
# ## Two networks
#
# Both have the same branches (norm, ReLU, convolution, twice, as in lesson 15), one with shortcuts and one
# without. All blocks have the same shape, so any of them can be left out. Both learn the digits in the same
# way: 12 blocks make 26 layers.


# %%
def branch(norm, layer):
    """Return norm - relu - layer, twice; norm, layer: functions that build one."""
    return Sequential(norm(), ReLU(), layer(), norm(), ReLU(), layer())


def build(shortcuts, rng):
    """Return a network of BLOCKS blocks, with or without shortcuts."""
    conv = partial(Conv2d, CHANNELS, CHANNELS, 3, padding=1, bias=False, rng=rng)
    branches = [branch(partial(BatchNorm, CHANNELS), conv) for _ in range(BLOCKS)]
    return Sequential(
        stem=Conv2d(1, CHANNELS, 3, stride=2, padding=1, bias=False, rng=rng),
        blocks=Sequential(*(Residual(each) if shortcuts else each for each in branches)),
        head=Sequential(BatchNorm(CHANNELS), ReLU(), GlobalAvgPool2d(), Linear(CHANNELS, 10, rng=rng)),
    )


digits, test = data.load("digits")
normalisation = data.Normalisation.fit(digits)
images, test_images = normalisation(digits.images), normalisation(test.images)


def loss_and_gradient(net, x, labels):
    """Return the loss of a batch, with the batch's own statistics, and the gradient of its logits."""
    logits, cache = net.forward(x, train=True)
    loss, loss_cache = F.softmax_cross_entropy_forward(logits, labels)
    return float(loss), F.softmax_cross_entropy_backward(1.0, loss_cache), cache


def learn(net):
    """Train the network on the digits, in place, and return it."""
    batches = data.Batches(digits, batch_size=64, seed=SEED, normalisation=normalisation)
    optimiser = optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    schedule, step = optim.Cosine(0.1, EPOCHS * len(batches)), 0
    for epoch in range(EPOCHS):
        for x, labels in batches.epoch(epoch):
            _, dlogits, cache = loss_and_gradient(net, x, labels)
            optimiser.zero_grad()
            net.backward(dlogits, cache)
            optimiser.lr, step = schedule(step), step + 1
            optimiser.step()
    return net


def error(net, order=None):
    """Return the test error in percent with the blocks in this order, those left out missing."""
    order = range(BLOCKS) if order is None else order
    x = net["stem"].predict(test_images)
    for i in order:
        x = net["blocks"][int(i)].predict(x)
    return 100 * (net["head"].predict(x).argmax(axis=1) != test.labels).mean()


kinds = {"plain": False, "residual": True}
nets = {kind: learn(build(shortcuts, np.random.default_rng(SEED))) for kind, shortcuts in kinds.items()}
whole = {kind: error(net) for kind, net in nets.items()}
x, labels = images[:128], digits.labels[:128]
lesson.table(
    (f"{2 * BLOCKS + 2} layers", "loss of 128 training images", "test error in %"),
    *((kind, loss_and_gradient(copy.deepcopy(net), x, labels)[0], whole[kind]) for kind, net in nets.items()),
)

# %% [markdown]
# ## Predict
#
# - Around each network we lay a plane through the space of its weights and draw the loss as a map. On a bowl
#   all curvature is positive. How much worse is the plain network's map?
# - Batch norm follows the convolutions. What does the loss say if the weights of all of them are multiplied
#   by 10, and what does its gradient say?
# - We take one block out of each trained network and train no more. A network is a chain, and a chain is as
#   strong as its weakest link. Is it?
# - Take 54 blocks, as ResNet-110 has, before training. Each may be passed by its branch or by its shortcut:
#   that makes $2^{54}$ paths. Through how many branches does a path go on average? And if each path counts by
#   the squared gradient that it carries?

# %%
predicted_curvature = lesson.predict(
    "By what factor is the share of negative curvature larger around the plain network?", within=2
)
predicted_factor = lesson.predict(
    "By what factor does the gradient change if all convolutions' weights are multiplied by 10?", within=1.5
)
predicted_deleted = {
    "plain": lesson.predict(
        "One block deleted from the plain network: what is the test error, the median over the blocks?",
        "percent",
        by=5,
    ),
    "residual": lesson.predict(
        "One block deleted from the residual network: what is the test error, the median over the blocks?",
        "percent",
        by=5,
    ),
}
predicted_mean = lesson.predict("54 blocks: how many branches does a path have on average?", within=1.1)
predicted_effective = lesson.predict(
    "And on average if each length counts by the squared gradient that it carries?", within=1.5
)

# %% [markdown]
# ## Derivation: why directions are normalised
#
# To draw the loss around the weights $w$, take two random directions $d$ and $e$ and evaluate
# $L(w + \alpha d + \beta e)$. But how long is a step of $\alpha = 1$? Batch norm divides by the deviation of
# what it gets, so a network whose convolutions are all $c$ times as large computes the same (lesson 13):
#
# $$L(c\,w) = L(w) \quad\Rightarrow\quad \nabla L(c\,w) = \tfrac1c \nabla L(w), \qquad
# L(c\,w + \alpha d) = L\big(w + \tfrac{\alpha}{c}\,d\big).$$
#
# With $c = 10$ every hill becomes ten times as wide, and a network with larger weights would look flatter
# without being so. Li et al. therefore measure a step in units of the weights themselves: every filter of $d$
# is made as long as that filter of $w$ (*filter normalisation*). Then $d$ grows with $w$, and the map stays.


# %%
def random_direction(net, rng):
    """Return {name: array}: Gaussian, each filter as long as the network's; 0 for biases, gamma and beta."""
    direction = {}
    for name, parameter in net.named_parameters():
        weight, axes = parameter.data, tuple(range(1, parameter.data.ndim))
        d = rng.standard_normal(weight.shape, dtype=np.float32)
        size = np.sqrt((weight**2).sum(axis=axes, keepdims=True) / (d**2).sum(axis=axes, keepdims=True))
        direction[name] = d * size if axes else np.zeros_like(d)
    return direction


def loss_beside(net, *steps):
    """Return the loss at a distance from the network's weights; steps: pairs (distance, direction)."""
    moved = copy.deepcopy(net)
    for name, parameter in moved.named_parameters():
        parameter.data += sum(distance * direction[name] for distance, direction in steps)
    return loss_and_gradient(moved, x, labels)[0]


def gradient_norm(net):
    """Return the norm of the gradient with respect to the weights of all convolutions."""
    net = copy.deepcopy(net)
    optim.SGD(net.named_parameters(), lr=0).zero_grad()
    _, dlogits, cache = loss_and_gradient(net, x, labels)
    net.backward(dlogits, cache)
    grads = [layer.weight.grad for _, layer in net.named_layers() if isinstance(layer, Conv2d)]
    return math.sqrt(sum((grad**2).sum() for grad in grads))


FACTOR, STEP = 10, 0.5
net = nets["residual"]
larger = copy.deepcopy(net)
for _, layer in larger.named_layers():
    if isinstance(layer, Conv2d):
        layer.weight.data *= FACTOR
raw = random_direction(net, np.random.default_rng(1))
raw = {name: 0 * d if "head" in name else d for name, d in raw.items()}  # of the convolutions alone
stretched = {name: FACTOR * d for name, d in raw.items()}  # as long as the larger weights
at = {
    "w": loss_beside(net),
    "10 w": loss_beside(larger),
    "w + 0.5 d": loss_beside(net, (STEP, raw)),
    "10 w + 0.5 d": loss_beside(larger, (STEP, raw)),
    "10 w + 0.5 (10 d)": loss_beside(larger, (STEP, stretched)),
}
near = loss_beside(net, (STEP / FACTOR, raw))
ratio = gradient_norm(larger) / gradient_norm(net)
lesson.table(
    ("residual network", "predicted", "derived", "measured"),
    ("loss at w", None, None, at["w"]),
    ("loss at 10 w", None, at["w"], at["10 w"]),
    ("norm of the gradient at 10 w / at w", predicted_factor, 1 / FACTOR, ratio),
    ("loss at w + 0.5 d", None, None, at["w + 0.5 d"]),
    ("loss at 10 w + 0.5 d: looks flat", None, near, at["10 w + 0.5 d"]),
    ("loss at 10 w + 0.5 d, d normalised", None, at["w + 0.5 d"], at["10 w + 0.5 (10 d)"]),
)
# epsilon counts less beside larger variances, so nothing holds to rounding
assert abs(at["10 w"] - at["w"]) < 1e-2 * at["w"] + 1e-4, "larger weights before batch norm change nothing"
assert abs(ratio * FACTOR - 1) < 0.02, "and their gradient is smaller in proportion"
assert abs(at["10 w + 0.5 d"] - near) < 1e-2 * near + 1e-3, "a step of the same length goes a tenth as far"
assert abs(at["10 w + 0.5 (10 d)"] / at["w + 0.5 d"] - 1) < 0.02, "a normalised one goes as far"
assert at["w + 0.5 d"] > 3 * at["10 w + 0.5 d"], "and there is a difference that a reader would fall for"

# %%
lesson.quiz(
    "A network has twice the weights and a loss twice as wide in a raw direction. Is its minimum flatter?",
    (
        "nobody can tell from that",
        "before batch norm the size of weights says nothing, so neither does width",
    ),
    ("yes", "scaling the weights gives the same function a map of any width"),
    ("no, sharper", "all derivatives are smaller there, only because a raw step is short beside the weights"),
)

# %% [markdown]
# ## The loss around both networks
#
# The figure shows the loss of 128 training images over the plane of two filter-normalised directions; the
# cross is the trained network, and at 1 the direction is as long as the weights. (We use the batch's own
# statistics at every point; the paper's code keeps the running averages.)
#
# How rough is it? In the plane the curvature at a point has two principal values, the eigenvalues of the
# 2x2 matrix of second derivatives, which come from differences of neighbouring points. A bowl has two
# positive ones everywhere. So the sum of all negative ones over the sum of all positive ones is 0 for a
# bowl, and 1 for a landscape that bends downwards as much as upwards. (The paper compares the extreme
# eigenvalues of the whole Hessian, point by point.)

# %%
grid = np.linspace(-1, 1, POINTS)


def surface(net, rng):
    """Return the losses (POINTS, POINTS) over a plane of two random directions, second one upwards."""
    d, e = random_direction(net, rng), random_direction(net, rng)
    return np.array([[loss_beside(net, (a, d), (b, e)) for a in grid] for b in grid])


def negative_share(z):
    """Return the sum of the negative principal curvatures over the sum of the positive ones."""
    a = z[1:-1, 2:] - 2 * z[1:-1, 1:-1] + z[1:-1, :-2]  # second derivatives, in units of the spacing
    c = z[2:, 1:-1] - 2 * z[1:-1, 1:-1] + z[:-2, 1:-1]
    b = (z[2:, 2:] - z[2:, :-2] - z[:-2, 2:] + z[:-2, :-2]) / 4
    curvatures = np.linalg.eigvalsh(np.moveaxis(np.array([[a, b], [b, c]]), (0, 1), (-2, -1)))
    return abs(curvatures[curvatures < 0].sum()) / curvatures[curvatures > 0].sum()


losses = {kind: surface(net, np.random.default_rng(2)) for kind, net in nets.items()}
share = {kind: negative_share(z) for kind, z in losses.items()}
bowl = negative_share(np.add.outer(grid**2, 3 * grid**2))
middle, disc = POINTS // 2, np.hypot(*np.meshgrid(grid, grid)) <= 0.5
rise = {kind: (z - z[middle, middle])[disc].mean() for kind, z in losses.items()}
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("negative curvature / positive: a parabola", None, 0, bowl),
    ("the same, plain", None, None, share["plain"]),
    ("the same, residual", None, None, share["residual"]),
    ("plain / residual", predicted_curvature, None, share["plain"] / share["residual"]),
    ("mean rise of the loss within 0.5, plain", None, None, rise["plain"]),
    ("mean rise of the loss within 0.5, residual", None, None, rise["residual"]),
)
assert bowl < 1e-9, "a bowl has no negative curvature"
assert share["plain"] > 1.15 * share["residual"], "the plain network's surroundings should be rougher"

# %%
panels = {f"{kind}, {2 * BLOCKS + 2} layers": z for kind, z in losses.items()}
labelled = {"xlabel": "along one direction", "ylabel": "along another", "label": "loss (nats)"}
lesson.show(
    plot.contours(panels, at=grid, levels=[0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 6], **labelled),
    alt=(
        "Contours of the loss around two trained networks. The residual one lies at the bottom of a wide, "
        "round bowl; around the plain one the ground is less regular."
    ),
)

# %% [markdown]
# The residual network lies at the bottom of a wide bowl, the plain one in a hollow of rough ground. The
# paper found little difference at 20 layers and a chaos of hills around a plain network of 56, which begins
# where plain networks become hard to train. Two random directions out of thousands show no more than a
# section, and the map does not say what is cause and what is effect.
#
# ## $2^n$ paths
#
# Unravel three residual units (lesson 15), by substituting one into the next:
#
# $$x_3 = x_0 + F_1(x_0) + F_2\big(x_0 + F_1(x_0)\big) + F_3\big(x_0 + F_1(x_0) + F_2(x_0 + F_1(x_0))\big).$$
#
# At each unit a signal either goes through the branch or past it, so there are $2^3 = 8$ paths, and for $n$
# units $2^n$, of which $\binom nk$ go through $k$ branches. A plain network has a single one, through all
# $n$. **Delete a unit**: in the residual network half of all paths are left, in the plain one none. Then its
# layers get what they never saw, and its answers are guesses: 90 % of ten classes are wrong.

# %%
deleted = {
    kind: [error(net, np.delete(range(BLOCKS), i)) for i in range(BLOCKS)] for kind, net in nets.items()
}
median = {kind: np.median(errors) for kind, errors in deleted.items()}
lesson.table(
    ("test error in %, one block deleted", "paths left", "predicted", "derived", "measured"),
    ("plain, median over the blocks", "0 of 1", predicted_deleted["plain"], 90, median["plain"]),
    (
        "residual, median over the blocks",
        f"{2 ** (BLOCKS - 1)} of {2**BLOCKS}",
        predicted_deleted["residual"],
        "little more",
        median["residual"],
    ),
    ("residual, nothing deleted", f"{2**BLOCKS} of {2**BLOCKS}", None, None, whole["residual"]),
)
assert abs(median["plain"] - 90) < 20, "without one of its blocks a plain network can only guess"
assert median["residual"] < median["plain"] / 2, "a residual one should have paths left"
if lesson.setting() != "fast":
    assert median["residual"] < 15, "and notice little, once it has learned"

# %%
rng = np.random.default_rng(3)


def some_deleted(net, count):
    """Return the test error without that many blocks, the mean of four draws."""
    kept = [np.sort(rng.choice(BLOCKS, BLOCKS - count, replace=False)) for _ in range(4)]
    return np.mean([error(net, order) for order in kept])


def some_swapped(net, count):
    """Return the test error after that many exchanges of neighbours, the mean of four draws."""
    errors = []
    for _ in range(4):
        order = np.arange(BLOCKS)
        for i in rng.integers(BLOCKS - 1, size=count):
            order[[i, i + 1]] = order[[i + 1, i]]
        errors.append(error(net, order))
    return np.mean(errors)


counts = range(BLOCKS // 2 + 1)
removed = {kind: [some_deleted(net, count) for count in counts] for kind, net in nets.items()}
swapped = {kind: [some_swapped(net, count) for count in counts] for kind, net in nets.items()}
panels = {
    "without block $k$": {kind: (range(1, BLOCKS + 1), errors) for kind, errors in deleted.items()},
    "without $k$ blocks": {kind: (counts, errors) for kind, errors in removed.items()},
    "after $k$ exchanges of neighbours": {kind: (counts, errors) for kind, errors in swapped.items()},
}
lesson.show(
    plot.line_panels(panels, xlabel="$k$", ylabel="test error (%)"),
    alt=(
        "Test error when blocks are removed or exchanged. The plain network is lost with the first of them; "
        "the residual one gets worse step by step, and misses its first blocks most."
    ),
)

# %% [markdown]
# The first blocks are missed most: their branches are large beside what they are added to, and all others
# build on them. (In the paper's network of 54 blocks hardly any is missed, but for those that halve the map.)
# The more blocks are deleted or exchanged, the worse the residual network gets, step by step, as an ensemble
# does when it loses members; the plain one is lost at once. Unlike those of an ensemble its paths are not
# independent; they share their weights.
#
# This is why *stochastic depth* (lesson 21) can "skip some residual blocks" in training at all.
#
# ## The gradient takes the short paths
#
# Backward, a unit multiplies by $I + J_l^\top$. The product of $n$ such factors is again a sum over all
# paths:
#
# $$g_0 = (I + J_1^\top) \cdots (I + J_n^\top)\, g_n = \sum_{k=0}^n G_k, \qquad
# G_k = \sum_{l_1 < \dots < l_k} J_{l_1}^\top \cdots J_{l_k}^\top\, g_n .$$
#
# $G_k$ holds the $\binom nk$ paths of length $k$. No one need walk them all: at each unit, on the way back, a
# path either stays as long as it is or gets longer by one, $G_k \leftarrow G_k + J_l^\top G_{k-1}$. That is
# $n^2 / 2$ calls of a branch's `backward`, and exact.
#
# **Lengths of paths.** Each unit is a fair coin: $\binom nk / 2^n$, with the mean $n/2$ and the deviation
# $\sqrt n / 2$. **What they carry.** A branch multiplies the length of a gradient by some $r_l$. If the terms
# are orthogonal (lesson 15), squared lengths add up, $|g_0|^2 = |g_n|^2 \prod_l (1 + r_l^2)$, and expanding
# the product sorts it by $k$: each unit is a coin again, but with the probability of "branch"
#
# $$p_l = \frac{r_l^2}{1 + r_l^2}, \qquad \text{mean length} = \sum_l p_l .$$
#
# **At initialisation** $r_l$ is known. MSRA's weights keep the gradient's length, ReLU's mask included
# (lesson 8), and each batch norm divides by a deviation. Before the second norm the variance is $c = 1 -
# 1/\pi$: the mean square is 1, but $1/\pi$ of it is the mean that a ReLU leaves. Before the first it is that
# of $x_l$, which starts at 1 and gains $c$ from each branch:
#
# $$r_l^2 = \frac{1}{c\,(1 + c\,l)}, \qquad p_l = \frac{1}{1 + c + c^2\,l}, \qquad l = 0, 1, \dots, n - 1.$$
#
# The deeper the unit, the more has been added to $x_l$ before it, and the less its branch counts.

# %%
WIDTH, BATCH, UNITS = 96, 96, 54


def by_length(branches, caches, g):
    """Return [G_0, ..., G_n], each with the shape of g, and r_l of every unit, first unit first."""
    sums, ratios = [g], []
    for each, cache in zip(reversed(branches), reversed(caches), strict=True):
        through = [each.backward(part, list(cache)) for part in sums]  # a copy: backward empties its cache
        ratios.insert(0, np.linalg.norm(through[0]) / np.linalg.norm(g))
        sums = [past + by for past, by in zip([*sums, 0], [0, *through], strict=True)]
    return sums, np.array(ratios)


def walk(units, x, dy):
    """Return what `by_length` needs of residual units: branches, caches; and their own g_0."""
    caches, whole_caches = [], []
    for unit in units:
        caches.append(unit.branch.forward(x, train=True)[1])
        x, cache = unit.forward(x, train=True)
        whole_caches.append(cache)
    for unit in reversed(units):
        dy = unit.backward(dy, whole_caches.pop())
    return [unit.branch for unit in units], caches, dy


def coins(p):
    """Return the probabilities of 0, 1, ..., n heads of coins with these probabilities."""
    chance = np.ones(1)
    for each in p:
        chance = np.convolve(chance, [1 - each, each])
    return chance


def summary(sums):
    """Return the share of the squared gradient that each length carries."""
    squares = np.array([(part**2).sum() for part in sums])
    return squares / squares.sum()


rng = np.random.default_rng(4)
linear, norm = partial(Linear, WIDTH, WIDTH, bias=False, rng=rng), partial(BatchNorm, WIDTH)
units = [Residual(branch(norm, linear)).astype(np.float64) for _ in range(UNITS)]
start, dy = rng.standard_normal((2, BATCH, WIDTH))
branches, caches, g_0 = walk(units, start, dy)
sums, _ = by_length(branches, caches, dy)
mismatch = abs(sum(sums) - g_0).max() / abs(g_0).max()
k = np.arange(UNITS + 1)
c = 1 - 1 / math.pi
chance = 1 / (1 + c + c * c * np.arange(UNITS))
derived, carried, paths = coins(chance), summary(sums), coins([0.5] * UNITS)
lesson.table(
    (f"{UNITS} units before training", "predicted", "derived", "measured"),
    ("sum over all paths against g_0: relative difference", None, 0, mismatch),
    ("branches on a path: mean", predicted_mean, UNITS / 2, (k * paths).sum()),
    ("its deviation", None, math.sqrt(UNITS) / 2, math.sqrt((k**2 * paths).sum() - (k * paths).sum() ** 2)),
    ("mean, by squared gradient", predicted_effective, chance.sum(), (k * carried).sum()),
    ("share of the squared gradient on up to 12 branches", None, derived[:13].sum(), carried[:13].sum()),
    ("share of all paths", None, None, paths[:13].sum()),
    ("share of all paths with 5 to 17 branches; the paper: 0.0045", None, 0.0045, paths[5:18].sum()),
)
assert mismatch < 1e-10, "the gradient should be the sum over all paths"
assert abs((k * carried).sum() - chance.sum()) < 1, "and half a dozen branches should carry it"
assert abs(carried - derived).max() < 0.05, "with the derived distribution"
assert carried[:13].sum() > 0.95 and paths[:13].sum() < 1e-3, "on a vanishing fraction of the paths"

# %%
fractions = {"squared gradient, measured": carried, "number of paths": paths}
axes = {"xlabel": "branches on a path", "ylabel": "share", "title": "54 residual units before training"}
lesson.show(
    plot.lines(fractions, derived={"squared gradient, derived": derived}, x=k, **axes),
    alt=(
        "Shares over the number of branches on a path, for 54 units. Most paths have about 27 branches, but "
        "the squared gradient comes through about six, as derived; the two hills hardly overlap."
    ),
)

# %% [markdown]
# Half of all paths have 27 branches or more, and next to nothing comes through them. What is deep about this
# network, for the gradient, is about six branches deep. For the trained network of 54 blocks the paper finds
# that paths with 5 to 17 branches, 0.45 % of all, carry almost all of the gradient.
#
# Is that still so after training? $r_l$ is no longer known, but it can be measured, a unit at a time. And the
# paper's own experiment: take single paths, drawn at random, and see how the gradient decays along them. If
# squared lengths multiply, the mean over all paths of length $k$ is $e_k / \binom nk$, with $e_k$ the sum of
# the products of $k$ different $r_l^2$.

# %%
net = copy.deepcopy(nets["residual"]).astype(np.float64)
signal = net["stem"].forward(x.astype(np.float64), train=True)[0]
deep = net["blocks"].forward(signal, train=True)[0]
logits, cache = net["head"].forward(deep, train=True)
_, loss_cache = F.softmax_cross_entropy_forward(logits, labels)
g_n = net["head"].backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
branches, caches, g_0 = walk(list(net["blocks"].parts.values()), signal, g_n)
sums, ratios = by_length(branches, caches, g_n)
mismatch = abs(sum(sums) - g_0).max() / abs(g_0).max()
k = np.arange(BLOCKS + 1)
chance = ratios**2 / (1 + ratios**2)
carried, paths = summary(sums), coins([0.5] * BLOCKS)
rng, SAMPLES = np.random.default_rng(5), 20


def one_path(length):
    """Return the squared norm of the gradient along a random path, in units of g_n's."""
    g, chosen = g_n, rng.choice(BLOCKS, length, replace=False)
    for i in sorted(chosen, reverse=True):
        g = branches[i].backward(g, list(caches[i]))
    return (g**2).sum() / (g_n**2).sum()


e = coins(chance) * np.prod(1 + ratios**2)
lengths = (1, 2, 4)
single = {length: np.mean([one_path(length) for _ in range(SAMPLES)]) for length in lengths}
lesson.table(
    (f"{BLOCKS} trained units", "derived", "measured"),
    ("sum over all paths against g_0: relative difference", 0, mismatch),
    ("mean number of branches of all paths", BLOCKS / 2, (k * paths).sum()),
    ("the same, by squared gradient", chance.sum(), (k * carried).sum()),
    *((f"squared gradient along a path of {i}", e[i] / math.comb(BLOCKS, i), single[i]) for i in lengths),
)
assert mismatch < 1e-10, "after training too the gradient should be the sum over all paths"
assert (k * carried).sum() < 0.9 * BLOCKS / 2, "and come by the shorter ones"
assert single[4] < single[2] < single[1], "since every branch on the way makes it smaller"

# %% [markdown]
# So it is: the paths that carry the gradient are shorter than most, and each further branch makes it smaller.
# The derived numbers are a little low. After training the paths are no longer quite orthogonal.

# %%
lesson.quiz(
    "12 residual units: how many paths lead through them, and how many of these through 3 branches?",
    ("4,096 and 220", "two ways at each unit are 2^12 paths, and 3 of 12 units can be chosen in 220 ways"),
    ("24 and 3", "ways do not add up from unit to unit: each of one unit goes on by each of the next"),
    ("144 and 36", "a unit doubles the number of paths, and which 3 units they are makes a difference"),
)

# %% [markdown]
# ## What later networks kept
#
# "CNN architectures have continued to evolve!" says lecture 9. Lecture 6 shows a list by Yann LeCun of the
# decade's new ideas in AI, with "ResNets (not intellectually deep, but useful)" in second place. What became
# of them?
#
# **The sum, and nothing on it.** "Keep the shortest path as smooth as possible", the tutorial sums up. A
# *transformer* is a stack of residual units whose branches are attention and small fully-connected networks;
# what runs along the shortcuts is called the *residual stream*. The first one (Vaswani et al. 2017,
# arXiv:1706.03762) normalised *after* the addition, $x_{l+1} = \mathrm{norm}(x_l + F(x_l))$; GPT-2 moved the
# norm into the branch, $x_{l+1} = x_l + F(\mathrm{norm}(x_l))$, "similar to a pre-activation residual
# network" (Radford et al. 2019, section 2.3), and most large ones have done so since (for why, see Xiong et
# al. 2020, arXiv:2002.04745).
#
# Why it matters is derived in two lines. Let branches of normalised inputs have variance $c$, uncorrelated
# with the stream. A norm after each addition divides *everything* by $\sqrt{1 + c}$, so that of $x_0$
# $(1 + c)^{-n/2}$ is left beside a stream of variance 1. With the norm inside the stream has the variance
# $1 + cn$, and $x_0$ is still all there:
#
# $$\cos(x_0, x_n) = (1 + c)^{-n/2} \quad\text{(norm after)}, \qquad
# \cos(x_0, x_n) = (1 + c\,n)^{-1/2} \quad\text{(norm inside)}.$$

# %%
LAYERS = 12
rng = np.random.default_rng(6)
linear = partial(Linear, WIDTH, WIDTH, bias=False, rng=rng)
inside = [Residual(branch(norm, linear)) for _ in range(LAYERS)]
after = [Residual(Sequential(*unit.branch.parts.values()), after=BatchNorm(WIDTH)) for unit in inside]


def correlation(units):
    """Return the cosine of input and output of the units, without their means over the batch."""
    start = rng.standard_normal((512, WIDTH), dtype=np.float32)
    x = Sequential(*units).forward(start, train=True)[0]
    start, x = start - start.mean(axis=0), x - x.mean(axis=0)
    return (start * x).sum() / (np.linalg.norm(start) * np.linalg.norm(x))


c = 1 - 1 / math.pi
kept = {"after": (1 + c) ** (-LAYERS / 2), "inside": (1 + c * LAYERS) ** -0.5}
found = {"after": correlation(after), "inside": correlation(inside)}
lesson.table(
    (f"cosine of x_0 and x_{LAYERS}", "derived", "measured"),
    *((f"norm {where}", kept[where], found[where]) for where in kept),
)
assert all(abs(found[where] - kept[where]) < 0.03 for where in kept), "by the variances that are added up"

# %% [markdown]
# In networks of convolutions with batch norm that order is, says lecture 9, "not actually used that much in
# practice": at the usual 50 to 152 layers it gains little. The original ResNet is "a great baseline
# architecture for many tasks even today" and "still widely used today": trained by a modern recipe it keeps
# up with what came later (Bello et al. 2021, arXiv:2103.07579). Language models do nothing but repeat one
# block: "simple design; just large", says lecture 6 of GPT, beside "simple design; just deep!" of ResNet.
#
# **Stochastic depth** is, says lecture 9, "starting to become common in recent architectures": speech
# transformers (Pham et al. 2019), EfficientNetV2 (Tan & Le 2021), multiscale vision transformers (Fan et al.
# 2021), revisited ResNets (Bello et al. 2021), vision transformers (Steiner et al. 2021). ConvNeXt (Liu et
# al. 2022, arXiv:2201.03545) uses 0.1 for its smallest network and 0.5 for its largest as the probability of
# dropping the last block, with the linear rule of lesson 21. One thing has changed: a gate is drawn for each
# image, not for each batch ("drop path"), so nothing is saved, and what survives is divided by $p_l$ in
# training.
#
# **Branches that start small** (lesson 19): ReZero multiplies each branch by a number that starts at 0
# (Bachlechner et al. 2020, arXiv:2003.04887), LayerScale each of its channels by one that starts at $10^{-6}$
# in the deepest networks (Touvron et al. 2021, arXiv:2103.17239), and so does ConvNeXt.
#
# **"Without residual/shortcut?"** asks the tutorial's slide "future works". It can be done: a plain network
# of 10,000 convolutions trains if its initial weights are orthogonal and their size is exactly right (Xiao
# et al. 2018, arXiv:1806.05393), and RepVGG (Ding et al. 2021, arXiv:2101.03697) learns with shortcuts and
# then folds them into its 3x3 kernels. It is not what people do.
#
# ## Potential applications
#
# "ResNets have shown outstanding or promising results on", says the tutorial's slide of 2016: "visual
# recognition", "image generation (Pixel RNN, Neural Art, etc.)", "natural language processing (very deep
# CNN)", "speech recognition (preliminary results)", "advertising, user prediction (preliminary results)". And
# its conclusions: "ultra deep networks can be easy to train", "can gain accuracy from depth", and their
# representations "are well transferrable". A year later the transformer took the shortcut into language, and
# by now stacks of residual units are behind every one of these tasks.
#
# ## Deep learning software
#
# Lecture 9 ends with "Next: Deep Learning Software". In a framework such as PyTorch or JAX nobody writes a
# `backward`: the forward records a graph, and reverse-mode differentiation walks it back. That is what a
# `Sequential` does here with its list of caches, and what you have read in every lesson.
#
# ## The reader's predictions

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - Before batch norm the size of weights means nothing: a map of the loss needs steps in units of the
#   weights.
# - Around a trained residual network the loss is a smoother bowl than around its plain twin.
# - A residual network is a sum over $2^n$ paths. One block less halves them; a plain network has only one.
# - By number most paths have $n/2$ branches; by gradient the short ones count, about six branches of 54.
# - What stayed: an addition with nothing on the shortcut, norms inside the branch, stochastic depth, branches
#   that start near zero.
#
# ## What to try next
#
# 1. Draw the maps with directions that are not normalised (`random_direction` without `size`). What happens?
# 2. Delete the second block of each network and let it learn for one more epoch, at a rate of 0.01. What
#    comes back?
# 3. Make the branches of the 54 units half as large (their last weights times 0.5). What is the mean length,
#    derived and measured?
#
# ## Exercises
#
# 1. Through how many branches do 95 % of the paths of 54 units go?
# 2. Without batch norm $r_l = s$ for every unit. What is the mean length by squared gradient? How small must
#    $s$ be, if 6 of 54 branches are to carry it?
# 3. Three blocks of 12 are deleted. What fraction of the paths is left? And of those of length 3?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. Raw directions are up to eight times as long as the weights, so the maps show two plateaus (losses of 3
#    and more) with a hole in the middle that is narrower than the grid. The ratio is not the same for both
#    networks, nor for all of their layers, so the holes cannot be compared.
# 2. At a rate of 0.01 the residual network gets from 77.5 % back to 1.9 % (it had 1.1). The plain one gets
#    from 89 to 55 %: its later layers have to learn anew what they are given.
# 3. Each branch adds $c/4$ to the variance of the stream, and a gradient's square is divided by 4 in it:
#    $r_l^2 = 1 / \big(4c\,(1 + c\,l/4)\big)$, so $p_l = 1 / (1 + 4c + c^2\,l)$, which adds up to 4.5.
#    Measured: 4.7.
#
# **Exercises.**
#
# 1. The mean is 27 and the deviation 3.7. Within two deviations, 20 to 34 branches, lie 96.0 % of the paths,
#    and 98.0 % have 19 to 35, as the paper says ("more than 95 %").
# 2. $p = s^2 / (1 + s^2)$ for every unit, so the mean length is $n s^2 / (1 + s^2)$. For 6 of 54, $p = 1/9$,
#    $s^2 = 1/8$, $s = 0.35$.
# 3. Each deleted block halves the paths: 1/8. Of the 220 paths of length 3 those are left that only use the
#    other nine blocks, $\binom 93 = 84$, which is 38 %. Short paths suffer less.
