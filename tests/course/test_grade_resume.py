"""`minires grade` interrupted by kill -9 and by Ctrl-C continues where it was."""

import json
import os
import signal
import subprocess
import time

import grade_class
import pytest
from grade_class import SOLUTION, command, rows, write_class


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_or_stopped_grader_goes_on_where_it_was(tmp_path, monkeypatch):
    """kill -9 after two of eight submissions, half a line lost, Ctrl-C after two more, and the rest."""
    slow = {f"s{i}": f"import time\ntime.sleep(0.2)\n{SOLUTION}# {i}\n" for i in range(8)}
    grade_class.write_exercises(tmp_path / "exercises")
    write_class(tmp_path / "in", slow)
    call = command(tmp_path, "--jobs", "1", "--out", "out/grades.csv")
    kept = tmp_path / "out/grades/journal.jsonl"
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))

    first = start(call, tmp_path, until=lambda: lines(kept) >= 3)
    first.kill()
    assert first.wait() == -signal.SIGKILL and not (tmp_path / "out/grades.csv").exists()
    (left,) = (tmp_path / "tmp").iterdir()  # nobody could tidy up
    with open(kept, "a", encoding="utf-8") as file:
        file.write('{"student": "s9", "key": "a')  # it was writing a line
    before = kept.read_text("utf-8")

    second = start([*call, "--resume"], tmp_path, until=lambda: lines(kept) >= 7)
    second.send_signal(signal.SIGINT)
    _, complaint = second.communicate(timeout=60)
    assert second.returncode == 130 and "of 8 submissions are graded" in complaint and "--resume" in complaint
    assert not left.exists() and list((tmp_path / "tmp").iterdir()) == []
    assert "Traceback" not in complaint and not (tmp_path / "out/grades.csv").exists()

    last = subprocess.run([*call, "--resume"], cwd=tmp_path, capture_output=True, text=True)
    assert last.returncode == 0, last.stderr
    assert kept.read_text("utf-8").startswith(before + "\n")  # appended, on a line of its own
    whole = [json.loads(line) for line in kept.read_text("utf-8").split("\n")[:-1] if line[-1] == "}"]
    students = [line["student"] for line in whole if "student" in line]
    assert sorted(students) == sorted(slow)  # nobody twice
    assert [row["total"] for row in rows(tmp_path / "out/grades.csv")] == ["3"] * 8


def start(call, folder, *, until):
    """Start a process and return it when until() holds."""
    process = subprocess.Popen(call, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60  # for what never comes; it takes seconds
    while not until():
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    return process


def lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0
