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
import numpy as np

import minires.functional as F
from minires import data, lesson, optim, plot
from minires.layers import BatchNorm, Conv2d, Dropout, Linear, Parameter, ReLU, Residual, Sequential

rng = np.random.default_rng(0)

# %% [markdown]
# ## Predict
#
# Decay takes a tiny part of a weight at every step, and there are tens of thousands of steps. Is that much
# in the end, or little? The slide's decay of $10^{-5}$ is a slip for the paper's $10^{-4}$: does a factor
# of ten matter? Then the weights of a real block: batch norm follows each of them. And lecture 9's
# assignment has dropout, which is "inverted" in nearly every library.

# %%
ITERATIONS = 64_000
training = f"{ITERATIONS:,} iterations (momentum 0.9, rate 0.1, a tenth from 32,000, a hundredth from 48,000)"
left = "what fraction of its norm is left of a weight that never gets a data gradient"
predicted = {
    1e-4: lesson.predict(f"After {training} with weight decay 1e-4, {left}?"),
    1e-5: lesson.predict(f"And with the slide's 1e-5, {left}?", by=0.1),
}
predicted_square = lesson.predict(
    "Inverted dropout keeps a number with probability 1/2 and then doubles it. "
    "By what does it multiply the mean square?",
    by=0.2,
)
predicted_branch = lesson.predict(
    "The weights W of a branch have decayed to 22 % of their norm. Batch norm follows each of them, and its "
    "gamma and beta do not decay. What fraction is left of the norm of the branch's output?",
    by=0.1,
)

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
# With momentum $\mu$ a gradient that hardly changes from step to step counts
# $1 + \mu + \mu^2 + \dots = 1/(1 - \mu)$ times, so for small $\eta\lambda$ each step multiplies $W$ by
# about $e^{-\eta\lambda/(1 - \mu)}$. With $\mu = 0.9$ that is ten times as fast in the exponent.
#
# The paper trains on CIFAR-10 for 64,000 iterations with momentum 0.9: 32,000 at $\eta = 0.1$, 16,000 at
# 0.01, 16,000 at 0.001, with $\lambda = 10^{-4}$. What is left should be
# $e^{-\lambda \sum \eta/(1 - \mu)}$.

# %%
MOMENTUM = 0.9
schedule = optim.Steps(0.1, milestones=[32_000, 48_000])
rows = []
for decay in predicted:
    weight = Parameter(np.ones(1))  # its gradient is zero and stays zero
    optimiser = optim.SGD({"weight": weight}, lr=0.1, momentum=MOMENTUM, weight_decay=decay)
    for iteration in range(ITERATIONS):
        optimiser.lr = schedule(iteration)
        optimiser.step()
    derived = np.exp(-(32_000 * 0.1 + 16_000 * 0.01 + 16_000 * 0.001) * decay / (1 - 0.9))
    rows.append((f"weight decay {decay:g}", predicted[decay], derived, weight.data[0]))
    assert abs(weight.data[0] / derived - 1) <= 0.01, "exp(-sum of the learning rates * decay / (1 - mu))"
lesson.table(
    (f"fraction of the norm left after {ITERATIONS:,} iterations", "predicted", "derived", "measured"), *rows
)

# %% [markdown]
# With $10^{-4}$ three percent are left, with $10^{-5}$ seventy-one: there the claim fails for lack of time.
# (In the sum of learning rates the 32,000 iterations at 0.1 are 95 %: later next to nothing decays.)
#
# ## Useless weights in a network that learns
#
# Is $g$ ever exactly zero? Three of the 64 pixels of the digits are blank in every training image. The
# gradient of a weight that reads pixel $x$ is a sum of products with $x$, so for those it is 0. The
# network is the modular one of lecture 9's assignment: linear layer, ReLU and dropout, repeated.
#
# Dropout multiplies each hidden number by a random $m$ in training. "Inverted" dropout takes $m = 1/p$ with
# probability $p$ (keep) and 0 otherwise: the mean of $m$ is 1, so nothing has to be scaled in testing, but
# $E[m^2] = 1/p$. With $p = \tfrac12$ it *doubles* the mean square. (Plain dropout has $m = 1$ instead of
# $1/p$; it halves mean and mean square, and scales in testing.)

# %%
KEEP, STEPS, RATE, DECAY = 0.5, 200, 0.1, 0.01
hidden = abs(rng.standard_normal((1000, 1000)))
dropped, _ = Dropout(KEEP, rng=rng).forward(hidden, train=True)
mean_ratio, square_ratio = dropped.mean() / hidden.mean(), (dropped**2).mean() / (hidden**2).mean()

