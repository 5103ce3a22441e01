# %% [markdown]
# # 5. Normalisation: from LRN to batch norm
#
# **Question.** My network learns with batch norm and does not without it, and with it, it answers differently
# in training and in testing. What does batch norm compute, what is its gradient, and why are there two modes?
#
# *Time: 8 s. Before this: nothing; lesson 8 explains MSRA's weights, which one experiment uses. Sources:
# lecture 6, slides "Batch Normalization (BN)"; the ICML 2016 tutorial, the same slides; lecture 9, slide
# "AlexNet"; Krizhevsky et al. 2012, section 3.3; Ioffe & Szegedy 2015 (arXiv:1502.03167), algorithms 1 and
# 2, figure 1.*

# %%
import numpy as np

import minires.functional as F
from minires import data, gradcheck, init, lesson, optim, plot
from minires.layers import BatchNorm, Linear, LocalResponseNorm, ReLU, Sequential, Sigmoid
from minires.train import recompute_statistics

rng = np.random.default_rng(0)

# %% [markdown]
# ## The predecessor
#
# Local response normalisation (LRN) divides the number $x_c$ in channel $c$ of a pixel by a power of what the
# $n$ channels around it contain at the same pixel,
#
# $$y_c = x_c \Big/ \Big(k + \alpha \sum_{|c' - c| \le n/2} x_{c'}^2\Big)^{\beta},
# \qquad k = 2,\; n = 5,\; \alpha = 10^{-4},\; \beta = \tfrac34.$$
#
# There are two conventions: the paper's $\alpha$ multiplies the sum, that of Caffe and PyTorch (and minires)
# the *mean*, so it is $n$ times as large. LRN is "not used anymore" (lecture 9): VGG-11 was no better with it
# than without (Simonyan & Zisserman 2014, arXiv:1409.1556, section 4.1).

# %%
x = rng.standard_normal((2, 7, 3, 4))
SIZE, PAPERS_ALPHA = 5, 0.1  # larger than AlexNet's 1e-4, so that the denominator matters
y, _ = F.local_response_norm_forward(x, size=SIZE, alpha=SIZE * PAPERS_ALPHA)
by_hand = x[:, 3] / (2 + PAPERS_ALPHA * (x[:, 1:6] ** 2).sum(axis=1)) ** 0.75  # channel 3 and its window
lrn = gradcheck.check_gradients(LocalResponseNorm(alpha=SIZE * PAPERS_ALPHA), x, train=True, rng=rng)
assert abs(y[:, 3] - by_hand).max() <= 1e-12, "alpha before the mean should be n times that before the sum"
assert lrn.ok and lrn.error < 1e-6, "the gradient of LRN should be right"

# %% [markdown]
# ## Derivation
#
# Batch norm looks at one channel of a whole mini-batch, at $M$ values $x_i$:
#
# $$\mu = \frac1M \sum_i x_i, \qquad \sigma^2 = \frac1M \sum_i (x_i - \mu)^2, \qquad
# \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y_i = \gamma\,\hat x_i + \beta.$$
#
# So $\hat x$ has mean 0 and variance $\sigma^2 / (\sigma^2 + \epsilon)$, a little below 1. The scale $\gamma$
# and the shift $\beta$ are learned; $\mu$ and $\sigma$ are *functions of* $x$, and the gradient passes
# through them: $\partial \mu / \partial x_i = 1/M$, and $\partial \sigma^2 / \partial x_i = 2\,(x_i - \mu)/M$
# (the change of $\mu$ contributes nothing, as $\sum_j (x_j - \mu) = 0$), so $s = \sqrt{\sigma^2 + \epsilon}$
# has $\partial s / \partial x_i = (x_i - \mu)/(M s) = \hat x_i / M$. By the quotient rule, with
# $\delta_{ij} = 1$ for $i = j$ and 0 otherwise,
#
# $$\frac{\partial \hat x_j}{\partial x_i}
# = \frac1s \Big(\delta_{ij} - \frac1M - \frac{\hat x_i \hat x_j}{M}\Big) :$$
#
# three paths, straight to $\hat x_i$, through $\mu$, and through $\sigma$. With $g_j = \partial L / \partial
# y_j$, the gradient from above, the sum over $j$ of $\gamma\,g_j\,\partial \hat x_j / \partial x_i$ is
#
# $$\frac{\partial L}{\partial x_i} = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}
# \Big(g_i - \frac1M \sum_j g_j - \hat x_i\,\frac1M \sum_j g_j \hat x_j\Big).$$
#
# The two learned numbers are simpler, for $\hat x$ does not depend on them. $\gamma$ and $\beta$ take part in
# all $M$ outputs, with $\partial y_i / \partial \gamma = \hat x_i$ and $\partial y_i / \partial \beta = 1$.
# Hence
#
# $$\frac{\partial L}{\partial \gamma} = \sum_i g_i\,\hat x_i, \qquad
# \frac{\partial L}{\partial \beta} = \sum_i g_i :$$
#
# the same two sums that stand in $\partial L / \partial x_i$. They are computed once and serve twice.
#
# ## Predict
#
# Add 1 to all values of a channel: what does $y$ do? What, then, must $\partial L / \partial x_i$ add up to
# over the batch? And for further down: a network with sigmoids is trained for 300 steps without batch norm,
# at three learning rates. After how many steps is it as good with batch norm as the best of these in the end?

