# %% [markdown]
# # 27. Width, and skips of other lengths
#
# **Question.** More blocks of two layers are not the only way to a better network. Why not make it wider
# instead of deeper? And why does a shortcut skip two layers, and not one or ten?
#
# *Time: 10 s. Before this: lessons 5, 12, 14 and 18. Sources: the ICML 2016 tutorial, slides "Future works"
# and "How do ResNets address these issues?"; He et al. 2015 (arXiv:1512.03385), section 3.2; Zagoruyko &
# Komodakis 2016 (arXiv:1605.07146); Targ et al. 2016 (arXiv:1603.08029), equation 1; Yang et al. 2019
# (arXiv:1902.08129) for the factor $\pi/(\pi - 1)$.*

# %%
import math
import time

import numpy as np

import minires.functional as F
from minires import data, init, lesson, models, optim, plot
from minires.accounting import cost, published
from minires.layers import BatchNorm, Conv2d, Linear, ReLU, Residual, Sequential
from minires.models.rir import generalized_unit
from minires.models.wide import wide_resnet

SETTING = lesson.setting()

# %% [markdown]
# ## Predict
#
# *Width*: what do three times the channels cost, and how many layers are left at equal cost? *Skip one or
# many*: take 48 layers, each a batch norm, a ReLU and a fully-connected layer, with a shortcut over every
# single one, over every 16, or none. Batch norm keeps the signal's size on the way forward. Is the way back
# as smooth?

# %%
convolutions = lesson.predict(
    "ResNet-110 has 108 convolutions in its blocks. Three times as wide, how many have as many parameters?",
    "convolutions",
    within=1.3,
)
growth = {  # layers that a shortcut skips, 0: there is none
    1: lesson.predict(
        "By how many powers of ten does the gradient grow on its way back, with a shortcut over every layer?",
        "powers of ten",
        by=0.5,
    ),
    16: lesson.predict(
        "By how many powers of ten does the gradient grow on its way back, with one over every 16 layers?",
        "powers of ten",
        by=0.5,
    ),
    0: lesson.predict(
        "By how many powers of ten does the gradient grow on its way back, without shortcuts?",
        "powers of ten",
        by=0.5,
    ),
}

# %% [markdown]
# ## Derivation: width vs. depth
#
# A convolution from $C$ to $C$ channels has $9C^2$ weights, and as many multiply-adds for each pixel. So a
# layer with $k$ times the channels costs $k^2$ times as much, and a network of that width has the parameters
# *and* the multiply-adds of a thin one if it has $k^2$ times fewer layers: 108 convolutions against
# $108/9 = 12$. The wide residual network WRN-16-3 has these 12.

# %%
THIN, FACTOR = "resnet110", 3


def counted(net):
    """Return the cost.Table of a network for CIFAR-10."""
    return cost.table(net, (3, 32, 32))


def in_blocks(table):
    """Return the weights of the 3x3 convolutions in the stages, one number for each."""
    rows = [row for row in table.rows if row.kind == "Conv2d" and row.name.startswith("stage")]
    return [row.params for row in rows if "branch" in row.name]


thin = counted(models.build(THIN, rng=init.SHAPES_ONLY))
wide = counted(wide_resnet(depth=16, factor=FACTOR, rng=init.SHAPES_ONLY))
as_many = sum(in_blocks(thin)) / np.mean(in_blocks(wide))
lesson.table(
    ("3 times as wide", "predicted", "derived", "measured"),
    ("convolutions with the parameters of 108 thin ones", convolutions, 108 / FACTOR**2, as_many),
)
assert len(in_blocks(thin)) == 108 and len(in_blocks(wide)) == 12, "108 thin convolutions, 12 wide ones"
assert abs(as_many / 12 - 1) < 0.15, "they should have about the same weights"

# %%
errors = published.values("cifar10", "test error")
after_addition = published.values("cifar10 after the addition, 110 layers", "test error")
errors |= {"nin": errors["NIN"], "preresnet110": after_addition["full_preact"]}
NETS = {
    "nin": ("Network in Network", 9),
    "resnet110": ("ResNet-110", 110),
    "preresnet110": ("pre-activation, flat", 110),
    "preresnet164": ("pre-activation, bottleneck", 164),
    "preresnet1001": ("pre-activation, bottleneck", 1001),
    "wide_resnet16_8": ("WRN-16-8", 16),
}
tables = {name: counted(models.build(name, rng=init.SHAPES_ONLY)) for name in NETS}
print()
lesson.table(
    ("for CIFAR-10", "layers", "parameters (M)", "multiply-adds (M)", "test error (%)"),
    *(
        (title, layers, tables[name].params / 1e6, tables[name].macs / 1e6, errors.get(name))
        for name, (title, layers) in NETS.items()
    ),
)
flat, bottleneck, deep, shallow = (
    tables[name] for name in ("preresnet110", "preresnet164", "preresnet1001", "wide_resnet16_8")
)
assert (flat.params, bottleneck.params) == (1_727_962, 1_703_258), "flat and bottleneck: the same cost"
assert abs(shallow.macs / deep.macs - 1) < 0.05, "16 wide layers should cost"
assert abs(shallow.params / deep.params - 1) < 0.07, "what 1001 thin ones cost"

