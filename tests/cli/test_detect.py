"""`minires detect`: what it leaves behind and says, and that whatever a user can get wrong is one line."""

import json
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from test_cli import empty_folder, error_of, minires  # noqa: F401
from test_data_voc import description, write

from minires.train import checkpoint
from minires.train.run_folder import RunFolder

QUICK = ["--images", "4", "--test-images", "2", "--batch-size", "2", "--steps", "2", "--threads", "1"]
LAST = r"mAP \d\.\d\d \(IoU 0\.5\), (\d+) proposals, \d+ ms an image"


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch, request):
    """Drawing takes longer than training here: one test sees the pictures."""
    if "leaves_a_run" not in request.node.name:
        monkeypatch.setattr(RunFolder, "picture", lambda *_: None)


def voc(root, *, size=(48, 64)):
    """Write a folder of four images, each with a cat and a dog; one box has no area in the last."""
    objects = [("cat", 5, 6, 25, 30, 0), ("dog", 30, 10, 60, 40, 0)]
    images = {f"{i}": description(*objects, size=size) for i in range(4)}
    sets = {"trainval": "0\n1\n2\n", "test": "3\n", "train": "0\n", "val": "1\n"}
    return write(root, images, sets, size=size)


@pytest.mark.parametrize(("method", "proposals"), [("faster", 50), ("rcnn", 300)])
def test_train_leaves_a_run_and_ends_with_the_precision(method, proposals, capsys):
    code, out, err = minires(capsys, "detect", "train", "--method", method, *QUICK)
    assert code == 0, err
    assert re.fullmatch(LAST, out[-1])[1] == str(proposals)
    assert len(err) == 1 and re.match(r"step     2: .*head: class \d.*mAP", err[0])
    assert ("proposals: object" in err[0]) == (method == "faster")
    folder = pathlib.Path(f"runs/detect-{method}-scenes")
    names = {"checkpoint.npz", "config.json", "curves.png", "detections.png", "metrics.jsonl"}
    assert {path.name for path in folder.iterdir()} == names
    (record,) = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    assert record["step"] == 2 and {"objectness", "anchor_boxes", "classes", "boxes", "map"} <= record.keys()
    assert (folder / "detections.png").read_bytes().startswith(b"\x89PNG")
    config = json.loads((folder / "config.json").read_text())
    assert config == checkpoint.load(folder / "checkpoint.npz").facts["config"]


def test_eval_measures_what_train_measured_and_shows_every_class(capsys):
    _, trained, _ = minires(capsys, "detect", "train", *QUICK, "--out", "run")
    code, out, err = minires(capsys, "detect", "eval", "run/checkpoint.npz", "--threads", "1")
    assert code == 0 and err == []
    assert out[-1].split(",")[0] == trained[-1].split(",")[0]
    assert [line.split()[0] for line in out[1:12]] == ["class", *"0123456789"]
    assert re.fullmatch(r"mAP with 11 points \d\.\d{3}, mean over IoU 0.5 to 0.95 \d\.\d{3}", out[-2])
    for more in (["--rounds", "2"], ["--scales", "0.8,1,1.25"], ["--proposals", "7"]):
        code, out, _ = minires(capsys, "detect", "eval", "run/checkpoint.npz", *more)
        assert code == 0 and re.fullmatch(LAST, out[-1])
    assert re.fullmatch(LAST, out[-1])[1] == "7"


def test_a_folder_is_learned_and_one_s_own_pictures_are_drawn(capsys, tmp_path):
    voc(tmp_path / "pets")
    options = ["--data", tmp_path / "pets", "--size", "48x64", "--steps", "2", "--threads", "1"]
    code, out, err = minires(capsys, "detect", "train", *options)
    assert code == 0 and re.fullmatch(LAST, out[-1]), err
    names = checkpoint.load("runs/detect-faster-voc/checkpoint.npz").facts["data"]["train"]["classes"]
    assert names == ["cat", "dog"]
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (90, 70, 3), np.uint8)).save("mine.png")
    Image.fromarray(rng.integers(0, 256, (33, 120), np.uint8)).save("grey.jpg")
    code, out, err = minires(capsys, "detect", "show", "mine.png", "grey.jpg", "--score", "0.05")
    assert code == 0, err
    assert re.fullmatch(r"boxes.png: \d+ objects? in 2 images", out[-1])
    for line in out[:-1]:
        assert re.fullmatch(r"(mine.png|grey.jpg): (cat|dog) 0\.\d\d, x \d+ to \d+, y \d+ to \d+", line)
    assert pathlib.Path("boxes.png").read_bytes().startswith(b"\x89PNG")


