# %% [markdown]
# # 20. Zero weights before batch norm: the wrong zero
#
# **Question.** In my ResNet batch norm follows every convolution. I set the last convolution of each
# block to zero, as in lesson 19, and the network does start as the identity. Yet its first gradient is
# hundreds of times too large. Why? And why does torchvision set the last *gamma* to zero instead?
#
# *Time: 5 s. Before this: lessons 5 and 19. Sources: lecture 9, slide "Weight Initialization for
# Residual Networks"; Ioffe & Szegedy 2015 (arXiv:1502.03167), section 3; Goyal et al. 2017
# (arXiv:1706.02677), section 5.1; torchvision's option `zero_init_residual`.*

# %%
import math

import numpy as np

import minires.functional as F
from minires import data, init, lesson, models, optim, plot, probe, surgery
from minires.layers import BatchNorm, Linear, ReLU, Residual, Sequential

# %% [markdown]
# ## Predict
#
# A unit of two linear layers, each with a batch norm after it ($\epsilon = 10^{-5}$), and the second one's
# weights at zero. What they output is 0 for every sample. What does batch norm make of that, forward and
# backward? And after a step the weights are zero no more, but nearly: is the branch nearly silent?

# %%
growth = lesson.predict(
    "By what factor is the gradient at the zero layer's output larger than at the unit's output?"
)
of_chainer = lesson.predict("And with Chainer's epsilon, twice as large?")
square_after = lesson.predict(
    "After one step with a learning rate of 0.001: what is the mean square of the branch, if that of x is 1?"
)

# %% [markdown]
# ## Derivation
#
# Lesson 5 derived the backward pass of batch norm. For one channel with values $z_n$, $n$ running over the
# batch, $\hat z_n = (z_n - \mu) / \sqrt{\sigma^2 + \epsilon}$, output $\gamma \hat z_n + \beta$ and $g_n$
# the gradient of the loss $E$ at the output,
#
# $$\frac{\partial E}{\partial z_n} = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}
# \Big(g_n - \overline{g} - \hat z_n\,\overline{g \hat z}\Big),$$
#
# with bars for means over the batch. The factor in front is that of the forward pass: where $z$ is small
# and is scaled up, its gradient is scaled up too. Usually $\sigma$ is about 1. But $z = W_2 h$ with
# $W_2 = 0$ is 0 for every sample: $\mu = \sigma = 0$ and $\hat z = 0$. What comes out is 0, as it should,
# and with $\gamma = 1$
#
# $$\frac{\partial E}{\partial z_n} = \frac{1}{\sqrt\epsilon}\,(g_n - \overline{g}), \qquad
# \frac1{\sqrt{10^{-5}}} = 316.$$
#
# So $W_2$ gets a gradient 316 times too large. A step with learning rate $\eta$ makes $z$ proportional to
# $\eta / \sqrt\epsilon$, and on the way forward batch norm divides *that* by $\sqrt\epsilon$ once more. As
# long as $\sigma^2 \ll \epsilon$, the branch moves as if the learning rate were
#
# $$\frac{1}{\sqrt\epsilon} \cdot \frac{1}{\sqrt\epsilon} \cdot \eta = \frac{\eta}{\epsilon} = 10^5\,\eta.$$
#
# With $\gamma = 0$ and ordinary weights $\sigma$ is ordinary, and $\partial E / \partial \gamma = \sum_n
# g_n \hat z_n$ divides by nothing small.

# %% [markdown]
# ## Measure: one unit
#
# Linear, norm, ReLU, linear, norm, with five ways to start. The gradient at the unit's output is random,
# with mean 0 over the batch, so that $\overline g$ plays no part. How large is the gradient at the output
# of the last linear layer, relative to it? And how far does the branch's output move in a first, tiny step,
# for each unit of the learning rate? (We leave out the mean over the batch of that movement: without a
# norm there is one, and batch norm removes it.)

# %%
WIDTH, BATCH = 64, 256
EPS, CHAINER = 1e-5, 2e-5


def unit(start, eps=EPS):
    """Return a unit in float64 whose branch starts as told: "MSRA", "zero weights" or "zero gamma";
    eps: of its batch norms, None for no batch norm at the end."""
    rng = np.random.default_rng(0)
    last = init.zero if start == "zero weights" else init.msra_by_fan_in
    first = Linear(WIDTH, WIDTH, bias=False, init=init.msra_by_fan_in, rng=rng)
    second = Linear(WIDTH, WIDTH, bias=False, init=last, rng=rng)
    parts = [first, BatchNorm(WIDTH, eps=eps or EPS), ReLU(), second]
    if eps is not None:
        parts.append(BatchNorm(WIDTH, eps=eps))
    if start == "zero gamma":
        parts[-1].gamma.data.fill(0)
    return Residual(Sequential(*parts)).astype(np.float64)


