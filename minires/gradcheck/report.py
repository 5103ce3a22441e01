"""What the gradient checker found: a row for each tensor, a sentence for each broken rule, one verdict.

The six verdicts:

ok
    analytic and numeric gradient agree
wrong
    they do not
kink
    too many elements sit on a corner of ReLU or max pooling, where no derivative exists
noise
    they differ by no more than the rounding of forward explains
vacuous
    the true gradient is zero, so a backward that computes nothing would pass as well
dtype
    of the whole: the gradients are right, but float32 does not stay float32, which was asked for
"""

from dataclasses import dataclass, field

from minires import markup, reprs

OK, WRONG, KINK, NOISE, VACUOUS, DTYPE = "ok", "wrong", "kink", "noise", "vacuous", "dtype"


class GradientError(AssertionError):
    """A gradient check failed; the message is the report."""


@dataclass
class Row:
    """The check of one tensor.

    Attributes
    ----------
    name, verdict : str
    ok
        Whether this row lets the check pass.
    index, analytic, numeric
        The worst element and both gradients there; None if nothing was compared.
    error
        The absolute difference of the two gradients, divided by the largest of their sizes and a floor, see
        `numeric`; None if vacuous.
    checked, size
        Elements compared, elements there are.
    kinks
        Elements skipped at corners.
    notes
        Sentences for the reader, the diagnosis among them.
    both
        The whole analytic gradient and the numeric one, NaN where it was not taken; None if there is none.
    """

    name: str
    verdict: str
    ok: bool
    index: tuple | None = None
    analytic: float | None = None
    numeric: float | None = None
    error: float | None = None
    checked: int = 0
    size: int = 0
    kinks: int = 0
    notes: list = field(default_factory=list)
    both: tuple | None = field(default=None, repr=False, compare=False)

    def cells(self) -> list[str]:
        """Return the texts of this row of the table."""
        numbers = ["-"] * 4
        if self.index is not None:
            index = "(" + ", ".join(map(str, self.index)) + ")"
            error = "-" if self.error is None else f"{self.error:.1e}"
            numbers = [error, index, f"{self.analytic:.9g}", f"{self.numeric:.9g}"]
        return [self.name, self.verdict, f"{self.checked}/{self.size}", str(self.kinks), *numbers]


@dataclass(repr=False)
class Report:
    """The check of one function or layer.

    Attributes
    ----------
    title : str
    rows
        One for each tensor; `report[name]` is the row of that name.
    findings
        Sentences, one for each rule that was broken.
    dtypes
        Sentences, one for each dtype that was not kept; empty if nobody asked.
    """

    title: str
    rows: list
    findings: list
    dtypes: list = field(default_factory=list)

    COLUMNS = ["tensor", "verdict", "checked", "kinks", "error", "worst index", "analytic", "numeric"]

    @property
    def ok(self) -> bool:
        """True if every tensor passes and no rule was broken."""
        return not self.findings and not self.dtypes and all(row.ok for row in self.rows)

    @property
    def error(self) -> float:
        """The largest relative error of all tensors (0.0 if nothing was compared)."""
        return max((row.error for row in self.rows if row.error is not None), default=0.0)

    @property
    def verdict(self) -> str:
        """One word: "ok" if the check passes, else the first reason why not."""
        if self.ok:
            return OK
        failing = [row.verdict for row in self.rows if not row.ok]
        if self.findings or WRONG in failing:
            return WRONG
        return failing[0] if failing else DTYPE

    def __getitem__(self, name: str) -> Row:
        """Return the row of the tensor called name. KeyError if there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no tensor {name!r}; there are {', '.join(row.name for row in self.rows)}")

    def raise_if_wrong(self) -> "Report":
        """Raise GradientError with the whole report unless it is ok; return the report."""
        if not self.ok:
            raise GradientError(str(self))
        return self

    def __str__(self) -> str:
        lines = ["  " + line for line in table([self.COLUMNS, *(row.cells() for row in self.rows)])]
        return "\n".join([self._heading(), *lines, *(f"  {note}" for note in self._sentences())])

    def __repr__(self) -> str:
        tensors = reprs.counted(len(self.rows), "tensor")
        return f"<Report on {self.title}: {self.verdict}, {tensors}, largest error {self.error:.1e}>"

    def _repr_html_(self) -> str:
        rows = [row.cells() for row in self.rows]
        return markup.table(
            self.COLUMNS, rows, title=self._heading(), right={4, 6, 7}, notes=self._sentences()
        )

    def _heading(self) -> str:
        says = {OK: "the gradients are right", DTYPE: "the gradients are right, but a dtype is not kept"}
        return f"{self.title}: {says.get(self.verdict, self.verdict)}"

    def _sentences(self) -> list[str]:
        """Return what is said below the table: of the whole, then of each tensor."""
        sentences = [f"* {finding}" for finding in (*self.findings, *self.dtypes)]
        return sentences + [f"* {row.name}: {note}" for row in self.rows for note in row.notes]


def table(rows: list[list[str]]) -> list[str]:
    """Return rows (lists of texts, the heading first) as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
