"""Networks that during training are asked for an answer half-way too."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import minires.functional as F
from minires.layers import Layer
from minires.layers.composite import check_unused
from minires.layers.trace import Blank, Step
from minires.models.network import Network
from minires.typing import Array


class NetworkWithHeads(Network):
    """A Network with auxiliary heads (auxiliary classifiers), which classify what lies in the middle.

    Parameters
    ----------
    parts
        {name: Layer}, one after the other.
    heads
        {name: (part, Layer)}, a head for the output of that part, in the parts' order.
    loss_weights
        Of the losses of the logits and of each head.

    Notes
    -----
    The training forward returns a tuple: the logits, then every head's; backward takes a tuple of their
    gradients. In eval mode and in predict the heads are off and the logits come alone. A training step is::

        answers, cache = net.forward(x, train=True)
        logits, loss, dy = cross_entropy(answers, labels, weights=net.loss_weights)  # of train.objective
        dx = net.backward(dy, cache)

    References
    ----------
    Szegedy et al. 2014 (arXiv:1409.4842), section 5: gradients that enter half-way reach the first layers of
    a deep network that has no batch norm.
    """

    def __init__(
        self,
        parts: Mapping[str, Layer],
        heads: Mapping[str, tuple[str, Layer]],
        *,
        loss_weights: Sequence[float],
    ) -> None:
        super().__init__(**parts)
        self.heads = {name: head for name, (_, head) in heads.items()}
        self.head_after = {part: name for name, (part, _) in heads.items()}
        self.loss_weights = loss_weights
        strays = [part for part in self.head_after if part not in parts]
        if strays or len(loss_weights) != 1 + len(heads) or len(self.head_after) < len(heads):
            raise ValueError(
                f"expected one head after each of {list(self.head_after)}, all of them parts, and "
                f"{1 + len(heads)} loss weights; got the weights {loss_weights} and no parts {strays}"
            )

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Yield (name, layer): the parts, then the heads."""
        yield from self.parts.items()
        yield from self.heads.items()

    def _forward(self, x: Array, *, train: bool) -> tuple[Any, list]:
        caches, answers = [], []
        for name, part in self.parts.items():
            x, cache = part.forward(x, train=train)
            head_cache = None
            if train and name in self.head_after:
                answer, head_cache = self.heads[self.head_after[name]].forward(x, train=True)
                answers.append(answer)
            caches.append((cache, head_cache))
        return ((x, *answers) if train else x), caches

    def backward(self, dy: Any, cache: list) -> Any:
        """Return dx, and add into every parameter's grad.

        Parameters
        ----------
        dy
            A tuple of the gradients of all answers; of an eval forward, the gradient of the logits.
        """
        check_unused(cache, len(self.parts))
        dheads = []
        if any(head_cache is not None for _, head_cache in cache):  # the cache of a training forward
            dy, *dheads = self._as_many_as_answers(dy)
        for name, part in reversed(self.parts.items()):
            part_cache, head_cache = cache.pop()
            if head_cache is not None:
                head = self.heads[self.head_after[name]]
                # the part's output went two ways, so its gradient is the sum of two
                dy, _ = F.residual_add_forward(dy, head.backward(dheads.pop(), head_cache))
            dy = part.backward(dy, part_cache)
            if not part.input_gradient:  # nothing before it learns
                cache.clear()
                return None
        return dy

    def _as_many_as_answers(self, dy: Any) -> tuple[Array, ...]:
        names = ["logits", *self.head_after.values()]
        if not isinstance(dy, tuple) or len(dy) != len(names):
            got = f"a tuple of {len(dy)}" if isinstance(dy, tuple) else type(dy).__name__
            raise ValueError(f"dy: expected a tuple of the gradients of ({', '.join(names)}), got {got}")
        return dy

    def _trace(self, x: Blank) -> Step:
        steps, y = [], x
        for name, part in self.parts.items():
            steps.append(part.trace(y))
            y = steps[-1].y
            if name in self.head_after:
                head = self.heads[self.head_after[name]]
                steps.append(Step(head, y, y, inside=(head.trace(y),), meets=True))
        return Step(self, x, y, inside=tuple(steps))
