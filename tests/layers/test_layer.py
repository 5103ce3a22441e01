"""Names, state and freezing of all layers, and what single layers promise beyond the contract."""

import numpy as np
import pytest
from optional_torch import import_torch

import minires.functional as F
from minires import init, layers, optim
from minires.layers import (
    BatchNorm,
    Buffer,
    Conv2d,
    Dropout,
    Layer,
    Linear,
    MaxPool2d,
    PadShortcut,
    Parameter,
    Recompute,
    ReLU,
    Residual,
    Sequential,
    freeze,
)
from minires.train import parameters_only


def rng(seed=0):
    return np.random.default_rng(seed)


def network(seed=0):
    """conv - norm - residual(conv - norm) - relu, with names and numbers mixed."""
    draw = rng(seed)
    inner = Sequential(Conv2d(4, 4, 3, padding=1, rng=draw), BatchNorm(4))
    return Sequential(
        conv=Conv2d(3, 4, (3, 2), stride=2, padding=1, rng=draw),
        norm=BatchNorm(4),
        block=Residual(inner),
        relu=ReLU(),
    )


IMAGES = rng(1).standard_normal((2, 3, 5, 6)).astype(np.float32)


def step(net, x, seed=0):
    """One training step of net on x with momentum and weight decay."""
    optimiser = optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    y, cache = net.forward(x, train=True)
    dx = net.backward(rng(seed).standard_normal(y.shape).astype(y.dtype), cache)
    optimiser.step()
    return dx


# -- names -------------------------------------------------------------------------------------------


def test_names_are_dotted_paths_in_definition_order():
    net = network()
    assert [name for name, _ in net.named_parameters()] == [
        "conv.weight",
        "conv.bias",
        "norm.gamma",
        "norm.beta",
        "block.branch.0.weight",
        "block.branch.0.bias",
        "block.branch.1.gamma",
        "block.branch.1.beta",
    ]
    assert [name for name, _ in net.named_buffers()] == [
        "norm.running_mean",
        "norm.running_var",
        "block.branch.1.running_mean",
        "block.branch.1.running_var",
    ]
    assert [name for name, _ in net.named_layers()] == [
        "",
        "conv",
        "norm",
        "block",
        "block.branch",
        "block.branch.0",
        "block.branch.1",
        "block.shortcut",
        "block.after",
        "relu",
    ]
    assert [name for name, _ in net.named_layers("net")][:2] == ["net", "net.conv"]


def test_a_layer_of_ones_own_registers_by_assignment():
    class Twice(Layer):
        def __init__(self):
            self.second = Linear(2, 2, rng=rng())
            self.scale = Parameter(np.ones(2, np.float32))
            self.first = Linear(2, 2, bias=False, rng=rng())
            self.count = Buffer(np.zeros(1, np.float32))
            self.note = "not an array"

    layer = Twice()
    assert [n for n, _ in layer.named_parameters()] == [
        "scale",
        "second.weight",
        "second.bias",
        "first.weight",
    ]
    assert [n for n, _ in layer.named_buffers()] == ["count"]
    with pytest.raises(NotImplementedError, match="Twice has no forward"):
        layer.forward(IMAGES, train=True)
    with pytest.raises(NotImplementedError, match="Twice has no backward"):
        layer.backward(IMAGES, ())


def test_named_generators_finds_every_generator_once_whatever_its_attribute_is_called():
    class Noise(Layer):
        def __init__(self, generator):
            self.noise_generator = generator

    draw, other = rng(), rng()
    net = Sequential(Dropout(rng=draw), ReLU(), inner=Sequential(Dropout(rng=draw), Noise(other)))
    found = [(name, id(generator)) for name, generator in net.named_generators()]
    assert found == [("0.rng", id(draw)), ("inner.1.noise_generator", id(other))]


# -- gradients ---------------------------------------------------------------------------------------


def test_zero_grad_clears_in_place():
    net = network()
    step(net, IMAGES)
    gradients = [p.grad for _, p in net.named_parameters()]
    assert all(gradient.any() for gradient in gradients[:1])
    net.zero_grad()
    assert not any(gradient.any() for gradient in gradients)
    assert all(p.grad is gradient for (_, p), gradient in zip(net.named_parameters(), gradients, strict=True))


