"""What every layer and block promises: each row of `minires.catalogue` through all of it, in both modes."""

import os
import subprocess
import sys

import numpy as np
import pytest
import strict_cupy
from oracles import in_numpy, in_order
from places import TESTS

from minires import optim, reprs
from minires.backend import array_module, to_numpy
from minires.catalogue import layer_rows
from minires.gradcheck import check_gradients
from minires.train import parameters_only

CASES = layer_rows()
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
modes = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])


def upstream(y, seed=4):
    """A random upstream gradient for y; ones would let backward passes of norms and softmax pass as zero."""
    dy = np.random.default_rng(seed).standard_normal(y.shape).astype(str(y.dtype))
    dy.setflags(write=False)
    return dy


def run(layer, x, *, train, seed=4):
    """Return {name: array} of all that one forward and backward bring about."""
    layer.zero_grad()
    y, cache = layer.forward(x, train=train)
    dx = layer.backward(array_module(y).asarray(upstream(y, seed)), cache)
    gradients = {f"gradient of {name}": p.grad.copy() for name, p in layer.named_parameters()}
    buffers = {name: b.data.copy() for name, b in layer.named_buffers()}
    return {"y": y, "dx": dx, **gradients, **buffers}


def assert_same_bits(found, expected):
    assert list(found) == list(expected)
    for name in expected:
        a, b = to_numpy(found[name]), to_numpy(expected[name])
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes(), name


def every_array(cache):
    """Yield the arrays in nested tuples and lists."""
    if isinstance(cache, (tuple, list)):
        for item in cache:
            yield from every_array(item)
    elif isinstance(cache, np.ndarray):
        yield cache


# -- settings --------------------------------------------------------------------------------------


def settings_of(layer):
    """Return {argument: value} of the call that made a layer, or None if it did not keep one of them."""
    found = {}
    for name, argument in reprs.arguments(type(layer)).items():
        if name == "rng":
            found[name] = np.random.default_rng(0)
        elif isinstance(argument.default, bool) and not isinstance(getattr(layer, name), bool):
            found[name] = getattr(layer, name) is not None  # a bias
        elif hasattr(layer, name):
            found[name] = getattr(layer, name)
        elif argument.default is argument.empty:
            return None
    return found


@cases
@pytest.mark.parametrize(
    "kind", [np.float64, np.float32, np.asarray], ids=["float64", "float32", "0-d array"]
)
def test_numbers_of_numpy_as_settings_become_plain_ones(case, kind):
    for _, layer in case.build(np.random.default_rng(3)).named_layers():
        settings = settings_of(layer)
        if settings is None or not any(isinstance(value, (bool, int, float)) for value in settings.values()):
            continue
        made = type(layer)(**{name: in_numpy(value, kind) for name, value in settings.items()})
        for name, value in vars(made).items():
            numbers = value if isinstance(value, tuple) else (value,)
            assert not any(isinstance(each, (np.generic, np.ndarray)) for each in numbers), (name, value)
        for name, value in settings.items():
            if isinstance(value, (int, float)) and name != "bias":
                # 1e-7: a float32 number as a setting is itself that far from the plain one
                assert getattr(made, name) == pytest.approx(value, rel=1e-7)
            if isinstance(value, bool):  # np.False_ is no True at the prompt
                assert made.settings().get(name) == layer.settings().get(name)


@cases
@modes
def test_settings_of_numpy_keep_float32(case, train):
    layer, x = case.make(np.float32)
    for _, inner in layer.named_layers():
        for name, value in vars(inner).items():
            if type(value) is float:  # also set after it was made
                setattr(inner, name, np.float64(value))
    for name, array in run(layer, x, train=train).items():
        assert array.dtype == np.float32, name


# -- gradients -------------------------------------------------------------------------------------


@cases
@modes
def test_gradients_equal_numeric_ones(case, train):
    layer, x = case.make(np.float64)
    expect_zero = case.gradients_of_zero(layer) if train else []
    # the checker's own tolerance, 1e-7: central differences in float64 reach 1e-9
    options = {"rng": np.random.default_rng(5), "expect_zero": expect_zero, "max_elements": 12}
    check_gradients(layer, x, train=train, keep_dtype=True, **options).raise_if_wrong()


