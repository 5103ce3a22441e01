"""The CUDA sources give NumPy's numbers: run on the CPU by the stand-in (`strict_cupy._kernels`), which
compiles them as C++. What this cannot show: that they run on a GPU, and how fast."""

import functools

import numpy as np
import pytest
import strict_cupy
from oracles import ORDERS, im2col_loops, in_order, pool_loops
from strict_cupy import _kernels
from test_functional_contract import run as run_pair
from test_functional_contract import upstream

import minires.functional as F
from minires import optim
from minires.backend import to_numpy
from minires.catalogue import PAIRS, layer_rows
from minires.functional import dispatch
from minires.kernels import cuda
from minires.kernels.cuda import launch, source
from minires.layers import Parameter

pytestmark = pytest.mark.skipif(
    not _kernels.AVAILABLE, reason="no C++ compiler to run CUDA sources on the CPU"
)

pairs = pytest.mark.parametrize("case", PAIRS, ids=lambda case: case.name)
layers = pytest.mark.parametrize("case", layer_rows(), ids=lambda case: case.name)
modes = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
orders = pytest.mark.parametrize("order", ORDERS)


@pytest.fixture(autouse=True)
def xp():
    """The stand-in, with a RawKernel."""
    with _kernels.kernels() as package:
        yield package


@functools.cache
def fused():
    """Whether the hooks are in place: the pairs call the kernels."""
    before = list(_kernels.kernels_launched)  # of the test that happens to ask first
    F.relu_backward(strict_cupy.zeros(3), F.relu_forward(strict_cupy.zeros(3))[1])
    launched = _kernels.kernels_launched[len(before) :]
    _kernels.kernels_launched[:] = before
    return "relu_backward" in launched


def close(found, expected, dtype, what=""):
    # a ratio of norms; sums of a few hundred numbers in another order: 100 units in the last place, and the
    # cancellation in a norm's gradient costs two more digits
    a, b = np.asarray(to_numpy(found), np.float64), np.asarray(expected, np.float64)
    assert a.shape == b.shape, what
    error = np.linalg.norm(a - b) / (np.linalg.norm(b) + 1e-3)
    assert error < {np.float32: 1e-4, np.float64: 1e-11}[dtype], (what, error)


# -- who runs what ------------------------------------------------------------------------------------------


def test_an_array_has_kernels_where_its_module_compiles_them():
    assert dispatch.find("relu_backward", strict_cupy.zeros(1)) is cuda.relu_backward
    assert dispatch.find("relu_backward", np.zeros(1)) is not cuda.relu_backward
    del strict_cupy.RawKernel
    assert dispatch.find("relu_backward", strict_cupy.zeros(1)) is None
    strict_cupy.RawKernel = _kernels.RawKernel


def test_kernels_are_off_unless_they_are_asked_for(monkeypatch):
    monkeypatch.delenv("MINIRES_CUDA_KERNELS")
    assert dispatch.find("relu_backward", strict_cupy.zeros(1)) is None


def test_every_kernel_of_the_source_is_called_with_its_own_types():
    assert set(_kernels.parameters_of(launch.text("float"))) == {
        name for name in _kernels.parameters_of(launch.text("double"))
    }
    for name, types in _kernels.parameters_of(launch.text("float")).items():
        assert list(launch.parameter_types(name)) == types
    with pytest.raises(TypeError, match="float64"):
        x = strict_cupy.zeros(3, np.float32)
        launch.launch("relu_backward", x, (1, 1), x, x, strict_cupy.zeros(3), 3)


# -- every row of the two contract tables -------------------------------------------------------------------


@pairs
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "images innermost", "backwards"])
def test_every_pair_gives_the_numbers_of_numpy(case, dtype, order):
    inputs = case.inputs(dtype, order=order)
    expected = run_pair(case, inputs)
    y, cache, rest = case.forward(*[strict_cupy.asarray(array) for array in inputs])
    dy = strict_cupy.asarray(upstream(to_numpy(y)))
    first, again = case.backward(dy, cache), case.backward(dy, cache)
    found = [array for array in (y, *rest, *first) if array is not None]
    for array, numpys in zip(found, expected, strict=True):
        assert array.dtype == dtype
        close(array, numpys, dtype, case.name)
    for one, two in zip(first, again, strict=True):
        assert one is None or one.get().tobytes() == two.get().tobytes()


