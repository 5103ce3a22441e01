# %% [markdown]
# # 4. GoogLeNet: where the savings come from
#
# **Question.** GoogLeNet has 22 layers and needs a tenth of VGG-16's multiply-adds and a twentieth of its
# parameters. Which of its ideas saves what? And what are its two extra classifiers good for?
#
# *Time: 6 s. Before this: lessons 1 to 3; 5 and 8 for the auxiliary classifiers. Sources: lecture 9, slides
# "GoogLeNet"; Szegedy et al. 2014 (arXiv:1409.4842), table 1, figure 2, section 5.*

# %%
import math
from functools import partial

import numpy as np

from minires import init, lesson, models, plot, probe
from minires.accounting import cost
from minires.layers import Concat, Conv2d, Flatten, Linear, MaxPool2d, Sequential
from minires.models.googlenet import INCEPTION, googlenet, googlenet_bn, inception
from minires.train.objective import cross_entropy

# %% [markdown]
# ## Predict
#
# An inception module passes one map through four branches, with 1 x 1, 3 x 3 and 5 x 5 kernels and a pooling
# of stride 1, and concatenates their outputs. GoogLeNet puts *more* layers into it, 1 x 1 convolutions that
# reduce the channels before the larger kernels and after the pooling. Nine such modules, named 3a to 5b,
# follow one another, and each takes what the one before puts out.
#
# Its *stem* brings the image from 224 to 28 pixels with three convolutions, where VGG-16 has seven. Its end
# averages each of 1024 maps of 7 x 7 pixels before the one fully-connected layer, instead of flattening them.
#
# In training two more classifiers (*heads*), on 4a and 4d, send gradients back too; their losses count 0.3.
# The way from the end to 4a leads through six more modules. Whether the heads' share is large depends on how
# much arrives along it, and that depends on the initial weights.

# %%
one_module = lesson.predict(
    "How many times fewer multiply-adds has module 3a with its reductions?", within=1.5
)
all_modules = lesson.predict("How many times fewer have all nine modules in a row?", within=1.5)
of_stem = lesson.predict(
    "How many times the multiply-adds of GoogLeNet does VGG-16 take from 224 to 28 pixels?", within=1.5
)
flattened = lesson.predict(
    "GoogLeNet has 1.0 million parameters after its last convolution. How many if it flattened its map?",
    "millions",
)
with_heads = {
    "MSRA": lesson.predict(
        "With MSRA's weights, how many times larger is the gradient at the output of 3a with the heads?",
        within=1.5,
    ),
    "Xavier": lesson.predict(
        "With Xavier's weights, how many times larger is the gradient at the output of 3a with the heads?",
        within=1.5,
    ),
    "batch norm": lesson.predict(
        "With batch norm, how many times larger is the gradient at the output of 3a with the heads?",
        within=1.5,
    ),
}

# %% [markdown]
# ## Derivation: what a 1 x 1 convolution saves
#
# Let the map have $C$ channels. Done naively, a $K \times K$ branch with $n$ filters takes $K^2 C n$
# multiply-adds for each pixel. With a 1 x 1 convolution in front that reduces $C$ to $r$ channels it takes
# $C r + K^2 r n$. In module 3a $C = 192$; the branches output 64, 128, 32 and 32 channels, and $r$ is 96
# before the 3 x 3 and 16 before the 5 x 5 kernels. For each of the $28^2$ pixels the naive module takes
#
# $$64\,C + 9 \cdot 128\,C + 25 \cdot 32\,C = 387072,$$
#
# and with the reductions, and a 1 x 1 convolution from $C$ to 32 channels after the pooling,
#
# $$64\,C + (96\,C + 9 \cdot 96 \cdot 128) + (16\,C + 25 \cdot 16 \cdot 32) + 32\,C = 163328.$$
#
# The naive pooling branch has no multiply-adds, but it passes on all $C$ channels. So each naive module puts
# out more channels than it takes, and the next one has to compute with them.
#
# ## Measure

# %%
unit = partial(Conv2d, rng=init.SHAPES_ONLY)  # a convolution to be counted only; ReLUs count nothing


def naive(channels, one, three, five, _):
    """Return a module without 1 x 1 reductions: figure 2 (a) of the paper."""
    return Concat(
        unit(channels, one, 1),
        unit(channels, three[1], 3, padding=1),
        unit(channels, five[1], 5, padding=2),
        MaxPool2d(3, stride=1, padding=1),
    )


