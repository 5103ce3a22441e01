# %% [markdown]
# # 0. Gradients by hand
#
# **Question.** A network has millions of weights and one number that says how wrong it is. Which way, and
# how far, should each weight move? And how do I find out that a gradient is wrong, when nothing crashes?
#
# *Time: 4 s. Before this: nothing but derivatives, matrices and a little NumPy. Sources: the ResNet
# lecture, slides "Loss Function" and "Training ResNet in practice"; Rumelhart, Hinton & Williams 1986,
# "Learning representations by back-propagating errors"; Polyak 1964, "Some methods of speeding up the
# convergence of iteration methods" (momentum).*

# %%
import math

import numpy as np

import minires.functional as F
from minires import data, gradcheck, lesson, plot

rng = np.random.default_rng(0)

# %% [markdown]
# ## Five numbers
#
# Here is a network with one weight, $w$, and one input, $x$. It multiplies them, adds $x$ to the product
# $p$, and compares the sum with a target, the number 3. Half the squared difference is its *loss*:
#
# $$p = w\,x, \qquad y = p + x, \qquad L = \tfrac12\,(y - 3)^2.$$
#
# With $x = 2$ and $w = 3$ we get $p = 6$, $y = 8$ and $L = 12.5$: five numbers. To learn is to change $w$
# so that $L$ becomes smaller. For that we want the derivative $\partial L / \partial w$, the *gradient* of
# $w$: by how much $L$ grows for each unit that $w$ grows by, as long as it grows only a little. **Predict**
# two.

# %%
of_w = lesson.predict("w grows from 3 to 3.001. By how many thousandths does L grow?")
of_x = lesson.predict("x grows from 2 to 2.001 instead. By how many thousandths does L grow?")

# %% [markdown]
# ## The chain rule, from back to front
#
# Begin at the end and go backwards. Each step needs only the derivative of *one* operation, and the
# gradient that has already been found for its result.
#
# - $L$ grows as fast as itself: $\partial L / \partial L = 1$.
# - $L = \tfrac12 (y - 3)^2$ has the derivative $y - 3$, so $\partial L / \partial y = 1 \cdot 5 = 5$.
# - $y = p + x$ grows as fast as $p$: $\partial L / \partial p = 5 \cdot 1 = 5$.
# - $p = w\,x$ grows $x$ times as fast as $w$: $\partial L / \partial w = 5 \cdot 2 = 10$.
# - $x$ is used *twice*. Through $p$ it gets $5 \cdot w = 15$, straight from $y$ it gets 5, and the effects
#   of a small change add up: $\partial L / \partial x = 15 + 5 = 20$.
#
# That is all of *backpropagation*. In the picture: multiply along an arrow, add where arrows meet. From
# here on we write $dy$ for $\partial L / \partial y$, with $L$ always the loss, and so does the code.

# %%
values = {"x": 2.0, "w": 3.0, "p": 6.0, "y": 8.0, "L": 12.5}
by_hand = {"x": 20.0, "w": 10.0, "p": 5.0, "y": 5.0, "L": 1.0}
figure = plot.computational_graph(
    values,
    {("w", "p"): 2, ("x", "p"): 3, ("p", "y"): 1, ("x", "y"): 1, ("y", "L"): 5},
    places={"w": (0, 0), "x": (0, 1), "p": (1, 0), "y": (2, 1), "L": (3, 1)},
    gradients=by_hand,
    title="Forward: solid. Backward: dashed, with gradient × derivative",
)
lesson.show(
    figure,
    alt=(
        "A graph of five numbers: w and x lead to the product p, p and x to the sum y, y to the loss L. "
        "Backward arrows carry gradient times derivative; at x two of them meet, and 15 and 5 add up to 20."
    ),
)

# %% [markdown]
# ## A pair of functions, and a cache
#
# In this library every operation is a pair. `forward` returns the result and a *cache*: what backward will
# need to know. `backward` takes the gradient of the result and the cache, and returns the gradients of the
# inputs. The derivative of a product with respect to one factor is the other factor, so the cache of the
# product holds both. `minires.functional`, here `F`, has the pairs of the sum and of the loss. They work on
# arrays, which hold one number each for now. (The cache of the sum is empty: its derivatives are 1,
# whatever the numbers are.)

# %%
x, w, target = np.array([2.0]), np.array([3.0]), np.array([3.0])


