"""Counts and memory come from the network itself, and equal what a real step allocates."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from minires import init, models
from minires.accounting import cost, memory
from minires.kernels.cpu import parallel
from minires.layers import (
    BatchNorm,
    Concat,
    Conv2d,
    Flatten,
    GatedResidual,
    GlobalAvgPool2d,
    Identity,
    Linear,
    MaxPool2d,
    PadShortcut,
    Recompute,
    ReLU,
    Residual,
    Scale,
    Sequential,
    Sigmoid,
)
from minires.layers.trace import Blank
from minires.surgery import fold


def shapes_only(name, **options):
    return models.build(name, rng=init.SHAPES_ONLY, **options)


# -- networks without numbers ------------------------------------------------------------------------


def test_a_network_of_shapes_takes_no_memory():
    tracemalloc.start()
    try:
        net = shapes_only("resnet1202")
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    weights = sum(p.data.nbytes for _, p in net.named_parameters())
    assert weights > 77e6 and taken < 20e6  # what is left are Python objects, a few kilobytes a layer
    for _, parameter in net.named_parameters():
        if parameter.data.ndim > 1:
            assert not any(parameter.data.strides) and not any(parameter.grad.strides)


def test_shapes_only_gives_every_initialiser_its_shape():
    for rule in (init.msra, init.xavier, init.zero, init.identity):
        weight = rule((4, 3, 5, 5), rng=init.SHAPES_ONLY)
        assert weight.shape == (4, 3, 5, 5) and weight.dtype == np.float32 and weight.strides == (0, 0, 0, 0)
        assert not weight.flags.writeable


@pytest.mark.parametrize("name", ["resnet20", "plain20"])
def test_shapes_and_numbers_give_the_same_names_and_table(name):
    real = models.build(name, rng=np.random.default_rng(0))
    blank = shapes_only(name)
    assert [n for n, _ in real.named_parameters()] == [n for n, _ in blank.named_parameters()]
    assert cost.table(real, (3, 32, 32)) == cost.table(blank, (3, 32, 32))


# -- tables ------------------------------------------------------------------------------------------


def test_a_table_by_hand():
    net = Sequential(
        conv=Conv2d(3, 8, (3, 5), stride=(2, 1), padding=(1, 2), rng=init.SHAPES_ONLY),
        norm=BatchNorm(8),
        relu=ReLU(),
        pool=MaxPool2d(2),
        flatten=Flatten(),
        fc=Linear(8 * 5 * 4, 10, bias=False, rng=init.SHAPES_ONLY),
    )
    table = cost.table(net, (3, 20, 9))
    assert [row.name for row in table.rows] == [
        "conv",
        "norm",
        "pool",
        "fc",
    ]  # the others learn and count nothing
    conv, norm, pool, fc = table.rows
    assert (conv.input, conv.kernel, conv.stride, conv.padding) == ((3, 20, 9), (3, 5), (2, 1), (1, 2))
    assert conv.output == (8, 10, 9) and conv.output_bytes == 4 * 8 * 10 * 9
    assert conv.params == 8 * 3 * 15 + 8 and conv.macs == 8 * 10 * 9 * 3 * 15
    assert (norm.params, norm.macs, norm.kernel) == (16, 0, None)
    assert (pool.kernel, pool.stride, pool.output, pool.macs) == ((2, 2), (2, 2), (8, 5, 4), 8 * 5 * 4 * 4)
    assert (fc.input, fc.output, fc.params, fc.macs) == ((160,), (10,), 1600, 1600)
    assert table.params == conv.params + 16 + 1600
    assert table.macs == conv.macs + fc.macs and table.pooling == pool.macs
    assert table.output_bytes == conv.output_bytes + 40 and table.pooled_bytes == pool.output_bytes


def test_groups_divide_the_multiply_adds():
    whole, half = (Conv2d(8, 6, 3, padding=1, groups=g, rng=init.SHAPES_ONLY) for g in (1, 2))
    assert half.cost((1, 8, 5, 5))[1] * 2 == whole.cost((1, 8, 5, 5))[1] == 6 * 25 * 8 * 9


def test_multiply_adds_scale_with_the_batch_and_the_table_is_for_one_image():
    net = shapes_only("resnet8")
    assert net.cost((7, 3, 32, 32))[1] == 7 * net.cost((1, 3, 32, 32))[1]
    table = cost.table(net, (3, 32, 32))
    assert table.macs + table.pooling == net.cost((1, 3, 32, 32))[1]


def test_a_shared_layer_learns_once_and_computes_twice():
    conv = Conv2d(4, 4, 3, padding=1, bias=False, rng=init.SHAPES_ONLY)
    table = cost.table(Sequential(conv, conv), (4, 6, 6))
    assert [row.params for row in table.rows] == [144, 0] and table.macs == 2 * 36 * 144


@pytest.mark.parametrize(
    "name, params, macs",
    [
        ("resnet20", 269_722, 40_551_040),
        ("resnet56", 853_018, 125_485_696),
        ("resnet110", 1_727_962, 252_887_680),
        ("plain110", 1_727_962, 252_887_680),
        ("resnet1202", 19_421_274, 2_829_238_912),
    ],
)
def test_cifar_totals(name, params, macs):
    table = cost.table(shapes_only(name), (3, 32, 32))
    assert (table.params, table.macs) == (params, macs)


def test_parameters_of_the_table_are_those_of_the_network():
    for name in models.names():
        net = shapes_only(name)
        table = cost.table(net, models.about(name).input_shape)
        assert table.params == sum(p.data.size for _, p in net.named_parameters()), name


def test_grouping_keeps_the_totals():
    table = cost.table(shapes_only("resnet20"), (3, 32, 32))
    for depth in (1, 2, 3, 9):
        grouped = cost.grouped(table, depth)
        for total in ("params", "macs", "pooling", "output_bytes", "pooled_bytes"):
            assert getattr(grouped, total) == getattr(table, total)
    names = [row.name for row in cost.grouped(table, 1).rows]
    assert names == ["conv", "norm", "stage1", "stage2", "stage3", "pool", "fc"]
    assert cost.grouped(table, 9).rows == table.rows


def test_a_group_puts_out_what_its_whole_puts_out_and_not_its_last_layer():
    grouped = cost.grouped(cost.table(shapes_only("googlenet"), (3, 224, 224)), 1)
    channels = [row.output[0] for row in grouped.rows if row.name.startswith("inception")]
    assert channels == [256, 480, 512, 512, 512, 528, 832, 832, 1024]


def test_a_group_begins_with_its_first_layers_input_and_ends_with_its_last_layers_output():
    rows = cost.grouped(cost.table(shapes_only("resnet18"), (3, 224, 224)), 1).rows
    assert rows[0].name == "stem" and (rows[0].input, rows[0].output) == ((3, 224, 224), (64, 56, 56))


def test_an_image_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="expects 3"):
        cost.table(shapes_only("resnet20"), (4, 32, 32))


# -- memory ------------------------------------------------------------------------------------------


MEASURE = """
import sys, tracemalloc
import numpy as np
import minires.functional as F
from minires import models, optim

