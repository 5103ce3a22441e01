# %% [markdown]
# # 7. Either fan suffices
#
# **Question.** Forward asks for $n^{in}\,\mathrm{Var}[w] = 1$, backward for $n^{out}\,\mathrm{Var}[w] = 1$.
# My layers have different widths, so I cannot have both. Which one do I take, and what becomes of the other?
#
# *Time: 2 s. Before this: lesson 6. Sources: lecture 6, slide "Initialization" (under linear assumption)
# and its footnote; Glorot & Bengio 2010, equations 10 to 12; He et al. 2015 (arXiv:1502.01852), section 2.2.*

# %%
from functools import partial
from itertools import pairwise

import numpy as np

from minires import init, lesson, plot
from minires.layers import Conv2d, Linear, Sequential

# %% [markdown]
# ## Predict
#
# "It is sufficient to use either form", says the slide: weights by the number of inputs, the *fan in*, or by
# that of outputs, the *fan out*. So one of the two directions has to give way. By how much, does it get worse
# with depth, and is the average of the two fans, as Glorot and Bengio have it, the safe choice?

# %%
predicted_back = lesson.predict(
    "A linear network has widths 256, 512, 1024, 512, 128, and weights of variance 1 / fan in. "
    "By what factor is the variance of a gradient multiplied on its way from the output to the input?",
    within=1.5,
)
predicted_average = lesson.predict(
    "Sixteen linear layers lead from 512 units to 128 and back, eight times. The weights have variance "
    "2 / (fan in + fan out). By what factor is the variance of the signal multiplied?",
)

# %% [markdown]
# ## Derivation
#
# Layer $d$ of $L$ has $n_d^{in}$ inputs, $n_d^{out}$ outputs and weights of variance $\mathrm{Var}[w_d]$. By
# lesson 6 the variance is multiplied, on the whole way through a linear network, by
#
# $$\mathrm{const}_{fw} = \prod_{d=1}^{L} n_d^{in}\,\mathrm{Var}[w_d] \;\text{ forward}, \qquad
#   \mathrm{const}_{bw} = \prod_{d=1}^{L} n_d^{out}\,\mathrm{Var}[w_d] \;\text{ backward}.$$
#
# Divide one by the other. The variances cancel, *whatever they are*. And the outputs of one layer are the
# inputs of the next, $n_d^{out} = n_{d+1}^{in}$, so all widths cancel too, but for the first and the last:
#
# $$\frac{\mathrm{const}_{bw}}{\mathrm{const}_{fw}} = \prod_{d=1}^{L} \frac{n_d^{out}}{n_d^{in}}
#   = \frac{n_L^{out}}{n_1^{in}} .$$
#
# This does not depend on the depth. Set every factor of *one* product to 1, and the other product is off by
# a constant that a hundred more layers in between would not change. That is what "suffices" means.
#
# | rule | $\mathrm{Var}[w]$ | $\mathrm{const}_{fw}$ | $\mathrm{const}_{bw}$ |
# |---|---|---|---|
# | fan in | $1 / n^{in}$ | 1 | $n_L^{out} / n_1^{in}$ |
# | fan out | $1 / n^{out}$ | $n_1^{in} / n_L^{out}$ | 1 |
# | average | $2 / (n^{in} + n^{out})$ | $\prod 2 n^{in} / (n^{in} + n^{out})$ | that times the ratio |

# %%
lesson.quiz(
    "'How can we make it become a constant?', asks the slide of the product over all layers. How?",
    ("make every factor 1", "then the product is 1 for every depth, in a shallow network and in a deep one"),
    ("make the whole product 1 at the last layer", "before it the signal could vanish, or explode"),
    ("make every factor the same number", "a number other than 1 to the power of the depth is no constant"),
)

# %% [markdown]
# ## Measure

# %%
WIDTHS = (256, 512, 1024, 512, 128)
FANS = {"in": "fan in", "out": "fan out", "average": "average"}
SAMPLES = 256


def stack(widths, fan, rng):
    """Return linear layers of these widths, without biases."""
    draw = partial(init.xavier, fan=fan)
    return Sequential(*(Linear(a, b, bias=False, init=draw, rng=rng) for a, b in pairwise(widths)))


def factors(net, x, rng):
    """Return the factors by which net multiplies the variance of x forward, of a random gradient backward."""
    y, cache = net.forward(x, train=True)
    dy = rng.standard_normal(y.shape, dtype=np.float32)
    return y.var() / x.var(), net.backward(dy, cache).var() / dy.var()


def measured(widths, fan, seeds=4):
    """Return (forward, backward), the mean over a few draws of the weights."""
    found = []
    for rng in map(np.random.default_rng, range(seeds)):
        x = rng.standard_normal((SAMPLES, widths[0]), dtype=np.float32)
        found.append(factors(stack(widths, fan, rng), x, rng))
    return np.mean(found, axis=0)


