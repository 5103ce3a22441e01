"""Which gradients training needs: those of what learns, and of nothing that lies before it."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from minires.kernels.cpu.parallel import one_blas_thread
from minires.layers import Layer, Recompute, Sequential


@contextlib.contextmanager
def parameters_only(net: Layer) -> Iterator[Layer]:
    """Within a with-block, let net.backward compute only what the gradients of its parameters need.

    Notes
    -----
    Images are given, and the gradient with respect to them, though often the most expensive of all, is of no
    use; nor is that of what a frozen beginning of the network puts out. The layers along the way are marked
    (`input_gradient = False`), so net.backward returns None. A class whose backward is not the library's own
    runs it in every case, with all that is asked of it.

    Meanwhile NumPy's matrix products use one thread: the kernels' own threads share out the work.

    Examples
    --------
    >>> from minires import models
    >>> net = models.build("resnet8", rng=rng)
    >>> with parameters_only(net):
    ...     logits, cache = net.forward(np.ones((2, 3, 32, 32), np.float32), train=True)
    ...     print(net.backward(np.ones_like(logits), cache))
    None
    """
    uses = Counter(id(layer) for _, layer in net.named_layers())
    marked = [layer for layer in _way_to_the_first(net) if uses[id(layer)] == 1]
    before = [layer.input_gradient for layer in marked]
    for layer in marked:
        layer.input_gradient = False
    try:
        with one_blas_thread:  # once a step, not once an operation
            yield net
    finally:
        for layer, value in zip(marked, before, strict=True):
            layer.input_gradient = value


def _way_to_the_first(layer: Layer) -> Iterator[Layer]:
    """Yield the layer and, down to the first that must run backward, the one inside it that comes first."""
    if not _is_the_librarys(layer):
        return
    yield layer
    if isinstance(layer, Recompute):
        yield from _way_to_the_first(layer.inner)
    elif isinstance(layer, Sequential):
        parts = list(layer.parts.values())
        if parts:
            yield from _way_to_the_first(next(filter(_must_run, parts), parts[-1]))


def _must_run(part: Layer) -> bool:
    """Whether something inside learns, or has a backward of its own that may do anything."""
    return part.learns() or not all(_is_the_librarys(inner) for _, inner in part.named_layers())


def _is_the_librarys(layer: Layer) -> bool:
    return type(layer).backward.__module__.partition(".")[0] == __name__.partition(".")[0]
