# %% [markdown]
# # 22. Depth is not cost
#
# **Question.** ResNet-152 has eight times as many layers as VGG-19, and yet fewer parameters, fewer
# multiply-adds and a lower error. Where did VGG spend it all? And do the shortcuts save anything?
#
# *Time: 2 s. Before this: lessons 1, 3 and 14. Sources: lecture 6, slides "ImageNet experiments", "Revolution
# of Depth" and "ResNets @ ILSVRC & COCO 2015 Competitions"; the ResNet lecture, slide "Deeper Bottleneck
# Architecture (Cont.)"; lecture 9, slides "Residual Networks" and "Comparing Complexity"; He et al. 2015
# (arXiv:1512.03385), section 4.1 and tables 1, 4 and 5; Canziani et al. 2017 (arXiv:1605.07678), figure 2.*

# %%
from minires import init, lesson, models, plot
from minires.accounting import cost, published


def table(net):
    """Return the cost.Table of a network for ImageNet, one image of the size it was designed for."""
    return cost.table(models.build(net, rng=init.SHAPES_ONLY), models.about(net).input_shape)


def part(table, kind):
    """Return (parameters, multiply-adds) of the layers of that kind, "Conv2d" or "Linear"."""
    rows = [row for row in table.rows if row.kind == kind]
    return sum(row.params for row in rows), sum(row.macs for row in rows)


# %% [markdown]
# ## Predict
#
# Set the two networks side by side: VGG-19 has 16 convolutions and three fully-connected layers, ResNet-152
# has 151 convolutions along its main path and one fully-connected layer. Lecture 6 gives two reasons why the
# second has fewer parameters: global average pooling, and shortcuts, which reuse features. If shortcuts are
# one, its *convolutions* must have fewer as well. Decide. Multiply-adds are another matter: there a weight
# counts as often as it is used.

# %%
dense = lesson.predict("What part of VGG-19's parameters is in its three fully-connected layers?", "%", by=10)
convs = lesson.predict(
    "How many times as many parameters do the convolutions of ResNet-152 have as those of VGG-19?", within=1.5
)
work = lesson.predict("How many times the multiply-adds of ResNet-152 does VGG-19 take?", within=1.3)
used = lesson.predict(
    "How many times as many pixels does a weight of VGG-19's convolutions work on as one of ResNet-152's?"
)

# %% [markdown]
# ## Revolution of depth
#
# In the ImageNet challenge the error fell as the networks became deeper: 8, 19, 22, 152 layers.

# %%
lesson.show(
    plot.history(),
    alt=(
        "Winners of the ImageNet challenge from 2010 to 2015. The top-5 error falls from 28 to below 4 "
        "percent, while the networks grow from 8 layers to 152."
    ),
)

# %% [markdown]
# The 3.57 % is that of six networks together, on the test set; VGG's 7.3 and GoogLeNet's 6.7 are of ensembles
# too. A single ResNet-152 has 4.49 % (on the validation set, at several scales). A trained person had 5.1 %.
#
# ## Derivation: parameters
#
# A fully-connected layer has a weight for each pair of input and output. VGG's first one takes all $7
# \times 7$ pixels of 512 channels, so the three have, with biases,
#
# $$(7 \cdot 7 \cdot 512 + 1)\,4096 + (4096 + 1)\,4096 + (4096 + 1)\,1000 = 123{,}642{,}856.$$
#
# ResNet averages each channel over its pixels first (global average pooling, GoogLeNet's idea), and one
# layer of $(2048 + 1)\,1000 = 2{,}049{,}000$ is left.

