"""Deliberately wrong backwards, each a mistake that somebody really makes, and right ones beside them.

WRONG is a list of cases: the right forward, the wrong backward, inputs, and a text that the checker's report
must contain ("" where being caught is enough). RIGHT holds pairs that must pass. Everything here is plain
NumPy and needs no layer of the library, so that the checker is judged by something else.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minires.kernels.cpu.layout import as_rows, from_rows
from minires.layers import Layer, Parameter


@dataclass
class Case:
    """forward, backward: a pair; or layer: a function of rng that builds a Layer. inputs: function of rng."""

    name: str
    inputs: Callable
    forward: Callable = None
    backward: Callable = None
    tells: str = ""
    layer: Callable = None
    fixed: tuple = ()
    expect_zero: tuple = ()


WRONG, RIGHT = [], []
NOISE = np.random.default_rng(0)  # for backwards that are not deterministic


def wrong(name, forward, inputs, tells="", **options):
    """Decorate a wrong backward: put it on the list."""

    def add(backward):
        WRONG.append(Case(name, inputs, forward, backward, tells, **options))
        return backward

    return add


def normal(*shapes, offset=0.0):
    """Return a function of rng that draws one normal array for each shape."""
    return lambda rng: tuple(offset + rng.standard_normal(shape) for shape in shapes)


# -- linear ------------------------------------------------------------------------------------------


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)


LINEAR = normal((5, 4), (3, 4), (3,))
SQUARE = normal((5, 4), (4, 4), (4,))
RIGHT.append(Case("linear", LINEAR, linear_forward, linear_backward))


@wrong("linear: weight not transposed", linear_forward, SQUARE)
def _(dy, cache):
    x, weight = cache
    return dy @ weight.T, dy.T @ x, dy.sum(axis=0)


@wrong("linear: dweight transposed", linear_forward, SQUARE, "transposed")
def _(dy, cache):
    x, weight = cache
    return dy @ weight, x.T @ dy, dy.sum(axis=0)


@wrong("linear: dweight reshaped instead of transposed", linear_forward, LINEAR, "transposed")
def _(dy, cache):
    x, weight = cache
    return dy @ weight, (x.T @ dy).reshape(weight.shape), dy.sum(axis=0)


@wrong("linear: bias gradient is a mean", linear_forward, LINEAR, "5 times too small")
def _(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.mean(axis=0)


@wrong("linear: bias gradient summed over the features", linear_forward, LINEAR, "has shape (5,)")
def _(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=1)


@wrong(
    "linear: bias gradient summed over the wrong axis of a square",
    linear_forward,
    normal((4, 4), (4, 4), (4,)),
)
def _(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=1)


@wrong("linear: bias gradient keeps its axis", linear_forward, LINEAR, "has shape (1, 3)")
def _(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0, keepdims=True)


@wrong("linear: no bias gradient", linear_forward, LINEAR, "returned 2 gradients")
def _(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x


@wrong("linear: None for the bias gradient", linear_forward, LINEAR, "NoneType for bias")
def _(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, None


@wrong("linear: float32 gradient returned", linear_forward, LINEAR, "weight is float32")
def _(dy, cache):
    x, weight = cache
    return dy @ weight, (dy.T @ x).astype(np.float32), dy.sum(axis=0)


@wrong("linear: product taken in float32", linear_forward, LINEAR, "computed in float32")
def _(dy, cache):
    x, weight = cache
    return dy @ weight, (dy.T.astype(np.float32) @ x.astype(np.float32)).astype(np.float64), dy.sum(axis=0)


@wrong(
    "linear: float64 whatever comes in",
    linear_forward,
    LINEAR,
    "for float32 inputs the gradient of x is float64",
)
def _(dy, cache):
    x, weight = cache
    return dy.astype(np.float64) @ weight, dy.T @ x, dy.sum(axis=0)


@wrong("linear: x normalised in place for the weight gradient", linear_forward, LINEAR, "writes into x")
def _(dy, cache):
    x, weight = cache
    dweight = dy.T @ x
    x /= len(x)
    return dy @ weight, dweight, dy.sum(axis=0)


@wrong("linear: weights decayed inside backward", linear_forward, LINEAR, "writes into weight")
def _(dy, cache):
    x, weight = cache
    dx = dy @ weight
    weight *= 0.99
    return dx, dy.T @ x, dy.sum(axis=0)


@wrong("linear: uninitialised noise added to the gradient", linear_forward, LINEAR, "a different result")
def _(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x + 1e-9 * NOISE.standard_normal(weight.shape), dy.sum(axis=0)


@wrong("linear: gradient of weight and bias in the wrong order", linear_forward, LINEAR, "has shape (3,)")
def _(dy, cache):
    x, weight = cache
    return dy @ weight, dy.sum(axis=0), dy.T @ x


def hoarding_linear():
    """A pair that remembers its input outside the cache, as layers with self.x do."""
    memory = {}

    def forward(x, weight, bias):
        memory["x"] = x
        return x @ weight.T + bias, (weight,)

    def backward(dy, cache):
        (weight,) = cache
        return dy @ weight, dy.T @ memory["x"], dy.sum(axis=0)

    return forward, backward


forward, backward = hoarding_linear()
WRONG.append(Case("linear: input of the latest call", LINEAR, forward, backward, "depends on another call"))


def buffered_linear():
    """A pair that returns the same scratch array from every call."""
    scratch = {}

    def backward(dy, cache):
        x, weight = cache
        dx = scratch.setdefault((x.shape, x.dtype), np.empty_like(x))
        np.matmul(dy, weight, out=dx)
        return dx, dy.T @ x, dy.sum(axis=0)

    return linear_forward, backward


forward, backward = buffered_linear()
WRONG.append(Case("linear: returns a shared scratch array", LINEAR, forward, backward, "returned earlier"))


def consuming_backward(dy, cache):
    weight, x = cache.pop(), cache.pop()
    return dy @ weight, dy.T @ x, dy.sum(axis=0)


WRONG.append(
    Case(
        "linear: cache emptied by backward",
        LINEAR,
        lambda x, weight, bias: (x @ weight.T + bias, {"stack": [x, weight]}),
        lambda dy, cache: consuming_backward(dy, cache["stack"]),
        "a second backward with the same cache raises IndexError",
    )
)


# -- activations -------------------------------------------------------------------------------------


def relu_forward(x):
    return np.maximum(x, 0), (x,)


def relu_backward(dy, cache):
    return dy * (cache[0] > 0)


def sigmoid_forward(x):
    y = 1 / (1 + np.exp(-x))
    return y, (y,)


IMAGE = normal((2, 3, 4, 5))
RIGHT.append(Case("relu", IMAGE, relu_forward, relu_backward))
RIGHT.append(Case("output is the input", IMAGE, lambda x: (x, ()), lambda dy, cache: dy))
RIGHT.append(
    Case(
        "output is a view", IMAGE, lambda x: (x.reshape(2, -1), x.shape), lambda dy, cache: dy.reshape(cache)
    )
)
RIGHT.append(Case("sigmoid", IMAGE, sigmoid_forward, lambda dy, cache: dy * cache[0] * (1 - cache[0])))


@wrong("relu: mask taken from dy", relu_forward, IMAGE)
def _(dy, cache):
    return dy * (dy > 0)


@wrong("relu: gradient passes where x is negative", relu_forward, IMAGE)
def _(dy, cache):
    return dy * (cache[0] < 0)


@wrong("relu: dy masked in place", relu_forward, IMAGE, "writes into dy")
def _(dy, cache):
    dy[cache[0] <= 0] = 0
    return dy


@wrong("relu: cached x overwritten", relu_forward, IMAGE, "writes into x")
def _(dy, cache):
    (x,) = cache
    np.sign(x, out=x)
    return dy * np.maximum(x, 0)


@wrong("relu: no gradient at all", relu_forward, IMAGE, "all-zero")
def _(dy, cache):
    return np.zeros_like(dy)


@wrong("relu: forward in place", lambda x: (np.maximum(x, 0, out=x), (x,)), IMAGE, "writes into x")
def _(dy, cache):
    return dy * (cache[0] > 0)


@wrong("sigmoid: derivative taken at y instead of x", sigmoid_forward, IMAGE)
def _(dy, cache):
    y = 1 / (1 + np.exp(-cache[0]))
    return dy * y * (1 - y)


@wrong("sigmoid: sign", sigmoid_forward, IMAGE, "wrong sign")
def _(dy, cache):
    return dy * cache[0] * (cache[0] - 1)


@wrong("sigmoid: division by a rounded zero", sigmoid_forward, IMAGE, "not finite")
def _(dy, cache):
    with np.errstate(divide="ignore", invalid="ignore"):
        return dy * cache[0] * (1 - cache[0]) / np.zeros_like(dy)


# -- convolution -------------------------------------------------------------------------------------


def conv_pair(stride, padding, mistake=None):
    """Return a convolution pair with this stride (int) and padding (h, w); mistake names what is wrong."""
    ph, pw = padding

    def views(x_padded, kernel, out):
        for i, j in itertools.product(*map(range, kernel)):
            rows, columns = slice(i, i + stride * out[0], stride), slice(j, j + stride * out[1], stride)
            yield i, j, (slice(None), slice(None), rows, columns)

    def forward(x, weight, bias):
        x_padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
        kernel = weight.shape[2:]
        out = [(n - k) // stride + 1 for n, k in zip(x_padded.shape[2:], kernel, strict=True)]
        y = np.zeros((len(x), len(weight), *out), x.dtype) + bias[:, None, None]
        for i, j, window in views(x_padded, kernel, out):
            y += np.einsum("nchw,oc->nohw", x_padded[window], weight[:, :, i, j])
        return y, (x_padded, weight)

    def backward(dy, cache):
        x_padded, weight = cache
        height, width = x_padded.shape[2] - 2 * ph, x_padded.shape[3] - 2 * pw
        dx_padded, dweight = np.zeros_like(x_padded), np.zeros_like(weight)
        seen = weight[:, :, ::-1, ::-1] if mistake == "kernel not flipped" else weight
        for i, j, window in views(x_padded, weight.shape[2:], dy.shape[2:]):
            spread = np.einsum("nohw,oc->nchw", dy, seen[:, :, i, j])
            if mistake == "overwritten":
                dx_padded[window] = spread
            else:
                dx_padded[window] += spread
            if mistake == "stride ignored":
                window = (*window[:2], slice(i, i + dy.shape[2]), slice(j, j + dy.shape[3]))
            if mistake == "shifted":
                window = (*window[:2], window[2], slice(max(j - 1, 0), max(j - 1, 0) + dy.shape[3]))
            dweight[:, :, i, j] = np.einsum("nohw,nchw->oc", dy, x_padded[window])
        if mistake == "dweight flipped":
            dweight = np.ascontiguousarray(dweight[:, :, ::-1, ::-1])
        dx = dx_padded[:, :, ph : ph + height, pw : pw + width]
        if mistake == "crop 1":
            dx = dx_padded[:, :, 1:-1, 1:-1]
        if mistake == "crop the end":
            dx = dx_padded[:, :, :height, :width]
        if mistake == "border":
            dx = dx.copy()
            dx[:, :, 0] = dx[:, :, -1] = 0
        if mistake == "axes exchanged":
            dweight = np.ascontiguousarray(dweight.transpose(0, 1, 3, 2)).reshape(weight.shape)
        dbias = dy.sum(axis=(2, 3)).mean(axis=0) if mistake == "bias mean" else dy.sum(axis=(0, 2, 3))
        return dx, dweight, dbias

    return forward, backward


CONV = normal((2, 3, 5, 6), (4, 3, 3, 2), (4,))
CONV_33 = normal((2, 2, 5, 6), (3, 2, 3, 3), (3,))
RIGHT.append(Case("conv, stride 2, padding (1, 2)", CONV, *conv_pair(2, (1, 2))))
RIGHT.append(Case("conv, stride 1, padding 0", CONV_33, *conv_pair(1, (0, 0))))
for mistake, inputs, stride, padding, tells in [
    ("kernel not flipped", CONV_33, 1, (1, 1), ""),
    ("dweight flipped", CONV_33, 1, (1, 1), "flipped kernel"),
    ("overwritten", CONV_33, 1, (1, 1), ""),
    ("stride ignored", CONV_33, 2, (1, 1), ""),
    ("shifted", CONV_33, 1, (1, 1), ""),
    ("crop 1", CONV, 1, (0, 0), "has shape"),
    ("crop 1", CONV, 1, (2, 2), "has shape"),
    ("crop the end", CONV_33, 1, (1, 1), "shifted"),
    ("border", CONV_33, 1, (1, 1), "border"),
    ("axes exchanged", CONV, 1, (1, 1), "transposed"),
    ("bias mean", CONV, 1, (1, 1), "2 times too small"),
]:
    pair = conv_pair(stride, padding, mistake)
    WRONG.append(Case(f"conv: {mistake}, stride {stride}, padding {padding}", inputs, *pair, tells))


def grouped_forward(x, weight):  # 1x1 convolution, two groups
    x1, x2 = np.split(x, 2, axis=1)
    w1, w2 = np.split(weight, 2)
    y = [np.einsum("nchw,oc->nohw", a, b) for a, b in ((x1, w1), (x2, w2))]
    return np.concatenate(y, axis=1), (x1, x2, w1, w2)


@wrong("grouped conv: groups exchanged", grouped_forward, normal((2, 4, 3, 5), (6, 2)))
def _(dy, cache):
    x1, x2, w1, w2 = cache
    dy1, dy2 = np.split(dy, 2, axis=1)
    dx = [np.einsum("nohw,oc->nchw", d, w) for d, w in ((dy2, w1), (dy1, w2))]
    dweight = [np.einsum("nohw,nchw->oc", d, x) for d, x in ((dy1, x1), (dy2, x2))]
    return np.concatenate(dx, axis=1), np.concatenate(dweight)


# -- batch norm --------------------------------------------------------------------------------------


def batch_norm_forward(x, gamma, beta, eps=0.01):
    axes = (0, *range(2, x.ndim))
    shape = (1, -1, *[1] * (x.ndim - 2))
    std = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=axes, keepdims=True)) / std
    return gamma.reshape(shape) * x_hat + beta.reshape(shape), (x_hat, gamma.reshape(shape), std, axes)


def batch_norm_parts(dy, cache):
    """Return dx_hat, the two mean paths, dgamma and dbeta: what every variant below puts together."""
    x_hat, gamma, std, axes = cache
    dx_hat = dy * gamma
    mean_path = dx_hat.mean(axis=axes, keepdims=True)
    variance_path = x_hat * (dx_hat * x_hat).mean(axis=axes, keepdims=True)
    return dx_hat, mean_path, variance_path, (dy * x_hat).sum(axis=axes), dy.sum(axis=axes)


def batch_norm_backward(dy, cache):
    dx_hat, mean_path, variance_path, dgamma, dbeta = batch_norm_parts(dy, cache)
    return (dx_hat - mean_path - variance_path) / cache[2], dgamma, dbeta


NORM = normal((3, 2, 4, 3), (2,), (2,))
RIGHT.append(Case("batch norm", NORM, batch_norm_forward, batch_norm_backward))
RIGHT.append(Case("batch norm, 2-D", normal((6, 4), (4,), (4,)), batch_norm_forward, batch_norm_backward))


@wrong("batch norm: path through the mean missing", batch_norm_forward, NORM, "channel offset")
def _(dy, cache):
    dx_hat, mean_path, variance_path, dgamma, dbeta = batch_norm_parts(dy, cache)
    return (dx_hat - variance_path) / cache[2], dgamma, dbeta


@wrong("batch norm: path through the variance missing", batch_norm_forward, NORM)
def _(dy, cache):
    dx_hat, mean_path, variance_path, dgamma, dbeta = batch_norm_parts(dy, cache)
    return (dx_hat - mean_path) / cache[2], dgamma, dbeta


@wrong("batch norm: mean and variance held constant", batch_norm_forward, NORM)
def _(dy, cache):
    dx_hat, mean_path, variance_path, dgamma, dbeta = batch_norm_parts(dy, cache)
    return dx_hat / cache[2], dgamma, dbeta


@wrong("batch norm: unbiased variance in backward", batch_norm_forward, NORM)
def _(dy, cache):
    dx_hat, mean_path, variance_path, dgamma, dbeta = batch_norm_parts(dy, cache)
    count = dy.size // dy.shape[1]
    return (dx_hat - mean_path - variance_path * count / (count - 1)) / cache[2], dgamma, dbeta


@wrong("batch norm: eps outside the root", batch_norm_forward, NORM, "channel factor")
def _(dy, cache):
    dx_hat, mean_path, variance_path, dgamma, dbeta = batch_norm_parts(dy, cache)
    std = np.sqrt(cache[2] ** 2 - 0.01) + 0.01
    return (dx_hat - mean_path - variance_path) / std, dgamma, dbeta


@wrong("batch norm: gamma forgotten in dx", batch_norm_forward, NORM, "channel factor")
def _(dy, cache):
    dx_hat, mean_path, variance_path, dgamma, dbeta = batch_norm_parts(dy, cache)
    return (dx_hat - mean_path - variance_path) / cache[2] / cache[1], dgamma, dbeta


@wrong("batch norm: sums instead of means", batch_norm_forward, NORM)
def _(dy, cache):
    dx_hat, mean_path, variance_path, dgamma, dbeta = batch_norm_parts(dy, cache)
    count = dy.size // dy.shape[1]
    return (dx_hat - count * (mean_path + variance_path)) / cache[2], dgamma, dbeta


@wrong("batch norm: dx = 0, which a check seeded with ones lets pass", batch_norm_forward, NORM, "all-zero")
def _(dy, cache):
    *_, dgamma, dbeta = batch_norm_parts(dy, cache)
    return np.zeros_like(dy), dgamma, dbeta


@wrong("batch norm: dgamma from the output instead of x_hat", batch_norm_forward, NORM)
def _(dy, cache):
    dx, dgamma, dbeta = batch_norm_backward(dy, cache)
    return dx, dgamma * cache[1].reshape(-1), dbeta


@wrong("batch norm: statistics over each image", batch_norm_forward, NORM)
def _(dy, cache):
    x_hat, gamma, std, _ = cache
    dx = batch_norm_backward(dy, (x_hat, gamma, std, (2, 3)))[0]
    return dx, *batch_norm_backward(dy, cache)[1:]


# -- losses ------------------------------------------------------------------------------------------


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_forward(logits):
    p = softmax(logits)
    return p, (p,)


def smooth_targets(labels, classes, smoothing, dtype):
    return np.asarray((1 - smoothing) * np.eye(classes)[labels] + smoothing / classes, dtype)


def cross_entropy_forward(logits, labels, smoothing=0.2):
    target = smooth_targets(labels, logits.shape[1], smoothing, logits.dtype)
    p = softmax(logits)
    return -(target * np.log(p)).sum() / len(labels), (p, target, labels)


def cross_entropy_backward(dloss, cache):
    p, target, labels = cache
    return dloss * (p - target) / len(labels)


def logits_and_labels(rng):
    return rng.standard_normal((6, 4)), rng.integers(0, 4, 6)


LOGITS = normal((6, 4))
RIGHT.append(Case("cross-entropy", logits_and_labels, cross_entropy_forward, cross_entropy_backward))


@wrong("softmax: Jacobian's diagonal only", softmax_forward, LOGITS)
def _(dy, cache):
    (p,) = cache
    return dy * p * (1 - p)


@wrong("softmax: factor p forgotten", softmax_forward, LOGITS)
def _(dy, cache):
    (p,) = cache
    return dy - (dy * p).sum(axis=1, keepdims=True)


@wrong("softmax: dx = 0, which a check seeded with ones lets pass", softmax_forward, LOGITS, "all-zero")
def _(dy, cache):
    return np.zeros_like(dy)


@wrong("cross-entropy: 1/N forgotten", cross_entropy_forward, logits_and_labels, "6 times too large")
def _(dloss, cache):
    p, target, labels = cache
    return dloss * (p - target)


@wrong(
    "cross-entropy: mean over the classes too", cross_entropy_forward, logits_and_labels, "4 times too small"
)
def _(dloss, cache):
    p, target, labels = cache
    return dloss * (p - target) / p.size


@wrong("cross-entropy: dloss ignored", cross_entropy_forward, logits_and_labels, "constant factor")
def _(dloss, cache):
    p, target, labels = cache
    return (p - target) / len(labels)


@wrong("cross-entropy: label smoothing forgotten in backward", cross_entropy_forward, logits_and_labels)
def _(dloss, cache):
    p, target, labels = cache
    return dloss * (p - smooth_targets(labels, 4, 0.0, p.dtype)) / len(labels)


@wrong("cross-entropy: p written over", cross_entropy_forward, logits_and_labels, "writes into")
def _(dloss, cache):
    p, target, labels = cache
    p -= target
    return dloss * p / len(labels)


@wrong("cross-entropy: sign", cross_entropy_forward, logits_and_labels, "wrong sign")
def _(dloss, cache):
    p, target, labels = cache
    return dloss * (target - p) / len(labels)


def squared_error_forward(y, target):
    return 0.5 * ((y - target) ** 2).sum() / len(y), (y - target,)


@wrong(
    "squared error: 2 from the square",
    squared_error_forward,
    normal((4, 3), (4, 3)),
    "2 times",
    fixed=("target",),
)
def _(dloss, cache):
    return 2 * dloss * cache[0] / len(cache[0])


# -- pooling -----------------------------------------------------------------------------------------


def pool_windows(x):
    """(N, C, H, W) -> (N, C, H/2, W/2, 4): the values of each 2x2 window."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)