# %%
prediction, predicted_steps = 0, 150

# %% [markdown]
# ## Measure: one mini-batch

# %%
EPS = 1e-5
deviations = np.array([0.05, 1, 2])[:, None, None]
x = 3 + deviations * rng.standard_normal((6, 3, 4, 5))  # 120 values in each of 3 channels
gamma, beta = rng.standard_normal((2, 3))
g = rng.standard_normal(x.shape) + 0.5  # any gradient from above; this one does not sum to zero
x_hat, _, (mean, var) = F.batch_norm_train_forward(x, np.ones(3), np.zeros(3), eps=EPS)
_, cache, _ = F.batch_norm_train_forward(x, gamma, beta, eps=EPS)
dx, dgamma, dbeta = F.batch_norm_train_backward(g, cache)
straight = g * (gamma / np.sqrt(var + EPS))[:, None, None]  # without the paths through mu and sigma
check = gradcheck.check_function(
    F.batch_norm_train_forward, F.batch_norm_train_backward, [x, gamma, beta], rng=rng, max_elements=60
)
channel = (0, 2, 3)  # the axes over which a channel's statistics run
means, variances, sums = x_hat.mean(axis=channel), x_hat.var(axis=channel), dx.sum(axis=channel)
derived_var = var / (var + EPS)
wrong = np.linalg.norm(straight - dx) / np.linalg.norm(dx)
sum_gx, sum_g = (g * x_hat).sum(axis=channel), g.sum(axis=channel)
lesson.table(
    ("one mini-batch", "predicted", "derived", "measured"),
    ("largest mean of a channel of x_hat", None, 0, abs(means).max()),
    ("its variance, first channel", None, derived_var[0], variances[0]),
    ("largest sum of dx over a channel", prediction, 0, abs(sums).max()),
    ("relative error of dx, all three paths", None, 0, check["x"].error),
    ("relative error of dx, the straight path only", None, None, wrong),
    ("gradient of gamma, first channel", None, sum_gx[0], dgamma[0]),
    ("gradient of beta, first channel", None, sum_g[0], dbeta[0]),
)
assert abs(means).max() <= 1e-6, "every channel should have mean 0"
assert abs(variances - derived_var).max() <= 1e-12, "and variance var / (var + eps)"
assert (abs(sums) <= 1e-12 * abs(dx).sum(axis=channel)).all(), "a shift changes nothing: sum of dx = 0"
# sums of 120 products, in another order here than there
assert abs(dgamma - sum_gx).max() <= 1e-10, "the gradient of gamma should be the sum of g x_hat"
assert abs(dbeta - sum_g).max() <= 1e-10, "the gradient of beta should be the sum of g"
assert check.ok and check.error < 1e-6, "the gradient through mean and variance should be right"
assert wrong > 0.1, "without the paths through mean and variance it should be wrong"

