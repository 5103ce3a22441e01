# %% [markdown]
# # 8. ReLU halves the variance
#
# **Question.** My 30-layer ReLU network does not begin to learn, and the only thing I changed is the name of
# the initialisation, from MSRA to Xavier. How can a factor of two decide whether a network trains?
#
# *Time: 6 s. Before this: lesson 0; lesson 6 has the same without ReLU. Sources: lecture 6, slides
# "Initialization" (ReLU); He et al. 2015 (arXiv:1502.01852), section 2.2, equations 6 to 14; the ResNet
# lecture, slide "Training ResNet in practice"; lecture 9, slide "Kaiming / MSRA Weight Initialization";
# Cho & Saul 2009, "Kernel methods for deep learning", section 2.*

# %%
import math
from functools import partial
from itertools import pairwise

import numpy as np

import minires.functional as F
from minires import init, lesson, plot, probe
from minires.layers import Linear, ReLU, Sequential

# %% [markdown]
# ## The two rules
#
# Before training, the weights of a network are random numbers of mean 0. A rule of *initialisation* says how
# large they are. The *Xavier* rule, named after Xavier Glorot, gives them the variance $1/n$ in a layer of
# $n$ inputs. The *MSRA* rule of He et al., then at Microsoft Research Asia, gives them $2/n$. A *ReLU* after
# each layer returns $\max(0, y)$ for each of its outputs $y$, which are called *pre-activations*.
#
# ## Predict
#
# The numbers that pass from layer to layer are the *signal*, and what one layer does to its size, 22 layers
# do 22 times over. How much of it does a ReLU take? "Half", says the slide. Half of what? And if the weights
# make up for that, is all well then?

# %%
predicted_left = lesson.predict(
    "The numbers y are normal, of mean 0 and variance 1. What is the variance of max(0, y)?", within=1.2
)
predicted_powers = lesson.predict(
    "With Xavier's weights, by how many powers of two does the variance of the pre-activations grow from the "
    "first of 22 ReLU layers to the last? Shrinking counts as negative.",
    "powers of two",
    by=2,
)
predicted_cosine = lesson.predict(
    "Two independent inputs are at a right angle: the cosine between them is 0. With MSRA's weights, what is "
    "it between their pre-activations in layer 22?",
    by=0.1,
)

# %% [markdown]
# ## Derivation
#
# Layer $l$ has $n$ inputs and computes the pre-activations $y_l = W_l\,x_l$ from $x_l = \max(0,\, y_{l-1})$.
# Each $y_l$ is a sum of $n$ products $w_l\,x_l$. The weights are independent of the inputs and of each other
# and have mean 0. So a product has mean 0 and variance $\mathrm{Var}[w_l]\,E[x_l^2]$, where $E$ is the mean
# over all draws, the products are uncorrelated, and their variances add up:
#
# $$\mathrm{Var}[y_l] = n\,\mathrm{Var}[w_l]\;E[x_l^2].$$
#
# It is the *mean square* of $x_l$ that counts, not its variance, which is the mean square minus the square
# of the mean: what comes out of a ReLU is never negative, so its mean is not 0. Now let $w_{l-1}$ be
# symmetric around 0: $w$ and $-w$ are equally likely. Then $y_{l-1}$ is symmetric too, the ReLU keeps one of
# its two equal halves, and
#
# $$E[x_l^2] = \tfrac12\,E[y_{l-1}^2] = \tfrac12\,\mathrm{Var}[y_{l-1}].$$
#
# Together, each layer multiplies the variance of the pre-activations by
#
# $$\frac{\mathrm{Var}[y_l]}{\mathrm{Var}[y_{l-1}]} = \tfrac12\,n\,\mathrm{Var}[w_l].$$
#
# The input of the first layer has not been through a ReLU, so this holds from layer 2 on.
#
# **Backward** the gradient of the loss, $\delta x_l$ with respect to $x_l$ ($dx$ in lesson 0), takes the same
# way down. The ReLU's *mask*, 1 where $y > 0$ and 0 elsewhere, lets half of its elements through, and the
# gradient of one input is a sum over the $n^{out}$ *outputs* that it takes part in (forward, $n = n^{in}$).
# Where mask and gradient are independent, as in a stack without shortcuts,
#
# $$\frac{\mathrm{Var}[\delta x_l]}{\mathrm{Var}[\delta x_{l+1}]}
#   = \tfrac12\,n^{out}\,\mathrm{Var}[w_l].$$