name, n, segment, shape = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), tuple(map(int, sys.argv[4:]))
rng = np.random.default_rng(0)
tracemalloc.start()
net = models.build(name, num_classes=10, rng=rng)
if segment:
    for stage in ("stage1", "stage2", "stage3"):
        net[stage].segment = segment
x, labels = rng.standard_normal((n, *shape), dtype=np.float32), rng.integers(0, 10, n)
optimiser = optim.SGD(net.named_parameters(), lr=1e-3, momentum=0.9)
tracemalloc.reset_peak()  # drawing weights takes more for a moment
for _ in range(2):
    optimiser.zero_grad()
    logits, cache = net.forward(x, train=True)
    _, loss_cache = F.softmax_cross_entropy_forward(logits, labels)
    net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
    optimiser.step()
print(tracemalloc.get_traced_memory()[1])
"""


def predicted_and_measured(name, n, segment=0):
    """Return the bytes predicted and those that two steps in a process of their own allocated at most."""
    shape = models.about(name).input_shape
    command = [sys.executable, "-c", MEASURE, name, str(n), str(segment), *map(str, shape)]
    measured = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    net = shapes_only(name, num_classes=10)
    if segment:
        for stage in ("stage1", "stage2", "stage3"):
            net[stage].segment = segment
    return memory.training_memory(net, (n, *shape)).peak, measured


@pytest.mark.parametrize("name, n", [("resnet20", 48), ("plain20", 32), ("resnet110", 12)])
def test_predicted_memory_is_within_a_tenth_of_what_a_step_allocates(name, n):
    predicted, measured = predicted_and_measured(name, n)
    assert predicted == pytest.approx(measured, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name, n", [("vgg16", 4), ("resnet50", 8), ("googlenet", 8), ("resnet110", 128)])
def test_predicted_memory_of_large_networks_is_within_a_tenth(name, n):
    predicted, measured = predicted_and_measured(name, n)
    assert predicted == pytest.approx(measured, rel=0.1)


@pytest.mark.parametrize("length", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 7))])
def test_predicted_memory_of_segments_is_within_a_tenth(length):
    predicted, measured = predicted_and_measured("resnet110", 24, length)
    assert predicted == pytest.approx(measured, rel=0.1)


def test_memory_is_made_of_its_parts():
    net = shapes_only("resnet20")
    needs = memory.training_memory(net, (4, 3, 32, 32))
    averages = sum(b.data.size for _, b in net.named_buffers())
    assert needs.gradients == needs.velocities == 4 * 269_722
    assert needs.weights == 4 * (269_722 + averages)
    images = 4 * 4 * 3 * 32 * 32
    assert needs.remembered == net.cost((4, 3, 32, 32))[2] + images
    assert needs.peak > needs.weights + 2 * needs.gradients + needs.remembered + needs.blocks


def test_the_peak_by_hand():
    net, x = Sequential(Sigmoid(), Sigmoid()), Blank((2, 3, 40, 50))
    needs = memory.training_memory(net, x.shape)
    # the images and their copy in another order, both outputs, and the last one's dy and dx
    assert needs.peak - needs.blocks == 6 * x.nbytes


@pytest.mark.parametrize(
    "layer, times",  # times the bytes of x; the images and their copy are two of them
    [
        (Identity(), 2),
        (Residual(Identity()), 2 + 3),  # at the end of backward: dy and both paths' dx
        (Residual(Scale(2.0)), 2 + 3),  # dy waits for the shortcut; the branch's own dy, and its dx
        (GatedResidual(Identity(), Identity()), 2 + 1 + 2),
        (Concat(Identity(), Identity()), 2 + 2 + 2),  # dy is twice as wide as x
        (
            Concat(Scale(2.0), Scale(2.0), Scale(2.0)),
            2 + 3 + 3,
        ),  # at the end of forward: the ys and what they make
    ],
    ids=["identity", "residual of identities", "residual", "gated", "concat of identities", "concat"],
)
def test_the_peak_where_paths_meet(layer, times):
    x = Blank((2, 3, 40, 50))
    needs = memory.training_memory(layer, x.shape)
    assert needs.peak - needs.blocks == times * x.nbytes


def test_a_weights_gradient_is_there_for_a_moment_before_it_is_added_up():
    needs = memory.training_memory(Linear(1000, 500, rng=init.SHAPES_ONLY), (1, 1000))
    at_work = needs.peak - needs.blocks - needs.weights - needs.gradients - needs.velocities
    x, dy, dx, dweight, dbias = 1000, 500, 1000, 500_000, 500
    assert at_work == 4 * (2 * x + dy + dx + dweight + dbias)  # the images and their copy


def test_segments_within_segments_remember_what_the_outer_ones_do():
    x, chain = Blank((2, 3, 40, 50)), Sequential(*(Sigmoid() for _ in range(6)))
    once, twice = (
        memory.training_memory(net, x.shape).peak for net in (Recompute(chain), Recompute(Recompute(chain)))
    )
    assert once == twice


def test_paths_that_do_not_meet_and_channels_that_would_vanish_are_refused():
    with pytest.raises(ValueError, match="shortcut: expected the shape"):
        Residual(Conv2d(3, 4, 1, rng=init.SHAPES_ONLY)).cost((2, 3, 5, 5))
    with pytest.raises(ValueError, match="shortcut: expected the shape"):
        GatedResidual(*(Conv2d(3, 4, 1, rng=init.SHAPES_ONLY) for _ in range(2))).cost((2, 3, 5, 5))
    with pytest.raises(ValueError, match="branch: expected the shape"):
        Concat(Identity(), MaxPool2d(2)).cost((2, 3, 6, 6))
    with pytest.raises(ValueError, match="channels: expected at least the input's 3, got 2"):
        PadShortcut(2, stride=1).cost((2, 3, 5, 5))


@pytest.mark.parametrize("kernel", [(16, 16), (16, 17), (15, 17)])
def test_the_places_of_maxima_in_large_windows_take_more_than_a_byte(kernel):
    pool, x = MaxPool2d(kernel), np.zeros((2, 3, 34, 34), np.float32)
    _, cache = pool.forward(x, train=True)
    found = sum(array.nbytes for array in cache if isinstance(array, np.ndarray))
    assert pool.cost(x.shape)[2] == found


def test_a_chain_of_single_layers_is_no_stage():
    net = shapes_only("resnet18")
    plain = memory.training_memory(net, (8, 3, 64, 64)).peak
    assert list(memory.fit(net, (8, 3, 64, 64), plain - 1)) == ["stage1"]


def test_every_thread_lays_out_blocks_of_its_own():
    before = parallel.get_threads()
    blocks = []
    try:
        for threads in (1, 3):
            parallel.set_threads(threads)
            blocks.append(memory.training_memory(shapes_only("resnet8"), (1, 3, 32, 32)).blocks)
    finally:
        parallel.set_threads(before)
    assert blocks[1] == 3 * blocks[0] > 0


def test_an_array_that_two_layers_remember_counts_once():
    x = Blank((1, 4, 8, 8))
    conv = Conv2d(4, 4, 3, padding=1, bias=False, rng=init.SHAPES_ONLY)
    net = Sequential(ReLU(), conv)  # ReLU remembers its output, which is the convolution's input
    assert net.cost(x.shape)[2] == x.nbytes
    assert Concat(conv, conv, Identity()).cost(x.shape)[2] == x.nbytes
    assert Residual(conv).cost(x.shape)[2] == x.nbytes
    assert Recompute(Sequential(conv, BatchNorm(4), ReLU(), conv)).cost(x.shape)[2] == x.nbytes


# -- evaluation ----------------------------------------------------------------------------------------


def largest_held(name, n, size):
    """Return how many of the largest activations predict holds at once, besides the threads' scratch."""
    rng = np.random.default_rng(0)
    net = models.build(name, num_classes=10, rng=rng)
    x = rng.standard_normal((n, 3, size, size), dtype=np.float32)
    largest = max(step.y.nbytes for step in net.trace(Blank(x.shape)).leaves())
    net = fold(net)
    net.predict(x)
    tracemalloc.start()
    try:
        net.predict(x)
        return tracemalloc.get_traced_memory()[1] / largest
    finally:
        tracemalloc.stop()


