"""SGD and Adam step by step against the formulas and PyTorch, clipping, and every schedule where it turns."""

import math

import numpy as np
import pytest
import strict_cupy
from optional_torch import import_torch

from minires import optim
from minires.kernels.cpu import parallel
from minires.layers import BatchNorm, Linear, Parameter, ReLU, Sequential, freeze


def rng(seed=0):
    return np.random.default_rng(seed)


def parameters(*names, shape=(3, 2), dtype=np.float64):
    """Named parameters with drawn values and gradients."""
    draw, named = rng(), []
    for name in names:
        parameter = Parameter(draw.standard_normal(shape).astype(dtype))
        parameter.grad[...] = draw.standard_normal(shape)
        named.append((name, parameter))
    return named


def moved(named, **options):
    """Return {name: how far one step at lr 1 moves the parameter}; without momentum that is its gradient."""
    before = {name: parameter.data.copy() for name, parameter in named}
    optim.SGD(named, lr=1.0, **options).step()
    return {name: before[name] - parameter.data for name, parameter in named}


# -- SGD ---------------------------------------------------------------------------------------------


def test_a_step_lays_out_blocks_and_never_a_whole_parameter(monkeypatch):
    sizes, scratch = [], parallel.scratch

    def watched(name, shape, like):
        sizes.append(math.prod(shape))
        return scratch(name, shape, like)

    monkeypatch.setattr(parallel, "scratch", watched)
    ((_, w),) = named = parameters("w", shape=(3 * parallel.BLOCK, 2), dtype=np.float32)
    optim.SGD(named, lr=0.1, momentum=0.9).step()
    assert sum(sizes) == w.data.size and max(sizes) <= parallel.BLOCK


def test_plain_descent_subtracts_lr_times_the_gradient():
    ((_, w),) = named = parameters("w")
    expected = w.data - 0.1 * w.grad
    optim.SGD(named, lr=0.1).step()
    np.testing.assert_array_equal(w.data, expected)


def test_momentum_and_decay_by_hand():
    """Two steps of the docstring's three lines."""
    ((_, w),) = named = parameters("w")
    w0, g = w.data.copy(), w.grad.copy()
    optimiser = optim.SGD(named, lr=0.1, momentum=0.9, weight_decay=0.5)
    optimiser.step()
    v1 = g + 0.5 * w0
    w1 = w0 - 0.1 * v1
    # one rounding an operation
    np.testing.assert_allclose(w.data, w1, rtol=1e-14)
    optimiser.step()
    v2 = 0.9 * v1 + g + 0.5 * w1
    np.testing.assert_allclose(optimiser.velocity["w"], v2, rtol=1e-14)
    np.testing.assert_allclose(w.data, w1 - 0.1 * v2, rtol=1e-13)


def test_nesterov_looks_ahead_by_hand():
    ((_, w),) = named = parameters("w")
    w0, g = w.data.copy(), w.grad.copy()
    optim.SGD(named, lr=0.1, momentum=0.9, nesterov=True).step()
    np.testing.assert_allclose(w.data, w0 - 0.1 * (g + 0.9 * g), rtol=1e-14)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum, weight_decay", [(0, 0), (0, 0.1), (0.9, 0), (0.9, 0.1)])
