"""The probe sees every layer, in order, changes nothing, and finds where a number stops being finite."""

import types

import numpy as np
import pytest

from minires import models, probe
from minires.layers import (
    BatchNorm,
    Concat,
    Conv2d,
    Identity,
    Layer,
    Linear,
    Recompute,
    ReLU,
    Residual,
    Sequential,
)
from minires.train import parameters_only


def rng(seed=0):
    return np.random.default_rng(seed)


class Log(probe.Observer):
    """Writes down every call."""

    def __init__(self):
        self.calls = []

    def before(self, name, layer):
        self.calls.append(("before", name))

    def forward(self, name, layer, x, y):
        self.calls.append(("forward", name))

    def backward(self, name, layer, dy, dx):
        self.calls.append(("backward", name))

    def of(self, kind):
        return [name for called, name in self.calls if called == kind]


def network():
    return Sequential(
        conv=Conv2d(2, 3, (3, 1), padding=1, rng=rng()), block=Residual(BatchNorm(3), after=ReLU())
    )


def x_and_dy(net, seed=1):
    x = rng(seed).standard_normal((2, 2, 4, 3)).astype(np.float32)
    dy = rng(seed + 1).standard_normal(net.predict(x).shape).astype(np.float32)
    return x, dy


def step(net, x, dy):
    net.zero_grad()
    y, cache = net.forward(x, train=True)
    dx = net.backward(dy, cache)
    return [y, dx, *(p.grad.copy() for _, p in net.named_parameters())]


def own_methods(net):
    return [
        method
        for _, layer in net.named_layers()
        for method in ("forward", "backward")
        if method in vars(layer)
    ]


def test_every_layer_is_seen_once_each_way_inner_ones_first():
    net, log = network(), Log()
    x, dy = x_and_dy(net)
    with probe.watch(net, log) as observer:
        step(net, x, dy)
    assert observer is log
    assert log.of("forward") == ["conv", "block.branch", "block.shortcut", "block.after", "block", ""]
    assert log.of("backward") == ["block.after", "block.shortcut", "block.branch", "block", "conv", ""]
    assert log.calls[:3] == [("before", ""), ("before", "conv"), ("forward", "conv")]


def test_where_only_parameters_gradients_are_asked_for_the_first_layers_dx_is_none():
    class Gradients(probe.Observer):
        def __init__(self):
            self.of = {}

        def backward(self, name, layer, dy, dx):
            self.of[name] = dx

    net, gradients = network(), Gradients()
    x, dy = x_and_dy(net)
    with probe.watch(net, gradients), probe.watch(net, probe.FirstNonFinite()) as first:
        with parameters_only(net):
            net.backward(dy, net.forward(x, train=True)[1])
    assert [name for name, dx in gradients.of.items() if dx is None] == ["conv", ""]
    assert list(gradients.of) == ["block.after", "block.shortcut", "block.branch", "block", "conv", ""]
    assert first.found is None and not own_methods(net)


def test_observers_get_the_very_arrays_of_the_layers():
    net, x = Sequential(relu=ReLU(), linear=Linear(3, 2, rng=rng())), np.ones((4, 3), np.float32)
    seen = {}

    class Keep(probe.Observer):
        def forward(self, name, layer, x, y):
            seen["forward " + name] = layer, x, y

        def backward(self, name, layer, dy, dx):
            seen["backward " + name] = layer, dy, dx

    with probe.watch(net, Keep()):
        y, cache = net.forward(x, train=True)
        dy = np.ones_like(y)
        dx = net.backward(dy, cache)
    assert seen["forward "] == (net, x, y) and seen["backward "] == (net, dy, dx)
    assert seen["forward relu"][1] is x and seen["forward relu"][2] is seen["forward linear"][1]
    assert seen["forward linear"][0] is net["linear"] and seen["forward linear"][2] is y
    assert seen["backward linear"][1] is dy and seen["backward linear"][2] is seen["backward relu"][1]
    assert seen["backward relu"][2] is dx


