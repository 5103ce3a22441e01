# %% [markdown]
# # 12. Residual learning
#
# **Question.** A residual block computes $F(x) + x$ where a plain block computes $H(x)$. Adding $x$ puts
# no new knowledge into the network, so why should it be any easier to learn?
#
# *Time: 2 s. Before this: lessons 10 and 11. Sources: lecture 6, slides "Deep Residual Learning" and
# "Related Works - Residual Representations"; the ResNet lecture, slide "Residual Blocks"; lecture 9,
# slide "Improving Residual Networks: Block Design"; He et al. 2015 (arXiv:1512.03385), sections 2 and
# 3.1; He et al. 2016 (arXiv:1603.05027), figure 4.*

# %%
import numpy as np

from minires import lesson, plot
from minires.combine import Residual, Sequential
from minires.layers import Linear, ReLU

# %% [markdown]
# ## Derivation
#
# Let two layers with weights be asked for a mapping $H(x)$. A plain block fits $H$ itself. A residual
# block fits $F(x) = H(x) - x$ and adds $x$ again. In the ResNet lecture's notation, with
# $g = \mathrm{ReLU}$,
#
# $$a^{[l+1]} = g(W^{[l+1]} a^{[l]} + b^{[l+1]}), \qquad z^{[l+2]} = W^{[l+2]} a^{[l+1]} + b^{[l+2]},$$
#
# $$\mathrm{plain:}\; a^{[l+2]} = g(z^{[l+2]}), \qquad
# \mathrm{residual:}\; a^{[l+2]} = g(z^{[l+2]} + a^{[l]}).$$
#
# So $x = a^{[l]}$ and $F(x) = z^{[l+2]}$. (Its slides slip in places: the factor of $W^{[l+2]}$ is
# $a^{[l+1]}$, not the $a^{[l+2]}$ that is being computed; its weight and bias are $W^{[l+2]}$ and
# $b^{[l+2]}$, not $W^{[l+1]}$ and $b^{[l]}$; and the mapping is recast into $F(x) + x$, not
# "$H(x) + X$".)
#
# Now let $W^{[l+2]} = 0$ and $b^{[l+2]} = 0$, hence $F = 0$:
#
# - plain: $a^{[l+2]} = g(0) = 0$, and the signal is lost;
# - residual, ReLU **after** the addition: $a^{[l+2]} = g(a^{[l]})$, which is $a^{[l]}$ where
#   $a^{[l]} \ge 0$ and 0 elsewhere;
# - pre-activation, ReLU only **inside** the branch: $a^{[l+2]} = a^{[l]}$ for every $a^{[l]}$.
#
# Within a ResNet $a^{[l]}$ comes out of a ReLU, so the second case does no harm there: a block can be the
# identity on all that it ever sees. What it cannot do is hand on a negative number; that is what lecture 9
# means by "cannot actually learn identity function".
#
# **Small fluctuations.** Let the wanted $H$ be close to the identity, and both matrices of the branch be
# random with $n\,\mathrm{Var}[w] = s^2$, without biases. By lesson 8 a layer multiplies the mean square by
# $s^2$ and the ReLU between them by $\tfrac12$, so for $x \ge 0$
#
# $$\frac{\lVert F(x) \rVert}{\lVert x \rVert} = \sqrt{s^2 \cdot \tfrac12 \cdot s^2} = \frac{s^2}{\sqrt2}.$$
#
# Small weights *are* a small distance from the identity. For a plain block small weights are a small
# distance from the function zero; near the identity its weights are near the unit matrix (lesson 10).

# %% [markdown]
# ## Predict
#
# Standard normal numbers enter each of the three blocks, with $F = 0$. Which share comes out unchanged?
# And with $x \ge 0$ and $s = 0.1$: how far, relative to $x$, does the residual block's output lie from
# $x$?

# %%
predicted_shares = {"plain": 0.5, "residual": 0.5, "pre-activation": 0.5}
predicted_distance = 0.1

# %% [markdown]
# ## Measure

# %%
WIDTH, SAMPLES, SHORTCUT = 512, 256, 1.0
rng = np.random.default_rng(0)


def linear(n_in, n_out, scale, bias=0.0):
    """Return a layer, float64, whose weights have variance scale^2 / n_in and whose biases bias^2."""
    layer = Linear(n_in, n_out, rng=rng).astype(np.float64)
    layer.weight.data[...] = rng.standard_normal((n_out, n_in)) * scale / n_in**0.5
    layer.bias.data[...] = rng.standard_normal(n_out) * bias
    return layer


def three_blocks(first, last):
    """Return the three blocks, all with the same two layers."""
    return {
        "plain": Sequential(first, ReLU(), last, ReLU()),
        "residual": Residual(Sequential(first, ReLU(), last), after=ReLU()),
        "pre-activation": Residual(Sequential(ReLU(), first, ReLU(), last)),
    }


