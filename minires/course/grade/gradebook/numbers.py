"""Points: exact fractions while they are added and multiplied, two decimals where they are shown."""

import math
import re
from fractions import Fraction

NUMBER = re.compile(r"\d{1,9}([.,]\d{1,9})?", re.ASCII)


def read(text):
    """Return the Fraction that a text such as "2", "2.5" or "2,5" says, or None if it is no such number."""
    return Fraction(text.replace(",", ".")) if NUMBER.fullmatch(text) else None


def plain(points):
    """Return points rounded to two decimals (a half upwards), an int if there are none; None of None."""
    if points is None:
        return None
    hundredths = math.floor(Fraction(points) * 100 + Fraction(1, 2))
    return hundredths // 100 if hundredths % 100 == 0 else hundredths / 100
