"""Training learns, stops where numbers stop being finite, and resumes with the same bits after any death."""

import json
import subprocess
import sys

import numpy as np
import pytest
import small_run
from small_run import small_data, small_net, small_trainer

from minires import data, init, layers, optim
from minires import functional as F
from minires.layers import Sequential, freeze
from minires.train import (
    Config,
    NotFiniteError,
    Reporter,
    Trainer,
    checkpoint,
    evaluate,
    loop,
    metrics,
    prepare,
    recompute_statistics,
    resume,
)
from minires.train.metrics import ranks
from minires.train.safeguard import all_finite

# -- the loop ----------------------------------------------------------------------------------------------


def test_training_learns_the_digits_in_three_epochs():
    trainer = prepare(Config.for_data("digits", epochs=3))
    history = trainer.run()
    assert [record["epoch"] for record in history] == [1, 2, 3]
    assert history[-1]["step"] == 3 * len(trainer.batches) == 69
    # Seeds 0 to 4 have 1.7 to 3.3 %; chance is 90 %.
    assert history[-1]["test_error"] < 0.1 and history[-1]["train_error"] < 0.1
    for record in history:  # each epoch counts its own images only
        mistakes = record["train_error"] * 1437
        assert mistakes == pytest.approx(round(mistakes), abs=1e-9)


def test_one_step_is_that_of_a_loop_written_by_hand():
    net, twin = small_net_without_chance(), small_net_without_chance()
    trainer = small_trainer(net, epochs=1, batch_size=144, schedule="constant", augment=False, lr=0.3)
    trainer.run()

    train_set, _ = small_data()
    normalise = data.Normalisation.fit(train_set)
    order = np.random.default_rng([0, 0, 0]).permutation(144)
    logits, cache = twin.forward(normalise(train_set.images[order]), train=True)
    loss, loss_cache = F.softmax_cross_entropy_forward(logits, train_set.labels[order])
    twin.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
    for name, parameter in twin.named_parameters():
        decayed = parameter.grad + trainer.config.weight_decay * parameter.data
        moved = dict(net.named_parameters())[name].data
        # The same float32 sums in another order, up to one rounding each.
        np.testing.assert_allclose(moved, parameter.data - 0.3 * decayed, rtol=1e-5, atol=1e-6)
    assert trainer.history[0]["train_loss"] == pytest.approx(float(loss), rel=1e-6)


def small_net_without_chance():
    rng = np.random.default_rng(5)
    return Sequential(
        conv=layers.Conv2d(1, 4, 3, rng=rng),
        norm=layers.BatchNorm(4),
        relu=layers.ReLU(),
        pool=layers.GlobalAvgPool2d(),
        fc=layers.Linear(4, 10, rng=rng),
    )


def test_an_epoch_that_leaves_one_image_over_trains_with_batch_norm_on_maps_of_one_pixel():
    rng = np.random.default_rng(0)
    net = Sequential(
        layers.Conv2d(1, 4, 8, rng=rng),  # 1x1 maps
        layers.BatchNorm(4),
        layers.Flatten(),
        layers.Linear(4, 10, rng=rng),
    )
    train_set, held_out = small_data()
    trainer = Trainer(
        net, Config.for_data("digits", epochs=2, batch_size=11), train_set, held_out
    )  # 144 = 13 * 11 + 1
    history = trainer.run()
    assert len(trainer.batches) == 13 and history[-1]["step"] == 26
    mistakes = 144 * history[-1]["train_error"]  # of all images
    assert mistakes == pytest.approx(round(mistakes), abs=1e-9)
    batches = data.Batches(train_set, batch_size=11, seed=0, normalisation=trainer.normalisation)
    recompute_statistics(net, (x for x, _ in batches.epoch(0)))


def test_the_learning_rate_of_every_step_is_the_schedules():
    rates = []

    class Watcher(Reporter):
        def progress(self, progress):
            rates.append(progress.lr)

    trainer = small_trainer(epochs=2, schedule="cosine", warm_up=3, reporter=Watcher())
    trainer.run()
    assert rates[:3] == [pytest.approx(0.01)] * 3
    assert rates == [trainer.schedule(step) for step in range(10)] and rates[-1] < 0.003


def test_a_plateau_schedule_watches_the_validation_images():
    trainer = small_trainer(epochs=2)
    history = trainer.run()
    least = min(record["validation_error"] for record in history)
    assert trainer.schedule.best == pytest.approx(least, abs=1e-3)  # smaller gains do not count


