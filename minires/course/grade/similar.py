"""Which hand-ins are alike in what few others of the class have: a list to look at, never a verdict.

Every function of every student becomes a set of traits (see `shapes`). What the handout gave is taken off. A
trait that n of N authors have weighs log2(N / n) bits, so that what everybody writes, because there is hardly
another way, weighs nothing. Two hand-ins share the sum of the weights of the traits that both have; as traits
depend on each other the sum ranks, and is no probability. The shipped solution is one more author.
"""

import hashlib
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from minires.course.grade import shapes

SOLUTION = "(the shipped solution)"
FEW = 30, 0.1  # authors, or share of the class: a trait that more have brings no two of them together
LEAST = 6.0  # bits that two must share to be listed
LISTED = 60  # pairs
MOST = 20  # times that one trait of a function is counted
PSEUDO = 6  # authors added to N: in a class of two, what both have would weigh nothing


@dataclass(frozen=True)
class Alike:
    """One function of two hand-ins. bits: what they share; share: of the rarer one's own bits, from 0 to 1;
    authors: how many of the class have all that these two share; of: how many wrote this function."""

    module: str
    function: str
    bits: float
    share: float
    authors: int
    of: int


@dataclass(frozen=True)
class Pair:
    """Two hand-ins. first, second: students, or SOLUTION; functions: the Alike ones, the rarest first."""

    first: str
    second: str
    functions: tuple = field(default_factory=tuple)

    @property
    def bits(self):
        """What they share, in all functions together."""
        return sum(each.bits for each in self.functions)


class Class:
    """The traits of all hand-ins.

    exercises: as of `of_assignment`; files: {student: {module: bytes}}. passed_over: {(student, module): why}
    of files that could not be looked at.
    """

    def __init__(self, exercises, files):
        self.traits, self.passed_over = {}, {}  # {(module, function): {author: set of traits}}
        for exercise in exercises:
            names = [part.name for part in exercise.parts]
            handout = shapes.units(exercise.starter.encode(), names)
            sources = {SOLUTION: exercise.head.encode()}
            sources |= {who: held[exercise.module] for who, held in files.items() if exercise.module in held}
            for author, source in sources.items():
                try:
                    found = shapes.units(source, names)
                except ValueError as error:
                    self.passed_over[author, exercise.module] = str(error)
                    continue
                for function, traits in found.items():
                    own = _numbered(traits) - _numbered(handout.get(function, Counter()))
                    if own:
                        self.traits.setdefault((exercise.module, function), {})[author] = own
        self.weights = {unit: _weights(authors) for unit, authors in self.traits.items()}

    def pairs(self):
        """Return the Pairs that share at least LEAST bits, LISTED at most, those that share most first."""
        shared = defaultdict(Counter)  # {(author, author): {unit: bits of rare traits}}
        for unit, authors in self.traits.items():
            few = max(FEW[0], FEW[1] * len(authors))
            for trait, those in _holders(authors).items():
                one_side = those if len(those) <= few else those[: those[0] == SOLUTION]
                for place, first in enumerate(one_side):
                    for second in those[place + 1 :]:
                        shared[first, second][unit] += self.weights[unit][trait]
        ranked = sorted(shared, key=lambda two: (-sum(shared[two].values()), two))
        found = [self._pair(*two, shared[two]) for two in ranked[: 4 * LISTED]]
        found = [pair for pair in found if pair.bits >= LEAST]
        return sorted(found, key=lambda pair: (-pair.bits, pair.first, pair.second))[:LISTED]

    def _pair(self, first, second, units):
        alike = []
        for unit in units:
            authors = self.traits[unit]
            weights, both = self.weights[unit], authors[first] & authors[second]
            bits = math.fsum(weights[trait] for trait in both)
            own = [math.fsum(weights[trait] for trait in authors[who]) for who in (first, second)]
            those = sum(both <= traits for who, traits in authors.items() if who != SOLUTION)
            of = len(authors.keys() - {SOLUTION})
            alike.append(Alike(*unit, bits, bits / max(*own, 1e-9), those, of))
        alike.sort(key=lambda each: (-each.bits, each.module, each.function))
        return Pair(*sorted((first, second), key=lambda who: (who == SOLUTION, who)), tuple(alike))


def _numbered(traits):
    """Return a set of hashes of (trait, 1), (trait, 2), ...: what stands twice is more than once."""
    return {
        hashlib.blake2b(f"{count} {trait}".encode(errors="replace"), digest_size=8).digest()
        for trait, times in traits.items()
        for count in range(1, min(times, MOST) + 1)
    }


def _holders(authors):
    """Return {trait: its authors, SOLUTION first}."""
    holders = defaultdict(list)
    for author in sorted(authors, key=lambda who: (who != SOLUTION, who)):
        for trait in authors[author]:
            holders[trait].append(author)
    return holders


def _weights(authors):
    """Return {trait: bits}."""
    counts = Counter(trait for traits in authors.values() for trait in traits)
    return {trait: math.log2((len(authors) + PSEUDO) / count) for trait, count in counts.items()}
