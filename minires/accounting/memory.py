"""What a training step needs, and how to make it fit: a network too large is computed in segments::

    net = models.build("resnet1202", rng=rng)
    memory.training_memory(net, (128, 3, 32, 32)).peak     # 12 GB
    memory.fit(net, (128, 3, 32, 32), 2**30)               # {"stage1": 6, "stage2": 6, "stage3": 6}

Like the counts in `cost`, the bytes come from the network's own trace; nothing is run.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from minires.kernels.cpu import parallel
from minires.layers import Conv2d, Layer, Parameter, Sequential
from minires.layers.trace import Blank, Step
from minires.typing import Shape

BLOCKS = 5  # that a thread lays out at once, over the operations of a step; measured


@dataclass(frozen=True)
class Memory:
    """Bytes of a training step in float32.

    Attributes
    ----------
    weights
        Parameters and buffers.
    gradients
        Of the parameters.
    velocities
        Of SGD with momentum.
    remembered
        Activations kept for backward, with the images.
    blocks
        About what the threads lay out in the cache.
    peak
        The most that is there at once.
    """

    weights: int
    gradients: int
    velocities: int
    remembered: int
    blocks: int
    peak: int


def training_memory(net: Layer, input_shape: Shape) -> Memory:
    """Return the Memory of a step of SGD with momentum.

    Parameters
    ----------
    input_shape : (N, C, H, W)

    Notes
    -----
    Forward and backward are walked through on Blanks. Backward frees what a layer remembered as soon as it is
    through with it, so the peak lies at the end of forward or, if gradients need more than was freed, later.

    Examples
    --------
    >>> from minires import init, models
    >>> net = models.build("resnet20", rng=init.SHAPES_ONLY)
    >>> round(training_memory(net, (128, 3, 32, 32)).remembered / 1e6)  # MB
    196
    """
    step = net.trace(Blank(input_shape))
    walk = _Walk()
    walk.hold(step.x)  # the caller's images; the first layer remembers a copy in another memory order
    walk.forward(step)
    walk.backward(step)
    params = 4 * sum(p.data.size for _, p in net.named_parameters())
    weights = params + 4 * sum(b.data.size for _, b in net.named_buffers())
    remembered = sum(blank.nbytes for blank in step.remembered()) + step.x.nbytes
    blocks = BLOCKS * 4 * parallel.BLOCK * parallel.get_threads()
    peak = weights + 2 * params + blocks + step.x.nbytes + walk.peak
    return Memory(weights, params, params, remembered, blocks, peak)


def fit(net: Layer, input_shape: Shape, limit: float, *, extra: float = 0) -> dict[str, Any]:
    """Make a training step of net fit into a limit: compute stages in segments (gradient checkpointing).

    Parameters
    ----------
    net
        A stage is a Sequential of several blocks directly inside it. As few stages as need be are cut, from
        the first on, for that has the largest maps. What is cut is computed twice, and gradients stay the
        same bits.
    input_shape : (N, C, H, W)
    limit
        In bytes.
    extra
        Bytes that the caller needs besides.

    Returns
    -------
    segments
        {stage name: segment length}, see `Sequential.segment`; empty if all fits as it is.

    Raises
    ------
    ValueError
        If the limit cannot be kept; net is then as it was.
    """
    parts = ((name, part) for name, part in net.children() if isinstance(part, Sequential))
    stages = {name: part for name, part in parts if _has_blocks(part)}
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
            f"memory: a training step on {input_shape[0]} images needs {needed / 2**20:,.0f} MiB, also with "
            f"all stages computed in segments; the limit is {limit / 2**20:,.0f} MiB: take a smaller batch"
        )
    return {name: stage.segment for name, stage in stages.items() if stage.segment is not None}


def _has_blocks(stage: Sequential) -> bool:
    return sum(1 for _, block in stage.children() if any(block.children())) > 1


def _cut(stage: Sequential, net: Layer, input_shape: Shape) -> None:
    """Set the stage's segment to the length with which the stage by itself needs least."""
    (x,) = (step.x for step in net.trace(Blank(input_shape)).inside if step.layer is stage)
    sizes = {}
    # powers of the stage's length: about twelve lengths from 1 up, the square root among them
    for length in {round(len(stage) ** (k / 12)) for k in range(12)}:
        stage.segment = length
        walk = _Walk()
        step = stage.trace(x)
        walk.forward(step)
        walk.backward(step)
        sizes[length] = walk.peak
    stage.segment = min(sizes, key=lambda length: (sizes[length], length))


class _Walk:
    """Goes through a training step and notes the most bytes of Blanks that were held at once."""

    def __init__(self) -> None:
        self.holders: Counter[Blank] = Counter()
        self.bytes = self.peak = 0

    def hold(self, *blanks: Blank) -> None:
        for blank in blanks:
            self.holders[blank] += 1
            if self.holders[blank] == 1:
                self.bytes += blank.nbytes
        self.peak = max(self.peak, self.bytes)

    def release(self, *blanks: Blank) -> None:
        for blank in blanks:
            self.holders[blank] -= 1
            if not self.holders[blank]:
                self.bytes -= blank.nbytes

    def forward(self, step: Step) -> None:
        """Hold what the step remembers, and for a moment what it works with."""
        paths = [inner.y for inner in step.inside] if step.meets else []
        for inner in step.inside:
            self.forward(inner)
        self._hold_briefly(step.x, step.y, *paths, *step.remembers)
        if step.recomputes:
            self._forget(step.inside[0])
        self.hold(*step.remembers)

    def backward(self, step: Step) -> None:
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
            # a convolution that skips pixels adds up dx with its padding, sorted by phase, before it is dx
            skips = isinstance(step.layer, Conv2d) and step.layer.stride != (1, 1)
            padded = [dx.like(dx.shape)] if skips else []
            self._hold_briefly(dy, dx, *padded, *(dx.like(shape) for shape in own))
        self.release(*step.remembers)

    def _hold_briefly(self, *blanks: Blank) -> None:
        self.hold(*blanks)
        self.release(*blanks)

    def _forget(self, step: Step) -> None:
        """Release all that the step and those inside it remember."""
        self.release(*step.remembers)
        for inner in () if step.recomputes else step.inside:
            self._forget(inner)