def unpool(windows):
    n, c, h, w, _ = windows.shape
    return windows.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, 2 * h, 2 * w)


def max_pool_forward(x):
    windows = pool_windows(x)
    return windows.max(axis=-1), (windows,)


def max_pool_backward(dy, cache):
    (windows,) = cache
    return unpool(dy[..., None] * (np.arange(4) == windows.argmax(axis=-1)[..., None]))


def avg_pool_forward(x):
    return pool_windows(x).mean(axis=-1), ()


POOL = normal((2, 3, 4, 6))


def tied(rng):
    """Images in which one window of each kind has two equal maxima."""
    x = rng.standard_normal((2, 3, 4, 6))
    x[0, 0, 0, :2] = 5.0
    x[1, 2, 2:, 3] = x[1, 2, 2, 2] = 7.0
    return (x,)


RIGHT.append(Case("max pool", POOL, max_pool_forward, max_pool_backward))
RIGHT.append(Case("max pool with ties", tied, max_pool_forward, max_pool_backward))
RIGHT.append(
    Case("avg pool", POOL, avg_pool_forward, lambda dy, cache: unpool(np.repeat(dy[..., None], 4, -1) / 4))
)


@wrong("max pool: gradient to all ties", max_pool_forward, tied, "a tie must send")
def _(dy, cache):
    (windows,) = cache
    return unpool(dy[..., None] * (windows == windows.max(axis=-1, keepdims=True)))


