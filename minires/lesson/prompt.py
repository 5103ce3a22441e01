"""How a reader in a terminal is asked: only if there is one, and without what she typed while code ran."""

import os
import shutil
import sys

from minires.lesson import markdown

_state = {"asks": True}  # until the reader ends standard input (Ctrl-D): then she wants to be asked no more


def somebody_reads():
    """Return whether there is a reader at a terminal who can be asked something."""
    return _state["asks"] and is_terminal()


def is_terminal():
    """Return whether standard input and output are both a terminal."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def ask(text):
    """Return what the reader types after this text, without spaces around it; None where nobody is asked.

    Raises KeyboardInterrupt at Ctrl-C, on a line of its own.
    """
    if not somebody_reads():
        return None
    forget_keys()
    print(markdown.paint(text, markdown.DIM, has_colour(sys.stdout)), end=" ", flush=True)
    line = read_line()
    if not line:
        print(flush=True)
        _state["asks"] = False
        return None
    return line.strip()


def read_line():
    """Return the next line of standard input, "" at its end. Raises KeyboardInterrupt, on its own line."""
    try:
        return sys.stdin.readline()
    except KeyboardInterrupt:
        print(flush=True)  # the terminal leaves the cursor after its ^C
        raise


def forget_keys():
    """Forget what was typed while code ran, where the terminal can: it must answer no question."""
    try:
        import termios
    except ImportError:  # on Windows
        return
    termios.tcflush(sys.stdin, termios.TCIFLUSH)


def has_colour(stream):
    """Return whether a stream understands escape sequences, and its user wants them."""
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    modern = sys.platform != "win32" or "WT_SESSION" in os.environ
    return stream.isatty() and modern and not plain


def width():
    """Return how many columns a line of text may have."""
    return min(shutil.get_terminal_size().columns, 100)


def restart():
    """Ask again: a script starts afresh."""
    _state["asks"] = True
