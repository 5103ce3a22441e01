"""The experiment with fine-tuning: what learns what, and the stored runs are those of the plan."""

import re

import numpy as np
import pytest

from minires import data, experiments, resources
from minires.experiments import fine_tuning, fine_tuning_plans, record
from minires.kernels.cpu import parallel

STORED = sorted((resources.find("", "lessons") / record.FOLDER / "fine_tuning").glob("*.json"))
FAST = ("fine_tuning", "fast")


@pytest.fixture(autouse=True)
def threads():
    before = parallel.get_threads()
    yield
    parallel.set_threads(before)


def task(**choices):
    return fine_tuning._Task(fine_tuning_plans.PLANS["fast"].config | choices, None)


def test_a_run_has_an_evaluation_for_each_number_of_images_and_is_read_when_it_is_there(tmp_path):
    run = experiments.run_one(*FAST, "all layers", 3, out=tmp_path)
    assert [(found["shots"], found["step"]) for found in run.evaluations] == [(1, 2), (2, 2)]
    assert all(0 <= found[name] <= 1 for found in run.evaluations for name in ("train_error", "test_error"))
    assert run.config["pretrained"] and not run.config["frozen"]
    assert [path.name for path in tmp_path.iterdir()] == ["all-layers-seed3.json"]
    assert record.read(tmp_path / "all-layers-seed3.json") == run
    assert experiments.run_one(*FAST, "all layers", 3, out=tmp_path) == run  # read, not trained


def test_source_and_target_have_no_class_in_common_and_their_labels_begin_at_0():
    found = task()
    (images, labels), (_, target_labels) = found.source, found.target
    train = data.load("digits")[0].take(np.arange(300))
    assert (len(labels), len(target_labels)) == ((train.labels < 5).sum(), (train.labels >= 5).sum())
    assert np.array_equal(target_labels, train.labels[train.labels >= 5] - 5)
    assert images.shape[1:] == (1, 4, 4), "8x8 pixels, shrunk by 2"


def test_the_few_images_are_as_many_of_each_class_and_those_of_fewer_are_among_those_of_more():
    found = task()
    (one, labels), (three, more) = found.few(1, 0), found.few(3, 0)
    assert list(labels) == [0, 1, 2, 3, 4] and list(np.bincount(more)) == [3] * 5
    assert all((three == image).all(axis=(1, 2, 3)).any() for image in one)
    assert not np.array_equal(one, found.few(1, 1)[0])


@pytest.mark.parametrize(
    ("arm", "steps", "moves"),
    [("fresh weights", [2, 2], 1), ("a new head", [2, 2, 2], 0), ("all layers", [2, 2, 2], 1)],
)
def test_an_arm_trains_what_its_name_says(arm, steps, moves, monkeypatch):
    """The stem moves with all layers, stays below a new head; only fresh weights have not learned before."""
    trained, original = [], fine_tuning._Task.fit

    def fit(self, net, images, labels, count, lr, seed):
        before = net[0].weight.data.copy()
        losses = original(self, net, images, labels, count, lr, seed)
        trained.append((count, len(np.unique(labels)), not np.array_equal(before, net[0].weight.data)))
        return losses

    monkeypatch.setattr(fine_tuning._Task, "fit", fit)
    experiments.run_one(*FAST, arm, 0)
    assert [count for count, _, _ in trained] == steps
    assert [moved for _, _, moved in trained[-2:]] == [bool(moves)] * 2
    assert all(classes == 5 for _, classes, _ in trained)


def test_errors_are_fractions_of_wrong_answers():
    found = task()
    net = found.fresh(5, 0)
    images, labels = found.test
    answers = net.predict(images).argmax(axis=1)
    assert found.error(net, images, answers) == 0
    assert found.error(net, images, (answers + 1) % 5) == 1
    assert found.error(net, images, labels, size=7) == found.error(net, images, labels)


def test_the_loss_falls_and_is_noted_every_hundred_steps():
    found = task()
    losses = found.fit(found.fresh(5, 0), *found.source, 200, 0.05, 0)
    assert [step for step, _ in losses] == [100, 200] and losses[1][1] < losses[0][1]


def test_arms_and_settings_that_there_are_not_are_named():
    with pytest.raises(ValueError, match="setting: fine_tuning has fast, stored, got 'live'"):
        experiments.plan("fine_tuning", "live")
    with pytest.raises(ValueError, match="arm: expected one of fresh weights, .*'x'"):
        experiments.run_one(*FAST, "x", 0)


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_run_says_how_from_what_and_where_it_was_made(path):
    run, plan = experiments.read(path), experiments.plan("fine_tuning", "stored")
    assert (run.experiment, run.setting, path.name) == (
        "fine_tuning",
        "stored",
        record.file_name(run.arm, run.seed),
    )
    assert run.command.startswith("python -m minires.experiments fine_tuning stored")
    assert re.fullmatch("[0-9a-f]{10}", run.commit), "a commit without changes"
    assert run.machine and run.seconds > 0
    wanted = plan.config | plan.arms[run.arm]
    assert run.config == {name: list(v) if isinstance(v, tuple) else v for name, v in wanted.items()}
    assert [found["shots"] for found in run.evaluations] == list(plan.config["shots"])
    assert bool(run.losses) == run.config["pretrained"]


def test_every_arm_is_stored_from_three_seeds_or_more_in_the_order_of_the_plan():
    runs = experiments.stored("fine_tuning")
    assert list(runs) == list(experiments.plan("fine_tuning", "stored").arms)
    assert all(len({run.seed for run in found}) == len(found) >= 3 for found in runs.values())