def test_twenty_steps_equal_torch_while_the_rate_changes(momentum, weight_decay, nesterov):
    torch = import_torch()
    if nesterov and not momentum:
        return
    options = {"momentum": momentum, "weight_decay": weight_decay, "nesterov": nesterov}
    named = parameters("w", "b")
    theirs = [torch.tensor(p.data, requires_grad=True) for _, p in named]
    ours = optim.SGD(named, lr=0.1, **options)
    reference = torch.optim.SGD(theirs, lr=0.1, **options)
    for number in range(20):
        ours.lr = reference.param_groups[0]["lr"] = 0.1 / (1 + number // 5)
        for (_, parameter), tensor in zip(named, theirs, strict=True):
            gradient = rng(number).standard_normal(tensor.shape) * parameter.data
            parameter.grad[...] = gradient
            tensor.grad = torch.from_numpy(gradient.copy())
        ours.step()
        reference.step()
    for (_, parameter), tensor in zip(named, theirs, strict=True):
        # 20 steps of a few roundings of 1e-16 each
        np.testing.assert_allclose(parameter.data, tensor.detach(), rtol=1e-12, atol=1e-13)


def test_a_step_works_in_place_and_only_reads_the_gradient():
    ((_, w),) = named = parameters("w", dtype=np.float32)
    data, grad, before = w.data, w.grad, w.grad.copy()
    optimiser = optim.SGD(named, lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True)
    velocity = optimiser.velocity["w"]
    grad.setflags(write=False)
    optimiser.step()
    optimiser.step()
    assert w.data is data and w.grad is grad and optimiser.velocity["w"] is velocity
    np.testing.assert_array_equal(grad, before)
    assert data.dtype == velocity.dtype == np.float32


def test_parameters_of_many_shapes_do_not_disturb_each_other():
    """The scratch memory is shared by all parameters of a step."""
    named = [
        *parameters("big", shape=(7, 5)),
        *parameters("small", shape=(2,)),
        *parameters("same", shape=(7, 5)),
    ]
    gradients = {name: parameter.grad.copy() for name, parameter in named}
    for name, distance in moved(named).items():
        np.testing.assert_allclose(distance, gradients[name], rtol=1e-12, atol=1e-14)


def test_zero_grad_clears_in_place():
    ((_, w),) = named = parameters("w")
    grad = w.grad
    optim.SGD(named, lr=0.1).zero_grad()
    assert w.grad is grad and not grad.any()


def test_frozen_parameters_are_skipped_momentum_and_decay_included():
    net = Sequential(Linear(2, 2, rng=rng()), BatchNorm(2))
    for _, parameter in net.named_parameters():
        parameter.grad.fill(1)
    optimiser = optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    optimiser.step()
    freeze(net[0])
    before = {name: array.copy() for name, array in net.state_dict().items()}
    optimiser.step()
    for name, array in net.state_dict().items():
        assert (array.tobytes() == before[name].tobytes()) == (name.startswith("0.") or "running" in name), (
            name
        )


def test_a_training_loop_finds_the_minimum():
    net = Sequential(Linear(2, 8, rng=rng()), ReLU(), Linear(8, 1, rng=rng(1)))
    x = rng(2).standard_normal((64, 2)).astype(np.float32)
    target = x[:, :1] * x[:, 1:]
    optimiser = optim.SGD(net.named_parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(200):
        optimiser.zero_grad()
        y, cache = net.forward(x, train=True)
        net.backward((y - target) / np.float32(len(x)), cache)
        optimiser.step()
        losses.append(float(((y - target) ** 2).mean()))
    assert losses[-1] < 0.1 * losses[0]


# -- Adam --------------------------------------------------------------------------------------------


def test_adam_by_hand():
    ((_, w),) = named = parameters("w")
    w0, g = w.data.copy(), w.grad.copy()
    optimiser = optim.Adam(named, lr=0.1, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.5)
    optimiser.step()
    # m / (1 - 0.8) = g and s / (1 - 0.9) = g^2, so the first step is lr but for eps
    w1 = 0.95 * w0 - 0.1 * g / (abs(g) + 1e-3)
    np.testing.assert_allclose(w.data, w1, rtol=1e-12)
    w.grad *= -2
    optimiser.step()
    mean, square = 0.8 * 0.2 * g - 0.2 * 2 * g, 0.9 * 0.1 * g**2 + 0.1 * 4 * g**2
    np.testing.assert_allclose(optimiser.mean["w"], mean, rtol=1e-12)
    np.testing.assert_allclose(optimiser.square["w"], square, rtol=1e-12)
    w2 = 0.95 * w1 - 0.1 * (mean / 0.36) / (np.sqrt(square / 0.19) + 1e-3)
    np.testing.assert_allclose(w.data, w2, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight_decay", [0, 0.1])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.5)])
def test_fifty_steps_of_adam_equal_torch_while_the_rate_changes(betas, weight_decay, dtype):
    torch = import_torch()
    named = parameters("w", "b", dtype=dtype)
    theirs = [torch.tensor(p.data, requires_grad=True) for _, p in named]
    options = {"lr": 0.1, "betas": betas, "weight_decay": weight_decay}
    ours, reference = optim.Adam(named, **options), torch.optim.AdamW(theirs, **options)
    for number in range(50):
        ours.lr = reference.param_groups[0]["lr"] = 0.1 / (1 + number // 5)
        for (_, parameter), tensor in zip(named, theirs, strict=True):
            gradient = rng(number).standard_normal(tensor.shape).astype(dtype) * 10.0 ** (number % 7 - 3)
            parameter.grad[...] = gradient
            tensor.grad = torch.from_numpy(parameter.grad.copy())
        ours.step()
        reference.step()
    for (_, parameter), tensor in zip(named, theirs, strict=True):
        # 50 steps of a few roundings each, of 1e-16 or 6e-8
        tolerance = 1e-12 if dtype is np.float64 else 1e-4
        np.testing.assert_allclose(parameter.data, tensor.detach(), rtol=tolerance, atol=tolerance / 10)


def test_adam_keeps_every_array_and_its_dtype_and_only_reads_the_gradient():
    ((_, w),) = named = parameters("w", dtype=np.float32)
    optimiser = optim.Adam(
        named, lr=np.float64(0.1), betas=(np.float64(0.9), np.float32(0.99)), weight_decay=np.float64(0.1)
    )
    arrays = [w.data, w.grad, *optimiser.state_dict().values()]
    before = w.grad.copy()
    w.grad.setflags(write=False)
    optimiser.step()
    optimiser.lr = np.float64(0.05)
    optimiser.step()
    after = [w.data, w.grad, *optimiser.state_dict().values()]
    assert all(one is other for one, other in zip(arrays, after, strict=True))
    np.testing.assert_array_equal(w.grad, before)
    assert [array.dtype for array in after] == [np.float32] * 4 + [np.float64]


def test_adam_starts_a_parameter_that_is_thawed_later_as_at_its_first_step():
    named = dict(parameters("w", "b"))
    named["w"].frozen = True
    optimiser = optim.Adam(named.items(), lr=0.1, eps=1e-12)
    before = named["w"].data.copy()
    for _ in range(5):
        optimiser.step()
    np.testing.assert_array_equal(named["w"].data, before)
    named["w"].frozen = False
    optimiser.step()
    # lr in every direction, up to eps
    np.testing.assert_allclose(before - named["w"].data, 0.1 * np.sign(named["w"].grad), rtol=1e-9)
    assert optimiser.steps.tolist() == [1, 6]


def test_adam_decays_and_scales_by_name():
    named = parameters("fc.weight", "fc.bias")
    for _, parameter in named:
        parameter.grad.fill(0)
    before = {name: parameter.data.copy() for name, parameter in named}
    optim.Adam(named, lr=0.1, weight_decay=0.5, no_decay=("bias",), lr_scale={"weight": 2}).step()
    np.testing.assert_array_equal(named[1][1].data, before["fc.bias"])
    np.testing.assert_allclose(named[0][1].data, (1 - 0.2 * 0.5) * before["fc.weight"], rtol=1e-12)


def test_a_run_of_adam_continued_from_its_state_ends_with_the_same_bits():
    def run(optimiser, named, steps):
        for number in steps:
            for _, parameter in named:
                parameter.grad[...] = rng(number).standard_normal(parameter.data.shape)
            optimiser.step()

    options = {"lr": 0.1, "weight_decay": 0.01}
    whole, first, second = (parameters("w", "b", dtype=np.float32) for _ in range(3))
    run(optim.Adam(whole, **options), whole, range(6))
    before, after = optim.Adam(first, **options), optim.Adam(second, **options)
    run(before, first, range(3))
    after.load_state_dict({name: array.copy() for name, array in before.state_dict().items()})
    for (_, ours), (_, theirs) in zip(second, first, strict=True):
        ours.data[...] = theirs.data
    run(after, second, range(3, 6))
    for (name, ours), (_, expected) in zip(second, whole, strict=True):
        assert ours.data.tobytes() == expected.data.tobytes(), name
    with pytest.raises(ValueError, match="belongs to other parameters"):
        after.load_state_dict(optim.SGD(first, lr=0.1, momentum=0.9).state_dict())


@pytest.mark.parametrize(
    "options, message",
    [
        ({"lr": -0.1}, "lr: expected a finite number of at least 0, got -0.1"),
        ({"betas": (0.9, 1)}, "betas: expected two numbers from 0 to below 1"),
        ({"betas": (-0.1, 0.9)}, "betas: expected two numbers"),
        ({"betas": (0.9,)}, "betas: expected two numbers"),
        ({"betas": 0.9}, "betas: expected two numbers"),
        ({"eps": 0}, "eps: expected a finite number above 0, got 0"),
        ({"eps": math.nan}, "eps: expected a finite number above 0"),
        ({"weight_decay": -1}, "weight_decay: expected"),
        ({"no_decay": ("x",)}, "names no parameter"),
    ],
)
def test_wrong_settings_of_adam_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        optim.Adam(parameters("w"), **options)


def test_adam_on_another_device_moves_the_same_weights_and_waits_for_nothing():
    ours, theirs = parameters("w", "b", dtype=np.float32), parameters("w", "b", dtype=np.float32)
    for _, parameter in theirs:
        parameter.data, parameter.grad = map(strict_cupy.asarray, (parameter.data, parameter.grad))
    options = {"lr": 0.1, "weight_decay": 0.1, "lr_scale": {"b": 0.5}}
    here, there = optim.Adam(ours, **options), optim.Adam(theirs, **options)
    here.step(), there.step()
    strict_cupy.synchronisations = strict_cupy.uploads = 0
    for rate in (0.1, 0.05, 0.05):
        here.lr = there.lr = rate
        optim.clip_gradients(ours, 0.5), optim.clip_gradients(theirs, 0.5)
        here.step(), there.step()
    assert (strict_cupy.synchronisations, strict_cupy.uploads) == (0, 0)
    for (name, one), (_, other) in zip(ours, theirs, strict=True):
        # four steps of a few roundings
        np.testing.assert_allclose(other.data.get(), one.data, rtol=1e-5, err_msg=name)
    state = {name: array.copy() for name, array in here.state_dict().items()}
    assert here.to(strict_cupy) is here
    assert all(isinstance(array, strict_cupy.ndarray) for array in here.state_dict().values())
    for name, array in here.to(np).state_dict().items():
        assert array.tobytes() == state[name].tobytes()
    here.step()


# -- clipping ----------------------------------------------------------------------------------------


def test_gradients_are_clipped_together_and_only_where_they_are_too_long():
    named = [("a", Parameter(np.zeros((2, 1)))), ("b", Parameter(np.zeros(2))), ("c", Parameter(np.zeros(1)))]
    named[0][1].grad[...], named[1][1].grad[...], named[2][1].grad[...] = [[1], [2]], [0, 2], 50
    named[2][1].frozen = True
    arrays = [parameter.grad for _, parameter in named]
    assert optim.clip_gradients(named, 3.0) == 3
    np.testing.assert_array_equal(arrays[0], [[1], [2]])
    assert optim.clip_gradients(named, 1.5) == 3
    np.testing.assert_array_equal(arrays[0], [[0.5], [1]])
    np.testing.assert_array_equal(arrays[1], [0, 1])
    assert arrays[2] == 50 and all(p.grad is array for (_, p), array in zip(named, arrays, strict=True))
    for _, parameter in named:
        parameter.grad.fill(0)
    assert optim.clip_gradients(named, 1.5) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("max_norm", [0.1, 1e3])
def test_clipping_equals_torch(max_norm, dtype):
    torch = import_torch()
    named = parameters("w", "b", shape=(7, 5), dtype=dtype)
    theirs = [torch.zeros(7, 5) for _ in named]
    for tensor, (_, parameter) in zip(theirs, named, strict=True):
        tensor.grad = torch.from_numpy(parameter.grad.copy()).float()
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    norm = optim.clip_gradients(named, max_norm)
    assert norm.dtype == np.float64 and norm == pytest.approx(float(expected), rel=1e-6)
    for tensor, (_, parameter) in zip(theirs, named, strict=True):
        assert parameter.grad.dtype == dtype
        # float32, and PyTorch adds 1e-6 to the norm
        np.testing.assert_allclose(parameter.grad, tensor.grad, rtol=1e-5)


def test_the_norm_of_many_and_of_very_large_or_small_numbers_is_exact():
    for value in (0.1, 1e30, 1e-30):
        many = Parameter(np.zeros(1_000_000, np.float32))
        many.grad.fill(value)
        value = float(np.float32(value))
        norm = optim.clip_gradients([("w", many)], 1e3 * value / 2)
        assert norm == pytest.approx(1e3 * value, rel=1e-12)  # a pairwise sum in float64
        np.testing.assert_allclose(many.grad, value / 2, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gradients_whose_norm_is_not_finite_stay_as_they_are(bad):
    named = parameters("w", "b")
    named[0][1].grad[0, 0] = bad
    before = [parameter.grad.copy() for _, parameter in named]
    assert not np.isfinite(optim.clip_gradients(named, 1.0))
    for (_, parameter), expected in zip(named, before, strict=True):
        np.testing.assert_array_equal(parameter.grad, expected)


@pytest.mark.parametrize("max_norm", [0, -1, math.inf, math.nan])
def test_a_norm_that_leaves_nothing_or_everything_is_refused(max_norm):
    with pytest.raises(ValueError, match="max_norm: expected a finite number above 0"):
        optim.clip_gradients(parameters("w"), max_norm)


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: optim.clip_gradients(parameters("w"), "1"), "max_norm"),
        (lambda: optim.Adam(parameters("w"), betas=("a", 0.9)), "betas"),
        (lambda: optim.Adam(parameters("w"), eps=None), "eps"),
    ],
)
def test_what_is_no_number_is_refused_by_name(make, name):
    with pytest.raises(TypeError, match=f"{name}: expected a number"):
        make()


def test_clipping_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one that is not frozen"):
        optim.clip_gradients([], 1.0)


# -- which parameters decay, and which move faster ---------------------------------------------------

NAMES = (
    "fc.weight",
    "fc.bias",
    "stage1.0.norm.gamma",
    "stage1.1.norm.gamma",
    "stage10.0.fc.weight",
    "fc2.bias",
)


@pytest.mark.parametrize(
    "pattern, meant",
    [
        ("gamma", {"stage1.0.norm.gamma", "stage1.1.norm.gamma"}),
        ("norm.gamma", {"stage1.0.norm.gamma", "stage1.1.norm.gamma"}),
        ("bias", {"fc.bias", "fc2.bias"}),
        ("fc", {"fc.weight", "fc.bias"}),
        ("fc.weight", {"fc.weight", "stage10.0.fc.weight"}),
        ("stage1", {"stage1.0.norm.gamma", "stage1.1.norm.gamma"}),
        ("stage1.0", {"stage1.0.norm.gamma"}),
        ("stage1.0.norm.gamma", {"stage1.0.norm.gamma"}),
    ],
)
def test_a_pattern_is_the_beginning_or_end_of_a_dotted_path(pattern, meant):
    def names_moved(**options):
        named = parameters(*NAMES)
        for _, parameter in named:
            parameter.grad.fill(0)
        return {name for name, distance in moved(named, **options).items() if distance.any()}

    assert names_moved(weight_decay=0.5) == set(NAMES)
    assert set(NAMES) - names_moved(weight_decay=0.5, no_decay=(pattern,)) == meant
    named = parameters(*NAMES)
    gradients = {name: parameter.grad.copy() for name, parameter in named}
    for name, distance in moved(named, lr_scale={pattern: 0.0}).items():
        assert distance.any() == (name not in meant), (name, gradients)


def test_several_patterns_join_and_their_factors_multiply():
    named = parameters(*NAMES)
    gradients = {name: parameter.grad.copy() for name, parameter in named}
    distances = moved(named, lr_scale={"fc": 10, "bias": 0.5})
    factors = {"fc.weight": 10, "fc.bias": 5, "fc2.bias": 0.5}
    for name, distance in distances.items():
        # the weight itself rounds the difference: 1e-16 of values near 1
        np.testing.assert_allclose(distance, factors.get(name, 1) * gradients[name], rtol=1e-10, atol=1e-14)
    named = parameters(*NAMES)
    for _, parameter in named:
        parameter.grad.fill(0)
    still = {n for n, d in moved(named, weight_decay=1, no_decay=("gamma", "fc")).items() if not d.any()}
    assert still == {"fc.weight", "fc.bias", "stage1.0.norm.gamma", "stage1.1.norm.gamma"}


def test_lr_scale_scales_the_whole_step_momentum_and_decay_included():
    options = {"momentum": 0.9, "weight_decay": 0.1}
    scaled, plain = parameters("w"), parameters("w")
    first = optim.SGD(scaled, lr=0.1, lr_scale={"w": 3}, **options)
    second = optim.SGD(plain, lr=0.1 * 3, **options)
    for _ in range(3):
        first.step()
        second.step()
    np.testing.assert_allclose(scaled[0][1].data, plain[0][1].data, rtol=1e-13)


@pytest.mark.parametrize("pattern", ["conv", "amma", "fc.", "stage", "1.0", ""])
def test_a_pattern_that_names_nothing_is_refused(pattern):
    for option in ({"no_decay": (pattern,)}, {"lr_scale": {pattern: 2}}):
        with pytest.raises(ValueError, match="names no parameter; there are fc.weight, fc.bias"):
            optim.SGD(parameters(*NAMES), lr=0.1, **option)


# -- state and wrong arguments -----------------------------------------------------------------------


def test_a_run_continued_from_its_state_ends_with_the_same_bits():
    def run(optimiser, named, steps):
        for number in steps:
            for _, parameter in named:
                parameter.grad[...] = rng(number).standard_normal(parameter.data.shape)
            optimiser.step()

    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    whole, first, second = (parameters("w", "b", dtype=np.float32) for _ in range(3))
    run(optim.SGD(whole, **options), whole, range(6))
    before = optim.SGD(first, **options)
    run(before, first, range(3))
    after = optim.SGD(second, **options)
    arrays = dict(after.velocity)
    after.load_state_dict({name: array.copy() for name, array in before.state_dict().items()})
    assert all(after.velocity[name] is arrays[name] for name in arrays)
    for (_, ours), (_, theirs) in zip(second, first, strict=True):
        ours.data[...] = theirs.data
    run(after, second, range(3, 6))
    for (name, ours), (_, expected) in zip(second, whole, strict=True):
        assert ours.data.tobytes() == expected.data.tobytes(), name


def test_without_momentum_there_is_no_state():
    optimiser = optim.SGD(parameters("w"), lr=0.1)
    assert optimiser.state_dict() == {}
    optimiser.load_state_dict({})


@pytest.mark.parametrize(
    "state",
    [{}, {"w": np.zeros((3, 2))}, {"w": np.zeros((3, 2)), "b": np.zeros(2)}, {"w": 0, "b": 0, "c": 0}],
)
def test_a_state_of_other_parameters_is_refused_and_nothing_changes(state):
    optimiser = optim.SGD(parameters("w", "b"), lr=0.1, momentum=0.9)
    optimiser.step()
    before = {name: array.copy() for name, array in optimiser.state_dict().items()}
    with pytest.raises(ValueError, match="belongs to other parameters"):
        optimiser.load_state_dict(state)
    for name, array in optimiser.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"lr": -0.1}, "lr: expected a finite number of at least 0, got -0.1"),
        ({"lr": math.nan}, "lr: expected"),
        ({"lr": math.inf}, "lr: expected"),
        ({"lr": 0.1, "momentum": -0.1}, "momentum: expected a number from 0 to 1"),
        ({"lr": 0.1, "momentum": 1.1}, "momentum: expected a number from 0 to 1"),
        ({"lr": 0.1, "weight_decay": -1}, "weight_decay: expected"),
        ({"lr": 0.1, "nesterov": True}, "nesterov: .* momentum must be above 0"),
    ],
)
def test_wrong_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        optim.SGD(parameters("w"), **options)