@wrong("max pool: gradient to the first of each window", max_pool_forward, POOL)
def _(dy, cache):
    return unpool(dy[..., None] * (np.arange(4) == 0))


@wrong("max pool: gradient spread evenly", max_pool_forward, POOL)
def _(dy, cache):
    return unpool(np.repeat(dy[..., None], 4, axis=-1) / 4)


@wrong("avg pool: not divided by the window", avg_pool_forward, POOL, "4 times too large")
def _(dy, cache):
    return unpool(np.repeat(dy[..., None], 4, axis=-1))


@wrong("avg pool: divided by the window's side", avg_pool_forward, POOL, "2 times too large")
def _(dy, cache):
    return unpool(np.repeat(dy[..., None], 4, axis=-1)) / 2


def padded_avg_forward(x):  # windows of 2x2, padding 1, padded zeros counted
    return pool_windows(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))).mean(axis=-1), ()


@wrong("avg pool: padding not counted at the border", padded_avg_forward, normal((2, 2, 6, 4)), "border")
def _(dy, cache):
    inside = pool_windows(np.pad(np.ones((1, 1, 6, 4)), ((0, 0), (0, 0), (1, 1), (1, 1)))).sum(axis=-1)
    return unpool(np.repeat((dy / inside)[..., None], 4, axis=-1))[:, :, 1:-1, 1:-1]


