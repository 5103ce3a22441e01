"""A training run in its folder, whatever is trained: what is left behind when it ends, however it ends."""

from minires.cli.terminal import Stopped, describe
from minires.train import checkpoint


def run_in(folder, trainer, config, terminal, *, command):
    """Train to the end and return None, or until a signal asks to stop: save, and return its number.

    folder: a RunFolder; trainer: has run(path), save(path) and history; terminal: a Terminal, told by the
    trainer; command: what is to be typed, with --resume, to continue.
    """
    try:
        folder.open(config, trainer.history)
        number = _run(trainer, folder, terminal)
    except (OSError, MemoryError) as error:  # the disk or the memory is full: nothing more is tried
        whole = _what_is_whole(folder, command)
        raise OSError(describe(error).removesuffix(checkpoint.UNTOUCHED) + whole) from error
    except ValueError:  # a number that is not finite
        folder.draw(trainer.history)
        raise
    folder.draw(trainer.history)
    return number


def _run(trainer, folder, terminal):
    try:
        with terminal:
            trainer.run(folder.checkpoint)
    except Stopped as stopped:
        trainer.save(folder.checkpoint)
        return stopped.number
    return None


def _what_is_whole(folder, command):
    """Return how a line goes on about a file that could not be written, or memory that has ended."""
    try:
        step = checkpoint.load(folder.checkpoint).facts["position"]["step"]
    except (ValueError, MemoryError, KeyError, TypeError):  # there is none yet
        return ""
    return f"; the checkpoint of step {step} is whole; to continue: {command} --resume --out {folder.path}"
