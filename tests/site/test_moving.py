"""The moving pictures: their numbers are the library's, and keys alone lead through them."""

import itertools
import json
import re

import numpy as np
import pytest
from browser import Browser, find

import minires.functional as F
from minires.lesson import library
from minires.site import moving
from minires.site.moving import curves, meeting
from minires.site.moving.words import added, plain, products, say

PAGES = library.folder() / "pages"
QUICK = ["im2col", "batch-norm", "plus", "five-layers", "shortcuts", "gates", "descent"]
needs_chromium = pytest.mark.skipif(find() is None, reason="no Chromium on this machine")


def close(found, expected):
    """Assert that numbers of a picture are these, but for the digits that its file does not have."""
    np.testing.assert_allclose(np.array(found, float), expected, rtol=1e-3, atol=1e-12)


# -- the numbers ---------------------------------------------------------------------------------------------


def test_im2col_is_a_convolution_and_its_two_gradients():
    shown = moving.numbers("im2col")
    x, weight, dy = (np.array(shown[name], float) for name in ("x", "weight", "dy"))
    y, cache = F.conv2d_forward(x[None, None], weight[None, None])
    dx, dweight, _ = F.conv2d_backward(dy[None, None], cache)
    close(shown["y"], y[0, 0])
    close(shown["dx"], dx[0, 0])
    close(shown["dweight"], dweight[0, 0])
    close(np.reshape(shown["growing"][-1], (4, 4)), dx[0, 0])
    for k, places in enumerate(shown["places"]):  # window k, pixel by pixel
        row, column = divmod(k, 3)
        assert places == [4 * (row + i) + column + j for i in (0, 1) for j in (0, 1)]
        close(np.array(shown["columns"])[:, k], x.ravel()[places])
        before, after = np.array(shown["growing"][k]), np.array(shown["growing"][k + 1])
        close((after - before)[places], weight.ravel() * dy.ravel()[k])


def test_the_three_paths_of_batch_norm_add_up_to_the_librarys_gradient():
    shown = moving.numbers("batch-norm")
    x = np.array(shown["x"], float).reshape(8, 1)
    gamma, beta = np.array([shown["gamma"]], float), np.array([shown["beta"]], float)
    y, cache, _ = F.batch_norm_train_forward(x, gamma, beta, eps=0.0)
    close(shown["y"], y.ravel())
    for case in shown["cases"].values():
        dx, _, _ = F.batch_norm_train_backward(np.array(case["dy"], float).reshape(8, 1), cache)
        paths = sum(np.array(case[path], float) for path in ("direct", "mean", "variance"))
        np.testing.assert_allclose(paths, dx.ravel(), atol=1e-5)
        np.testing.assert_allclose(case["dx"], dx.ravel(), atol=1e-5)


@pytest.mark.parametrize("key", meeting.CASES)
def test_two_gradients_meet_at_the_plus_sign(key):
    shown = moving.numbers("plus")
    case, (shortcut, loud) = shown["cases"][key], meeting.CASES[key]
    x, dy, first, second = (np.array(shown[name], float) for name in ("x", "dy", "first", "second"))
    second = second * loud
    close(case["y"], second @ np.maximum(first @ x, 0) + shortcut * x)
    close(case["dx"], first.T @ ((first @ x > 0) * (second.T @ dy)) + shortcut * dy)
    close(case["dx"], np.array(case["dx_branch"]) + np.array(case["dx_shortcut"]))


def test_five_layers_are_the_textbook_functions_one_after_the_other():
    shown = moving.numbers("five-layers")
    a, kept = np.array(shown["values"][0], float)[None, None], []
    conv, linear = (np.array(shown["kept"][i]["weight"], float) for i in (0, 4))
    steps = (
        (lambda v: F.conv2d_forward(v, conv[None, None]), F.conv2d_backward),
        (F.relu_forward, F.relu_backward),
        (lambda v: F.max_pool2d_forward(v, kernel_size=2, stride=1), F.max_pool2d_backward),
        (lambda v: (v.reshape(1, 4), v.shape), lambda d, shape: d.reshape(shape)),
        (lambda v: F.linear_forward(v, linear), F.linear_backward),
    )
    for (forward, _), value in zip(steps, shown["values"][1:], strict=True):
        a, cache = forward(a)
        kept.append(cache)
        close(value, a.reshape(np.shape(value)))
    close(shown["loss"], 0.5 * ((a - shown["target"]) ** 2).sum())
    d = a - np.array(shown["target"], float)
    for i in reversed(range(5)):
        out = steps[i][1](d, kept[i])
        if isinstance(out, tuple):
            d, dweight = out[0], out[1]
            close(shown["dweights"][i], dweight.reshape(np.shape(shown["dweights"][i])))
        else:
            d = out
        close(shown["gradients"][i], d.reshape(np.shape(shown["gradients"][i])))
    assert shown["remembered"] == [16, 9, 4, 0, 4]