# %%
lesson.quiz(
    "The ResNet lecture's recipe says 'Xavier/2 initialization from He et al.' What is divided by 2?",
    ("the number of inputs", "1 / (n / 2) is 2 / n, which makes up for the half that a ReLU takes"),
    ("the variance of the weights", "1 / (2 n) would lose a factor of 4 in each layer"),
    (
        "the standard deviation of the weights",
        "a variance of 1 / (4 n) would lose a factor of 8 in each layer",
    ),
)

# %% [markdown]
# ## Measure
#
# A stack of $L = 22$ fully-connected layers of 512 units without biases, and an observer that looks at every
# layer, forward and backward. The gradient at its end is drawn at random.

# %%
WIDTH, DEPTH, SAMPLES = 512, 22, 256
XAVIER, MSRA = 1.0, 2.0  # n Var[w]


def variances(gain, seed):
    """Return, for each layer, the variance of its pre-activations and of the gradient at its inputs.

    The weights have variance gain / n.
    """
    rng = np.random.default_rng(seed)

    def draw(shape, *, rng):
        return rng.standard_normal(shape, dtype=np.float32) * math.sqrt(gain / shape[1])

    linears = [Linear(WIDTH, WIDTH, bias=False, init=draw, rng=rng) for _ in range(DEPTH)]
    # linear, ReLU, linear, ReLU, ...
    net = Sequential(*(layer for linear in linears for layer in (linear, ReLU())))
    with probe.watch(net, probe.Statistics()) as seen:
        y, cache = net.forward(rng.standard_normal((SAMPLES, WIDTH), dtype=np.float32), train=True)
        net.backward(rng.standard_normal(y.shape, dtype=np.float32), cache)
    return seen.series("variance", Linear), seen.series("dx_variance", Linear)


seeds = range(5)
xavier, xavier_back = np.swapaxes([variances(XAVIER, seed) for seed in seeds], 0, 1)  # (seeds, layers) each
msra, msra_back = np.swapaxes([variances(MSRA, seed) for seed in seeds], 0, 1)

# %% [markdown]
# ## Derived beside measured
#
# Each of the 21 layers after the first multiplies by $\tfrac12 \cdot 1$ with Xavier's weights and by
# $\tfrac12 \cdot 2 = 1$ with MSRA's: $2^{-(L-1)}$, one two-millionth, against 1. The measured ratio of one
# layer is the geometric mean over all layers and seeds. Expectations are over draws of the weights, and a
# single draw varies around them by about half a power of two after 22 layers, which more samples would not
# average away, for all pass the same weights.

# %%
steps = DEPTH - 1
powers = {name: np.log2(v[:, -1] / v[:, 0]) for name, v in {"Xavier": xavier, "MSRA": msra}.items()}
ratios = {name: 2 ** (power.mean() / steps) for name, power in powers.items()}
back = {
    name: 2 ** (np.log2(v[:, 0] / v[:, -1]).mean() / steps)
    for name, v in {"Xavier": xavier_back, "MSRA": msra_back}.items()
}
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("Xavier: variance after / before a layer", None, 0.5, ratios["Xavier"]),
    ("Xavier: that of the gradient, backward", None, 0.5, back["Xavier"]),
    ("MSRA: variance after / before a layer", None, 1.0, ratios["MSRA"]),
    ("MSRA: that of the gradient, backward", None, 1.0, back["MSRA"]),
    ("Xavier: powers of two, layer 1 to 22", predicted_powers, -21, powers["Xavier"].mean()),
    ("MSRA: powers of two, layer 1 to 22", None, 0, powers["MSRA"].mean()),
    ("standard deviation of either over the seeds", None, None, powers["MSRA"].std(ddof=1)),
)
assert abs(ratios["Xavier"] - 0.5) <= 0.02, "Xavier's weights should halve the variance"
assert abs(ratios["MSRA"] - 1) <= 0.04, "MSRA's weights should keep the variance"
assert abs(back["Xavier"] - 0.5) <= 0.02, "backward, Xavier's weights should halve it too"
assert abs(back["MSRA"] - 1) <= 0.04, "and MSRA's keep it"
assert abs(powers["Xavier"] + 21).max() <= 2, "every seed should lose 21 powers of two"
assert abs(powers["MSRA"]).max() <= 2, "no seed should drift by more than two powers of two"

