# %% [markdown]
# # 9. Xavier against MSRA: 22 and 30 layers
#
# **Question.** Lesson 8 found that with Xavier's weights the variance of the signal falls by a factor of
# two million between the first and the last of 22 ReLU layers. But the optimiser can scale any weight up
# again. Does the lost factor really stop the training, and for how long?
#
# *Time: 45 s. Before this: lesson 8; lesson 5 for the recipe at the end. Sources: lecture 6, slides
# "Initialization" (22-layer and 30-layer ReLU nets); He et al. 2015 (arXiv:1502.01852), section 2.2, figures
# 2 and 3. For the recipe: the ResNet lecture, slide "Training ResNet in practice"; the ICML 2016 tutorial,
# slide "Training"; He et al. 2015 (arXiv:1512.03385), sections 3.4 and 4.2.*

# %%
import math

import numpy as np

import minires.functional as F
from minires import data, experiments, lesson, models, optim, plot
from minires.experiments.initialisation import relu_stack
from minires.layers import Conv2d, Linear

# %% [markdown]
# ## Predict
#
# Draw a stack of 22 layers twice, by Xavier's rule (variance $1/n$ with $n$ inputs) and by MSRA's ($2/n$).
# The signal of Xavier's network is large in its first layer and tiny in its last; the gradient is large in
# the last layer and tiny in the first. The weights' gradients are products of both.

# %%
predicted_first = lesson.predict(
    "At the first step, how large is the gradient of the first layer's weights in Xavier's network, divided "
    "by that in MSRA's?",
    within=3,
)
predicted_last = lesson.predict("And that of the last layer's weights?", within=3)
predicted_loss = lesson.predict(
    "Guessing one of ten digits costs a loss of ln 10 = 2.30 nats. What is the training loss of Xavier's 22 "
    "layers after 360 steps?",
    "nats",
    by=0.1,
)
predicted_momentum = lesson.predict(
    "A gradient is the same for many steps. How many times as long as without momentum are the steps with a "
    "momentum of 0.9 in the end?",
    within=1.5,
)

# %% [markdown]
# ## Derivation
#
# Draw the same random numbers for both rules. Then every weight of Xavier's network is the one of MSRA's
# divided by $\sqrt2$, and the biases are 0. A ReLU passes positive factors,
# $\max(0, \alpha z) = \alpha \max(0, z)$ for $\alpha > 0$, so the *same* units are active in both
# networks and the signal $h_l$ after layer $l$ of $L$ is
#
# $$h_l^{Xavier} = 2^{-l/2}\; h_l^{MSRA}.$$
#
# Backwards, let the gradient with respect to the output of layer $l$ be $\delta_l$, and let both
# networks get the same $\delta_L$. On the way down to layer $l$ it passes $L - l$ weights:
#
# $$\delta_l^{Xavier} = 2^{-(L-l)/2}\; \delta_l^{MSRA}.$$
#
# The gradient of the weights is the product of both, $\partial E / \partial W_l = \delta_l\, h_{l-1}^T$
# ($E$: the loss), and the exponents add up to the same number in **every** layer:
#
# $$\frac{\|\partial E / \partial W_l\|_{Xavier}}{\|\partial E / \partial W_l\|_{MSRA}}
#   = 2^{-(L-l)/2}\; 2^{-(l-1)/2} = 2^{-(L-1)/2}.$$
#
# The gradient of a bias is $\delta_l$ alone: that of the last layer is as large as ever. (At the start of
# training $\delta_L$ differs a little, since the logits do; the measurement gives both the same.)

# %%
lesson.quiz(
    "Why is the gradient of the last layer's weights small with Xavier's rule, so close to the loss?",
    ("what enters that layer is small", "the gradient of a weight is delta times the layer's input"),
    (
        "the gradient that arrives from the loss is small",
        "delta of the last layer is as large as with MSRA's",
    ),
    ("it is not small", "it passes no other weights on its way, but it is multiplied by the layer's input"),
)

# %% [markdown]
# ## Measure the first gradient
#
# 64 pixels, 21 hidden layers of 128 units, ten logits, no batch norm; 100 digits. (Weights are drawn in
# single precision, so the seventh digit of the factors differs.)

