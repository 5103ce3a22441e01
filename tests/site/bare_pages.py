"""A site without a builder: pages that hold what live.js looks for, as Sphinx and MyST-NB write it."""

import html

from minires.course import exercise
from minires.lesson import asking, library

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>pre {{ overflow-x: auto }}</style></head>
<body><article>{body}</article></body></html>
"""
CELL = """<div class="cell docutils container"><details class="code" open><summary>Code</summary>
<div class="cell_input docutils container"><div class="highlight-python notranslate"><div class="highlight">
<pre>{source}
</pre></div></div></div></details><div class="cell_output docutils container">what the builder ran</div></div>
"""
ASKS = '<div class="asks docutils container"><p>{head}</p>{field}</div>\n'
FILE = """<section id="the-file-to-fill-in"><div class="highlight-python notranslate">
<div class="highlight"><pre>{source}</pre></div></div></section>"""
PROGRAM = (
    '<div class="live-program" id="p{i}"><div class="highlight-python"><pre>{source}\n</pre></div></div>'
)


def write(folder, *, lessons=(), exercises=(), programs=()):
    """Write pages of lessons (numbers), of exercises (such as "1.1"), and one with programs (sources)."""
    for number in lessons:
        found = library.find(number)
        _write(folder / "lessons" / f"{found.path.stem}.html", found.title, _lesson(found))
    for number in exercises:
        found = exercise.find(number)
        source = found.starter.split('"""', 2)[2].strip()
        _write(
            folder / "exercises" / f"{found.module}.html",
            found.title,
            FILE.format(source=html.escape(source)),
        )
    body = "".join(PROGRAM.format(i=i, source=html.escape(source)) for i, source in enumerate(programs))
    _write(folder / "pages" / "programs.html", "Programs", body)


def _lesson(lesson):
    parts = []
    for cell in lesson.cells:
        for kind, source, _ in () if cell.is_text else asking.parts(cell.source):
            if kind is None:
                parts.append(CELL.format(source=html.escape(source)))
            elif kind != "score":
                field = "<input>" if kind == "predict" else "<details><summary>a)</summary></details>"
                parts += [ASKS.format(head=kind, field=field)] * source.count("lesson.")
    return "".join(parts)


def _write(path, title, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PAGE.format(title=html.escape(title), body=body), encoding="utf-8")
