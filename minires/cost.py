"""What a network costs: outputs, parameters and multiply-adds layer by layer, and the memory of training.

    net = models.build("vgg16", rng=init.SHAPES_ONLY)      # takes no memory
    table = cost.table(net, (3, 224, 224))
    print(table.params, table.macs)                        # 138357544 15470264320

Nothing is computed and no number is typed in: the network is traced (`minires.trace`), and what its own
layers say is added up. What papers call a FLOP is one multiply-add here too, and totals count those of
convolutions and fully-connected layers; lectures also list pooling, one operation for each pixel of a window.
"""

from collections import Counter
from dataclasses import dataclass

from minires import parallel
from minires.combine import Sequential
from minires.layer import Parameter
from minires.trace import Blank


@dataclass(frozen=True)
class Row:
    """One layer, for one image.

    input, output: shapes without the batch; kernel, stride, padding: pairs (h, w) or None; output_bytes: of
    its float32 output; params: numbers that it learns; macs: its multiply-adds, or the operations of pooling;
    weighted: it has a matrix of weights.
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


@dataclass(frozen=True)
class Table:
    """A network's Rows: every layer that learns or counts, in order of their forwards. input: (C, H, W)."""

    rows: tuple
    input: tuple

    @property
    def params(self):
        """All learned numbers."""
        return sum(row.params for row in self.rows)

    @property
    def macs(self):
        """Multiply-adds of the convolutions and fully-connected layers, for one image."""
        return sum(row.macs for row in self.rows if row.weighted)

    @property
    def pooling(self):
        """Operations of the pooling layers, for one image: one for each pixel of each window."""
        return sum(row.macs for row in self.rows if not row.weighted)

    @property
    def output_bytes(self):
        """Outputs of the convolutions and fully-connected layers, for one image in float32."""
        return sum(row.output_bytes for row in self.rows if row.weighted)

    @property
    def pooled_bytes(self):
        """Outputs of the pooling layers, for one image in float32."""
        return sum(row.output_bytes for row in self.rows if not row.weighted and row.macs)


def table(net, input_shape):
    """Return the Table of a network. input_shape: (C, H, W) of one image. ValueError if it does not fit."""
    names = {id(layer): name for name, layer in net.named_layers()}
    rows, seen = [], set()
    for step in net.trace(Blank((1, *input_shape))).leaves():
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
    return Table(tuple(rows), tuple(input_shape))


def _geometry(layer):
    """Return the kernel, stride and padding of a layer of windows; None for each of another."""
    options = getattr(layer, "options", {}) | vars(layer)
    if "weight" in options and options["weight"].data.ndim == 4:
        options["kernel_size"] = options["weight"].data.shape[2:]
    if "kernel_size" not in options:
        return dict.fromkeys(("kernel", "stride", "padding"))
    return {"kernel": options["kernel_size"], "stride": options["stride"], "padding": options["padding"]}


def grouped(table, depth):
    """Return a Table in which layers that share the first `depth` parts of their names are added up."""
    groups = {}
    for row in table.rows:
        groups.setdefault(".".join(row.name.split(".")[:depth]), []).append(row)
    return Table(tuple(_sum(name, rows) for name, rows in groups.items()), table.input)


def _sum(name, rows):
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
        output=rows[-1].output,
        output_bytes=sum(row.output_bytes for row in weighted),
        params=sum(row.params for row in rows),
        macs=sum(row.macs for row in weighted),
        weighted=any(row.weighted for row in rows),
    )


# -- the memory of a training step -------------------------------------------------------------------------

TILES = 5  # that a thread lays out at once, over the operations of a step; measured


@dataclass(frozen=True)
class Memory:
    """Bytes of a training step in float32. weights: parameters and buffers; gradients: of the parameters;
    velocities: of SGD with momentum; remembered: activations kept for backward, with the images; tiles: about
    what the threads lay out in the cache; peak: the most that is there at once."""

    weights: int
    gradients: int
    velocities: int
    remembered: int
    tiles: int
    peak: int


