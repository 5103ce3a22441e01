"""A student's report as one HTML page, which needs no other file and no network."""

from html import escape

from minires.course.grade import reports

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """\
:root { color-scheme: light dark; --ink: #1c1f23; --faint: #5c6670; --line: #dde1e6; --paper: #fff;
  --code: #f1f3f6; --right: #1a7f37; --wrong: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe3e8; --faint: #9aa4ae; --line: #363c44; --paper: #15181c; --code: #232930;
    --right: #56d364; --wrong: #ff8a80; }
}
body { margin: 0 auto; padding: 1rem; max-width: 44rem; color: var(--ink); background: var(--paper);
  font: 17px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0 0; }
h2 { font-size: 1.15rem; line-height: 1.3; margin: 2rem 0 0; }
h1, h2, p, li, td { overflow-wrap: anywhere; }
.title { margin: 0.2rem 0 1.2rem; color: var(--faint); }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 0.35rem 0.8rem 0.35rem 0; border-bottom: 1px solid var(--line); text-align: left; }
th:last-child, td:last-child { padding-right: 0; text-align: right; white-space: nowrap; }
td:last-child { font-variant-numeric: tabular-nums; }
.right td:last-child { color: var(--right); }
.wrong td:last-child { color: var(--wrong); }
code { padding: 0.1em 0.3em; border-radius: 3px; background: var(--code); font-size: 0.86em;
  font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
"""


def report(entry, title):
    """Return the page. entry: of the gradebook; title: of the assignment."""
    head = f"{entry.student}: {reports.score(entry)}"
    parts = [f"<h1>{escape(head)}</h1>", f'<p class="title">{escape(title)}</p>', *_table(entry.rows)]
    parts += (
        ["<ul>", *(f"<li>{escape(each)}</li>" for each in entry.remarks), "</ul>"] if entry.remarks else []
    )
    for exercise, functions, paragraphs in reports.sections(entry.rows):
        if exercise:
            names = ", ".join(f"<code>{escape(name)}</code>" for name in functions)
            parts.append(f"<h2>{escape(exercise)} {names}</h2>")
        parts += [f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs]
        if exercise:
            parts.append(f"<p>To continue: <code>minires exercise check {escape(exercise)}</code></p>")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            # nothing on the page loads or runs anything, whatever a student's name holds
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>{escape(head)}</title>",
            f"<style>\n{STYLE}</style>",
            "</head>",
            "<body>",
            *parts,
            "</body>",
            "</html>",
            "",
        ]
    )


def _table(rows):
    yield "<table>"
    yield "<tr><th>exercise</th><th>function</th><th>points</th></tr>"
    for row in rows:
        kind = "wrong" if row["problem"] else "right"
        name = f"<code>{escape(row['function'])}</code>"
        points = f"{reports.shown(row['points'])} of {row['of']}"
        yield f'<tr class="{kind}"><td>{escape(row["exercise"])}</td><td>{name}</td><td>{points}</td></tr>'
    yield "</table>"
