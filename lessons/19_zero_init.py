# %% [markdown]
# # 19. Zero-initialise the last layer of each branch
#
# **Question.** Lecture 9 tells me to start the second convolution of each residual block at zero. But
# "never initialise weights with zero" was the first rule I learned. How can such a block ever learn?
#
# *Time: 6 s. Before this: lessons 15 and 18. Sources: lecture 9, slide "Weight Initialization for
# Residual Networks"; Goyal et al. 2017 (arXiv:1706.02677), section 5.1, for batch norm's gamma.*

# %%
import numpy as np

import minires.functional as F
from minires import lesson, models, optim, plot, probe, surgery
from minires.layers import Linear, ReLU, Residual, Sequential

# %% [markdown]
# ## Predict
#
# Below are 20 pre-activation units without batch norm, $x_{i+1} = x_i + W_2 h_i$ with $h_i =
# \mathrm{relu}(W_1\, \mathrm{relu}(x_i))$, each with its own two weight matrices. All 20 $W_2$ start at
# zero. A product with zero is zero: what is left of the gradient, and where?

# %%
moving_first = lesson.predict("How many of the 40 matrices get a gradient in step 1?", by=0)
moving_second = lesson.predict("And how many in step 2?", by=0)
start_of_msra = lesson.predict(
    "With MSRA's weights everywhere instead: by how many powers of two do 20 units multiply the mean square?",
    by=3,
)

# %% [markdown]
# ## Derivation
#
# With MSRA's weights $W_2 h_i$ has the variance of $x_i$, the two are uncorrelated, and the variance
# doubles with each unit (lesson 18): after 20 units it is a million times as large. With $W_2 = 0$ in every
# unit $x_{i+1} = x_i$, to the last bit. Now backwards, with $g_i$ the gradient of the loss $E$ with respect
# to $x_i$, the sum running over the samples:
#
# $$\frac{\partial E}{\partial W_2} = \sum g_{i+1}\,h_i^\top \ne 0, \qquad
# \frac{\partial E}{\partial h_i} = W_2^\top g_{i+1} = 0 \;\Rightarrow\;
# \frac{\partial E}{\partial W_1} = 0, \quad g_i = g_{i+1}.$$
#
# The gradient of $W_2$ is made of its *input* $h_i$, which is not zero, and the gradient at its *output*,
# which came over the shortcut. So $W_2$ moves, and from the second step on it lets a gradient through to
# $W_1$: 20 matrices in the first step, 40 in the second.
#
# And the old rule? It speaks of two other cases. Where *several* layers in a row are zero, none ever moves:
# each waits for another. And where weights are all *equal*, units that compute the same get the same
# gradient and stay the same. Here the units of $h_i$ differ, thanks to $W_1$, and so do the columns of
# $\partial E / \partial W_2$.
#
# ## Measure
#
# With MSRA's weights the powers of two vary by about one from seed to seed in stacks of this width. What
# is 1 with zeros is 1 for every seed.

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
    ("MSRA: the same, powers of two", start_of_msra, UNITS, np.log2(msra_x[-1])),
    ("last layer 0: mean square of g_0 / g_20", None, 1, zero_g[0]),
    ("MSRA: the same, powers of two", None, UNITS, np.log2(msra_g[0])),
    ("last layer 0: weights with a gradient, step 1", moving_first, UNITS, len(first)),
    ("the same, step 2", moving_second, 2 * UNITS, len(second)),
    ("rank of the first unit's dW2, step 1", None, WIDTH, rank),
)
assert same_bits, "every unit should hand on what it was given, to the last bit"
found = np.array([zero_g, zero_x])  # quotients of sums in float32
assert abs(found - 1).max() < 1e-5, "nothing should grow or fade, in either direction"
assert first == second_layers and len(first) == UNITS, "in step 1 every W2 and no W1 should have a gradient"
assert len(second) == 2 * UNITS, "in step 2 all weights should have one"
assert rank == WIDTH, "no two units should move alike"
assert abs(np.log2([msra_x[-1], msra_g[0]]) - UNITS).max() <= 2, "MSRA's weights should double both"

