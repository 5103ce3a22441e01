"""What combinators add to their parts: sums of gradients, freed caches, second runs, dropped branches."""

import copy
import math
import tracemalloc
import weakref

import numpy as np
import pytest

from minires import optim
from minires.layers import (
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    Identity,
    Layer,
    Linear,
    MaxPool2d,
    Recompute,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    StochasticDepth,
    freeze,
    survival_probabilities,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def gate(first):
    """A generator whose first draw opens (or closes) a gate of survival 0.5."""
    return rng(next(s for s in range(99) if (rng(s).random() < 0.5) == (first == "open")))


class Scale(Layer):
    """y = factor * x; counts how often it ran."""

    def __init__(self, factor):
        self.factor, self.forwards, self.backwards = factor, 0, 0

    def forward(self, x, *, train):
        self.forwards += 1
        return x * self.factor, ()

    def backward(self, dy, cache):
        self.backwards += 1
        return dy * self.factor


class Token:
    """Something that a weak reference can watch."""


class Remember(Layer):
    """The identity, whose cache is a Token; backward notes how many tokens still live."""

    def __init__(self, tokens, alive):
        self.tokens, self.alive = tokens, alive

    def forward(self, x, *, train):
        token = Token()
        self.tokens.append(weakref.ref(token))
        return x, (token,)

    def backward(self, dy, cache):
        self.alive.append(sum(token() is not None for token in self.tokens))
        return dy


X = np.array([[1.0, -2.0, 3.0]])
DY = np.array([[0.5, 7.0, -1.0]])


def both(layer, x=X, dy=DY, train=True):
    y, cache = layer.forward(x, train=train)
    return y, layer.backward(dy, cache)


# -- Sequential --------------------------------------------------------------------------------------


def test_sequential_runs_its_parts_in_order_and_backward_in_reverse():
    net = Sequential(Scale(2.0), Sigmoid(), Scale(3.0))
    y, dx = both(net)
    sigmoid = 1 / (1 + np.exp(-2 * X))
    # one rounding for each of five operations in float64
    np.testing.assert_allclose(y, 3 * sigmoid, rtol=1e-14)
    np.testing.assert_allclose(dx, DY * 3 * sigmoid * (1 - sigmoid) * 2, rtol=1e-12)


def test_parts_are_found_by_number_by_name_and_by_position():
    first, second, third = Scale(1.0), Scale(2.0), Scale(3.0)
    net = Sequential(first, second, last=third)
    assert len(net) == 3
    assert [name for name, _ in net.children()] == ["0", "1", "last"]
    assert net[1] is net["1"] is second
    assert net[-1] is net["last"] is third


def test_an_empty_sequential_is_the_identity():
    y, dx = both(Sequential())
    assert y is X and dx is DY


def test_a_part_that_is_no_layer_is_refused():
    with pytest.raises(TypeError, match="part 1: expected a Layer, got function"):
        Sequential(ReLU(), lambda x: x)
    with pytest.raises(TypeError, match="part norm: expected a Layer, got the class BatchNorm"):
        Sequential(norm=BatchNorm)


# -- Residual ----------------------------------------------------------------------------------------


def test_the_gradient_of_x_plus_x_is_two():
    y, dx = both(Residual(Identity()))
    np.testing.assert_array_equal(y, 2 * X)
    np.testing.assert_array_equal(dx, 2 * DY)


def test_the_backward_of_a_residual_block_is_the_sum_of_two_gradients():
    block = Residual(Sequential(Scale(3.0), Sigmoid()), Scale(-0.5), after=Scale(4.0))
    y, dx = both(block)
    sigmoid = 1 / (1 + np.exp(-3 * X))
    np.testing.assert_allclose(y, 4 * (sigmoid - 0.5 * X), rtol=1e-14)
    np.testing.assert_allclose(dx, 4 * DY * (3 * sigmoid * (1 - sigmoid) - 0.5), rtol=1e-12)


def test_after_comes_after_the_addition():
    block = Residual(Scale(-3.0), after=ReLU())
    y, dx = both(block)
    np.testing.assert_array_equal(y, np.maximum(-2 * X, 0))
    np.testing.assert_array_equal(dx, np.where(-2 * X > 0, -2 * DY, 0))


def test_a_dead_branch_leaves_the_gradient_as_it_was():
    """Where F(x) = 0 the block is the identity, forward and backward, through any number of blocks."""
    dead = Sequential(*(Residual(Scale(0.0)) for _ in range(50)))
    y, dx = both(dead)
    np.testing.assert_array_equal(y, X)
    np.testing.assert_array_equal(dx, DY)


def test_caller_s_arrays_are_not_written_into():
    x, dy = X.copy(), DY.copy()
    for block in (Residual(Identity()), Residual(Scale(2.0)), Concat(Identity(), Identity())):
        y, cache = block.forward(x, train=True)
        block.backward(dy if y.shape == dy.shape else np.concatenate([dy, dy], axis=1), cache)
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(dy, DY)


def test_branches_of_unlike_shapes_are_refused():
    block = Residual(Conv2d(3, 4, 3, padding=1, rng=rng()))
    with pytest.raises(ValueError, match="projection or a padded shortcut"):
        block.forward(np.zeros((1, 3, 4, 5), np.float32), train=True)


# -- Concat ------------------------------------------------------------------------------------------


def test_concat_joins_channels_and_adds_gradients():
    net = Concat(Scale(2.0), same=Identity(), minus=Scale(-1.0))
    y, cache = net.forward(X, train=True)
    np.testing.assert_array_equal(y, np.concatenate([2 * X, X, -X], axis=1))
    dy = np.concatenate([DY, 10 * DY, 100 * DY], axis=1)
    np.testing.assert_array_equal(net.backward(dy, cache), (2 + 10 - 100) * DY)
    assert [name for name, _ in net.children()] == ["0", "same", "minus"]
    np.testing.assert_array_equal(net.predict(X), y)


def test_concat_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one layer"):
        Concat()


def test_concat_sends_each_branch_its_own_channels():
    net = Concat(Linear(3, 2, bias=False, rng=rng()), Linear(3, 4, bias=False, rng=rng())).astype(np.float64)
    y, cache = net.forward(X, train=True)
    dy = rng(1).standard_normal(y.shape)
    net.backward(dy, cache)
    first, second = (p.grad for _, p in net.named_parameters())
    np.testing.assert_allclose(first, dy[:, :2].T @ X, rtol=1e-14)
    np.testing.assert_allclose(second, dy[:, 2:].T @ X, rtol=1e-14)


# -- depth and memory --------------------------------------------------------------------------------


def test_five_thousand_residual_blocks_need_no_recursion():
    def zero(shape, *, rng):
        return np.zeros(shape)

    net = Sequential(*(Residual(Linear(3, 3, bias=False, init=zero, rng=None)) for _ in range(5000)))
    y, dx = both(net)
    np.testing.assert_array_equal(y, X)
    np.testing.assert_array_equal(dx, DY)  # the gradient arrives at the first layer as it left the last
    names = [name for name, _ in net.named_parameters()]
    assert len(names) == 5000 and names[-1] == "4999.branch.weight"
    # every block sees the same x and the same dy
    np.testing.assert_array_equal(net[0].branch.weight.grad, DY.T @ X)
    np.testing.assert_array_equal(net[4999].branch.weight.grad, DY.T @ X)
    np.testing.assert_array_equal(net.predict(X), X)
    np.testing.assert_array_equal(Recompute(net).predict(X), X)
    net.load_state_dict(net.state_dict())
    freeze(net.astype(np.float32))


@pytest.mark.parametrize(
    "build",
    [
        lambda part: Sequential(*(part() for _ in range(6))),
        lambda part: Sequential(*(Residual(part(), part()) for _ in range(3))),
        lambda part: Residual(part(), Sequential(part(), part()), after=Sequential(part(), part(), part())),
        lambda part: Sequential(Concat(part(), Sequential(part(), part())), part(), part(), part()),
        lambda part: StochasticDepth(
            Sequential(part(), part(), part()), part(), Sequential(part(), part()), survival=1, rng=rng()
        ),
    ],
    ids=["Sequential", "Residual in Sequential", "Residual", "Concat", "StochasticDepth"],
)
def test_backward_frees_each_cache_before_it_asks_for_the_next(build):
    tokens, alive = [], []
    net = build(lambda: Remember(tokens, alive))
    y, cache = net.forward(X, train=True)
    assert all(token() is not None for token in tokens)
    net.backward(np.ones_like(y), cache)
    assert alive == [6, 5, 4, 3, 2, 1]
    assert all(token() is None for token in tokens)  # although `cache` is still held
    assert cache == []


def test_predict_remembers_nothing():
    tokens, alive = [], []
    parts = [Remember(tokens, alive) for _ in range(6)]
    blocks = (
        Residual(parts[0], parts[1]),
        Concat(parts[2], parts[3]),
        StochasticDepth(parts[4], survival=0.5, rng=rng()),
    )

    class Count(Layer):
        def forward(self, x, *, train):
            alive.append(sum(token() is not None for token in tokens))
            return x, ()

    Sequential(*blocks, parts[5], Recompute(Count())).predict(X)
    assert alive == [0]


def test_memory_falls_while_backward_runs():
    """Forty ReLUs remember forty arrays; their backward never needs more than was there, and leaves one."""
    x = rng().standard_normal((64, 1000))  # 512 kB
    net = Sequential(*(Residual(Scale(0.5), after=ReLU()) for _ in range(40)))
    dy = np.ones_like(x)
    net.backward(dy, net.forward(x, train=True)[1])  # warm the buffers that are reused
    tracemalloc.start()
    try:
        y, cache = net.forward(x, train=True)
        remembered = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        dx = net.backward(dy, cache)
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert remembered > 5 * x.nbytes
    # on top of the caches a block needs its dy, the two gradients, and their sum
    assert peak - remembered < 5 * x.nbytes
    assert left < y.nbytes + dx.nbytes + x.nbytes / 2


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_blocks_do_not_keep_the_summands(train):
    summands = []

    class Make(Layer):
        def forward(self, x, *, train):
            y = x.copy()
            summands.append(weakref.ref(y))
            return y, ()

    class Look(Layer):
        def forward(self, x, *, train):
            assert all(y() is None for y in summands)
            return x, ()

    Residual(Make(), Make(), after=Look()).forward(X, train=train)
    StochasticDepth(Make(), Make(), after=Look(), survival=1, rng=rng()).forward(X, train=train)
    assert len(summands) == 4


# -- Recompute ---------------------------------------------------------------------------------------


def block(seed=0):
    """conv - norm - relu - dropout - conv - norm beside a shortcut, then dropout again."""
    draw = rng(seed)
    branch = Sequential(
        Conv2d(3, 4, 3, padding=1, bias=False, rng=draw),
        BatchNorm(4),
        ReLU(),
        Dropout(0.7, rng=draw),
        Conv2d(4, 3, 3, padding=1, bias=False, rng=draw),
        BatchNorm(3),
    )
    return Sequential(Residual(branch, after=ReLU()), Dropout(0.8, rng=rng(seed + 1)))


def train_steps(net, generators, steps=3, train=True):
    """Return all bits that some training steps leave behind."""
    optimiser = optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9)
    bits = []
    for number in range(steps):
        x, dy = rng(number).standard_normal((2, 2, 3, 4, 5)).astype(np.float32)
        optimiser.zero_grad()
        y, cache = net.forward(x, train=train)
        dx = net.backward(dy, cache)
        bits += [y.tobytes(), dx.tobytes(), *(p.grad.tobytes() for _, p in net.named_parameters())]
        bits += [generator.bit_generator.state for generator in generators]
        bits += [buffer.data.tobytes() for _, buffer in net.named_buffers()]
        optimiser.step()
    return bits


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_recompute_leaves_the_very_bits_of_the_plain_run(train):
    """Gradients, running averages (moved once) and the generators' ends (masks repeat) of three steps."""
    plain, again = block(), block()
    generators = [[generator for _, generator in net.named_generators()] for net in (plain, again)]
    assert len(generators[0]) == 2
    expected = train_steps(plain, generators[0], train=train)
    assert train_steps(Recompute(again), generators[1], train=train) == expected


