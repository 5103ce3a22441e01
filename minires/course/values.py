"""What functions take and return, as {name: leaf}, and when two leaves are the same."""

import numpy as np

from minires.course.sandbox.perform import kind

UNSEEN = "cache"  # what the student's backward wants to know; nobody else looks at it


def flatten(names, value):
    """Return {name: leaf} of what a function returned, or, with names None, of a dict of inputs.

    names: of the values in a tuple, or one name for the value itself. The leaves of lists, tuples and dicts
    get names like dweights[0]; UNSEEN is left out. A value of another form than names gives what can be had.
    """
    if names is None:
        pairs = value.items()
    elif len(names) == 1:
        pairs = [(names[0], value)]
    elif isinstance(value, (tuple, list)):
        pairs = zip(names, value, strict=False)
    else:
        pairs = []
    leaves = {}
    for name, item in pairs:
        if names is None or name != UNSEEN:
            _add(leaves, name, item)
    return leaves


def whole(names, value, name):
    """Return what stands in the place of a leaf that `flatten` did not find: the value it should be in."""
    outermost = name.partition("[")[0]
    return value if len(names) == 1 else value[names.index(outermost)]


def _add(leaves, name, value):
    """Add the leaves of a value, however deeply nested: no recursion, for a value may come from anywhere."""
    waiting = [(name, value)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{name}[{key!r}]", item) for key, item in reversed(value.items())]
        elif isinstance(value, (tuple, list)):
            waiting += [(f"{name}[{i}]", item) for i, item in reversed(list(enumerate(value)))]
        else:
            leaves[name] = value


def problem_with(names, given):
    """Return what is wrong with the number of values that were returned, or ""."""
    wanted = ", ".join(names)
    if len(names) == 1:
        if isinstance(given, tuple):
            return f"returned {kind(given)}; expected {wanted} alone"
        return f"returned None; expected {wanted}: is the return missing?" if given is None else ""
    if given is None:
        return f"returned None; expected {wanted}: is the return missing?"
    if not isinstance(given, (tuple, list)) or len(given) != len(names):
        return f"returned {kind(given)}; expected {len(names)} values: {wanted}"
    return ""


def is_number(value):
    """Whether a value is a single real number, Python's or NumPy's, of which a float64 can be made."""
    if isinstance(value, int):
        return value.bit_length() <= 64
    return isinstance(value, (float, np.integer, np.floating, np.bool_)) or is_real(value) and value.ndim == 0


def is_real(value):
    """Whether a value is an array, of exactly this class, of real numbers or truth values."""
    return type(value) is np.ndarray and value.dtype.kind in "biuf"


def matches(got, right, tolerance):
    """Whether two leaves are the same: equal shapes, and values that differ by at most tolerance times the
    largest (0: not at all). Of what is neither number, array nor text only the types are compared.
    """
    if is_number(right) or is_real(right):
        if not (is_number(got) or is_real(got)):
            return False
        got, right = np.asarray(got, np.float64), np.asarray(right, np.float64)
        if got.shape != right.shape:
            return False
        if tolerance == 0:
            return bool(np.array_equal(got, right, equal_nan=True))
        scale = np.abs(right).max(initial=0.0, where=np.isfinite(right))
        with np.errstate(all="ignore"):
            close = np.abs(got - right) <= tolerance * scale
        return bool(np.all(close | (got == right) | (np.isnan(got) & np.isnan(right))))
    # of any other object no method is called, not even ==, for it may be the student's
    return type(got) is type(right) and (type(right) not in (str, bytes, bool) or got == right)
