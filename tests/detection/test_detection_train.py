"""Training detectors: four losses that fall, runs that resume with the same bits, not a number said where."""

import dataclasses
import json

import numpy as np
import pytest

from minires.data.objects import Objects
from minires.detection import alternate as alternating
from minires.detection import detect, trunk_of
from minires.detection import resume as states
from minires.detection import train as loop
from minires.detection.config import DetectionConfig
from minires.detection.prepare import Windows, describe, load_data
from minires.detection.testing import find, measures
from minires.detection.train import Trainer, prepare
from minires.kernels.cpu import parallel
from minires.train import Config, NotFiniteError, Reporter, checkpoint
from minires.train import prepare as prepare_classifier

TINY = {"images": 12, "test_images": 3, "batch_size": 2, "hidden": 16, "warm_up": 2, "sides": (16.0, 24.0)}
METHODS = ["faster", "fast", "rcnn"]


@pytest.fixture(autouse=True)
def one_thread():
    threads = parallel.get_threads()
    parallel.set_threads(1)
    yield
    parallel.set_threads(threads)


def tiny(**choices):
    return DetectionConfig.of(**TINY | {"steps": 6, "seed": 3} | choices)


class Watcher(Reporter):
    """Remembers the losses of each step; stops the run after `stop` of them."""

    def __init__(self, stop=None):
        self.losses, self.stop = [], stop

    def progress(self, progress):
        self.losses.append(progress.losses)

    def batch_done(self):
        if len(self.losses) == self.stop:
            raise KeyboardInterrupt


def test_all_four_losses_fall(monkeypatch):
    """On two scenes, seen again and again."""
    monkeypatch.setattr(loop, "RECORD_EVERY", 15)
    trainer = prepare(tiny(images=2, steps=60, warm_up=5, lr=0.05, hidden=32, evaluate_every=0))
    history = trainer.run()
    assert [record["step"] for record in history] == [15, 30, 45, 60]
    first, last = history[0], history[-1]
    for name in ("objectness", "anchor_boxes", "classes"):
        assert last[name] < 0.4 * first[name], name  # to a tenth, in seeds 3 and 4
    # few regions are foreground at first; their number grows as proposals improve, and with it this loss
    assert last["boxes"] < 0.7 * history[1]["boxes"]
    assert {"map", "map_75", "milliseconds"} <= last.keys() and "map" not in first


def test_a_part_that_does_not_learn_stays_as_it_is():
    for parts, still in ((["rpn"], "head"), (["head"], "rpn")):
        config = tiny(steps=2, evaluate_every=0)
        fresh = prepare(config)
        trainer = Trainer(fresh.net, config, fresh.train, fresh.test, fresh.normalisation, parts=parts)
        before = {name: array.copy() for name, array in trainer.net.state_dict().items()}
        trainer.run()
        moved = {
            name.partition(".")[0]
            for name, array in trainer.net.state_dict().items()
            if (array != before[name]).any()
        }
        assert moved == {"trunk", "rpn", "head"} - {still}


def test_alternating_training_is_four_runs_of_which_the_last_two_share_a_frozen_trunk(monkeypatch):
    seen = []

    class Seen(Trainer):
        def run(self, path=None):
            before = self.net.trunk.state_dict()["conv.weight"].copy()
            super().run(path)
            moved = (self.net.trunk.state_dict()["conv.weight"] != before).any()
            seen.append((self.config.steps, self.parts, self.propose is not None, bool(moved), id(self.net)))

    monkeypatch.setattr(alternating, "Trainer", Seen)
    last = alternating.alternate(tiny(steps=12, evaluate_every=0))
    assert [each[:4] for each in seen] == [
        (4, ("rpn",), False, True),
        (4, ("head",), True, True),
        (2, ("rpn",), False, False),
        (2, ("head",), False, False),
    ]
    assert len({each[4] for each in seen[1:]}) == 1 and seen[0][4] != seen[1][4]
    assert last.history[-1]["step"] == 2 and last.history[-1]["objectness"] == 0
    with pytest.raises(ValueError, match="expected the method faster"):
        alternating.alternate(tiny(method="fast"))


# -- resuming ------------------------------------------------------------------------------------------------


def outcome(trainer):
    """Return all that a run ends with, but for the time that it took."""
    history = [
        {name: value for name, value in record.items() if name not in ("seconds", "milliseconds")}
        for record in trainer.history
    ]
    return {name: array.copy() for name, array in trainer.arrays().items()}, history


