"""A forward and a backward pass through five layers: what each leaves in its cache, and takes from it."""

import numpy as np

import minires.functional as F
from minires.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from minires.site.moving.words import say, vector

X = np.array([[1, 0, 2, 1], [2, 1, 0, 3], [0, 1, 2, 0], [1, 3, 1, 0]], np.float64)
CONV, LINEAR = np.array([[1, -2], [1, 0]], np.float64), np.array([[1, 0, -1, 2], [0, 1, 1, -1]], np.float64)
TARGET = np.array([[5, 6]], np.float64)
NAMES = ("Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear")


def network() -> Sequential:
    """Return the five layers, with weights that are small whole numbers."""
    rng = np.random.default_rng(0)
    conv, linear = Conv2d(1, 1, 2, bias=False, rng=rng), Linear(4, 2, bias=False, rng=rng)
    net = Sequential(conv, ReLU(), MaxPool2d(2, stride=1), Flatten(), linear).astype(np.float64)
    net[0].weight.data[...], net[4].weight.data[...] = CONV, LINEAR
    return net


def five_layers() -> dict:
    """Return what flows forwards and backwards between the layers, and what their caches hold."""
    net = network()
    x, caches, values = X[None, None], [], [X[None, None]]
    for layer in net:
        x, cache = layer.forward(x, train=True)
        caches.append(cache)
        values.append(x)
    loss, loss_cache = F.squared_error_forward(x, TARGET)
    dy, _ = F.squared_error_backward(1.0, loss_cache)
    gradients = [dy]
    for layer, cache in zip(list(net)[::-1], caches[::-1], strict=True):
        dy = layer.backward(dy, cache)
        gradients.append(dy)
    gradients = gradients[::-1]  # of the input, after layer 1, ..., after layer 5
    kept = [
        {"x": values[0], "weight": CONV},
        {"y": caches[1][0]},
        {"argmax": caches[2][0]},
        {},  # two plain values: x's shape and type
        {"x": values[4], "weight": LINEAR},
    ]
    remembered = [sum(np.size(a) for name, a in cache.items() if name != "weight") for cache in kept]
    dweights = [net[0].weight.grad, None, None, None, net[4].weight.grad]
    return {
        "drawn_by": "passes",
        "label": "Forward and backward through five layers",
        "names": NAMES,
        "values": [_square(v) for v in values],
        "gradients": [_square(g) for g in gradients],
        "kept": [{name: _square(a) for name, a in cache.items()} for cache in kept],
        "shape": "×".join(map(str, caches[3][0])),
        "remembered": remembered,
        "dweights": [None if d is None else _square(d) for d in dweights],
        "target": TARGET[0],
        "difference": loss_cache[0][0],
        "loss": float(loss),
        "texts": _texts(values, gradients, float(loss), loss_cache[0][0], remembered),
    }


def _square(array) -> np.ndarray:
    """Return the last two axes of an array; a row stays a row."""
    return np.asarray(array, np.float64).reshape(-1, np.shape(array)[-1])


def _texts(values, gradients, loss, difference, remembered) -> list[str]:
    what = [
        "The convolution multiplies each 2×2 window by its weights. It leaves x and the weights in its "
        "cache: x for "
        "the weights' gradient, the weights for that of x.",
        "The ReLU sets what is negative to 0. It leaves its output, which tells where the input was "
        "positive.",
        "Max pooling takes the largest of each 2×2 window, and leaves where it stood: 0 to 3, row by row.",
        "Flatten lays the image out as a row. It leaves the shape alone.",
        f"The linear layer turns the four features into two outputs, {vector(values[5])}. It leaves its "
        "input and its "
        "weights.",
    ]
    back = [
        "The convolution, last: each window sends dy times the weights back, and from x in its cache come "
        "the "
        "gradients of the weights. All caches are empty, and every weight knows which way to move.",
        "The ReLU hands on the gradient where its output was positive, and 0 elsewhere.",
        "Max pooling sends each number to where the largest stood. One that was the largest of several "
        "windows gets "
        "the sum.",
        "Flatten gives the row its old shape back.",
        "The linear layer takes its cache: the weights turn two numbers into four, and dweight is dy times "
        "x.",
    ]
    texts = ["An image of 4×4 pixels stands before five layers. All caches are empty."]
    texts += [f"Forward, layer {i + 1}. {text}" for i, text in enumerate(what)]
    texts.append(
        f"The loss is half the squared distance to the target {vector(TARGET)}: {say(loss)}. Its gradient is "
        "the "
        f"difference, {vector(difference)}. The caches hold {sum(remembered)} numbers, weights not counted: "
        "now "
        "backwards."
    )
    texts += [f"Backward, layer {i + 1}. {back[i]}" for i in reversed(range(5))]
    return texts


def table(numbers: dict) -> list[tuple]:
    """Return the rows of the table for readers without scripts, the heading first."""
    rows = [("layer", "forward: output", "numbers kept", "backward: gradient of its input")]
    for i, name in enumerate(numbers["names"]):
        out, back = numbers["values"][i + 1], numbers["gradients"][i]
        rows.append((name, _rows(out), say(numbers["remembered"][i]), _rows(back)))
    return rows


def _rows(matrix) -> str:
    return " / ".join(" ".join(say(value) for value in row) for row in matrix)