def gap_forward(x):
    return x.mean(axis=(2, 3)), (x.shape,)


@wrong("global average pooling: sum instead of mean", gap_forward, IMAGE, "20 times too large")
def _(dy, cache):
    return dy[:, :, None, None] * np.ones(cache[0], dy.dtype)


@wrong("global average pooling: a broadcastable shape", gap_forward, IMAGE, "has shape (2, 3, 1, 1)")
def _(dy, cache):
    return dy[:, :, None, None] / (cache[0][2] * cache[0][3])


# -- dropout, residual, concat, local response norm --------------------------------------------------


def dropout_forward(x, mask):
    return x * mask, (mask,)


def dropout_inputs(rng):
    return rng.standard_normal((4, 6)), (rng.random((4, 6)) < 0.6) / 0.6


@wrong(
    "dropout: scaling by 1/keep forgotten",
    dropout_forward,
    dropout_inputs,
    "constant factor",
    fixed=("mask",),
)
def _(dy, cache):
    return dy * (cache[0] > 0)


@wrong("dropout: the kept are dropped", dropout_forward, dropout_inputs, fixed=("mask",))
def _(dy, cache):
    return dy * (cache[0].max() - cache[0])


@wrong(
    "dropout: a fresh mask in backward",
    dropout_forward,
    dropout_inputs,
    "a different result",
    fixed=("mask",),
)
def _(dy, cache):
    return dy * (NOISE.random(dy.shape) < 0.6) / 0.6