def test_evaluation_agrees_with_the_metrics_and_the_loss():
    trainer = small_trainer(small_net())
    test_set = trainer.held_out["test"].dataset
    record = evaluate(trainer.net, trainer.held_out["test"])  # 60 images in batches of 32 and 28
    logits = trainer.net.predict(trainer.normalisation(test_set.images))
    top1, top5 = metrics.top_k_errors(logits, test_set.labels)
    assert (record["test_error"], record["test_error_top5"]) == (top1, top5)
    loss, _ = F.softmax_cross_entropy_forward(logits, test_set.labels)
    assert record["test_loss"] == pytest.approx(float(loss), rel=1e-6)  # float32 sums in another order


def test_a_network_that_answers_the_same_or_nan_everywhere_is_not_taken_for_right():
    labels = np.array([0, 3, 9])
    assert ranks(np.zeros((3, 10)), labels).tolist() == [0, 3, 9]
    assert ranks(np.full((3, 10), np.nan), labels).min() >= 5


def test_images_are_cropped_in_proportion_and_digits_are_never_flipped():
    for name, size, padding, flip in (
        ("digits", 8, 1, False),
        ("mnist", 28, 3, False),
        ("cifar10", 32, 4, True),
    ):
        images = data.Dataset(np.zeros((2, 1, size, size), np.uint8), np.arange(2), ("a", "b"), name)
        net = Sequential(layers.Flatten(), layers.Linear(size * size, 2, rng=np.random.default_rng(0)))
        config = Config.for_data(name, augment=True, batch_size=2)
        assert Trainer(net, config, images, {}).batches.augment == data.Augmentation(padding, flip)
        assert Trainer(net, Config.for_data(name, augment=False), images, {}).batches.augment is None


# -- the configuration -------------------------------------------------------------------------------------


def test_the_defaults_for_cifar10_are_the_papers():
    config = Config.for_data("cifar10")
    assert (config.model, config.batch_size, config.lr, config.momentum) == ("resnet20", 128, 0.1, 0.9)
    assert (config.weight_decay, config.augment, config.normalisation) == (1e-4, True, "per_channel")
    schedule = Config.for_data("cifar10", epochs=160).make_schedule(400)  # 64k steps
    rates = [schedule(step) for step in (0, 31_999, 32_000, 47_999, 48_000, 63_999)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_resnet110_warms_up_as_in_the_paper():
    schedule = Config.for_data("cifar10", warm_up=400).make_schedule(391)
    assert [schedule(0), schedule(399), schedule(400)] == pytest.approx([0.01, 0.01, 0.1])
    rising = Config.for_data("cifar10", warm_up=400, warm_up_rises=True).make_schedule(391)
    assert [rising(0), rising(200), rising(400)] == pytest.approx([0.01, 0.055, 0.1])


def test_a_configuration_survives_json():
    config = Config.for_data("cifar10", milestones=(3, 7), no_decay=("gamma", "beta"), threads=2)
    assert Config.from_dict(json.loads(json.dumps(config.as_dict()))) == config


@pytest.mark.parametrize(
    "choices, message",
    [
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"epochs": 2.5}, "epochs: expected int, got 2.5"),
        ({"batch_size": True}, "batch_size: expected int"),
        ({"lr": float("nan")}, "lr: expected a finite number, at least 0, got nan"),
        ({"lr": float("inf")}, "lr: expected a finite number, at least 0, got inf"),
        ({"epochs": -(10**400)}, "epochs: expected at least 1"),
        ({"momentum": -0.1}, "momentum: expected a number from 0 to 1"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"schedule": "cosin"}, "schedule: expected constant or step or plateau or cosine, got 'cosin'"),
        ({"schedule": "plateau"}, "plateau watches held-out images"),
        ({"schedule": "cosine", "milestones": (3,)}, "milestones: belong to the schedule step"),
        ({"milestones": (3, 3)}, "milestones: expected rising"),
        ({"milestones": (0, 3)}, "milestones: expected rising"),
        ({"milestones": (1.5,)}, "milestones: expected a list of int"),
        ({"no_decay": (1,)}, "no_decay: expected a list of str"),
        ({"device": "tpu"}, "device: expected cpu or gpu, got 'tpu'"),
        ({"normalisation": "none"}, "normalisation: expected per_channel or per_pixel"),
        ({"threads": 0}, "threads: expected at least 1"),
        ({"data_dir": 3}, "data_dir: expected str"),
        ({"seed": -1}, "seed: expected at least 0"),
        ({"optimiser": "adamw"}, "optimiser: expected sgd or adam, got 'adamw'"),
        ({"optimiser": "adam", "nesterov": True}, "nesterov: belongs to sgd, not to adam"),
        ({"optimiser": "adam", "momentum": 1.0}, "momentum: expected below 1 with adam, got 1"),
        ({"clip": 0.0}, "clip: expected a finite norm above 0, got 0.0"),
        ({"clip": -1.0}, "clip: expected a finite norm above 0"),
        ({"clip": float("nan")}, "clip: expected a finite norm above 0, got nan"),
    ],
)
def test_a_choice_that_makes_no_sense_is_one_clear_error(choices, message):
    with pytest.raises(ValueError) as caught:
        Config.for_data("cifar10", **choices)
    assert message in str(caught.value)


