"""`minires site`: pages of lessons and of the reference that need nothing from elsewhere, with links."""

import html.parser
import os
import pathlib
import re
import sys
from importlib.util import find_spec

import pytest
from test_lesson_command import FIGURE, script
from test_reader import ASKS

import minires.functional.conv
import minires.init
from minires import cli
from minires.lesson import library
from minires.site import build, execute, public

MISSING = [name for name in build.NEEDED if find_spec(name) is None]
needs_tools = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

MODULES = [minires.init, minires.functional, minires.functional.conv]
DESCRIBED = FIGURE.replace("Figure())", 'Figure(), alt="Nothing is drawn.")')
HALVES = ASKS.replace("\\\\", "\\")
NAMES = """
import minires.functional as F
F.conv2d_forward(np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 1)))
"""


class Page(html.parser.HTMLParser):
    """What stands on a page: [(tags that are open, text)], and its elements' attributes."""

    VOID = {"input", "img", "meta", "link", "br", "hr", "mspace"}

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.elements = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.texts.append(([tag for tag, _ in self.open], data))

    def inside(self, *tags):
        return "".join(text for path, text in self.texts if set(tags) <= set(path))

    def outside(self, *tags):
        return "".join(text for path, text in self.texts if not set(tags) & set(path))


def small_library(patch, lessons):
    """Let a site have these lessons, and of the reference three modules."""
    patch.setattr(library, "folder", lambda: lessons)
    patch.setattr(public, "modules", lambda: MODULES)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for lessons instead of the real ones; the current folder is another."""
    lessons = tmp_path / "lessons"
    lessons.mkdir()
    small_library(monkeypatch, lessons)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIRES_LESSON", raising=False)
    return lessons


def command(capsys, *arguments):
    """Return (exit code, stdout, stderr) of `minires site`."""
    try:
        code = cli.main(["site", *map(str, arguments)])
    except SystemExit as exit:  # how argparse ends
        code = exit.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def error_of(capsys, *arguments, code=2):
    """Return the error of a command that must fail in one line with this exit code."""
    got, _, err = command(capsys, *arguments)
    assert got == code and err.count("\n") == 1 and err.startswith("minires: error: "), (got, err)
    return err.removeprefix("minires: error: ").strip()


# -- what it says to whom it cannot serve --------------------------------------------------------------------


def test_without_the_extra_the_error_says_how_to_get_it(folder, capsys, monkeypatch):
    (folder / "08_relu.py").write_text(script(8, "x = 1"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert 'pip install "minires-learn[site]"' in error_of(capsys, "site")
    assert [path.name for path in pathlib.Path().iterdir()] == ["lessons"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("site", "99"), "lesson 99: does not exist"),
        (("site", "--fast", "--full"), "not allowed with argument"),
        ((), "the following arguments are required: DIR"),
        (("site", "--live"), "--live and --pyodide SOURCE go together; SOURCE is pyodide-0.27.7.tar.bz2"),
        (("site", "--pyodide", "lessons"), "go together"),
        (("site", "--live", "--pyodide", "lessons"), "lessons: is no Pyodide distribution"),
    ],
)
def test_what_makes_no_sense_is_one_line(folder, capsys, arguments, message):
    assert message in error_of(capsys, *arguments)


def test_a_setting_that_does_not_exist_is_the_users_error(folder, capsys, monkeypatch):
    monkeypatch.setenv("MINIRES_LESSON", "slow")
    monkeypatch.setattr(build.notebook, "require", lambda *names, **words: None)
    assert "MINIRES_LESSON: expected one of fast, live, full" in error_of(capsys, "site")
    assert [path.name for path in pathlib.Path().iterdir()] == ["lessons"]


def test_a_site_replaces_no_page_of_somebody_else(folder, capsys, monkeypatch):
    monkeypatch.setattr(build.notebook, "require", lambda *names, **words: None)
    index = pathlib.Path("site/index.html")
    index.parent.mkdir()
    index.write_text("<title>My page</title>")
    assert "index.html is not of minires' site" in error_of(capsys, "site")
    assert index.read_text() == "<title>My page</title>"
    assert "index.html: expected a folder" in error_of(capsys, index)


# -- what is executed ----------------------------------------------------------------------------------------


@pytest.fixture
def without_sphinx(monkeypatch):
    def no_pages(scratch, environment):
        (scratch / "out").mkdir()
        return []

    monkeypatch.setattr(build, "_sphinx", no_pages)


@needs_tools
def test_a_kernel_that_ends_is_a_failure_in_one_line(folder, capsys, without_sphinx):
    (folder / "08_relu_halves.py").write_text(script(8, "import os\nos._exit(1)"))
    assert "lesson 8: Kernel died" in error_of(capsys, "site", code=1)


@needs_tools
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_stops_a_site_and_its_kernel(folder, capsys, without_sphinx):
    stops = (
        "import os, pathlib, signal, time",
        f"pathlib.Path({str(folder / 'pid')!r}).write_text(str(os.getpid()))",
        "os.kill(os.getppid(), signal.SIGINT)",
        "time.sleep(60)",
    )
    (folder / "08_relu_halves.py").write_text(script(8, "\n".join(stops)))
    code, out, err = command(capsys, "site")
    assert code == 130 and "FAILED" not in out and err == "stopped\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)


@needs_tools
def test_what_has_not_changed_is_not_executed_again(folder, capsys, monkeypatch, without_sphinx):
    (folder / "08_relu_halves.py").write_text(script(8, "x = 1"))
    runs, run = [], execute.run
    monkeypatch.setattr(execute, "run", lambda *given: runs.append(given[1].number) or run(*given))
    for arguments in (("--fast",), ("--fast",), ()):
        assert command(capsys, "site", "--work", "work", *arguments)[0] == 0
    assert runs == [8, 8]  # with --fast, and without it
    (folder / "08_relu_halves.py").write_text(script(8, "x = 2"))
    assert command(capsys, "site", "--work", "work")[0] == 0
    assert runs == [8, 8, 8]


# -- formulas ------------------------------------------------------------------------------------------------


def test_every_formula_of_the_lessons_can_be_set():
    pytest.importorskip("latex2mathml")
    from minires.site import mathml

    formula = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?!\$)(.+?)(?<!\\)\$", re.DOTALL)
    for lesson in library.lessons():
        text = "\n\n".join(cell.source for cell in lesson.cells if cell.is_text)
        for block, inline in formula.findall(re.sub(r"`[^`]*`", "", text)):
            assert mathml.convert(block or inline, "block" if block else "inline").startswith("<math")


def test_a_formula_that_cannot_be_set_is_named():
    pytest.importorskip("latex2mathml")
    from minires.site import mathml

    with pytest.raises(ValueError, match=r"cannot set \\nonsense in the formula \\nonsense"):
        mathml.convert(r"\nonsense{x}", "inline")


# -- the pages -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site of three lessons, one of which fails, three modules and a page: (its folder, its errors)."""
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)}")
    home = tmp_path_factory.mktemp("site")
    lessons = home / "lessons"
    (lessons / "pages").mkdir(parents=True)
    (lessons / "02_fails.py").write_text(script(2, f"{DESCRIBED}x = 1\nassert x > 1", "Fails"), "utf-8")
    (lessons / "05_names.py").write_text(script(5, f"import numpy as np{NAMES}", "Names"), "utf-8")
    (lessons / "08_relu_halves.py").write_text(HALVES.replace("Why?", "Why does lesson 5 say so?"), "utf-8")
    (lessons / "pages" / "speed.md").write_text(
        "# Speed\n\nLessons 2 and 5 say why, and `F.conv2d_forward`; see arXiv:1512.03385. "
        "[The lesson](../05_names.py), [a module](../../minires/init.py) and [no page](../../setup.cfg).\n",
        "utf-8",
    )
    for name in ("moving-pictures", "first-gradient-check"):  # to which the index leads
        (lessons / "pages" / f"{name}.md").write_text(f"# {name}\n", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        small_library(patch, lessons)
        errors = build.build(library.lessons(), home / "site", setting="fast", report=lambda line: None)
    return home / "site", [str(error) for error in errors]


@pytest.fixture(scope="module")
def page(site):
    """The page of the lesson that asks everything: its article."""
    text = (site[0] / "lessons" / "08_relu_halves.html").read_text(encoding="utf-8")
    return Page(re.search(r"<article.*?</article>", text, re.DOTALL)[0])


def test_a_site_goes_on_after_a_failure_and_sphinx_has_no_complaint(site):
    folder, errors = site
    assert errors == ["lesson 2: the claim does not hold: x > 1"]
    failed = (folder / "lessons" / "02_fails.html").read_text(encoding="utf-8")
    assert "lesson 2: the claim does not hold: x &gt; 1" in failed
    assert re.search(r'<img alt="Nothing is drawn." src="../_images/', failed)
    assert "setting fast" not in failed and (folder / "lessons" / "05_names.html").exists()


def test_pages_need_nothing_from_elsewhere(site):
    for path in site[0].rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r'(?:src=|<link[^>]* href=)"(?:https?:)?//[^"]*', text) == [], path
        assert 'name="viewport"' in text
    for path in site[0].rglob("*.css"):
        fetched = re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)]*", path.read_text("utf-8"))
        assert fetched == [], path