def test_recompute_inside_of_recompute_leaves_the_same_bits():
    plain, again = block(), block()
    nested = Recompute(Sequential(Recompute(again[0]), Recompute(again[1])))
    expected = train_steps(plain, [g for _, g in plain.named_generators()])
    assert train_steps(nested, [g for _, g in again.named_generators()]) == expected


def test_recomputes_that_share_a_generator_repeat_their_own_masks():
    """Between a part's forward and backward others draw from its generator, which ends where they left it."""
    x, dy = np.ones((4, 9)), rng(1).standard_normal((4, 9))
    plain, again = rng(5), rng(5)
    y, dx = both(Sequential(*(Dropout(0.5, rng=plain) for _ in range(3))), x, dy)
    y_again, dx_again = both(Sequential(*(Recompute(Dropout(0.5, rng=again)) for _ in range(3))), x, dy)
    np.testing.assert_array_equal(y_again, y)
    np.testing.assert_array_equal(dx_again, dx)
    assert again.bit_generator.state == plain.bit_generator.state


def test_recompute_remembers_its_input_only_and_runs_twice():
    tokens, alive = [], []
    inner = Scale(2.0)
    net = Recompute(Sequential(inner, Remember(tokens, alive)))
    y, cache = net.forward(X, train=True)
    assert inner.forwards == 1 and tokens[0]() is None
    assert cache[0][0] is X
    np.testing.assert_array_equal(net.backward(DY, cache), 2 * DY)
    assert inner.forwards == 2 and inner.backwards == 1
    with pytest.raises(RuntimeError, match="used up"):
        net.backward(DY, cache)


