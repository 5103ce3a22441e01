# %% [markdown]
# # 11. Degradation: deeper, and worse on the training set
#
# **Question.** Lesson 10 built a deeper network that computes exactly what a shallower one computes. So a
# deeper network can never be worse on the images it is trained on. Can it?
#
# *Time: 1 min. Before this: lesson 10. Sources: lecture 6, slides "Simply stacking layers?" and "CIFAR-10
# experiments"; lecture 9, slides on ResNet; He et al. 2015 (arXiv:1512.03385), figures 1 and 6, table 2,
# sections 4.1 and 4.2.*

# %%
import numpy as np

import minires.functional as F
from minires import data, experiments, lesson, models, plot, probe
from minires.layers import Conv2d

# %% [markdown]
# ## The argument, and what it leaves out
#
# Write $\mathcal H_{20}$ for the functions that a plain 20-layer network can compute and $\mathcal
# H_{56}$ for those of a 56-layer one. By lesson 10, $\mathcal H_{20} \subseteq \mathcal H_{56}$, so the
# best training error over the larger set is at most that over the smaller:
#
# $$\min_{f \in \mathcal H_{56}} \mathrm{error}_{train}(f) \;\le\;
#   \min_{f \in \mathcal H_{20}} \mathrm{error}_{train}(f).$$
#
# This speaks of *minima*. What training returns is not a minimum but where stochastic gradient descent stands
# after so many steps. If the deeper network ends with the higher **training** error, this is not overfitting
# (that would be a low training error beside a high test error) nor a lack of capacity: the better
# solution exists, and the solver does not find it.

# %% [markdown]
# ## Predict
#
# Four networks, plain-20, plain-56, ResNet-20 and ResNet-56, on 10,000 CIFAR-10 images, with the paper's
# recipe shortened to 800 iterations. The 56-layer ones have three times the parameters. By how many
# percentage points will the training error of plain-56 lie above that of plain-20 (negative: below)? And
# that of ResNet-56 above that of plain-56?

# %%
predicted_plain, predicted_residual = -5, -5

# %% [markdown]
# ## Measured once, and kept
#
# These runs took more than an hour on two cores, so they come with the lesson: `experiments.stored` reads
# them, and `python -m minires.experiments degradation stored --out DIR` makes them again. Batches of 50,
# learning rate 0.1 divided by 10 after 400 and 600 iterations, crops and flips, three seeds, 5,000 test
# images. The training error is the mean over the last 100 iterations. Guessing has an error of 90 %.

# %%
PLAIN, RESIDUAL = ("plain-20", "plain-56"), ("ResNet-20", "ResNet-56")
runs = experiments.stored("degradation")


def final(arm, measure="train_error"):
    """Return the last value of an error for every seed, in percent."""
    return np.array([100 * run.final(measure) for run in runs[arm]])


lesson.table(
    ("error in %, mean of three seeds", "train", "test", "train of each seed"),
    *(
        (arm, final(arm).mean(), final(arm, "test_error").mean(), " ".join(f"{e:.1f}" for e in final(arm)))
        for arm in (*PLAIN, *RESIDUAL)
    ),
)
degradation = final(PLAIN[1]) - final(PLAIN[0])
rescue = final(RESIDUAL[1]) - final(PLAIN[1])
depth = final(RESIDUAL[1]) - final(RESIDUAL[0])
lesson.table(
    ("points of training error", "predicted", "measured", "every seed"),
    ("plain-56 against plain-20", predicted_plain, degradation.mean(), str(degradation.round(1))),
    ("ResNet-56 against plain-56", predicted_residual, rescue.mean(), str(rescue.round(1))),
    ("ResNet-56 against ResNet-20", None, depth.mean(), str(depth.round(1))),
)
assert len(degradation) >= 3, "three seeds at least"
assert (degradation > 0).all(), "in every seed the deeper plain network has the higher training error"
assert (rescue < 0).all(), "in every seed shortcuts lower the training error of 56 layers"

# %%
figure = plot.runs(runs, title="10,000 CIFAR-10 images; shade: three seeds", ylim=(48, 92))
lesson.show(figure)

# %% [markdown]
# The training error (dashed) of plain-56 lies above that of plain-20 all the way, by 23 points in the
# end, and the test error follows: degradation, with nothing overfitted. The shortcuts, which add no
# parameter, take nine points off it. (Two things raise the training errors a little above the test errors
# here: they are taken on cropped and flipped images, and while the network is still improving.)
#
# The shortcuts do **not** make 56 layers better than 20 here: ResNet-56 ends 19 points behind ResNet-20.
# 800 iterations show only the start of training, where the deeper network is the slower one, with shortcuts
# too. That time alone does not cure the plain ones is what the paper's long runs show. On CIFAR-10, after
# 64,000 iterations on all 50,000 images, plain-56 is still behind plain-20 (its figure 6), while ResNet-56
# has 6.97 % test error and ResNet-20 8.75 %. On ImageNet the validation error goes from 27.94 % (plain-18)
# to 28.54 % (plain-34) without shortcuts, and from 27.88 % to 25.03 % with them (its table 2).

