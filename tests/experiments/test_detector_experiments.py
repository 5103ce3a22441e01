"""Experiments with detectors: every arm trains, stops and goes on; the stored runs are those of the plan."""

import re

import numpy as np
import pytest

from minires import data, experiments, resources
from minires.data.scenes import enlarge
from minires.detection import Losses
from minires.detection.config import DetectionConfig
from minires.detection.prepare import normalisation_of
from minires.experiments import detector_plans, detectors, record
from minires.experiments.detector_plans import ARMS
from minires.kernels.cpu import parallel
from minires.train import Reporter

STORED = sorted((resources.find("", "lessons") / record.FOLDER / "detection").glob("*.json"))
FAST = ("detection", "fast")


@pytest.fixture(autouse=True)
def threads():
    before = parallel.get_threads()
    yield
    parallel.set_threads(before)


def same(run, other):
    """Whether two runs trained and detected alike; times differ."""
    timed = {"seconds", "milliseconds", "milliseconds_windows", "milliseconds_everywhere"}
    numbers = [
        [{name: value for name, value in each.items() if name not in timed} for each in one.evaluations]
        for one in (run, other)
    ]
    return (run.losses, run.config, numbers[0]) == (other.losses, other.config, numbers[1])


def test_a_run_measures_recall_numbers_of_proposals_and_scales_only_where_the_plan_says_so(tmp_path):
    whole = experiments.run_one(*FAST, "Faster R-CNN", 0, out=tmp_path)
    names = set(whole.evaluations[-1])
    assert {"map", "map_75", "milliseconds", "map_scales", "map_75_iterated", "map_5_proposals"} <= names
    assert {"recall_rpn_50_50", "recall_contours_300_70"} <= names
    assert [path.name for path in tmp_path.iterdir()] == ["Faster-R-CNN-seed0.json"]
    assert record.read(tmp_path / "Faster-R-CNN-seed0.json") == whole
    assert experiments.run_one(*FAST, "Faster R-CNN", 0, out=tmp_path) == whole  # read, not trained
    other = experiments.run_one(*FAST, "Fast R-CNN", 0)
    assert "milliseconds_everywhere" in other.evaluations[-1] and "map_scales" not in other.evaluations[-1]
    assert 0 <= whole.final("recall_rpn_5_50") <= whole.final("recall_rpn_300_50") <= 1


