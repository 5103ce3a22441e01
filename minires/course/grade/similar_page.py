"""The list of hand-ins that are alike, as one HTML page with both texts side by side, and as CSV."""

import csv
import html
import io

from minires.course.grade import results, shapes, similar

SHOWN = 6  # functions of a pair with both texts
HEAD = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; color: #222; background: #fff; margin: 2em auto; max-width: 90em }}
body {{ padding: 0 1em }} table {{ border-collapse: collapse }}
th, td {{ text-align: left; padding: .2em .8em; border-bottom: 1px solid #ccc }}
td.number, th.number {{ text-align: right }}
summary {{ cursor: pointer; padding: .4em 0; overflow-wrap: anywhere }} h3 {{ margin: 1em 0 .3em }}
.two {{ display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1em }}
pre {{ background: #f4f4f4; padding: .6em; overflow: auto; max-height: 40em; font-size: 13px; margin: 0 }}
.two b, td {{ overflow-wrap: anywhere }}
</style></head><body>
<h1>{title}</h1>
"""
EXPLAINED = """\
<p>These hand-ins have in common what few others of this class have. <b>That is a reason to look, and no
finding:</b> two students may have learnt together, been helped by the same tutor, or read the same book, and
a function of three lines is written alike by many. Read both texts, and talk to the students, before you
think anything.</p>
<p>Compared are functions without comments, names, layout and order of independent lines, and without what the
handout gave. What n of N authors have counts log2(N / n) bits, so what everybody writes counts little; the
sum ranks, and is no probability. <i>Together</i>: how many students have all that these two share in a
function.</p>
"""


def write(path, exercises, files, *, title):
    """Write the page and, beside it, the same list as .pairs.csv. Return their paths.

    path: pathlib.Path that ends with .html; exercises: as of `of_assignment`; files: {student: {module:
    bytes}}; title: of the assignment.
    """
    compared = similar.Class(exercises, files)
    pairs = compared.pairs()
    names = {exercise.module: [part.name for part in exercise.parts] for exercise in exercises}
    sources = {**files, similar.SOLUTION: {each.module: each.head.encode() for each in exercises}}
    results.replace(path, _page(pairs, compared.passed_over, sources, names, f"Alike: {title}", len(files)))
    results.replace(path.with_suffix(".pairs.csv"), table(pairs))
    return [path, path.with_suffix(".pairs.csv")]


def table(pairs):
    """Return a row for each function that two hand-ins have alike, as CSV."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    rows.writerow(["first", "second", "bits in all", "file", "function", "bits", "share", "together", "of"])
    for pair in pairs:
        for each in pair.functions:
            about = [results.cell(pair.first), results.cell(pair.second), round(pair.bits, 1), each.module]
            rows.writerow(
                [*about, each.function, round(each.bits, 1), round(each.share, 2), each.authors, each.of]
            )
    return text.getvalue()


def rarity(alike, pair):
    """Return how rare it is what two hand-ins share in a function, in words."""
    if similar.SOLUTION in (pair.first, pair.second):
        return f"{alike.authors} of {alike.of} have it as in the solution"
    if alike.authors == 2:
        return f"in this class only these two of {alike.of}"
    return f"{alike.authors} of {alike.of} together"


def _page(pairs, passed_over, sources, names, title, students):
    lines = [HEAD.format(title=_shown(title)), f"<p>{students} hand-ins compared.</p>", EXPLAINED]
    if not pairs:
        lines.append("<p><b>No two hand-ins have something rare in common.</b></p>")
    else:
        lines.append(_list(pairs))
    texts = {}
    for number, pair in enumerate(pairs, 1):
        lines.append(_details(number, pair, sources, names, texts))
    if passed_over:
        lines.append("<h2>Not compared</h2><ul>")
        lines += [
            f"<li>{_shown(who)}: {_shown(file)}.py {_shown(why)}</li>"
            for (who, file), why in passed_over.items()
        ]
        lines.append("</ul>")
    return "\n".join([*lines, "</body></html>\n"])


def _list(pairs):
    heads = "<th></th><th>hand-in</th><th>and</th><th class=number>bits</th><th>rarest in common</th>"
    head = f"<table><tr>{heads}</tr>"
    rows = []
    for number, pair in enumerate(pairs, 1):
        rarest = pair.functions[0]
        cells = f"<td>{_shown(pair.first)}</td><td>{_shown(pair.second)}</td>"
        cells += f"<td class=number>{pair.bits:.0f}</td>"
        place = f"<td class=number><a href='#pair{number}'>{number}</a></td>"
        rows.append(
            f"<tr>{place}{cells}<td>{_shown(rarest.function)}: {_shown(rarity(rarest, pair))}</td></tr>"
        )
    return "\n".join([head, *rows, "</table>"])


def _details(number, pair, sources, names, texts):
    first, second = _shown(pair.first), _shown(pair.second)
    summary = f"{number}. {first} and {second}: {pair.bits:.0f} bits"
    # a link to something inside opens the details
    lines = [f"<details><summary>{summary}</summary><div id='pair{number}'></div>"]
    for each in pair.functions[:SHOWN]:
        share = f"{100 * each.share:.0f} % of what is special in it"
        about = f"{each.bits:.0f} bits, {share}; {rarity(each, pair)}"
        lines.append(
            f"<h3>{_shown(each.module)}.py, {_shown(each.function)}: {_shown(about)}</h3><div class=two>"
        )
        for who in (pair.first, pair.second):
            key = who, each.module
            if key not in texts:
                texts[key] = shapes.texts(sources[who][each.module], names[each.module])
            lines.append(f"<div><b>{_shown(who)}</b><pre>{_shown(texts[key][each.function])}</pre></div>")
        lines.append("</div>")
    more = len(pair.functions) - SHOWN
    lines += [f"<p>and {more} more functions</p>"] if more > 0 else []
    return "\n".join([*lines, "</details>"])


def _shown(text):
    """Return any text as HTML that shows it: no tags, and nothing that reverses or hides letters."""
    text = text.replace("\t", "    ")
    return html.escape("".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text))