def residual_forward(x, weight):  # relu(x W) + x
    hidden = x @ weight
    return np.maximum(hidden, 0) + x, (x, weight, hidden)


def residual_backward(dy, cache):
    x, weight, hidden = cache
    dhidden = dy * (hidden > 0)
    return dhidden @ weight.T + dy, x.T @ dhidden


RESIDUAL = normal((5, 4), (4, 4))
RIGHT.append(Case("residual", RESIDUAL, residual_forward, residual_backward))


@wrong("residual: shortcut forgotten", residual_forward, RESIDUAL, "shortcut missing")
def _(dy, cache):
    dx, dweight = residual_backward(dy, cache)
    return dx - dy, dweight


@wrong("residual: shortcut counted twice", residual_forward, RESIDUAL, "shortcut twice")
def _(dy, cache):
    dx, dweight = residual_backward(dy, cache)
    return dx + dy, dweight


@wrong("residual: shortcut overwrites the branch", residual_forward, RESIDUAL)
def _(dy, cache):
    return dy.copy(), residual_backward(dy, cache)[1]


@wrong("residual: the sum taken in place in dy", residual_forward, RESIDUAL, "writes into dy")
def _(dy, cache):
    x, weight, hidden = cache
    dhidden = dy * (hidden > 0)
    dy += dhidden @ weight.T
    return dy, x.T @ dhidden


