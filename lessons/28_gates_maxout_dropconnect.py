# %% [markdown]
# # 28. Gates, maxout, dropped weights
#
# **Question.** ResNet was not the only answer to "how do we go deeper, and how do we generalise?". What did
# highway networks do with gates, Network in Network and maxout with the activation, DropConnect with the
# weights, and what of it can be said in a formula?
#
# *Time: 20 s. Before this: lessons 8, 12 and 16. Sources: the ICML 2016 tutorial, slides "Future works" and
# "Comparisons on CIFAR-10/100"; Srivastava et al. 2015 (arXiv:1505.00387), sections 2 and 3; Lin, Chen & Yan
# 2013 (arXiv:1312.4400), section 3; Goodfellow et al. 2013 (arXiv:1302.4389), sections 3 and 4; Wan et al.
# 2013, "Regularization of neural networks using DropConnect", section 3.*

# %%
import math

import numpy as np

import minires.functional as F
from minires import data, lesson, optim, plot
from minires.layers import DropConnect, Dropout, Linear, Maxout, ReLU, Sequential
from minires.models.highway import dense_highway
from minires.models.nin import mlpconv

SETTING = lesson.setting()

# %% [markdown]
# ## Predict
#
# A highway layer passes on a part of its input, $1 - T$, where the gate $T = \sigma(W x + b)$ is learned.
# Each gate begins almost closed: $T$ is 0.12 at $b = -2$ and 0.02 at $b = -4$. But there are 48 of them.
#
# A maxout unit is the largest of $k$ linear functions. How well can it follow a curve?
#
# Dropout drops inputs of a layer, DropConnect single weights. Both leave noise in the outputs. Can the next
# layer average it away?

# %%
carried = {
    -2: lesson.predict(
        "By what power of ten do 48 gates that start at b = -2 multiply x?", "powers of ten", by=0.5
    ),
    -4: lesson.predict(
        "By what power of ten do 48 gates that start at b = -4 multiply x?", "powers of ten", by=0.5
    ),
}
worst = lesson.predict(
    "A maxout unit of 8 evenly spaced tangents: what is its largest error for x^2 on [-1, 1]?"
)
remaining = {
    "dropout": lesson.predict(
        "16 outputs have equal weights. What part of dropout's noise variance does their mean keep?",
        within=1.3,
    ),
    "DropConnect": lesson.predict(
        "16 outputs have equal weights. What part of DropConnect's noise variance does their mean keep?",
        within=1.3,
    ),
}

# %% [markdown]
# ## Derivation: highway networks
#
# Seven months before ResNet, a highway layer was
#
# $$y = T(x)\,H(x) + (1 - T(x))\,x, \qquad T(x) = \sigma(W x + b).$$
#
# At the start $T \approx \sigma(b)$, so $L$ layers carry about $(1 - \sigma(b))^L$ of $x$ through: the
# deeper the network, the more negative $b$ must be. (With $W \ne 0$ it is somewhat less: an open gate stops
# more than a closed one lets pass.) A residual block is what remains if both factors are 1: it has no gate to
# close.

# %%
GATES, BIASES = 48, (-2, -4)
train_set, _ = data.load("digits")
pixels = train_set.images.astype(np.float32)
images = ((pixels - pixels.mean()) / pixels.std()).reshape(len(train_set), -1)  # (1437, 64)
through = {}
for bias in BIASES:
    net = dense_highway(depth=GATES + 2, features=64, gate_bias=bias, rng=np.random.default_rng(0))
    x = net["relu"].predict(net["input"].predict(images[:64]))
    powers = 0.0
    for _, layer in net["highway"].children():
        powers = powers + np.log10(1 - layer.gate.predict(x))
        x = layer.predict(x)
    through[bias] = float(np.mean(powers))
by_bias = {bias: GATES * math.log10(1 - 1 / (1 + math.exp(-bias))) for bias in BIASES}
lesson.table(
    ("x carried through 48 gates (powers of ten)", "predicted", "derived", "measured"),
    *((f"b = {bias}", carried[bias], by_bias[bias], through[bias]) for bias in BIASES),
)
assert all(-0.5 < through[b] - by_bias[b] < 0 for b in BIASES), "a little less than (1 - sigmoid(b))^48"
assert through[-4] > through[-2] + 2, "the more negative bias should carry a hundred times more"