@pytest.mark.parametrize("name", ["shortcuts", "gates", "descent"])
def test_where_nothing_is_drawn_by_chance_the_dots_lie_on_the_line(name):
    for case in moving.numbers(name)["cases"].values():
        for series in case:
            derived, measured = np.array(series["derived"], float), np.array(series["measured"], float)
            most = np.maximum(1, np.abs(derived))
            np.testing.assert_allclose(measured / most, derived / most, atol=2e-4)


def test_dots_that_are_drawn_by_chance_are_near_the_line():
    found = np.log2(curves.variances(2.0)[:22])
    assert abs(found).max() < 4  # one draw strays, but 22 layers do not lose 2^22
    assert np.log2(curves.variances(1.0)[21]) == pytest.approx(found[21] - 21, abs=1e-3)  # the same draw
    forward, backward = curves.way(32, "in", 0)
    expected = curves.derived_way(32, "in")
    np.testing.assert_allclose(np.log(forward), np.log(expected[0]), atol=0.25)
    np.testing.assert_allclose(np.log(backward), np.log(expected[1]), atol=0.25)
    counts = curves.depths(27, 0.5)
    assert counts.mean() == pytest.approx(27 - 0.5 * 28 / 2, abs=4 * counts.std() / len(counts) ** 0.5)


def test_every_place_of_every_slider_has_a_case():
    for name in ("shortcuts", "gates", "descent"):
        shown = moving.numbers(name)
        first, second = (range(len(slider["labels"])) for slider in shown["sliders"])
        keys = [f"{i},{j}" for i in first for j in second] if name == "descent" else [str(i) for i in first]
        assert list(shown["cases"]) == keys
        assert name == "descent" or len(second) == len(shown["x"])


# -- the pages and the files ---------------------------------------------------------------------------------


def test_numbers_are_written_as_a_reader_writes_them():
    assert [say(v) for v in (0.0, -2.0, 0.015625, 1e-9, -1e6)] == [
        "0",
        "−2",
        "0.01562",
        "1.0·10⁻⁹",
        "−1.0·10⁶",
    ]
    assert added([1, 2, -3]) == "1 + 2 − 3" and products([1, -1], [2, -3]) == "1·2 + (−1)·(−3)"
    assert plain({"a": np.array([1.0, 0.123456789])}) == {"a": [1, 0.123457]}
    with pytest.raises(ValueError, match="has no place for nan"):
        plain([float("nan")])


@pytest.mark.parametrize("name", QUICK)
def test_what_a_page_says_without_scripts_is_what_the_picture_shows(name):
    texts = [path.read_text(encoding="utf-8") for path in sorted(PAGES.glob("moving-*.md"))]
    text = next(text for text in texts if f'"{name}"' in text)
    place = text.partition(f'data-picture="{name}">')[2].partition("</div>")[0]
    assert moving.markdown(moving.table(name, moving.numbers(name))) in place


def test_pages_ask_for_every_picture_once():
    assert sorted(moving.asked_for(PAGES)) == sorted(moving.PICTURES)


def test_the_files_are_scripts_with_the_numbers(tmp_path):
    moving.write(tmp_path, ["plus"])
    text = (tmp_path / "moving/numbers/plus.js").read_text("utf-8")
    assert json.loads(re.fullmatch(r'moving\.numbers\["plus"\] = (.*);\n', text, re.DOTALL)[1]) == (
        moving.numbers("plus")
    )
    assert [path.name for path in (tmp_path / "moving/numbers").iterdir()] == ["plus.js"]
    assert {"moving.js", "moving.css", "plus.js"} <= {path.name for path in (tmp_path / "moving").iterdir()}
    with pytest.raises(KeyError):
        moving.write(tmp_path, ["minus"])


