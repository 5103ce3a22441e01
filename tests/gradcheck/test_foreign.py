"""Pairs that others write: found, called as they are meant, and the mistake in them named."""

import pathlib
import re
import sys
import textwrap

import gradcheck_walk
import numpy as np
import pytest

from minires.cli import gradcheck_child
from minires.gradcheck.foreign import assign, objects, pairs
from minires.gradcheck.foreign.border import Border

FOREIGN = pathlib.Path(__file__).parent.parent / "foreign"
LAYERS = FOREIGN / "vision" / "layers.py"
LINEAR = FOREIGN / "mytorch" / "nn" / "linear.py"
LOSS = FOREIGN / "mytorch" / "nn" / "loss.py"

AFFINE = {"wanted": "affine", "shapes": "x=4x3 w=3x5 b=5"}
BATCHNORM = {"wanted": "batchnorm", "shapes": "x=5x3 gamma=3 beta=3", "with": "bn_param={'mode': 'train'}"}
CONV = {
    "wanted": "conv_naive",
    "shapes": "x=2x2x4x5 w=2x2x3x3 b=2",
    "with": "conv_param={'stride': 1, 'pad': 1}",
}
POOL = {
    "wanted": "max_pool_naive",
    "shapes": "x=2x2x4x6",
    "with": "pool_param={'pool_height': 2, 'pool_width': 3, 'stride': 1}",
}
RNN = {"wanted": "rnn_step", "shapes": "x=3x4 prev_h=3x5 Wx=4x5 Wh=5x5 b=5"}
LSTM = {"wanted": "lstm_step", "shapes": "x=2x3 prev_h=2x4 prev_c=2x4 Wx=3x16 Wh=4x16 b=16"}
SOFTMAX = {"wanted": "softmax_loss", "shapes": "x=4x3", "with": "y=labels(4, 3)"}


@pytest.fixture(autouse=True)
def clean_imports():
    """Forget what a file of a test imported, for the next one's neighbours may have the same names."""
    path, modules = list(sys.path), set(sys.modules)
    random = np.random.get_state()  # noqa: NPY002
    yield
    sys.path[:] = path
    np.random.set_state(random)  # noqa: NPY002
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None)).startswith((str(FOREIGN), "/tmp")):
            del sys.modules[name]


def checked(path, wanted=None, shapes=None, seed=0, **values):
    """Return {pair: what is told of it} of a file, checked in this process."""
    request = {
        "file": str(path),
        "wanted": wanted,
        "shapes": shapes,
        "with": values.get("with"),
        "seed": seed,
    }
    events = []
    arguments = sys.argv
    try:
        gradcheck_child.Session(
            {**request, "seconds": None, "done": []}, lambda **e: events.append(e), None
        ).run()
    finally:
        sys.argv = arguments
    problems = [event for event in events if {"unloaded", "none"} & set(event)]
    assert not problems, problems
    return {event["end"]: event for event in events if "end" in event}


def only(told):
    (one,) = told.values()
    return one


def kinds(told):
    """Return {label: kind} of the gradients that are wrong, and {"": kind} of a broken rule."""
    found = {g["label"]: g["kind"] for g in told.get("gradients", []) if g["verdict"] == "wrong"}
    if told.get("broken"):
        found[""] = told["broken"][-1][0]
    return found


# -- right ---------------------------------------------------------------------------------------------------

