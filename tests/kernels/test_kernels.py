"""A kernel is its textbook pair: the same values and cache, either's backward after the other's forward.

And what decides: which of the two runs where, and that each can be switched off.
"""

import functools
import inspect
import itertools
import operator
import sys

import numpy as np
import pytest
import strict_cupy
from oracles import in_order, pieces, relative_error
from strict_cupy import _kernels
from test_functional_contract import upstream

import minires.functional as F
from minires import kernels, models, optim
from minires.backend import to_numpy
from minires.catalogue import PAIRS
from minires.functional import dispatch
from minires.kernels import cpu
from minires.kernels.cpu import conv_point, conv_shift, parallel
from minires.train.objective import cross_entropy

CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not _kernels.AVAILABLE, reason="no C++ compiler"))
pairs = pytest.mark.parametrize("case", PAIRS, ids=lambda case: case.name)


@pytest.fixture(params=["cpu", CUDA])
def place(request, monkeypatch):
    """A function that brings NumPy arrays to where those kernels run, which then take small arrays too."""
    monkeypatch.setattr(conv_shift, "NARROW", 0)
    monkeypatch.setattr(conv_point, "NARROW", 0)
    if request.param == "cpu":
        with pieces(2, 16):
            yield lambda array: array
    else:
        with _kernels.kernels():
            yield strict_cupy.asarray


def everything(case, place, forward, backward, dtype=np.float64, order="images innermost"):
    """Return (cache, [y, further outputs, gradients]) with forward and backward each in a mode."""
    inputs = [place(array) for array in case.inputs(dtype, order=order)]
    with kernels.use(forward):
        y, cache, rest = case.forward(*inputs)
    with kernels.use(backward):
        gradients = case.backward(place(upstream(to_numpy(y))), cache)
    return cache, [to_numpy(array) for array in (y, *rest, *gradients) if array is not None]


def check_all_combinations(case, dtype, place):
    """Raise AssertionError unless forward and backward of textbook and kernel give the same numbers."""
    # float32: sums of some hundred numbers in another order, and a few digits lost in a norm's differences
    tolerance = {np.float32: 1e-4, np.float64: 1e-12}[dtype]
    _, expected = everything(case, place, "textbook", "textbook", dtype)
    for forward, backward in itertools.product(kernels.CHOICES, repeat=2):
        _, found = everything(case, place, forward, backward, dtype)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == other.dtype
            assert relative_error(one, other) < tolerance, (forward, backward)


@pairs
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_and_backward_agree_in_all_four_combinations(case, dtype, place):
    check_all_combinations(case, dtype, place)


def assert_same_item(found, expected, what):
    assert type(found) is type(expected), what
    if isinstance(expected, tuple) and not hasattr(expected, "_fields"):
        assert len(found) == len(expected), what
        for i, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_same_item(one, other, f"{what}[{i}]")
    elif hasattr(expected, "strides"):
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype), what
        # 1e-12: a mean or a deviation in float64, summed in another order
        np.testing.assert_allclose(to_numpy(found), to_numpy(expected), rtol=1e-12, atol=1e-13, err_msg=what)
    else:
        assert found == expected, what


def check_caches(case, place):
    textbook, fast = (everything(case, place, mode, mode)[0] for mode in ("textbook", "fast"))
    assert_same_item(fast, textbook, "cache")


@pairs
def test_the_caches_are_the_same_item_by_item(case, place):
    check_caches(case, place)


def break_value(array):
    """Change one value by a thousandth of the largest."""
    array = array.copy()
    array[(-1,) * array.ndim] += 1 if array.dtype.kind in "ui" else 1e-3 * abs(array).max() + 1e-3
    return array


