# %% [markdown]
# # 19. Zero-initialise the last layer of each branch
#
# **Question.** Lecture 9 tells me to start the second convolution of each residual block at zero. But
# "never initialise weights with zero" was the first rule I learned. How can such a block ever learn?
#
# *Time: 3 s. Before this: lessons 15 and 18. Sources: lecture 9, slide "Weight Initialization for
# Residual Networks"; Goyal et al. 2017 (arXiv:1706.02677), section 5.1, for batch norm's gamma.*

# %%
import numpy as np

import minires.functional as F
from minires import lesson, models, optim, plot, probe, surgery
from minires.combine import Residual, Sequential
from minires.layers import Linear, ReLU

# %% [markdown]
# ## Derivation
#
# A pre-activation unit without batch norm is $x_{i+1} = x_i + W_2 h_i$ with $h_i = \mathrm{relu}(W_1
# \mathrm{relu}(x_i))$. MSRA's weights give $W_2 h_i$ the variance of $x_i$, the two are uncorrelated,
# and the variance doubles with each unit (lesson 18): after 20 units it is a million times as large.
# With $W_2 = 0$ in every unit $x_{i+1} = x_i$, to the last bit. Now backwards, with $g_i$ the gradient
# with respect to $x_i$, and $n$ running over the samples:
#
# $$\frac{\partial E}{\partial W_2} = \sum_n g_{i+1}\,h_i^\top \ne 0, \qquad
# \frac{\partial E}{\partial h_i} = W_2^\top g_{i+1} = 0 \;\Rightarrow\;
# \frac{\partial E}{\partial W_1} = 0, \quad g_i = g_{i+1}.$$
#
# $W_2$ sees its *input* $h_i$, which is not zero, and the gradient at its *output*, which came over the
# shortcut. So it moves, and from the second step on it lets a gradient through to $W_1$.
#
# And the old rule? It speaks of two other things. Where *several* layers in a row are zero, none ever
# moves: each waits for another. And where weights are all *equal*, units that compute the same get the
# same gradient and stay the same. Here the units of $h_i$ differ, thanks to $W_1$, and so do the columns
# of $\partial E / \partial W_2$.

# %% [markdown]
# ## Predict
#
# 20 units have 40 weight matrices. With all 20 $W_2$ at zero: how many of the 40 get a gradient in the
# first step? And in the second?

# %%
prediction = (20, 40)

# %% [markdown]
# ## Measure
#
# In stacks of this width the powers of two scatter by about one from seed to seed; what is 1 is 1 for
# every seed.

# %%
WIDTH, BATCH, UNITS = 128, 256, 20


def stack(*, zero=()):
    """Return UNITS pre-activation units with MSRA's weights; zero: which of a branch's layers are 0."""
    rng = np.random.default_rng(0)
    units = []
    for _ in range(UNITS):
        linears = [Linear(WIDTH, WIDTH, bias=False, rng=rng) for _ in range(2)]
        for number in zero:
            linears[number - 1].weight.data.fill(0)
        units.append(Residual(Sequential(ReLU(), linears[0], ReLU(), linears[1])))
    return Sequential(*units)


def step(net, x, dy):
    """Run forward and backward; return what was seen and the names of the weights that got a gradient."""
    net.zero_grad()
    with probe.watch(net, probe.Statistics()) as seen:
        _, cache = net.forward(x, train=True)
        net.backward(dy, cache)
    return seen, [name for name, parameter in net.named_parameters() if parameter.grad.any()]


x, dy = np.random.default_rng(1).standard_normal((2, BATCH, WIDTH), dtype=np.float32)


def mean_squares(seen):
    """Return the mean squares of x_0 ... x_L relative to x_0, and of g_0 ... g_L relative to g_L."""
    forward = np.array([(x.astype(float) ** 2).mean(), *seen.series("mean_square", Residual)])
    backward = np.array([*seen.series("dx_norm", Residual), seen[""]["dy_norm"]]) ** 2
    return forward / forward[0], backward / backward[-1]


msra_x, msra_g = mean_squares(step(stack(), x, dy)[0])
net = stack(zero=[2])
same_bits = np.array_equal(net.predict(x), x)
seen, first = step(net, x, dy)
zero_x, zero_g = mean_squares(seen)
second_layers = [name for name in first if name.endswith("branch.3.weight")]
rank = np.linalg.matrix_rank(net[0].branch[3].weight.grad)
optim.SGD(net.named_parameters(), lr=1e-4).step()
_, second = step(net, x, dy)
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("last layer 0: mean square of x_20 / x_0", None, 1, zero_x[-1]),
    ("MSRA: the same, powers of two", None, UNITS, np.log2(msra_x[-1])),
    ("last layer 0: mean square of g_0 / g_20", None, 1, zero_g[0]),
    ("MSRA: the same, powers of two", None, UNITS, np.log2(msra_g[0])),
    ("last layer 0: weights with a gradient, step 1", prediction[0], UNITS, len(first)),
    ("the same, step 2", prediction[1], 2 * UNITS, len(second)),
    ("rank of the first unit's dW2, step 1", None, WIDTH, rank),
)
assert same_bits, "every unit should hand on what it was given, to the last bit"
assert (zero_g == 1).all() and abs(zero_x - 1).max() < 1e-6, (
    "nothing should grow or fade, in either direction"
)
assert first == second_layers and len(first) == UNITS, "in step 1 every W2 and no W1 should have a gradient"
assert len(second) == 2 * UNITS, "in step 2 all weights should have one"
assert rank == WIDTH, "no two units should move alike"
assert abs(np.log2([msra_x[-1], msra_g[0]]) - UNITS).max() <= 2, "MSRA's weights should double both"

