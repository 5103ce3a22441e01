# %% [markdown]
# # 18. Every residual block adds variance
#
# **Question.** MSRA's weights keep the variance of a signal, and a shortcut only adds $x$ to it. Why do the
# numbers at the end of my 20 residual blocks come out a thousand times too large?
#
# *Time: 6 s. Before this: lessons 8 and 12. Sources: lecture 9, slide "Weight Initialization for Residual
# Networks"; Zhang et al. 2019 (arXiv:1901.09321), section 2; De & Smith 2020 (arXiv:2002.10444), section 3.*

# %%
import math

import numpy as np

from minires import lesson, plot, probe
from minires.combine import Residual, Sequential
from minires.layers import BatchNorm, Linear, ReLU

# %% [markdown]
# ## Derivation: the sum
#
# Block $l$ computes $x_{l+1} = x_l + F(x_l)$. Let $F$ end with weights $W_2$ that have mean 0 and are
# independent of all that came before. Then $E[x_l\,F(x_l)] = 0$, and
#
# $$E[x_{l+1}^2] = E[x_l^2] + E[F(x_l)^2].$$
#
# The shortcut contributes 1, and the branch what it makes of the mean square. A branch has two kinds of
# steps. **Weights** with $n\,\mathrm{Var}[w] = 2$ (MSRA) double the mean square. A **ReLU** halves it,
# *if its input is symmetric around 0* (lesson 8). What weights put out is symmetric. So, for a symmetric $x$,
#
# $$\text{ReLU, weights, ReLU, weights:}\quad
#   \frac{E[F^2]}{E[x^2]} = \tfrac12 \cdot 2 \cdot \tfrac12 \cdot 2 = 1, \qquad
#   \frac{E[x_{l+1}^2]}{E[x_l^2]} = 1 + 1 = 2 .$$
#
# Backward is the same story. With $g_l$ the gradient of the loss with respect to $x_l$ and $J$ the Jacobian
# of $F$, $g_l = g_{l+1} + J^\top g_{l+1}$. Transposed weights double, the masks of the ReLUs let half of the
# elements through (we take them to be independent of the gradient), and the two summands are uncorrelated
# again: $1 + 1 = 2$. This is what lecture 9 says: $\mathrm{Var}(F(x)) = \mathrm{Var}(x)$, so the variance of
# $F(x) + x$ is larger, and grows with each block.
#
# ## Measure
#
# Fully-connected layers stand for convolutions of $n = k^2 \cdot$ channels inputs: they have no border, where
# padding takes variance away (exercise 1). The input is normal, so symmetric; the sums stay so.

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
    found = []
    for rng in map(np.random.default_rng, range(seeds)):
        net = Sequential(*(block(rng) for _ in range(blocks)))
        x = change(rng.standard_normal((SAMPLES, WIDTH), dtype=np.float32))
        dy = rng.standard_normal(x.shape, dtype=np.float32)
        with probe.watch(net, probe.Statistics()) as seen:
            _, cache = net.forward(x, train=True)
            net.backward(dy, cache)
        lengths = [np.linalg.norm(dy), *reversed(seen.series("dx_norm", Residual))]
        forward = [(x**2).mean(), *seen.series("mean_square", Residual)]
        found.append((forward, np.square(lengths) / x.size))
    return np.array(found).swapaxes(0, 1)


def powers(squares):
    """Return by how many powers of two all blocks multiply the mean square, for each seed."""
    return np.log2(squares[:, -1] / squares[:, 0])


def per_block(squares):
    """Return the factor of one block: the geometric mean over blocks and seeds."""
    return 2 ** (powers(squares).mean() / BLOCKS)


x, g = measure(relu_first)
results = {"ReLU first": (x, g)}
lesson.table(
    ("ReLU, weights, ReLU, weights", "derived", "measured"),
    ("forward, one block", 1 + 1, per_block(x)),
    ("backward, one block", 1 + 1, per_block(g)),
    ("powers of two after 20 blocks", BLOCKS, powers(x).mean()),
    ("their standard deviation between seeds", None, powers(x).std()),
)
assert abs(per_block(x) - 2) <= 0.1, "each block should double the mean square"
assert abs(per_block(g) - 2) <= 0.1, "each block should double the gradient's mean square"
assert abs(powers(x).mean() - BLOCKS) <= 1, "20 blocks should be 20 powers of two"

