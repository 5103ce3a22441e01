"""The combinators: every network is built from these.

A composite's cache is the list of its parts' caches. Its backward empties the list as it goes, so memory is
given back while it runs, and a second backward on the same cache raises RuntimeError.
"""

import minires.functional as F
from minires.checks import check_shape, whole_number
from minires.init import check_generator
from minires.layers.base import Layer
from minires.layers.shape import Identity
from minires.layers.trace import Step


class Sequential(Layer):
    """One layer after the other: y = f_n(...f_2(f_1(x))).

    Parts are named 0, 1, 2, ... or by keyword: Sequential(conv=..., norm=...). Backward walks the list from
    its end: the chain rule.

    segment: None, or a number of parts: of every so many parts only the first one's input is remembered, and
    backward computes the rest again, as with `Recompute`, and with the same bits. n parts in segments of
    sqrt(n) need the memory of about 2 sqrt(n) parts, for one more forward. Names stay what they are.
    """

    segment = None

    def __init__(self, *parts, **named_parts):
        self.parts = {str(i): part for i, part in enumerate(parts)} | named_parts
        check_layers(self.parts)

    def children(self):
        yield from self.parts.items()

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, name):
        """Return a part by its name or, for an int, by its position."""
        return list(self.parts.values())[name] if isinstance(name, int) else self.parts[name]

    def _segments(self):
        parts, length = list(self.parts.values()), self.segment
        if length is None:
            return parts
        whole_number("segment", length, least=1)
        segments = [Recompute(Sequential(*parts[i : i + length])) for i in range(0, len(parts), length)]
        for segment in segments:
            segment.input_gradient = all(part.input_gradient for part in segment.inner.parts.values())
        return segments

    def forward(self, x, *, train):
        caches = []
        for part in self._segments():
            x, cache = part.forward(x, train=train)
            caches.append(cache)
        return x, caches

    def backward(self, dy, cache):
        segments = self._segments()
        check_unused(cache, len(segments))
        for part in reversed(segments):
            dy = part.backward(dy, cache.pop())
            if not part.input_gradient:  # nothing before it learns
                cache.clear()
                return None
        return dy

    def predict(self, x):
        for part in self.parts.values():
            x = part.predict(x)
        return x

    def trace(self, x):
        steps, y = [], x
        for part in self._segments():
            steps.append(part.trace(y))
            y = steps[-1].y
        return Step(self, x, y, inside=tuple(steps))


class Residual(Layer):
    """y = after(branch(x) + shortcut(x)); without a shortcut x itself, without `after` the plain sum.

    x fans out into two paths, so its gradient is the sum of two gradients: one through the branch and one
    through the shortcut, where it arrives unchanged if that is the identity.
    He et al. 2016 (arXiv:1603.05027), equations 1 and 2: after is their f.
    """

    def __init__(self, branch, shortcut=None, after=None):
        self.branch = branch
        self.shortcut = Identity() if shortcut is None else shortcut
        self.after = Identity() if after is None else after
        check_layers(vars(self))

    def forward(self, x, *, train):
        branch, branch_cache = self.branch.forward(x, train=train)
        shortcut, shortcut_cache = self.shortcut.forward(x, train=train)
        y, _ = F.residual_add_forward(branch, shortcut)
        del branch, shortcut  # nothing remembers the summands
        y, after_cache = self.after.forward(y, train=train)
        return y, [branch_cache, shortcut_cache, after_cache]

    def backward(self, dy, cache):
        check_unused(cache, 3)
        dy = self.after.backward(dy, cache.pop())
        dbranch, dshortcut = F.residual_add_backward(dy, ())
        dx_shortcut = self.shortcut.backward(dshortcut, cache.pop())
        dx_branch = self.branch.backward(dbranch, cache.pop())
        return add(dx_branch, dx_shortcut)

    def predict(self, x):
        y, _ = F.residual_add_forward(self.branch.predict(x), self.shortcut.predict(x))
        return self.after.predict(y)

    def trace(self, x):
        branch, shortcut = self.branch.trace(x), self.shortcut.trace(x)
        check_shape("shortcut", shortcut.y, branch.y.shape, "that of the branch")
        after = self.after.trace(x.like(branch.y.shape))
        return Step(self, x, after.y, inside=(branch, shortcut, after), meets=True)


class Concat(Layer):
    """y = the branches' outputs side by side along the channels; dx is the sum of the branches' gradients."""

    def __init__(self, *branches, **named_branches):
        self.branches = {str(i): branch for i, branch in enumerate(branches)} | named_branches
        if not self.branches:
            raise ValueError("branches: expected at least one layer, got none")
        check_layers(self.branches)

    def children(self):
        yield from self.branches.items()

    def forward(self, x, *, train):
        ys, caches = zip(*(b.forward(x, train=train) for b in self.branches.values()), strict=True)
        y, cache = F.concat_forward(ys)
        return y, [*caches, cache]

    def backward(self, dy, cache):
        check_unused(cache, len(self.branches) + 1)
        dys = F.concat_backward(dy, cache.pop())
        dx = None
        for branch, dy in zip(reversed(self.branches.values()), reversed(dys), strict=True):
            dx_branch = branch.backward(dy, cache.pop())
            dx = dx_branch if dx is None else add(dx, dx_branch)
        return dx

    def predict(self, x):
        return F.concat_forward([branch.predict(x) for branch in self.branches.values()])[0]

    def trace(self, x):
        steps = tuple(branch.trace(x) for branch in self.branches.values())
        n, _, *rest = steps[0].y.shape
        for step in steps:
            check_shape("branch", step.y, (n, step.y.shape[1], *rest), "equal but for the channels")
        y = x.like((n, sum(step.y.shape[1] for step in steps), *rest))
        return Step(self, x, y, inside=steps, meets=True)


