"""Numeric gradients, element by element, and the verdict on one tensor.

The loss is L = sum(dy * y) with a random dy, so dL/dx is what backward(dy) must return. Moving one element
by h to either side gives two one-sided slopes, ::

    F = (L(x + h) - L(x)) / h        B = (L(x) - L(x - h)) / h,

their mean C = (F + B) / 2 with an error of h^2 L'''/6, and their gap G = F - B, which is h L''.
Rounding adds about eps abs(L) / h, so in float64 the best h is near 1e-5 of the element's size: C then has
ten correct digits. Halving h tells whether C can be trusted: on smooth ground C stays and G halves. Where a
corner (ReLU at 0, two equal maxima) lies inside the step, C moves or G stays as it is; no position of the
corner passes both tests.

Relative error of an element: abs(a - n) / max(abs(a), abs(n), floor). The floor is 1/100 of the tensor's
largest numeric gradient, because the rounding error of an element does not shrink with the element.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minires.backend import to_numpy
from minires.gradcheck.diagnosis import diagnose
from minires.gradcheck.report import KINK, NOISE, OK, VACUOUS, WRONG, Row
from minires.gradcheck.subject import Subject
from minires.typing import Array, Generator, Shape

STEP = 2.0**-17  # 7.6e-6 of the element's size: the optimum above
LADDER = (1.0, 2.0**-4, 2.0**-8, 2.0**4)  # steps tried, in units of STEP, where the first is not trusted
ROUGHNESS_STEP = 2.0**-28  # far below STEP, far above the last bit
FLOOR = 1e-2
MOST_KINKS = 0.25  # a tensor that loses more than this fraction of its elements to kinks was not checked
MOST_NOISE = 1e-3  # rounding may hide this much of a gradient before the check counts as failed


@dataclass
class Slopes:
    """The one-sided slopes over one step h (absolute, in units of the element)."""

    forward: float
    backward: float
    h: float

    @property
    def central(self) -> float:
        """The mean of the two slopes."""
        return (self.forward + self.backward) / 2

    @property
    def gap(self) -> float:
        """Their difference, which is h L''."""
        return self.forward - self.backward


class Numeric:
    """Numeric derivatives of L = sum(dy * y) at a subject's arrays. y: forward's output there, a copy that
    shares no memory with the arrays (the y of Identity is x itself, which is about to move)."""

    def __init__(self, subject: Subject, y: Array, dy: Array, *, tolerance: float) -> None:
        self.subject, self.y, self.dy, self.tolerance = subject, y, dy, tolerance
        self.rounding = self._rounding()

    def _change(self, y: Array) -> float:
        """Return L(y) - L(self.y); subtracting first keeps the digits of outputs that did not move."""
        return float((self.dy * (y - self.y)).sum())

    def _rounding(self) -> float:
        """Measure the rounding error of L: scale all inputs by 1, 1 + d, ..., 1 + 6d and look how rough L is.

        Third differences of a smooth L vanish like d^3; what is left of them is rounding, amplified by
        sqrt(20). Scaling, unlike moving, keeps zeros zero and ties tied. Hamming 1973; More & Wild 2011.
        """
        values = []
        for k in range(7):
            scaled = {name: array * (1 + k * ROUGHNESS_STEP) for name, array in self.subject.arrays.items()}
            values.append(self._change(self.subject.forward(scaled)[0]))
        rough = float(np.sqrt((np.diff(values, n=3) ** 2).mean() / 20))
        own = np.finfo(np.float64).eps * float(((self.dy * self.y) ** 2).sum()) ** 0.5
        return 10 * (rough + own)  # 10: four differences may be small by luck

    def slopes(self, name: str, positions: Sequence[int], h: float) -> Slopes:
        """Return the Slopes when the elements at flat positions of one tensor move together by h."""
        flat = self.subject.arrays[name].reshape(-1)  # a view: subjects keep contiguous arrays
        start = float(flat[positions[0]])
        up, down = (start + h) - start, start - (start - h)  # the steps that floating point really takes
        try:
            flat[positions] = start + h
            rise = self._change(self.subject.value()) / up
            flat[positions] = start - h
            fall = -self._change(self.subject.value()) / down
        finally:
            flat[positions] = start
        return Slopes(rise, fall, h)

    def step(self, name: str, position: int) -> float:
        """Return the step for one element: STEP times its size or its tensor's, whichever is larger."""
        array = self.subject.arrays[name]
        typical = float((array * array).mean()) ** 0.5
        return STEP * (max(abs(float(array.reshape(-1)[position])), typical) or 1.0)

    def trusted(self, wide: Slopes, narrow: Slopes, scale: float) -> bool:
        """Whether two Slopes, h and h/2, look like smooth ground (see the module's text)."""
        moved = abs(wide.central - narrow.central)
        bent = abs(wide.gap - 2 * narrow.gap)
        return moved <= self.tolerance * scale and bent <= 10 * self.tolerance * scale

    def investigate(self, name: str, positions: Sequence[int], scale: float) -> tuple[float, float, str]:
        """Return (derivative, h, verdict): OK if a step of the ladder can be trusted, else KINK or NOISE."""
        base = self.step(name, positions[0])
        rough = False
        for factor in LADDER:
            wide = self.slopes(name, positions, base * factor)
            narrow = self.slopes(name, positions, base * factor / 2)
            if self.trusted(wide, narrow, max(scale, abs(narrow.central))):
                refined = narrow.central + (narrow.central - wide.central) / 3  # the h^2 error cancels
                return refined, wide.h, OK
            unevenness = abs(wide.gap - 2 * narrow.gap) + abs(wide.central - narrow.central)
            rough = rough or unevenness > 10 * self.rounding / narrow.h
        first = self.slopes(name, positions, base)
        return first.central, base, KINK if rough else NOISE


