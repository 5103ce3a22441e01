"""Of every reader 200 damaged files: one error each that names the file, or what the whole file holds."""

import json
import pathlib
import subprocess
import sys

import pytest
from damaged_files import READERS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no measure of the most memory there")
COUNT = 208  # 26 of each of eight damages
# Bytes that come and go with the interpreter's own memory. A reader that believes a length takes gigabytes.
NOISE = 24 * 2**20


@pytest.mark.slow
@pytest.mark.parametrize("kind", READERS)
def test_damaged_files_are_refused_or_whole(tmp_path, kind):
    check(tmp_path, kind, COUNT)


def test_a_few_damaged_files_are_refused_or_whole(tmp_path):
    check(tmp_path, "CIFAR, pickles", 32)


def check(folder, kind, count):
    script = pathlib.Path(__file__).with_name("damaged_files.py")
    command = [sys.executable, script, kind, folder, str(count)]
    try:  # a file takes milliseconds; one that hangs never ends
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired as hung:
        pytest.fail(f"it hangs: {(hung.stdout or b'').decode().splitlines()[-1:]}")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["quiet"], result["raised"], result["unnamed"]) == ([], [], []), result
    assert result["refused"] + result["as the whole"] + result["forged"] == count
    assert result["refused"] >= count // 4
    assert result["damaged"] < 3 * result["whole"] + NOISE, result