def multiply_forward(w, x):
    return w * x, (w, x)


def multiply_backward(dp, cache):
    w, x = cache
    return dp * x, dp * w  # dw, dx


p, product_cache = multiply_forward(w, x)
y, sum_cache = F.residual_add_forward(p, x)  # p + x
loss, loss_cache = F.squared_error_forward(y, target)  # half the squared difference

dy, _ = F.squared_error_backward(1.0, loss_cache)  # 1 is dL; _ would be the target's gradient
dp, dx_straight = F.residual_add_backward(dy, sum_cache)
dw, dx_through_p = multiply_backward(dp, product_cache)
dx = dx_through_p + dx_straight  # x was used twice
backward = {"x": dx[0], "w": dw[0], "p": dp[0], "y": dy[0], "L": 1.0}

# %% [markdown]
# ## Beside finite differences
#
# There is a second way to a derivative, which needs no thought: push a number by a small $h$ to either side
# and see what the loss does. This is the *central difference*,
#
# $$\frac{\partial L}{\partial w} \approx \frac{L(w + h) - L(w - h)}{2h}.$$
#
# It costs two runs of the network for each number, which is hopeless for millions. Backward gets them all
# in one run. So we learn with the one, and check it with the other. The lines with `assert` do so: if a
# claim were false, the lesson would stop there.

# %%
NOTHING, H = dict.fromkeys(values, 0.0), 1e-4


def loss_after(push):
    """Return L when each number is pushed by push[its name], right after it was computed."""
    x, w = 2.0 + push["x"], 3.0 + push["w"]
    p = w * x + push["p"]
    y = p + x + push["y"]
    return 0.5 * (y - 3) ** 2 + push["L"]


differences = {}
for name in values:
    # NOTHING, but with H under this name
    rise = loss_after({**NOTHING, name: H}) - loss_after({**NOTHING, name: -H})
    differences[name] = rise / (2 * H)
predicted = {"w": of_w, "x": of_x}
lesson.table(
    ("gradient of", "predicted", "derived", "by backward", "measured"),
    *((n, predicted.get(n), by_hand[n], backward[n], differences[n]) for n in values),
)
for n in values:
    assert abs(backward[n] - by_hand[n]) <= 1e-12, f"the gradient of {n} should be {by_hand[n]}"
    # a difference of losses around 12.5, rounded to 1e-15, is divided by 2e-4
    assert abs(differences[n] - by_hand[n]) <= 1e-9, f"and the loss should grow so when {n} is pushed"

# %% [markdown]
# The arrow straight from $x$ to $y$ is called a *shortcut*, and a network with shortcuts *residual*. Its
# part of the gradient arrives as it is, whatever $w$ is, even if $w = 0$. Lessons 12 and 15 are about that.
#
# ## A linear layer
#
# Real layers have many inputs and outputs, and take several examples at a time, a *batch*. For the example
# with the number $n$, a *linear layer* computes each output $o$ as a weighted sum of the inputs, plus a
# *bias*:
#
# $$y_{no} = \sum_i x_{ni}\,W_{oi} + b_o.$$
#
# In NumPy that is `y = x @ W.T + b`. The rule is the same: for each number, collect everything that it was
# used for. $W_{oi}$ was used once for each example, in $y_{no}$, where it was multiplied by $x_{ni}$. The
# input $x_{ni}$ was used once for each output, and the bias $b_o$ once for each example. So
#
# $$dW_{oi} = \sum_n dy_{no}\,x_{ni}, \qquad dx_{ni} = \sum_o dy_{no}\,W_{oi}, \qquad db_o = \sum_n dy_{no}.$$
#
# The first two are matrix products, and **shapes are the guide** to them, for a gradient has the shape of
# its array. Take 4 examples, 3 inputs, 2 outputs: $dy$ is $4 \times 2$ and $W$ is $2 \times 3$, so $dx$,
# which must be $4 \times 3$, can only be `dy @ W`. And $dW$?

# %%
lesson.quiz(
    "x is (4, 3), dy is (4, 2) and W is (2, 3). What is dW?",
    ("dy.T @ x", "(2, 4) @ (4, 3) is (2, 3), and the sum runs over the examples"),
    ("x.T @ dy", "(3, 4) @ (4, 2) is (3, 2), the shape of the transposed weights"),
    ("dy @ x.T", "(4, 2) @ (3, 4) does not even fit"),
)