@cases
@modes
def test_gradients_are_added_in_place(case, train):
    alone = run(case.make()[0], case.make()[1], train=train)
    layer, x = case.make()
    before = {name: (p.data, p.grad) for name, p in layer.named_parameters()}
    for _, parameter in layer.named_parameters():
        parameter.grad.fill(2)
    y, cache = layer.forward(x, train=train)
    layer.backward(upstream(y), cache)
    for name, parameter in layer.named_parameters():
        assert parameter.data is before[name][0] and parameter.grad is before[name][1], name
        expected = alone[f"gradient of {name}"] + np.float32(2)
        np.testing.assert_array_equal(parameter.grad, expected, err_msg=name)


@cases
@modes
def test_without_the_inputs_gradient_the_parameters_gradients_are_the_same(case, train):
    expected = run(case.make()[0], case.make()[1], train=train)
    layer, x = case.make()
    y, cache = layer.forward(x, train=train)
    with parameters_only(layer):
        layer.backward(upstream(y), cache)
    for name, parameter in layer.named_parameters():
        np.testing.assert_array_equal(parameter.grad, expected[f"gradient of {name}"], err_msg=name)


@cases
@modes
def test_backward_twice_gives_the_same_or_raises(case, train):
    layer, x = case.make()
    y, cache = layer.forward(x, train=train)
    first = layer.backward(upstream(y), cache)
    leaf = not list(layer.children())
    if not leaf:
        with pytest.raises(RuntimeError, match="used up"):
            layer.backward(upstream(y), cache)
        return
    gradients = {name: p.grad.copy() for name, p in layer.named_parameters()}
    layer.zero_grad()
    np.testing.assert_array_equal(layer.backward(upstream(y), cache), first)
    for name, parameter in layer.named_parameters():
        np.testing.assert_array_equal(parameter.grad, gradients[name])


@cases
def test_the_cache_knows_the_mode_and_the_input(case):
    """Two forwards in different modes on different inputs, then backward on the caches of both."""
    layer, x = case.make()
    other = x[::-1] * np.float32(0.5)
    expected = run(layer, x, train=True)
    layer, x = case.make()
    y, cache = layer.forward(x, train=True)
    other_y, other_cache = layer.forward(other, train=False)
    dx = layer.backward(upstream(y), cache)
    np.testing.assert_array_equal(dx, expected["dx"])
    for name, parameter in layer.named_parameters():
        np.testing.assert_array_equal(parameter.grad, expected[f"gradient of {name}"])
    assert layer.backward(upstream(other_y), other_cache).shape == x.shape


# -- what goes in and comes out ----------------------------------------------------------------------


@cases
@modes
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(case, train, dtype):
    layer, x = case.make(dtype)
    assert {
        name: array.dtype for name, array in run(layer, x, train=train).items() if array.dtype != dtype
    } == {}
    assert layer.predict(x).dtype == dtype


@cases
@modes
def test_inputs_and_parameters_and_caches_are_only_read(case, train):
    """Everything that a layer was given or remembers is read-only while it runs; buffers move in forward."""
    layer, x = case.make()
    expected = run(layer, x, train=train)
    layer, x = case.make()
    for _, parameter in layer.named_parameters():
        parameter.data.setflags(write=False)
    y, cache = layer.forward(x, train=train)
    for array in [y, *every_array(cache)]:
        array.setflags(write=False)
    dx = layer.backward(upstream(y), cache)
    np.testing.assert_array_equal(dx, expected["dx"])
    np.testing.assert_array_equal(y, expected["y"])
    np.testing.assert_array_equal(x, case.make()[1])


@cases
def test_predict_is_forward_in_eval_mode(case):
    layer, x = case.make(np.float64)
    state = {name: array.copy() for name, array in layer.state_dict().items()}
    # predict makes a convolution and its batch norm one, which rounds in another place
    np.testing.assert_allclose(layer.predict(x), layer.forward(x, train=False)[0], rtol=1e-11, atol=1e-12)
    assert_same_bits(layer.state_dict(), state)
    np.testing.assert_array_equal(layer.predict(x), layer.predict(x))  # no randomness either


@cases
def test_eval_mode_treats_every_image_by_itself(case):
    layer, x = case.make(np.float64)
    one_by_one = np.concatenate([layer.predict(x[i : i + 1]) for i in range(len(x))])
    # a batch of 1 may add its products in another order: a few units of the 16th digit
    np.testing.assert_allclose(layer.predict(x), one_by_one, rtol=1e-11, atol=1e-12)


