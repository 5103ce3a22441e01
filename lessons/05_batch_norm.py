# %% [markdown]
# # 5. Normalisation: from LRN to batch norm
#
# **Question.** My network learns with batch norm and does not learn without it. But with it, it answers
# differently in training and in testing. What does batch norm compute, what is its gradient, and what is it
# good for?
#
# *Time: 15 s. Before this: lesson 0. Sources: lecture 6, slides "Batch Normalization (BN)"; the ICML 2016
# tutorial, the same slides; lecture 9, slide "AlexNet"; Krizhevsky et al. 2012, section 3.3; Ioffe & Szegedy
# 2015 (arXiv:1502.03167), algorithms 1 and 2, sections 3.3 and 3.4, figure 1.*

# %%
import numpy as np

import minires.functional as F
from minires import data, gradcheck, init, lesson, optim, plot
from minires.layers import BatchNorm, Linear, LocalResponseNorm, ReLU, Sequential, Sigmoid
from minires.train import recompute_statistics

rng = np.random.default_rng(0)

# %% [markdown]
# ## Predict
#
# A network is a chain of layers, and what comes out of one of them, its *responses*, may be of any size.
# Batch norm is a layer that brings them to a standard size. For each *channel* (one output of a linear layer,
# which is also called fully-connected; or one map of a convolution) it takes the mean and the variance over a
# *mini-batch*, the few dozen images of one training step; subtracts the mean; and divides by the standard
# deviation. Lecture 6 says that this will "greatly accelerate training", be "less sensitive to
# initialization" and "improve regularization".

# %%
predicted_sum = lesson.predict(
    "The gradients that arrive at batch norm's outputs add up to about 60 in a channel of 120 values. "
    "What do the gradients that leave it, with respect to its inputs, add up to in that channel?",
    by=0.01,
)
predicted_gradient = lesson.predict(
    "Before training, all weights in front of the batch norms are multiplied by 10. "
    "By what factor is the first gradient of these weights multiplied?",
    within=1.5,
)
predicted_steps = lesson.predict(
    "A network with a sigmoid, an S-shaped function, after each layer but the last is trained for 300 steps, "
    "without batch norm and at the best of three rates. "
    "After how many steps is it as good with batch norm?",
    "steps",
)
predicted_noise = lesson.predict(
    "Batch norm gives the responses of a channel the variance 1. How large is the standard deviation of the "
    "noise in an image's response that comes from which 59 other images happen to be in its batch?",
)

# %% [markdown]
# ## Derivation
#
# In one channel of a mini-batch there are $M$ values $x_i$. Batch norm computes
#
# $$\mu = \frac1M \sum_i x_i, \qquad \sigma^2 = \frac1M \sum_i (x_i - \mu)^2, \qquad
# \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y_i = \gamma\,\hat x_i + \beta,$$
#
# where the small number $\epsilon = 10^{-5}$ is there so that nothing is divided by 0. So $\hat x$ has mean 0
# and variance $\sigma^2 / (\sigma^2 + \epsilon)$, a little below 1. The scale $\gamma$ and the shift $\beta$
# are learned, as weights are: with them the next layer can have any mean and size that it needs.
#
# Now backward. $\mu$ and $\sigma$ are *functions of* $x$, and the gradient of the loss $L$ passes through
# them: $\partial \mu / \partial x_i = 1/M$, and $\partial \sigma^2 / \partial x_i = 2\,(x_i - \mu)/M$ (the
# change of $\mu$ contributes nothing, as $\sum_j (x_j - \mu) = 0$), so $s = \sqrt{\sigma^2 + \epsilon}$ has
# $\partial s / \partial x_i = (x_i - \mu)/(M s) = \hat x_i / M$. By the quotient rule, with $\delta_{ij} = 1$
# for $i = j$ and 0 otherwise,
#
# $$\frac{\partial \hat x_j}{\partial x_i}
# = \frac1s \Big(\delta_{ij} - \frac1M - \frac{\hat x_i \hat x_j}{M}\Big) :$$
#
# three paths, straight to $\hat x_i$, through $\mu$, and through $\sigma$. With $g_j = \partial L / \partial
# y_j$, the gradient from above ($dy_j$ in lesson 0), the sum over $j$ of
# $\gamma\,g_j\,\partial \hat x_j / \partial x_i$ is
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

