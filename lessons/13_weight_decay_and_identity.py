# %% [markdown]
# # 13. Weight decay and the identity
#
# **Question.** "If a layer is not useful, L2 regularisation brings its parameters very close to zero",
# says the ResNet lecture, and the residual block around it becomes the identity. Does it? How fast, and
# always?
#
# *Time: 3 s. Before this: lessons 5 and 12. Sources: the ResNet lecture, slides "Why Do ResNets Work
# Well?" and "Training ResNet in practice"; lecture 9, "Assignment 5" (modular networks, dropout); He et
# al. 2015 (arXiv:1512.03385), section 4.2; Srivastava et al. 2014 (JMLR 15), section 10.*

# %%
from itertools import pairwise

import numpy as np

import minires.functional as F
from minires import data, lesson, optim, plot
from minires.combine import Residual, Sequential
from minires.layer import Parameter
from minires.layers import BatchNorm, Conv2d, Dropout, Linear, ReLU

rng = np.random.default_rng(0)

# %% [markdown]
# ## Derivation
#
# Weight decay $\lambda$ adds $\tfrac\lambda2 \lVert W \rVert^2$ to the loss, that is $\lambda W$ to the
# gradient. With learning rate $\eta$, data gradient $g$ and no momentum a step is
#
# $$W \leftarrow W - \eta\,(g + \lambda W) = (1 - \eta\lambda)\,W - \eta\,g.$$
#
# Take "not useful" at its word: the loss does not depend on $W$, so $g = 0$. Then after $t$ steps
#
# $$W_t = (1 - \eta\lambda)^t\,W_0.$$
#
# With momentum $\mu$ a gradient that stays about the same works $1 + \mu + \mu^2 + \dots = 1/(1 - \mu)$
# times, so $\lVert W \rVert$ shrinks by about $e^{-\eta\lambda/(1 - \mu)}$ a step: ten times as fast in
# the exponent for $\mu = 0.9$.

# %% [markdown]
# ## Predict
#
# The paper trains on CIFAR-10 for 64,000 iterations with momentum 0.9: 32,000 at $\eta = 0.1$, 16,000 at
# 0.01, 16,000 at 0.001. Its weight decay is $10^{-4}$; the ResNet lecture's slide has $10^{-5}$, a slip.
# Which share of its initial norm does a weight without any data gradient keep until the end, with the
# one and the other?

# %%
predicted = {1e-4: 0.01, 1e-5: 0.01}

# %%
ITERATIONS, MOMENTUM = 64_000, 0.9
schedule = optim.Steps(0.1, milestones=[32_000, 48_000])
exponent = (32_000 * 0.1 + 16_000 * 0.01 + 16_000 * 0.001) / (1 - 0.9)


def left_by(decay):
    """Return what the paper's schedule leaves of a weight that starts at 1 and gets no data gradient."""
    weight = Parameter(np.ones(1))
    optimiser = optim.SGD({"weight": weight}, lr=0.1, momentum=MOMENTUM, weight_decay=decay)
    for iteration in range(ITERATIONS):
        optimiser.lr = schedule(iteration)
        optimiser.step()
    return weight.data[0]


left = {decay: left_by(decay) for decay in predicted}
lesson.table(
    ("share of the norm left after 64,000 iterations", "predicted", "derived", "measured"),
    *(
        (f"weight decay {decay:g}", predicted[decay], np.exp(-exponent * decay), left[decay])
        for decay in left
    ),
)
assert all(abs(left[decay] / np.exp(-exponent * decay) - 1) <= 0.01 for decay in left), (
    "exp(-sum of lr decay / (1 - mu))"
)