def check_tensor(
    numeric: Numeric,
    name: str,
    gradient: Array,
    rng: Generator,
    *,
    max_elements: int,
    expect_zero: bool = False,
) -> Row:
    """Compare one tensor's gradient with numeric ones and return its Row.

    gradient: what backward returned, the tensor's shape. max_elements: beyond this size a sample is
    checked. expect_zero: the true gradient is known to be zero (a bias before batch norm).
    """
    analytic = to_numpy(gradient)
    values = analytic.reshape(-1)
    first = {p: numeric.slopes(name, [p], numeric.step(name, p)) for p in choose(analytic, rng, max_elements)}
    floor = FLOOR * max(abs(s.central) for s in first.values())
    silent = all(abs(s.central) <= numeric.rounding / s.h for s in first.values())

    row = Row(name, OK, True, size=analytic.size)
    estimates = np.full(analytic.size, np.nan)  # numeric gradients; NaN where there is none
    verdicts, kinked = set(), []
    for p, slopes in first.items():
        estimate, verdict = _check_element(numeric, name, p, values[p], slopes, floor, silent)
        if verdict == KINK:
            kinked.append(p)
        else:
            verdicts.add(verdict)
            estimates[p] = estimate
    row.kinks, row.checked = len(kinked), len(first) - len(kinked)
    _record_worst(row, values, estimates, analytic.shape, floor)
    row.both = (analytic, estimates.reshape(analytic.shape))
    _judge(row, verdicts, silent, expect_zero)
    if row.verdict == WRONG:
        row.notes += diagnose(*row.both, to_numpy(numeric.dy))
    _check_ties(numeric, row, values, kinked, floor)
    return row


def _check_element(
    numeric: Numeric, name: str, position: int, analytic: float, slopes: Slopes, floor: float, silent: bool
) -> tuple[float, str]:
    """Return (numeric gradient, verdict) of one element. slopes: the first step's; silent: see `_judge`."""
    estimate, h, verdict = slopes.central, slopes.h, OK
    if relative_error(analytic, estimate, floor) <= numeric.tolerance:
        return estimate, OK
    if not silent:
        estimate, h, verdict = numeric.investigate(name, [position], floor)
    if verdict == KINK or relative_error(analytic, estimate, floor) <= numeric.tolerance:
        return estimate, verdict
    explained = abs(analytic - estimate) <= numeric.rounding / h
    return estimate, NOISE if explained else WRONG


