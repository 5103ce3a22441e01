"""`minires grade --gradescope-bundle`, run in a tree like Gradescope's: results come, whatever happens."""

import json
import os
import shutil
import site
import stat
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import grade_class
import gradescope_schema
import numpy as np
import pytest
from grade_class import NAME, SOLUTION, backward

from minires import cli
from minires.course import exercise
from minires.course.examination import Examination
from minires.course.grade import isolation
from minires.course.grade.gradescope import autograder, bundle, wheel
from minires.course.values import flatten

DUE = "2026-11-01T23:59:00.000000-08:00"
posix = pytest.mark.skipif(os.name != "posix", reason="a shell")


def make(path, *arguments):
    """Write the zip of exercise 1.1; return the exit code."""
    try:
        return cli.main(["grade", "--gradescope-bundle", str(path), *arguments])
    except SystemExit as exit:
        return exit.code


def tree(root, files, when="2026-11-01T20:00:00.000000-08:00", arguments=()):
    """Make a tree like Gradescope's below root: the zip's files, a hand-in {name: bytes}, the metadata."""
    made = root.parent / f"{root.name}.zip"
    assert make(made, "--only", "1.1", *arguments) == 0
    for name in ("source", "submission"):
        (root / name).mkdir(parents=True)
    with zipfile.ZipFile(made) as packed:
        packed.extractall(root / "source")
    shutil.copy(root / "source" / "run_autograder", root)
    for name, content in files.items():
        (root / "submission" / name).write_bytes(content)
    about = {
        "created_at": when,
        "assignment": {"due_date": DUE, "late_due_date": None, "total_points": "3.0"},
    }
    about["users"] = [{"email": "s@x.org", "id": 1234, "name": "Student User"}]
    (root / "submission_metadata.json").write_text(json.dumps(about), encoding="utf-8")
    return root


def results(root):
    """Return results.json, which Gradescope can take."""
    content = json.loads((root / "results" / "results.json").read_text(encoding="utf-8"))
    gradescope_schema.check(content)
    return content


@pytest.fixture
def here(monkeypatch):
    """Let this process grade in place of one of its own, and stay as it is."""
    monkeypatch.setattr(isolation, "harden", lambda: None)
    monkeypatch.setattr(isolation, "protections", lambda: [isolation.Protection("files", True, "Closed.")])
    monkeypatch.setattr(wheel, "content", lambda: b"which is not needed here")


RIGHT = {NAME: SOLUTION.encode()}
CRASH = {NAME: backward("    import os\n    os._exit(0)\n").encode()}
LATE = ("--late", "10%/day, 3 days")


@pytest.mark.parametrize(
    "files, when, score, said",
    [
        (RIGHT, DUE, 3, "3 of 3 points\n\nAll files were received."),
        ({"homework.pdf": b"%PDF-1.7"}, DUE, 0, "without ex1_1_linear.py"),
        ({}, DUE, 0, "without ex1_1_linear.py"),
        (CRASH, DUE, 1, "All files were received."),
        ({NAME: b"import sys\nsys.exit(3)\n"}, DUE, 0, "All files were received."),
        (RIGHT, "2026-11-03T00:00:00.000000-08:00", 2.4, "2 days late: 20 % less"),
        (RIGHT, "2026-11-05T23:59:00.000000-08:00", 0, "more than 3 days after the deadline: no points"),
    ],
    ids=["right", "PDF only", "empty", "crash", "exit", "late", "too late"],
)
def test_there_are_results_for_whatever_is_handed_in(tmp_path, here, capsys, files, when, score, said):
    root = tree(tmp_path / "autograder", files, when, LATE)
    assert autograder.main(root) == 0
    found = results(root)
    assert found["score"] == score and said in found["output"]
    assert [test["name"] for test in found["tests"]] == ["1.1 linear_forward", "1.1 linear_backward"]
    assert found["stdout_visibility"] == "hidden" and "Traceback" not in json.dumps(found)


def test_gradescope_sets_the_deadline_and_lateness_costs_nothing_without_a_policy(tmp_path, here):
    root = tree(tmp_path / "autograder", RIGHT, "2026-11-03T00:00:00.000000-08:00")
    assert autograder.main(root) == 0
    found = results(root)
    assert found["score"] == 3 and "2 days late: nothing is taken off" in found["output"]
    assert found["extra_data"] == {"protections": {"files": True}, "days_late": 2}


@pytest.mark.parametrize("text", [None, "{", "[]", '{"created_at": "x"}', '{"assignment": {"due_date": 1}}'])
def test_metadata_that_cannot_be_read_cost_nobody_anything(tmp_path, capsys, text):
    path = tmp_path / "submission_metadata.json"
    if text is not None:
        path.write_text(text)
    assert autograder.metadata(path) == {"when": None, "due": None, "points": None}
    assert "submission_metadata.json cannot be read, so nothing counts as late" in capsys.readouterr().out


