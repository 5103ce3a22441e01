# %% [markdown]
# # 18. Every residual block adds variance
#
# **Question.** MSRA's weights keep the variance of a signal, and a shortcut only adds $x$ to it. Why are the
# numbers at the end of my 20 residual blocks a thousand times too large?
#
# *Time: 6 s. Before this: lessons 8 and 12. Sources: lecture 9, slide "Weight Initialization for Residual
# Networks"; Zhang et al. 2019 (arXiv:1901.09321), section 2; De & Smith 2020 (arXiv:2002.10444).*

# %%
import math

import numpy as np

from minires import lesson, plot, probe
from minires.layers import BatchNorm, Linear, ReLU, Residual, Sequential

# %% [markdown]
# ## Predict
#
# All weights are MSRA's, $x$ is normal, and nothing is trained. The orders of the branch differ: **ReLU,
# weights, ReLU, weights**; **weights, ReLU, weights**, as in the first ResNet paper, which puts another ReLU
# after the sum; and **batch norm, ReLU, weights** twice, as in the pre-activation ResNet. Do they differ in
# what they add? The last ReLU takes something away again; but half?

# %%
by_relu_first = lesson.predict(
    "ReLU, weights, ReLU, weights: by what factor does one block multiply the mean square?", within=1.1
)
by_relu_after = lesson.predict(
    "Weights, ReLU, weights, and a ReLU after the sum: by what factor does one block multiply it?", within=1.1
)
with_norm = lesson.predict(
    "Batch norm, ReLU, weights, twice: what is the mean square after 20 blocks if it was 1?", within=1.5
)

# %% [markdown]
# ## Derivation: the sum
#
# Block $l$ computes $x_{l+1} = x_l + F(x_l)$. Let $F$ end with weights $W_2$ that have mean 0 and are
# independent of all that came before. Then $E[x_l\,F(x_l)] = 0$, and
#
# $$E[x_{l+1}^2] = E[x_l^2] + E[F(x_l)^2].$$
#
# The shortcut contributes 1, and the branch what it makes of the mean square. A branch has two kinds of
# steps. **Weights** with $n\,\mathrm{Var}[w] = 2$ (MSRA), $n$ being the number of inputs, double the mean
# square. A **ReLU** halves it, *if its input is symmetric around 0* (lesson 8). What weights output is
# symmetric. So, for a symmetric $x$,
#
# $$\text{ReLU, weights, ReLU, weights:}\quad
#   \frac{E[F^2]}{E[x^2]} = \tfrac12 \cdot 2 \cdot \tfrac12 \cdot 2 = 1, \qquad
#   \frac{E[x_{l+1}^2]}{E[x_l^2]} = 1 + 1 = 2 .$$
#
# This is what lecture 9 says: $\mathrm{Var}(F(x)) = \mathrm{Var}(x)$, so the variance of $F(x) + x$ is
# larger, and grows with each block. Backward the count is the same. With $g_l$ the gradient of the loss with
# respect to $x_l$ and $J$ the Jacobian of $F$, $g_l = g_{l+1} + J^\top g_{l+1}$. Transposed weights double,
# the masks of the ReLUs let half of the elements through (we take them to be independent of the gradient),
# and the two summands are uncorrelated again: $1 + 1 = 2$.
#
# ## Measure
#
# We use fully-connected layers: a convolution loses some variance at the border, where it sees padding
# (exercise 1). The input is normal, so symmetric around 0, and the sums stay symmetric.

# %%
WIDTH = 128 if lesson.setting() == "fast" else 256
BLOCKS, SAMPLES, SEEDS = 20, 256, 8
MSRA = 2.0  # n Var[w]


def weights(rng, gain=MSRA):
    def draw(shape, *, rng):
        return rng.standard_normal(shape, dtype=np.float32) * math.sqrt(gain / shape[1])

    return Linear(WIDTH, WIDTH, bias=False, init=draw, rng=rng)


def relu_first(rng):
    return Residual(Sequential(ReLU(), weights(rng), ReLU(), weights(rng)))