def test_no_parameters_are_refused():
    with pytest.raises(ValueError, match="at least one parameter"):
        optim.SGD([], lr=0.1)


# -- schedules ---------------------------------------------------------------------------------------


def test_constant():
    schedule = optim.Constant(0.3)
    assert schedule(0) == schedule(10**6) == 0.3
    schedule.observe(1.0)
    assert schedule(5) == 0.3 and schedule.state_dict() == {}


def test_steps_fall_at_their_milestones_not_before():
    schedule = optim.Steps(0.1, [32_000, 48_000])
    assert [schedule(s) for s in (0, 31_999)] == [0.1, 0.1]
    assert [schedule(s) for s in (32_000, 47_999)] == pytest.approx([0.01, 0.01], rel=1e-15)
    assert [schedule(s) for s in (48_000, 64_000)] == pytest.approx([0.001, 0.001], rel=1e-15)
    assert optim.Steps(1.0, (2, 2, 5), factor=0.5)(2) == 0.25
    assert optim.Steps(1.0, [])(7) == 1.0


def test_milestones_must_rise():
    with pytest.raises(ValueError, match="milestones: expected rising"):
        optim.Steps(0.1, [5, 3])


def test_cosine_starts_at_lr_halves_in_the_middle_and_stays_at_zero():
    schedule = optim.Cosine(0.2, 100)
    assert schedule(0) == 0.2
    assert schedule(50) == pytest.approx(0.1, rel=1e-14)
    assert schedule(25) == pytest.approx(0.2 * (0.5 + math.sqrt(0.125)), rel=1e-14)
    assert schedule(100) == schedule(101) == schedule(10_000) == 0
    rates = [schedule(step) for step in range(101)]
    assert rates == sorted(rates, reverse=True)
    with pytest.raises(ValueError, match="total: expected an integer >= 1"):
        optim.Cosine(0.1, 0)


