"""Experiments: equal conditions, records that say where they come from, runs that go on after a stop."""

import math
import os
import pathlib
import re

import numpy as np
import pytest

from minires import data, experiments, plot, resources
from minires.experiments import record, runner
from minires.experiments.plans import PLANS, SETTINGS
from minires.kernels.cpu import parallel
from minires.layers import Residual, StochasticDepth

ALL = sorted((resources.find("", "lessons") / record.FOLDER).glob("*/*.json"))
STORED = [path for path in ALL if path.parent.name in PLANS]  # those of detectors have tests of their own
IMAGES = {"digits": 1437, "cifar10": 50_000}
ARM, SEED = "original", 1
FAST = ("shortcuts", "fast", ARM, SEED)  # 10 iterations of ResNet-8, evaluated after 5 and 10


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def same(run, other):
    """Whether two runs trained alike; seconds differ, and so may the command."""
    return (run.losses, run.evaluations, run.config) == (other.losses, other.evaluations, other.config)


def cifar10():
    """Return the folder of CIFAR-10, or skip the test."""
    folder = os.environ.get("MINIRES_CIFAR10")
    try:
        data.load("cifar10", folder)
    except ValueError:
        pytest.skip("CIFAR-10 is not there; MINIRES_CIFAR10 may name its folder")
    return folder


def slowed_plan(monkeypatch, epochs):
    """Make the fast plan of the shortcuts so many epochs long."""
    plan = experiments.plan("shortcuts", "fast")
    changed = {**vars(plan), "config": plan.config | {"epochs": epochs}}
    monkeypatch.setitem(PLANS["shortcuts"], "fast", experiments.Plan(**changed))


class Stopped(Exception):
    pass


@pytest.mark.parametrize("moment", ["epoch", "checkpoint", "iteration"])
def test_a_run_stopped_and_started_again_goes_on_with_the_same_numbers(moment, monkeypatch, tmp_path):
    """moment: after the second epoch, between its checkpoint and its record, in the middle of the third."""
    slowed_plan(monkeypatch, epochs=4)
    whole = experiments.run_one(*FAST)
    original = getattr(runner._Recorder, "progress" if moment == "iteration" else "epoch_done")

    def stop(self, progress):
        if moment == "checkpoint" and len(progress) == 2:
            raise Stopped
        original(self, progress)
        if moment == "epoch" and len(progress) == 2 or moment == "iteration" and progress.at.step == 23:
            raise Stopped

    with monkeypatch.context() as interrupted:
        interrupted.setattr(runner._Recorder, original.__name__, stop)
        with pytest.raises(Stopped):
            experiments.run_one(*FAST, out=tmp_path)
    assert files(tmp_path) == ["original-seed1.json", "original-seed1.npz"]
    assert same(experiments.run_one(*FAST, out=tmp_path), whole)
    assert files(tmp_path) == ["original-seed1.json"]
    assert same(record.read(tmp_path / "original-seed1.json"), whole)


def test_a_run_goes_on_with_the_epochs_it_lacks_and_not_from_the_beginning(monkeypatch, tmp_path):
    slowed_plan(monkeypatch, epochs=3)
    steps = []
    original = runner._Recorder.progress

    def progress(self, progress):
        steps.append(progress.at.step)
        if progress.at.step == 24 and len(steps) == 24:
            raise Stopped
        original(self, progress)

    monkeypatch.setattr(runner._Recorder, "progress", progress)
    with pytest.raises(Stopped):
        experiments.run_one(*FAST, out=tmp_path)
    experiments.run_one(*FAST, out=tmp_path)
    assert steps[24:] == list(range(21, 31))


def test_a_finished_run_is_read_and_not_trained(monkeypatch, tmp_path):
    first = experiments.run_one(*FAST, out=tmp_path)
    monkeypatch.setattr(runner._Recorder, "train", None)
    assert experiments.run_one(*FAST, out=tmp_path) == first
    runs = experiments.run("shortcuts", "fast", arms=[ARM], seeds=[SEED], out=tmp_path)
    assert runs == {ARM: [first]}


def test_training_stops_after_as_many_iterations_as_were_asked_for():
    assert experiments.run_one(*FAST, iterations=3).losses == experiments.run_one(*FAST).losses[:3]


def test_every_arm_starts_from_its_own_seed_and_sees_the_batches_of_that_seed():
    runs = experiments.run("shortcuts", "fast", arms=[ARM, "constant"], seeds=[0, 1])
    assert list(runs) == [ARM, "constant"] and [run.seed for run in runs[ARM]] == [0, 1]
    assert same(runs[ARM][1], experiments.run_one(*FAST))
    assert len({run.losses[0][1] for found in runs.values() for run in found}) == 4


