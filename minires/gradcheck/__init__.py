"""Is this hand-written backward right? Compare it with numeric gradients, and say which mistake it has::

    report = check_function(forward, backward, inputs, rng=rng)      # a pure pair
    report = check_gradients(layer, x, train=True, rng=rng)          # a layer or block
    report = check_directional(net, x, train=True, rng=rng)          # a whole network, in seconds
    print(report); report.raise_if_wrong()                           # GradientError

Everything runs on float64 copies; what is passed in stays as it was. `numeric` says how numeric
gradients are taken, `side_effects` which other rules a backward must keep, `report` what the
verdicts mean, and `diagnosis` lists the mistakes that are recognised.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minires.gradcheck.directional import DirectionalReport, check_directional
from minires.gradcheck.numeric import Numeric, check_tensor
from minires.gradcheck.report import WRONG, GradientError, Report, Row
from minires.gradcheck.side_effects import SideEffects, keeps_dtype
from minires.gradcheck.subject import FunctionSubject, LayerSubject, Subject, SubjectLayer
from minires.typing import Array, Generator

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
    forward: Callable[..., tuple],
    backward: Callable[..., Any],
    inputs: Sequence[Any],
    *,
    rng: Generator,
    names: Sequence[str] | None = None,
    fixed: Sequence[str] = (),
    expect_zero: Sequence[str] = (),
    tolerance: float = TOLERANCE,
    max_elements: int = MAX_ELEMENTS,
    keep_dtype: bool = False,
    title: str | None = None,
) -> Report:
    """Check the gradients of a pure pair of functions against numeric ones.

    Parameters
    ----------
    forward
        Called with the inputs, returns (y, cache, ...), y an array or a number.
    backward
        Called as backward(dy, cache), returns a tuple with one gradient for each input, or for each
        differentiated one (the bare array if there is one).
    inputs : list of arrays
        Integers, booleans and None are passed through without a gradient.
    rng
        Draws dy and, of large tensors, the elements that are checked.
    names
        Of the inputs; None: forward's own.
    fixed
        Names of float inputs that have no gradient.
    expect_zero
        Names of tensors whose true gradient is zero.
    tolerance
        On the relative error.
    max_elements
        Tensors with more elements are checked on a random sample.
    keep_dtype
        Ask too whether float32 inputs give float32 results, as all pairs of the library do. (np.zeros without
        a dtype is enough that they do not.) If that alone fails, the verdict is "dtype", not "wrong".
    title
        Of the report; None: forward's name.

    Returns
    -------
    Report

    Examples
    --------
    >>> def square(x):
    ...     return x * x, (x,)
    >>> def square_backward(dy, cache):
    ...     (x,) = cache
    ...     return dy * x  # and the 2?
    >>> report = check_function(square, square_backward, [np.array([1.0, 2.0, 3.0])], rng=rng)
    >>> report.ok, report["x"].notes[0][:50]
    (False, 'constant factor: every value is 2 times too small:')
    """
    if hasattr(inputs, "dtype"):
        raise TypeError("inputs: expected a list of arrays, one for each argument of forward, got one array")
    make = functools.partial(FunctionSubject, forward, backward, inputs, names=names, fixed=fixed)
    title = title or getattr(forward, "__name__", "function").replace("<lambda>", "function")
    return _check(make, title, rng, expect_zero, tolerance, max_elements, keep_dtype)


def check_gradients(
    layer: SubjectLayer,
    x: Array,
    *,
    train: bool,
    rng: Generator,
    expect_zero: Sequence[str] = (),
    tolerance: float = TOLERANCE,
    max_elements: int = MAX_ELEMENTS,
    keep_dtype: bool = False,
    title: str | None = None,
) -> Report:
    """Check dx and every parameter's gradient of a layer against numeric gradients; the layer is not touched.

    Parameters
    ----------
    layer
        Running averages and random masks repeat in every evaluation.
    x : floating-point array
        In the report it is called "x", the parameters by their names.
    train
        The mode.
    rng, expect_zero, tolerance, max_elements, keep_dtype
        As for `check_function`.
    title
        Of the report; None: the layer's class.

    Returns
    -------
    Report

    Examples
    --------
    >>> from minires.layers import BatchNorm
    >>> report = check_gradients(BatchNorm(2), rng.standard_normal((3, 2, 4, 5)), train=True, rng=rng)
    >>> report.ok, report.error < 1e-7
    (True, True)
    """
    if isinstance(layer, type) or not hasattr(layer, "named_parameters"):
        what = f"the class {layer.__name__}" if isinstance(layer, type) else type(layer).__name__
        raise TypeError(f"layer: expected a Layer, got {what}")
    make = functools.partial(LayerSubject, layer, x, train=train)
    title = title or type(layer).__name__
    return _check(make, title, rng, expect_zero, tolerance, max_elements, keep_dtype)


def _check(
    make: Callable[..., Subject],
    title: str,
    rng: Generator,
    expect_zero: Sequence[str],
    tolerance: float,
    max_elements: int,
    keep_dtype: bool,
) -> Report:
    """Check the subject that make(dtype=...) builds: first its side effects, then its numbers."""
    subject = make(dtype=np.float64)
    unknown = set(expect_zero) - set(subject.arrays)
    if unknown:
        raise ValueError(f"expect_zero: {sorted(unknown)} are not among the tensors {list(subject.arrays)}")
    report, effects = check_subject(subject, title, rng, expect_zero, tolerance, max_elements)
    if keep_dtype and effects.dy is not None and subject.protected and not report.findings:
        report.dtypes = keeps_dtype(make(dtype=np.float32), effects.dy)
    return report


def check_subject(
    subject: Subject,
    title: str,
    rng: Generator,
    expect_zero: Sequence[str] = (),
    tolerance: float = TOLERANCE,
    max_elements: int = MAX_ELEMENTS,
) -> tuple[Report, SideEffects]:
    """Check a subject, first its side effects, then its numbers; return the Report and the ordinary run."""
    effects = SideEffects(subject, rng).examine()
    report = Report(title, [], list(effects.findings))
    if effects.dy is None:  # forward itself is not usable
        return report, effects
    numeric = Numeric(subject, effects.y, effects.dy, tolerance=tolerance)
    for name, array in subject.arrays.items():
        if name not in effects.gradients:
            report.rows.append(Row(name, WRONG, False, size=array.size, notes=["nothing to compare"]))
        elif array.size:
            report.rows.append(
                check_tensor(
                    numeric,
                    name,
                    effects.gradients[name],
                    rng,
                    max_elements=max_elements,
                    expect_zero=name in expect_zero,
                )
            )
    return report, effects