# %% [markdown]
# (The 12 wide ones have a little less, for each stage's first takes fewer channels.) *Flat vs. bottleneck*:
# at the same cost 54 bottlenecks are deeper than 54 flat blocks, and have the lower error. "Deeper + thinner
# is good generalization", says lecture 6. But WRN-16-8 costs what ResNet-1001 costs and has 16 layers, and
# according to its authors such a network is more accurate than those of a thousand layers (their abstract).
# Depth and width both help. But a processor computes a layer's channels at once, and layer after layer, so at
# the same cost the wide network should take less *time*:

# %%
batch = np.random.default_rng(0).standard_normal((8, 3, 32, 32), dtype=np.float32)
rows = []
for title, net, table in (
    ("ResNet-110", models.build(THIN, rng=np.random.default_rng(0)), thin),
    ("WRN-16-3", wide_resnet(depth=16, factor=FACTOR, rng=np.random.default_rng(0)), wide),
):
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        net.predict(batch)
        seconds.append(time.perf_counter() - start)
    rows.append((title, table.params / 1e6, table.macs / 1e6, 1000 * min(seconds) / len(batch)))
print()
lesson.table(("", "parameters (M)", "multiply-adds (M)", "milliseconds an image, here"), *rows)

# %%
lesson.quiz(
    "Twice the channels in every layer, or twice the layers: what costs more?",
    ("twice the channels", "weights and multiply-adds grow fourfold, with the layers only twofold"),
    ("twice the layers", "each layer costs the same, so that is a factor of two"),
    ("both the same", "a weight joins an input channel with an output channel, and both double"),
)

# %% [markdown]
# ## Derivation: skip one or many
#
# *One.* With the ReLU after the addition, a shortcut over a single layer gives
#
# $$\mathrm{relu}(x + W x + b) = \mathrm{relu}\big((W + I)\,x + b\big),$$
#
# a plain layer with the weights $V = W + I$, and as $\partial E/\partial W = \partial E/\partial V$, a step
# of SGD changes both alike. Such a network *is* a plain network that starts near the identity. Only weight
# decay tells them apart: decaying $W$ draws the layer to the identity, decaying $V$ draws it to zero. (A
# branch with a ReLU inside is no such layer. That is why the branches of He et al. have two layers.)
#
# *Many.* Let a layer be batch norm, ReLU, weights of variance $2/n$. Its input is normalised, so the ReLU
# puts out a mean square of $1/2$ and the variance $(1 - 1/\pi)/2$: part of the mean square is the mean, which
# the next batch norm subtracts. After the weights the variance over the batch is $1 - 1/\pi$. Backwards,
# weights and ReLU multiply the mean square of a gradient by $2$ and $1/2$, and the next batch norm divides it
# by the variance that it saw. So a plain layer multiplies it by
#
# $$r = \frac{1}{1 - 1/\pi} = \frac{\pi}{\pi - 1} = 1.467.$$
#
# A branch of $n$ layers, after $l$ other branches, has $n - 1$ such factors, and its first batch norm divides
# by the variance of the sum so far, $v_l = 1 + l\,(1 - 1/\pi)$. Beside it the shortcut adds 1:
#
# $$\text{shortcuts over } n: \prod_{l=0}^{L/n-1} \Big(1 + \frac{r^{n-1}}{v_l}\Big), \qquad
# \text{none}: r^{L-1}.$$
#
# The norm grows by the square root of that.

# %%
LAYERS, WIDTH, SKIPS = 48, 128, (1, 2, 4, 8, 16, 48, 0)  # 0: no shortcut
GAIN = math.pi / (math.pi - 1)
SEEDS = range(1 if SETTING == "fast" else 3)


