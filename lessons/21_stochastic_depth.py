# %% [markdown]
# # 21. Stochastic depth
#
# **Question.** Stochastic depth leaves out residual blocks at random, different ones in every training step.
# Why does that not ruin the network, what does it save and gain, and which of its many networks is the one
# that is tested?
#
# *Time: 6 s. Before this: lessons 12 and 15. Sources: the ResNet lecture, slide "Reduce Learning Time
# with Random Layer Drops"; lecture 9, slide "Recall: Stochastic Depth for Regularization"; Huang et al.
# 2016 (arXiv:1603.09382), sections 3 and 4, equations 2 to 5.*

# %%
import time

import numpy as np

from minires import experiments, lesson, models, optim, plot, probe
from minires.accounting import published
from minires.init import SHAPES_ONLY
from minires.layers import Conv2d, Linear, ReLU, Sequential, StochasticDepth

# %% [markdown]
# ## The rule
#
# Block $l$ of $L$ gets a gate $b_l$ that is 1 with probability $p_l$, its *survival probability*, and 0
# otherwise. It is drawn once for the whole mini-batch, and the ReLU stands outside:
#
# $$x_l = \mathrm{ReLU}\big(b_l\,\mathcal F_l(x_{l-1}) + x_{l-1}\big).$$
#
# A block whose gate is closed is the identity (lesson 12): $x_{l-1}$ comes out of a ReLU, so it passes
# the next one unchanged. (In the two blocks that change the shape it is their shortcut without weights.)
# The branch need not even be computed. The slide "Reduce Learning Time with Random Layer Drops" says "each
# layer has a survival probability and is randomly dropped": it is whole branches. All blocks build on the
# early ones, so these should survive more often; the linear rule is
#
# $$p_l = 1 - \frac{l}{L}\,(1 - p_L), \qquad p_L = 0.5.$$
#
# ## Predict
#
# ResNet-110 has 54 blocks. The early ones nearly always take part, the last one in every second step: how
# many on average, and how much does that number vary? And at the end of the lesson ResNet-26 learns 1,000
# images by heart. Whoever gives all ten classes the probability 0.1 has a test loss of $\log 10 = 2.3$ nats,
# whatever the images: does a network do better that has learned something, if not enough?

# %%
mean_depth = lesson.predict("How many of the 54 blocks take part in a step, on average?", within=1.1)
all_54 = lesson.predict("In 10,000 steps, how often do all 54 take part?", by=5)
below_30 = lesson.predict("In 10,000 steps, how often do fewer than 30?", by=5)
loss_of_all = lesson.predict("Learned by heart, every block in every step: test loss?", "nats", by=0.5)
loss_of_some = lesson.predict("And with stochastic depth?", "nats", by=0.5)

# %% [markdown]
# ## Derivation
#
# The expected number of blocks in a step is the sum of the $p_l$, and $\sum_l l = \tfrac12 L (L+1)$
# gives
#
# $$E[\mathrm{depth}] = L - \tfrac12 (1 - p_L)(L + 1) = \frac{3L - 1}{4} \quad\text{for}\quad p_L = 0.5.$$
#
# The gates are independent, so the variance of the depth is $\sum_l p_l (1 - p_l)$. Its distribution
# follows block by block: with probability $p_l$ block $l$ adds one to the depth of those before it.

# %% [markdown]
# ## Measure

# %%
BLOCKS, LAST = 54, 0.5
net = models.cifar_resnet(depth=110, survival=LAST, rng=SHAPES_ONLY)
survival = np.array([layer.survival for _, layer in net.named_layers() if isinstance(layer, StochasticDepth)])
takes_part = np.random.default_rng(0).random((10_000, BLOCKS)) < survival
depth = takes_part.sum(axis=1)

rule = 1 - np.arange(1, 55) / 54 * (1 - 0.5)
chance = np.ones(1)  # of depth 0, 1, 2, ... after the first l blocks, beginning with l = 0
for p in rule:
    chance = np.convolve(chance, [1 - p, p])
lesson.table(
    ("54 blocks, 10,000 steps", "predicted", "derived", "measured"),
    ("mean number of blocks", mean_depth, (3 * 54 - 1) / 4, depth.mean()),
    ("its standard deviation", None, np.sqrt((rule * (1 - rule)).sum()), depth.std()),
    ("steps with all 54 blocks", all_54, 10_000 * chance[54], (depth == 54).sum()),
    ("steps with fewer than 30", below_30, 10_000 * chance[:30].sum(), (depth < 30).sum()),
)
assert len(survival) == 54 and abs(survival - rule).max() < 1e-12, "the network follows the linear rule"
assert abs(depth.mean() - 40.25) < 0.1, "three quarters of the blocks take part"
assert abs(depth.std() - 3.02) < 0.1, "the depth varies by three blocks"
assert (depth == 54).sum() == 0 and chance[54] < 1e-7, "the whole network never takes part"

