# %% [markdown]
# # 1. What a convolution costs
#
# **Question.** I am handed a table of a network: filters, kernels, strides. Can I say, before I run anything,
# how large every map is, how much memory it takes, how many numbers are learned and how much it computes?
#
# *Time: 2 s. Before this: nothing. Sources: lecture 9, slides "AlexNet" and "ZFNet"; the ICML 2016 tutorial,
# "Traditional recognition"; Krizhevsky, Sutskever & Hinton 2012, section 3.5 and figure 2; Zeiler & Fergus
# 2013 (arXiv:1311.2901), figure 3.*

# %%
import numpy as np

from minires import init, lesson, models, plot
from minires.accounting import cost
from minires.layers import Conv2d

# %% [markdown]
# ## From pixels to a class
#
# Recognition was once a chain of parts that experts designed one by one: edges, histograms of them (SIFT,
# HOG), a code learned by K-means, and at the end a classifier, the only part that saw the labels. A
# convolutional network repeats one plain part, the layer, and trains all of them together. So to know what
# the network costs it suffices to know what one layer costs.

# %%
lesson.show(
    plot.classifier_pipeline(),
    alt=(
        "Chains from pixels to a class. Above, up to three parts designed by hand come before a classifier, "
        "which alone is trained on the classes; below, equal layers are repeated, and all of them are "
        "trained."
    ),
)

# %% [markdown]
# ## Predict
#
# AlexNet has five convolutions and three fully-connected layers (fc). Lecture 9 shows a table of it with a
# question mark in one cell after another. Fill in the row of conv1: 3 channels of 227 x 227 pixels come in,
# and it has 64 filters of 11 x 11, stride 4, padding 2. It is easy to forget a position, a bias or the
# channels. Then say where the whole network has its memory, its parameters and its multiply-adds: not all in
# the same layers. And what happens if the first kernels become smaller, as in ZFNet?

# %%
width = lesson.predict("How many pixels wide is the output of conv1?", "pixels", by=0.5)
memory = lesson.predict("How many KB of memory does the output of conv1 take?", "KB")
parameters = lesson.predict("How many parameters does conv1 have?")
operations = lesson.predict("How many multiply-adds does conv1 take?", "millions")
early = lesson.predict("What part of AlexNet's memory for outputs does conv1 take?", "%", by=10)
dense = lesson.predict("What part of the parameters do fc6, fc7 and fc8 have?", "%", by=10)
work = lesson.predict("What part of the multiply-adds do fc6, fc7 and fc8 take?", "%", by=10)
zf = lesson.predict(
    "AlexNet has 61 million parameters. How many does it have with 7 x 7 kernels at stride 2 in conv1, and "
    "with 512, 1024 and 512 filters in conv3 to conv5?",
    "millions",
)

# %% [markdown]
# ## Derivation
#
# **Size.** A kernel $K$ pixels wide slides over $W$ pixels with $P$ zeros added at both ends, in steps of $S$
# (the stride). Its left edge can be at $0, S, 2S, \ldots$, at most at $W + 2P - K$, so the number of its
# positions, which is the width $W'$ of the output, is
#
# $$W' = \left\lfloor \frac{W - K + 2P}{S} \right\rfloor + 1,$$
#
# where $\lfloor\;\rfloor$ rounds down. The height $H'$ follows the same rule.
#
# **Memory.** The output has one channel for each of the $C'$ filters: $C' H' W'$ numbers of 4 bytes each.
#
# **Parameters.** A filter has one weight for every pixel of its window in each of the $C$ input channels, and
# a bias: $C' (C K^2 + 1)$ in all. **Multiply-adds.** Every number of the output is a sum of $C K^2$ products:
#
# $$\mathrm{MACs} = C' H' W' \cdot C K^2.$$
#
# A multiplication and its addition count as one; lectures and papers often call it a FLOP. A pooling window
# learns nothing and reads $K^2$ numbers for each output. A fully-connected layer from $C$ numbers to $C'$ has
# $C' (C + 1)$ parameters and $C' C$ multiply-adds.

