"""What `minires.site.live` adds to a site, and what runs in the browser, run here."""

import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile

import bare_pages
import browser
import pytest

from minires import cli, lesson
from minires.course import exercise
from minires.lesson import library, reader
from minires.site import live
from minires.site.live import content, distribution, packages, pages
from minires.site.live.session import Session

# -- a distribution ------------------------------------------------------------------------------------------

WHEELS = {  # name: what it depends on
    "numpy": (),
    "matplotlib": ("numpy", "Pillow"),
    "pillow": (),
    "scipy": ("numpy",),
}


def files(version="2.0.2", **more):
    """Return {name: content} of a Pyodide distribution, as far as it is looked at."""
    wheels = {f"{name}-1.whl": f"the wheel of {name}".encode() for name in WHEELS}
    lock = {
        "packages": {
            name: {
                "file_name": f"{name}-1.whl",
                "version": version if name == "numpy" else "1",
                "depends": list(WHEELS[name]),
                "sha256": hashlib.sha256(wheels[f"{name}-1.whl"]).hexdigest(),
            }
            for name in WHEELS
        }
    }
    core = {name: name.encode() for name in distribution.CORE}
    return {**core, **wheels, "pyodide-lock.json": json.dumps(lock).encode(), "other.txt": b"", **more}


def unpacked(folder, content):
    folder.mkdir(parents=True)
    for name, text in content.items():
        (folder / name).write_bytes(text)
    return folder


def packed(path, content):
    """Write an archive whose files lie in a folder of it."""
    if path.suffix in (".zip", ".whl"):
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in content.items():
                archive.writestr(f"assets/pyodide/{name}", text)
    else:
        with tarfile.open(path, "w:bz2") as archive:
            for name, text in content.items():
                info = tarfile.TarInfo(f"pyodide/{name}")
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text))
    return path


NEEDED = {*distribution.CORE, "pyodide-lock.json", "numpy-1.whl", "matplotlib-1.whl", "pillow-1.whl"}


@pytest.mark.parametrize(
    "kind", ["folder", "folder above", ".tar.bz2", ".zip", ".whl", "address/", "address"]
)
def test_only_what_is_needed_is_taken_from_wherever_it_lies(tmp_path, kind):
    source, to = unpacked(tmp_path / "a" / "pyodide", files()), tmp_path / "to"
    packed(tmp_path / "a" / "pyodide.zip", files())
    with browser.served(tmp_path / "a") as (address, _):
        place = {
            "folder": source,
            "folder above": tmp_path / "a",
            "address/": f"{address}pyodide/",
            "address": f"{address}pyodide.zip",
        }.get(kind) or packed(tmp_path / f"distribution{kind}", files())
        found = distribution.take(place, to)
    assert {path.name for path in to.iterdir()} == NEEDED
    assert (to / "numpy-1.whl").read_bytes() == b"the wheel of numpy"
    assert set(found["start"]) == {*distribution.CORE, "pyodide-lock.json", "numpy-1.whl"}
    assert found["figures"] == {"matplotlib-1.whl": 23, "pillow-1.whl": 19} and not found["module"]


def test_a_distribution_made_of_modules_is_told_by_its_files(tmp_path):
    modern = {name: text for name, text in files().items() if not name.endswith(".js")}
    modern |= {name: b"" for name in distribution.MODULES}
    assert distribution.take(unpacked(tmp_path / "modern", modern), tmp_path / "to")["module"]


def without(name):
    return {key: value for key, value in files().items() if key != name}


