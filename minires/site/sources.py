"""The Sphinx sources of the site: lessons as executed notebooks, exercises, the reference, pages.

Everything ends in one folder, from which Sphinx builds:

    index.md               site/index.md
    lessons/               README.md as index.md, a notebook for each lesson, images
    exercises/             README.md as index.md, a page for each exercise
    pages/                 lessons/pages as they are
    api/                   a page for each public module
"""

import json
import pathlib
import posixpath
import re
import shutil

from minires.lesson import library, markdown
from minires.site import execute, public

INDEX = pathlib.Path(__file__).with_name("index.md")
LINK = re.compile(r"(!?)\[((?:[^][]|\[[^][]*\])+)\]\(([^)\s]+)\)")
SUFFIXES = {"lessons": ".ipynb", "api": ".rst"}  # of what is made of Python files, exercises apart
FIGURES = "figures.json"  # what the figures of the lessons show, in words
# Said on the page of the lessons, below its title.
READING = """\
On these pages, write your number into the field before you open "Reveal"; each answer of a quiz opens to what
is right or wrong with it. What a lesson's code printed stands below it, as it was when these pages were made.
"""
FIRST = ("first-gradient-check", "moving-pictures", "moving-")  # pages, by the beginnings of their names
ASKS = "~~~~~~{{asks}}\n{}\n~~~~~~"


def write(lessons, folder, *, setting, cache, report):
    """Write the sources of a site with these lessons into an empty folder; return the LessonErrors.

    setting, cache: see `execute.executed`; report: is called with a line for each lesson.
    """
    documents = _documents(lessons)
    root = library.folder()
    errors, figures = [], {}
    for lesson in lessons:
        sheet, results, error = execute.executed(lesson, setting=setting, cache=cache)
        figures |= execute.figures(sheet)
        _write(folder / f"{documents[lesson.path.name]}.ipynb", _notebook(sheet, results, error))
        report(f"{lesson.number:2}  {_plain(lesson.title)}  {'FAILED' if error else 'ok'}")
        errors += [error] if error else []
    _write(folder / FIGURES, json.dumps(figures))
    for source, document in documents.items():
        if source.endswith(".md"):
            text = _relinked(_read(root / source), source, documents)
            if source == "README.md":
                text = re.sub(r"(?m)^(# .*\n)", rf"\1\n{READING}", text, count=1)
            _write(folder / f"{document}.md", text)
    if (root / "images").is_dir():
        shutil.copytree(root / "images", folder / "lessons" / "images")
    _write_contents(folder, documents)
    _write_exercises(folder, documents)
    _write_api(folder)
    _write(folder / "index.md", _read(INDEX))
    return errors


def _documents(lessons):
    """Return {source in the folder of the lessons: document of the site, without its suffix}."""
    root = library.folder()
    documents = {lesson.path.name: f"lessons/{lesson.path.stem}" for lesson in lessons}
    pages = sorted((root / "pages").glob("*.md"))
    documents |= {f"pages/{path.name}": f"pages/{path.stem}" for path in pages}
    for source, document in (("README.md", "lessons/index"), ("exercises/README.md", "exercises/index")):
        if (root / source).exists():
            documents[source] = document
    if (root / "exercises").is_dir():
        exercises = sorted((root / "exercises").glob("ex*.py"))
        documents |= {f"exercises/{path.name}": f"exercises/{path.stem}" for path in exercises}
    return documents


def _read(path):
    return path.read_text(encoding="utf-8")


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _plain(text):
    return markdown.inline(text).replace(markdown.TIE, " ")


# -- lessons -------------------------------------------------------------------------------------------------


def _notebook(sheet, results, error):
    """Return an executed notebook as JSON, with a directive in the place of each question."""
    import nbformat
    from nbformat.v4 import new_markdown_cell

    cells = []
    for cell in sheet.cells:
        if "minires" in cell.metadata:
            shown = [output.get("metadata", {}).get("minires", {}) for output in cell.outputs]
            cells += [new_markdown_cell(_asks(asked, results)) for asked in shown if asked]
        else:
            if cell.cell_type == "code":  # a printed blank line set two tables apart
                cell.outputs = [output for output in cell.outputs if output.get("text", "something").strip()]
            cells.append(cell)
    if error:
        said = new_markdown_cell(f"~~~~~~{{error}} The lesson ends early\n{error}\n~~~~~~")
        cells.insert(1, said)
    cells[1:1] = [new_markdown_cell("```{show-code}\n```")]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    sheet.cells = cells
    sheet.metadata["language_info"] = {"name": "python", "pygments_lexer": "python"}
    return nbformat.writes(sheet)


def _asks(asked, results):
    """Return the directive of a prediction or a quiz. asked: as `lesson.predict` and `lesson.quiz` say it."""
    if "predict" in asked:
        found = results.get(asked["predict"]["question"]) or {}
        return ASKS.format(json.dumps({"kind": "predict", **asked["predict"], **found}))
    return ASKS.format(json.dumps({"kind": "quiz", **asked["quiz"]}))


# -- Markdown ------------------------------------------------------------------------------------------------


