"""The late policy: `--due 2026-11-01T23:59 --late "10%/day, 5 days, grace 15 min"`."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from minires.course.grade.gradebook import numbers

DAY = timedelta(days=1)
UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1)}
FORM = '"10%/day", "10%/day, 5 days" or "10%/day, 5 days, grace 15 min"'


@dataclass(frozen=True)
class Policy:
    """percent: of the earned points that each day begun takes; days: after so many a hand-in earns nothing
    (None: no cut-off); grace: so late is not late yet. The default only counts the days."""

    percent: Fraction = Fraction(0)
    days: int | None = None
    grace: timedelta = timedelta()

    def days_late(self, when, due):
        """Return how many days after due, each one begun counts; 0 within the grace. Both know their zone."""
        return 0 if when - due <= self.grace else -((due - when) // DAY)

    def share(self, days):
        """Return the part of the earned points, from 0 to 1, that is left after so many days."""
        if self.days is not None and days > self.days:
            return Fraction(0)
        return max(Fraction(0), 1 - self.percent / 100 * days)

    def said(self, days):
        """Return what lateness has cost, as a sentence's end."""
        if self.days is not None and days > self.days:
            return f"more than {self.days} day{'s' if self.days > 1 else ''} after the deadline: no points"
        count = f"{days} day{'s' if days > 1 else ''} late"
        lost = 100 * (1 - self.share(days))
        return f"{count}: {numbers.plain(lost)} % less" if lost else f"{count}: nothing is taken off"


def policy(text):
    """Return the Policy that a text such as "10%/day, 5 days, grace 15 min" says. Raises ValueError."""
    found = {}
    for piece in text.split(","):
        rate = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*(?:/|a|per)\s*day\s*", piece)
        end = re.fullmatch(r"\s*(\d{1,3})\s*days?\s*", piece)
        grace = re.fullmatch(r"\s*grace\s*(\d{1,4})\s*(min|h)\s*", piece)
        if rate and "percent" not in found and Fraction(rate[1]) <= 100:
            found["percent"] = Fraction(rate[1])
        elif end and "days" not in found:
            found["days"] = int(end[1])
        elif grace and "grace" not in found:
            found["grace"] = int(grace[1]) * UNITS[grace[2]]
        else:
            raise ValueError(f"expected a late policy such as {FORM}, got {text!r}")
    return Policy(**found)


def moment(text):
    """Return the datetime, with its time zone, of a text such as 2026-11-01T23:59 or 2026-11-01T23:59+01:00.

    Without a zone it is this machine's. Raises ValueError.
    """
    try:
        there = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
        if len(text.strip()) <= 10:  # a day alone: its beginning, or its end?
            raise ValueError
        return there if there.tzinfo else there.astimezone()
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            "expected a date and a time such as 2026-11-01T23:59, with a zone as in 2026-11-01T23:59+01:00 "
            f"if it is not this machine's, got {text!r}"
        ) from None


def shown(when):
    """Return a moment as people write it, with its zone."""
    return f"{when:%Y-%m-%d %H:%M} (UTC{when:%z})"
