"""SGD step by step against the formulas and PyTorch, and every schedule at the steps where it turns."""

import math

import numpy as np
import pytest
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
    with pytest.raises(ValueError, match="total: expected at least 1"):
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