def rows_forward(x):
    return np.maximum(x, 0), (x,)


@wrong("reordered: dy written into after reordering", rows_forward, IMAGE, "writes into")
def _(dy, cache):
    (x,) = cache
    rows = as_rows(dy)  # no copy where dy lies in this order already
    rows *= as_rows(x) > 0
    return from_rows(rows, dy.shape)


@wrong("reordered: cached x written into after reordering", rows_forward, IMAGE, "writes into")
def _(dy, cache):
    (x,) = cache
    rows = as_rows(x)
    np.greater(rows, 0, out=rows)
    return dy * from_rows(rows, x.shape)


@wrong(
    "addition: one gradient where a value is used twice", lambda x: (x + x, ()), IMAGE, "2 times too small"
)
def _(dy, cache):
    return dy


def concat_forward(a, b):
    return np.concatenate([a, b], axis=1), (a.shape[1],)


CONCAT = normal((2, 3, 4, 2), (2, 3, 4, 2))
RIGHT.append(Case("concat", CONCAT, concat_forward, lambda dy, cache: np.split(dy, [cache[0]], axis=1)))


@wrong("concat: parts returned in the wrong order", concat_forward, CONCAT)
def _(dy, cache):
    return np.split(dy, [cache[0]], axis=1)[::-1]