# %% [markdown]
# Does it help to train 50 layers? There is no batch norm. Beside it stands a plain network with MSRA's
# weights and about as many parameters; for each the best of several learning rates counts.

# %%
STEPS = {"fast": 40, "live": 100, "full": 400}[SETTING]
RATES = (0.03,) if SETTING == "fast" else (0.003, 0.01, 0.03)


def fifty_layers(bias):
    """Return a highway network whose gates start there; a plain network for None."""
    rng = np.random.default_rng(0)
    if bias is not None:
        return dense_highway(depth=GATES + 2, features=64, gate_bias=bias, rng=rng)
    middle = [part for _ in range(GATES) for part in (Linear(71, 71, rng=rng), ReLU())]
    return Sequential(Linear(64, 71, rng=rng), ReLU(), *middle, Linear(71, 10, rng=rng))


def learn(net, rate):
    """Train on the digits; return the mean training loss of the last ten steps."""
    rng, losses = np.random.default_rng(1), []
    optimiser = optim.SGD(net.named_parameters(), lr=rate, momentum=0.9)
    with np.errstate(all="ignore"):  # where a rate is too high, the loss ends as not a number
        for _ in range(STEPS):
            chosen = rng.choice(len(images), 64, replace=False)
            y, cache = net.forward(images[chosen], train=True)
            loss, loss_cache = F.softmax_cross_entropy_forward(y, train_set.labels[chosen])
            optimiser.zero_grad()
            net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
            optimiser.step()
            losses.append(float(loss))
    return np.mean(losses[-10:])


ARMS = {"plain": None, "highway, b = -2": -2, "highway, b = -4": -4}
losses = {name: [learn(fifty_layers(bias), rate) for rate in RATES] for name, bias in ARMS.items()}
best = {name: float(np.nanmin([math.log(10), *found])) for name, found in losses.items()}
print()
lesson.table(
    (f"training loss after {STEPS} steps", *(f"rate {rate}" for rate in RATES), "the best"),
    *((name, *losses[name], best[name]) for name in ARMS),
)
# 2.30 is the loss of guessing; b = -4 is at 1.5 after 40 steps and at 0.25 after 100
assert best["highway, b = -4"] < best["plain"] - 0.4, "gates that are nearly closed should train"
if SETTING == "live":
    assert best["highway, b = -4"] < 1.0 < 1.4 < best["plain"], "and 48 plain layers hardly"

# %% [markdown]
# With $b = -2$ the network is hardly better than guessing ($\ln 10 = 2.30$), with $b = -4$ it learns at once.
# The paper asks for a lower bias the deeper the network is: somebody has to tell the gates the depth.

# %%
lesson.quiz(
    "A highway layer with an open shortcut, 1 - T = 1, and a residual block: what is the difference?",
    (
        "the highway layer then computes nothing of its own",
        "its two factors add up to 1; a residual block has 1 and 1",
    ),
    ("none", "with T = 0 the branch H is switched off as well"),
    ("the highway layer has fewer parameters", "its gate has as many weights as H, twice as many in all"),
)

# %% [markdown]
# ## Network in Network
#
# A convolution is linear in its window. Lin et al. replaced it by a small network that slides: a 5 x 5
# convolution, then two layers that see a single pixel with all its channels. These are 1 x 1 convolutions,
# later GoogLeNet's reductions and ResNet's bottlenecks. It should be the same to cut the pixels out and give
# them to fully-connected layers:

# %%
rng = np.random.default_rng(0)
slides = mlpconv(3, (16, 12, 8), 5, rng).astype(np.float64)
x = rng.standard_normal((2, 3, 7, 6))
y = slides.predict(x)
h = slides["relu"].predict(slides["conv"].predict(x)).transpose(0, 2, 3, 1).reshape(-1, 16)  # a row a pixel
for name in ("mlp1", "mlp2"):
    conv = slides[name]
    layer = Linear(conv.weight.data.shape[1], conv.weight.data.shape[0], rng=rng).astype(np.float64)
    layer.weight.data[...] = conv.weight.data[:, :, 0, 0]
    layer.bias.data[...] = conv.bias.data
    h = np.maximum(layer.predict(h), 0)