first, last = linear(WIDTH, WIDTH, 1, bias=1), linear(WIDTH, WIDTH, 1, bias=1)
a = rng.standard_normal((SAMPLES, WIDTH))
a1 = np.maximum(0, a @ first.weight.data.T + first.bias.data)
z2 = a1 @ last.weight.data.T + last.bias.data
by_hand = np.maximum(0, z2 + SHORTCUT * a)
assert abs(three_blocks(first, last)["residual"].predict(a) - by_hand).max() <= 1e-12, (
    "a residual block should be g(z + a)"
)

silent = three_blocks(first, linear(WIDTH, WIDTH, 0))  # F = 0
shares = {name: (block.predict(a) == a).mean() for name, block in silent.items()}
of_positive = {name: (block.predict(abs(a)) == abs(a)).mean() for name, block in silent.items()}
derived_shares = {"plain": 0, "residual": 0.5, "pre-activation": 1}
lesson.table(
    ("F = 0: share of numbers unchanged", "predicted", "derived", "measured", "measured, x >= 0"),
    *(
        (name, predicted_shares[name], derived_shares[name], shares[name], of_positive[name])
        for name in silent
    ),
)
assert shares["plain"] == of_positive["plain"] == 0, "a plain block with zero weights loses everything"
assert of_positive["residual"] == 1, "a residual block with F = 0 should be the identity for x >= 0"
assert abs(shares["residual"] - 0.5) <= 0.01, "and lose what is negative"
assert shares["pre-activation"] == of_positive["pre-activation"] == 1, "pre-activation: exact for every x"

# %%
SCALES = (0.3, 0.1, 0.03, 0.01)
x = abs(a)
distances = {name: [] for name in silent}
for s in SCALES:
    small = three_blocks(linear(WIDTH, WIDTH, s), linear(WIDTH, WIDTH, s))
    for name, block in small.items():
        distances[name].append(np.linalg.norm(block.predict(x) - x) / np.linalg.norm(x))
print()
lesson.table(
    ("distance from the identity, s =", *SCALES),
    ("predicted", None, predicted_distance, None, None),
    ("derived for F + x", *(s**2 / 2**0.5 for s in SCALES)),
    *((f"{name}, measured", *found) for name, found in distances.items()),
)
for name in ("residual", "pre-activation"):
    ratio = np.array(distances[name]) / np.array(SCALES) ** 2 * 2**0.5
    assert abs(ratio - 1).max() <= 0.1, "small weights should be a small distance, s^2 / sqrt 2"
assert min(distances["plain"]) > 0.9, "a plain block with small weights is far from the identity"

# %% [markdown]
# The same with one number in and one number out, so that it can be drawn: the response of the three blocks
# with $F = 0$, and with a small random $F$ of eight hidden units.

# %%
at = np.linspace(-2, 2, 81)
first, last = linear(1, 8, 0.6, bias=0.6), linear(8, 1, 0.6)
curves = {
    label: {name: block.predict(at[:, None])[:, 0] for name, block in three_blocks(first, layer).items()}
    for label, layer in (("$F = 0$", linear(8, 1, 0)), ("$F$ small", last))
}
figure = plot.line_panels(
    {name: {label: found[name] for label, found in curves.items()} for name in silent},
    derived={name: {"identity": at} for name in silent},
    x=at,
    xlabel="input $x$",
    ylabel="output of the block",
)
lesson.show(figure)

# %% [markdown]
# ## Older than networks: residual representations
#
# **Quantisation.** Replace each $x$, uniform in $[-1, 1]$, by the nearest of $K$ evenly spaced code
# words. The cells have width $\Delta = 2/K$, and the squared error is $\Delta^2/12 = 1/(3K^2)$ on
# average. What is left, the *residual*, is uniform in $[-\Delta/2, \Delta/2]$. A second book of $K$
# words for the residual makes cells of width $\Delta/K$: the error falls by another $K^2$, and $2K$
# words do the work of $K^2$. So IVF-ADC stores vectors for nearest-neighbour search (Jegou et al. 2011).
# VLAD and Fisher vectors describe an image by how its features differ from their nearest code words.

# %%
WORDS = 8
book = (np.arange(WORDS) + 0.5) * 2 / WORDS - 1


def quantise(x, book):
    return book[abs(x[:, None] - book).argmin(axis=1)]


signal = rng.uniform(-1, 1, 100_000)
coarse_code = quantise(signal, book)
fine_code = quantise(signal - coarse_code, book / WORDS)
first_error, second_error = (((signal - code) ** 2).mean() for code in (coarse_code, coarse_code + fine_code))
print()
lesson.table(
    ("quantiser, 8 words in a book", "derived", "measured"),
    ("mean squared error, one book", 1 / (3 * 8**2), first_error),
    ("a second book for the residual", 1 / (3 * 8**4), second_error),
    ("one / two books", 8**2, first_error / second_error),
)
assert abs(first_error / second_error / 8**2 - 1) <= 0.03, "quantising the residual should gain 8^2"