def derived_growth(skipped):
    """Return the powers of ten by which the gradient's norm grows."""
    if not skipped:
        return (LAYERS - 1) * math.log10(GAIN) / 2
    variances = 1 + np.arange(LAYERS // skipped) * (1 - 1 / math.pi)
    return np.log10(1 + GAIN ** (skipped - 1) / variances).sum() / 2


def measured_growth(skipped, seed):
    """Return the same, measured from the output to the input of such a stack."""
    rng = np.random.default_rng(seed)

    def layers(count):
        return [
            part
            for _ in range(count)
            for part in (BatchNorm(WIDTH), ReLU(), Linear(WIDTH, WIDTH, bias=False, rng=rng))
        ]

    parts = (
        [Residual(Sequential(*layers(skipped))) for _ in range(LAYERS // skipped)]
        if skipped
        else layers(LAYERS)
    )
    net = Sequential(*parts).astype(np.float64)
    y, cache = net.forward(rng.standard_normal((WIDTH, WIDTH)), train=True)
    dy = rng.standard_normal(y.shape)
    return math.log10(np.linalg.norm(net.backward(dy, cache)) / np.linalg.norm(dy))


derived = {skipped: derived_growth(skipped) for skipped in SKIPS}
measured = {skipped: np.mean([measured_growth(skipped, seed) for seed in SEEDS]) for skipped in SKIPS}
print()
lesson.table(
    ("layers that a shortcut skips", "predicted", "derived", "measured"),
    *((str(n or "no shortcut"), growth.get(n), derived[n], measured[n]) for n in SKIPS),
)
# the derivation is for infinitely wide layers and batches; from seed to seed these differ by up to 0.1
assert all(abs(measured[n] - derived[n]) < 0.3 for n in SKIPS), "powers of ten as derived"
assert all(measured[b] > measured[a] for a, b in ((1, 4), (4, 8), (8, 16))), "longer skips should let it grow"
assert measured[0] > 3 and measured[1] < 1.4, "one over each: little; none: thousands of times"

# %%
figure = plot.bars(
    {str(n or "none"): measured[n] for n in SKIPS},
    xlabel="layers that a shortcut skips",
    ylabel="growth of the gradient's norm (powers of ten)",
    derived={str(n or "none"): derived[n] for n in SKIPS},
    title="48 layers with batch norm; black: derived",
    form="{:.2f}",
)
lesson.show(
    figure,
    alt=(
        "Growth of the gradient's norm over 48 layers by the number of layers that a shortcut skips, close "
        "to the derived lines. It is about tenfold for one layer and thousands of times for 48, "
        "no better than without shortcuts."
    ),
)

# %% [markdown]
# One shortcut over all 48 layers does nothing for what lies under it. The shorter the skip, the smoother the
# way back; but over a single layer the branch must have a ReLU of its own. Now the equivalence: a residual
# network of single layers and a plain one with $V = W + I$, in SGD with and without weight decay.

# %%
STEPS, DEPTH, UNITS = 20, 8, 32
train_set, _ = data.load("digits")
mean, std = train_set.images.mean(), train_set.images.std()
images = ((train_set.images - mean) / std).reshape(len(train_set), -1)  # (1437, 64), float64


def learn(net, decay):
    """Train with plain SGD on the digits."""
    rng = np.random.default_rng(1)
    optimiser = optim.SGD(net.named_parameters(), lr=0.02, momentum=0.0, weight_decay=decay)
    for _ in range(STEPS):
        chosen = rng.choice(len(images), 64, replace=False)
        y, cache = net.forward(images[chosen], train=True)
        _, loss_cache = F.softmax_cross_entropy_forward(y, train_set.labels[chosen])
        optimiser.zero_grad()
        net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
        optimiser.step()


def single_layers(residual):
    """Return layers with the same function at the start: W with a shortcut, or V = W + I without."""
    rng, parts = np.random.default_rng(0), []
    for _ in range(DEPTH):
        layer = Linear(UNITS, UNITS, rng=rng).astype(np.float64)
        layer.weight.data *= 0.1
        if not residual:
            layer.weight.data += np.eye(UNITS)
        parts += [Residual(layer, after=ReLU())] if residual else [layer, ReLU()]
    ends = Linear(64, UNITS, rng=rng), Linear(UNITS, 10, rng=rng)
    return Sequential(ends[0], *parts, ends[1]).astype(np.float64)


apart = {}
for decay in (0.0, 0.1):
    outputs = []
    for residual in (True, False):
        net = single_layers(residual)
        learn(net, decay)
        outputs.append(net.predict(images[:100]))
    apart[decay] = abs(outputs[0] - outputs[1]).max() / abs(outputs[0]).max()
print()
lesson.table(
    (f"relative difference after {STEPS} steps", "derived", "measured"),
    ("without weight decay", 0, apart[0.0]),
    ("with weight decay", "> 0", apart[0.1]),
)
assert apart[0.0] < 1e-9, "a skip over one layer should be a plain layer"
assert apart[0.1] > 0.01, "but weight decay should draw it to the identity"

# %%
lesson.quiz(
    "A shortcut over one layer, relu(x + W x + b): what is it good for?",
    ("for where training starts, and for what weight decay prefers", "W = 0 is the identity, V = 0 is not"),
    ("it computes more functions", "every W has its V = W + I: the same set of functions"),
    ("the gradient of W becomes larger", "it is the gradient of V, number for number"),
)

# %% [markdown]
# ## ResNet in ResNet
#
# Targ et al. split the channels into two streams, a residual one $r$ and a transient one $t$, which has no
# shortcut and can forget. Each unit skips one layer:
#
# $$r' = \mathrm{relu}\big(\mathrm{norm}(W_{rr} r + W_{tr} t + r)\big), \qquad
# t' = \mathrm{relu}\big(\mathrm{norm}(W_{rt} r + W_{tt} t)\big).$$
#
# Without the crossing weights it should be a residual and a plain unit side by side.

# %%
HALF = 8
rng = np.random.default_rng(0)
unit = generalized_unit(2 * HALF, 2 * HALF, 1, rng).astype(np.float64)
weight = unit.branch.weight.data
weight[:HALF, HALF:] = weight[HALF:, :HALF] = 0  # nothing crosses


def half(rows, shortcut):
    """Return the unit of one stream with those rows and columns of the weights."""
    conv = Conv2d(HALF, HALF, 3, padding=1, bias=False, rng=rng).astype(np.float64)
    conv.weight.data[...] = weight[rows, rows]
    return Sequential(Residual(conv) if shortcut else conv, BatchNorm(HALF).astype(np.float64), ReLU())


x = rng.standard_normal((4, 2 * HALF, 6, 5))
y, _ = unit.forward(x, train=True)
streams = {"residual": (slice(0, HALF), True), "transient": (slice(HALF, None), False)}
different = {
    name: abs(half(rows, shortcut).forward(x[:, rows], train=True)[0] - y[:, rows]).max()
    for name, (rows, shortcut) in streams.items()
}
print()
lesson.table(
    ("largest difference to", "derived", "measured"),
    ("a residual unit of one layer", 0, different["residual"]),
    ("a plain unit", 0, different["transient"]),
    (
        "parameters: RiR-56 / ResNet-56",
        1,
        counted(models.build("rir56", rng=init.SHAPES_ONLY)).params / 853_018,
    ),
)
assert max(different.values()) < 1e-12, "both streams alone should be the two old units"

# %%
figure = plot.blocks(
    {
        "skips one layer": single_layers(True)[1],
        "ResNet in ResNet": unit,
    },
    input_shape={"skips one layer": (UNITS,), "ResNet in ResNet": (2 * HALF, 8, 8)},
    title="Units with one layer in the branch",
)
lesson.show(
    figure,
    alt=(
        "Two units with one layer in the branch: a linear layer with an identity shortcut, and a convolution "
        "whose shortcut passes on half of the channels and fills the others with zeros."
    ),
)

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - Depth costs in proportion, width squared. At equal cost there is a choice, and both ends of it work.
# - A shortcut over one layer without a ReLU of its own changes where training starts, not what is learned.
# - Batch norm keeps the forward signal, but backwards each layer multiplies the mean square by 1.47.
#   Shortcuts hold that to the length of a branch.
#
# ## What to try next
#
# 1. Put `ReLU()` and a second `Linear` into the branches of `single_layers(True)`: why is there no plain
#    network to compare with?
# 2. Leave out the batch norms of `measured_growth` for skips of 0 and 1. What grows now, and where?
#
# ## Exercises
#
# 1. WRN-28-10 has $28 - 4 = 24$ convolutions in its units, twice those of WRN-16-8, which has 11.0 million
#    parameters. About how many does it have?
# 2. DenseNet concatenates what ResNet adds: each layer puts out $k$ channels and takes all channels before
#    it. How do the weights of $L$ such 3 x 3 layers grow with $L$, if the first takes $k$ channels?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. $x + W_2\,\mathrm{relu}(W_1 x)$ is not linear before its last ReLU, so no single matrix $V$ computes it.
# 2. Without shortcuts nothing grows: MSRA's weights keep signal and gradient. With one over every layer both
#    grow by 7 powers of ten, $\sqrt2$ a layer (lesson 18).
#
# **Exercises.**
#
# 1. Twice the layers, $(10/8)^2 = 1.56$ times the weights in each: $11.0 \cdot 2 \cdot 1.56 = 34$ million. It
#    has 36.5, because the convolutions that widen count for less in it.
# 2. Layer $i$ takes $i k$ channels: $9 i k^2$ weights, $4.5\,k^2 L (L + 1)$ together: as the square of $L$.
#    That is why DenseNets are thin.