# %%
lesson.quiz(
    "Of the four numbers mu, sigma, gamma and beta of a channel, which does gradient descent move?",
    ("gamma and beta", "they are parameters, analogous to weights; the other two are functions of x"),
    ("mu and sigma", "they are computed from each batch, as responses are"),
    ("all four", "mu and sigma are computed from each batch; only the gradient passes through them"),
)

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
    ("sum of dx over a channel, the largest", predicted_sum, 0, abs(sums).max()),
    ("relative error of dx (gradient check), all three paths", None, 0, check["x"].error),
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
# Add 1 to all values of a channel, and $y$ does not change: that is why the gradient with respect to $x$ adds
# up to 0, whatever arrives.
#
# ## Two modes
#
# In training (*train mode*) an image's output depends on the other images of its batch. In use there may be
# no batch, so *eval mode* takes fixed numbers: running averages that were collected during training, where
# each batch counts one tenth. With the *momentum* $m = 0.9$ (not lesson 0's), after step $t$,
#
# $$\bar\mu_t = m\,\bar\mu_{t-1} + (1 - m)\,\mu, \qquad
# \bar\sigma^2_t = m\,\bar\sigma^2_{t-1} + (1 - m)\,\tfrac{M}{M - 1}\,\sigma^2.$$
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

# %%
lesson.quiz(
    "A trained network is shown a single image. With which mean and variance does batch norm normalise it?",
    (
        "with those collected during training",
        "in eval mode batch norm is one scale and one shift for each channel",
    ),
    ("with those of this image", "a channel of a fully-connected layer would be one value minus itself, 0"),
    ("with those of the last training batch", "that batch counts one tenth in the running averages"),
)

# %% [markdown]
# ## "Greatly accelerate training"
#
# The paper's first experiment (its figure 1) on the handwritten digits that come with minires, 1,437 to train
# on and 360 to test: three *hidden* layers (those before the last) of 100 *units*, or outputs, mini-batches
# of 60, plain gradient descent. After each hidden layer comes a *sigmoid*, $1/(1 + e^{-y})$, which squashes
# every signal to between 0 and 1, or a *ReLU*, which returns $\max(0, y)$. The weights are random at the
# start, of variance $1/n$ in a layer of $n$ inputs with sigmoids (the rule is named after Xavier Glorot),
# $2/n$ with ReLUs (MSRA's rule: lesson 8 derives it).

# %%
train_set, test_set = data.load("digits")
normalise = data.Normalisation.fit(train_set)
images, labels = normalise(train_set.images).reshape(-1, 64), train_set.labels
test_images, test_labels = normalise(test_set.images).reshape(-1, 64), test_set.labels
SEEDS, STEPS = {"fast": (1, 120), "live": (3, 300), "full": (10, 1000)}[lesson.setting()]
EVERY = 20  # steps between two looks at the test images


def build(norm, activation, rng, hidden=3, scale=1.0):
    """Return a network 64-100-...-100-10; its hidden layers' weights are multiplied by scale."""
    weights, parts = init.msra_by_fan_in if activation is ReLU else init.xavier, []
    for n_in in (64, *[100] * (hidden - 1)):
        linear = Linear(n_in, 100, init=weights, rng=rng)
        linear.weight.data *= scale
        parts += [linear, BatchNorm(100), activation()] if norm else [linear, activation()]
    return Sequential(*parts, Linear(100, 10, init=weights, rng=rng))


def add_gradients(net, x, y, share=1.0):
    """Add the gradients of share times the mean loss of these images to those of the network's parameters."""
    logits, cache = net.forward(x, train=True)
    loss, loss_cache = F.softmax_cross_entropy_forward(logits, y)
    net.backward(F.softmax_cross_entropy_backward(share, loss_cache), cache)
    return float(loss)


def training(net, x, y, *, rate, steps, rng, batch=60, group=None):
    """Train the network, and yield the number of each step; batch norm sees `group` images at a time."""
    optimiser = optim.SGD(net.named_parameters(), lr=rate)
    for step in range(1, steps + 1):
        chosen = rng.choice(len(x), batch, replace=False)
        optimiser.zero_grad()  # for each backward adds its gradients to those that are there
        for part in chosen.reshape(-1, group or batch):
            add_gradients(net, x[part], y[part], share=len(part) / batch)
        optimiser.step()
        yield step


def accuracy(net):
    """Return the percentage of the test images that are recognised."""
    return 100 * float((net.predict(test_images).argmax(axis=1) == test_labels).mean())


