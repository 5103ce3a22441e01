# %% [markdown]
# # 16. Scaled and gated shortcuts
#
# **Question.** A shortcut that keeps half of $x$, or nine tenths, or as much as a learned gate decides,
# sounds more general than the identity. Why is it so much worse in a network of 110 layers?
#
# *Time: 3 s. Before this: lesson 15. Sources: lecture 6 and the ICML 2016 tutorial, slides "Experiment Set
# 1" and "If h is multiplicative"; He et al. 2016 (arXiv:1603.05027), section 3, equations 6 to 8, table 1;
# Srivastava et al. 2015 (arXiv:1505.00387), section 2.*

# %%
import math

import numpy as np

from minires import lesson, plot, probe, surgery
from minires.accounting import published
from minires.layers import GatedResidual, Linear, ReLU, Residual, Scale, Sequential, Sigmoid
from minires.models.shortcuts import cifar_shortcut_variant

# %% [markdown]
# ## Predict
#
# Nine tenths sounds like nearly everything. But ResNet-110 has 54 units, one after the other, and every one
# of them takes its tenth. A learned gate may start almost open: is almost enough? And the branches: they
# hand on gradients of their own, so what becomes of the *whole* gradient when every shortcut is halved?

# %%
predicted_tenths = lesson.predict(
    "With every shortcut times 0.9, what fraction of the last gradient reaches the first of 54 units "
    "directly?",
    within=3.0,
)
predicted_gate = lesson.predict(
    "Gates that let 0.9975 of the shortcut through: what fraction reaches the first of 54 units directly?",
    by=0.05,
)
predicted_whole = lesson.predict(
    "An untrained ResNet-110 with every shortcut times 0.5 and all its branches: by what power of ten is the "
    "gradient before its first unit larger than in the original (negative: smaller)?",
    "powers of ten",
    by=1,
)

# %% [markdown]
# ## Derivation
#
# Put a constant $\lambda$ on every shortcut, and still nothing after the addition: $x_{i+1} =
# \lambda\,x_i + F_i(x_i)$. Substitute one unit into the next, from unit $l$ up to unit $L$:
#
# $$x_L = \lambda^{L-l}\,x_l + \sum_{i=l}^{L-1} \lambda^{L-1-i} F_i(x_i).$$
#
# The lecture writes $\hat F$ for a branch with its power of $\lambda$. Backwards the same happens to the
# gradient, $g_i = \lambda\,g_{i+1} + J_i^\top g_{i+1}$:
#
# $$g_l = \lambda^{L-l}\,g_L + \ldots,$$
#
# so the one term that was passed on unchanged in lesson 15 now depends geometrically on the depth. (The
# sum in the lecture's backward formula should start at $i = l$; here the slide says so itself.) For a gate,
# $\lambda$ is $1 - \sigma(W x + b)$ with the logistic function $\sigma$, another number for every element,
# and the power becomes a product. While $W$ is small, $b$ decides: $\lambda \approx 1 - \sigma(b)$.

# %% [markdown]
# ## Measure: the direct path alone
#
# Silence the branches, $F = 0$, and what remains of a gradient is the direct path. First bare units.

# %%
UNITS = 54


def gradient_lengths(units, x):
    """Return the norm of the gradient before each unit, the first unit's first."""
    with probe.watch(units, probe.Statistics()) as seen:
        y, cache = units.forward(x, train=True)
        units.backward(np.random.default_rng(1).standard_normal(y.shape), cache)
    return np.array(seen.series("dx_norm", Residual))


def bare(factor):
    """Return UNITS units without branches whose shortcuts are scaled."""
    return Sequential(*(Residual(branch=Scale(0), shortcut=Scale(factor)) for _ in range(UNITS)))