def test_watching_changes_no_bit():
    plain, watched = network(), network()
    expected = step(plain, *x_and_dy(plain))
    with probe.watch(watched, probe.Observer()):
        found = step(watched, *x_and_dy(plain))
    for a, b in zip(found, expected, strict=True):
        assert a.tobytes() == b.tobytes()


def test_afterwards_the_network_is_as_it_was_also_after_an_error():
    net, log = network(), Log()
    assert own_methods(net) == []
    with probe.watch(net, log):
        assert own_methods(net) == ["forward", "backward"] * 6
    assert own_methods(net) == []
    with pytest.raises(ValueError, match="x"):
        with probe.watch(net, log):
            net.forward(np.zeros((1, 5, 4, 4), np.float32), train=True)
    assert own_methods(net) == []
    calls = len(log.calls)
    step(net, *x_and_dy(net))
    assert len(log.calls) == calls


def test_parameters_keep_their_names_while_watched():
    net = network()
    names = [name for name, _ in net.named_parameters()]
    with probe.watch(net, probe.Observer()):
        assert [name for name, _ in net.named_parameters()] == names


def test_watches_can_be_nested_and_end_one_by_one():
    net, outer, inner = network(), Log(), Log()
    x, dy = x_and_dy(net)
    with probe.watch(net, outer):
        with probe.watch(net["block"], inner):
            step(net, x, dy)
        step(net, x, dy)
    assert inner.of("forward") == ["branch", "shortcut", "after", ""]
    assert outer.of("forward") == 2 * ["conv", "block.branch", "block.shortcut", "block.after", "block", ""]
    assert own_methods(net) == []


def test_a_layer_at_two_places_is_reported_by_its_first_name_once_a_use():
    shared, log = ReLU(), Log()
    net = Sequential(first=shared, middle=Identity(), second=shared)
    with probe.watch(net, log):
        step(net, np.ones((1, 2), np.float32), np.ones((1, 2), np.float32))
    assert log.of("forward") == ["first", "middle", "first", ""]
    assert own_methods(net) == []


def test_recompute_shows_its_second_forward():
    net, log = Recompute(Sequential(relu=ReLU())), Log()
    with probe.watch(net, log):
        step(net, np.ones((1, 2), np.float32), np.ones((1, 2), np.float32))
    assert log.of("forward") == ["inner.relu", "inner", "", "inner.relu", "inner"]
    assert log.of("backward") == ["inner.relu", "inner", ""]


# -- FirstNonFinite ----------------------------------------------------------------------------------


class Spoil(Layer):
    """The identity, until told to spoil its output or its gradient with a value."""

    def __init__(self, output=0.0, gradient=0.0):
        self.output, self.gradient = output, gradient

    def forward(self, x, *, train):
        return x + np.float32(self.output), ()

    def backward(self, dy, cache):
        return dy + np.float32(self.gradient)


def search(net, x=None, dy=None):
    x = np.ones((2, 3), np.float32) if x is None else x
    with probe.watch(net, probe.FirstNonFinite()) as search:
        step(net, x, np.ones_like(net.predict(x)) if dy is None else dy)
    return search.found


def test_a_finite_network_has_no_finding():
    assert search(Sequential(Linear(3, 3, rng=rng()), ReLU())) is None


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_the_first_layer_whose_output_is_not_finite_is_named(value):
    net = Sequential(
        linear=Linear(3, 3, rng=rng()),
        block=Residual(Sequential(ReLU(), Spoil(output=value))),
        last=Spoil(np.nan),
    )
    found = search(net)
    assert (found.name, found.layer) == ("block.branch.1", net["block"].branch[1])
    assert str(found) == "the output of block.branch.1 (Spoil)"


def test_the_first_layer_of_backward_whose_gradient_is_not_finite_is_named():
    net = Sequential(Spoil(gradient=np.nan), Concat(Spoil(gradient=np.inf), Identity()), Spoil())
    found = search(net)
    assert str(found) == "the gradient with respect to the input of 1.0 (Spoil)"