# %%
ALEXNET = (  # as the lecture gives it: name, filters, kernel, stride, padding
    ("conv1", 64, 11, 4, 2),
    ("pool1", None, 3, 2, 0),
    ("conv2", 192, 5, 1, 2),
    ("pool2", None, 3, 2, 0),
    ("conv3", 384, 3, 1, 1),
    ("conv4", 256, 3, 1, 1),
    ("conv5", 256, 3, 1, 1),
    ("pool5", None, 3, 2, 0),
)


def width_after(width, kernel, stride, padding):
    """Return the width of the output: how many positions the kernel has."""
    return (width - kernel + 2 * padding) // stride + 1


def derive(layers, channels, width):
    """Return (name, output shape, bytes, parameters, operations) of every layer, by the formulas alone."""
    rows = []
    for name, filters, kernel, stride, padding in layers:
        width = width_after(width, kernel, stride, padding)
        if filters is None:
            params, each = 0, kernel**2
        else:
            params, each = filters * (channels * kernel**2 + 1), channels * kernel**2
            channels = filters
        numbers = channels * width**2
        rows.append((name, (channels, width, width), 4 * numbers, params, numbers * each))
    inputs = channels * width**2
    for name, outputs in (("fc6", 4096), ("fc7", 4096), ("fc8", 1000)):
        rows.append((name, (outputs,), 4 * outputs, outputs * (inputs + 1), outputs * inputs))
        inputs = outputs
    return rows


# %%
lesson.quiz(
    "pool1 takes 64 channels of 56 x 56 pixels; its windows are 3 x 3, its stride is 2. What is its output?",
    ("64 x 27 x 27", "(56 - 3) / 2 is 26.5, rounded down 26, and one more position"),
    ("64 x 28 x 28", "the last window would hang over the edge"),
    ("1 x 27 x 27", "a filter adds the channels up, a pooling treats each of them alone"),
)

# %% [markdown]
# ## Measure
#
# First one real layer on a real array. With an image of ones and kernels of ones every product is 1, so the
# sum over the output is the number of multiply-adds. The border is made of ones as well, since a product with
# a padded zero is computed like any other.

# %%
rng = np.random.default_rng(0)
conv1 = Conv2d(3, 64, 11, stride=4, padding=2, rng=rng)
y = conv1.predict(rng.standard_normal((1, 3, 227, 227), dtype=np.float32))
ones = Conv2d(3, 64, 11, stride=4, bias=False, init=lambda shape, rng: np.ones(shape, np.float32), rng=rng)
counted = int(ones.predict(np.ones((1, 3, 227 + 4, 227 + 4), np.float32)).sum(dtype=np.float64))
_, (_, derived_width, _), derived_bytes, derived_params, derived_macs = derive(ALEXNET, 3, 227)[0]
params = sum(parameter.data.size for _, parameter in conv1.named_parameters())
lesson.table(
    ("conv1", "predicted", "derived", "measured"),
    ("output channels", None, 64, y.shape[1]),
    ("output width (pixels)", width, derived_width, y.shape[3]),
    ("memory (KB)", memory, derived_bytes / 1024, y.nbytes / 1024),
    ("parameters", parameters, derived_params, params),
    ("multiply-adds (millions)", operations, derived_macs / 1e6, counted / 1e6),
)
assert y.shape == (1, 64, 56, 56) and y.nbytes == 784 * 1024, "conv1 outputs 64 x 56 x 56 numbers, 784 KB"
assert counted == 72_855_552 and params == 23_296, "conv1: 72,855,552 multiply-adds, 23,296 parameters"

# %%
lesson.quiz(
    "conv1 has 64 filters of 11 x 11 on 3 channels. Where does its 23,296 come from?",
    ("64 (3 * 11 * 11 + 1)", "a filter reaches through all channels and has one bias"),
    ("64 * 11 * 11 + 64", "that is a filter on a single channel"),
    ("64 (3 * 11 * 11 + 3)", "a filter adds its channels up before its one bias comes in"),
    ("56 * 56 * 64", "these are the outputs; a weight is shared by all positions"),
)

# %% [markdown]
# Then the whole network, counted by the library from its own layers, beside the formulas and the slides.

