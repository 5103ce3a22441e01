# %% [markdown]
# # 14. Bottlenecks and shortcuts: what they cost
#
# **Question.** The quiz of lecture 6: how many parameters has the block of two 3x3 convolutions on 64
# channels, and how many the bottleneck on 256? And what do the shortcuts cost, above all the dotted
# ones, where the two sides of the addition do not even have the same shape?
#
# *Time: 1 s. Before this: lessons 1 and 12. Sources: lecture 6, slides "A practical design of going
# deeper" and "Network 'Design'"; the ResNet lecture, slides "Skip Connections" and "Deeper Bottleneck
# Architecture"; He et al. 2015 (arXiv:1512.03385), sections 3.3 and 4.1, table 3, figure 5.*

# %%
import numpy as np

import minires.functional as F
from minires import cost, init, lesson, models, plot, published
from minires.models import blocks

SHAPES = init.SHAPES_ONLY  # weights that take no memory: we count

# %% [markdown]
# ## Derivation: the quiz
#
# A $K \times K$ convolution from $C$ to $C'$ channels has $K^2 C C'$ weights (no bias, for batch norm
# follows) and uses each of them once for each of the $HW$ pixels that it puts out. With $C = 64$:
#
# | block | weights | multiply-adds |
# |---|---|---|
# | 3x3, 3x3 on $C$ channels | $9C^2 + 9C^2 = 18\,C^2$ | $18\,HWC^2$ |
# | 1x1 to $C$, 3x3, 1x1 back to $4C$ | $4C^2 + 9C^2 + 4C^2 = 17\,C^2$ | $17\,HWC^2$ |
# | 3x3, 3x3 on $4C$ channels | $18\,(4C)^2 = 288\,C^2$ | $288\,HWC^2$ |
#
# That is the answer to "why do we want to do this?": the bottleneck costs a little less than the basic
# block and works between maps of four times as many channels, where the basic block would cost 17 times
# as much. Batch norm adds 2 parameters for each channel that it normalises, $\gamma$ and $\beta$.

# %%
C, MAP = 64, 56  # ResNet-50's first stage: maps of 56x56 pixels


def count(convs, channels):
    """Return the Table of a branch: its convolutions with batch norm and ReLU, for one image."""
    return cost.table(blocks.post_activation(*convs), (channels, MAP, MAP))


basic = count(blocks.basic(C, C, 1, SHAPES), C)
bottleneck = count(blocks.bottleneck(4 * C, 4 * C, 1, SHAPES, stride_in="1x1"), 4 * C)
wide = count(blocks.basic(4 * C, 4 * C, 1, SHAPES), 4 * C)


def weights(table):
    return sum(row.params for row in table.rows if row.weighted)