# %% [markdown]
# ## Two modes
#
# In training, an image's output depends on the other images of its batch. In use there may be no batch, so
# *eval mode* takes fixed numbers that were collected during training, with momentum $m = 0.9$:
#
# $$\bar\mu \leftarrow m\,\bar\mu + (1 - m)\,\mu, \qquad
# \bar\sigma^2 \leftarrow m\,\bar\sigma^2 + (1 - m)\,\tfrac{M}{M - 1}\,\sigma^2.$$
#
# PyTorch calls $1 - m = 0.1$ the momentum. Lecture 6 averages $\sigma^2$ as it is; the paper's algorithm 2
# takes the unbiased estimate, with $M / (M - 1)$, and so do PyTorch and minires.

# %%
layer = BatchNorm(3, momentum=0.9).astype(np.float64)  # running mean 0, running variance 1
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
# The paper's first experiment (its figure 1) on the handwritten digits that come with minires, 1,437 to train
# on and 360 to test: three hidden layers of 100 sigmoids, mini-batches of 60, plain gradient descent.

# %%
train_set, test_set = data.load("digits")
normalise = data.Normalisation.fit(train_set)
images, labels = normalise(train_set.images).reshape(-1, 64), train_set.labels
test_images, test_labels = normalise(test_set.images).reshape(-1, 64), test_set.labels
SEEDS, STEPS = {"fast": (1, 120), "live": (3, 300), "full": (10, 1000)}[lesson.setting()]
EVERY = 20  # steps between two looks at the test images


def accuracy(net):
    return 100 * float((net.predict(test_images).argmax(axis=1) == test_labels).mean())


def train(norm, activation, rate, steps, seed):
    """Return a trained network 64-100-100-100-10 and its test accuracy (%), first and after EVERY steps."""
    rng, parts = np.random.default_rng(seed), []
    weights = init.msra_by_fan_in if activation is ReLU else init.xavier
    for n_in in (64, 100, 100):
        parts.append(Linear(n_in, 100, init=weights, rng=rng))
        parts += [BatchNorm(100), activation()] if norm else [activation()]
    net = Sequential(*parts, Linear(100, 10, init=weights, rng=rng))
    optimiser, course = optim.SGD(net.named_parameters(), lr=rate), [accuracy(net)]
    for step in range(1, steps + 1):
        batch = rng.choice(len(images), 60, replace=False)
        logits, cache = net.forward(images[batch], train=True)
        loss, loss_cache = F.softmax_cross_entropy_forward(logits, labels[batch])
        optimiser.zero_grad()
        net.backward(F.softmax_cross_entropy_backward(np.ones_like(loss), loss_cache), cache)
        optimiser.step()
        if step % EVERY == 0:
            course.append(accuracy(net))
    return net, course


found = {"without batch norm": {}, "with batch norm": {}}
for activation, rate in ((Sigmoid, 0.03), (Sigmoid, 0.3), (Sigmoid, 3), (ReLU, 0.3)):
    for name, norm in (("without batch norm", False), ("with batch norm", True)):
        courses = [train(norm, activation, rate, STEPS, seed)[1] for seed in range(SEEDS)]
        found[name][f"{activation.__name__}, rate {rate}"] = np.array(courses)  # (seeds, looks)