def test_a_layer_that_stands_at_two_places_collects_both_gradients():
    shared = Linear(3, 3, bias=False, rng=rng())
    shared.astype(np.float64)
    weight = shared.weight.data
    x, dy = rng(2).standard_normal((2, 4, 3))
    net = Sequential(first=shared, second=shared)
    y, cache = net.forward(x, train=True)
    np.testing.assert_allclose(y, x @ weight.T @ weight.T, rtol=1e-12)
    dx = net.backward(dy, cache)
    np.testing.assert_allclose(dx, dy @ weight @ weight, rtol=1e-12)
    expected = dy.T @ (x @ weight.T) + (dy @ weight).T @ x  # the second use's and the first use's
    np.testing.assert_allclose(shared.weight.grad, expected, rtol=1e-12)


# -- state -------------------------------------------------------------------------------------------


def test_state_dict_holds_the_live_arrays_of_parameters_and_buffers():
    net = network()
    state = net.state_dict()
    assert len(state) == 8 + 4
    assert state["conv.weight"] is net["conv"].weight.data
    assert state["norm.running_var"] is net["norm"].running_var.data
    assert list(state)[:6] == [
        "conv.weight",
        "conv.bias",
        "norm.gamma",
        "norm.beta",
        "norm.running_mean",
        "norm.running_var",
    ]


def test_loading_lists_all_problems_together_and_changes_nothing():
    net, state = network(), network(seed=1).state_dict()
    before = {name: array.copy() for name, array in net.state_dict().items()}
    del state["norm.gamma"]
    state["conv.weight"] = state["conv.weight"][:, :1]
    state["block.branch.2.weight"] = np.zeros(3)
    with pytest.raises(ValueError) as caught:
        net.load_state_dict(state)
    message = str(caught.value)
    assert "missing: norm.gamma" in message
    assert "unexpected: block.branch.2.weight" in message
    assert "misshapen: conv.weight is (4, 1, 3, 2), expected (4, 3, 3, 2)" in message
    assert len(message.splitlines()) == 4
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_shape_that_would_broadcast_is_misshapen():
    norm = BatchNorm(3)
    with pytest.raises(ValueError, match=r"misshapen: gamma is \(1,\), expected \(3,\)"):
        norm.load_state_dict({**norm.state_dict(), "gamma": np.zeros(1, np.float32)})


def test_loading_copies_and_keeps_arrays_and_dtype():
    net, other = network(), network(seed=1)
    weight = net["conv"].weight.data
    other.astype(np.float64)
    net.load_state_dict(other.state_dict())
    assert net["conv"].weight.data is weight and weight.dtype == np.float32
    np.testing.assert_array_equal(weight, other["conv"].weight.data.astype(np.float32))
    other["conv"].weight.data.fill(7)
    assert not (weight == 7).any()


def test_astype_converts_parameters_gradients_and_buffers():
    net = network()
    step(net, IMAGES)
    weight = net["conv"].weight.data.copy()
    assert net.astype(np.float64) is net
    arrays = [a for _, p in net.named_parameters() for a in (p.data, p.grad)]
    assert {a.dtype for a in [*arrays, *(b.data for _, b in net.named_buffers())]} == {np.dtype(np.float64)}
    np.testing.assert_array_equal(net["conv"].weight.data, weight)
    assert net["conv"].weight.grad.any()


def test_parameters_are_float32_unless_asked():
    net = network()
    assert {array.dtype for array in net.state_dict().values()} == {np.dtype(np.float32)}


# -- freezing ----------------------------------------------------------------------------------------


def test_frozen_layers_keep_every_bit_while_gradients_flow_through_them():
    net = network()
    assert freeze(net["block"]) is net["block"]
    before = {name: array.copy() for name, array in net.state_dict().items()}
    for seed in range(3):
        dx = step(net, IMAGES, seed)
    assert dx.any()
    for name, array in net.state_dict().items():
        unmoved = array.tobytes() == before[name].tobytes()
        assert unmoved == name.startswith("block."), name