lesson.table(
    ("", "derived", "measured", "with batch norm", "multiply-adds / pixel"),
    ("3x3, 3x3 on 64", 18 * C**2, weights(basic), basic.params, basic.macs // MAP**2),
    ("bottleneck on 256", 17 * C**2, weights(bottleneck), bottleneck.params, bottleneck.macs // MAP**2),
    ("3x3, 3x3 on 256", 288 * C**2, weights(wide), wide.params, wide.macs // MAP**2),
)
assert (weights(basic), basic.params) == (73_728, 73_984), "the quiz's first answer"
assert (weights(bottleneck), bottleneck.params) == (69_632, 70_400), "the quiz's second answer"
assert weights(wide) == 1_179_648
assert [table.macs / MAP**2 / C**2 for table in (basic, bottleneck, wide)] == [18, 17, 288]

# %% [markdown]
# ## Dotted lines
#
# In "3x3 conv, 128, /2" the "/2" is the stride: the map of $H \times W$ pixels becomes one of $\tfrac H2
# \times \tfrac W2$, and the channels double. The shortcut around such a block is drawn dotted, because
# $x$ has another shape than $F(x)$ and must be brought to it. The paper compares three ways:
#
# - **A**: take every second pixel, and fill the new channels with zeros. Nothing is learned.
# - **B**: a projection on the dotted shortcuts, a 1x1 convolution with stride 2; all others are the
#   identity.
# - **C**: projections everywhere.
#
# Codes differ in where A puts its zeros. Here are two channels of 2x2 pixels that become four of one
# pixel:

# %%
pixels = np.array([[1.0, 2.0], [3.0, 4.0]])
x = np.stack([pixels, 10 * pixels])[None]  # (1, 2, 2, 2)
rows = {}
for placement, source in (
    ("append", "fb.resnet.torch: behind the channels"),
    ("split", "akamaster's CIFAR code: on both sides"),
    ("mean", "stochastic depth: behind, and 2x2 pixels are averaged"),
):
    y, _ = F.pad_shortcut_forward(x, channels=4, stride=2, placement=placement)
    rows[source] = y.ravel()
lesson.table(("what the four channels hold", *("1234")), *((source, *y) for source, y in rows.items()))
assert [list(y) for y in rows.values()] == [[1, 10, 0, 0], [0, 1, 10, 0], [2.5, 25, 0, 0]]

# %% [markdown]
# ## Predict
#
# The ResNet lecture says of identity and projection: "either way, no additional training parameters are
# used". ResNet-34 has three dotted shortcuts, from 64 to 128 to 256 to 512 channels. How many parameters
# does option B add to option A? Write down what the sentence says, or what you think.

# %%
prediction = 0

# %% [markdown]
# ## Derivation: the shortcuts
#
# A projection from $C$ to $C'$ channels has $C C'$ weights and the $2 C'$ of its batch norm. For basic
# blocks $C' = 2C$ on every dotted shortcut. A bottleneck stage puts out 256, 512, 1024, 2048 channels,
# and its *first* stage is dotted too: it takes 64 channels from the stem and hands on 256, at stride 1.


# %%
def projection(c, c_out):
    return c * c_out + 2 * c_out


def difference(build, depth, option, **options):
    """Return how many parameters an option has more than option A."""
    size = (3, 32, 32) if build is models.cifar_resnet else (3, 224, 224)
    tables = [cost.table(build(depth=depth, shortcut=o, rng=SHAPES, **options), size) for o in (option, "A")]
    return tables[0].params - tables[1].params


widths = (64, 128, 256, 512)
dotted_34 = sum(projection(c, 2 * c) for c in widths[:-1])
solid_34 = sum(n * projection(c, c) for c, n in zip(widths, (3, 3, 5, 2), strict=True))
dotted_50 = projection(64, 256) + sum(projection(c, 2 * c) for c in (256, 512, 1024))
dotted_20 = projection(16, 32) + projection(32, 64)
measured = {
    "ResNet-34, option B": difference(models.imagenet_resnet, 34, "B"),
    "ResNet-34, option C": difference(models.imagenet_resnet, 34, "C"),
    "ResNet-50, option B": difference(models.imagenet_resnet, 50, "B"),
    "ResNet-20 for CIFAR, option B": difference(models.cifar_resnet, 20, "B"),
}
derived = (dotted_34, dotted_34 + solid_34, dotted_50, dotted_20)
predicted = (prediction, None, None, None)
lesson.table(
    ("parameters more than option A", "predicted", "derived", "measured"),
    *(row for row in zip(measured, predicted, derived, measured.values(), strict=True)),
)
assert tuple(measured.values()) == derived, "the sum over the projections should be all there is"
assert derived == (173_824, 1_092_992, 2_776_576, 2_752)

# %% [markdown]
# The sentence holds for identities and for padding, not for projections. In ResNet-34 the projections
# are 0.8 % of the parameters; but look at what option C, projections everywhere, does to the
# bottlenecks. Their identity shortcuts connect the *wide* ends: a projection there has $16 C^2$ weights,
# nearly as many as the branch with its $17 C^2$. Section 4.1 of the paper: identity shortcuts are what
# makes bottlenecks cheap.

# %%
totals = {
    f"option {option}": {
        f"ResNet-{depth}": cost.table(
            models.imagenet_resnet(depth=depth, shortcut=option, rng=SHAPES), (3, 224, 224)
        ).params
        / 1e6
        for depth in (18, 34, 50, 101, 152)
    }
    for option in "ABC"
}
lesson.show(plot.bars(totals, ylabel="parameters (millions)", form="{:.1f}"))
growth = {name: totals["option C"][name] / totals["option B"][name] - 1 for name in totals["option B"]}
assert growth["ResNet-34"] < 0.05 and growth["ResNet-152"] > 0.75, "projections everywhere hurt bottlenecks"

# %% [markdown]
# ## Where the stride stands
#
# A bottleneck that halves the map has two places for its stride: the first 1x1 convolution (the paper's
# prototxt) or the 3x3 (fb.resnet.torch and torchvision). In the second case the first 1x1 works on four
# times as many pixels: in each of three stages that adds $3 \cdot 28^2 \cdot 256 \cdot 128 =
# 77{,}070{,}336$ multiply-adds (the maps shrink as the channels grow). What does one buy for it? A 1x1
# convolution with stride 2 never looks at three of four pixels. We ask the gradient which pixels of $x$
# matter to the branch:

# %%
rng = np.random.default_rng(0)
stages = 3
macs, seen = {}, {}
for place in ("1x1", "3x3"):
    net = models.imagenet_resnet(depth=50, stride_in=place, rng=SHAPES)
    macs[place] = cost.table(net, (3, 224, 224)).macs
    branch = blocks.post_activation(*blocks.bottleneck(8, 16, 2, rng, stride_in=place))
    x = rng.standard_normal((4, 8, 8, 8), dtype=np.float32)
    y, cache = branch.forward(x, train=False)
    dx = branch.backward(rng.standard_normal(y.shape, dtype=np.float32), cache)
    seen[place] = 100 * (dx != 0).any(axis=(0, 1)).mean()
lesson.table(
    ("ResNet-50, stride in", "multiply-adds", "pixels seen by the branch (%)"),
    *((place, macs[place], seen[place]) for place in macs),
)
assert macs["3x3"] - macs["1x1"] == stages * 3 * 28**2 * 256 * 128 == 231_211_008
assert seen == {"1x1": 25, "3x3": 100}, "a 1x1 convolution with stride 2 should see a quarter of the pixels"

# %% [markdown]
# So lecture 9's "3.8" for ResNet-50 is 3.858 cut off, the paper's model; 4.089 belongs to the other.
# (The projection on the shortcut has stride 2 in both and sees a quarter of the pixels, as does option
# A.)
#
# ## Does it pay?
#
# The paper's table 3, ImageNet, ten crops, top-5 error: the tutorial's "7.4" for ResNet-34 is the one
# with option C.

# %%
crops = published.values("imagenet ten crops", "top-5 error")
lesson.table(
    ("ResNet-34, ten crops", "top-5 error (%)"),
    ("option B", crops["resnet34, option B"]),
    ("option C", crops["resnet34"]),
)

# %% [markdown]
# ## What to keep
#
# - Basic block $18\,C^2$, bottleneck $17\,C^2$ on four times the channels.
# - Option A is free, B costs what its few projections cost, C is dear for bottlenecks. Projections are
#   not what makes residual networks work: the errors above differ by less than a tenth of a percent.
#
# ## What to try next
#
# Draw the figure for multiply-adds (`.macs`) instead of parameters. Ask the gradient which pixels the
# projection `blocks.shortcut("B", 8, 16, 2, rng)` sees.
#
# ## Exercises
#
# 1. How many projections does ResNet-152 have with option B, and which share of its parameters are they?
# 2. With option A the new channels of the shortcut are zero. What is "residual" in those channels?
#
# ## Answers
#
# 1. Four, one at each stage's start, whatever the depth: 2,776,576 as for ResNet-50, 4.6 % of
#    60,192,808.
# 2. Nothing: there the block's output is $F(x)$ alone, as in a plain network. The paper's explanation
#    for B being slightly better than A is that zero-padded dimensions have no residual learning.