def derived(widths, fan):
    """Return (const_fw, const_bw) of the table above."""
    forward = backward = 1
    for n_in, n_out in pairwise(widths):
        variance = {"in": 1 / n_in, "out": 1 / n_out, "average": 2 / (n_in + n_out)}[fan]
        forward, backward = forward * n_in * variance, backward * n_out * variance
    return forward, backward


results = {fan: (*derived(WIDTHS, fan), *measured(WIDTHS, fan)) for fan in FANS}
lesson.table(
    ("forward", "derived", "measured"),
    *((FANS[fan], fw, fw_seen) for fan, (fw, bw, fw_seen, bw_seen) in results.items()),
)
lesson.table(
    ("backward", "predicted", "derived", "measured", "measured / measured forward"),
    *(
        (FANS[fan], predicted_back if fan == "in" else None, bw, bw_seen, bw_seen / fw_seen)
        for fan, (fw, bw, fw_seen, bw_seen) in results.items()
    ),
)
for fan, (fw, bw, fw_seen, bw_seen) in results.items():
    # a single draw varies by 1.5 % (standard deviation), the mean of four by half of that
    assert abs(fw_seen / fw - 1) <= 0.04, f"fan {fan}: forward as derived"
    assert abs(bw_seen / bw - 1) <= 0.04, f"fan {fan}: backward as derived"
    assert abs(bw_seen / fw_seen - 128 / 256) <= 0.02, f"fan {fan}: the ratio is n_last / n_first"
assert abs(results["in"][2] - 1) <= 0.04, "fan in keeps the variance forward"
assert abs(results["out"][3] - 1) <= 0.04, "fan out keeps the variance backward"

# %%
groups = {"derived": {}, "measured": {}}
for at, way in enumerate(("forward", "backward")):
    for fan, numbers in results.items():
        category = f"{way}\n{FANS[fan]}"
        groups["derived"][category], groups["measured"][category] = numbers[at], numbers[at + 2]
lesson.show(
    plot.bars(groups, ylabel="factor of the variance, four layers", form="{:.3g}"),
    alt=(
        "Factors by which four layers multiply the variance, measured beside derived. Fan in gives 1 forward "
        "and a half backward, fan out 2 and 1; the average of the fans is a little below fan in both ways."
    ),
)

# %% [markdown]
# The ratios agree in every digit shown: the three rules draw the same weights but for a factor in each layer,
# and this factor multiplies both directions alike. The variances cancel.
#
# ## The compromise is no safer
#
# Glorot's average looks like the careful choice between the two. Let widths alternate between $a$ and $b$, as
# in a network of bottlenecks. Each pair of layers, $a \to b \to a$, then multiplies the variance, forward as
# well as backward, by
#
# $$\frac{2a}{a + b} \cdot \frac{2b}{a + b} = \frac{4ab}{(a + b)^2} \le 1,$$
#
# with equality only for $a = b$. For 512 and 128 that is 0.64, and now there *is* a product that shrinks
# with depth: the ratio of the two directions is 1, as it must be, and both vanish together.

# %%
PAIRS = 8
WIDE, NARROW = 512, 128
alternating = (WIDE, NARROW) * PAIRS + (WIDE,)
rows = []
for fan, name in FANS.items():
    seen = measured(alternating, fan)
    expected = 0.64**PAIRS if fan == "average" else 1
    rows.append((name, predicted_average if fan == "average" else None, expected, *seen))
    # through 128 units a single draw varies by 10 %, the mean of four by 5 %
    assert abs(seen / expected - 1).max() <= 0.15, f"fan {fan}: {expected} after {PAIRS} pairs"
lesson.table(("16 layers, 512 and 128 in turn", "predicted", "derived", "measured", "backward"), *rows)

# %% [markdown]
# ## The fans of a convolution
#
# An output of a $k \times k$ convolution is a sum over $n^{in} = k^2 \cdot \text{channels in}$ products, and
# an input takes part in $n^{out} = k^2 \cdot \text{channels out}$ outputs. The border and the stride make
# the true counts smaller. For $k = 3$ and a border of zeros around $H \times H$ pixels ($H$ even), the
# windows at the edge stick out; over all windows the fraction $b = (1 - \tfrac{2}{3H})^2$ of the products is
# left. And stride 2 leaves a quarter of the outputs, so an input takes part in a quarter as many.

# %%
CHANNELS, SIZE = (32, 128), 16
inside = (1 - 2 / (3 * SIZE)) ** 2  # the fraction of the products that use a pixel, not the border
rows = []
for fan, stride in (("in", 1), ("out", 1), ("out", 2)):
    rng = np.random.default_rng(0)
    draw = partial(init.xavier, fan=fan)
    conv = Conv2d(*CHANNELS, 3, stride=stride, padding=1, bias=False, init=draw, rng=rng)
    fw, bw = derived(CHANNELS, fan)  # k^2 cancels
    x = rng.standard_normal((16, CHANNELS[0], SIZE, SIZE), dtype=np.float32)
    fw_seen, bw_seen = factors(conv, x, rng)
    rows.append((f"fan {fan}, stride {stride}", fw * inside, fw_seen, bw * inside / stride**2, bw_seen))