def test_adam_has_defaults_of_its_own():
    config = Config.for_data("digits", optimiser="adam")
    assert (config.lr, config.weight_decay, config.epochs) == (1e-3, 1e-2, 30)
    assert Config.for_data("digits", optimiser="adam", lr=0.5).lr == 0.5


def test_a_configuration_from_before_there_was_adam_is_one_of_sgd():
    values = Config.for_data("digits").as_dict()
    del values["optimiser"], values["clip"]
    assert Config.from_dict(values) == Config.for_data("digits")
    with pytest.raises(ValueError, match="expected exactly the fields"):
        Config.from_dict({name: value for name, value in values.items() if name != "lr"})


def test_a_resumed_run_may_change_where_it_runs_but_not_what_it_is():
    config = Config.for_data("cifar10")
    moved = {"device": "gpu", "data_dir": "/elsewhere", "threads": 7, "save_every": 1.0, "lr": 0.1}
    assert config.resumed(**moved).device == "gpu"
    with pytest.raises(ValueError, match="lr is 0.1 there and 0.2 here; seed is 0 there and 1 here"):
        config.resumed(lr=0.2, seed=1, threads=3)


def test_epochs_may_be_added_only_if_the_learning_rate_does_not_depend_on_their_number():
    assert Config.for_data("cifar10", schedule="constant").resumed(epochs=200).epochs == 200
    assert Config.for_data("cifar10", milestones=(80,)).resumed(epochs=200).epochs == 200
    for config, epochs in (
        (Config.for_data("cifar10"), 200),
        (Config.for_data("cifar10", schedule="cosine"), 200),
        (Config.for_data("cifar10", schedule="constant"), 100),
    ):
        with pytest.raises(ValueError, match=f"epochs is 164 there and {epochs} here"):
            config.resumed(epochs=epochs)


# -- dying and resuming ------------------------------------------------------------------------------------


