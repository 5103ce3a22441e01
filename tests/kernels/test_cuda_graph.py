"""When a training step is captured, when it falls back, and that a replayed step is the eager one; on the
stand-in, whose graphs note what is to be done and do it on the same memory at every launch."""

import numpy as np
import pytest
import strict_cupy
from small_run import small_data
from strict_cupy import _cublas, _kernels

from minires import layers, models, optim
from minires.backend import to_numpy
from minires.catalogue import layer_rows
from minires.kernels.cuda import blas, graph
from minires.layers import combine
from minires.train import Config, Trainer, loop, parameters_only
from minires.train.objective import cross_entropy

pytestmark = pytest.mark.skipif(
    not _kernels.AVAILABLE, reason="no C++ compiler to run CUDA sources on the CPU"
)


@pytest.fixture(autouse=True)
def library(monkeypatch):
    """A fresh cuBLAS, and kernels for the stand-in."""
    library = _cublas.Library()
    monkeypatch.setattr(blas, "load", lambda xp: library)
    blas.handle.cache_clear()
    with _kernels.kernels():
        yield library
    blas.handle.cache_clear()


class Sum:
    """A step on one array: total += images.sum(); it counts how often Python ran it."""

    def __init__(self, break_at=None):
        self.total, self.calls, self.break_at = strict_cupy.zeros(1), 0, break_at
        self.built_in = [(self.total,)]
        self.prepared = 0

    def __call__(self, images, labels):
        self.calls += 1
        self.images = images
        self.total += images.sum()
        if self.calls == self.break_at:
            raise MemoryError("out of memory")

    def prepare(self):
        self.prepared += 1

    def wrapped(self, **options):
        options = {"prepare": self.prepare, "depends_on": lambda: self.built_in} | options
        return graph.CapturedStep(self, like=self.total, **options)


IMAGES, LABELS = np.arange(6.0).reshape(6, 1), np.arange(6)


def test_a_step_runs_eagerly_twice_and_is_then_replayed_from_the_same_buffers():
    step = Sum()
    take = step.wrapped()
    for i in range(6):
        take(IMAGES + i, LABELS)
        # capturing itself computes nothing: the graph that it makes is launched for the same batch
        assert step.total.item() == sum((IMAGES + j).sum() for j in range(i + 1))
        assert step.images is take._images
    assert step.calls == graph.WARM_UP + 1 and step.prepared == 6
    assert take.graph is not None and take.refused is None


def test_a_replayed_step_costs_three_launches_two_uploads_and_no_wait():
    step = Sum()
    take = step.wrapped()
    for _ in range(3):
        take(IMAGES, LABELS)
    strict_cupy.launches = strict_cupy.uploads = strict_cupy.synchronisations = 0
    take(IMAGES, LABELS)  # two copies into the buffers and the graph
    assert (strict_cupy.launches, strict_cupy.uploads, strict_cupy.synchronisations) == (3, 2, 0)


def test_a_smaller_last_batch_is_taken_eagerly_and_the_graph_is_kept():
    step = Sum()
    take = step.wrapped()
    for _ in range(4):
        take(IMAGES, LABELS)
    kept, before = take.graph, step.total.item()
    take(IMAGES[:2], LABELS[:2])
    assert step.total.item() == before + IMAGES[:2].sum() and take.graph is kept
    take(IMAGES, LABELS)
    assert step.total.item() == before + IMAGES[:2].sum() + IMAGES.sum()
    assert step.calls == graph.WARM_UP + 2


def test_an_exchanged_array_leads_to_a_new_graph():
    step = Sum()
    take = step.wrapped()
    for _ in range(4):
        take(IMAGES, LABELS)
    old, first = step.total, take.graph
    step.total = strict_cupy.zeros(1)
    step.built_in = [(step.total,)]
    for _ in range(4):
        take(IMAGES, LABELS)
    assert step.total.item() == 4 * IMAGES.sum() == old.item()
    assert take.graph is not None and take.graph is not first


def test_whatever_goes_wrong_in_a_capture_the_step_is_taken_eagerly_from_then_on():
    step = Sum(break_at=graph.WARM_UP + 1)
    take = step.wrapped()
    for i in range(5):
        take(IMAGES, LABELS)
        assert step.total.item() == (i + 1) * IMAGES.sum()  # nothing was done twice
    assert take.graph is None and "MemoryError: out of memory" in take.refused
    assert not take._stream.is_capturing()