@pytest.mark.parametrize(
    "content, says",
    [
        (without("pyodide-lock.json"), "is no Pyodide distribution"),
        (without("pyodide.asm.wasm"), "is not complete: expected pyodide.js, "),
        (without("pillow-1.whl"), "is not complete: pillow-1.whl is missing"),
        (files("1.26.4"), "has NumPy 1.26.4, minires needs 2.0: take Pyodide 0.27"),
        (files(**{"numpy-1.whl": b"other"}), "numpy-1.whl is damaged"),
        (files(**{"pyodide-lock.json": b'{"packages": {}}'}), "names no NumPy or no matplotlib"),
        (files(**{"pyodide-lock.json": b"<html>"}), "names no NumPy or no matplotlib"),
    ],
)
def test_what_is_no_usable_distribution_is_said_in_words(tmp_path, content, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        distribution.take(unpacked(tmp_path / "source", content), tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_places_where_there_is_nothing(tmp_path):
    (tmp_path / "text.zip").write_text("no archive")
    for place, says in (("nowhere", "no such file or folder"), ("text.zip", "is no Pyodide distribution")):
        with pytest.raises(ValueError, match=says):
            distribution.take(tmp_path / place, tmp_path / "to")
    with browser.served(tmp_path) as (address, _):
        for place in ("nowhere.zip", "nowhere/"):
            with pytest.raises(ValueError, match=r"there is no such file|is no Pyodide distribution"):
                distribution.take(address + place, tmp_path / "to")
    with pytest.raises(ValueError, match="cannot be fetched"):
        distribution.take(address + "gone.zip", tmp_path / "to")


# -- minires, packed -----------------------------------------------------------------------------------------


def test_minires_runs_from_what_is_packed(tmp_path):
    size = packages.pack(tmp_path / "minires.zip")
    assert size == (tmp_path / "minires.zip").stat().st_size < 4e6
    with zipfile.ZipFile(tmp_path / "minires.zip") as archive:
        archive.extractall(tmp_path / "packages")
    script = (
        "import minires, tqdm, threadpoolctl\n"
        "from minires import data\nfrom minires.course import exercise\nfrom minires.lesson import library\n"
        "print(minires.__file__, len(data.load('digits')[0].images), len(library.lessons()))\n"
        "print(len(exercise.exercises()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "packages")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    path, images, lessons, exercises = done.stdout.split()
    assert pathlib.Path(path).is_relative_to(tmp_path.resolve()) and int(images) > 1000
    assert (int(lessons), int(exercises)) == (len(library.lessons()), len(exercise.exercises()))


def test_the_same_files_are_packed_to_the_same_bytes_without_scripts_and_caches(tmp_path):
    for name in ("one.zip", "other.zip"):
        packages.pack(tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    names = zipfile.ZipFile(tmp_path / "one.zip").namelist()
    assert "minires/site/live/session.py" in names and "minires/functional/conv.py" in names
    assert not [name for name in names if "__pycache__" in name or "/web/" in name]


# -- pages ---------------------------------------------------------------------------------------------------


def test_every_cell_of_code_and_every_question_is_known():
    for stem, parts in content.lessons().items():
        found = library.read(library.folder() / f"{stem}.py")
        source = "\n".join(cell.source for cell in found.cells if not cell.is_text)
        assert sum(part["questions"] for part in parts["cells"]) == len(
            re.findall(r"lesson\.(?:predict|quiz)\(", source)
        )
        lines = [line for part in parts["cells"] for line in part["source"].split("\n") if line.strip()]
        assert lines == [line for line in source.split("\n") if line.strip()]


def test_pages_that_can_run_get_the_scripts_once(tmp_path):
    bare_pages.write(tmp_path, lessons=[2], exercises=["1.1"], programs=["1 + 1"])
    (tmp_path / "index.html").write_text(bare_pages.PAGE.format(title="", body="no program"))
    source = unpacked(tmp_path.parent / f"{tmp_path.name}-pyodide", files())
    for _ in range(2):
        found = live.add(tmp_path, source)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "exercises/ex1_1_linear.html",
        "lessons/02_two_small_kernels.html",
        "pages/programs.html",
    ]
    for path, kind in zip(found, ("exercise", "lesson", "page"), strict=True):
        assert path.read_text().count(f'src="../live/live.js" data-{kind}="{path.stem}"') == 1
        assert path.read_text().count("<script") == 1
    assert "<script" not in (tmp_path / "index.html").read_text()
    manifest = json.loads((tmp_path / "live" / "manifest.json").read_text())
    assert manifest["minires"] == (tmp_path / "live" / "minires.zip").stat().st_size
    assert {"live.js", "worker.js", "live.css"} <= {path.name for path in (tmp_path / "live").iterdir()}


def test_a_page_below_others_finds_the_folder(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "page.html").write_text('<head></head><div class="a live-program">')
    pages.make_live(tmp_path, {}, live="live")
    assert 'src="../../live/live.js"' in (tmp_path / "deep" / "er" / "page.html").read_text()


def test_where_there_is_no_site_nothing_is_added(tmp_path):
    with pytest.raises(ValueError, match="expected the folder of a finished site"):
        live.add(tmp_path, "pyodide.zip")
    assert not list(tmp_path.iterdir())


# -- what runs in the browser --------------------------------------------------------------------------------


@pytest.fixture
def outputs(monkeypatch, tmp_path):
    """A session's outputs; afterwards everything is as before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["before"])
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    for name in ("MINIRES_LESSON", "MPLBACKEND", "COLUMNS"):
        monkeypatch.setenv(name, os.environ.get(name, "live" if name == "MINIRES_LESSON" else ""))
    yield []
    reader.show_on(None)
    reader.restart()


def test_a_cell_prints_and_shows_its_last_value_as_in_a_notebook(outputs):
    session = Session(outputs.append)
    assert session.run("x = 6\nprint('six', end='')")["ok"]
    assert session.run("x * 7")["ok"] and session.run("None")["ok"]
    session.run("class T:\n    _repr_html_ = lambda self: '<b>7</b>'\nT()")
    assert outputs == [
        {"type": "stream", "text": "six"},
        {"type": "text", "text": "42"},
        {"type": "html", "html": "<b>7</b>"},
    ]


def said(outputs):
    """Return what was printed."""
    return "".join(output["text"] for output in outputs if output["type"] == "stream")


@pytest.mark.parametrize(
    "source, says",
    [
        ("x = 1\ny = x / 0", "Line 2 of this cell: ZeroDivisionError: division by zero"),
        ("x = 1\n\nassert x == 2, 'should be two'", "Line 3 of this cell: AssertionError: should be two"),
        ("def f(:", "Line 1 of this cell: SyntaxError: invalid syntax"),
        ("import sys\nsys.exit(3)", "Line 2 of this cell: SystemExit: 3"),
        ("import numpy as np\nnp.ones(2) @ np.ones(3)", "Line 2 of this cell: ValueError: matmul: "),
    ],
)
def test_an_error_names_the_line_and_ends_nothing(outputs, source, says):
    session = Session(outputs.append)
    assert not session.run(source)["ok"]
    assert outputs[-1]["type"] == "error" and outputs[-1]["text"].startswith(says)
    assert session.run("'goes on'")["ok"] and outputs[-1]["text"] == "'goes on'"


def test_predictions_reach_the_table_and_the_score(outputs):
    session = Session(outputs.append)
    session.run(
        "from minires import lesson\n"
        "half, third = lesson.predict('a half?'), lesson.predict('a third?')\nlesson.predict('more?')",
        ["1/2", "nonsense", ""],
    )
    assert any("expected a number" in output["text"] and "nonsense" in output["text"] for output in outputs)
    assert lesson.reader._predictions["a half?"].value == 0.5
    assert lesson.reader._predictions["a third?"].value is lesson.reader._predictions["more?"].value is None
    session.run("lesson.table(('', 'predicted', 'measured'), ('halves', half, 0.4))\nlesson.score()")
    (table,) = [output["html"] for output in outputs if output["type"] == "html"]
    assert "<td>0.5</td><td>0.4</td>" in table and "1 of 1 came near" in said(outputs)


def test_a_figure_is_a_png_with_words(outputs):
    session = Session(outputs.append)
    session.run(
        "from minires import lesson, plot\n"
        "figure = plot.lines({'a': [1.0, 2.0]}, xlabel='step', ylabel='height')\n"
        "lesson.show(figure)\nlesson.show(figure, alt='It grows.')"
    )
    pictures = [output for output in outputs if output["type"] == "png"]
    assert not [output for output in outputs if output["type"] == "error"], outputs
    assert pictures[0]["png"].startswith("iVBOR") and "height" in pictures[0]["text"]
    assert pictures[1]["text"] == "It grows."
    assert not list(pathlib.Path().iterdir())


@pytest.mark.parametrize("number", [1, 14])
def test_a_lesson_runs_without_threads_and_processes(outputs, number, no_threads, no_processes):
    session = Session(outputs.append, name="lesson.py")
    for cell in content.cells(library.find(number)):
        outcome = session.run(cell["source"], ["1"] * cell["questions"])
        assert outcome["ok"], outputs[-1]
    assert [output for output in outputs if output["type"] == "png"]
    assert "predictions:" in said(outputs)


def test_a_command_runs_as_in_a_terminal_and_leaves_its_picture(outputs, no_threads, no_processes):
    session, subject = Session(outputs.append), exercise.find("1.1")
    assert session.command(cli.main, ["exercise", "start", "1"])["code"] == 0
    outputs.clear()
    wrong = subject.head.replace("dy.sum(axis=0)", "dy.mean(axis=0)")
    words = ["exercise", "check", "assignment-1", "1.1", "--plot", "error.png"]
    outcome = session.command(cli.main, words, {"assignment-1/ex1_1_linear.py": wrong}, columns=40)
    text = said(outputs)
    assert outcome["code"] == 1 and "Mean of the bias gradient." in text
    assert max(map(len, text.partition("The smallest")[0].splitlines()[1:])) <= 40
    session.picture("error.png")
    assert outputs[-1]["type"] == "png" and not pathlib.Path("error.png").exists()
    session.picture("error.png")
    assert session.command(cli.main, ["exercise", "--nonsense"])["code"] == 2