# %%
x, W, b = rng.standard_normal((4, 3)), rng.standard_normal((2, 3)), rng.standard_normal(2)
dy = rng.standard_normal((4, 2))  # whatever the next layer sends back
_, cache = F.linear_forward(x, W, b)
dx, dW, db = F.linear_backward(dy, cache)

dx_sum, dW_sum, db_sum = np.zeros_like(x), np.zeros_like(W), np.zeros_like(b)
for n, o in np.ndindex(dy.shape):  # every pair
    for i in range(3):
        dW_sum[o, i] += dy[n, o] * x[n, i]
        dx_sum[n, i] += dy[n, o] * W[o, i]
    db_sum[o] += dy[n, o]
error = max(abs(dx - dx_sum).max(), abs(dW - dW_sum).max(), abs(db - db_sum).max())
print(f"largest difference between F.linear_backward and the sums: {error:.1e}")
assert error <= 1e-12, "the matrix products should be these sums, to rounding"

# %% [markdown]
# ## A convolution
#
# A *convolution* slides a few weights, its *kernel*, over the input and computes one output at each place,
# from the *window* of inputs under the kernel. The input $x = (1, 2, 0, -1, 3)$ has three windows for the
# kernel $w = (1, -1, 2)$:
#
# $$y_i = \sum_k w_k\,x_{i+k}: \qquad
# y = (1 - 2 + 0,\;\; 2 - 0 - 2,\;\; 0 + 1 + 6) = (-1, 0, 7).$$
#
# (In mathematics a convolution flips the kernel first; in deep learning nobody does.) Over an image the
# kernel slides across and down. Let the kernel be 3x3 ones and the image 5x5 pixels, so that there are 3x3
# outputs, and let each output have the gradient 1. **Predict** what comes back.

# %%
of_centre = lesson.predict("What is the gradient of the pixel in the centre?")
of_corner = lesson.predict("What is the gradient of a pixel in a corner?")

# %% [markdown]
# What was each number used for? The weight $w_k$ was used in every window $i$, where it was multiplied by
# $x_{i+k}$; the input $x_j$ in every window that it lies in, where it was multiplied by $w_{j-i}$. (The
# pixel in the centre lies in all nine windows, one in a corner in a single one: with ones that makes 9 and
# 1.) So
#
# $$dw_k = \sum_i dy_i\,x_{i+k}, \qquad dx_j = \sum_i dy_i\,w_{j-i}.$$
#
# Each window sends $dy_i$ times the kernel back to its inputs, and where windows overlap, these are added.
# Let $dy = (1, 2, 3)$:
#
# | | $x_0$ | $x_1$ | $x_2$ | $x_3$ | $x_4$ |
# | --- | --- | --- | --- | --- | --- |
# | window 0: $1 \cdot (1, -1, 2)$ | 1 | -1 | 2 | | |
# | window 1: $2 \cdot (1, -1, 2)$ | | 2 | -2 | 4 | |
# | window 2: $3 \cdot (1, -1, 2)$ | | | 3 | -3 | 6 |
# | $dx$ | 1 | 1 | 3 | 1 | 6 |
#
# A column holds, from top to bottom, the kernel from right to left, each weight times the next $dy_i$. So
# $dx$ is itself a convolution: of $dy$, with zeros laid around it, and the *flipped* kernel, $(2, -1, 1)$.
# In 2-D it is flipped in both directions. And images have several *channels*, such as red, green and blue:
# an output is the sum over all of them, with a kernel for each.

# %%
x, w, dy = np.array([1.0, 2, 0, -1, 3]), np.array([1.0, -1, 2]), np.array([1.0, 2, 3])
# the library's arrays are (images, channels, rows, columns)
_, cache = F.conv2d_forward(x.reshape(1, 1, 1, 5), w.reshape(1, 1, 1, 3))
dx, dw, _ = F.conv2d_backward(dy.reshape(1, 1, 1, 3), cache)
dx_by_hand, dw_by_hand = [1, 1, 3, 1, 6], [sum(dy * x[k : k + 3]) for k in range(3)]
error_1d = max(abs(dx.ravel() - dx_by_hand).max(), abs(dw.ravel() - dw_by_hand).max())