def test_a_parameters_gradient_that_overflows_is_named():
    """x * dy overflows float32, dx does not."""
    net = Sequential(linear=Linear(3, 3, rng=rng()))
    x, dy = np.full((2, 3), 1e30, np.float32), np.full((2, 3), 1e20, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        found = search(net, x, dy)
    assert str(found) == "the gradient of weight of linear (Linear)"


def test_the_whole_network_has_a_name_too():
    assert str(search(Spoil(output=np.nan))) == "the output of the network (Spoil)"


def test_the_first_finding_stays():
    net = Sequential(Spoil(output=np.nan), Spoil(gradient=np.nan))
    assert search(net).name == "0"


# -- Stopwatch ---------------------------------------------------------------------------------------


class Sleep(Layer):
    """Takes so many seconds forward and twice as many backward, on a clock that nothing else moves."""

    def __init__(self, seconds, clock):
        self.seconds, self.clock = seconds, clock

    def forward(self, x, *, train):
        self.clock.now += self.seconds
        return x, ()

    def backward(self, dy, cache):
        self.clock.now += 2 * self.seconds
        return dy


def test_the_stopwatch_gives_every_layer_its_own_time(monkeypatch):
    clock = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr(probe, "time", types.SimpleNamespace(perf_counter=lambda: clock.now))
    net = Sequential(short=Sleep(1, clock), block=Residual(Sleep(3, clock)))
    x = np.ones((1, 2), np.float32)
    with probe.watch(net, probe.Stopwatch()) as watch:
        step(net, x, x)
        step(net, x, x)
    # two steps; a composite's own time leaves out that of its parts, and nothing is counted twice
    nothing = [0.0, 0.0]
    assert watch.seconds == {
        "short": [2, 4],
        "block.branch": [6, 12],
        "block.shortcut": nothing,
        "block.after": nothing,
        "block": nothing,
        "": nothing,
    }
    assert list(watch.seconds) == ["short", "block.branch", "block.shortcut", "block.after", "block", ""]


def test_all_layers_of_a_model_are_timed():
    net = models.build("resnet8", rng=rng())
    x = rng().standard_normal((2, 3, 8, 8)).astype(np.float32)
    with probe.watch(net, probe.Stopwatch()) as watch:
        step(net, x, np.ones((2, 10), np.float32))
    assert set(watch.seconds) == {name for name, _ in net.named_layers()}
    assert all(forward > 0 and backward > 0 for forward, backward in watch.seconds.values())


def test_statistics_are_those_of_every_layers_output_and_gradients():
    draw = rng()
    net = Sequential(Linear(6, 5, rng=draw), ReLU(), Linear(5, 3, rng=draw))
    net[0].bias.data[1] = -100  # this unit is dead
    x = draw.standard_normal((40, 6)).astype(np.float32)
    with probe.watch(net, probe.Statistics()) as seen:
        y, cache = net.forward(x, train=True)
        dy = draw.standard_normal(y.shape).astype(np.float32)
        dx = net.backward(dy, cache)
    hidden = np.maximum(x @ net[0].weight.data.T + net[0].bias.data, 0)
    assert seen["1"]["mean"] == pytest.approx(hidden.mean(), rel=1e-5)
    assert seen["1"]["variance"] == pytest.approx(hidden.var(), rel=1e-5)
    assert seen["1"]["mean_square"] == pytest.approx((hidden**2).mean(), rel=1e-5)
    assert seen["1"]["dead"] == pytest.approx(1 / 5) and seen["0"]["dead"] == 0
    assert seen["2"]["dy_norm"] == pytest.approx(np.linalg.norm(dy), rel=1e-5)
    assert seen["0"]["dx_norm"] == pytest.approx(np.linalg.norm(dx), rel=1e-5)
    assert seen["0"]["dx_variance"] == pytest.approx(dx.var(), rel=1e-5)
    assert seen["1"]["dy_norm"] == seen["2"]["dx_norm"]


def test_a_series_runs_through_the_layers_of_one_class_in_the_order_of_their_forwards():
    draw = rng()
    net = Residual(Sequential(Conv2d(2, 2, 3, padding=1, rng=draw), BatchNorm(2), ReLU()), after=ReLU())
    with probe.watch(net, probe.Statistics()) as seen:
        net.forward(draw.standard_normal((4, 2, 5, 5)).astype(np.float32), train=True)
    assert seen.names(ReLU) == ["branch.2", "after"]
    assert seen.series("dead", ReLU) == [seen["branch.2"]["dead"], seen["after"]["dead"]]
    with pytest.raises(ValueError, match="'dx_norm' was not recorded for branch.2, after"):
        seen.series("dx_norm", ReLU)
    with pytest.raises(ValueError, match="no Linear has run"):
        seen.series("mean", Linear)


def test_where_only_parameters_gradients_were_asked_for_there_is_no_dx():
    draw = rng()
    net = Sequential(Linear(3, 2, rng=draw))
    with probe.watch(net, probe.Statistics()) as seen:
        y, cache = net.forward(draw.standard_normal((4, 3)).astype(np.float32), train=True)
        with parameters_only(net):
            net.backward(np.ones_like(y), cache)
    assert "dx_norm" not in seen[""]


def test_a_channel_is_dead_only_if_it_is_0_at_every_place_of_every_image():
    x = np.ones((2, 3, 4, 4), np.float32)
    x[:, 0], x[:, 1, 0], x[0, 2] = 0, 0, 0  # all of it, a row, one image
    net = Sequential(Identity())
    with probe.watch(net, probe.Statistics()) as seen:
        net.forward(x, train=True)
    assert seen["0"]["dead"] == pytest.approx(1 / 3)


def test_a_second_run_overwrites_the_statistics_and_heads_have_none():
    net = Sequential(Identity())
    with probe.watch(net, probe.Statistics()) as seen:
        for value in (1, 2):
            net.forward(np.full((2, 3), value, np.float32), train=True)
        seen.forward("heads", Identity(), None, (np.ones(2), np.ones(2)))
        seen.backward("0", net[0], (np.ones(2), np.ones(2)), np.full(4, 3.0))
    assert seen["0"]["mean"] == 2 and seen["0"]["dx_norm"] == 6 and "dy_norm" not in seen["0"]
    assert seen.names() == ["0", ""]


def test_a_layer_that_runs_again_moves_to_the_end():
    net = Sequential(Identity(), Identity())
    with probe.watch(net, probe.Statistics()) as seen:
        net.forward(np.ones((2, 3), np.float32), train=True)
        net[0].forward(np.ones((2, 3), np.float32), train=True)
    assert seen.names() == ["1", "", "0"]


def test_statistics_of_a_constant_and_of_numbers_whose_squares_are_no_float32():
    from minires.layers import Identity

    for x in (np.full((1000, 3), 1000.1, np.float32), np.full((2, 2), 1e30, np.float32)):
        layer = Identity()
        with probe.watch(layer, probe.Statistics()) as seen:
            y, cache = layer.forward(x, train=True)
            layer.backward(y, cache)
        assert seen[""]["variance"] == seen[""]["dy_variance"] == 0
        # 1e-12: sums in float64
        assert abs(seen[""]["mean"] / float(x[0, 0]) - 1) < 1e-12
        assert abs(seen[""]["dy_norm"] / (float(x[0, 0]) * x.size**0.5) - 1) < 1e-12


class SeveralAnswers(Layer):
    """Its forward takes more than x, and its answer is a tuple with a tuple and a None in it."""

    def forward(self, x, *, train, factor=1.0):
        return (x, None, (factor * x, x)), ()

    def backward(self, dy, cache):
        return dy[0]


def test_a_layer_whose_forward_takes_more_and_gives_several_answers_is_watched():
    layer, x = SeveralAnswers(), np.ones(3)
    with probe.watch(layer, probe.FirstNonFinite()) as first:
        (_, _, (scaled, _)), _ = layer.forward(x, train=True, factor=2.0)
    assert scaled.tolist() == [2, 2, 2] and first.found is None
    with probe.watch(layer, probe.FirstNonFinite()) as first:
        layer.forward(x, train=True, factor=np.inf)
    assert str(first.found) == "the output of the network (SeveralAnswers)"
