"""Which pages of a finished site can run, and the two lines that make them."""

import html
import os
import re

PROGRAM = re.compile(r'class="[^"]*\blive-program\b')  # what a page of text may contain
MARK = "<!-- live -->"
HEAD = """\
{mark}<link rel="stylesheet" href="{live}/live.css">
<script defer src="{live}/live.js" data-{kind}="{name}"></script>
"""


def make_live(folder, kinds, *, live):
    """Put the scripts into every page that is a lesson's or an exercise's or contains a program; return these
    pages, in order.

    kinds: {stem of a page: "lesson" or "exercise"}; live: the folder, in the site's, with what the scripts
    fetch.
    """
    found = []
    for path in sorted(folder.rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        kind = kinds.get(path.stem) if path.parent.name in ("lessons", "exercises") else None
        kind = kind or ("page" if PROGRAM.search(page) else None)
        if kind and "</head>" in page:
            found.append(path)
            if MARK not in page:
                place = html.escape(os.path.relpath(folder / live, path.parent).replace(os.sep, "/"))
                lines = HEAD.format(mark=MARK, live=place, kind=kind, name=path.stem)
                path.write_text(page.replace("</head>", f"{lines}</head>", 1), encoding="utf-8")
    return found
