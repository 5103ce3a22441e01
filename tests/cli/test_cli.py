"""The command does what its help says, and whatever a user can get wrong is one line and exit code 2."""

import json
import pathlib
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from minires import cli
from minires.kernels.cpu import parallel
from minires.train import Config, checkpoint
from minires.train.run_folder import RunFolder, free_folder

QUICK = ["--epochs", "1", "--batch-size", "512"]  # three steps: 0.3 s


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Run in a folder of its own, without downloaded data sets, and leave the number of threads as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIRES_DATA", str(tmp_path / "data sets"))
    threads = parallel.get_threads()
    yield
    parallel.set_threads(threads)


def minires(capsys, *arguments):
    """Return (exit code, lines of stdout, lines of stderr)."""
    try:
        code = cli.main([str(argument) for argument in arguments])
    except SystemExit as exit:  # how argparse ends
        code = exit.code
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err.splitlines()


def error_of(capsys, *arguments):
    """Return the error of a command that must fail as a user's error does: one line, exit code 2."""
    code, out, err = minires(capsys, *arguments)
    assert code == 2 and out == [] and len(err) == 1, (code, out, err)
    assert err[0].startswith("minires: error: ")
    return err[0].removeprefix("minires: error: ")


def write_cifar10(folder, *, images=20, highest=9):
    """Lay out random images as CIFAR-10's binary archive does."""
    rng = np.random.default_rng(0)
    (folder / "cifar-10-batches-bin").mkdir(parents=True)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        records = rng.integers(0, 256, (images, 3073), np.uint8)
        records[:, 0] = rng.integers(0, 10, images)
        records[0, 0] = highest
        (folder / "cifar-10-batches-bin" / f"{name}.bin").write_bytes(records.tobytes())
    return folder


def test_a_network_that_does_not_fit_the_images_is_refused_before_anything_is_written(capsys):
    assert "square images of at least 15x15" in error_of(capsys, "train", "--model", "googlenet_bn", *QUICK)
    assert not pathlib.Path("runs").exists()


def test_a_limit_of_memory_says_what_it_did(capsys):
    code, _, err = minires(capsys, "train", *QUICK, "--model", "resnet20", "--memory", "45MB")
    assert code == 0 and re.fullmatch(
        r"memory: stage1 in segments of \d.* \(these are computed twice\)", err[0]
    )
    assert "such as 6GiB" in error_of(capsys, "train", "--memory", "lots")


# -- train -------------------------------------------------------------------------------------------------


def test_train_leaves_a_run_and_ends_with_the_accuracy(capsys):
    code, out, err = minires(capsys, "train", *QUICK)
    assert code == 0
    assert re.fullmatch(r"test accuracy \d+\.\d %", out[-1])
    assert len(err) == 1 and err[0].startswith("epoch   1: loss ")  # no bar, for this is no terminal
    folder = pathlib.Path("runs/resnet8-digits")
    assert {path.name for path in folder.iterdir()} == {
        "checkpoint.npz",
        "config.json",
        "curves.png",
        "metrics.jsonl",
    }
    (record,) = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    assert out[-1] == f"test accuracy {100 - 100 * record['test_error']:.1f} %"
    assert list(record) == [
        *("epoch", "step", "lr", "train_loss", "train_error", "train_error_top5"),
        *("test_loss", "test_error", "test_error_top5", "seconds", "images_per_second"),
    ]
    config = json.loads((folder / "config.json").read_text())
    assert config == checkpoint.load(folder / "checkpoint.npz").facts["config"]
    assert (config["epochs"], config["model"], config["seed"]) == (1, "resnet8", 0)
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_second_run_gets_a_folder_of_its_own(capsys):
    for _ in range(2):
        assert minires(capsys, "train", *QUICK)[0] == 0
    assert sorted(path.name for path in pathlib.Path("runs").iterdir()) == [
        "resnet8-digits",
        "resnet8-digits-2",
    ]


def test_a_run_in_a_named_folder_is_never_overwritten(capsys):
    assert minires(capsys, "train", *QUICK, "--out", "a")[0] == 0
    before = pathlib.Path("a/checkpoint.npz").read_bytes()
    error = error_of(capsys, "train", *QUICK, "--out", "a")
    assert error.startswith("a holds a run already") and "--resume" in error and "--out" in error
    assert pathlib.Path("a/checkpoint.npz").read_bytes() == before


