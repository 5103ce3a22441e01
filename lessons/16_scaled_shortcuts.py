# %% [markdown]
# # 16. Scaled and gated shortcuts
#
# **Question.** A shortcut that keeps half of $x$, or nine tenths, or as much as a learned gate decides,
# sounds more general than the identity. Why is it so much worse in a network of 110 layers?
#
# *Time: 3 s. Before this: lesson 15. Sources: lecture 6 and the ICML 2016 tutorial, slides "Experiment Set
# 1" and "If h is multiplicative"; He et al. 2016 (arXiv:1603.05027), section 3, equations 6 to 8, table 1.*

# %%
import math

import numpy as np

from minires import lesson, plot, probe, surgery
from minires.accounting import published
from minires.layers import GatedResidual, Residual, Scale, Sequential
from minires.models.shortcuts import cifar_shortcut_variant

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
# ## Predict
#
# ResNet-110 has 54 units. With $\lambda = 0.9$, only 10 % less in each, what fraction of $g_L$ reaches the
# first one directly?

# %%
prediction = 0.003

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
    *((f, prediction if f == 0.9 else None, expected[f], direct[f][0]) for f in direct),
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
    ("ResNet-110", "lambda", "lambda^54", "measured", "published test error (%)"),
    ("original", 1, 1, 1, errors["original"]),
    *((name, lam, lam**54, direct[name][0], errors[row]) for name, (_, _, lam, row) in variants.items()),
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
lesson.show(figure)

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
# this is small. Write down: with $\lambda = 0.5$, is the gradient before the first unit larger or
# smaller than in the original network?

# %%
names = ("original", "constant", "constant_unscaled")
whole = {name: gradient_lengths(resnet110(name, silent=False), x)[0] for name in names}
drawn = gradient_lengths(resnet110("exclusive_gate", -6, constant_gates=False), x)[0] / original[0]
lesson.table(
    ("at the start of the training", "measured"),
    *((f"{name}: gradient before the first unit", length) for name, length in whole.items()),
    ("exclusive gate, b = -6, its weights as drawn, F = 0: fraction", drawn),
)
for name in names[1:]:
    assert whole[name] > 100 * whole["original"], "with scaled shortcuts the gradient should explode"
assert 0.7 < drawn < 0.95, "with weights as drawn most of the direct path should still be there"

# %% [markdown]
# It *explodes*: to 48,000 and 141,000 times the original's. What decays is the fraction of it that comes
# directly. "Blocked", the slide's word, is right for the direct path and wrong for the gradient; lesson 17
# has all variants. The last row: gates with weights differ from element to element and add a gradient of
# their own, so $(1 - \sigma(b))^{54} = 0.875$ is then only nearly the value.
#
# ## What to keep
#
# - A factor on every shortcut acts with the depth as its exponent. Only the factor 1 does not.
# - The identity is a special case of a gate, so gates can represent more. They lose on optimisation, as the
#   lecture says, and start best near the identity, if the branch is not closed with it.
#
# ## What to try next
#
# Which constant factor has the same direct path as gates that start at $b = -6$? Put it into `bare`.
# What happens to the figure if only every second unit is scaled?
#
# ## Exercises
#
# 1. A gated network of 333 units (1001 layers) should keep half of the direct path. Where must $b$ start?
# 2. Dropout on the shortcut, which keeps each element with probability ½ and does not rescale it, has
#    $\lambda = 0.5$ on average. What fraction of the elements of $g_{54}$ comes through all masks?
#
# ## Answers
#
# 1. $(1 - \sigma(b))^{333} = \tfrac12$ gives $\sigma(b) = 0.00208$ and $b = -6.2$.
# 2. $2^{-54}$ of them, each at its full size: of fewer than $10^{16}$ elements hardly one. In the paper
#    the network with this shortcut does not converge to a good solution.
