# %% [markdown]
# # 5. Normalisation: from LRN to batch norm
#
# **Question.** My network learns with batch norm and does not without it, and then it answers
# differently in training and in testing. What does batch norm compute, what is its gradient, and why has
# it two modes?
#
# *Time: 8 s. Before this: nothing. Sources: lecture 6, slides "Batch Normalization (BN)"; the ICML 2016
# tutorial, the same slides; lecture 9, slide "AlexNet"; Krizhevsky et al. 2012, section 3.3; Ioffe &
# Szegedy 2015 (arXiv:1502.03167), algorithms 1 and 2, figure 1.*

# %%
import numpy as np

import minires.functional as F
from minires import data, gradcheck, init, lesson, optim, plot
from minires.combine import Sequential
from minires.layers import BatchNorm, Flatten, Linear, LocalResponseNorm, ReLU, Sigmoid
from minires.train import recompute_statistics

rng = np.random.default_rng(0)

# %% [markdown]
# ## The predecessor
#
# Local response normalisation (LRN) divides the number $x_c$ in channel $c$ of a pixel by a power of
# what the $n$ channels around it do at the same pixel,
#
# $$y_c = x_c \Big/ \Big(k + \alpha \sum_{|c' - c| \le n/2} x_{c'}^2\Big)^{\beta},
# \qquad k = 2,\; n = 5,\; \alpha = 10^{-4},\; \beta = \tfrac34.$$
#
# It has nothing to learn and looks at one image at a time. Two conventions are about: the paper's
# $\alpha$ multiplies the sum, that of Caffe and PyTorch (and minires) the *mean*, so it is $n$ times the
# paper's. Lecture 9 says of it "not used anymore": VGG-11 was no better with it than without (Simonyan &
# Zisserman 2015, arXiv:1409.1556, section 4.1).