@pairs
def test_no_pair_waits_for_the_gpu_or_uploads_anything(case):
    inputs = [strict_cupy.asarray(array) for array in case.inputs()]
    y = case.forward(*inputs)[0]
    dy = strict_cupy.asarray(upstream(to_numpy(y)))
    arrays = [case.labels, *case.options.values()]
    own = sum(hasattr(array, "strides") for array in arrays)  # which the case itself uploads
    strict_cupy.synchronisations = strict_cupy.uploads = 0
    cache = case.forward(*inputs)[1]
    case.backward(dy, cache)
    assert (strict_cupy.synchronisations, strict_cupy.uploads - own) == (0, 0)


@layers
@modes
def test_every_layer_gives_the_numbers_of_numpy(case, train):
    from test_layer_contract import run

    layer, x = case.make(np.float64)
    expected = run(layer, x, train=train)
    layer, x = case.make(np.float64)
    found = run(layer.to(strict_cupy), strict_cupy.asarray(x), train=train)
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(
            found[name].get(), array, rtol=1e-9, atol=1e-10 * (1 + abs(array).max()), err_msg=name
        )


@pairs
def test_threads_and_blocks_may_run_in_any_order(case, monkeypatch):
    inputs = [strict_cupy.asarray(array) for array in case.inputs(np.float32)]
    y, cache, rest = case.forward(*inputs)
    dy = strict_cupy.asarray(upstream(to_numpy(y)))
    forwards = [y, *rest, *case.backward(dy, cache)]
    monkeypatch.setattr(_kernels, "backwards", True)
    y, cache, rest = case.forward(*inputs)
    for one, two in zip(forwards, [y, *rest, *case.backward(dy, cache)], strict=True):
        assert one is None or one.get().tobytes() == two.get().tobytes()


# -- each kernel against loops, at the edges of its geometry ------------------------------------------------

GEOMETRIES = [  # x (N, C, H, W), kernel, stride, padding, dilation
    ((2, 3, 7, 5), (3, 2), (2, 1), (1, 0), (1, 1)),
    ((1, 1, 4, 9), (1, 1), (3, 2), (0, 0), (1, 1)),
    ((3, 2, 5, 6), (5, 6), (1, 1), (0, 0), (1, 1)),
    ((1, 2, 3, 3), (2, 3), (4, 4), (2, 1), (1, 1)),
    ((300, 1, 2, 3), (2, 2), (1, 1), (1, 1), (1, 1)),
    ((2, 3, 7, 8), (3, 2), (2, 1), (1, 2), (2, 3)),
]
geometries = pytest.mark.parametrize("shape, kernel, stride, padding, dilation", GEOMETRIES)


