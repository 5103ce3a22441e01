"""What a network costs: outputs, parameters and multiply-adds, layer by layer::

    net = models.build("vgg16", rng=init.SHAPES_ONLY)      # takes no memory
    table = cost.table(net, (3, 224, 224))
    print(table.params, table.macs)                        # 138357544 15470264320

Nothing is computed and no number is typed in: the network is traced (`layers.trace`), and what its own
layers say is added up. What papers call a FLOP is one multiply-add here too, and totals count those of
convolutions and fully-connected layers; lectures also list pooling, one operation for each pixel of a window.
"""

from dataclasses import dataclass, field
from typing import Any

from minires import reprs
from minires.accounting import rows as writing
from minires.layers import Layer, Parameter
from minires.layers.trace import Blank
from minires.typing import Shape


@dataclass(frozen=True)
class Row:
    """One layer, for one image.

    Attributes
    ----------
    name, kind : str
        Its dotted path and its class.
    input, output : tuple
        Shapes without the batch.
    kernel, stride, padding : (h, w) or None
    output_bytes
        Of its float32 output.
    params
        Numbers that it learns.
    macs
        Its multiply-adds, or the operations of pooling.
    weighted
        Whether it has a matrix of weights.
    """

    name: str
    kind: str
    input: tuple
    kernel: tuple | None
    stride: tuple | None
    padding: tuple | None
    output: tuple
    output_bytes: int
    params: int
    macs: int
    weighted: bool


@dataclass(frozen=True, repr=False)
class Table:
    """A network's Rows: every layer that learns or counts, in order of their forwards.

    Attributes
    ----------
    rows : tuple of Row
    input : (C, H, W)
    outputs
        {name: shape} of all its parts, also those made of several layers.
    """

    rows: tuple
    input: tuple
    outputs: dict = field(default_factory=dict)

    @property
    def params(self) -> int:
        """All learned numbers."""
        return sum(row.params for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-adds of the convolutions and fully-connected layers, for one image."""
        return sum(row.macs for row in self.rows if row.weighted)

    @property
    def pooling(self) -> int:
        """Operations of the pooling layers, for one image: one for each pixel of each window."""
        return sum(row.macs for row in self.rows if not row.weighted)

    @property
    def output_bytes(self) -> int:
        """Outputs of the convolutions and fully-connected layers, for one image in float32."""
        return sum(row.output_bytes for row in self.rows if row.weighted)

    @property
    def pooled_bytes(self) -> int:
        """Outputs of the pooling layers, for one image in float32."""
        return sum(row.output_bytes for row in self.rows if not row.weighted and row.macs)

    def __repr__(self) -> str:
        size = f"{self.params:,} parameters, {self.macs:,} multiply-adds"
        return f"<Table of {reprs.counted(len(self.rows), 'row')}, input {reprs.times(self.input)}: {size}>"

    def __str__(self) -> str:
        return "\n".join(writing.lines(self, self))

    def _repr_html_(self) -> str:
        return writing.html(self)


def table(net: Layer, input_shape: Shape) -> Table:
    """Return the Table of a network: parameters and multiply-adds (FLOPs, MACs), layer by layer.

    Parameters
    ----------
    input_shape : (C, H, W)
        Of one image.

    Raises
    ------
    ValueError
        If the image does not fit.

    Examples
    --------
    >>> from minires import init, models
    >>> net = models.build("resnet50", rng=init.SHAPES_ONLY)  # takes no memory
    >>> counted = table(net, (3, 224, 224))
    >>> counted.params, counted.macs
    (25557032, 3857973248)
    """
    names = {id(layer): name for name, layer in net.named_layers()}
    rows, seen = [], set()
    whole = net.trace(Blank((1, *input_shape)))
    outputs = {names[id(step.layer)]: step.y.shape[1:] for step in whole.all() if id(step.layer) in names}
    for step in whole.leaves():
        own = [p.data for p in vars(step.layer).values() if isinstance(p, Parameter)]
        params = 0 if id(step.layer) in seen else sum(array.size for array in own)
        seen.add(id(step.layer))
        if params or step.macs:
            rows.append(
                Row(
                    name=names[id(step.layer)],
                    kind=type(step.layer).__name__,
                    input=step.x.shape[1:],
                    **_geometry(step.layer),
                    output=step.y.shape[1:],
                    output_bytes=step.y.nbytes,
                    params=params,
                    macs=step.macs,
                    weighted=any(array.ndim > 1 for array in own),
                )
            )
    return Table(tuple(rows), tuple(input_shape), outputs)


def _geometry(layer: Layer) -> dict[str, Any]:
    """Return the kernel, stride and padding of a layer of windows; None for each of another."""
    options = getattr(layer, "options", {}) | vars(layer)
    if "weight" in options and options["weight"].data.ndim == 4:
        options["kernel_size"] = options["weight"].data.shape[2:]
    if "kernel_size" not in options:
        return dict.fromkeys(("kernel", "stride", "padding"))
    return {"kernel": options["kernel_size"], "stride": options["stride"], "padding": options["padding"]}


def grouped(table: Table, depth: int) -> Table:
    """Return a Table in which layers that share the first `depth` parts of their names are added up.

    Examples
    --------
    >>> from minires import init, models
    >>> net = models.build("resnet20", rng=init.SHAPES_ONLY)
    >>> [row.name for row in grouped(table(net, (3, 32, 32)), depth=1).rows]
    ['conv', 'norm', 'stage1', 'stage2', 'stage3', 'pool', 'fc']
    """
    groups: dict[str, list[Row]] = {}
    for row in table.rows:
        groups.setdefault(".".join(row.name.split(".")[:depth]), []).append(row)
    summed = (_sum(name, rows, table.outputs.get(name)) for name, rows in groups.items())
    return Table(tuple(summed), table.input, table.outputs)


def _sum(name: str, rows: list[Row], output: Shape | None) -> Row:
    if len(rows) == 1:
        return rows[0]
    weighted = [row for row in rows if row.weighted] or rows
    return Row(
        name=name,
        kind=f"{len(rows)} layers",
        input=rows[0].input,
        kernel=None,
        stride=None,
        padding=None,
        output=output or rows[-1].output,
        output_bytes=sum(row.output_bytes for row in weighted),
        params=sum(row.params for row in rows),
        macs=sum(row.macs for row in weighted),
        weighted=any(row.weighted for row in rows),
    )