def test_the_options_reach_the_configuration(capsys):
    options = (
        "--schedule plateau --validation 100 --lr 0.05 --warm-up 2 --warm-up-rises --momentum 0.8 --nesterov "
    )
    options += "--weight-decay 0.001 --no-decay gamma,beta,bias --label-smoothing 0.1 --augment --seed 3 "
    options += "--threads 1 --clip 2.5 "
    options += "--normalisation per_pixel --model plain8 --save-every 5 --out a"
    code, _, err = minires(capsys, "train", *QUICK, *options.split())
    assert code == 0 and "validation" in err[0]
    config = json.loads(pathlib.Path("a/config.json").read_text())
    expected = {
        "model": "plain8",
        "schedule": "plateau",
        "validation": 100,
        "lr": 0.05,
        "warm_up": 2,
        "warm_up_rises": True,
        "momentum": 0.8,
        "nesterov": True,
        "weight_decay": 0.001,
        "no_decay": ["gamma", "beta", "bias"],
        "label_smoothing": 0.1,
        "clip": 2.5,
        "optimiser": "sgd",
        "augment": True,
        "seed": 3,
        "threads": 1,
        "normalisation": "per_pixel",
        "save_every": 5.0,
    }
    assert config | expected == config
    record = json.loads(pathlib.Path("a/metrics.jsonl").read_text())
    assert {"validation_loss", "validation_error", "validation_error_top5"} <= record.keys()


def test_cifar10_trains_from_its_official_files(capsys, tmp_path):
    folder = write_cifar10(tmp_path / "cifar")
    options = (
        "--data cifar10 --model resnet8 --epochs 2 --batch-size 64 --schedule step --milestones 1 --out a"
    )
    code, out, err = minires(capsys, "train", *options.split(), "--data-dir", folder)
    assert code == 0 and len(err) == 2 and out[-1].startswith("test accuracy ")
    config = json.loads(pathlib.Path("a/config.json").read_text())
    assert (config["augment"], config["milestones"], config["data_dir"]) == (True, [1], str(folder))
    assert minires(capsys, "eval", "a/checkpoint.npz")[1][-1] == out[-1]


def test_resuming_a_finished_run_says_again_how_it_ended(capsys):
    _, first, _ = minires(capsys, "train", *QUICK)
    code, again, err = minires(capsys, "train", "--resume")
    assert (code, again, err) == (0, first, ["already finished: all 1 epochs are done"])


def test_epochs_can_be_added_to_a_run_with_a_constant_rate(capsys):
    minires(capsys, "train", *QUICK, "--schedule", "constant", "--out", "a")
    code, _, err = minires(capsys, "train", "--resume", "--out", "a", "--epochs", "2")
    assert code == 0 and err[0].startswith("epoch   2")
    assert len(pathlib.Path("a/metrics.jsonl").read_text().splitlines()) == 2


def test_resuming_refuses_another_configuration_and_changes_nothing(capsys):
    minires(capsys, "train", *QUICK, "--out", "a")
    before = {path: path.read_bytes() for path in pathlib.Path("a").iterdir()}
    error = error_of(capsys, "train", "--resume", "--out", "a", "--lr", "0.2", "--seed", "0", "--epochs", "3")
    assert "epochs is 1 there and 3 here" in error and "lr is 0.1 there and 0.2 here" in error
    assert "seed is" not in error
    assert {path: path.read_bytes() for path in pathlib.Path("a").iterdir()} == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
