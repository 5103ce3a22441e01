# %% [markdown]
# # 12. Residual learning
#
# **Question.** A residual block computes $F(x) + x$ where a plain block computes $H(x)$. Adding $x$ puts
# no new knowledge into the network, so why should it be any easier to learn?
#
# *Time: 3 s. Before this: lesson 8; lessons 10 and 11 say why it is needed. Sources: lecture 6, slides
# "Deep Residual Learning" and "Related Works - Residual Representations"; the ResNet lecture, slide
# "Residual Blocks"; lecture 9, slide "Improving Residual Networks: Block Design"; the ICML 2016 tutorial,
# slide "Future works"; He et al. 2015 (arXiv:1512.03385), sections 2, 3.1 and 3.2; He et al. 2016
# (arXiv:1603.05027), figure 4; Zagoruyko & Komodakis 2016 (arXiv:1605.07146), section 3.*

# %%
import numpy as np

from minires import lesson, plot
from minires.layers import Linear, ReLU, Residual, Sequential

# %% [markdown]
# ## Three blocks
#
# Some words first. A *block* is a few layers taken together. Its *branch*, $F$, is the layers that have
# weights, here two, with a ReLU between them: $g(z) = \max(0, z)$, which turns negative numbers into 0
# (lesson 8). A *shortcut* carries the block's input past the branch, and where they meet the two are added.
# A *plain* block has no shortcut. A *residual* block has one, and a ReLU after the addition. With
# *pre-activation* the ReLU stands in front of each layer of the branch instead, and nothing follows the
# addition. In the figure "fc 512" is a fully-connected (linear) layer with 512 outputs, $Wx + b$. Dotted
# lines are the way of the gradient: it runs backwards, and where the input fanned out, two gradients add
# up.

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


silent = three_blocks(linear(WIDTH, WIDTH, 1, bias=1), linear(WIDTH, WIDTH, 0))  # F = 0
title = "The three blocks, forward and backward"
lesson.show(
    plot.blocks(silent, input_shape=(WIDTH,), backward=True, title=title),
    alt=(
        "A plain, a residual and a pre-activation block. In the last two an identity path leads around the "
        "layers, forward and backward; in the pre-activation block no ReLU follows the addition."
    ),
)

# %% [markdown]
# ## Predict
#
# A branch whose last weights are zero adds nothing. Does its block then do nothing? And if the weights are
# small, is the block nearly the identity, and how nearly? Lastly the tutorial's question, "skipping 1 layer
# vs. multiple layers?": is a branch of two layers more than one layer could be?

# %%
predicted = {
    "plain": lesson.predict(
        "Standard normal numbers enter a plain block with F = 0: what fraction of them leaves as it entered?",
        by=0.1,
    ),
    "residual": lesson.predict(
        "They enter a residual block, with its ReLU after the sum: what fraction leaves as it entered?",
        by=0.1,
    ),
    "pre-activation": lesson.predict(
        "They enter a pre-activation block: what fraction leaves as it entered?", by=0.1
    ),
}
predicted_distance = lesson.predict(
    "Both layers of the branch have weights so small that each multiplies the length of a signal by s = 0.1. "
    "By what fraction of its length does a residual block change an x without negative numbers?"
)
predicted_unlike = lesson.predict(
    "Two layers with random weights, a ReLU between them: what fraction of the variance of their output can "
    "no single layer without ReLU reproduce?",
    by=0.1,
)

