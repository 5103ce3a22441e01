"""What the papers and lectures report, as data: `published.csv`. Nothing in it was measured with minires::

    published.values("cifar10", "test error")["resnet110"]      # 6.61

One line is one number, in percent. The lectures are named in the column source: lecture 6 (a course's
lecture on ResNet), the ResNet lecture, the ICML 2016 tutorial (Kaiming He, "Deep residual networks: deep
learning gets way deeper") and lecture 9 (a course's lecture on architectures), each with the slide's title.
"""

import csv
import pathlib

PATH = pathlib.Path(__file__).with_name("published.csv")


def rows(table: str | None = None) -> list[dict[str, str]]:
    """Return the published results as dicts of texts, in the order of the file.

    Parameters
    ----------
    table
        One of `tables`; None: all.

    Returns
    -------
    rows
        Each has the keys table, model and measure, which together name a number; percent, the number, or a
        bound such as ">20"; printed, what a lecture prints instead where that is a slip; year of the
        competition; layers with weights, or "shallow" for features designed by hand; source; note, which also
        says what was not looked up. What is unknown or does not apply is "".

    Raises
    ------
    ValueError
        For a table that is not there.
    """
    with PATH.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    names = dict.fromkeys(row["table"] for row in found)
    if table is not None and table not in names:
        raise ValueError(f"table: expected one of {', '.join(names)}, got {table!r}")
    return [row for row in found if table in (None, row["table"])]


def tables() -> list[str]:
    """Return the names of all tables, in the order of the file."""
    return list(dict.fromkeys(row["table"] for row in rows()))


def values(table: str, measure: str) -> dict[str, float]:
    """Return {model: percent} of one measure in one table; a bound such as ">20" is left out.

    Examples
    --------
    >>> values("cifar10", "test error")["resnet110"]
    6.61
    """
    found = [row for row in rows(table) if row["measure"] == measure]
    return {row["model"]: float(row["percent"]) for row in found if not row["percent"].startswith(">")}
