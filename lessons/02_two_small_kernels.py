# %% [markdown]
# # 2. Two small kernels see as far as one large one
#
# **Question.** Since VGG nearly every network is made of 3 x 3 kernels. Is a 5 x 5 kernel not simply better,
# as it sees more of the image at once?
#
# *Time: 1 s. Before this: lesson 1. Sources: lecture 9, slides "VGG: Deeper Networks, Regular Design";
# Simonyan & Zisserman 2014 (arXiv:1409.1556), section 2.3.*

# %%
import numpy as np

from minires import init, lesson, plot
from minires.accounting import cost
from minires.layers import Conv2d, ReLU, Sequential

# %% [markdown]
# ## Predict
#
# Why use smaller filters? AlexNet had kernels of 11 and 5 pixels, ZFNet of 7 and 5; VGG has 3 x 3 alone. Two
# 3 x 3 layers in a row see 5 x 5 pixels. Is that cheaper, or do twice the layers cost twice as much? And the
# 25 pixels need not all count alike: more ways lead from some of them to the output than from others.

# %%
saved_of = {
    5: lesson.predict("What part of a 5 x 5 kernel's multiply-adds do two 3 x 3 layers save?", "%", by=5),
    7: lesson.predict("What part of a 7 x 7 kernel's multiply-adds do three 3 x 3 layers save?", "%", by=5),
}
centre = lesson.predict(
    "How many times as large is the mean square of the gradient at the centre of the 5 x 5 as at a corner?"
)
first = lesson.predict(
    "How many times as many parameters as one 5 x 5 layer from 3 channels to 64 do two 3 x 3 layers have?"
)

# %% [markdown]
# ## Derivation
#
# **How far it sees.** The receptive field of an output pixel is the square of input pixels that can change
# it. Each $K \times K$ kernel at stride 1 adds $(K - 1)/2$ pixels on either side, so $n$ layers of 3 x 3
# see a square with sides of
#
# $$R = 1 + n\,(3 - 1) = 2n + 1 :$$
#
# two see 5 x 5 pixels, three see 7 x 7, as one $R \times R$ kernel does.
#
# **What it costs.** Let every layer take $C$ channels to $C$ channels on a map of $H \times W$. One large
# kernel has $R^2 C^2$ weights, $n$ small ones have $9 n\,C^2$, and as each is used once at every pixel,
#
# $$\mathrm{MACs}_{R \times R} = R^2\,C^2 H W, \qquad \mathrm{MACs}_{n \cdot 3 \times 3} = 9 n\,C^2 H W.$$
#
# For $R = 5$ that is $25\,C^2$ against $18\,C^2$ for each pixel. The first grows as $R^2$, the second as
# $R - 1$. Each layer also has $C$ biases: two layers have $2C$ where one has $C$.

# %% [markdown]
# ## Measure: the cost


