"""Check code of anybody's at several cases, and say of each gradient what is wrong with it in all of them.

    form = pairs.choose(vars(module), module.__name__, "affine")
    result = check_form(form, [Case({"x": x, "w": w, "b": b})], Border(), rng=rng)

What the code itself raises comes out as it is.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minires.gradcheck import MAX_ELEMENTS, TOLERANCE, check_subject
from minires.gradcheck.foreign import patterns
from minires.gradcheck.foreign.assign import last_name, name_of
from minires.gradcheck.foreign.border import Border
from minires.gradcheck.foreign.forms import Form, LayerForm, LossForm
from minires.gradcheck.foreign.repairs import repair
from minires.gradcheck.foreign.subject import Case, ForeignSubject
from minires.gradcheck.numeric import Numeric, check_tensor
from minires.gradcheck.report import KINK, NOISE, OK, VACUOUS, WRONG, Report, Row
from minires.gradcheck.side_effects import SideEffects, keeps_dtype
from minires.typing import Generator

NOT_YET = "not yet"
KINDS = (  # of a broken rule, by words of its sentence
    ("that it was given", "writes into its input"),
    ("belongs to the caller", "writes into its input"),
    ("writes into its cache", "writes into its cache"),
    ("another call", "state"),
    ("returned earlier", "state"),
    ("a different result", "not deterministic"),
    ("second backward", "not deterministic"),
    ("not finite", "not finite"),
    ("float", "dtype"),
    ("int", "dtype"),
)
OF_CHANCE = ("not deterministic", "state")  # what random numbers in backward bring about too
SECONDS = 15.0  # for the numeric gradients of one case, if forward is slow
FEWEST = 12  # elements of a tensor that are moved at least


class Unusable(Exception):
    """Nothing can be checked with these inputs, or of this code; the message says why."""


@dataclass
class Gradient:
    """One gradient, over all cases.

    name: of its input; label: of the gradient, "dW"; verdict: the checker's, or "not yet"; kind, sentence: of
    the mistake, "" if none is known; row: of the first case that shows it; wrong: the cases in which it is
    wrong, by number.
    """

    name: str
    verdict: str
    kind: str = ""
    sentence: str = ""
    row: Row | None = None
    wrong: list[int] = field(default_factory=list)
    error: float = 0.0

    label: str = ""


@dataclass
class Result:
    """The check of one Form. broken: (kind, sentence) of each broken rule; notes: what else is to be said."""

    name: str
    gradients: list[Gradient]
    broken: list[tuple[str, str]]
    notes: list[str]
    cases: int

    @property
    def verdict(self) -> str:
        """One word: the worst of all."""
        verdicts = {gradient.verdict for gradient in self.gradients}
        if self.broken or WRONG in verdicts:
            return WRONG
        return next((each for each in (NOT_YET, KINK, NOISE) if each in verdicts), OK)


def check_form(form: Form, cases: Sequence[Case], border: Border, *, rng: Generator) -> Result:
    """Check a Form at some cases, and return the Result.

    Raises Unusable, WrongReturn or NotWritten, or whatever the code raises.
    """
    form.start(border)
    cases = sorted(cases, key=_size)
    if form.weights:
        _draw_weights(form, cases[0], border, rng)
    runs = [_Run(form, case, border, rng) for case in cases]
    names = list(dict.fromkeys(name for run in runs for name in run.names))
    gradients = [_over_all(name, runs) for name in names]
    _label(gradients)
    broken = list(dict.fromkeys(pair for run in runs for pair in run.broken))
    notes = list(dict.fromkeys(note for run in runs for note in run.notes))
    return Result(form.name, gradients, broken, notes, len(runs))


def _draw_weights(form: Form, case: Case, border: Border, rng: Generator) -> None:
    """Draw the weights that have a gradient, for many an object begins with zeros."""
    subject = ForeignSubject(form, case, border)
    subject.try_out()
    for path in form.weights.keys() & subject.arrays.keys():
        form.weights[path] = 0.5 * rng.standard_normal(form.weights[path].shape)


def _label(gradients: Sequence[Gradient]) -> None:
    """Write into gradients what they are called: "dW", or "layers[0].dW" if there are several."""
    last = [last_name(gradient.name) for gradient in gradients]
    for gradient, name in zip(gradients, last, strict=True):
        begin, found, _ = gradient.name.rpartition(name)
        gradient.label = f"{begin}d{name}" if found and last.count(name) > 1 else f"d{name}"


def _size(case: Case) -> int:
    return sum(int(np.size(value)) for value in case.values.values() if hasattr(value, "dtype"))


class _Run:
    """The check at one case: its report, and its numeric gradients."""

    def __init__(self, form: Form, case: Case, border: Border, rng: Generator) -> None:
        self.subject = subject = ForeignSubject(form, case, border)
        begin = time.perf_counter()
        subject.try_out()
        seconds = time.perf_counter() - begin
        if not subject.arrays and not subject.unwritten:
            raise Unusable(_nothing_to_compare(subject))
        self.names = [*subject.arrays, *subject.unwritten]
        self.notes = [*subject.notes, *_absent(subject)]
        self.broken: list[tuple[str, str]] = [
            ("order", odd) for odd in subject.odd if "expected the order" in odd
        ]
        if subject.draws_in_backward:
            sentence = f"{form.names[1]} draws random numbers: what forward has drawn belongs in the cache"
            self.broken.append((OF_CHANCE[0], sentence))
        self.notes += [odd for odd in subject.odd if "expected the order" not in odd]
        self.report, self.effects = Report(form.name, [], []), SideEffects(subject, rng)
        self.repairs: dict[str, tuple[str, str, str]] = {}
        if subject.arrays:
            elements = int(SECONDS / (3 * len(subject.arrays) * max(seconds, 1e-6)))
            self._check(form, rng, min(MAX_ELEMENTS, max(FEWEST, elements)))

    def _check(self, form: Form, rng: Generator, elements: int) -> None:
        self.report, self.effects = check_subject(self.subject, form.name, rng, (), TOLERANCE, elements)
        if self.effects.dy is None and "not finite" in self.report.findings[0]:
            raise Unusable(_with_names(self.report.findings[0], form))
        for sentence in self.report.findings:
            kind = _kind_of(sentence)
            if not self._misshapen(sentence, rng) and not (self.broken and kind in OF_CHANCE):
                self.broken.append((kind, _with_names(sentence, form)))
        if not self.report.findings:
            self.notes += self._dtypes(form)

    def _misshapen(self, sentence: str, rng: Generator) -> bool:
        """Whether a finding is on the shape of one gradient, which is then told with that gradient."""
        for name in self.subject.arrays:
            if sentence.startswith((f"the gradient of {name} has shape", "backward returns ")) and (
                name not in self.effects.gradients and f" {name} " in sentence.replace(";", " ;")
            ):
                gradient = np.asarray(self.subject.returned[name])
                numeric = Numeric(self.subject, self.effects.y, self.effects.dy, tolerance=TOLERANCE)
                fits = gradient.dtype.kind == "f"
                kind, how = repair(numeric, name, gradient, rng) if fits else ("", "")
                said = sentence.removeprefix(f"the gradient of {name} ")
                self.repairs[name] = (kind or "shape", said, how)
                return True
        return False

    def _dtypes(self, form: Form) -> list[str]:
        """Return notes on the dtypes that are not kept."""
        if isinstance(form, LayerForm):
            return []
        border = self.subject.border
        name = np.dtype(border.usual).name
        try:
            with border.as_usual():
                found = keeps_dtype(self.subject.like(border.usual), self.effects.dy, border.usual)
        except Exception as error:  # right in the other dtype, so this is no more than a remark
            found = [f"with {name} inputs it raises {type(error).__name__}"]
        return [_with_names(sentence, form) for sentence in found[:1]]

    def evidence(self, name: str) -> patterns.Evidence | None:
        """Return what a pattern needs to know of one gradient."""
        both = {row.name: row.both for row in self.report.rows if row.both is not None}
        if name not in both:
            return None
        dys = self.subject.split(self.effects.dy)
        upstream = self.subject.form.upstream or ["dloss"]
        shapes = {n: a.shape for n, a in self.subject.arrays.items()}
        shapes.update({n: np.shape(v) for n, v in self.subject.values.items() if hasattr(v, "shape")})
        shapes.update({n: np.shape(dy) for n, dy in zip(upstream, dys, strict=False)})
        others = {other: numeric for other, (_, numeric) in both.items() if other != name}
        named = {n: np.asarray(dy) for n, dy in zip(upstream, dys, strict=False)}
        analytic, numeric = both[name]
        without = self._without(name, dys, upstream)
        return patterns.Evidence(analytic, numeric, named, others, without, shapes)

    def _without(self, name: str, dys: Sequence[Any], upstream: Sequence[str]) -> dict[str, np.ndarray]:
        """Return {name of an upstream gradient: numeric gradient of one input if that one were zero}."""
        found: dict[str, np.ndarray] = {}
        analytic = self.effects.gradients[name]
        for zero in range(len(dys) if len(dys) > 1 else 0):
            parts = [np.reshape(dy * (number != zero), -1) for number, dy in enumerate(dys)]
            numeric = Numeric(self.subject, self.effects.y, np.concatenate(parts), tolerance=TOLERANCE)
            row = check_tensor(numeric, name, analytic, np.random.default_rng(0), max_elements=MAX_ELEMENTS)
            if row.both is not None:
                found[upstream[zero]] = row.both[1]
        return found

    def row(self, name: str) -> Row | None:
        return next((row for row in self.report.rows if row.name == name), None)


def _over_all(name: str, runs: Sequence[_Run]) -> Gradient:
    """Return what all cases together say of one gradient."""
    if any(name in run.subject.unwritten for run in runs):
        return Gradient(name, NOT_YET)
    found = [(number, run, row) for number, run in enumerate(runs) if (row := run.row(name)) is not None]
    errors = [row.error for _, _, row in found if row.error is not None]
    for _, run, row in found:
        if name in run.repairs:
            kind, said, how = run.repairs[name]
            return Gradient(name, WRONG, kind, f"it {said}" + (f"; {how}" if how else ""), row)
    wrong = [(number, run, row) for number, run, row in found if row.verdict == WRONG]
    if wrong:
        evidence = [run.evidence(name) for _, run, _ in wrong]
        known = [each for each in evidence if each is not None]
        kind, sentence = patterns.name(known) if len(known) == len(evidence) else ("", "")
        first = wrong[0][2]
        if not kind and len(first.notes) and first.notes[-1].startswith("the ") and "tie" in first.notes[-1]:
            kind, sentence = "tie", first.notes[-1]
        return Gradient(
            name, WRONG, kind, sentence, first, [n for n, _, _ in wrong], max(errors, default=0.0)
        )
    verdicts = {row.verdict for _, _, row in found}
    row = found[0][2] if found else None
    for verdict in (KINK, NOISE):
        bad = next((row for _, _, row in found if row.verdict == verdict and not row.ok), None)
        if bad is not None:
            return Gradient(name, verdict, verdict, bad.notes[0] if bad.notes else "", bad)
    verdict = VACUOUS if verdicts == {VACUOUS} else OK
    return Gradient(name, verdict, row=row, error=max(errors, default=0.0))


def _kind_of(sentence: str) -> str:
    return next((kind for words, kind in KINDS if words in sentence), "rule")


def _with_names(sentence: str, form: Form) -> str:
    """Return a sentence of the checker with the names of these functions."""
    forward, backward = form.names
    if sentence.startswith("forward or backward"):
        return f"{forward} or {backward}{sentence.removeprefix('forward or backward')}"
    for word, own in (("forward", forward), ("backward", backward)):
        if sentence.startswith(f"{word} "):
            return own + sentence.removeprefix(word)
    return sentence


def _nothing_to_compare(subject: ForeignSubject) -> str:
    if not subject.absent:
        return "no floating-point input to differentiate: give one with --shapes"
    return f"{subject.form.names[1]} returned no gradient of {', '.join(subject.absent)}"


def _absent(subject: ForeignSubject) -> list[str]:
    """Return notes on the inputs and weights of which no gradient came back."""
    if isinstance(subject.form, LossForm):  # has a gradient of what it likes
        return []
    names = [name for name in subject.absent if name not in subject.form.weights]
    notes = [f"not checked: {', '.join(names)}, of which no gradient came back"] if names else []
    weights = {last_name(path) for path in subject.form.weights}
    hidden = [name for name in subject.absent if name in subject.form.weights]
    hidden = [name for name in hidden if name_of(last_name(name), dict.fromkeys(weights), bare=False) is None]
    if hidden:
        first = last_name(hidden[0])
        notes.append(
            f"not checked: {', '.join(hidden)}, of which no gradient was left (d{first}, dLd{first}, ...)"
        )
    return notes