def test_metadata_may_lack_a_deadline(tmp_path, capsys):
    (tmp_path / "m.json").write_text('{"created_at": "2026-11-01T20:00:00Z", "assignment": null}')
    found = autograder.metadata(tmp_path / "m.json")
    assert found["when"].hour == 20 and found["due"] is None and not capsys.readouterr().out
    rules = autograder._rules({"weights": None, "late": "10%/day", "partial": False}, found)
    assert rules.due is None


def test_hidden_tests_tell_no_points_but_what_was_received(tmp_path, here):
    root = tree(tmp_path / "autograder", CRASH, arguments=("--visibility", "after_due_date"))
    assert autograder.main(root) == 0
    found = results(root)
    assert found["score"] == 1 and found["output"] == "All files were received."
    assert found["visibility"] == "after_due_date"
    assert {test["visibility"] for test in found["tests"]} == {"after_due_date"}


def test_points_and_partial_credit_are_those_of_the_bundle(tmp_path, here, capsys):
    (tmp_path / "w.csv").write_text("what,points\nlinear_backward,8\n")
    wrong = {NAME: backward("    return dy @ weight, dy.T @ x, dy.mean(axis=0)\n").encode()}
    root = tree(tmp_path / "autograder", wrong, arguments=("--points", str(tmp_path / "w.csv"), "--partial"))
    assert autograder.main(root) == 0
    assert results(root)["score"] == 7 and [t["max_score"] for t in results(root)["tests"]] == [1, 8]
    assert "the assignment on Gradescope has 3 points, the exercises have 9" in capsys.readouterr().out


def test_what_fails_in_the_grader_is_told_to_the_instructor_and_blamed_on_nobody(
    tmp_path, here, capsys, monkeypatch
):
    root = tree(tmp_path / "autograder", RIGHT)
    monkeypatch.setattr(autograder.Grader, "rehearse", lambda self: 1 / 0)
    assert autograder.main(root) == 1
    found = results(root)
    assert found == bundle.UNFINISHED and "no mistake of yours" in found["output"]
    assert "ZeroDivisionError" in capsys.readouterr().out and "ZeroDivisionError" not in json.dumps(found)


def test_the_seed_is_gone_before_a_submission_runs(tmp_path, here, capsys, monkeypatch):
    root = tree(tmp_path / "autograder", RIGHT)
    seed = int((root / "source/seed").read_text())
    there = autograder.Grader.grade

    def grade(self, files):
        assert not (root / "source/seed").exists()
        return there(self, files)

    monkeypatch.setattr(autograder.Grader, "grade", grade)
    assert autograder.main(root) == 0 and results(root)["score"] == 3
    assert str(seed) not in (root / "results/results.json").read_text()
    assert autograder._seed(root / "source/seed") != seed and "other hidden cases" in capsys.readouterr().out


def test_no_number_of_a_hidden_case_is_in_what_a_student_sees(tmp_path, here):
    """The submission sends its inputs wherever it can: into what it prints, returns and raises."""
    body = """
    import sys
    print(dy, cache); sys.stderr.write(repr(dy))
    raise type(repr(dy[0, 0]), (ValueError,), {})(repr(dy))
"""
    root = tree(tmp_path / "autograder", {NAME: backward(body).encode()})
    subject = exercise.find("1.1")
    examination = Examination(
        subject, subject.part("linear_backward"), int((root / "source/seed").read_text())
    )
    assert autograder.main(root) == 0
    seen = (root / "results/results.json").read_text()
    numbers = [
        abs(n) for case in examination.cases for v in flatten(None, case).values() for n in np.ravel(v)
    ]
    assert len(numbers) > 100 and not any(f"{number:.3f}"[:5] in seen for number in numbers)


# -- the zip --------------------------------------------------------------------------------------------