# %%
def one_large(size, channels, wider):
    """Return a convolution from `channels` to `wider` channels with a kernel of that size."""
    return Sequential(Conv2d(channels, wider, size, padding=size // 2, rng=init.SHAPES_ONLY))


def small_ones(size, channels, wider, rng=init.SHAPES_ONLY, kernel=3):
    """Return as many 3 x 3 convolutions as see that size, each with a ReLU; the first makes them wider."""
    parts = []
    for i in range(size // 2):
        parts += [Conv2d(channels if i == 0 else wider, wider, kernel, padding=kernel // 2, rng=rng), ReLU()]
    return Sequential(*parts)


C, H, W = 64, 56, 40
SIZES = (5, 7, 9, 11)
large = {size: cost.table(one_large(size, C, C), (C, H, W)) for size in SIZES}
small = {size: cost.table(small_ones(size, C, C), (C, H, W)) for size in SIZES}
for size in SIZES:
    n = size // 2
    assert large[size].params == size**2 * C**2 + C and large[size].macs == size**2 * C**2 * H * W
    assert small[size].params == 9 * n * C**2 + n * C, "n layers of 3 x 3 have 9 n C^2 weights and n C biases"
    assert small[size].macs == 9 * n * C**2 * H * W, "n layers of 3 x 3 take 9 n C^2 H W multiply-adds"
assert (large[5].params, small[5].params) == (102_464, 73_856), "102,400 and 73,728 weights, and the biases"

saved = {size: 100 * (1 - small[size].macs / large[size].macs) for size in SIZES}
rows = []
for size in SIZES:
    derived = 100 * (1 - 9 * (size // 2) / size**2)
    macs = large[size].macs, small[size].macs
    rows.append((f"{size} x {size}", *macs, saved_of.get(size), derived, saved[size]))
lesson.table(
    ("multiply-adds to see", "one kernel", "3 x 3 kernels", "saved (%): predicted", "derived", "measured"),
    *rows,
)
assert 25 * small[5].macs == 18 * large[5].macs, "two 3 x 3 should save 28 % of a 5 x 5"

# %%
figure = plot.bars(
    {
        "one large kernel": {f"{size} x {size}": large[size].macs / (C * C * H * W) for size in SIZES},
        "3 x 3 kernels": {f"{size} x {size}": small[size].macs / (C * C * H * W) for size in SIZES},
    },
    xlabel="receptive field (pixels)",
    ylabel="multiply-adds / ($C^2 H W$)",
)
lesson.show(
    figure,
    alt=(
        "Multiply-adds for four receptive fields, one large kernel beside a stack of 3 x 3 kernels. The "
        "stack takes less for each field, and the larger the field, the more it saves."
    ),
)

# %%
lesson.quiz(
    "Why do we want to do this: two 3 x 3 layers where there was one 5 x 5?",
    ("the same pixels are seen with fewer weights, and one ReLU more", "18 C^2 against 25 C^2"),
    ("they see more of the image", "both see 5 x 5 pixels"),
    ("whatever a 5 x 5 kernel computes, they can too", "18 C^2 numbers cannot set 25 C^2 freely"),
    ("they need less memory in training", "two layers have two outputs, and both are kept for backward"),
)

# %% [markdown]
# ## Measure: how far they see
#
# Two ways to measure it, on layers with random weights and ReLUs. Forward: change one input pixel (an
# *impulse*) and see which output pixels change. Backward: compute the gradient of one output pixel with
# respect to the input; where it is not 0, the input pixel is seen.

# %%
N = 64  # images
rng = np.random.default_rng(0)
pair = small_ones(5, C, C, rng=rng)
x = rng.standard_normal((N, C, 11, 13), dtype=np.float32)
impulse = x.copy()
impulse[:, :, 5, 6] += 1
y, cache = pair.forward(x, train=True)
changed = (pair.forward(impulse, train=True)[0] != y).any(axis=(0, 1))  # (11, 13)

dy = np.zeros_like(y)
dy[:, :, 5, 6] = rng.standard_normal((N, C), dtype=np.float32)
dx = pair.backward(dy, cache)
seen = (dx != 0).any(axis=(0, 1))

expected = np.zeros((11, 13), bool)
expected[3:8, 4:9] = True  # 5 x 5 pixels around (5, 6)
lesson.table(
    ("two 3 x 3", "derived", "measured"),
    ("outputs changed by one input pixel", 25, int(changed.sum())),
    ("inputs that change one output pixel", 25, int(seen.sum())),
)
assert np.array_equal(changed, expected), "an impulse should spread over exactly 5 x 5 pixels"
assert np.array_equal(seen, expected), "one output pixel should look at exactly 5 x 5 pixels"

# %% [markdown]
# They do not see all 25 pixels equally well. A path leads from an input pixel to a pixel of the middle map
# and on to the output pixel, each step within one 3 x 3 window: 9 paths for the input pixel in the centre, 1
# for a corner. Along one direction the numbers are 1, 2, 3, 2, 1, and those of the two directions multiply.
# The gradient is the sum over the paths. With independent weights of mean 0 they are nearly uncorrelated
# (exactly, but for the ReLUs) and their variances add up: the mean square of the gradient should be in
# proportion to the number of paths.

# %%
paths = np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1])
field = (dx.astype(np.float64) ** 2).mean(axis=(0, 1))  # (11, 13)
field *= paths.sum() / field.sum()  # in units of one path
strength = field[3:8, 4:9]
edge, corner = (strength[at].mean() for at in (([0, 2, 2, 4], [2, 0, 4, 2]), ([0, 0, 4, 4], [0, 4, 0, 4])))
lesson.table(
    ("paths, relative to a corner (mean of 4)", "predicted", "derived", "measured"),
    ("from the centre", centre, 9, strength[2, 2] / corner),
    ("from the middle of an edge (mean of 4)", None, 3, edge / corner),
)
# the mean over 64 images and 64 channels is noisy: the worst of the 25 pixels is off by 7 to 9 %
assert abs(strength / paths - 1).max() <= 0.2, "the mean square should be in proportion to the paths"
assert abs(strength[2, 2] / corner - 9) <= 2, "the centre should count nine times as much as a corner"

# %%
figure = plot.heat_map(
    field,
    xlabel="column of the input pixel",
    ylabel="row of the input pixel",
    label="mean square of the gradient (paths)",
    title="What output pixel (5, 6) sees through two 3 x 3 kernels",
    origin="upper",  # rows run downwards, as in an image
    form="{:.1f}",
)
lesson.show(
    figure,
    alt=(
        "A map of input pixels in which 5 x 5 are shaded: those that one output sees. The centre counts "
        "about nine times as much as a corner, as there are nine times as many paths from it."
    ),
)

# %%
lesson.quiz(
    "Three 3 x 3 layers, the first of them with stride 2: how many input pixels wide is what an output sees?",
    ("11", "5 pixels of the first map, 2 apart, each of which sees 3: 4 * 2 + 3"),
    ("7", "that is three layers of stride 1; after a stride every step of a kernel is 2 input pixels"),
    ("14", "the stride doubles the steps of the later kernels, not what the first one sees"),
)

# %% [markdown]
# ## Where the rule ends
#
# All of this assumes $C$ channels in *and* out. The first layer of a network takes 3 channels: one 5 x 5
# layer from 3 to 64 channels has $25 \cdot 3 \cdot 64$ weights, but of two 3 x 3 layers the second alone has
# $9 \cdot 64 \cdot 64$. There the large kernel is the cheaper one, and GoogLeNet and ResNet do begin with a
# 7 x 7. Besides, twice the layers have twice the outputs, which are kept until backward.

# %%
first_large = cost.table(one_large(5, 3, C), (3, H, W))
first_small = cost.table(small_ones(5, 3, C), (3, H, W))
FROM_3 = (9 * 3 * C + 9 * C * C) / (25 * 3 * C)  # weights of the two over weights of the one
compared = {
    "3 to 64 channels: parameters": (first_large.params, first_small.params),
    "64 to 64 channels: parameters": (large[5].params, small[5].params),
    "64 to 64 channels: outputs (KB)": (large[5].output_bytes // 1024, small[5].output_bytes // 1024),
}
predicted = [first, None, None]
lesson.table(
    ("", "one 5 x 5", "two 3 x 3", "predicted", "derived", "measured"),
    *(
        (what, one, two, guess, derived, two / one)
        for (what, (one, two)), guess, derived in zip(
            compared.items(), predicted, (FROM_3, 18 / 25, 2), strict=True
        )
    ),
)
assert abs(first_small.params / first_large.params / FROM_3 - 1) <= 0.02, "as derived, but for the biases"
assert first_small.params > 7 * first_large.params, "from 3 channels, two small kernels should cost more"
assert small[5].output_bytes == 2 * large[5].output_bytes, "two layers should have twice the outputs"

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - Two 3 x 3 layers have the receptive field of a 5 x 5 with 28 % fewer weights and multiply-adds, provided
#   that the first takes about as many channels as it outputs.
# - They do not compute the same. Without the ReLU between them they would be a 5 x 5 kernel with restricted
#   weights; with it they are no single convolution at all, but a function that is not linear.

# %% [markdown]
# ## What to try next
#
# 1. Make the `kernel` of the pair 5: what do the two now see, and which assertion tells you?
# 2. Make `N` 1: how well do the paths predict the gradient of a single image, and why?
#
# ## Exercises
#
# 1. A 1 x 5 kernel followed by a 5 x 1 kernel also sees 5 x 5. How many weights has that pair? What is lost?
# 2. A 7 x 7 kernel of stride 2 begins GoogLeNet and ResNet. What would replace it if every kernel had to be
#    3 x 3, and what would that cost, with 64 channels on 224 x 224 pixels?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. With kernels of 5 the pair sees 9 x 9 pixels, and the first `array_equal` fails.
# 2. Some pixel is off by 40 to 80 %: its mean is over 64 numbers instead of 4096.
#
# **Exercises.**
#
# 1. $5C^2 + 5C^2 = 10\,C^2$, less than $18\,C^2$. Each path now goes along a row and then along a column.
#    There is exactly one path from each of the 25 pixels, through one map of $C$ channels: $10\,C^2$ numbers
#    cannot be set to give every one of the $25\,C^2$ weights. Inception-v3 and v4 have such pairs, 1 x 7 and
#    7 x 1.
# 2. Three layers, one of them with stride 2. The 7 x 7 takes 118 million multiply-adds, from 3 to 64 channels
#    on maps of 112 x 112. With the stride in the first of the three they see 11 x 11 pixels and take
#    $112^2\,(9 \cdot 3 \cdot 64 + 2 \cdot 9 \cdot 64^2)$, 947 million; with the stride in the last they see
#    7 x 7 and take more still.
