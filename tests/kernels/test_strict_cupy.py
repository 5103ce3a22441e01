"""The stand-in is as strict as its docstring says; CuPy's part of it is shown on CuPy too, given a GPU."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import strict_cupy
from strict_cupy import _read_names
from strict_cupy._names import SECTIONS

from minires.backend import array_module, to_module, to_numpy


def modules():
    """Return the stand-in, and CuPy itself where it is installed and finds a GPU."""
    found = [strict_cupy]
    try:
        import cupy

        if cupy.cuda.runtime.getDeviceCount():
            found.append(cupy)
    except Exception:  # not installed, or no driver: CUDARuntimeError cannot be named without CuPy
        pass
    return found


@pytest.fixture(params=modules(), ids=lambda module: module.__name__)
def xp(request):
    return request.param


@pytest.fixture
def x(xp):
    return xp.asarray(HOST)


@pytest.fixture
def strict():
    return strict_cupy.asarray(HOST)


@pytest.fixture
def counters(strict):
    strict_cupy.synchronisations = strict_cupy.launches = strict_cupy.uploads = 0
    return strict_cupy


HOST = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
HOST.flags.writeable = False


# Facts of CuPy: the tests that take xp or x run on both.


def test_array_module_of_a_strict_array_is_the_stand_in(x, xp):
    assert array_module(x) is xp
    with pytest.raises(TypeError, match="one device"):
        array_module(x, HOST)


def test_to_module_and_to_numpy_keep_every_bit(xp):
    moved = to_module(HOST, xp)
    assert type(moved) is xp.ndarray
    assert to_numpy(moved).tobytes() == HOST.tobytes()


def test_implicit_conversion_to_numpy_raises(x):
    for convert in (
        np.asarray,
        np.array,
        lambda a: a.__array__(),
        lambda a: HOST.copy().__setitem__(0, a[0]),
    ):
        with pytest.raises(TypeError, match="[Ii]mplicit conversion"):
            convert(x)


OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "@", "==", "!=", "<", "<=", ">", ">="]


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_refuses_a_numpy_array_on_either_side(x, operator):
    scope = {"square": x[:, :3], "host": np.ones((3, 3), np.float32)}
    for expression in (f"square {operator} host", f"host {operator} square"):
        with pytest.raises(TypeError):
            eval(expression, scope)
    if operator != "@" and operator not in OPERATORS[8:]:
        with pytest.raises(TypeError):
            exec(f"square {operator}= host", scope)
        with pytest.raises(TypeError):
            exec(f"host {operator}= square", scope)


@pytest.mark.parametrize("operator", OPERATORS[:7] + OPERATORS[8:])
def test_an_operator_takes_scalars_on_either_side_as_numpy_does(x, operator):
    host = np.abs(HOST)
    x = abs(x)  # negative bases have no real power
    for scalar in (2, 0.5, np.float32(1.5), np.float64(1.5)):
        for expression in (f"array {operator} scalar", f"scalar {operator} array"):
            ours, numpys = (eval(expression, {"array": array, "scalar": scalar}) for array in (x, host))
            assert ours.dtype == numpys.dtype
            # A GPU's pow and remainder differ by a few ulp of float32 (6e-8); the stand-in's do not differ.
            np.testing.assert_allclose(ours.get(), numpys, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("value", [[1.0, 2.0, 3.0, 4.0], (1.0,), None, "one"], ids=repr)
def test_an_operator_refuses_lists_none_and_strings(x, value):
    with pytest.raises(TypeError):
        x + value


def test_a_function_refuses_numpy_arrays_and_lists(x, xp):
    for wrong in (HOST, HOST.tolist()):
        for call in (
            lambda wrong: xp.add(x, wrong),
            lambda wrong: xp.maximum(x, 0, out=wrong),
            lambda wrong: xp.matmul(x.T, wrong),
            lambda wrong: xp.where(x > 0, x, wrong),
            lambda wrong: xp.concatenate([x, wrong]),
            lambda wrong: xp.tensordot(x, wrong),
        ):
            with pytest.raises((TypeError, AttributeError)):
                call(wrong)


def test_matmul_refuses_scalars(x, xp):
    with pytest.raises((TypeError, ValueError)):
        x @ 2.0
    with pytest.raises((TypeError, ValueError)):
        xp.matmul(2.0, x)


def test_matmul_takes_out_only_by_name(x, xp):
    out = xp.empty((3, 3), xp.float32)
    assert xp.matmul(x, x.T, out=out) is out
    np.testing.assert_allclose(out.get(), HOST @ HOST.T, rtol=1e-5, atol=1e-5)  # sums of four float32
    with pytest.raises(TypeError, match="out"):
        xp.matmul(x, x.T, out)


def test_reductions_give_0_d_arrays(x, xp):
    whole = [
        x.sum(),
        x.mean(),
        x.var(),
        x.max(),
        x.argmax(),
        x.all(),
        x.dot(x.T).trace(),
        xp.sum(x),
        xp.add(1, 2),
    ]
    whole += [
        xp.allclose(x, x),
        xp.array_equal(x, x),
        xp.count_nonzero(x),
        xp.linalg.norm(x),
        x[0, 0],
        x[0].min(),
    ]
    for result in whole:
        assert type(result) is xp.ndarray
        assert result.shape == ()


def test_keywords_that_cupy_lacks_raise(x, xp):
    mask = x > 0
    for call in (
        lambda: xp.add(x, x, where=mask),
        lambda: xp.sum(x, where=mask),
        lambda: x.max(initial=0),
        lambda: xp.take(x, 0, mode="clip"),
        lambda: xp.einsum("ij->i", x, out=x[:, 0]),
        lambda: x.item(0),
        lambda: xp.zeros(3, like=x),
        lambda: xp.take_along_axis(x, mask.astype(int)),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match="median"):
        xp.pad(x, 1, mode="median")


def test_every_common_keyword_that_cupy_has_works(x, xp):
    host = np.asarray(HOST)
    pairs = [
        (xp.sum(x, axis=1, keepdims=True), host.sum(1, keepdims=True)),
        (xp.argmax(x, axis=1, keepdims=True), host.argmax(1, keepdims=True)),
        (x.var(axis=0, ddof=1), host.var(0, ddof=1)),
        (
            xp.pad(x, ((0, 1), (2, 0)), constant_values=-np.inf),
            np.pad(host, ((0, 1), (2, 0)), constant_values=-np.inf),
        ),
        (xp.einsum("ij,kj->ik", x, x, optimize=True), np.einsum("ij,kj->ik", host, host)),
        (xp.where(x > 0, x, 0), np.where(host > 0, host, np.float32(0))),
        (xp.stack([x, x], axis=1), np.stack([host, host], axis=1)),
        (xp.take_along_axis(x, x.argsort(axis=1), 1), np.sort(host, 1)),
        (x.reshape(4, -1, order="F"), host.reshape((4, -1), order="F")),
        (xp.broadcast_to(x[:, :1], (3, 4)), np.broadcast_to(host[:, :1], (3, 4))),
        (xp.clip(x, -0.5, 0.5), host.clip(-0.5, 0.5)),
        (xp.multiply(x, 2, dtype=xp.float64), np.multiply(host, 2, dtype=np.float64)),
        (x.transpose(1, 0), host.T),
    ]
    for ours, numpys in pairs:
        assert ours.dtype == numpys.dtype
        np.testing.assert_allclose(
            ours.get(), numpys, rtol=1e-5, atol=1e-6
        )  # sums of 12 float32, in any order


def test_out_is_written_and_returned(x, xp):
    out = xp.empty_like(x)
    assert xp.add(x, 1, out=out) is out
    assert xp.sum(x, axis=0, out=out[0]).shape == (4,)
    np.testing.assert_allclose(out[0].get(), HOST.sum(0), rtol=1e-6, atol=1e-6)  # three float32


def test_in_place_operators_keep_the_array_but_matmul_rebinds(xp):
    x = xp.ones((2, 2), xp.float32)
    same = x
    x += 1
    x *= x
    assert x is same
    assert x.get().tolist() == [[4, 4], [4, 4]]
    x @= x
    assert x is not same
    with pytest.raises(TypeError):  # float64 into float32 is the same kind, float into int is not
        integers = xp.arange(3)
        integers += 0.5


def test_assignment_refuses_numpy_arrays(xp):
    x = xp.zeros((3, 4), xp.float32)
    with pytest.raises((TypeError, ValueError)):
        x[...] = HOST
    with pytest.raises((TypeError, ValueError)):
        x.fill(HOST)
    with pytest.raises((TypeError, ValueError)):
        x[0] = [1, 2, 3, 4]


def test_indexing_gives_views_for_slices_and_0_d_arrays_for_elements(xp):
    x = xp.zeros((3, 4), xp.float32)
    x[1][2] = 5
    element = x[1, 2]
    element += 1
    assert x.get()[1, 2] == 6
    assert x[1].base is x
    x[::2, 1:] += 2
    assert x.get().sum() == 18
    assert [row.shape for row in x] == [(4,)] * 3
    assert len(x) == 3


def test_fancy_indexing_takes_arrays_of_the_device_and_lists(x, xp):
    rows = xp.asarray(np.array([2, 0]))
    np.testing.assert_array_equal(x[rows, xp.arange(2)].get(), HOST[[2, 0], [0, 1]])
    np.testing.assert_array_equal(x[[2, 0]].get(), HOST[[2, 0]])
    np.testing.assert_array_equal(x[x > 0].get(), HOST[HOST > 0])
    changed = x.copy()
    changed[x > 0] = 0
    changed[rows, 0] = -1
    assert changed.get()[[2, 0], 0].tolist() == [-1, -1]
    with pytest.raises(IndexError):
        x[xp.zeros(2)]


def test_what_an_array_lacks_on_a_gpu(x):
    for name in (
        "setflags",
        "resize",
        "ctypes",
        "getfield",
        "__array_interface__",
        "__index__",
        "__contains__",
    ):
        with pytest.raises(AttributeError):
            getattr(x, name)
    with pytest.raises(AttributeError):
        x.flags.writeable  # noqa: B018
    with pytest.raises(TypeError):
        range(x.argmax())
    with pytest.raises(TypeError):
        hash(x)
    with pytest.raises(AttributeError):
        x.note = "an array takes no attributes"
    assert x.flags.c_contiguous and x.T.flags["F_CONTIGUOUS"]


def test_only_some_ufuncs_reduce_and_scatter(xp):
    x = xp.zeros(3, xp.float32)
    xp.add.at(x, xp.asarray(np.array([1, 1])), 1)
    assert x.get().tolist() == [0, 2, 0]
    assert xp.add.reduce(x).item() == 2
    with pytest.raises(NotImplementedError):
        xp.maximum.reduce(x)
    with pytest.raises(NotImplementedError):
        xp.multiply.at(x, xp.arange(3), x)


def test_division_by_zero_and_overflow_do_not_warn(xp):
    zero = xp.zeros(2, xp.float32)
    assert np.isnan((zero / zero).get()).all()
    assert np.isinf(xp.exp(zero + 1000).get()).all()


def test_strings_and_objects_have_no_dtype_on_a_gpu(xp):
    for values in (np.array(["a"]), np.array([None])):
        with pytest.raises((ValueError, TypeError)):
            xp.asarray(values)


def test_numpy_missing_names_raise_attribute_error(xp):
    for name in (
        "vecdot",
        "matvec",
        "errstate",
        "nditer",
        "ndenumerate",
        "insert",
        "block",
        "geomspace",
        "longdouble",
    ):
        assert hasattr(np, name) or name == "matvec"  # NumPy 2.0 has no matvec
        with pytest.raises(AttributeError):
            getattr(xp, name)
    for name in ("sliding_window_view", "scatter_add", "softmax"):
        with pytest.raises(AttributeError):
            getattr(xp, name)


def test_ways_out(x):
    assert x.tolist() == HOST.tolist()
    assert x.tobytes() == HOST.tobytes()
    assert float(x[0, 0]) == x[0, 0].item() == HOST[0, 0]
    assert f"{x[0, 0]:.3f}" == f"{HOST[0, 0]:.3f}"
    for clone in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        np.testing.assert_array_equal(clone.get(), HOST)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)


def test_set_wants_the_same_dtype_and_shape(xp):
    x = xp.zeros((3, 4), xp.float32)
    x.set(HOST)
    np.testing.assert_array_equal(x.get(), HOST)
    with pytest.raises(TypeError):
        x.set(HOST.astype(np.float64))
    with pytest.raises(ValueError):
        x.set(HOST[:2])


# Facts of the stand-in alone.


def test_public_names_are_cupys_and_three_counters():
    allowed = {
        name for title in SECTIONS for name in SECTIONS[title] if " " not in title and "." not in title
    }
    public = {name for name in dir(strict_cupy) if not name.startswith("_")}
    assert public - allowed == {"synchronisations", "launches", "uploads"}
    members = {name for name in vars(strict_cupy.ndarray) if name not in ("_host", "_base", "__getattr__")}
    cupys = {name for title in SECTIONS if title.startswith("ndarray") for name in SECTIONS[title]}
    assert members <= cupys


def test_every_name_of_cupy_exists_or_says_that_it_is_not_simulated():
    titles = ("ufuncs", "functions", "types", "constants", "classes", "modules", "objects")
    unsimulated = set()
    for name in [name for title in titles for name in SECTIONS[title]]:
        try:
            getattr(strict_cupy, name)
        except NotImplementedError:
            unsimulated.add(name)
    assert {"fuse", "RawKernel", "ElementwiseKernel", "fft", "float_", "product"} <= unsimulated
    assert (
        not {"einsum", "matmul", "tensordot", "maximum", "float32", "newaxis", "ndarray", "linalg"}
        & unsimulated
    )


def test_numpy_functions_on_strict_arrays_raise(strict):
    for call in (
        lambda: np.add(strict, strict),
        lambda: np.exp(strict),
        lambda: np.sum(strict),
        lambda: np.concatenate([strict, strict]),
        lambda: np.maximum(strict, 0, out=HOST.copy()),
        lambda: np.add.reduce(strict),
    ):
        with pytest.raises(TypeError):
            call()


def test_numpy_index_arrays_and_0_d_arrays_raise(strict):
    for call in (
        lambda: strict[np.array([0, 1])],
        lambda: strict[HOST > 0],
        lambda: strict + np.array(1.0),
        lambda: strict.__setitem__(np.array([0]), 1),
        lambda: strict_cupy.take(strict, np.array([0])),
    ):
        with pytest.raises(TypeError):
            call()


def test_unwritten_memory_is_seen():
    assert np.isnan(strict_cupy.empty(3, np.float32).get()).all()
    assert np.isnan(strict_cupy.empty_like(strict_cupy.zeros(3)).get()).all()
    assert (np.abs(strict_cupy.empty(3, np.int64).get().astype(float)) > 1e18).all()


def test_random_numbers_are_refused():
    for name in ("default_rng", "randn", "seed"):
        with pytest.raises(NotImplementedError, match="CPU"):
            getattr(strict_cupy.random, name)(0)


def test_broadcast_views_cannot_be_written(strict):
    with pytest.raises(ValueError, match="read-only"):
        strict_cupy.broadcast_to(strict, (2, 3, 4))[...] = 0


def test_asarray_copies_from_numpy_and_passes_strict_arrays_through(counters):
    host = np.zeros(3)
    x = strict_cupy.asarray(host)
    host[0] = 1
    assert x.get()[0] == 0
    assert strict_cupy.asarray(x) is x
    assert strict_cupy.asarray(x, strict_cupy.float32).dtype == np.float32
    assert counters.uploads == 1


def test_synchronisations_are_counted(counters, strict):
    for times, wait in (
        (1, lambda: strict.get()),
        (1, lambda: float(strict[0, 0])),
        (1, lambda: bool(strict.sum() > 0)),
        (1, lambda: strict[0, 0].item()),
        (1, lambda: strict[strict > 0]),
        (1, lambda: strict.copy().__setitem__(strict > 0, 0)),
        (1, lambda: strict_cupy.nonzero(strict)),
        (1, lambda: strict_cupy.where(strict)),
        (1, lambda: strict_cupy.cuda.Stream.null.synchronize()),
        (2, lambda: strict_cupy.lib.stride_tricks.sliding_window_view(strict, (2, 2))),
        (0, lambda: strict_cupy.lib.stride_tricks.as_strided(strict, (2, 2, 3), (16, 16, 4))),
        (0, lambda: strict_cupy.where(strict > 0, strict, 0).sum() * 2),
    ):
        before = counters.synchronisations
        wait()
        assert counters.synchronisations - before == times


def test_launches_are_counted_and_views_are_free(counters, strict):
    for times, compute in (
        (1, lambda: strict + 1),
        (1, lambda: strict.sum()),
        (1, lambda: strict_cupy.maximum(strict, 0, out=strict_cupy.empty_like(strict))),
        (1, lambda: strict_cupy.sum(strict, 0, out=strict_cupy.empty(4, np.float32))),
        (1, lambda: strict.T.reshape(-1)),
        (1, lambda: strict_cupy.zeros(3)),
        (1, lambda: strict.copy().T),
        (0, lambda: strict.reshape(4, 3).T[1:]),
        (0, lambda: strict_cupy.broadcast_to(strict, (2, 3, 4))),
        (0, lambda: strict_cupy.split(strict, 2, axis=1)),
        (0, lambda: strict_cupy.ascontiguousarray(strict)),
        (0, lambda: strict.astype(np.float32, copy=False)),
        (1, lambda: strict.astype(np.float64)),
    ):
        before = counters.launches
        compute()
        assert counters.launches - before == times


def test_adding_into_a_slice_is_one_launch(counters):
    x = strict_cupy.zeros((3, 4))
    counters.launches = 0
    x[1:] += 1
    assert counters.launches == 1
    assert x.get().sum() == 8


def test_lists_as_index_count_as_uploads(counters, strict):
    strict[[0, 1]]
    strict_cupy.asarray([1.0, 2.0])
    assert counters.uploads == 2


def test_base_leads_to_the_array_that_owns_the_memory(strict):
    assert strict.base is None
    windows = strict_cupy.lib.stride_tricks.sliding_window_view(strict, (2, 2))
    for view in (strict.T, strict[1:].T[0], strict.reshape(-1), windows, windows.transpose(1, 0, 2, 3)):
        assert view.base is strict
    assert (strict + 1).base is None


def test_importing_the_stand_in_imports_no_cupy():
    script = "import sys, strict_cupy; assert 'cupy' not in sys.modules"
    folder = next(iter(strict_cupy.__path__))
    subprocess.run([sys.executable, "-c", script], cwd=f"{folder}/..", check=True)


def test_names_file_is_what_the_installed_cupy_has():
    cupy = pytest.importorskip("cupy")
    if cupy.__version__ != strict_cupy.__version__:
        pytest.skip(f"names.txt was read from CuPy {strict_cupy.__version__}, this is {cupy.__version__}")

    def own_names(text):  # Python 3.12 and later add the buffer protocol's names to every extension type
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return [line for line in lines if line.partition(" ")[0] not in ("__buffer__", "__release_buffer__")]

    path = next(iter(strict_cupy.__path__)) + "/names.txt"
    with open(path, encoding="utf-8") as file:
        assert own_names(_read_names.names_text()) == own_names(file.read())