# %% [markdown]
# With $10^{-4}$ three percent are left, with $10^{-5}$ seventy: there the claim fails for lack of time.
# And nearly all of it happens at the large learning rate.
#
# ## Useless weights in a network that learns
#
# Is $g$ ever exactly zero? Here is a case: three of the 64 pixels of the digits are blank in every
# training image, so the weights that read them get $g = \sum \delta\,x = 0$. The network is the modular
# one of lecture 9's assignment: linear layer, ReLU and dropout, repeated.
#
# Dropout multiplies each hidden number by a random $m$. "Inverted" dropout has $m = 1/p$ with
# probability $p$ (keep) and 0 otherwise: the mean of $m$ is 1, so that nothing changes at test time, but
# $E[m^2] = 1/p$: with $p = \tfrac12$ it *doubles* the mean square. (Plain dropout, $m = 1$ or 0, halves
# both and has to be scaled in testing.)

# %%
KEEP, STEPS, RATE, DECAY = 0.5, 200, 0.1, 0.01


def fully_connected(sizes, *, keep):
    """Return linear layers of these sizes with ReLU and dropout between them, in float64."""
    parts = []
    for n_in, n_out in pairwise(sizes[:-1]):
        parts += [Linear(n_in, n_out, rng=rng), ReLU(), Dropout(keep, rng=rng)]
    return Sequential(*parts, Linear(*sizes[-2:], rng=rng)).astype(np.float64)


