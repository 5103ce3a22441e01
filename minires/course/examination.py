"""Judge what a student's function returned: compare it with the solution's returns, case by case.

An Examination holds the cases of one part, drawn from a seed, and what the solution and every known mistake
return on them. Whoever ran the student's function, this process or an isolated one, hands over its records
(see `sandbox.perform`) and gets a Verdict. Nothing here runs a student's code.
"""

import ast
import inspect
import zlib

import numpy as np

from minires.course import diagnosis
from minires.course.known_mistakes import KnownMistakes
from minires.course.sandbox import perform
from minires.course.values import flatten, matches, problem_with, whole
from minires.course.verdict import NOT_YET, Evidence, Verdict, explain

TOLERANCE = 1e-9  # relative to the largest value; another order of summation moves results by 1e-14
TOLERANCE_SINGLE = 1e-3  # where the inputs are float32


class Examination:
    """The cases of one part of an exercise, with the right results. seed: an integer, which draws them."""

    def __init__(self, exercise, part, seed):
        self.part, self._solution = part, exercise.solution()
        cases = self._draw(np.random.default_rng([seed, zlib.crc32(part.name.encode())]))
        records = perform.perform(vars(self._solution), part.call, cases)
        expected = [self._flat(record["given"]) for record in records]
        known = KnownMistakes(exercise, part, cases, expected)
        drew = [record["drew"] for record in records]
        self._take(exercise, part, self._solution, cases, expected, drew, known)

    def _take(self, exercise, part, module, cases, expected, drew, known):
        """Take over what the results are compared with. module: has the functions with their signatures."""
        self.exercise, self.part, self._solution = exercise, part, module
        self.cases, self.expected, self._drew, self._known_mistakes = cases, expected, drew, known
        self._keeps_dtype = keeps_dtype(exercise)

    def _draw(self, rng):
        """Return the cases, the smallest first, and last the smallest with any numbers again in float32."""
        cases = sorted(self.part.cases(rng), key=_size)
        if self.part.after is not None:
            for case in cases:
                inputs, _ = perform.prepare(case)
                y = getattr(self._solution, self.part.after)(**inputs)[0]
                # random, never ones: outputs that sum to a constant would hide a missing path
                case["dy"] = rng.standard_normal(np.shape(y)) if np.ndim(y) else float(rng.standard_normal())
        single = _in_single(_smallest(cases))
        return cases if single is None else [*cases, single]

    def _flat(self, given):
        return flatten(self.part.returns, given)

    def _is_single(self, index):
        return index == len(self.cases) - 1 and _in_single(_smallest(self.cases)) is not None

    def _tolerance(self, index):
        return TOLERANCE_SINGLE if self._is_single(index) else TOLERANCE

    def error(self, records):
        """Return the largest relative difference from the solution in the float64 cases of right records."""
        largest = 0.0
        for index, (record, right) in enumerate(zip(records, self.expected, strict=True)):
            got = {} if self._is_single(index) else self._flat(record["given"])
            for name, value in got.items():
                scale = np.abs(right[name]).max(initial=0.0) if right[name] is not None else 0.0
                if 0 < scale < np.inf:
                    difference = np.abs(np.subtract(value, right[name], dtype=np.float64)).max()
                    largest = max(largest, float(difference / scale))
        return largest

    def judge(self, records):
        """Return the Verdict on a student's records, one for each case."""
        for question in (
            self._raises,
            self._writes,
            self._repeats,
            self._structure,
            self._values,
            self._dtypes,
            self._draws,
        ):
            verdict = question(records)
            if verdict is not None:
                if question in (self._structure, self._values):
                    verdict.partial = self._partial(records)
                return verdict
        return Verdict(self.part, right=list(self.expected[0]))

    def _partial(self, records):
        """Return the points of the outputs that are right in every case, where they are counted singly."""
        if self.part.partial is None or any(problem_with(self.part.returns, r["given"]) for r in records):
            return 0
        outputs = [self._flat(record["given"]) for record in records]
        return sum(
            points
            for name, points in self.part.partial.items()
            if all(self._is_right(name, index, got) for index, got in enumerate(outputs))
        )

    def _is_right(self, name, index, got):
        right = self.expected[index][name]
        if name not in got or diagnosis.form(name, got[name], right)[0]:
            return False
        return matches(got[name], right, self._tolerance(index))

    def _signatures(self):
        """Return the functions with their parameters, as they are handed out."""
        names = filter(None, (self.part.after, self.part.name))
        return ", ".join(f"{name}{inspect.signature(getattr(self._solution, name))}" for name in names)

    def _draws(self, records):
        """Whether the generator was moved where nothing may be drawn."""
        for case, record, right in zip(self.cases, records, self._drew, strict=True):
            if record.get("drew") and not right:
                return Verdict(
                    self.part,
                    f"{self.part.name} draws a random number where none is to be drawn",
                    mistake=diagnosis.DRAWN,
                    says=diagnosis.SAYS[diagnosis.DRAWN],
                    evidence=Evidence(case),
                )
        return None

    def _raises(self, records):
        failed = [i for i, record in enumerate(records) if "error" in record]
        if not failed:
            return None
        problem, detail = explain(records[failed[0]]["error"], self.part.name)
        if records[failed[0]]["error"]["type"] == "WrongSignature":
            problem = f"{self.part.name} cannot be called as the exercise asks: {self._signatures()}"
        verdict = Verdict(self.part, problem, detail)
        if problem.endswith(NOT_YET):
            return verdict
        verdict.evidence = Evidence(self.cases[failed[0]])
        if len(failed) == len(records):
            return verdict
        verdict.facts = [f"{len(failed)} of {len(records)} inputs make it fail, the others do not"]
        return self._explained(verdict, records, None)

    def _writes(self, records):
        for case, record in zip(self.cases, records, strict=True):
            before = flatten(None, {k: v for k, v in case.items() if k != "rng"})
            after = flatten(None, record["after"])
            changed = [name for name, value in before.items() if not matches(after.get(name), value, 0)]
            if changed:
                name = changed[0]
                return Verdict(
                    self.part,
                    f"{self.part.name} writes into {name}, which belongs to its caller",
                    mistake=diagnosis.IN_PLACE,
                    says=diagnosis.SAYS[diagnosis.IN_PLACE],
                    evidence=Evidence(case, f"{name} after the call", before[name], after.get(name)),
                )
        return None

    def _repeats(self, records):
        for which, name, problem in (
            ("again", diagnosis.STATE, "gives a different result when called again with equal inputs"),
            ("late", diagnosis.EARLIER, "depends on another call made since its forward"),
            ("twice", diagnosis.CACHE, "gives a different result when called again with the same cache"),
        ):
            for case, record in zip(self.cases, records, strict=True):
                if which != "again" and self.part.after is None:
                    continue
                given, other = self._flat(record["given"]), self._flat(record.get(which))
                for output, value in given.items():
                    if not matches(other.get(output), value, TOLERANCE):
                        return Verdict(
                            self.part,
                            f"{self.part.name} {problem}",
                            mistake=name,
                            says=diagnosis.SAYS[name],
                            evidence=Evidence(case, output, value, other.get(output)),
                        )
        return None

    def _structure(self, records):
        """Number of values, their kinds, shapes and dtypes."""
        for index, (case, record) in enumerate(zip(self.cases, records, strict=True)):
            problem = problem_with(self.part.returns, record["given"])
            if problem:
                return Verdict(self.part, f"{self.part.name} {problem}", evidence=Evidence(case))
            got = self._flat(record["given"])
            for name, right in self.expected[index].items():
                if name not in got:
                    problem, detail = diagnosis.absent(
                        name, whole(self.part.returns, record["given"], name), right
                    )
                    verdict = Verdict(self.part, problem, detail, evidence=Evidence(case))
                    return self._explained(verdict, records, name)
                problem, detail = diagnosis.form(name, got[name], right)
                if problem.endswith("dtype") and right.dtype.kind == "f":
                    continue  # the values come first
                if problem:
                    verdict = Verdict(self.part, problem, detail)
                    verdict.evidence = Evidence(case, name, right, got[name])
                    if not problem.endswith("dtype"):
                        return self._explained(verdict, records, name)
                    self._explained(verdict, records, None)  # marks, say, where indices are asked for
                    if not verdict.mistake:
                        mistake = diagnosis.DTYPES[right.dtype.kind]
                        verdict.name([(mistake, diagnosis.SAYS[mistake])])
                    return verdict
            problem = diagnosis.superfluous(got, self.expected[index])
            if problem:
                return Verdict(self.part, problem, evidence=Evidence(case))
        return None

    def _dtypes(self, records):
        """Floating-point results of another precision, or integers, where the values are right."""
        for case, record, expected in zip(self.cases, records, self.expected, strict=True):
            got = self._flat(record["given"])
            for name, right in expected.items():
                problem, detail = diagnosis.form(name, got[name], right)
                free = not self._keeps_dtype and getattr(got[name], "dtype", np.dtype(int)).kind == "f"
                if problem.endswith("dtype") and not free:
                    verdict = Verdict(self.part, problem, detail)
                    verdict.name([(diagnosis.DTYPE, diagnosis.SAYS[diagnosis.DTYPE])])
                    verdict.evidence = Evidence(case, name, right, got[name])
                    return verdict
        return None

    def _values(self, records):
        outputs = [self._flat(record["given"]) for record in records]
        wrong = {}  # {output: the cases in which it is wrong}
        for index, (got, right) in enumerate(zip(outputs, self.expected, strict=True)):
            for name in right:
                if not matches(got[name], right[name], self._tolerance(index)):
                    wrong.setdefault(name, []).append(index)
        if not wrong:
            return None
        name = next(name for name in {**self.expected[0], **wrong} if name in wrong)
        index = wrong[name][0]
        verdict = Verdict(
            self.part, f"{name} is wrong", right=[n for n in self.expected[index] if n not in wrong]
        )
        verdict.evidence = Evidence(self.cases[index], name, self.expected[index][name], outputs[index][name])
        if len(wrong) > 1:
            others = [other for other in wrong if other != name]
            verdict.detail = f"{', '.join(others)} {'is' if len(others) == 1 else 'are'} wrong too"
        verdict = self._explained(verdict, records, name)
        dtype = self._dtypes(records)
        if dtype:
            verdict.facts.append(f"once this is mended: {dtype.problem}; {dtype.detail}")
        return verdict

    def _explained(self, verdict, records, name):
        """Add the mistake, or the facts, that explain the numbers of one output (name: None, of all)."""
        outputs = [self._flat(r["given"]) if "given" in r else None for r in records]
        cases = [i for i in range(len(outputs)) if not self._is_single(i)]
        found = self._known_mistakes.explanations(outputs, cases, name)
        if found:
            verdict.name(found)
            return verdict
        if name is not None:
            found = diagnosis.exchanged(outputs, self.expected, cases, name) or diagnosis.pattern(
                [
                    (outputs[i].get(name), self.expected[i][name], self.cases[i].get("dy"))
                    for i in cases
                    if name in self.expected[i]  # a deeper network has more outputs than another
                ]
            )
            verdict.name([found] if found else [])
            verdict.facts += diagnosis.facts(verdict.evidence.got, verdict.evidence.expected)
            verdict.facts += self._seldom(outputs, name)
        return verdict

    def _seldom(self, outputs, name):
        """Return a sentence if one output is right for some of the inputs."""
        having = [i for i in range(len(outputs)) if name in self.expected[i]]
        wrong = [
            i for i in having if not matches(outputs[i].get(name), self.expected[i][name], self._tolerance(i))
        ]
        if len(wrong) == len(having):
            return []
        if all(map(self._is_single, wrong)):
            return ["float32 inputs show it, float64 inputs do not"]
        return [f"{len(wrong)} of {len(having)} inputs show it, the others do not"]


def keeps_dtype(exercise):
    """Whether the handout says something about dtypes; where it does not, float64 is right for any input."""
    tree = ast.parse(exercise.starter)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return any("dtype" in (ast.get_docstring(node) or "") for node in (tree, *functions))


def _smallest(cases):
    """Return the first case in which no array is empty."""
    return next((c for c in cases if all(np.size(leaf) for leaf in flatten(None, c).values())), cases[0])


def _size(case):
    return sum(np.size(value) for value in flatten(None, case).values())


def _in_single(value):
    """Return a copy with float64 arrays as float32, or None if there is no such array in it."""
    if not any(
        isinstance(leaf, np.ndarray) and leaf.dtype == np.float64 for leaf in flatten(None, value).values()
    ):
        return None
    return _convert(value)


def _convert(value):
    if isinstance(value, np.ndarray):
        return value.astype(np.float32) if value.dtype == np.float64 else value
    if isinstance(value, dict):
        return {key: _convert(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(map(_convert, value))
    return value
