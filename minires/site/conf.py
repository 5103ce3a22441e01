"""Sphinx's settings of the site; `minires site` calls Sphinx with them."""

import json
import pathlib

from minires import __version__

project = "minires"
author = "the minires project"
copyright = "the minires project"
release = version = __version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_codeautolink",
    "minires.site.extension",
]
html_math_renderer = "mathml"

# lessons and pages
nb_execution_mode = "off"  # the notebooks are executed already
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "attrs_block", "colon_fence", "dollarmath"]
myst_disable_syntax = ["html_inline"]  # text such as <b> is meant
myst_heading_anchors = 3
minires_figures = {}  # name of its file: what a lesson's figure shows

# the reference
default_role = "literal"  # which `minires.site.links` makes a link if it is a name of the library
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the section Parameters has them, in words
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
codeautolink_concat_default = True  # the cells of a lesson are one script
codeautolink_warn_on_default_parse_fail = False

# looks
html_theme = "furo"
html_title = "minires"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-foreground-muted": "#5c6166", "color-api-pre-name": "#a3141b"},
}
pygments_style = "a11y-high-contrast-light"  # they come with Furo
pygments_dark_style = "a11y-high-contrast-dark"


def setup(app):
    figures = pathlib.Path(app.srcdir, "figures.json")
    if figures.exists():
        app.config.minires_figures = json.loads(figures.read_text(encoding="utf-8"))