# %%
figure = plot.heat_map(
    ~takes_part[:40],
    xlabel="block (the first is 0)",
    ylabel="step (the first is 0)",
    label="is skipped",
    title="Blocks that are skipped in the first 40 steps",
    origin="upper",
)
lesson.show(
    figure,
    alt=(
        "A grid of 40 steps and 54 blocks, black where a block is skipped: hardly ever among the first "
        "blocks, about every second time among the last."
    ),
)
blocks = np.arange(26, 55)
fractions = {"10,000 steps": np.bincount(depth, minlength=55)[blocks] / 10_000}
labels = {"xlabel": "blocks that take part in a step", "ylabel": "fraction of the steps"}
lesson.show(
    plot.lines(fractions, derived={"derived": chance[blocks]}, x=blocks, **labels),
    alt=(
        "Fraction of the steps over the number of blocks that take part. The measured curve lies on the "
        "derived one, a narrow hill around 40; all 54 never take part."
    ),
)

# %% [markdown]
# The depth stays within a few blocks of 40. A step with the whole network is expected once in 22 million: the
# network that is tested never took part in training as a whole.

# %%
lesson.quiz(
    "Why are the last blocks dropped more often than the first?",
    ("every later block builds on the first ones", "without them the others see what they never saw"),
    ("the last blocks cost more", "all blocks of a ResNet for CIFAR cost about the same"),
    ("the last blocks learn faster", "the rule is about what other blocks need, not how fast one learns"),
)

# %% [markdown]
# ## A closed gate
#
# With $b_l = 0$ the branch's weights get no gradient at all, and the gradient passes the block
# unchanged. But the optimiser does not know of gates: it decays *all* weights, as the paper's code does.
# In that step the weights of a skipped block shrink by $1 - \eta\lambda$ ($\eta$: learning rate,
# $\lambda$: weight decay); if they have momentum from earlier steps, it moves them on.

# %%
CLOSED = 1e-12  # a survival probability: practically never
rng = np.random.default_rng(0)


def block(survival, after=None):
    """Return a block of 8 units with a branch of two layers."""
    branch = Sequential(Linear(8, 8, rng=rng), ReLU(), Linear(8, 8, rng=rng))
    return StochasticDepth(branch, after=after, survival=survival, rng=rng).astype(np.float64)


x, dy = np.abs(rng.standard_normal((4, 8))), rng.standard_normal((4, 8))
skipped = block(CLOSED, ReLU())
y, cache = skipped.forward(x, train=True)
dx = skipped.backward(dy, cache)
parameters = dict(skipped.named_parameters())
largest = max(abs(parameter.grad).max() for parameter in parameters.values())
before = parameters["branch.0.weight"].data.copy()
optim.SGD(parameters.items(), lr=0.1, momentum=0.9, weight_decay=1e-4).step()
shrunk = parameters["branch.0.weight"].data / before
half = block(0.5, ReLU())
patterns = {tuple((half.forward(x, train=True)[0] == x).all(axis=1)) for _ in range(100)}  # of the 4 vectors
lesson.table(
    ("closed gate", "derived", "measured"),
    ("largest difference of output and input", 0.0, abs(y - x).max()),
    ("largest gradient in the branch", 0.0, largest),
    ("largest difference of both gradients", 0.0, abs(dx - dy).max()),
    ("fraction of a weight lost in the step", 0.1 * 1e-4, 1 - shrunk.mean()),
    ("survival 0.5: patterns of skipped vectors", 2, len(patterns)),
)
assert largest == 0 and (y == x).all() and (dx == dy).all(), "a closed block is the identity, both ways"
assert abs(shrunk - (1 - 0.1 * 1e-4)).max() < 1e-12, "weight decay does not spare a skipped block"
assert patterns == {(True,) * 4, (False,) * 4}, "a mini-batch has one gate for all its images"

# %% [markdown]
# ## Which network is tested?
#
# "Testing: all blocks are kept active, re-calibrated according to its survival probability", says the slide:
# $x_l = \mathrm{ReLU}(p_l\,\mathcal F_l(x_{l-1}) + x_{l-1})$. The reason is an expectation over the
# gate:
#
# $$E\big[b\,\mathcal F(x) + x\big] = p\,(\mathcal F(x) + x) + (1 - p)\,x = p\,\mathcal F(x) + x.$$
#
# So for one block without the ReLU after it the test rule *is* the mean over the gate. With that ReLU it
# is not, since the mean of a ReLU is not the ReLU of the mean; nor for several blocks, since a branch is
# not linear in its input. For a network it is a rule of thumb.

