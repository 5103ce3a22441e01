"""Rules that a forward and a backward must keep, whatever their numbers are.

Pure pairs: nothing written into what was given, the same answer every time, no memory of other calls, shape
and dtype kept, gradients added to those that are there. Each broken rule becomes one sentence.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minires.backend import array_module, to_numpy
from minires.gradcheck.subject import LayerSubject, Subject, WrongGradients
from minires.typing import Array, Generator


class SideEffects:
    """Runs a subject in several orders and collects the broken rules in `findings`.

    After `examine`: y, dy and gradients ({name: array}, only those of the right shape) of an ordinary run.
    """

    def __init__(self, subject: Subject, rng: Generator) -> None:
        self.subject, self.rng = subject, rng
        self.findings: list[str] = []
        self.y: Any = None
        self.dy: Any = None
        self.gradients: dict[str, Any] = {}

    def examine(self) -> "SideEffects":
        """Run all rules that still make sense after the earlier ones; return self."""
        self._read_only(self._ordinary_run)
        self._reordered()
        if self.dy is None or not self.gradients:
            return self
        self._shapes_and_dtypes()
        if not self.findings:  # each of these compares whole gradients with the ordinary run's
            self._repeats()
            self._other_call_in_between()
            self._adds()
        return self

    def _say(self, sentence: str) -> None:
        if sentence not in self.findings:
            self.findings.append(sentence)

    # -- the runs ----------------------------------------------------------------------------------

    def _read_only(self, run: Callable[[], object]) -> None:
        """Do run() on read-only arrays; if it writes into one, say so and run again on copies."""
        try:
            run()
        except ValueError as error:
            if "read-only" not in str(error):
                raise
            self.subject.protected = False
            run()
            # a compiled function may ask for a writeable array and never write into it
            if not self.findings and "buffer source" not in str(error):
                self._say("forward or backward writes into an array that it was given")

    def _reordered(self) -> None:
        """Repeat the run on read-only images in the library's memory order: code that reorders what it is
        given writes into a copy of any other, and only a neighbouring layer would feel it."""
        if self.subject.protected and self.subject.reorders and self.gradients:
            self.subject.reordered = True
            self._read_only(lambda: self._backward(self._forward()[1]))
            self.subject.reordered = False

    def _ordinary_run(self) -> None:
        """Forward twice, backward once; find out what was written into."""
        again = 1.0 * self._forward()[0]  # a copy: the next call may write into the same array,
        y, cache = self._forward()
        self.y = 1.0 * y  # and the output may be the input itself
        if not np.all(np.isfinite(as_numpy(self.y))):
            return self._say("forward gives values that are not finite: choose other inputs")
        if not same(self.y, again):
            return self._say("forward gives a different result when it is called again with the same inputs")
        if self.dy is None:
            # Random, never ones: outputs that sum to a constant (softmax, batch norm) would pass with dx = 0.
            xp = array_module(*self.subject.arrays.values())
            dtype = getattr(self.y, "dtype", np.float64)
            self.dy = xp.asarray(self.rng.standard_normal(getattr(self.y, "shape", ())), dtype=dtype)
        try:
            self.gradients = self._backward(cache)
        except WrongGradients as problem:
            self._say(str(problem))

    def _forward(self) -> tuple[Any, Any]:
        """Return (y, cache) with a protected cache, and note what forward wrote into."""
        subject = self.subject
        y, cache = subject.forward()
        if subject.protected:
            return y, subject.present_cache(cache)
        self._unchanged(subject.presented, subject.arrays, "forward")
        return y, cache

    def _backward(self, cache: Any, **prefill: float) -> dict[str, Array]:
        """Return {name: gradient} for the cache of the latest forward; note what backward wrote into."""
        subject = self.subject
        dy = subject.present(self.dy)
        if subject.protected:
            return subject.backward(dy, cache, **prefill)
        given = dict(subject.presented)
        before = {name: array.copy() for name, array in given.items()}
        cache_before = subject.present_cache(cache)
        gradients = subject.backward(dy, cache, **prefill)
        known = len(self.findings)
        name = subject.dy_name
        self._unchanged({name: dy}, {name: self.dy}, "backward")
        self._unchanged(given, before, "backward")
        if len(self.findings) == known and isinstance(cache, tuple) and not same_caches(cache, cache_before):
            self._say("backward writes into its cache")
        return gradients

    def _unchanged(self, given: dict[str, Any], true: dict[str, Any], who: str) -> None:
        for name, array in given.items():
            if not same(array, true[name]):
                self._say(f"{who} writes into {name}, which belongs to the caller")

    # -- the rules ---------------------------------------------------------------------------------

    def _shapes_and_dtypes(self) -> None:
        fine = {}
        for name, gradient in self.gradients.items():
            array = self.subject.arrays[name]
            if not hasattr(gradient, "dtype"):
                self._say(f"backward returns {type(gradient).__name__} for {name}; expected an array")
            elif gradient.shape != array.shape:
                self._say(f"the gradient of {name} has shape {gradient.shape}; expected {array.shape}")
            else:
                fine[name] = gradient.copy()  # the next call may write into the array returned by this one
                if gradient.dtype != array.dtype:
                    self._say(f"the gradient of {name} is {gradient.dtype}; expected {array.dtype}")
                elif not np.all(np.isfinite(as_numpy(gradient))):
                    self._say(f"the gradient of {name} has values that are not finite")
                    del fine[name]
                elif gradient.dtype == np.float64 and _looks_single(gradient, self.dy):
                    self._say(
                        f"the gradient of {name} was computed in float32, though its inputs are float64"
                    )
        self._returned, self.gradients = self.gradients, fine

    def _repeats(self) -> None:
        """Backward twice: with the caches of two equal forwards, and twice with one cache."""
        _, cache = self._forward()
        self._compare(self._backward(cache), "backward gives a different result when everything is repeated")
        try:
            second = self._backward(cache)
        except Exception as error:
            # A composite's backward empties its cache and says so with a RuntimeError.
            if self.subject.backward_repeats or not isinstance(error, RuntimeError):
                self._say(f"a second backward with the same cache raises {type(error).__name__}: {error}")
        else:
            self._compare(second, "a second backward with the same cache gives a different result")

    def _other_call_in_between(self) -> None:
        """Forward A, forward and backward B, backward A: nothing of B may show."""
        y, cache = self._forward()
        presented = self.subject.presented
        _, other_cache = self.subject.forward(self.subject.shuffled(self.rng))
        self.subject.backward(self.subject.present(self.dy), other_cache)
        self.subject.presented = presented
        if not same(y, self.y):
            self._say("a later forward changes the output returned earlier")
        for name, gradient in self.gradients.items():
            if not same(self._returned[name], gradient):
                self._say(f"a later backward changes the gradient of {name} that was returned earlier")
        # A layer's parameters are the same for A and B, so the layer may be asked for A now.
        self._compare(self._backward(cache), "backward depends on another call made since its forward")

    def _adds(self) -> None:
        """A parameter used twice collects two gradients: backward must add, not overwrite."""
        if not isinstance(self.subject, LayerSubject):
            return
        held = {name: p.grad for name, p in self.subject.parameters.items()}
        _, cache = self._forward()
        filled = self._backward(cache, prefill=1.0)
        for name, parameter in self.subject.parameters.items():
            expected = self.gradients[name] + 1.0
            if same(filled[name], self.gradients[name]) and not same(filled[name], expected):
                self._say(f"backward overwrites the gradient of {name} instead of adding to it")
            elif not close(filled[name], expected):
                self._say(f"backward does not add its gradient to the grad of {name}")
            if parameter.grad is not held[name]:
                self._say(f"backward replaces the grad of {name} by another array; add to it in place")

    def _compare(self, gradients: dict[str, Array], sentence: str) -> None:
        for name, expected in self.gradients.items():
            if not same(gradients[name], expected):
                self._say(f"{sentence} (the gradient of {name})")
                return


def keeps_dtype(subject: Subject, dy: Array, dtype: type = np.float32) -> list[str]:
    """Return a list of findings about a subject whose arrays have this dtype. dy: of y's shape, any dtype."""
    findings, name = [], np.dtype(dtype).name
    try:
        y, cache = subject.forward()
    except (TypeError, ValueError) as error:  # a float64 array that forward brought along, as a rule
        return [f"forward does not take {name} inputs: {error}"]
    if hasattr(y, "dtype") and y.dtype != dtype:
        findings.append(f"forward turns {name} inputs into {y.dtype}")
    try:
        gradients = subject.backward(dy.astype(dtype), cache)
    except WrongGradients:
        return findings
    for gradient_of, gradient in gradients.items():
        if hasattr(gradient, "dtype") and gradient.dtype != dtype:
            findings.append(f"for {name} inputs the gradient of {gradient_of} is {gradient.dtype}")
    return findings