@wrong("concat: split along the wrong axis", concat_forward, normal((2, 3, 6, 2), (2, 3, 6, 2)), "has shape")
def _(dy, cache):
    return np.split(dy, 2, axis=2)


def lrn_forward(x, alpha=0.5, beta=0.75):  # over all channels
    scale = 1 + alpha * (x**2).mean(axis=1, keepdims=True)
    return x * scale**-beta, (x, scale, alpha, beta)


def lrn_backward(dy, cache):
    x, scale, alpha, beta = cache
    shared = (dy * x * scale ** (-beta - 1)).mean(axis=1, keepdims=True)
    return dy * scale**-beta - 2 * alpha * beta * x * shared


RIGHT.append(Case("local response norm", IMAGE, lrn_forward, lrn_backward))


@wrong("local response norm: neighbours forgotten", lrn_forward, IMAGE)
def _(dy, cache):
    x, scale, alpha, beta = cache
    return dy * scale**-beta


@wrong("local response norm: 2 of the square forgotten", lrn_forward, IMAGE)
def _(dy, cache):
    x, scale, alpha, beta = cache
    right, direct = lrn_backward(dy, cache), dy * scale**-beta
    return direct + (right - direct) / 2


@wrong(
    "bias before batch norm: a gradient where there is none",
    lambda x, bias: batch_norm_forward(x + bias, np.ones_like(bias), np.zeros_like(bias)),
    normal((6, 4), (4,)),
    expect_zero=("bias",),
)
def _(dy, cache):
    dx = batch_norm_backward(dy, cache)[0]
    return dx, dy.sum(axis=0)


