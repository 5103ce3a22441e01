"""The folder that a training run leaves behind: configuration, metrics, curves, checkpoint."""

import io
import json
import pathlib
import time
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

from minires import plot
from minires.train.checkpoint import write_atomically
from minires.train.loop import Reporter
from minires.train.metrics import History
from minires.train.run_lock import RunLock

DETECTOR = "detect-"  # how the names of detectors' runs begin
REDRAW = 60  # seconds between two drawings of the curves while training goes on


class Choices(Protocol):
    """A run's configuration, such as a `Config`."""

    @property
    def title(self) -> str:
        """What is trained, in a few words."""

    def as_dict(self) -> dict[str, Any]:
        """Return {field: value} for JSON."""


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

    Each file is replaced as a whole, so none is ever half written. As a context it gives its lock back at the
    end: while one process trains in a folder, no other does.

    Parameters
    ----------
    path
        The folder.
    numbered
        The name that `free_folder` made path of, if another run may take that path before us.
    warn
        Called with a text if the curves cannot be drawn, which ends no run.

    Raises
    ------
    OSError
        If a file other than curves.png cannot be written.
    """

    def __init__(
        self,
        path: str | pathlib.Path,
        *,
        numbered: str | None = None,
        warn: Callable[[str], object] = warnings.warn,
    ) -> None:
        self.path, self._numbered, self._warn = pathlib.Path(path), numbered, warn
        self.title, self._drawn, self._has_warned = "", -float(REDRAW), False
        self._lock: RunLock | None = None

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._lock is not None:
            self._lock.release()

    def lock(self) -> None:
        """Keep other processes from training here. ValueError if one does."""
        if self._lock is None:
            lock = RunLock(self.path / ".lock")
            lock.take()
            self._lock = lock

    @property
    def checkpoint(self) -> pathlib.Path:
        """The path of the checkpoint."""
        return self.path / "checkpoint.npz"

    def require_no_run(self) -> None:
        """Raise ValueError if the folder holds a run."""
        if self.checkpoint.exists():
            raise ValueError(
                f"{self.path} holds a run already; continue it (--resume) or choose another --out"
            )

    def open(self, config: Choices, history: History) -> None:
        """Create the folder if need be, and lock it; write the configuration, and the records so far.

        Raises
        ------
        ValueError
            If another process trains there, or if there is a run already and `lock` was not called before
            its checkpoint was read.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=self._numbered is None)
        except FileExistsError:
            if self._numbered is None:  # a file of that name
                raise OSError(f"cannot make the folder {self.path}: there is a file of that name") from None
            self.path = free_folder(self.path.parent, self._numbered)  # another run was faster
            return self.open(config, history)
        except OSError as error:
            raise OSError(f"cannot make the folder {self.path}: {error.strerror or error}") from error
        if self._lock is None:  # a new run
            self.lock()
            self.require_no_run()
        self.title = config.title
        text = json.dumps(config.as_dict(), indent=2)
        write_atomically(self.path / "config.json", f"{text}\n".encode())
        self._write_metrics(history)

    def epoch_done(self, history: History) -> None:
        """Write the metrics, and draw the curves now and then."""
        self._write_metrics(history)
        if time.perf_counter() - self._drawn >= REDRAW:
            self.draw(history)

    def figure(self, history: History) -> Any:
        """Return the matplotlib figure that becomes curves.png."""
        return plot.curves(history, title=self.title)

    def _write_metrics(self, history: History) -> None:
        lines = "".join(f"{json.dumps(record)}\n" for record in history)
        write_atomically(self.path / "metrics.jsonl", lines.encode())

    def draw(self, history: History) -> None:
        """Draw curves.png, unless there is no epoch to draw yet. A picture that fails is a warning."""
        self._drawn = time.perf_counter()
        if history:
            self.picture("curves.png", lambda: self.figure(history))

    def picture(self, name: str, make: Callable[[], Any]) -> None:
        """Write a figure into the folder; one that fails is a warning, the first time.

        Parameters
        ----------
        name
            Of the file.
        make
            Called without arguments, returns the matplotlib figure.
        """
        try:
            image = io.BytesIO()
            make().savefig(image, format="png", dpi=150)
            write_atomically(self.path / name, image.getvalue())
        except Exception as error:  # Matplotlib may be missing, misconfigured, out of memory, anything
            if not self._has_warned:
                reason = " ".join(str(error).split()) or type(error).__name__
                self._warn(f"{self.path / name} is not drawn: {reason}")
            self._has_warned = True


def free_folder(runs: str | pathlib.Path, name: str) -> pathlib.Path:
    """Return runs/name, or the first of runs/name-2, runs/name-3, ... that is not there yet."""
    path, number = pathlib.Path(runs) / name, 1
    while path.exists():
        number += 1
        path = pathlib.Path(runs) / f"{name}-{number}"
    return path


def latest_folder(runs: str | pathlib.Path, *, detectors: bool = False) -> pathlib.Path:
    """Return the folder in runs whose checkpoint was written last. ValueError if there is none.

    Parameters
    ----------
    runs
    detectors
        Whether to look among those whose name begins with DETECTOR, or among all others.
    """
    every = pathlib.Path(runs).glob("*/checkpoint.npz")
    checkpoints = [path for path in every if path.parent.name.startswith(DETECTOR) == detectors]
    if not checkpoints:
        raise ValueError(f"there is no run to resume in {runs}; name its folder with --out")
    return max(checkpoints, key=lambda path: path.stat().st_mtime).parent