train, test = data.load("digits")
x_train, x_test = (part.images.reshape(len(part), -1) / 16 for part in (train, test))
parts = []
for n_in in (64, 100):
    parts += [Linear(n_in, 100, rng=rng), ReLU(), Dropout(KEEP, rng=rng)]
net = Sequential(*parts, Linear(100, 10, rng=rng)).astype(np.float64)
optimiser = optim.SGD(net.named_parameters(), lr=RATE, weight_decay=DECAY)
start = net[0].weight.data.copy()
for _ in range(STEPS):
    chosen = rng.choice(len(train), 64, replace=False)
    logits, cache = net.forward(x_train[chosen], train=True)
    _, loss_cache = F.softmax_cross_entropy_forward(logits, train.labels[chosen])
    optimiser.zero_grad()
    net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
    optimiser.step()

norms = np.linalg.norm(net[0].weight.data, axis=0) / np.linalg.norm(start, axis=0)  # (64,), one a pixel
blank = x_train.max(axis=0) == 0
shrunk = (1 - RATE * DECAY) ** STEPS
accuracy = 100 * (net.predict(x_test).argmax(axis=1) == test.labels).mean()
print()
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("inverted dropout: mean after / before", None, 1, mean_ratio),
    ("inverted dropout: mean square after / before", predicted_square, 2, square_ratio),
    (f"weights of blank pixels, norm after {STEPS} steps / before", None, shrunk, norms[blank].mean()),
    ("weights of the other pixels, least", None, None, norms[~blank].min()),
    ("weights of the other pixels, greatest", None, None, norms[~blank].max()),
    ("test accuracy (%)", None, None, accuracy),
)
assert abs(mean_ratio - 1) <= 0.01 and abs(square_ratio - 2) <= 0.02, "dropout doubles the mean square"
assert blank.sum() == 3 and abs(norms[blank] / shrunk - 1).max() <= 1e-12, "no data gradient: decay alone"
assert abs(norms[~blank] - shrunk).max() > 0.01, "the weights of the other pixels should follow the data"
assert accuracy > 85, "and the network should learn"

# %% [markdown]
# ## What happens to the block
#
# Now a residual branch $F(x) = W_2\,\mathrm{relu}(W_1 x)$ without data gradient. After $t$ steps both
# matrices have the factor $r = (1 - \eta\lambda)^t$. A positive factor passes the ReLU, so $F$ has the
# factor $r^2$, and $F(x) + x \to x$.
#
# Real branches have batch norm after each convolution, and
#
# $$\mathrm{BN}(cW * x) = \mathrm{BN}(W * x) \qquad\text{as long as } c^2\,\mathrm{Var}[W * x] \gg \epsilon:$$
#
# the factor $c > 0$ is in the mean and in the standard deviation, and cancels ($\epsilon$ is what batch norm
# adds to the variance). **Decay of such a $W$ does not push the branch towards zero at all.** Only the last
# $\gamma$ and $\beta$ can: if they are decayed too, as in fb.resnet.torch, $F$ has the factor $r$; if only
# the convolutions' weights are, as in the original code by that repository's account, 1.

# %%
SCALE, WIDTH, LONGER = 0.3, 64, 1500
images = rng.standard_normal((8, 4, 9, 11))
conv = Conv2d(4, 6, 3, padding=1, bias=False, rng=rng)
normalised = Sequential(conv, BatchNorm(6)).astype(np.float64)
y, _ = normalised.forward(images, train=True)
conv.weight.data *= SCALE
y_scaled, _ = normalised.forward(images, train=True)
change = abs(y_scaled - y).max() / abs(y).max()
assert change <= 1e-4, "batch norm should undo a scaled weight"

x = abs(rng.standard_normal((128, WIDTH)))  # what comes out of a ReLU


def branch(*, norm):
    """Return linear, ReLU, linear, in float64; if norm, with batch norm after both linear layers."""
    first, second = (Linear(WIDTH, WIDTH, bias=False, rng=rng) for _ in range(2))
    if norm:
        layers = [first, BatchNorm(WIDTH), ReLU(), second, BatchNorm(WIDTH)]
    else:
        layers = [first, ReLU(), second]
    return Sequential(*layers).astype(np.float64)


