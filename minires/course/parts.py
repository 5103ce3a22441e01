"""The words in which an exercise describes itself: its parts and its known mistakes."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One function that the student writes.

    name: of the function. returns: names of what it returns, in order; one name means that it returns this
    value itself; what is called "cache" is the student's own affair and not compared. cases: called with a
    numpy.random.Generator, returns a list of inputs {argument: value}, float64 arrays; among them must be
    batch 1, non-square images and kernels, strides above 1, padding. after: for a backward, the forward whose
    cache it takes: then it is called with (dy, cache), and dy is drawn. hints: three sentences or more: the
    idea, the formula, the step; points: what it is worth. numeric: for a backward without `after`, which
    takes (dy, cache): called with a case, returns (forward, inputs) with inputs {name: array} and
    forward(**inputs) -> (y, cache) as the library computes them, so that numeric gradients can be taken of
    it. large: for a backward: called with a Generator and, if need be, a number of inputs, returns one case
    of about that many. By default they are so many that numeric differences, which call forward for each of
    them, do not finish where loops over all numbers take a second (see `grade.large`).
    partial: {output: points}, what each right output earns if another one is wrong and outputs are
    counted singly (`minires grade --partial`); None: all or nothing. Raises ValueError if these are not
    points of its outputs that add up.
    """

    name: str
    returns: tuple
    cases: Callable
    hints: tuple
    after: str | None = None
    points: int = 1
    numeric: Callable | None = None
    large: Callable | None = None
    partial: dict | None = None

    def __post_init__(self):
        if self.partial is not None and (
            not self.partial.keys() <= set(self.returns) or sum(self.partial.values()) != self.points
        ):
            raise ValueError(
                f"{self.name}: expected points of outputs that add up to {self.points}, got {self.partial}"
            )

    @property
    def call(self):
        """What `sandbox.perform` has to know."""
        return {"name": self.name, "after": self.after}


@dataclass(frozen=True)
class Mistake:
    """One known mistake: an edit that makes a wrong solution of the right one, and what to tell the student.

    name: in the field's words, short ("the mean's 1/N is missing"); old: stands exactly once in the
    exercise's solution; new: what the mistaken student wrote there; says: one or two sentences that explain,
    without giving the line away.
    """

    name: str
    old: str
    new: str
    says: str

    def edit(self, source):
        """Return the source with the mistake in it. Raises ValueError if `old` does not stand there once."""
        if source.count(self.old) != 1:
            raise ValueError(
                f"mistake {self.name!r}: expected {self.old!r} exactly once, found it "
                f"{source.count(self.old)} times"
            )
        return source.replace(self.old, self.new)