# %%
LAYERS = 22
train, _ = data.load("digits")
x = data.Normalisation.fit(train)(train.images[:100]).astype(np.float64)
dlogits = np.random.default_rng(1).standard_normal((100, 10))


def first_gradients(rule, layers):
    """Return the norms of the gradients of every layer's weight and of its bias, two arrays."""
    net = relu_stack(layers=layers, rule=rule, rng=np.random.default_rng(0)).astype(np.float64)
    _, cache = net.forward(x, train=True)
    net.backward(dlogits, cache)
    linears = [layer for _, layer in net.named_layers() if isinstance(layer, Linear)]
    weights = [np.linalg.norm(layer.weight.grad) for layer in linears]
    biases = [np.linalg.norm(layer.bias.grad) for layer in linears]
    return np.array([weights, biases])


weights, biases = first_gradients("Xavier", LAYERS) / first_gradients("MSRA", LAYERS)
derived = 2 ** (-(22 - 1) / 2)
lesson.table(
    ("gradient with Xavier / with MSRA", "predicted", "derived", "measured"),
    ("weights of layer 1", predicted_first, derived, weights[0]),
    ("weights of layer 11", None, derived, weights[10]),
    ("weights of layer 22", predicted_last, derived, weights[-1]),
    ("bias of layer 1", None, derived, biases[0]),
    ("bias of layer 22", None, 1.0, biases[-1]),
)
assert abs(weights / derived - 1).max() < 1e-5, "every weight's gradient is smaller by the same 1448"
assert abs(biases * 2 ** (np.arange(21, -1, -1) / 2) - 1).max() < 1e-5, (
    "a bias loses a factor sqrt 2 for every layer above it"
)

# %% [markdown]
# With 22 layers every weight's gradient is 1448 times smaller, also in the last layer. Only the biases of
# the last layers learn at once. They do not see the image and can only learn how frequent the ten digits
# are, so the loss should stand still at $\ln 10$. With 30 layers the factor is $2^{-29/2} = 1/23{,}170$.
#
# ## Measure the training
#
# These runs come with the lesson: batches of 100, learning rate 0.003, momentum 0.9, 2,400 steps, three
# seeds. Both rules start from the same numbers and see the same batches
# (`python -m minires.experiments initialisation stored --out DIR` makes them again).

# %%
STEPS = 360
stored = experiments.stored("initialisation")


def loss(arm, runs):
    """Return for every seed the mean loss of the 20 mini-batches up to number STEPS."""
    return np.array([np.mean(run.curve("loss")[1][STEPS - 20 : STEPS]) for run in runs[arm]])


def beginning(runs):
    """Print the losses after STEPS steps, and assert what the slides say of them."""
    rows = [(arm, loss(arm, runs).min(), loss(arm, runs).max()) for arm in runs]
    lesson.table((f"loss after {STEPS} steps, nats", "least of the seeds", "largest"), *rows)
    for arm in runs:
        deep = arm.endswith("30 layers")
        if arm.startswith("MSRA"):
            assert loss(arm, runs).max() < (0.25 if deep else 0.1), "MSRA's network should know the digits"
        else:
            assert loss(arm, runs).min() > (2.29 if deep else 2.25), "Xavier's network should still guess"


def first_below(limit, arm):
    """Return for every seed the first step at which an epoch's mean loss is below limit."""
    curves = (run.curve("train_loss") for run in stored[arm])
    return [next(step for step, loss in zip(*curve, strict=True) if loss < limit) for curve in curves]


beginning(stored)
lesson.table(
    ("loss, nats", "predicted", "derived", "measured"),
    ("Xavier, 22 layers", predicted_loss, math.log(10), loss("Xavier, 22 layers", stored).mean()),
)
lesson.table(
    ("first step of each seed with a loss", "below 2.25", "below 1"),
    *((arm, str(first_below(2.25, arm)), str(first_below(1.0, arm))) for arm in stored),
)
learned = {arm: np.array(first_below(1.0, arm)) for arm in stored}
for depth in ("22 layers", "30 layers"):
    late = learned[f"Xavier, {depth}"] / learned[f"MSRA, {depth}"]
    assert late.min() > 5, "Xavier's network learns the digits many times later, but it does"
