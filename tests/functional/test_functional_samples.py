"""PyTorch's own sample inputs: what its operators and modules are tested with, through minires's pairs.

`torch.testing._internal` holds for every operator and module a list of inputs with odd shapes, settings and
axes. Each that a pair of minires can express must give PyTorch's result and (by autograd) its gradients, from
the textbook and from the kernels; the rest is counted by its reason. What PyTorch's lists say must be
refused, must be refused.
"""

import importlib
import inspect
import itertools
import warnings

import in_torchs_words as words
import numpy as np
import pytest
from optional_torch import import_torch
from oracles import relative_error
from tally import Tally

from minires import kernels

torch = import_torch()

pytestmark = pytest.mark.slow

FUNCTIONAL = (
    "adaptive_avg_pool1d adaptive_avg_pool2d avg_pool1d avg_pool2d batch_norm conv1d conv2d cross_entropy "
    "dropout dropout2d group_norm instance_norm interpolate layer_norm leaky_relu linear "
    "local_response_norm max_pool1d max_pool2d mse_loss pad relu unfold upsample_bilinear upsample_nearest"
).split()
PLAIN = "add addmm cat flatten lerp matmul mm narrow sigmoid softmax".split()
OPERATORS = {f"nn.functional.{name}": name for name in FUNCTIONAL} | {name: name for name in PLAIN}
MODULES = (
    "AdaptiveAvgPool1d AdaptiveAvgPool2d AvgPool1d AvgPool2d BatchNorm1d BatchNorm2d CircularPad1d "
    "CircularPad2d ConstantPad1d ConstantPad2d Conv1d Conv2d CrossEntropyLoss GroupNorm InstanceNorm1d "
    "InstanceNorm2d LayerNorm LeakyReLU Linear LocalResponseNorm MSELoss MaxPool1d MaxPool2d ReLU "
    "ReflectionPad1d ReflectionPad2d ReplicationPad1d ReplicationPad2d Sigmoid Softmax Softmax2d "
    "ZeroPad1d ZeroPad2d"
).split()
DTYPES = (torch.float64, torch.float32)
# Both libraries add the same numbers in another order, so a result is off by its unit roundoff (1e-16, 6e-8)
# times a factor that grows with the length of the sums and with cancellation: that takes up to six digits.
TOLERANCES = {torch.float64: 1e-10, torch.float32: 1e-4}


def compare_call(name, function, args, kwargs, dtype):
    """Compare function(*args, **kwargs) of PyTorch and its gradients with minires's, in both of its ways."""
    if name == "cross_entropy" and kwargs.get("weight") is not None:
        kwargs = kwargs | {"weight": kwargs["weight"].abs()}  # negative ones mean nothing, and are refused
    words_kwargs = {key: value for key, value in kwargs.items() if key not in ("inplace", "_stacklevel")}
    sides, seed = inspect.signature(getattr(words, name.replace("dropout2d", "dropout"))), 3
    theirs = in_numpy = None
    if name.startswith("dropout"):
        torch.manual_seed(seed)
        mask = function(torch.ones_like(args[0]), *args[1:], **kwargs).detach().numpy()
        in_numpy = sides.bind(to_numpy(args[0]), mask)
        theirs = {"input": args[0]}
    else:
        in_numpy = sides.bind(*to_numpy(args), **to_numpy(words_kwargs))
        theirs = sides.bind(*args, **words_kwargs).arguments
    torch.manual_seed(seed)
    result = function(*args, **kwargs)  # running statistics are written into
    expected, *others = result if isinstance(result, tuple) else (result,)
    generator = torch.Generator().manual_seed(seed)
    dy = torch.rand(expected.shape, generator=generator, dtype=torch.float64).to(expected.dtype)
    for which in ("textbook", "fast"):
        with kernels.use(which):
            answer = getattr(words, name.replace("dropout2d", "dropout"))(*in_numpy.args, **in_numpy.kwargs)
            gradients = answer.backward(dy.numpy())
        compare(answer.y, expected, dtype, f"y ({which})")
        if "indices" in answer.rest:
            np.testing.assert_array_equal(answer.rest["indices"], others[0].numpy(), f"indices ({which})")
        for key in ("running_mean", "running_var"):
            if key in answer.rest:
                compare(answer.rest[key], theirs[key], dtype, f"{key} ({which})")
        for key, gradient in gradients.items():
            leaves, gradient = theirs.get(key), [gradient]
            if isinstance(leaves, (list, tuple)):
                gradient = gradient[0]
            else:
                leaves = [leaves]
            for number, leaf in enumerate(leaves):
                if isinstance(leaf, torch.Tensor) and leaf.requires_grad:
                    (right,) = torch.autograd.grad(expected, leaf, dy, retain_graph=True, allow_unused=True)
                    right = torch.zeros_like(leaf) if right is None else right
                    terms = answer.terms(dy.numpy()) if answer.terms and key == "input" else 0
                    compare(gradient[number], right, dtype, f"gradient of {key} ({which})", terms)