def _relinked(text, source, documents):
    """Return a Markdown page whose links lead to documents of the site; a link to what is none is its text.

    source: of the page, in the folder of the lessons; documents: see `_documents`.
    """
    here = documents[source]

    def link(match):
        is_image, text, target, mark, heading = match[1], match[2], *match[3].partition("#")
        if not target or ":" in target:
            return match[0]
        path = posixpath.normpath(posixpath.join("lessons", posixpath.dirname(source), target))
        if is_image:
            return f"![{text}](/{path})"
        to = documents.get(path.removeprefix("lessons/")) or _module_page(path)
        if not to:
            return text
        relative = posixpath.relpath(to, posixpath.dirname(here) or ".")
        suffix = SUFFIXES.get(to.partition("/")[0] if target.endswith(".py") else "", ".md")
        return f"[{text}]({relative}{suffix}{mark}{heading})"

    return LINK.sub(link, text)


def _module_page(path):
    """Return the document of a source file of the package, such as minires/layers/conv.py, or None."""
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return f"api/{name}" if name in {module.__name__ for module in public.modules()} else None


def _toctree(documents, *options):
    return "\n".join(["```{toctree}", *options, "", *documents, "```", ""])


def _write_contents(folder, documents):
    """Append the list of their documents to the pages that begin a part of the site."""
    for part, title in (("lessons", "The lessons"), ("exercises", "The exercises"), ("pages", "More")):
        index = folder / part / "index.md"
        inside = [name for name in documents.values() if posixpath.dirname(name) == part]
        names = [posixpath.basename(name) for name in inside if name != f"{part}/index"]
        names.sort(key=lambda name: [not name.startswith(first) for first in FIRST])
        text = _read(index) if index.exists() else f"# {title}\n"
        hidden = (":hidden:",) if index.exists() else ()
        _write(index, f"{text}\n{_toctree(names, *hidden)}")


# -- exercises -----------------------------------------------------------------------------------------------


def _write_exercises(folder, documents):
    from minires.course import exercise  # the course stands on another floor where there are no exercises

    if not any(name.startswith("exercises/ex") for name in documents):
        return
    for each in exercise.exercises():
        _write(folder / "exercises" / f"{each.module}.md", _exercise(each))


def _exercise(each):
    """Return the page of an exercise: its text, the file that a student fills in, hints to open."""
    text = each.text.partition("\n")[2].strip()
    points = f"{each.points} point{'s' if each.points > 1 else ''}"
    lines = [
        f"# Exercise {each.number}: {each.title}",
        f"*{points}. It belongs to lesson {each.lesson}.*",
        text,
        "## The file to fill in",
        f"`minires exercise start {each.assignment}` writes it for you, as `{each.module}.py`; "
        f"`minires exercise check {each.number}` says what is right and names a mistake.",
        f"```python\n{_without_docstring(each.starter)}\n```",
        "## Hints",
    ]
    for part in each.parts:
        lines.append(f"### `{part.name}`")
        names = ("The idea", "The formula", "The last step")
        lines += [f"```{{details}} {n}\n{hint}\n```" for n, hint in zip(names, part.hints, strict=False)]
    return "\n\n".join(lines) + "\n"


def _without_docstring(source):
    """Return a source without the text at its head, which the page has said already."""
    return source.split('"""', 2)[2].strip() if source.startswith('"""') else source.strip()


# -- the reference -------------------------------------------------------------------------------------------


def _write_api(folder):
    modules = {module.__name__: module for module in public.modules()}
    tops = [name for name in modules if name.count(".") == 1]
    lines = [
        "# The library",
        "What `import minires` offers, module by module.",
        "",
        "| module | what it is |",
    ]
    lines += ["| --- | --- |", *(f"| [`{n}`]({n}.rst) | {_sentence(modules[n])} |" for n in tops), ""]
    _write(folder / "api" / "index.md", "\n".join(lines) + "\n" + _toctree(tops, ":hidden:"))
    for name, module in modules.items():
        inside = [other for other in modules if other.startswith(f"{name}.")]
        _write(folder / "api" / f"{name}.rst", _module(name, module, inside))


def _module(name, module, inside):
    """Return the page of a module in reStructuredText, as docstrings are. inside: a package's modules."""
    own = ", ".join(short for short, _ in public.defined_in(module))
    lines = [name, "=" * len(name), "", f".. automodule:: {name}"]
    lines += [f"   :members: {own}", ""] if own else [""]
    if inside:
        offered = sorted(public.offered_by(module), key=lambda pair: pair[0].lower())
        offered = [pair for pair in offered if pair[1].__module__ in inside]
        lines += [".. rubric:: What it offers", "", ".. list-table::", "   :widths: auto", ""]
        for short, value in offered:
            target = f"{value.__module__}.{value.__qualname__}"
            lines += [f"   * - :py:obj:`{short} <{target}>`", f"     - {_sentence(value)}"]
        if not offered:
            lines = lines[:-5]
        lines += ["", ".. rubric:: Its modules", "", ".. toctree::", "   :maxdepth: 1", ""]
        lines += [f"   {other}" for other in inside]
    return "\n".join(lines) + "\n"


def _sentence(value):
    """Return the first sentence of a docstring, in one line."""
    text = " ".join((value.__doc__ or "").strip().partition("\n\n")[0].split()).rstrip(":")
    return re.split(r"(?<=\.)\s", text)[0]