x, w = rng.standard_normal((1, 2, 5, 6)), rng.standard_normal((3, 2, 3, 3))  # 2 channels in, 3 out
y, cache = F.conv2d_forward(x, w)
dy = rng.standard_normal(y.shape)
dx, dw, _ = F.conv2d_backward(dy, cache)
dx_sum, dw_sum = np.zeros_like(x), np.zeros_like(w)
for o, i, j in np.ndindex(y.shape[1:]):
    window = np.s_[0, :, i : i + 3, j : j + 3]  # this slice of image 0
    dx_sum[window] += dy[0, o, i, j] * w[o]
    dw_sum[o] += dy[0, o, i, j] * x[window]
flipped = w[:, :, ::-1, ::-1].swapaxes(0, 1)  # and from 3 channels to 2
dx_flipped, _ = F.conv2d_forward(dy, flipped, padding=2)  # two zeros on each side
error_2d, error_flipped = max(abs(dx - dx_sum).max(), abs(dw - dw_sum).max()), abs(dx - dx_flipped).max()

_, cache = F.conv2d_forward(np.zeros((1, 1, 5, 5)), np.ones((1, 1, 3, 3)))
windows, _, _ = F.conv2d_backward(np.ones((1, 1, 3, 3)), cache)
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("gradient of the pixel in the centre", of_centre, 9, windows[0, 0, 2, 2]),
    ("gradient of the pixel in a corner", of_corner, 1, windows[0, 0, 0, 0]),
    ("1-D: largest difference from the numbers by hand", None, 0, error_1d),
    ("2-D: from the sum over the windows", None, 0, error_2d),
    ("2-D: from the convolution with the flipped kernel", None, 0, error_flipped),
)
assert abs(windows[0, 0] - np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1])).max() <= 1e-12, "a pixel's windows"
assert max(error_1d, error_2d) <= 1e-12, "the backward should be the sum over the windows, to rounding"
assert error_flipped <= 1e-12, "and dx a convolution with the flipped kernel"

# %% [markdown]
# ## A loss for classes
#
# A *classifier* says which of several classes an input belongs to: which digit an image shows, for example.
# It gives each class a score, the *logit* $z_j$. The *softmax* turns these into probabilities, which are
# positive and add up to 1. The *cross-entropy* compares them with the truth $t$, which is 1 for the right
# class $c$ and 0 for all others. So it is minus the logarithm of the probability that the right class has
# got:
#
# $$p_j = \frac{e^{z_j}}{\sum_k e^{z_k}}, \qquad
# L = -\sum_j t_j \ln p_j = -\ln p_c = -z_c + \ln \sum_k e^{z_k}.$$
#
# (The ResNet lecture's slide says: "The output of the cross-entropy was normalized using softmax function".
# It is the other way round: the softmax comes first, and the cross-entropy takes what it puts out.) Now
# **predict** the loss of a network that has learned nothing.

# %%
knows_nothing = lesson.predict("What is the loss of a classifier whose ten logits are all equal?", by=0.3)

# %% [markdown]
# Ten equal probabilities are $\tfrac1{10}$ each, so $L = -\ln \tfrac1{10} = \ln 10 = 2.30$, whichever class
# is right. Remember the number. A loss far *above* it before training means that the logits are too large:
# the network is sure of itself, and wrong. A loss that stays there means that nothing is learned.
#
# Now the gradient. The term $-z_c$ gives $-1$ for the right class, and $\ln \sum_k e^{z_k}$ has the
# derivative $e^{z_j} / \sum_k e^{z_k} = p_j$. Together,
#
# $$dz_j = p_j - t_j :$$
#
# what is believed minus what is so. By hand: the logits $(\ln 1, \ln 2, \ln 5)$ give
# $p = (\tfrac18, \tfrac28, \tfrac58)$. If the second class is right, then $L = \ln 4$ and
# $dz = (\tfrac18, -\tfrac34, \tfrac58)$.
#
# In code there is a trap: $e^{1000}$ is too large for a floating-point number. But adding the same number to
# all logits changes no probability, as it cancels in the fraction. So one subtracts the largest logit first.

# %%
z, label = np.log([[1.0, 2.0, 5.0]]), np.array([1])
loss, cache = F.softmax_cross_entropy_forward(z, label)
dz = F.softmax_cross_entropy_backward(1.0, cache)
shifted_loss, _ = F.softmax_cross_entropy_forward(z + 1000, label)
with np.errstate(over="ignore", invalid="ignore"):
    naive = np.exp(z + 1000) / np.exp(z + 1000).sum()  # infinity divided by infinity