def run_small(path, *moment):
    command = [sys.executable, small_run.__file__, str(path), *map(str, moment)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return child.returncode, child.stderr


def outcome(path):
    """Return what a run ended with, but for the seconds: arrays as bytes, records, the rest."""
    saved = checkpoint.load(path)
    facts = json.loads(json.dumps(saved.facts))
    for record in facts["history"]:
        del record["seconds"], record["images_per_second"]
    return {name: array.tobytes() for name, array in saved.arrays.items()}, facts


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("undisturbed") / "checkpoint.npz"
    assert run_small(path) == (0, "")
    return outcome(path)


@pytest.mark.parametrize(
    "moments",
    [
        [("batch", 1)],
        [("batch", 5), ("batch", 6)],  # the last batch of the first epoch; its evaluation
        [("batch", 13), ("batch", 1), ("batch", 2)],
        [("half written", 9)],
        [("written", 1)],  # the very first checkpoint
        [("written", 15), ("renamed", 7)],
    ],
    ids=str,
)
def test_a_run_that_is_killed_and_resumed_ends_with_the_same_bits(moments, undisturbed, tmp_path):
    path = tmp_path / "checkpoint.npz"
    for moment in moments:
        code, errors = run_small(path, *moment)
        assert code != 0 and errors == "", f"not killed at {moment}"
        if path.exists():
            checkpoint.load(path)  # whole at every moment
    assert run_small(path) == (0, "")
    assert outcome(path) == undisturbed


def test_a_checkpoint_of_every_place_is_enough_to_go_on(undisturbed, tmp_path):
    class Saver(Reporter):
        count = 0

        def batch_done(self):
            trainer.save(tmp_path / f"{self.count}.npz")
            self.count += 1

    trainer = small_trainer(reporter=Saver(), epochs=2, save_every=60.0)
    history = trainer.run()
    places = sorted(tmp_path.iterdir())
    assert len(places) == 2 * (5 + 2 + 2)  # training, validation, test
    ends = []
    for path in places:
        again = small_trainer(small_net(seed=9), epochs=2)  # other weights: all must come from the checkpoint
        resume.restore(again, checkpoint.load(path))
        again.run()
        ends.append(json.dumps([record["train_loss"] for record in again.history]))
        for name, array in trainer.arrays().items():
            assert array.tobytes() == again.arrays()[name].tobytes(), (path, name)
    assert set(ends) == {json.dumps([record["train_loss"] for record in history])}


def test_adam_and_clipping_resume_with_the_same_bits(tmp_path):
    choices = {"optimiser": "adam", "lr": 1e-2, "clip": 0.1, "epochs": 2, "save_every": 60.0}

    class Saver(Reporter):
        def batch_done(self):
            if trainer.at.step == 4 and trainer.at.batch == 4:
                trainer.save(tmp_path / "middle.npz")

    trainer = small_trainer(reporter=Saver(), **choices)
    before = {name: array.copy() for name, array in trainer.arrays().items()}
    trainer.run()
    assert isinstance(trainer.optimiser, optim.Adam) and trainer.history[-1]["step"] == 10
    again = small_trainer(small_net(seed=9), **choices)
    resume.restore(again, checkpoint.load(tmp_path / "middle.npz"))
    assert set(again.optimiser.steps.tolist()) == {4}
    again.run()
    for name, array in trainer.arrays().items():
        assert array.tobytes() == again.arrays()[name].tobytes(), name
        if name.startswith("net/") and name.endswith("weight"):
            assert (array != before[name]).any()
    unclipped = small_trainer(**choices | {"clip": None})
    unclipped.run()
    differ = [
        array.tobytes() != trainer.arrays()[name].tobytes() for name, array in unclipped.arrays().items()
    ]
    assert any(differ)


def test_a_clipped_step_moves_no_further_than_the_norm_allows():
    trainer = small_trainer(epochs=1, clip=1e-3, lr=1.0, momentum=0.0, weight_decay=0.0)
    x, labels = next(iter(trainer.batches.epoch(0)))
    before = {name: p.data.copy() for name, p in trainer.net.named_parameters()}
    trainer.optimiser.lr = 1.0
    trainer._step(x, labels)
    moved = sum(((p.data - before[name]) ** 2).sum() for name, p in trainer.net.named_parameters())
    # float32 weights near 1 round a step of 1e-3 to 6e-8 each
    assert moved**0.5 == pytest.approx(1e-3, rel=1e-2)


def test_resuming_with_other_images_or_another_network_is_refused(tmp_path):
    trainer = small_trainer(epochs=1)
    trainer.run(tmp_path / "a.npz")
    saved = checkpoint.load(tmp_path / "a.npz")
    train_set, held_out = small_data()
    other = Trainer(small_net(), trainer.config, train_set.take(slice(0, 143)), held_out)
    with pytest.raises(ValueError, match=r"a\.npz .* trained on other images"):
        resume.restore(other, saved)
    with pytest.raises(ValueError, match=r"a\.npz .* arrays are those of another network"):
        resume.restore(small_trainer(small_net_without_chance(), epochs=1), saved)


def test_a_saved_network_comes_back_without_its_trainer(tmp_path):
    trainer = prepare(Config.for_data("digits", model="resnet8", epochs=1, batch_size=512))
    trainer.run(tmp_path / "a.npz")
    net, normalisation, config = resume.load_network(checkpoint.load(tmp_path / "a.npz"))
    images = trainer.held_out["test"].dataset.images[:9]
    assert config == trainer.config
    assert (net.predict(normalisation(images)) == trainer.net.predict(trainer.normalisation(images))).all()


# -- numbers that are not finite ---------------------------------------------------------------------------


class Trap(layers.Layer):
    """The inner layer, but for the batch that holds the marked image (no pixel of which is dark): there it
    gets infinite inputs, or a gradient that is not a number."""

    def __init__(self, inner, way):
        self.inner, self.way = inner, way

    def forward(self, x, *, train):
        is_marked = bool((x.min(axis=(1, 2, 3)) > 0).any())
        y, cache = self.inner.forward(
            x * float("inf") if is_marked and self.way == "forward" else x, train=train
        )
        return y, (cache, is_marked)

    def backward(self, dy, cache):
        cache, is_marked = cache
        return self.inner.backward(dy * float("nan") if is_marked and self.way == "backward" else dy, cache)


def trapped_trainer(way, *, first=None, check_every=None, **choices):
    """Return a Trainer that must fail in its fourth step."""
    net = small_net()
    net.parts["conv"] = Trap(net["conv"], way)
    if first is not None:
        net.parts = {"first": first} | net.parts
    train_set, held_out = small_data()
    images = train_set.images.copy()
    images[np.random.default_rng([0, 0, 0]).permutation(144)[3 * 32 + 5]] = 16  # in the fourth batch
    train_set = data.Dataset(images, train_set.labels, train_set.class_names, "marked", 16)
    config = Config.for_data("digits", **small_run.CHOICES | {"augment": False} | choices)
    return Trainer(net, config, train_set, held_out, check_every=check_every)


def state(trainer):
    return {name: array.copy() for name, array in trainer.arrays().items()}


FOUND = {
    "forward": "the output of conv.inner (Conv2d)",
    "backward": "the gradient with respect to the input of conv.inner (Conv2d)",
}


@pytest.mark.parametrize("check_every", [1, 2, 5, 50])
@pytest.mark.parametrize("way", ["forward", "backward"])
def test_a_number_that_is_not_finite_is_traced_to_its_layer_step_and_learning_rate(
    way, check_every, tmp_path
):
    trainer = trapped_trainer(way, check_every=check_every, lr=0.05)
    with pytest.raises(NotFiniteError) as caught:
        trainer.run(tmp_path / "a.npz")
    assert f"step 4 (epoch 1), learning rate 0.05: {FOUND[way]} is not finite" in str(caught.value)
    good = 3 // check_every * check_every  # where the numbers were looked at last
    assert trainer.at.step == good
    last = checkpoint.load(tmp_path / "a.npz")
    assert last.facts["position"]["step"] == good

    twin = trapped_trainer("nowhere", check_every=1, lr=0.05)

    class Stop(Reporter):
        def batch_done(self):
            if twin.at.step == good:
                raise KeyboardInterrupt

    twin.reporter = Stop()
    if good:
        with pytest.raises(KeyboardInterrupt):
            twin.run()
    for name, array in state(
        twin
    ).items():  # nothing of the bad step, or of those since the last look, remains
        assert array.tobytes() == trainer.arrays()[name].tobytes(), name
        assert array.tobytes() == last.arrays[name].tobytes(), name
    for (name, mine), (_, theirs) in zip(*(t.net.named_generators() for t in (twin, trainer)), strict=True):
        assert mine.bit_generator.state == theirs.bit_generator.state, name


def test_a_frozen_layers_gradient_must_be_finite_too():
    first = layers.Conv2d(1, 1, 1, bias=False, init=init.identity, rng=np.random.default_rng(0))
    trainer = trapped_trainer("backward", first=first)  # something that learns, so that gradients go so far
    freeze(trainer.net["conv"])  # no update will carry its gradient into the weights
    with pytest.raises(NotFiniteError, match="step 4 .* conv.inner"):
        trainer.run()


def test_a_state_that_is_not_finite_is_never_saved(tmp_path):
    trainer = small_trainer()
    trainer.net["fc"].bias.data[3] = np.inf
    with pytest.raises(NotFiniteError):
        trainer.save(tmp_path / "a.npz")
    assert not list(tmp_path.iterdir())


def test_weights_that_an_update_makes_infinite_are_never_saved(tmp_path):
    trainer = small_trainer(small_net_without_chance(), lr=1e38, weight_decay=1e3, epochs=1)
    with pytest.raises(NotFiniteError, match="step 1 .*learning rate 1e.38: .* after the step is not finite"):
        trainer.run(tmp_path / "a.npz")
    assert checkpoint.load(tmp_path / "a.npz").facts["position"]["step"] == 0


def test_a_network_that_starts_with_nan_says_where():
    net = small_net()
    net["block"].branch["1"].gamma.data[2] = np.nan
    with pytest.raises(NotFiniteError, match=r"step 1 .* the output of block.branch.1 \(BatchNorm\)"):
        small_trainer(net).run()


def test_an_evaluation_that_is_not_finite_stops_the_run_too(tmp_path):
    net = small_net()
    net["norm"].momentum = 1.0  # the running averages, which only the evaluation uses, stay where they are
    net["norm"].running_mean.data[:] = -1e37
    net["norm"].running_var.data[:] = 0  # so that the output is 316 times that
    with pytest.raises(NotFiniteError, match=r"step 5 .* the output of norm .* on the validation images"):
        small_trainer(net, epochs=1).run()


# -- on a GPU ----------------------------------------------------------------------------------------------


@pytest.fixture
def stand_in(monkeypatch):
    """Let device "gpu" be the strict stand-in for CuPy."""
    import strict_cupy

    monkeypatch.setattr(loop, "device_module", {"cpu": np, "gpu": strict_cupy}.__getitem__)
    return strict_cupy


def test_training_on_a_gpu_is_the_same_and_waits_for_it_only_when_it_looks(stand_in, tmp_path):
    waits = []

    class Watcher(Reporter):
        def batch_done(self):
            waits.append(stand_in.synchronisations)

    chance_free = {"epochs": 2, "augment": True, "save_every": 60.0}
    gpu = small_trainer(
        small_net_without_chance(), reporter=Watcher(), check_every=3, device="gpu", **chance_free
    )
    stand_in.synchronisations = 0
    gpu.run(tmp_path / "gpu.npz")
    cpu = small_trainer(small_net_without_chance(), **chance_free)
    cpu.run(tmp_path / "cpu.npz")
    steps = np.diff(waits[:5])  # 5 steps an epoch; looks after the third and the fifth
    assert [int(wait > 0) for wait in steps] == [0, 1, 0, 1]
    ours, theirs = checkpoint.load(tmp_path / "gpu.npz"), checkpoint.load(tmp_path / "cpu.npz")
    for name, array in theirs.arrays.items():
        # The CPU works in blocks: other orders of summation, ten steps of float32.
        np.testing.assert_allclose(ours.arrays[name], array, rtol=1e-3, atol=1e-4)
    # A run that began on a GPU goes on without one.
    again = small_trainer(small_net_without_chance(), **chance_free)
    resume.restore(again, ours)
    assert again.run()[-1]["train_loss"] == gpu.history[-1]["train_loss"]


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_on_a_gpu_the_layer_is_found_although_the_look_comes_steps_later(way, stand_in):
    trainer = trapped_trainer(way, device="gpu")
    assert trainer.check_every == 50
    with pytest.raises(NotFiniteError) as caught:
        trainer.run()
    assert f"step 4 (epoch 1), learning rate 0.1: {FOUND[way]} is not finite" in str(caught.value)
    assert trainer.at.step == 0


def test_a_device_that_is_not_there_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ValueError, match="needs CuPy, which is not installed"):
        small_trainer(device="gpu")