def test_recompute_names_its_layers_inner():
    assert [n for n, _ in Recompute(Linear(2, 2, rng=rng())).named_parameters()] == [
        "inner.weight",
        "inner.bias",
    ]


# -- StochasticDepth ---------------------------------------------------------------------------------


def test_an_open_gate_is_a_residual_block():
    branch = Scale(3.0)
    net = StochasticDepth(branch, survival=0.5, after=Scale(2.0), rng=gate("open"))
    y, dx = both(net)
    np.testing.assert_array_equal(y, 2 * (3 * X + X))
    np.testing.assert_array_equal(dx, 2 * (3 * DY + DY))


def test_a_closed_gate_runs_the_shortcut_alone():
    branch = Scale(3.0)
    net = StochasticDepth(branch, Scale(5.0), after=Scale(2.0), survival=0.5, rng=gate("closed"))
    y, dx = both(net)
    np.testing.assert_array_equal(y, 2 * 5 * X)
    np.testing.assert_array_equal(dx, 2 * 5 * DY)
    assert branch.forwards == branch.backwards == 0


def test_a_closed_gate_moves_nothing_in_the_branch():
    branch = Sequential(Linear(3, 3, rng=rng()), BatchNorm(3))
    net = StochasticDepth(branch, survival=0.5, rng=gate("closed"))
    before = {name: array.copy() for name, array in net.state_dict().items()}
    x, dy = rng(1).standard_normal((2, 4, 3)).astype(np.float32)
    both(net, x, dy)
    assert not any(parameter.grad.any() for _, parameter in net.named_parameters())
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    for _ in range(20):  # some of the next gates open, and everything moves
        both(net, x, dy)
    assert branch[0].weight.grad.any() and branch[1].running_mean.data.any()


