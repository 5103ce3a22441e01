"""`minires grade` with weights, a deadline, overrides, exports: what is graded once is not graded again."""

import csv
import io

import grade_class
import pytest
from grade_class import SOLUTION, backward, rows, write_class

from minires import cli
from minires.course import exercise
from minires.course.grade import grader, isolation, results

WRONG = backward("    return dy @ weight, dy.T @ x, dy.mean(axis=0)\n")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder with exercise 1.1 alone and the class ann (right), bo (one output wrong)."""
    there = grade_class.use_exercises(grade_class.write_exercises(tmp_path / "exercises"))
    monkeypatch.setattr(isolation, "harden", lambda: None)
    monkeypatch.setattr(isolation, "protections", lambda: [isolation.Protection("files", True, "Closed.")])
    monkeypatch.setattr(grader.Grader, "rehearse", lambda self: None)
    monkeypatch.setattr(results, "_draw", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    write_class(tmp_path / "in", {"ann": SOLUTION, "bo": WRONG})
    yield
    exercise.folder = there
    exercise.exercises.cache_clear()


@pytest.fixture
def counted(monkeypatch):
    """The sources that were graded, in a list; nothing is run: WRONG has two of three outputs right."""
    seen = []

    def grade(self, source, stop):
        seen.append(source)
        right = {"problem": "", "mistake": "", "says": "", "noted": False}
        wrong = {**right, "problem": "dbias is wrong", "partial": 1.5}
        return [right, wrong if source == WRONG.encode() else right]

    monkeypatch.setattr(grader.Paper, "grade", grade)
    return seen


def grade(capsys, *arguments):
    """Return (exit code, standard output, standard error)."""
    try:
        code = cli.main(["grade", "in", "--out", "g.csv", *map(str, arguments)])
    except SystemExit as exit:
        code = exit.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def totals():
    return {row["student"]: row["total"] for row in rows("g.csv")}


def write(name, text):
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)


def test_partial_credit_is_measured_in_the_sandbox(capsys):
    assert grade(capsys, "--jobs", 1)[0] == 0 and totals() == {"ann": "3", "bo": "1"}
    assert grade(capsys, "--resume", "--partial")[0] == 0 and totals() == {"ann": "3", "bo": "2.5"}
    assert "| 1.1 | `linear_backward` | 1.5 of 2 |" in open("g/reports/bo.md", encoding="utf-8").read()


def test_other_rules_write_everything_again_and_grade_nothing_again(capsys, counted):
    assert grade(capsys)[0] == 0 and len(counted) == 2
    write("w.csv", "what,points\nlinear_forward,2\nlinear_backward,8\n")
    write("g/overrides.csv", "student,what,points,reason\nbo,linear_forward,0,copied\n")
    code, out, _ = grade(capsys, "--resume", "--points", "w.csv", "--partial")
    assert code == 0 and len(counted) == 2 and totals() == {"ann": "10", "bo": "6"} and "1 override\n" in out
    report = open("g/reports/bo.md", encoding="utf-8").read()
    assert "# bo: 6 of 10 points" in report and "- 1.1 linear\\_forward: 0 points, not 2 (copied)" in report
    assert "linear_forward: 0 points, not 2 (copied)" in open("g/pages/bo.html", encoding="utf-8").read()
    assert "1.1 linear_forward: 0 points, not 2 (copied)" in rows("g.csv")[1]["notes"]
    assert "10 points." in open("g/summary.md", encoding="utf-8").read()


def test_a_change_by_hand_is_refused_and_then_moved(capsys, counted):
    assert grade(capsys)[0] == 0
    text = open("g.csv", encoding="utf-8").read()
    write("g.csv", text.replace('"bo",1,', '"bo",2,'))
    changed = open("g.csv", encoding="utf-8").read()
    code, _, error = grade(capsys, "--resume")
    assert code == 2 and error.count("\n") == 1 and "bo, total: 1 -> 2" in error and "--keep-edits" in error
    assert open("g.csv", encoding="utf-8").read() == changed
    code, out, _ = grade(capsys, "--resume", "--keep-edits")
    assert code == 0 and totals() == {"ann": "3", "bo": "2"} and "moved from g.csv to g/overrides.csv" in out
    assert grade(capsys, "--resume")[0] == 0 and totals()["bo"] == "2"  # respected from now on
    assert '"bo","total",2,"changed by hand in the table"' in open("g/overrides.csv", encoding="utf-8").read()


def test_a_deadline_with_times_that_nobody_knows_costs_nothing_and_is_said(capsys, counted):
    due = ("--due", "2026-11-01T23:59+01:00", "--late", "10%/day,5 days")
    code, out, _ = grade(capsys, *due)
    assert code == 0 and totals() == {"ann": "3", "bo": "1"}
    assert "due 2026-11-01 23:59 (UTC+0100): 0 of 2 handed in late; of 2 it is not known when" in out
    write("g/overrides.csv", "student,what,points,reason\nann,late,2,by mail\n")
    assert grade(capsys, *due, "--resume")[0] == 0 and totals() == {"ann": "2.4", "bo": "1"}
    assert [row["days late"] for row in rows("g.csv")] == ["2", "0"]


def test_what_platforms_import_is_written_beside_the_reports(capsys, counted):
    write("r.csv", "Student,ID,SIS User ID,SIS Login ID,Section\nAnn,4711,m-1,al1,A\nCy,4712,m-2,cy2,A\n")
    export = ("--export", "moodle", "canvas", "--column", "HW 1 (99)")
    code, out, error = grade(capsys, *export, "--roster", "r.csv", "--due", "2026-11-01T23:59")
    assert code == 0 and "g/moodle.csv" in out and "g/canvas.csv" in out
    assert "g/canvas.csv: 1 of 3 students have no id there" in error
    table = list(csv.reader(io.StringIO(open("g/canvas.csv", encoding="utf-8").read())))
    assert table[0][-1] == "HW 1 (99)" and table[1][0] == "Points Possible"
    assert table[2] == ["Ann", "4711", "m-1", "al1", "A", "3"]
    assert table[3] == ["Cy", "4712", "m-2", "cy2", "A", "0"]  # handed in nothing, and that is not late
    assert table[4] == ["bo", "", "", "", "", "1"]
    assert "0 of 2 handed in late; of 2 it is not known when" in out


def test_an_override_may_name_a_student_by_the_platforms_id(capsys, counted):
    write("r.csv", "Student,ID,SIS Login ID\nAnn,4711,al1\n")
    write("o.csv", "student,what,points,reason\n4711,total,2,\n")
    assert grade(capsys, "--roster", "r.csv", "--overrides", "o.csv")[0] == 0
    assert totals() == {"Ann": "2", "bo": "1"}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--only", "1.9"], "exercise 1.9: does not exist"),
        (["--only", "1.1", "--assignment", "2"], "--only: 1.1 are not all of assignment 2"),
        (["--points", "nowhere.csv"], "nowhere.csv"),
        (["--points", "w.csv"], "w.csv, line 2: expected an exercise (1.1)"),
        (["--overrides", "nowhere.csv"], "--overrides: there is no file nowhere.csv"),
        (["--overrides", "o.csv"], "o.csv, line 2: there is no student 'eve'"),
        (["--late", "10%/day"], "--late: expected --due too"),
        (["--due", "2026-11-01T23:59", "--late", "often"], "--late: expected a late policy such as"),
        (["--due", "soon"], "--due: expected a date and a time"),
        (["--column", "HW"], "--column: expected --export too"),
        (["--export", "blackboard"], "invalid choice"),
    ],
)
def test_a_users_mistake_is_one_line_before_anything_is_graded(capsys, counted, arguments, message):
    write("w.csv", "what,points\n9.9,1\n")
    write("o.csv", "student,what,points,reason\neve,1.1,1,\n")
    code, _, error = grade(capsys, *arguments)
    assert code == 2 and message in error and error.startswith("minires: error: ") and error.count("\n") == 1
    assert not counted


def test_a_subset_of_the_exercises_is_graded_alone(capsys, monkeypatch):
    exercise.folder = lambda: grade_class.resources.find("exercises", folder="lessons")
    exercise.exercises.cache_clear()
    seen = []
    monkeypatch.setattr(grader, "Paper", lambda *given: seen.append(given[0].number) or Nothing(given[0]))
    code, out, _ = grade(capsys, "--only", "1.3", "1.1")
    assert code == 0 and seen == ["1.1", "1.3"] and "Assignment 1: Layers (1.1, 1.3), 2 submissions" in out
    assert list(rows("g.csv")[0])[2:4] == ["1.1 linear_forward", "1.1 linear_backward"]


class Nothing:
    """A Paper on which everything is right."""

    def __init__(self, exercise):
        self.exercise = exercise
        self.questions = [type("Question", (), {"part": part}) for part in exercise.parts]

    def grade(self, source, stop):
        return [{"problem": "", "mistake": "", "says": "", "noted": False} for _ in self.questions]
