# %% [markdown]
# # 4. GoogLeNet: where the savings come from
#
# **Question.** GoogLeNet has 22 layers and needs a tenth of VGG-16's multiply-adds and a twentieth of its
# parameters. Which of its ideas saves what? And what are its two extra classifiers good for?
#
# *Time: 6 s. Before this: lessons 1 to 3. Sources: lecture 9, slides "GoogLeNet"; Szegedy et al. 2014
# (arXiv:1409.4842), table 1, figure 2, section 5.*

# %%
import math

import numpy as np

from minires import cost, init, lesson, models, plot, probe
from minires.combine import Concat, Sequential
from minires.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU
from minires.models.googlenet import INCEPTION, googlenet, googlenet_bn, inception
from minires.train.objective import cross_entropy

# %% [markdown]
# ## Derivation: what a 1 x 1 convolution saves
#
# An inception module looks at one map of $C$ channels in four ways, with 1 x 1, 3 x 3 and 5 x 5 kernels and
# a pooling of stride 1, and concatenates the answers. Done naively, a $K \times K$ branch with $n$ filters
# takes $K^2 C n$ multiply-adds for each pixel. With a 1 x 1 convolution in front that reduces $C$ to $r$
# channels it takes $C r + K^2 r n$. In module 3a $C = 192$; the branches put out 64, 128, 32 and 32
# channels, and $r$ is 96 before the 3 x 3 and 16 before the 5 x 5 kernels. Together, for each of $28^2$
# pixels,
#
# $$64\,C + 9 \cdot 128\,C + 25 \cdot 32\,C = 387072$$
#
# is the naive cost, and with the reductions, and a 1 x 1 convolution after the pooling, it is
#
# $$64\,C + (96\,C + 9 \cdot 96 \cdot 128) + (16\,C + 25 \cdot 16 \cdot 32) + 32\,C = 163328.$$
#
# The naive pooling branch computes nothing, but it hands on all $C$ channels: each module then puts out more
# channels than it takes, and the next one pays for them.
#
# ## Predict
#
# How many times cheaper is module 3a with its reductions? And all nine modules in a row?

# %%
prediction, predicted_for_nine = 2.4, 5

# %% [markdown]
# ## Measure


# %%
def unit(channels, filters, kernel, *, padding=0):
    """Return a convolution with its ReLU, to be counted only."""
    conv = Conv2d(channels, filters, kernel, padding=padding, rng=init.SHAPES_ONLY)
    return Sequential(conv=conv, relu=ReLU())


def naive(channels, one, three, five, _):
    """Return a module without 1 x 1 reductions: figure 2 (a) of the paper."""
    return Concat(
        unit(channels, one, 1),
        unit(channels, three[1], 3, padding=1),
        unit(channels, five[1], 5, padding=2),
        MaxPool2d(3, stride=1, padding=1),
    )


def reduced(channels, *widths):
    """Return a module as it is: figure 2 (b)."""
    return inception(channels, *widths, unit=unit, largest_kernel=5)


def nine(module):
    """Return (channels behind each module, its multiply-adds) of the nine in a row."""
    channels, found = [192], []
    for name, widths in INCEPTION.items():
        edge = {"3": 28, "4": 14, "5": 7}[name[0]]
        table = cost.table(module(channels[-1], *widths), (channels[-1], edge, edge))
        channels.append(table.outputs[""][0])
        found.append(table.macs)
    return channels[1:], found


wide, dear = nine(naive)
narrow, cheap = nine(reduced)
lesson.table(
    ("multiply-adds (millions)", "naive", "reduced", "ratio", "derived", "predicted"),
    ("module 3a", dear[0] / 1e6, cheap[0] / 1e6, dear[0] / cheap[0], 387_072 / 163_328, prediction),
    ("all nine", sum(dear) / 1e6, sum(cheap) / 1e6, sum(dear) / sum(cheap), None, predicted_for_nine),
)
print("channels, reduced:", *narrow)
print("channels, naive:  ", *wide)
assert (dear[0], cheap[0]) == (387_072 * 28**2, 163_328 * 28**2), "module 3a: 303 against 128 million"
assert narrow == [256, 480, 512, 512, 512, 528, 832, 832, 1024], "the channels of the paper's table 1"
assert sum(dear) > 10 * sum(cheap) and wide[-1] == 4944, "without reductions the channels pile up"