def test_the_gate_is_drawn_once_for_each_mini_batch():
    net = StochasticDepth(Scale(1.0), survival=0.7, rng=rng(3))
    x = np.ones((8, 3))
    outputs = [net.forward(x, train=True)[0] for _ in range(300)]
    assert all((y == y[0, 0]).all() for y in outputs)  # the images of a batch share it
    gates = [y[0, 0] == 2 for y in outputs]
    assert gates == (rng(3).random(300) < 0.7).tolist()  # P(open) is the survival, draw by draw


def test_eval_mode_scales_the_branch_by_its_survival():
    net = StochasticDepth(Scale(3.0), Scale(5.0), after=Scale(2.0), survival=0.25, rng=rng())
    state = net.rng.bit_generator.state
    y, dx = both(net, train=False)
    np.testing.assert_array_equal(y, 2 * (0.25 * 3 + 5) * X)
    np.testing.assert_array_equal(dx, 2 * (0.25 * 3 + 5) * DY)
    np.testing.assert_array_equal(net.predict(X), y)
    frozen, _ = both(freeze(net))
    np.testing.assert_array_equal(frozen, y)
    assert net.rng.bit_generator.state == state


def test_eval_mode_is_the_expectation_of_training():
    net = StochasticDepth(Scale(1.0), survival=0.7, rng=rng(3))
    x = np.ones((1, 1))
    mean = np.mean([net.forward(x, train=True)[0].item() for _ in range(2000)])
    # 2,000 gates: the mean has the standard deviation sqrt(0.21 / 2000) = 0.01
    assert abs(mean - net.predict(x).item()) < 0.04


def test_a_survival_of_one_never_drops():
    net = StochasticDepth(Scale(1.0), survival=1, rng=rng())
    assert all(net.forward(X, train=True)[0][0, 0] == 2 for _ in range(50))