# %% [markdown]
# ## Derivation
#
# "$H(x)$ is any desired mapping, hope the 2 weight layers fit $H(x)$", says the slide of the plain block.
# Of the residual block: hope that they fit $F(x)$, and let $H(x) = F(x) + x$. In the ResNet lecture's
# notation, with $g = \mathrm{ReLU}$,
#
# $$a^{[l+1]} = g(W^{[l+1]} a^{[l]} + b^{[l+1]}), \qquad z^{[l+2]} = W^{[l+2]} a^{[l+1]} + b^{[l+2]},$$
#
# $$\mathrm{plain:}\; a^{[l+2]} = g(z^{[l+2]}), \qquad
# \mathrm{residual:}\; a^{[l+2]} = g(z^{[l+2]} + a^{[l]}).$$
#
# Here $W^{[l]}$ and $b^{[l]}$ are weight and bias of layer $l$, $a^{[l]}$ is its output, $x = a^{[l]}$ and
# $F(x) = z^{[l+2]}$.
#
# Now let $W^{[l+2]} = 0$ and $b^{[l+2]} = 0$, hence $F = 0$:
#
# - plain: $a^{[l+2]} = g(0) = 0$, and the signal is lost;
# - residual, ReLU **after** the addition: $a^{[l+2]} = g(a^{[l]})$, which is $a^{[l]}$ where
#   $a^{[l]} \ge 0$ and 0 elsewhere;
# - pre-activation, ReLU only **inside** the branch: $a^{[l+2]} = a^{[l]}$ for every $a^{[l]}$.
#
# Within a ResNet $a^{[l]}$ comes out of a ReLU, so the second case does no harm there: a block can be the
# identity on all that it ever sees. It cannot output a negative number, and that is what lecture 9 means
# by "cannot actually learn identity function".
#
# (The slides slip in places: the factor of $W^{[l+2]}$ is $a^{[l+1]}$, not $a^{[l+2]}$, which is being
# computed; weight and bias there are $W^{[l+2]}$ and $b^{[l+2]}$, not $W^{[l+1]}$ and $b^{[l]}$; and the
# mapping is recast into $F(x) + x$, not "$H(x) + X$".)
#
# **Small fluctuations.** Lecture 6 adds: if the wanted $H$ is close to the identity, the weights of $F$ are
# small. Let both matrices of the branch be random, with $n$ inputs, $n\,\mathrm{Var}[w] = s^2$ and no
# biases. By lesson 8 each layer multiplies the mean square by $s^2$, the ReLU between them by $\tfrac12$, so
# for $x \ge 0$, on average,
#
# $$\frac{\lVert F(x) \rVert}{\lVert x \rVert} = \sqrt{s^2 \cdot \tfrac12 \cdot s^2} = \frac{s^2}{\sqrt2}.$$
#
# Small weights make the residual block almost the identity, and the plain block almost the function zero.

# %% [markdown]
# ## Measure

# %%
first, last = linear(WIDTH, WIDTH, 1, bias=1), linear(WIDTH, WIDTH, 1, bias=1)
a = rng.standard_normal((SAMPLES, WIDTH))
a1 = np.maximum(0, a @ first.weight.data.T + first.bias.data)
z2 = a1 @ last.weight.data.T + last.bias.data
found = three_blocks(first, last)["residual"].predict(a)
assert abs(found - np.maximum(0, z2 + SHORTCUT * a)).max() <= 1e-12, "a residual block should be g(z + a)"

x = abs(a)
fractions = {name: (block.predict(a) == a).mean() for name, block in silent.items()}
of_positive = {name: (block.predict(x) == x).mean() for name, block in silent.items()}
derived = {"plain": 0, "residual": 0.5, "pre-activation": 1}
lesson.table(
    ("F = 0: fraction of numbers unchanged", "predicted", "derived", "measured", "measured, x >= 0"),
    *((name, predicted[name], derived[name], fractions[name], of_positive[name]) for name in silent),
)
assert fractions["plain"] == of_positive["plain"] == 0, "a plain block with zero weights loses everything"
assert of_positive["residual"] == 1, "a residual block with F = 0 should be the identity for x >= 0"
assert abs(fractions["residual"] - 0.5) <= 0.01, "and lose what is negative"
assert fractions["pre-activation"] == 1, "a pre-activation block with F = 0 should be the identity for all x"

# %% [markdown]
# **And backwards?** With $F = 0$ the last weights are 0 and let no gradient through to the rest of the
# branch. (In a residual block they get one themselves, so the branch can learn: lesson 19.) So where the
# output is $a^{[l]}$, the gradient $d$ at the output should arrive at the input unchanged, by the shortcut
# alone. A plain block has no shortcut: nothing should arrive at its input. For $x \ge 0$:

# %%
d = rng.standard_normal(x.shape)
arrived = {}
for name, block in silent.items():
    _, cache = block.forward(x, train=True)
    arrived[name] = block.backward(d, cache)
shares = {name: np.linalg.norm(dx) / np.linalg.norm(d) for name, dx in arrived.items()}
print()
lesson.table(
    ("F = 0, x >= 0: gradient at the input / at the output", "derived", "measured"),
    *((name, 0 if name == "plain" else 1, shares[name]) for name in silent),
)
assert shares["plain"] <= 1e-12, "a plain block with zero weights should let no gradient through"
for name in ("residual", "pre-activation"):
    assert abs(arrived[name] - d).max() <= 1e-12, "the shortcut should hand the gradient on unchanged"
_, cache = silent["residual"].forward(a, train=True)
masked = silent["residual"].backward(d, cache)
assert abs(masked - d * (a > 0)).max() <= 1e-12, "where x is negative the ReLU after the sum should stop it"