def test_a_step_that_waits_for_the_device_is_not_captured():
    step = Sum()

    def wait(images, labels):
        step(images, labels)
        step.total.get()

    take = graph.CapturedStep(wait, like=step.total, prepare=step.prepare, depends_on=lambda: [])
    for _ in range(4):
        take(IMAGES, LABELS)
    assert step.total.item() == 4 * IMAGES.sum() and "not permitted" in take.refused


def test_an_error_of_the_step_itself_is_raised():
    def broken(images, labels):
        raise ValueError("a shape does not fit")

    take = graph.CapturedStep(broken, like=strict_cupy.zeros(1), prepare=lambda: None, depends_on=lambda: [])
    with pytest.raises(ValueError, match="does not fit"):
        take(IMAGES, LABELS)


def test_ctrl_c_in_a_capture_ends_it():
    step = Sum()

    def interrupt(images, labels):
        step(images, labels)
        if step.calls == graph.WARM_UP + 1:
            raise KeyboardInterrupt

    take = graph.CapturedStep(interrupt, like=step.total, prepare=step.prepare, depends_on=lambda: [])
    for _ in range(graph.WARM_UP):
        take(IMAGES, LABELS)
    with pytest.raises(KeyboardInterrupt):
        take(IMAGES, LABELS)
    assert not take._stream.is_capturing() and step.total.item() == graph.WARM_UP * IMAGES.sum()
    take(IMAGES, LABELS)
    assert step.total.item() == (graph.WARM_UP + 1) * IMAGES.sum()


def test_random_steps_are_refused_at_once():
    step = Sum()
    assert "random" in step.wrapped(random=True).refused


def test_the_memory_of_a_graph_is_nobody_elses():
    step, pools = Sum(), []

    def note(images, labels):
        pools.append(take._pool.in_use)
        step(images, labels)

    take = graph.CapturedStep(note, like=step.total, prepare=step.prepare, depends_on=lambda: [])
    for _ in range(4):
        take(IMAGES, LABELS)
    assert pools == [True] * (graph.WARM_UP + 1) and not take._pool.in_use


# -- matrix products ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("a_order", ["C", "F", "gaps"])
@pytest.mark.parametrize("b_order", ["C", "F", "gaps"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 4, 1), (5, 1, 2)])
def test_a_captured_product_is_the_product(dtype, a_order, b_order, shape, library):
    def matrix(shape, order, seed):
        host = np.random.default_rng(seed).standard_normal((2 * shape[0], shape[1])).astype(dtype)
        if order == "gaps":
            return strict_cupy.asarray(host)[::2]
        host = host[: shape[0]]
        return strict_cupy.asarray(host) if order == "C" else strict_cupy.asarray(host.T.copy()).T

    m, k, n = shape
    a, b = matrix((m, k), a_order, 0), matrix((k, n), b_order, 1)
    out = strict_cupy.zeros((m, n), dtype)
    beside = strict_cupy.zeros((m, 2 * n), dtype)
    stream = strict_cupy.cuda.Stream(non_blocking=True)
    blas.handle(strict_cupy).use(stream)
    with stream:
        stream.begin_capture()
        returned = blas.matmul(a, b)
        blas.matmul(a, b, out=out)
        blas.matmul(a, b, out=beside[:, ::2])
        captured = stream.end_capture()
    assert not out.get().any()
    a *= 2
    captured.launch()
    expected = a.get() @ b.get()
    for found in (returned, out, beside[:, ::2]):
        np.testing.assert_allclose(found.get(), expected, rtol=1e-5)  # float32, at most four summands
    assert not beside.get()[:, 1::2].any()


def test_the_workspace_is_set_after_the_stream_which_resets_it(library):
    blas.handle(strict_cupy).use(strict_cupy.cuda.Stream())
    assert [name for name, _ in library.calls] == ["math mode", "stream", "workspace"]


@pytest.mark.parametrize("value, mode", [("1", blas.TF32_MATH), ("0", blas.DEFAULT_MATH), (None, 0)])
def test_tf32_is_used_when_cupys_environment_variable_says_so(value, mode, library, monkeypatch):
    monkeypatch.delenv("CUPY_TF32", raising=False)
    if value is not None:
        monkeypatch.setenv("CUPY_TF32", value)
    blas.handle(strict_cupy)
    assert library.calls == [("math mode", mode)]