def train(norm, activation, rate, steps, seed):
    """Return a trained network and its test accuracy (%), first and after EVERY steps."""
    rng = np.random.default_rng(seed)
    net = build(norm, activation, rng)
    course = [accuracy(net)]
    for step in training(net, images, labels, rate=rate, steps=steps, rng=rng):
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
print()

*sigmoids, relu = without
best = max(without[case][:, -1].mean() for case in sigmoids)
best_course = np.max([with_norm[case].mean(axis=0) for case in sigmoids], axis=0)
reached = EVERY * int(np.argmax(best_course >= best))
lesson.table(
    ("sigmoids", "predicted", "measured"),
    (f"steps with batch norm to {best:.1f} %", predicted_steps, reached),
)
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
    title="Mean of the seeds; shaded: from the worst to the best",
)
lesson.show(
    figure,
    alt=(
        "Test accuracy over the steps without and with batch norm. Without it only the network with ReLU "
        "learns at once, those with sigmoids late or hardly at all; with it all of them learn within a "
        "hundred steps."
    ),
)

# %% [markdown]
# The sigmoids favour batch norm, for they squash every signal: with a slope of at most $\tfrac14$, three of
# them leave at most about a 64th of the differences between images. With ReLU and MSRA's weights three layers
# carry the signal well from the start, and at this learning rate little is left to gain. Batch norm brings
# two things here: fewer steps are needed, and rates from 0.03 to 3 all work.
#
# ## "Less sensitive to initialization"
#
# Multiply the weights $W$ in front of a batch norm by $c$. Then $x$, $\mu$ and $\sigma$ are all $c$ times as
# large, and $\hat x$ is what it was (but for $\epsilon$): the loss does not change, $L(cW) = L(W)$. Take the
# derivative with respect to $W$ on both sides: $c$ times the gradient at $cW$ is the gradient at $W$. So
#
# $$\frac{\partial L}{\partial W}\Big|_{cW} = \frac1c\,\frac{\partial L}{\partial W}\Big|_{W} :$$
#
# weights ten times too large get a gradient ten times smaller, not one that explodes. We scale the weights of
# the three hidden layers with ReLUs by $c$ and train at the rate 0.1.

# %%
SCALES = (0.1, 1, 10) if lesson.setting() == "fast" else (0.1, 0.2, 0.5, 1, 2, 5, 10)
FIRST = slice(60)  # the images of the first batch


def first_step(norm, scale):
    """Return the loss on the first batch, and the norm of the gradient of the first layer's weights."""
    net = build(norm, ReLU, np.random.default_rng(0), scale=scale)
    loss = add_gradients(net, images[FIRST], labels[FIRST])
    return loss, np.linalg.norm(net[0].weight.grad)


def after_100_steps(norm, scale, seed):
    """Return the test accuracy (%)."""
    rng = np.random.default_rng(seed)
    net = build(norm, ReLU, rng, scale=scale)
    with np.errstate(all="ignore"):  # without batch norm weights that are too large end in infinity
        for _ in training(net, images, labels, rate=0.1, steps=100, rng=rng):
            pass
        return accuracy(net)


before, after = ([first_step(norm, scale) for scale in (1, 10)] for norm in (False, True))
factors = [large / one for one, large in zip(*after, strict=True)]
lesson.table(
    ("weights 10 times as large", "predicted", "derived", "measured"),
    ("with batch norm: loss of the first batch, factor", None, 1, factors[0]),
    ("with batch norm: gradient of the first weights, factor", predicted_gradient, 0.1, factors[1]),
    ("without: loss, factor", None, None, before[1][0] / before[0][0]),
    ("without: gradient, factor", None, None, before[1][1] / before[0][1]),
)
# eps is 1e-5, the smallest variance of a channel here about 0.2
assert abs(factors[0] - 1) <= 1e-3, "with batch norm the size of the weights should not matter to the loss"
assert abs(10 * factors[1] - 1) <= 1e-2, "and the gradient should be as many times smaller"
assert before[1][0] > 100 * before[0][0], "without it, the loss should explode"

by_scale = {
    name: np.array([[after_100_steps(norm, scale, seed) for scale in SCALES] for seed in range(SEEDS)])
    for name, norm in (("without batch norm", False), ("batch norm", True))
}
print()
lesson.table(
    ("test accuracy (%) after 100 steps, weights times", *map(str, SCALES)),
    *((name, *accuracies.mean(axis=0)) for name, accuracies in by_scale.items()),
)
assert by_scale["batch norm"].min() >= 75, "with batch norm every scale should learn"
assert by_scale["without batch norm"][:, [0, -1]].max() <= 40, "without it, neither very small nor very large"