def decayed(branch, steps, *, rate=RATE, no_decay=()):
    """Decay the branch in place. Return the norms of the first weight and of F(x) after t = 0 ... steps,
    relative to the first. The gradients stay zero, for nobody calls backward."""
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
    (f"fraction left after {LONGER} steps", "predicted", "derived", "measured"),
    ("W", None, shrunk[-1], weights[-1]),
    ("F, no batch norm", None, shrunk[-1] ** 2, without_norm[-1]),
    ("F, batch norm, everything decayed", None, shrunk[-1], all_decayed[-1]),
    ("F, batch norm, only W decayed", predicted_branch, 1, weights_only[-1]),
    (f"convolution and batch norm, W scaled by {SCALE}: change", None, 0, change),
)
assert abs(weights / shrunk - 1).max() <= 1e-12, "the weights should follow (1 - lr * decay)^t"
assert abs(without_norm / shrunk**2 - 1).max() <= 1e-12, "without batch norm F should follow its square"
# 1e-2 and 1e-3 for eps: with all decayed, the variance before the second batch norm falls as r^4, else as r^2
assert abs(all_decayed / shrunk - 1).max() <= 1e-2, "with batch norm F should follow gamma"
assert abs(weights_only - 1).max() <= 1e-3, "and the decay of W alone should not touch F"

silent = branch(norm=False)
decayed(silent, 60, rate=0.5 / DECAY)  # halves the weights at every step
block, plain = Residual(silent, after=ReLU()), Sequential(silent, ReLU())
assert (block.predict(x) == x).all(), "a residual block should end as the identity, a[l+2] = a[l]"
assert abs(plain.predict(x)).max() < 1e-30, "a plain block should end as zero"

# %%
lesson.quiz(
    "The slide ends at a[l+2] = g(a[l]) = a[l] and adds 'when using ReLU'. Why must it?",
    (
        "g(a[l]) = a[l] holds because a[l] is itself what a ReLU put out",
        "it is not negative, so g changes nothing",
    ),
    ("weight decay works only on layers with a ReLU", "decay shrinks any weight; it never asks what follows"),
    (
        "the ReLU sets the branch to zero",
        "the branch is zero because its weights are, with any g that has g(0) = 0",
    ),
)

# %%
lesson.quiz(
    "A branch is conv, BN, ReLU, conv, BN. Whose decay makes its output smaller?",
    ("that of the last gamma and beta", "they alone scale and shift what leaves the branch"),
    ("that of the last convolution", "the batch norm after it divides the factor out again"),
    ("that of both convolutions", "each has a batch norm after it, which divides its factor out"),
)

# %% [markdown]
# Two curves lie on one another, as derived: $W$, and $F$ with batch norm and everything decayed.

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
lesson.show(
    figure,
    alt=(
        "Norms while nothing but weight decay acts, logarithmic. W shrinks exponentially, and F without "
        "batch norm with twice the slope; with batch norm F stays as it is unless gamma decays too."
    ),
)

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# The claim on the slide needs four conditions: the data gradient is zero (not merely small, exercise 1);
# training is long enough; what is decayed is what scales the branch, with batch norm $\gamma$ and not $W$;
# and there is a shortcut, for the same decay turns a plain block into zero.
#
# ## What to try next
#
# 1. Set `LONGER` to 6000: do the batch-norm curves still follow? (Compare $c^2\,\mathrm{Var}$ with
#    $\epsilon = 10^{-5}$.)
# 2. Take `Dropout` out of the network: does it change what decay does to the blank pixels' weights?
#
# ## Exercises
#
# 1. Let the data's part of the loss be $\tfrac h2 (w - w^*)^2$, with a best weight $w^*$ and a curvature
#    $h$. Where does gradient descent with decay end? Which weights does it bring "very close to zero"?
# 2. What does decay do to the $W$ of a *useful* branch with batch norm, if not push $F$ towards zero?
#    Differentiate $L(cW) = L(W)$, where $L$ is the loss, with respect to $W$.

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. No. $W$ has fallen to 0.0025, so the variances before batch norm have fallen to $6 \cdot 10^{-6}$ of
#    what they were, and $\epsilon = 10^{-5}$ outweighs them: where only $W$ decays, 0.33 of $F$ is left
#    instead of 1; where everything decays, 0.000002 instead of 0.0025.
# 2. No: 0.8186 is left of them with and without it, $(1 - \eta\lambda)^{200}$. No gradient reaches them
#    that dropout could change. (The test accuracy rises from 93.3 to 94.7 %: so short a training overfits
#    nothing.)
#
# **Exercises.**
#
# 1. Where $h(w - w^*) + \lambda w = 0$, at $w = w^*\,h/(h + \lambda)$. Only weights whose curvature $h$ is
#    far below $\lambda = 10^{-4}$ come close to zero: what is of some use stays nearly what it was.
# 2. The gradient $g$ of $L$ obeys $c\,g(cW) = g(W)$: smaller weights have larger gradients. Relative to its
#    length, a step $-\eta g$ changes $W$ by $\eta\lVert g \rVert/\lVert W \rVert \propto \eta/\lVert W
#    \rVert^2$, the *effective learning rate*. Decay keeps $W$ short and this rate up.