def test_without_the_library_steps_stay_eager(monkeypatch):
    def missing(xp):
        raise OSError("libcublas.so.12: cannot open shared object file")

    monkeypatch.setattr(blas, "load", missing)
    step = Sum()
    take = step.wrapped()
    for _ in range(4):
        take(IMAGES, LABELS)
    assert "libcublas" in take.refused and step.total.item() == 4 * IMAGES.sum()


# -- a whole training step ----------------------------------------------------------------------------------


def digits_net(*more):
    rng = np.random.default_rng(3)
    block = combine.Residual(
        combine.Sequential(
            layers.Conv2d(4, 8, 3, stride=2, padding=1, bias=False, rng=rng), layers.BatchNorm(8)
        ),
        layers.PadShortcut(8, stride=2),
        layers.ReLU(),
    )
    return combine.Sequential(
        layers.Conv2d(1, 4, 3, padding=1, rng=rng), layers.BatchNorm(4), layers.ReLU(), layers.MaxPool2d(2),
        block,
        *more, layers.GlobalAvgPool2d(), layers.Linear(8, 10, rng=rng),
    )  # fmt: skip


def trained(monkeypatch, xp, net, **choices):
    """Train two epochs of 144 digits; return the Trainer and {name: host array} of its state."""
    monkeypatch.setattr(loop, "device_module", lambda device: xp)
    choices = {"epochs": 2, "batch_size": 40, "augment": False, "momentum": 0.9, "lr": 0.05} | choices
    config = Config.for_data("digits", **choices)
    trainer = Trainer(net, config, *small_data())
    before = trainer.arrays()
    trainer.run()
    assert all(array is before[name] for name, array in trainer.arrays().items())
    return trainer, {name: to_numpy(array).copy() for name, array in trainer.arrays().items()}


needs_hooks = pytest.mark.skipif(
    not hasattr(optim.SGD, "prepare"), reason="the training loop does not capture its steps"
)


@needs_hooks
def test_training_with_a_captured_step_moves_the_same_weights(monkeypatch):
    choices = {"schedule": "cosine", "weight_decay": 1e-3, "nesterov": True, "label_smoothing": 0.1}
    ours, expected = trained(monkeypatch, np, digits_net(), **choices)
    theirs, found = trained(monkeypatch, strict_cupy, digits_net(), **choices)
    assert theirs._take_step.refused is None and theirs._take_step.graph is not None
    for name, array in expected.items():
        # 8 steps in float32; a mask that flips near zero moves a weight by about a thousandth
        np.testing.assert_allclose(found[name], array, rtol=2e-2, atol=5e-3, err_msg=name)
    for mine, other in zip(ours.history, theirs.history, strict=True):
        assert mine["lr"] == other["lr"]
        assert abs(mine["train_loss"] - other["train_loss"]) < 1e-3


@needs_hooks
def test_adam_and_clipping_are_captured_too(monkeypatch):
    choices = {"schedule": "cosine", "optimiser": "adam", "lr": 1e-2, "clip": 0.5}
    captured, found = trained(monkeypatch, strict_cupy, digits_net(), **choices)
    assert captured._take_step.refused is None and captured._take_step.graph is not None
    monkeypatch.setattr(graph, "WARM_UP", 10**9)
    _, eager = trained(monkeypatch, strict_cupy, digits_net(), **choices)
    assert set(found["adam/steps"]) == {8}
    for name, array in eager.items():
        # Adam divides a gradient by its own size: one that is nearly 0 may move its weight either way, by a
        # rate of 1e-2 at each of 8 steps
        assert np.median(abs(found[name] - array)) < 1e-3, name


@needs_hooks
def test_a_captured_run_gives_the_numbers_of_an_eager_one(monkeypatch):
    _, captured = trained(monkeypatch, strict_cupy, digits_net(), schedule="cosine")
    monkeypatch.setattr(graph, "WARM_UP", 10**9)
    eager_trainer, eager = trained(monkeypatch, strict_cupy, digits_net(), schedule="cosine")
    assert eager_trainer._take_step.graph is None
    for name, array in eager.items():
        # cuBLAS's transposed product adds in another order: some units of float32's last place, over 8 steps
        np.testing.assert_allclose(captured[name], array, rtol=1e-2, atol=2e-3, err_msg=name)


@needs_hooks
def test_networks_with_dropout_are_trained_eagerly(monkeypatch):
    net = digits_net(layers.Dropout(0.8, rng=np.random.default_rng(5)))
    trainer, _ = trained(monkeypatch, strict_cupy, net)
    assert "random" in trainer._take_step.refused and trainer._take_step.graph is None


