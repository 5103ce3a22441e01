"""Is this hand-written backward right? Compare it with numeric gradients, and say which mistake it has.

    report = check_function(forward, backward, inputs, rng=rng)      # a pure pair
    report = check_gradients(layer, x, train=True, rng=rng)          # a layer or block
    report = check_directional(net, x, train=True, rng=rng)          # a whole network, in seconds
    print(report); report.raise_if_wrong()                           # GradientError

Everything runs on float64 copies; what is passed in stays as it was. `numeric` says how numeric
gradients are taken, `side_effects` which other rules a backward must keep, `report` what the
verdicts mean, and `diagnosis` lists the mistakes that are recognised.
"""

import functools

import numpy as np

from minires.gradcheck.directional import DirectionalReport, check_directional
from minires.gradcheck.numeric import Numeric, check_tensor
from minires.gradcheck.report import WRONG, GradientError, Report, Row
from minires.gradcheck.side_effects import SideEffects, keeps_dtype
from minires.gradcheck.subject import FunctionSubject, LayerSubject

__all__ = [
    "DirectionalReport",
    "GradientError",
    "Report",
    "Row",
    "check_directional",
    "check_function",
    "check_gradients",
]

# Numeric gradients reach 1e-9; the smallest real mistakes (an eps in the wrong place) start at 1e-6.
TOLERANCE = 1e-7
MAX_ELEMENTS = 200


def check_function(
    forward,
    backward,
    inputs,
    *,
    rng,
    names=None,
    fixed=(),
    expect_zero=(),
    tolerance=TOLERANCE,
    max_elements=MAX_ELEMENTS,
    title=None,
):
    """Check a pure pair and return a Report.

    forward(*inputs) -> (y, cache, ...), y an array or a number; backward(dy, cache) -> a tuple with one
    gradient for each input, or for each differentiated one (the bare array if there is one).
    inputs: arrays; integers, booleans and None are passed through without a gradient.
    names: of the inputs, default forward's own; fixed: names of float inputs that have no gradient.
    expect_zero: names of tensors whose true gradient is zero. tolerance: on the relative error.
    max_elements: tensors with more elements are checked on a random sample. rng: numpy.random.Generator.
    """
    if hasattr(inputs, "dtype"):
        raise TypeError("inputs: expected a list of arrays, one for each argument of forward, got one array")
    make = functools.partial(FunctionSubject, forward, backward, inputs, names=names, fixed=fixed)
    title = title or getattr(forward, "__name__", "function").replace("<lambda>", "function")
    return _check(make, title, rng, expect_zero, tolerance, max_elements)


def check_gradients(
    layer, x, *, train, rng, expect_zero=(), tolerance=TOLERANCE, max_elements=MAX_ELEMENTS, title=None
):
    """Check dx and every parameter's gradient of a layer and return a Report; the layer is not touched.

    x: floating-point array; train: the mode. The tensors are called "x" and by the parameters' names.
    Running averages and random masks repeat in every evaluation. The rest as in `check_function`.
    """
    if isinstance(layer, type) or not hasattr(layer, "named_parameters"):
        what = f"the class {layer.__name__}" if isinstance(layer, type) else type(layer).__name__
        raise TypeError(f"layer: expected a Layer, got {what}")
    make = functools.partial(LayerSubject, layer, x, train=train)
    title = title or type(layer).__name__
    return _check(make, title, rng, expect_zero, tolerance, max_elements)


def _check(make, title, rng, expect_zero, tolerance, max_elements):
    """Check the subject that make(dtype=...) builds: first its side effects, then its numbers."""
    subject = make(dtype=np.float64)
    unknown = set(expect_zero) - set(subject.arrays)
    if unknown:
        raise ValueError(f"expect_zero: {sorted(unknown)} are not among the tensors {list(subject.arrays)}")
    effects = SideEffects(subject, rng).examine()
    findings = list(effects.findings)
    if effects.dy is None:  # forward itself is not usable
        return Report(title, [], findings)
    if subject.protected and not findings:
        findings += keeps_dtype(make(dtype=np.float32), effects.dy)

    numeric = Numeric(subject, effects.y, effects.dy, tolerance=tolerance)
    rows = []
    for name, array in subject.arrays.items():
        if name not in effects.gradients:
            rows.append(Row(name, WRONG, False, size=array.size, notes=["nothing to compare"]))
        elif array.size:
            rows.append(
                check_tensor(
                    numeric,
                    name,
                    effects.gradients[name],
                    rng,
                    max_elements=max_elements,
                    expect_zero=name in expect_zero,
                )
            )
    return Report(title, rows, findings)
