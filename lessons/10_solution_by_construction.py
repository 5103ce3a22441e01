# %% [markdown]
# # 10. The solution by construction
#
# **Question.** Everybody tells me that a deeper network can do whatever a shallower one can. Can I see
# that: a 20-layer network that computes, to the last digit, what my trained 8-layer network computes?
#
# *Time: 3 s. Before this: lesson 5. Sources: lecture 6, slides "Simply stacking layers?" and
# "Issues on learning deep models"; lecture 9, slide "Residual Networks" (a deeper model can emulate a
# shallower one); He et al. 2015 (arXiv:1512.03385), section 1.*

# %%
import numpy as np

import minires.functional as F
from minires import data, init, lesson, models, optim, plot
from minires.layers import BatchNorm, Conv2d, Flatten, Linear, ReLU, Sequential
from minires.surgery import deepen

# %% [markdown]
# ## Predict
#
# "A deeper model should not have higher training error", says lecture 6, for there is "a solution by
# construction": copy the layers of a trained shallower model, and set the extra layers to the identity. Two
# convolutions with batch norm and ReLU are no obvious identity, and batch norm has two modes.

# %%
predicted_eval = lesson.predict(
    "A plain network of 8 layers is trained on the digits and gets 12 more layers that are meant to do "
    "nothing. By how much do its logits change in eval mode, as a part of the largest logit?",
    by=0.001,
)
predicted_train = lesson.predict(
    "And by how much do they change in training mode, for the same images?",
    within=3,
)

# %% [markdown]
# ## Derivation
#
# Take the trained layers as they are and insert new ones that return what they get. What weights are that?
#
# **A convolution and a ReLU.** Let the kernel $W$ from channel $j$ to channel $i$ be zero, but for a 1 in
# its centre where $i = j$ (a *Dirac* kernel). Then $W * x = x$: each output is one number times 1 plus
# other numbers times 0, which is exact even in floating point. The ReLU after it returns
# $\max(0, x) = x$ if $x \ge 0$, and that holds wherever $x$ came out of a ReLU itself. So after a ReLU
# the new layer is *exactly* the identity.
#
# **With batch norm** between the two, in eval mode,
# $y = \gamma\,(x - \bar\mu)/\sqrt{\bar\sigma^2 + \epsilon} + \beta$ with the layer's small constant
# $\epsilon$. With running mean $\bar\mu = 0$, running variance $\bar\sigma^2 = 1 - \epsilon$,
# $\gamma = 1$ and $\beta = 0$ it returns $x$, up to the rounding of $1 - \epsilon$ and of the root.
#
# **With batch norm in training mode** we cannot choose $\bar\mu$ and $\bar\sigma^2$: in their place
# stand the mean $\mu$ and the variance $\sigma^2$ of the batch. Only
# $\gamma = \sqrt{\sigma^2 + \epsilon}$ and $\beta = \mu$ would undo them, and the next batch has others.
#
# **A residual block** $\mathrm{relu}(F(x) + x)$ needs no Dirac kernels: let the last $\gamma$ and $\beta$
# of its branch $F$ be 0. Then $F = 0$ for every batch, in both modes, and $\mathrm{relu}(x) = x$ as above.

# %%
lesson.quiz(
    "An inserted 3x3 convolution with a ReLU is to be the identity. What are its weights?",
    ("a 1 in the centre from each channel to itself, all others 0", "each output is its own pixel times 1"),
    ("all 0", "then it returns 0; zeros make an identity only where a shortcut adds x"),
    ("all 1", "each output is then the sum of nine pixels of all channels"),
    ("all 1/9", "that is a blur, added up over all channels"),
)

# %% [markdown]
# ## One inserted layer
#
# The Dirac convolution with its ReLU, on numbers that came out of a ReLU and on numbers of both signs.

# %%
SEED, CHANNELS, CENTRE = 0, 16, 1.0
rng = np.random.default_rng(SEED)
dirac = CENTRE * init.identity((CHANNELS, CHANNELS, 3, 3))
signed = rng.standard_normal((8, CHANNELS, 7, 9), dtype=np.float32)
positive = F.relu_forward(signed)[0]


def inserted(x):
    return F.relu_forward(F.conv2d_forward(x, dirac, padding=1)[0])[0]


assert (inserted(positive) == positive).all(), "after a ReLU the inserted layer should change no bit"
assert abs((inserted(signed) == signed).mean() - 0.5) <= 0.02, "elsewhere it should lose what is negative"

# %% [markdown]
# ## Measure
#
# Three shallow networks are trained briefly: a chain of convolutions without batch norm, plain-8 and
# ResNet-8. `minires.surgery.deepen` then returns deeper copies of them, built as derived above: two more
# blocks in each of the three stages make 20 layers out of 8.