# %%
one = block(0.8)
opened, tested = one.branch.predict(x) + x, one.predict(x)
gap = abs(0.8 * opened + 0.2 * x - tested).max()
mean = 0.8 * np.maximum(opened, 0) + 0.2 * x  # with the ReLU; x >= 0 passes it unchanged
gap_with_relu = abs(mean - np.maximum(tested, 0)).max()
lesson.table(
    ("largest difference of mean and test", "derived", "measured"),
    ("block without the ReLU after it", 0.0, gap),
    ("block with the ReLU", "not 0", gap_with_relu),
)
assert gap < 1e-12, "the test rule is the mean over the gate"
assert gap_with_relu > 1e-3, "with the ReLU it is not"

# %%
lesson.quiz(
    "Why is a branch multiplied by its survival probability at test time?",
    ("in training the next block met it only so often", "the factor gives it the mean that it had then"),
    ("so that the test costs less", "all branches are computed: the test costs as much as without"),
    ("because probabilities must add up to 1", "there is one for each block, and they add up to 40 here"),
)

# %% [markdown]
# ## Time
#
# A skipped branch costs nothing, neither forward nor backward. What that saves is counted in multiply-adds:
# ResNet-26 has 12 blocks of equal cost, but for the two with a stride, whose first convolution does half as
# much. We count what is computed in 200 steps. (Seconds follow, but depend on the machine; they are measured
# beside it, and nothing is asserted about them.)

# %%
BLOCK = 2 * 16 * 16 * 9 * 64  # multiply-adds of one block, for 8x8 pixels in all stages
part = np.array([0.75 if block in (5, 9) else 1.0 for block in range(1, 13)])
always = 3 * 16 * 9 * 64 + 64 * 10  # the stem and the classifier
rule_12 = 1 - np.arange(1, 13) / 12 * (1 - LAST)
derived = ((rule_12 * part).sum() * BLOCK + always) / (part.sum() * BLOCK + always)


class Counter(probe.Observer):
    """Counts the multiply-adds of what is computed."""

    macs = 0

    def forward(self, name, layer, x, y):
        if isinstance(layer, (Conv2d, Linear)):
            self.macs += layer.cost(x.shape)[1]


nets = [models.cifar_resnet(depth=26, survival=p, rng=np.random.default_rng(0)) for p in (None, LAST)]
one_image = rng.standard_normal((1, 3, 8, 8), dtype=np.float32)
counted = []
for net, steps in zip(nets, (1, 200), strict=True):
    with probe.watch(net, Counter()) as counter:
        for _ in range(steps):
            net.forward(one_image, train=True)
    counted.append(counter.macs / steps)
images = rng.standard_normal((50, 3, 8, 8), dtype=np.float32)
seconds = np.zeros(2)
for _ in range(3 if lesson.setting() == "fast" else 40):
    for i, net in enumerate(nets):  # in turns, so that a busy moment meets both
        start = time.perf_counter()
        y, cache = net.forward(images, train=True)
        net.backward(y, cache)
        seconds[i] += time.perf_counter() - start
lesson.table(
    ("a step with / without", "derived", "measured"),
    ("blocks", (3 * 12 - 1) / 4 / 12, None),
    ("multiply-adds", derived, counted[1] / counted[0]),
    ("seconds", derived, seconds[1] / seconds[0]),
)
assert counted[0] == part.sum() * BLOCK + always, "without it every block is computed"
assert abs(counted[1] / counted[0] - derived) < 0.03, "a quarter of the work is saved"

# %% [markdown]
# ## Training
#
# The paper trained ResNet-110 on CIFAR-10 for 500 epochs: 5.25 % test error with stochastic depth, 6.41 %
# with every block in every step. A regulariser shows where there is something to prevent. So here ResNet-26
# learns 1,000 images of CIFAR-10, averaged down to 8x8 pixels, in 40 epochs, and is tested on 1,500 others:
# batches of 50, a rate that falls from 0.1 to 0 like a cosine, no augmentation; both networks under equal
# conditions. The runs come with the lesson (`python -m minires.experiments stochastic_depth stored --out DIR`
# makes them again, with CIFAR-10).

# %%
stored = experiments.stored("stochastic_depth")
paper = published.values("cifar10 stochastic depth", "test error")
paper = {"every block": paper["resnet110"], "stochastic depth": paper["resnet110_stochastic"]}


def last(arm, measure, runs=stored):
    """Return the last value of every seed."""
    return np.array([run.final(measure) for run in runs[arm]])