def test_a_frozen_layer_runs_as_in_eval_mode_in_both_modes():
    net = network()
    net["block"].branch[1].running_mean.data += 3
    expected = net["block"].forward(rng().random((2, 4, 3, 4)).astype(np.float32), train=False)[0]
    freeze(net["block"])
    found = net["block"].forward(rng().random((2, 4, 3, 4)).astype(np.float32), train=True)[0]
    np.testing.assert_array_equal(found, expected)


def test_freezing_one_layer_leaves_others_of_its_class_free():
    first, second = BatchNorm(3), BatchNorm(3)
    freeze(first)
    assert first.frozen and first.gamma.frozen and first.beta.frozen
    assert not second.frozen and not second.gamma.frozen


# -- gradients of parameters alone -------------------------------------------------------------------


def in_segments():
    net = network()
    net.segment = 2
    return net


@pytest.mark.parametrize("build", [network, in_segments, lambda: Recompute(network())])
def test_the_gradient_of_the_images_is_not_computed_for_the_parameters_gradients(build, monkeypatch):
    net, needed = build(), []
    backward = F.conv2d_backward

    def conv2d_backward(dy, cache, *, need_dx=True):
        needed.append(need_dx)
        return backward(dy, cache, need_dx=need_dx)

    monkeypatch.setattr(F, "conv2d_backward", conv2d_backward)
    y, cache = net.forward(IMAGES, train=True)
    with parameters_only(net):
        net.backward(np.ones_like(y), cache)
    assert needed == [True, False]  # of the block's convolution, and of the one that stands first
    assert cache == []
    with pytest.raises(RuntimeError, match="used up"):
        with parameters_only(net):
            net.backward(np.ones_like(y), cache)


def test_nothing_before_the_first_part_that_learns_is_asked_for_gradients():
    net, alike = network(), network()
    for part in ("conv", "norm"):
        freeze(net[part])
        freeze(alike[part])
    net["norm"].backward = net["conv"].backward = None  # to call them would be an error
    y, cache = net.forward(IMAGES, train=True)
    with parameters_only(net):
        net.backward(np.ones_like(y), cache)
    assert cache == []
    alike.backward(np.ones_like(y), alike.forward(IMAGES, train=True)[1])
    for (name, found), (_, expected) in zip(net.named_parameters(), alike.named_parameters(), strict=True):
        if name.startswith("block"):
            np.testing.assert_array_equal(found.grad, expected.grad, err_msg=name)
        else:
            assert not found.grad.any(), name


@pytest.mark.parametrize("segment", [1, 2])
def test_a_segment_that_nothing_before_learns_for_is_the_last_one_asked(segment):
    net, alike = network(), network()
    for part in ("conv", "norm"):
        freeze(net[part])
        freeze(alike[part])
    net.segment = segment
    net["norm"].backward = net["conv"].backward = None  # to call them would be an error
    y, cache = net.forward(IMAGES, train=True)
    with parameters_only(net):
        assert net.backward(np.ones_like(y), cache) is None
    alike.backward(np.ones_like(y), alike.forward(IMAGES, train=True)[1])
    for (name, found), (_, expected) in zip(net.named_parameters(), alike.named_parameters(), strict=True):
        if name.startswith("block"):
            np.testing.assert_array_equal(found.grad, expected.grad, err_msg=name)


def test_a_wholly_frozen_network_has_no_gradients_to_compute():
    net = freeze(network())
    y, cache = net.forward(IMAGES, train=True)
    with parameters_only(net):
        net.backward(np.ones_like(y), cache)
    assert cache == []  # nothing but the last part was asked
    asked = [name for name, parameter in net.named_parameters() if parameter.grad.any()]
    assert all(name.startswith(list(net.parts)[-1]) for name in asked)


def test_a_backward_of_ones_own_is_not_passed_by():
    class Halved(Conv2d):
        def backward(self, dy, cache):
            return super().backward(dy / 2, cache)

    class Mixin:
        def backward(self, dy, cache):
            return super().backward(dy / 2, cache)

    class Mixed(Mixin, Conv2d):
        pass

    halved, mixed, plain = (Sequential(kind(3, 4, 3, rng=rng())) for kind in (Halved, Mixed, Conv2d))
    for net in (halved, mixed, plain):
        y, cache = net.forward(IMAGES, train=True)
        with parameters_only(net):
            net.backward(np.ones_like(y), cache)
    assert plain[0].weight.grad.any()
    np.testing.assert_array_equal(halved[0].weight.grad, plain[0].weight.grad / 2)
    np.testing.assert_array_equal(mixed[0].weight.grad, plain[0].weight.grad / 2)