def test_plateau_waits_for_more_than_its_patience():
    schedule = optim.Plateau(1.0, factor=0.1, patience=2, min_improvement=0.01)
    rates = []
    #        best  best  no gain, three times      best  gain too small, no gain, no gain: again
    for error in (0.5, 0.4, 0.4, 0.41, 0.395, 0.3, 0.295, 0.31, 0.3, 0.1):
        schedule.observe(error)
        rates.append(schedule(0))
    expected = [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01]
    assert rates == pytest.approx(expected, rel=1e-14)


def test_plateau_counts_anew_after_each_fall_and_each_gain():
    schedule = optim.Plateau(1.0, factor=0.5, patience=1, min_improvement=0.0)
    rates = []
    for error in (0.5, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4):
        schedule.observe(error)
        rates.append(schedule(0))
    assert rates == [1, 1, 1, 1, 0.5, 0.5, 0.25]


def test_plateau_continues_from_its_state():
    whole, before = (optim.Plateau(1.0, patience=1) for _ in range(2))
    errors = [0.5, 0.5, 0.5, 0.4, 0.4, 0.4]
    for cut in range(len(errors)):
        whole, before, after = (optim.Plateau(1.0, patience=1) for _ in range(3))
        for error in errors[:cut]:
            before.observe(error)
        after.load_state_dict(before.state_dict())
        for error in errors[cut:]:
            after.observe(error)
        for error in errors:
            whole.observe(error)
        assert after.state_dict() == whole.state_dict() and after(0) == whole(0)


