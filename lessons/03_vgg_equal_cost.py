# %% [markdown]
# # 3. Half the resolution, twice the channels: the same work
#
# **Question.** VGG's convolutions grow from 64 channels to 512. A layer with eight times the channels has 64
# times the weights. Do the last stages not take nearly all of the computation?
#
# *Time: 1 s. Before this: lessons 1 and 2. Sources: lecture 9, slides "VGG: Deeper Networks, Regular Design"
# and "AlexNet vs VGG-16"; Simonyan & Zisserman 2014 (arXiv:1409.1556), table 1; lecture 6, slide "Network
# Design"; He et al. 2015 (arXiv:1512.03385), table 1; the ResNet lecture.*

# %%
from minires import init, lesson, models, plot
from minires.accounting import cost

# %% [markdown]
# ## Predict
#
# VGG has three rules: every convolution is 3 x 3 with stride 1 and padding 1; every pooling is 2 x 2 with
# stride 2; after a pooling the channels double, from 64 to 512 in the fourth of five stages. `conv1_2` works
# on 224 x 224 pixels, `conv4_2` on 28 x 28, with eight times the channels in and out: pixels and weights pull
# in opposite directions. A rule can also have exceptions. And the whole network, 13 convolutions and three
# fully-connected layers (VGG-16)?

# %%
late_work = lesson.predict("How many times the multiply-adds of conv1_2 does conv4_2 take?")
breaking = lesson.predict(
    "How many of the 13 convolutions do not take the multiply-adds of conv1_2?", "convolutions", by=1
)
all_params = lesson.predict("What is the total number of parameters of VGG-16?", "millions")
all_work = lesson.predict(
    "AlexNet takes 0.7 billion multiply-adds. How many times as many does VGG-16 take?", within=1.5
)

# %% [markdown]
# ## Derivation
#
# Compare a convolution that takes $C$ channels of $2H \times 2W$ pixels and keeps their number with one in
# the next stage, of $2C$ channels and $H \times W$ pixels. The outputs become fewer, the weights more:
#
# $$4HWC \;\to\; 2HWC \quad \text{outputs}, \qquad 9C^2 \;\to\; 9\,(2C)^2 = 36\,C^2 \quad \text{weights}.$$
#
# A weight is used once for each pixel, and there are a quarter as many pixels, so the multiply-adds stay:
#
# $$9C^2 \cdot 4HW = 36\,HWC^2 \;\to\; 36\,C^2 \cdot HW = 36\,HWC^2.$$
#
# ## Measure

