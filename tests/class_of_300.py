"""Grade 300 made-up submissions of assignment 1: how long it takes, and whether the grades are right.

    python tests/class_of_300.py FOLDER [--students 300] [--seed 1] [--jobs 2] [--times 3]

70 % are right (every file drawn from tests/answers), 20 % have one or two known mistakes, 10 % are hostile in
one or two files; half are folders, half zips. `minires grade` is killed (kill -9) in the middle and goes on
with --resume; then, with --times 2, it grades all again in another folder with the same secret seed, and with
--times 3 once more with another. Raises AssertionError unless every function has the points that it was made
for, and the same seed gives the same bytes.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import zipfile

import grade_class
from hostile import corpus

from minires.course import exercise
from minires.course.examination import Examination
from minires.course.sandbox import perform

ANSWERS = pathlib.Path(__file__).parent / "answers"
SCRIPT = "import sys; from minires import cli; sys.exit(cli.main(sys.argv[1:]))"
BEFORE = (  # lines before a right answer that cost the whole file
    "while True:\n    pass\n",
    "import os\nos._exit(0)\n",
    "import sys\nsys.exit(0)\n",
    "hoard = bytearray(100 << 30)\n",
    "import minires\n",
    "def f(:\n",
    "raise KeyboardInterrupt\n",
)


class Maker:
    """Makes the files of submissions, and knows what they deserve: {function: points}."""

    def __init__(self, seed, held):
        self.random = random.Random(seed)
        self.exercises = exercise.of_assignment(1)
        self.right = {e.module: _right_answers(e) for e in self.exercises}
        self.hostile = [member for member in corpus.members().values() if _is_usable(member, held)]
        self._exams = {}

    def submission(self, kind):
        """Return ({file: source}, {function: points}) of a kind: "right", "wrong" or "hostile"."""
        files = {e.module: self.random.choice(self.right[e.module]) for e in self.exercises}
        points = {f"{e.number} {part.name}": part.points for e in self.exercises for part in e.parts}
        if kind == "wrong":
            for subject in self.random.sample(self.exercises, self.random.choice((1, 2))):
                files[subject.module], lost = self._wrong(subject)
                points.update(dict.fromkeys(lost, 0))
        elif kind == "hostile":
            for subject in self.random.sample(self.exercises, self.random.choice((1, 2))):
                self._spoil(subject, files, points)
        return files, points

    def _wrong(self, subject):
        """Return (source, the functions that are wrong) with a known mistake or one of a wrong.py."""
        edits = [(subject.head, m.old, m.new) for m in subject.mistakes]
        for name, old, new, _ in _wrong_answers(subject):
            edits.append(((ANSWERS / subject.module / name).read_text("utf-8"), old, new))
        while True:
            source, old, new = self.random.choice(edits)
            source = source.replace(old, new)
            module = vars(exercise.load(source, subject.module, subject.sources))
            lost = [f"{subject.number} {p.name}" for p in subject.parts if self._fails(subject, p, module)]
            if lost:
                return source, lost

    def _fails(self, subject, part, module):
        key = subject.number, part.name
        if key not in self._exams:
            self._exams[key] = Examination(subject, part, 0)
        exam = self._exams[key]
        return not exam.judge(perform.perform(module, part.call, exam.cases)).ok

    def _spoil(self, subject, files, points):
        names = [f"{subject.number} {part.name}" for part in subject.parts]
        if subject.number == "1.1":
            member = self.random.choice(self.hostile)
            files[subject.module] = member.source
            kept = {0: (0, 0), 1: (1, 0), 3: (1, 2)}[member.points]
            points.update(zip(names, kept, strict=True))
        else:
            files[subject.module] = self.random.choice(BEFORE) + files[subject.module]
            points.update(dict.fromkeys(names, 0))


def _is_usable(member, held):
    """Whether a member is a file whose points and line are the same on every run."""
    return member.source is not None and "|" not in member.line and set(member.needs) <= held


def _right_answers(subject):
    paths = (path for path in sorted((ANSWERS / subject.module).glob("*.py")) if path.name != "wrong.py")
    return [subject.head, *(path.read_text("utf-8") for path in paths)]


def _wrong_answers(subject):
    names = {}
    exec((ANSWERS / subject.module / "wrong.py").read_text("utf-8"), names)
    return names["WRONG"]


def make(folder, students, seed, held, out):
    """Write a class into a folder. Return {student: {function: points}}. held: names of protections."""
    maker = Maker(seed, held)
    kinds = ["right"] * (7 * students // 10) + ["hostile"] * (students // 10)
    kinds += ["wrong"] * (students - len(kinds))
    maker.random.shuffle(kinds)
    deserved = {}
    folder.mkdir()
    for number, kind in enumerate(kinds):
        student = f"{kind}{number:03}"
        files, deserved[student] = maker.submission(kind)
        for name, path in corpus.places(folder, out).items():
            files = {module: source.replace(name, str(path)) for module, source in files.items()}
        if number % 2:
            with zipfile.ZipFile(folder / f"{student}.zip", "w") as packed:
                for module, source in files.items():
                    packed.writestr(f"hw1/{module}.py", source)
        else:
            (folder / student).mkdir()
            for module, source in files.items():
                (folder / student / f"{module}.py").write_text(source, encoding="utf-8")
    return deserved


def _command(folder, out, *more):
    call = [
        sys.executable,
        "-c",
        SCRIPT,
        "grade",
        folder / "in",
        "--out",
        folder / out / "grades.csv",
        "--without-isolation",
        *more,
    ]
    return list(map(str, call))


def grade(folder, out, *more, kill_at=None):
    """Grade folder/in. Return the seconds that it took. kill_at: kill it -9 after so many, and resume."""
    begin = time.monotonic()
    if kill_at is not None:
        journal = folder / out / "grades" / "journal.jsonl"
        with subprocess.Popen(_command(folder, out, *more), stdout=subprocess.DEVNULL) as process:
            while not journal.exists() or journal.read_bytes().count(b"\n") < kill_at:
                assert process.poll() is None, "the grader ended before it was killed"
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
        assert not (folder / out / "grades.csv").exists()
        more = (*more, "--resume")
    subprocess.run(_command(folder, out, *more), check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def grades(folder):
    """Return {student: {function: points}} of the table in a folder."""
    rows = grade_class.rows(folder / "grades.csv")
    return {row["student"]: {n: int(row[n]) for n in row if n[0].isdigit()} for row in rows}


def outputs(folder):
    """Return {name: bytes} of all that was written, but for the journal, whose order is that of finishing."""
    names = ("journal.jsonl", "seed")
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name not in names)
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def measure(folder, *, students, seed, jobs, times, held):
    """Make and grade a class in an empty folder. Return rows (what, seconds) of the table to print."""
    deserved = make(folder / "in", students, seed, held, folder / "first")
    jobs = ("--jobs", jobs)
    table = [("killed in the middle, resumed", grade(folder, "first", *jobs, kill_at=students // 2))]
    got = grades(folder / "first")
    wrong = {student: (got.get(student), deserved[student]) for student in deserved}
    wrong = {student: pair for student, pair in wrong.items() if pair[0] != pair[1]}
    assert not wrong, wrong
    lines = (folder / "first/grades/journal.jsonl").read_text("utf-8").splitlines()
    graded = [line["student"] for line in map(json.loads, lines) if "student" in line]
    assert sorted(graded) == sorted(deserved)  # nobody twice
    if times > 1:
        seeded = ("--seed-file", folder / "first/grades/seed")
        table.append(("again, the same seed", grade(folder, "again", *jobs, *seeded)))
        assert outputs(folder / "again") == outputs(folder / "first")
    if times > 2:
        table.append(("again, another seed", grade(folder, "other", *jobs)))
        assert grades(folder / "other") == got
    return table


def protections():
    """Return the names of the protections and restrictions that hold on this machine."""
    from minires.course.grade import isolation

    with isolation.Sandbox({"nothing": b""}, "nothing") as sandbox:
        restrictions = {name for name, why_not in sandbox.restrictions.items() if why_not is None}
    return restrictions | {each.name for each in isolation.protections() if each.holds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="a new folder")
    for name, value in (("students", 300), ("seed", 1), ("jobs", 2), ("times", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    options = {name: getattr(arguments, name) for name in ("students", "seed", "jobs", "times")}
    print(f"{arguments.students} submissions, {arguments.jobs} jobs, {os.cpu_count()} cores")
    for what, seconds in measure(arguments.folder.resolve(), held=protections(), **options):
        print(f"{what:32} {seconds:7.1f} s")
    if hasattr(os, "getloadavg"):
        print(f"load in the last quarter of an hour: {os.getloadavg()[2]:.1f}")


if __name__ == "__main__":
    main()