of_ten, _ = F.softmax_cross_entropy_forward(np.zeros((1, 10)), np.array([7]))
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("loss of ten equal logits", knows_nothing, math.log(10), of_ten),
    ("loss by hand", None, math.log(4), loss),
    *((f"dz by hand, class {j}", None, (1 / 8, -3 / 4, 5 / 8)[j], dz[0, j]) for j in range(3)),
    ("loss, logits larger by 1000", None, math.log(4), shifted_loss),
    ("their first probability, naively", None, 1 / 8, naive[0, 0]),
)
assert abs(of_ten - math.log(10)) <= 1e-12, "ten equal logits should have the loss ln 10"
assert abs(loss - math.log(4)) <= 1e-12, "the loss should be minus the logarithm of a quarter"
assert abs(dz - [1 / 8, -3 / 4, 5 / 8]).max() <= 1e-12, "the gradient should be p - t"
assert abs(shifted_loss - loss) <= 1e-11, "a shift should change nothing: numbers near 1000 end at 1e-13"
assert np.isnan(naive).all(), "the naive softmax should overflow"

# %%
lesson.quiz(
    "Before training, a classifier of 1000 classes reports a loss of 6.9. What is that?",
    ("what it should be", "ln 1000 is 6.9: all classes have about the same probability"),
    ("a bug: a loss is at most 1", "minus the logarithm of a probability has no upper limit"),
    ("a bug: it is wrong in 0.999 of all cases", "that is an error rate, and the loss is none"),
)

# %% [markdown]
# ## A first gradient check
#
# How small should $h$ be in the central difference? The smaller, the better, says calculus. But a computer
# keeps about 16 digits of $L$, and of the difference of two almost equal numbers few are left. **Predict**
# the best step for the example above, whose loss $\ln 4$ is a function of the right class's logit $z$. And
# while $h$ is still large, how fast does the error shrink with it?

# %%
best_power = lesson.predict("The best h is ten to the power of what?", by=1)
shrinks = lesson.predict("From h = 0.1 to h = 0.01: by what is the error divided?")

# %% [markdown]
# By Taylor's theorem $L(z \pm h) = L \pm h L' + \tfrac12 h^2 L'' \pm \tfrac16 h^3 L''' + \dots$ Subtract
# the two, divide by $2h$, and the even terms are gone: what is left is $L' + \tfrac16 h^2 L'''$. The second
# part is the *truncation error*. The *rounding error*: each loss is off by up to half of $\epsilon L$, with
# $\epsilon = 2.2 \cdot 10^{-16}$, so their difference is off by up to $\epsilon L$, and that is divided by
# $2h$. The sum of the two errors
#
# $$\frac{h^2\,L'''}6 + \frac{\epsilon L}{2h} \quad\text{is least where}\quad
# \frac{h\,L'''}3 = \frac{\epsilon L}{2h^2}, \quad\text{so}\quad
# h = \Big(\frac{3\,\epsilon\,L}{2\,L'''}\Big)^{1/3}.$$
#
# Our loss is $L = \ln 4$ with $p = \tfrac14$, and $L' = p - 1 = -\tfrac34$. With respect to its own logit a
# softmax has the derivative $p' = p\,(1 - p)$, so $L'' = p\,(1 - p)$ and
# $L''' = p\,(1 - p)(1 - 2p) = \tfrac3{32}$. (The $10^{-8}$ that one often hears is for a difference to one
# side, whose truncation error is $\tfrac12 h L''$.)

# %%
EPSILON, L, L3 = np.finfo(float).eps, math.log(4), 3 / 32
TRIALS = 60 if lesson.setting() == "fast" else 300
steps, errors = 10.0 ** np.arange(-11, 0.01, 0.25), []
for step in steps:
    found = []
    for _ in range(TRIALS):  # each rounds otherwise: a number added to all logits, and h a little changed
        h, row = step * rng.uniform(0.98, 1.02), z + rng.random()
        up, _ = F.softmax_cross_entropy_forward(row + [0, h, 0], label)
        down, _ = F.softmax_cross_entropy_forward(row - [0, h, 0], label)
        found.append(abs((up - down) / (2 * h) + 3 / 4))
    errors.append(np.mean(found))
