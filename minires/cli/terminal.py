"""What a person sees of a training run: a progress bar, a line for every epoch; and how they stop it."""

import signal
import sys
import threading

from minires.train import Reporter

STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C; a cluster's end of time; the terminal is closed


class Stopped(KeyboardInterrupt):
    """The run was asked to end, and the trainer stands between two steps: its state can be saved.

    number: of the signal.
    """

    def __init__(self, number):
        super().__init__()
        self.number = number


class Terminal(Reporter):
    """Shows a run on standard error: a bar if that is a terminal, a line per epoch in any case; a Reporter.

    As a context it makes the first Ctrl-C (or SIGTERM, or SIGHUP) wait for the end of the batch, which then
    raises Stopped. A second one does not wait: a plain KeyboardInterrupt, wherever the program is. A signal
    that is ignored, as under nohup, stays so.
    """

    def __init__(self, folder):
        self.folder, self._bar, self._signal, self._handlers = folder, None, None, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():  # no other may handle signals
            for number in (getattr(signal, name, None) for name in STOPPING):
                if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._handlers[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *_):
        self._handle_as_before()
        self._close_bar()

    def _stop(self, number, _):
        self._signal = number
        self._handle_as_before()

    def _handle_as_before(self):
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def batch_done(self):
        if self._signal is not None:
            raise Stopped(self._signal)

    def progress(self, progress):
        if self._bar is None:
            epoch = f"epoch {progress.at.epoch + 1}/{progress.epochs}"
            self._bar = new_bar(epoch, progress.batches, done=progress.at.batch - 1)
        self._bar.set_postfix_str(
            f"loss {progress.loss:.3f}, accuracy {100 - 100 * progress.error:.1f} %, "
            f"{progress.images_per_second:,.0f} images/s",
            refresh=False,
        )
        self._bar.update(progress.at.batch - self._bar.n)

    def epoch_done(self, history):
        self.folder.epoch_done(history)  # what lasts first, then what is only seen
        self._close_bar()
        print(epoch_line(history[-1]), file=sys.stderr)

    def _close_bar(self):
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def new_bar(what, total, *, done):
    """Return a progress bar with a word before it, of which so many steps are done already."""
    from tqdm import tqdm

    return tqdm(
        total=total,
        initial=done,
        desc=what,
        bar_format="{desc} |{bar}| {n_fmt}/{total_fmt}, {remaining} left{postfix}",
        leave=False,
        disable=None,  # where standard error is no terminal
    )


def epoch_line(record):
    """Return one line about an epoch. record: of `Trainer.run`."""
    errors = ", ".join(
        f"{name} {100 * record[f'{name}_error']:5.2f} %"
        for name in ("train", "validation", "test")
        if f"{name}_error" in record
    )
    return (
        f"epoch {record['epoch']:3}: loss {record['train_loss']:.4f}, error {errors}, "
        f"lr {record['lr']:.1e}, {record['seconds']:.1f} s"
    )


def accuracy_line(error):
    """Return the line that ends `minires train` and `minires eval`. error: a fraction."""
    return f"test accuracy {100 - 100 * error:.1f} %"


def warn(text):
    """Say on standard error what went wrong without ending anything."""
    print(f"minires: warning: {text}", file=sys.stderr)


def describe(error):
    """Return one line about an exception."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return f"out of memory; a smaller --batch-size needs less{f' ({text})' if text else ''}"
    if isinstance(error, OSError) and error.strerror is not None:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    return text or type(error).__name__
