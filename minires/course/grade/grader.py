"""Grade one submission: every file in a child of its own, every function on hidden cases.

    grader = Grader(of_assignment(1), seed, memory=2 << 30)
    grader.rehearse()
    rows = grader.grade(submissions.read(source, grader.modules))

A Grader has a Paper for each exercise, and that a Question for each function.
"""

import functools
import threading
import time

import numpy as np

from minires.course import exercise as source
from minires.course.examination import Examination
from minires.course.grade import child, journal, message, records
from minires.course.grade.isolation import Limits, Sandbox, SandboxError
from minires.course.grade.large import BUSY, Large
from minires.course.sandbox import perform

PATIENCE = 20  # times the solution's own processor time
LEAST = 2.0  # seconds, however fast the solution is
ROUGH = 1e-12  # relative difference that rounding does not reach and numeric differences do


class Stopped(BaseException):
    """The grader was asked to stop before a submission was finished."""


class Question:
    """One function: its cases, the time it may take, and its judge. Several threads may ask it at once."""

    def __init__(self, exercise, part, seed):
        self.part = part
        self.examination = Examination(exercise, part, seed)
        solution = vars(exercise.solution())
        self.large = Large(exercise, part, seed) if part.large else None
        begin = time.thread_time()
        perform.perform(solution, part.call, self.examination.cases)
        self.seconds = max(LEAST, PATIENCE * (time.thread_time() - begin))
        self._turn = threading.Lock()  # the outputs of the known mistakes are computed when first needed

    def ask(self, sandbox, lines):
        """Return the message on what the sandbox's function does; its problem is "" if that is right.

        lines: {file: its number of lines}. Raises SandboxError or BrokenRecords; then the sandbox is dead.
        """
        cases, allowed = self.examination.cases, self.seconds
        answers = sandbox.perform(self.part.call, cases, seconds=BUSY * allowed, processor=allowed)
        answers = records.checked(answers, len(cases), lines)
        with self._turn, np.errstate(all="ignore"):
            try:
                verdict = self.examination.judge(answers)
                said = {**message.of_verdict(verdict), "partial": verdict.partial}
                if self.large and not said["problem"] and self.examination.error(answers) > ROUGH:
                    said["note"] = message.differences(self.part.name, "its results are as rough as those")
                return said
            except Exception as error:  # of ours, which costs nobody a point and is the instructor's to solve
                return message.not_graded(self.part.name, error)


class Paper:
    """One exercise with its Questions."""

    def __init__(self, exercise, seed, limits):
        self.exercise, self.limits = exercise, limits
        self.questions = [Question(exercise, part, seed) for part in exercise.parts]
        self.others = {name: text.encode() for name, text in exercise.sources.items()}

    def grade(self, source, stop):
        """Return a message for every question. source: bytes of the student's file; stop: an Event."""
        modules = {**self.others, self.exercise.module: source}
        lines = {f"{module}.py": len(text.splitlines()) for module, text in modules.items()}
        messages = self._messages(modules, lines, stop)
        for question, said in zip(self.questions, messages, strict=True):
            if said.get("too large") and self._takes_many_forwards(question, modules, lines):
                said["note"] = message.differences(
                    question.part.name, "it takes as long as a forward an input"
                )
        return messages

    def _messages(self, modules, lines, stop):
        name = self.exercise.module
        waiting, messages = list(self.questions), []
        while waiting:  # one sandbox for all questions, and a new one after each that destroyed it
            sandbox = Sandbox(modules, name, limits=self.limits)
            try:
                with sandbox:
                    if sandbox.load_error is not None:
                        error = records.error(sandbox.load_error, lines)
                        return messages + [message.not_loaded(f"{name}.py", error)] * len(waiting)
                    _ask_all(waiting, messages, sandbox, lines, stop)
            except (SandboxError, records.BrokenRecords) as error:
                if not sandbox.restrictions:  # Python itself did not start: not the student's fault
                    raise ValueError(f"no isolated process can be started: {error}") from error
                return messages + [message.unreadable(f"{name}.py", error.kind)] * len(waiting)
        return messages

    def _takes_many_forwards(self, question, modules, lines):
        try:
            with Sandbox(modules, self.exercise.module, limits=self.limits) as sandbox:
                return not sandbox.load_error and question.large.takes_many_forwards(sandbox, lines)
        except SandboxError:
            return False