# %%
net = models.build("alexnet", rng=init.SHAPES_ONLY)  # weights that take no memory: it is counted, not run
table = cost.table(net, (3, 227, 227))
derived = derive(ALEXNET, 3, 227)
measured = [(row.name, row.output, row.output_bytes, row.params, row.macs) for row in table.rows]
printed = (73, 0, 224, 0, 112, 145, 100, 0, 38, 17, 4)  # millions of multiply-adds, on the slides
lesson.table(
    ("layer", "output", "KB", "parameters", "multiply-adds", "derived", "slides (M)"),
    *(
        (row.name, str(row.output), f"{row.output_bytes / 1024:.2f}", row.params, row.macs, by_formula[-1], M)
        for row, by_formula, M in zip(table.rows, derived, printed, strict=True)
    ),
)
assert derived == measured, "the formulas should give every shape, size and count of the network exactly"
assert table.params == 61_100_840 and table.macs == 716_767_232, "61.1 M parameters, 0.717 G multiply-adds"

# %% [markdown]
# ## Interesting trends
#
# Where is most of what? Like the slides' totals, these leave the pooling layers out.

# %%
weighted = [row for row in table.rows if row.weighted]  # convolutions and fully-connected layers
derived_weighted = [row for row in derived if "pool" not in row[0]]


def percent(numbers, names):
    """Return what part of all the numbers {layer: number} those layers have, in %."""
    return 100 * sum(numbers[name] for name in names) / sum(numbers.values())


FC = ("fc6", "fc7", "fc8")
rows, largest = [], []
for title, column, at, names, predicted in (
    ("memory: conv1 (%)", "output_bytes", 2, ("conv1",), early),
    ("parameters: fc6 to fc8 (%)", "params", 3, FC, dense),
    ("multiply-adds: fc6 to fc8 (%)", "macs", 4, FC, work),
):
    numbers = {row.name: getattr(row, column) for row in weighted}
    by_formula = {row[0]: row[at] for row in derived_weighted}
    rows.append((title, predicted, percent(by_formula, names), percent(numbers, names)))
    largest.append(max(numbers, key=numbers.get))
lesson.table(("", "predicted", "derived", "measured"), *rows)
print("most memory, parameters, multiply-adds:", *largest)
assert largest == ["conv1", "fc6", "conv2"], "the layers with most of each"
assert abs(rows[0][3] - 40.0) < 0.05, "conv1 should have 40.0 % of the memory"
assert abs(rows[1][3] - 96.0) < 0.05, "three fully-connected layers should have 96.0 % of the parameters"
assert abs(rows[2][3] - 8.2) < 0.05, "and 8.2 % of the multiply-adds"

# %%
lesson.show(
    plot.costs(table, title="AlexNet, one image of 227 x 227 (lighter: pooling)"),
    alt=(
        "Three bar charts of AlexNet's layers. The outputs are largest in conv1 and conv2, nearly all "
        "parameters are in the three fully-connected layers, and most multiply-adds are in the convolutions."
    ),
)

# %% [markdown]
# Most of the memory is in the early convolutions (40.0 % in conv1 alone), nearly all parameters are in the
# fully-connected layers (96.0 %), most multiply-adds in the convolutions (91.8 %). So few weights can mean
# much computation, because each is used at every position of the map.

# %%
lesson.quiz(
    "fc6 has 123 times the weights of conv2. Why does conv2 take six times its multiply-adds?",
    ("each weight of conv2 works at 27 x 27 positions, each of fc6 once", "729 / 123 is 5.9"),
    ("its kernels are larger", "a fully-connected layer is a kernel as large as the map, 6 x 6 here"),
    ("it has a ReLU", "fc6 has one too, and neither counts as a multiply-add"),
)

# %% [markdown]
# ## ZFNet: a bigger AlexNet
#
# The slide describes ZFNet (2013) as "AlexNet but" with 7 x 7 kernels at stride 2 in conv1, and 512, 1024 and
# 512 filters in conv3 to conv5. Taken at its word, this doubles the width of conv1's map and of all maps
# after it: pool5 hands 13 x 13 pixels to fc6 instead of 6 x 6, of 512 channels instead of 256. So fc6 alone
# has $4096\,(512 \cdot 13^2 + 1) = 354$ million parameters. In the paper conv2 has a stride of 2 as well,
# and fc6 keeps its 6 x 6 pixels.