x = np.ones((4, 8))
direct = {
    factor: gradient_lengths(bare(factor), x) / gradient_lengths(bare(1), x) for factor in (0.5, 0.9, 1.1)
}
expected = {0.5: 5.55e-17, 0.9: 3.38e-3, 1.1: 171.9}  # the 54th powers
passed = np.arange(UNITS, 0, -1)  # units between the last gradient and that before each unit
lesson.table(
    ("shortcut times", "predicted", "derived", "measured"),
    *((f, predicted_tenths if f == 0.9 else None, expected[f], direct[f][0]) for f in direct),
)
for factor, lengths in direct.items():
    assert abs(lengths / factor**passed - 1).max() < 1e-12, f"n shortcuts times {factor} leave {factor}^n"
    assert abs(lengths[0] / expected[factor] - 1) < 0.002, f"54 shortcuts leave {expected[factor]}"

# %% [markdown]
# 0.5 leaves less than the rounding error of double precision beside 1 ($2^{-54}$ against $2^{-53}$);
# 1.1, the other way, is an explosion. Only 1 does not depend on the depth.
#
# ## The same in ResNet-110, with gates
#
# Now the networks of the paper's figure 2: 54 units with convolutions, batch norm, and a ReLU after the
# addition, which does nothing here, for $x \ge 0$ after the stem, and with $F = 0$ it stays so. We set the
# last $\gamma$ of each branch to 0 and the weights of the gates too, so that $b$ alone decides, and compare
# the gradient before every unit with that of the original network. "Unscaled" leaves $F$ as it is; an
# exclusive gate multiplies $F$ by $\sigma(W x + b)$, a shortcut-only gate leaves $F$ alone.


# %%
def resnet110(variant, bias=None, *, silent=True, constant_gates=True):
    """Return the three stages of a ResNet-110 with these shortcuts; bias: where its gates start."""
    rng = np.random.default_rng(0)
    net = cifar_shortcut_variant(depth=110, variant=variant, gate_bias=bias, rng=rng).astype(np.float64)
    if silent:
        surgery.zero_last_gamma(net)
    for _, layer in net.named_layers():
        if constant_gates and isinstance(layer, GatedResidual):
            layer.gate[0].weight.data.fill(0)
    return Sequential(net["stage1"], net["stage2"], net["stage3"])


def kept(bias):
    """Return 1 - sigmoid(bias): the fraction of the shortcut that a gate lets through where it starts."""
    return 1 / (1 + math.exp(bias))


x = np.maximum(np.random.default_rng(0).standard_normal((2, 16, 8, 8)), 0)  # what a stem outputs
original = gradient_lengths(resnet110("original"), x)
variants = {  # what is done: (variant, bias, lambda, name in table 1)
    "x and F times 0.5": ("constant", None, 0.5, "constant"),
    "x times 0.5, F unscaled": ("constant_unscaled", None, 0.5, "constant_unscaled"),
    "exclusive gate, b = 0": ("exclusive_gate", 0, kept(0), "exclusive_gate, bias 0 to -5"),
    "exclusive gate, b = -6": ("exclusive_gate", -6, kept(-6), "exclusive_gate"),
    "exclusive gate, b = -7": ("exclusive_gate", -7, kept(-7), "exclusive_gate, bias -7"),
    "shortcut gate, b = 0": ("shortcut_gate", 0, kept(0), "shortcut_gate"),
    "shortcut gate, b = -6": ("shortcut_gate", -6, kept(-6), "shortcut_gate, bias -6"),
}
for name, (variant, bias, *_) in variants.items():
    direct[name] = gradient_lengths(resnet110(variant, bias), x) / original
errors = {row["model"]: row["percent"] for row in published.rows("cifar10 resnet110 shortcuts")}
lesson.table(
    ("ResNet-110", "lambda", "predicted", "lambda^54", "measured", "published test error (%)"),
    ("original", 1, None, 1, 1, errors["original"]),
    *(
        (name, lam, predicted_gate if "gate, b = -6" in name else None, lam**54, direct[name][0], errors[row])
        for name, (_, _, lam, row) in variants.items()
    ),
)
for name, (_, _, factor, _) in variants.items():
    assert abs(direct[name] / factor**passed - 1).max() < 1e-12, f"{name}: the power of lambda"