x, dy = np.random.default_rng(1).standard_normal((2, BATCH, WIDTH))
dy = (dy - dy.mean(axis=0)) / BATCH


def first_step(net, lr):
    """Return the norm of the gradient at the last linear layer's output relative to dy, whether the unit
    started as the identity both ways, and the branch's output before and after a step."""
    with probe.watch(net, probe.Statistics()) as seen:
        y, cache = net.forward(x, train=True)
        dx = net.backward(dy, cache)
    before, _ = net.branch.forward(x, train=True)
    optim.SGD(net.named_parameters(), lr=lr).step()
    after, _ = net.branch.forward(x, train=True)
    identity = np.array_equal(y, x) and np.array_equal(dx, dy)
    return seen["branch.3"]["dy_norm"] / np.linalg.norm(dy), identity, before, after


cases = {
    "MSRA,\nbatch norm": ("MSRA", EPS),
    "zero weights,\nno batch norm": ("zero weights", None),
    "zero weights,\nChainer's eps": ("zero weights", CHAINER),
    "zero weights,\nbatch norm": ("zero weights", EPS),
    "zero gamma": ("zero gamma", EPS),
}
amplification, moved, identity = {}, {}, {}
for name, case in cases.items():
    amplification[name], identity[name], before, after = first_step(unit(*case), lr=1e-9)
    moved[name] = np.linalg.norm(after - before - (after - before).mean(axis=0)) / 1e-9
safe, chainer, unsafe, gamma = list(cases)[1:]
speed = {name: moved[name] / moved[safe] for name in cases}
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("zero weights, no batch norm: gradient at their output", None, 1, amplification[safe]),
    ("zero weights, batch norm: the same", growth, 1 / math.sqrt(1e-5), amplification[unsafe]),
    ("zero weights, Chainer's batch norm: the same", of_chainer, 1 / math.sqrt(2e-5), amplification[chainer]),
    ("zero weights, batch norm: first move / without norm", None, 1e5, speed[unsafe]),
    ("zero gamma: the same", None, None, speed[gamma]),
)
assert abs(amplification[unsafe] - 316) <= 1, "the gradient at the zero weights should grow by 1/sqrt(eps)"
assert abs(amplification[chainer] - 224) <= 1, "and less with the larger eps"
assert abs(amplification[safe] - 1) <= 1e-12, "without the norm nothing should grow"
assert speed[gamma] < 1, "nor with zero gamma"
assert abs(speed[unsafe] / 1e5 - 1) < 1e-3, "the branch should move as if the learning rate were eta / eps"
assert all(identity[name] for name in (safe, chainer, unsafe, gamma)), "at the start they all look harmless"

# %%
visible = {name: factor for name, factor in amplification.items() if factor > 0}
figure = plot.bars(
    {
        "gradient at the last linear layer's output / at the unit's": visible,
        "first move of the branch / that without norm": speed,
    },
    ylabel="factor",
    log=True,
    form="{:.3g}",
)
lesson.show(
    figure,
    alt=(
        "Two factors for five units, logarithmic. Zero weights before batch norm amplify the gradient "
        "hundreds of times and the branch's first move tens of thousands of times; without the norm, or with "
        "zero gamma, nothing grows."
    ),
)

# %% [markdown]
# Before the step the unsafe unit looks like the others: it hands on $x$ and the gradient, to the last bit,
# for $W_2 = 0$ stops the amplified gradient from going any further. (No bar for zero gamma on the left:
# there the weights get no gradient at all in the first step.)

# %%
lesson.quiz(
    "At the start both are the identity. Why not zero weights, if batch norm follows them?",
    ("its backward pass divides by the root of epsilon", "a variance of 0 leaves nothing else to divide by"),
    ("zero weights never get a gradient", "they get one, over the shortcut: 316 times too large"),
    ("the output is not 0, because of beta", "beta starts at 0 as well"),
)

# %% [markdown]
# ## One step, and the identity is gone
#
# As soon as $\sigma^2$ is much larger than $\epsilon$, batch norm outputs mean square 1, as always.

# %%
after = {name: (first_step(unit(*cases[name]), lr=1e-3)[3] ** 2).mean() for name in (unsafe, gamma)}
lesson.table(
    ("mean square of the branch after a step of 0.001", "predicted", "derived", "measured"),
    ("zero weights, batch norm", square_after, 1, after[unsafe]),
    ("zero gamma", None, None, after[gamma]),
)
assert 0.9 < after[unsafe] < 1.1, "after one small step the branch should be as strong as with MSRA's weights"
assert after[gamma] < 1e-6, "with zero gamma it should still be nearly silent"

# %% [markdown]
# ## A real network
#
# ResNet-20 on the digits that come with minires, learning rate 0.1, momentum 0.9, means of three seeds. How
# large is the first gradient, over all parameters, and what becomes of the loss?