# -- layers ------------------------------------------------------------------------------------------


class Linear(Layer):
    """A right layer that the wrong ones below inherit from."""

    def __init__(self, rng):
        self.weight = Parameter(rng.standard_normal((4, 4)))
        self.bias = Parameter(rng.standard_normal(4))

    def forward(self, x, *, train):
        return linear_forward(x, self.weight.data, self.bias.data)

    def backward(self, dy, cache):
        dx, dweight, dbias = linear_backward(dy, cache)
        self.weight.accumulate(dweight)
        self.bias.accumulate(dbias)
        return dx


class Overwrites(Linear):
    def backward(self, dy, cache):
        dx, dweight, dbias = linear_backward(dy, cache)
        self.weight.grad[...] = dweight
        self.bias.accumulate(dbias)
        return dx


class Replaces(Linear):
    def backward(self, dy, cache):
        dx, dweight, dbias = linear_backward(dy, cache)
        self.weight.grad = self.weight.grad + dweight
        self.bias.accumulate(dbias)
        return dx


class Forgets(Linear):
    def backward(self, dy, cache):
        dx, dweight, dbias = linear_backward(dy, cache)
        self.weight.accumulate(dweight)
        return dx


class AddsTwice(Linear):
    def backward(self, dy, cache):
        self.bias.accumulate(dy.sum(axis=0))
        return super().backward(dy, cache)


class Remembers(Linear):
    def forward(self, x, *, train):
        self.x = x
        return super().forward(x, train=train)

    def backward(self, dy, cache):
        return super().backward(dy, (self.x, cache[1]))


class FreshMask(Linear):
    """Dropout that draws its mask again in backward."""

    def __init__(self, rng):
        super().__init__(rng)
        self.rng = rng

    def _mask(self, shape):
        return (self.rng.random(shape) < 0.5) / 0.5

    def forward(self, x, *, train):
        y, cache = super().forward(x, train=train)
        return y * self._mask(y.shape).astype(y.dtype), cache

    def backward(self, dy, cache):
        return super().backward(dy * self._mask(dy.shape).astype(dy.dtype), cache)


ROWS = normal((5, 4))
RIGHT.append(Case("layer", ROWS, layer=Linear))
for kind, tells in [
    (Overwrites, "overwrites the gradient of weight"),
    (Replaces, "replaces the grad of weight"),
    (Forgets, "all-zero"),
    (AddsTwice, "2 times too large"),
    (Remembers, "depends on another call"),
    (FreshMask, ""),
]:
    WRONG.append(Case(f"layer: {kind.__name__}", ROWS, layer=kind, tells=tells))