def test_ctrl_c_leaves_a_run_that_can_be_resumed():
    command = [sys.executable, "-m", "minires", "train", "--epochs", "3", "--batch-size", "32", "--out", "a"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr.readline().startswith("epoch   1")
        child.send_signal(signal.SIGINT)
        rest = child.stderr.read()
    assert child.returncode == 130 and "Traceback" not in rest
    assert "to continue: minires train --resume --out a" in rest
    assert checkpoint.load("a/checkpoint.npz").facts["position"]["step"] < 3 * 45
    resumed = subprocess.run([*command[:4], "--resume", "--out", "a"], capture_output=True, text=True)
    assert resumed.returncode == 0 and re.search(r"test accuracy \d+\.\d %\n\Z", resumed.stdout)
    assert len(pathlib.Path("a/metrics.jsonl").read_text().splitlines()) == 3


def test_a_loss_that_is_not_finite_is_one_error_and_the_last_good_checkpoint_stays(capsys):
    code, out, err = minires(capsys, "train", *QUICK, "--lr", "1e30", "--out", "a")
    assert (code, out) == (2, []) and len(err) == 1
    assert re.match(
        r"minires: error: step 2 \(epoch 1\), learning rate 7.5e\+29: the output of (norm|stage1\.0\.)",
        err[0],
    )
    assert checkpoint.load("a/checkpoint.npz").facts["position"]["step"] == 0


# -- eval, data, gradcheck ---------------------------------------------------------------------------------


def test_eval_measures_what_train_measured(capsys):
    _, out, _ = minires(capsys, "train", *QUICK, "--out", "a")
    code, lines, _ = minires(capsys, "eval", "a/checkpoint.npz")
    assert code == 0 and lines[-1] == out[-1]
    error = 100 - float(lines[-1].split()[2])
    assert lines[1].startswith("top-1 error") and float(lines[1].split()[2]) == pytest.approx(
        error, abs=0.051
    )
    assert lines[2].startswith("top-5 error")


def test_eval_with_exact_statistics_repairs_averages_that_lag_behind(capsys):
    minires(capsys, "train", *QUICK, "--out", "a")  # three steps: the running averages are mostly their start
    (lagging, exact) = (
        float(minires(capsys, "eval", "a/checkpoint.npz", *option)[1][-1].split()[2])
        for option in ([], ["--exact-statistics"])
    )
    assert exact > lagging + 10  # per cent of 360 images


def test_data_lists_the_data_sets_and_where_they_are(capsys, tmp_path):
    (tmp_path / "data sets" / "cifar-10-batches-py").mkdir(parents=True)
    code, out, _ = minires(capsys, "data")
    text = "\n".join(out)
    assert (
        code == 0
        and "comes with minires" in text
        and str(tmp_path / "data sets" / "cifar-10-batches-py") in text
    )
    assert "not here: minires data fetch cifar100" in text
    assert "github.com/Shenggan/BCCD_Dataset" in text


def test_data_fetch_reports_what_is_there_already(capsys, tmp_path):
    write = write_cifar10(tmp_path / "x") / "cifar-10-batches-bin"
    target = tmp_path / "cifar-10-batches-py"
    target.mkdir()
    for path in write.iterdir():
        (target / path.stem).write_bytes(b"")
    code, out, _ = minires(capsys, "data", "fetch", "cifar10", "--data-dir", tmp_path)
    assert code == 0 and out == [f"cifar10 is already there: {target}"]


def test_gradcheck_prints_a_table_and_shows_one_check_in_detail(capsys):
    code, out, _ = minires(capsys, "gradcheck", "linear")
    assert code == 0 and out[0].startswith("linear, 5 to 4") and out[-1] == "2 checks, all right"
    code, out, _ = minires(capsys, "gradcheck", "linear", "-v")
    assert code == 0 and any("worst index" in line for line in out)


def test_gradcheck_of_a_wrong_backward_exits_with_1_and_shows_it(capsys, monkeypatch):
    from minires import functional as F

    monkeypatch.setattr(F, "relu_backward", lambda dy, cache: dy)
    code, out, _ = minires(capsys, "gradcheck", "relu")
    assert code == 1 and out[-1] == "1 checks, 1 wrong" and any("wrong" in line for line in out[:-1])


# -- errors ------------------------------------------------------------------------------------------------

WRONG = {
    "": "required: COMMAND",
    "tran": "invalid choice: 'tran'",
    "train --epocs 3": "unrecognized arguments: --epocs 3",
    "train --epochs many": "argument --epochs: invalid int value: 'many'",
    "train --epochs 0": "epochs: expected at least 1, got 0",
    "train --batch-size 0": "--batch-size: expected at least 1, got 0",
    "train --batch-size -3": "--batch-size: expected at least 1",
    "train --lr -1": "lr: expected at least 0",
    "train --lr nan": "lr: expected a finite number, at least 0, got nan",
    "train --milestones 3,x": "expected whole numbers such as 82,123, got '3,x'",
    "train --schedule step --milestones 5,3": "milestones: expected rising",
    "train --schedule cosy": "schedule: expected constant or step or plateau or cosine, got 'cosy'",
    "train --schedule plateau": "--schedule: plateau watches held-out images, and validation says how many",
    "train --validation 1437": "validation: expected 1 to 1436",
    "train --model resnet21": "unknown model 'resnet21'; did you mean resnet",
    "train --model vgg": "unknown model 'vgg'",
    "train --data cifar": "did you mean 'cifar10'",
    "train --data cifar10": "found no folder cifar-10-batches",
    "train --data cifar10 --data-dir nowhere": "found no folder cifar-10-batches",
    "train --data mnist --data-dir nowhere": "mnist: found no train-images",
    "train --data folder": "name the folder that holds train/ and test/",
    "train --data-dir somewhere": "digits: comes with minires",
    "train --no-decay gama": "'gama' names no parameter",
    "train --momentum 0 --nesterov": "nesterov",
    "train --device tpu": "device: expected cpu or gpu",
    "train --threads 0": "threads: expected at least 1",
    "train --seed -1": "seed: expected at least 0",
    "train --resume": "there is no run to resume in runs",
    "train --resume --out nowhere": "cannot read the checkpoint nowhere",
    "train --out file/run": "cannot make the folder file",
    "eval": "required: CHECKPOINT",
    "eval nothing.npz": "cannot read the checkpoint nothing.npz: No such file",
    "eval .": "cannot read the checkpoint: . is no file but a folder",
    "eval file": "file is damaged or no checkpoint of minires",
    "gradcheck conv9": "unknown check 'conv9'; did you mean conv2d",
    "gradcheck --seed -1": "seed: expected at least 0",
    "data fetch imagenet": "expected one of cifar10, cifar100, got 'imagenet'",
    "data fetch": "required: NAME",
    "data list": "invalid choice: 'list'",
    "bench --steps 0": "expected at least 1",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_command_is_one_line_that_says_what_is_wrong(line, capsys):
    pathlib.Path("file").write_text("no checkpoint")
    assert WRONG[line] in error_of(capsys, *line.split())
    assert not pathlib.Path("runs").exists()


def test_eval_refuses_what_it_cannot_use(capsys, tmp_path):
    minires(capsys, "train", *QUICK, "--out", "a")
    assert "expected 1 or more" in error_of(capsys, "eval", "a/checkpoint.npz", "--batch-size", "0")
    assert "threads: expected an integer of at least 1" in error_of(
        capsys, "eval", "a/checkpoint.npz", "--threads", "0"
    )
    folder = write_cifar10(tmp_path / "cifar")
    error = error_of(capsys, "eval", "a/checkpoint.npz", "--data", "cifar10", "--data-dir", folder)
    assert "fitted to images (1, 1, 1)" in error
    content = bytearray(pathlib.Path("a/checkpoint.npz").read_bytes())
    content[5000] ^= 1
    pathlib.Path("a/checkpoint.npz").write_bytes(content)
    assert "checkpoint.npz is damaged" in error_of(capsys, "eval", "a/checkpoint.npz")
    assert "is damaged" in error_of(capsys, "train", "--resume", "--out", "a")


def test_a_gpu_that_is_not_there_is_one_line_that_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert 'pip install "minires-learn[gpu]"' in error_of(capsys, "train", "--device", "gpu")
    minires(capsys, "train", *QUICK, "--out", "a")
    assert "pip install" in error_of(capsys, "eval", "a/checkpoint.npz", "--device", "gpu")


def test_labels_beyond_the_classes_and_truncated_files_are_one_line_that_names_the_file(capsys, tmp_path):
    folder = write_cifar10(tmp_path / "cifar", highest=10)
    error = error_of(capsys, "train", "--data", "cifar10", "--data-dir", folder)
    assert "data_batch_1.bin is damaged: expected labels 0 to 9" in error
    path = folder / "cifar-10-batches-bin" / "data_batch_1.bin"
    path.write_bytes(path.read_bytes()[:-1])
    assert "data_batch_1.bin is truncated" in error_of(
        capsys, "train", "--data", "cifar10", "--data-dir", folder
    )


def test_a_disk_that_gets_full_is_one_line_and_the_checkpoint_before_stays(capsys, monkeypatch):
    minires(capsys, "train", *QUICK, "--schedule", "constant", "--out", "a")
    before = pathlib.Path("a/checkpoint.npz").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    error = error_of(capsys, "train", "--resume", "--out", "a", "--epochs", "2")
    assert "No space left on device" in error and "the checkpoint of step 3 is whole" in error
    assert pathlib.Path("a/checkpoint.npz").read_bytes() == before


def test_too_little_memory_is_one_line(capsys, monkeypatch):
    def starve(*_):
        raise MemoryError("Unable to allocate 64.0 GiB")

    monkeypatch.setattr(cli.train, "prepare", starve)
    assert "out of memory; a smaller --batch-size" in error_of(capsys, "train")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
def test_a_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -m minires gradcheck flatten -v | true"
    child = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True
    )
    assert child.returncode in (0, 141) and child.stderr == ""  # 141: cut short, as any program on Unix


@pytest.mark.parametrize("command", ["", "train", "eval", "gradcheck", "data", "data fetch", "bench"])
def test_every_command_explains_itself(command, capsys):
    code, out, err = minires(capsys, *command.split(), "--help")
    assert code == 0 and err == [] and len(out) > 5
    assert max(map(len, out)) <= 100


def test_python_m_minires_is_the_command():
    child = subprocess.run([sys.executable, "-m", "minires", "--version"], capture_output=True, text=True)
    assert child.returncode == 0 and re.fullmatch(r"minires \d+\.\d+\.\d+\n", child.stdout)


def test_runs_started_together_get_folders_of_their_own(tmp_path):
    folders = [
        RunFolder(free_folder(tmp_path, "resnet8-digits"), numbered="resnet8-digits") for _ in range(3)
    ]
    assert len({folder.path for folder in folders}) == 1  # none has been made yet
    for folder in folders:
        folder.open(Config.for_data("digits"), [])
    names = [folder.checkpoint.parent.name for folder in folders]
    assert names == ["resnet8-digits", "resnet8-digits-2", "resnet8-digits-3"]


@pytest.mark.parametrize("command", [["data"], ["gradcheck", "relu"], ["train", *QUICK]])
def test_a_command_whose_output_is_closed_does_its_work(command, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert cli.main(command) == 0