@cases
@modes
def test_same_seed_same_bits(case, train):
    assert_same_bits(run(*case.make(), train=train), run(*case.make(), train=train))


# -- what surgery may ask ------------------------------------------------------------------------------


@cases
@modes
def test_what_a_layer_says_of_zeros_and_of_a_second_time_is_so(case, train):
    layer, x = case.make(np.float64)
    if layer.keeps_zero:
        assert not layer.forward(np.zeros_like(x), train=train)[0].any()
    if layer.idempotent:
        y = layer.forward(x, train=train)[0]
        np.testing.assert_array_equal(layer.forward(y, train=train)[0], y)
    scale_and_shift = [parameter for parameter in layer.scale_and_shift() if parameter]
    if scale_and_shift:
        for parameter in scale_and_shift:
            parameter.data.fill(0)
        assert not layer.forward(x, train=train)[0].any()


# -- what it would cost ------------------------------------------------------------------------------


@cases
def test_trace_tells_the_shape_of_y_and_every_byte_that_forward_remembers(case):
    layer, x = case.make()
    if x.ndim == 4:
        x = in_order(x, "images innermost")  # else the first layer would remember a copy in that order
    y, cache = layer.forward(x, train=True)
    weights = {address(p.data) for _, p in layer.named_parameters()}
    arrays = {address(array): array.nbytes for array in every_array(cache)}
    remembered = sum(nbytes for key, nbytes in arrays.items() if key not in weights)
    shape, _, predicted = layer.cost(x.shape)
    assert shape == y.shape
    if "gate closed" in case.name:  # a trace is of the most expensive forward
        assert predicted > remembered
    else:
        assert predicted == remembered


def address(array):
    return array.__array_interface__["data"][0], array.nbytes


@cases
def test_trace_refuses_what_forward_refuses(case):
    layer, x = case.make()
    for shape in ((2, 1, 1, 1), (2, 40), (3,), (2, 5, 3, 3), (2, 3, 2, 2)):
        wrong = np.zeros(shape, np.float32)
        try:
            expected = layer.predict(wrong).shape
        except ValueError:
            with pytest.raises(ValueError):
                layer.cost(shape)
        else:
            assert layer.cost(shape)[0] == expected


# -- names and state ---------------------------------------------------------------------------------


def test_names_are_in_definition_order_in_every_process():
    script = (
        "from minires.catalogue import layer_rows\n"
        "for row in layer_rows():\n"
        "    layer = row.make()[0]\n"
        "    for named in layer.named_layers, layer.named_parameters, layer.named_buffers:\n"
        "        print(*(name for name, _ in named()))\n"
        "    print(*layer.state_dict())"
    )
    folder = str(TESTS)
    outputs = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([folder, *sys.path])},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert "weight bias" in outputs[0] and "gamma beta" in outputs[0]
    residual = next(case for case in CASES if case.name.startswith("Residual, projection"))
    assert [name for name, _ in residual.make()[0].named_parameters()] == [
        "branch.0.weight",
        "branch.1.gamma",
        "branch.1.beta",
        "branch.3.weight",
        "branch.4.gamma",
        "branch.4.beta",
        "shortcut.0.weight",
        "shortcut.1.gamma",
        "shortcut.1.beta",
    ]


@cases
def test_state_dict_round_trip(case):
    layer, x = case.make()
    other = case.build(np.random.default_rng(99)).astype(np.float32)
    arrays = {name: array for name, array in other.state_dict().items()}
    other.load_state_dict({name: array.copy() for name, array in layer.state_dict().items()})
    assert_same_bits(other.state_dict(), layer.state_dict())
    assert all(array is arrays[name] for name, array in other.state_dict().items())
    np.testing.assert_array_equal(other.predict(x), layer.predict(x))
    with pytest.raises(ValueError, match="unexpected: nobody"):
        other.load_state_dict({**layer.state_dict(), "nobody": np.zeros(1)})


# -- other devices -----------------------------------------------------------------------------------


def gpu_module():
    """Return cupy where it is installed and finds a GPU, else None."""
    try:
        import cupy

        return cupy if cupy.cuda.runtime.getDeviceCount() else None
    except Exception:  # not installed, or no driver: CUDARuntimeError cannot be named without CuPy
        return None