pixelwise = abs(h.reshape(2, 7, 6, 8).transpose(0, 3, 1, 2) - y).max()
print()
lesson.table(("largest difference", "derived", "measured"), ("sliding, or pixel by pixel", 0, pixelwise))
assert pixelwise < 1e-12, "a 1 x 1 convolution should be a fully-connected layer at every pixel"

# %% [markdown]
# ## Maxout
#
# Maxout has no fixed activation at all: $h = \max_j (w_j^\top x + b_j)$ over $k$ pieces. With two pieces it
# *contains* the ReLU ($x$ and $0$) and the absolute value ($x$ and $-x$). A maximum of linear functions is
# convex, so one unit follows convex curves only, but the difference of two follows any. For $x^2$ on
# $[-1, 1]$ take the tangents in the middle of $k$ equal parts: $x^2 - (2 m x - m^2) = (x - m)^2$ is at most
# $(1/k)^2$. And the price: $k$ times the weights.

# %%
points = np.linspace(-1, 1, 4097)[:, None]


def maxout(slopes, offsets):
    """Return a maxout unit of one input with these pieces."""
    layer = Linear(1, len(slopes), rng=np.random.default_rng(0)).astype(np.float64)
    layer.weight.data[:, 0], layer.bias.data[:] = slopes, offsets
    return Sequential(layer, Maxout(len(slopes)))


def tangents(pieces):
    """Return a maxout unit that touches x^2 in the middle of equal parts of [-1, 1]."""
    middles = -1 + (2 * np.arange(pieces) + 1) / pieces
    return maxout(2 * middles, -(middles**2))


PIECES = (2, 4, 8, 16)
wrong = {k: abs(tangents(k).predict(points) - points**2).max() for k in PIECES}
wrong_relu = abs(maxout([1, 0], [0, 0]).predict(points) - np.maximum(points, 0)).max()
wrong_abs = abs(maxout([1, -1], [0, 0]).predict(points) - abs(points)).max()
print()
lesson.table(
    ("largest error", "predicted", "derived", "measured"),
    ("ReLU, 2 pieces", None, 0, wrong_relu),
    ("|x|, 2 pieces", None, 0, wrong_abs),
    *((f"x^2, {k} pieces", {8: worst}.get(k), 1 / k**2, wrong[k]) for k in PIECES),
)
assert wrong_relu < 1e-12 and wrong_abs < 1e-12, "maxout should contain the ReLU and the absolute value"
assert all(abs(wrong[k] * k**2 - 1) < 1e-6 for k in PIECES), "twice the pieces, a quarter of the error"

# %%
every = slice(None, None, 32)
curves = {f"{k} pieces": (points[every, 0], tangents(k).predict(points)[every, 0]) for k in (2, 4)}
figure = plot.lines(
    {"$x^2$": (points[every, 0], points[every, 0] ** 2), **curves},
    xlabel="x",
    ylabel="output",
    title="A maxout unit follows a convex curve by tangents",
)
lesson.show(
    figure,
    alt=(
        "A parabola and two maxout units that follow it by tangents from below. With four pieces the largest "
        "distance is a quarter of that with two."
    ),
)

# %%
lesson.quiz(
    "Can one maxout unit compute -|x|?",
    ("no, its output is convex whatever the weights", "the difference of two units can: 0 - |x|"),
    ("yes, with negative weights", "the largest of several lines bends upwards only"),
    ("yes, with more pieces", "more pieces, more bends, all of them upwards"),
)

# %% [markdown]
# ## DropConnect: dropped weights
#
# Let $y = \sum_i m_i w_i x_i$ with $m_i = 1$ with the probability $p$ ("keep"), else 0. Independent terms add
# their variances, and $m_i$ has the variance $p(1 - p)$:
#
# $$\mathrm{E}[y] = p \sum_i w_i x_i, \qquad \mathrm{Var}[y] = p (1 - p) \sum_i w_i^2 x_i^2.$$
#
# Dropout drops $x_i$ instead and divides what stays by $p$: the mean is $\sum w_i x_i$ and the variance
# $\frac{1 - p}{p} \sum w_i^2 x_i^2$, just as much relative to the squared mean. The difference lies between
# outputs: those of a layer share dropout's mask, but in DropConnect each has a mask of its own. A mean over
# 16 outputs with equal weights keeps all of dropout's noise and $1/16$ of DropConnect's.
#
# Why does noise regularise? With a squared error the mean over all masks is
#
# $$\mathrm{E}\big[(y - t)^2\big] = (\mathrm{E}[y] - t)^2 + \mathrm{Var}[y]:$$
#
# the error without noise, and a weight decay in which each weight counts as its input does.