def test_a_backward_of_ones_own_runs_wherever_it_stands():
    """In front, learning or frozen with all that follows it; and it gets dx from its base class."""

    class Seen(Conv2d):
        calls = 0

        def backward(self, dy, cache):
            Seen.calls += 1
            dx = super().backward(dy, cache)
            assert dx.shape == (len(dy), 3, 6, 6)
            return dx

    images = np.random.default_rng(0).standard_normal((2, 3, 6, 6), np.float32)
    for frozen in (False, True):
        net = Sequential(
            stem=Seen(3, 4, 3, rng=rng()), norm=BatchNorm(4), head=Sequential(Conv2d(4, 2, 1, rng=rng()))
        )
        if frozen:
            freeze(net["stem"])
            freeze(net["norm"])
        y, cache = net.forward(images, train=True)
        Seen.calls = 0
        with parameters_only(net):
            net.backward(np.ones_like(y), cache)
        assert Seen.calls == 1 and cache == []


def test_a_layer_that_stands_at_two_places_gets_both_gradients():
    conv = Conv2d(3, 3, 3, padding=1, rng=rng())
    net = Sequential(conv, ReLU(), conv)
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4), np.float32)
    y, cache = net.forward(x, train=True)
    net.backward(np.ones_like(y), cache)
    expected = conv.weight.grad.copy()
    net.zero_grad()
    y, cache = net.forward(x, train=True)
    with parameters_only(net):
        net.backward(np.ones_like(y), cache)
    np.testing.assert_array_equal(conv.weight.grad, expected)


def test_afterwards_backward_returns_dx_again():
    net = network()
    with parameters_only(net):
        with parameters_only(net):
            y, cache = net.forward(IMAGES, train=True)
            assert net.backward(np.ones_like(y), cache) is None
        y, cache = net.forward(IMAGES, train=True)
        assert net.backward(np.ones_like(y), cache) is None  # the outer block still holds
    y, cache = net.forward(IMAGES, train=True)
    assert net.backward(np.ones_like(y), cache).shape == IMAGES.shape
    assert all(layer.input_gradient for _, layer in net.named_layers())


# -- BatchNorm ---------------------------------------------------------------------------------------


def test_running_averages_follow_the_lectures_convention_with_unbiased_variance():
    norm = BatchNorm(2, momentum=0.8).astype(np.float64)
    mean, var = np.zeros(2), np.ones(2)
    for seed in range(3):
        x = 2 + 3 * rng(seed).standard_normal((3, 2, 2, 4))
        norm.forward(x, train=True)
        mean = 0.8 * mean + 0.2 * x.mean(axis=(0, 2, 3))
        var = 0.8 * var + 0.2 * x.var(axis=(0, 2, 3), ddof=1)
    # the same few sums in another order, in float64
    np.testing.assert_allclose(norm.running_mean.data, mean, rtol=1e-12)
    np.testing.assert_allclose(norm.running_var.data, var, rtol=1e-12)


def test_running_averages_of_vectors_count_the_batch_only():
    norm = BatchNorm(3, momentum=0).astype(np.float64)
    x = rng().standard_normal((5, 3))
    norm.forward(x, train=True)
    np.testing.assert_allclose(norm.running_var.data, x.var(axis=0, ddof=1), rtol=1e-12)


def test_batch_norm_defaults_and_start():
    norm = BatchNorm(2)
    assert (norm.momentum, norm.eps) == (0.9, 1e-5)
    start = {name: array.tolist() for name, array in norm.state_dict().items()}
    assert start == {"gamma": [1, 1], "beta": [0, 0], "running_mean": [0, 0], "running_var": [1, 1]}


