"""How numbers are written in the sentences of the moving pictures, and how they are put into JSON."""

import math

import numpy as np

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def say(value: float) -> str:
    """Return a number as a reader writes it: 3, −0.25; with a true minus sign.

    Examples
    --------
    >>> say(-0.25), say(3.0), say(1e-9)
    ('−0.25', '3', '1.0·10⁻⁹')
    """
    value = float(value) + 0.0  # no -0
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        text = f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    else:
        mantissa, power = f"{value:.1e}".split("e")
        text = f"{mantissa}·10" + str(int(power)).translate(RAISED)
    return text.replace("-", "−")


def vector(values) -> str:
    """Return a vector in parentheses: (1, −2)."""
    return "(" + ", ".join(say(value) for value in np.ravel(values)) + ")"


def factor(value: float) -> str:
    """Return a number as it stands after a times sign: a negative one in parentheses."""
    return f"({say(value)})" if value < 0 else say(value)


def added(terms) -> str:
    """Return a sum: 1 + 2 − 3."""
    first, *rest = (float(term) for term in terms)
    return say(first) + "".join(f" {'−' if term < 0 else '+'} {say(abs(term))}" for term in rest)


def products(left, right) -> str:
    """Return a sum of products: 1·2 + (−1)·3."""
    pairs = zip(np.ravel(left), np.ravel(right), strict=True)
    return " + ".join(f"{factor(a)}·{factor(b)}" for a, b in pairs)


def plain(value, digits: int = 6):
    """Return arrays as lists and every number with at most so many significant digits, whole ones as int."""
    if isinstance(value, dict):
        return {str(key): plain(item, digits) for key, item in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item, digits) for item in value]
    value = float(f"{float(value):.{digits}g}")
    if not math.isfinite(value):
        raise ValueError(f"a moving picture has no place for {value}")
    return int(value) if value == int(value) and abs(value) < 1e15 else value