def test_names_that_are_not_there_are_refused():
    for arguments, message in (
        (("x", "fast"), "experiment: expected one of degradation, .*'x'"),
        (("shortcuts", "slow"), "setting: expected one of fast, live, stored, full, got 'slow'"),
    ):
        with pytest.raises(ValueError, match=message):
            experiments.run(*arguments)
    with pytest.raises(ValueError, match="arm: expected one of original, .*'x'"):
        experiments.run("shortcuts", "fast", arms=["x"])


def test_a_folder_with_runs_of_something_else_is_refused(tmp_path):
    experiments.run_one(*FAST, out=tmp_path)
    with pytest.raises(ValueError, match="original-seed1.json: is a run of shortcuts, fast; use another"):
        experiments.run_one("shortcuts", "live", ARM, SEED, out=tmp_path)
    path = tmp_path / record.file_name(ARM, SEED)
    path.write_text("{}")
    with pytest.raises(ValueError, match="original-seed1.json: this is not the record of a run"):
        experiments.run_one(*FAST, out=tmp_path)


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_evaluations_fall_on_the_ends_of_epochs_so_that_runs_can_go_on_from_there(name, setting):
    plan = experiments.plan(name, setting)
    steps = math.ceil((plan.images or IMAGES[plan.config["data"]]) / plan.config["batch_size"])
    assert steps % plan.evaluate_every == 0


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_stored_run_says_how_from_what_and_where_it_was_made(path):
    run = experiments.read(path)
    plan = experiments.plan(run.experiment, "stored")
    assert (run.experiment, run.setting, path.name) == (
        path.parent.name,
        "stored",
        record.file_name(run.arm, run.seed),
    )
    assert run.command.startswith(f"python -m minires.experiments {run.experiment} stored")
    assert re.fullmatch("[0-9a-f]{10}", run.commit), "a commit without changes"
    assert run.machine and run.seconds > 0
    config = plan.config | plan.arm_config.get(run.arm, {})
    written = {name: list(v) if isinstance(v, tuple) else v for name, v in config.items()}
    assert written.items() <= run.config.items(), "its plan is that of today"
    last, every = run.losses[-1][0], plan.losses_every
    assert [step for step, _ in run.losses] == list(range(every, last + 1, every))
    assert run.evaluations[-1]["step"] == last


@pytest.mark.parametrize("name", PLANS)
def test_every_network_of_an_experiment_is_stored_from_three_seeds_or_more(name):
    runs = experiments.stored(name)
    assert all(len({run.seed for run in found}) == len(found) for found in runs.values())
    if name == "depth":  # a run takes up to five hours of a core: lesson 11 says how many seeds there are
        arms, least = {"plain-20", "plain-56", "ResNet-20", "ResNet-56"}, 1
        assert arms <= runs.keys() <= experiments.plan(name, "stored").arms.keys()
    else:
        arms, least = experiments.plan(name, "stored").arms.keys(), 3
        assert runs.keys() == arms
    assert all(len(found) >= least for found in runs.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANS)
def test_a_stored_run_can_be_made_again(name):
    """With as many threads on the same kind of machine the numbers are the same. Elsewhere sums run in
    another order, and training lets the last bits grow in a few steps: only three are compared."""
    old = next(iter(experiments.stored(name).values()))[0]
    folder = cifar10() if old.config["data"] == "cifar10" else None
    choices = {"threads": old.config["threads"], "data_dir": folder}
    before = parallel.get_threads()
    try:
        new = experiments.run_one(name, "stored", old.arm, old.seed, iterations=20, **choices)
    finally:
        parallel.set_threads(before)
    compared = 20 if new.machine == old.machine else 3
    assert [loss for _, loss in new.losses][:compared] == pytest.approx(
        [loss for _, loss in old.losses][:compared], rel=0, abs=1e-3
    )


def test_the_folder_of_runs_holds_nothing_else():
    folder = resources.find("", "lessons") / record.FOLDER
    assert {path.parent.name for path in folder.glob("*/*")} <= {*PLANS, "detection", "fine_tuning"}
    assert all(pathlib.Path(path).suffix == ".json" for path in folder.glob("*/*"))


def test_panels_show_every_network_beside_the_reference_and_share_their_axes():
    runs = experiments.run("shortcuts", "fast", arms=[ARM, "constant", "dropout"], seeds=[0, 1])
    figure = plot.run_panels(runs, reference=ARM, columns=2, titles={"constant": "halved"})
    assert [axes.get_title() for axes in figure.axes] == ["halved", "dropout"]
    for axes, arm in zip(figure.axes, ["constant", "dropout"], strict=True):
        drawn = {line.get_label(): line for line in axes.get_lines()}
        assert list(drawn) == [
            "original, train",
            "original, test",
            "this network, train",
            "this network, test",
        ]
        for label, name in (("original, test", ARM), ("this network, test", arm)):
            mean = [
                sum(values) / 2
                for values in zip(*(r.curve("test_error")[1] for r in runs[name]), strict=True)
            ]
            assert drawn[label].get_ydata() == pytest.approx([100 * value for value in mean])
        assert drawn["this network, train"].is_dashed() and not drawn["this network, test"].is_dashed()
        assert len(axes.collections) == 4, "a shade for the seeds of every line"
    with pytest.raises(ValueError, match="expected 'plain' and others, got original, constant, dropout"):
        plot.run_panels(runs, reference="plain")
    with pytest.raises(ValueError, match="expected 'original' and others, got original"):
        plot.run_panels({ARM: runs[ARM]}, reference=ARM)


