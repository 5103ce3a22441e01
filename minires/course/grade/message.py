"""What a student is told. The cases are hidden, so nothing here may hold a number of them.

A submission sees its inputs and can hide them in whatever it returns: a shape, a factor, the name of a class,
of an error, of a file. So only sentences of ours are passed on, and of numbers only lines of the student's.
"""

import pathlib
import re
import traceback

from minires.course.verdict import explain
from minires.gradcheck import diagnosis as patterns

ISOLATED = {  # what ended a child: (said of a function, said of a file that was only being read)
    "timeout": (
        "took longer than allowed (20 times the solution's time, at least 2 s): is there an endless loop?",
        "takes too long when Python reads it: is there a loop outside the functions?",
    ),
    "memory": ("needed more memory than allowed", "needs more memory than allowed when Python reads it"),
    "output": ("returned more than can be sent", "sends too much when Python reads it"),
    "crash": (
        "ended Python instead of returning (sys.exit, os._exit, a crash, or too much memory)",
        "ends Python when it is read (sys.exit, os._exit, a crash, or too much memory)",
    ),
    "protocol": (
        "did not return its results in the usual way",
        "interferes with the way in which results are returned",
    ),
}
LARGE = {
    "timeout": (
        "is right on small inputs and not done in time on a large one: loops over its numbers are, but not "
        "what grows with their square, as numeric differences and a matrix of all by all do"
    ),
    "memory": (
        "is right on small inputs and needs more memory than allowed on a large one: does it make a matrix "
        "of all its numbers by all?"
    ),
}
CONSTANT = (
    "The values are off by a constant factor (perhaps a different one for each input): was a mean's 1/N, a "
    "square's 2 or a keep probability forgotten?"
)
WITHOUT_NUMBERS = {name: CONSTANT for name, _, sentence in patterns.MISTAKES if callable(sentence)}
NOT_PYTHON = ("SyntaxError", "IndentationError", "TabError")
NOT_FOUND = ("ImportError", "ModuleNotFoundError")


KIND = re.compile(r"returned (an?) (\w+)[^;]*;")
KNOWN = ("tuple", "list", "dict", "array", "str", "bytes", "bool", "int", "float")


def of_verdict(verdict):
    """Return {"problem", "mistake", "says", "noted"} of a Verdict: never its detail, its facts, its evidence.

    noted: whether the instructor should see it in the table, beside the points.
    """
    problem = KIND.sub(_kind_alone, verdict.problem)
    says = WITHOUT_NUMBERS.get(verdict.mistake, verdict.says)
    return {"problem": problem, "mistake": verdict.mistake, "says": says, "noted": False}


def _kind_alone(match):
    """Return "returned a tuple;" of "returned a tuple of 3;": lengths, shapes and names can be made up."""
    return f"returned {match[1]} {match[2]};" if match[2] in KNOWN else "returned something else;"


def plain(problem):
    """Return the same of a problem that is no matter of numbers."""
    return {"problem": problem, "mistake": "", "says": "", "noted": True}


def lost(name, kind, after=None):
    """Return what to say of a function during which its child was lost. kind: of the SandboxError; after: the
    forward that is called before it, which may be the cause."""
    text = f"{name} {_isolated(kind)[0]}"
    if after and text.endswith("?"):
        text = f"{text[:-1]}, or in {after}, which runs before it?"
    elif after:
        text += f"; {after}, which runs before it, counts too"
    return plain(text)


def on_large(problem):
    """Return what to say of a problem that shows on the large case alone."""
    return plain(f"{problem} on a large input, right on small ones")


def too_large(name, kind, after=None):
    """Return what to say of a backward that was right but lost on the large case, as in `lost`."""
    if kind not in LARGE:
        return on_large(lost(name, kind, after)["problem"])
    return {**plain(f"{name} {LARGE[kind]}"), "too large": True}


def differences(name, why):
    """Return what the instructor alone reads of a backward that may be a numeric gradient."""
    return f"{name}: by numeric differences? ({why}; look at it, this is no proof)"


def not_graded(name, error):
    """Return what to say of a function whose judge raised an exception: a matter of the instructor's."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} at line {frame.lineno} of {pathlib.Path(frame.filename).name}"
    return {
        **plain(f"{name} was not graded: the grader failed ({place}), not the submission"),
        "not graded": True,
    }


def worker_lost(why):
    """Return what to say of a whole submission whose workers ended: a matter of the instructor's."""
    problem = (
        f"the submission was not graded: the grader's workers ended ({why}), which is no fault of its own"
    )
    return {**plain(problem), "not graded": True}


def unreadable(file, kind):
    """Return what to say of a file during whose loading the child was lost."""
    return plain(f"{file} {_isolated(kind)[1]}")


def _isolated(kind):
    return ISOLATED.get(kind, ISOLATED["crash"])


def not_loaded(file, error):
    """Return what to say of a file that Python could not run. error: checked by `records.error`."""
    place = f" (line {error['line']} of {error['file']})" if error["line"] else ""
    if error["type"] in NOT_PYTHON:
        return plain(f"{file} is not valid Python{place}")
    if error["type"] in NOT_FOUND:
        alone = "exercises are solved with NumPy only"
        return plain(f"{file} imports a module that is not available: {alone}{place}")
    return plain(explain(error, file)[0] + ", before any function was called")
