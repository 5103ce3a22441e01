"""Lessons, executed, as a web site of plain files: no server, no scripts, nothing fetched from elsewhere.

Formulas become MathML, which browsers set themselves.
"""

import asyncio
import html
import json
import pathlib
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

from minires.lesson import asking, markdown, notebook, questions
from minires.lesson.library import Cell
from minires.lesson.run import LessonError, asserted, environment_of

NEEDED = ("jupytext", "nbconvert", "nbclient", "ipykernel", "latex2mathml")

LIMITS = {"msub": "munder", "msubsup": "munderover"}  # where a displayed sum has them
FUNCTIONS = ("max", "min", "log", "exp", "ln", "sin", "cos", "tanh", "arg", "Var", "Cov")

STYLES = ("default", "github-dark")  # of code, by day and by night
TITLE = "minires: the lessons"  # of the index
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="style.css">
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
<header><a href="index.html">minires: the lessons</a>{control}</header>
<div class="page">
<nav class="contents" aria-label="Lessons"><ol>{contents}</ol></nav>
<main id="main">
{body}
</main>
</div>
</body>
</html>
"""
CONTROL = '<label><input type="checkbox" id="show-code" checked> Show code</label>'
CELL = """\
{%- extends "index.html.j2" -%}
{%- block input_group -%}
{%- set lines = cell.source.count("\\n") + 1 -%}
<details class="code" open>
<summary>Code, {{ lines }} line{{ "s" if lines > 1 }}</summary>
{{ super() }}
</details>
{%- endblock -%}
"""
PUNCTUATED = re.compile(r'(<math display="inline">(?:(?!</math>).)*</math>[.,;:!?)]+)', re.DOTALL)
RESULTS = "from minires.lesson import reader\nprint(reader.results())"  # what became of the predictions


def build(lessons, folder, *, setting=None, report=print):
    """Execute lessons and write their pages and an index into a folder; return the LessonErrors of those
    that failed, whose pages end where they did.

    report: is called with a line for each lesson. Raises ValueError if a package is missing, or if the folder
    is that of another site.
    """
    notebook.require(*NEEDED)
    environment = {**environment_of(setting), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    folder = pathlib.Path(folder)
    notebook.make_folder(folder)
    index = folder / "index.html"
    if index.exists() and f"<title>{TITLE}</title>" not in index.read_text("utf-8", "replace"):
        raise ValueError(f"{index} is not the lessons': name another folder, or delete it")
    (folder / "style.css").write_text(_style(), encoding="utf-8")
    index.write_text(_index(lessons), encoding="utf-8")
    errors = []
    for i, lesson in enumerate(lessons):
        body, error = _body(lesson, environment)
        before, after = lessons[i - 1 : i] if i else [], lessons[i + 1 : i + 2]
        page = _page(f"{lesson.number}. {_plain(lesson)}", body + _turn(before, after), lessons, lesson)
        (folder / _name(lesson)).write_text(page, encoding="utf-8")
        report(f"{lesson.number:2}  {_plain(lesson)}  {'FAILED' if error else 'ok'}")
        errors += [error] if error else []
    return errors


def _body(lesson, environment):
    """Return what a lesson's page says, and the LessonError, if any, with which it then begins."""
    from nbformat.v4 import new_code_cell

    executed = notebook.convert(lesson, fold=False)
    executed.cells.append(new_code_cell(RESULTS))
    error, body = execute(executed, lesson, environment), ""
    outputs = executed.cells.pop().outputs
    results = json.loads("".join(output.text for output in outputs)) if outputs and not error else {}
    try:
        body = to_html(executed, lesson, results)
    except LessonError as unset:
        error = error or unset
    if error:
        body = f'<p class="failed">{html.escape(str(error))}</p>\n{body}'
    return body, error


def execute(executed, lesson, environment):
    """Execute a notebook in place; return a LessonError if it does not run to its end, else None."""
    from nbclient.exceptions import CellExecutionError

    try:
        with tempfile.TemporaryDirectory() as empty:
            _execute(executed, cwd=empty, env=environment)
    except CellExecutionError as error:
        return _error_of(error, executed, lesson)
    except RuntimeError as error:
        return LessonError(f"lesson {lesson.number}: {error}; was there enough memory?")
    return None