for bias, number in ((0, 5.55e-17), (-6, 0.875), (-7, 0.952)):
    assert abs(direct[f"exclusive gate, b = {bias}"][0] / number - 1) < 0.001

# %%
labels = {
    "times 1.1": (1.1, 1.1),
    "gate, $b = -6$: times 0.9975": ("exclusive gate, b = -6", kept(-6)),
    "times 0.9": (0.9, 0.9),
    "gate, $b = 0$: times 0.5": ("exclusive gate, b = 0", 0.5),
}
figure = plot.lines(
    {label: direct[name][::-1] for label, (name, _) in labels.items()},
    derived={r"derived: $\lambda^n$" if f == 0.5 else f"_{f}": f ** passed[::-1] for _, f in labels.values()},
    xlabel="units passed, $n$",
    ylabel="fraction of the gradient on the direct path",
    log=True,
)
lesson.show(
    figure,
    alt=(
        "Fraction of the gradient on the direct path over the units passed, logarithmic: straight lines, as "
        "derived. A factor of 1.1 makes it grow, a gate of bias -6 keeps it, 0.9 lets it shrink, and 0.5 "
        "leaves next to nothing."
    ),
)

# %% [markdown]
# ## Beside the published errors
#
# Table 1 of the paper has the error of the trained networks, and it agrees with the direct path on the whole:
# where $\lambda^{54}$ is $10^{-17}$, the error is 12 to 13 % or training fails (more than 20 %); where it is
# near 1, it is 7 to 10 %. But compare the rows two by two, and the direct path is not everything:
#
# - The slides' "0.5x, 12.4 %" halves $F$ as well. With $F$ left alone training fails.
# - The slides' 8.7 % for the exclusive gate belongs to $b = -6$; from 0 to $-5$ all fail. And $b = -7$,
#   with the *better* direct path, is worse again. A possible reason: an exclusive gate takes from $F$ what
#   it gives to $x$, and leaves it $\sigma(-7) = 0.09$ %.
# - The slides' 12.9 % for the shortcut-only gate is $b = 0$; with $b = -6$ it has 6.9 %.
#
# (Lecture 6 shows the six pictures twice. Go by the first: in the second the labels (b) to (e) have
# slipped.)
#
# ## What does not follow: that the gradient vanishes
#
# We silenced the branches. As they are drawn, each adds its own $J_i^\top g_{i+1}$, and nothing says that
# this is small.

# %%
names = ("original", "constant", "constant_unscaled")
whole = {name: gradient_lengths(resnet110(name, silent=False), x)[0] for name in names}
drawn = gradient_lengths(resnet110("exclusive_gate", -6, constant_gates=False), x)[0] / original[0]
powers = {name: math.log10(length / whole["original"]) for name, length in whole.items()}
lesson.table(
    ("gradient before the first unit / the original's, untrained", "predicted", "measured"),
    ("x and F times 0.5: power of ten", None, powers["constant"]),
    ("x times 0.5, F unscaled: power of ten", predicted_whole, powers["constant_unscaled"]),
    ("exclusive gate, b = -6, weights as drawn, F = 0: fraction", None, drawn),
)
for name in names[1:]:
    assert powers[name] > 2, "with scaled shortcuts the gradient should explode"
assert 0.7 < drawn < 0.95, "with weights as drawn most of the direct path should still be there"

# %%
lesson.quiz(
    "The slide says that shortcuts times 0.5 are 'blocked'. What is it that decays with the depth?",
    ("the part of the gradient that comes directly", "it is multiplied by 0.5 in each unit, 54 times"),
    ("the gradient", "it explodes: the branches add more than the shortcuts lose"),
    ("the weights of the branches", "no factor stands on them, and they learn as before"),
)