predictions = {"every block": loss_of_all, "stochastic depth": loss_of_some}
losses = {arm: last(arm, "test_loss") for arm in stored}
lesson.table(
    ("test loss (nats)", "predicted", "measured", "each seed"),
    *((arm, predictions[arm], found.mean(), str(found.round(2))) for arm, found in losses.items()),
)
errors = {arm: 100 * last(arm, "test_error") for arm in stored}
train = {arm: 100 * last(arm, "train_error").mean() for arm in stored}
print()
lesson.table(
    ("error in %", "paper, test", "train", "test", "test of each seed"),
    *((arm, paper[arm], train[arm], found.mean(), str(found.round(1))) for arm, found in errors.items()),
)
assert (losses["every block"] - losses["stochastic depth"] > 1).all(), "a nat less, in every seed"
assert losses["every block"].min() > np.log(10), "with every block it knows less than nothing"
assert (errors["every block"] > errors["stochastic depth"]).all(), "and fewer errors"
figure = plot.runs(
    stored,
    measures=("train_loss", "test_loss"),
    apart=True,
    ylabel="loss (nats)",
    title="ResNet-26, 1,000 images; shade: five seeds",
    ylim=(0, 5.5),
)
lesson.show(
    figure,
    alt=(
        "Training and test loss over the iterations. With every block the training loss falls to 0 and the "
        "test loss climbs; with stochastic depth the training loss stays higher and the test loss rises much "
        "less."
    ),
)

# %% [markdown]
# With every block in every step the network errs in hardly one of its 1,000 images, and is as sure of what it
# does not know: a test loss of 4.3 nats, where saying 0.1 ten times has 2.3. Stochastic depth takes away 1.6
# nats (1.1 to 2.1), and 2.2 points of error (0.8 to 3.9; one test image is 0.07): less in every seed. (The
# paper's two errors are 1.2 points apart.) It is not the only cure: at its best, in the first third of the
# training, the network with every block has 1.9 nats too, so stopping early would also help.
#
# The training errors cannot be compared: what stands in the table for stochastic depth was counted while
# blocks were missing.
#
# The digits show no gain: after 500 of them ResNet-56 errs in 7 %, and in five seeds stochastic depth was
# better three times and worse twice. Where little is left to prevent, it prevents little. (`--full` trains
# the paper's two networks: 110 layers, CIFAR-10 without 5,000 images held out, 500 epochs, batches of 128,
# Nesterov's momentum. It needs a GPU and hours, and resumes where it was stopped.)

# %%
if lesson.setting() == "full":
    full = experiments.run("stochastic_depth", "full", device="gpu", out="runs/stochastic-depth-full")
    lesson.table(("error in %", "test"), *((arm, 100 * last(arm, "test_error", full).mean()) for arm in full))

# %%
lesson.quiz(
    "Which curve shows overfitting?",
    ("the test loss of every block", "it rises while the training loss goes on falling"),
    ("the training loss of every block", "it falls to 0: no harm, as long as the test loss falls too"),
    ("the training loss of stochastic depth, the higher one", "it was noted while blocks were missing"),
)
lesson.score()

# %% [markdown]
# ## What to keep
#
# - Each block takes part with probability $p_l = 1 - \tfrac lL (1 - p_L)$, for a whole mini-batch; three
#   quarters of them on average if $p_L = 0.5$, and a step takes about that fraction of the time.
# - A closed block is the identity in both directions. Weight decay goes on all the same.
# - At test time all branches take part, times $p_l$: the mean over the gate for one block without the
#   ReLU after it, a rule of thumb for the network.
# - A training error measured while blocks are missing is not the training error of the network that is
#   tested.
#
# ## What to try next
#
# 1. Set `LAST` to 0.8: what is the expected depth of 54 blocks, and which assertion notices?
# 2. Test a block without the factor: replace `one.predict(x)` by `opened`. How far is it from the mean?
#
# ## Exercises
#
# 1. Derive $E[\mathrm{depth}]$ for any $p_L$. Which $p_L$ halves the depth?
# 2. Dropout divides by the probability during training, stochastic depth multiplies by it at test time.
#    Write stochastic depth the other way round. Does the network learn the same?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. $54 - 0.1 \cdot 55 = 48.5$; the first to notice is that of the linear rule, which expects 0.5.
# 2. By $\tfrac15$ of the branch, $(1 - p)\,\mathcal F(x)$: in this block 0.63 where it is largest, and the
#    assertion fails.
#
# **Exercises.**
#
# 1. $\sum_l p_l = L - (1 - p_L)\,\frac{L + 1}{2}$. Half of $L$ would need $1 - p_L = L / (L + 1)$: the
#    last block then survives with probability $1 / (L + 1)$ only. For $L = 54$ that is 1.8 %.
# 2. $x_l = \mathrm{ReLU}\big(\tfrac{b_l}{p_l}\,\mathcal F_l + x_{l-1}\big)$, and no factor at test time.
#    The same function needs branches that are $p_l$ times as large, and they end in BN: $\gamma$ would
#    have to start at $p_l$ instead of 1. Even then training goes another way: the gradient of $\gamma$ is
#    $1 / p_l$ times as large, so relative to its size $\gamma$ takes steps $1 / p_l^2$ times as large.