def test_survival_falls_in_a_straight_line():
    assert survival_probabilities(4) == [0.875, 0.75, 0.625, 0.5]
    assert survival_probabilities(2, last=0.8) == pytest.approx([0.9, 0.8], abs=1e-15)
    assert survival_probabilities(3, last=1) == [1, 1, 1]
    for arguments in ((0,), (3, 0), (3, 1.5)):
        with pytest.raises(ValueError, match="at least 1 block"):
            survival_probabilities(*arguments)


def test_resnet_110_has_40_blocks_in_expectation():
    """54 blocks with p_L = 0.5: E[depth] = (3L - 1) / 4 = 40.25 (Huang et al. 2016, section 3)."""
    survival = np.array(survival_probabilities(54))
    assert math.isclose(survival.sum(), (3 * 54 - 1) / 4, rel_tol=1e-14)
    # drawn as the blocks draw; the mean of 10,000 depths has the standard deviation 0.03
    depths = (rng(4).random((10_000, 54)) < survival).sum(axis=1)
    assert abs(depths.mean() - 40.25) < 0.1


def test_the_depth_of_real_blocks_is_what_the_rule_expects():
    draw = rng(6)
    branches = [Scale(0.0) for _ in range(54)]
    rates = survival_probabilities(54)
    net = Sequential(
        *(StochasticDepth(b, survival=p, rng=draw) for b, p in zip(branches, rates, strict=True))
    )
    for _ in range(300):
        net.forward(X, train=True)
    # 300 depths of standard deviation 3: 0.17
    assert abs(sum(branch.forwards for branch in branches) / 300 - 40.25) < 0.7
    assert branches[0].forwards > branches[-1].forwards


@pytest.mark.parametrize("survival", [0, -0.1, 1.1])
def test_survival_must_be_a_probability(survival):
    with pytest.raises(ValueError, match="survival: expected a probability"):
        StochasticDepth(Identity(), survival=survival, rng=rng())


def test_the_gate_needs_a_generator():
    with pytest.raises(TypeError, match="rng: expected numpy.random.default_rng"):
        StochasticDepth(Identity(), survival=0.5, rng=0)


# -- all of them -------------------------------------------------------------------------------------


def test_composites_can_be_copied_and_the_copies_are_apart():
    net = Sequential(
        block(), StochasticDepth(Conv2d(3, 3, 1, rng=rng()), survival=0.5, rng=rng()), MaxPool2d(2)
    )
    twin = copy.deepcopy(net)
    x = rng(1).standard_normal((2, 3, 4, 5)).astype(np.float32)
    first, _ = net.forward(x, train=True)
    second, _ = twin.forward(x, train=True)
    np.testing.assert_array_equal(first, second)
    assert not {id(a) for a in net.state_dict().values()} & {id(a) for a in twin.state_dict().values()}


def test_a_cache_of_another_network_is_refused():
    _, cache = Sequential(ReLU(), ReLU()).forward(X, train=True)
    with pytest.raises(ValueError, match="another layer's cache"):
        Sequential(ReLU(), ReLU(), ReLU()).backward(DY, cache)


@pytest.mark.parametrize("build", [lambda: Residual(BatchNorm), lambda: Concat(3), lambda: Recompute(None)])
def test_every_combinator_refuses_what_is_no_layer(build):
    with pytest.raises(TypeError, match="expected a Layer, got"):
        build()


def test_stochastic_depth_keeps_float32_with_a_survival_of_numpy():
    survival = survival_probabilities(3, last=np.float64(0.5))[-1]
    block = StochasticDepth(ReLU(), survival=survival, rng=np.random.default_rng(0))
    x = np.ones((2, 3), np.float32)
    for train in (True, False):
        y, cache = block.forward(x, train=train)
        assert y.dtype == block.backward(x, cache).dtype == np.float32


def test_what_is_no_cache_of_this_layer_is_refused_for_what_it_is():
    net = Sequential(ReLU(), ReLU())
    y, cache = net.forward(X, train=True)
    with pytest.raises(TypeError, match="cache: expected the list that forward returned, got ndarray"):
        net.backward(cache, DY)
    with pytest.raises(ValueError, match="another layer's cache"):
        net.backward(DY, Sequential(ReLU()).forward(X, train=True)[1])


@pytest.mark.parametrize("length", [0, -1, 1.5])
def test_a_segment_has_at_least_one_part(length):
    net = Sequential(ReLU(), ReLU())
    net.segment = length
    with pytest.raises(ValueError, match="segment: expected an integer >= 1"):
        net.forward(np.ones((2, 3)), train=True)