lesson.table(
    ("3x3, 32 to 128 channels", "forward: derived", "measured", "backward: derived", "measured"), *rows
)
for name, fw, fw_seen, bw, bw_seen in rows:
    assert abs(fw_seen / fw - 1) <= 0.04 and abs(bw_seen / bw - 1) <= 0.04, f"{name}: fans, border and stride"

# %% [markdown]
# On maps of 16 x 16 the border takes 8 % of the variance in each layer, and more on smaller maps: in a deep
# stack of convolutions the variance shrinks for that reason alone. And the usual fan out is four times the
# true one at stride 2. A network has only a few such layers, whatever its depth, so that too is a constant.

# %%
lesson.quiz(
    "A 3x3 convolution leads from 64 to 128 channels. What is its fan in?",
    ("576", "each output is a sum over 3 x 3 pixels of 64 channels"),
    ("64", "the kernel sees nine pixels of each channel, not one"),
    ("1,152", "that is 9 x 128, its fan out: in how many outputs an input takes part"),
    ("73,728", "that is the number of all its weights"),
)

# %% [markdown]
# ## One name, several rules
#
# The slide calls fan in "Xavier", as Caffe does. Glorot & Bengio's own rule is the average. MSRA's rules have
# 2 instead of 1 in the numerator, for ReLU (lesson 8); the paper allows either fan, and the published ResNet
# codes take fan out.

# %%
shape = (128, 64, 3, 3)
n_in, n_out = init.fans(shape)
rules = {
    "Caffe's xavier: uniform, fan in": (init.xavier, "in", True, 1 / n_in),
    "Glorot & Bengio: average": (init.xavier, "average", False, 2 / (n_in + n_out)),
    "MSRA, fan in": (init.msra, "in", False, 2 / n_in),
    "MSRA, fan out: the ResNet codes": (init.msra, "out", False, 2 / n_out),
}
rng = np.random.default_rng(0)
rows = []
for name, (rule, fan, uniform, variance) in rules.items():
    weight = rule(shape, rng=rng, fan=fan, uniform=uniform)
    rows.append((name, n_in * variance, n_in * weight.var(), n_out * weight.var(), abs(weight).max()))
    assert abs(weight.var() / variance - 1) <= 0.03, name
lesson.table(("3x3, 64 to 128 channels", "n_in Var[w]", "drawn", "n_out Var[w]", "largest weight"), *rows)
assert rows[0][-1] <= (3 / n_in) ** 0.5, "Caffe's xavier stays within sqrt(3 / fan in)"

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - $\mathrm{const}_{bw} / \mathrm{const}_{fw} = n_L^{out} / n_1^{in}$, for every choice of the variances.
# - Choose one fan and keep to it in all layers. With the average the signal shrinks where widths alternate.
# - "Xavier" may mean fan in or the average, and "MSRA" either fan: say which.
#
# ## What to try next
#
# 1. Mix the rules: fan in for the first two layers, fan out for the other two. Derive both constants first.
# 2. In the network of 512 and 128 units take fan out for the narrowing layers, fan in for the widening ones.
#
# ## Exercises
#
# 1. A classifier ends with a layer from 2048 features to 10 classes. With fan in, by what factor is the
#    gradient's variance multiplied there? Does it matter?
# 2. For which of the three rules is $\mathrm{const}_{fw} \cdot \mathrm{const}_{bw}$ at most
#    $\max(r, 1/r)$ for all widths, with $r = n_L^{out} / n_1^{in}$?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. Forward the first two factors are 1, the other two $n^{in} / n^{out}$: $1024/512 \cdot 512/128 = 8$.
#    Backward the last two are 1, the first two $n^{out} / n^{in}$: $512/256 \cdot 1024/512 = 4$. The ratio is
#    $\tfrac12$, as always.
# 2. Narrowing, 512 to 128: $\mathrm{Var}[w] = 1/128$, a factor of 4 forward and 1 backward. Widening:
#    $\mathrm{Var}[w] = 1/128$ again, 1 forward and 4 backward. Every pair multiplies both directions by 4:
#    the ratio is 1, and both explode. Either fan suffices, but one and the same for all layers.
#
# **Exercises.**
#
# 1. $10 / 2048 \approx 1/205$. It is one constant factor in front of all gradients of the layers below, like
#    a smaller learning rate, and no deeper network makes it worse.
# 2. For all three. It is $r$ by fan in and $1/r$ by fan out. By the average each layer contributes
#    $4 n^{in} n^{out} / (n^{in} + n^{out})^2 \le 1$, so the product is at most 1. But only the first two also
#    have a lower bound that does not depend on the depth.