# %%
forward, backward = "forward, $x_l$ / $x_0$", "backward, $g_l$ / $g_{20}$"
doubled = 2.0 ** np.arange(UNITS + 1)
figure = plot.line_panels(
    {
        forward: {"MSRA everywhere": msra_x, "last layer 0": zero_x},
        backward: {"MSRA everywhere": msra_g, "last layer 0": zero_g},
    },
    derived={forward: {"derived": doubled}, backward: {"derived": doubled[::-1]}},
    x=np.arange(UNITS + 1),
    xlabel="unit $l$",
    ylabel="mean square",
    log=True,
)
lesson.show(
    figure,
    alt=(
        "Mean square of signal and gradient over 20 units, logarithmic. With MSRA's weights everywhere both "
        "double in each unit, as derived; with the last layer of each branch at 0 both stay 1."
    ),
)

# %% [markdown]
# ## Which layer, and only one
#
# The other zeros, for contrast: the *first* layer of each branch, or both.

# %%
moving = [len(step(stack(zero=zero), x, dy)[1]) for zero in ([1], [1, 2])]
lesson.table(("zero", "weights with a gradient"), ("W_1", moving[0]), ("W_1 and W_2", moving[1]))
assert moving == [0, 0], "with the first layer 0 nothing should ever move"

# %% [markdown]
# With $W_1 = 0$ the hidden units $h_i$ are 0, so $W_2$ gets nothing, and the ReLU, whose slope at 0 is
# taken as 0, passes nothing to $W_1$. Without a gradient a step changes nothing, so such a branch never
# learns: only its *last* layer may be zero.

# %%
lesson.quiz(
    "Which of these starts never learns?",
    ("the first layer of each branch at zero", "neither layer of the branch ever gets a gradient"),
    ("the last layer of each branch at zero", "its input is not 0, and its gradient comes over the shortcut"),
    (
        "the last layer of a plain network at zero",
        "it moves in step 1, and lets gradients through in step 2",
    ),
)

# %% [markdown]
# ## It learns
#
# The task: output the input in reverse order, in 20 steps. The stack with MSRA's weights everywhere starts
# with numbers a thousand times too large, so the two stacks cannot share a learning rate. To be fair, each
# gets the best of the same rates, $10^{-9}$ to $10^{-1}$ in steps of $\sqrt{10}$ (of 10 with `--fast`).


# %%
def losses(net, lr, steps=20):
    """Return the squared error before each of so many steps, and after the last; infinite if it diverges."""
    optimiser, target, seen = optim.SGD(net.named_parameters(), lr=lr), x[:, ::-1].copy(), []
    for _ in range(steps + 1):
        y, cache = net.forward(x, train=True)
        loss, loss_cache = F.squared_error_forward(y, target)
        seen.append(float(loss))
        if not seen[-1] < 100 * seen[0]:
            return [*seen, np.inf]
        net.zero_grad()
        net.backward(F.squared_error_backward(np.ones_like(loss), loss_cache)[0], cache)
        optimiser.step()
    return seen


def scan(zero):
    """Return {rate: losses} of the rates from 1e-9 on, up to the last that does not diverge."""
    found = {}
    for power in np.arange(-9, -0.9, 1.0 if lesson.setting() == "fast" else 0.5):
        course = losses(stack(zero=zero), 10**power)
        if not np.isfinite(course[-1]):
            break
        found[10**power] = course
    return found