NETWORKS = [
    ("resnet20", 128, 32),
    ("resnet18", 8, 96),
    pytest.param("resnet50", 8, 96, marks=pytest.mark.slow),
    ("preresnet50", 8, 96),
    pytest.param("vgg11_bn", 2, 224, marks=pytest.mark.slow),
]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="before Python 3.11 a caller keeps what it hands over")
@pytest.mark.parametrize("name, n, size", NETWORKS)
def test_evaluation_holds_at_most_three_activations(name, n, size):
    """A residual block needs what the shortcut carries and, in the branch, a layer's input and output."""
    assert largest_held(name, n, size) < 3.02  # the rest are vectors and Python objects


# -- a limit -----------------------------------------------------------------------------------------


def test_what_fits_is_left_alone():
    net = shapes_only("resnet56")
    assert memory.fit(net, (8, 3, 32, 32), 2**33) == {}
    assert all(net[stage].segment is None for stage in ("stage1", "stage2", "stage3"))


def test_a_limit_cuts_as_few_stages_as_need_be():
    shape = (128, 3, 32, 32)
    plain = memory.training_memory(shapes_only("resnet110"), shape).peak
    cut = {}
    for limit in (0.95, 0.5, 0.25):
        net = shapes_only("resnet110")
        cut[limit] = memory.fit(net, shape, limit * plain)
        assert memory.training_memory(net, shape).peak <= limit * plain
        assert cut[limit] == {n: net[n].segment for n in ("stage1", "stage2", "stage3") if net[n].segment}
    assert [list(stages) for stages in cut.values()] == [
        ["stage1"],
        ["stage1", "stage2"],
        ["stage1", "stage2", "stage3"],
    ]