@pytest.fixture(params=["strict_cupy", "cupy"])
def xp(request):
    if request.param == "strict_cupy":
        return strict_cupy
    return gpu_module() or pytest.skip("CuPy with a GPU is not there")


@cases
@modes
def test_another_device_computes_the_same(case, train, xp):
    layer, x = case.make(np.float64)
    expected = run(layer, x, train=train)
    layer, x = case.make(np.float64)
    found = run(layer.to(xp), xp.asarray(x), train=train)
    for name, array in expected.items():
        assert isinstance(found[name], xp.ndarray), name
        # sums in another order: float64 roundoff times the length of the sums, and cancellation in norms
        np.testing.assert_allclose(
            found[name].get(), array, rtol=1e-9, atol=1e-10 * (1 + abs(array).max()), err_msg=name
        )
    np.testing.assert_allclose(
        layer.predict(xp.asarray(x)).get(), make_predict(case, expected), rtol=1e-9, atol=1e-9
    )


def make_predict(case, after):
    """The prediction on the CPU once the running averages have moved as in `after`."""
    layer, x = case.make(np.float64)
    for name, buffer in layer.named_buffers():
        buffer.data[...] = after[name]
    return layer.predict(x)


@cases
def test_moving_there_and_back_keeps_every_bit(case, xp):
    layer, x = case.make()
    run(layer, x, train=True)
    parameters = list(layer.named_parameters())
    optimiser = optim.SGD(parameters, lr=0.1, momentum=0.9) if parameters else None
    if optimiser:
        optimiser.step()
    state = {name: array.copy() for name, array in layer.state_dict().items()}
    gradients = {name: p.grad.copy() for name, p in parameters}
    velocity = {name: v.copy() for name, v in optimiser.velocity.items()} if optimiser else {}
    for module in (xp, np):
        assert layer.to(module) is layer
        assert all(isinstance(array, module.ndarray) for array in layer.state_dict().values())
        assert all(isinstance(p.grad, module.ndarray) for _, p in layer.named_parameters())
        if optimiser:
            assert optimiser.to(module) is optimiser
            assert all(isinstance(v, module.ndarray) for v in optimiser.velocity.values())
    assert_same_bits(layer.state_dict(), state)
    assert_same_bits({name: p.grad for name, p in layer.named_parameters()}, gradients)
    assert_same_bits(optimiser.velocity if optimiser else {}, velocity)


def test_a_state_is_loaded_from_another_device(xp):
    case = next(case for case in CASES if case.name == "cifar_resnet")
    here, there = case.make()[0], case.build(np.random.default_rng(9)).to(xp)
    expected = {name: array.copy() for name, array in here.state_dict().items()}
    arrays = there.state_dict()
    there.load_state_dict(here.state_dict())
    assert all(array is arrays[name] for name, array in there.state_dict().items())
    assert_same_bits(there.state_dict(), expected)
    velocities = [optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9) for net in (here, there)]
    for array in velocities[0].velocity.values():
        array.fill(3)
    velocities[1].load_state_dict(velocities[0].state_dict())
    assert_same_bits(velocities[1].velocity, velocities[0].velocity)
    back = case.build(np.random.default_rng(9))
    back.load_state_dict(there.state_dict())
    assert_same_bits(back.state_dict(), expected)


def test_a_training_step_on_another_device_moves_the_same_weights(xp):
    case = next(case for case in CASES if case.name == "cifar_resnet")
    results = []
    for module in (np, xp):
        layer, x = case.make(np.float64)
        layer.to(module)
        optimiser = optim.SGD(layer.named_parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)
        for seed in (1, 2):
            optimiser.zero_grad()
            y, cache = layer.forward(module.asarray(x), train=True)
            layer.backward(module.asarray(upstream(y, seed)), cache)
            optimiser.step()
        assert all(isinstance(v, module.ndarray) for v in optimiser.velocity.values())
        results.append({name: to_numpy(array) for name, array in layer.state_dict().items()})
    for name, array in results[0].items():
        # two steps of sums in another order, in float64
        np.testing.assert_allclose(results[1][name], array, rtol=1e-8, atol=1e-9, err_msg=name)