# %%
layers = np.arange(DEPTH)
figure = plot.lines(
    {"MSRA, measured": msra / msra[:, :1], "Xavier, measured": xavier / xavier[:, :1]},
    derived={"derived: $1$ and $2^{-(l-1)}$": np.ones(DEPTH), "": 2.0**-layers},
    xlabel="layer $l$",
    ylabel="variance of the pre-activations / that of layer 1",
    title="Mean of five seeds; shaded: from the smallest to the largest",
    log=True,
)
lesson.show(
    figure,
    alt=(
        "Variance of the pre-activations over 22 layers, logarithmic. With MSRA's weights it stays near 1; "
        "with Xavier's it halves in every layer, to about a millionth, along the derived line."
    ),
)

# %%
lesson.quiz(
    "With 30 layers, by what factor does Xavier's rule shrink the standard deviation from first to last?",
    ("2^14.5, about 20,000", "29 halvings of the variance, and the standard deviation is its root"),
    ("2^29, about 500 million", "that is the variance"),
    ("29 roots of 2, about 41", "the factors of the layers multiply, they do not add up"),
)

# %% [markdown]
# ## Forward and backward forms
#
# Where the widths differ, forward asks for $\tfrac12\,n^{in}\,\mathrm{Var}[w] = 1$ and backward for
# $\tfrac12\,n^{out}\,\mathrm{Var}[w] = 1$: MSRA's rule by *fan in* or by *fan out*. One of the two suffices.
# All layers together multiply the variance by the two products over $\tfrac12\,n\,\mathrm{Var}[w]$, and as
# the outputs of a layer are the inputs of the next, their quotient is last width over first (lesson 7).

# %%
WIDTHS = (256, 512, 1024, 512, 128)
rows = []
for fan in ("in", "out"):
    found = []
    for rng in map(np.random.default_rng, seeds):
        draw = partial(init.msra, fan=fan)
        linears = [Linear(n, m, bias=False, init=draw, rng=rng) for n, m in pairwise(WIDTHS)]
        # ReLU first: so the inputs of all linear layers have been through one
        net = Sequential(*(layer for linear in linears for layer in (ReLU(), linear)))
        x = rng.standard_normal((SAMPLES, WIDTHS[0]), dtype=np.float32)
        y, cache = net.forward(x, train=True)
        dy = rng.standard_normal(y.shape, dtype=np.float32)
        found.append((y.var() / x.var(), net.backward(dy, cache).var() / dy.var()))
    forward, backward = np.mean(found, axis=0)
    ratio = WIDTHS[-1] / WIDTHS[0]
    derived = (1, ratio) if fan == "in" else (1 / ratio, 1)
    rows.append((f"fan {fan}", derived[0], forward, derived[1], backward))
    # a single draw varies by up to 10 % (standard deviation), the mean of five by 5 %
    assert abs(forward / derived[0] - 1) <= 0.15, f"MSRA, fan {fan}: forward as derived"
    assert abs(backward / derived[1] - 1) <= 0.15, f"MSRA, fan {fan}: backward as derived"
lesson.table(
    ("MSRA, 256 to 128 units", "forward: derived", "measured", "backward: derived", "measured"), *rows
)

# %% [markdown]
# ## What survives the ReLU
#
# "Half" is said of the mean square. The *variance* of what comes out of a ReLU is another number: for a
# standard normal $y$, $\max(0, y)$ has mean square $\tfrac12$, mean $1/\sqrt{2\pi} = 0.399$ and hence
# variance $\tfrac12 - \tfrac1{2\pi} = 0.341$. Lecture 9 shows histograms of what six layers of 4096 units
# with MSRA's weights output, $h = \max(0, y)$, for a normal input of variance 1. There
# $\mathrm{Var}[y] = n \cdot \tfrac2n \cdot 1 = 2$ in every layer, so $E[h^2] = 1$, the mean is
# $\sqrt2 \cdot 0.399 = 0.564$ and the standard deviation $\sqrt{1 - 0.564^2} = 0.826$.