assert (learned["Xavier, 30 layers"] > learned["Xavier, 22 layers"]).all(), "with 30 layers later still"

# %%
panels = {"22 layers": {}, "30 layers": {}}
for arm, runs in stored.items():
    rule, _, depth = arm.partition(", ")
    steps = runs[0].curve("train_loss")[0]
    panels[depth][rule] = steps, [run.curve("train_loss")[1] for run in runs]
guessing = {r"guessing, $\ln 10$": (steps, [math.log(10)] * len(steps))}
labels = {"xlabel": "iteration", "ylabel": "training loss (nats)"}
lesson.show(
    plot.line_panels(panels, derived=dict.fromkeys(panels, guessing), ylim=(0, 2.6), **labels),
    alt=(
        "Training loss over the iterations with 22 and with 30 layers. MSRA's networks fall close to 0 at "
        "once; Xavier's stay at the loss of guessing for hundreds of iterations, longer with 30 layers, "
        "before they learn."
    ),
)

# %% [markdown]
# After 360 steps MSRA's networks know the digits and Xavier's still guess, as on the slides. But at this rate
# Xavier's do learn in the end. With 22 layers they stay on the plateau for about 500 steps and are below a
# loss of 1 after 800 to 900. With 30 layers it takes 1,200 to 2,100, and every seed at least once loses what
# it had learned (seed 0 goes back to guessing for 800 steps). MSRA's are below 0.1 for good after 450 steps.
#
# ## The same, live
#
# The first 360 steps once more, on your computer. (`--full` takes 6,000 steps and five seeds; no GPU
# needed.)

# %%
setting = lesson.setting()
live = experiments.run("initialisation", setting)
beginning(live)

# %% [markdown]
# ## A larger learning rate
#
# All this was at a rate of 0.003. At 0.01 Xavier's network leaves its plateau earlier. MSRA's, whose
# gradients are 1448 times as large, does worse than before:

# %%
if setting == "live":
    faster = experiments.run(
        "initialisation", setting, arms=["MSRA, 22 layers", "Xavier, 22 layers"], seeds=(0, 1), lr=0.01
    )
    lesson.table(
        ("loss after 360 steps, rate 0.01", "least of the seeds", "largest"),
        *((arm, loss(arm, faster).min(), loss(arm, faster).max()) for arm in faster),
    )
    assert loss("Xavier, 22 layers", faster).max() < 2.25, "at this rate Xavier's network escapes"
    assert loss("MSRA, 22 layers", faster).max() > loss("MSRA, 22 layers", live).max(), "MSRA's does worse"

# %% [markdown]
# So "with Xavier it never trains" is not the lesson. There is a factor $2^{-(L-1)/2}$ in every weight's
# first gradient, and how long the plateau lasts depends on the depth and on the learning rate.
#
# ## The recipe as a whole
#
# Initialisation is one part of the recipe by which the ResNets were trained, "standard hyper-parameters &
# augmentation" on the tutorial's slide. He et al. 2015 have it in sections 3.4 (ImageNet) and 4.2 (CIFAR-10):
#
# | part | ImageNet | CIFAR-10 | what it is for |
# |---|---|---|---|
# | batch norm after each convolution | yes | yes | speed, any size of weights: lesson 5 |
# | MSRA's weights ("Xavier/2") | yes | yes | a signal that keeps its size: lesson 8 |
# | stochastic gradient descent, batches of | 256 | 128 | the noise of a gradient falls as $1/\sqrt{256}$ |
# | momentum | 0.9 | 0.9 | longer steps where gradients agree: below |
# | learning rate | 0.1 | 0.1 | large steps, as batch norm allows them: lesson 5 |
# | divided by 10 | when the error plateaus | after 32k, 48k steps | small steps at the end: below |
# | steps in all | up to 600,000 | 64,000 | 120 times each image; 164 times |
# | warm-up | no | ResNet-110 only | the first 400 steps at 0.01: below |
# | weight decay | 0.0001 | 0.0001 | weights that no image needs shrink: lesson 13 |
# | augmentation | scale, crop, flip, colour | shift, flip | more images than there are |
# | dropout, hidden fully-connected layers | no | no | batch norm's noise takes its place: lesson 5 |
#
# (The ResNet lecture's slide has a weight decay of 1e-5; the paper has 1e-4.) In augmentation ImageNet's
# images are scaled to a shorter side of 256 to 480 pixels, and a crop of 224x224 is taken, mirrored or not,
# with its colours altered. CIFAR's get a border of 4 pixels, from which 32x32 are cropped, mirrored or not.
#
# **Momentum** (on a parabola in lesson 0). The step is $-\eta\,v$, where $v$ is $0.9$ times its last value
# plus the gradient $g$. While $g$ stays the same, $v$ tends to $g\,(1 + 0.9 + 0.9^2 + \dots) = g / (1 - 0.9)
# = 10\,g$. Where it changes its sign at every step, $v$ tends to $\pm g / (1 + 0.9)$: about half.
#
# **Warm-up.** For ResNet-110 the paper finds 0.1 "slightly too large to start converging" and begins with
# 0.01 until the training error is below 80 %, which takes about 400 steps. Without it, says a footnote, the
# training starts after several epochs and ends with a similar accuracy.