# %%
figure = plot.lines(
    by_scale,
    x=SCALES,
    xlabel="factor of the weights at the start",
    ylabel="test accuracy after 100 steps (%)",
    title="Mean of the seeds; shaded: from the worst to the best",
    log_x=True,
    ylim=(0, 100),
)
lesson.show(
    figure,
    alt=(
        "Test accuracy after 100 steps over the factor of the first weights. With batch norm it is high for "
        "every factor; without it very small and very large weights hardly learn."
    ),
)

# %% [markdown]
# Less sensitive is not insensitive. A step of $-\eta\,\partial L / \partial W$ is, in proportion to the
# weights, $1/c^2$ times as large: ten times the weights learn like a rate of 0.001. Small weights help
# themselves. As the loss is the same along the line $cW$, the gradient is at a right angle to $W$, and a step
# at a right angle makes $W$ longer: the first steps stretch the weights until they have a fitting size.
#
# ## "Improve regularization"
#
# *Regularisation* is whatever keeps a network from learning its training images by heart. Batch norm has such
# an effect because $\mu$ and $\sigma^2$ are estimates from $M$ images. Over the choice of these images $\mu$
# varies with variance $\sigma^2 / M$, and $\sigma^2$, a mean of squares, with variance
# $(E[(x - \mu)^4] - \sigma^4) / M = (\kappa - 1)\,\sigma^4 / M$, where $\kappa$ is the mean of $\hat x^4$. To
# first order $\delta \hat x = -\delta\mu / \sigma - \hat x\,\delta\sigma^2 / (2 \sigma^2)$. Take the mean
# square; over all images $\hat x$ has mean 0, so that the mixed term goes, and mean square 1:
#
# $$E[(\delta \hat x)^2] = \frac1M \Big(1 + \frac{\kappa - 1}{4}\Big) = \frac{3}{2M}
# \quad\text{for normal } x, \text{ which have } \kappa = 3.$$
#
# We draw batches and compare $\hat x$ in a batch with $\hat x$ by the statistics of all training images.