# %%
SIZE, WIDTH = 224, 64  # pixels on a side; channels of stage 1
vgg = cost.table(models.build("vgg16", width=WIDTH, rng=init.SHAPES_ONLY), (3, SIZE, SIZE))
convs = {row.name: row for row in vgg.rows if row.kind == "Conv2d"}
rule = 36 * (SIZE // 2) ** 2 * WIDTH**2  # in stage 1 the maps have 2H x 2W pixels
exceptions = {name: row.macs / rule for name, row in convs.items() if row.macs != rule}

early, late = convs["conv1_2"], convs["conv4_2"]
outputs = late.output_bytes / early.output_bytes
weights = (late.params - 8 * WIDTH) / (early.params - WIDTH)  # without the biases
lesson.table(
    ("conv4_2 / conv1_2", "predicted", "derived", "measured"),
    ("multiply-adds", late_work, 1, late.macs / early.macs),
    ("outputs: halved three times", None, 1 / 8, outputs),
    ("weights: multiplied by 4 three times", None, 64, weights),
    ("exceptions of 13", breaking, 7, len(exceptions)),
)
following = " ".join(name for name in convs if name not in exceptions)
assert following == "conv1_2 conv2_2 conv3_2 conv3_3 conv4_2 conv4_3", "six should follow the rule"
assert rule == 1_849_688_064, "each of the six should take 1.85 billion multiply-adds"
assert outputs == 1 / 8 and weights == 64, "an eighth of the outputs, 64 times the weights"

# %% [markdown]
# ## Seven exceptions
#
# The slide says that the convolutions at each resolution take the same amount of computation. It is true of
# these six only. The *first* convolution of a stage still takes the fewer channels of the stage before:
# $9 \cdot C \cdot 2C \cdot HW = 18\,HWC^2$, a half. `conv1_1` takes 3 channels instead of 64. And the
# doubling ends at 512: all of stage 5 has the channels of stage 4 on a quarter of its pixels.

# %%
fractions = {"conv1_1": 3 / 64} | dict.fromkeys(("conv2_1", "conv3_1", "conv4_1"), 1 / 2)
fractions |= dict.fromkeys(("conv5_1", "conv5_2", "conv5_3"), 1 / 4)
lesson.table(
    ("part of 36 H W C^2", "derived", "measured"),
    *((name, fractions[name], exceptions[name]) for name in fractions),
)
assert exceptions == fractions, "the seven exceptions should take 3/64, 1/2 and 1/4"

# %%
figure = plot.bars(
    {name: row.macs / 1e9 for name, row in convs.items()},
    ylabel="multiply-adds (billions)",
    derived=dict.fromkeys(convs, rule / 1e9),
    title="VGG-16 by convolution; black: the rule, $36\\,HWC^2$",
    form="{:.2f}",
)
lesson.show(
    figure,
    alt=(
        "Multiply-adds of VGG-16's 13 convolutions beside the rule, 1.85 billion. Six reach it; conv1_1 "
        "takes far less, the first of stages 2 to 4 a half, and the three of stage 5 a quarter."
    ),
)

# %% [markdown]
# ## "/2": the same rule in ResNet
#
# ResNet took the rule over: "spatial size /2 => # filters x2". Its diagram writes "3x3 conv, 128, /2" where a
# stage begins: a 3 x 3 convolution with 128 filters and a stride of 2, which halves the map without a
# pooling. It takes $9 \cdot C \cdot 2C \cdot HW$ multiply-adds, half of what the others take. The rule holds
# for all four stages here, since the last one has 512 channels and the first begins at 56 x 56 pixels: the
# 7 x 7 convolution ("64, /2") and the pooling ("/2") of the stem divide 224 by 4.

# %%
lesson.quiz(
    "What does '/2' mean here: '3x3 conv, 128, /2'?",
    ("a stride of 2", "every second position is computed, so the map is half as high and half as wide"),
    ("half as many filters", "there are 128, twice as many as in the stage before"),
    ("a 2 x 2 pooling after it", "only the stem has a pooling; the stages halve the map by strides"),
    ("half of the weights are used", "every weight is, at a quarter of the positions"),
)

# %%
RES_RULE = 9 * 64**2 * 56**2  # 3 x 3, 64 to 64 channels, 56 x 56 pixels
resnet = cost.table(models.build("plain34", rng=init.SHAPES_ONLY), (3, SIZE, SIZE))
by_stage = {
    f"stage{n}": [row for row in resnet.rows if row.kind == "Conv2d" and row.name.startswith(f"stage{n}.")]
    for n in (1, 2, 3, 4)
}
rows = []
for number, (stage, layers) in enumerate(by_stage.items()):
    first, others = layers[0].macs / RES_RULE, [row.macs / RES_RULE for row in layers[1:]]
    rows.append((stage, str(layers[0].output), len(layers), 1 / 2 if number else 1, first, min(others)))
    assert first == (1 / 2 if number else 1), "the convolution with /2 should take half"
    assert max(others) == min(others) == 1, "all others of every stage should take the same"
lesson.table(
    ("ResNet-34", "output", "convolutions", "the first: derived", "measured", "each other: measured"), *rows
)
assert RES_RULE == 115_605_504, "each of them should take 115.6 million multiply-adds"

# %% [markdown]
# (This is the plain network: shortcuts are not counted. Lecture 9 says that the first block of each stage
# halves the resolution and doubles the channels; that of the first stage does neither.)

# %%
lesson.quiz(
    "After a pooling the channels double. Why not multiply them by four, as the pixels become a quarter?",
    ("a layer's multiply-adds would grow fourfold at every stage", "they grow as the channels squared"),
    (
        "the outputs would not fit into memory",
        "a quarter of the pixels, four times the channels: as many",
    ),
    ("a 3 x 3 kernel cannot see so many channels", "a kernel reaches through all channels"),
)

# %% [markdown]
# ## Where memory, weights and work are
#
# Most of the outputs are in the first stages, most parameters in the fully-connected layers, as in AlexNet.
# The multiply-adds of the five stages differ by a factor of 3.3 at most, their parameters by one of 183. (The
# former are not equal because of the seven exceptions, and because stages 3 to 5 have a third convolution.)

# %%
MIB = 1024**2
measures = {
    "outputs (MiB)": lambda rows: sum(row.output_bytes for row in rows) / MIB,
    "parameters (millions)": lambda rows: sum(row.params for row in rows) / 1e6,
    "multiply-adds (billions)": lambda rows: sum(row.macs for row in rows) / 1e9,
}
stages = {stage: [row for row in convs.values() if row.name[4] == stage] for stage in "12345"}
work = [measures["multiply-adds (billions)"](rows) for rows in stages.values()]
learned = [measures["parameters (millions)"](rows) for rows in stages.values()]
assert round(max(work) / min(work), 1) == 3.3, "the stages' multiply-adds should differ by 3.3 at most"
assert round(max(learned) / min(learned)) == 183, "and their parameters by 183"
stages["fc"] = [row for row in vgg.rows if row.kind == "Linear"]
figure = plot.bar_panels(
    {title: {stage: of(rows) for stage, rows in stages.items()} for title, of in measures.items()},
    xlabel="stage",
    title="VGG-16, without its pooling layers",
    form="{:.3g}",
)
lesson.show(
    figure,
    alt=(
        "Three bar charts of VGG-16's stages. Most outputs are in the first two stages, most parameters in "
        "the fully-connected layers; the multiply-adds are spread over all five stages."
    ),
)

# %% [markdown]
# ## A convolution that the slides have lost
#
# Lecture 9 gives VGG-16 48.6 MB, 138 M parameters and 13.6 GFLOP: 25, 2.3 and 19.4 times AlexNet's. These are
# the totals of a VGG-16 without `conv3_3`. The true ones are 51.7 MB (of $1024^2$ bytes, as on the slide) and
# 15.5 billion multiply-adds: 27 and 21.6 times. (The parameters hardly show it, for `conv3_3` has 0.6 of the
# 138 million. And 19.4 is 13.6 / 0.7, a ratio of rounded numbers; even without `conv3_3` it is 19.0.)
#
# The ResNet lecture's 15.3 is yet another count, of the convolutions alone. Its 19.6 for VGG-19, like that of
# lecture 6, has the fully-connected layers in it; without them it is 19.5.

# %%
alexnet = cost.table(models.build("alexnet", rng=init.SHAPES_ONLY), (3, 227, 227))
vgg19 = cost.table(models.build("vgg19", rng=init.SHAPES_ONLY), (3, SIZE, SIZE))
LOST = "conv3_3"
slides = cost.Table(tuple(row for row in vgg.rows if row.name != LOST), vgg.input)
printed = {"outputs (MiB)": 48.6, "parameters (millions)": 138, "multiply-adds (billions)": 13.6}
totals = {}
for title, of in measures.items():
    totals[title] = [of([row for row in table.rows if row.weighted]) for table in (alexnet, vgg, slides)]
lesson.table(
    ("VGG-16", "predicted", "measured"),
    ("parameters (millions)", all_params, vgg.params / 1e6),
    ("multiply-adds / AlexNet's", all_work, vgg.macs / alexnet.macs),
)
lesson.table(
    ("", "AlexNet", "VGG-16", "ratio", f"without {LOST}", "ratio ", "slides"),
    *(
        (title, small, large, large / small, less, less / small, printed[title])
        for title, (small, large, less) in totals.items()
    ),
)
dense = sum(row.macs for row in stages["fc"])
lesson.table(
    ("multiply-adds (billions)", "convolutions", "with fc", "the ResNet lecture"),
    ("VGG-16", (vgg.macs - dense) / 1e9, vgg.macs / 1e9, 15.3),
    ("VGG-19", (vgg19.macs - dense) / 1e9, vgg19.macs / 1e9, 19.6),
)
memory, _, work = totals.values()
assert [round(of, 2) for of in memory] == [1.91, 51.71, 48.65], "51.7 MiB; the slides lack a convolution"
assert [round(of, 2) for of in work] == [0.72, 15.47, 13.62], "15.5 billion; the slides lack a convolution"
assert round((vgg.macs - dense) / 1e9, 1) == 15.3, "15.3 billion are those of VGG-16's convolutions alone"
assert round(vgg19.macs / 1e9, 1) == 19.6, "19.6 billion are those of all of VGG-19"

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - Where the map has half the resolution and twice the channels, a convolution takes the same multiply-adds,
#   in VGG and later in ResNet. Where the channels do not double, it takes a quarter.
# - The number of weights says little about the computation: VGG-16 has 89 % of its parameters in layers that
#   take 0.8 % of its multiply-adds.

# %% [markdown]
# ## What to try next
#
# 1. Make `WIDTH` 32: by how much do the numbers of the first table change, and those of the figures? (The
#    assertions about VGG-16's own numbers, such as 1,849,688,064, then have to fail.)
# 2. Make `SIZE` 32, as for CIFAR-10, and give the builder of VGG-16 `image_size=SIZE`: what becomes of the
#    fraction of the fully-connected layers?
#
# ## Exercises
#
# 1. By how much would the channels have to grow after a pooling so that the output of a convolution keeps its
#    size in memory? What would then become of the multiply-adds?
# 2. Stage 5 has 512 channels. What would it cost by the rule, with 1024, in multiply-adds and parameters?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. The first table stays as it is, for it holds ratios. A convolution takes a quarter of the multiply-adds,
#    but `conv1_1` a half.
# 2. The fully-connected layers then have 61 % of the parameters and 7 % of the multiply-adds.
#
# **Exercises.**
#
# 1. Fourfold, for a quarter of the pixels. The weights are then 16 times as many and the multiply-adds four
#    times, at every stage.
# 2. `conv5_1` takes half of 1.85 billion, `conv5_2` and `conv5_3` 1.85 billion each: 4.62 billion instead of
#    1.39. Weights: $9 \cdot 512 \cdot 1024 + 2 \cdot 9 \cdot 1024^2 = 23.6$ million instead of 7.1, and `fc6`
#    would have twice its 102.8 million.