def test_measures_apart_have_panels_of_their_own_on_one_scale():
    runs = experiments.run("shortcuts", "fast", arms=[ARM, "constant"])
    together, apart = plot.runs(runs), plot.runs(runs, apart=True)
    assert len(together.axes) == 1 and len(together.axes[0].get_lines()) == 4
    drawn = [[line.get_label() for line in axes.get_lines()] for axes in apart.axes]
    assert drawn == [["original, train", "constant, train"], ["original, test", "constant, test"]]
    assert apart.axes[0].get_ylim() == apart.axes[1].get_ylim()


def test_final_is_the_last_evaluation_and_a_curve_goes_through_all():
    run = experiments.Run(experiment="e", setting="s", arm="a", seed=0, losses=[(1, 0.9), (2, 0.8)])
    run.evaluations = [{"step": 5, "test_error": 0.5}, {"step": 10, "test_error": 0.25}]
    assert run.final("test_error") == 0.25
    assert run.curve("test_error") == ([5, 10], [0.5, 0.25]) and run.curve("loss") == ([1, 2], [0.9, 0.8])


def test_runs_stand_in_the_order_of_the_plan_and_of_their_seeds():
    for name in PLANS:
        stored = experiments.stored(name)
        assert list(stored) == [arm for arm in experiments.plan(name, "stored").arms if arm in stored]
    runs = experiments.run("shortcuts", "fast", arms=[ARM], seeds=[2, 0, 1])
    assert [run.seed for run in runs[ARM]] == [0, 1, 2]


def test_the_seed_decides_the_weights_and_the_batches(monkeypatch):
    seen = []

    def look(net, config, *rest, **options):
        seen.append((float(net[0].weight.data.flat[0]), config.seed))
        raise Stopped

    monkeypatch.setattr(runner, "Trainer", look)
    for seed in (0, 1):
        with pytest.raises(Stopped):
            experiments.run_one("shortcuts", "fast", ARM, seed)
    assert seen[0][0] != seen[1][0] and [seed for _, seed in seen] == [0, 1]


def test_an_arms_own_choices_and_the_callers_win_over_the_plans(monkeypatch, tmp_path):
    plan = experiments.plan("shortcuts", "fast")
    changed = {**vars(plan), "arm_config": {ARM: {"lr": 0.5}}, "test_images": 10}
    monkeypatch.setitem(PLANS["shortcuts"], "fast", experiments.Plan(**changed))
    load, sizes, finished = data.load, [], []
    monkeypatch.setattr(runner.data, "load", lambda name, folder: load(name))
    monkeypatch.setattr(runner, "evaluate", lambda net, batches: sizes.append(len(batches.dataset)) or {})
    options = {"seeds": [0], "weight_decay": 0.25, "data_dir": str(tmp_path), "command": "typed"}
    experiments.run("shortcuts", "fast", arms=[ARM], done=finished.append, **options)
    (run,) = finished
    assert (run.config["lr"], run.config["weight_decay"], run.config["data_dir"]) == (0.5, 0.25, None)
    assert run.command == "typed" and sizes == [10, 10]


def test_train_loss_and_error_are_means_of_the_iterations_since_the_last_evaluation():
    run = experiments.run_one(*FAST)
    losses = run.curve("loss")[1]
    assert [e["step"] for e in run.evaluations] == [5, 10]
    assert run.curve("train_loss")[1] == pytest.approx([sum(losses[:5]) / 5, sum(losses[5:]) / 5], abs=1e-4)


def test_the_commit_says_whether_files_were_changed(monkeypatch):
    answers = {"status": " M minires/x.py", "rev-parse": "0123456789"}
    done = lambda call, **_: type("Done", (), {"stdout": answers[call[3]] + "\n"})  # noqa: E731
    monkeypatch.setattr(record.subprocess, "run", done)
    assert record.commit() == "0123456789+"
    answers["status"] = ""
    assert record.commit() == "0123456789"