# %%
INPUTS, OUTPUTS, SAMPLES, KEEP, TARGET = 256, 16, 4000, 0.5, 3.0
rng = np.random.default_rng(0)
x, w = rng.standard_normal((2, INPUTS))
layers = {
    "dropout": Linear(INPUTS, OUTPUTS, bias=False, rng=rng),
    "DropConnect": DropConnect(INPUTS, OUTPUTS, keep=KEEP, bias=False, rng=rng),
}
squares = (w**2 * x**2).sum()
scale = {"dropout": (1, (1 - KEEP) / KEEP, 1), "DropConnect": (KEEP, KEEP * (1 - KEEP), 1 / OUTPUTS)}
rows, found = [], {}
for name, layer in layers.items():
    layer = layer.astype(np.float64)
    layer.weight.data[...] = w
    net = Sequential(Dropout(KEEP, rng=rng), layer) if name == "dropout" else layer
    y = np.concatenate([net.forward(np.tile(x, (100, 1)), train=True)[0] for _ in range(SAMPLES // 100)])
    factor, spread, kept = scale[name]
    noise = y.var(axis=0).mean()
    penalised = (factor * w @ x - TARGET) ** 2 + spread * squares
    found[name] = (
        ("mean", None, factor * w @ x, y.mean()),
        ("variance", None, spread * squares, noise),
        ("squared error, mean over masks", None, penalised, ((y - TARGET) ** 2).mean()),
        ("noise left in the mean of 16 outputs", remaining[name], kept, y.mean(axis=1).var() / noise),
    )
    rows += [(f"{name}: {what}", *values) for what, *values in found[name]]
print()
lesson.table(("", "predicted", "derived", "measured"), *rows)
# five standard deviations, of the mean and of the variance of so many independent numbers
for name, independent in (("dropout", SAMPLES), ("DropConnect", SAMPLES * OUTPUTS)):
    (_, _, mean, m), (_, _, variance, v), (_, _, error, e), (_, _, kept, k) = found[name]
    allowed = 5 * math.sqrt(2 / independent)
    assert abs(m - mean) < allowed * math.sqrt(variance), "the mean over the masks"
    assert abs(v / variance - 1) < allowed and abs(e / error - 1) < 2 * allowed, (
        "the error has the variance in it"
    )
    assert abs(k / kept - 1) < 0.15, "dropout's noise is common to all outputs, DropConnect's is not"

# %%
lesson.quiz(
    "Why does DropConnect in training need a mask for every example?",
    (
        "one mask for a batch would be the same noise for all its examples",
        "the gradient would not average it out",
    ),
    ("to drop more weights", "each mask drops the same part of them"),
    ("because each example has its own weights", "the weights are shared; only what is dropped differs"),
)

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - Gates carry $(1 - \sigma(b))^L$: their bias must know the depth. The identity does not.
# - A 1 x 1 convolution is a fully-connected layer at every pixel; maxout is an activation that is learned.
# - Dropped values or weights are noise whose variance, in a squared error, is a weight decay.
#
# ## What to try next
#
# 1. Make `BIASES` and the highway arms start at -8 as well. Does that train faster still?
# 2. Make `KEEP` 0.9. Which rows change, and which cannot?
#
# ## Exercises
#
# 1. Write $-|x|$ and the hat $\max(0, 1 - |x|)$ as differences of two maxout units.
# 2. A layer from 4096 to 4096 numbers draws a mask of its weights for each of 128 examples, 4 bytes a number.
#    How much memory is that?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. Yes: its loss after 100 steps is 0.13, that of -4 is 0.25.
# 2. The means, variances and squared errors change. What is left in the mean of 16 outputs is 1 and $1/16$
#    for every $p$.
#
# **Exercises.**
#
# 1. $-|x| = 0 - \max(x, -x)$, and the hat is $\max(1, x, -x) - \max(x, -x)$.
# 2. $128 \cdot 4096^2 \cdot 4$ bytes are 8 GiB. That is why the paper has kernels of its own for it.