# %%
train_set, _ = data.load("digits")
images = data.Normalisation.fit(train_set)(train_set.images[:640])
seeds = range(1) if lesson.setting() == "fast" else range(3)


def length(arrays):
    return math.sqrt(sum(float((array**2).sum()) for array in arrays))


def train(start, seed, steps=20):
    """Return the norm of the first gradient, the loss at the start, the highest of the first 5, the last,
    and the length of all branches' last weights."""
    net = models.cifar_resnet(depth=20, in_channels=1, rng=np.random.default_rng(seed))
    last = [block.branch[3].weight for _, block in net.named_layers() if isinstance(block, Residual)]
    if start == "zero gamma":
        surgery.zero_last_gamma(net)
    if start == "zero weights":
        for weight in last:
            weight.data.fill(0)
    optimiser, losses, lengths = optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9), [], []
    for step in range(steps):
        batch = slice(step % 10 * 64, step % 10 * 64 + 64)
        logits, cache = net.forward(images[batch], train=True)
        loss, loss_cache = F.softmax_cross_entropy_forward(logits, train_set.labels[batch])
        net.zero_grad()
        net.backward(F.softmax_cross_entropy_backward(np.ones_like(loss), loss_cache), cache)
        losses.append(float(loss))
        lengths.append(length(parameter.grad for _, parameter in net.named_parameters()))
        optimiser.step()
    return lengths[0], losses[0], max(losses[:5]), losses[-1], length(weight.data for weight in last)


starts = ("MSRA", "zero gamma", "zero weights")
found = {start: np.mean([train(start, seed) for seed in seeds], axis=0) for start in starts}
lesson.table(
    ("", "first gradient", "first loss", "highest, steps 1 to 5", "step 20", "last weights, step 20"),
    *((start, *numbers) for start, numbers in found.items()),
)
gradient, begin, highest, _, weights = found["zero weights"]
safe_gradient, safe_begin, safe_highest, _, safe_weights = found["zero gamma"]
assert gradient > 100 * safe_gradient, "the whole first gradient should be that of the zero weights"
assert highest > begin + 0.3, "with zero weights the loss should jump"
assert safe_highest < safe_begin + 0.1, "with zero gamma it should not"
assert weights > 5 * safe_weights, "the first steps should make the zero weights long"

# %% [markdown]
# With zero weights the loss jumps; with zero gamma it does not. But it is no disaster: after 20 steps this
# network is behind MSRA's start and ahead of zero gamma, which is slow on this small task. The last weights
# are now more than eight times as long, and batch norm ignores the length of weights: each step turns them
# the less, the longer they are (lesson 13). What is lost is what the zeros were for: the identity lasts for
# one step, the norm of the gradient says nothing about the rest of the network (whoever clips it at 1
# divides every *other* gradient by more than 250), and the last layers learn at rates of their own.

# %%
lesson.quiz(
    "A pre-activation branch is BN, ReLU, convolution, BN, ReLU, convolution. What may start at zero?",
    ("the second convolution", "no batch norm of the branch follows it: `surgery.zero_last_conv`"),
    ("the second gamma", "what follows is a ReLU and a convolution: zero for good, as in lesson 19"),
    ("the first convolution", "a batch norm follows it, and divides by the root of epsilon"),
)
lesson.score()

# %% [markdown]
# ## What to keep
#
# - Look at what stands *last* in the branch. After a convolution (pre-activation, or no batch norm): zero
#   weights (lecture 9's "initialize second conv to zero"). After a batch norm, which the slide does not
#   show: zero gamma. `surgery.zero_last_conv` and `zero_last_gamma` refuse the wrong case.
# - A division forward is a division backward. Where a variance can be 0, the factor is $1/\sqrt\epsilon$.
#
# ## What to try next
#
# 1. Set `EPS` to $10^{-3}$, as in Keras: which assertions hold?
# 2. Start from very small weights instead of zeros, MSRA's times $10^{-3}$: what is the amplification?
#
# ## Exercises
#
# 1. A ReLU in front of a batch norm is dead: 0 for the whole batch. What does the batch norm do to its
#    gradient, and why does that not hurt?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. Those without a number of $\epsilon$ in them. The gradient grows by 31.6, the branch moves as if the rate
#    were $1000\,\eta$, and after one step its mean square is 0.05 instead of 1: a larger $\epsilon$ softens
#    all of it.
# 2. $1/\sqrt{\sigma^2 + \epsilon} = 305$, for $\sigma^2 = 7 \cdot 10^{-7}$ is still far below $\epsilon$.
#    Nearly zero is no cure, and the unit does not even begin as the identity: the branch has mean square
#    0.07.
#
# **Exercises.**
#
# 1. It amplifies it by 316, as for zero weights. But the ReLU's mask is 0 for the whole batch and lets
#    nothing of it through.