def _execute(executed, **options):
    """Execute a notebook in a kernel of its own, which does not outlive it, at Ctrl-C neither."""
    from jupyter_client import AsyncKernelManager
    from nbclient import NotebookClient

    kernel = AsyncKernelManager(kernel_name="python3")
    client = NotebookClient(executed, km=kernel, timeout=None)
    arguments = ["--log-level=ERROR", "--HistoryManager.hist_file=:memory:"]
    options |= {"extra_arguments": arguments, "stdout": subprocess.DEVNULL}
    try:
        asyncio.run(kernel.start_kernel(**options))
        with ThreadPoolExecutor(max_workers=1) as thread:  # in the main one nbclient handles Ctrl-C, badly
            try:
                thread.submit(client.execute).result()
            finally:
                asyncio.run(kernel.shutdown_kernel(now=True))
    finally:
        client.km = kernel  # nbclient forgets one that did not start, and misses it when Python exits


def _error_of(error, executed, lesson):
    """Return what a kernel reported as a LessonError that says the same as in the terminal."""
    said = " ".join(_without_escapes(error.evalue).split())
    if error.ename != "AssertionError":
        return LessonError(f"lesson {lesson.number}: {error.ename}: {said}")
    arrow = re.search(r"^-+> *(\d+) ", _without_escapes(error.traceback), re.MULTILINE)
    failed = [
        cell for cell in executed.cells if any(o.output_type == "error" for o in cell.get("outputs", ()))
    ]
    if not said and arrow and failed:
        said = asserted(Cell(False, failed[-1].source, 1), int(arrow[1]))
    return LessonError(f"lesson {lesson.number}: the claim does not hold: {said}")


def _without_escapes(text):
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def to_html(executed, lesson, results):
    """Return the cells of an executed notebook as HTML, figures and all.

    results: of `reader.results`, parsed, for what its reader is asked to predict.
    """
    from nbconvert import HTMLExporter

    render = _renderer(lesson)
    _set_questions(executed, results, render)
    _without_blank_output(executed)
    exporter = HTMLExporter(
        template_name="basic",
        raw_template=CELL,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        embed_images=True,
    )
    exporter.register_filter("markdown2html", lambda text: _with_answers_folded(text, render))
    return exporter.from_notebook_node(executed)[0]


def _set_questions(executed, results, render):
    """Put what is asked, as HTML, in place of the cells that ask."""

    def set_text(text):
        return render(text).strip().removeprefix("<p>").removesuffix("</p>")

    cells = [cell for cell in executed.cells if cell.cell_type == "code" and "minires" in cell.metadata]
    for cell in cells:
        cell.metadata["transient"] = {"remove_source": True}
    for number, output in enumerate((output for cell in cells for output in cell.outputs), start=1):
        asked = output.get("metadata", {}).get("minires", {})
        if "predict" in asked:
            found = results.get(asked["predict"]["question"])
            output.data = {"text/html": questions.prediction(asked["predict"], found, number, set_text)}
        elif "quiz" in asked:
            output.data = {"text/html": questions.quiz(asked["quiz"], number, set_text)}


def _without_blank_output(executed):
    """Leave out what code printed to set two tables apart: on a page they are apart."""
    for cell in executed.cells:
        kept = [output for output in cell.get("outputs", ()) if output.get("text", "something").strip()]
        if cell.cell_type == "code":
            cell.outputs = kept


def _with_answers_folded(text, render):
    if not asking.is_answers(text):
        return render(text)
    heading = asking.ANSWERS.match(text)[0]
    return questions.answers(render(heading).strip(), render(asking.without_heading(text)))


