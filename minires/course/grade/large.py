"""One hidden case of each backward that is too large for numeric differences.

A gradient by numeric differences calls forward once or twice for each of S inputs, and a forward takes time
that grows with S: together S squared. A backward, even by plain loops over all numbers, takes time that grows
with S. So there is a size at which loops are done in a second and differences in minutes; `Part.large` draws
it. The allowance lies between: it is counted in steps of a plain loop as this machine performs them, and in
processor time where the system tells it, so that neither a slow nor a busy machine changes who gets points.
"""

import functools
import time
import zlib

import numpy as np

from minires.course.examination import TOLERANCE, explain
from minires.course.grade import message, records
from minires.course.grade.isolation import SandboxError
from minires.course.values import flatten, matches, problem_with

STEPS = 40e6  # of a plain loop that may be taken; honest loops take one or two million
BUSY = 3  # real time that may pass, in processor times; where only real time is known it is the allowance
SMALL = 500, 2_000  # inputs at which the number of forwards is estimated
FORWARDS = 0.3  # an input: a backward that takes longer than so many may consist of forwards
TICK = 1e-3  # seconds; a clock of processor time may be coarse
HUGE = ("MemoryError", "_ArrayMemoryError")  # Python's, NumPy's


@functools.cache
def seconds_of_a_step():
    """Return the processor time that one step of a plain loop over NumPy arrays takes here."""
    x, y = np.ones(300_000), np.zeros(300_000)
    begin = time.thread_time()
    for i in range(len(x)):
        y[i] += x[i] * x[i]
    return (time.thread_time() - begin) / len(x)


class Large:
    """The large case of one backward, and what the solution returns for it. seed: an integer, which draws."""

    def __init__(self, exercise, part, seed):
        self.part, self._seed = part, seed
        self._solution = vars(exercise.solution())
        self._case, returned = self._drawn(part.large)
        self._expected = flatten(part.returns, returned)
        self._processor = STEPS * seconds_of_a_step()

    def _drawn(self, draw):
        """Return a case with dy, and what the solution returns."""
        rng = np.random.default_rng([self._seed, zlib.crc32(f"large {self.part.name}".encode())])
        case, backward = draw(rng), self._solution[self.part.name]
        if self.part.after is None:
            return case, backward(case["dy"], case["cache"])
        y, cache = self._solution[self.part.after](**case)[:2]
        dy = rng.standard_normal(np.shape(y)) if np.ndim(y) else float(rng.standard_normal())
        return {**case, "dy": dy}, backward(dy, cache)

    def ask(self, sandbox, lines):
        """Return the message on what the sandbox's function does with it, None if that is right.

        Raises SandboxError or BrokenRecords; then the sandbox is dead.
        """
        record = self._perform(sandbox, self._case, lines, forwards=1)
        name = self.part.name
        if "error" in record:
            if record["error"]["type"] in HUGE:
                return message.too_large(name, "memory")
            return message.on_large(explain(record["error"], name)[0])
        problem = problem_with(self.part.returns, record["given"])
        if problem:
            return message.on_large(f"{name} {problem}")
        given = flatten(self.part.returns, record["given"])
        wrong = [
            key for key, right in self._expected.items() if not matches(given.get(key), right, TOLERANCE)
        ]
        return message.on_large(f"{wrong[0]} is wrong") if wrong else None

    def takes_many_forwards(self, sandbox, lines):
        """Whether, on small cases, backward takes as long as forwards for a good part of the inputs would.

        It takes the word of the submission's own clock for it, so no point may depend on it.
        """
        try:
            for inputs in SMALL:
                case, returned = self._drawn(functools.partial(self.part.large, inputs=inputs))
                count = sum(map(np.size, flatten(self.part.returns, returned).values()))
                forwards = int(FORWARDS * count)
                record = self._perform(sandbox, case, lines, forwards=forwards)
                least = record["forward"] if self.part.after else self._library(case, forwards)
                if "error" in record or record["backward"] <= max(least, TICK):
                    return False
        except (SandboxError, records.BrokenRecords):
            return False
        return True

    def _perform(self, sandbox, case, lines, *, forwards):
        call, allowed = {**self.part.call, "timed": forwards}, self._processor
        answer = sandbox.perform(call, [case], seconds=BUSY * allowed, processor=allowed)
        return records.timed(answer, lines)

    def _library(self, case, forwards):
        """Return the processor time of as many forwards of the library."""
        forward, inputs = self.part.numeric(case)
        begin = time.thread_time()
        for _ in range(forwards):
            forward(**inputs)
        return time.thread_time() - begin
