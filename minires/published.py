"""What the papers and lectures report, as data: `published.csv`. Nothing in it was measured with minires."""

import csv
import pathlib

PATH = pathlib.Path(__file__).with_name("published.csv")


def rows(table=None):
    """Return the published results as dicts with the keys table, model, measure, percent (text, as printed)
    and source; of one table only if it is named. Raises ValueError for a table that is not there."""
    with PATH.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    tables = dict.fromkeys(row["table"] for row in found)
    if table is not None and table not in tables:
        raise ValueError(f"table: expected one of {', '.join(tables)}, got {table!r}")
    return [row for row in found if table in (None, row["table"])]


def values(table, measure):
    """Return {model: percent as a float} of one measure in one table; a bound such as ">20" is left out."""
    found = [row for row in rows(table) if row["measure"] == measure]
    return {row["model"]: float(row["percent"]) for row in found if not row["percent"].startswith(">")}