def measure(block, change=lambda x: x, blocks=BLOCKS, seeds=SEEDS):
    """Return the mean squares of x and of the gradient, each (seeds, blocks + 1), on their ways forward and
    backward through blocks made by block(rng). change: of the normal input; the gradient begins normal."""
    forward, backward = [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        net = Sequential(*(block(rng) for _ in range(blocks)))
        x = change(rng.standard_normal((SAMPLES, WIDTH), dtype=np.float32))
        dy = rng.standard_normal(x.shape, dtype=np.float32)
        with probe.watch(net, probe.Statistics()) as seen:
            _, cache = net.forward(x, train=True)
            net.backward(dy, cache)
        forward.append([(x**2).mean(), *seen.series("mean_square", Residual)])
        lengths = [np.linalg.norm(dy), *reversed(seen.series("dx_norm", Residual))]
        backward.append(np.square(lengths) / x.size)
    return np.array(forward), np.array(backward)


def powers(squares):
    """Return by how many powers of two all blocks multiply the mean square, for each seed."""
    return np.log2(squares[:, -1] / squares[:, 0])


def per_block(squares):
    """Return the factor of one block: the geometric mean over blocks and seeds."""
    return 2 ** (powers(squares).mean() / BLOCKS)


x, g = measure(relu_first)
results = {"ReLU first": (x, g)}
lesson.table(
    ("ReLU, weights, ReLU, weights", "predicted", "derived", "measured"),
    ("forward, one block", by_relu_first, 1 + 1, per_block(x)),
    ("backward, one block", None, 1 + 1, per_block(g)),
    ("powers of two after 20 blocks", None, BLOCKS, powers(x).mean()),
    ("their standard deviation between seeds", None, None, powers(x).std(ddof=1)),
)
assert abs(per_block(x) - 2) <= 0.1, "each block should double the mean square"
assert abs(per_block(g) - 2) <= 0.1, "each block should double the gradient's mean square"
assert abs(powers(x).mean() - BLOCKS) <= 1, "20 blocks should be 20 powers of two"

# %% [markdown]
# And if $x$ is not symmetric? Take the absolute value of the input: now the first ReLU keeps all of it,
# $E[F^2] = 2\,E[x^2]$, and the first block should give $1 + 2 = 3$.

# %%
x, _ = measure(relu_first, change=np.abs, blocks=1, seeds=32)
ratio = (x[:, 1] / x[:, 0]).mean()
lesson.table(("positive x", "derived", "measured"), ("ReLU first, first block", 1 + 2, ratio))
assert abs(ratio - 3) <= 0.15, "for positive x the first ReLU halves nothing"

# %%
lesson.quiz(
    "Lecture 9: 'If we initialize with MSRA: then Var(F(x)) = Var(x).' For which branch is that true?",
    ("ReLU, weights, ReLU, weights", "each pair halves and doubles, if x is symmetric around 0"),
    ("weights, ReLU, weights", "it has two doublings and one halving: Var(F(x)) = 2 Var(x)"),
    ("any branch of ReLUs and MSRA's weights", "it depends on how many ReLUs there are to halve"),
)

# %% [markdown]
# ## The other orders
#
# **Weights, ReLU, weights** has one ReLU fewer: $2 \cdot \tfrac12 \cdot 2 = 2$, so $1 + 2 = 3$, both ways,
# and for every $x$: what the first weights output is symmetric, whatever $x$ is.
#
# **With a ReLU after the sum**, as in the first ResNet paper, the sum has $3\,E[x^2]$ as before, and the
# last ReLU takes less than half of it: $x$ comes out of a ReLU itself and is nowhere negative, so the sum
# leans to the positive side. How much is left depends on the distribution of $x$, which depends on the
# blocks before. With many units, $F$ is normal with variance $2\,E[x^2]$ whatever $x$ is, so one random
# number $u_l$ can stand for the elements of $x_l$:
#
# $$u_{l+1} = \max\left(0,\; u_l + \sqrt{2\,E[u_l^2]}\;\xi_l\right), \qquad \xi_l \text{ standard normal}.$$
#
# We know no closed formula; 300,000 such numbers give the ratio. Backward, the count would be 3 times the
# fraction of positive $u_{l+1}$.
#
# **Batch norm before each ReLU.** Whatever $x_l$ is, the branch sees a signal of variance 1, and returns
# $\tfrac12 \cdot 2 = 1$. So every block *adds* 1 instead of multiplying: $E[x_l^2] = 1 + l$, linear growth.
# (The gradient is exercise 2: a factor of 181 over 20 blocks.)

# %%
rng = np.random.default_rng(0)
u = np.maximum(rng.standard_normal(300_000), 0)
u_squares = [1.0]  # E[u_l^2] / E[u_0^2]
for _ in range(BLOCKS):
    u /= math.sqrt((u**2).mean())
    u = np.maximum(0, u + math.sqrt(2) * rng.standard_normal(u.size))
    u_squares.append(u_squares[-1] * (u**2).mean())
after, positive = u_squares[-1] ** (1 / BLOCKS), (u > 0).mean()


def weights_first(rng, after=None):
    return Residual(Sequential(weights(rng), ReLU(), weights(rng)), after=after)


def normalised(rng):
    halves = [(BatchNorm(WIDTH), ReLU(), weights(rng)) for _ in range(2)]
    return Residual(Sequential(*halves[0], *halves[1]))


results["weights first"] = measure(weights_first)
results["weights first, ReLU after"] = measure(
    lambda rng: weights_first(rng, after=ReLU()), change=lambda x: math.sqrt(2) * np.maximum(x, 0)
)
results["batch norm"] = measure(normalised)

# %% [markdown]
# ## Derived beside measured

# %%
passed, c = np.arange(BLOCKS + 1), 1 - 1 / math.pi
norm_back = math.prod(1 + 1 / (c * (1 + c * block)) for block in range(BLOCKS))
three, three_back = (per_block(squares) for squares in results["weights first"])
cut, cut_back = (per_block(squares) for squares in results["weights first, ReLU after"])
norm_x, norm_g = (squares.mean(axis=0) for squares in results["batch norm"])
lesson.table(
    ("mean square", "predicted", "derived", "measured"),
    ("weights first, one block", None, 3, three),
    ("weights first, one block, backward", None, 3, three_back),
    ("and a ReLU after, one block", by_relu_after, after, cut),
    ("and a ReLU after, one block, backward", None, 3 * positive, cut_back),
    ("batch norm, 20 blocks", with_norm, 1 + BLOCKS, norm_x[-1]),
    ("batch norm, 20 blocks, backward", None, norm_back, norm_g[-1]),
)
assert abs(three - 3) <= 0.15 and abs(three_back - 3) <= 0.15, "weights first: 1 + 2, both ways"
assert abs(after - 2.4) <= 0.02, "the ReLU after the sum leaves 2.4 of 3"
assert abs(cut - after) <= 0.15, "weights first and a ReLU after the sum: 2.4 a block"
assert abs(norm_x / (1 + passed) - 1).max() <= 0.1, "with batch norm E[x_l^2] = 1 + l"
assert abs(norm_g[-1] / norm_back - 1) <= 0.1, "with batch norm the gradient grows like a power"
assert cut_back - 3 * positive > 0.05, "backward the masks of the last ReLUs should not be independent"

# %% [markdown]
# One derived number is wrong: backward, with a ReLU after the sum, 1.96 a block, where we measure 2.1. An
# element that is large stays positive in the next blocks too, so here the masks and the gradient are *not*
# independent, as the count takes them to be.

# %%
ways = ("forward: $x$", "backward: gradient")
derived = {"derived": 2.0**passed, "_3": 3.0**passed, "_after": u_squares, "_norm": 1 + passed}
figure = plot.line_panels(
    {way: {name: both[number] for name, both in results.items()} for number, way in enumerate(ways)},
    derived={ways[0]: derived},  # names with _ are not in the legend
    x=passed,
    xlabel="blocks passed",
    ylabel="mean square / its value at the start",
    log=True,
)
lesson.show(
    figure,
    alt=(
        "Mean square over 20 blocks, logarithmic, forward and backward. Without batch norm each block "
        "multiplies it by 2 to 3, along derived lines; with batch norm in the branches it grows far more "
        "slowly."
    ),
)

# %%
lesson.quiz(
    "Why does the variance grow only linearly with batch norm in the branches?",
    ("every branch returns variance 1, whatever comes in", "so every block adds the same amount"),
    ("batch norm normalises the sum", "nothing normalises what goes through the shortcut"),
    ("batch norm makes the branch silent at the start", "its gamma starts at 1, not at 0: see lesson 19"),
)
lesson.score()

# %% [markdown]
# ## What to keep
#
# - A shortcut contributes 1. What the branch adds depends on where its ReLUs are. Lecture 9's
#   $\mathrm{Var}(F(x)) = \mathrm{Var}(x)$ is true for ReLU, weights, ReLU, weights and a symmetric $x$; for
#   weights, ReLU, weights it is $2\,E[x^2]$, and the block multiplies by 3, or 2.4 with a ReLU after the sum.
# - A product over blocks grows exponentially. With batch norm in the branch it becomes a sum, linear in $l$.
# - Remedies: start every branch at zero (the lecture's own: lesson 19), divide its variance by the number of
#   blocks (below), or normalise it.
#
# ## What to try next
#
# 1. Make the last weights of every branch in `relu_first` `weights(rng, MSRA / BLOCKS)`. By what do all
#    $L = 20$ blocks together multiply the mean square?
#
# ## Exercises
#
# 1. Replace the weights by $3 \times 3$ convolutions with padding 1 on maps of $8 \times 8$ pixels. Is the
#    first block's factor still 2?
# 2. With batch norm the gradient at the first block has 181 times the mean square of that at the last. Derive
#    it. The batch norm after a ReLU divides by the *variance* of its input, not by its mean square.

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. Every block now adds $1/L$ of what comes in: $(1 + 1/L)^L$, less than $e = 2.718$ for any $L$. Derived
#    2.65 for 20 blocks, measured 2.77 (the mean of eight seeds).
#
# **Exercises.**
#
# 1. No: pixels at the border see fewer inputs. Along one axis the first convolution leaves the fraction
#    $s = (\tfrac23, 1, \ldots, 1, \tfrac23)$ of the variance, and the second one
#    $\tfrac18 \sum s_i^2 = 0.861$ on average; along both axes that is $0.861^2 = 0.74$. So the factor is
#    1.74; with 64 channels, the mean over 40 seeds was 1.75.
# 2. The next batch norm takes out the mean that the ReLU has made: what weights with MSRA's rule output has
#    variance $c = 2\,(\tfrac12 - \tfrac1{2\pi}) = 1 - 1/\pi$ over the batch. So $x_l$ has variance $1 + c\,l$
#    over the batch. Backward, batch norm divides the mean square of the gradient by the variance it met: by
#    $c$ inside the branch, by $1 + c\,l$ at its beginning, so
#    $E[g_l^2] / E[g_{l+1}^2] = 1 + 1 / (c\,(1 + c\,l))$. The product over 20 blocks is 181. It grows like
#    $L^{1/c^2} \approx L^{2.2}$; $2^L$ would be a million.
