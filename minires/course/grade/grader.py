"""Grade one submission: every file in a child of its own, every function on hidden cases.

    grader = Grader(of_assignment(1), seed, memory=2 << 30)
    grader.rehearse()
    rows = grader.grade(submissions.read(source, grader.modules))

A Grader has a Paper for each exercise, and that a Question for each function.
"""

import threading
import time

import numpy as np

from minires.course.examination import Examination
from minires.course.grade import message, records
from minires.course.grade.isolation import Limits, Sandbox, SandboxError
from minires.course.sandbox import perform

PATIENCE = 20  # times the solution's own time
LEAST = 2.0  # seconds, however fast the solution is


class Stopped(Exception):
    """The grader was asked to stop before a submission was finished."""


class Question:
    """One function: its cases, the time it may take, and its judge. Several threads may ask it at once."""

    def __init__(self, exercise, part, seed):
        self.part = part
        self.examination = Examination(exercise, part, seed)
        solution = vars(exercise.solution())
        begin = time.perf_counter()
        perform.perform(solution, part.call, self.examination.cases)
        self.seconds = max(LEAST, PATIENCE * (time.perf_counter() - begin))
        self._turn = threading.Lock()  # the outputs of the known mistakes are computed when first needed

    def ask(self, sandbox, lines):
        """Return the message on what the sandbox's function does; its problem is "" if that is right.

        lines: {file: its number of lines}. Raises SandboxError or BrokenRecords; then the sandbox is dead.
        """
        cases = self.examination.cases
        answers = sandbox.perform(self.part.call, cases, seconds=self.seconds)
        answers = records.checked(answers, len(cases), lines)
        with self._turn, np.errstate(all="ignore"):
            try:
                verdict = self.examination.judge(answers)
                return {**message.of_verdict(verdict), "partial": verdict.partial}
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
        name = self.exercise.module
        modules = {**self.others, name: source}
        lines = {f"{module}.py": len(text.splitlines()) for module, text in modules.items()}
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


def _ask_all(waiting, messages, sandbox, lines, stop):
    """Move questions from waiting to messages until there are none, or the sandbox is lost."""
    while waiting:
        if stop.is_set():
            raise Stopped
        question = waiting.pop(0)
        try:
            messages.append(question.ask(sandbox, lines))
        except (SandboxError, records.BrokenRecords) as error:
            messages.append(message.lost(question.part.name, error.kind, question.part.after))
            return


class Grader:
    """Grades submissions of some exercises; several threads may use it at once.

    seed: an integer that draws the cases; memory: bytes that a child may take.
    """

    def __init__(self, exercises, seed, *, memory):
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