# %%
MOMENTUM = 0.9
schedule = optim.WarmUp(optim.Steps(0.1, milestones=(32_000, 48_000)), steps=400, lr=0.01)
rates = {step: schedule(step) for step in (0, 399, 400, 31_999, 32_000, 48_000)}
lesson.table(("ResNet-110 on CIFAR-10, step", *map(str, rates)), ("learning rate", *rates.values()))
for rate, expected in zip(rates.values(), (0.01, 0.01, 0.1, 0.1, 0.01, 0.001), strict=True):
    assert abs(rate / expected - 1) <= 1e-9, "warm-up, then 0.1, divided by 10 twice"


def last_step(signs):
    """Return the length of the last of many steps with gradients of these signs, in units of the rate."""
    weight = Linear(1, 1, bias=False, rng=np.random.default_rng(0)).weight
    optimiser = optim.SGD([("weight", weight)], lr=1.0, momentum=MOMENTUM)
    for sign in signs:
        before = weight.data.copy()
        weight.grad[...] = 0.01 * sign
        optimiser.step()
    return 100 * abs(weight.data - before).item()


agreeing, alternating = last_step([1] * 100), last_step([1, -1] * 50)
lesson.table(
    ("momentum 0.9: length of a step", "predicted", "derived", "measured"),
    ("gradients that agree", predicted_momentum, 1 / (1 - 0.9), agreeing),
    ("gradients that alternate", None, 1 / (1 + 0.9), alternating),
)
# 0.9^100 is 3e-5; weights are float32
assert abs(agreeing / 10 - 1) <= 1e-3 and abs(alternating * 1.9 - 1) <= 1e-3, "a geometric series"

# %% [markdown]
# Now leave out one part at a time. ResNet-8 learns the digits for four epochs in batches of 64, at a rate of
# 0.1 that is divided by 10 for the last epoch.

# %%
EPOCHS, SEEDS = (2, (0,)) if lesson.setting() == "fast" else (4, (0, 1))
PARTS = {
    "the recipe": {},
    "without momentum": {"momentum": 0.0},
    "a tenth of the rate": {"rate": 0.01},
    "rate never divided": {"divide": False},
    "Xavier's weights": {"scale": math.sqrt(1 / 2)},
}
_, test = data.load("digits")
normalise = data.Normalisation.fit(train)


def trained(seed, momentum=MOMENTUM, rate=0.1, divide=True, scale=1.0):
    """Return the mean training loss of the last epoch (nats), and the test error (%)."""
    net = models.build("resnet8", in_channels=1, rng=np.random.default_rng(seed))
    for _, layer in net.named_layers():
        if isinstance(layer, Conv2d):
            layer.weight.data *= scale
    optimiser = optim.SGD(net.named_parameters(), lr=rate, momentum=momentum, weight_decay=1e-4)
    batches = data.Batches(train, batch_size=64, seed=seed, normalisation=normalise)
    for epoch in range(EPOCHS):
        if epoch == 3 and divide:
            optimiser.lr /= 10
        losses = []
        for images, labels in batches.epoch(epoch):
            logits, cache = net.forward(images, train=True)
            loss, loss_cache = F.softmax_cross_entropy_forward(logits, labels)
            optimiser.zero_grad()
            net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
            optimiser.step()
            losses.append(loss)
    wrong = net.predict(normalise(test.images)).argmax(axis=1) != test.labels
    return np.mean(losses), 100 * wrong.mean()