def test_every_link_leads_somewhere(site):
    pages = {path.resolve(): path.read_text(encoding="utf-8") for path in site[0].rglob("*.html")}
    for path, text in pages.items():
        ids = set(re.findall(r'\bid="([^"]+)"', text))
        for link in re.findall(r'<a [^>]*href="([^"]+)"', text):
            if re.match(r"https?:|mailto:", link):
                continue
            name, _, place = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            assert target.exists(), f"{path.name}: {link}"
            if place and target in pages:
                inside = ids if target == path else set(re.findall(r'\bid="([^"]+)"', pages[target]))
                assert place in inside, f"{path.name}: {link}"


def test_lessons_papers_and_names_are_links_both_ways(site):
    folder = site[0]
    page = (folder / "pages" / "speed.html").read_text(encoding="utf-8")
    assert re.search(r'href="../lessons/02_fails.html">Lessons 2</a> and <a[^>]*05_names.html">5</a>', page)
    assert 'href="https://arxiv.org/abs/1512.03385">arXiv:1512.03385</a>' in page
    place = "api/minires.functional.conv.html#minires.functional.conv.conv2d_forward"
    assert f'href="../{place}"><code' in page and ">no page" not in page and "no page." in page
    assert re.search(r'href="../lessons/05_names.html"><span[^>]*>The lesson', page)
    assert 'href="../api/minires.init.html"' in page
    assert f'href="../{place}" title="minires.functional.conv.conv2d_forward"' in (
        folder / "lessons" / "05_names.html"
    ).read_text(encoding="utf-8")
    reference = (folder / "api" / "minires.functional.conv.html").read_text(encoding="utf-8")
    assert (
        'Used in <a class="reference internal" href="../lessons/05_names.html">lesson 5</a></p>' in reference
    )
    assert "_modules/minires/functional/conv.html" in reference
    assert (
        "05_names.html"
        in (folder / "lessons" / "08_relu_halves.html").read_text("utf-8").split("<article")[1]
    )


