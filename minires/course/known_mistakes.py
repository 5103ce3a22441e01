"""The known mistakes of an exercise, each run as a program on the cases of one part."""

import functools
import itertools

import numpy as np

from minires.course import diagnosis
from minires.course.sandbox import perform
from minires.course.values import flatten

PAIRED = 30  # of the mistakes that show: the first of the list, the most common, are also tried two at a time


class KnownMistakes:
    """What every known mistake of an exercise returns on these cases.

    expected: the right outputs, {name: leaf} for each case. Modules are run when they are first asked about.
    """

    def __init__(self, exercise, part, cases, expected):
        self.exercise, self.part, self.cases, self.expected = exercise, part, cases, expected

    def explanation(self, outputs, indices, name):
        """Return (name, sentence) of the mistake or pair of mistakes that gives these outputs, or None.

        outputs: {name: leaf} for each case, None for one that raised; indices: of the cases to compare; name:
        of the output to be explained if the outputs together cannot be, None for none.
        """
        explains = functools.partial(
            diagnosis.known_mistake, outputs=outputs, expected=self.expected, cases=indices
        )
        return (
            explains(self._alone, name=None)
            or name
            and explains(self._alone, name=name)
            or explains(self._together(outputs, indices), name=None)
        )

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
        """(two mistakes, module) wherever both can stand in one program."""
        showing = {name for name, _, _ in self._alone}
        mistakes = [mistake for mistake in self.exercise.mistakes if mistake.name in showing][:PAIRED]
        pairs = []
        for two in itertools.combinations(mistakes, 2):
            try:
                pairs.append((two, self.exercise.solution(*two)))
            except (ValueError, SyntaxError):  # both change the same line
                continue
        return pairs

    def _together(self, outputs, indices):
        """Yield (name, sentence, outputs of all cases) of the pairs that explain the smallest wrong case."""
        wrong = [
            i
            for i in indices
            if outputs[i] is not None and not diagnosis.reproduced(outputs[i], self.expected[i])
        ]
        for two, module in self._pairs if wrong else ():
            if diagnosis.reproduced(outputs[wrong[0]], self._outputs(module, wrong[:1])[0]):
                name = "two mistakes at once: " + "; ".join(mistake.name for mistake in two)
                says = " And: ".join(mistake.says for mistake in two)
                yield name, says, self._outputs(module, range(len(self.cases)))

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