without, with_norm = found.values()
rows = []
for name, courses in found.items():
    for step in (100, STEPS):
        rows.append((f"{name}, step {step}", *(c[:, step // EVERY].mean() for c in courses.values())))
lesson.table(("test accuracy (%)", *without), *rows)

*sigmoids, relu = without
best = max(without[case][:, -1].mean() for case in sigmoids)
best_course = np.max([with_norm[case].mean(axis=0) for case in sigmoids], axis=0)
reached = EVERY * np.argmax(best_course >= best)
print(f"sigmoids, {best:.1f} % with batch norm: {predicted_steps} steps predicted, {reached} measured")
for case in sigmoids:
    assert with_norm[case][:, 100 // EVERY].min() >= 75, f"{case}: should learn quickly with batch norm"
    assert without[case][:, 100 // EVERY].max() <= 50, f"{case}: should not learn in 100 steps without it"
assert min(c[relu][:, 100 // EVERY].min() for c in found.values()) >= 85, "ReLU should learn either way"

# %%
steps = EVERY * np.arange(1 + STEPS // EVERY)
figure = plot.line_panels(
    {name: {case: (steps, c) for case, c in courses.items()} for name, courses in found.items()},
    xlabel="step",
    ylabel="test accuracy (%)",
    ylim=(0, 100),
)
lesson.show(figure)

# %% [markdown]
# The sigmoids favour batch norm, for they squash every signal. With ReLU and MSRA's weights (lesson 8) three
# layers carry the signal well from the start, and at this learning rate little is left to gain. Batch norm
# brings two things here: fewer steps are needed, and rates from 0.03 to 3 all work.
#
# ## In the wrong mode, and afterwards
#
# "Make sure your BN is in a correct mode", says lecture 6. We test a trained network in batches of 36 images
# that come sorted by digit, as folders of images would give them. In train mode the mean of the batch is
# subtracted, and with it what all its 3s have in common. Besides, the test then moves the running averages.
#
# Even in correct use these averages are noisy. The batch $k$ steps back has the weight $(1 - m)\,m^k$, so the
# last ten together carry $1 - 0.9^{10} = 65\,\%$ and all before them 35 %. And the averages lag behind
# weights that still move. "Post-processing" (a footnote of lecture 6) computes the statistics anew when
# training is over; for the first batch norm that must give the mean over the whole training set.

# %%
net, _ = train(True, Sigmoid, 0.3, 100, seed=0)
true_mean = net[0].predict(images).mean(axis=0)  # of the inputs of the first batch norm, (100,)
after_training = abs(net[1].running_mean.data - true_mean).max(), accuracy(net)
by_digit = np.argsort(test_labels, kind="stable").reshape(-1, 36)
right = 0
for batch in by_digit:
    logits, _ = net.forward(test_images[batch], train=True)
    right += (logits.argmax(axis=1) == test_labels[batch]).sum()
train_mode = 100 * right / len(test_labels)
after_test = abs(net[1].running_mean.data - true_mean).max(), accuracy(net)
recompute_statistics(net, [images[first::3] for first in range(3)])  # 3 batches of equal size
recomputed = abs(net[1].running_mean.data - true_mean).max(), accuracy(net)
lesson.table(
    ("", "error of the running mean", "test accuracy (%)"),
    ("eval mode, after training", *after_training),
    ("train mode, sorted by digit", None, train_mode),
    ("eval mode, after that test", *after_test),
    ("eval mode, statistics recomputed", *recomputed),
)
assert train_mode < after_training[1] - 30, "sorted images should be recognised much worse in train mode"
assert abs(after_test[0] - after_training[0]) > 1e-3, "a test in train mode should move the running averages"
assert recomputed[0] <= 1e-5, "the mean over all training images, to the rounding of float32"

# %% [markdown]
# The accuracy in eval mode hardly changes in this small network: by two of the 360 images.
#
# ## What to keep
#
# - The gradient of batch norm has three paths; without those through $\mu$ and $\sigma$ it is wrong.
# - Train mode answers for a batch, eval mode for an image.
#
# ## What to try next
#
# Set `STEPS` to 2000: does rate 0.03 ever begin to learn without batch norm? Shuffle the images before the
# test in train mode: what becomes of the accuracy, and why?
#
# ## Exercises
#
# 1. Show that $\sum_i \hat x_i\,\partial L / \partial x_i$ is almost 0 as well. What does it say about
#    stretching $x$, and where does the "almost" come from?
# 2. Why does a convolution before a batch norm need no bias?
#
# ## Answers
#
# 1. With $S = \sum_j g_j \hat x_j$ and $\sum_i \hat x_i = 0$ it is $\gamma\,(\sigma^2 + \epsilon)^{-1/2}\,S\,
#    (1 - \tfrac1M \sum_i \hat x_i^2)$, and the bracket is $\epsilon / (\sigma^2 + \epsilon)$. Stretching $x$
#    around its mean does not change $y$, but for $\epsilon$, which does not stretch with it.
# 2. It would be part of $\mu$ and be subtracted again; $\beta$ does its work.
#
# (To try: at rate 0.03 the accuracy begins to rise after some 500 steps and has reached 60 % after 2000. A
# shuffled batch is a sample of all digits, so its mean is close to the running one: 96 % in either mode.)
