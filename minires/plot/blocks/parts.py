"""What a figure of a network is made of: boxes one below the other, and where paths part and meet.

The parts are read off the Step that a network's `trace` returns, so a figure shows what runs. Every part
knows the shape that it takes and the one that it gives, without the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from minires.layers import Concat, GatedResidual, Identity, Recompute, Residual, Sequential, StochasticDepth
from minires.layers.trace import Step
from minires.plot.blocks.labels import ACTIVATION, NORM, describe

Shape: TypeAlias = tuple[int, ...]

SHORT = 12  # boxes of a branch that is drawn in full


@dataclass(frozen=True)
class Part:
    """Anything that can be drawn: takes and gives are shapes."""

    takes: Shape
    gives: Shape


@dataclass(frozen=True)
class Box(Part):
    """A layer."""

    label: str
    kind: str


@dataclass(frozen=True)
class Chain(Part):
    """Parts one after the other; none at all is the identity."""

    items: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Repeat(Part):
    """What is drawn once and there several times, one after the other."""

    item: Part
    times: int


@dataclass(frozen=True)
class Frame(Part):
    """What is computed once more in backward."""

    inner: Chain


@dataclass(frozen=True)
class Sum(Part):
    """A residual block up to its addition.

    gate: of a `GatedResidual`; factors: what multiplies branch and shortcut before they are added, "" for
    nothing; note: of a branch that is dropped at random, which makes no two blocks different.
    """

    branch: Chain
    shortcut: Chain
    gate: Chain | None = None
    factors: tuple[str, str] = ("", "")
    note: str = field(default="", compare=False)


@dataclass(frozen=True)
class Sides(Part):
    """Paths side by side whose outputs are concatenated."""

    paths: tuple[Chain, ...]


@dataclass(frozen=True)
class Aside(Part):
    """A head: a path that leaves the network half-way and ends by itself, in an output of this name."""

    path: Chain
    output: str = "auxiliary"


def read(step: Step, *, detail: bool) -> Chain:
    """Return the parts of a Step.

    detail: every layer has a box; otherwise those that compute with weights or windows, or change the shape.
    """
    takes, gives = step.x.shape[1:], step.y.shape[1:]
    layer, inside = step.layer, step.inside
    part: Part
    if step.meets and step.x is step.y:  # see `models.heads`
        return Chain(takes, gives, (Aside(takes, gives, read(inside[0], detail=detail)),))
    if isinstance(layer, Residual) and len(inside) == 3 + isinstance(layer, GatedResidual):
        part = _sum(step, detail)
        return _chain(takes, gives, [part, read(inside[-1], detail=detail)])
    if isinstance(layer, Concat) and inside:
        part = Sides(takes, gives, tuple(read(path, detail=detail) for path in inside))
        return Chain(takes, gives, (part,))
    if isinstance(layer, Recompute) and len(inside) == 1:
        return Chain(takes, gives, (Frame(takes, gives, read(inside[0], detail=detail)),))
    if isinstance(layer, Sequential):
        return _chain(takes, gives, [read(part, detail=detail) for part in inside])
    return _with_outputs(step, detail) or Chain(takes, gives, _box(step, detail))


def _with_outputs(step: Step, detail: bool) -> Chain | None:
    """Return the parts of another composite, if they are a chain to its y from which some paths leave."""
    if not step.inside or step.y is not step.inside[-1].y:
        return None
    main, others = [step.inside[-1]], list(step.inside[:-1])
    for before in reversed(step.inside[:-1]):
        if before.y is main[0].x:
            main.insert(0, before)
            others.remove(before)
    known = [each.y for each in main]
    if step.meets != bool(others) or not all(other.x in known for other in others):
        return None  # what meets there, only the composite knows
    chains: list[Part] = []
    for each in main:
        chains.append(read(each, detail=detail))
        for other in others:
            if other.x is each.y:
                path = read(other, detail=detail)
                chains.append(Aside(path.takes, path.takes, path, "output"))
    return _chain(step.x.shape[1:], step.y.shape[1:], chains)


def _sum(step: Step, detail: bool) -> Sum:
    layer, (branch, shortcut, *others) = step.layer, step.inside
    gives = branch.y.shape[1:]
    gate, factors, note = None, ("", ""), ""
    if isinstance(layer, GatedResidual):
        gate = read(others[0], detail=detail)
        factors = ("times g" if layer.gating == "exclusive" else "", "times 1 - g")
    if isinstance(layer, StochasticDepth):
        note = f"kept with p = {layer.survival:.3g}"
    # a shortcut's boxes say what it does to x, and always do
    paths = read(branch, detail=detail), read(shortcut, detail=True)
    return Sum(step.x.shape[1:], gives, *paths, gate, factors, note)


def _box(step: Step, detail: bool) -> tuple[Part, ...]:
    """Return the box of a single layer, if it has one."""
    takes, gives = step.x.shape[1:], step.y.shape[1:]
    drawn = bool(step.macs) or takes != gives and type(step.layer).__name__ != "Flatten"
    if isinstance(step.layer, Identity) or not (detail or drawn or step.inside):
        return ()
    return (Box(takes, gives, *describe(step.layer)),)


def _chain(takes: Shape, gives: Shape, parts: Iterable[Part]) -> Chain:
    """Return one chain of parts, in which chains are dissolved."""
    items: list[Part] = []
    for part in parts:
        items += part.items if isinstance(part, Chain) else [part]
    return Chain(takes, gives, tuple(items))


# -- what repeats ------------------------------------------------------------------------------------


def folded(chain: Chain) -> Chain:
    """Return the chain with what stands several times in a row drawn once."""
    return replace(chain, items=tuple(_repeats(map(_folded, chain.items))))


def _folded(part: Part) -> Part:
    """Return the part with the chains in it folded, but for short branches."""
    if isinstance(part, Sum) and rows(part.branch) > SHORT:
        return replace(part, branch=folded(part.branch))
    return replace(part, inner=folded(part.inner)) if isinstance(part, Frame) else part


def _repeats(items: Iterable[Part]) -> Iterator[Part]:
    """Yield the items, of each run of the same one or the same few (a unit of a plain network) a Repeat."""
    rest, longest = list(items), 6
    at = 0
    while at < len(rest):
        times, length = max((_times(rest, at, length), -length) for length in range(1, longest + 1))
        length = -length
        if times > 1:
            run = tuple(rest[at : at + length])
            item = run[0] if length == 1 else Chain(run[0].takes, run[-1].gives, run)
            yield Repeat(run[0].takes, run[-1].gives, item, times)
        else:
            yield from rest[at : at + length]
        at += times * length


def _times(items: list[Part], at: int, length: int) -> int:
    """Return how often the next `length` items stand there in a row."""
    run, times = items[at : at + length], 1
    while len(run) == length and items[at + times * length : at + (times + 1) * length] == run:
        times += 1
    return times


# -- counting ----------------------------------------------------------------------------------------


def inside(part: Part) -> tuple[Part, ...]:
    """Return the parts directly inside a part."""
    if isinstance(part, Chain):
        return part.items
    if isinstance(part, Repeat):
        return (part.item,)
    if isinstance(part, Frame):
        return (part.inner,)
    if isinstance(part, Sum):
        return (part.branch, part.shortcut, *([part.gate] if part.gate else []))
    return part.paths if isinstance(part, Sides) else (part.path,) if isinstance(part, Aside) else ()


def every(part: Part) -> Iterator[Part]:
    """Yield a part and all inside it."""
    waiting = [part]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += inside(part)


def rows(part: Part) -> int:
    """Return how many boxes stand one below the other."""
    counts = [rows(each) for each in inside(part)]
    if isinstance(part, Chain):
        return sum(counts)
    return max(counts, default=1) + isinstance(part, (Sides, Aside))


def on_the_way(shortcut: Chain) -> list[str]:
    """Return the labels of a shortcut that is drawn as an arc: what it does to x besides normalising."""
    boxes = [part for part in every(shortcut) if isinstance(part, Box)]
    return [box.label for box in reversed(boxes) if box.kind not in (NORM, ACTIVATION)]