names = list(PARTS)[:2] if setting == "fast" else list(PARTS)
left_out = {name: np.array([trained(seed, **PARTS[name]) for seed in SEEDS]) for name in names}
lesson.table(
    (f"ResNet-8, {EPOCHS} epochs", "loss, last epoch", "test error (%)"),
    *((name, *found.mean(axis=0)) for name, found in left_out.items()),
)
losses = {name: found[:, 0] for name, found in left_out.items()}
assert (losses["without momentum"] > 1.5 * losses["the recipe"]).all(), "momentum should save steps"
if setting != "fast":
    assert (losses["a tenth of the rate"] > 1.5 * losses["the recipe"]).all(), "and so should a large rate"
    assert (losses["Xavier's weights"] < 0.7 * losses["without momentum"]).all(), "batch norm forgives"

# %% [markdown]
# In so short a training momentum and a large rate count most: without either of them the loss ends several
# times higher. To divide the rate lowers the last loss a little. With batch norm and eight layers Xavier's
# rule does as well as MSRA's: the parts of the recipe make up for each other. Weight decay and augmentation
# are for long trainings. In these 92 steps, for example, weight decay takes $10 \cdot 0.1 \cdot 10^{-4}$ of a
# weight in each, with momentum, which is less than 1 % in all. And eight layers need no warm-up.

# %%
lesson.quiz(
    "Why does the recipe divide the learning rate when the error plateaus, and not from the beginning?",
    ("large steps are fast, until they only jump about", "then smaller steps get further down"),
    ("small rates overfit", "a smaller rate follows the same gradient, more slowly"),
    ("so that momentum can build up first", "that takes some ten steps, not half of the training"),
)

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - In a ReLU stack Xavier's rule makes the gradients of *all* weights smaller by the same
#   $2^{-(L-1)/2}$, not only those of the first layers.
# - The slides show the beginning of training, and that is the claim: "good init converges faster" with
#   22 layers, "good init is able to converge" with 30.
# - With MSRA too 30 layers begin a little slower than 22 (a loss of 1 after 75 to 90 steps, not 60 to
#   75). Deeper networks need batch norm (lesson 5) and shortcuts (lesson 12) as well.
# - A recipe is more than its parts: batch norm allows the rate of 0.1, momentum makes ten of each step, and
#   the divisions by 10 settle what large steps leave unsettled.
#
# ## What to try next
#
# 1. Give the stack of 22 layers batch norm after every linear layer, and the rate 0.1: does the rule still
#    matter?
# 2. Train MSRA's 22 layers without batch norm at a rate of 0.02, with and without a warm-up of 100 steps at
#    0.002: does it help?
# 3. And at rates of 0.003 and 0.03 without momentum: which of the two is like 0.003 with it?
#
# ## Exercises
#
# 1. By what factor does the gradient of layer $l$'s *bias* shrink? Which biases learn at the beginning?
# 2. Could one learning rate for every weight, 1448 times larger, save Xavier's 22 layers?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. No: after 360 steps the loss of either is between 0.05 and 0.1, in two seeds each.
# 2. Hardly. After 360 steps the loss of two seeds is 1.9 and 2.0 without it and 1.2 and 1.4 with it, and goes
#    up and down: the rate is too large for this network at any time, not only at the start.
# 3. That of 0.03, ten times as large. After 240 steps the loss is 0.2 at 0.03 and more than 0.4 at 0.003;
#    with momentum it is below 0.05.
#
# **Exercises.**
#
# 1. By $2^{-(L-l)/2}$, since it is $\delta_l$ without $h_{l-1}$. The last ones learn at once, but only
#    how frequent the classes are: the loss goes to $\ln 10$ and stays there.
# 2. No. The first steps of the weights would be as large as MSRA's, but the last bias, whose gradient is
#    not small at all, would take steps 1448 times too large. And once the weights have grown, their
#    gradients have grown too: the rate is too large for them then.