def numbers(shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@geometries
@orders
def test_im2col_is_the_loops_and_col2im_its_adjoint(shape, kernel, stride, padding, dilation, order):
    if not fused():
        pytest.skip("the hooks are not in place")
    x = in_order(numbers(shape), order)
    options = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    _kernels.kernels_launched.clear()
    columns = F.im2col(strict_cupy.asarray(x), **options)
    np.testing.assert_array_equal(columns.get(), im2col_loops(x, **options))
    upstream_columns = numbers(columns.shape, 1)
    dx = F.col2im(strict_cupy.asarray(upstream_columns), shape, **options)
    # <im2col(x), c> = <x, col2im(c)>, in float64 but for the order of some hundred summands
    np.testing.assert_allclose((columns.get() * upstream_columns).sum(), (x * dx.get()).sum(), rtol=1e-10)
    np.testing.assert_allclose(dx.get(), F.col2im(upstream_columns, shape, **options), rtol=1e-12, atol=1e-13)
    assert _kernels.kernels_launched == ["im2col", "col2im"]


@pytest.mark.parametrize(
    "kind, more",
    [("max", {}), ("max", {"dilation": (2, 1)}), ("avg", {}), ("avg", {"count_include_pad": False})],
)
@pytest.mark.parametrize("ceil_mode", [False, True])
@orders
def test_pooling_is_the_loops(kind, more, ceil_mode, order):
    x = in_order(numbers((2, 3, 7, 6)), order)
    options = {"kernel_size": (3, 2), "stride": (2, 2), "padding": (1, 1), "ceil_mode": ceil_mode} | more
    y, cache = getattr(F, f"{kind}_pool2d_forward")(strict_cupy.asarray(x), **options)
    dx = getattr(F, f"{kind}_pool2d_backward")(strict_cupy.asarray(numbers(y.shape, 2)), cache)
    expected_y, expected_dx = pool_loops(x, lambda shape: numbers(shape, 2), kind=kind, **options)
    np.testing.assert_allclose(y.get(), expected_y, rtol=1e-12)
    np.testing.assert_allclose(dx.get(), expected_dx, rtol=1e-12, atol=1e-14)


def test_max_pooling_treats_nan_infinity_and_ties_as_numpy_does():
    x = np.zeros((1, 1, 4, 8))
    x[0, 0] = np.random.default_rng(0).choice([np.nan, -np.inf, np.inf, 1.0, 1.0, 2.0], (4, 8))
    x[0, 0, :2, :2], x[0, 0, :2, 2:4] = -np.inf, np.nan
    expected, cache = F.max_pool2d_forward(x, kernel_size=2)
    dy = numbers(expected.shape)
    y, gpu_cache = F.max_pool2d_forward(strict_cupy.asarray(x), kernel_size=2)
    np.testing.assert_array_equal(y.get(), expected)
    defined = ~np.isnan(expected)  # which value of a window with NaN gets its gradient is left open
    np.testing.assert_array_equal(gpu_cache[0].get()[defined], cache[0][defined])
    dy[~defined] = 0
    dx = F.max_pool2d_backward(strict_cupy.asarray(dy), gpu_cache)
    np.testing.assert_array_equal(dx.get(), F.max_pool2d_backward(dy, cache))


def test_a_window_of_more_than_256_pixels_has_positions_beyond_a_byte():
    x = numbers((1, 2, 20, 20))
    expected, cache = F.max_pool2d_forward(x, kernel_size=17, stride=3)
    y, gpu_cache = F.max_pool2d_forward(strict_cupy.asarray(x), kernel_size=17, stride=3)
    np.testing.assert_array_equal(gpu_cache[0].get(), cache[0])
    assert gpu_cache[0].dtype == np.int32 and gpu_cache[0].get().max() > 255


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_of_impossible_and_nearly_certain_answers_is_that_of_numpy(smoothing, dtype):
    logits = np.array([[20, 0, -3], [0, 17, 2], [1, -np.inf, 0], [-np.inf, 5, -np.inf], [0.5, 1, 2]], dtype)
    labels = np.array([0, 1, 2, 1, 0])
    for row in range(5):
        x, y = logits[row : row + 1], labels[row : row + 1]
        expected, cache = F.softmax_cross_entropy_forward(x, y, label_smoothing=smoothing)
        gradient = F.softmax_cross_entropy_backward(1.0, cache)
        _kernels.kernels_launched.clear()
        loss, cache = F.softmax_cross_entropy_forward(
            strict_cupy.asarray(x), strict_cupy.asarray(y), label_smoothing=smoothing
        )
        found = F.softmax_cross_entropy_backward(1.0, cache)
        if fused():
            names = ["softmax_cross_entropy", "softmax_cross_entropy_backward"]
            assert [name for name in _kernels.kernels_launched if name in names] == names
        # a few roundings; of the smoothed ones' differences p - t
        tolerance = 10 * np.finfo(dtype).eps
        np.testing.assert_allclose(loss.get(), expected, rtol=tolerance)
        absolute = tolerance if smoothing else 0
        np.testing.assert_allclose(found.get(), gradient, rtol=tolerance, atol=absolute)


@pytest.mark.parametrize("shape", [(2, 3, 1, 1), (5, 2, 40, 41), (3, 4, 65, 64), (17, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batch_norm_of_any_number_of_chunks_and_a_large_mean(shape, dtype):
    few = shape[0] * np.prod(shape[2:]) == 2  # two close values: their distance has few digits left
    x = (numbers(shape) + (0 if few else 300)).astype(dtype)  # E[x^2] - E[x]^2 would lose 5 of 7 digits
    gamma, beta, dy = numbers(shape[1], 1, dtype), numbers(shape[1], 2, dtype), numbers(shape, 3, dtype)
    exact = [array.astype(np.float64) for array in (x, gamma, beta)]
    y, cache, (mean, var) = F.batch_norm_train_forward(*exact)
    expected = [y, mean, var, *F.batch_norm_train_backward(dy.astype(np.float64), cache)]
    y, cache, (mean, var) = F.batch_norm_train_forward(*map(strict_cupy.asarray, (x, gamma, beta)))
    found = [y, mean, var, *F.batch_norm_train_backward(strict_cupy.asarray(dy), cache)]
    for a, b in zip(found, expected, strict=True):
        # float32 holds 300 to 3e-5, which is that much of a standard deviation of 1; and the gradient is a
        # difference of larger numbers
        error = np.linalg.norm(a.get() - b) / (np.linalg.norm(b) + 1e-2)
        assert error < (3e-3 if dtype is np.float32 else 1e-9)


def test_a_kernel_writes_nothing_but_its_outputs(monkeypatch):
    """Every array that the kernels fill lies between guards, and all guards survive."""
    guarded = []

    def empty(shape, dtype=float, order="C"):
        count, guard = int(np.prod(shape)), np.dtype(dtype).type(77)
        wide = strict_cupy.full(count + 512, guard, dtype)
        guarded.append((wide, count, guard))
        return wide[256 : 256 + count].reshape(shape)

    def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
        axes = sorted(range(prototype.ndim), key=lambda axis: -prototype.strides[axis])
        sizes = prototype.shape if shape is None else shape
        flat = empty([sizes[axis] for axis in axes], dtype or prototype.dtype)
        return flat.transpose([axes.index(axis) for axis in range(prototype.ndim)])

    monkeypatch.setattr(strict_cupy, "empty", empty)
    monkeypatch.setattr(strict_cupy, "empty_like", empty_like)
    for case in PAIRS:
        y, cache, _ = case.forward(*[strict_cupy.asarray(array) for array in case.inputs()])
        case.backward(strict_cupy.asarray(upstream(to_numpy(y))), cache)
    assert len(guarded) > 50
    for wide, count, guard in guarded:
        assert (wide.get()[:256] == guard).all() and (wide.get()[256 + count :] == guard).all()


# -- all parameters at once ---------------------------------------------------------------------------------

SIZES = [(3,), (source.CHUNK,), (source.CHUNK + 1,), (2, 5000), (1, 1)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-2, "no_decay": ["p1", "p3"]},
    ],
    ids=["plain", "momentum", "everything"],
)
def test_sgd_in_one_launch_moves_parameters_as_numpy_does(options):
    def network(xp):
        holders = {
            f"p{i}": Parameter(xp.asarray(numbers(size, i, np.float32))) for i, size in enumerate(SIZES)
        }
        holders["p2"].frozen = True
        return holders, optim.SGD(holders.items(), lr=0.1, lr_scale={"p0": 0.5}, **options)

    (ours, ours_sgd), (theirs, theirs_sgd) = network(np), network(strict_cupy)
    arrays = {name: (p.data, p.grad) for name, p in theirs.items()}
    for step in range(3):
        for sgd in (ours_sgd, theirs_sgd):
            sgd.lr = 0.1 / (step + 1)
        for i, name in enumerate(ours):
            gradient = numbers(SIZES[i], 10 * step + i, np.float32)
            ours[name].grad[...], theirs[name].grad[...] = gradient, strict_cupy.asarray(gradient)
        strict_cupy.launches = strict_cupy.uploads = strict_cupy.synchronisations = 0
        theirs_sgd.step()
        ours_sgd.step()
        if fused() and step:
            # the step and the new learning rate; the table was uploaded in the first
            assert (strict_cupy.launches, strict_cupy.uploads, strict_cupy.synchronisations) == (2, 0, 0)
    for name, parameter in theirs.items():
        assert parameter.data is arrays[name][0]
        # float32: a few roundings a step, in another order
        np.testing.assert_allclose(parameter.data.get(), ours[name].data, rtol=1e-5, atol=1e-6)
    theirs_sgd.zero_grad()
    assert all(not p.grad.get().any() and p.grad is arrays[name][1] for name, p in theirs.items())


def test_an_exchanged_array_or_a_thawed_parameter_gets_a_new_table():
    if not fused():
        pytest.skip("the hooks are not in place")
    holder, other = Parameter(strict_cupy.ones(3)), Parameter(strict_cupy.ones(3))
    other.frozen = True
    sgd = optim.SGD({"w": holder, "v": other}.items(), lr=1.0)
    sgd.step()
    holder.grad = strict_cupy.ones(3)
    sgd.step()
    assert holder.data.get().tolist() == [0, 0, 0] and other.data.get().tolist() == [1, 1, 1]
    other.frozen = False
    other.grad.fill(1)
    sgd.step()
    assert other.data.get().tolist() == [0, 0, 0]


def test_parameters_of_two_dtypes_are_moved_one_by_one():
    holders = {"a": Parameter(strict_cupy.ones(3)), "b": Parameter(strict_cupy.ones(3, np.float32))}
    sgd = optim.SGD(holders.items(), lr=1.0)
    for holder in holders.values():
        holder.grad.fill(0.25)
    sgd.step()
    assert all(holder.data.get().tolist() == [0.75] * 3 for holder in holders.values())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, source.CHUNK - 1, source.CHUNK, -1])
