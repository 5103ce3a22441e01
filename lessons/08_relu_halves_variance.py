# %% [markdown]
# # 8. ReLU halves the variance
#
# **Question.** My 30-layer ReLU network does not begin to learn, and the only thing I changed is the name of
# the initialisation, from MSRA to Xavier. How can a factor of two decide whether a network trains?
#
# *Time: 6 s. Before this: lesson 6. Sources: lecture 6, slides "Initialization" (ReLU); He et al. 2015
# (arXiv:1502.01852), section 2.2, equations 6 to 10; lecture 9, slide "Kaiming / MSRA Weight
# Initialization"; Cho & Saul 2009, "Kernel methods for deep learning", section 2.*

# %%
import math

import numpy as np

import minires.functional as F
from minires import lesson, plot, probe
from minires.layers import Linear, ReLU, Sequential

# %% [markdown]
# ## Derivation
#
# Layer $l$ has $n$ inputs and computes the pre-activations $y_l = W_l\,x_l$ from $x_l = \max(0,\, y_{l-1})$.
# The weights $w_l$ are independent of the inputs and have mean 0, so the products are uncorrelated and
#
# $$\mathrm{Var}[y_l] = n\,\mathrm{Var}[w_l]\;E[x_l^2].$$
#
# It is the *mean square* of $x_l$ that counts, not its variance, for what comes out of a ReLU has no mean of
# zero. Now let $w_{l-1}$ be symmetric around 0. Then $y_{l-1}$ is symmetric too, the ReLU keeps one of its
# two equal halves, and
#
# $$E[x_l^2] = \tfrac12\,E[y_{l-1}^2] = \tfrac12\,\mathrm{Var}[y_{l-1}].$$
#
# Together, each layer multiplies the variance of the pre-activations by
#
# $$\frac{\mathrm{Var}[y_l]}{\mathrm{Var}[y_{l-1}]} = \tfrac12\,n\,\mathrm{Var}[w_l].$$
#
# The input of the first layer is not rectified, so this holds from layer 2 on.

# %% [markdown]
# ## Predict
#
# Xavier's weights have $\mathrm{Var}[w] = 1/n$, MSRA's $2/n$. Write your numbers down before you go on: by
# what does one layer with Xavier's weights multiply the variance? And by how many powers of two do 22 layers,
# from the first to the last?

# %%
prediction = 0.5
predicted_powers = -21

# %% [markdown]
# ## Measure
#
# A stack of $L = 22$ fully-connected layers of 512 units without biases, and an observer that looks at every
# layer.

# %%
WIDTH, DEPTH, SAMPLES = 512, 22, 512
XAVIER, MSRA = 1.0, 2.0  # n Var[w]


def variances(gain, seed):
    """Return the variance of every layer's pre-activation when the weights have variance gain / n."""
    rng = np.random.default_rng(seed)

    def draw(shape, *, rng):
        return rng.standard_normal(shape, dtype=np.float32) * math.sqrt(gain / shape[1])

    linears = [Linear(WIDTH, WIDTH, bias=False, init=draw, rng=rng) for _ in range(DEPTH)]
    net = Sequential(*(layer for linear in linears for layer in (linear, ReLU())))
    with probe.watch(net, probe.Statistics()) as seen:
        net.forward(rng.standard_normal((SAMPLES, WIDTH), dtype=np.float32), train=True)
    return seen.series("variance", Linear)


seeds = range(5)
xavier = np.array([variances(XAVIER, seed) for seed in seeds])  # (seeds, layers)
msra = np.array([variances(MSRA, seed) for seed in seeds])

# %% [markdown]
# ## Derived beside measured
#
# Each of the 21 layers after the first multiplies by $\tfrac12 \cdot 1$ with Xavier's weights and by
# $\tfrac12 \cdot 2 = 1$ with MSRA's: $2^{-(L-1)}$, one two-millionth, against 1. The measured ratio of one
# layer is the geometric mean over all layers and seeds. Expectations are over draws of the weights, and a
# single draw varies around them by about half a power of two after 22 layers, which more inputs would not
# average away, for all inputs pass the same weights.

# %%
steps = DEPTH - 1
powers = {name: np.log2(v[:, -1] / v[:, 0]) for name, v in {"Xavier": xavier, "MSRA": msra}.items()}
ratios = {name: 2 ** (power.mean() / steps) for name, power in powers.items()}
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("Xavier: variance after / before a layer", prediction, 0.5, ratios["Xavier"]),
    ("MSRA: the same", None, 1.0, ratios["MSRA"]),
    ("Xavier: powers of two, layer 1 to 22", predicted_powers, -21, powers["Xavier"].mean()),
    ("MSRA: the same", None, 0, powers["MSRA"].mean()),
    ("standard deviation of either over the seeds", None, None, powers["MSRA"].std(ddof=1)),
)
assert abs(ratios["Xavier"] - 0.5) <= 0.02, "Xavier's weights should halve the variance"
assert abs(ratios["MSRA"] - 1) <= 0.04, "MSRA's weights should keep the variance"
assert abs(powers["Xavier"] + 21).max() <= 2, "every seed should lose 21 powers of two"
assert abs(powers["MSRA"]).max() <= 2, "no seed should drift by more than two powers of two"

