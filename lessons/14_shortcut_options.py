# %% [markdown]
# # 14. Bottlenecks and shortcuts: what they cost
#
# **Question.** The quiz of lecture 6: how many parameters has the block of two 3x3 convolutions on 64
# channels, and how many the bottleneck on 256? And what do the shortcuts cost, above all the dotted
# ones, where the two sides of the addition do not even have the same shape?
#
# *Time: 2 s. Before this: lessons 1 and 12. Sources: lecture 6, slides "A practical design of going
# deeper" and "Network 'Design'"; the ResNet lecture, slides "Skip Connections" and "Deeper Bottleneck
# Architecture"; lecture 9, slides "Residual Networks"; the ICML 2016 tutorial, slide "Future works"; He et
# al. 2015 (arXiv:1512.03385), sections 3.3 and 4.1, tables 1 and 3, figure 5.*

# %%
import numpy as np

import minires.functional as F
from minires import init, lesson, models, plot
from minires.accounting import cost, published
from minires.layers import Dropout, Linear, PadShortcut
from minires.models import blocks

SHAPES = init.SHAPES_ONLY  # weights that take no memory: we count

# %% [markdown]
# ## Predict
#
# The two quizzes first, with paper and pencil. A basic block is 3x3, 3x3 on 64 channels; a bottleneck takes
# 256 channels, goes down to 64 with a 1x1 convolution, has its 3x3 there, and goes up again with a 1x1. Then
# the dotted shortcuts. The ResNet lecture says of identity and projection: "Either way - no additional
# training parameters are used". ResNet-34 has three dotted shortcuts, from 64 to 128 to 256 to 512 channels;
# option A pads them with zeros, option B puts 1x1 convolutions there. And a shortcut with stride 2 has to
# leave something out.

# %%
predicted_basic = lesson.predict(
    "How many weights does a block of two 3x3 convolutions on 64 channels have, without biases?", within=1.02
)
predicted_bottleneck = lesson.predict(
    "How many weights does the bottleneck on 256 channels have (1x1 to 64, 3x3, 1x1 to 256)?", within=1.02
)
predicted_ratio = lesson.predict(
    "Two 3x3 convolutions on the bottleneck's 256 channels: how many times its weights would they have?",
    within=1.3,
)
predicted_option = lesson.predict(
    "How many parameters do option B's projections add to ResNet-34 with option A?", within=1.5
)
predicted_seen = lesson.predict(
    "What percentage of the pixels does option B's shortcut of stride 2 look at?", "%", by=5
)

# %% [markdown]
# ## Derivation: the quiz
#
# A $K \times K$ convolution from $C$ to $C'$ channels has $K^2 C C'$ weights (no bias, for batch norm
# follows) and uses each of them once for each of the $HW$ pixels that it outputs. With $C = 64$:
#
# | block | weights | multiply-adds |
# |---|---|---|
# | 3x3, 3x3 on $C$ channels | $9C^2 + 9C^2 = 18\,C^2$ | $18\,HWC^2$ |
# | 1x1 to $C$, 3x3, 1x1 back to $4C$ | $4C^2 + 9C^2 + 4C^2 = 17\,C^2$ | $17\,HWC^2$ |
# | 3x3, 3x3 on $4C$ channels | $18\,(4C)^2 = 288\,C^2$ | $288\,HWC^2$ |
#
# The bottleneck costs a little less than the basic block and works between maps of four times as many
# channels, where the basic block would cost $288/17 = 17$ times as much. Batch norm adds 2 parameters for
# each channel that it normalises, $\gamma$ and $\beta$.

# %%
C, MAP = 64, 56  # ResNet-50's first stage: maps of 56x56 pixels


def count(convs, channels):
    """Return the cost.Table of a branch: its convolutions with batch norm and ReLU, for one image."""
    return cost.table(blocks.post_activation(*convs), (channels, MAP, MAP))


def weights(table):
    """Return the number of parameters of its convolutions, without those of batch norm."""
    return sum(row.params for row in table.rows if row.weighted)