@pytest.mark.parametrize("shape", [(3, 4, 2, 5), (6, 4)])
def test_batch_norm_equals_torch_over_several_steps_and_in_eval_mode(shape):
    torch = import_torch()
    norm = BatchNorm(4, eps=1e-3).astype(np.float64)
    kind = torch.nn.BatchNorm2d if len(shape) == 4 else torch.nn.BatchNorm1d
    theirs = kind(4, momentum=0.1, eps=1e-3, dtype=torch.float64)
    for seed in range(5):
        x = 1 + 2 * rng(seed).standard_normal(shape)
        y = norm.forward(x, train=True)[0]
        # float64 roundoff in sums of 30 numbers
        np.testing.assert_allclose(y, theirs(torch.from_numpy(x)).detach(), rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(norm.running_mean.data, theirs.running_mean, rtol=1e-12)
    np.testing.assert_allclose(norm.running_var.data, theirs.running_var, rtol=1e-12)
    in_eval = norm.predict(x)
    np.testing.assert_allclose(in_eval, theirs.eval()(torch.from_numpy(x)).detach(), rtol=1e-10, atol=1e-11)
    assert abs(in_eval - y).max() > 0.1


def test_eps_stays_out_of_the_running_variance():
    norm = BatchNorm(1, momentum=0, eps=10).astype(np.float64)
    norm.forward(np.array([[1.0], [3.0]]), train=True)
    assert norm.running_var.data.tolist() == [2.0]


def test_running_averages_are_not_parameters_and_do_not_decay():
    norm = BatchNorm(3)
    assert [name for name, _ in norm.named_parameters()] == ["gamma", "beta"]
    norm.running_mean.data += 1
    optim.SGD(norm.named_parameters(), lr=0.5, weight_decay=0.5).step()
    np.testing.assert_array_equal(norm.running_mean.data, np.ones(3))
    np.testing.assert_array_equal(norm.gamma.data, np.full(3, 0.75))


def test_eval_mode_and_frozen_layers_leave_the_running_averages_alone():
    norm = BatchNorm(3)
    buffers = {name: (b.data, b.data.copy()) for name, b in norm.named_buffers()}
    norm.forward(IMAGES, train=False)
    norm.predict(IMAGES)
    freeze(norm).forward(IMAGES, train=True)
    for name, buffer in norm.named_buffers():
        assert buffer.data is buffers[name][0]
        np.testing.assert_array_equal(buffer.data, buffers[name][1])


def test_running_averages_keep_their_arrays():
    norm = BatchNorm(3)
    before = norm.running_mean.data, norm.running_var.data
    norm.forward(IMAGES, train=True)
    assert norm.running_mean.data is before[0] and norm.running_var.data is before[1]


# -- other layers ------------------------------------------------------------------------------------


def test_dropout_keeps_the_share_and_the_mean():
    layer = Dropout(0.8, rng=rng())
    x = np.ones((200, 100), np.float32)
    y, _ = layer.forward(x, train=True)
    assert set(np.unique(y).tolist()) == {0.0, float(np.float32(1 / 0.8))}
    # 20,000 draws: the fraction's standard deviation is 0.003
    assert abs((y > 0).mean() - 0.8) < 0.015


def test_dropout_draws_a_new_mask_each_time_and_none_in_eval_mode():
    layer = Dropout(0.5, rng=rng())
    x = np.ones((4, 50), np.float32)
    first, second = layer.forward(x, train=True)[0], layer.forward(x, train=True)[0]
    assert (first != second).any()
    state = layer.rng.bit_generator.state
    np.testing.assert_array_equal(layer.predict(x), x)
    np.testing.assert_array_equal(freeze(layer).forward(x, train=True)[0], x)
    assert layer.rng.bit_generator.state == state


def test_float32_and_float64_draw_the_same_masks():
    x = np.ones((4, 50))
    single = Dropout(0.5, rng=rng()).forward(x.astype(np.float32), train=True)[0]
    np.testing.assert_array_equal(single, Dropout(0.5, rng=rng()).forward(x, train=True)[0])


def test_conv_draws_msra_by_fan_out_and_linear_by_fan_in():
    conv = Conv2d(3, 5, (3, 2), rng=rng())
    np.testing.assert_array_equal(conv.weight.data, init.msra((5, 3, 3, 2), fan="out", rng=rng()))
    linear = Linear(7, 3, rng=rng())
    np.testing.assert_array_equal(linear.weight.data, init.msra((3, 7), fan="in", rng=rng()))
    assert not conv.bias.data.any() and not linear.bias.data.any()
    assert conv.bias.data.shape == (5,) and linear.bias.data.shape == (3,)


def test_without_a_bias_there_is_no_such_parameter():
    assert [n for n, _ in Conv2d(3, 5, 3, bias=False, rng=rng()).named_parameters()] == ["weight"]
    assert [n for n, _ in Linear(3, 5, bias=False, rng=rng()).named_parameters()] == ["weight"]


def test_init_replaces_the_default_rule():
    assert not Conv2d(3, 5, 3, init=init.zero, rng=rng()).weight.data.any()
    np.testing.assert_array_equal(Linear(3, 3, init=init.identity, rng=rng()).weight.data, np.eye(3))


def test_grouped_conv_has_only_its_own_channels_in_the_weight():
    assert Conv2d(6, 4, 3, groups=2, rng=rng()).weight.data.shape == (4, 3, 3, 3)


WINDOW = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0), "ceil_mode": True}
LRN = {"size": 2, "alpha": 0.3, "beta": 0.6, "k": 1.5}
PAD = {"channels": 6, "stride": (1, 2), "placement": "split"}