def _renderer(lesson):
    """Return a function from a cell's Markdown to HTML in which formulas are MathML."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        def block_math(self, body):
            return f'<span class="formula">{_mathml(body, "block", lesson)}</span>'

        def inline_math(self, body):
            return _mathml(body, "inline", lesson)

        def latex_environment(self, name, body):
            return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

        def inline_html(self, html):  # text such as <b> is meant
            return self.text(html)

        def block_html(self, html):
            return self.paragraph(self.text(html.strip()))

        def table(self, text):
            return f'<div class="table"><table>{text}</table></div>'

    renderer = Renderer(embed_images=True, exclude_anchor_links=True, path=str(lesson.path.parent))
    markdown_with_math = MarkdownWithMath(renderer=renderer)
    return lambda text: PUNCTUATED.sub(r'<span class="tied">\1</span>', markdown_with_math.render(text))


def _mathml(latex, display, lesson):
    """Return a formula as MathML. Raises LessonError if it has a command that is not known."""
    from latex2mathml.converter import convert

    latex = re.sub(r"\\(begin|end)\{(?:aligned|split)\}(\[[tcb]\])?", r"\\\1{align*}", latex.strip())
    try:
        formula = ElementTree.fromstring(convert(latex, display=display, xmlns=""))
    except Exception as error:  # of many kinds, and all mean the same
        raise LessonError(f"lesson {lesson.number}: cannot set the formula {latex}: {error!r}") from error
    for element in formula.iter():
        if re.match(r"\\\w", element.text or ""):
            raise LessonError(f"lesson {lesson.number}: cannot set {element.text} in the formula {latex}")
        if display == "block" and element.tag in LIMITS and element[0].text in ("∑", "∏"):
            element.tag = LIMITS[element.tag]
    for row in list(formula.iter()):
        _space(list(row))
        if len(row) and "minsize" in row[0].attrib and row.tag in ("msup", "msub", "msubsup"):
            grows = ElementTree.Element("mrow")  # browsers let a bracket grow in a row only
            grows.append(row[0])
            row[0] = grows
    return ElementTree.tostring(formula, encoding="unicode")


def _space(row):
    """Set functions and slashes in a row of a formula as TeX does, not as signs between two terms."""
    for element, after in zip(row, [*row[1:], None], strict=False):
        if element.text in FUNCTIONS:
            element.tag = "mo"
            bare = after is None or after.text in ("(", "[")
            element.attrib |= {"lspace": "0.17em", "rspace": "0" if bare else "0.17em"}
        if element.text in ("/", "∂", "∇", "′"):
            element.attrib |= {"lspace": "0", "rspace": "0"}
        if "minsize" in element.attrib:  # \big( and its like
            element.attrib |= {"stretchy": "true", "symmetric": "true", "lspace": "0", "rspace": "0"}
        if len(element) == 1 and element[0].text == ",":  # {,} groups digits
            element[0].attrib |= {"lspace": "0", "rspace": "0"}


def _style():
    from pygments.formatters import HtmlFormatter

    own = pathlib.Path(__file__).with_name("site.css").read_text(encoding="utf-8")
    light, dark = (HtmlFormatter(style=name).get_style_defs(".highlight") for name in STYLES)
    return f"{own}\n{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _index(lessons):
    items = "\n".join(
        f'<li><div class="head"><a href="{_name(lesson)}">{lesson.number}. {_escaped(lesson.title)}</a>'
        f'<span class="time">{_escaped(lesson.time)}</span></div>{_escaped(lesson.question)}</li>'
        for lesson in lessons
    )
    intro = (
        "Each lesson asks a question, lets you predict the answer as a number, derives it, and measures it. "
        "Write your number into the field before you open “Reveal”; each answer of a quiz opens to what is "
        "right or wrong with it. "
        "These pages show what its code printed when they were made; on your machine "
        "<code>minires lesson 8</code> opens lesson 8 as a notebook, and <code>minires lesson 8 --run</code> "
        "steps through it in the terminal."
    )
    sources = (
        "Of their sources, <em>lecture 6</em> is a course's lecture on deep residual networks, built on "
        "slides of Kaiming He; <em>the ResNet lecture</em> a seminar lecture of that title; <em>the ICML "
        "2016 tutorial</em> Kaiming He's “Deep residual networks: deep learning gets way deeper”; "
        "<em>lecture 9</em> a course's lecture on CNN architectures, from AlexNet to ResNet."
    )
    body = f'<h1>The lessons</h1>\n<p>{intro}</p>\n<ul class="index">{items}</ul>\n<p>{sources}</p>'
    return _page(TITLE, body)


def _page(title, body, lessons=(), this=None):
    contents = "\n".join(
        f'<li><a href="{_name(lesson)}"{" aria-current=page" if lesson is this else ""}>'
        f"{lesson.number}. {_escaped(lesson.title)}</a></li>"
        for lesson in lessons
    )
    return PAGE.format(
        title=html.escape(title), contents=contents, body=body, control=CONTROL if this else ""
    )


def _turn(before, after):
    links = [f'<a class="before" href="{_name(b)}">← {b.number}. {_escaped(b.title)}</a>' for b in before]
    links += [f'<a class="after" href="{_name(a)}">{a.number}. {_escaped(a.title)} →</a>' for a in after]
    return f'\n<nav class="turn" aria-label="Previous and next">{"".join(links)}</nav>'


def _name(lesson):
    return f"{lesson.path.stem}.html"


def _plain(lesson):
    return markdown.inline(lesson.title).replace(markdown.TIE, " ")


def _escaped(text):
    return html.escape(markdown.inline(text).replace(markdown.TIE, " "))