def test_a_run_stopped_and_started_again_goes_on_with_the_same_numbers(monkeypatch, tmp_path):
    plan = experiments.plan(*FAST)
    changed = {**vars(plan), "config": plan.config | {"steps": 5, "evaluate_every": 0}, "refined": ()}
    monkeypatch.setitem(detector_plans.PLANS, "fast", type(plan)(**changed))
    monkeypatch.setattr("minires.detection.train.RECORD_EVERY", 3)
    whole = experiments.run_one(*FAST, "fresh trunk", 3)

    class Stopped(Exception):
        pass

    original = detectors._Recorder.epoch_done

    def stop(self, history):
        original(self, history)
        raise Stopped

    with monkeypatch.context() as interrupted, pytest.raises(Stopped):
        interrupted.setattr(detectors._Recorder, "epoch_done", stop)
        experiments.run_one(*FAST, "fresh trunk", 3, out=tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npz"]
    again = experiments.run_one(*FAST, "fresh trunk", 3, out=tmp_path)
    assert [step for step, _ in again.losses] == [3, 5] and same(again, whole)
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_an_arm_changes_what_its_name_says_and_nothing_else():
    base = DetectionConfig.of().as_dict()
    for arm, changed in {
        "Faster R-CNN": {},
        "RoI max pooling": {"pooling": "max"},
        "fresh trunk": {"images": 150, "steps": 200, "evaluate_every": 0},
        "residual-20": {"trunk": "resnet20", "steps": 400, "evaluate_every": 0},
        "plain-20": {"trunk": "plain20", "steps": 400, "evaluate_every": 0},
    }.items():
        assert DetectionConfig.of(**ARMS[arm]).as_dict() == base | changed
    assert ARMS["fresh trunk"] == ARMS["pre-trained trunk"]
    assert DetectionConfig.of(**ARMS["R-CNN"]).method == "rcnn"


def test_the_pre_trained_trunk_is_that_of_a_classifier_of_single_digits(monkeypatch):
    learned = {}
    original = detectors.learn_single_digits

    def spy(*arguments, **options):
        learned["net"] = original(*arguments, **options)
        return learned["net"]

    monkeypatch.setattr(detectors, "learn_single_digits", spy)
    plan = experiments.plan(*FAST)
    config = DetectionConfig.of(**ARMS["pre-trained trunk"] | plan.config)
    trainer = detectors._trainer(config, None, 1)
    theirs = learned["net"].state_dict()
    mine = trainer.net.trunk.state_dict()
    assert mine and all(np.array_equal(mine[name], theirs[name]) for name in mine)
    learned.clear()
    fresh = detectors._trainer(config, None, 0).net.trunk.state_dict()
    assert not learned and any(not np.array_equal(mine[name], fresh[name]) for name in mine)


@pytest.mark.slow
def test_single_digits_are_learned():
    normalise = normalisation_of(data.digit_scenes(20))
    net = detectors.learn_single_digits("resnet8", normalise, epochs=2, seed=0)
    test = data.read_digits()[1].take(np.arange(100))
    large = np.array([enlarge(image[0] / test.max_value, (20, 20)) for image in test.images])
    x = normalise(np.rint(255 * (0.1 + 0.8 * large)).astype(np.uint8)[:, None])
    assert (net.predict(x).argmax(axis=1) == test.labels).mean() >= 0.6  # a tenth by chance


def test_settings_that_there_are_not_are_named():
    with pytest.raises(ValueError, match="setting: detection has fast, stored, got 'live'"):
        experiments.plan("detection", "live")
    with pytest.raises(ValueError, match="arm: expected one of Faster R-CNN, .*'x'"):
        experiments.run_one(*FAST, "x", 0)


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_run_says_how_from_what_and_where_it_was_made(path):
    run = experiments.read(path)
    assert (run.experiment, run.setting, path.name) == (
        "detection",
        "stored",
        record.file_name(run.arm, run.seed),
    )
    assert run.command.startswith("python -m minires.experiments detection stored")
    assert re.fullmatch("[0-9a-f]{10}", run.commit), "a commit without changes"
    assert run.machine and run.seconds > 0
    wanted = DetectionConfig.of(**ARMS[run.arm], seed=run.seed).as_dict()
    wanted = {name: list(v) if isinstance(v, tuple) else v for name, v in wanted.items()}
    assert run.config | {"threads": None} == wanted, "its plan is that of today"
    assert run.evaluations[-1]["step"] == run.config["steps"] and "map" in run.evaluations[-1]


def test_every_arm_is_stored_from_three_seeds_in_the_order_of_the_plan():
    runs = experiments.stored("detection")
    assert list(runs) == list(ARMS)
    assert all([run.seed for run in found] == [0, 1, 2] for found in runs.values())


@pytest.mark.slow
def test_a_stored_run_can_be_made_again():
    """Its first 50 steps. On another machine sums run in another order, and training lets that grow."""
    old = experiments.stored("detection")["Faster R-CNN"][0]

    class Enough(Exception):
        pass

    class First(Reporter):
        def epoch_done(self, history):
            self.loss = sum(history[0][name] for name in Losses._fields)
            raise Enough

    parallel.set_threads(1)
    reporter = First()
    config = DetectionConfig.from_dict(old.config | {"evaluate_every": 0})
    with pytest.raises(Enough):
        detectors._trainer(config, reporter, 0).run()
    assert reporter.loss == pytest.approx(old.losses[0][1], rel=0, abs=0.1)
