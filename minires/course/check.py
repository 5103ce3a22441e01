"""Check a student's file in this process, so that print and breakpoint() work.

    results = check(exercise.find("1.1"), "assignment-1/ex1_1_linear.py")
    for result in results: print(result.verdict.problem or "right")

A right backward is also compared with numeric gradients of its forward.
"""

import pathlib
import warnings
from dataclasses import dataclass

import numpy as np

from minires import gradcheck
from minires.course import diagnosis
from minires.course.examination import keeps_dtype
from minires.course.exercise import load
from minires.course.limit import TimeLimit, TimeUp
from minires.course.sandbox import perform
from minires.course.values import flatten, is_number
from minires.course.verdict import Evidence, Verdict, explain
from minires.gradcheck.report import WRONG
from minires.gradcheck.subject import is_floating

ELEMENTS = 30  # of each array that are moved for numeric gradients
BROKEN = (  # the gradient checker's sentences on broken rules, and the mistake's name
    ("that it was given", diagnosis.IN_PLACE),
    ("belongs to the caller", diagnosis.IN_PLACE),
    ("writes into its cache", diagnosis.CACHE),
    ("in float32", diagnosis.FLOAT32),
    ("another call", diagnosis.EARLIER),
    ("returned earlier", diagnosis.EARLIER),
    ("a different result", diagnosis.STATE),
)


@dataclass
class Result:
    """What the check of one function found. error: between backward and numeric gradients, None if not
    taken; mismatch: whether that is the only thing that is wrong.
    """

    verdict: Verdict
    error: float | None = None
    mismatch: bool = False


def check(exercise, path, *, seed=0, before=None, seconds=None):
    """Return a Result for every part of an exercise, in order.

    path: of the student's file; seed: draws the inputs; before: called with each part before it is tried;
    seconds: that each may take (None: no limit). Raises FileNotFoundError if there is no such file, and
    limit.Interrupted after Ctrl-C.
    """
    source = pathlib.Path(path).read_bytes()
    try:
        with TimeLimit(seconds, path):
            module = load(source, exercise.module, exercise.sources, path=str(path), numpy_alone=True)
    except (*perform.STOPPED, TimeUp) as error:
        problem, detail = _unloaded(error, pathlib.Path(path).name, seconds)
        return [Result(Verdict(part, problem, detail)) for part in exercise.parts]
    results = []
    for part in exercise.parts:
        wrong = {result.verdict.part.name for result in results if not result.verdict.ok}
        try:
            with TimeLimit(seconds, path):
                results.append(_check_part(exercise, part, vars(module), seed, before, wrong))
        except TimeUp as up:
            results.append(Result(Verdict(part, *_late(part.name, up, seconds))))
    return results


def _late(name, up, seconds):
    """Return (problem, detail) of a function, or file, that ran out of time."""
    detail = "a loop that never ends, or loops inside loops on small inputs; --timeout gives it more time"
    return f"{name} was not done after {seconds:.3g} s" + (f", at {up.place}" if up.place else ""), detail


def _unloaded(error, name, seconds):
    """Return (problem, detail) of a file that does not run; with the line itself if it is not Python."""
    if isinstance(error, TimeUp):
        return _late(name, error, seconds)
    problem, detail = explain(perform.describe(error), name)
    if isinstance(error, SyntaxError) and error.text:
        detail = f"{error.msg}: {error.text.strip()}"
    return problem, detail


def _check_part(exercise, part, functions, seed, before, wrong):
    if before is not None:
        before(part)
    for name in filter(None, (part.after, part.name)):
        if not callable(functions.get(name)):
            return Result(Verdict(part, f"{name} is missing", "expected a function of this name in the file"))
    examination = exercise.examination(part, seed)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a wrong function's warnings would bury the message
        verdict = examination.judge(perform.perform(functions, part.call, examination.cases))
        if not verdict.ok or not (part.after or part.numeric):
            return Result(verdict)
        result = _numeric(examination, functions, verdict, seed)
        if result.mismatch and part.after in wrong:
            return Result(verdict)  # the mistake is the forward's, and counts there
        return result


def _numeric(examination, functions, verdict, seed):
    """Compare a backward with numeric gradients of its forward, and try the rules that every pair must
    keep.
    """
    part = examination.part
    case = examination.cases[min(1, len(examination.cases) - 1)]  # the smallest is often a single number
    forward, inputs = _differentiable(part, functions, case)
    arrays = {name: leaf for name, leaf in flatten(None, inputs).items() if is_floating(leaf)}
    chosen = [name for name in arrays if _gradient_of(name).partition("[")[0] in part.returns]

    def backward(dy, cache):
        gradients = flatten(part.returns, functions[part.name](dy, cache))
        return tuple(gradients[_gradient_of(name)] for name in chosen)

    def again(*values):
        y, cache = forward(**_put(inputs, dict(zip(arrays, values, strict=True))))[:2]
        return float(y) if is_number(y) else y, cache  # a number's dtype is not asked for

    try:
        report = gradcheck.check_function(
            again,
            backward,
            list(arrays.values()),
            names=list(arrays),
            fixed=[name for name in arrays if name not in chosen],
            rng=np.random.default_rng(seed),
            max_elements=ELEMENTS,
            keep_dtype=keeps_dtype(examination.exercise),
        )
    except perform.STOPPED as error:
        problem, detail = explain(perform.describe(error), part.name)
        return Result(Verdict(part, problem, detail, evidence=Evidence(case)))
    if report.findings or report.dtypes:
        finding = [*report.findings, *report.dtypes][0].replace("backward", part.name)
        mistake = next((name for words, name in BROKEN if words in finding), "")
        says = diagnosis.SAYS.get(mistake, "")
        return Result(Verdict(part, f"{part.name}: {finding}", mistake=mistake, says=says))
    # its numbers are the solution's, so the forward differs; far above what a tiny gradient's rounding shows
    if report.verdict == WRONG and report.error > diagnosis.COARSE:
        problem = f"{part.name} is not the gradient of {part.after or 'its forward'}"
        detail = f"the largest relative difference from numeric gradients is {report.error:.0e}"
        return Result(Verdict(part, problem, detail, evidence=Evidence(case)), report.error, True)
    return Result(verdict, report.error)


def _differentiable(part, functions, case):
    """Return (forward, inputs) of a backward: forward(**inputs) -> (y, cache, ...)."""
    if part.after is None:
        return part.numeric(case)

    def forward(**inputs):
        return perform.called(functions[part.after], part.after, inputs)

    return forward, perform.prepare(case)[0]


def _gradient_of(name):
    """Return the name of an input's gradient: dx of x, dweights[0] of weights[0], gradients of parameters."""
    whole, bracket, rest = name.partition("[")
    return ("gradients" if whole == "parameters" else f"d{whole}") + bracket + rest


def _put(inputs, arrays):
    """Return the inputs with other arrays in the places of these leaves."""

    def replaced(name, value):
        if name in arrays:
            return arrays[name]
        if isinstance(value, dict):
            return {key: replaced(f"{name}[{key!r}]", item) for key, item in value.items()}
        if isinstance(value, (tuple, list)):
            return type(value)(replaced(f"{name}[{i}]", item) for i, item in enumerate(value))
        return value

    return {name: replaced(name, value) for name, value in inputs.items()}