def test_the_zip_has_what_gradescope_asks_for_at_its_root(tmp_path):
    assert make(tmp_path / "a.zip", "--assignment", "1") == 0
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in packed.infolist()}
        texts = {name: packed.read(name).decode() for name in ("setup.sh", "run_autograder")}
        unfinished = json.loads(packed.read("unfinished.json"))
    assert modes.keys() == {*texts, "unfinished.json", "settings.json", "seed", wheel.file_name()}
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    assert all(text.startswith("#!/usr/bin/env bash\n") and "\r" not in text for text in texts.values())
    gradescope_schema.check(unfinished)
    again = (tmp_path / "a.zip").read_bytes()
    assert make(tmp_path / "a.zip", "--assignment", "1") == 0  # the same seed, the same bytes
    assert (tmp_path / "a.zip").read_bytes() == again
    assert stat.S_IMODE((tmp_path / "a.seed").stat().st_mode) == 0o600 or os.name != "posix"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "expected --assignment or --only too"),
        (["--assignment", "9"], "assignment 9: does not exist"),
        (["in", "--assignment", "1"], "leave out SUBMISSIONS"),
        (["--out", "g.csv", "--assignment", "1"], "leave out --out"),
        (["--due", "2026-11-01T23:59", "--assignment", "1"], "leave out --due"),
        (["--late", "x", "--assignment", "1"], "--late: expected a late policy such as"),
        (["--visibility", "never", "--assignment", "1"], "invalid choice"),
        (["--memory", "1", "--assignment", "1"], "--memory: expected at least 256"),
    ],
)
def test_a_users_mistake_is_one_line_and_writes_nothing(tmp_path, capsys, arguments, message):
    assert make(tmp_path / "a.zip", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.startswith("minires: error: ") and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_a_zip(tmp_path, capsys):
    assert make(tmp_path / "a.tar", "--assignment", "1") == 2
    assert "expected a file name that ends with .zip" in capsys.readouterr().err
    assert cli.main(["grade", "in", "--out", "g.csv", "--visibility", "hidden"]) == 2
    assert "--visibility: expected --gradescope-bundle too" in capsys.readouterr().err


# -- as Gradescope runs it ------------------------------------------------------------------------------


def unpacked_environment(root, folder):
    """Make root/environment as setup.sh does, but with this machine's NumPy and the wheel only unpacked."""
    venv.create(root / "environment", symlinks=True)
    (place,) = (root / "environment").glob("lib/*/site-packages")
    with zipfile.ZipFile(root / "source" / wheel.file_name()) as packed:
        packed.extractall(folder)
    places = [str(folder), str(Path(np.__file__).parent.parent), *site.getsitepackages()]
    (place / "here.pth").write_text("\n".join(places) + "\n")


def run(root, **more):
    """Run run_autograder as Gradescope does, elsewhere; return what it prints."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    call = ["bash", str(root / "run_autograder")]
    there = {**kept, "AUTOGRADER_ROOT": str(root), "HOME": str(root), **more}
    done = subprocess.run(call, cwd=root, env=there, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@posix
def test_run_autograder_grades_and_leaves_results_where_it_is_ended(tmp_path):
    root = tree(tmp_path / "autograder", RIGHT)
    printed = run(root)  # setup.sh has failed: there is no Python
    assert results(root) == bundle.UNFINISHED and "the grader ended with exit status 127" in printed
    unpacked_environment(root, tmp_path / "wheel")
    printed = run(root, AUTOGRADER_SECONDS="0.01")
    assert results(root) == bundle.UNFINISHED and "exit status 124" in printed
    printed = run(root)
    assert results(root)["score"] == 3 and "What holds here while the submission runs:" in printed


@posix
@pytest.mark.slow
def test_setup_and_the_five_hand_ins_with_the_whole_assignment(tmp_path):
    """setup.sh with pip (which is not asked for NumPy and the rest again), then a hand-in after the other."""
    solutions = {f"{e.module}.py": e.head.encode() for e in exercise.of_assignment(1)}
    made = tmp_path / "a.zip"
    assert make(made, "--assignment", "1", "--late", "10%/day") == 0
    root = tree(tmp_path / "autograder", {})
    with zipfile.ZipFile(made) as packed:
        packed.extractall(root / "source")
    there = {**os.environ, "AUTOGRADER_ROOT": str(root), "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1"}
    there["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["bash", str(root / "source" / "setup.sh")], env=there, check=True, capture_output=True)
    (place,) = (root / "environment").glob("lib/*/site-packages")
    (place / "here.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    seed = (root / "source/seed").read_bytes()
    endless = {**solutions, NAME: b"while True:\n    pass\n"}
    late = "2026-11-03T00:00:00.000000-08:00"
    hand_ins = [
        ({"sub/" + name: content for name, content in solutions.items()}, DUE, 32),
        (solutions, late, 25.6),
        ({"homework.pdf": b"%PDF-1.7"}, DUE, 0),
        ({}, DUE, 0),
        (endless, DUE, 29),
    ]
    for files, when, score in hand_ins:
        shutil.rmtree(root / "submission")
        for name, content in files.items():
            (root / "submission" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "submission" / name).write_bytes(content)
        (root / "submission").mkdir(exist_ok=True)
        about = json.loads((root / "submission_metadata.json").read_text())
        (root / "submission_metadata.json").write_text(json.dumps({**about, "created_at": when}))
        (root / "source/seed").write_bytes(seed)  # a new container for each
        printed = run(root)
        assert results(root)["score"] == score, printed


def test_a_wheel_can_be_installed_by_the_book(tmp_path):
    """Every file is in RECORD, with its hash and its length, and what the grader needs is there."""
    (tmp_path / wheel.file_name()).write_bytes(wheel.content())
    with zipfile.ZipFile(tmp_path / wheel.file_name()) as packed:
        names = packed.namelist()
        about = names[-1].rpartition("/")[0]
        record = [line.rsplit(",", 2) for line in packed.read(f"{about}/RECORD").decode().splitlines()]
        assert [name for name, _, _ in record] == names and record[-1][1:] == ["", ""]
        for name, found, length in record[:-1]:
            content = packed.read(name)
            assert found == f"sha256={wheel._hash(content)}" and int(length) == len(content)
        metadata = packed.read(f"{about}/METADATA").decode()
    assert "Name: minires-learn\n" in metadata and "Requires-Dist: numpy >= 2.0.0\n" in metadata
    assert {"minires/py.typed", "minires/_files/lessons/exercises/ex1_1_linear.py"} <= set(names)
    assert not any("__pycache__" in name for name in names) and len(set(names)) == len(names)
    assert grade_class.resources.PACKAGE.name == "minires"
