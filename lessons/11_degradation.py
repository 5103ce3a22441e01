# %% [markdown]
# # 11. Degradation: deeper, and worse on the training set
#
# **Question.** "Is learning better networks as simple as stacking more layers?" By lesson 10 a deeper
# network can compute exactly what a shallower one computes. So on the images it is trained on it can never
# be worse. Can it?
#
# *Time: 1 min. Before this: lesson 10. Sources: lecture 6, slides "Going Deeper", "Simply stacking layers?"
# and "CIFAR-10 experiments"; the ResNet lecture, slides "Deep vs Shallow Networks" and "Why Do ResNets Work
# Well?"; lecture 9, slides "Residual Networks"; He et al. 2015 (arXiv:1512.03385), figures 1 and 6, tables
# 2 and 6, sections 4.1 and 4.2.*

# %%
import numpy as np

import minires.functional as F
from minires import data, experiments, init, lesson, models, plot, probe
from minires.accounting import cost, published
from minires.layers import Conv2d

# %% [markdown]
# ## Predict
#
# Four networks, plain-20, plain-56, ResNet-20 and ResNet-56, on 10,000 CIFAR-10 images, after the first 800
# iterations of training. The 56-layer ones have three times the parameters. Then the same four, trained for
# ten times as long. And: is it the gradient that vanishes on its way back through a deep plain network?

# %%
predicted_plain = lesson.predict(
    "By how many percentage points is the training error of plain-56 above that of plain-20 "
    "(negative: below)?",
    "points",
    by=5,
)
predicted_residual = lesson.predict(
    "And that of ResNet-56 above that of plain-56 (negative: below)?", "points", by=5
)
predicted_depth = lesson.predict(
    "Now 20 epochs on all 50,000 images, averaged down to 16x16 pixels. By how many percentage points is "
    "the training error of ResNet-56 above that of ResNet-20 (negative: below)?",
    "points",
    by=2,
)
predicted_growth = lesson.predict(
    "In an untrained plain-56 with batch norm: by what power of ten is the gradient at the first convolution "
    "larger than at the last (negative: smaller)?",
    "powers of ten",
    by=1,
)

# %% [markdown]
# ## Derivation: the argument, and what it leaves out
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
# ## The start of training: 800 iterations
#
# These runs took more than an hour on two cores, so they come with the lesson: `experiments.stored` reads
# them, and `python -m minires.experiments degradation stored --out DIR` makes them again. The paper's
# recipe, shortened: batches of 50, learning rate 0.1 divided by 10 after 400 and 600 iterations, crops and
# flips, three seeds, 5,000 test images. The training error is the mean over the last 100 iterations.
# Guessing has an error of 90 %.

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
lesson.show(
    figure,
    alt=(
        "Training and test error of four networks over 800 iterations on CIFAR-10. Plain-56 stays far above "
        "plain-20 in both errors; ResNet-56 is below plain-56 but not yet below ResNet-20."
    ),
)

# %% [markdown]
# The training error (dashed) of plain-56 lies above that of plain-20 all the way, by 23 points in the
# end, and the test error follows: degradation, with nothing overfitted. The shortcuts, which add no
# parameter, take nine points off it. (Two things raise the training errors a little above the test errors
# here: they are taken on cropped and flipped images, and while the network is still improving.)
#
# This is only the start of training, where the deeper network is the slower one, with shortcuts too: after
# 800 iterations ResNet-56 is still 19 points behind ResNet-20. Where it ends is another matter.

# %%
lesson.quiz(
    "'Initial guess: deep model is overfitting since it is much bigger', says a slide. What refutes it?",
    ("its training error is the higher one too", "a network that overfits fits its training images better"),
    ("its test error is the higher one", "that is what one sees with overfitting as well"),
    (
        "it has only three times the parameters",
        "how many are too many depends on the images, not on a factor",
    ),
)

# %% [markdown]
# ## Deeper is better: 20 epochs
#
# The lectures' claim about residual networks: "deeper ResNets have lower training error, and also lower test
# error". On a processor it takes patience, and smaller images: all 50,000 of CIFAR-10, squares of 2x2 pixels
# averaged to one, so 16x16. Batches of 128, crops and flips, a rate that climbs to 0.1 during the first epoch
# and falls along a cosine to 0 in the twentieth. (`python -m minires.experiments depth stored --out DIR`; a
# run took one core half an hour for plain-20 and an hour and a half for ResNet-56. The table says which seeds
# there are.) The errors are those of the last epoch, the training errors again on cropped and flipped images.