RIGHT = {
    "affine": (LAYERS, AFFINE),
    "affine of images": (LAYERS, {"wanted": "affine", "shapes": "x=2x2x3 w=6x5 b=5"}),
    "relu": (LAYERS, {"wanted": "relu", "shapes": "x=3x4"}),
    "softmax_loss": (LAYERS, SOFTMAX),
    "svm_loss": (LAYERS, {**SOFTMAX, "wanted": "svm_loss"}),
    "batchnorm": (LAYERS, BATCHNORM),
    "batchnorm_alt": (LAYERS, {**BATCHNORM, "wanted": "batchnorm_backward_alt"}),
    "batchnorm, test": (
        LAYERS,
        {
            **BATCHNORM,
            "with": "bn_param={'mode': 'test', 'running_mean': normal(3), 'running_var': positive(3)}",
        },
    ),
    "layernorm": (LAYERS, {"wanted": "layernorm", "shapes": "x=3x4 gamma=4 beta=4", "with": "ln_param={}"}),
    "dropout": (
        LAYERS,
        {
            "wanted": "dropout",
            "shapes": "x=4x5",
            "with": "dropout_param={'p': 0.6, 'mode': 'train', 'seed': 1}",
        },
    ),
    "dropout, unseeded": (
        LAYERS,
        {"wanted": "dropout", "shapes": "x=4x5", "with": "dropout_param=dict(p=0.6, mode=train)"},
    ),
    "conv": (LAYERS, CONV),
    "max_pool": (LAYERS, POOL),
    "rnn_step": (LAYERS, RNN),
    "lstm_step": (LAYERS, LSTM),
    "word_embedding": (LAYERS, {"wanted": "word_embedding", "shapes": "W=5x3", "with": "x=labels(2, 4, 5)"}),
    "temporal_softmax_loss": (
        LAYERS,
        {
            "wanted": "temporal_softmax_loss",
            "shapes": "x=2x3x4",
            "with": "y=labels(2, 3, 4) mask=mask(2, 3)",
        },
    ),
    "affine_relu": (FOREIGN / "vision" / "layer_utils.py", {"wanted": None, "shapes": "x=4x3 w=3x5 b=5"}),
    "TwoLayerNet": (
        FOREIGN / "vision" / "classifiers" / "fc_net.py",
        {"wanted": "TwoLayerNet(4, 5, 3, reg=0.1)", "shapes": "X=3x4", "with": "y=labels(3, 3)"},
    ),
    "softmax_loss_vectorized": (
        FOREIGN / "vision" / "classifiers" / "fc_net.py",
        {"wanted": "softmax_loss_vectorized", "shapes": "W=6x4 X=5x6", "with": "y=labels(5, 4) reg=0.1"},
    ),
    "Linear, an object": (LINEAR, {"wanted": "Linear(3, 4)", "shapes": "A=5x3"}),
    "Sigmoid, an object": (LINEAR, {"wanted": "Sigmoid", "shapes": "Z=5x3"}),
    "BatchNorm1d, an object": (LINEAR, {"wanted": "BatchNorm1d(3)", "shapes": "Z=5x3"}),
    "MLP, objects in an object": (LINEAR, {"wanted": "MLP", "shapes": "A=5x3"}),
    "MSELoss": (LOSS, {"wanted": "MSELoss", "shapes": "A=5x3", "with": "Y=normal(5, 3)"}),
    "CrossEntropyLoss": (LOSS, {"wanted": "CrossEntropyLoss", "shapes": "A=5x3", "with": "Y=onehot(5, 3)"}),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_right(name):
    path, how = RIGHT[name]
    told = only(checked(path, **how))
    assert told["state"] == "ok", told
    assert [g["verdict"] for g in told["gradients"]] == ["ok"] * len(told["gradients"])
    assert all(g["checked"] > 0 and g["error"] < 1e-6 for g in told["gradients"])


def test_what_is_found_and_why_not():
    told = checked(LAYERS, shapes="x=4x3 w=3x5 b=5")
    assert [name for name, each in told.items() if each["state"] == "ok"] == ["affine", "relu"]
    assert told["conv_naive"]["text"] == """add --with "conv_param={'stride': VALUE, 'pad': VALUE}\""""
    assert (
        told["batchnorm"]["text"] == '''add --shapes "gamma=NxM beta=NxM" --with "bn_param={'mode': VALUE}"'''
    )
    assert told["temporal_softmax_loss"]["text"] == 'add --with "y=labels(N, CLASSES) mask=mask(N, M)"'


# -- wrong: (file, what stands there, what the student wrote, how it is checked, {gradient: kind}) ----------

WRONG = {
    "the bias's sum is a mean": (
        LAYERS,
        "db = dout.sum(axis=0)\n",
        "db = dout.mean(axis=0)\n",
        AFFINE,
        {"db": "constant factor"},
    ),
    "the bias's sum is missing": (
        LAYERS,
        "db = dout.sum(axis=0)\n",
        "db = dout\n",
        AFFINE,
        {"db": "sum missing"},
    ),
    "the bias keeps its dimension": (
        LAYERS,
        "db = dout.sum(axis=0)\n",
        "db = dout.sum(axis=0, keepdims=True)\n",
        AFFINE,
        {"db": "shape"},
    ),
    "dw the other way round": (
        LAYERS,
        "dw = x.reshape(x.shape[0], -1).T @ dout",
        "dw = dout.T @ x.reshape(x.shape[0], -1)",
        AFFINE,
        {"dw": "transposed"},
    ),
    "the sign of dx": (LAYERS, "dx = (dout @ w.T)", "dx = -(dout @ w.T)", AFFINE, {"dx": "wrong sign"}),
    "dx is zero": (LAYERS, "dx = (dout @ w.T)", "dx = 0 * (dout @ w.T)", AFFINE, {"dx": "all-zero"}),
    "dw and dx in another order": (
        LAYERS,
        "    return dx, dw, db\n\n\ndef relu",
        "    return dw, dx, db\n\n\ndef relu",
        AFFINE,
        {"": "order"},
    ),
    "one element": (
        LAYERS,
        "    return dx, dw, db\n\n\ndef relu",
        "    dw[1, 2] = 0\n    return dx, dw, db\n\n\ndef relu",
        AFFINE,
        {"dw": ""},
    ),
    "dout is changed": (
        LAYERS,
        "dx = dout * (x > 0)",
        "dout[x <= 0] = 0\n    dx = dout",
        {"wanted": "relu", "shapes": "x=3x4"},
        {"": "writes into its input"},
    ),
    "x is changed": (
        LAYERS,
        "out = np.maximum(x, 0)",
        "x[x < 0] = 0\n    out = x.copy()",
        {"wanted": "relu", "shapes": "x=3x4"},
        {"": "writes into its input"},
    ),
    "no mask": (
        LAYERS,
        "dx = dout * (x > 0)",
        "dx = dout",
        {"wanted": "relu", "shapes": "x=3x4"},
        {"dx": "derivative missing"},
    ),
    "the mean over the batch is missing": (
        LAYERS,
        "    dx /= n\n    return loss, dx\n\n\ndef svm",
        "    return loss, dx\n\n\ndef svm",
        SOFTMAX,
        {"dx": "constant factor"},
    ),
    "both paths of batch norm are missing": (
        LAYERS,
        "dx = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / std",
        "dx = dxhat / std",
        BATCHNORM,
        {"dx": ""},
    ),
    "the mean's path of batch norm is missing": (
        LAYERS,
        "dx = (dxhat - dxhat.mean(axis=0) - xhat",
        "dx = (dxhat - xhat",
        BATCHNORM,
        {"dx": "channel offset"},
    ),
    "gamma is forgotten": (
        LAYERS,
        "dxhat = dout * gamma\n    if",
        "dxhat = dout\n    if",
        BATCHNORM,
        {"dx": "channel factor"},
    ),
    "the mean's path of layer norm is missing": (
        LAYERS,
        "inner = dxhat - dxhat.mean(axis=1, keepdims=True)",
        "inner = dxhat",
        {"wanted": "layernorm", "shapes": "x=3x4 gamma=4 beta=4", "with": "ln_param={}"},
        {"dx": "row offset"},
    ),
    "windows overwrite each other": (LAYERS, "dx[place] += mask", "dx[place] = mask", POOL, {"dx": ""}),
    "the kernel is flipped": (
        LAYERS,
        "    db = dout.sum(axis=(0, 2, 3))",
        "    dw = dw[:, :, ::-1, ::-1]\n    db = dout.sum(axis=(0, 2, 3))",
        CONV,
        {"dw": "flipped kernel"},
    ),
    "the padding is cropped one too far": (
        LAYERS,
        "dpadded[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]]",
        "dpadded[:, :, :-2, :-2]",
        CONV,
        {"dx": "shifted"},
    ),
    "two weights are exchanged": (
        LAYERS,
        "dWx, dWh, db = x.T @ da, prev_h.T @ da, da.sum(axis=0)",
        "dWh, dWx, db = x.T @ da, prev_h.T @ da, da.sum(axis=0)",
        {**RNN, "shapes": "x=3x5 prev_h=3x5 Wx=5x5 Wh=5x5 b=5"},
        {"dWx": "exchanged", "dWh": "exchanged"},
    ),
    "the derivative of tanh is missing": (
        LAYERS,
        "da = dnext_h * (1 - next_h**2)",
        "da = dnext_h",
        RNN,
        dict.fromkeys(("dx", "dprev_h", "dWx", "dWh", "db"), ""),
    ),
    "the cell's own gradient is forgotten": (
        LAYERS,
        "dc = dnext_c + dnext_h",
        "dc = dnext_h",
        LSTM,
        dict.fromkeys(("dx", "dprev_h", "dprev_c", "dWx", "dWh", "db"), "output missing"),
    ),
    "a new mask in backward": (
        LAYERS,
        "return dout * mask if",
        "mask = (np.random.rand(*dout.shape) < 0.6) / 0.6\n    return dout * mask if",
        RIGHT["dropout"][1],
        {"dx": "", "": "not deterministic"},
    ),
    "an unseeded generator": (
        LAYERS,
        "mask = (np.random.rand(*x.shape) < p) / p",
        "mask = (np.random.default_rng().random(x.shape) < p) / p",
        RIGHT["dropout"][1],
        {"": "not deterministic"},
    ),
    "the weight of an object": (
        LINEAR,
        "self.dLdW = dLdZ.T @ self.A",
        "self.dLdW = dLdZ.T @ self.A / self.N",
        {"wanted": "Linear(3, 4)", "shapes": "A=5x3"},
        {"dW": "constant factor"},
    ),
    "a weight's gradient stays zero": (
        LINEAR,
        "self.dLdW = dLdZ.T",
        "self.dW_ = dLdZ.T",
        {"wanted": "Linear(3, 4)", "shapes": "A=5x3"},
        {"dW": "all-zero"},
    ),
    "the 2 of a square": (
        LOSS,
        "return 2 * (self.A - self.Y)",
        "return (self.A - self.Y)",
        RIGHT["MSELoss"][1],
        {"dA": "constant factor"},
    ),
    "the sign of some": (
        LAYERS,
        "dx = dout * (x > 0)",
        "dx = np.abs(dout) * (x > 0)",
        {"wanted": "relu", "shapes": "x=3x4"},
        {"dx": "signs"},
    ),
    "in float32": (
        LAYERS,
        "dx = dout * (x > 0)",
        "dx = dout.astype(np.float32) * (x > 0)",
        {"wanted": "relu", "shapes": "x=3x4"},
        {"": "dtype"},
    ),
    "kept in a global": (
        LAYERS,
        "    x = cache\n    dx = dout * (x > 0)",
        "    dx = dout * (LAST[0] > 0)",
        {"wanted": "relu", "shapes": "x=3x4"},
        {"": "state"},
    ),
}
EXTRA = {"kept in a global": ("    return out, x\n", "    LAST[:] = [x]\n    return out, x\n\n\nLAST = []\n")}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name, tmp_path):
    path, right, wrong, how, expected = WRONG[name]
    source = path.read_text(encoding="utf-8")
    for old, new in [(right, wrong), *([EXTRA[name]] if name in EXTRA else [])]:
        assert source.count(old) >= 1, old
        source = source.replace(old, new, 1)
    (tmp_path / "edited.py").write_text(source, encoding="utf-8")
    told = only(checked(tmp_path / "edited.py", **how))
    assert told["state"] == "wrong", told
    assert kinds(told) == expected, [
        (g["label"], g["kind"], g["sentence"]) for g in told.get("gradients", [])
    ]