# %%
NEW_BLOCKS, TRAINING = 2, True
EPOCHS = 1 if lesson.setting() == "fast" else 2
digits, _ = data.load("digits")
normalisation = data.Normalisation.fit(digits)
images, labels = normalisation(digits.images), digits.labels


def learn(net):
    """Train the network on the digits, in place, and return it."""
    optimiser = optim.SGD(net.named_parameters(), lr=0.05, momentum=0.9)
    batches = data.Batches(digits, batch_size=64, seed=SEED, normalisation=normalisation)
    for epoch in range(EPOCHS):
        for x, y in batches.epoch(epoch):
            logits, cache = net.forward(x, train=True)
            _, loss_cache = F.softmax_cross_entropy_forward(logits, y)
            optimiser.zero_grad()
            net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
            optimiser.step()
    return net


def layers(net):
    """Return the number of layers with weights."""
    return sum(isinstance(layer, (Conv2d, Linear)) for _, layer in net.named_layers())


def error(net):
    """Return the training error in percent."""
    return 100 * (net.predict(images).argmax(axis=1) != labels).mean()


def distance(net, deeper, train):
    """Return the largest difference of their logits over the largest logit, in that mode."""
    logits, _ = net.forward(images[:256], train=train)
    of_deeper, _ = deeper.forward(images[:256], train=train)
    return abs(of_deeper - logits).max() / abs(logits).max()


convolutions = []
for channels in (1, CHANNELS, CHANNELS):
    convolutions += [Conv2d(channels, CHANNELS, 3, padding=1, rng=rng), ReLU()]
chain = Sequential(*convolutions, Flatten(), Linear(CHANNELS * images[0].size, 10, rng=rng))
shallow = {
    "plain-4": learn(chain),
    "plain-8": learn(models.build("plain8", in_channels=1, rng=rng)),
    "ResNet-8": learn(models.build("resnet8", in_channels=1, rng=rng)),
}
deep = {name: deepen(net, blocks=NEW_BLOCKS) for name, net in shallow.items()}

# %%
pairs = {"plain-8": shallow, "plain-8, deepened": deep, "ResNet-8": shallow, "ResNet-8, deepened": deep}
nets = {title: nets[title.removesuffix(", deepened")] for title, nets in pairs.items()}
lesson.show(
    plot.blocks(nets, input_shape=images.shape[1:], title="8 layers, and 20 that compute the same"),
    alt=(
        "Plain-8 and ResNet-8 beside versions with 20 layers that compute the same. Each stage has two more "
        "blocks; in the ResNet every new block has an identity shortcut."
    ),
)

# %% [markdown]
# ## Derived beside measured

# %%
errors = {name: (error(shallow[name]), error(deep[name])) for name in shallow}
in_eval = {name: distance(shallow[name], deep[name], not TRAINING) for name in shallow}
in_train = {name: distance(shallow[name], deep[name], TRAINING) for name in shallow}
lesson.table(
    ("trained network", "layers", "deepened to", "train error (%)", "of the deeper one (%)"),
    *((name, layers(shallow[name]), layers(deep[name]), *errors[name]) for name in shallow),
)
print()
lesson.table(
    ("largest difference / largest logit", "predicted", "derived", "measured"),
    ("plain-4 without batch norm, eval mode", None, 0, in_eval["plain-4"]),
    ("the same, training mode", None, 0, in_train["plain-4"]),
    ("plain-8 with batch norm, eval mode", predicted_eval, 0, in_eval["plain-8"]),
    ("the same, training mode", predicted_train, "not 0", in_train["plain-8"]),
    ("ResNet-8, eval mode", None, 0, in_eval["ResNet-8"]),
    ("the same, training mode", None, 0, in_train["ResNet-8"]),
)
assert layers(deep["plain-8"]) == layers(deep["ResNet-8"]) == 20
# rounding may tip over one image that is on the edge of two digits, 0.07 %
assert all(abs(before - after) < 0.1 for before, after in errors.values()), "the training error should stay"
assert in_eval["plain-4"] == in_train["plain-4"] == 0, "without batch norm no bit should change"
assert in_eval["plain-8"] <= 1e-6, "with neutralised batch norm only rounding should be left, in eval mode"
assert in_eval["ResNet-8"] == in_train["ResNet-8"] == 0, "branches of zero should be exact in both modes"
assert in_train["plain-8"] > 0.1, "in training mode neutralised batch norm should not be the identity"

# %% [markdown]
# ## Training mode, looked at closely
#
# Give the first inserted block of the constructed plain-20 the statistics of one batch: $\gamma =
# \sqrt{\sigma^2 + \epsilon}$ and $\beta = \mu$ in both of its batch norms. Send that batch through it in
# training mode, and then another.

