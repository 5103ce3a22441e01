"""Which mistake gives exactly these numbers? And if none is known that does: what is certain about them.

Three kinds of hypotheses, from the most telling: the exercise's own known mistakes, which are programs and
are run on the same cases; patterns that any gradient can show (`gradcheck.diagnosis`: wrong sign, constant
factor, transposed, border, ...); broken rules, which the order of the calls brings to light. A hypothesis is
named only if it reproduces the student's numbers in every case. Facts claim no more than what the numbers
say.
"""

import builtins

import numpy as np

from minires.course.sandbox.perform import kind
from minires.course.values import is_number, is_real, matches
from minires.gradcheck import diagnosis as patterns

EXACT = 1e-9  # how closely a hypothesis must reproduce the numbers, relative to the largest
COARSE = 1e-3  # patterns are looked for only in errors larger than this
SINGLE = 1e-5  # float32 has seven digits

IN_PLACE = "input modified in place"
STATE = "state kept between calls"
EARLIER = "value of another call"
CACHE = "cache modified in place"
DRAWN = "random number drawn in vain"
FLOAT32 = "computed in float32"
DTYPE = "dtype not kept"
CUT_OFF = "fractions cut off"
INTEGERS = "not integers"
TRUTH = "not True and False"
DTYPES = {"i": INTEGERS, "b": TRUTH}  # the mistake in a dtype, by the kind of the right one

SAYS = {
    IN_PLACE: "The caller still needs this array: work on a copy, or write y = x + 1 instead of x += 1.",
    STATE: "Something survives from one call to the next: a global, a default argument, or an array that is "
    "kept and changed; or random numbers are not drawn from rng. Everything that is needed must come from "
    "the arguments.",
    EARLIER: "Backward used what another call had left behind: whatever it needs must come from its own "
    "cache, not from a global variable or a shared array.",
    CACHE: "Backward changes what forward remembered, and a second backward finds something else. Work on "
    "a copy, or write y = x + 1 instead of x += 1.",
    DRAWN: "What is returned is right, but the generator was moved, and whoever draws from it next gets "
    "other numbers. Draw only where the number is used.",
    FLOAT32: "The numbers are right to seven digits only, though the inputs are float64: something on the "
    "way was rounded to float32.",
    DTYPE: "The result must have the dtype of the inputs (without any: float64). Look for np.zeros, np.ones, "
    "np.random without a dtype (x.dtype), for NumPy scalars, and for float32 or float64 written out.",
    CUT_OFF: "The numbers are right but for their fractions: an array of integers holds them "
    "(np.zeros_like of integers, astype(int)), and what is written into it is cut off.",
    INTEGERS: "Indices are integers, also where there are none of them: np.array([]) holds float64 unless a "
    "dtype is given.",
    TRUTH: "Every value is True or False: what a comparison gives, or np.zeros(n, dtype=bool) to begin with.",
}
WORDS = {  # in place of the gradient checker's
    "all-zero": "Every value is zero.",
    "wrong sign": "The sizes are right: every value is minus what it should be.",
}
PYTHON_ERRORS = {name for name, value in vars(builtins).items() if isinstance(value, type)} | {
    "AxisError",
    "LinAlgError",
}


def known_mistakes(known, outputs, expected, cases, name):
    """Return [(name, sentence)] of the known mistakes that explain these outputs in all cases.

    known: (name, sentence, outputs of all cases); outputs, expected: {name: leaf} for each case, None for one
    that raised an error, which the mistake must do too; cases: the indices to compare; name: of one output,
    None for all together. One wrong number at least must be explained: an error alone says too little. Two
    mistakes can give the same numbers; of equal sentences only the first counts.
    """
    told = [i for i in cases if outputs[i] is not None]
    found = {}
    for mistake, sentence, theirs in known:
        if (
            all((outputs[i] is None) == (theirs[i] is None) for i in cases)
            and all(reproduced(outputs[i], theirs[i], name) for i in told)
            and not all(reproduced(outputs[i], expected[i], name) for i in told)
        ):
            harmless = name is not None and _spares(theirs, outputs, expected, told)
            found.setdefault(sentence, (mistake, harmless))
    # of those that explain one output, rather those that leave alone what the student has right
    best = any(harmless for _, harmless in found.values())
    return [(mistake, says) for says, (mistake, harmless) in found.items() if harmless or not best]