basic = count(blocks.basic(C, C, 1, SHAPES), C)
bottleneck = count(blocks.bottleneck(4 * C, 4 * C, 1, SHAPES, stride_in="1x1"), 4 * C)
wide = count(blocks.basic(4 * C, 4 * C, 1, SHAPES), 4 * C)
lesson.table(
    ("weights of", "predicted", "derived", "measured", "with batch norm", "multiply-adds / pixel"),
    ("3x3, 3x3 on 64", predicted_basic, 18 * C**2, weights(basic), basic.params, basic.macs // MAP**2),
    (
        "bottleneck on 256",
        predicted_bottleneck,
        17 * C**2,
        weights(bottleneck),
        bottleneck.params,
        bottleneck.macs // MAP**2,
    ),
    ("3x3, 3x3 on 256", None, 288 * C**2, weights(wide), wide.params, wide.macs // MAP**2),
    ("the last / the bottleneck", predicted_ratio, 288 / 17, weights(wide) / weights(bottleneck), None, None),
)
assert (weights(basic), basic.params) == (73_728, 73_984), "the quiz's first answer"
assert (weights(bottleneck), bottleneck.params) == (69_632, 70_400), "the quiz's second answer"
assert weights(wide) == 1_179_648
assert [table.macs / MAP**2 / C**2 for table in (basic, bottleneck, wide)] == [18, 17, 288]

# %%
lesson.quiz(
    "'Why do we want to do this?', the slide asks of the bottleneck.",
    (
        "more layers and four times the channels for the same cost",
        "17 C^2 against 18 C^2, with 4C channels outside",
    ),
    ("fewer channels regularise the network", "outside the branch there are more channels, not fewer"),
    ("a 1x1 convolution has a wider view than a 3x3", "it sees a single pixel; only the 3x3 looks around"),
)

# %%
lesson.quiz(
    "How many weights does the bottleneck of the next stage have, on 512 channels?",
    ("278,528", "17 C^2 with C = 128: four times as many"),
    ("139,264", "twice as many would be linear in C; each convolution has both its channel numbers doubled"),
    ("4,718,592", "that is two 3x3 convolutions on the 512 channels, 18 (4C)^2"),
)

# %% [markdown]
# ## Flat or bottleneck: the stage table
#
# "ResNet-50 is the same as ResNet-34, but replaces Basic blocks with Bottleneck Blocks", says lecture 9. Its
# table of stages, counted in the networks of the catalogue; each entry of a stage is blocks, then layers. A
# network's number counts stem, branches and the last layer, but no projection.


# %%
DEPTHS = (18, 34, 50, 101, 152)
top5 = published.values("imagenet one crop", "top-5 error")
lines, counted, work = [], [], {}
for depth in DEPTHS:
    net = models.build(f"resnet{depth}", rng=SHAPES)
    table = cost.table(net, (3, 224, 224))
    stages = {name: net[name].parts for name in ("stage1", "stage2", "stage3", "stage4")}
    with_weights = [row.name for row in table.rows if row.weighted]
    layers = {name: sum(f"{name}." in row and ".branch." in row for row in with_weights) for name in stages}
    counted.append(1 + sum(layers.values()) + 1)
    work[depth] = table.macs
    if depth == 34:
        ends = table.rows[0].macs + table.rows[-1].macs  # the first convolution and the last layer
    lines.append(
        (
            f"ResNet-{depth}",
            {2: "basic", 3: "bottleneck"}[layers["stage1"] // len(stages["stage1"])],
            *(f"{len(parts)}, {layers[name]}" for name, parts in stages.items()),
            counted[-1],
            f"{work[depth] / 1e9:.2f}",
            top5[f"resnet{depth}" if depth < 50 else f"resnet{depth}_v1.5"],
        )
    )
lesson.table(("", "block", "stage 1", "2", "3", "4", "layers", "GMAC", "published top-5 error (%)"), *lines)
assert counted == list(DEPTHS), "stem, branches and the last layer should make the network's number"
flat = cost.table(models.imagenet_resnet(depth=34, width=4 * C, rng=SHAPES), (3, 224, 224)).macs
derived = 16 * (work[34] - ends) + 4 * ends  # four times the channels on both sides of a layer, or on one
print()
lesson.table(
    ("multiply-adds of 3, 4, 6, 3 blocks", "layers", "channels at the end", "derived", "measured"),
    ("basic", 34, 512, None, work[34]),
    ("bottleneck", 50, 2048, None, work[50]),
    ("basic on the bottleneck's channels", 34, 2048, derived, flat),
)
assert flat == derived and flat > 14 * work[50], "flat blocks on wide maps should cost 16 times as much"

# %% [markdown]
# Flat or bottleneck is not a choice between less and more work: for the multiply-adds of 34 flat layers one
# gets 50 layers and four times the channels. Flat blocks with that many channels would cost 15 times as
# much. (The errors are torchvision's, whose bottlenecks have their stride in the 3x3; more of that below.
# What depth costs in all is lesson 22.)
#
# ## The ends: a 4x stem, no hidden fc, no dropout
#
# Lecture 9 calls the stem "aggressive": a 7x7 convolution and a pooling, both with stride 2, "to downsample
# the input 4x before applying residual blocks". That is 4x a side, so what follows works on a sixteenth of
# the pixels. At the other end lecture 6 remarks "no hidden fc, no dropout".

# %%
net, vgg = (models.build(name, rng=SHAPES) for name in ("resnet34", "vgg19"))
stem = [row for row in cost.table(net, (3, 224, 224)).rows if row.name in ("stem.conv", "stem.pool")]
print()
lesson.table(
    ("the stem of ResNet-34", "input", "output", "million multiply-adds"),
    *((row.name, str(row.input), str(row.output), row.macs / 1e6) for row in stem),
)
at_size = {size: cost.table(net["stage1"], (C, size, size)).macs for size in (224, MAP)}
kinds = {
    name: [sum(isinstance(layer, kind) for _, layer in one.named_layers()) for kind in (Linear, Dropout)]
    for name, one in (("VGG-19", vgg), ("ResNet-34", net))
}
print()
lesson.table(
    ("", "derived", "measured"),
    ("stage 1 on the whole image / after the stem", 4**2, at_size[224] / at_size[MAP]),
    ("VGG-19: fully-connected layers", 3, kinds["VGG-19"][0]),
    ("ResNet-34: fully-connected layers", 1, kinds["ResNet-34"][0]),
    ("VGG-19: dropout layers", 2, kinds["VGG-19"][1]),
    ("ResNet-34: dropout layers", 0, kinds["ResNet-34"][1]),
)
assert stem[-1].output == (C, 224 // 4, 224 // 4), "two strides of 2 should leave a quarter of each side"
assert at_size[224] == 4**2 * at_size[MAP], "and a sixteenth of the work"
assert kinds == {"VGG-19": [3, 2], "ResNet-34": [1, 0]}, "no hidden fully-connected layer, and no dropout"

# %%
lesson.quiz(
    "The stem downsamples '4x'. How much work is a layer after it, beside the same layer before it?",
    ("a sixteenth", "a quarter of the height and a quarter of the width are left, and both count"),
    ("a quarter", "that is what is left of each side; a convolution is computed at every pixel"),
    ("as much", "only where the channels double, which they do not in the stem's pooling or in stage 1"),
)

# %% [markdown]
# ## Dotted lines
#
# At "3x3 conv, 128, /2" (the "/2" is the stride, lesson 3) the map of $H \times W$ pixels becomes one of
# $\tfrac H2 \times \tfrac W2$, and the channels double. The shortcut around such a block is drawn dotted,
# because $x$ has another shape than $F(x)$ and must be brought to it. The paper compares three ways:
#
# - **A**: take every second pixel, and fill the new channels with zeros. Nothing is learned.
# - **B**: a projection on the dotted shortcuts, a 1x1 convolution with stride 2; all others are the
#   identity.
# - **C**: projections everywhere.
#
# Figure 3 of the paper, drawn from the networks themselves (with dashes for dots, and option B beside them):

# %%
names = {"VGG-19": "vgg19", "34-layer plain": "plain34", "34-layer residual": "resnet34"}
nets = {title: models.build(name, rng=SHAPES) for title, name in names.items()}
lesson.show(
    plot.blocks(nets, input_shape=(3, 224, 224), title="Without shortcuts and with them"),
    alt=(
        "VGG-19, a plain and a residual network of 34 layers, side by side. The residual one has the plain "
        "one's layers, with an arc over every two of them, dashed where the map is halved."
    ),
)

# %% [markdown]
# For A, public codes put the zeros in different places. Here two channels of 2x2 pixels, 1 2 3 4 and
# 10 20 30 40, become four channels of one pixel:

# %%
pixels = np.array([[1.0, 2.0], [3.0, 4.0]])
x = np.stack([pixels, 10 * pixels])[None]  # (1, 2, 2, 2)
appended, _ = F.pad_shortcut_forward(x, channels=4, stride=2, placement="append")
both_sides, _ = F.pad_shortcut_forward(x, channels=4, stride=2, placement="split")
averaged, _ = F.pad_shortcut_forward(x, channels=4, stride=2, placement="mean")
print()
lesson.table(
    ("zeros of option A", "1", "2", "3", "4"),
    ("fb.resnet.torch: after the channels", *appended.ravel()),
    ("akamaster's CIFAR code: on both sides", *both_sides.ravel()),
    ("stochastic depth: after, and 2x2 pixels are averaged", *averaged.ravel()),
)
assert appended.ravel().tolist() == [1, 10, 0, 0] and both_sides.ravel().tolist() == [0, 1, 10, 0]
assert averaged.ravel().tolist() == [2.5, 25, 0, 0]

# %% [markdown]
# ## Derivation: the shortcuts
#
# A projection from $C$ to $C'$ channels has $C C'$ weights and the $2 C'$ of its batch norm. For basic
# blocks $C' = 2C$ on every dotted shortcut. A bottleneck stage outputs 256, 512, 1024, 2048 channels,
# and its *first* stage is dotted too: it takes 64 channels from the stem and hands on 256, at stride 1.


# %%
BASE = "A"


def projection(c, c_out):
    return c * c_out + 2 * c_out


def params(depth, option):
    """Return the number of parameters of ImageNet's ResNet with that shortcut option."""
    net = models.imagenet_resnet(depth=depth, shortcut=option, rng=SHAPES)
    return cost.table(net, (3, 224, 224)).params


plain_34 = cost.table(models.build("plain34", rng=SHAPES), (3, 224, 224)).params
dotted_34 = sum(projection(c, 2 * c) for c in (64, 128, 256))
solid_34 = sum(blocks * projection(c, c) for c, blocks in ((64, 3), (128, 3), (256, 5), (512, 2)))
dotted_50 = projection(64, 256) + sum(projection(c, 2 * c) for c in (256, 512, 1024))
derived = (0, dotted_34, dotted_34 + solid_34, dotted_50)
measured = (
    params(34, BASE) - plain_34,
    params(34, "B") - params(34, BASE),
    params(34, "C") - params(34, BASE),
    params(50, "B") - params(50, BASE),
)
print()
lesson.table(
    ("parameters added", "predicted", "derived", "measured"),
    ("ResNet-34, option A, to plain-34", None, derived[0], measured[0]),
    ("ResNet-34, option B, to option A", predicted_option, derived[1], measured[1]),
    ("ResNet-34, option C, to option A", None, derived[2], measured[2]),
    ("ResNet-50, option B, to option A", None, derived[3], measured[3]),
)
assert measured == derived, "the sum over the projections should be all there is"
assert derived == (0, 173_824, 1_092_992, 2_776_576)

# %% [markdown]
# "No additional parameters" holds for identities and for padding, not for projections. In ResNet-34 option
# B's are 0.8 % of the parameters. But a bottleneck's shortcut connects the *wide* ends: a projection there
# has $4C \cdot 4C = 16\,C^2$ weights, nearly as many as the branch with its $17\,C^2$. So option C,
# projections everywhere, nearly doubles the deep networks (section 4.1 of the paper).

# %%
totals = {}
for option in "ABC":
    totals[f"option {option}"] = {
        f"ResNet-{depth}": params(depth, option) / 1e6 for depth in (18, 34, 50, 101, 152)
    }
lesson.show(
    plot.bars(totals, ylabel="parameters (millions)", form="{:.1f}"),
    alt=(
        "Parameters of five ResNets by shortcut option. A and B hardly differ; C adds little to ResNet-18 "
        "and 34, but makes the bottleneck networks more than half as large again."
    ),
)
growth_34, growth_152 = (totals["option C"][n] / totals["option B"][n] for n in ("ResNet-34", "ResNet-152"))
assert growth_34 < 1.05 and growth_152 > 1.75, "projections everywhere make bottlenecks expensive"

# %% [markdown]
# ## Where the stride stands
#
# A bottleneck that halves the map has two places for its stride: the first 1x1 convolution (the paper's
# prototxt) or the 3x3 (fb.resnet.torch and torchvision). In the second case the first 1x1 works on four
# times as many pixels: in each of three stages that adds $3 \cdot 28^2 \cdot 256 \cdot 128 =
# 77{,}070{,}336$ multiply-adds (the same in each, for the maps shrink as the channels grow). What is it good
# for? A 1x1 convolution with stride 2 never looks at three of four pixels. The gradient shows which pixels
# of $x$ matter to the branch:

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
    looked_at = (dx != 0).any(axis=(0, 1))  # (8, 8)
    seen[place] = 100 * looked_at.mean()
    assert looked_at[::2, ::2].all(), "every second pixel of every second row should be among them"
print()
lesson.table(
    ("ResNet-50, stride in", "multiply-adds", "pixels seen by the branch (%)"),
    *((place, macs[place], seen[place]) for place in macs),
)
assert macs["3x3"] - macs["1x1"] == stages * 3 * 28**2 * 256 * 128 == 231_211_008
assert seen == {"1x1": 25, "3x3": 100}, "a 1x1 convolution with stride 2 should see a quarter of the pixels"

# %% [markdown]
# So lecture 9's "3.8" for ResNet-50 is 3.858 cut off, the paper's model; 4.089 belongs to the other. And what
# does the shortcut see? The projection has stride 2 in both. Option A takes every second pixel, unless it
# averages 2x2 of them:

# %%
shortcuts = {
    "option B, a projection": blocks.shortcut("B", 8, 16, 2, rng),
    "option A, zeros appended": PadShortcut(16, stride=2, placement="append"),
    "option A, zeros on both sides": PadShortcut(16, stride=2, placement="split"),
    "option A, 2x2 pixels averaged": PadShortcut(16, stride=2, placement="mean"),
}
seen_past = {}
for name, shortcut in shortcuts.items():
    y, cache = shortcut.forward(x, train=False)
    dx = shortcut.backward(rng.standard_normal(y.shape, dtype=np.float32), cache)
    seen_past[name] = 100 * (dx != 0).any(axis=(0, 1)).mean()
print()
lesson.table(
    ("pixels that a shortcut of stride 2 sees (%)", "predicted", "measured"),
    *((name, predicted_seen if "B" in name else None, seen) for name, seen in seen_past.items()),
)
assert list(seen_past.values()) == [25, 25, 25, 100], "only averaging should look at every pixel"

# %% [markdown]
# ## Does it pay?
#
# Published errors on ImageNet with ten crops (tables 2 and 3 of the paper). The tutorial's "7.4" for
# ResNet-34 is option C.

# %%
top1 = published.values("imagenet ten crops", "top-1 error")
top5 = published.values("imagenet ten crops", "top-5 error")
print()
lesson.table(
    ("error (%)", "top-1", "top-5"),
    ("plain-34, no shortcuts", top1["plain34"], None),
    ("ResNet-34, option A", top1["resnet34"], None),
    ("ResNet-34, option B", None, top5["resnet34, option B"]),
    ("ResNet-34, option C", None, top5["resnet34"]),
)

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - Basic block $18\,C^2$, bottleneck $17\,C^2$ on four times the channels, and a layer more.
# - All these networks are a 4x stem, four stages, an average and one linear layer.
# - Option A is free, B costs its few projections, C is expensive for bottlenecks.
# - Projections are not what makes residual networks work: option A, without any, takes 3.5 points off the
#   top-1 error of the plain network; from B to C the top-5 error changes by less than a tenth of a point.
#
# ## What to try next
#
# 1. Draw the figure for multiply-adds (`.macs`) instead of parameters.
# 2. Put an `AvgPool2d(2, stride=2)` in front of a projection of stride 1, as later networks do: which pixels
#    does the shortcut see now?
#
# ## Exercises
#
# 1. How many projections does ResNet-152 have with option B, and what fraction of its parameters are they?
# 2. With option A the new channels of the shortcut are zero. What is "residual" in those channels?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. In billions, options A, B, C: ResNet-34 has 3.64, 3.66, 3.83, ResNet-152 10.92, 11.28, 20.74. C is as
#    expensive in multiply-adds as in parameters, for a projection is used once a pixel, as a branch is.
# 2. All of them, 100 %: each output is the mean of 2x2 pixels, and the 1x1 convolution then sees all outputs.
#
# **Exercises.**
#
# 1. Four, one at each stage's start, whatever the depth: 2,776,576 as for ResNet-50, 4.6 % of
#    60,192,808.
# 2. Nothing: there the block's output is $F(x)$ alone, as in a plain network. The paper's explanation
#    for B being slightly better than A is that zero-padded dimensions have no residual learning.