def _ask_all(waiting, messages, sandbox, lines, stop):
    """Move questions from waiting to messages until there are none, or the sandbox is lost."""
    while waiting:
        if stop.is_set():
            raise Stopped
        question = waiting.pop(0)
        name, after = question.part.name, question.part.after
        try:
            messages.append(question.ask(sandbox, lines))
        except (SandboxError, records.BrokenRecords) as error:
            messages.append(message.lost(name, error.kind, after))
            return
        if question.large is None or messages[-1]["problem"]:
            continue
        try:
            messages[-1] = question.large.ask(sandbox, lines) or messages[-1]
        except (SandboxError, records.BrokenRecords) as error:
            messages[-1] = message.too_large(name, error.kind, after)
            return


class Grader:
    """Grades submissions of some exercises; several threads may use it at once.

    seed: an integer that draws the cases; memory: bytes that a child may take.
    """

    def __init__(self, exercises, seed, *, memory):
        self._made_of = tuple(exercise.number for exercise in exercises), seed, memory
        limits = Limits(memory=memory)
        self.papers = [Paper(exercise, seed, limits) for exercise in exercises]
        self.modules = [exercise.module for exercise in exercises]

    def rehearse(self):
        """Grade the solutions. Raises ValueError if one does not get all points: then nobody would."""
        for paper in self.papers:
            said = paper.grade(paper.exercise.head.encode(), threading.Event())
            wrong = [each["problem"] for each in said if each["problem"]]
            if wrong:
                raise ValueError(
                    f"nothing was graded: on this machine the solution of {paper.exercise.number} fails too "
                    f"({wrong[0]}); is --memory too small, or NumPy not in its usual place?"
                )

    def grade(self, files, stop=None):
        """Return a list with a dict for every function: exercise, function, points, of, and the message;
        partial: points of a wrong one's right outputs, where its exercise counts them singly.

        points is None where the judge failed: that is "not graded", and no fault of the student's.

        files: `submissions.Files`; stop: an Event that makes it raise Stopped before the next function.
        """
        stop = stop or threading.Event()
        rows = []
        for paper in self.papers:
            module = paper.exercise.module
            if module in files.found:
                said = paper.grade(files.found[module], stop)
            else:
                problem = files.problem or files.problems.get(module) or f"{module}.py is missing"
                said = [message.plain(problem)] * len(paper.questions)
            for question, each in zip(paper.questions, said, strict=True):
                part = question.part
                points = None if each.get("not graded") else 0 if each["problem"] else part.points
                row = {"exercise": paper.exercise.number, "function": part.name, "points": points}
                rows.append({**row, "of": part.points, **each})
        return rows

    def not_graded(self, why):
        """Return the rows of a submission whose workers ended. why: the name of the last exception."""
        said = message.worker_lost(why)
        return [
            {"exercise": paper.exercise.number, "function": question.part.name, "points": None}
            | {"of": question.part.points, **said}
            for paper in self.papers
            for question in paper.questions
        ]

    def elsewhere(self, mark):
        """Return a function that grades as `grade` does and can be pickled. mark: of the journal."""
        return functools.partial(_grade, *self._made_of, mark, child.ends_orphans())


def _grade(numbers, seed, memory, mark, is_hardened, files):
    """Grade Files in a process that may be another one."""
    return _made(numbers, seed, memory, mark, is_hardened).grade(files)


@functools.cache
def _made(numbers, seed, memory, mark, is_hardened):
    """Return a Grader, made once in each process. Raises ValueError if it would ask something else."""
    exercises = tuple(source.find(number) for number in numbers)
    if journal.fingerprint(exercises, seed, memory) != mark:
        raise ValueError("a worker has other exercises or another minires: install the same version there")
    if is_hardened:
        child.harden()
    return Grader(exercises, seed, memory=memory)
