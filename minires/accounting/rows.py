"""How a `cost.Table` is written: one line a layer that computes, in text, in Markdown, and in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minires import markup
from minires.typing import Shape

if TYPE_CHECKING:
    from minires.accounting.cost import Row, Table

COLUMNS = ("layer", "kind", "input", "kernel", "stride", "pad", "output", "memory KB", "params", "MACs")
NUMBERS = 3  # columns at the end that are aligned to the right


def listed(table: Table) -> list[list[str]]:
    """Return the table's lines, lists of texts, with the layers that only scale and shift added up in one."""
    rows = [row for row in table.rows if row.macs]
    others = [row for row in table.rows if not row.macs]
    lines = [_cells(row) for row in rows]
    if others:
        kind = others[0].kind if len({row.kind for row in others}) == 1 else "other layers"
        blank = [""] * (len(COLUMNS) - 4)
        lines.append([f"{len(others)} x {kind}", "", *blank, f"{sum(r.params for r in others):,}", ""])
    return lines


def totals(whole: Table) -> tuple[list[str], list[str]]:
    """Return the two lines of totals, without pooling and with it."""
    return [
        "total",
        *[""] * 6,
        f"{whole.output_bytes / 1024:,.2f}",
        f"{whole.params:,}",
        f"{whole.macs:,}",
    ], [
        "with pooling",
        *[""] * 6,
        f"{(whole.output_bytes + whole.pooled_bytes) / 1024:,.2f}",
        "",
        f"{whole.macs + whole.pooling:,}",
    ]


def lines(table: Table, whole: Table) -> list[str]:
    """Return a table as lines of text in columns, the totals of the whole one at the end."""
    texts = [list(COLUMNS), *listed(table), *totals(whole)]
    widths = [max(len(line[i]) for line in texts) for i in range(len(COLUMNS))]
    first_number = len(COLUMNS) - NUMBERS

    def laid_out(line: list[str]) -> str:
        cells = (
            cell.rjust(width) if i >= first_number else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    ruled = [laid_out(line) for line in texts]
    rule = "-" * max(map(len, ruled))
    return [ruled[0], rule, *ruled[1:-2], rule, *ruled[-2:]]


def html(table: Table) -> str:
    """Return a table for notebooks."""
    return markup.table(
        list(COLUMNS),
        listed(table),
        title=f"input {times(table.input)}",
        totals=totals(table),
        right=set(range(len(COLUMNS) - NUMBERS, len(COLUMNS))),
    )


def times(pair: Shape | None) -> str:
    """Return a shape or a pair as people write it, 3x224x224; nothing for None."""
    return "" if pair is None else "x".join(map(str, pair))


def _cells(row: Row) -> list[str]:
    """Return a Row as texts, one a column."""
    stride, padding = (
        "" if p is None else str(p[0]) if p[0] == p[1] else times(p) for p in (row.stride, row.padding)
    )
    macs = f"{row.macs:,}" if row.weighted or not row.macs else f"({row.macs:,})"
    return [
        row.name,
        row.kind,
        times(row.input),
        times(row.kernel),
        stride,
        padding,
        times(row.output),
        f"{row.output_bytes / 1024:,.2f}" if row.macs else "",
        f"{row.params:,}",
        macs if row.macs else "",
    ]
