"""The folder that a training run leaves behind: configuration, metrics, curves, checkpoint."""

import io
import json
import pathlib
import time

from minires import plot
from minires.train.checkpoint import write_atomically
from minires.train.config import Config
from minires.train.loop import Reporter
from minires.train.metrics import History

REDRAW = 60  # seconds between two drawings of the curves while training goes on


class RunFolder(Reporter):
    """Keeps the files of a run up to date; a Reporter.

    config.json
        Every choice, as the command took or assumed it.
    metrics.jsonl
        One JSON object a line and epoch (see `Trainer.run`); errors are fractions.
    curves.png
        The errors over the epochs.
    checkpoint.npz
        Written by the trainer; the run can be resumed from it.

    Each file is replaced as a whole, so none is ever half written.

    Parameters
    ----------
    path
        The folder.
    numbered
        The name that `free_folder` made path of, if another run may take that path before us.

    Raises
    ------
    OSError
        If a file cannot be written.
    """

    def __init__(self, path: str | pathlib.Path, *, numbered: str | None = None) -> None:
        self.path, self._numbered = pathlib.Path(path), numbered
        self.title, self._drawn = "", -float(REDRAW)

    @property
    def checkpoint(self) -> pathlib.Path:
        """The path of the checkpoint."""
        return self.path / "checkpoint.npz"

    def open(self, config: Config, history: History) -> None:
        """Create the folder if need be; write the Config, and the records of a run that is resumed."""
        try:
            self.path.mkdir(parents=True, exist_ok=self._numbered is None)
        except FileExistsError:
            if self._numbered is None:  # a file of that name
                raise OSError(f"cannot make the folder {self.path}: there is a file of that name") from None
            self.path = free_folder(self.path.parent, self._numbered)  # another run was faster
            return self.open(config, history)
        except OSError as error:
            raise OSError(f"cannot make the folder {self.path}: {error.strerror or error}") from error
        self.title = f"{config.model} on {config.data}"
        text = json.dumps(config.as_dict(), indent=2)
        write_atomically(self.path / "config.json", f"{text}\n".encode())
        self._write_metrics(history)

    def epoch_done(self, history: History) -> None:
        """Write the metrics, and draw the curves now and then."""
        self._write_metrics(history)
        if time.perf_counter() - self._drawn >= REDRAW:
            self.draw(history)

    def _write_metrics(self, history: History) -> None:
        lines = "".join(f"{json.dumps(record)}\n" for record in history)
        write_atomically(self.path / "metrics.jsonl", lines.encode())

    def draw(self, history: History) -> None:
        """Draw curves.png, unless there is no epoch to draw yet."""
        if history:
            image = io.BytesIO()
            plot.curves(history, title=self.title).savefig(image, format="png", dpi=150)
            write_atomically(self.path / "curves.png", image.getvalue())
        self._drawn = time.perf_counter()


def free_folder(runs: str | pathlib.Path, name: str) -> pathlib.Path:
    """Return runs/name, or the first of runs/name-2, runs/name-3, ... that is not there yet."""
    path, number = pathlib.Path(runs) / name, 1
    while path.exists():
        number += 1
        path = pathlib.Path(runs) / f"{name}-{number}"
    return path


def latest_folder(runs: str | pathlib.Path) -> pathlib.Path:
    """Return the folder in runs whose checkpoint was written last. ValueError if there is none."""
    checkpoints = list(pathlib.Path(runs).glob("*/checkpoint.npz"))
    if not checkpoints:
        raise ValueError(f"there is no run to resume in {runs}; name its folder with --out")
    return max(checkpoints, key=lambda path: path.stat().st_mtime).parent