def compare(found, expected, dtype, what, terms=0):
    """Fail unless two results agree but for rounding; terms: what they are the difference of, if small."""
    expected = expected.detach().numpy()
    assert found.shape == expected.shape, f"{what}: {found.shape}, not {expected.shape}"
    assert found.dtype == expected.dtype, f"{what}: {found.dtype}, not {expected.dtype}"
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite], what)
    cancelled = np.linalg.norm(terms) / (np.linalg.norm(expected[finite]) or 1)
    error = relative_error(found[finite], expected[finite]) / max(cancelled, 1)
    assert error < TOLERANCES[dtype], f"{what}: relative error {error:.1e}"


def to_numpy(value):
    if isinstance(value, torch.Tensor):
        return value.detach().clone().numpy()
    if isinstance(value, dict):
        return {key: to_numpy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(to_numpy, value)) if type(value) in (list, tuple) else tuple(value)
    return value


def described(value):
    """Return a value in short, arrays by their shape."""
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype)[6:]}{list(value.shape)}"
    if isinstance(value, dict):
        return ", ".join(f"{key}={described(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(described, value))})"
    return repr(value)


def import_internal(name):
    """Return one of PyTorch's modules of tests, or skip: they need the package expecttest."""
    pytest.importorskip("expecttest", reason='pip install "minires-learn[corpora]"')
    return importlib.import_module(name)


def operators():
    invocations = import_internal("torch.testing._internal.common_methods_invocations")
    found = [operator for operator in invocations.op_db if operator.name in OPERATORS]
    assert {operator.name for operator in found} == set(OPERATORS)
    return found


def arguments(sample):
    """Return (args, kwargs) of a sample, with copies of what a call may write into."""

    def copied(value):
        if isinstance(value, torch.Tensor) and not value.requires_grad:
            return value.clone()
        return value

    return tuple(map(copied, (sample.input, *sample.args))), {k: copied(v) for k, v in sample.kwargs.items()}


def test_samples_of_operators():
    tally = Tally()
    for operator in operators():
        name = OPERATORS[operator.name]
        for dtype in DTYPES:
            torch.manual_seed(0)
            for sample in operator.sample_inputs("cpu", dtype, requires_grad=True):
                args, kwargs = arguments(sample)
                what = f"{operator.name} {described(args)} {described(kwargs)} {str(dtype)[6:]}"
                tally.take(what, lambda: compare_call(name, operator, args, kwargs, dtype))  # noqa: B023
    tally.report(most=0.11)


def test_samples_of_modules():
    from torch.overrides import TorchFunctionMode

    common_modules = import_internal("torch.testing._internal.common_modules")

    class Recorded(TorchFunctionMode):
        """Notes every call of a function that minires has."""

        def __torch_function__(self, function, types, args=(), kwargs=None):
            name = getattr(function, "__name__", "").removeprefix("_")
            if name in (*FUNCTIONAL, *PLAIN):
                calls.append((name, function, args, kwargs or {}))
            return function(*args, **(kwargs or {}))

    tally, silent = Tally(), set(MODULES)
    modules = [m for m in common_modules.module_db if m.name.removeprefix("nn.") in MODULES]
    for module, dtype, training in itertools.product(modules, DTYPES, (True, False)):
        torch.manual_seed(0)
        for sample in module.module_inputs_func(
            module, device="cpu", dtype=dtype, requires_grad=True, training=training
        ):
            made, given, calls = sample.constructor_input, sample.forward_input, []
            network = module.module_cls(*made.args, **made.kwargs).to(dtype).train(training)
            with Recorded():
                network(*given.args, **given.kwargs)
            for name, function, args, kwargs in calls:
                silent.discard(module.name.removeprefix("nn."))
                what = f"{module.name} {name} {described(args)} {described(kwargs)}"
                tally.take(what, lambda: compare_call(name, function, args, kwargs, dtype))  # noqa: B023
    assert not silent, "of these modules no function was called that minires has"
    tally.report(most=0.33)


def test_what_operators_must_refuse(monkeypatch):
    monkeypatch.setattr(words, "ask_arrays", lambda *arrays: None)  # minires itself shall see them
    tally = Tally()
    for operator in operators():
        name = OPERATORS[operator.name]
        for error in operator.error_inputs("cpu") if operator.error_inputs_func else ():
            args, kwargs = to_numpy(arguments(error.sample_input))
            what = f"{operator.name} {described(arguments(error.sample_input))}: {error.error_regex}"

            def refused():
                try:
                    getattr(words, name)(*args, **kwargs)  # noqa: B023
                except (ValueError, TypeError):
                    return
                raise AssertionError("was computed")

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tally.take(what, refused)
    tally.report(most=0.2)
