"""A submission that tries what a hostile one would try, so that the grader can say what this machine stops.

It runs as any submission does. Each attempt returns what it achieved; an exception means that it was stopped.
"""

import os
import subprocess
import sys


def attempts(grader, secret, port, memory):
    """Return {attempt: None if it succeeded, else what stopped it}.

    grader: the process to attack; secret: a file to read; port: one that listens here; memory: bytes to take.
    """
    return {
        "files": _stopped(_read, secret),
        "processes": _stopped(_start_a_process),
        "network": _stopped(_connect, port),
        "memory": _stopped(bytearray, memory),
        "signals": _stopped(_signal, grader),
        "grader": _stopped(_look_into, grader),
        "first": None if os.getpid() == 1 else "another process is number 1",
    }


def _stopped(attempt, *arguments):
    try:
        attempt(*arguments)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return None


def _read(path):
    with open(path, "rb") as file:
        file.read(1)


def _start_a_process():
    if not hasattr(os, "fork"):
        subprocess.run([sys.executable, "-I", "-S", "-c", ""], timeout=10)
        return
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _connect(port):
    import socket

    with socket.create_connection(("127.0.0.1", port), timeout=2):
        pass


def _signal(process):
    if sys.platform != "win32":  # there os.kill ends the process, whatever the signal
        os.kill(process, 0)


def _look_into(process):
    if sys.platform == "darwin":
        raise PermissionError("macOS lets only root look into a process")
    if sys.platform != "win32":
        _read(f"/proc/{process}/environ")