def nine(module):
    """Return (channels after each module, its multiply-adds) of the nine in a row."""
    channels, macs = [192], []
    for name, widths in INCEPTION.items():
        size = {"3": 28, "4": 14, "5": 7}[name[0]]
        table = cost.table(module(channels[-1], *widths), (channels[-1], size, size))
        channels.append(table.outputs[""][0])
        macs.append(table.macs)
    return channels[1:], macs


naive_channels, naive_macs = nine(naive)
channels, macs = nine(partial(inception, unit=unit, largest_kernel=5))  # figure 2 (b)
ratio, ratio_of_nine = naive_macs[0] / macs[0], sum(naive_macs) / sum(macs)
lesson.table(
    ("multiply-adds (millions)", "naive", "reduced", "ratio: predicted", "derived", "measured"),
    ("module 3a", naive_macs[0] // 10**6, macs[0] // 10**6, one_module, 387_072 / 163_328, ratio),
    ("all nine", sum(naive_macs) // 10**6, sum(macs) // 10**6, all_modules, None, ratio_of_nine),
)
print("channels, reduced:", *channels)
print("channels, naive:  ", *naive_channels)
assert naive_macs[0] == 387_072 * 28**2 and macs[0] == 163_328 * 28**2, "module 3a: 303 against 128 million"
assert channels == [256, 480, 512, 512, 512, 528, 832, 832, 1024], "the channels of the paper's table 1"
assert 10.9 < ratio_of_nine < 11 and naive_channels[-1] == 4944, "without reductions the channels add up"

# %%
module = inception(192, *INCEPTION["3a"], unit=unit, largest_kernel=5)
lesson.show(
    plot.blocks(module, input_shape=(192, 28, 28), backward=True, title="Inception module 3a"),
    alt=(
        "Inception module 3a: four branches from one map of 192 channels, joined into 256. Two of them have "
        "a 1 x 1 convolution before the larger kernel, one after the pooling; backward, their four gradients "
        "are added."
    ),
)

# %%
lesson.quiz(
    "Why do the 1 x 1 convolutions save so much more in nine modules than in one?",
    (
        "without them the pooling branch passes on all channels, and they add up",
        "4944 channels leave the ninth naive module, 1024 the other",
    ),
    ("later modules have larger kernels", "all nine have the same kernels"),
    ("later maps are larger", "they shrink, from 28 to 14 to 7 pixels"),
)

# %% [markdown]
# ## The stem: downsample aggressively
#
# VGG-16 spends 60 % of its multiply-adds before its map is down to 28 x 28. GoogLeNet is there after three
# convolutions, the last two on maps of 56 x 56.

# %%
google = cost.table(models.build("googlenet", rng=init.SHAPES_ONLY), (3, 224, 224))
vgg = cost.table(models.build("vgg16", rng=init.SHAPES_ONLY), (3, 224, 224))
stem = [row for row in google.rows if row.name.split(".")[0] in ("conv1", "pool1", "conv2", "conv3", "pool2")]
early = [row for row in vgg.rows if row.name[:5] in ("conv1", "conv2", "conv3")]
rows = []
for title, column, size in (
    ("outputs (MiB)", "output_bytes", 1024**2),
    ("parameters (thousands)", "params", 1e3),
    ("multiply-adds (millions)", "macs", 1e6),
):
    ours = sum(getattr(row, column) for row in stem) / size
    theirs = sum(getattr(row, column) for row in early) / size
    rows.append((title, ours, theirs, theirs / ours))
lesson.table(
    ("from 224 to 28 pixels", "GoogLeNet", "VGG-16", "predicted", "measured"),
    *((*row[:3], guess, row[3]) for row, guess in zip(rows, (None, None, of_stem), strict=True)),
)
assert (google.params, google.macs) == (6_998_552, 1_582_671_872), "7.0 M parameters, 1.58 G multiply-adds"
assert [round(row[3], 1) for row in rows] == [6.2, 13.9, 19.4], "VGG-16 should need 6.2, 13.9 and 19.4 times"
assert round(rows[2][1], 1) == 480.8, "the stem takes 481 million multiply-adds, not 418"

# %%
panels = {title: {"GoogLeNet": ours, "VGG-16": theirs} for title, ours, theirs, _ in rows}
lesson.show(
    plot.bar_panels(panels, title="From 224 to 28 pixels"),
    alt=(
        "GoogLeNet and VGG-16 on the way from 224 to 28 pixels. GoogLeNet takes a sixth of the memory, a "
        "fourteenth of the parameters and a nineteenth of the multiply-adds."
    ),
)

# %% [markdown]
# The slides print 5.7, 8.9 and 17.8 for these ratios, from 7.5 against 42.9 MB, 124 K against 1.1 M and 418
# against 7485 million. Their VGG-16 lacks `conv3_3` (lesson 3), 418 seems to be 481 with two digits
# exchanged, and 8.9 is a ratio of rounded numbers. Their memory, like the table's, includes the poolings of
# the stem but not those of VGG. Counted alike, it is 6.9 times as much with poolings and 7.5 times without.
#
# ## Global average pooling instead of fully-connected layers
#
# VGG-16 *flattens* its last map into fc6. GoogLeNet averages each channel over its 7 x 7 pixels (*global
# average pooling*) and needs a single layer of $1024 \cdot 1000$ weights and 1000 biases.

# %%
flattening = Sequential(Flatten(), Linear(7 * 7 * 1024, 1000, rng=init.SHAPES_ONLY))
flat = cost.table(flattening, (1024, 7, 7)).params
dense = [sum(row.params for row in table.rows if row.kind == "Linear") for table in (vgg, google)]
lesson.table(
    ("parameters after the last convolution (millions)", "predicted", "derived", "measured"),
    ("VGG-16", None, ((7 * 7 * 512 + 1) * 4096 + 4097 * 4096 + 4097 * 1000) / 1e6, dense[0] / 1e6),
    ("GoogLeNet", None, (1024 + 1) * 1000 / 1e6, dense[1] / 1e6),
    ("GoogLeNet, if it flattened its map", flattened, (7 * 7 * 1024 + 1) * 1000 / 1e6, flat / 1e6),
)
assert dense == [123_642_856, 1_025_000], "averaging should leave 1.0 million parameters"
assert flat == 50_177_000, "of 50.2 million"

# %% [markdown]
# (Here the slides count GoogLeNet's biases but not VGG's: its fc6 has 102,765 thousand parameters, not
# 102,760. And the output of `fc` takes 3.9 KB, not 0.)

# %%
lesson.quiz(
    "Global average pooling lets GoogLeNet take images of many sizes. Why can VGG not?",
    ("fc6 has a weight for each pixel of each map", "of 512 maps of 7 x 7 pixels; an average has no weights"),
    ("its 3 x 3 kernels are made for 224 pixels", "a kernel slides over a map of any size"),
    ("five poolings need a power of two", "they round: 225 pixels end in 7 x 7 as well"),
)

# %% [markdown]
# ## Auxiliary classifiers
#
# While the network is trained, the two heads on the outputs of 4a and 4d predict the class too. The lecture
# calls them a hack, against gradients that do not propagate cleanly. The gradient at 4a is then a sum of what
# comes back from the end, through six more modules, and of what the heads send. How much of the former
# survives? With MSRA's weights a ReLU layer keeps the gradient's norm, with Xavier's it divides it by
# $\sqrt2$ (lesson 8). From 5b back to 3a the gradient passes eight modules, each one or two layers deep. So
# about 1 is left with MSRA's weights, and with Xavier's between $1/\sqrt2^{\,16} = 1/256$ and
# $1/\sqrt2^{\,8} = 1/16$. We measure it with random images of 65 pixels, and in the network with batch norm
# (lesson 5) as well.

# %%
END, ALL, HEAD_4A = (1, 0, 0), (1, 0.3, 0.3), (0, 0.3, 0)  # weights of the losses: end, 4a, 4d


def gradients(kind, seed):
    """Return {weights of the losses: norm of the gradient at the output of each module, (9,)}."""
    rng = np.random.default_rng(seed)
    if kind == "batch norm":  # torchvision's network, with 3 x 3 for 5 x 5
        net = googlenet_bn(num_classes=10, aux=True, keep=1.0, rng=rng)
    else:
        net = googlenet(num_classes=10, aux=True, image_size=65, keep=1.0, rng=rng)
    for _, layer in net.named_layers():
        if kind == "Xavier" and isinstance(layer, Conv2d):
            layer.weight.data *= math.sqrt(1 / 2)  # from variance 2/n to 1/n
    x, labels = rng.standard_normal((4, 3, 65, 65), dtype=np.float32), rng.integers(10, size=4)
    lengths = {}
    for weights in (END, ALL, HEAD_4A):
        with probe.watch(net, probe.Statistics()) as seen:
            answers, cache = net.forward(x, train=True)
            _, _, dy = cross_entropy(answers, labels, weights=weights)
            net.backward(dy, cache)
        lengths[weights] = np.array([seen[f"inception{name}"]["dy_norm"] for name in INCEPTION])
    return lengths


KINDS = {"MSRA": "about 1", "Xavier": "0.004 to 0.063", "batch norm": None}  # what should be left of 5b's
seeds = range(1 if lesson.setting() == "fast" else 3)
found = {kind: [gradients(kind, seed) for seed in seeds] for kind in KINDS}
left = {kind: np.array([one[END][0] / one[END][8] for one in runs]) for kind, runs in found.items()}
gain = {kind: np.array([one[ALL] / one[END] for one in runs]) for kind, runs in found.items()}
lesson.table(
    ("gradient at 3a", "left of 5b's: derived", "left: measured", "times, with heads: predicted", "measured"),
    *((kind, KINDS[kind], left[kind].mean(), with_heads[kind], gain[kind][:, 0].mean()) for kind in KINDS),
)
for runs in found.values():
    head = np.array([one[HEAD_4A] for one in runs])
    assert (head[:, :3] > 0).all() and (head[:, 3:] == 0).all(), "head 4a should reach 4a and before, not 4b"
assert all((times[:, :6] > 1).all() for times in gain.values()), "the heads should add to the gradient"
assert ((1 / 256 < left["Xavier"]) & (left["Xavier"] < 1 / 16)).all(), "with Xavier's weights it vanishes"
assert ((left["MSRA"] > 0.5) & (left["MSRA"] < 2)).all(), "with MSRA's it should keep its norm"
assert (gain["Xavier"][:, 0] > 3).all(), "where the gradient vanishes, the heads should make it larger"
assert (gain["MSRA"][:, 0] < 1.5).all() and (gain["batch norm"][:, 0] < 1.2).all(), "little elsewhere"

# %%
panels = {}
for kind, runs in found.items():
    names = {"with both heads": ALL, "loss at the end alone": END}
    panels[kind] = {name: [one[weights] for one in runs] for name, weights in names.items()}
figure = plot.line_panels(
    panels,
    xlabel="module (the heads are on 4a and 4d)",
    ticks=list(INCEPTION),
    ylabel="norm of the gradient at its output",
    log=True,
)
lesson.show(
    figure,
    alt=(
        "Norm of the gradient at the nine modules, with and without the auxiliary heads. With Xavier's "
        "weights it vanishes towards 3a and the heads raise it there; with MSRA's and with batch norm they "
        "change little."
    ),
)

# %% [markdown]
# The heads help where the gradient vanishes on its way. With Xavier's weights 3 % of it is left at 3a, and
# the heads make that more than five times larger. With MSRA's, published half a year after GoogLeNet, they
# change little, and with batch norm the gradient even grows on its way back. This agrees with the lecture's
# remark that with batch norm the trick is no longer needed. (All of it is before the first step of training;
# whether a trained network is better for its heads is not measured here.)

# %%
lesson.quiz(
    "Why is this trick no longer needed with batch norm?",
    (
        "the gradient reaches the early modules from the end alone",
        "little is added by the heads, as measured",
    ),
    ("batch norm makes the network shallower", "it adds layers; the depth stays"),
    ("batch norm trains a classifier in every layer", "it has two numbers a channel and no loss of its own"),
)

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - What saves is not the 1 x 1 kernel but the fewer channels that the costly kernels work on.
# - Small maps early save multiply-adds and memory; averaging at the end saves parameters.
# - Heads on the way help a gradient that would not arrive by itself.
#
# ## What to try next
#
# 1. Give only the pooling branch of `naive` its 1 x 1 convolution: how much of the factor 11 is due to that?
#
# ## Exercises
#
# 1. For which $r$ does a reduction save anything before a $K \times K$ convolution from $C$ to $n$ channels?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. The channels are then those of the paper, and all nine take 3948 million: a factor of 3.1 is due to the
#    pooling branches, the remaining 3.6 to the reductions before the 3 x 3 and 5 x 5 kernels.
#
# **Exercises.**
#
# 1. $C r + K^2 r n < K^2 C n$ for $r < K^2 C n / (C + K^2 n)$: up to 164 of the 192 channels in the 3 x 3
#    branch of 3a. With $r = C$ it would add $C^2$.