def _spares(theirs, outputs, expected, cases):
    """Whether a mistake leaves right every output that the student has right."""
    names = {name for i in cases for name in expected[i]}
    having = [name for name in names if all(reproduced(outputs[i], expected[i], name) for i in cases)]
    return all(reproduced(theirs[i], expected[i], name) for name in having for i in cases)


def reproduced(got, theirs, name=None):
    """Whether two {name: leaf} agree, in one output or (name None) in all; theirs may be None."""
    if theirs is None or (name is None and got.keys() != theirs.keys()):
        return False
    if name is not None and name not in got and name not in theirs:
        return True  # this case has no such output
    names = got if name is None else [name]
    return all(n in got and n in theirs and _same(got[n], theirs[n]) for n in names)


def _same(got, theirs):
    """Whether two leaves agree, the second as an array of integers would hold it if the first is one."""
    if is_real(got) and is_real(theirs) and got.dtype.kind in "iu" and theirs.dtype.kind == "f":
        return matches(got, theirs, EXACT) or matches(got, np.trunc(theirs), EXACT)
    return matches(got, theirs, EXACT)


def form(name, got, right):
    """Return (problem, detail) if a leaf is not even of the form of the right one, else ("", "")."""
    if right is None:
        return ("", "") if got is None else (f"{name} must be None", f"got {_kind(got)}")
    if is_number(right) and is_number(got):
        return _finite(name, got, right)
    if is_number(right):
        return f"{name} is not a single number", f"got {_kind(got)}"
    if type(right) is not np.ndarray:
        return ("", "") if type(got) is type(right) else (f"{name} is not {kind(right)}", f"got {_kind(got)}")
    if type(got) is not np.ndarray:
        return f"{name} is not an array", f"expected an array of shape {right.shape}, got {_kind(got)}"
    indices = got.ndim == right.ndim == 1 and got.dtype.kind == right.dtype.kind == "i"
    if got.shape != right.shape and not indices:  # how many indices there are is part of the answer
        return f"{name} has the wrong shape", f"expected {right.shape}, got {got.shape}"
    if got.dtype != right.dtype and not got.dtype.kind == right.dtype.kind == "i":  # of any width
        return f"{name} has the wrong dtype", f"expected {right.dtype}, got {got.dtype}"
    return _finite(name, got, right)


def absent(name, there, right):
    """Return (problem, detail) of a leaf that does not exist. there: what stands where it should be in."""
    outermost, bracket, _ = name.partition("[")
    if bracket:
        return f"{name} is missing", f"{outermost} is {_kind(there)}"
    return form(name, there, right)


def superfluous(got, right):
    """Return a sentence if a list has more values than the right one; more keys in a dict do no harm."""
    for name in got.keys() - right.keys():
        outermost, _, index = name.partition("[")
        if index.rstrip("]").isdigit():
            return f"{outermost} has too many values"  # of the names in it, some are the student's
    return ""


def _finite(name, got, right):
    if np.all(np.isfinite(right)) and not np.all(np.isfinite(np.asarray(got, np.float64))):
        return f"{name} holds values that are not finite", ""
    return "", ""


def _kind(value):
    return getattr(value, "kind", None) or kind(value)