def test_what_the_caller_needs_besides_counts():
    shape, net = (16, 3, 32, 32), shapes_only("resnet110")
    limit = memory.training_memory(net, shape).peak
    assert memory.fit(net, shape, limit) == {}
    assert list(memory.fit(net, shape, limit, extra=1)) == ["stage1"]


def test_what_the_caller_needs_besides_counts_after_each_cut():
    shape, net = (16, 3, 32, 32), shapes_only("resnet110")
    plain = memory.training_memory(net, shape).peak
    assert list(memory.fit(net, shape, plain - 1)) == ["stage1"]
    gained = plain - memory.training_memory(net, shape).peak
    again = shapes_only("resnet110")
    assert len(memory.fit(again, shape, plain, extra=gained + 1)) > 1
    assert memory.training_memory(again, shape).peak + gained + 1 <= plain


def test_an_impossible_limit_says_what_is_needed_and_changes_nothing():
    net = shapes_only("resnet110")
    net["stage2"].segment = 5
    with pytest.raises(ValueError, match=r"128 images needs \d+ MiB.*limit is 0 MiB: take a smaller"):
        memory.fit(net, (128, 3, 32, 32), 1000)
    assert [net[stage].segment for stage in ("stage1", "stage2", "stage3")] == [None, 5, None]