def test_seeds_and_arms_are_those_of_the_plan_unless_chosen(monkeypatch):
    monkeypatch.setattr(
        runner,
        "run_one",
        lambda e, s, arm, seed, **_: experiments.Run(experiment=e, setting=s, arm=arm, seed=seed),
    )
    runs = experiments.run("shortcuts", "stored")
    assert all([run.seed for run in found] == [0, 1, 2] for found in runs.values())
    assert list(runs) == list(experiments.plan("shortcuts", "stored").arms)


def test_the_arms_are_the_networks_that_their_names_say():
    def layers(name, arm):
        build = experiments.plan(name, "fast").arms[arm]
        net = build(num_classes=10, in_channels=1, rng=np.random.default_rng(0))
        return [layer for _, layer in net.named_layers()]

    assert any(isinstance(layer, Residual) for layer in layers("degradation", "ResNet-8"))
    assert not any(isinstance(layer, Residual) for layer in layers("degradation", "plain-8"))
    survival = {
        arm: [
            layer.survival for layer in layers("stochastic_depth", arm) if isinstance(layer, StochasticDepth)
        ]
        for arm in ("every block", "stochastic depth")
    }
    assert survival == {"every block": [], "stochastic depth": pytest.approx([5 / 6, 4 / 6, 3 / 6])}


def test_every_arm_of_the_shortcuts_is_built_as_its_own_variant():
    for setting in SETTINGS:
        arms = experiments.plan("shortcuts", setting).arms
        assert {arm: build.keywords["variant"] for arm, build in arms.items()} == {arm: arm for arm in arms}


def test_train_errors_are_those_since_the_last_evaluation(monkeypatch):
    errors, original = {}, runner._Recorder.progress

    def progress(self, progress):
        errors[progress.at.step] = progress.error  # the mean of the epoch so far
        original(self, progress)

    monkeypatch.setattr(runner._Recorder, "progress", progress)
    found = experiments.run_one(*FAST).curve("train_error")[1]
    assert found == pytest.approx([errors[5], 2 * errors[10] - errors[5]], abs=1e-5)


def test_the_seconds_of_a_run_that_goes_on_are_those_of_all_its_parts(monkeypatch, tmp_path):
    slowed_plan(monkeypatch, epochs=2)
    done = runner._Recorder.epoch_done

    def stop(self, history):
        self.start -= 1000  # as if it had taken so long
        done(self, history)
        raise Stopped

    with monkeypatch.context() as interrupted, pytest.raises(Stopped):
        interrupted.setattr(runner._Recorder, "epoch_done", stop)
        experiments.run_one(*FAST, out=tmp_path)
    assert 1000 < experiments.run_one(*FAST, out=tmp_path).seconds < 1100


def test_panels_have_one_legend_and_a_grey_reference_and_no_empty_axes():
    runs = experiments.run("shortcuts", "fast", arms=[ARM, "constant"])
    figure = plot.run_panels(runs, reference=ARM, columns=2)
    (axes,) = figure.axes
    colours = {line.get_label(): line.get_color() for line in axes.get_lines()}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(colours)
    assert colours["original, test"] != colours["this network, test"]


def test_outside_of_a_checkout_the_commit_is_the_version(monkeypatch):
    def refuse(call, **options):
        raise record.subprocess.CalledProcessError(128, call)

    monkeypatch.setattr(record.subprocess, "run", refuse)
    assert record.commit() == f"minires {record.__version__}"
    assert "a GPU" in record.machine("gpu") and "threads" in record.machine("cpu")


def test_threads_that_were_asked_for_are_used(monkeypatch):
    asked = []
    monkeypatch.setattr(runner.parallel, "set_threads", asked.append)
    experiments.run_one(*FAST, iterations=1, threads=1)
    assert asked[:1] == [1]


def test_images_are_shrunk_and_losses_noted_now_and_then_are_means_since_the_last(monkeypatch):
    plan, shapes = experiments.plan("shortcuts", "fast"), []
    every_loss = experiments.run_one(*FAST).curve("loss")[1]
    monkeypatch.setitem(PLANS["shortcuts"], "fast", experiments.Plan(**vars(plan) | {"losses_every": 5}))
    steps, losses = experiments.run_one(*FAST).curve("loss")
    assert steps == [5, 10]
    assert losses == pytest.approx([sum(every_loss[:5]) / 5, sum(every_loss[5:]) / 5], abs=1e-4)

    def look(net, config, train, *rest, **options):
        shapes.append(train.image_shape)
        raise Stopped

    monkeypatch.setitem(PLANS["shortcuts"], "fast", experiments.Plan(**vars(plan) | {"shrink": 4}))
    monkeypatch.setattr(runner, "Trainer", look)
    with pytest.raises(Stopped):
        experiments.run_one(*FAST)
    assert shapes == [(1, 2, 2)], "8x8 pixels, four a side made one"
    with pytest.raises(ValueError, match="factor: expected a divisor of 8 and 8, got 3"):
        data.load("digits")[0].shrunk(3)