def training_memory(net, input_shape):
    """Return the Memory of a step of SGD with momentum. input_shape: with the batch, (N, C, H, W).

    Forward and backward are walked through on Blanks. Backward frees what a layer remembered as soon as it is
    through with it, so the peak lies at the end of forward or, if gradients need more than was freed, later.
    """
    step = net.trace(Blank(input_shape))
    walk = _Walk()
    walk.hold(step.x)  # the caller's images; the first layer remembers a copy in another memory order
    walk.forward(step)
    walk.backward(step)
    params = 4 * sum(p.data.size for _, p in net.named_parameters())
    weights = params + 4 * sum(b.data.size for _, b in net.named_buffers())
    remembered = sum(blank.nbytes for blank in step.remembered()) + step.x.nbytes
    tiles = TILES * 4 * parallel.TILE * parallel.get_threads()
    peak = weights + 2 * params + tiles + step.x.nbytes + walk.peak
    return Memory(weights, params, params, remembered, tiles, peak)


def fit(net, input_shape, limit, *, extra=0):
    """Make a training step of net fit into `limit` bytes: compute stages in segments (`Sequential.segment`).

    A stage is a Sequential of several blocks directly inside net. As few of them as need be are cut, from the
    first on, for that has the largest maps. Gradients stay the same bits; what is cut is computed twice.
    input_shape: with the batch; extra: bytes that the caller needs besides.
    Returns {stage name: segment length}, empty if all fits as it is. Raises ValueError, and leaves net as it
    was, if the limit cannot be kept.
    """
    stages = {name: part for name, part in net.children() if _is_stage(part)}
    before = {name: stage.segment for name, stage in stages.items()}
    needed = training_memory(net, input_shape).peak + extra
    for stage in stages.values():
        if needed <= limit:
            break
        _cut(stage, net, input_shape)
        needed = training_memory(net, input_shape).peak + extra
    if needed > limit:
        for name, stage in stages.items():
            stage.segment = before[name]
        raise ValueError(
            f"memory: a training step on {input_shape[0]} images needs {needed / 2**30:.2f} GiB, also with "
            f"all stages computed in segments; the limit is {limit / 2**30:.2f} GiB: take a smaller batch"
        )
    return {name: stage.segment for name, stage in stages.items() if stage.segment is not None}


def _is_stage(layer):
    return (
        isinstance(layer, Sequential) and sum(1 for _, block in layer.children() if any(block.children())) > 1
    )


def _cut(stage, net, input_shape):
    """Set the stage's segment to the length with which the stage by itself needs least."""
    (x,) = (step.x for step in net.trace(Blank(input_shape)).inside if step.layer is stage)
    sizes = {}
    for length in {max(1, round(len(stage) ** (k / 12))) for k in range(12)}:
        stage.segment = length
        walk = _Walk()
        step = stage.trace(x)
        walk.forward(step)
        walk.backward(step)
        sizes[length] = walk.peak
    stage.segment = min(sizes, key=lambda length: (sizes[length], length))


class _Walk:
    """Goes through a training step and notes the most bytes of Blanks that were held at once."""

    def __init__(self):
        self.holders, self.bytes, self.peak = Counter(), 0, 0

    def hold(self, *blanks):
        for blank in blanks:
            self.holders[blank] += 1
            if self.holders[blank] == 1:
                self.bytes += blank.nbytes
        self.peak = max(self.peak, self.bytes)

    def release(self, *blanks):
        for blank in blanks:
            self.holders[blank] -= 1
            if not self.holders[blank]:
                self.bytes -= blank.nbytes

    def forward(self, step):
        """Hold what the step remembers, and for a moment what it works with."""
        paths = [inner.y for inner in step.inside] if step.meets else []
        for inner in step.inside:
            self.forward(inner)
        self._hold_briefly(step.x, step.y, *paths, *step.remembers)
        if step.recomputes:
            self._forget(step.inside[0])
        self.hold(*step.remembers)

    def backward(self, step):
        """Release what the step remembers, after its gradients have been there."""
        dy, dx = step.y.like(step.y.shape), step.x.like(step.x.shape)
        if step.recomputes:
            self.forward(step.inside[0])
        if step.meets:
            self.hold(dy)  # for every path; in the end the paths' dx are added up
        for inner in reversed(step.inside):
            self.backward(inner)
        if step.meets:
            self._hold_briefly(dx, dx.like(dx.shape))
            self.release(dy)
        if not step.inside and step.y is not step.x:
            own = [p.data.shape for p in vars(step.layer).values() if isinstance(p, Parameter)]
            self._hold_briefly(dy, dx, *(dx.like(shape) for shape in own))
        self.release(*step.remembers)

    def _hold_briefly(self, *blanks):
        self.hold(*blanks)
        self.release(*blanks)

    def _forget(self, step):
        """Release all that the step and those inside it remember."""
        self.release(*step.remembers)
        for inner in () if step.recomputes else step.inside:
            self._forget(inner)