def assert_same(one, other):
    (arrays, history), (others, their_history) = one, other
    assert history == their_history
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_was_stopped_goes_on_with_the_same_bits(method, monkeypatch, tmp_path):
    monkeypatch.setattr(loop, "RECORD_EVERY", 3)
    config = tiny(method=method, evaluate_every=3, proposals=20, test_images=2)
    whole = prepare(config)
    whole.run()
    path = tmp_path / "checkpoint.npz"
    stopped = prepare(config, Watcher(4))
    with pytest.raises(KeyboardInterrupt):
        stopped.run(path)
    stopped.save(path)
    saved = checkpoint.load(path)
    again = prepare(states.read_config(saved).resumed(), resumed=True)
    states.restore(again, saved)
    assert again.step == 4
    again.run(path)
    assert_same(outcome(again), outcome(whole))
    assert len(again.history) == 2


def test_a_run_that_is_killed_resumes_from_its_last_checkpoint(monkeypatch, tmp_path):
    """Without a moment to save: what counts is what lies on the disk."""
    monkeypatch.setattr(loop, "RECORD_EVERY", 3)
    whole = prepare(tiny(evaluate_every=0))
    whole.run()
    path = tmp_path / "checkpoint.npz"
    killed = prepare(tiny(evaluate_every=0), Watcher(5))
    with pytest.raises(KeyboardInterrupt):
        killed.run(path)
    saved = checkpoint.load(path)
    again = prepare(tiny(evaluate_every=0), resumed=True)
    states.restore(again, saved)
    assert again.step == 3  # the record's
    again.run()
    assert_same(outcome(again), outcome(whole))


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    runs = [prepare(tiny(seed=seed, steps=2, evaluate_every=0)) for seed in (1, 1, 2)]
    for trainer in runs:
        trainer.run()
    assert_same(outcome(runs[0]), outcome(runs[1]))
    differ = [
        (runs[0].arrays()[name] != array).any()
        for name, array in runs[2].arrays().items()
        if name.endswith("weight")
    ]
    assert all(differ)


def test_a_checkpoint_of_other_images_or_another_detector_is_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    trainer = prepare(tiny())
    trainer.save(path)
    saved = checkpoint.load(path)
    with pytest.raises(ValueError, match="other images"):
        states.restore(prepare(tiny(images=13)), saved)
    with pytest.raises(ValueError, match="no checkpoint that fits"):
        states.restore(prepare(tiny(hidden=8)), saved)
    with pytest.raises(ValueError, match="hidden is 16 there and 8 here"):
        states.read_config(saved).resumed(hidden=8)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda facts: facts["position"].update(step=99), "step 99"),
        (lambda facts: facts["position"].update(step=-1), "step -1"),
        (lambda facts: facts["history"].append({"step": 1}), "lacks"),
        (lambda facts: facts.update(history=7), "no list"),
        (lambda facts: facts["config"].update(method="yolo"), "method"),
        (lambda facts: facts["config"].pop("trunk"), "fields"),
        (lambda facts: facts["data"]["train"].update(channels=10**9), "channels"),
        (lambda facts: facts["data"]["train"].update(classes=[]), "classes"),
        (lambda facts: facts["config"].update(hidden=10**5), "head"),
    ],
)
def test_a_checkpoint_that_contradicts_itself_is_refused_by_name(change, says, tmp_path):
    path = tmp_path / "checkpoint.npz"
    trainer = prepare(tiny())
    trainer.save(path)
    saved = checkpoint.load(path)
    facts = json.loads(json.dumps(saved.facts))
    change(facts)
    forged = dataclasses.replace(saved, facts=facts)
    with pytest.raises(ValueError, match=says) as refused:
        states.load_detector(forged)
        states.restore(trainer, forged)
    assert str(path) in str(refused.value)


def test_a_classifier_is_no_detector_and_a_detector_no_classifier(tmp_path):
    classifier = prepare_classifier(Config.for_data("digits", threads=1))
    classifier.save(tmp_path / "classifier.npz")
    with pytest.raises(ValueError, match="holds no detector.*--pretrained"):
        states.load_detector(checkpoint.load(tmp_path / "classifier.npz"))
    prepare(tiny()).save(tmp_path / "detector.npz")
    from minires.train import resume

    with pytest.raises(ValueError, match="holds a detector, no classifier"):
        resume.load_network(checkpoint.load(tmp_path / "detector.npz"))