# %% [markdown]
# ## The stem
#
# VGG-16 spends 60 % of its multiply-adds before its map is down to 28 x 28. GoogLeNet is there after three
# convolutions, two of them on small maps.

# %%
MIB = 1024**2
google = cost.table(models.build("googlenet", rng=init.SHAPES_ONLY), (3, 224, 224))
vgg = cost.table(models.build("vgg16", rng=init.SHAPES_ONLY), (3, 224, 224))
assert (google.params, google.macs) == (6_998_552, 1_582_671_872)
stem = [row for row in google.rows if row.name.split(".")[0] in ("conv1", "pool1", "conv2", "conv3", "pool2")]
early = [row for row in vgg.rows if row.name[:5] in ("conv1", "conv2", "conv3")]
measures = {
    "outputs (MiB)": lambda rows: sum(row.output_bytes for row in rows) / MIB,
    "parameters (thousands)": lambda rows: sum(row.params for row in rows) / 1e3,
    "multiply-adds (millions)": lambda rows: sum(row.macs for row in rows) / 1e6,
}
ratios = {title: of(early) / of(stem) for title, of in measures.items()}
lesson.table(
    ("from 224 to 28 pixels", "GoogLeNet", "VGG-16", "ratio"),
    *((title, of(stem), of(early), ratios[title]) for title, of in measures.items()),
)
assert [round(ratio, 1) for ratio in ratios.values()] == [6.2, 13.9, 19.4], "6.2, 13.9 and 19.4 times"
assert round(measures["multiply-adds (millions)"](stem), 1) == 480.8

# %%
figure = plot.bar_panels(
    {
        title: {"GoogLeNet's\nstem": of(stem), "VGG-16,\nstages 1-3": of(early)}
        for title, of in measures.items()
    },
    title="From 224 to 28 pixels",
)
lesson.show(figure)

# %% [markdown]
# The slides print 5.7, 8.9 and 17.8 for these ratios, from 7.5 against 42.9 MB, 124 K against 1.1 M and 418
# against 7485 million. Their VGG-16 lacks `conv3_3` (lesson 3), 418 seems to be 481 with two digits
# exchanged, and 8.9 is a ratio of rounded numbers. And their memory, as the table's, counts poolings in the
# stem but not in VGG: counted alike, VGG needs 6.9 times as much with poolings and 7.5 times without.
#
# ## Averages instead of fully-connected layers
#
# VGG-16 *flattens* its last map into fc6. GoogLeNet averages each channel over its 7 x 7 pixels (*global
# average pooling*) and needs a single layer, $1024 \cdot 1000$ weights and 1000 biases.

# %%
flat = Sequential(Flatten(), Linear(7 * 7 * 1024, 1000, rng=init.SHAPES_ONLY))
flat = cost.table(flat, (1024, 7, 7))
dense = [sum(row.params for row in table.rows if row.kind == "Linear") for table in (vgg, flat, google)]
lesson.table(
    ("parameters after the last convolution", ""),
    ("VGG-16: fc6, fc7, fc8", dense[0]),
    ("GoogLeNet's map flattened, one layer", dense[1]),
    ("GoogLeNet: averages, one layer", dense[2]),
)
assert dense == [123_642_856, 50_177_000, 1_025_000], "averages should save 49 of 50 million parameters"

# %% [markdown]
# (Here the slides count biases for GoogLeNet, but for VGG they do not: its fc6 has 102,765 thousand
# parameters, not 102,760. And the output of `fc` takes 3.9 KB, not 0.)
#
# ## Auxiliary heads
#
# While the network is trained, two small classifiers behind modules 4a and 4d try to name the class too;
# their losses count 0.3 each. At 4a the gradient is then a sum: what comes back from the end, through six
# more modules, and what the heads send. Does it need their help? That depends on how much survives the long
# way. With MSRA's weights a ReLU layer keeps the gradient's size, with Xavier's it takes a factor of $\sqrt2$
# (lesson 8). From 5b to 3a lie eight modules of one or two layers: what is left is 1 in the one case and in
# the other between $1/\sqrt2^{\,8} = 1/16$ and $1/\sqrt2^{\,16} = 1/256$.
#
# Predict: how many times longer is the gradient at the output of 3a with the heads?