scanned = {"MSRA everywhere": scan([]), "last layer 0": scan([2])}
best = {name: min(runs, key=lambda rate: runs[rate][-1]) for name, runs in scanned.items()}
usable = {name: max(runs) for name, runs in scanned.items()}
lesson.table(
    ("squared error", "best rate", "largest that does not diverge", "at the start", "after 20 steps"),
    *((name, best[name], usable[name], *np.array(scanned[name][best[name]])[[0, -1]]) for name in scanned),
)
msra, zero = (scanned[name][best[name]] for name in scanned)
assert zero[-1] < 0.9 * zero[0], "the stack that starts as the identity should learn"
assert msra[-1] < msra[0] / 100, "and so should MSRA's, at a rate that is small enough"
assert usable["last layer 0"] > 1000 * usable["MSRA everywhere"], "which is many thousand times smaller"
assert msra[-1] > 10 * zero[0], "but at its best it should be far from where the other one started"

# %%
ends = {name: (list(runs), [course[-1] for course in runs.values()]) for name, runs in scanned.items()}
figure = plot.lines(
    ends,
    xlabel="learning rate",
    ylabel="squared error after 20 steps",
    log=True,
    log_x=True,
)
lesson.show(
    figure,
    alt=(
        "Squared error after 20 steps over the learning rate. MSRA's stack trains at the smallest rates "
        "only and ends in the thousands; with the last layers at 0 far larger rates work too, and the error "
        "is far smaller."
    ),
)

# %% [markdown]
# So MSRA's stack does learn: at its best rate, $10^{-8}$, the error falls by a factor of thousands. But this
# rate is on the edge (the next one diverges), and after 20 steps the error is still many times that with
# which the other stack *starts*. What the zeros save is the time in which a network only finds its way back
# to the scale of its task.

# %% [markdown]
# ## With batch norm: zero gamma
#
# The branch of a ResNet ends in a batch norm, and its $\gamma$ and $\beta$ set to 0 do the same (a zero
# *convolution* is the wrong zero there: lesson 20). The ReLU after the addition then changes nothing, for
# after the stem $x \ge 0$, and so it stays. A real ResNet-20 has 9 units, with two weights, two $\gamma$
# and two $\beta$ in each branch:

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
assert len(moving) == 18, "in step 1 two parameters of every branch should have a gradient"
assert all(name.endswith(("branch.4.gamma", "branch.4.beta")) for name in moving), "those of the last norm"
assert set(in_branches) <= set(second), "after one step everything should learn"
for measure in ("mean_square", "dx_norm"):
    found = np.array([seen[name][measure] for name in of_stage1])
    assert abs(found / found[0] - 1).max() < 1e-5, "signals should cross a stage unchanged"

# %%
lesson.quiz(
    "'Never initialise weights with zero.' Why does the rule not hold here?",
    ("only one layer in a row is zero, and what reaches it differs", "so it moves, and no two units alike"),
    ("the optimiser adds noise to the weights", "nothing here is random but the weights of the other layers"),
    ("it does hold: the branches stay silent", "from the second step on all 40 matrices have a gradient"),
)
lesson.score()

# %% [markdown]
# ## What to keep
#
# - Zero in the *last* layer of each branch makes every unit start as the identity, at any depth: nothing
#   grows, nothing fades, and the second step trains everything.
# - Lecture 9's reason, $\mathrm{Var}[F] = \mathrm{Var}[x]$ with MSRA's weights, is one of the cases of
#   lesson 18; zero in the last layer works in all of them.
#
# ## What to try next
#
# 1. Instead of setting them to 0, multiply the last layers by 0.1. What is the mean square after 20 units?
#
# ## Exercises
#
# 1. In the first step $W_1$ does not move. With which power of the learning rate $\eta$ does its gradient in
#    the second step grow?
# 2. `surgery.zero_last_conv` does the same for pre-activation networks. Which gradient do the batch
#    norms *inside* their branches get in the first step?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. Each branch has a hundredth of the variance: derived $1.01^{20} = 1.22$, measured 1.20.
#
# **Exercises.**
#
# 1. With the first: $W_2 = -\eta\,\partial E / \partial W_2$ after the first step, and the gradient of $W_1$,
#    which contains $W_2^\top$, is proportional to it.
# 2. None: everything before the zero convolution waits for it, as $W_1$ does.