@pytest.mark.parametrize("method", METHODS)
def test_a_trained_detector_comes_back_and_finds_the_same(method, tmp_path):
    trainer = prepare(tiny(method=method, steps=2, proposals=20))
    trainer.run(tmp_path / "checkpoint.npz")
    trained = states.load_detector(checkpoint.load(tmp_path / "checkpoint.npz"))
    assert trained.class_names == tuple("0123456789") and trained.size == (64, 64)
    found, _ = find(trained.detector, trainer.test, trained.normalisation, trainer.windows)
    assert sum(len(each.scores) for each in found) > 0
    for mine, theirs in zip(trainer.found, found, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


# -- numbers that are not finite -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_number_that_is_not_finite_is_named_and_the_last_good_state_stays(method, tmp_path):
    trainer = prepare(tiny(method=method, proposals=20, evaluate_every=0), Watcher(2))
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    trainer.reporter = Reporter()
    good = {name: array.copy() for name, array in trainer.arrays().items()}
    trainer.net.head.shared["fc"].bias.data[0] = np.nan
    with pytest.raises(NotFiniteError, match=r"step 3, learning rate .*head.*fc.*not finite; try a smaller"):
        trainer._good.keep(trainer.step)
        trainer.run()
    assert trainer.step == 2
    trainer.net.head.shared["fc"].bias.data[0] = good["net/head.shared.fc.bias"][0]
    for name, array in trainer.arrays().items():
        np.testing.assert_array_equal(array, good[name], err_msg=name)


def test_too_large_a_rate_is_one_error():
    with pytest.raises(NotFiniteError, match="step .* is not finite; try a smaller learning rate"):
        prepare(tiny(lr=1e8, steps=20)).run()


# -- what a run begins with ----------------------------------------------------------------------------------


def test_a_pretrained_trunk_brings_its_weights_and_its_normalisation(tmp_path):
    classifier = prepare_classifier(Config.for_data("digits", threads=1, epochs=1, batch_size=512))
    classifier.run(tmp_path / "classifier.npz")
    config = tiny(pretrained=str(tmp_path / "classifier.npz"), frozen_norm=True, steps=1, evaluate_every=0)
    trainer = prepare(config)
    theirs = trunk_of(classifier.net).state_dict()
    for name, array in trainer.net.trunk.state_dict().items():
        np.testing.assert_array_equal(array, theirs[name])
    np.testing.assert_array_equal(trainer.normalisation.mean, classifier.normalisation.mean)
    before = {name: array.copy() for name, array in trainer.net.trunk.state_dict().items()}
    trainer.run(tmp_path / "detector.npz")
    moved = {name for name, array in trainer.net.trunk.state_dict().items() if (array != before[name]).any()}
    assert moved and not any("norm" in name or "running" in name or "gamma" in name for name in moved)
    (tmp_path / "classifier.npz").unlink()  # what goes on needs it no more
    again = prepare(config, resumed=True)
    states.restore(again, checkpoint.load(tmp_path / "detector.npz"))
    np.testing.assert_array_equal(again.normalisation.mean, classifier.normalisation.mean)


def test_a_pretrained_trunk_that_does_not_fit_is_refused(tmp_path):
    classifier = prepare_classifier(Config.for_data("digits", threads=1))
    path = tmp_path / "classifier.npz"
    classifier.save(path)
    with pytest.raises(ValueError, match="pretrained: .* holds a resnet8, expected the trunk plain8"):
        prepare(tiny(pretrained=str(path), trunk="plain8"))
    from minires.detection.prepare import pretrained_trunk

    with pytest.raises(ValueError, match="1 channels, expected 3"):
        pretrained_trunk(str(path), "resnet8", 3)


def test_images_are_normalised_to_mean_0_and_deviation_1():
    trainer = prepare(tiny())
    x = trainer.normalisation(trainer.train.images)
    assert abs(float(x.mean())) < 1e-3 and float(x.std()) == pytest.approx(1, abs=1e-3)


def test_every_image_is_seen_once_an_epoch():
    trainer = prepare(tiny(steps=12))
    seen = [trainer._batch(step)[0] for step in range(6)]
    everything = np.concatenate(seen).reshape(12, -1)
    assert len(np.unique(everything, axis=0)) == 12
    assert any((trainer._batch(6 + step)[0] != seen[step]).any() for step in range(6))  # another order


def test_the_seed_decides_what_is_drawn_in_every_step():
    first, second = (prepare(tiny(seed=seed, images=2, test_images=1)) for seed in (1, 2))
    drawn = [trainer._batch(step)[2].random() for trainer in (first, second) for step in (0, 1, 0)]
    assert drawn[0] == drawn[2] and len(set(drawn)) == 4


def test_flips_take_the_boxes_along():
    config = tiny()
    train, test = load_data(config)
    trainer = Trainer(prepare(config).net, config, train, test, prepare(config).normalisation)
    object.__setattr__(trainer.config, "flip", True)
    plain = {each.tobytes(): objects for each, objects in zip(train.images, train.objects, strict=True)}
    flipped = 0
    for step in range(6):
        x, objects, _ = trainer._batch(step)
        pixels = np.rint(x * trainer.normalisation.std + trainer.normalisation.mean).astype(np.uint8)
        for image, there in zip(pixels, objects, strict=True):
            original = plain.get(image.tobytes())
            if original is None:
                original = plain[np.ascontiguousarray(image[..., ::-1]).tobytes()]
                np.testing.assert_allclose(64 - there.boxes[:, 2], original.boxes[:, 0])
                flipped += 1
            else:
                np.testing.assert_array_equal(there.boxes, original.boxes)
    assert 0 < flipped < 12


def test_windows_to_learn_and_to_detect():
    windows = Windows(DetectionConfig.of(method="fast", proposals=25), (64, 64))
    assert len(windows.everywhere) == 1508
    rng = np.random.default_rng(0)
    drawn = windows.to_learn(2, rng)
    assert [each.shape for each in drawn] == [(25, 4), (25, 4)] and (drawn[0] != drawn[1]).any()
    _, test = load_data(tiny())
    best = windows.to_detect(test.images[:2])
    assert all(0 < len(each) <= 25 for each in best)


def test_perfect_detections_have_precision_one_and_no_objects_none():
    _, test = load_data(tiny())
    from minires.detection import Detections

    perfect = [Detections(each.boxes, each.labels, np.ones(len(each.labels))) for each in test.objects]
    assert measures(perfect, test) == {"map": 1.0, "map_75": 1.0}
    nothing = Objects(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))
    empty = dataclasses.replace(test, objects=(nothing,) * len(test))
    assert measures(perfect, empty) == {}