# %%
responses = build(False, ReLU, np.random.default_rng(0))[0].predict(images)  # of a first layer, (1437, 100)
ones, zeros = np.ones(100, dtype=np.float32), np.zeros(100, dtype=np.float32)
fixed, _, _ = F.batch_norm_train_forward(responses, ones, zeros)
rng, rows = np.random.default_rng(0), []
for size in (15, 60, 240):
    squares = []
    for _ in range(4800 // size):
        batch = rng.integers(len(images), size=size)
        noisy, _, _ = F.batch_norm_train_forward(responses[batch], ones, zeros)
        squares.append(np.square(noisy - fixed[batch]).mean())
    rows.append((f"batches of {size}", predicted_noise if size == 60 else None, (1.5 / size) ** 0.5))
    rows[-1] += (np.mean(squares) ** 0.5,)
lesson.table(("noise of a response, standard deviation", "predicted", "derived", "measured"), *rows)
for name, _, derived, measured in rows:
    # first order in 1/M, and these responses are not quite normal
    assert abs(measured / derived - 1) <= 0.15, f"{name}: the noise should be sqrt(1.5 / M)"

# %% [markdown]
# Does the noise regularise? A network that learns by heart is best caught with images whose labels are
# *wrong*: 300 digits, of which three in ten carry the name of another digit. All networks take the same steps
# of 30 images. But batch norm sees these 30 in groups, and its statistics are those of the group. (Without
# batch norm a step in groups has the same gradient as one without.)

# %%
GROUPS = (30, 3) if lesson.setting() == "fast" else (30, 5, 3)


def by_heart(norm, group, seed):
    """Return how many of the wrong labels are learned, and the test accuracy, both in percent."""
    rng = np.random.default_rng(seed)
    net = build(norm, ReLU, rng, hidden=2)
    few = rng.choice(len(images), 300, replace=False)
    wrong = rng.random(300) < 0.3
    given = np.where(wrong, (labels[few] + rng.integers(1, 10, 300)) % 10, labels[few])
    for _ in training(net, images[few], given, rate=0.3, steps=200, rng=rng, batch=30, group=group):
        pass
    learned = net.predict(images[few][wrong]).argmax(axis=1) == given[wrong]
    return 100 * learned.mean(), accuracy(net)


arms = {"without batch norm": (False, 30)}
arms |= {f"batch norm, groups of {group}": (True, group) for group in GROUPS}
learned = {name: np.array([by_heart(*arm, seed) for seed in range(SEEDS)]) for name, arm in arms.items()}
lesson.table(
    ("200 steps of 30 images, in percent", "wrong labels learned", "test accuracy"),
    *((name, *found.mean(axis=0)) for name, found in learned.items()),
)
large, small = learned["batch norm, groups of 30"], learned["batch norm, groups of 3"]
assert (small[:, 0] < large[:, 0] - 40).all(), (
    "the noise of small groups should keep it from learning by heart"
)
assert (small[:, 1] > large[:, 1]).all(), "and it should recognise more of the test images"

# %% [markdown]
# Both slogans hold, and they pull in different directions. With statistics from 30 images batch norm mainly
# accelerates: it learns the wrong labels sooner than the network without it. With the noise of groups of 3
# the same steps teach it what the digits of a class have in common. So how much batch norm regularises
# depends on the size of the batches.

# %%
lesson.quiz(
    "Why does batch norm keep a network from learning its images by heart?",
    ("it depends on which images share a batch", "each step sees an image with other noise"),
    ("it keeps the weights small", "the size of the weights in front of it does not even matter"),
    ("it has fewer parameters", "it has two more for each channel"),
)

# %% [markdown]
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
# ## The predecessor
#
# AlexNet (2012) had local response normalisation (LRN). It divides the number $x_c$ in channel $c$ of a pixel
# by a power of what the $n$ channels around it contain at the same pixel,
#
# $$y_c = x_c \Big/ \Big(k + \alpha \sum_{|c' - c| \le n/2} x_{c'}^2\Big)^{\beta},
# \qquad k = 2,\; n = 5,\; \alpha = 10^{-4},\; \beta = \tfrac34.$$
#
# (The paper's $\alpha$ multiplies the sum; that of PyTorch and minires the *mean*, so it is $n$ times as
# large.) LRN is "not used anymore" (lecture 9): two years later VGG-11 was no better with it than without
# (Simonyan & Zisserman 2014, arXiv:1409.1556, section 4.1).

# %%
x = rng.standard_normal((2, 7, 3, 4))
SIZE, PAPERS_ALPHA = 5, 0.1  # larger than AlexNet's 1e-4, so that the denominator matters
y, _ = F.local_response_norm_forward(x, size=SIZE, alpha=SIZE * PAPERS_ALPHA)
by_hand = x[:, 3] / (2 + PAPERS_ALPHA * (x[:, 1:6] ** 2).sum(axis=1)) ** 0.75  # channel 3 and its window
lrn = gradcheck.check_gradients(LocalResponseNorm(alpha=SIZE * PAPERS_ALPHA), x, train=True, rng=rng)
assert abs(y[:, 3] - by_hand).max() <= 1e-12, "alpha before the mean should be n times that before the sum"
assert lrn.ok and lrn.error < 1e-6, "the gradient of LRN should be right"

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - The gradient of batch norm has three paths; without those through $\mu$ and $\sigma$ it is wrong.
# - Train mode answers for a batch, eval mode for an image.
# - It accelerates training. The size of the weights in front of it does not matter to the loss, and only
#   divides their gradient.
# - Its noise, $\sqrt{3/(2M)}$, regularises in small batches, and hardly in large ones.
#
# ## What to try next
#
# 1. Set `STEPS` to 2000: does rate 0.03 ever begin to learn without batch norm?
# 2. Shuffle the images before the test in train mode: what becomes of the accuracy, and why?
#
# ## Exercises
#
# 1. Show that $\sum_i \hat x_i\,\partial L / \partial x_i$ is almost 0 as well. What does it say about
#    stretching $x$, and where does the "almost" come from?
# 2. Why does a convolution before a batch norm need no bias?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. Yes: the accuracy begins to rise after some 500 steps and has reached 60 % after 2000.
# 2. It is 96 %, as in eval mode: a shuffled batch is a sample of all digits, so its mean is close to the
#    running one.
#
# **Exercises.**
#
# 1. With $S = \sum_j g_j \hat x_j$ and $\sum_i \hat x_i = 0$ it is $\gamma\,(\sigma^2 + \epsilon)^{-1/2}\,S\,
#    (1 - \tfrac1M \sum_i \hat x_i^2)$, and the bracket is $\epsilon / (\sigma^2 + \epsilon)$. Stretching $x$
#    around its mean does not change $y$, but for $\epsilon$, which does not stretch with it.
# 2. It would be part of $\mu$ and be subtracted again; $\beta$ does its work.