# %% [markdown]
# ## The same, live
#
# The digits that come with minires, ten epochs, one seed. Here plain-56 hardly learns at all: it ends near
# the 90 % of guessing. (`python lessons/11_degradation.py --full` trains the paper's networks up to 110
# layers with the paper's recipe: 64k iterations, the rate divided by 10 at 32k and 48k, a warm-up for 110
# layers. It needs CIFAR-10, a GPU and hours, and resumes where it was stopped.)

# %%
setting = lesson.setting()
options = {"device": "gpu", "out": "runs/degradation-full"} if setting == "full" else {"seeds": [0]}
live = experiments.run("degradation", setting, **options)
lesson.table(
    ("last evaluation, in %", "train error", "test error", "seconds"),
    *(
        (arm, 100 * r.final("train_error"), 100 * r.final("test_error"), r.seconds)
        for arm, (r, *_) in live.items()
    ),
)
if setting == "live":
    error = {arm: run.final("train_error") for arm, (run,) in live.items()}
    assert error["plain-56"] > error["plain-20"], "the deeper plain network has the higher training error"
    assert error["ResNet-56"] < error["plain-56"], "shortcuts lower the training error of 56 layers"

# %% [markdown]
# ## Is it vanishing gradients?
#
# The ResNet lecture says so: vanishing or exploding gradients hurt deep plain networks. The paper disagrees:
# its plain networks have batch norm, and their gradients are healthy. So look. An observer notes the norm of
# the gradient with respect to the output of every convolution in untrained networks; the table has the ratio
# of the first to the last, and the factor per layer that this makes.

# %%
DEPTH, SEEDS = 56, range(3)
train, _ = data.load("digits")
x, labels = data.Normalisation.fit(train)(train.images[:64]), train.labels[:64]


def gradient_norms(name, seed):
    """Return the norm of the gradient after every convolution of an untrained network, first to last."""
    net = models.build(name, num_classes=10, in_channels=1, rng=np.random.default_rng(seed))
    with probe.watch(net, probe.Statistics()) as seen:
        logits, cache = net.forward(x, train=True)
        _, loss_cache = F.softmax_cross_entropy_forward(logits, labels)
        net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
    return seen.series("dy_norm", Conv2d)


norms = {
    kind: np.array([gradient_norms(f"{kind}{DEPTH}", seed) for seed in SEEDS]) for kind in ("plain", "resnet")
}
growth = {kind: np.exp(np.log(n[:, 0] / n[:, -1]).mean()) for kind, n in norms.items()}
per_layer = {kind: growth[kind] ** (1 / (DEPTH - 2)) for kind in growth}
lesson.table(
    ("gradient at the first / at the last convolution", "total", "per layer"),
    *((f"{kind}-{DEPTH}", growth[kind], per_layer[kind]) for kind in growth),
)
assert abs(per_layer["plain"] - 1.19) <= 0.03, (
    "backwards, the plain network's gradient grows by about a fifth a layer"
)
assert growth["plain"] > 100 * growth["resnet"], "with shortcuts the gradient grows far less"
# 34 to 55 with seeds 0 to 5; if backward forgot the shortcuts it would be a millionth
assert 15 < growth["resnet"] < 150, "but it grows: along the shortcuts nothing is lost on the way back"

# %%
figure = plot.lines(
    {f"plain-{DEPTH}": norms["plain"], f"ResNet-{DEPTH}": norms["resnet"]},
    xlabel="convolution, from the image to the classifier",
    ylabel="norm of the gradient at its output",
    log=True,
)
lesson.show(figure)

# %% [markdown]
# Nothing vanishes. With batch norm and MSRA's weights the gradient of the untrained plain network *grows*
# on its way back, by a fifth a layer, to ten thousand times over 54 layers; the ResNet's grows by a factor
# of 44, most of it near the image. (Its curve is jagged because the two convolutions of a block have
# different gradients.) This is a measurement before the first step. It does not say what slows the plain
# network down later: batch norm divides each layer by its own scale, so a large gradient does not simply
# mean large steps. What the lesson shows is degradation itself, and that shortcuts take away a part of it in
# short runs and, in the paper, all of it in long ones. Lessons 15 to 19 look at the gradient in detail.
#
# ## What to try next
#
# Set `DEPTH` to 110 (and leave out the assertion about 1.19): what does a fifth a layer make of 108 layers?
#
# ## Exercises
#
# 1. A friend trains plain-56 and shows you 15 % test error, and 8 % with 20 layers: "overfitting, so I add
#    dropout". Which number do you ask for, and which values of it would make your friend right?
# 2. Could a larger learning rate for the deeper network settle the matter? How would you compare fairly?
#
# ## Answers
#
# 1. The training errors. Overfitting means that the 56-layer network has the *lower* training error and
#    the higher test error. If its training error is the higher one too, dropout, which makes fitting
#    harder still, is the wrong medicine.
# 2. Each network may get the best of the same set of rates, chosen on held-out images; then compare the best
#    with the best, from several seeds. The papers chose one recipe for all depths, which is fair in another
#    way: nothing was tuned for the winner.