# %%
SCALES = (0.3, 0.1, 0.03, 0.01)
distances = {name: [] for name in silent}
for s in SCALES:
    small = three_blocks(linear(WIDTH, WIDTH, s), linear(WIDTH, WIDTH, s))
    for name, block in small.items():
        distances[name].append(np.linalg.norm(block.predict(x) - x) / np.linalg.norm(x))
print()
lesson.table(
    ("distance from the identity, s =", *SCALES),
    ("derived for F + x", *(s**2 / 2**0.5 for s in SCALES)),
    *((f"{name}, measured", *distances[name]) for name in distances),
)
print()
lesson.table(
    ("distance from the identity", "predicted", "derived", "measured"),
    ("residual, s = 0.1", predicted_distance, 0.1**2 / 2**0.5, distances["residual"][1]),
)
for name in ("residual", "pre-activation"):
    ratio = np.array(distances[name]) / np.array(SCALES) ** 2 * 2**0.5
    assert abs(ratio - 1).max() <= 0.1, "the distance should be s^2 / sqrt 2; one draw varies by some 5 %"
assert min(distances["plain"]) > 0.9, "a plain block with small weights is far from the identity"

# %% [markdown]
# The same with one number in and one out, so that it can be drawn: the response of the three blocks with
# $F = 0$, and with a small random $F$ of eight hidden units.

# %%
at = np.linspace(-2, 2, 81)
first, last = linear(1, 8, 0.6, bias=0.6), linear(8, 1, 0.6)
curves = {name: {} for name in silent}
for label, layer in (("$F = 0$", linear(8, 1, 0)), ("$F$ small", last)):
    for name, block in three_blocks(first, layer).items():
        curves[name][label] = block.predict(at[:, None])[:, 0]
figure = plot.line_panels(
    curves,
    derived={name: {"identity": at} for name in silent},
    x=at,
    xlabel="input $x$",
    ylabel="output of the block",
)
lesson.show(
    figure,
    alt=(
        "Output over input of the three blocks. With F = 0 the plain block returns 0, the residual block the "
        "identity for positive inputs only, the pre-activation block the identity everywhere; a small F "
        "changes each a little."
    ),
)

# %%
lesson.quiz(
    "'Why should we do this?', asks the slide.",
    (
        "near the identity small weights suffice",
        "F = 0 is the identity, and small F are small fluctuations about it",
    ),
    (
        "the block can compute more functions",
        "a plain block of twice the width computes the same (exercise 1)",
    ),
    ("the block has fewer weights to learn", "it has as many: the shortcut has none and saves none"),
)

# %%
lesson.quiz(
    "Can a residual block with the ReLU after the addition be the identity?",
    ("for inputs that are not negative", "g(0 + x) = x for x >= 0, and in a ResNet it gets no others"),
    ("for all inputs", "it outputs no negative number, so it cannot hand one on"),
    ("for none", "with F = 0 it is g(x), which is x wherever x is not negative"),
)

# %% [markdown]
# ## Skipping one layer or several
#
# Let the branch be a single layer, $F(x) = Wx$. Then $F(x) + x = (W + 1)\,x$, where 1 is the unit matrix: a
# plain layer with the weights $W + 1$. The loss depends on $W$ through $W + 1$, so both have the same
# gradient, and gradient descent keeps them together for ever. Such a shortcut changes where the weights
# start, and where weight decay (lesson 13) pulls them, and nothing else. "We have not observed advantages",
# says the paper (section 3.2).
#
# Two layers with a ReLU between them are more than a layer. How much more? For $z$ standard normal, $g(z)$
# has the variance $\tfrac12 - \tfrac1{2\pi} = 0.341$. The straight line nearest to it has the slope
# $E[z\,g(z)] = \tfrac12$, and $\tfrac12 z$ has the variance $\tfrac14$. So of the branch's output a fraction
# of
#
# $$1 - \frac{1/4}{1/2 - 1/(2\pi)} = 0.267$$
#
# is left that no single layer can reproduce. We fit the best one by least squares.

# %%
RELUS, NARROW = True, 64
inputs = rng.standard_normal((8192, NARROW))
with_one = np.hstack([inputs, np.ones((len(inputs), 1))])  # for the bias of the single layer


def unlike(layers):
    """Return what fraction of the variance of a branch of so many layers no single layer reproduces."""
    parts = [linear(NARROW, NARROW, 2**0.5)]
    for _ in range(layers - 1):
        parts += [ReLU()] * RELUS + [linear(NARROW, NARROW, 2**0.5)]
    y = Sequential(*parts).predict(inputs)
    best, *_ = np.linalg.lstsq(with_one, y, rcond=None)
    return ((y - with_one @ best) ** 2).sum() / ((y - y.mean(axis=0)) ** 2).sum()