def test_formulas_are_mathml(page):
    assert sum(tag == "math" for tag, _ in page.elements) >= 3
    assert "$" not in page.outside("code", "pre") and "\\tfrac" not in page.outside("code", "pre")


def test_every_field_of_a_page_has_its_label_and_ids_are_different(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    fields = [attributes for tag, attributes in page.elements if tag == "input"]
    assert len(fields) == 3  # two numbers and the switch of the code, which stands in its label
    assert [field["id"] for field in fields if "aria-labelledby" not in field] == ["show-code"]
    for _, attributes in page.elements:
        for name in ("aria-describedby", "aria-labelledby"):
            assert attributes.get(name, ids[0]) in ids
    assert "powers of two" in page.outside("details")


def test_what_came_out_is_behind_reveal(page):
    reveals = re.split("Reveal", page.inside("details"))[1:]
    assert "derived0.5measured0.4987" in reveals[0].replace("\n", "") and "a factor of 2" in reveals[0]
    assert "derived-21" in reveals[1] and "measured" not in reveals[1].split("Near")[0]
    assert "within 2 powers of two" in reveals[1]


def test_a_page_gives_no_quiz_away(page):
    everything = "".join(text for _, text in page.texts)
    assert "lesson.quiz" not in everything and "lesson.predict" not in everything
    assert "lesson.score" not in everything and "the right one" in page.inside("summary")
    for said in ("Yes: it is <so>.", "No: a mistake"):
        assert everything.count(said) == page.inside("details").count(said) == 1
        assert said not in page.inside("summary")


def test_code_and_answers_fold_and_results_do_not(page):
    assert page.inside("details", "pre").count("TRUTH") == 3 and "TRUTH" not in page.outside("details")
    assert "0.4987" in page.outside("details")
    heads = [attributes.get("scope") for tag, attributes in page.elements if tag == "th"]
    assert heads == ["col"] * 3 + ["row"] * 2  # the column of predictions is blank, and left out
    assert "Show the answers" in page.inside("details", "summary")
    assert "To try." in page.inside("details") and "To try." not in page.outside("details")
    assert "Answers" in page.inside("h2")
    opened = [attributes for tag, attributes in page.elements if tag == "details" and "open" in attributes]
    assert [attributes["class"].split()[0] for attributes in opened] == ["code"] * 3


def test_a_page_shows_no_empty_output_and_ties_punctuation_to_its_formula(page):
    shown = [(attributes.get("class") or "").split() for _, attributes in page.elements]
    assert sum("stream" in names for names in shown) == 0  # the lesson prints a blank line
    assert sum("tied" in names for names in shown) == 3  # "½?", "bᵢ?" and "x²."


def test_headings_of_a_page_go_down_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))