# %%
vgg, resnet = table("vgg19"), table("resnet152")
POOLED = 7 * 7  # pixels that VGG hands to its first fully-connected layer
derived_fc = (POOLED * 512 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000
vgg_fc, _ = part(vgg, "Linear")
resnet_fc, _ = part(resnet, "Linear")
vgg_conv, vgg_macs = part(vgg, "Conv2d")
resnet_conv, resnet_macs = part(resnet, "Conv2d")
lesson.table(
    ("parameters", "VGG-19", "ResNet-152"),
    ("all", vgg.params, resnet.params),
    ("fully-connected", vgg_fc, resnet_fc),
    ("convolutions", vgg_conv, resnet_conv),
)
ratio = resnet_conv / vgg_conv
print()
lesson.table(
    ("parameters", "predicted", "derived", "measured"),
    ("VGG-19: fully-connected (%)", dense, 100 * derived_fc / vgg.params, 100 * vgg_fc / vgg.params),
    ("convolutions: ResNet-152 / VGG-19", convs, None, ratio),
)
assert (vgg.params, resnet.params) == (143_667_240, 60_192_808), "ResNet-152 should be the smaller one"
assert vgg_fc == derived_fc == 123_642_856, "86 % of VGG-19 is fully-connected"
assert resnet_fc == (2048 + 1) * 1000, "next to nothing of ResNet-152 is"
assert ratio > 2.8, "but the convolutions of ResNet-152 should have almost three times the parameters"

# %% [markdown]
# So it is the average pooling. (Batch norm has the rest, 0.15 million.) An identity shortcut has no
# parameters, but it takes none away either: ResNet-34 with padded shortcuts has exactly as many as its plain
# twin. What keeps 152 layers at 58 million are the bottlenecks (lesson 14).

# %%
padded = models.imagenet_resnet(depth=34, shortcut="A", rng=init.SHAPES_ONLY)
with_shortcuts, without = cost.table(padded, (3, 224, 224)), table("plain34")
assert with_shortcuts.params == without.params == 21_623_848, "identity shortcuts should save nothing"
assert with_shortcuts.macs == without.macs, "nor should they cost anything"

# %%
lesson.quiz(
    "Why does ResNet-152, with more layers, have fewer parameters than VGG-19?",
    (
        "it averages its last maps, where VGG flattens them",
        "86 % of VGG-19 is in the layers that follow; the convolutions of ResNet-152 have more",
    ),
    ("its shortcuts reuse features", "an identity takes no parameters away, as ResNet-34 and its twin show"),
    ("its convolutions are thinner", "together they have three times the parameters of VGG-19's"),
)

# %% [markdown]
# ## Derivation: multiply-adds
#
# A weight of a convolution is used once for each pixel of the map that it produces, $HW$ times. Hence
#
# $$\frac{\text{multiply-adds}}{\text{weights}} = \text{mean number of pixels that a weight works on.}$$
#
# ResNet gets from $224^2$ to $56^2$ pixels with one convolution and one pooling. VGG-19 takes four
# convolutions for that, and has four each on maps of $56^2$, $28^2$ and $14^2$, where ResNet-152 has most of
# its layers on $14^2$.


# %%
def mean_pixels(table):
    """Return the mean of the pixels of the convolutions' maps, each map as often as there are weights."""
    rows = [(row.params, row.output[1] * row.output[2]) for row in table.rows if row.kind == "Conv2d"]
    return sum(weights * pixels for weights, pixels in rows) / sum(weights for weights, _ in rows)


by_maps = mean_pixels(vgg), mean_pixels(resnet)
pixels = vgg_macs / vgg_conv, resnet_macs / resnet_conv  # VGG's convolutions have biases too, 0.03 % of this
rows = []
for size in (224, 112, 56, 28, 14, 7):
    on_maps = [
        sum(row.macs for row in t.rows if row.kind == "Conv2d" and row.output[1] == size)
        for t in (vgg, resnet)
    ]
    rows.append(
        (f"on maps of {size}x{size} (%)", 100 * on_maps[0] / vgg_macs, 100 * on_maps[1] / resnet_macs)
    )
print()
lesson.table(
    ("multiply-adds of the convolutions", "VGG-19", "ResNet-152"),
    ("billions", vgg_macs / 1e9, resnet_macs / 1e9),
    ("per weight: pixels it works on, mean", *pixels),
    *rows,
)
print()
lesson.table(
    ("VGG-19 / ResNet-152", "predicted", "derived", "measured"),
    ("multiply-adds, all layers", work, None, vgg.macs / resnet.macs),
    ("pixels that a weight works on", used, by_maps[0] / by_maps[1], pixels[0] / pixels[1]),
)
assert 4.5 < pixels[0] / pixels[1] < 5.5, "a weight of VGG-19 should work on five times the pixels"
assert all(abs(a / b - 1) < 2e-3 for a, b in zip(by_maps, pixels, strict=True)), "as many as its maps have"
assert abs(vgg.macs / resnet.macs - 1.74) < 0.005, "VGG-19 should take 1.74 times the multiply-adds"

# %% [markdown]
# VGG-19 does nine tenths of its work on maps of 28 x 28 pixels and larger, ResNet-152 seven tenths on
# 14 x 14.

# %%
lesson.quiz(
    "Why does ResNet-152, with more layers, have a lower time complexity than VGG-19?",
    (
        "most of its layers work on small maps, and its 3 x 3 kernels on a quarter of the channels",
        "cost is channels squared times pixels, whatever the number of layers",
    ),
    ("shortcuts let the signal skip layers", "every layer is computed; the shortcut is computed besides"),
    ("it has no large fully-connected layers", "these are 0.6 % of VGG-19's multiply-adds"),
    ("batch norm makes it faster", "it makes training faster in steps, not a step cheaper"),
)

# %% [markdown]
# ## Comparing complexity
#
# Multiply-adds and parameters are counted from the layers; the errors are published ones, of one model
# and one crop (`minires/accounting/published.csv` has the sources).

# %%
names = "alexnet googlenet vgg16 vgg19 resnet18 resnet34 resnet50 resnet50_v1.5 resnet101 resnet152".split()
tables = {name: table(name) for name in names}
top1 = published.values("imagenet one crop", "top-1 error")
top5 = published.values("imagenet one crop", "top-5 error")
print()
lesson.table(
    ("", "parameters (M)", "multiply-adds (G)", "top-1 error (%)", "top-5 error (%)"),
    *((name, t.params / 1e6, t.macs / 1e9, top1[name], top5[name]) for name, t in tables.items()),
)
DEEP = "resnet152"
deep, vgg16, vgg19 = (round(tables[name].macs / 1e9, 1) for name in (DEEP, "vgg16", "vgg19"))
assert (deep, vgg16, vgg19) == (11.3, 15.5, 19.6), "ResNet-152 should need less than VGG-16 and VGG-19"
assert top1[DEEP] < min(top1["vgg16"], top1["vgg19"]), "and err less"

# %%
drawn = [name for name in names if name != "resnet50_v1.5"]
figure = plot.comparison([(n, tables[n].macs, 100 - top1[n], tables[n].params) for n in drawn])
lesson.show(
    figure,
    alt=(
        "Top-1 accuracy over multiply-adds, with parameters as areas. The ResNets lie to the upper left with "
        "small discs; VGG-16 and 19 take the most of both and are less accurate than ResNet-34."
    ),
)

# %% [markdown]
# Better is to the upper left, and a small disc. VGG: most multiply-adds and most parameters. AlexNet: few
# multiply-adds, but 96 % of its parameters are fully-connected. GoogLeNet: very efficient in both. (Lecture 9
# calls Inception-v4 "ResNet + Inception"; that is Inception-ResNet, presented in the same paper:
# Inception-v4 has no shortcuts.)
#
# Some numbers on the slides need a second look. Lecture 9's 13.6 for VGG-16 and the ResNet lecture's 15.3 are
# counts of something else (lesson 3). Lecture 9's "3.8" for ResNet-50 is 3.858 cut off. The error beside it,
# 7.13 %, belongs to another network, with the stride in the 3x3 convolutions and 4.09 billion; the one with
# 3.858 has 7.8 %. The same goes for ResNet-101 and 152: their 6.44 and 5.94 % belong to 7.80 and 11.51
# billion.

# %%
paper, later = tables["resnet50"].macs / 1e9, tables["resnet50_v1.5"].macs / 1e9
assert abs(paper - 3.858) < 5e-4 and abs(later - 4.089) < 5e-4, (
    "3.8 should be 3.858, not the network of 7.13 %"
)

# %% [markdown]
# ## First places in all five main tracks
#
# Classification was one of five tracks of the ImageNet and COCO competitions of 2015. ResNets won all: the
# features of the deep network serve other tasks too. The slides give how much better they were than the
# second; "improvements are relative numbers".

# %%
TRACKS = {  # what is measured, and whether it is an error
    "ImageNet detection (mAP at IoU 0.5)": False,
    "ImageNet localization (top-5 error)": True,
    "COCO detection (mAP at IoU 0.5 to 0.95)": False,
    "COCO segmentation (mAP at IoU 0.5 to 0.95)": False,
}
second, won = (published.values("competitions 2015", measure) for measure in ("second place", "ResNet"))
better = {
    t: 100 * (1 - won[t] / second[t] if error else won[t] / second[t] - 1) for t, error in TRACKS.items()
}
slides = dict(zip(TRACKS, (16, 27, 11, 12), strict=True))
print()
lesson.table(
    ("", "second place", "ResNet", "points", "better by (%)", "slides (%)"),
    *((t, second[t], won[t], won[t] - second[t], better[t], slides[t]) for t in TRACKS),
)
assert [round(percent) for percent in better.values()] == [16, 25, 11, 12], "all but one as on the slides"

# %% [markdown]
# From 12.0 to 9.0 is a quarter; 27 % belongs to more digits than the slide has (12.29 to 9.02, from memory,
# is 26.6). The fifth track is classification, with its "ultra-deep" 152 layers.

# %%
lesson.quiz(
    "ImageNet detection rose from 53.6 to 62.1. What does '16 % better than 2nd' mean?",
    ("62.1 is 16 % more than 53.6", "62.1 / 53.6 is 1.16"),
    ("16 points more", "it is 8.5 points more"),
    ("16 % fewer errors", "what lacks to 100 fell from 46.4 to 37.9, by 18 %; and mAP is no rate of errors"),
)

# %% [markdown]
# ## What depth does ask for
#
# Not computation, then, but a signal that survives. The ICML 2016 tutorial draws what a network needs at each
# depth as a spectrum; here it is with the lessons that treat it.

# %%
lesson.show(
    plot.spectrum_of_depth(),
    alt=(
        "Bands over the depth, logarithmic: few layers are easy; beyond 10 initialisation and batch norm are "
        "needed, beyond 30 skip connections, beyond 100 identities; beyond 1000 there is a question mark."
    ),
)

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - Depth says how many layers follow one another, not what they cost. Cost is channels squared times
#   pixels.
# - Global average pooling saves parameters, early small maps save multiply-adds, bottlenecks save both.
#   Identity shortcuts save nothing; what they do for training is the subject of lessons 11 to 20.
#
# ## What to try next
#
# 1. Give VGG-19 ResNet's end: how many parameters would global average pooling and one layer of 1000 leave
#    it?
#
# ## Exercises
#
# 1. ResNet-18 and GoogLeNet need about the same multiply-adds. Which has the smaller weights file, and
#    why?
# 2. Parameters are not all that fills the memory. What else does, in training and in use?
# 3. The tables of very deep networks are about CIFAR-10 and CIFAR-100. "What is the difference?", asks
#    lecture 6, and why are the errors on the second some five times as large?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. 20.5 million: $20{,}024{,}384$ in the convolutions and $(512 + 1)\,1000$.
#
# **Exercises.**
#
# 1. GoogLeNet, 7.0 against 11.7 million: ResNet-18's last stage has 3x3 convolutions between 512
#    channels, and $9 \cdot 512^2$ is 2.4 million for each of three; inception modules reduce the
#    channels with 1x1 first.
# 2. In training the outputs of the layers, which backward needs (`minires summary vgg19 --train`), the
#    gradients and the momentum. In use only the largest maps that exist at the same time.
# 3. Both have 50,000 training and 10,000 test images of 32x32 pixels. CIFAR-10 has 10 classes with 5,000
#    training images each, CIFAR-100 has 100 with 500 each: finer distinctions, and a tenth of the examples
#    for each. (4.92 against 22.71 % with the pre-activation ResNet-1001.)