truncation, rounding = steps**2 * L3 / 6, EPSILON * L / (2 * steps)
best = (3 * EPSILON * L / (2 * L3)) ** (1 / 3)
measured = steps[np.argmin(errors)]
lesson.table(
    ("", "predicted", "derived", "measured"),
    ("best h: ten to the power of", best_power, math.log10(best), math.log10(measured)),
    ("h from 0.1 to 0.01: error divided by", shrinks, 100, errors[-5] / errors[-9]),
)
assert abs(math.log10(measured / best)) <= 0.8, "the best step should lie where the two errors meet"
# the mean of h^2 over the trials varies by less than a percent, and terms with h^4 are as small
assert abs(errors[-5] / errors[-9] - 100) <= 3, "the truncation error should go with the square of h"

# %%
figure = plot.lines(
    {"measured": (steps, errors)},
    derived={
        "derived: rounding, falling": (steps, rounding),
        "derived: truncation, rising": (steps, truncation),
    },
    xlabel="step $h$",
    ylabel="error of the central difference",
    log=True,
    log_x=True,
    ylim=(1e-13, 1),
    title="Two errors of a finite difference",
)
lesson.show(
    figure,
    alt=(
        "Error of the central difference over the step h, both logarithmic. Rounding falls as h grows, "
        "truncation rises with its square, and the smallest error lies where the two derived lines cross."
    ),
)

# %% [markdown]
# The derived rounding error is the largest that there can be; on average it is about a third of it. At its
# best the difference has eleven correct digits. A backward that agrees to seven is right, for a mistake costs
# far more: a missing term, a factor, a transposed matrix. `minires.gradcheck` compares any pair with numeric
# gradients, and says which mistake it sees. Here is the most common one: a second use is forgotten. (In its
# table, *analytic* is what backward returns, and *kinks* counts numbers that sit on a corner, where there is
# no derivative.)

# %%
inputs = [rng.standard_normal(4), rng.standard_normal(4)]


def unit_forward(w, x):
    return w * x + x, (w, x)


def unit_backward(dy, cache):
    w, x = cache
    return dy * x, dy * w  # and the other use of x?


wrong = gradcheck.check_function(unit_forward, unit_backward, inputs, rng=rng)
print(wrong)
right = gradcheck.check_function(F.linear_forward, F.linear_backward, [rng.random((4, 3)), W, b], rng=rng)
assert wrong["w"].ok and not wrong["x"].ok, "the forgotten use of x should be noticed"
assert right.ok and right.error < 1e-7, "the linear layer should pass"

# %% [markdown]
# ## How far: down a parabola
#
# *Gradient descent* moves each weight $\theta$ against its gradient, by a *learning rate* $\eta$ times it.
# (SGD, *stochastic* gradient descent, takes the gradient of a random batch.) Near a minimum a smooth loss
# looks like a parabola, with a *curvature* (its second derivative) $\lambda$:
#
# $$L = \tfrac12 \lambda\,\theta^2, \qquad d\theta = \lambda\,\theta, \qquad
# \theta - \eta\,d\theta = (1 - \eta\lambda)\,\theta.$$
#
# The last is $\theta$ after a step. The minimum is at 0, so $\theta$ is the error, and each step multiplies
# its size by $|1 - \eta\lambda|$. That is below 1 up to the largest stable rate, $\eta = 2/\lambda$.
#
# Many weights have many curvatures, but *one* rate. In a valley with $\lambda = 50$ across and 1 along, the
# steep sides limit the rate, and the flat floor decides how long it takes. *Momentum* gives each weight a
# velocity $v$. A step makes it $\beta v + d\theta$, with a $\beta$ below 1, and then moves $\theta$ by
# $-\eta v$.
#
# **Predict** for this valley, each way at a good rate, and with $\beta = 0.64$.

# %%
plain_steps = lesson.predict("After how many steps of gradient descent is the error 1/1000?")
momentum_steps = lesson.predict("After how many steps with momentum?")