# %% [markdown]
# **Multigrid.** Poisson's equation $-u'' = f$ on $N$ intervals is $Au = f$ with the rows
# $N^2\,(-1, 2, -1)$. A damped Jacobi sweep $u \leftarrow u + \omega D^{-1}(f - Au)$, with the diagonal
# $D$ of $A$, multiplies the error's sine of frequency $k$ by $1 - \omega(1 - \cos\tfrac{k\pi}{N})$. With
# $\omega = \tfrac23$ that is at most $\tfrac13$ in size for the upper half of the frequencies, but
# 0.9992 for $k = 1$ and $N = 64$. So leave the smooth part to a coarser grid. It is not $u$ that is
# computed there but its error: with the residual $r = f - Au$ it obeys $Ae = r$. A cycle is a sweep,
# then $u \leftarrow u + e$ with $e$ from every second point, and another sweep. It mixes the frequencies
# $k$ and $N - k$; with $\sigma = \sin^2\tfrac{k\pi}{2N}$ the one combination that survives is multiplied
# by
#
# $$\sigma\,(1 - 2\omega\sigma)^2 + (1 - \sigma)\,(1 - 2\omega(1 - \sigma))^2 = \tfrac19
# \quad\text{at } \omega = \tfrac23, \text{ for every } \sigma.$$

# %%
N, OMEGA = 64, 2 / 3


def poisson(n):
    """Return the matrix A of n intervals."""
    return n**2 * (2 * np.eye(n - 1) - np.eye(n - 1, k=1) - np.eye(n - 1, k=-1))


A, A_coarse = poisson(N), poisson(N // 2)
interpolate = np.zeros((N - 1, N // 2 - 1))
for j in range(N // 2 - 1):
    interpolate[2 * j : 2 * j + 3, j] = 0.5, 1, 0.5


def sweep(u, f):
    return u + OMEGA * (f - A @ u) / (2 * N**2)


def cycle(u, f):
    """One sweep, a correction from the residual equation on the coarse grid, one sweep."""
    u = sweep(u, f)
    e = np.linalg.solve(A_coarse, interpolate.T / 2 @ (f - A @ u))
    return sweep(u + interpolate @ e, f)


f = rng.standard_normal(N - 1)
solution = np.linalg.solve(A, f)
smooth = np.sin(np.pi * np.arange(1, N) / N)
jacobi = np.linalg.norm(sweep(solution + smooth, f) - solution) / np.linalg.norm(smooth)
errors = [rng.standard_normal(N - 1)]  # of all frequencies
for _ in range(5):
    errors.append(cycle(solution + errors[-1], f) - solution)
lengths = [np.linalg.norm(e) for e in errors]
derived_jacobi = 1 - 2 / 3 * (1 - np.cos(np.pi / N))
print()
lesson.table(
    ("what is left of the error", "derived", "measured"),
    ("Jacobi sweep, lowest frequency", derived_jacobi, jacobi),
    ("two-grid cycle, from the second on", 1 / 9, lengths[5] / lengths[4]),
    ("to a tenth: Jacobi sweeps", np.log(0.1) / np.log(derived_jacobi), np.log(0.1) / np.log(jacobi)),
)
assert abs(jacobi - derived_jacobi) <= 1e-9
assert all(abs(lengths[i + 1] / lengths[i] - 1 / 9) <= 1e-6 for i in range(1, 5)), "a ninth in every cycle"

# %% [markdown]
# To a tenth of the smooth error: 2,866 sweeps, or a little more than one cycle. In both examples the
# unknown was not changed, only what one solves for: the difference from a good guess. The paper draws
# the parallel itself: a good reformulation, or *preconditioning*, can make the optimisation easier. In a
# residual block the guess is the identity.
#
# ## What to keep
#
# - $F = 0$ is the identity: for $x \ge 0$ with the ReLU after the addition, for all $x$ with
#   pre-activation.
# - Near the identity, small functions are small weights. That says that the solution is *easy to write
#   down*, not yet that training moves there; the push towards small weights is lesson 13, the gradient
#   lesson 15, the proof by experiment lesson 11.
#
# ## What to try next
#
# Set `OMEGA` to 1, undamped Jacobi: why is the cycle of no use then? Give the quantiser's second stage the
# signal instead of the residual: what does its code book of $\pm 1/K$ do?
#
# ## Exercises
#
# 1. Lecture 6 calls the residual block "only re-parametrisation". Show that a *plain* block computes
#    exactly $g(W_2\,g(W_1 x) + x)$ for $x \ge 0$, if it may have twice the width in the middle.
# 2. Is the identity so much *nearer* for a residual block? Compare, for a 3x3 convolution of 64 channels
#    with MSRA's weights (variance $2/(9 \cdot 64)$), the distance to the Dirac kernel and that to zero.
#
# ## Answers
#
# 1. Stack $W_1$ on the unit matrix: the ReLU then puts out $g(W_1 x)$ and, below it, $g(x) = x$. Put $W_2$
#    and the unit matrix side by side: they make $W_2\,g(W_1 x) + x$ of it. So shortcuts add no functions
#    that a (wider) plain network lacks; they change where its weights start and how they move.
# 2. Hardly. The squared distance to zero is $9 \cdot 64^2 \cdot 2/(9 \cdot 64) = 128$; to the Dirac
#    kernel it is $128 + 64 = 192$ on average, so the distances are 11.3 and 13.9. Distance alone
#    explains little. Zero is special for another reason: all small weights lie around it, and weight
#    decay pulls there.
