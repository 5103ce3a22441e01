"""What holds for every functional pair: every row of `minires.catalogue`, one test for each promise."""

import dataclasses
import inspect
import itertools

import numpy as np
import pytest
import strict_cupy
from oracles import ORDERS, in_numpy, in_order, pieces, relative_error

import minires.functional as F
from minires import kernels
from minires.backend import to_numpy
from minires.catalogue import PAIRS

every_case = pytest.mark.parametrize("case", PAIRS, ids=lambda case: case.name)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def upstream(y, order="C"):
    rng = np.random.default_rng(1)
    return in_order(np.asarray(rng.standard_normal(y.shape), y.dtype), order)


def run(case, inputs, dy_order="C"):
    """Return everything that a pair computes, in a list: the output, further outputs, the gradients."""
    y, cache, rest = case.forward(*inputs)
    gradients = case.backward(upstream(y, dy_order), cache)
    return [array for array in (y, *rest, *gradients) if array is not None]


def assert_same_bits(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def assert_close(found, expected, tolerance):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert relative_error(one, other) < tolerance


@every_case
@DTYPES
def test_everything_that_comes_out_is_an_array_of_the_dtype_that_went_in(case, dtype):
    results = run(case, case.inputs(dtype))
    assert all(isinstance(array, np.ndarray) and array.dtype == dtype for array in results)


@every_case
def test_every_gradient_has_the_shape_of_its_input(case):
    inputs = case.inputs()
    y, cache, _ = case.forward(*inputs)
    gradients = case.backward(upstream(y), cache)
    for array, gradient in zip(inputs, gradients, strict=False):
        assert gradient is None or gradient.shape == array.shape


@every_case
@DTYPES
def test_inputs_and_upstream_gradient_stay_untouched(case, dtype):
    # they are read-only too, so that a write raises; the comparison sees a write through a view's base
    inputs = case.inputs(dtype)
    originals = [array.copy() for array in inputs]
    with pieces(2, 16):
        y, cache, _ = case.forward(*inputs)
        dy = upstream(y)
        dy_original = dy.copy()
        case.backward(dy, cache)
    assert_same_bits([*inputs, dy], [*originals, dy_original])


@every_case
def test_backward_twice_gives_the_same_bits_and_leaves_the_output_alone(case):
    for cut in ((1, 1 << 18), (2, 16)):
        with pieces(*cut):
            y, cache, _ = case.forward(*case.inputs())
            before, dy = y.copy(), upstream(y)
            assert isinstance(cache, tuple)
            first = [gradient.copy() for gradient in case.backward(dy, cache) if gradient is not None]
            case.backward(2 * dy, cache)
            second = [gradient for gradient in case.backward(dy, cache) if gradient is not None]
        assert_same_bits(second, first)
        assert_same_bits([y], [before])


@every_case
def test_two_caches_are_independent(case):
    # a scratch array in a cache would hold the second call's numbers when the first call's backward runs
    first, other = case.inputs(seed=0), case.inputs(seed=5)
    expected = run(case, first)
    y, cache, rest = case.forward(*first)
    later, later_cache, _ = case.forward(*other)
    case.backward(upstream(later), later_cache)
    gradients = case.backward(upstream(y), cache)
    assert_same_bits([a for a in (y, *rest, *gradients) if a is not None], expected)


@every_case
def test_the_order_in_memory_does_not_matter(case):
    # 1e-12: another order may add the same float64 numbers in another sequence
    expected = run(case, case.inputs())
    for order, dy_order, cut in itertools.product(ORDERS, ORDERS, ((1, 1 << 18), (2, 16))):
        with pieces(*cut):
            assert_close(run(case, case.inputs(order=order), dy_order), expected, 1e-12)


@every_case
@DTYPES
def test_the_same_thread_count_gives_the_same_bits_and_another_one_the_same_numbers(case, dtype):
    # gradients of weights are added chunk by chunk, so another number of chunks rounds differently: some
    # units in the last place (6e-8 in float32, 1e-16 in float64) of the largest terms
    with pieces(1, 1 << 18):
        one = run(case, case.inputs(dtype))
    for threads in (2, 3, 7):
        with pieces(threads, 16):
            several = run(case, case.inputs(dtype))
            assert_same_bits(run(case, case.inputs(dtype)), several)
        assert_close(several, one, {np.float32: 2e-5, np.float64: 1e-13}[dtype])


@every_case
def test_the_stand_in_for_a_gpu_gives_the_numbers_of_numpy(case):
    # 1e-12: on a GPU other algorithms lead to the same result (no shifts, one block)
    inputs = case.inputs()
    expected = run(case, inputs)
    y, cache, rest = case.forward(*[strict_cupy.asarray(array) for array in inputs])
    gradients = case.backward(strict_cupy.asarray(upstream(to_numpy(y))), cache)
    found = [array for array in (y, *rest, *gradients) if array is not None]
    assert all(type(array) is strict_cupy.ndarray for array in found)
    assert_close([to_numpy(array) for array in found], expected, 1e-12)


@every_case
def test_no_pair_waits_for_the_gpu(case):
    # a look at a value in the middle of a step would stall the device
    inputs = [strict_cupy.asarray(array) for array in case.inputs()]
    y = case.forward(*inputs)[0]
    dy = strict_cupy.asarray(upstream(to_numpy(y)))
    strict_cupy.synchronisations = 0
    cache = case.forward(*inputs)[1]
    case.backward(dy, cache)
    assert strict_cupy.synchronisations == 0


# -- settings --------------------------------------------------------------------------------------------


def options_of(case):
    """Return every keyword of a pair's forward with its value, those at their defaults too."""
    arguments = inspect.signature(getattr(F, f"{case.pair}_forward")).parameters.values()
    keywords = {each.name: each.default for each in arguments if each.kind is each.KEYWORD_ONLY}
    return {name: value for name, value in (keywords | case.options).items() if value is not None}


@pytest.mark.parametrize(
    "kind", [np.float64, np.float32, np.asarray], ids=["float64", "float32", "0-d array"]
)
@pytest.mark.parametrize("which", ["textbook", "fast"])
def test_numbers_of_numpy_as_options_do_what_plain_ones_do(which, kind):
    with kernels.use(which):
        for case in PAIRS:
            options = options_of(case)
            if kind is np.float32:  # what the float32 number is
                plain = {n: float(kind(v)) if isinstance(v, float) else v for n, v in options.items()}
            else:
                plain = options
            expected = run(dataclasses.replace(case, options=plain), case.inputs(np.float32))
            options = {name: in_numpy(value, kind) for name, value in options.items()}
            found = run(dataclasses.replace(case, options=options), case.inputs(np.float32))
            assert all(array.dtype == np.float32 for array in found), case.name
            assert_same_bits(found, expected)


# -- what is refused, everywhere in the same words -------------------------------------------------------

several_arrays = pytest.mark.parametrize(
    "case", [case for case in PAIRS if len(case.shapes) > 1], ids=lambda case: case.name
)
NOT_ARRAYS = (True, 3.0, "x", [[1.0, 2.0]], None, object())


def one_line(error):
    message = str(error.value)
    assert "\n" not in message and len(message) < 300
    return message


@every_case
def test_something_that_is_no_array_is_refused_by_name(case):
    for position, name in enumerate(case.shapes):
        for value in NOT_ARRAYS:
            if name in ("bias", "weights") and value is None:
                continue  # the arrays that may be absent
            inputs = case.inputs()
            inputs[position] = value
            with pytest.raises(TypeError) as error:
                case.forward(*inputs)
            message = one_line(error)
            assert f"{name}: expected a NumPy or CuPy array" in message
            assert type(value).__name__ in message


@every_case
def test_numbers_that_are_not_float32_or_float64_are_refused_by_name(case):
    swapped = np.dtype(np.float32).newbyteorder()  # as files from other machines have it
    for (position, name), dtype in itertools.product(
        enumerate(case.shapes), (np.int64, np.uint8, bool, complex, np.float16, swapped)
    ):
        inputs = case.inputs()
        inputs[position] = np.ones(inputs[position].shape, dtype)
        with pytest.raises(TypeError) as error:
            case.forward(*inputs)
        message = one_line(error)
        assert f"{name}: expected float32 or float64" in message and str(np.dtype(dtype)) in message


@several_arrays
def test_two_dtypes_are_refused_with_the_names_of_both_arguments(case):
    first, *others = case.shapes
    for position, name in enumerate(others, start=1):
        inputs = case.inputs()
        inputs[position] = inputs[position].astype(np.float32)
        with pytest.raises(TypeError) as error:
            case.forward(*inputs)
        message = one_line(error)
        assert f"{first} is float64 and {name} is float32" in message and ".astype" in message


@every_case
def test_an_empty_batch_is_refused(case):
    first = next(iter(case.shapes))
    inputs = case.inputs()
    inputs[0] = inputs[0][:0]
    with pytest.raises(ValueError) as error:
        case.forward(*inputs)
    assert f"{first}: expected at least one element" in one_line(error)


@several_arrays
def test_mixed_devices_are_refused_saying_which_argument_is_where(case):
    first, *others = case.shapes
    for position, name in enumerate(others, start=1):
        inputs = case.inputs()
        inputs[position] = strict_cupy.asarray(inputs[position])
        with pytest.raises(TypeError) as error:
            case.forward(*inputs)
        message = one_line(error)
        assert f"{first} is a numpy array" in message and f"{name} is a strict_cupy array" in message


LOSSES = {case.pair for case in PAIRS if case.forward(*case.inputs())[0].ndim == 0}
checks_dy = pytest.mark.parametrize(
    "case",
    [
        case
        for case in PAIRS
        if case.pair != "residual_add" and case.pair not in LOSSES  # any dy, or a 0-d one
    ],
    ids=lambda case: case.name,
)


@checks_dy
def test_an_upstream_gradient_of_the_wrong_shape_is_refused(case):
    y, cache, _ = case.forward(*case.inputs())
    wrong = (y.T, y[:1], y[..., :-1], y[None])
    for dy in (array for array in wrong if array.shape != y.shape):
        with pytest.raises(ValueError) as error:
            case.backward(np.array(dy), cache)
        message = one_line(error)
        assert f"dy: expected the shape {y.shape}" in message and f"got {dy.shape}" in message


@checks_dy
def test_an_upstream_gradient_of_another_dtype_is_refused(case):
    y, cache, _ = case.forward(*case.inputs())
    for dtype in (np.float32, np.int64):
        with pytest.raises(TypeError) as error:
            case.backward(y.astype(dtype), cache)
        message = one_line(error)
        assert "dy: expected float64" in message and f"got {np.dtype(dtype)}" in message


@checks_dy
def test_an_upstream_gradient_that_is_no_array_is_refused(case):
    _, cache, _ = case.forward(*case.inputs())
    for value in NOT_ARRAYS:
        with pytest.raises(TypeError) as error:
            case.backward(value, cache)
        assert "dy: expected a NumPy or CuPy array" in one_line(error)


@checks_dy
def test_an_upstream_gradient_from_another_device_is_refused(case):
    y, cache, _ = case.forward(*case.inputs())
    if not any(hasattr(item, "strides") for item in cache):
        return  # only shapes are remembered: dy alone decides where backward runs
    with pytest.raises(TypeError) as error:
        case.backward(strict_cupy.asarray(upstream(y)), cache)
    assert "dy is a strict_cupy array" in one_line(error)