def test_segments_give_the_same_bits():
    x = np.random.default_rng(1).standard_normal((3, 3, 16, 16), dtype=np.float32)
    dy = np.random.default_rng(2).standard_normal((3, 10), dtype=np.float32)
    results = []
    for length in (None, 1, 2, 3, 50):
        net = models.cifar_resnet(depth=20, rng=np.random.default_rng(0))
        names = [name for name, _ in net.named_parameters()]
        for stage in ("stage1", "stage2", "stage3"):
            net[stage].segment = length
        assert [name for name, _ in net.named_parameters()] == names
        y, cache = net.forward(x, train=True)
        dx = net.backward(dy, cache)
        arrays = [y, dx, *(p.grad for _, p in net.named_parameters())]
        arrays += [b.data for _, b in net.named_buffers()]
        results.append([array.tobytes() for array in arrays])
        results[-1] += [net.predict(x).tobytes(), net.forward(x, train=False)[0].tobytes()]
    assert all(result == results[0] for result in results)


def test_a_used_cache_of_segments_is_refused():
    net = Sequential(ReLU(), ReLU(), GlobalAvgPool2d())
    net.segment = 2
    x = np.ones((2, 3, 4, 4), np.float32)
    y, cache = net.forward(x, train=True)
    net.backward(y, cache)
    with pytest.raises(RuntimeError, match="used up"):
        net.backward(y, cache)