@pytest.mark.parametrize("frozen", [False, True])
def test_a_stem_with_a_backward_of_its_own_runs_it_in_training(frozen):
    """Nobody needs dx of what stands first, but a user's own backward may do anything."""

    class Stem(layers.Conv2d):
        calls = 0

        def backward(self, dy, cache):
            Stem.calls += 1
            return super().backward(dy, cache) + 0  # dx is an array here, not None

    rng = np.random.default_rng(0)
    stem = Stem(1, 4, 3, padding=1, rng=rng)
    net = Sequential(
        stem=freeze(stem) if frozen else stem,
        norm=layers.BatchNorm(4),
        relu=layers.ReLU(),
        pool=layers.GlobalAvgPool2d(),
        fc=layers.Linear(4, 10, rng=rng),
    )
    trainer = small_trainer(net, epochs=1)
    trainer.run()
    assert Stem.calls == len(trainer.batches) > 0
    assert all(layer.input_gradient for _, layer in net.named_layers())  # as before


def test_a_configuration_of_numbers_of_numpy_is_that_of_plain_ones():
    config = Config(
        lr=np.float64(0.25), epochs=np.int64(3), nesterov=np.bool_(True), milestones=(np.int64(2),)
    )
    assert config == Config(lr=0.25, epochs=3, nesterov=True, milestones=(2,))
    assert json.loads(json.dumps(config.as_dict()))["epochs"] == 3


def test_large_finite_weights_are_finite_though_their_sum_is_no_float32():
    large = np.full(8, 1e38, np.float32)
    assert all_finite([large]) and not all_finite([large, np.array([np.inf], np.float32)])