left = {layers: unlike(layers) for layers in (1, 2, 3)}
plain, skipped = linear(NARROW, NARROW, 1), linear(NARROW, NARROW, 1)
plain.weight.data[...] = skipped.weight.data + np.eye(NARROW)
plain.bias.data[...] = skipped.bias.data
target, block = rng.standard_normal((SAMPLES, NARROW)), Residual(skipped)
for _ in range(20):
    for layer in (plain, block):
        y, cache = layer.forward(inputs[:SAMPLES], train=True)
        layer.backward((y - target) / SAMPLES, cache)
    for layer in (plain, skipped):
        for parameter in (layer.weight, layer.bias):
            parameter.data -= 0.1 * parameter.grad
            parameter.grad.fill(0)
apart = abs(plain.weight.data - (skipped.weight.data + np.eye(NARROW))).max()
print()
lesson.table(
    ("layers that the shortcut skips", "predicted", "derived", "measured"),
    ("1: what no single layer reproduces", None, 0, left[1]),
    ("2", predicted_unlike, 1 - (1 / 4) / (1 / 2 - 1 / (2 * np.pi)), left[2]),
    ("3", None, None, left[3]),
    ("1: W + 1 of plain and skipped layer after 20 steps, difference", None, 0, apart),
)
assert left[1] < 1e-12 and apart < 1e-12, "a shortcut past one layer should be a plain layer"
assert abs(left[2] - 0.267) < 0.03, (
    "with a ReLU inside a quarter should be beyond a single layer"
)  # one draw: 0.01
assert left[3] > left[2] + 0.1, "and with two of them more"

# %% [markdown]
# So a shortcut must skip at least two layers for its branch to have a ReLU inside. More than two is
# possible, as in lesson 14's bottlenecks; of one to four 3x3 convolutions two did best in Zagoruyko and
# Komodakis' wide networks.
#
# ## Older than networks: residual representations
#
# (Two examples from other fields. If you came from lesson 8, go on to "What to keep".)
#
# **Quantisation.** Replace each $x$, uniform in $[-1, 1]$, by the nearest of $K$ evenly spaced code words.
# The cells have width $2/K$, so the mean squared error is $(2/K)^2/12 = 1/(3K^2)$. A second book of $K$
# words for what is left, the *residual*, makes cells of width $2/K^2$: the error falls by another $K^2$, and
# $2K$ words do the work of $K^2$. This is how IVF-ADC stores vectors for nearest-neighbour search (Jegou et
# al. 2011); VLAD and Fisher vectors describe an image by how its features differ from the nearest words.

# %%
WORDS = 8
book = (np.arange(WORDS) + 0.5) * 2 / WORDS - 1


def quantise(x, book):
    return book[abs(x[:, None] - book).argmin(axis=1)]


signal = rng.uniform(-1, 1, 100_000)
coarse_code = quantise(signal, book)
fine_code = quantise(signal - coarse_code, book / WORDS)
one_book = ((signal - coarse_code) ** 2).mean()
two_books = ((signal - coarse_code - fine_code) ** 2).mean()
print()
lesson.table(
    (f"quantiser, {WORDS} words in a book", "derived", "measured"),
    ("mean squared error, one book", 1 / (3 * WORDS**2), one_book),
    ("a second book for the residual", 1 / (3 * WORDS**4), two_books),
)
assert abs(one_book / two_books / WORDS**2 - 1) <= 0.03, "quantising the residual should gain 8^2"

# %% [markdown]
# **Multigrid.** Poisson's equation $-u'' = f$ on $N$ intervals is $Au = f$, where the rows of $A$ are
# $N^2\,(-1, 2, -1)$. A Jacobi sweep with damping $\tfrac23$, $u \leftarrow u + \tfrac23 (f - Au)/(2N^2)$,
# replaces the error $e_i$ at each point by the mean of $e_{i-1}$, $e_i$ and $e_{i+1}$. Errors that change
# sign from point to point vanish quickly, but the smooth $\sin(\pi i/N)$ keeps
# $\tfrac13(1 + 2\cos\tfrac\pi N) = 0.9992$ at $N = 64$. So one goes to a grid of every second point, and
# solves there not for $u$ but for its error: as $A$ times the solution is $f$, $Ae = r$ with the residual
# $r = f - Au$. In one dimension this correction leaves no error at those points. What it leaves between them,
# $e_i$, two sweeps turn into $\tfrac19 e_i$ plus the mean of what is now at the two neighbours (try it), and
# the next correction removes the latter. So each cycle leaves $\tfrac19$ of any error.

