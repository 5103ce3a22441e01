"""Which pages of a finished site can run, and the two lines that make them."""

import html
import os
import re

LIVE = re.compile(r'class="[^"]*\blive-program\b|\bdata-live-exercise="')  # what a page of text may contain
MARK = "<!-- live -->"
HEAD = """\
{mark}<link rel="stylesheet" href="{live}/live.css">
<script defer src="{live}/live.js"{lesson}></script>
"""


def make_live(folder, lessons, *, live="live"):
    """Put the scripts into every page that is a lesson's or contains a program or an exercise; return these
    pages, in order.

    lessons: the stems of the lessons' files, which are also those of their pages; live: the folder, in the
    site's, with what the scripts fetch.
    """
    found = []
    for path in sorted(folder.rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        is_lesson = path.stem in lessons
        if (is_lesson or LIVE.search(page)) and "</head>" in page:
            found.append(path)
            if MARK not in page:
                lines = HEAD.format(
                    mark=MARK,
                    live=html.escape(os.path.relpath(folder / live, path.parent).replace(os.sep, "/")),
                    lesson=f' data-lesson="{path.stem}"' if is_lesson else "",
                )
                path.write_text(page.replace("</head>", f"{lines}</head>", 1), encoding="utf-8")
    return found
