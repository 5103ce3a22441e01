# %% [markdown]
# # 1. What a convolution costs
#
# **Question.** I am handed a table of a network: filters, kernels, strides. Can I say, before I run anything,
# how large every map is, how much memory it takes, how many numbers are learned and how much it computes?
#
# *Time: 2 s. Before this: nothing. Sources: lecture 9, slides "AlexNet"; the ICML 2016 tutorial, "Traditional
# recognition"; Krizhevsky, Sutskever & Hinton 2012, section 3.5 and figure 2.*

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
lesson.show(plot.classifier_pipeline())

# %% [markdown]
# ## Derivation
#
# **Size.** A kernel $K$ pixels wide slides over $W$ pixels with $P$ zeros added at both ends, in steps of $S$
# (the stride). Its left edge can be at $0, S, 2S, \ldots$, at most at $W + 2P - K$, so the number of its
# positions, which is the width $W'$ of the output, is
#
# $$W' = \left\lfloor \frac{W - K + 2P}{S} \right\rfloor + 1.$$
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


def derive(channels, width):
    """Return (name, output shape, bytes, parameters, operations) of every layer, by the formulas alone."""
    rows = []
    for name, filters, kernel, stride, padding in ALEXNET:
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


# %% [markdown]
# ## The quiz of lecture 9, and three predictions
#
# conv1 takes 3 channels of 227 pixels; the lecture asks for each column of its row in turn. Work them out on
# paper: output channels, output width, memory in KB (1024 bytes), parameters, multiply-adds; and for pool1
# channels, width, memory, parameters, operations. (The answers come below.) Then predict, for the whole
# network: which layer has the largest output, which the most parameters, which the most multiply-adds?

# %%
prediction = {"memory": "conv1", "parameters": "fc6", "multiply-adds": "conv1"}

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
lesson.table(
    ("conv1", "by hand", "measured"),
    ("output", "64 x 56 x 56", " x ".join(map(str, y.shape[1:]))),
    ("memory (KB)", 64 * 56 * 56 * 4 / 1024, y.nbytes / 1024),
    ("parameters", 64 * (3 * 11 * 11 + 1), sum(p.data.size for _, p in conv1.named_parameters())),
    ("multiply-adds", 64 * 56 * 56 * 3 * 11 * 11, counted),
)
assert y.shape == (1, 64, 56, 56) and y.nbytes == 784 * 1024, "conv1 outputs 64 x 56 x 56 numbers, 784 KB"
assert counted == 72_855_552, "conv1 takes 72,855,552 multiply-adds"

# %% [markdown]
# Then the whole network, counted by the library from its own layers, beside the formulas and the slides.

# %%
net = models.build("alexnet", rng=init.SHAPES_ONLY)  # weights that take no memory: it is counted, not run
table = cost.table(net, (3, 227, 227))
derived = derive(3, 227)
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
# And now the three predictions. Like the slides' totals, these leave the pooling layers out.

# %%
weighted = [row for row in table.rows if row.weighted]  # convolutions and fully-connected layers
rows = []
for title, column in (("memory", "output_bytes"), ("parameters", "params"), ("multiply-adds", "macs")):
    numbers = {row.name: getattr(row, column) for row in weighted}
    largest, total = max(numbers, key=numbers.get), sum(numbers.values())
    fully_connected = numbers["fc6"] + numbers["fc7"] + numbers["fc8"]
    rows.append((title, prediction[title], largest, numbers[largest] / total, fully_connected / total))
lesson.table(("most of the", "predicted", "measured", "its fraction", "fraction of fc6 to fc8"), *rows)
assert [row[2] for row in rows] == ["conv1", "fc6", "conv2"], "the layers with most of each"
assert abs(rows[0][3] - 0.400) < 5e-4, "conv1 should have 40.0 % of the memory"
assert abs(rows[1][4] - 0.960) < 5e-4, "three fully-connected layers should have 96.0 % of the parameters"
assert abs(rows[2][4] - 0.082) < 5e-4, "and 8.2 % of the multiply-adds"

# %%
lesson.show(plot.costs(table, title="AlexNet, one image of 227 x 227 (lighter: pooling)"))

# %% [markdown]
# Most of the memory is in the early convolutions (40.0 % in conv1 alone), nearly all parameters are in the
# fully-connected layers (96.0 %), most multiply-adds in the convolutions (91.8 %). So few weights can mean
# much computation, because each is used at every position of the map.
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

# %% [markdown]
# ## What to try next
#
# Give `cost.table` and `derive` images of 224 pixels instead of 227, then of 300. Which columns change? What
# does the network say to 300, and which layer is the reason? (`image_size=` of the builder helps.)
#
# ## Exercises
#
# 1. Which padding keeps the width under a 3 x 3 convolution of stride 1? And under a $K \times K$ one?
# 2. conv2 has 13 times the parameters of conv1 but only 3 times its multiply-adds. Why?
#
# ## Answers
#
# The quiz. conv1: 64 channels, for there are as many as filters; $(227 - 11 + 4)/4 + 1 = 56$; 784 KB;
# 23,296; 72,855,552. pool1: 64 channels; $\lfloor 53/2 \rfloor + 1 = 27$; 182.25 KB; none; 419,904.
#
# 1. $W' = W$ at $S = 1$ means $2P = K - 1$: padding 1, and in general $(K - 1)/2$, for odd $K$ only.
# 2. A weight is used once for each position: $56^2 = 3136$ times in conv1, $27^2 = 729$ times in conv2. So
#    13.2 times the weights make $13.2 \cdot 729 / 3136 = 3.07$ times the multiply-adds.
#
# (To try: at 224 the output of conv1 is 55 wide, so its memory and multiply-adds change; pool1's is 27 wide
# again, and nothing changes after it. 300 is refused: pool5 is no longer 6 wide, and fc6 fits nothing else.)