# -- in a browser --------------------------------------------------------------------------------------------

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Pictures</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script defer src="moving/moving.js"></script><body>{}</body></html>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with the quick pictures, on a disk."""
    folder = tmp_path_factory.mktemp("moving")
    moving.write(folder, QUICK)
    places = [f'<div class="moving" data-picture="{name}"><p>In words.</p></div>' for name in QUICK]
    (folder / "page.html").write_text(PAGE.format("\n".join(places)), encoding="utf-8")
    return folder / "page.html"


@pytest.fixture
def browser(page):
    with Browser(find()) as found:
        found.size(1280, still=True)
        found.open(page.as_uri())
        found.wait("document.documentElement.dataset.moving === 'ready'", 30)
        yield found


def to(browser, name, label):
    """Press Tab until the control with this label in this picture has the focus."""
    here = """(() => { const at = document.activeElement;
      const name = at.closest('.moving')?.dataset.picture;
      return name + ': ' + (at.getAttribute('aria-label') || at.textContent); })()"""
    for _ in range(80):
        browser.press("Tab")
        if browser.value(here) == f"{name}: {label}":
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert browser.value(outline) == "solid"  # the focus is seen
            return
    raise AssertionError(f"Tab does not lead to {label} of {name}")


def read(browser, name, what):
    """Return the text of the first element of a picture that a CSS selector finds."""
    return browser.value(f"""document.querySelector('[data-picture="{name}"] {what}').textContent""")


@pytest.mark.slow
@needs_chromium
def test_keys_alone_lead_through_the_pictures_and_show_the_librarys_numbers(browser, page):
    shown = moving.numbers("im2col")
    to(browser, "im2col", "step")
    for step in (1, 2, 3):
        browser.press("ArrowRight")
        assert read(browser, "im2col", ".text[aria-live]") == shown["ways"]["forward"][step]
    browser.press("ArrowLeft")
    assert read(browser, "im2col", ".text") == shown["ways"]["forward"][2]
    browser.press("End")
    cells = """[...document.querySelectorAll('[data-picture="im2col"] .matrix')].filter(
      (box) => box.querySelector('.name').textContent === 'y')[0].querySelector('.cells')"""
    rows = "; ".join(" ".join(say(v) for v in row) for row in shown["y"])
    assert browser.value(f"{cells}.getAttribute('aria-label')") == f"y: {rows}"
    browser.press("Home")
    assert read(browser, "im2col", ".count") == "0 / 10"

    shown = moving.numbers("batch-norm")
    to(browser, "batch-norm", "along x̂")
    browser.press("Enter", "End")
    assert read(browser, "batch-norm", ".text") == shown["cases"]["stretch"]["texts"][-1]
    cells = """document.querySelectorAll('[data-picture="batch-norm"] tr.dx td')"""
    dx = f"[...{cells}].map((td) => td.textContent)"
    assert browser.value(dx) == [say(v) for v in shown["cases"]["stretch"]["dx"]]

    to(browser, "plus", "shortcut")
    browser.press(" ", "End")
    assert read(browser, "plus", ".text") == moving.numbers("plus")["cases"]["no shortcut"]["texts"][-1]

    shown = moving.numbers("five-layers")
    to(browser, "five-layers", "step")
    browser.press(*["ArrowRight"] * 6)
    assert read(browser, "five-layers", ".text") == shown["texts"][6]
    assert f"loss {say(shown['loss'])}" in read(browser, "five-layers", ".loss")
    assert read(browser, "five-layers", ".held").startswith("Numbers kept in caches: 33")

    shown = moving.numbers("shortcuts")
    to(browser, "shortcuts", "factor λ")
    browser.press("ArrowRight")
    at, end = shown["sliders"][0]["start"] + 1, shown["sliders"][1]["start"]
    series = shown["cases"][str(at)][0]
    said = read(browser, "shortcuts", ".read-out[aria-live] p")
    assert f"derived {say(series['derived'][end])}, measured {say(series['measured'][end])}." in said

    folder = page.parent.as_uri()
    assert [url for url in browser.asked if not url.startswith((folder, "about:"))] == []
    assert browser.said == []


@pytest.mark.slow
@needs_chromium
def test_pictures_fit_a_phone_and_stand_still_for_those_who_ask(browser):
    root = "document.documentElement"
    for dark, width in itertools.product((False, True), (1280, 375)):
        browser.size(width, dark=dark, still=True)
        assert browser.value(f"{root}.scrollWidth <= {root}.clientWidth"), (dark, width)
    assert browser.value("document.getAnimations().length") == 0
    assert not browser.value("[...document.querySelectorAll('button')].some((b) => b.textContent === 'Play')")