@pytest.mark.parametrize(
    "layer, function, options",
    [
        (MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0), ceil_mode=True), F.max_pool2d_forward, WINDOW),
        (
            layers.AvgPool2d((3, 2), stride=(2, 1), padding=(1, 0), ceil_mode=True),
            F.avg_pool2d_forward,
            WINDOW,
        ),
        (layers.LocalResponseNorm(**LRN), F.local_response_norm_forward, LRN),
        (layers.LocalResponseNorm(), F.local_response_norm_forward, {}),
        (PadShortcut(6, stride=(1, 2), placement="split"), F.pad_shortcut_forward, PAD),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_options_reach_the_function(layer, function, options, train):
    x = rng().standard_normal((1, 3, 6, 5)).astype(np.float32)
    np.testing.assert_array_equal(layer.forward(x, train=train)[0], function(x, **options)[0])


def test_options_of_a_conv_reach_the_function():
    options = {"stride": (2, 1), "padding": (0, 2), "groups": 2}
    conv = Conv2d(4, 6, (3, 2), rng=rng(), **options)
    conv.bias.data += 1
    x = rng().standard_normal((1, 4, 6, 5)).astype(np.float32)
    y, _ = F.conv2d_forward(x, conv.weight.data, conv.bias.data, **options)
    np.testing.assert_array_equal(conv.predict(x), y)


def test_identity_gives_the_very_array():
    layer = layers.Identity()
    y, cache = layer.forward(IMAGES, train=True)
    assert y is IMAGES and layer.backward(IMAGES, cache) is IMAGES


def test_pools_move_by_their_kernel_unless_asked():
    assert MaxPool2d((3, 2)).predict(np.zeros((1, 1, 9, 8), np.float32)).shape == (1, 1, 3, 4)
    assert layers.AvgPool2d((3, 2)).predict(np.zeros((1, 1, 9, 8), np.float32)).shape == (1, 1, 3, 4)


