"""The benchmark measures what it says, with PyTorch and without."""

import importlib.util
import json

import numpy as np
import pytest
from optional_torch import import_torch

from minires import bench, models
from minires.cli import main

TASK = {"model": "resnet8", "batch_size": 2, "size": 8}


def without_torch(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else find(name))


def test_without_torch_it_prints_its_own_figures_and_says_how_to_compare(monkeypatch, capsys):
    without_torch(monkeypatch)
    options = ["--model", "resnet8", "--batch-size", "2", "--size", "8", "--steps", "1"]
    assert main(["bench", *options]) == 0
    printed = capsys.readouterr().out
    assert "minires[parity]" in printed and "PyTorch, NCHW" not in printed
    assert main(["bench", *options, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["sides"]) == ["minires"] and report["task"] == TASK
    assert report["sides"]["minires"]["seconds"] > 0


def test_peak_memory_grows_with_the_batch():
    small = bench.peak_memory("minires", **TASK | {"size": 32})
    large = bench.peak_memory("minires", **TASK | {"size": 32, "batch_size": 66})
    if small is None:
        pytest.skip("this system does not tell a process's resident memory")
    # 64 images more: ResNet-8 keeps about 0.6 MB of activations for each, and its gradients pass through
    assert 20 < large - small < 200


def test_the_twin_in_torch_computes_the_same_with_the_same_weights():
    torch = import_torch()
    from minires import bench_torch

    net = models.build("resnet20", rng=np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((4, 3, 16, 16), dtype=np.float32)
    y, _ = net.forward(x, train=True)
    expected = bench_torch.twin(net)(torch.from_numpy(x)).detach().numpy()
    # float32, 20 layers deep: rounding reaches 1e-6 of the largest logit
    np.testing.assert_allclose(y, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("option", ["--steps", "--batch-size", "--size", "--threads"])
def test_numbers_below_one_are_refused(option, capsys):
    assert main(["bench", option, "0"]) == 2
    assert capsys.readouterr().err == f"minires: error: {option}: expected at least 1, got 0\n"


def test_depths_are_measured_and_drawn(capsys, tmp_path):
    path = tmp_path / "depths.png"
    options = ["--depths", "8", "26", "--batch-size", "2", "--size", "8", "--steps", "1"]
    assert main(["bench", *options, "--json", "--plot", str(path)]) == 0
    shallow, deep = json.loads(capsys.readouterr().out)
    assert (shallow["depth"], deep["depth"]) == (8, 26) and path.read_bytes().startswith(b"\x89PNG")
    assert deep["bytes"] > shallow["bytes"] > 0 and deep["seconds"] > shallow["seconds"] > 0
    assert main(["bench", *options]) == 0
    assert (
        capsys.readouterr().out.splitlines()[0].split()
        == "depth ms a step ms a layer MB a step MB a layer".split()
    )
    assert main(["bench", "--depths", "9"]) == 2
    assert "expected 6n + 2" in capsys.readouterr().err


def test_memory_a_layer_is_the_same_at_any_depth():
    from minires import bench_depth

    records = bench_depth.measure(depths=(56, 110, 218), batch_size=4, size=16, steps=1)
    per_layer = [record["bytes_per_layer"] for record in records]
    assert max(per_layer) < 1.1 * min(per_layer)  # what does not grow with the depth is shared by more layers
