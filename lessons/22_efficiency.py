# %% [markdown]
# # 22. Depth is not cost
#
# **Question.** ResNet-152 has eight times as many layers as VGG-19, and yet fewer parameters, fewer
# multiply-adds and fewer errors. Where did VGG spend it all? And is it the shortcuts that save?
#
# *Time: 2 s. Before this: lessons 1, 3 and 14. Sources: lecture 6, slides "ImageNet experiments" and
# "Revolution of Depth"; the ResNet lecture, slide "Deeper Bottleneck Architecture (Cont.)"; lecture 9,
# slides "Residual Networks" and "Comparing Complexity"; He et al. 2015 (arXiv:1512.03385), section 4.1
# and tables 1, 4 and 5; Canziani et al. 2017 (arXiv:1605.07678), figure 2.*

# %%
from minires import cost, init, lesson, models, plot, published


def table(net):
    """Return the cost.Table of a network for ImageNet, one image of the size it was designed for."""
    return cost.table(models.build(net, rng=init.SHAPES_ONLY), models.about(net).input_shape)


def share(table, kind):
    """Return (parameters, multiply-adds) of the layers of that kind, "Conv2d" or "Linear"."""
    rows = [row for row in table.rows if row.kind == kind]
    return sum(row.params for row in rows), sum(row.macs for row in rows)


# %% [markdown]
# ## Derivation: parameters
#
# A fully-connected layer has a weight for each pair of input and output. VGG's first one takes all $7
# \times 7$ pixels of 512 channels, so the three have, with biases,
#
# $$(7 \cdot 7 \cdot 512 + 1)\,4096 + (4096 + 1)\,4096 + (4096 + 1)\,1000 = 123{,}642{,}856.$$
#
# ResNet averages each channel over its pixels first (global average pooling, GoogLeNet's idea), and one
# layer of $(2048 + 1)\,1000 = 2{,}049{,}000$ is left.
#
# ## Predict
#
# Leave these layers aside. How many times as many parameters do the convolutions of ResNet-152 have as
# those of VGG-19? Lecture 6 gives two reasons why ResNet-152 is smaller, average pooling and shortcuts;
# if the second is one, the answer is below 1. Write it down.

# %%
prediction = 0.5