def test_warm_up_is_constant_then_hands_over():
    schedule = optim.WarmUp(optim.Steps(0.1, [600]), steps=400)
    assert [schedule(s) for s in (0, 399)] == [0.01, 0.01]
    assert schedule(400) == 0.1
    assert schedule(600) == pytest.approx(0.01, rel=1e-15)


def test_a_rising_warm_up_climbs_in_a_straight_line_to_where_the_other_begins():
    then = optim.Cosine(1.0, 100)
    schedule = optim.WarmUp(then, steps=10, lr=0.2, rising=True)
    assert schedule(0) == 0.2
    assert schedule(5) == pytest.approx(0.5 * (0.2 + then(10)), rel=1e-14)
    assert schedule(9) < schedule(10) == then(10)
    slopes = np.diff([schedule(step) for step in range(11)])
    np.testing.assert_allclose(slopes, slopes[0], rtol=1e-12)
    assert optim.WarmUp(then, steps=0)(0) == 1.0


def test_warm_up_passes_errors_and_state_on():
    schedule = optim.WarmUp(optim.Plateau(1.0, patience=0), steps=2, lr=0.1)
    schedule.observe(0.5)
    schedule.observe(0.5)
    assert [schedule(step) for step in (0, 1, 2)] == pytest.approx([0.1, 0.1, 0.1], rel=1e-15)
    other = optim.WarmUp(optim.Plateau(1.0, patience=0), steps=2, lr=0.02)
    other.load_state_dict(schedule.state_dict())
    assert other(2) == pytest.approx(0.1, rel=1e-15)
    assert other(1) == 0.02  # the warm-up's own rate is a setting, not a state