@needs_hooks
def test_a_number_that_is_not_finite_is_found_in_a_captured_run(monkeypatch):
    from minires.train.safeguard import NotFiniteError

    with pytest.raises(NotFiniteError, match="learning rate"):
        trained(monkeypatch, strict_cupy, digits_net(), lr=1e30, epochs=4)


def without_randomness(case):
    return not any(True for _ in case.make()[0].named_generators())


@pytest.mark.parametrize(
    "case", [case for case in layer_rows() if without_randomness(case)], ids=lambda case: case.name
)
def test_no_layer_without_randomness_refuses_to_be_captured(case):
    """So no network without randomness does: forward and backward of every row of the catalogue."""
    (layer, x), (alone, _) = case.make(np.float64), case.make(np.float64)
    dy = np.random.default_rng(4).standard_normal(layer.forward(x, train=False)[0].shape)
    on_device = strict_cupy.asarray(dy)
    layer.to(strict_cupy)
    results = {}

    def step(images, _):
        y, cache = layer.forward(images, train=True)
        results["dx"][...] = layer.backward(on_device, cache)

    results["dx"] = strict_cupy.zeros(x.shape)
    take = graph.CapturedStep(step, like=on_device, prepare=lambda: None, depends_on=lambda: [])
    for _ in range(graph.WARM_UP + 2):
        take(x, LABELS)
    assert take.refused is None and take.graph is not None
    for _ in range(graph.WARM_UP + 2):
        expected = alone.backward(dy, alone.forward(x, train=True)[1])
    np.testing.assert_allclose(
        results["dx"].get(), expected, rtol=1e-9, atol=1e-10 * (1 + abs(expected).max())
    )
    for (name, p), (_, other) in zip(layer.named_parameters(), alone.named_parameters(), strict=True):
        # gradients of four steps have been added up; float64, sums in another order
        np.testing.assert_allclose(
            p.grad.get(), other.grad, rtol=1e-9, atol=1e-10 * (1 + abs(other.grad).max()), err_msg=name
        )


# -- what a step of ResNet-20 costs -------------------------------------------------------------------------

# Counted on the stand-in: 353, two of them for the rows' weights in the loss and one because a bias's
# gradient is summed in float64; and 1,894 without the kernels. More is a regression.
LARGEST_LAUNCH_COUNT = 353


def resnet20_step():
    """Return (a function that takes one eager step of ResNet-20, its optimiser). Small images: as many
    launches."""
    net = models.build("resnet20", num_classes=10, rng=np.random.default_rng(0)).to(strict_cupy)
    optimiser = optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    x = strict_cupy.asarray(np.random.default_rng(1).standard_normal((2, 3, 8, 8), np.float32))
    labels = strict_cupy.asarray(np.array([3, 7]))

    def step():
        optimiser.zero_grad()
        logits, cache = net.forward(x, train=True)
        _, _, dy = cross_entropy(logits, labels)
        with parameters_only(net):
            net.backward(dy, cache)
        optimiser.step()

    return step, optimiser


@needs_hooks
def test_a_step_of_resnet20_neither_waits_nor_uploads_and_has_few_launches():
    step, _ = resnet20_step()
    step()
    strict_cupy.launches = strict_cupy.uploads = strict_cupy.synchronisations = 0
    step()
    assert (strict_cupy.synchronisations, strict_cupy.uploads) == (0, 0)
    assert strict_cupy.launches <= LARGEST_LAUNCH_COUNT


@needs_hooks
def test_a_captured_step_of_resnet20_is_one_graph_that_repeats_the_eager_step(library):
    (step, optimiser), (eager, eager_optimiser) = resnet20_step(), resnet20_step()
    stream = strict_cupy.cuda.Stream(non_blocking=True)
    step(), eager()
    blas.handle(strict_cupy).use(stream)
    with stream:
        stream.begin_capture()
        step()
        captured = stream.end_capture()
    for rate in (0.1, 0.01):
        optimiser.lr = eager_optimiser.lr = rate
        optimiser.prepare()
        captured.launch()
        eager()
    for name, parameter in optimiser.parameters.items():
        expected = eager_optimiser.parameters[name].data.get()
        # three steps in float32, products added in another order
        np.testing.assert_allclose(parameter.data.get(), expected, rtol=5e-2, atol=5e-3, err_msg=name)