def break_path(array):
    """Leave something out: half of the rows are nought."""
    array = array.copy()
    array[len(array) // 2 :] = 0
    return array


def array_places(results):
    """Yield the paths to all arrays in nested tuples."""
    for i, item in enumerate(results):
        if hasattr(item, "strides") and item.ndim:
            yield (i,)
        elif isinstance(item, tuple) and not hasattr(item, "_fields"):
            yield from ((i, *rest) for rest in array_places(item))


def replaced(results, path, change):
    """Return nested tuples with another array at a path."""
    first, *rest = path
    item = replaced(results[first], rest, change) if rest else change(results[first])
    return (*results[:first], item, *results[first + 1 :])


BREAKABLE = [
    (case, name)
    for case in PAIRS
    for name in (f"{case.pair}_forward", f"{case.pair}_backward")
    if hasattr(cpu, name)
]


@pytest.mark.parametrize("change", [break_value, break_path])
@pytest.mark.parametrize("case, name", BREAKABLE, ids=lambda value: getattr(value, "name", value))
def test_a_broken_kernel_is_noticed(case, name, change, monkeypatch):
    """Every array that a kernel returns, in its cache too, is broken in turn; each time a check must fail."""
    kernel, place = getattr(cpu, name), np.asarray
    inputs = case.inputs(order="images innermost")
    with pieces(2, 16):
        y, cache, rest = case.forward(*inputs)
        returned = (y, cache, rest) if name.endswith("forward") else case.backward(upstream(y), cache)
        for path in array_places(returned):
            if functools.reduce(operator.getitem, path, returned) is case.labels:
                continue  # remembered as it was given

            def broken(*arguments, path=path, **options):
                results = kernel(*arguments, **options)
                if not isinstance(results, tuple):
                    return change(results)
                return replaced(results, path, change)

            monkeypatch.setattr(cpu, name, broken)
            with pytest.raises((AssertionError, RuntimeWarning)):  # a power of 0 is noticed too
                check_all_combinations(case, np.float64, place)
                check_caches(case, place)
            monkeypatch.setattr(cpu, name, kernel)


def test_a_maximum_is_the_first_of_equals_and_position_0_where_nothing_exceeds_minus_infinity(place):
    x = np.zeros((1, 2, 4, 6))
    x[0, 0, :2, :2], x[0, 1] = -np.inf, [[1, 1, 0, 2, 5, 5], [1, 1, 2, 0, 5, 5]] * 2
    for mode in kernels.CHOICES:
        with kernels.use(mode):
            _, cache = F.max_pool2d_forward(place(x), kernel_size=2)
            argmax = to_numpy(cache[0])
            assert argmax[0, 0, 0, 0] == 0 and argmax.dtype == np.uint8
            np.testing.assert_array_equal(argmax[0, 1], [[0, 1, 0]] * 2)
            dx = to_numpy(F.max_pool2d_backward(place(np.ones((1, 2, 2, 3))), cache))
        assert dx[0, 0, 0, 0] == 1 and dx[0, 0, 0, 1] == 0 and dx.sum() == 12


def test_a_window_in_the_padding_alone_gives_its_gradient_to_nobody(place):
    x = np.full((1, 1, 3, 3), -np.inf)
    for mode in kernels.CHOICES:
        with kernels.use(mode):
            _, cache = F.max_pool2d_forward(place(x), kernel_size=2, stride=2, padding=1)
            dx = to_numpy(F.max_pool2d_backward(place(np.ones((1, 1, 2, 2))), cache))
        # position 0 of three windows lies in the padding
        np.testing.assert_array_equal(dx[0, 0], [[0, 0, 0], [0, 1, 0], [0, 0, 0]])


# -- whole networks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, size", [("resnet20", 12), ("googlenet", 64), ("preresnet18", 48)])
def test_a_whole_network_has_the_gradients_of_the_textbook(name, size):
    rng = np.random.default_rng(0)
    net = models.build(name, num_classes=3, rng=rng).astype(np.float64)
    generators = [g for _, g in net.named_generators()]
    states = [g.bit_generator.state for g in generators]
    x, labels = rng.standard_normal((2, 3, size, size)), rng.integers(0, 3, 2)
    results = {}
    for forward, backward in itertools.product(kernels.CHOICES, repeat=2):
        for generator, state in zip(generators, states, strict=True):
            generator.bit_generator.state = state
        net.zero_grad()
        with kernels.use(forward):
            answers, cache = net.forward(x, train=True)
            weights = getattr(net, "loss_weights", (1.0,))
            _, loss, dy = cross_entropy(answers, labels, weights=weights)
        with kernels.use(backward):
            dx = net.backward(dy, cache)
        gradients = [p.grad.copy() for _, p in net.named_parameters()]
        results[forward, backward] = [np.asarray(loss), dx, *gradients]
    expected = results["textbook", "textbook"]
    largest = max(abs(gradient).max() for gradient in expected)
    for mode, found in results.items():
        for one, other in zip(found, expected, strict=True):
            # float64 roundoff, grown over some 60 layers of batch norm on few values
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9 * largest, err_msg=str(mode))


# -- who runs -----------------------------------------------------------------------------------------------