# %% [markdown]
# Without momentum the two factors are $1 - \eta$ and $1 - 50\eta$. The best rate, $\eta = 2/51$, makes them
# equally bad, $\pm \tfrac{49}{51} = \pm 0.961$, and so takes $\ln 1000 / |\ln 0.961| = 173$ steps.
#
# With momentum, the last step was $\theta_t - \theta_{t-1} = -\eta v$, so the next one, with the velocity
# $\beta v + \lambda\,\theta_t$, leads to
#
# $$\theta_{t+1} = \theta_t - \eta\lambda\,\theta_t + \beta\,(\theta_t - \theta_{t-1}).$$
#
# Try $\theta_t = r^t$: it solves this if $r^2 - (1 + \beta - \eta\lambda)\,r + \beta = 0$. The two roots
# have the product $\beta$. They are complex if $(1 + \beta - \eta\lambda)^2 < 4\beta$; then they are
# conjugates, equally large, and therefore
#
# $$|r| = \sqrt\beta, \qquad\text{for}\quad (1 - \sqrt\beta)^2 < \eta\lambda < (1 + \sqrt\beta)^2.$$
#
# This is the *underdamped* regime: $\theta$ swings like a pendulum, and its swings shrink by $\sqrt\beta$ a
# step *whatever* $\eta$ and $\lambda$ are. With $\beta = 0.64$ that is 0.8, for $\eta\lambda$ from 0.04 to
# 3.24. With $\eta = 0.05$ both curvatures of the valley are within: about $\ln 1000 / |\ln 0.8| = 31$
# steps.

# %%
BETA, VALLEY = 0.64, np.array([1.0, 50.0])


def descend(curvature, rate, momentum=0.0, steps=100):
    """Return the path (steps + 1, weights) from (1, 1, ...) down the parabola of each weight's curvature."""
    theta = np.ones(len(curvature))
    velocity, path = np.zeros_like(theta), [theta.copy()]
    for _ in range(steps):
        dtheta = curvature * theta
        # velocity = momentum * velocity + dtheta; theta -= rate * velocity (the other two options are off)
        F.sgd_step(theta, dtheta, velocity, lr=rate, momentum=momentum, decay=0.0, nesterov=False)
        path.append(theta.copy())
    return np.array(path)


def factor(path):
    """Return by what a step multiplies the error on average."""
    sizes = np.hypot(path[1:, 0], path[:-1, 0])  # of two points together, for one may just swing through 0
    return (sizes[-1] / sizes[0]) ** (1 / (len(sizes) - 1))


rows = []
for rate, momentum in ((0.1, 0), (0.4, 0), (0.5, 0), (0.55, 0), (0.05, BETA), (0.4, BETA), (0.8, BETA)):
    derived = math.sqrt(momentum) if momentum else abs(1 - rate * 4)
    path = descend(np.array([4.0]), rate, momentum)
    rows.append((f"rate {rate}, momentum {momentum}", derived, factor(path)))
lesson.table(("curvature 4: factor of a step", "derived", "measured"), *rows)
for name, derived, found in rows:
    # where in a swing the path ends counts for a factor of a few, to the power of 1/99
    assert abs(found - derived) <= 0.02, f"{name}: each step should multiply the error by {derived:.3g}"

plain, heavy = descend(VALLEY, 2 / 51, steps=300), descend(VALLEY, 0.05, BETA, steps=300)
needed = []
for path in (plain, heavy):
    error = np.hypot(path[:, 0], path[:, 1]) / math.sqrt(2)  # 1 at the start
    needed.append(1 + np.flatnonzero(error > 1 / 1000)[-1])
print()
lesson.table(
    ("valley: steps until the error is 1/1000", "predicted", "derived", "measured"),
    ("gradient descent", plain_steps, math.log(1000) / -math.log(49 / 51), needed[0]),
    ("with momentum", momentum_steps, math.log(1000) / -math.log(0.8), needed[1]),
)
assert abs(needed[0] - 173) <= 2, "the factor 49/51 should need 173 steps"
assert 29 <= needed[1] <= 42, "the factor 0.8 should need about 31, some more for its first swing"

# %%
angle, names = np.linspace(0, 2 * math.pi, 200), ("gradient descent", "with momentum")
# ellipses of equal loss; a name with _ stays out of the legend
contours = {f"_{r}": (50**0.5 * r * np.cos(angle), r * np.sin(angle)) for r in (0.03, 0.1, 0.3, 0.6, 1, 1.5)}
figure = plot.line_panels(
    {name: {"path": tuple(path[:24].T)} for name, path in zip(names, (plain, heavy), strict=True)},
    derived=dict.fromkeys(names, contours),
    xlabel="weight of curvature 1",
    ylabel="weight of curvature 50",
    ylim=(-1.7, 1.2),
    title="The first 23 steps in the valley; on a grey line the loss is the same",
)
for axes in figure.axes:
    axes.set_xlim(-0.4, 1.1)