# %% [markdown]
# And if $x$ is not symmetric? Take the absolute value of the input: now the first ReLU keeps all of it,
# $E[F^2] = 2\,E[x^2]$, and the first block should give $1 + 2 = 3$.

# %%
x, _ = measure(relu_first, change=np.abs, blocks=1, seeds=32)
first = (x[:, 1] / x[:, 0]).mean()
lesson.table(("x not symmetric", "derived", "measured"), ("ReLU first, first block", 1 + 2, first))
assert abs(first - 3) <= 0.15, "for positive x the first ReLU halves nothing"

# %% [markdown]
# ## Predict
#
# The first ResNet paper has another order: weights, ReLU, weights, then the sum, then a ReLU. Without batch
# norm, by what factor does that block multiply the mean square? And with batch norm before every ReLU of the
# branch, as in the pre-activation ResNet: what is $E[x_{20}^2]$ if $E[x_0^2] = 1$?

# %%
prediction, predicted_norm = 2, 1

# %% [markdown]
# ## The other orders
#
# **Weights, ReLU, weights.** One ReLU fewer: $2 \cdot \tfrac12 \cdot 2 = 2$, so $1 + 2 = 3$, both ways, and
# for every $x$: the first weights make their own symmetry.
#
# **The same, and a ReLU after the sum.** The sum has $3\,E[x^2]$ as before, and the last ReLU takes less than
# half of it, because $x$ comes out of a ReLU itself and is nowhere negative: the sum leans to the positive
# side. How much is left depends on the distribution of $x$, which depends on the blocks before. With many
# units, $F$ is normal with variance $2\,E[x^2]$ whatever $x$ is, so one number $u$ in the place of a unit is
# enough to follow it:
#
# $$u_{l+1} = \max\left(0,\; u_l + \sqrt{2\,E[u_l^2]}\;\xi_l\right), \qquad \xi_l \text{ standard normal}.$$
#
# We know no closed formula; 300,000 numbers give the ratio. (Backward the same count says less: the last ReLU
# passes 65 % of the elements, and $3 \cdot 0.65 = 1.96$, but we measure 2.1. A unit that is large stays
# positive in the next blocks, so here the masks and the gradient are *not* independent.)
#
# **Batch norm before each ReLU.** Whatever $x_l$ is, the branch sees a signal of variance 1, and returns
# $\tfrac12 \cdot 2 = 1$. So every block *adds* 1 instead of multiplying: $E[x_l^2] = 1 + l$, linear growth.

# %%
rng = np.random.default_rng(0)
u = np.maximum(rng.standard_normal(300_000), 0)
squares = [1.0]  # E[u^2] / E[u_0^2]
for _ in range(BLOCKS):
    u /= math.sqrt((u**2).mean())
    u = np.maximum(0, u + math.sqrt(2) * rng.standard_normal(u.size))
    squares.append(squares[-1] * (u**2).mean())


def weights_first(rng, after=None):
    return Residual(Sequential(weights(rng), ReLU(), weights(rng)), after=after)


def normalised(rng):
    halves = [(BatchNorm(WIDTH), ReLU(), weights(rng)) for _ in range(2)]
    return Residual(Sequential(*halves[0], *halves[1]))


def scaled(rng):
    return Residual(Sequential(ReLU(), weights(rng), ReLU(), weights(rng, MSRA / BLOCKS)))


results["weights first"] = measure(weights_first)
results["weights first, ReLU after"] = measure(
    lambda rng: weights_first(rng, after=ReLU()), change=lambda x: math.sqrt(2) * np.maximum(x, 0)
)
results["batch norm"] = measure(normalised)
results["ReLU first, scaled"] = measure(scaled)

# %% [markdown]
# ## Derived beside measured
#
# The last row is a remedy: divide the variance of each branch by the number of blocks $L$, here in its last
# weights. Then $L$ blocks multiply by $(1 + 1/L)^L < e = 2.718$, however many there are. (Where batch norm's
# 181 comes from is exercise 2.)