def called(work):
    """Return the names of the textbook's functions and of the kernels that run during work()."""
    textbook, fast = [], []
    decorated = [name for name in F.__all__ if hasattr(getattr(F, name), "textbook")]
    code = {getattr(F, name).textbook.__code__: name for name in decorated}
    of_kernels = {
        getattr(cpu, name).__code__: name for name in F.__all__ if callable(getattr(cpu, name, None))
    }

    def note(frame, event, argument):
        if event == "call":
            if frame.f_code in code:
                textbook.append(code[frame.f_code])
            if frame.f_code in of_kernels:
                fast.append(of_kernels[frame.f_code])

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return textbook, fast


def resnet20_step():
    rng = np.random.default_rng(0)
    net = models.build("resnet20", num_classes=10, rng=rng)
    optimiser = optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9)
    x, labels = rng.standard_normal((32, 3, 32, 32), np.float32), rng.integers(0, 10, 32)

    def step():
        logits, cache = net.forward(x, train=True)
        _, _, dy = cross_entropy(logits, labels)
        net.backward(dy, cache)
        optimiser.step()

    return step


def test_with_kernels_a_step_of_resnet20_runs_no_textbook_convolution_norm_or_pooling():
    textbook, fast = called(resnet20_step())
    slow = ("conv2d", "batch_norm", "pool2d_forward", "max_pool", "im2col", "col2im")
    assert not [name for name in textbook if name.startswith(slow)]
    assert fast.count("conv2d_forward") == 19 and fast.count("batch_norm_train_backward") == 19


def test_in_textbook_mode_no_kernel_runs():
    with kernels.use("textbook"):
        textbook, fast = called(resnet20_step())
    assert fast == [] and textbook.count("conv2d_forward") == 19


def test_a_convolution_of_the_textbook_enters_three_functions_of_three_files():
    entered = set()

    def note(frame, event, argument):
        path = frame.f_code.co_filename
        known = "minires/" in path.replace("\\", "/") and not path.endswith(
            ("dispatch.py", "checks.py", "backend.py", "kernels/__init__.py")
        )
        if event == "call" and known and "<" not in frame.f_code.co_name:
            entered.add((path, frame.f_code.co_name))

    x, weight, bias = np.ones((2, 3, 5, 6)), np.ones((4, 3, 3, 3)), np.ones(4)
    with kernels.use("textbook"):
        sys.setprofile(note)
        try:
            F.conv2d_forward(x, weight, bias, stride=2, padding=1)
        finally:
            sys.setprofile(None)
    assert len(entered) <= 3 and len({path for path, _ in entered}) <= 3, entered


def test_every_kernel_is_called_as_the_textbook_is():
    from minires.kernels import cuda

    for package in (cpu, cuda):
        names = [name for name in F.__all__ if hasattr(package, name)]
        assert len(names) > 10
        for name in names:
            own, other = (inspect.signature(getattr(place, name)).parameters for place in (package, F))
            assert [(p.name, p.kind, p.default) for p in own.values()] == [
                (p.name, p.kind, p.default) for p in other.values()
            ], f"{package.__name__}.{name} takes other arguments than functional's"


# -- the switch ---------------------------------------------------------------------------------------------


def test_use_holds_within_its_block_and_nests():
    assert kernels.in_use() == "fast"
    with kernels.use("textbook"):
        assert kernels.in_use() == "textbook" and dispatch.find("conv2d_forward", np.zeros(1)) is None
        with kernels.use("fast"):
            assert dispatch.find("conv2d_forward", np.zeros(1)) is cpu.conv2d_forward
        assert kernels.in_use() == "textbook"
    with pytest.raises(KeyError), kernels.use("textbook"):
        raise KeyError
    assert kernels.in_use() == "fast"


@pytest.mark.parametrize("which", ["slow", "", None, 1])
def test_another_choice_is_refused_at_once(which):
    with pytest.raises(ValueError, match="which: expected 'fast' or 'textbook'"):
        kernels.use(which)


def test_use_without_with_says_that_nothing_has_changed():
    assert "write `with` before it" in repr(kernels.use("textbook"))
    assert kernels.in_use() == "fast"


def test_an_argument_given_by_name_is_looked_at_too():
    x = np.ones((2, 3, 4, 5))
    vectors = {"gamma": np.ones(3), "beta": np.zeros(3)}
    assert called(lambda: F.batch_norm_train_forward(eps=1e-5, **vectors, x=x))[1] == [
        "batch_norm_train_forward"
    ]
    with pytest.raises(TypeError, match="x: expected a NumPy or CuPy array, got list"):
        F.batch_norm_train_forward(**vectors, x=[[1.0]])