def test_one_launch_finds_a_number_that_is_not_finite(bad, where):
    from minires.kernels.cuda.update import AllFinite

    arrays = [strict_cupy.ones(2 * source.CHUNK + 5, dtype) for dtype in (np.float32, np.float64)]
    finite, look = strict_cupy.ones((), bool), AllFinite(arrays)
    look.into(finite)
    assert bool(finite)
    arrays[1][where] = bad
    look.into(finite)
    assert not bool(finite)
    arrays[1][where] = 1
    look.into(finite)
    assert not bool(finite)  # it stays noticed


# -- float32 to its last digits ------------------------------------------------------------------------------


def test_sums_over_many_numbers_are_right_in_float32():
    shape, ones = (1, 2, 300, 400), np.ones(2, np.float32)
    x, dy = np.full(shape, 0.3, np.float32), np.full(shape, 0.1, np.float32)
    x[:, :, ::2] = -0.1
    x, dy, gamma = strict_cupy.asarray(x), strict_cupy.asarray(dy), strict_cupy.asarray(ones)
    _, cache, (mean, var) = F.batch_norm_train_forward(x, gamma, gamma, eps=0.0)
    _, _, dbeta = F.batch_norm_train_backward(dy, cache)
    y, _ = F.avg_pool2d_forward(dy, kernel_size=(300, 400))
    _, cache = F.conv2d_forward(dy, gamma.reshape(1, 2, 1, 1), gamma[:1])
    _, _, dbias = F.conv2d_backward(dy[:, :1], cache)
    pairs = ((mean, 0.1), (var, 0.04), (dbeta, 12_000), (y, 0.1), (dbias, 12_000))
    for found, expected in pairs:  # 1e-6: a few units in the last place; a plain loop is off by 1e-3
        np.testing.assert_allclose(to_numpy(found), np.full(found.shape, expected), rtol=1e-6)


@pytest.mark.parametrize("value", [1000.1, 1e30])
def test_a_constant_channel_comes_out_as_beta(value):
    x = strict_cupy.asarray(np.full((5, 2, 30, 40), value, np.float32))
    gamma, beta = (strict_cupy.asarray(np.full(2, number, np.float32)) for number in (1.5, 0.25))
    y, _, (mean, var) = F.batch_norm_train_forward(x, gamma, beta)
    np.testing.assert_array_equal(to_numpy(y), np.full(y.shape, 0.25, np.float32))
    np.testing.assert_array_equal(to_numpy(var), [0, 0])


def test_numbers_whose_squares_are_infinite_come_out_as_beta():
    x = strict_cupy.asarray((1e30 * np.random.default_rng(0).standard_normal((40, 2))).astype(np.float32))
    ones = strict_cupy.asarray(np.ones(2, np.float32))
    y, cache, _ = F.batch_norm_train_forward(x, ones, ones)
    np.testing.assert_array_equal(to_numpy(y), np.ones((40, 2)))
    assert all(np.isfinite(to_numpy(array)).all() for array in F.batch_norm_train_backward(x * 0, cache))
