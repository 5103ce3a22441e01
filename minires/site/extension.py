"""What the site adds to Sphinx: formulas in MathML, questions, folded code, links to what is only named."""

import html
import json
import pathlib
import re

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from minires.lesson.reader import LETTERS
from minires.site import mathml, moving
from minires.site.links import Links, add_uses

logger = logging.getLogger(__name__)

SHOW_CODE = '<p class="show-code"><label><input type="checkbox" id="show-code" checked> Show code</label></p>'
FIELD = (
    '<input id="number-{id}" type="text" size="12" autocomplete="off" spellcheck="false" '
    'aria-labelledby="question-{id}" aria-describedby="unit-{id}">'
)


def setup(app):
    app.add_config_value("minires_figures", {}, "env")
    app.add_html_math_renderer("mathml", (visit_inline_math, None), (visit_block_math, None))
    app.add_node(details, html=(visit_details, depart_details))
    app.add_node(summary, html=(visit_summary, depart_summary))
    app.add_directive("asks", Asks)
    app.add_directive("details", Details)
    app.add_directive("show-code", ShowCode)
    app.add_post_transform(Links)
    app.connect("doctree-read", describe_figures)
    app.connect("doctree-read", fold)
    app.connect("doctree-read", tie)
    app.connect("doctree-resolved", add_uses)
    app.connect("autodoc-process-docstring", without_flags)
    app.connect("html-page-context", draw)
    app.connect("html-page-context", nest)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


# -- formulas ------------------------------------------------------------------------------------------------


def visit_inline_math(self, node):
    self.body.append(_formula(node, "inline"))
    raise nodes.SkipNode


def visit_block_math(self, node):
    self.body.append(f'<div class="formula">{_formula(node, "block")}</div>')
    raise nodes.SkipNode


def _formula(node, display):
    try:
        return mathml.convert(node.astext(), display)
    except ValueError as error:
        logger.warning("%s", error, location=node)
        return f"<code>{html.escape(node.astext())}</code>"


# -- what opens ----------------------------------------------------------------------------------------------


class details(nodes.General, nodes.Element):
    """A part of a page that opens; its first child is a summary."""


class summary(nodes.General, nodes.TextElement):
    """What is shown of details that are closed."""


def visit_details(self, node):
    self.body.append(self.starttag(node, "details", **({"open": "open"} if node.get("open") else {})))


def depart_details(self, node):
    self.body.append("</details>\n")


def visit_summary(self, node):
    self.body.append(self.starttag(node, "summary", ""))


def depart_summary(self, node):
    self.body.append("</summary>\n")


class Details(SphinxDirective):
    """A part of a page that opens: its argument is what is seen before."""

    required_arguments, final_argument_whitespace, has_content = 1, True, True
    option_spec = {"class": directives.class_option}

    def run(self):
        head = summary("", "", *self.parse_inline(self.arguments[0])[0])
        return [details("", head, *self.parse_content_to_nodes(), classes=self.options.get("class", []))]


# -- questions -----------------------------------------------------------------------------------------------


class Asks(SphinxDirective):
    """A question to the reader; its content is JSON, see `minires.site.sources`."""

    has_content = True

    def run(self):
        asked = json.loads("\n".join(self.content))
        self.id = self.env.new_serialno("minires-asks")
        inside = self._predict(**asked) if asked.pop("kind") == "predict" else self._quiz(**asked)
        return [nodes.container("", *inside, classes=["asks"], is_div=True)]

    def _predict(self, question, unit, row=(), near=""):
        yield self._question("Predict.", question)
        field = nodes.raw("", FIELD.format(id=self.id), format="html")
        unit = nodes.inline("", "", *self._inline(unit), ids=[f"unit-{self.id}"])
        yield nodes.paragraph("", "", field, nodes.Text(" "), unit)
        if row:
            (_, what), *others = row  # the first says what it is about
            values = "".join(f"<dt>{html.escape(n)}</dt><dd>{html.escape(v)}</dd>" for n, v in others)
            yield details(
                "",
                summary("", "Reveal"),
                nodes.paragraph("", what),
                nodes.raw("", f"<dl>{values}</dl>", format="html"),
                nodes.paragraph("", "", nodes.Text("Near: within "), *self._inline(near), nodes.Text(".")),
            )

    def _quiz(self, question, answers):
        yield self._question("Question.", question)
        for letter, (answer, said) in zip(LETTERS, answers, strict=False):
            head = summary("", "", nodes.Text(f"{letter}) "), *self._inline(answer))
            yield details("", head, nodes.paragraph("", "", *self._inline(said)))

    def _question(self, head, text):
        words = [nodes.strong("", head), nodes.Text(" "), *self._inline(text)]
        return nodes.paragraph("", "", *words, ids=[f"question-{self.id}"])

    def _inline(self, text):
        return self.parse_inline(" ".join(text.split()))[0] if text else []


class ShowCode(SphinxDirective):
    """The box that hides the code of a lesson; what it hides is a matter of CSS."""

    def run(self):
        return [nodes.raw("", SHOW_CODE, format="html")]


# -- lessons -------------------------------------------------------------------------------------------------


def tie(app, doctree):
    """Keep a formula and the punctuation after it on one line."""
    for formula in list(doctree.findall(nodes.math)):
        text = formula.next_node(descend=False, siblings=True)
        marks = re.match(r"[.,;:!?)]+", text) if isinstance(text, nodes.Text) else None
        if marks:
            formula.parent.replace(text, nodes.Text(text[marks.end() :]))
            tied = nodes.inline(classes=["tied"])
            formula.replace_self(tied)
            tied += [formula, nodes.Text(marks[0])]


def describe_figures(app, doctree):
    """Say in words what the figures of a lesson show; MyST-NB names a figure's file after its bytes."""
    for image in doctree.findall(nodes.image):
        words = app.config.minires_figures.get(pathlib.PurePath(image["uri"]).name)
        if words:
            image["alt"] = words


def fold(app, doctree):
    """Put the code of each cell where it can be closed."""
    cells = [node for node in doctree.findall(nodes.container) if "cell_input" in node["classes"]]
    for cell in cells:
        lines = cell.astext().count("\n") + 1
        head = summary("", f"Code, {lines} line{'s' if lines > 1 else ''}")
        folded = details("", head, classes=["code"], open=True)
        cell.replace_self(folded)
        folded += cell


def draw(app, page, template, context, doctree):
    """Give a page with moving pictures the script that draws them."""
    if moving.PLACE.search(context.get("body", "")):
        app.add_js_file(moving.SCRIPT, loading_method="defer")


def nest(app, page, template, context, doctree):
    """Put the lists of the modules with sources into the items to which they belong."""
    if page == "_modules/index":
        inside = context["body"].replace("</li>\n<ul>", "\n<ul>")
        context["body"] = inside.replace("</ul><li>", "</ul></li>\n<li>").replace(
            "</ul></ul>", "</ul></li></ul>"
        )


def without_flags(app, what, name, obj, options, lines):
    """Take what is meant for doctest out of the examples of a docstring."""
    lines[:] = [re.sub(r"\s*# doctest: .*", "", line) for line in lines]