@pytest.mark.parametrize(
    "build",
    [
        lambda: optim.Constant(-1),
        lambda: optim.Plateau(0.1, factor=2),
        lambda: optim.Plateau(0.1, patience=-1),
        lambda: optim.WarmUp(optim.Constant(0.1), steps=-3),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(build):
    with pytest.raises(ValueError, match="expected"):
        build()


def test_the_likely_mistakes_of_a_hand_made_loop_are_explained():
    net = Linear(2, 2, rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match=r"expected \(name, Parameter\) pairs, as net.named_parameters"):
        optim.SGD(net, lr=0.1)
    with pytest.raises(TypeError, match=r"optimiser.lr = schedule\(step\)"):
        optim.SGD(net.named_parameters(), lr=optim.Cosine(0.1, 10))


@pytest.mark.parametrize("momentum, nesterov", [(0, False), (0.9, False), (0.9, True)])
def test_without_decay_too_the_gradient_is_only_read(momentum, nesterov):
    parameter = Parameter(np.ones(3, np.float32))
    parameter.grad[...] = 2
    optim.SGD([("p", parameter)], lr=0.1, momentum=momentum, nesterov=nesterov).step()
    assert (parameter.grad == 2).all()


# -- numbers of NumPy as settings ------------------------------------------------------------------------


NUMPY = pytest.mark.parametrize(
    "kind", [np.float64, np.float32, np.asarray], ids=["float64", "float32", "0-d"]
)


@NUMPY
def test_the_optimiser_takes_numbers_of_numpy_for_plain_ones(kind):
    results = []
    for number, flag in ((kind, np.bool_), (lambda value: float(kind(value)), bool)):
        named = parameters("a.w", "b.w", dtype=np.float32)
        optimiser = optim.SGD(
            named,
            lr=number(0.1),
            momentum=number(0.9),
            weight_decay=number(0.01),
            nesterov=flag(True),
            lr_scale={"b": number(0.5)},
        )
        for step in range(3):
            optimiser.lr = optim.Steps(number(0.1), [np.int64(1), 2], number(0.5))(np.int64(step))
            optimiser.step()
        assert all(array.dtype == np.float32 for array in optimiser.state_dict().values())
        settings = (optimiser.lr, optimiser.momentum, optimiser.weight_decay, *optimiser.lr_scale.values())
        assert {type(value) for value in settings} == {float} and type(optimiser.nesterov) is bool
        results.append([parameter.data for _, parameter in named])
    for found, expected in zip(*results, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


@NUMPY
def test_schedules_of_numbers_of_numpy_return_plain_numbers_and_restore_their_state(kind):
    whole = np.int64
    schedules = [
        optim.Constant(kind(0.1)),
        optim.Steps(kind(0.1), [whole(2), whole(4)], kind(0.1)),
        optim.Cosine(kind(0.1), whole(10)),
        optim.Plateau(kind(0.1), factor=kind(0.5), patience=whole(0), min_improvement=kind(0.1)),
        optim.WarmUp(optim.Constant(kind(0.1)), steps=whole(3), lr=kind(0.01), rising=np.bool_(True)),
    ]
    for schedule in schedules:
        for step in (0, 1, 5):
            schedule.observe(kind(0.5))
            assert type(schedule(whole(step))) is float
        for value in vars(schedule).values():
            values = value if isinstance(value, tuple) else (value,)
            assert not any(isinstance(each, (np.generic, np.ndarray)) for each in values)
        schedule.load_state_dict(schedule.state_dict())  # plain numbers, as a checkpoint keeps them


def test_a_learning_rate_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="lr: expected a number, got '0.1'"):
        optim.SGD(parameters("w"), lr="0.1")


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.Steps(0.1, ["a"]),
        lambda: optim.Cosine(0.1, total="a"),
        lambda: optim.Plateau(0.1, patience="a"),
        lambda: optim.WarmUp(optim.Constant(0.1), steps="3"),
    ],
)
def test_a_schedules_setting_that_is_no_number_is_named_when_it_is_made(make):
    with pytest.raises(ValueError, match="(milestones|total|patience|steps): expected an integer"):
        make()