class Recompute(Layer):
    """The inner layer, remembering only its input: backward runs forward once more before it walks back.

    Memory for time. The second forward leaves no trace: running averages have moved once, and random masks
    are drawn from the generators' states of the first. Chen et al. 2016 (arXiv:1604.06174).
    """

    def __init__(self, inner):
        self.inner = inner
        check_layers(vars(self))

    def forward(self, x, *, train):
        states = self._generator_states()
        y, _ = self.inner.forward(x, train=train)
        return y, [(x, train, states)]

    def backward(self, dy, cache):
        check_unused(cache, 1)
        x, train, states = cache.pop()
        buffers = [(buffer.data, buffer.data.copy()) for _, buffer in self.inner.named_buffers()]
        now = self._generator_states()
        self._set_generator_states(states)
        _, inner_cache = self.inner.forward(x, train=train)
        self._set_generator_states(now)
        for live, saved in buffers:
            live[...] = saved
        return self.inner.backward(dy, inner_cache)

    def predict(self, x):
        return self.inner.predict(x)

    def trace(self, x):
        inner = self.inner.trace(x)
        return Step(self, x, inner.y, remembers=(x,), inside=(inner,), recomputes=True)

    def _generator_states(self):
        return [rng.bit_generator.state for _, rng in self.inner.named_generators()]

    def _set_generator_states(self, states):
        for (_, rng), state in zip(self.inner.named_generators(), states, strict=True):
            rng.bit_generator.state = state


class StochasticDepth(Residual):
    """A residual block whose branch is dropped for a whole mini-batch with probability 1 - survival.

    Training: y = after(gate * branch(x) + shortcut(x)), gate 1 with probability `survival`, else 0; a dropped
    branch is not even computed. Eval or frozen: y = after(survival * branch(x) + shortcut(x)).
    rng: the layer's own generator; checkpoints save its state.
    Huang et al. 2016 (arXiv:1603.09382), equations 2 and 5; `survival_probabilities` gives the linear rule.
    """

    def __init__(self, branch, shortcut=None, after=None, *, survival, rng):
        if not 0 < survival <= 1:
            raise ValueError(f"survival: expected a probability in (0, 1], got {survival}")
        check_generator(rng)
        super().__init__(branch, shortcut, after)
        self.survival, self.rng = float(survival), rng  # a NumPy float64 would turn float32 into float64

    def forward(self, x, *, train):
        draws = train and not self.frozen
        gate = float(self.rng.random() < self.survival) if draws else self.survival
        y, shortcut_cache = self.shortcut.forward(x, train=train)
        branch_cache = None
        if gate:
            branch, branch_cache = self.branch.forward(x, train=train)
            y, _ = F.residual_add_forward(branch * gate, y)
            del branch  # nothing remembers the summands
        y, after_cache = self.after.forward(y, train=train)
        return y, [(gate, branch_cache), shortcut_cache, after_cache]

    def backward(self, dy, cache):
        check_unused(cache, 3)
        dy = self.after.backward(dy, cache.pop())
        dx = self.shortcut.backward(dy, cache.pop())
        gate, branch_cache = cache.pop()
        return add(self.branch.backward(dy * gate, branch_cache), dx) if gate else dx

    def predict(self, x):
        y, _ = F.residual_add_forward(self.branch.predict(x) * self.survival, self.shortcut.predict(x))
        return self.after.predict(y)


def survival_probabilities(blocks, last=0.5):
    """Return the linear rule p_l = 1 - l/L * (1 - p_L) for l = 1 ... L = blocks, with p_L = last.

    Early blocks, on which all others build, survive more often. Huang et al. 2016, equation 4.
    """
    if blocks < 1 or not 0 < last <= 1:
        raise ValueError(f"expected at least 1 block and 0 < last <= 1, got {blocks} and {last}")
    return [1 - block / blocks * (1 - last) for block in range(1, blocks + 1)]


# -- for whoever writes another composite ------------------------------------------------------------------


def check_layers(parts):
    """Raise TypeError unless every part, {name: part}, is a Layer."""
    for name, part in parts.items():
        if not isinstance(part, Layer):
            what = f"the class {part.__name__}" if isinstance(part, type) else type(part).__name__
            raise TypeError(f"part {name}: expected a Layer, got {what}")


def add(a, b):
    """Return a + b: the gradients of a value's two uses."""
    return F.residual_add_forward(a, b)[0]


def check_unused(cache, length):
    """Raise unless cache is the list of that length that forward returned and no backward has emptied."""
    if not isinstance(cache, list):
        raise TypeError(f"cache: expected the list that forward returned, got {type(cache).__name__}")
    if not cache and length:
        raise RuntimeError(
            "this cache has been used up: the backward of a composite empties it to free memory; "
            "run forward again for another backward"
        )
    if len(cache) != length:
        raise ValueError(
            f"cache: expected {length} parts, got {len(cache)}: it is another layer's cache, or that of a "
            "backward that broke off"
        )
