"""What a person sees of a training run: a progress bar, a line for every epoch; and their Ctrl-C."""

import signal
import sys

from minires.train import Reporter


class Stopped(KeyboardInterrupt):
    """Ctrl-C was pressed, and the trainer stands between two steps: its state can be saved."""


class Terminal(Reporter):
    """Shows a run on standard error: a bar if that is a terminal, a line per epoch in any case; a Reporter.

    As a context it makes the first Ctrl-C wait for the end of the batch, which then raises Stopped. A second
    one does not wait: a plain KeyboardInterrupt, wherever the program is.
    """

    def __init__(self, folder):
        self.folder, self._bar, self._is_stopped = folder, None, False

    def __enter__(self):
        self._handler = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_):
        signal.signal(signal.SIGINT, self._handler)
        self._close_bar()

    def _stop(self, *_):
        self._is_stopped = True
        signal.signal(signal.SIGINT, self._handler)

    def batch_done(self):
        if self._is_stopped:
            raise Stopped

    def progress(self, progress):
        if self._bar is None:
            self._bar = _new_bar(progress)
        self._bar.set_postfix_str(
            f"loss {progress.loss:.3f}, accuracy {100 - 100 * progress.error:.1f} %, "
            f"{progress.images_per_second:,.0f} images/s",
            refresh=False,
        )
        self._bar.update(progress.at.batch - self._bar.n)

    def epoch_done(self, history):
        self._close_bar()
        print(epoch_line(history[-1]), file=sys.stderr)
        self.folder.epoch_done(history)

    def _close_bar(self):
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _new_bar(progress):
    from tqdm import tqdm

    return tqdm(
        total=progress.batches,
        initial=progress.at.batch - 1,
        desc=f"epoch {progress.at.epoch + 1}/{progress.epochs}",
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