def test_images_of_which_none_has_an_object_train():
    config = tiny(steps=2, evaluate_every=0)
    train, test = load_data(config)
    nothing = Objects(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))
    bare = dataclasses.replace(train, objects=(nothing,) * len(train))
    trainer = Trainer(prepare(config).net, config, bare, test, prepare(config).normalisation)
    (record,) = trainer.run()
    assert record["anchor_boxes"] == 0 and record["boxes"] == 0 and record["objectness"] > 0


def test_a_data_set_is_known_by_its_pixels_and_its_boxes():
    train, _ = load_data(tiny())
    moved = [train.objects[0]._replace(boxes=train.objects[0].boxes + np.float32(0.5)), *train.objects[1:]]
    assert describe(train) == describe(load_data(tiny())[0])
    assert describe(train) != describe(dataclasses.replace(train, objects=tuple(moved)))
    assert describe(train) != describe(train.take(range(11)))


# -- the configuration ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"method": "yolo"}, "method: expected faster or fast or rcnn"),
        ({"pooling": "mean"}, "pooling: expected align or max"),
        ({"steps": 0}, "steps: expected at least 1"),
        ({"sides": ()}, "sides: expected positive numbers"),
        ({"ratios": (0.0,)}, "ratios: expected positive numbers"),
        ({"data": "voc"}, "data_dir: expected the folder"),
        ({"flip": True}, "flip: a mirrored digit"),
        ({"method": "rcnn", "context": True}, "context"),
        ({"size": (3,)}, "size: expected a height and a width"),
        ({"lr": float("inf")}, "lr"),
        ({"proposals": "many"}, "proposals: expected int"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(choices, says):
    with pytest.raises(ValueError, match=says):
        DetectionConfig.of(**choices)


def test_a_configuration_survives_json():
    config = DetectionConfig.of(method="fast", data="voc", data_dir="somewhere")
    assert (config.proposals, config.size, config.flip) == (300, (96, 128), True)
    assert config.title == "Fast R-CNN on somewhere"
    assert DetectionConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config
    assert repr(DetectionConfig()) == (
        "DetectionConfig(method='faster', trunk='resnet8', data='scenes', steps=800)"
    )


def test_biases_and_batch_norm_do_not_decay_and_a_trunk_without_it_trains_too():
    for trunk, ends in (("resnet8", {"bias", "gamma", "beta"}), ("nin", {"bias"})):
        trainer = prepare(tiny(trunk=trunk, images=2, test_images=1, steps=1))
        assert set(trainer.optimiser.no_decay) == ends
        trainer.run()


def test_more_images_a_step_than_there_are_is_refused():
    with pytest.raises(ValueError, match="batch_size: expected at most 12"):
        prepare(tiny(batch_size=13))


def test_any_image_size_that_a_detector_has_not_seen_will_do():
    trainer = prepare(tiny(steps=1, evaluate_every=0))
    x = np.zeros((1, 1, 50, 90), np.float32)
    (found,) = detect(trainer.net, x, score=0.0)
    assert len(found.boxes) and found.boxes[:, 2].max() <= 90 and found.boxes[:, 3].max() <= 50