# %%
before = Sequential(*(shallow["plain-8"][name] for name in ("conv", "norm", "relu", "stage1")))
block = deep["plain-8"]["stage1"][1]
this_batch, other_batch = (before.forward(images[i : i + 64], train=True)[0] for i in (0, 64))
mean, var = this_batch.mean(axis=(0, 2, 3)), this_batch.var(axis=(0, 2, 3))
for _, layer in block.named_layers():
    if isinstance(layer, BatchNorm):
        layer.gamma.data[...] = np.sqrt(var + layer.eps)
        layer.beta.data[...] = mean
changes = [abs(block.forward(x, train=True)[0] - x).max() / abs(x).max() for x in (this_batch, other_batch)]
print()
lesson.table(
    ("inserted block in training mode, gamma = sigma, beta = mu", "derived", "measured"),
    ("largest change of the batch they were taken from", 0, changes[0]),
    ("largest change of another batch", "not 0", changes[1]),
)
assert changes[0] <= 1e-5, "with the batch's own statistics batch norm should be undone"
assert changes[1] > 100 * changes[0], "and for another batch it should not be"


# %%
def parts(blocks):
    """Return the names of the first convolution, that many blocks in each stage, and the classifier."""
    return ["conv", *(f"stage{stage}.{block}" for stage in (1, 2, 3) for block in range(blocks)), "fc"]


titles = ("plain-8,\ntrained", "plain-20,\nconstructed")
lesson.show(
    plot.construction(parts(1), parts(1 + NEW_BLOCKS), titles=titles),
    alt=(
        "Plain-8 above plain-20. Arrows lead from each trained layer to its copy in the deeper network; the "
        "six blocks in between, in dashed frames, are inserted and set to the identity."
    ),
)

# %% [markdown]
# ## What it proves
#
# In eval mode, in which errors are taken, each deeper network computes what the shallow one computes, to
# the last image. So its *best* training error cannot be higher: it has the "richer solution space". (For
# plain-20 the difference is 0 rather than some rounding because in float32 $(1 - \epsilon) + \epsilon$
# happens to be 1.) In training mode the inserted plain blocks with batch norm
# are not the identity: a plain-20 that learns on from here starts somewhere else, a ResNet-20 does not.
#
# Lecture 6 asks three things of a deep model; the construction answers the first. Of residual networks the
# lecture says: no explicit advantage in the first, much easier in the second, the third not addressed.
#
# | ability | question | lessons |
# |---|---|---|
# | representation | could it fit, with the best of all weights? | here; lesson 12, exercise 1 |
# | optimisation | does the solver find them? | 6 to 9; 11: it does not; 12, 13, 15 to 20: what helps |
# | generalisation | once it fits, how good is it on new images? | 5 (batch noise), 13 (dropout), 21, 23 |

# %%
lesson.quiz(
    "A plain network of 34 layers ends with a higher training error than one of 18. What does that show?",
    ("the solver did not find a solution that exists", "the construction is one, with the error of the 18"),
    ("the deeper network overfits", "an overfitting network has a low error on the images it was trained on"),
    ("34 layers cannot represent the function", "they can: 18 copied layers and 16 identities do"),
)

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - For plain layers the identity is one particular setting of all weights (a 1 here, zeros there), and it
#   needs a ReLU before it. For a residual block it is "the branch is zero".
# - The guarantee is about what exists, not about what training finds. Lesson 11 trains both.
#
# ## What to try next
#
# 1. Set `NEW_BLOCKS` to 10, which makes 68 layers: which numbers in the tables change?
# 2. After the two tables, call `learn` on `deep["plain-8"]` and on `deep["ResNet-8"]`: which keeps its low
#    training error?
#
# ## Exercises
#
# 1. How many zeros and ones does the identity need in one 3x3 convolution of 64 channels? How many numbers
#    must be zero in a residual block of two such convolutions with batch norm?
# 2. Pre-activation networks have no ReLU after their additions. Can a plain convolution and ReLU be
#    inserted there without harm? Can a pre-activation block whose last convolution is zero?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. Only the difference in training mode.
# 2. ResNet-20. Two more epochs took it in one run from 0.6 down to 0 % training error, and the constructed
#    plain-20 from 1.8 up to 16 %.
#
# **Exercises.**
#
# 1. 64 ones in the centres and 36,800 zeros. In the residual block 128: the last $\gamma$ and $\beta$; all
#    other weights may be anything.
# 2. No: what passes from block to block there has both signs, and the ReLU would cut the negative half.
#    The block: yes, $x + 0 = x$ for every $x$ (lesson 12).