# %%
CHANGED = {
    "conv1": ("conv1", 64, 7, 2, 2),
    "conv3": ("conv3", 512, 3, 1, 1),
    "conv4": ("conv4", 1024, 3, 1, 1),
    "conv5": ("conv5", 512, 3, 1, 1),
}
literal = derive([CHANGED.get(row[0], row) for row in ALEXNET], 3, 227)
by_letter = sum(row[3] for row in literal)
zfnet = cost.table(models.build("zfnet_big", rng=init.SHAPES_ONLY), (3, 224, 224))
shapes = {row.name: row.output for row in zfnet.rows}
lesson.table(
    ("parameters (millions)", "predicted", "derived"),
    ("AlexNet", None, table.params / 1e6),
    ("with the slide's changes", zf, by_letter / 1e6),
    ("ZFNet with those filters", None, zfnet.params / 1e6),
)
assert by_letter == 385_941_928, "the slide's changes alone should make 386 million"
assert zfnet.params == 107_627_624 and shapes["pool5"] == (512, 6, 6), "conv2's stride saves fc6"

# %% [markdown]
# "Trial and error", say the slides of both networks. VGG has rules (lesson 3).
#
# ## Where slides and figures slip
#
# - conv4 is printed with 145 million multiply-adds; it is 149,520,384, which rounds to 150.
# - The pooling layers are printed with 0: rounded from 0.4, 0.3 and 0.1 million, not nothing.
# - 227 pixels with padding 2, and so a map 56 wide, is the lecture's own combination. The paper's 55 needs
#   227 without padding or, as in torchvision, 224 with padding 2. The paper writes 224 (without padding: 54).
# - Figure 2 of the paper counts 253,440 neurons after conv1. That is $55 \cdot 48 \cdot 96$; the layer has
#   $55 \cdot 55 \cdot 96 = 290,400$. The counts of the other seven layers are right.

# %%
WIDTHS = {(227, 2): 56, (227, 0): 55, (224, 2): 55, (224, 0): 54}  # (image, padding): width after conv1
found = {(size, padding): width_after(size, 11, 4, padding) for size, padding in WIDTHS}
first = cost.table(models.build("alexnet_2012", rng=init.SHAPES_ONLY), (3, 227, 227))
neurons = [row.output_bytes // 4 for row in first.rows if row.weighted]
assert found == WIDTHS, "a map of 55 pixels needs 227 without padding or 224 with padding 2"
assert neurons[0] == 55 * 55 * 96, "conv1 of the paper has 290,400 neurons, not 253,440"
assert neurons[1:] == [186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000], (
    "the figure's other counts are right"
)

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - Positions: $\lfloor (W - K + 2P)/S \rfloor + 1$. Weights: $K^2 C C'$, and $C'$ biases. Multiply-adds: as
#   many as weights, times the positions.
# - Memory is in the early maps, parameters in the fully-connected layers, multiply-adds in the convolutions.
# - One stride changes everything after it, most of all the first fully-connected layer.
#
# ## What to try next
#
# 1. Give `cost.table` and `derive` images of 224 pixels instead of 227. Which columns change?
# 2. Then images of 300. What does the network say, and which layer is the reason? (`image_size=` of the
#    builder helps.)
#
# ## Exercises
#
# 1. Which padding keeps the width under a 3 x 3 convolution of stride 1? And under a $K \times K$ one?
# 2. conv2 has 13 times the parameters of conv1 but only 3 times its multiply-adds. Why?
# 3. The rest of lecture 9's row for pool1: how much memory, how many parameters and operations?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. The output of conv1 is 55 pixels wide, so its memory and multiply-adds change. pool1's is 27 wide again,
#    and nothing changes after it.
# 2. 300 is refused: pool5's map is then 8 wide instead of 6, and fc6 has weights for $256 \cdot 6^2$ inputs.
#
# **Exercises.**
#
# 1. $W' = W$ at $S = 1$ means $2P = K - 1$: padding 1, and in general $(K - 1)/2$, for odd $K$ only.
# 2. A weight is used once for each position: $56^2 = 3136$ times in conv1, $27^2 = 729$ times in conv2. So
#    13.2 times the weights make $13.2 \cdot 729 / 3136 = 3.07$ times the multiply-adds.
# 3. $64 \cdot 27^2$ numbers of 4 bytes are 182.25 KB. It learns nothing. It compares $3^2$ numbers for each
#    output: 419,904 operations.