@pytest.mark.parametrize(
    "build, error, message",
    [
        (lambda: Conv2d(3, 4, 3, groups=2, rng=rng()), ValueError, "groups: 2 does not divide 3 and 4"),
        (lambda: Conv2d(4, 3, 3, groups=2, rng=rng()), ValueError, "groups: 2 does not divide 4 and 3"),
        (lambda: Conv2d(4, 4, 3, groups=0, rng=rng()), ValueError, "groups: expected an integer >= 1, got 0"),
        (lambda: Conv2d(3, 4, 0, rng=rng()), ValueError, "kernel_size: expected an integer >= 1"),
        (lambda: Conv2d(3, 4, 3, stride=0, rng=rng()), ValueError, "stride: expected an integer >= 1"),
        (lambda: Conv2d(3, 4, 3, padding=-1, rng=rng()), ValueError, "padding: expected an integer >= 0"),
        (lambda: Conv2d(3, 4, 3, rng=7), TypeError, "rng: expected numpy.random.default_rng"),
        (lambda: Linear(3, 4, rng=np.random), TypeError, "rng: expected numpy.random.default_rng"),
        (lambda: MaxPool2d(0), ValueError, "kernel_size"),
        (lambda: MaxPool2d(2, stride=0), ValueError, "stride"),
        (lambda: MaxPool2d(2, padding=-1), ValueError, "padding"),
        (lambda: BatchNorm(3, momentum=1.1), ValueError, "momentum: expected the weight"),
        (lambda: BatchNorm(3, momentum=-0.1), ValueError, "momentum: expected the weight"),
        (lambda: Dropout(0, rng=rng()), ValueError, "keep: expected a probability"),
        (lambda: Dropout(1.5, rng=rng()), ValueError, "keep: expected a probability"),
    ],
)
def test_wrong_arguments_are_refused_with_a_reason(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize(
    "layer, shape",
    [
        (Conv2d(3, 4, 3, rng=rng()), (2, 4, 5, 5)),
        (Conv2d(3, 4, 3, rng=rng()), (2, 3, 2, 5)),
        (Linear(3, 4, rng=rng()), (2, 4)),
        (BatchNorm(3), (2, 4, 5, 5)),
        (BatchNorm(3), (2, 3, 5)),
        (MaxPool2d(3), (1, 1, 2, 2)),
        (PadShortcut(2, stride=2), (1, 3, 4, 4)),
    ],
)
def test_an_input_that_does_not_fit_is_refused(layer, shape):
    with pytest.raises(ValueError):
        layer.forward(np.zeros(shape, np.float32), train=True)


def test_training_batch_norm_needs_two_values_a_channel_and_moves_nothing_without():
    norm = BatchNorm(3)
    with pytest.raises(ValueError, match="at least two values"):
        norm.forward(np.zeros((1, 3), np.float32), train=True)
    np.testing.assert_array_equal(norm.running_var.data, np.ones(3))
    norm.predict(np.zeros((1, 3), np.float32))


def test_train_is_a_required_keyword():
    for layer in (ReLU(), Sequential(ReLU()), Residual(ReLU())):
        with pytest.raises(TypeError, match="train"):
            layer.forward(IMAGES)


def test_a_layer_at_two_places_has_one_set_of_parameters_and_takes_one_step():
    shared = Linear(2, 2, rng=rng())
    net = Sequential(shared, shared)
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    shared.weight.grad.fill(1)
    before = shared.weight.data.copy()
    optim.SGD(net.named_parameters(), lr=1.0).step()
    # before - 1 is rounded to float32 once
    np.testing.assert_allclose(before - shared.weight.data, 1, rtol=1e-6)


@pytest.mark.parametrize("value", [np.array([["1", "2"], ["3", "4"]]), [[1, 2], [3, 4]], None])
def test_loading_what_is_no_array_of_numbers_changes_nothing(value):
    net = Linear(2, 2, rng=rng())
    before = {name: array.copy() for name, array in net.state_dict().items()}
    with pytest.raises(ValueError, match="no array of numbers: bias"):
        net.load_state_dict({"weight": np.ones((2, 2)), "bias": value})
    assert all(np.array_equal(array, before[name]) for name, array in net.state_dict().items())


@pytest.mark.parametrize(
    "build",
    [
        lambda: Conv2d(0, 3, 3, rng=rng()),
        lambda: Conv2d(3, 0, 3, rng=rng()),
        lambda: Linear(3, 0, rng=rng()),
        lambda: BatchNorm(0),
        lambda: BatchNorm(3, eps=-1.0),
        lambda: PadShortcut(4, stride=0),
    ],
)
def test_impossible_sizes_are_refused_when_the_layer_is_built(build):
    with pytest.raises(ValueError, match="expected"):
        build()


def test_dropout_without_a_generator_is_refused_when_it_is_built():
    with pytest.raises(TypeError, match="rng: expected numpy.random.default_rng"):
        layers.Dropout(0.5, rng=0)


def test_an_eval_cache_keeps_its_statistics_when_the_running_averages_move_on():
    x, dy = IMAGES, rng(7).standard_normal(IMAGES.shape).astype(np.float32)
    gradients = []
    for trains_in_between in (False, True):
        norm = BatchNorm(3)
        _, cache = norm.forward(x, train=False)
        if trains_in_between:
            norm.forward(x + 5, train=True)
        norm.backward(dy, cache)
        gradients.append(norm.gamma.grad)
    np.testing.assert_array_equal(*gradients)