def _record_worst(row: Row, values: np.ndarray, estimates: np.ndarray, shape: Shape, floor: float) -> None:
    """Write the worst element into the row. values, estimates: flat gradients, estimates NaN if unknown."""
    if row.checked:
        errors = relative_error(values, estimates, floor)
        worst = int(np.nanargmax(errors))
        row.index = tuple(int(i) for i in np.unravel_index(worst, shape))
        row.analytic, row.numeric = float(values[worst]), float(estimates[worst])
        row.error = float(errors[worst])


def _judge(row: Row, verdicts: set[str], silent: bool, expect_zero: bool) -> None:
    """Write the verdict of a whole tensor into its row. silent: no element moves the loss."""
    if WRONG in verdicts:
        row.verdict, row.ok = WRONG, False
    elif silent and not row.kinks:
        row.verdict, row.ok, row.error = VACUOUS, expect_zero, None
        if not expect_zero:
            row.notes.append(
                "the true gradient is zero, so this check proves nothing: choose other inputs, "
                f'or say expect_zero=("{row.name}",) if that is as it should be'
            )
    elif expect_zero:
        row.verdict, row.ok = WRONG, False
        row.notes.append("the true gradient was expected to be zero and is not")
    elif row.kinks > MOST_KINKS * (row.checked + row.kinks):
        row.verdict, row.ok = KINK, False
        row.notes.append(
            f"{row.kinks} of {row.checked + row.kinks} elements lie on a corner, where no derivative exists: "
            "choose inputs without equal values and exact zeros"
        )
    elif NOISE in verdicts:
        row.verdict, row.ok = NOISE, row.error is not None and row.error <= MOST_NOISE
        row.notes.append(
            f"rounding in forward hides differences up to {row.error:.1e}: choose inputs of moderate size"
        )


def _check_ties(numeric: Numeric, row: Row, values: np.ndarray, kinked: list[int], floor: float) -> None:
    """Move elements of equal value together: two equal maxima have no gradient each, but their sum has one.

    values: the flat analytic gradient; kinked: flat positions of corners. Marks the row wrong in place.
    """
    flat = to_numpy(numeric.subject.arrays[row.name]).reshape(-1)
    for value in np.unique(flat[kinked]):
        group = np.flatnonzero(flat == value).tolist()
        if len(group) < 2:
            continue
        true, h, verdict = numeric.investigate(row.name, group, floor)
        total = float(values[group].sum())
        if verdict != OK or abs(total - true) <= numeric.rounding / h:
            continue
        if relative_error(total, true, floor) > numeric.tolerance:
            row.verdict, row.ok = WRONG, False
            row.notes.append(
                f"the {len(group)} elements equal to {value:.6g} receive {total:.6g} together, but "
                f"{true:.6g} is right: a tie must send the gradient to one maximum (or split it), not to each"
            )
            return


def relative_error(analytic: Any, numeric: Any, floor: float) -> Any:
    """Return abs(a - n) / max(abs(a), abs(n), floor), elementwise; 0 where both are 0."""
    size = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), floor)
    return np.abs(analytic - numeric) / np.where(size > 0, size, 1.0)


def choose(analytic: Array, rng: Generator, max_elements: int) -> list[int]:
    """Return the flat positions to check: all, or the largest gradient, the corners and a random sample."""
    size = analytic.size
    if size <= max_elements:
        return list(range(size))
    # Padding mistakes live in the corners of an image, missing terms where the gradient is large.
    corners = np.ravel_multi_index(
        np.meshgrid(*([0, n - 1] for n in analytic.shape), indexing="ij"), analytic.shape
    )
    chosen = dict.fromkeys([int(np.argmax(np.abs(analytic))), *map(int, np.unique(corners))])
    for position in rng.permutation(size):
        if len(chosen) >= max_elements:
            break
        chosen.setdefault(int(position))
    return list(chosen)