def test_the_environment_chooses_for_a_process(monkeypatch):
    monkeypatch.setattr(kernels, "_of_environment", None)
    monkeypatch.setenv("MINIRES_KERNELS", "textbook")
    assert kernels.in_use() == "textbook"
    monkeypatch.setattr(kernels, "_of_environment", None)
    monkeypatch.setenv("MINIRES_KERNELS", "none")
    with pytest.raises(ValueError, match="MINIRES_KERNELS: expected 'fast' or 'textbook', got 'none'"):
        kernels.in_use()


def test_dispatch_leaves_what_is_no_array_to_the_checks():
    for first in (None, 3.0, [], [None], "x", object()):
        assert dispatch.find("linear_forward", first) is None


def test_a_kernel_that_does_not_support_a_case_leaves_it_to_the_textbook(monkeypatch):
    x = np.ones((1, 2, 3, 4))
    monkeypatch.setattr(cpu, "relu_forward", lambda x: NotImplemented)
    np.testing.assert_array_equal(F.relu_forward(x)[0], x)
    # as they do with arrays that are too small to pay
    monkeypatch.setattr(parallel, "SMALL", 25)
    monkeypatch.setattr(parallel, "ALONE", 1 << 18)
    textbook, _ = called(lambda: F.conv2d_forward(x, np.ones((1, 2, 2, 2))))
    assert textbook == ["conv2d_forward", "im2col"]
    monkeypatch.setattr(parallel, "ALONE", 12 * 8)  # so many multiply-adds BLAS might share among its threads
    assert called(lambda: F.conv2d_forward(x, np.ones((1, 2, 2, 2)))) == ([], ["conv2d_forward"])
    monkeypatch.setattr(parallel, "SMALL", 24)
    assert called(lambda: F.conv2d_forward(x, np.ones((1, 2, 2, 2)))) == ([], ["conv2d_forward"])


def test_the_kernel_of_the_first_argument_is_found_by_keyword_too():
    x = np.ones((1, 2, 3, 4))
    assert called(lambda: F.relu_forward(x=x)) == ([], ["relu_forward"])
    assert called(lambda: F.conv2d_forward(x=x, weight=np.ones((1, 2, 2, 2)))) == ([], ["conv2d_forward"])


def test_the_plain_function_is_at_hand():
    assert F.conv2d_forward.textbook.__module__ == "minires.functional.conv"
    assert F.conv2d_forward.__doc__ is F.conv2d_forward.textbook.__doc__


@pytest.mark.parametrize("order", ["C", "images innermost"])
def test_the_textbook_hands_on_the_order_of_memory(order):
    """Elementwise results, norms and pooling lie in memory as x did, so that what follows need not copy."""
    x = in_order(np.random.default_rng(0).standard_normal((3, 4, 6, 5)), order)
    pool = {"kernel_size": 2}
    with kernels.use("textbook"):
        found = [
            F.relu_forward(x)[0],
            F.batch_norm_train_forward(x, np.ones(4), np.zeros(4))[0],
            F.max_pool2d_forward(x, **pool)[0],
            F.avg_pool2d_forward(x, **pool)[0],
            F.local_response_norm_forward(x)[0],
            F.concat_forward([x, x])[0],
            F.pad_shortcut_forward(x, channels=6, stride=1)[0],
        ]
    by_stride = [sorted(range(4), key=lambda axis, y=y: -y.strides[axis]) for y in (x, *found)]
    assert all(axes == by_stride[0] for axes in by_stride)


# -- rows so short that several are one call ----------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((2, 16, 40, 24), (3, 3), {"padding": 1}),
        ((3, 8, 33, 28), (5, 3), {"padding": (1, 2)}),  # the kernel is half outside at the top alone twice
        ((2, 8, 40, 36), (2, 4), {}),
        ((1, 16, 40, 64), (3, 3), {"padding": 2, "dilation": 2}),
    ],
)
def test_a_convolution_of_short_rows_is_the_textbooks(shape, kernel, options, threads):
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.standard_normal(s) for s in (shape, (12, shape[1], *kernel), (12,)))
    with pieces(threads=threads, block=parallel.BLOCK):
        y, cache = F.conv2d_forward(x, weight, bias, **options)
        dy = rng.standard_normal(y.shape)
        found = (y, *F.conv2d_backward(dy, cache))
    with kernels.use("textbook"):
        y, cache = F.conv2d_forward(x, weight, bias, **options)
        expected = (y, *F.conv2d_backward(dy, cache))
    for ours, theirs in zip(found, expected, strict=True):
        # float64 sums of up to 2000 numbers, in another order
        np.testing.assert_allclose(ours, theirs, atol=1e-10)