# %%
N, DAMPING = 64, 2 / 3
A = N**2 * (2 * np.eye(N - 1) - np.eye(N - 1, k=1) - np.eye(N - 1, k=-1))
interpolate = np.zeros((N - 1, N // 2 - 1))  # from every second point to all
for j in range(N // 2 - 1):
    interpolate[2 * j : 2 * j + 3, j] = 0.5, 1, 0.5
A_coarse = interpolate.T / 2 @ A @ interpolate  # the same matrix for N / 2 intervals


def sweep(u):
    return u - DAMPING * (A @ u) / (2 * N**2)  # f = 0, so that u itself is the error


smooth = np.sin(np.pi * np.arange(1, N) / N)
of_smooth = np.linalg.norm(sweep(smooth)) / np.linalg.norm(smooth)
u, lengths = rng.standard_normal(N - 1), []
for _ in range(5):
    u = sweep(sweep(u))
    u += interpolate @ np.linalg.solve(A_coarse, interpolate.T / 2 @ (-A @ u))
    lengths.append(np.linalg.norm(u))
print()
lesson.table(
    ("what is left of the error", "derived", "measured"),
    ("a sweep, smooth error", (1 + 2 * np.cos(np.pi / N)) / 3, of_smooth),
    ("two sweeps and a correction, any error", 1 / 9, lengths[-1] / lengths[-2]),
)
assert abs(of_smooth - (1 + 2 * np.cos(np.pi / N)) / 3) <= 1e-9, "sweeps alone should hardly move it"
assert abs(u[1::2]).max() <= 1e-12, "the correction should leave no error at every second point"
assert abs(lengths[-1] / lengths[-2] - 1 / 9) <= 1e-6, "with the residual equation a ninth should be left"

# %% [markdown]
# In both examples only what one solves for was changed: the difference from a good guess instead of the
# unknown itself. The paper draws the parallel: a good reformulation, or *preconditioning*, can make the
# optimisation easier. In a residual block the guess is the identity.

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - $F = 0$ is the identity: for $x \ge 0$ with the ReLU after the addition, for all $x$ with pre-activation.
# - A shortcut past a single layer does nothing that the layer could not do; there must be a ReLU inside.
# - Near the identity, small functions are small weights. So the solution is *easy to write down*; that
#   training moves there is another claim: see lesson 13 for the push towards small weights, 15 for the
#   gradient and 11 for the experiment.
#
# ## What to try next
#
# 1. Set `DAMPING` to 1: why does a cycle then leave nearly all of a smooth error?
# 2. Give the quantiser's second stage the signal instead of the residual: what can its code book, which
#    ends at $\pm 1/K$, do with it?
# 3. Set `RELUS` to `False`: what are branches of two and three layers then?
#
# ## Exercises
#
# 1. Lecture 6 calls the residual block "only re-parametrisation". Show that a *plain* block computes
#    exactly $g(W_2\,g(W_1 x) + x)$ for $x \ge 0$, if it may have twice the width in the middle.
# 2. Is the identity so much *nearer* for a residual block? Compare, for a 3x3 convolution of 64 channels
#    with MSRA's weights (variance $2/(9 \cdot 64)$), the distance to zero and that to the *Dirac kernel*,
#    which is the identity: 1 in the middle of each channel's window for the same channel, 0 elsewhere.

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. The correction leaves no error at every second point. With damping 1 a sweep puts the mean of the two
#    neighbours at each point: the error moves to the other half of the points, and with the second sweep
#    back again, smoothed but nearly whole. The coarse grid looks only where it is 0. A cycle leaves 0.94
#    instead of 0.11.
# 2. Harm: most signals lie beyond $\pm 1/K$, so it adds its outermost words to a coarse code that was right
#    already. The error rises from 0.0052 to 0.0153 instead of falling to 0.00008.
# 3. Products of matrices, so single layers: nothing is left that one layer could not reproduce.
#
# **Exercises.**
#
# 1. Stack $W_1$ on the unit matrix: the ReLU then outputs $g(W_1 x)$ and, below it, $g(x) = x$. Put $W_2$
#    and the unit matrix side by side: they make $W_2\,g(W_1 x) + x$ of it. So shortcuts add no functions
#    that a (wider) plain network lacks; they change where its weights start and how they move.
# 2. Hardly. The squared distance to zero is $9 \cdot 64^2 \cdot 2/(9 \cdot 64) = 128$ and to the Dirac
#    kernel $128 + 64 = 192$ on average: distances of 11.3 and 13.9, which explain little. Zero is special
#    for another reason: all small weights lie around it, and weight decay pulls there.