train, test = data.load("digits")
x_train, x_test = (part.images.reshape(len(part), -1) / 16 for part in (train, test))
net = fully_connected((64, 100, 100, 10), keep=KEEP)
optimiser = optim.SGD(net.named_parameters(), lr=RATE, weight_decay=DECAY)
start = net[0].weight.data.copy()
for _ in range(STEPS):
    chosen = rng.choice(len(train), 64, replace=False)
    logits, cache = net.forward(x_train[chosen], train=True)
    _, loss_cache = F.softmax_cross_entropy_forward(logits, train.labels[chosen])
    optimiser.zero_grad()
    net.backward_parameters(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
    optimiser.step()

norms = np.linalg.norm(net[0].weight.data, axis=0) / np.linalg.norm(start, axis=0)  # (64,), one a pixel
blank = x_train.max(axis=0) == 0
shrunk = (1 - RATE * DECAY) ** STEPS
hidden = abs(rng.standard_normal((1000, 1000)))
dropped, _ = Dropout(KEEP, rng=rng).forward(hidden, train=True)
mean_ratio, square_ratio = dropped.mean() / hidden.mean(), (dropped**2).mean() / (hidden**2).mean()
accuracy = 100 * (net.predict(x_test).argmax(axis=1) == test.labels).mean()
print()
lesson.table(
    (f"after {STEPS} steps on the digits", "derived", "measured"),
    ("inverted dropout: mean after / before", 1, mean_ratio),
    ("inverted dropout: mean square after / before", 2, square_ratio),
    ("weights of blank pixels, norm after / before", shrunk, norms[blank].mean()),
    ("weights of the other pixels, least", None, norms[~blank].min()),
    ("weights of the other pixels, greatest", None, norms[~blank].max()),
    ("test accuracy (%)", None, accuracy),
)
assert abs(mean_ratio - 1) <= 0.01 and abs(square_ratio - 2) <= 0.02, "dropout doubles the mean square"
assert blank.sum() == 3 and abs(norms[blank] / shrunk - 1).max() <= 1e-12, (
    "without data: decay, and only decay"
)
assert abs(norms[~blank] - shrunk).max() > 0.01 and accuracy > 85

# %% [markdown]
# ## What happens to the block
#
# Now a residual branch $F(x) = W_2\,\mathrm{relu}(W_1 x)$ without data gradient. Both matrices keep
# $r = (1 - \eta\lambda)^t$, a ReLU passes positive factors through, so $F$ keeps $r^2$, and
# $F(x) + x \to x$.
#
# Real branches have batch norm behind each linear layer or convolution, and
#
# $$\mathrm{BN}(cW * x) = \mathrm{BN}(W * x) \qquad\text{as long as } c^2\,\mathrm{Var}[W * x] \gg \epsilon:$$
#
# the factor $c$ is in the mean and in the standard deviation, and cancels. **Decay of such a $W$ does
# not push the branch towards zero at all.** Only the last $\gamma$ (and $\beta$) can: if they are
# decayed too, as in fb.resnet.torch, $F$ keeps $r$; if only the convolutions' weights are, as the
# original code does by the account of that repository, $F$ keeps everything.

# %%
WIDTH, LONGER = 64, 1500
x = abs(rng.standard_normal((128, WIDTH)))  # what comes out of a ReLU


def branch(*, norm):
    """Return linear, (batch norm,) ReLU, linear(, batch norm), in float64."""
    parts = []
    for _ in range(2):
        parts += [Linear(WIDTH, WIDTH, bias=False, rng=rng), *([BatchNorm(WIDTH)] if norm else []), ReLU()]
    return Sequential(*parts[:-1]).astype(np.float64)


def decayed(branch, steps, *, rate=RATE, no_decay=()):
    """Return the norms of the first weight and of F(x) over t = 0 ... steps, relative to the first.

    The gradients stay zero: nobody calls backward. Leaves the branch decayed.
    """
    optimiser = optim.SGD(branch.named_parameters(), lr=rate, weight_decay=DECAY, no_decay=no_decay)
    norms = []
    for _ in range(steps + 1):
        y, _ = branch.forward(x, train=True)
        norms.append([np.linalg.norm(branch[0].weight.data), np.linalg.norm(y)])
        optimiser.step()
    return np.array(norms).T / np.array(norms[0])[:, None]


weights, without_norm = decayed(branch(norm=False), LONGER)
_, all_decayed = decayed(branch(norm=True), LONGER)
_, weights_only = decayed(branch(norm=True), LONGER, no_decay=("gamma", "beta"))
shrunk = (1 - RATE * DECAY) ** np.arange(LONGER + 1)
print()
lesson.table(
    (f"share left after {LONGER} steps", "derived", "measured"),
    ("W", shrunk[-1], weights[-1]),
    ("F, no batch norm", shrunk[-1] ** 2, without_norm[-1]),
    ("F, batch norm, everything decayed", shrunk[-1], all_decayed[-1]),
    ("F, batch norm, only W decayed", 1, weights_only[-1]),
)
assert abs(weights / shrunk - 1).max() <= 1e-12, "the weights should follow (1 - lr * decay)^t"
assert abs(without_norm / shrunk**2 - 1).max() <= 1e-12, "without batch norm F should follow its square"
assert abs(all_decayed / shrunk - 1).max() <= 1e-2, "with batch norm F should follow gamma"
assert abs(weights_only - 1).max() <= 1e-3, "and the decay of W alone should not touch F"

silent = branch(norm=False)
decayed(silent, 60, rate=0.5 / DECAY)  # halves the weights at every step
block, plain = Residual(silent, after=ReLU()), Sequential(silent, ReLU())
assert (block.predict(x) == x).all(), "a residual block should end as the identity, a[l+2] = a[l]"
assert abs(plain.predict(x)).max() < 1e-30, "a plain block should end as zero"

# %% [markdown]
# In the figure two curves lie on one another, as derived: that of $W$, and that of $F$ with batch norm and
# everything decayed.

# %%
figure = plot.lines(
    {
        "$W$": weights,
        "$F$, no batch norm": without_norm,
        "$F$, batch norm, all decayed": all_decayed,
        "$F$, batch norm, $W$ decayed": weights_only,
    },
    derived={"derived: $1$, $r$ and $r^2$": np.ones(LONGER + 1), "": shrunk, "_": shrunk**2},
    x=np.arange(LONGER + 1),
    xlabel="step without data gradient",
    ylabel="norm / that at the start",
    log=True,
)
lesson.show(figure)

# %% [markdown]
# ## What decay does instead
#
# Differentiate $L(cW) = L(W)$ with respect to $c$ at $c = 1$: $\langle g, W \rangle = 0$, the gradient
# stands at right angles to the weights. And with respect to $W$: $c\,g(cW) = g(W)$, smaller weights have
# larger gradients. A step of $-\eta g$ thus turns $W$ by an angle of about
# $\eta\lVert g \rVert / \lVert W \rVert \propto 1/\lVert W \rVert^2$. Decay keeps $W$ short, which keeps
# the *effective learning rate* $\eta/\lVert W \rVert^2$ up. It regularises the speed, not the function.

# %%
SCALE = 0.3
images = rng.standard_normal((8, 4, 9, 11))
upstream = rng.standard_normal((8, 6, 9, 11))


def through(scale, *, norm):
    """Return output, gradient and weight of a convolution whose weight is scaled, with batch norm or not."""
    conv = Conv2d(4, 6, 3, padding=1, bias=False, rng=np.random.default_rng(1))
    net = Sequential(conv, *([BatchNorm(6)] if norm else [])).astype(np.float64)
    conv.weight.data *= scale
    y, cache = net.forward(images, train=True)
    net.backward_parameters(upstream, cache)
    return y, conv.weight.grad, conv.weight.data


def cosine(g, w):
    return abs((g * w).sum()) / np.linalg.norm(g) / np.linalg.norm(w)


rows = []
for norm in (True, False):
    (y, g, w), (y_scaled, g_scaled, _) = through(1, norm=norm), through(SCALE, norm=norm)
    change = abs(y_scaled - y).max() / abs(y).max()
    rows.append((change, np.linalg.norm(g_scaled) / np.linalg.norm(g), cosine(g, w)))
print()
lesson.table(
    (f"W scaled by {SCALE}", "change of the output", "gradient, after / before", "cosine of g and W"),
    ("derived, batch norm", 0, 1 / SCALE, 0),
    ("measured, batch norm", *rows[0]),
    ("derived, no batch norm", 1 - SCALE, 1, None),
    ("measured, no batch norm", *rows[1]),
)
(change, growth, angle), (change_without, growth_without, angle_without) = rows
assert change <= 1e-4, "batch norm should undo a scaled weight"
assert abs(growth * SCALE - 1) <= 1e-3, "and the gradient should grow as the weight shrinks"
assert angle <= 1e-4 < angle_without, "and stand at right angles to it"
assert abs(change_without - (1 - SCALE)) <= 1e-12 and abs(growth_without - 1) <= 1e-12

# %% [markdown]
# ## What to keep
#
# The claim on the slide needs four conditions: the data gradient is zero (not merely small), training is
# long enough, what is decayed is what scales the branch, and there is a shortcut: the same decay turns a
# plain block into zero. With batch norm it is $\gamma$, not $W$, that has to be decayed.
#
# ## What to try next
#
# Set `LONGER` to 6000: do the batch-norm curves still follow? (Compare $c^2\,\mathrm{Var}$ with
# $\epsilon = 10^{-5}$.) Take `Dropout` out of `fully_connected`: do the blank pixels notice?
#
# ## Exercises
#
# 1. Let the data term be $\tfrac h2 (w - w^*)^2$. Where does gradient descent with decay end? Which
#    layers does it bring "very close to zero"?
# 2. Would $W$ of a useless branch with batch norm shrink for ever? What does the library compute when
#    $c^2\,\mathrm{Var}$ reaches $\epsilon$?
#
# ## Answers
#
# 1. Where $h(w - w^*) + \lambda w = 0$, at $w = w^*\,h/(h + \lambda)$. Close to zero come only weights
#    whose curvature $h$ is far below $\lambda = 10^{-4}$: what is of some use stays nearly what it was.
# 2. Yes, $(1 - \eta\lambda)^t$ knows no floor. Below, $\sqrt{c^2\,\mathrm{Var} + \epsilon}$ no longer
#    follows $c$, and $F$ falls in proportion to $c$ after all.