lesson.show(
    figure,
    alt=(
        "Two paths down a long, narrow valley of the loss. Gradient descent jumps from wall to wall and is "
        "still far from the minimum after 23 steps; with momentum the path ends close to it."
    ),
)

# %% [markdown]
# ## All together
#
# A linear layer, the cross-entropy and momentum already read handwritten digits: those that come with
# minires, 8x8 pixels each. The loss of a batch is the mean of its examples' losses. All weights begin at 0:
# one layer learns from there. (With two, each one's gradient would be multiplied by the other's zeros; so
# from lesson 5 on they begin at random.) The ResNet lecture's recipe has momentum 0.9 and the learning rate
# 0.1, too.

# %%
train_set, test_set = data.load("digits")
normalise = data.Normalisation.fit(train_set)  # mean 0, variance 1
images, test_images = (normalise(part.images).reshape(-1, 64) for part in (train_set, test_set))
weights = [np.zeros((10, 64), np.float32), np.zeros(10, np.float32)]  # W and b; float32 has 7 digits
velocities, course = [np.zeros_like(weight) for weight in weights], []
for _ in range(100):
    logits, layer_cache = F.linear_forward(images, *weights)
    loss, loss_cache = F.softmax_cross_entropy_forward(logits, train_set.labels)
    dlogits = F.softmax_cross_entropy_backward(1.0, loss_cache)
    _, *gradients = F.linear_backward(dlogits, layer_cache)  # dW and db; nobody needs the images' gradient
    for weight, gradient, velocity in zip(weights, gradients, velocities, strict=True):
        F.sgd_step(weight, gradient, velocity, lr=0.1, momentum=0.9, decay=0.0, nesterov=False)
    course.append(float(loss))
logits, _ = F.linear_forward(test_images, *weights)
accuracy = 100 * (logits.argmax(axis=1) == test_set.labels).mean()
lesson.table(
    ("1,437 digits, 100 steps", "derived", "measured"),
    ("loss before the first step", math.log(10), course[0]),
    ("loss before the last", None, course[-1]),
    ("accuracy on 360 digits that it has not seen (%)", None, accuracy),
)
assert abs(course[0] - math.log(10)) <= 1e-5, "it should begin at ln 10, to the rounding of float32"
assert course[-1] < 0.2 and accuracy > 92, "and learn"

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - A gradient collects everything that a number was used for: a product along each arrow, the sum where
#   they meet.
# - Forward returns a result and a cache; backward takes a gradient and the cache. A network is a row of
#   such pairs, walked through forwards once and backwards once.
# - A gradient has the shape of its array. A wrong one raises no error: check it.
#
# ## What to try next
#
# 1. Give the five numbers $w = -1$. What is the gradient of $x$, and what is it made of?
# 2. In the gradient check take the difference to one side, $(L(z + h) - L(z)) / h$. By what does its error
#    shrink with a tenth of the step, and how small does it become?
# 3. Give the valley a momentum of 0.9 at the same rate. Is it faster?
# 4. Multiply the gradients of the last section by $\tfrac12$, then by $-1$. Which mistake do you notice?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. It is 0. With $p = -2$ and $y = 0$ we have $dy = -3$. The way through $p$ brings $-3 \cdot w = 3$, the
#    shortcut brings $-3$. And indeed $y = (w + 1)\,x$ is 0 for every $x$.
# 2. The term $\tfrac12 h L''$ does not cancel, so the error shrinks by 10 only. It is least near
#    $h = 10^{-7.5}$, where it is $4 \cdot 10^{-9}$: a thousand times as large as that of the central
#    difference.
# 3. No: 135 steps. The error now shrinks by $\sqrt{0.9} = 0.949$ a step. A large momentum pays in longer
#    valleys: with 0.9 one rate suits curvatures that differ by a factor of 1,400, with 0.64 by a factor of
#    81.
# 4. With $-1$ the loss rises to 2,400, and nobody can miss it. With $\tfrac12$ it ends at 0.13 instead of
#    0.09, as with half the learning rate, and the accuracy is no worse: only a gradient check notices.