# %% [markdown]
# It *explodes*: to 48,000 and 141,000 times the original's. What decays is the fraction of it that comes
# directly. "Blocked", the slide's word, is right for the direct path and wrong for the gradient; lesson 17
# has all variants. The last row: gates with weights differ from element to element and add a gradient of
# their own, so $(1 - \sigma(b))^{54} = 0.875$ is then only nearly the value.
#
# ## Gates: "similar to Highway Network"
#
# So the slide on the exclusive gate says; the Highway network came first. One of its layers computes
#
# $$y = T(x) \odot H(x) + (1 - T(x)) \odot x, \qquad T(x) = \sigma(W_T x + b_T),$$
#
# element by element: $T$ is the *transform gate*, $1 - T$ the *carry gate*, and $H$ an ordinary layer with
# its ReLU. It is the exclusive gate with $F = H$. Its authors let $b_T$ start at a negative number, "e.g.
# -1, -3", so that the network carries at first. What do these leave of the direct path in 54 layers?

# %%
rng = np.random.default_rng(0)
WIDTH = 32
h, t = (Linear(WIDTH, WIDTH, rng=rng).astype(np.float64) for _ in range(2))
t.bias.data.fill(-1)
x = rng.standard_normal((16, WIDTH))
transform = 1 / (1 + np.exp(-(x @ t.weight.data.T + t.bias.data)))
by_hand = transform * np.maximum(x @ h.weight.data.T + h.bias.data, 0) + (1 - transform) * x
layer = GatedResidual(Sequential(h, ReLU()), Sequential(t, Sigmoid()))
assert abs(layer.predict(x) - by_hand).max() < 1e-12, "an exclusive gate should be a highway layer"
lesson.table(
    ("exclusive gate starts at b =", "carried by a layer", "by 54"),
    *((bias, kept(bias), kept(bias) ** UNITS) for bias in (-1, -3, -6)),
)

# %% [markdown]
# With 54 layers $-1$ carries next to nothing and $-3$ a fourteenth; the $-6$ of table 1 was found by trying.
# The published Highway network of 19 layers has 7.72 % test error on CIFAR-10, beside 6.61 % of ResNet-110. A
# residual unit is a highway layer whose two gates are both 1: nothing to learn, and never closed.
#
# "Gating should have better representation ability (identity is a special case), but optimization
# difficulty dominates results", the slide goes on. How would one know? In its figure the network with gates
# ends above the other in *training* error too.

# %%
lesson.quiz(
    "A gate can become the identity, yet the gated network ends with more errors. Why not by overfitting?",
    ("its training error is the higher one too", "it does not fit the training images better, but worse"),
    ("it has more parameters", "more parameters would rather make overfitting more likely"),
    (
        "its test error is the higher one",
        "overfitting shows in that too; one must look at the training error",
    ),
)

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - A factor on every shortcut acts with the depth as its exponent. Only the factor 1 does not.
# - The identity is a special case of a gate, so gates can represent more. They lose on optimisation, as the
#   lecture says, and start best near the identity, if the branch is not closed with it.
#
# ## What to try next
#
# 1. Which constant factor has the same direct path as gates that start at $b = -6$? Put it into `bare`.
# 2. What happens to the curve of 0.9 if only every second unit is scaled?
#
# ## Exercises
#
# 1. A gated network of 333 units (1001 layers) should keep half of the direct path. Where must $b$ start?
# 2. Dropout on the shortcut, which keeps each element with probability ½ and does not rescale it, has
#    $\lambda = 0.5$ on average. What fraction of the elements of $g_{54}$ comes through all masks?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. $1 - \sigma(-6) = 0.99753$: `bare(0.99753)` leaves 0.875.
# 2. It becomes a staircase: each scaled unit takes its tenth and the next takes nothing. 27 of them leave
#    $0.9^{27} = 0.058$ instead of 0.0034.
#
# **Exercises.**
#
# 1. $(1 - \sigma(b))^{333} = \tfrac12$ gives $\sigma(b) = 0.00208$ and $b = -6.2$.
# 2. $2^{-54}$ of them, each at its full size: of fewer than $10^{16}$ elements hardly one. In the paper
#    the network with this shortcut does not converge to a good solution.
