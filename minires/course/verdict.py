"""What the judgement on one function says, and the words for an error that it raised."""

from dataclasses import dataclass, field

from minires.course import diagnosis

NOT_YET = "is not written yet"


@dataclass
class Evidence:
    """The smallest case that shows what is wrong. output: its name; expected, got: its values (None:
    none).
    """

    case: dict
    output: str | None = None
    expected: object = None
    got: object = None


@dataclass
class Verdict:
    """The judgement on one part.

    problem: one line that says what is wrong, without a number of a case (a student may see it where the
    cases are hidden), "" if nothing is; detail: more on it, with numbers; mistake, says: the name and
    explanation of the mistake that gives exactly these numbers, "" if none is known; readings: the names of
    all mistakes that do, if there are several; facts: what else is certain; right: names of outputs that are
    right; partial: the points of the right outputs of a wrong part, where its exercise counts them singly.
    """

    part: object
    problem: str = ""
    detail: str = ""
    mistake: str = ""
    says: str = ""
    readings: tuple = ()
    facts: list = field(default_factory=list)
    right: list = field(default_factory=list)
    evidence: Evidence | None = None
    partial: float = 0

    @property
    def ok(self):
        """Whether the part is right."""
        return not self.problem

    def name(self, found):
        """Take over [(name, sentence)] of the mistakes that explain the numbers: all of them are said."""
        self.readings = tuple(name for name, _ in found)
        self.mistake = ", or ".join(self.readings)
        self.says = found[0][1] if found else ""
        if len(found) > 1:
            said = " Or: ".join(sentence for _, sentence in found)
            self.says = f"Either: {said} These give the same numbers; look which your code does."


def explain(error, name):
    """Return (problem, detail) of an error that a student's function raised. error: of `perform.describe`.

    The problem names only Python's own kinds of errors, for the text of an error could carry a hidden input.
    """
    place = f" at line {error['line']} of {error['file']}" if error.get("line") else ""
    kind = error["type"]
    if kind == "NotImplementedError":
        return f"{name} {NOT_YET}", ""
    if kind == "Missing":
        return f"{name} is missing", f"expected a function of this name ({error['message']})"
    if kind == "WrongSignature":
        return f"{name} cannot be called as the exercise asks", error["message"]
    if kind == "WrongReturn":
        return f"{name}: its forward must return y and a cache", error["message"]
    if kind not in diagnosis.PYTHON_ERRORS:
        kind = "a custom error"
    return f"{name} raised {kind}{place}", error["message"]