# %%
figure = plot.line_panels(
    {
        "forward, $x_l$ / $x_0$": {"MSRA everywhere": msra_x, "last layer 0": zero_x},
        "backward, $g_l$ / $g_{20}$": {"MSRA everywhere": msra_g, "last layer 0": zero_g},
    },
    derived={
        "forward, $x_l$ / $x_0$": {"derived": 2.0 ** np.arange(UNITS + 1)},
        "backward, $g_l$ / $g_{20}$": {"derived": 2.0 ** np.arange(UNITS, -1, -1)},
    },
    x=np.arange(UNITS + 1),
    xlabel="unit $l$",
    ylabel="mean square",
    log=True,
)
lesson.show(figure)

# %% [markdown]
# ## Which layer, and only one
#
# The other zeros, for contrast: the *first* layer of each branch, or both.

# %%
rows = []
for zero in ([1], [1, 2]):
    net = stack(zero=zero)
    _, before = step(net, x, dy)
    optim.SGD(net.named_parameters(), lr=1e-4).step()
    _, after = step(net, x, dy)
    rows.append((" and ".join(f"W_{number}" for number in zero), len(before), len(after)))
lesson.table(("zero", "weights with a gradient, step 1", "step 2"), *rows)
assert all(row[1:] == (0, 0) for row in rows), "with the first layer 0 nothing should ever move"

# %% [markdown]
# With $W_1 = 0$ the hidden units $h_i$ are 0, so $W_2$ gets nothing, and the ReLU, whose slope at 0 is
# taken as 0, passes nothing to $W_1$. Such a network is dead for good; only the *last* layer may be
# zero.
#
# ## It learns
#
# The task: put out the input in reverse order. The stack with MSRA's weights everywhere starts with
# numbers a thousand times too large and bears a learning rate of $10^{-9}$; at $10^{-7}$ it overflows
# within ten steps.


# %%
def losses(net, lr, steps=20):
    """Return the squared error before each of so many steps, and after the last."""
    optimiser, target, seen = optim.SGD(net.named_parameters(), lr=lr), x[:, ::-1].copy(), []
    for _ in range(steps + 1):
        y, cache = net.forward(x, train=True)
        loss, loss_cache = F.squared_error_forward(y, target)
        seen.append(float(loss))
        net.zero_grad()
        net.backward(F.squared_error_backward(np.ones_like(loss), loss_cache)[0], cache)
        optimiser.step()
    return seen


msra, zero = losses(stack(), 1e-9), losses(stack(zero=[2]), 1e-3)
lesson.table(
    ("squared error", "at the start", "after 1 step", "after 20 steps"),
    ("MSRA, learning rate 1e-9", msra[0], msra[1], msra[-1]),
    ("last layer 0, learning rate 1e-3", zero[0], zero[1], zero[-1]),
)
assert zero[-1] < 0.9 * zero[0], "the stack that starts as the identity should learn"

# %% [markdown]
# ## With batch norm: zero gamma
#
# The branch of a ResNet ends in a batch norm, whose $\gamma$ and $\beta$ set to 0 do the same (a zero
# *convolution* is the wrong zero there: lesson 20). The ReLU after the addition changes nothing behind
# the first, for $x \ge 0$ from then on. A real ResNet-20:

# %%
resnet = surgery.zero_last_gamma(models.cifar_resnet(depth=20, rng=np.random.default_rng(0)))
images = np.random.default_rng(1).standard_normal((8, 3, 16, 16), dtype=np.float32)
d_logits = np.random.default_rng(2).standard_normal((8, 10), dtype=np.float32)
seen, first = step(resnet, images, d_logits)
optim.SGD(resnet.named_parameters(), lr=0.01).step()
_, second = step(resnet, images, d_logits)
in_branches = [name for name, _ in resnet.named_parameters() if "branch" in name]
moving = [name for name in first if "branch" in name]
of_stage1 = [name for name in seen.names(Residual) if name.startswith("stage1")]
lesson.table(
    ("ResNet-20, last gamma 0", "derived", "measured"),
    ("parameters of the branches", 9 * 6, len(in_branches)),
    ("with a gradient in step 1: the last gamma and beta", 9 * 2, len(moving)),
    ("with a gradient in step 2", 9 * 6, sum(name in second for name in in_branches)),
)
assert len(moving) == 18 and {name.split("branch.")[1] for name in moving} == {"4.gamma", "4.beta"}
assert set(in_branches) <= set(second), "after one step everything should learn"
for measure in ("mean_square", "dx_norm"):
    assert len({seen[name][measure] for name in of_stage1}) == 1, "signals should cross a stage unchanged"

# %% [markdown]
# ## What to keep
#
# - Zero in the *last* layer of each branch starts a network of any depth as the identity: nothing grows,
#   nothing fades, and the second step trains everything.
# - Lecture 9's reason, $\mathrm{Var}[F] = \mathrm{Var}[x]$ with MSRA's weights, holds for branches of
#   ReLU, convolution, ReLU, convolution; lesson 18 has the other cases. The cure works for all.
#
# ## What to try next
#
# Instead of 0, multiply the last layers by 0.1: what is the variance after 20 units, derived and
# measured?
#
# ## Exercises
#
# 1. In the first step $W_1$ stands still. Which order has its gradient in the second, in the learning
#    rate?
# 2. `surgery.zero_last_conv` does the same for pre-activation networks. Which gradient do the batch
#    norms *inside* their branches get in the first step?
#
# ## Answers
#
# 1. The first: $W_2 = -\eta\,\partial E / \partial W_2$ after the first step, so the gradient of $W_1$,
#    which contains $W_2^\top$, is proportional to $\eta$.
# 2. None: everything before the zero convolution waits for it, as $W_1$ does.