# %%
vgg, resnet = table("vgg19"), table("resnet152")
POOLED = 7 * 7  # pixels that VGG hands to its first fully-connected layer
derived_fc = (POOLED * 512 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000
convolutions = {name: share(t, "Conv2d") for name, t in (("VGG-19", vgg), ("ResNet-152", resnet))}
ratio = convolutions["ResNet-152"][0] / convolutions["VGG-19"][0]
lesson.table(
    ("parameters", "VGG-19", "ResNet-152"),
    ("all", vgg.params, resnet.params),
    ("fully-connected", share(vgg, "Linear")[0], share(resnet, "Linear")[0]),
    ("convolutions", convolutions["VGG-19"][0], convolutions["ResNet-152"][0]),
)
print(f"convolutions, ResNet-152 / VGG-19: predicted {prediction}, counted {ratio:.2f}")
assert (vgg.params, resnet.params) == (143_667_240, 60_192_808), "ResNet-152 should be the smaller one"
assert share(vgg, "Linear")[0] == derived_fc == 123_642_856, "86 % of VGG-19 is fully-connected"
assert ratio > 2.8, "but the convolutions of ResNet-152 should have almost three times the parameters"

# %% [markdown]
# So it is the average pooling. An identity shortcut has no parameters, but it takes none away either:
# ResNet-34 with padded shortcuts has exactly as many as its plain twin. What keeps 152 layers at 58
# million are the bottlenecks (lesson 14).

# %%
padded = models.imagenet_resnet(depth=34, shortcut="A", rng=init.SHAPES_ONLY)
with_shortcuts, without = cost.table(padded, (3, 224, 224)), table("plain34")
assert with_shortcuts.params == without.params == 21_623_848, (
    "identity shortcuts should cost and save nothing"
)
assert with_shortcuts.macs == without.macs

# %% [markdown]
# ## Derivation: multiply-adds
#
# A weight of a convolution is used once for each pixel of the map that it produces, $HW$ times. Hence
#
# $$\frac{\text{multiply-adds}}{\text{weights}} = \text{mean number of pixels that a weight works on.}$$
#
# The stem of ResNet shrinks the map from $224^2$ to $56^2$ pixels with one convolution and one pooling.
# VGG takes four convolutions for that, and shrinks more slowly afterwards.

# %%
pixels = {name: macs / params for name, (params, macs) in convolutions.items()}
lesson.table(
    ("convolutions", *pixels),
    ("multiply-adds (billions)", *(macs / 1e9 for _, macs in convolutions.values())),
    ("pixels that a weight works on, mean", *pixels.values()),
    *(
        (
            f"multiply-adds on maps of {size}x{size} (%)",
            *(
                100
                * sum(r.macs for r in t.rows if r.kind == "Conv2d" and r.output[1] == size)
                / share(t, "Conv2d")[1]
                for t in (vgg, resnet)
            ),
        )
        for size in (224, 112, 56, 28, 14, 7)
    ),
)
assert 4.5 < pixels["VGG-19"] / pixels["ResNet-152"] < 5.5, (
    "a weight of VGG-19 works on five times the pixels"
)

# %% [markdown]
# VGG-19 does nine tenths of its work on maps of 28x28 pixels and larger, ResNet-152 seven tenths on
# 14x14.
#
# ## All of them
#
# Multiply-adds and parameters are counted from the layers; the errors are published ones, of one model
# and one crop (`minires/published.csv` has the sources).

# %%
NETWORKS = (
    "alexnet googlenet vgg16 vgg19 resnet18 resnet34 resnet50 resnet50_v1.5 resnet101 resnet152".split()
)
tables = {name: table(name) for name in NETWORKS}
top1 = published.values("imagenet one crop", "top-1 error")
top5 = published.values("imagenet one crop", "top-5 error")
lesson.table(
    ("", "parameters (M)", "multiply-adds (G)", "top-1 error (%)", "top-5 error (%)"),
    *((name, t.params / 1e6, t.macs / 1e9, top1[name], top5[name]) for name, t in tables.items()),
)
CHEAPER_FIRST = ("resnet152", "vgg16", "vgg19")
billions = [round(tables[name].macs / 1e9, 1) for name in CHEAPER_FIRST]
assert billions == sorted(billions) == [11.3, 15.5, 19.6], "ResNet-152 needs less than VGG-16 and VGG-19"
assert top1["resnet152"] < min(top1["vgg16"], top1["vgg19"]), "and errs less"

# %%
drawn = [name for name in NETWORKS if name != "resnet50_v1.5"]
figure = plot.comparison([(n, tables[n].macs, 100 - top1[n], tables[n].params) for n in drawn])
lesson.show(figure)

# %% [markdown]
# To the upper left is better, small discs too. VGG: most multiply-adds and most parameters. AlexNet: few
# multiply-adds, but 96 % of its parameters are fully-connected. GoogLeNet: small in both. (Lecture 9
# calls Inception-v4 "ResNet + Inception"; that is Inception-ResNet, presented in the same paper:
# Inception-v4 has no shortcuts.)
#
# ## Reading the slides
#
# Four numbers on the slides need a second look.
#
# - Lecture 9 gives VGG-16 13.6 billion multiply-adds. That is VGG-16 without the third convolution of
#   stage 3, which has $56^2 \cdot 9 \cdot 256^2 = 1.85$ billion.
# - The ResNet lecture gives VGG-16 15.3 and VGG-19 19.6: the first without, the second with the
#   fully-connected layers.
# - ResNet-50's "3.8" is 3.858 cut off. The error that stands beside it, 7.13 %, belongs to another
#   network, with the stride in the 3x3 convolutions and 4.09 billion; the one with 3.858 has 7.8 %.
# - "Revolution of Depth" ends at 3.57 %. That is six networks together, on the test set; VGG's 7.3 and
#   GoogLeNet's 6.7 are ensembles too. A single ResNet-152 has 4.49 % (on the validation set, at several
#   scales).

# %%
conv3_3 = 56**2 * 9 * 256**2
lesson.table(
    ("multiply-adds (billions)", "printed", "derived"),
    ("lecture 9: VGG-16", 13.6, (tables["vgg16"].macs - conv3_3) / 1e9),
    ("the ResNet lecture: VGG-16", 15.3, share(tables["vgg16"], "Conv2d")[1] / 1e9),
    ("the ResNet lecture: VGG-19", 19.6, tables["vgg19"].macs / 1e9),
    ("lecture 9: ResNet-50", 3.8, tables["resnet50"].macs / 1e9),
    ("the network with 7.13 %", None, tables["resnet50_v1.5"].macs / 1e9),
)
assert round((tables["vgg16"].macs - conv3_3) / 1e9, 2) == 13.62, "13.6 should be VGG-16 without conv3_3"
assert round(share(tables["vgg16"], "Conv2d")[1] / 1e9, 1) == 15.3, "15.3 should be its convolutions alone"
assert tables["resnet50"].macs < 3.86e9 < 4.08e9 < tables["resnet50_v1.5"].macs

# %%
lesson.show(plot.history())

# %% [markdown]
# ## What to keep
#
# - Depth says how many layers follow one another, not what they cost. Cost is channels squared times
#   pixels.
# - Global average pooling saves parameters, an early small map saves multiply-adds, bottlenecks save
#   both. Identity shortcuts save nothing; they make the depth trainable that the savings pay for.
#
# ## What to try next
#
# Give VGG-19 ResNet's end: how many parameters would global average pooling and one layer of 1000 leave
# it?
#
# ## Exercises
#
# 1. ResNet-18 and GoogLeNet need about the same multiply-adds. Which has the smaller weights file, and
#    why?
# 2. Multiply-adds are not seconds. Which of the tables' numbers would you look at if memory were the
#    limit?
#
# ## Answers
#
# 1. GoogLeNet, 7.0 against 11.7 million: ResNet-18's last stage has 3x3 convolutions between 512
#    channels, and $9 \cdot 512^2$ is 2.4 million for each of three; inception modules reduce the
#    channels with 1x1 first.
# 2. In training: the outputs, which must be remembered (`minires summary vgg19 --train`); in use: the
#    weights and the largest map.