# %%
c, passed = 1 - 1 / math.pi, np.arange(BLOCKS + 1)
after, bound = squares[-1] ** (1 / BLOCKS), (1 + 1 / BLOCKS) ** BLOCKS
norm_back = math.prod(1 + 1 / (c * (1 + c * block)) for block in range(BLOCKS))
(x, g), (x_after, g_after), both_norm, both_scaled = list(results.values())[1:]
(x_last, g_last), scaled_last = both_norm[..., -1].mean(axis=1), both_scaled[..., -1].mean(axis=1)
lesson.table(
    ("mean square", "predicted", "derived", "forward", "derived", "backward"),
    ("one block: weights first", None, 3, per_block(x), 3, per_block(g)),
    ("one block: and a ReLU after", prediction, after, per_block(x_after), None, per_block(g_after)),
    ("20 blocks: batch norm", predicted_norm, 1 + BLOCKS, x_last, norm_back, g_last),
    ("20 blocks: scaled", None, bound, scaled_last[0], bound, scaled_last[1]),
)
assert abs(per_block(x) - 3) <= 0.15 and abs(per_block(g) - 3) <= 0.15, "weights first: 1 + 2, both ways"
assert abs(after - 2.4) <= 0.02, "the ReLU after the sum leaves 2.4 of 3"
assert abs(per_block(x_after) - after) <= 0.15, "weights first and a ReLU after the sum: 2.4 a block"
assert abs(both_norm[0].mean(axis=0) / (1 + passed) - 1).max() <= 0.1, "with batch norm E[x_l^2] = 1 + l"
assert abs(g_last / norm_back - 1) <= 0.1, "with batch norm the gradient grows like a power"
assert abs(scaled_last / bound - 1).max() <= 0.1, "branches scaled by 1/L: (1 + 1/L)^L"

# %%
ways = ("forward: $x$", "backward: gradient")
thin = (2.0**passed, 3.0**passed, squares, 1 + passed, (1 + 1 / BLOCKS) ** passed)
figure = plot.line_panels(
    {way: {name: both[at] for name, both in results.items()} for at, way in enumerate(ways)},
    derived={
        ways[0]: dict(zip(("derived", "_", "_3", "_4", "_5"), thin, strict=True))
    },  # _: not in the legend
    x=passed,
    xlabel="blocks passed",
    ylabel="mean square / its value at the start",
    log=True,
)
lesson.show(figure)

# %% [markdown]
# ## What to keep
#
# - A shortcut contributes 1. What the branch adds depends on where its ReLUs stand. Lecture 9's
#   $\mathrm{Var}(F(x)) = \mathrm{Var}(x)$ is true for ReLU, weights, ReLU, weights and a symmetric $x$; for
#   weights, ReLU, weights it is $2\,E[x^2]$, and the block multiplies by 3, or 2.4 with a ReLU after the sum.
# - A product over blocks grows exponentially. With batch norm in the branch it becomes a sum, linear in $l$.
# - Remedies: start every branch at zero (the lecture's own: lesson 19), scale it by depth, or normalise it.
#
# ## What to try next
#
# Make `WIDTH` 64: which of the orders scatters most between the seeds? Which variance of the last weights
# keeps the mean square within 10 % over 20 blocks?
#
# ## Exercises
#
# 1. Replace the weights by $3 \times 3$ convolutions with padding 1 on maps of $8 \times 8$ pixels. Is the
#    first block's factor still 2?
# 2. With batch norm the gradient at the first block has 181 times the mean square of that at the last. Derive
#    it. The batch norm behind a ReLU divides by the *variance* of its input, not by its mean square.
#
# ## Answers
#
# 1. No: pixels at the border see fewer inputs. Along one axis the first convolution leaves the share
#    $s = (\tfrac23, 1, \ldots, 1, \tfrac23)$ of the variance, and the second one
#    $\tfrac18 \sum s_i^2 = 0.861$ on average; along both axes that is $0.861^2 = 0.74$. So the factor is
#    1.74; with 64 channels and four seeds we measured 1.76.
# 2. The next batch norm takes out the mean that the ReLU has made: what weights with MSRA put out has
#    variance $c = 2\,(\tfrac12 - \tfrac1{2\pi}) = 1 - 1/\pi$ over the batch. So $x_l$ has variance $1 + c\,l$
#    over the batch. Backward, batch norm divides the mean square of the gradient by the variance it met: by
#    $c$ inside the branch, by $1 + c\,l$ at its beginning, so
#    $E[g_l^2] / E[g_{l+1}^2] = 1 + 1 / (c\,(1 + c\,l))$. The product over 20 blocks is 181. It grows like
#    $L^{1/c^2} \approx L^{2.2}$; $2^L$ would be a million.
