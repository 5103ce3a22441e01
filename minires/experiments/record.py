"""The record of a run: one JSON file."""

import dataclasses
import json
import pathlib
import platform
import subprocess

import numpy as np

from minires import __version__, resources
from minires.experiments.plans import plan
from minires.kernels.cpu import parallel
from minires.train.checkpoint import write_atomically

FOLDER = "runs"  # of the stored runs, inside lessons/


@dataclasses.dataclass(kw_only=True)
class Run:
    """One training run of an experiment.

    arm: the network's label; seed: of weights and batches; command, commit, machine: how, from which code and
    on what it was made; seconds: that it took (training and evaluation); config: of the training;
    losses: (iteration, loss in nats of that mini-batch) for every iteration looked at, or where only some
    are, the mean of the batches since the last;
    evaluations: dicts with step, lr, train_loss and train_error (means over the iterations since the last
    evaluation, in training mode) and test_loss and test_error; errors are fractions.
    """

    experiment: str
    setting: str
    arm: str
    seed: int
    command: str = ""
    commit: str = ""
    machine: str = ""
    seconds: float = 0.0
    config: dict = dataclasses.field(default_factory=dict)
    losses: list = dataclasses.field(default_factory=list)
    evaluations: list = dataclasses.field(default_factory=list)

    def final(self, measure):
        """Return what the last evaluation said: "train_error", "test_loss", ..."""
        return self.evaluations[-1][measure]

    def curve(self, measure):
        """Return (steps, values) of a measure, two lists; "loss" is that of single mini-batches."""
        if measure == "loss":
            return [step for step, _ in self.losses], [loss for _, loss in self.losses]
        return [e["step"] for e in self.evaluations], [e[measure] for e in self.evaluations]

    def save(self, path):
        """Write the run as JSON, a field a line; the file is whole or not there."""
        fields = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in vars(self).items())
        write_atomically(pathlib.Path(path), ("{\n" + ",\n".join(fields) + "\n}\n").encode())


def read(path):
    """Return the Run in a file. Raises ValueError naming the file if it holds something else."""
    try:
        return Run(**json.loads(pathlib.Path(path).read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: this is not the record of a run ({error})") from None


def stored(experiment):
    """Return {arm: [Run of each seed]} of the runs that come with minires, in the order of their plan."""
    folder = resources.find(f"{FOLDER}/{experiment}", "lessons")
    runs = grouped(read(path) for path in sorted(folder.glob("*.json")))
    return {arm: runs[arm] for arm in plan(experiment, "stored").arms if arm in runs}


def grouped(runs):
    """Return {arm: [runs in order of their seeds]}."""
    arms = {}
    for run in sorted(runs, key=lambda run: run.seed):
        arms.setdefault(run.arm, []).append(run)
    return arms


def file_name(arm, seed):
    """Return the name of a run's file: letters, digits and hyphens."""
    return "-".join("".join(c if c.isalnum() else " " for c in arm).split()) + f"-seed{seed}.json"


def machine(device):
    """Return what the run is computed on, in words."""
    where = "a GPU" if device == "gpu" else f"{parallel.get_threads()} threads"
    system = f"{platform.system()} {platform.machine()}"
    return f"{system}, {where}, Python {platform.python_version()}, NumPy {np.__version__}"


def commit():
    """Return the commit of the checkout this code is in, with a + if files were changed, or the version."""
    here = resources.PACKAGE.parent

    def git(*arguments):
        done = subprocess.run(["git", "-C", here, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):  # no git, or no checkout
        return f"minires {__version__}"