# %%
x = rng.standard_normal((2, 7, 3, 4))
SIZE, PAPERS_ALPHA = 5, 0.1  # larger than AlexNet's 1e-4, so that the denominator matters
y, _ = F.local_response_norm_forward(x, size=SIZE, alpha=SIZE * PAPERS_ALPHA)
around = [slice(max(0, c - SIZE // 2), c + SIZE // 2 + 1) for c in range(7)]
squares = np.stack([(x[:, near] ** 2).sum(axis=1) for near in around], axis=1)
lrn_difference = abs(y - x / (2 + PAPERS_ALPHA * squares) ** 0.75).max()
lrn = gradcheck.check_gradients(LocalResponseNorm(alpha=SIZE * PAPERS_ALPHA), x, train=True, rng=rng)
lesson.table(
    ("local response normalisation", "derived", "measured"),
    ("difference between the two conventions", 0, lrn_difference),
    ("worst error of the gradient", 0, lrn.error),
)
assert lrn_difference <= 1e-12, "alpha before the mean is the size of the window times alpha before the sum"
assert lrn.ok and lrn.error < 1e-6, "the gradient of LRN should be right"

# %% [markdown]
# ## Derivation
#
# Batch norm looks at one channel of a whole mini-batch, at $M$ values $x_i$:
#
# $$\mu = \frac1M \sum_i x_i, \qquad \sigma^2 = \frac1M \sum_i (x_i - \mu)^2, \qquad
# \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y_i = \gamma\,\hat x_i + \beta.$$
#
# So $\hat x$ has mean 0 and variance $\sigma^2 / (\sigma^2 + \epsilon)$, a little below 1. The scale
# $\gamma$ and the shift $\beta$ are learned; $\mu$ and $\sigma$ are not: they are *functions of* $x$,
# and the gradient passes through them. Let $g_i = \partial L / \partial y_i$. Three paths lead from
# $x_i$ to the loss: straight through $\hat x_i$, through $\mu$, and through $\sigma$. Their sum is
#
# $$\frac{\partial L}{\partial x_i} = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}
# \Big(g_i - \frac1M \sum_j g_j - \hat x_i\,\frac1M \sum_j g_j \hat x_j\Big).$$

# %% [markdown]
# ## Predict
#
# Add 1 to all values of a channel and think of what $y$ does. What, then, must the gradient $\partial L
# / \partial x_i$ add up to over the batch? Write it down.

# %%
prediction = 0

# %% [markdown]
# ## Measure
#
# The library's pair, and what is left of its backward if the statistics are taken for constants.

# %%
EPS = 1e-5
deviations = np.array([0.05, 1, 2])[:, None, None]
x = 3 + deviations * rng.standard_normal((6, 3, 4, 5))  # 120 values in each of 3 channels
gamma, beta = rng.standard_normal((2, 3))
g = rng.standard_normal(x.shape) + 0.5  # any gradient from above; this one does not sum to zero
ones, zeros = np.ones(3), np.zeros(3)
x_hat, _, (mean, var) = F.batch_norm_train_forward(x, ones, zeros, eps=EPS)
_, cache, _ = F.batch_norm_train_forward(x, gamma, beta, eps=EPS)
dx, _, _ = F.batch_norm_train_backward(g, cache)
channel = (0, 2, 3)  # the axes that a channel's statistics run over
derived_var = var / (var + EPS)


def constant_statistics(dy, cache):
    """The wrong backward: straight through x_hat only."""
    _, dgamma, dbeta = F.batch_norm_train_backward(dy, cache)
    return dy * (gamma / np.sqrt(var + EPS))[:, None, None], dgamma, dbeta


inputs = [x, gamma, beta]
right = gradcheck.check_function(
    F.batch_norm_train_forward, F.batch_norm_train_backward, inputs, rng=rng, max_elements=60
)
wrong = gradcheck.check_function(
    F.batch_norm_train_forward, constant_statistics, inputs, rng=rng, max_elements=60
)
sums = abs(dx.sum(axis=channel))
lesson.table(
    ("one mini-batch", "predicted", "derived", "measured"),
    ("largest mean of a channel of x_hat", None, 0, abs(x_hat.mean(axis=channel)).max()),
    ("its variance, first channel", None, derived_var[0], x_hat.var(axis=channel)[0]),
    ("largest sum of dx over a channel", prediction, 0, sums.max()),
    ("the same of |dx|", None, None, abs(dx).sum(axis=channel).max()),
    ("worst error of dx, all three paths", None, 0, right["x"].error),
    ("worst error of dx, mu and sigma constant", None, None, wrong["x"].error),
)
assert abs(x_hat.mean(axis=channel)).max() <= 1e-6, "every channel should have mean 0"
assert abs(x_hat.var(axis=channel) - derived_var).max() <= 1e-12, "and var / (var + eps)"
assert (sums <= 1e-12 * abs(dx).sum(axis=channel)).all(), "a shift of x changes nothing, so dx sums to 0"
assert right.ok and right.error < 1e-6, "the gradient through mean and variance should be right"
assert not wrong["x"].ok, "without the paths through mean and variance it should be wrong"

# %% [markdown]
# ## Two modes
#
# In training an image's output depends on the other images of its batch. In use there may be no batch,
# so *eval mode* takes fixed numbers that were collected on the way, with momentum $m = 0.9$:
#
# $$\bar\mu \leftarrow m\,\bar\mu + (1 - m)\,\mu, \qquad
# \bar\sigma^2 \leftarrow m\,\bar\sigma^2 + (1 - m)\,\tfrac{M}{M - 1}\,\sigma^2.$$
#
# PyTorch calls $1 - m = 0.1$ the momentum. Lecture 6 averages $\sigma^2$ as it is; the paper's algorithm
# 2 takes the unbiased estimate with $M / (M - 1)$, and so do PyTorch and minires.

# %%
MOMENTUM = 0.9
layer = BatchNorm(3, momentum=MOMENTUM).astype(np.float64)  # running mean 0, running variance 1
y_train, _ = layer.forward(x, train=True)  # moves the averages once
y_eval = layer.predict(x)  # uses them, and leaves them alone
count = x[:, 0].size
expected_mean, expected_var = 0.1 * mean, 0.9 * 1 + 0.1 * var * count / (count - 1)
assert abs(layer.running_mean.data - expected_mean).max() <= 1e-12, "a batch counts one tenth"
assert abs(layer.running_var.data - expected_var).max() <= 1e-12, "with its unbiased variance"
assert abs(y_train - y_eval).max() > 0.1, "the two modes should differ"

# %% [markdown]
# ## With and without
#
# The paper's first experiment (its figure 1), on the 1,437 handwritten digits that come with minires:
# three hidden layers of 100 sigmoids, mini-batches of 60, plain gradient descent, three learning rates.
# Accuracy is that on the 360 test images.

# %%
train_set, test_set = data.load("digits")
normalise = data.Normalisation.fit(train_set)
images, labels = normalise(test_set.images), test_set.labels
SEEDS, STEPS = {"fast": (1, 120), "live": (3, 300), "full": (10, 1000)}[lesson.setting()]
EVERY = 20  # steps between two looks at the test images
RATES = (0.03, 0.3, 3)


def network(norm, activation, seed):
    """Return a network 64-100-100-100-10 with or without batch norm before its activations."""
    rng, sizes, parts = np.random.default_rng(seed), (64, 100, 100, 100), [Flatten()]
    weights = init.msra_by_fan_in if activation is ReLU else init.xavier
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        parts.append(Linear(n_in, n_out, init=weights, rng=rng))
        parts += [BatchNorm(n_out), activation()] if norm else [activation()]
    return Sequential(*parts, Linear(100, 10, init=init.xavier, rng=rng))


def accuracy(net):
    return 100 * float((net.predict(images).argmax(axis=1) == labels).mean())


def train(net, rate, steps, seed):
    """Train in place; return the test accuracy in percent at the beginning and after every EVERY steps."""
    batches = data.Batches(
        train_set, batch_size=60, seed=seed, normalisation=normalise, drop_last=True, prefetch=0
    )
    optimiser, course = optim.SGD(net.named_parameters(), lr=rate), [accuracy(net)]
    for step in range(steps):
        if step % len(batches) == 0:
            epoch = batches.epoch(step // len(batches))
        x, targets = next(epoch)
        logits, cache = net.forward(x, train=True)
        loss, loss_cache = F.softmax_cross_entropy_forward(logits, targets)
        optimiser.zero_grad()
        net.backward(F.softmax_cross_entropy_backward(np.ones_like(loss), loss_cache), cache)
        optimiser.step()
        if (step + 1) % EVERY == 0:
            course.append(accuracy(net))
    return course


def courses(norm, activation, rate):
    return np.array([train(network(norm, activation, s), rate, STEPS, s) for s in range(SEEDS)])


NORM = True
without = {rate: courses(False, Sigmoid, rate) for rate in RATES}
with_norm = {rate: courses(NORM, Sigmoid, rate) for rate in RATES}
at_100 = 100 // EVERY
best = max(course.mean(axis=0).max() for course in without.values())
reached = (np.max([c.mean(axis=0) for c in with_norm.values()], axis=0) >= best).argmax()
lesson.table(
    ("test accuracy (%)", *(f"rate {rate}" for rate in RATES)),
    ("without batch norm, step 100", *(c[:, at_100].mean() for c in without.values())),
    ("with batch norm, step 100", *(c[:, at_100].mean() for c in with_norm.values())),
    (f"without batch norm, step {STEPS}", *(c[:, -1].mean() for c in without.values())),
    (f"with batch norm, step {STEPS}", *(c[:, -1].mean() for c in with_norm.values())),
)
print(f"the best without batch norm, {best:.1f} %, is reached with it after {EVERY * reached} steps")
assert min(c[:, at_100].min() for c in with_norm.values()) >= 75, "with it every rate should learn quickly"
assert max(c[:, at_100].max() for c in without.values()) <= 50, "without it none should within 100 steps"

# %%
steps = EVERY * np.arange(1 + STEPS // EVERY)
figure = plot.line_panels(
    {
        "without batch norm": {f"learning rate {rate}": (steps, c) for rate, c in without.items()},
        "with batch norm": {f"learning rate {rate}": (steps, c) for rate, c in with_norm.items()},
    },
    derived={
        "without batch norm": {"best without": (steps, np.full(len(steps), best))},
        "with batch norm": {"": (steps, np.full(len(steps), best))},
    },
    xlabel="step",
    ylabel="test accuracy (%)",
    ylim=(0, 100),
)
lesson.show(figure)

# %% [markdown]
# The experiment favours batch norm: sigmoids squash every signal. With ReLU and MSRA's weights (lesson
# 8) three layers carry the signal well from the start, and at a good learning rate little is left to
# gain:

# %%
relu = {norm: courses(norm, ReLU, 0.3)[:, at_100].mean() for norm in (False, True)}
lesson.table(
    ("ReLU, MSRA, rate 0.3", "without", "with batch norm"),
    ("test accuracy at step 100 (%)", relu[False], relu[True]),
)
assert min(relu.values()) >= 85, "well-initialised, three layers of ReLU should learn either way"

# %% [markdown]
# ## In the wrong mode
#
# "Make sure your BN is in a correct mode", says lecture 6. Here is a trained network, tested in batches
# of 36 images that came sorted by digit, as folders of images would give them. In train mode the batch's
# own mean is subtracted, and with it what makes a 3 a 3. Worse: testing then changes the network.

# %%
net = network(True, Sigmoid, seed=0)
train(net, 0.3, 100, seed=0)
by_digit = np.argsort(labels, kind="stable").reshape(-1, 36)
eval_mode = accuracy(net)
norm = next(layer for _, layer in net.named_layers() if isinstance(layer, BatchNorm))
running = norm.running_mean.data.copy()
answers = np.concatenate([net.forward(images[batch], train=True)[0].argmax(axis=1) for batch in by_digit])
train_mode = 100 * (answers == labels[by_digit.ravel()]).mean()
lesson.table(
    ("test accuracy (%)", "eval mode", "train mode"), ("images sorted by digit", eval_mode, train_mode)
)
spoilt_mean, spoilt = norm.running_mean.data.copy(), accuracy(net)
assert train_mode < eval_mode - 30, "sorted images should be recognised much worse in train mode"
assert abs(spoilt_mean - running).max() > 0.01, "and the running averages should have moved"

# %% [markdown]
# ## Afterwards, exactly
#
# Running averages lag behind weights that still move, and can be spoilt as we just did.
# "Post-processing" (a footnote of lecture 6) computes the statistics anew once the weights stand still.
# Of the first norm the result must be the mean of its inputs over the whole training set.

# %%
everything = normalise(train_set.images)
recompute_statistics(net, [everything[np.arange(i, len(everything), 3)] for i in range(3)])  # 3 equal batches
exact = net[1].forward(everything.reshape(len(everything), -1), train=False)[0].mean(axis=0)
lesson.table(
    ("first batch norm, all 100 units", "spoilt", "recomputed"),
    ("largest error of the mean", abs(spoilt_mean - exact).max(), abs(norm.running_mean.data - exact).max()),
    ("test accuracy (%)", spoilt, accuracy(net)),
)
assert abs(norm.running_mean.data - exact).max() <= 1e-5, "the mean over all training images"

# %% [markdown]
# ## What to keep
#
# - The gradient of batch norm has three paths, and without two of them it is not roughly right but
#   wrong.
# - What batch norm buys here is fewer steps and a wide range of learning rates that work.
# - Train mode answers for a batch, eval mode for an image.
#
# ## What to try next
#
# Set `STEPS` to 2000: does rate 0.03 ever begin to learn without batch norm? Multiply the initial
# weights by 5: which rows of the table change?
#
# ## Exercises
#
# 1. Show that $\sum_i \hat x_i\,\partial L / \partial x_i$ is almost 0 as well. What does it say about
#    stretching $x$, and where does the "almost" come from?
# 2. Why does a convolution before a batch norm need no bias?
#
# ## Answers
#
# 1. With $S = \sum_j g_j \hat x_j$ the sum is $\gamma\,(\sigma^2 + \epsilon)^{-1/2}\,S\, (1 - \tfrac1M
#    \sum_i \hat x_i^2)$, and the bracket is $\epsilon / (\sigma^2 + \epsilon)$. Stretching $x$ around
#    its mean does not change $y$, but for $\epsilon$, which does not stretch with it.
# 2. It would be part of $\mu$ and be subtracted again; $\beta$ does its work.
