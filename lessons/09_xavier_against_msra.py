# %% [markdown]
# # 9. Xavier against MSRA: 22 and 30 layers
#
# **Question.** Lesson 8 found that with Xavier's weights the variance of the signal falls by a factor of
# two million between the first and the last of 22 ReLU layers. But the optimiser can scale any weight up
# again. Does the lost factor really stop the training, and for how long?
#
# *Time: 40 s. Before this: lesson 8. Sources: lecture 6, slides "Initialization" (22-layer and 30-layer
# ReLU nets); He et al. 2015 (arXiv:1502.01852), section 2.2, figures 2 and 3.*

# %%
import math

import numpy as np

from minires import data, experiments, lesson, plot
from minires.experiments.initialisation import relu_stack
from minires.layers import Linear

# %% [markdown]
# ## Predict
#
# Draw a stack of 22 layers twice, by Xavier's rule (variance $1/n$ with $n$ inputs) and by MSRA's
# ($2/n$). How large are Xavier's gradients at the first step, divided by MSRA's: for the weights of the
# first layer, and for those of the last? And what is Xavier's training loss after 360 steps on the ten
# digits, when guessing costs $\ln 10 = 2.303$ nats? Write your numbers down before you read on.

# %%
predicted_first, predicted_last = 1 / 1000, 1.0
predicted_loss = 1.0

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
    first = ("predicted for Xavier, 22 layers", predicted_loss, predicted_loss)
    lesson.table((f"loss after {STEPS} steps, nats", "least of the seeds", "largest"), first, *rows)
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
lesson.show(plot.line_panels(panels, derived=dict.fromkeys(panels, guessing), ylim=(0, 2.6), **labels))

# %% [markdown]
# After 360 steps MSRA's networks know the digits and Xavier's still guess, as on the slides. But at this
# rate Xavier's do learn in the end. With 22 layers they stay on the plateau for about 500 steps and are
# below a loss of 1 after 800 to 900. With 30 layers it takes 1,200 to 2,100, and every seed loses what it
# had learned at least once (seed 0 goes back to guessing for 800 steps). MSRA's are below 0.1 for good
# after 450 steps.
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
        "initialisation", setting, arms=["MSRA, 22 layers", "Xavier, 22 layers"], lr=0.01
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
# ## What to keep
#
# - In a ReLU stack Xavier's rule makes the gradients of *all* weights smaller by the same
#   $2^{-(L-1)/2}$, not only those of the first layers.
# - The slides show the beginning of training, and that is the claim: "good init converges faster" with
#   22 layers, "good init is able to converge" with 30.
# - With MSRA too 30 layers begin a little slower than 22 (a loss of 1 after 75 to 90 steps, not 60 to
#   75). Deeper networks need batch norm (lesson 5) and shortcuts (lesson 12) as well.
#
# ## What to try next
#
# Give the stack batch norm after every linear layer: does the rule still matter? Run the 30 layers at a
# rate of 0.02: which of the two rules fails, and how?
#
# ## Exercises
#
# 1. By what factor does the gradient of layer $l$'s *bias* shrink? Which biases learn at the beginning?
# 2. Could one learning rate for every weight, 1448 times larger, save Xavier's 22 layers?
#
# ## Answers
#
# 1. By $2^{-(L-l)/2}$, since it is $\delta_l$ without $h_{l-1}$. The last ones learn at once, but only
#    how frequent the classes are: the loss goes to $\ln 10$ and stays there.
# 2. No. The first steps of the weights would be as large as MSRA's, but the last bias, whose gradient is
#    not small at all, would take steps 1448 times too large. And once the weights have grown, their
#    gradients have grown too: the rate is too large for them then.