# %%
layers = np.arange(DEPTH)
figure = plot.lines(
    {"MSRA, measured": msra / msra[:, :1], "Xavier, measured": xavier / xavier[:, :1]},
    derived={"derived: $1$ and $2^{-(l-1)}$": np.ones(DEPTH), "": 2.0**-layers},
    xlabel="layer $l$",
    ylabel="variance of the pre-activations / that of layer 1",
    log=True,
)
lesson.show(figure)

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
    ("", "derived", "measured"),
    ("variance of relu(y), y standard normal", 0.5 - 0.5 / math.pi, half.var()),
    ("layer 6: mean square", 1.0, (h**2).mean()),
    ("layer 6: mean", mean, h.mean()),
    ("layer 6: standard deviation", math.sqrt(1 - mean**2), h.std()),
    ("layer 6 with Xavier's weights: mean square", 2.0**-LAYERS, (xavier_h**2).mean()),
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
lesson.show(figure)

# %% [markdown]
# ## Size is not contents
#
# A mean square of 1 says that the signal has kept its size. Has it kept what tells one input from another?
# Two inputs meet the same weights, so in one unit their pre-activations $u$ and $v$ are normal, of equal
# variance, and have a correlation $\rho$: the cosine of the angle between the two inputs of the layer. Let
# the variance be 1. By Price's theorem the derivative of $E[f(u)\,f(v)]$ with respect to $\rho$ is
# $E[f'(u)\,f'(v)]$. For the ReLU that is the probability that both are positive,
#
# $$\frac{d}{d\rho}\,E[\max(0,u)\,\max(0,v)] = P(u > 0,\, v > 0) = \frac14 + \frac{\arcsin \rho}{2\pi}.$$
#
# For $\rho = 0$ the mean is $(1/\sqrt{2\pi})^2$. Integrate from there, and divide by the mean square
# $\tfrac12$: after one more layer the cosine is
#
# $$\rho' = \frac\rho2 + \frac{\rho\,\arcsin\rho + \sqrt{1 - \rho^2}}{\pi}.$$
#
# (Cho & Saul 2009 call it the arc-cosine kernel of order 1.) For $\rho < 1$ it is larger than $\rho$: the
# angles between inputs shrink with every layer, and no factor of the weights changes that. Two independent
# inputs begin with 0 and have $1/\pi = 0.32$ after one ReLU. **Predict** what they have in layer 22.

# %%
predicted_cosine = 0.5

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

# %% [markdown]
# ## What to keep
#
# - The factor 2 is a factor of the variance; the standard deviation loses $\sqrt2$ a layer. And "Xavier/2" in
#   the ResNet lecture means that the *fan* is halved, $\mathrm{Var}[w] = 2/n$, not the variance.
# - Without batch norm, which would divide the factor out again at every layer, 22 layers lose a factor of two
#   million. Lesson 9 shows what that does to training.
# - A variance of 1 says that the signal has kept its size, not that it has kept its contents: with depth the
#   cosine between different inputs goes to 1, whatever the factor of the weights.
#
# ## What to try next
#
# Set `MSRA` to 1.8: which assertion fails first, and why that one? Make `WIDTH` 64: what happens to the
# scatter between the seeds?
#
# ## Exercises
#
# 1. Which gain keeps the variance when ReLU is replaced by a leaky ReLU that passes $a\,y$ for negative $y$?
# 2. The gradient passes the same ReLU, backwards. Does it need a factor of 2 as well?
#
# ## Answers
#
# 1. The negative half now keeps $a^2$ of its square: $E[x^2] = \tfrac12 (1 + a^2)\,\mathrm{Var}[y]$, so
#    $n\,\mathrm{Var}[w] = 2 / (1 + a^2)$ (He et al. 2015, equation 15). With $a = 1$ it is Xavier's rule for
#    linear layers.
# 2. Yes: the mask lets half of the gradient's elements through, and the sum runs over the layer's
#    *outputs*. The condition is $\tfrac12\,n^{out}\,\mathrm{Var}[w] = 1$, where masks and gradient are
#    independent of each other, as they are in a plain stack. Lesson 7 shows that one of the two
#    conditions suffices.
#
# (To try: with 1.8 the ratio, 0.9, lies outside 1 ± 0.04, so the second assertion fails. With 64 units single
# seeds vary by one and a half powers of two. Over 40 seeds their mean lies 0.9 below 0, which five seeds
# cannot show: the derivation is about the mean of the variance, and the mean of a logarithm is less than the
# logarithm of the mean.)
