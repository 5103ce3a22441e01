"""The known mistakes of an exercise, each run as a program on the cases of one part."""

import functools
import itertools

import numpy as np

from minires.course import diagnosis
from minires.course.sandbox import perform
from minires.course.values import flatten

MOST = 2  # pairs of mistakes that are said


class KnownMistakes:
    """What every known mistake of an exercise returns on these cases.

    expected: the right outputs, {name: leaf} for each case. Modules are run when they are first asked about.
    """

    def __init__(self, exercise, part, cases, expected):
        self.exercise, self.part, self.cases, self.expected = exercise, part, cases, expected

    def explanations(self, outputs, indices, name):
        """Return [(name, sentence)] of all mistakes, or pairs of mistakes, that give these outputs.

        outputs: {name: leaf} for each case, None for one that raised; indices: of the cases to compare; name:
        of the output to be explained if the outputs together cannot be, None for none.
        """
        explain = functools.partial(
            diagnosis.known_mistakes, outputs=outputs, expected=self.expected, cases=indices
        )
        found = explain(self._alone, name=None) or (name and explain(self._alone, name=name)) or []
        if found:
            return found
        found = explain(self._together(outputs, indices), name=None)
        return found if len(found) <= MOST else []  # so many readings say nothing

    @functools.cached_property
    def _alone(self):
        """(name, sentence, outputs of all cases) of the mistakes that show."""
        found = []
        for mistake in self.exercise.mistakes:
            outputs = self._outputs(self.exercise.solution(mistake), range(len(self.cases)))
            if not all(map(diagnosis.reproduced, self.expected, outputs)):
                found.append((mistake.name, mistake.says, outputs))
        return found

    @functools.cached_property
    def _pairs(self):
        """{two mistakes: their program}, of those that were asked for; None if both change the same line."""
        return {}

    def _pair(self, two):
        if two not in self._pairs:
            try:
                self._pairs[two] = self.exercise.solution(*two)
            except (ValueError, SyntaxError):
                self._pairs[two] = None
        return self._pairs[two]

    def _together(self, outputs, indices):
        """Yield (name, sentence, outputs of all cases) of the pairs that explain the smallest wrong case.

        Tried are only those two that, each alone, make wrong what is wrong there, and nothing else.
        """
        wrong = [
            i
            for i in indices
            if outputs[i] is not None and not diagnosis.reproduced(outputs[i], self.expected[i])
        ]
        if not wrong:
            return
        first = wrong[0]
        broken = self._broken(outputs[first], first)
        alone = {name: self._broken(theirs[first], first) for name, _, theirs in self._alone if theirs[first]}
        mistakes = [m for m in self.exercise.mistakes if m.name in alone and alone[m.name] <= broken]
        for two in itertools.combinations(mistakes, 2):
            if alone[two[0].name] | alone[two[1].name] != broken:
                continue
            module = self._pair(two)
            if module and diagnosis.reproduced(outputs[first], self._outputs(module, [first])[0]):
                name = "two mistakes at once: " + "; ".join(mistake.name for mistake in two)
                says = " And: ".join(mistake.says for mistake in two)
                yield name, says, self._outputs(module, range(len(self.cases)))

    def _broken(self, got, index):
        """Return the names of the outputs that are not the right ones in a case."""
        right = self.expected[index]
        return {name for name in {**right, **got} if not diagnosis.reproduced(got, right, name)}

    def _outputs(self, module, indices):
        """Return {name: leaf} for each of these cases, None for one that raises."""
        outputs = []
        with np.errstate(all="ignore"):
            for index in indices:
                try:
                    given, _ = perform.once(vars(module), self.part.call, self.cases[index])
                    outputs.append(flatten(self.part.returns, given))
                except Exception:
                    outputs.append(None)
        return outputs