def exchanged(outputs, expected, cases, name):
    """Return (name, sentence) if in all cases one output holds what another one should hold, or None."""
    for other in expected[0]:
        pairs = [(outputs[i].get(name), expected[i].get(other)) for i in cases]
        if all(matches(got, right, EXACT) for got, right in pairs) and not all(
            matches(got, expected[i].get(name), EXACT) for i, (got, _) in zip(cases, pairs, strict=True)
        ):
            says = f"{name} holds what {other} should be: check the order of the returned values."
            return "outputs exchanged", says
    return None


def pattern(triples):
    """Return (name, sentence) of the pattern that every wrong case shows, or None.

    triples: (got, expected, dy) of one output in every case, the smallest first; dy may be None. Indices and
    truth values are no gradients and have no pattern.
    """
    if any(getattr(right, "dtype", np.dtype(float)).kind in "bi" for _, right, _ in triples):
        return None
    wrong = [(got, right, dy) for got, right, dy in triples if not matches(got, right, EXACT)]
    if not wrong or not all(comparable(got, right) for got, right, _ in wrong):
        return None
    if all(
        np.asarray(got).dtype.kind in "iu" and matches(got, np.trunc(right), EXACT) for got, right, _ in wrong
    ):
        return CUT_OFF, SAYS[CUT_OFF]
    wrong = [tuple(np.asarray(0.0 if a is None else a, np.float64) for a in triple) for triple in wrong]
    errors = [np.abs(got - right).max() / (np.abs(right).max() or 1) for got, right, _ in wrong]
    if max(errors) <= SINGLE and all(np.array_equal(got, got.astype(np.float32)) for got, _, _ in wrong):
        return FLOAT32, SAYS[FLOAT32]
    telling = [triple for triple in wrong if triple[1].size > 2]
    if not telling or min(errors) < COARSE:
        return None
    for name, fits, sentence in patterns.MISTAKES:
        if all(fits(*triple) for triple in telling):
            if name in WORDS:
                return name, WORDS[name]
            text = sentence(*telling[0][:2]) if callable(sentence) else sentence
            if name == "constant factor" and not _one_factor(telling):
                text = f"the factor differs from input to input; in the smallest, {text}"
            return name, f"{text[0].upper()}{text[1:]}" + ("" if text.endswith("?") else ".")
    return None


def _one_factor(triples):
    factors = [patterns.factor(got, right) for got, right, _ in triples]
    return max(factors) - min(factors) <= SINGLE * max(map(abs, factors))


def comparable(got, right):
    """Whether both are real numbers, or arrays of them of one shape."""
    return all(is_number(a) or is_real(a) for a in (got, right)) and np.shape(got) == np.shape(right)


def facts(got, right):
    """Return sentences that are certain about the wrong values of one output."""
    if not comparable(got, right) or np.ndim(right) == 0:
        return []
    got, right = np.asarray(got, np.float64), np.asarray(right, np.float64)  # True - True has no meaning
    scale = np.abs(right).max(initial=0.0)
    wrong = ~(np.abs(got - right) <= EXACT * scale)
    count = int(wrong.sum())
    said = [f"{count} of {wrong.size} values are wrong" if count < wrong.size else "every value is wrong"]
    if 0 < count < wrong.size:
        said += _where(wrong)
    error = np.abs(got - right).max() / (scale or 1)
    if error < SINGLE:
        said.append(
            f"the largest error is {error:.0e} of the largest value: a rounding to float32, or a small term"
        )
    return said


def _where(wrong):
    """Return a sentence if exactly one slice is wrong, or if what is wrong lies on an image's border."""
    for axis, length in enumerate(wrong.shape):
        for index in range(length):
            slice_alone = np.zeros_like(wrong)
            np.moveaxis(slice_alone, axis, 0)[index] = True
            if length > 1 and np.array_equal(wrong, slice_alone):
                return [f"they are those with index {index} on axis {axis}"]
    if wrong.ndim == 4 and min(wrong.shape[2:]) > 2 and not wrong[:, :, 1:-1, 1:-1].any():
        return ["all of them lie on the border of the image"]
    return []
