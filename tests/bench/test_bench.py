"""The benchmark measures what it says, with PyTorch and without."""

import gc
import importlib.util
import itertools
import json
import types
from functools import partial

import numpy as np
import pytest
from optional_torch import import_torch
from oracles import pieces

import minires.functional as F
from minires import bench, detection, layers, models, plot, probe
from minires.bench import ceilings, clock, depth, memory, profile, rows, scenes, sides, work
from minires.cli import main
from minires.layers import Concat, Conv2d, Residual, Sequential
from minires.models.network import Network

TASK = {"model": "resnet8", "batch_size": 2, "size": 8}
TINY = ["--model", "resnet8", "--batch-size", "2", "--size", "8", "--steps", "1"]


@pytest.fixture
def without_torch(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else find(name))


@pytest.fixture
def small_ceilings(monkeypatch):
    """Ceilings that take no time: what they are is not what these tests are about."""
    monkeypatch.setattr(ceilings, "SIDE", 64)
    monkeypatch.setattr(ceilings, "COPIED", 1 << 16)
    monkeypatch.setattr(clock, "PAUSE", 0)
    monkeypatch.setattr(clock, "WARM", 0.001)


# -- the table ---------------------------------------------------------------------------------------------


def test_without_torch_it_prints_its_own_figures_and_says_how_to_compare(
    without_torch, small_ceilings, capsys
):
    assert main(["bench", *TINY]) == 0
    printed = capsys.readouterr().out
    assert "minires-learn[parity]" in printed and "resnet8 step" in printed and "missed" not in printed
    assert main(["bench", *TINY, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    step, evaluation = report["records"]
    assert list(step["seconds"]) == ["minires"] and step["seconds"]["minires"] > 0 and not step["ratios"]
    assert step["name"] == "resnet8 step" and evaluation["name"] == "resnet8 eval" and not report["torch"]


def test_beside_torch_each_row_has_both_ratios_and_each_step_three_peaks(small_ceilings, monkeypatch, capsys):
    import_torch()
    monkeypatch.setattr(memory, "peak_memory", lambda side, **task: float(len(side)))
    assert main(["bench", *TINY, "--json"]) == 0
    step, evaluation = json.loads(capsys.readouterr().out)["records"]
    assert list(step["seconds"]) == list(sides.SIDES) == list(step["peak_mb"])
    assert step["ratios"].keys() == evaluation["ratios"].keys() == {"torch", "torch-channels-last"}
    assert evaluation["peak_mb"] is None and evaluation["verdict"] in ("stretch", "met", "missed", None)


def record(name, group="training step", **more):
    times = {"minires": 0.5, "torch": 0.25, "torch-channels-last": 0.2}
    ratios = {"torch": 2.0, "torch-channels-last": 2.5}
    nothing = {"flops": 0, "bytes": 0, "sgemm_fraction": None, "copy_fraction": None, "peak_mb": None}
    base = {
        "disturbed": False,
        "name": name,
        "detail": "N=16 to 1024@14",
        "group": group,
        "seconds": times,
        "ratios": ratios,
    }
    return base | {"target": 1.4, "stretch": 1.0, "verdict": "missed"} | nothing | more


def test_no_line_of_the_table_is_wider_than_110_columns():
    full = {"flops": 10**12, "bytes": 10**11, "sgemm_fraction": 1.0, "copy_fraction": 1.0}
    peaks = {"peak_mb": dict.fromkeys(sides.SIDES, 12345.6)}
    check = {"what": "googlenet step, peak memory / PyTorch NCHW", "value": 0.5, "least": False}
    report = {
        "machine": "a processor",
        "threads": 2,
        "load": 1.5,
        "torch": True,
        "ceilings": {"sgemm": 3e11, "copy": 2e10},
        "records": [record("maxpool3x3/2 64@112", **full, **peaks), record("gradcheck", "everything else")],
        "checks": [check | {"target": 1.0, "stretch": 0.8, "verdict": "stretch"}],
    }
    lines = bench.table(report).splitlines()
    assert max(map(len, lines)) <= 110
    assert any(line.split()[-1:] == ["missed"] for line in lines)
    assert lines.index("training step") < lines.index("everything else") < lines.index("other targets")


def test_rows_are_chosen_by_words_in_their_names():
    every = bench.all_rows()
    names = [row.name for row in bench.select(every, ["resnet20", "Softmax"])]
    assert names == ["resnet20 step", "resnet20 eval", "softmax-ce 128x10", "softmax-ce 16x1000"]
    assert len({row.name for row in every}) == len(every)
    assert len(bench.select(every, rows.QUICK)) < len(every) / 2


def test_every_target_of_a_time_stands_in_its_row():
    targets = {row.name: (row.target, row.stretch) for row in bench.all_rows()}
    assert targets["resnet20 step"] == (1.4, 1.0) and targets["vgg16 eval"] == (1.2, 1.0)
    assert targets["faster-rcnn step"] == targets["faster-rcnn image"] == (1.2, 1.0)
    assert targets["conv7x7/2 3@224"] == targets["overhead resnet110"] == (1.5, 1.0)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--steps", "0"], "--steps: expected at least 1, got 0"),
        (["--batch-size", "0"], "--batch-size: expected at least 1, got 0"),
        (["--size", "0"], "--size: expected at least 1, got 0"),
        (["--threads", "0"], "--threads: expected at least 1, got 0"),
        (["--only", "conv33"], "--only: no row is called 'conv33'; did you mean conv3x3"),
        (["--quick", "--size", "8"], "--batch-size and --size: the rows of the table have their own"),
        (["--profile", "resnet8", "--plot", "a.png"], "--plot: a profile is not drawn"),
        (["--only", "relu", "--plot", "a.png"], "--plot: none of these rows does arithmetic"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is(options, complaint, capsys):
    assert main(["bench", *options]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"minires: error: {complaint}") and captured.err.count("\n") == 1
    assert not captured.out


# -- how it is measured ------------------------------------------------------------------------------------


def test_sides_take_turns_and_the_collector_rests_while_the_clock_runs():
    calls = []
    workloads = {side: lambda side=side: calls.append((side, gc.isenabled())) for side in "ab"}
    times = clock.in_turn(workloads, seconds=0, steps=2)
    assert [len(taken) for taken in times.values()] == [2, 2] and gc.isenabled()
    turns = [(side, len(list(turn))) for side, turn in itertools.groupby(side for side, _ in calls)][-4:]
    assert [side for side, _ in turns] == list("abab")
    assert all(length > 2 for _, length in turns)  # calls until the threads are awake, and the timed one
    assert not any(collecting for _, collecting in calls)


def test_memory_is_settled_before_anything_is_timed(monkeypatch):
    calls = []
    monkeypatch.setattr(clock, "settle_memory", lambda: calls.append("settle"))
    clock.in_turn({"a": lambda: calls.append("a")}, seconds=0, steps=1)
    assert calls[0] == "settle" and calls.count("settle") == 1


def test_a_ratio_is_the_median_of_the_rounds():
    assert clock.ratio([2, 30, 8], [1, 10, 2]) == 3  # of 2, 3 and 4; the medians' own ratio is 4


def test_turns_that_differ_much_are_called_disturbed():
    assert clock.disturbed([[1.0, 1.1, 1.2], [1.0, 2.0, 3.0]])
    assert not clock.disturbed([[1.0, 1.1, 9.0], [2.0, 2.0, 2.1]])
    assert clock.disturbed([[1.0, 1.1], [2.0, 2.1]], at_best=[1.0, 1.0])


def test_peak_memory_grows_with_the_batch():
    small = bench.peak_memory("minires", **TASK | {"size": 32})
    large = bench.peak_memory("minires", **TASK | {"size": 32, "batch_size": 66})
    if small is None:
        pytest.skip("this system does not tell a process's resident memory")
    # 64 images more: ResNet-8 keeps about 0.6 MB of activations for each, and its gradients pass through
    assert 20 < large - small < 200


def test_work_of_a_convolution_counts_three_products_and_each_array_once():
    rng = np.random.default_rng(0)
    layer = layers.Conv2d(4, 8, (3, 2), padding=1, bias=False, rng=rng)
    x, y, weight = 2 * 4 * 5 * 6, 2 * 8 * 5 * 7, 8 * 4 * 3 * 2
    flops, moved = work.of_training(layer, (2, 4, 5, 6), update=False)
    assert flops == 6 * y * 4 * 3 * 2
    # x and y, dy and dx, and x once more for the weight's gradient; the weight twice, and its gradient
    assert moved == 4 * ((x + y) + (y + x) + x + 3 * weight)
    assert work.of_evaluation(layer, (2, 4, 5, 6)) == (flops // 3, 4 * (x + y + weight))


def test_the_input_pipeline_hands_out_a_batch_of_128():
    x, labels = rows._pipeline(images=130)()
    assert x.shape == (128, 3, 32, 32) and x.dtype == np.float32 and labels.shape == (128,)


def test_a_roofline_shows_every_row_that_does_arithmetic():
    records = [
        record("resnet20 step", flops=3 * 10**10, bytes=2 * 10**9),
        record("relu 16@32", "operation", bytes=10**7),
    ]
    report = {"ceilings": {"sgemm": 3e11, "copy": 2e10}, "threads": 2, "torch": True, "records": records}
    axes, key = plot.roofline(report).axes
    assert [text.get_text().split()[0:2] for text in key.texts] == [["1", "resnet20"]]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_ydata()[0] for line in points] == [120, 60]  # PyTorch takes half the time
    with pytest.raises(ValueError, match="at least one that counts operations"):
        plot.roofline(report | {"records": records[1:]})


# -- the twin in PyTorch -----------------------------------------------------------------------------------


def randomised(layer, rng):
    """Move what starts at 0 or 1, so that a twin that forgets to copy it shows."""
    for _, holder in [*layer.named_parameters(), *layer.named_buffers()]:
        if holder.data.ndim == 1:
            holder.data += rng.uniform(0.1, 0.3, holder.data.shape).astype(np.float32)
    return layer


def twin_cases():
    conv = partial(layers.Conv2d, rng=np.random.default_rng(0))
    relu = layers.ReLU
    yield "conv with groups", conv(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2), 4
    yield "batch norm", layers.BatchNorm(4, momentum=0.7, eps=1e-3), 4
    yield "response norm", layers.LocalResponseNorm(size=3, alpha=0.5), 4
    for pool in (layers.MaxPool2d, layers.AvgPool2d):
        for ceil_mode in (False, True):
            yield f"{pool.__name__} {ceil_mode}", pool(3, stride=2, padding=1, ceil_mode=ceil_mode), 4
    for placement in ("append", "split", "mean"):
        yield f"shortcut {placement}", layers.PadShortcut(9, stride=2, placement=placement), 4
    yield "two paths", Concat(conv(4, 2, 1), Sequential(relu(), conv(4, 3, 1))), 4
    branch = Sequential(relu(), conv(4, 4, 1), relu())  # the first must leave its input to the shortcut
    yield "residual", Residual(branch, layers.Identity(), relu()), 4
    head = (layers.GlobalAvgPool2d(), layers.Linear(4, 3, rng=np.random.default_rng(1)), layers.BatchNorm(3))
    yield "network", Network(*head, layers.Dropout(1.0, rng=np.random.default_rng(2))), 4
    yield "flatten", Sequential(layers.Flatten(), layers.Linear(4 * 63, 3, rng=np.random.default_rng(1))), 4


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize(
    ("layer", "channels"), [pytest.param(*case[1:], id=case[0]) for case in twin_cases()]
)
def test_the_twin_in_torch_computes_the_same(layer, channels, train):
    torch = import_torch()
    from minires.bench import torch_side as bench_torch

    rng = np.random.default_rng(3)
    twin = bench_torch.twin(randomised(layer, rng)).train(train)
    x = rng.standard_normal((3, channels, 9, 7), dtype=np.float32)
    layer.zero_grad()
    y, cache = layer.forward(x, train=train)
    theirs = torch.from_numpy(x.copy()).requires_grad_()
    expected = twin(theirs)
    # float32, few layers deep: rounding reaches 1e-6
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-4, atol=1e-5)
    dy = rng.standard_normal(y.shape, dtype=np.float32)
    expected.backward(torch.from_numpy(dy))
    np.testing.assert_allclose(layer.backward(dy, cache), theirs.grad.numpy(), rtol=1e-3, atol=1e-4)
    for (name, parameter), theirs in zip(layer.named_parameters(), twin.parameters(), strict=True):
        # a bias before batch norm has the gradient 0 but for rounding, so its own size is no measure
        scale = max(1, np.abs(parameter.grad).max())
        np.testing.assert_allclose(parameter.grad, theirs.grad, atol=1e-4 * scale, err_msg=name)


@pytest.mark.parametrize("name", ["resnet20", "resnet50", "googlenet"])
def test_the_twin_of_a_network_gives_its_logits(name):
    torch = import_torch()
    from minires.bench import torch_side as bench_torch

    net = randomised(
        models.build(name, num_classes=10, rng=np.random.default_rng(0)), np.random.default_rng(1)
    )
    x = np.random.default_rng(2).standard_normal((2, 3, 32, 32), dtype=np.float32)
    y, expected = net.predict(x), bench_torch.twin(net).eval()(torch.from_numpy(x)).detach().numpy()
    # float32, up to 50 layers deep: rounding reaches 1e-6 of the largest logit
    np.testing.assert_allclose(y, expected, atol=1e-4 * np.abs(expected).max())


def test_every_network_of_the_table_has_a_twin_and_others_are_refused_by_name():
    import_torch()
    from minires.bench import torch_side as bench_torch

    assert all(sides.has_twin(name) for name, *_ in rows.NETWORKS)
    assert not sides.has_twin("resnet110_stochastic")
    net = models.build("googlenet", aux=True, rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match="no PyTorch twin for NetworkWithHeads"):
        bench_torch.twin(net)


def test_the_twin_of_a_detector_has_its_losses_and_its_gradients():
    torch = import_torch()
    from minires.bench import torch_detector

    detector, x, labels, targets, regions = scenes.prepared(2, np.float64)
    # biases start at 0, where a twin that forgets them looks right
    randomised(detector.head, np.random.default_rng(5)), randomised(detector.rpn, np.random.default_rng(6))
    detector.zero_grad()
    answers, cache = detector.forward(x, train=True, choose=lambda proposals: regions)
    found, dy = detection.joint_loss(answers, labels, targets)
    dx = detector.backward(dy, cache)
    twin = torch_detector.FasterRCNN(detector, x.shape[2:])
    theirs = torch.from_numpy(x).requires_grad_()
    boxes, offsets = (
        torch.from_numpy(array.astype(np.float64)) for array in (regions.boxes, regions.offsets)
    )
    expected = torch_detector.losses(
        twin(theirs, (boxes, torch.from_numpy(regions.image_index))),
        torch.from_numpy(labels),
        torch.from_numpy(targets.astype(np.float64)),
        torch.from_numpy(regions.classes),
        offsets,
    )
    assert all(float(loss) > 0.01 for loss in found)
    # float64, twelve layers deep: rounding leaves 1e-14 of the largest number
    np.testing.assert_allclose(found, [float(loss.detach()) for loss in expected], rtol=1e-8)
    sum(expected).backward()
    pairs = [(dx, theirs.grad), *_gradients(detector, twin)]
    for ours, others in pairs:
        np.testing.assert_allclose(ours, others.numpy(), atol=1e-8 * np.abs(ours).max())


def _gradients(layer, module):
    for (_, parameter), theirs in zip(layer.named_parameters(), module.parameters(), strict=True):
        yield parameter.grad, theirs.grad


def test_the_twin_of_a_detector_finds_the_same_boxes():
    torch = import_torch()
    from minires.bench import torch_detector

    detector, x, *_ = scenes.prepared(2, np.float64)
    randomised(detector.head, np.random.default_rng(5)), randomised(detector.rpn, np.random.default_rng(6))
    twin = torch_detector.FasterRCNN(detector, x.shape[2:]).eval()
    both = list(zip(detection.detect(detector, x), twin.detect(torch.from_numpy(x)), strict=True))
    assert all(len(ours.boxes) > 3 for ours, _ in both)
    for ours, theirs in both:
        np.testing.assert_array_equal(ours.labels, theirs[1].numpy())
        # float64; a box's coordinates are up to 64
        np.testing.assert_allclose(ours.boxes, theirs[0].numpy(), atol=1e-9)
        np.testing.assert_allclose(ours.scores, theirs[2].numpy(), atol=1e-9)


@pytest.mark.parametrize("options", [{"pooling": "max"}, {"context": True}])
def test_other_detectors_have_no_twin(options):
    import_torch()
    from minires.bench import torch_detector

    rng = np.random.default_rng(0)
    trunk = detection.trunk_of(models.cifar_resnet(depth=8, rng=rng))
    detector = detection.faster_rcnn(trunk, in_channels=3, num_classes=2, rng=rng, **options)
    with pytest.raises(TypeError, match="RoIAlign and without context"):
        torch_detector.FasterRCNN(detector, (32, 32))


def test_a_detectors_step_is_the_same_on_every_side():
    losses = [scenes.training_step(side, images=1)() for side in sides.available()]
    # float32, and proposals that do not enter the losses: the same number but for rounding
    np.testing.assert_allclose(losses, losses[0], rtol=1e-4)
    for side in sides.available():
        scenes.image(side)()


# -- a step taken apart, and depth -------------------------------------------------------------------------


def test_a_profile_shows_every_kind_and_adds_up_to_the_step(capsys, monkeypatch):
    ticks = itertools.count()  # a clock that moves on by a second whenever it is read: the same at each step
    for module in (profile, probe):
        monkeypatch.setattr(module, "time", types.SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    options = ["--profile", "resnet8", "--batch-size", "8", "--size", "16", "--steps", "2"]
    assert main(["bench", *options]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 110
    assert {"Conv2d", "BatchNorm", "ReLU", "update"} <= {
        line.split()[0] for line in printed.splitlines() if line
    }
    assert main(["bench", *options, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    added_up = sum(record["forward"] + record["backward"] for record in report["records"])
    # all but the five seconds around forward, loss, backward and update
    assert added_up == report["seconds"] - 5 > 100
    conv = next(record for record in report["records"] if record["name"] == "conv")
    assert conv["output"] == "16x16x16" and conv["flops"] == 6 * 8 * 16**3 * 27


def test_depths_are_measured_and_drawn(capsys, tmp_path, monkeypatch):
    convolutions = 0  # forwards so far: the clock

    def forward(self, x, *, train, real=Conv2d.forward):
        nonlocal convolutions
        convolutions += 1
        return real(self, x, train=train)

    monkeypatch.setattr(Conv2d, "forward", forward)
    monkeypatch.setattr(depth, "time", types.SimpleNamespace(perf_counter=lambda: float(convolutions)))
    path = tmp_path / "depths.png"
    options = ["--depths", "8", "26", "--batch-size", "2", "--size", "8", "--steps", "1"]
    assert main(["bench", *options, "--json", "--plot", str(path)]) == 0
    shallow, deep = json.loads(capsys.readouterr().out)
    assert (shallow["depth"], deep["depth"]) == (8, 26) and path.read_bytes().startswith(b"\x89PNG")
    assert deep["bytes"] > shallow["bytes"] > 0
    assert (shallow["seconds"], deep["seconds"]) == (7, 25)  # 6n + 1 convolutions each
    assert deep["seconds_per_layer"] == 25 / 26
    assert main(["bench", *options]) == 0
    assert (
        capsys.readouterr().out.splitlines()[0].split() == "depth ms/step ms/layer MB/step MB/layer".split()
    )
    assert main(["bench", "--depths", "9"]) == 2
    assert "expected 6n + 2" in capsys.readouterr().err


def test_memory_a_layer_is_the_same_at_any_depth():
    records = depth.measure(depths=(56, 110, 218), batch_size=4, size=16, steps=1)
    per_layer = [record["bytes_per_layer"] for record in records]
    assert max(per_layer) < 1.1 * min(per_layer)  # what does not grow with the depth is shared by more layers


# -- kernels beside the textbook ---------------------------------------------------------------------------


def test_every_kernel_stands_in_the_table_of_kernels():
    from minires.bench import kernels as table
    from minires.kernels import cpu

    names = {case.name for case in table.cases()}
    assert names == {name for name in F.__all__ if hasattr(cpu, name)}
    for case in table.cases():
        if np.prod(case.size) <= 1 << 17:  # the others are as well-formed, but take seconds
            case.prepare()()


def test_the_table_of_kernels_compares_both_with_one_thread_and_with_all(capsys):
    with pieces(2, 1 << 18):
        assert main(["bench", "--kernels", "resample_forward"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "kernel, 1" in lines[1] and "textbook, 2" in lines[1]
    assert [line.split()[:2] for line in lines[2:4]] == [
        ["resample_forward", "16x512x7x7"],
        ["resample_forward", "16x64x56x56"],
    ]
    assert "times as fast as the textbook" in lines[-1]


def test_a_kernel_that_does_not_earn_its_place_is_named():
    from minires.bench import kernels as table

    records = [{"name": "a", "ratio": 1.2}, {"name": "b", "ratio": 1.1}, {"name": "b", "ratio": 1.4}]
    assert table.verdict(records) == "not 1.3 times as fast as the textbook at any of these sizes: a (1.20)"
    assert "every kernel" in table.verdict(records[1:])


@pytest.mark.parametrize("options", [["nothing"], ["relu", "--size", "8"]])
def test_what_the_table_of_kernels_cannot_do_is_one_line(options, capsys):
    assert main(["bench", "--kernels", *options]) == 2
    assert "minires: error: --" in capsys.readouterr().err