# %%
predicted_gain = {"MSRA": 1.5, "Xavier": 5, "batch norm": 1}
END, ALL, HEAD_4A = (1, 0, 0), (1, 0.3, 0.3), (0, 0.3, 0)  # weights of the losses: end, 4a, 4d


def gradients(kind, seed):
    """Return {weights of the losses: length of the gradient at the output of each module, (9,)}."""
    rng = np.random.default_rng(seed)
    if kind == "batch norm":
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


seeds = range(1 if lesson.setting() == "fast" else 3)
found = {kind: [gradients(kind, seed) for seed in seeds] for kind in predicted_gain}
left = {kind: np.array([one[END][0] / one[END][8] for one in runs]) for kind, runs in found.items()}
gain = {kind: np.array([one[ALL] / one[END] for one in runs]) for kind, runs in found.items()}
lesson.table(
    ("gradient", "left at 3a: derived", "measured", "times, with heads: predicted", "measured "),
    *(
        (kind, derived, left[kind].mean(), predicted_gain[kind], gain[kind][:, 0].mean())
        for kind, derived in (("MSRA", "1"), ("Xavier", "1/256 to 1/16"), ("batch norm", None))
    ),
)
for runs in found.values():
    head = np.array([one[HEAD_4A] for one in runs])
    assert (head[:, :3] > 0).all() and (head[:, 3:] == 0).all(), "head 4a should reach 4a and before, not 4b"
assert all((times[:, :6] > 1).all() for times in gain.values()), "the heads should add to the gradient"
assert ((1 / 256 < left["Xavier"]) & (left["Xavier"] < 1 / 16)).all() and (left["MSRA"] > 0.5).all()
assert (gain["Xavier"][:, 0] > 3).all(), "where the gradient vanishes, the heads should bring it back"
assert (gain["MSRA"][:, 0] < 1.5).all() and (gain["batch norm"][:, 0] < 1.2).all(), "little elsewhere"

# %%
figure = plot.line_panels(
    {
        kind: {
            "with both heads": [one[ALL] for one in runs],
            "loss at the end alone": [one[END] for one in runs],
        }
        for kind, runs in found.items()
    },
    xlabel="module (1: 3a, 3: 4a, 6: 4d, 9: 5b)",
    ylabel="length of the gradient at its output",
    log=True,
)
lesson.show(figure)

# %% [markdown]
# The heads help where the gradient vanishes on its way. With Xavier's weights a thirtieth of it is left at
# 3a, and the heads lengthen that to more than five times; with MSRA's, published half a year after
# GoogLeNet, there is little to mend, and with batch norm the gradient even grows on its way back. So much
# for the lecture's remark that batch norm made the trick unnecessary. (All of this is before the first step
# of training; whether a trained network is better for its heads is not measured here.)
#
# ## What to try next
#
# Let only the pooling branch of `naive` have its 1 x 1 convolution: how much of the factor 11 is due to it?
#
# ## Exercises
#
# 1. For which $r$ does a 1 x 1 reduction before a $K \times K$ convolution from $C$ to $n$ channels save
#    anything?
# 2. Global average pooling lets GoogLeNet take images of many sizes. Why can VGG not?
#
# ## Answers
#
# 1. $C r + K^2 r n < K^2 C n$ for $r < K^2 C n / (C + K^2 n)$: up to 164 of the 192 channels in the 3 x 3
#    branch of 3a. With $r = C$ it adds $C^2$ to the cost: it is not the 1 x 1 kernel that saves, but the
#    narrow map.
# 2. Each output of fc6 has a weight for each of $512 \cdot 7 \cdot 7$ numbers. An average has none, whatever
#    the edge of the map.