# %%
UNITS, LAYERS = 4096, 6
rng = np.random.default_rng(0)
x = rng.standard_normal((16, UNITS), dtype=np.float32)
h, xavier_h, hidden = x, x, {"MSRA": [], "Xavier": []}
for _ in range(LAYERS):
    weight = rng.standard_normal((UNITS, UNITS), dtype=np.float32) * math.sqrt(MSRA / UNITS)
    h, _ = F.relu_forward(F.linear_forward(h, weight)[0])
    # the same weights by Xavier's rule: its outputs are h / sqrt(2)^l, for a ReLU passes positive factors
    xavier_h, _ = F.relu_forward(F.linear_forward(xavier_h, weight * math.sqrt(XAVIER / MSRA))[0])
    hidden["MSRA"].append(h)
    hidden["Xavier"].append(xavier_h)

gaussian = rng.standard_normal(1_000_000)
half = np.maximum(gaussian, 0)
mean = math.sqrt(1 / math.pi)
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("variance of max(0, y), y standard normal", predicted_left, 0.5 - 0.5 / math.pi, half.var()),
    ("layer 6: mean square", None, 1.0, (h**2).mean()),
    ("layer 6: mean", None, mean, h.mean()),
    ("layer 6: standard deviation", None, math.sqrt(1 - mean**2), h.std()),
    ("layer 6 with Xavier's weights: mean square", None, 2.0**-LAYERS, (xavier_h**2).mean()),
)
assert abs(half.var() - 0.341) <= 0.005, "a ReLU leaves 0.341 of the variance, not a half"
assert abs((h**2).mean() - 1) <= 0.05, "MSRA's weights keep the mean square of what comes out"
assert abs(h.mean() - 0.564) <= 0.015 and abs(h.std() - 0.826) <= 0.02, "half a normal distribution"
assert abs(2**LAYERS * (xavier_h**2).mean() - 1) <= 0.05, "with Xavier's it should halve in every layer"

# %% [markdown]
# Without its zeros, what comes out of a ReLU is half of a normal distribution. That of $y_l$ has variance 2
# in every layer with MSRA's weights, and $2^{-(l-1)}$ with Xavier's: the lower row crowds at 0.

# %%
at, panels, curves = np.linspace(0, 4, 200), {}, {}
for rule, layers in hidden.items():
    for number, values in enumerate(layers, start=1):
        deviation = math.sqrt(2 if rule == "MSRA" else 2.0 ** -(number - 1))
        panels[f"{rule}, layer {number}"] = values
        density = math.sqrt(2 / math.pi) / deviation * np.exp(-((at / deviation) ** 2) / 2)
        curves[f"{rule}, layer {number}"] = at, density
figure = plot.histograms(
    panels,
    xlabel="value after the ReLU (zeros left out)",
    limits=(0.001, 4),
    columns=LAYERS,
    derived=curves,
)
lesson.show(
    figure,
    alt=(
        "Histograms of what six layers output. With MSRA's weights all six are the same half of a normal "
        "distribution; with Xavier's each is narrower than the one before, until all values crowd at 0."
    ),
)

# %% [markdown]
# ## Size is not contents
#
# A mean square of 1 says that the signal has kept its size. Has it kept what tells one input from another?
# Two inputs meet the same weights, so in one unit their pre-activations $u$ and $v$ are normal, of equal
# variance, and have a correlation $\rho$: the cosine of the angle between the two inputs of the layer, for
# the unit's weights are independent. Let the variance be 1. By Price's theorem the derivative of
# $E[f(u)\,f(v)]$ with respect to $\rho$ is $E[f'(u)\,f'(v)]$. For the ReLU that is the probability that both
# are positive: that the unit's weights, a vector of any direction, lie within a right angle of both inputs,
# in a sector of $\pi - \arccos \rho = \tfrac\pi2 + \arcsin \rho$ out of $2\pi$. So
#
# $$\frac{d}{d\rho}\,E[\max(0,u)\,\max(0,v)] = P(u > 0,\, v > 0) = \frac14 + \frac{\arcsin \rho}{2\pi}.$$
#
# For $\rho = 0$ the mean is $(1/\sqrt{2\pi})^2$. Integrate from there ($\arcsin \rho$ has the antiderivative
# $\rho\,\arcsin\rho + \sqrt{1 - \rho^2}$), and divide by the mean square $\tfrac12$: after one more layer the
# cosine is
#
# $$\rho' = \frac\rho2 + \frac{\rho\,\arcsin\rho + \sqrt{1 - \rho^2}}{\pi}.$$
#
# (Cho & Saul 2009 call it the arc-cosine kernel of order 1.) For $\rho < 1$ it is larger than $\rho$: the
# angles between inputs shrink with every layer, and no factor of the weights changes that. Two independent
# inputs begin with 0 and have $1/\pi = 0.32$ after one ReLU.