# %%
trained = experiments.stored("depth")


def at_the_end(arm, measure="train_error"):
    """Return {seed: last value of an error in percent}."""
    return {run.seed: 100 * run.final(measure) for run in trained[arm]}


def gap(arm, other, measure="train_error"):
    """Return by how many points an arm's error is above another's, for every seed that both have."""
    one, two = at_the_end(arm, measure), at_the_end(other, measure)
    return np.array([one[seed] - two[seed] for seed in one if seed in two])


lesson.table(
    ("error in % after 20 epochs", "train", "test", "train of each seed"),
    *(
        (
            arm,
            np.mean(list(at_the_end(arm).values())),
            np.mean(list(at_the_end(arm, "test_error").values())),
            " ".join(f"{error:.1f}" for error in at_the_end(arm).values()),
        )
        for arm in trained
    ),
)
deeper = gap(RESIDUAL[1], RESIDUAL[0])
lesson.table(
    ("points of training error", "predicted", "measured", "every seed"),
    ("plain-56 against plain-20", None, gap(*PLAIN[::-1]).mean(), str(gap(*PLAIN[::-1]).round(1))),
    ("ResNet-56 against ResNet-20", predicted_depth, deeper.mean(), str(deeper.round(1))),
)
for measure in ("train_error", "test_error"):
    assert (gap(*PLAIN[::-1], measure) > 10).all(), "the deeper plain one is worse, on new images too"
assert len(deeper) >= 2, "two seeds at least"
assert (deeper < 0).all(), "with shortcuts the deeper one has the lower training error, in every seed"
assert gap(RESIDUAL[1], RESIDUAL[0], "test_error").mean() < 0, "and the lower test error"
assert (gap(RESIDUAL[1], PLAIN[0]) < 0).all(), "it is better than any plain one"

# %%
figure = plot.runs(trained, title="50,000 CIFAR-10 images of 16x16 pixels", ylim=(14, 75))
lesson.show(
    figure,
    alt=(
        "Training and test error of the four networks over 20 epochs. Plain-56 ends near 60 %, far above all "
        "others. ResNet-56 begins above ResNet-20, meets it half way, and ends below it and below plain-20."
    ),
)

# %% [markdown]
# Depth hurts the plain network, by more than thirty points, and helps the residual one, by one or two. The
# picture also shows why one can miss it: for ten epochs ResNet-56 is level with ResNet-20 or above it. (A
# shorter version of these runs, eight epochs, ends with both at 27 %.) On these images, at this length, the
# difference is small; the paper's, after 164 epochs on whole images, is two points of test error.

# %% [markdown]
# ## "Simply stop improving rather than decrease"
#
# That is what the ResNet lecture promises "in most cases". Live, then: the digits that come with minires,
# ten epochs, a rate that climbs for two of them and falls along a cosine. (`python
# lessons/11_degradation.py --full` trains the paper's networks up to 110 layers with the paper's recipe:
# 64k iterations, the rate divided by 10 at 32k and 48k, a warm-up for 110 layers. It needs CIFAR-10, a GPU
# and hours, and resumes where it was stopped.)

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
    error = {arm: 100 * run.final("train_error") for arm, (run,) in live.items()}
    assert error["plain-56"] > error["plain-20"] + 20, "the deeper plain network should be much worse"
    assert error["ResNet-56"] < error["ResNet-20"] + 3, "the deeper residual network should not"

# %% [markdown]
# Plain-56 still has most of its training images wrong (67, 82 and 60 % with the seeds 0 to 2), while
# plain-20 has less than 1 % wrong: that is a decrease. ResNet-56 has 0.2 to 0.8 % wrong and ResNet-20 none:
# the digits are so easy that depth has nothing left to improve, and it stops improving. (At a constant rate
# of 0.1, without the slow climb, ResNet-56 still had 11 % wrong. A deep residual network starts slowly too,
# and one that is judged too early looks like a plain one.)
#
# ## Overfitting, and degradation
#
# "Deeper ResNets have lower training error, and also lower test error." How far does that go? Published
# errors on CIFAR-10 (tables 2 and 6 of the paper; 110 layers: the best of five runs), beside the
# parameters, counted:

# %%
DEPTHS = (20, 32, 44, 56, 110, 1202)
nets = {depth: models.build(f"resnet{depth}", rng=init.SHAPES_ONLY) for depth in DEPTHS}
params = {depth: cost.table(net, (3, 32, 32)).params for depth, net in nets.items()}
best = published.values("cifar10", "best test error of five runs")
test_errors = published.values("cifar10", "test error") | {"resnet110": best["resnet110"]}
print()
lesson.table(
    ("ResNet on CIFAR-10", "parameters", "published test error (%)"),
    *((f"{depth} layers", params[depth], test_errors[f"resnet{depth}"]) for depth in DEPTHS),
)
falling = [test_errors[f"resnet{depth}"] for depth in DEPTHS[:-1]]
assert falling == sorted(falling, reverse=True), "up to 110 layers deeper should be better"
assert test_errors["resnet1202"] > falling[-1], "and 1202 should be worse"

# %%
lesson.quiz(
    "ResNet-1202 and ResNet-110 both have a training error below 0.1 %. What is 7.93 % beside 6.43 %?",
    ("overfitting", "both fit the training images, and the larger one does worse on others"),
    ("degradation", "then the deeper network would have the higher training error"),
    ("vanishing gradients", "it could not have brought the training error below 0.1 % without gradients"),
)

# %% [markdown]
# From test errors alone one cannot tell which. Plain-56 shows degradation: its training and its test error
# are both the higher ones. ResNet-1202 overfits: it has eleven times the parameters of ResNet-110, for the
# same 50,000 small images, and no dropout or other strong regulariser (section 4.2). So residual learning
# moves the difficulty: from optimisation to generalisation. (Lesson 21 shows a cure: with stochastic depth
# 1202 layers reach 4.91 %.) On ImageNet the validation error goes from 27.94 % (plain-18) to 28.54 %
# (plain-34) without shortcuts, and from 27.88 % to 25.03 % with them (table 2).

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
    (f"gradient, first of {DEPTH} layers / last: power of ten", "predicted", "measured", "factor a layer"),
    ("plain", predicted_growth, np.log10(growth["plain"]), per_layer["plain"]),
    ("ResNet", None, np.log10(growth["resnet"]), per_layer["resnet"]),
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
lesson.show(
    figure,
    alt=(
        "Norm of the gradient at each convolution before training, logarithmic. In plain-56 it grows "
        "thousands of times from the classifier to the image; in ResNet-56 far less, mostly near the image."
    ),
)

# %% [markdown]
# Nothing vanishes. With batch norm and MSRA's weights the gradient of the untrained plain network *grows*
# on its way back, by a fifth a layer, to ten thousand times over 54 layers; the ResNet's grows by a factor
# of 44, most of it near the image. (Its curve is jagged because the two convolutions of a block have
# different gradients.) This is a measurement before the first step. It does not say what slows the plain
# network down later: batch norm divides each layer by its own scale, so a large gradient does not simply
# mean large steps. Lessons 15 to 19 look at the gradient in detail.

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - Degradation: with more layers the *training* error rises. A better solution exists (lesson 10), and the
#   solver does not find it; nothing is overfitted and, with batch norm, nothing vanishes.
# - Shortcuts, which add no parameter, take it away. With 1202 layers what remains is overfitting.
#
# ## What to try next
#
# 1. Set `DEPTH` to 110 (and leave out the assertion about 1.19): what does a fifth a layer make of 108
#    layers?
#
# ## Exercises
#
# 1. A friend trains plain-56 and shows you 15 % test error, and 8 % with 20 layers: "overfitting, so I add
#    dropout". Which number do you ask for, and which values of it would make your friend right?
# 2. Could a larger learning rate for the deeper network settle the matter? How would you compare fairly?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. $1.17^{108} = 10^{7.3}$; in the residual network a factor of 93, twice that of 56 layers.
#
# **Exercises.**
#
# 1. The training errors. Overfitting means that the 56-layer network has the *lower* training error and
#    the higher test error. If its training error is the higher one too, dropout, which makes fitting
#    harder still, is the wrong medicine.
# 2. Each network may get the best of the same set of rates, chosen on held-out images; then compare the best
#    with the best, from several seeds. The papers chose one recipe for all depths, which is fair in another
#    way: nothing was tuned for the winner.