def outcome(folder):
    saved = checkpoint.load(folder / "checkpoint.npz")
    return {name: array.tobytes() for name, array in saved.arrays.items()}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
def test_a_run_that_is_stopped_goes_on_with_the_same_bits(tmp_path, capsys):
    options = [*QUICK, "--steps", "20", "--evaluate-every", "0", "--save-every", "0"]
    command = [sys.executable, "-m", "minires", "detect", "train", *options, "--out"]
    child = subprocess.Popen([*command, "stopped"], stderr=subprocess.PIPE, text=True)
    while child.poll() is None and not pathlib.Path("stopped/checkpoint.npz").exists():
        pass
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=120)
    assert child.returncode == 143, err
    assert re.fullmatch(
        r"stopped after step \d+; to continue: minires detect train --resume --out stopped\n", err
    )
    assert checkpoint.load("stopped/checkpoint.npz").facts["position"]["step"] < 20
    # processes of their own: tests let kernels take smaller arrays, and other kernels round otherwise
    for line in ([*command[:5], "--resume", "--out", "stopped"], [*command, "whole"]):
        done = subprocess.run(line, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and re.fullmatch(LAST, done.stdout.splitlines()[-1]), done.stderr
    assert outcome(pathlib.Path("stopped")) == outcome(pathlib.Path("whole"))
    code, again, err = minires(capsys, "detect", "train", "--resume", "--out", "whole")
    assert code == 0 and again[-1].split(",")[0] == done.stdout.splitlines()[-1].split(",")[0]
    assert err == ["already finished: all 20 steps are done"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_ten_kills_at_random_moments_and_the_bits_are_the_same():
    options = [*QUICK, "--steps", "30", "--evaluate-every", "0", "--save-every", "0"]
    command = [sys.executable, "-m", "minires", "detect", "train"]
    subprocess.run([*command, *options, "--out", "whole"], check=True, capture_output=True, timeout=300)
    chance, kills = random.Random(0), 0
    folder = pathlib.Path("killed")
    while kills < 10:
        line = ["--resume"] if (folder / "checkpoint.npz").exists() else options
        child = subprocess.Popen(
            [*command, *line, "--out", "killed"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        begun = (folder / "checkpoint.npz").stat().st_mtime_ns if line[0] == "--resume" else 0
        while child.poll() is None:  # once it has saved, a moment later
            path = folder / "checkpoint.npz"
            if path.exists() and path.stat().st_mtime_ns != begun:
                break
        if child.poll() is None:
            time.sleep(chance.uniform(0, 0.3))
        child.kill()
        child.wait()
        kills += 1
    done = subprocess.run([*command, "--resume", "--out", "killed"], capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert outcome(folder) == outcome(pathlib.Path("whole"))


def test_resume_takes_the_latest_run_of_its_own_kind(capsys):
    minires(capsys, "detect", "train", *QUICK)
    minires(capsys, "train", "--epochs", "1", "--batch-size", "512")
    code, out, _ = minires(capsys, "detect", "train", "--resume")
    assert code == 0 and "runs/detect-faster-scenes" in out[-2].replace("\\", "/")
    code, out, _ = minires(capsys, "train", "--resume")
    assert code == 0 and "runs/resnet8-digits" in out[-2].replace("\\", "/")


def test_a_pretrained_trunk_names_itself(capsys):
    minires(capsys, "train", "--epochs", "1", "--batch-size", "512", "--model", "plain8", "--out", "digits")
    options = ["--pretrained", "digits/checkpoint.npz", "--frozen-norm", *QUICK]
    code, out, err = minires(capsys, "detect", "train", *options, "--out", "run")
    assert code == 0 and "trunk plain8" in out[0], err
    assert "expected the trunk resnet8" in error_of(capsys, "detect", "train", "--trunk", "resnet8", *options)


WRONG = {
    "train --method yolo": "--method: expected faster or fast or rcnn",
    "train --pooling mean": "--pooling: expected align or max",
    "train --trunk resnet9": "--trunk: unknown model 'resnet9'; did you mean",
    "train --steps 0": "--steps: expected at least 1",
    "train --steps few": "invalid int value: 'few'",
    "train --sides a,b": "expected numbers such as 10,16,24",
    "train --sides -1": "--sides: expected positive numbers",
    "train --size 64": "expected height and width such as 96x128",
    "train --flip": "--flip: a mirrored digit",
    "train --data nowhere": "there is no such folder",
    "train --pretrained nowhere.npz": "cannot read the checkpoint nowhere.npz",
    "train --resume": "there is no run to resume in runs",
    "train --resume --out nowhere": "cannot read the checkpoint nowhere",
    "train --threads 0": "--threads: expected at least 1",
    "train --images 3 --batch-size 4": "batch_size: expected at most 3",
    "eval nowhere.npz": "cannot read the checkpoint nowhere.npz",
    "show picture.jpg": "there is no run to resume in runs",
    "show --checkpoint nowhere.npz picture.jpg": "cannot read the checkpoint",
    "show --out boxes.gif picture.jpg": "--out: expected a .png file",
    "show --score 2 picture.jpg": "--score: expected a probability",
    "show": "the following arguments are required: IMAGE",
    "train photo.jpg": "unrecognized arguments: photo.jpg",
    "": "the following arguments are required: ACTION",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_command_is_one_line_that_says_what_is_wrong(line, capsys):
    assert WRONG[line] in error_of(capsys, "detect", *line.split())
    assert not pathlib.Path("runs").exists()


def test_eval_and_show_refuse_what_they_cannot_use(capsys, tmp_path):
    minires(capsys, "detect", "train", *QUICK, "--method", "fast", "--out", "run")
    run = "run/checkpoint.npz"
    for options, says in (
        (["--rounds", "0"], "--rounds: expected at least 1"),
        (["--proposals", "0"], "--proposals: expected 1 to"),
        (["--scales", "2"], "--scales: does not go together"),
        (["--data", voc(tmp_path / "pets", size=(64, 64))], "the detector knows 0, 1, 2"),
    ):
        assert says in error_of(capsys, "detect", "eval", run, *options)
    pathlib.Path("text.jpg").write_text("no picture")
    assert "text.jpg is no JPEG" in error_of(capsys, "detect", "show", "--checkpoint", run, "text.jpg")
    assert "cannot read the image gone.png" in error_of(
        capsys, "detect", "show", "--checkpoint", run, "gone.png"
    )
    assert "holds a run already" in error_of(capsys, "detect", "train", *QUICK, "--out", "run")
    assert "hidden" not in error_of(capsys, "detect", "train", "--resume", "--out", "run", "--seed", "5")
    assert "holds a detector, no classifier" in error_of(capsys, "eval", run)


def test_a_box_without_area_is_refused_by_name_and_skipped_if_asked(capsys, tmp_path):
    root = voc(tmp_path / "pets")
    (root / "Annotations" / "1.xml").write_text(description(("cat", 9, 9, 9, 20, 0), size=(48, 64)))
    options = ["detect", "train", "--data", root, "--steps", "1", "--threads", "1"]
    line = error_of(capsys, *options)
    assert "1.xml: object 1 (cat)" in line and "no area" in line
    code, out, _ = minires(capsys, *options, "--skip-bad")
    assert code == 0 and re.fullmatch(LAST, out[-1])


def test_a_number_that_is_not_finite_is_one_line_and_the_checkpoint_stays(capsys):
    line = error_of(capsys, "detect", "train", *QUICK[:-4], "--steps", "20", "--lr", "1e9", "--out", "run")
    assert re.search(r"step \d+, learning rate .*: .* is not finite; try a smaller learning rate", line)
    assert checkpoint.load("run/checkpoint.npz").facts["position"]["step"] == 0