# %%
derived_cosines = [0.0]  # in layer 1, of the pre-activations; then after each further ReLU and its weights
for _ in range(steps):
    r = derived_cosines[-1]
    derived_cosines.append(r / 2 + (r * math.asin(r) + math.sqrt(1 - r * r)) / math.pi)


def cosines(seed, gain=MSRA):
    """Return the mean cosine between the pre-activations of different inputs in every layer."""
    rng, found = np.random.default_rng(seed), []
    h = rng.standard_normal((SAMPLES, WIDTH), dtype=np.float32)
    for _ in range(DEPTH):
        weight = rng.standard_normal((WIDTH, WIDTH), dtype=np.float32) * math.sqrt(gain / WIDTH)
        y, _ = F.linear_forward(h, weight)
        unit = y / np.linalg.norm(y, axis=1, keepdims=True)
        # the mean of all products of two, without the SAMPLES products of one with itself
        found.append((np.square(unit.sum(axis=0)).sum() - SAMPLES) / (SAMPLES * (SAMPLES - 1)))
        h, _ = F.relu_forward(y)
    return found


measured_cosines = np.array([cosines(seed) for seed in seeds])  # (seeds, layers)
lesson.table(
    ("cosine between different inputs", "predicted", "derived", "measured"),
    *(
        (
            f"layer {number}",
            predicted_cosine if number == DEPTH else None,
            derived_cosines[number - 1],
            measured_cosines[:, number - 1].mean(),
        )
        for number in (1, 2, 6, DEPTH)
    ),
)
# single seeds of these widths are off by up to 0.02
assert abs(measured_cosines - derived_cosines).max() <= 0.05, "the cosines should follow the formula"
assert measured_cosines[:, -1].min() > 0.9, "after 22 layers different inputs should look nearly alike"

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - The factor 2 is a factor of the variance; the standard deviation loses $\sqrt2$ a layer. "Xavier/2" means
#   that the number of inputs is halved, $\mathrm{Var}[w] = 2/n$, not the variance.
# - Backward it is the same factor with the number of outputs. Either number serves, in all layers the same.
# - Without batch norm (lesson 5), which divides the factor out again at every layer, 22 layers lose a factor
#   of two million. Lesson 9 shows what that does to training.
# - A variance of 1 says that the signal has kept its size, not that it has kept its contents: with depth the
#   cosine between different inputs goes to 1, whatever the factor of the weights.
#
# ## What to try next
#
# 1. Set `MSRA` to 1.8: which assertion fails first, and why that one?
# 2. Make `WIDTH` 64: what happens to the scatter between the seeds?
#
# ## Exercises
#
# 1. Which gain $n\,\mathrm{Var}[w]$ keeps the variance when ReLU is replaced by a leaky ReLU that passes
#    $a\,y$ for negative $y$?
# 2. A ReLU takes half of the mean square, and 0.659 of the variance. Which of the two would be the right one
#    to make up for if the inputs of each layer were shifted to mean 0 first, as batch norm does?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. The second, that MSRA keeps the variance: the ratio, 0.9, lies outside 1 ± 0.04.
# 2. Single seeds vary by one and a half powers of two. Over 40 seeds their mean lies 0.9 below 0, which five
#    seeds cannot show: the derivation is about the mean of the variance, and the mean of a logarithm is less
#    than the logarithm of the mean.
#
# **Exercises.**
#
# 1. The negative half now keeps $a^2$ of its square: $E[x^2] = \tfrac12 (1 + a^2)\,\mathrm{Var}[y]$, so
#    $n\,\mathrm{Var}[w] = 2 / (1 + a^2)$ (He et al. 2015, equation 15). With $a = 1$ it is Xavier's rule for
#    linear layers.
# 2. The variance: for inputs of mean 0 it *is* the mean square, and $n\,\mathrm{Var}[w] = 1/0.341 = 2.93$
#    would keep it.
