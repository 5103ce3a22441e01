"""The sandbox in which one submitted module runs, and which protections hold on this machine.

What the child gives up is in `sandbox.restrictions`, the protocol between the two in `sandbox.main`; `child`
starts and ends the process. What comes back are plain values (`sandbox.wire`) of a form that the child chose:
`records` checks it.
"""

import os
import pathlib
import socket
from dataclasses import dataclass

import numpy as np

from minires.course import sandbox
from minires.course.grade import child
from minires.course.grade.child import SandboxError, harden

__all__ = ["RESTRICTIONS", "Sandbox", "SandboxError", "Limits", "Protection", "harden", "protections"]

FOLDER = pathlib.Path(sandbox.__file__).resolve().parent
RESTRICTIONS = ("namespaces", "memory", "small files", "unreadable", "files", "privileges", "system calls")


@dataclass(frozen=True)
class Limits:
    """What one child may use. memory, output (one answer), scratch (all files): bytes. start: seconds until
    Python and NumPy run; load: for the module's own lines; processor: seconds of processor time in all."""

    memory: int = 2 << 30
    output: int = 64 << 20
    scratch: int = 16 << 20
    start: float = 30.0
    load: float = 10.0
    processor: int = 600


class Sandbox:
    """One child process with one submission's modules loaded: a context manager.

    modules: {name: source as bytes}, which can import each other; main: the one whose functions are called;
    ask_for: the restrictions to apply. Inside `with`: load_error is None, or what `perform.describe` says of
    the exception that loading main raised, and then there is nothing to perform; restrictions is {name: None
    if it holds, else why not}, empty if not even Python ran. Entering raises SandboxError, as `perform` does;
    after such an error the sandbox is dead. A sandbox must be left in the thread that entered it.
    """

    def __init__(self, modules, main, *, limits=None, ask_for=RESTRICTIONS):
        self.limits = limits or Limits()
        self.load_error = None
        self.restrictions = {}
        self._child = None
        self._first = {"modules": dict(modules), "main": main, "restrictions": list(ask_for)}
        self._first |= {"memory": self.limits.memory, "seconds": self.limits.processor}
        self._first |= {"output": self.limits.output}

    def __enter__(self):
        numpy = str(pathlib.Path(np.__file__).resolve().parent.parent)
        namespaces = str(int("namespaces" in self._first["restrictions"]))
        size = str(self.limits.scratch)
        self._child = child.Child(FOLDER / "main.py", numpy, "{scratch}", size, namespaces)
        try:
            self.restrictions = _of(self._ask(self._first, self.limits.start), "restrictions", dict)
            self._child.trusted = False
            self._child.is_two = self.restrictions["namespaces"] is None
            self._child.may_fork = self.restrictions["system calls"] is not None
            loaded = self._ask(None, self.limits.load)
            if type(loaded) is dict and "error" in loaded:
                self.load_error = _of(loaded, "error", dict)
                self._end()
            else:
                _of(loaded, "loaded", bool)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        self._end()

    def perform(self, call, cases, *, seconds, processor=None):
        """Return the child's list of records (see sandbox.perform) of all cases. Raises SandboxError.

        seconds: of real time for all cases; processor: of processor time, where the system tells it.
        """
        if self._child is None:
            raise SandboxError("crash", "the process has ended")
        try:
            answer = self._ask({"call": call, "cases": list(cases)}, seconds, processor)
            if type(answer) is dict and "too much" in answer:
                raise SandboxError("output", "it returned more than may be sent")
            if type(answer) is dict and "stopped" in answer:
                kind = _of(_of(answer, "stopped", dict), "type", str)
                raise SandboxError("memory" if kind == "MemoryError" else "crash", f"{_plain(kind)} ended it")
            records = _of(answer, "records", list)
            if len(records) != len(cases):
                raise SandboxError("protocol", f"{len(records)} records of {len(cases)} cases")
            return records
        except BaseException:
            self._end()
            raise

    def _ask(self, request, seconds, processor=None):
        limit = self.limits.output
        return self._child.ask(request, seconds=seconds, processor=processor, limit=limit)

    def _end(self):
        if self._child is not None:
            self._child.end()
        self._child = None


def _of(answer, key, kind):
    """Return answer[key]. Raises SandboxError unless the answer is a dict with it, and it is of that kind."""
    if type(answer) is not dict or type(answer.get(key)) is not kind:
        raise SandboxError("protocol", f"an answer without {key}")
    return answer[key]


def _plain(text):
    """Return text as it may be shown in a terminal: without characters that control it."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text[:100])


@dataclass(frozen=True)
class Protection:
    """name: what it is about; holds: on this machine, now; meaning: what that means for the instructor."""

    name: str
    holds: bool
    meaning: str


# name: what it means that it holds, what it means that it does not
MEANINGS = {
    "files": (
        "A submission can read Python, NumPy and its scratch folder, and write into that alone.",
        "A submission can open every file that you can open: keep the solutions, the other submissions and "
        "what else is secret away from this machine, or grade in a container.",
    ),
    "processes": (
        "A submission cannot start another process or program.",
        "A submission can start other processes; they are ended as far as this system can find them.",
    ),
    "descendants": (
        "Whatever a submission starts ends with it.",
        "A process that a submission starts can outlive it: look at the list of processes afterwards.",
    ),
    "orphans": (
        "If the grader is killed, every submission that runs is killed with it.",
        "If the grader is killed, an endless submission runs on until its processor time is used up.",
    ),
    "network": (
        "A submission cannot open a connection, not even to this machine.",
        "A submission can use the network: it could ask for help, or send away the cases that it sees.",
    ),
    "signals": (
        "A submission cannot send signals to the grader.",
        "A submission can end the grader or other processes of yours; the grades so far are kept: --resume.",
    ),
    "grader": (
        "A submission cannot look into the grader's memory, environment or open files.",
        "A submission can look into the grader's memory, where the hidden cases are.",
    ),
    "memory": (
        "A submission that asks for too much memory gets a MemoryError.",
        "A submission can use up this machine's memory; only the time limit ends it.",
    ),
}


def protections():
    """Return a Protection for each name in MEANINGS, tried by a child. Call `harden` before.

    Raises SandboxError if no child can be run at all.
    """
    limits = Limits()
    probe = {"probe": (FOLDER / "probe.py").read_bytes()}
    with socket.create_server(("127.0.0.1", 0)) as server, Sandbox(probe, "probe", limits=limits) as tried:
        case = {"grader": os.getpid(), "secret": __file__}
        case |= {"port": server.getsockname()[1], "memory": limits.memory}
        record = tried.perform({"name": "attempts", "after": None}, [case], seconds=30)[0]
        restrictions = tried.restrictions
    if "error" in record:
        raise SandboxError("crash", f"the protections cannot be tried: {record['error']['message']}")
    stopped = record["given"]
    holds = {name: stopped.get(name) is not None for name in MEANINGS}
    holds["descendants"] = holds["processes"] or stopped["first"] is None or child.ends_orphans()
    dies_with_grader = restrictions["orphans"] is None and restrictions["system calls"] is None
    holds["orphans"] = dies_with_grader or restrictions["namespaces"] is None
    return [Protection(name, holds[name], MEANINGS[name][not holds[name]]) for name in MEANINGS]