# -- forms ---------------------------------------------------------------------------------------------------

FORMS = {
    "a cache named like an input": """
        def relu_forward(x):
            return np.maximum(x, 0), x
        def relu_backward(dout, x):
            return dout * (x > 0)
        """,
    "no cache: backward takes the input": """
        def relu(x):
            return np.maximum(x, 0)
        def relu_backward(dout, x):
            return dout * (x > 0)
        """,
    "an option of both": """
        def power_forward(x, n=3):
            return x**n, x
        def power_backward(dout, cache, n=3):
            return {"dx": n * dout * cache ** (n - 1)}
        """,
    "a loss without upstream gradient": """
        def square_loss_forward(x):
            return 0.5 * (x * x).sum(), x
        def square_loss_backward(cache):
            return cache
        """,
    "one gradient for each input, None for others": """
        def shift_forward(x, n):
            return x + n, None
        def shift_backward(dout, cache):
            return dout, None
        """,
    "a dict of parameters, and a dict of gradients": """
        def cell_forward(xt, parameters):
            a = np.tanh(xt @ parameters["W"] + parameters["b"])
            return a, a.sum(), (a, xt, parameters)
        def cell_backward(da_next, cache):
            a, xt, parameters = cache
            dz = da_next * (1 - a * a)
            return {"dxt": dz @ parameters["W"].T, "dW": xt.T @ dz, "db": dz.sum(axis=0)}
        """,
    "nested words": """
        def fwd(x):
            return np.sin(x), x
        def bwd(grad, tape):
            return grad * np.cos(tape)
        """,
    "params and grads in lists": """
        class Affine:
            def __init__(self):
                self.params = [np.zeros((4, 2)), np.zeros(2)]
                self.grads = [np.zeros((4, 2)), np.zeros(2)]
            def forward(self, x):
                self.x = x
                return x @ self.params[0] + self.params[1]
            def backward(self, dout):
                self.grads[0][...] = self.x.T @ dout
                self.grads[1][...] = dout.sum(axis=0)
                return dout @ self.params[0].T
        """,
}
GIVEN = {
    "one gradient for each input, None for others": {"with": "n=2"},
    "an option of both": {"with": "n=4"},
    "a dict of parameters, and a dict of gradients": {"shapes": "xt=3x4 parameters.W=4x2 parameters.b=2"},
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_called_as_it_is_meant(name, tmp_path):
    path = tmp_path / "form.py"
    path.write_text("import numpy as np\n" + textwrap.dedent(FORMS[name]), encoding="utf-8")
    told = only(checked(path, **{"shapes": "x=3x4", **GIVEN.get(name, {})}))
    assert told["state"] == "ok" and not told["broken"], told
    assert len(told["gradients"]) == (3 if "dict of" in name or "lists" in name else 1)


def test_names_of_gradients_are_understood():
    arrays = {"x": np.zeros(2), "params.W1": np.zeros(3), "prev_h": np.zeros(1)}
    for word, name in {
        "dx": "x",
        "dLdx": "x",
        "x_grad": "x",
        "grad_x": "x",
        "dW1": "params.W1",
        "W1": "params.W1",
        "dprev_h": "prev_h",
        "delta": None,
        "": None,
    }.items():
        assert assign.name_of(word, arrays) == name, word


def test_gradients_find_their_inputs_by_shape_if_some_are_missing():
    arrays = {"x": np.zeros((4, 3)), "w": np.zeros((3, 5)), "b": np.zeros(5)}
    found, odd = assign.assign((np.ones((3, 5)), np.ones(5)), arrays, list(arrays), None)
    assert list(found) == ["w", "b"] and odd == []


def test_the_weights_of_an_object_are_found_and_no_gradients_or_averages():
    class Layer:
        def __init__(self):
            self.W, self.dW, self.grads = np.ones(2), np.zeros(2), {"b": np.zeros(1)}
            self.params = {"b": np.ones(1)}

    layer = Layer()
    found = objects.without_gradients(dict(objects.arrays(layer, Border())))
    assert list(found) == ["W", "params['b']"]
    assert objects.gradient(layer, "W") is layer.dW
    assert objects.gradient(layer, "params['b']") is layer.grads["b"]
    objects.put(layer, "params['b']", 5)
    assert layer.params["b"] == objects.get(layer, "params['b']") == 5


def test_pairs_are_found_by_their_names():
    names = ("f_forward", "f_backward_alt", "g", "g_backward", "conv_forward_naive", "conv_backward_naive")
    assert pairs.forward_of("f_backward_alt", dict.fromkeys(names)) == "f_forward"
    assert pairs.forward_of("g_backward", dict.fromkeys(names)) == "g"
    assert pairs.forward_of("conv_backward_naive", dict.fromkeys(names)) == "conv_forward_naive"
    assert pairs.forward_of("h_backward", dict.fromkeys(names)) is None
    assert [pairs.stem(name) for name in names[1::2]] == ["f_alt", "g", "conv_naive"]


@pytest.mark.slow
def test_the_walk_on_the_page_is_what_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = gradcheck_walk.PAGE.read_text(encoding="utf-8")

    def rounded(block):
        return re.sub(r"largest error \S+", "largest error", block)

    for block in gradcheck_walk.blocks():
        assert rounded(block) in rounded(text), "run python tests/gradcheck_walk.py"
        assert all(len(line) <= 80 for line in block.splitlines() if "minires" not in line)