def same(a: Any, b: Any) -> bool:
    """Whether two arrays (or numbers) hold the same bits; NaN equals NaN."""
    a, b = as_numpy(a), as_numpy(b)
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def as_numpy(value: Any) -> np.ndarray:
    """Return an array of any device, or a number, as a NumPy array."""
    return np.asarray(value) if isinstance(value, (int, float, np.generic)) else to_numpy(value)


def close(a: Any, b: Any) -> bool:
    """Whether two float64 arrays agree but for the rounding of one addition."""
    a, b = as_numpy(a), as_numpy(b)
    return bool(abs(a - b).max(initial=0.0) <= 1e-12 * max(1.0, float(abs(b).max(initial=0.0))))


def same_caches(a: Any, b: Any) -> bool:
    """Whether two caches of tuples, lists and dicts hold the same arrays."""
    if isinstance(a, dict):
        return all(same_caches(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return all(map(same_caches, a, b))
    return not hasattr(a, "dtype") or same(a, b)


def _looks_single(gradient: Array, dy: Array) -> bool:
    """Whether random float64 numbers could be float32 numbers without loss: they were, on their way."""
    gradient, dy = as_numpy(gradient), as_numpy(dy)
    # Zeros and residues of rounding, which are small powers of two, tell nothing.
    values = gradient[np.abs(gradient) > 1e-10 * np.abs(dy).max(initial=0.0)]
    with np.errstate(over="ignore", under="ignore"):
        return values.size > 0 and np.array_equal(values, values.astype(np.float32))
